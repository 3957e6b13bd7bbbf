"""The fast road for reads: one psycopg connection per thread, binary, one round trip per question."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.rows import namedtuple_row

from . import translation
from .errors import ServerError

Value = TypeVar("Value")

CACHE_BYTES = 256 * 1024 * 1024


class Reader:
    """Ask questions without the ceremony of a transaction; a question at an earlier knowledge brings its own.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Where to connect to.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._local = threading.local()
        self._opened: list[psycopg.Connection[Any]] = []

    def rows(self, query: str, parameters: Sequence[Any], known_at: datetime | None = None) -> list[Any]:
        """All rows of a query, in one round trip, as named tuples."""
        with self._translated():
            try:
                return self._ask(self._connection(), query, parameters, known_at)
            except psycopg.OperationalError:
                if not self._lost():
                    raise
                # The server was restarted since the last question; a read may be asked again.
                return self._ask(self._connection(), query, parameters, known_at)

    def stream(self, query: str, parameters: Sequence[Any], size: int = 4) -> Iterator[tuple[Any, ...]]:
        """Rows of a query as they arrive, a few at a time, so that a long record never is in memory twice."""
        with self._translated(), self._connection().cursor(binary=True) as cursor:
            yield from cursor.stream(query, parameters, size=size)

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._opened:
            self._opened.pop().close()

    def _ask(
        self, connection: psycopg.Connection[Any], query: str, parameters: Sequence[Any], known_at: datetime | None
    ) -> list[Any]:
        with connection.cursor(binary=True, row_factory=namedtuple_row) as cursor:
            if known_at is None:
                return cursor.execute(query, parameters, prepare=True).fetchall()
            with connection.pipeline():
                connection.execute("begin")
                connection.execute("select set_config('gilgamesh.known_at', %s, true)", (known_at.isoformat(),))
                try:
                    cursor.execute(query, parameters, prepare=True)
                    found = cursor.fetchall()
                except psycopg.Error:
                    with contextlib.suppress(psycopg.Error):
                        connection.execute("rollback")
                    raise
                connection.execute("commit")
                return found

    def _connection(self) -> psycopg.Connection[Any]:
        mine: tuple[int, psycopg.Connection[Any]] | None = getattr(self._local, "connection", None)
        if mine is not None and mine[0] == os.getpid() and not mine[1].closed:
            return mine[1]
        pooled = self._engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()
        assert isinstance(connection, psycopg.Connection)  # noqa: S101 - the engine is made by connect()
        connection.autocommit = True
        self._local.connection = (os.getpid(), connection)
        self._opened.append(connection)
        return connection

    def _lost(self) -> bool:
        mine: tuple[int, psycopg.Connection[Any]] | None = getattr(self._local, "connection", None)
        return mine is not None and (mine[1].closed or mine[1].broken)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            translated = translation.translate(error)
            if translated is None and self._lost():
                translated = ServerError(f"the connection to the database was lost ({error}); try again")
            if translated is None:
                raise
            raise translated from error


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
