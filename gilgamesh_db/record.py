"""Stored records as arrays: the whole, a slice by sample index, or a window resolved on the way.

A row of ``resolved_signal`` (here `resolved`) names the record and how it is timed; records never change once
finished, so everything read by their identity agrees with everything else read of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import payload
from .errors import DamagedData
from .reading import Reader

AT_ONCE = 32768  # samples calibrated at once; as float64 they fit the cache of a core
WHOLE = "select payload, times from gilgamesh.segment where shot = %s and series_id = %s order by position"
SLICE = """
select greatest(s.first, %(first)s) as first_sample,
       (least(s.first + s.n, %(stop)s) - greatest(s.first, %(first)s))::integer as count,
       substring(s.payload from (21 + %(width)s * (greatest(s.first, %(first)s) - s.first))::integer
                            for (%(width)s * (least(s.first + s.n, %(stop)s) - greatest(s.first, %(first)s)))::integer) as payload,
       substring(s.times from (21 + 8 * (greatest(s.first, %(first)s) - s.first))::integer
                          for (8 * (least(s.first + s.n, %(stop)s) - greatest(s.first, %(first)s)))::integer) as times
  from (select g.position::bigint * %(segment_n)s as first, g.n, g.payload, g.times
          from gilgamesh.segment g
         where g.shot = %(shot)s and g.series_id = %(series_id)s
           and g.position between %(first)s / %(segment_n)s and (%(stop)s - 1) / %(segment_n)s) s
 order by s.first
"""
WINDOW = """
select (w.resolved).*, w.first as first_sample, w.n as count, w.payload, w.times
  from gilgamesh.segments_between(%s, %s, %s, %s) w
"""


@dataclass(frozen=True)
class Samples:
    """Raw samples of a record from index `first` on, and their times on the device's clock if those are irregular."""

    first: int
    raw: NDArray[Any]
    times: NDArray[np.float64] | None

    @property
    def nbytes(self) -> int:
        """How much memory they take."""
        return self.raw.nbytes + (0 if self.times is None else self.times.nbytes)


def read_whole(reader: Reader, resolved: Any) -> Samples:
    """Stream the segments into one array that is allocated once."""
    raw = np.empty(resolved.n, np.dtype(resolved.dtype))
    times = np.empty(resolved.n) if resolved.dt is None else None
    filled = 0
    for stored, stored_times in reader.stream(WHOLE, (resolved.shot, resolved.series_id)):
        part = payload.decode(stored, resolved.dtype)
        if filled + part.size > resolved.n:
            break  # it grew since it was resolved
        raw[filled : filled + part.size] = part
        if times is not None and stored_times is not None:
            times[filled : filled + part.size] = payload.decode(stored_times, "float64", part.size)
        filled += part.size
    if filled != resolved.n:
        raise _incomplete(resolved, f"should have {resolved.n} samples but {filled} are stored")
    return Samples(0, raw, times)


def read_slice(reader: Reader, resolved: Any, first: int, stop: int) -> Samples:
    """Samples ``first <= index < stop`` of a record."""
    if first >= stop:
        return joined([], resolved, first)
    rows = reader.rows(
        SLICE,
        {
            "first": first, "stop": stop, "width": np.dtype(resolved.dtype).itemsize, "shot": resolved.shot,
            "series_id": resolved.series_id, "segment_n": resolved.segment_n,
        },
    )  # fmt: skip
    found = joined(rows, resolved, first)
    if found.first != first or found.raw.size != stop - first:
        raise _incomplete(resolved, f"lacks samples between {first} and {stop}")
    return found


def joined(rows: list[Any], resolved: Any, first: int) -> Samples:
    """Join the pieces of a slice, which must be whole and follow each other."""
    kind = np.dtype(resolved.dtype)
    expected = rows[0].first_sample if rows else first
    for row in rows:
        if row.first_sample != expected or len(row.payload) != row.count * kind.itemsize:
            raise _incomplete(resolved, f"lacks samples from {expected} on")
        expected += row.count
    raw = _one([np.frombuffer(row.payload, kind) for row in rows], kind)
    times = None
    if resolved.dt is None:
        times = _one([np.frombuffer(row.times, np.float64) for row in rows], np.dtype(np.float64))
    return Samples(rows[0].first_sample if rows else first, raw, times)


def _one(pieces: list[NDArray[Any]], kind: np.dtype[Any]) -> NDArray[Any]:
    """Pieces as one array, read-only as every record; a single piece is not copied."""
    whole = pieces[0] if len(pieces) == 1 else np.concatenate([np.empty(0, kind), *pieces])
    whole.flags.writeable = False
    return whole


def on_line(raw: NDArray[Any], gain: float, offset: float) -> NDArray[np.float64]:
    """Calibrate samples whose chain is a straight line, ``raw * gain + offset``.

    Piece by piece, so that each is still near the processor when it is multiplied and shifted: three passes over a
    long record take half as long again.

    Examples
    --------
    >>> on_line(np.array([0, 1, 2], "int16"), 0.5, 1.0)
    array([1. , 1.5, 2. ])
    """
    values = np.empty(raw.size)
    for first in range(0, raw.size, AT_ONCE):
        part = values[first : first + AT_ONCE]
        part[:] = raw[first : first + AT_ONCE]
        part *= gain
        part += offset
    return values


def index_of(moment: float, resolved: Any) -> int:
    """Index of the first sample of a uniform record at or after an instant; as ``gilgamesh.sample_index`` in SQL."""
    start, dt, n = float(resolved.start), float(resolved.dt), int(resolved.n)
    if moment <= start:
        return 0
    if moment >= start + n * dt:
        return n
    steps = (moment - start) / dt
    nearest = np.round(steps)
    rounding = max(1e-6, 1e-15 * max(abs(moment), abs(start)) / dt)
    return int(nearest if abs(steps - nearest) < rounding else np.ceil(steps))


def _incomplete(resolved: Any, what: str) -> DamagedData:
    return DamagedData(
        f"the record of {resolved.signal!r} in shot {resolved.shot} {what}; check with: gilgamesh db check --samples"
    )
