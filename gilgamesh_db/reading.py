"""The fast road for reads: one psycopg connection per thread, binary, one round trip per question."""

from __future__ import annotations

import copy
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.rows import namedtuple_row

from . import translation
from .errors import InvalidValue

Value = TypeVar("Value")
Parameters = Sequence[Any] | Mapping[str, Any]

CACHE_BYTES = 256 * 1024 * 1024
FEW = 8  # rows; a cursor is kept for the next question after a short answer only


class _Named:
    """Rows as named tuples; what the columns are called is found out once per query."""

    def __init__(self) -> None:
        self.query = ""
        self._makers: dict[str, Callable[[Sequence[Any]], Any]] = {}

    def __call__(self, cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Any]:
        if cursor.pgresult is None or self.query not in self._makers:
            maker = namedtuple_row(cursor)
            if cursor.pgresult is not None and cursor.pgresult.nfields:
                self._makers[self.query] = maker
            return maker
        return self._makers[self.query]


class _Held:
    """A connection that closes with the thread that holds it.

    Nobody else asks through it, so it may keep the state of knowledge it last answered from, and the role it took on:
    stating that anew with every question, in a transaction of its own, makes a short one half as long again.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.process = os.getpid()
        self._knowledge: datetime | None = None
        self._role: str | None = None
        self._cursor: psycopg.Cursor[Any] | None = None
        self._named = _Named()  # not we: a circle of references would outlive its thread

    def ask(self, query: str, parameters: Parameters, known_at: datetime | None, role: str | None) -> list[Any]:
        """All rows of a query."""
        self.answer_from(known_at, role)
        if self._cursor is None:
            self._cursor = self.connection.cursor(binary=True, row_factory=self._named)
        self._named.query = query
        rows = self._cursor.execute(query, parameters, prepare=True).fetchall()
        if len(rows) > FEW:
            self._cursor = None  # it holds the bytes of its last answer
        return rows

    def answer_from(self, known_at: datetime | None, role: str | None) -> None:
        """Let what is asked next be answered from this state of knowledge (None is today's), in this role (None: one's own)."""
        if role != self._role:
            self.connection.execute("select pg_catalog.set_config('role', %s, false)", (role or "none",), prepare=True)
            self._role = role
        if known_at != self._knowledge:
            said = "" if known_at is None else known_at.isoformat()
            self.connection.execute("select set_config('gilgamesh.known_at', %s, false)", (said,), prepare=True)
            self._knowledge = known_at

    def usable(self) -> bool:
        return self.process == os.getpid() and not self.connection.closed and not self.connection.broken

    def __del__(self) -> None:
        if self.process == os.getpid():
            self.connection.close()


class Reader:
    """Ask questions without the ceremony of a transaction.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Where to connect to.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._local = threading.local()
        self._all: weakref.WeakSet[_Held] = weakref.WeakSet()
        self._closed = threading.Event()
        self._role: str | None = None

    def acting_as(self, role: str) -> Reader:
        """The same connections, asking in the role of somebody else."""
        other = copy.copy(self)
        other._role = role
        return other

    def rows(self, query: str, parameters: Parameters, known_at: datetime | None = None) -> list[Any]:
        """All rows of a query, in one round trip, as named tuples."""
        with translation.translated():
            held = self._held()
            try:
                return held.ask(query, parameters, known_at, self._role)
            except psycopg.OperationalError:
                if not held.connection.broken:
                    raise
                # The server was restarted since the last question; a read may be asked again.
                return self._held().ask(query, parameters, known_at, self._role)

    def stream(
        self, query: str, parameters: Parameters, size: int = 4, known_at: datetime | None = None
    ) -> Iterator[tuple[Any, ...]]:
        """Rows of a query as they arrive, a few at a time, so that a long record never is in memory twice.

        Read them at once: until the last row the thread cannot ask anything else.
        """
        with translation.translated():
            held = self._held()
            held.answer_from(known_at, self._role)
            with held.connection.cursor(binary=True) as cursor:
                yield from cursor.stream(query, parameters, size=size)

    def close(self) -> None:
        """Close the connections of all threads."""
        self._closed.set()
        for held in list(self._all):
            held.connection.close()

    def _held(self) -> _Held:
        if self._closed.is_set():
            raise InvalidValue("this database was closed; connect again with gilgamesh.connect()")
        held: _Held | None = getattr(self._local, "held", None)
        if held is not None and held.usable():
            return held
        pooled = self._engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()
        assert isinstance(connection, psycopg.Connection)  # noqa: S101 - the engine is made by connect()
        connection.autocommit = True
        held = self._local.held = _Held(connection)
        self._all.add(held)
        return held


class Cache(Generic[Value]):
    """The values used last, up to a number of bytes. Keys name immutable things, so nothing in it can be stale."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._size = 0
        self._held: OrderedDict[int, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: int) -> Value | None:
        """The value, if it is held."""
        with self._lock:
            if key not in self._held:
                return None
            self._held.move_to_end(key)
            return self._held[key][0]

    def put(self, key: int, value: Value, size: int) -> None:
        """Hold a value; those unused longest make room. One that takes more than a quarter is not held."""
        if size > self._limit // 4:
            return
        with self._lock:
            self._size += size - (self._held.pop(key)[1] if key in self._held else 0)
            self._held[key] = (value, size)
            while self._size > self._limit:
                self._size -= self._held.popitem(last=False)[1][1]
