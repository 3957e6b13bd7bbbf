"""By how much two readings of a signal differ: from the samples, or between bounds from the previews.

A reading is a row of ``resolved_signal``. Records never change, so two readings can be compared long after the
question which ones to compare was answered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import payload
from .bounds import bounds
from .calibration import evaluate, steps_from_json
from .reading import Cache, Reader
from .record import Samples, read_whole

FloatArray = NDArray[np.float64]

CHUNK = 1_000_000  # samples compared at a time
COUNTS = 1 << 17  # as many counts are tried one by one
PIECES = 4096  # otherwise, into so many pieces the range of a record is cut
_COARSE = """
select n, payload from gilgamesh.pyramid where shot = %s and series_id = %s and level = 4096 order by position
"""
_EXTREMES = "select minimum, maximum from gilgamesh.segment where shot = %s and series_id = %s order by position"


@dataclass(frozen=True)
class Amount:
    """By how much the values changed, in the unit of the signal.

    Attributes
    ----------
    maximum, rms : float
        Largest and root-mean-square difference of samples taken at the same time.
    deviation : float
        Standard deviation of the values before.
    peak : float
        Largest magnitude of the values before.
    mean_before, mean_after : float
        Mean values of each reading.
    n : int
        How many samples were compared: those that are numbers in both readings.
    """

    maximum: float
    rms: float
    deviation: float
    peak: float
    mean_before: float
    mean_after: float
    n: int


NOTHING = Amount(math.nan, math.nan, math.nan, math.nan, math.nan, math.nan, 0)


def from_samples(reader: Reader, cache: Cache[Any], before: Any, after: Any) -> Amount | None:
    """Compare two readings sample by sample.

    Parameters
    ----------
    before, after
        Rows of ``resolved_signal`` whose status is ok.

    Returns
    -------
    Amount or None
        None when the time bases do not agree, so that no sample of the one belongs to a sample of the other.
    """
    old = _record(reader, cache, before)
    new = old if before.series_id == after.series_id else _record(reader, cache, after)
    overlap = _overlap(before, after, old, new)
    if overlap is None:
        return None
    first_old, first_new, n = overlap
    parts = []
    for at in range(0, n, CHUNK):
        size = min(CHUNK, n - at)
        x = _values(before, old.raw[first_old + at : first_old + at + size])
        y = _values(after, new.raw[first_new + at : first_new + at + size])
        both = np.isfinite(x) & np.isfinite(y)
        if both.any():
            parts.append(_sums(x[both], y[both]))
    return _amount(parts) if parts else NOTHING


def from_previews(reader: Reader, before: Any, after: Any) -> tuple[float, float] | None:
    """Enclose the largest difference without reading a sample.

    Returns
    -------
    tuple of float or None
        Upper bound of the largest difference, and lower bound of the largest magnitude before; None when the
        previews say nothing (a growing record, another time base, no number).
    """
    if not (before.finished and after.finished):
        return None
    if before.series_id == after.series_id:
        low, high = _extremes(reader, before)
        ends = _ends(low, high)
        if ends is None:
            return None
        spread = _spread_of_one_record(before, after, *ends)
    elif _same_grid(before, after):
        old, new = _coarse(reader, before), _coarse(reader, after)
        ends = _ends(*old)
        low_before, high_before = _bounds(before, *old)
        low_after, high_after = _bounds(after, *new)
        spread = np.fmax(high_after - low_before, high_before - low_after)
    else:
        return None
    if ends is None or not np.isfinite(spread).any():
        return None
    peak = np.abs(_values(before, np.array(ends)))  # both were recorded
    return float(np.nanmax(spread)), float(np.nanmax(peak)) if np.isfinite(peak).any() else 0.0


def _spread_of_one_record(before: Any, after: Any, low: float, high: float) -> FloatArray:
    """How far apart two chains can be between two raw values."""
    if np.dtype(before.dtype).kind in "biu" and high - low < COUNTS:
        counts = np.arange(low, high + 1)  # every count there may be
        return np.abs(_values(after, counts) - _values(before, counts))
    edges = np.linspace(low, high, PIECES + 1)
    low_before, high_before = _bounds(before, edges[:-1], edges[1:])
    low_after, high_after = _bounds(after, edges[:-1], edges[1:])
    return np.fmax(high_after - low_before, high_before - low_after)


def between(
    time_before: FloatArray, before: FloatArray, time_after: FloatArray, after: FloatArray, *, one_record: bool
) -> tuple[Amount | None, float | None]:
    """Compare two computed signals at the same instants, or, of one record, sample by sample.

    Parameters
    ----------
    time_before, time_after : ndarray of float64, shape (n,) and (m,)
        Seconds.
    before, after : ndarray of float64, shape (n,) and (m,)
        In one unit.
    one_record : bool
        Whether the samples at the same place belong to each other, whenever they were taken.

    Returns
    -------
    Amount or None
        None when the time bases do not agree.
    float or None
        By how much the samples of one record moved in time, at most (s); None when they did not.
    """
    if not (before.size and after.size):
        return NOTHING, None
    shift = None
    if one_record and before.size == after.size:
        largest = float(np.abs(time_after - time_before).max())
        shift = largest or None
    else:
        near = 1e-3 * min((float(np.diff(t).min()) for t in (time_before, time_after) if t.size > 1), default=1e-9)
        first, last = max(time_before[0], time_after[0]) - near, min(time_before[-1], time_after[-1]) + near
        old, new = ((t >= first) & (t <= last) for t in (time_before, time_after))
        if old.sum() != new.sum() or not old.any() or np.abs(time_after[new] - time_before[old]).max() > near:
            return None, None
        before, after = before[old], after[new]
    both = np.isfinite(before) & np.isfinite(after)
    return (_amount([_sums(before[both], after[both])]) if both.any() else NOTHING), shift


def moved(reader: Reader, cache: Cache[Any], before: Any, after: Any) -> float:
    """By how much the samples of one irregular record moved in time, at most (s)."""
    times = _record(reader, cache, before).times
    if times is None or not times.size:
        return 0.0
    ends = times[[0, -1]]
    shifted = ends * (after.clock_rate - before.clock_rate) + (after.clock_offset - before.clock_offset)
    return float(np.abs(shifted).max())


def _sums(x: FloatArray, y: FloatArray) -> tuple[float, ...]:
    difference = np.abs(y - x)
    centre = float(x.mean())
    return (
        x.size, float(difference.max()), float(np.square(difference).sum()), float(x.sum()), float(y.sum()),
        centre, float(np.square(x - centre).sum()), float(np.abs(x).max()),
    )  # fmt: skip


def _amount(parts: list[tuple[float, ...]]) -> Amount:
    n, largest, squares, total_before, total_after, centre, scatter, peak = np.array(parts).T
    count = n.sum()
    mean = total_before.sum() / count
    variance = (scatter.sum() + (n * np.square(centre - mean)).sum()) / count
    return Amount(
        float(largest.max()), math.sqrt(squares.sum() / count), math.sqrt(variance), float(peak.max()), float(mean),
        float(total_after.sum() / count), int(count),
    )  # fmt: skip


def _record(reader: Reader, cache: Cache[Any], reading: Any) -> Samples:
    held: Samples | None = cache.get(reading.series_id) if reading.finished else None
    if held is None:
        held = read_whole(reader, reading)
        held.raw.flags.writeable = False
        if reading.finished:
            cache.put(reading.series_id, held, held.nbytes)
    return held


def _values(reading: Any, raw: NDArray[Any]) -> FloatArray:
    if reading.steps is not None:
        return evaluate(steps_from_json(reading.steps), raw)
    values: FloatArray = raw.astype(np.float64)
    values *= reading.gain
    values += reading.offset
    return values


def _overlap(before: Any, after: Any, old: Samples, new: Samples) -> tuple[int, int, int] | None:
    """First sample of each record that is compared, and how many; None when their times do not agree."""
    if before.series_id == after.series_id:
        return 0, 0, int(old.raw.size)
    if before.dt is None or after.dt is None:
        if old.times is None or new.times is None or old.times.size != new.times.size:
            return None
        was, is_now = (s.times * r.clock_rate + r.clock_offset for s, r in ((old, before), (new, after)))
        return (0, 0, int(old.raw.size)) if np.allclose(was, is_now, rtol=1e-12, atol=1e-9) else None
    shift = (after.start - before.start) / before.dt
    whole = round(shift)
    n = min(old.raw.size, new.raw.size)
    if abs(shift - whole) + abs(after.dt / before.dt - 1) * n > 1e-3:  # of a sampling interval
        return None
    first_old, first_new = max(whole, 0), max(-whole, 0)
    common = min(old.raw.size - first_old, new.raw.size - first_new)
    return (first_old, first_new, int(common)) if common > 0 else None


def _same_grid(before: Any, after: Any) -> bool:
    return bool(before.dt is not None and (before.n, before.start, before.dt) == (after.n, after.start, after.dt))


def _extremes(reader: Reader, reading: Any) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest raw sample of every segment."""
    rows = reader.rows(_EXTREMES, (reading.shot, reading.series_id))
    low, high = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, 2).T
    return low, high


def _coarse(reader: Reader, reading: Any) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest raw sample of every 4096."""
    rows = reader.rows(_COARSE, (reading.shot, reading.series_id))
    pairs = [payload.decode(row.payload, reading.dtype, 2 * row.n) for row in rows]
    flat = np.concatenate([np.empty(0), *pairs]).astype(np.float64)
    return flat[0::2], flat[1::2]


def _ends(low: FloatArray, high: FloatArray) -> tuple[float, float] | None:
    known = np.isfinite(low) & np.isfinite(high)
    return (float(low[known].min()), float(high[known].max())) if known.any() else None


def _bounds(reading: Any, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    if reading.steps is not None:
        return bounds(steps_from_json(reading.steps), low, high)
    one, other = low * reading.gain + reading.offset, high * reading.gain + reading.offset
    return np.minimum(one, other), np.maximum(one, other)
