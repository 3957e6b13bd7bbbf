"""Writing samples: one place that knows how a record becomes rows, in one go or while it grows.

A record is cut into segments as its samples come, in chunks of any length; moments, previews and checksum are
computed on the way, so that no more than a segment and what is being sent is held. Readers see what is committed.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, LiteralString, NamedTuple

import numpy as np
import psycopg
from numpy.typing import DTypeLike, NDArray

from . import payload
from .errors import InvalidValue
from .translation import translated

_OPEN = "select gilgamesh.open_series(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
_FINISH = "select gilgamesh.finish_series(%s, %s, %s)"
_OPEN_ALL = """
select gilgamesh.open_series(%s, r.dtype, r.start, r.dt, r.segment_n, r.port_id, null, null, %s)
  from unnest(%s::text[], %s::float8[], %s::float8[], %s::integer[], %s::bigint[])
       with ordinality r (dtype, start, dt, segment_n, port_id, place)
 order by r.place
"""
_FINISH_ALL = "select gilgamesh.finish_records(%s, %s, %s, %s)"
_SEGMENT = """
copy gilgamesh.segment (shot, series_id, position, n, payload, times, numbers, total, squares, minimum, maximum)
from stdin (format binary)
"""
_SEGMENT_TYPES = ("int8", "int8", "int4", "int4", "bytea", "bytea", "int4", "float8", "float8", "float8", "float8")
_PYRAMID = "copy gilgamesh.pyramid (shot, series_id, level, position, n, payload) from stdin (format binary)"
_PYRAMID_TYPES = ("int8", "int8", "int4", "int4", "int4", "bytea")

_SAVED = "is written to its end"
SENT_AT_ONCE = 1 << 20  # bytes; a COPY costs as much as sending a few segments

Samples = NDArray[np.generic]
Times = NDArray[np.float64]


def check_time_base(samples: Samples, start: float | None, dt: float | None, times: Times | None) -> None:
    """Refuse a time base that cannot be one.

    Raises
    ------
    InvalidValue
        dt of 0, negative or NaN; times that are not numbers or run backwards; both or neither given.
    """
    if (times is None) == (dt is None):
        raise InvalidValue("give either start and dt (uniform sampling) or times (irregular sampling)")
    _check_uniform(start, dt)
    if times is not None:
        _check_times(samples, times, -np.inf)


def _check_uniform(start: float | None, dt: float | None) -> None:
    if (start is None) != (dt is None):
        raise InvalidValue("give either start and dt (uniform sampling) or times (irregular sampling)")
    if dt is not None and start is not None:
        if not 0 < dt < np.inf:
            raise InvalidValue(f"the sampling interval is {dt} s; it must be a positive number of seconds")
        if not np.isfinite(start):
            raise InvalidValue(f"the record starts at {start} s; it must be a number of seconds from the trigger")


def _check_times(samples: Samples, times: Times, last: float, first: int = 0) -> None:
    """Refuse times that do not go with the samples, or run backwards, also from those written before."""
    if times.shape != samples.shape:
        raise InvalidValue(f"{samples.size} samples came with {times.size} times")
    if not np.isfinite(times).all():
        raise InvalidValue(f"the time of sample {first + int(np.argmin(np.isfinite(times)))} is not a number")
    if times.size and times[0] < last:
        raise InvalidValue(
            f"time runs backwards after sample {first - 1}: {float(times[0])} s follows {last} s; nothing of this chunk was written"
        )
    backwards = np.flatnonzero(np.diff(times) < 0)
    if backwards.size:
        raise InvalidValue(f"time runs backwards after sample {first + int(backwards[0])}")


class SeriesWriter:
    """A record that grows; made by `open_series`.

    As a context manager it finishes the record at the end, and leaves it unfinished after an error.

    Attributes
    ----------
    shot, series_id : int
    dtype : numpy.dtype
        Type of the samples.
    n : int
        Samples appended so far.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        shot: int,
        series_id: int,
        dtype: np.dtype[Any],
        *,
        length: int,
        irregular: bool,
    ) -> None:
        self.shot = shot
        self.series_id = series_id
        self.dtype = dtype
        self.n = 0
        self._connection = connection
        self._irregular = irregular
        self._latest = -np.inf
        self._position = 0
        self._tail = np.empty(length, dtype.newbyteorder("<"))
        self._tail_times = np.empty(length if irregular else 0)
        self._held = 0
        self._checksum = payload.Checksum(irregular=irregular)
        self._pyramid = payload.Pyramid(self._tail.dtype)
        self._segments: list[payload.Segment] = []
        self._blocks: list[payload.PyramidBlock] = []
        self._over = ""

    def __enter__(self) -> SeriesWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.leave("was left unfinished")

    def append(self, samples: Samples, times: Times | None = None) -> None:
        """Add the next samples; whole segments are sent at the latest when a mebibyte of them has gathered.

        A chunk that is refused leaves the record as it was; after an error of the database it can only be left.

        Parameters
        ----------
        samples : ndarray, shape (n,)
            Of the record's type, any number of them. They may be overwritten afterwards.
        times : ndarray of float64, shape (n,), optional
            Seconds, for irregular sampling.

        Raises
        ------
        InvalidValue
            Another type of samples, times that run backwards, times with uniform or without with irregular sampling.
        """
        samples, times = self.check(samples, times)
        if times is not None and times.size:
            self._latest = float(times[-1])
        with self._or_never():
            cut = (self._segment(*part) for part in self._cut(samples, times))
            if samples.nbytes >= SENT_AT_ONCE:
                self._send(cut)
            else:
                self._segments.extend(cut)
                if sum(len(segment.payload) for segment in self._segments) >= SENT_AT_ONCE:
                    self._send()
            self.n += samples.size

    def check(self, samples: Samples, times: Times | None = None) -> tuple[Samples, Times | None]:
        """Refuse a chunk that cannot follow, as `append` does; the samples as they will be stored otherwise."""
        self._require_open()
        samples = np.asarray(samples)
        if samples.ndim != 1:
            raise InvalidValue(f"a record is a row of samples, not an array of shape {samples.shape}")
        if samples.dtype.name != self.dtype.name:
            raise InvalidValue(
                f"series {self.series_id} of shot {self.shot} holds {self.dtype.name}, but a chunk of {samples.dtype.name} came "
                f"after {self.n} samples; nothing of this chunk was written"
            )
        if (times is not None) != self._irregular:
            raise InvalidValue(
                "irregular sampling needs the times of every chunk" if self._irregular
                else "sampling is uniform (start and dt were given), so a chunk has no times of its own"
            )  # fmt: skip
        if times is not None:
            times = np.ascontiguousarray(times, "<f8")
            _check_times(samples, times, self._latest, self.n)
        return payload.little_endian(samples), times

    def flush(self) -> None:
        """Send every segment that is whole."""
        self._require_open()
        with self._or_never():
            self._send()

    def save(self) -> None:
        """Send everything, also the samples that do not fill a segment; nothing can be appended afterwards."""
        self._require_open()
        with self._or_never():
            if self._held:
                times = self._tail_times[: self._held] if self._irregular else None
                self._segments.append(self._segment(self._tail[: self._held], times))
            self._blocks.extend(self._pyramid.rest())
            self._send()
        self._over = _SAVED

    def close(self) -> None:
        """Finish the record: from now on it never changes.

        Raises
        ------
        DamagedData
            What is stored is not what was appended; somebody else wrote into the record.
        """
        if self._over != _SAVED:
            self.save()
        with translated():
            self._connection.execute(_FINISH, (self.series_id, self.n, self._checksum.digest()))
        self._over = "is finished"

    def leave(self, why: str) -> None:
        """Let nothing be added any more; the record stays unfinished."""
        self._over = why

    def _require_open(self) -> None:
        if self._over:
            raise InvalidValue(
                f"series {self.series_id} of shot {self.shot} {self._over}; nothing can be added to it here"
            )

    @contextlib.contextmanager
    def _or_never(self) -> Iterator[None]:
        """What was cut is not held any more: after an error nothing can follow it."""
        try:
            with translated():
                yield
        except BaseException:
            self._over = "could not be written"
            raise

    def _cut(self, samples: Samples, times: Times | None) -> Iterator[tuple[Samples, Times | None]]:
        """Yield whole segments, without a copy where the chunk holds them; keep what does not fill one."""
        length, first = self._tail.size, 0
        while first < samples.size:
            taken = min(samples.size - first, length - self._held)
            part = samples[first : first + taken]
            part_times = None if times is None else times[first : first + taken]
            first += taken
            if taken == length:
                yield part, part_times
                continue
            self._tail[self._held : self._held + taken] = part
            if part_times is not None:
                self._tail_times[self._held : self._held + taken] = part_times
            self._held += taken
            if self._held == length:
                self._held = 0
                yield self._tail, self._tail_times if self._irregular else None

    def _segment(self, samples: Samples, times: Times | None) -> payload.Segment:
        self._checksum.add(samples, times)
        self._blocks.extend(self._pyramid.add(samples))
        self._position += 1
        return payload.segment(self._position - 1, samples, times)

    def _send(self, more: Iterable[payload.Segment] = ()) -> None:
        if self._segments or more:
            segments = itertools.chain(self._segments, more)
            _copy(self._connection, _SEGMENT, _SEGMENT_TYPES, ((self.shot, self.series_id, *one) for one in segments))
            self._segments.clear()
        if self._blocks:
            copy_pyramid(self._connection, self.shot, self.series_id, self._blocks)
            self._blocks.clear()


def copy_pyramid(
    connection: psycopg.Connection[Any], shot: int, series_id: int, blocks: Iterable[payload.PyramidBlock]
) -> None:
    """Write previews of a record that is not finished."""
    _copy(connection, _PYRAMID, _PYRAMID_TYPES, ((shot, series_id, *block) for block in blocks))


def _copy(
    connection: psycopg.Connection[Any],
    statement: LiteralString,
    types: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def open_series(
    connection: psycopg.Connection[Any],
    shot: int,
    dtype: DTypeLike,
    *,
    start: float | None = None,
    dt: float | None = None,
    irregular: bool = False,
    port_id: int | None = None,
    signal_id: int | None = None,
    run_id: int | None = None,
    source_id: int | None = None,
    segment_n: int | None = None,
) -> SeriesWriter:
    """Begin a record that comes in chunks, inside the caller's transaction.

    Parameters
    ----------
    dtype : dtype
        Type of the samples.
    start, dt : float, optional
        Seconds, for uniform sampling.
    irregular : bool
        Every chunk brings its times instead.
    segment_n : int, optional
        Samples in a segment, a multiple of 4096; by default what `payload.segment_length` says.

    Raises
    ------
    ShotNotFound
        There is no such shot.
    InvalidValue
        A time base that is none, or a type that cannot be stored.
    ConflictError
        The shot has a record of this port already.

    Examples
    --------
    >>> with open_series(connection, 1234, "int16", start=0.0, dt=1e-6, port_id=7) as record:  # doctest: +SKIP
    ...     for chunk in device:
    ...         record.append(chunk)
    """
    if irregular == (dt is not None):
        raise InvalidValue("give either start and dt (uniform sampling) or irregular=True and times with every chunk")
    _check_uniform(start, dt)
    kind = payload.little_endian(np.empty(0, dtype)).dtype
    length = payload.segment_length(dt) if segment_n is None else segment_n
    with translated():
        row = connection.execute(
            _OPEN, (shot, kind.name, start, dt, length, port_id, signal_id, run_id, source_id)
        ).fetchone()
    assert row is not None  # noqa: S101 - a function returns
    return SeriesWriter(connection, shot, int(row[0]), kind, length=length, irregular=irregular)


def write_series(
    connection: psycopg.Connection[Any],
    shot: int,
    samples: Samples,
    *,
    start: float | None = None,
    dt: float | None = None,
    times: Times | None = None,
    port_id: int | None = None,
    signal_id: int | None = None,
    run_id: int | None = None,
    source_id: int | None = None,
) -> int:
    """Write one whole record, inside the caller's transaction.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Raw samples, kept as they are.
    start, dt : float, optional
        Seconds, for uniform sampling.
    times : ndarray of float64, shape (n,), optional
        Seconds, for irregular sampling.

    Returns
    -------
    int
        Identity of the series.
    """
    if samples.ndim != 1:
        raise InvalidValue(f"a record is a row of samples, not an array of shape {samples.shape}")
    check_time_base(samples, start, dt, times)
    with open_series(connection, shot, samples.dtype, start=start, dt=dt, irregular=times is not None, port_id=port_id,
                     signal_id=signal_id, run_id=run_id, source_id=source_id) as record:  # fmt: skip
        record.append(samples, times)
    return record.series_id


class Record(NamedTuple):
    """What one port recorded; see `write_records`.

    Attributes
    ----------
    port_id : int
    samples : ndarray, shape (n,)
    start, dt : float or None
        Seconds, for uniform sampling.
    times : ndarray of float64, shape (n,), or None
        Seconds, for irregular sampling.
    """

    port_id: int
    samples: Samples
    start: float | None = None
    dt: float | None = None
    times: Times | None = None


def write_records(
    connection: psycopg.Connection[Any], shot: int, records: Sequence[Record], *, source_id: int | None = None
) -> None:
    """Write the records of many ports, inside the caller's transaction: in four round trips, however many they are.

    Parameters
    ----------
    records : sequence of Record
        Whole records, one for each port. Their samples travel as they are; no copy is made of them.
    source_id : int, optional
        The file they came from.

    Raises
    ------
    ShotNotFound, InvalidValue, ConflictError
        As for `write_series`.
    """
    for one in records:
        if one.samples.ndim != 1:
            raise InvalidValue(f"a record is a row of samples, not an array of shape {one.samples.shape}")
        check_time_base(one.samples, one.start, one.dt, one.times)
    if not records:
        return
    ready = [
        one._replace(
            samples=payload.little_endian(one.samples),
            times=None if one.times is None else np.ascontiguousarray(one.times, "<f8"),
        )
        for one in records
    ]
    lengths = [payload.segment_length(one.dt) for one in ready]
    with translated():
        opened = connection.execute(
            _OPEN_ALL,
            (
                shot, source_id, [one.samples.dtype.name for one in ready], [one.start for one in ready],
                [one.dt for one in ready], lengths, [one.port_id for one in ready],
            ),
        ).fetchall()  # fmt: skip
        ids = [int(row[0]) for row in opened]
        checksums: list[bytes] = []
        blocks: list[tuple[Any, ...]] = []
        rows = _rows_of(shot, ids, ready, lengths, checksums, blocks)
        _copy(connection, _SEGMENT, _SEGMENT_TYPES, rows)
        _copy(connection, _PYRAMID, _PYRAMID_TYPES, blocks)
        connection.execute(_FINISH_ALL, (shot, ids, [one.samples.size for one in ready], checksums))


def _rows_of(
    shot: int,
    ids: Sequence[int],
    records: Sequence[Record],
    lengths: Sequence[int],
    checksums: list[bytes],
    blocks: list[tuple[Any, ...]],
) -> Iterator[tuple[Any, ...]]:
    """Yield every segment; checksums and previews are made on the way, while the server stores what it has."""
    for series_id, one, length in zip(ids, records, lengths, strict=True):
        checksum = payload.Checksum(irregular=one.times is not None)
        pyramid = payload.Pyramid(one.samples.dtype)
        for position, first in enumerate(range(0, one.samples.size, length)):
            part = one.samples[first : first + length]
            times = None if one.times is None else one.times[first : first + length]
            yield (shot, series_id, *payload.segment(position, part, times))
            checksum.add(part, times)
            blocks.extend((shot, series_id, *block) for block in pyramid.add(part))
        blocks.extend((shot, series_id, *block) for block in pyramid.rest())
        checksums.append(checksum.digest())
