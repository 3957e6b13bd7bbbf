"""A discharge while it runs: every chunk is committed, so that it can be read while it grows.

A recording that is interrupted, by an exception or with its process, leaves the shot ``running`` and its records
unfinished; `finish` completes them from what is stored, `drop` removes them. As long as somebody records, an
advisory lock of their session says so, and goes with the session.
"""

from __future__ import annotations

import contextlib
import datetime
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
from numpy.typing import DTypeLike

from . import payload
from .attributes import compute_at_load
from .errors import ComponentNotFound, ConflictError, DamagedData, GilgameshError, InvalidValue, near_names
from .translation import translated
from .writer import Samples, SeriesWriter, Times, copy_pyramid, open_series

if TYPE_CHECKING:
    from .database import Database

_HOLD = "select pg_try_advisory_lock(gilgamesh.recording_lock(%s))"
_LET_GO = "select pg_advisory_unlock(gilgamesh.recording_lock(%s))"
_PROGRAM = "insert into gilgamesh.program (name) values (%s) on conflict do nothing"
_SHOT = """
insert into gilgamesh.shot (number, started_at, status, program_id)
values (%s, coalesce(%s, clock_timestamp()), 'running', (select id from gilgamesh.program where name = %s))
on conflict do nothing returning number
"""
_PORT = """
select p.component_id, p.dtype from gilgamesh.port p join gilgamesh.component c on c.id = p.component_id where c.name = %s
"""
_UNFINISHED = """
select s.id, s.dtype, s.dt is null, s.segment_n from gilgamesh.series s where s.shot = %s and s.sha256 is null order by s.id
"""
_SEGMENTS = (
    "select position, n, payload, times from gilgamesh.segment where shot = %s and series_id = %s order by position"
)
_BLOCKS = "select level, position from gilgamesh.pyramid where shot = %s and series_id = %s"

SHOWN_AFTER = 0.5  # s; a segment of a running record is shorter than otherwise, so that readers see it soon


@contextlib.contextmanager
def recording(
    db: Database, shot: int, started_at: datetime.datetime | None, program: str | None
) -> Iterator[Recording]:
    """Begin a shot and record it; see `Database.recording`."""
    with contextlib.closing(_connection_of_its_own(db)) as connection:
        with translated(), connection.transaction():
            _begin(connection, shot, started_at, program)
        running = Recording(connection, shot)
        try:
            yield running
            running.finish()
        except BaseException as error:
            running.leave(error)
            raise
        finally:
            with contextlib.suppress(psycopg.Error):  # closing would do, a moment later
                connection.execute(_LET_GO, (shot,))
    _compute(db, shot)


class Recording:
    """A shot that runs; made by `Database.recording`.

    Attributes
    ----------
    shot : int
    """

    def __init__(self, connection: psycopg.Connection[Any], shot: int) -> None:
        self.shot = shot
        self._connection = connection
        self._writers: dict[str, SeriesWriter] = {}
        # Devices may be read by a thread each; a transaction belongs to the connection.
        self._lock = threading.RLock()

    def port(
        self,
        name: str,
        *,
        start: float | None = None,
        dt: float | None = None,
        irregular: bool = False,
        dtype: DTypeLike | None = None,
        segment_n: int | None = None,
    ) -> PortWriter:
        """Begin the record of a port.

        Parameters
        ----------
        name : str
            Device/channel.
        start, dt : float, optional
            Seconds, for uniform sampling; `start` is 0, the trigger, when left out.
        irregular : bool
            Every chunk brings its times instead.
        dtype : dtype, optional
            Type of the samples; the port's own when left out.
        segment_n : int, optional
            Samples that readers see at once, a multiple of 4096; by default about half a second of them.

        Raises
        ------
        ComponentNotFound
            With suggestions.
        InvalidValue
            The port delivers samples of another type, or the time base is none.
        """
        with self._transaction():
            row = self._connection.execute(_PORT, (name,)).fetchone()
            if row is None:
                known = [port for (port,) in self._connection.execute("select port from gilgamesh.ports").fetchall()]
                near = near_names(name, known) or ";"
                raise ComponentNotFound(f"no port {name!r}{near} list them with: gilgamesh sql 'table gilgamesh.ports'")
            kind = np.dtype(dtype or row[1]).name
            if kind != row[1]:
                raise InvalidValue(f"port {name!r} delivers {row[1]}, so it cannot be recorded as {kind}")
            self._writers[name] = open_series(
                self._connection, self.shot, kind, start=0.0 if start is None and dt is not None else start, dt=dt,
                irregular=irregular, port_id=row[0], segment_n=segment_n or _segment_length(dt),
            )  # fmt: skip
        return PortWriter(self, name)

    def append(self, chunks: Mapping[str, Samples | tuple[Samples, Times]]) -> None:
        """Add the next samples of several ports and commit once, which costs as much as for one port.

        Parameters
        ----------
        chunks : mapping
            Samples by port, or ``(samples, times)`` for irregular sampling. The ports were begun with `port`.
        """
        with self._lock:
            given = [(self._writer(name), *_samples_and_times(chunk)) for name, chunk in chunks.items()]
            for writer, samples, times in given:
                writer.check(samples, times)
            try:
                with self._transaction():
                    for writer, samples, times in given:
                        writer.append(samples, times)
                        writer.flush()
            except BaseException:
                # Rolled back, also for the ports that came first.
                for writer, _, _ in given:
                    writer.leave("could not be written")
                raise

    def finish(self) -> None:
        """Finish every record and the shot, and tell whoever listens; readers see it complete all at once."""
        with self._transaction():
            for writer in self._writers.values():
                writer.save()
        with self._transaction():
            for writer in self._writers.values():
                writer.close()
            self._connection.execute("select gilgamesh.finish_shot(%s, 'complete')", (self.shot,))

    def leave(self, error: BaseException) -> None:
        """Save what does not fill a segment, as far as possible, and leave the shot unfinished."""
        lost = []
        for name, writer in self._writers.items():
            try:
                with self._transaction():
                    writer.save()
            except (GilgameshError, psycopg.Error):  # the error that ended the recording is the one to be raised
                lost.append(name)
        error.add_note(
            f"shot {self.shot} stays unfinished; complete it from what is stored: gilgamesh storage finish {self.shot}, or "
            f"remove it: gilgamesh storage drop {self.shot}"
            + (f". The latest samples of {', '.join(lost)} could not be stored" if lost else "")
        )

    def _writer(self, name: str) -> SeriesWriter:
        if name not in self._writers:
            raise InvalidValue(
                f"port {name!r} is not being recorded in shot {self.shot}; begin with: recording.port({name!r}, dt=…)"
            )
        return self._writers[name]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, translated(), self._connection.transaction():
            yield


class PortWriter:
    """The growing record of one port; made by `Recording.port`. Every append is committed.

    Attributes
    ----------
    name : str
        Device/channel.
    """

    def __init__(self, running: Recording, name: str) -> None:
        self.name = name
        self._running = running

    def append(self, samples: Samples, times: Times | None = None) -> None:
        """Add the next samples; readers see those that fill a segment, the others with the next.

        Parameters
        ----------
        samples : ndarray, shape (n,)
            Of the port's type, any number of them.
        times : ndarray of float64, shape (n,), optional
            Seconds, for irregular sampling.
        """
        self._running.append({self.name: samples if times is None else (samples, times)})


@dataclass(frozen=True)
class Completed:
    """What `finish` completed."""

    shot: int
    series: int
    samples: int


@dataclass(frozen=True)
class Dropped:
    """What `drop` removed."""

    shot: int
    series: int
    samples: int
    with_shot: bool


def finish(db: Database, shot: int) -> Completed:
    """Complete the unfinished records of an interrupted shot from what is stored; its status becomes ``interrupted``.

    Raises
    ------
    ShotNotFound
    ConflictError
        Somebody records it.
    InvalidValue
        Nothing of it is unfinished.
    DamagedData
        What is stored is not whole; nothing is changed.
    """
    with (
        contextlib.closing(_connection_of_its_own(db)) as connection,
        translated(),
        connection.transaction(),
    ):
        connection.execute("select gilgamesh.hold_shot(%s)", (shot,))
        unfinished = connection.execute(_UNFINISHED, (shot,)).fetchall()
        running = connection.execute(
            "select status = 'running' from gilgamesh.shot where number = %s", (shot,)
        ).fetchone()
        if not unfinished and running != (True,):
            raise InvalidValue(f"nothing of shot {shot} is unfinished; see what is: gilgamesh storage unfinished")
        samples = sum(_complete(connection, shot, *series) for series in unfinished)
        connection.execute("select gilgamesh.finish_shot(%s, 'interrupted')", (shot,))
    _compute(db, shot)
    return Completed(shot, len(unfinished), samples)


def drop(db: Database, shot: int) -> Dropped:
    """Remove the records of an interrupted shot that were not finished, and the shot when nothing else is known of it.

    Raises
    ------
    ShotNotFound
    ConflictError
        Somebody records it.
    InvalidValue
        Nothing of it is unfinished.
    """
    with db.transaction() as connection:
        row = connection.exec_driver_sql("select * from gilgamesh.drop_unfinished(%s)", (shot,)).one()
    return Dropped(shot, row.series, row.samples, row.shot_dropped)


def _compute(db: Database, shot: int) -> None:
    """Attributes with a rule, as at a load; in a transaction of their own, so that the record is complete whatever they do."""
    with db.transaction() as connection:
        compute_at_load(db, connection, shot)


def _begin(
    connection: psycopg.Connection[Any], shot: int, started_at: datetime.datetime | None, program: str | None
) -> None:
    held = connection.execute(_HOLD, (shot,)).fetchone()
    if held != (True,):
        raise ConflictError(f"shot {shot} is being recorded by somebody else; see: gilgamesh storage unfinished")
    if program is not None:
        connection.execute(_PROGRAM, (program,))
    if connection.execute(_SHOT, (shot, started_at, program)).fetchone() is None:
        raise ConflictError(
            f"there is a shot {shot} already; choose another number. An interrupted one is finished with: "
            f"gilgamesh storage finish {shot}, or removed with: gilgamesh storage drop {shot}"
        )


def _complete(
    connection: psycopg.Connection[Any], shot: int, series_id: int, dtype: str, irregular: bool, segment_n: int
) -> int:
    """Finish one record: its checksum and the previews that were not yet written come from the stored samples."""
    checksum, pyramid, n = payload.Checksum(irregular=irregular), payload.Pyramid(np.dtype(dtype)), 0
    drawn = set(connection.execute(_BLOCKS, (shot, series_id)).fetchall())
    blocks: list[payload.PyramidBlock] = []
    with connection.cursor(binary=True) as cursor:
        for expected, (position, count, stored, times) in enumerate(
            cursor.stream(_SEGMENTS, (shot, series_id), size=4)
        ):
            if position != expected or n % segment_n:
                raise DamagedData(
                    f"series {series_id} of shot {shot} has a hole before its segment {position}; remove it with: "
                    f"gilgamesh storage drop {shot}"
                )
            samples = payload.decode(stored, dtype, count)
            checksum.add(samples, payload.decode_times(times, count) if irregular else None)
            blocks += [block for block in pyramid.add(samples) if block[:2] not in drawn]
            n += count
    blocks += [block for block in pyramid.rest() if block[:2] not in drawn]
    copy_pyramid(connection, shot, series_id, blocks)
    connection.execute("select gilgamesh.finish_series(%s, %s, %s)", (series_id, n, checksum.digest()))
    return n


def _samples_and_times(chunk: Samples | tuple[Samples, Times]) -> tuple[Samples, Times | None]:
    return chunk if isinstance(chunk, tuple) else (chunk, None)


def _segment_length(dt: float | None) -> int:
    """Samples of about half a second, as a power of two between 4096 and the usual length."""
    length = 4096
    while dt is not None and length * dt < SHOWN_AFTER and length < payload.segment_length(dt):
        length *= 2
    return length


def _connection_of_its_own(db: Database) -> psycopg.Connection[Any]:
    """Out of the pool for good: the lock of a recording must go with its connection."""
    pooled = db.engine.raw_connection()
    connection = pooled.driver_connection
    pooled.detach()
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - the engine is made by connect()
    connection.autocommit = True
    if db.role is not None:
        connection.execute("select pg_catalog.set_config('role', %s, false)", (db.role,))
    return connection
