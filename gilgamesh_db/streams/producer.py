"""Writing streams from a program that runs for months: batches, a bounded buffer, and a database that may be restarted.

A sample that was accepted stays in memory until the database has committed it. When the connection is lost the batch on
its way is sent again: the same sample twice is one sample.
"""

from __future__ import annotations

import atexit
import contextlib
import datetime
import math
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import psycopg

from ..errors import ComponentNotFound, GilgameshError, InvalidValue, ServerError, UserError, near_names
from ..translation import translated
from .reading import EPOCH, HOUR
from .upkeep import COMPACT

if TYPE_CHECKING:
    from ..database import Database

Instant = datetime.datetime | float | None

_PORTS = """
select c.name, s.port_id, s.dtype from gilgamesh.stream s join gilgamesh.component c on c.id = s.port_id
"""
_STORE = "select * from gilgamesh.store_samples(%s::bigint[], %s::timestamptz[], %s::float8[])"
_BACKLOG = "select hour from gilgamesh.stream_backlog where port_id = %s and (samples >= %s or hour < %s) order by hour"

LONGEST_WAIT = 30.0  # s between attempts to connect again
KEPT_REFUSALS = 100


class Producer:
    """Stores samples of streams in the background; made by `Database.producer`.

    Attributes
    ----------
    stored : int
        Samples the database has committed.
    repeated : int
        Samples it had already.
    contradicted : int
        Samples it did not take because it has another value for their instant.
    refused : list of str
        The last samples the database refused after they were accepted, and why; that should never happen.
    """

    def __init__(
        self, db: Database, *, batch: int, flush_interval: float, buffer: int, compact_interval: float | None
    ) -> None:
        if batch < 1 or buffer < batch or not flush_interval > 0:
            raise InvalidValue(
                f"batches of {batch} samples, a buffer of {buffer} and a flush every {flush_interval} s do not go together; "
                "give positive numbers, the buffer at least as large as a batch"
            )
        self.stored = self.repeated = self.contradicted = 0
        self.refused: deque[str] = deque(maxlen=KEPT_REFUSALS)
        self._db = db
        self._batch, self._room, self._pause = batch, buffer, flush_interval
        self._compact_interval = compact_interval
        self._compacted_at = time.monotonic()
        self._waiting: deque[tuple[int, datetime.datetime, float]] = deque()
        self._changed = threading.Condition()
        self._asked = False  # somebody waits for everything to be stored
        self._closed = False
        self._trouble: Exception | None = None
        self._connection: psycopg.Connection[Any] | None = None
        self._ports: dict[str, tuple[int, str]] = {}
        self._look_up()
        self._thread = threading.Thread(target=self._run, name="gilgamesh producer", daemon=True)
        self._thread.start()
        _running.add(self)

    # -- what the program calls ------------------------------------------------------------------------

    def put(self, port: str, raw: float, at: Instant = None, *, timeout: float | None = None) -> None:
        """Accept one sample.

        Parameters
        ----------
        port : str
            As device/channel; it must be a stream.
        raw : float
            The raw sample, in the type of the port.
        at : datetime or float, optional
            When it was taken: a datetime (UTC when it has no zone) or seconds since 1970; now by default.
        timeout : float, optional
            Seconds to wait for room in a full buffer; for ever by default.

        Raises
        ------
        ComponentNotFound
            There is no such stream.
        InvalidValue
            The port cannot deliver this number, or the time is none.
        ServerError
            The buffer stayed full because the database cannot be reached.
        """
        self.put_many([(port, raw, at)], timeout=timeout)

    def put_all(self, raws: Mapping[str, float], at: Instant = None, *, timeout: float | None = None) -> None:
        """Accept one sample of each of several ports, taken at the same instant; all or none of them."""
        when = _instant(at)
        self.put_many([(port, raw, when) for port, raw in raws.items()], timeout=timeout)

    def put_many(self, given: Iterable[tuple[str, float, Instant]], *, timeout: float | None = None) -> None:
        """Accept samples as (port, raw, at); all of them, or none where one of them cannot be."""
        checked = [(*self._checked(port, raw), at) for port, raw, at in given]
        accepted = [(port_id, _instant(at), raw) for port_id, raw, at in checked]
        if len(accepted) > self._room:
            raise InvalidValue(f"{len(accepted)} samples at once are more than the buffer holds ({self._room})")
        with self._changed:
            if self._closed:
                raise InvalidValue("this producer was closed")
            if not self._changed.wait_for(lambda: len(self._waiting) + len(accepted) <= self._room, timeout):
                raise ServerError(
                    f"{len(self._waiting)} samples wait already and the buffer is full: {self._trouble or 'the database is slow'}"
                )
            self._waiting.extend(accepted)
            if len(self._waiting) >= self._batch:
                self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until everything that was accepted is committed.

        Raises
        ------
        ServerError
            It took longer; the samples still wait and will be sent.
        """
        with self._changed:
            self._asked = True
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: not self._waiting, timeout):
                raise ServerError(f"{len(self._waiting)} samples still wait: {self._trouble or 'the database is slow'}")

    @property
    def waiting(self) -> int:
        """How many samples were accepted and are not yet committed."""
        return len(self._waiting)

    def close(self, timeout: float | None = 60.0) -> None:
        """Store what waits and stop."""
        if self._closed:
            return
        try:
            self.flush(timeout)
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            self._thread.join(timeout=10)
            self._disconnect()
            _running.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- the thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        wait = self._pause
        while True:
            with self._changed:
                if not self._asked and len(self._waiting) < self._batch and not self._closed:
                    self._changed.wait(wait)
                if self._closed and (not self._waiting or self._trouble):
                    return
                batch = list(islice(self._waiting, self._batch))
                if not batch:
                    self._asked = False
            try:
                if batch:
                    self._send(batch)
                wait, self._trouble = self._pause, None
                self._look_after()
            except Exception as error:  # whatever it was, nothing accepted may be lost
                self._trouble = error
                self._disconnect()
                wait = min(LONGEST_WAIT, max(self._pause, wait * 2))
                with self._changed:
                    if not self._closed:
                        self._changed.wait(min(wait, 1.0 if self._asked else wait))

    def _send(self, batch: list[tuple[int, datetime.datetime, float]]) -> None:
        """Store a batch, and only then forget it. One the database refuses is cut in two until the guilty one is alone."""
        pending = [batch]
        while pending:
            part = pending.pop()
            try:
                stored, repeated, contradicted = self._store(part)
            except UserError as error:
                if len(part) > 1:
                    half = len(part) // 2
                    pending += [part[half:], part[:half]]
                    continue
                self.refused.append(str(error))
                stored = repeated = contradicted = 0
            with self._changed:
                for _ in part:
                    self._waiting.popleft()
                self.stored += stored
                self.repeated += repeated
                self.contradicted += contradicted
                self._changed.notify_all()

    def _store(self, part: list[tuple[int, datetime.datetime, float]]) -> tuple[int, int, int]:
        ports, instants, raws = zip(*part, strict=True)
        with translated():
            row = (
                self._connected()
                .execute(_STORE, (list(ports), list(instants), list(raws)), prepare=True, binary=True)
                .fetchone()
            )
        assert row is not None  # noqa: S101 - the function gives one row
        return int(row[0]), int(row[1]), int(row[2])

    def _look_after(self) -> None:
        """Move what this producer wrote into segments, now and then; an hour that is over, or a thousand samples."""
        if self._compact_interval is None or time.monotonic() - self._compacted_at < self._compact_interval:
            return
        self._compacted_at = time.monotonic()
        now = datetime.datetime.now(datetime.UTC)
        over = now - (now - EPOCH) % datetime.timedelta(microseconds=HOUR)
        for port_id, _ in list(self._ports.values()):
            for (hour,) in self._connected().execute(_BACKLOG, (port_id, 1000, over), prepare=True).fetchall():
                with contextlib.suppress(psycopg.errors.LockNotAvailable):  # later
                    self._connected().execute(COMPACT, (port_id, hour), prepare=True)
                if len(self._waiting) >= self._batch:
                    return  # what comes in goes first

    # -- inside ----------------------------------------------------------------------------------------

    def _checked(self, port: str, raw: float) -> tuple[int, float]:
        known = self._ports.get(port)
        if known is None:
            self._look_up()
            known = self._ports.get(port)
        if known is None:
            raise ComponentNotFound(
                f"no stream of port {port!r}{near_names(str(port), self._ports) or ';'} see them with `gilgamesh stream list`, open "
                "one with `gilgamesh stream open`"
            )
        return known[0], checked_raw(raw, known[1], port)

    def _look_up(self) -> None:
        self._ports = {row.name: (row.port_id, row.dtype) for row in self._db.reader.rows(_PORTS, ())}

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            pooled = self._db.engine.raw_connection()
            connection = pooled.driver_connection
            pooled.detach()
            assert isinstance(connection, psycopg.Connection)  # noqa: S101 - the engine is made by connect()
            connection.autocommit = True
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
        self._connection = None


_LIMITS = {
    "bool": (0, 1), "int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535),
    "int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1),
}  # fmt: skip


def checked_raw(raw: float, dtype: str, port: str) -> float:
    """A number this port can deliver, as ``gilgamesh.is_raw`` says it.

    Raises
    ------
    InvalidValue

    Examples
    --------
    >>> checked_raw(17, "int16", "Gauge/ch1")
    17.0
    """
    try:
        number = float(raw)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"{raw!r} is not a number; {port!r} delivers {dtype}") from error
    if dtype in _LIMITS:
        low, high = _LIMITS[dtype]
        possible = low <= number <= high and number == math.trunc(number)
    elif number == 0 or not math.isfinite(number):
        possible = True
    elif dtype == "float32":
        possible = 1e-37 <= abs(number) <= 3.4e38 and float(np.float32(number)) == number
    else:
        possible = 1e-100 <= abs(number) <= 1e100
    if not possible:
        raise InvalidValue(f"{port!r} cannot deliver {raw!r}: its samples are {dtype}")
    return number


def _instant(at: Instant) -> datetime.datetime:
    if at is None:
        return datetime.datetime.now(datetime.UTC)
    if isinstance(at, datetime.datetime):
        moment = at if at.tzinfo is not None else at.replace(tzinfo=datetime.UTC)
    else:
        try:
            moment = EPOCH + datetime.timedelta(seconds=float(at))
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidValue(f"{at!r} is no instant; give a datetime or seconds since 1970") from error
    if moment != moment:  # noqa: PLR0124 - pandas' NaT is a datetime that equals nothing
        raise InvalidValue("the time of a sample is missing")
    if moment > datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=23):
        raise InvalidValue(f"{moment:%Y-%m-%d %H:%M:%S} lies in the future; set the clock of whoever took the sample")
    return moment


_running: weakref.WeakSet[Producer] = weakref.WeakSet()


@atexit.register
def _store_the_rest() -> None:
    """A program that ends without closing its producers has them store what they accepted."""
    for producer in list(_running):
        with contextlib.suppress(GilgameshError):
            producer.close(timeout=10)
