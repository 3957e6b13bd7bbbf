"""Minimum and maximum of a signal in bins: what a plot of any length needs, read from the pyramid."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import payload
from .bounds import bounds
from .calibration import Step
from .errors import InvalidValue

FloatArray = NDArray[np.float64]

PYRAMID = """
select position, n, payload from gilgamesh.pyramid
 where shot = %s and series_id = %s and level = %s and position between %s and %s order by position
"""


class Envelope(NamedTuple):
    """Minimum and maximum of a signal per bin.

    Attributes
    ----------
    time : ndarray of float64, shape (m,)
        Time of the first sample of each bin, in seconds from the trigger.
    minimum, maximum : ndarray of float64, shape (m,)
        In the unit of the signal; NaN where a bin holds no number.
    """

    time: FloatArray
    minimum: FloatArray
    maximum: FloatArray


class Extremes(NamedTuple):
    """Raw minimum and maximum per bin, and the index of the first sample of each bin."""

    first: NDArray[np.int64]
    low: NDArray[Any]
    high: NDArray[Any]


def level_for(samples: int, points: int) -> int:
    """The coarsest level that still gives that many points; 1 when only the samples do.

    Examples
    --------
    >>> level_for(10_000_000, 2000), level_for(1_000_000, 2000), level_for(5000, 2000)
    (4096, 64, 1)
    """
    if points < 1:
        raise InvalidValue(f"an envelope of {points} points cannot be drawn; give a number of bins such as 2000")
    return next((level for level in reversed(payload.PYRAMID_LEVELS) if samples // level > points), 1)


def binned(samples: NDArray[Any], first: int, points: int) -> Extremes:
    """Extremes of samples in at most `points` bins of nearly equal length; `first` is the index of the first."""
    count = min(points, samples.size)
    if count == 0:
        return Extremes(np.empty(0, np.int64), samples, samples)
    starts = (np.arange(count, dtype=np.int64) * samples.size + count - 1) // count
    return Extremes(first + starts, np.fmin.reduceat(samples, starts), np.fmax.reduceat(samples, starts))


def from_pyramid(rows: list[Any], dtype: str, level: int, blocks: tuple[int, int], points: int) -> Extremes:
    """Extremes of whole blocks ``blocks[0] <= block < blocks[1]`` of a level, in at most `points` bins."""
    pairs = np.concatenate([payload.decode(row.payload, dtype, 2 * row.n) for row in rows])
    offset = rows[0].position * payload.PYRAMID_BLOCK
    pairs = pairs[2 * (blocks[0] - offset) : 2 * (blocks[1] - offset)]
    count = min(points, blocks[1] - blocks[0])
    starts = (np.arange(count, dtype=np.int64) * (blocks[1] - blocks[0]) + count - 1) // count
    return Extremes(
        (blocks[0] + starts) * level, np.fmin.reduceat(pairs[0::2], starts), np.fmax.reduceat(pairs[1::2], starts)
    )


def widened(extremes: Extremes, head: NDArray[Any], tail: NDArray[Any], first: int) -> Extremes:
    """Take the ragged ends of a window into the first and the last bin."""
    start, low, high = (part.copy() for part in extremes)
    for at, part in ((0, head), (-1, tail)):
        if part.size:
            low[at] = np.fmin(low[at], np.fmin.reduce(part))
            high[at] = np.fmax(high[at], np.fmax.reduce(part))
    if head.size:
        start[0] = first
    return Extremes(start, low, high)


def calibrated(
    extremes: Extremes, gain: float | None, offset: float | None, steps: tuple[Step, ...] | None
) -> tuple[FloatArray, FloatArray]:
    """Extremes of the values, from those of the raw samples."""
    low, high = extremes.low.astype(np.float64), extremes.high.astype(np.float64)
    if steps is not None:
        return bounds(steps, low, high)
    assert gain is not None  # noqa: S101 - a chain is a line or has steps
    assert offset is not None  # noqa: S101
    one, other = low * gain + offset, high * gain + offset
    return np.minimum(one, other), np.maximum(one, other)
