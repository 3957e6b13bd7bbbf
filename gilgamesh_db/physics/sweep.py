"""Where the sweeps of a probe voltage begin and end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidValue

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Which = Literal["both", "up", "down"]

FEWEST_SAMPLES = 16
"""A ramp of fewer samples is no characteristic."""
FLYBACK = 0.25
"""Ramps so much faster than those of the other direction only carry the voltage back."""


@dataclass(frozen=True)
class Sweeps:
    """The ramps of a swept voltage, in the order of time.

    Attributes
    ----------
    start, stop : ndarray of int, shape (n,)
        Samples of each ramp, half-open.
    rising : ndarray of bool, shape (n,)
        Whether the voltage goes up.
    """

    start: Ints
    stop: Ints
    rising: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.start.size)

    def __getitem__(self, which: slice | NDArray[np.bool_] | Ints) -> Sweeps:
        return Sweeps(self.start[which], self.stop[which], self.rising[which])

    def centres(self, time: Floats) -> Floats:
        """The middle of each ramp, in the unit of `time`; shape (n,)."""
        centre: Floats = 0.5 * (time[self.start] + time[self.stop - 1])
        return centre

    def rate(self, time: Floats) -> float:
        """Ramps per unit of time; NaN for fewer than two."""
        if len(self) < 2:
            return float("nan")
        return float(1 / np.median(np.diff(self.centres(time))))


def find_sweeps(
    time: ArrayLike,
    voltage: ArrayLike,
    *,
    which: Which = "both",
    coverage: float = 0.8,
    fewest: int = FEWEST_SAMPLES,
) -> Sweeps:
    """Find the ramps of a triangular, saw-tooth or otherwise swept voltage.

    Two levels around the middle of the range make the decision, so that noise of up to a tenth of the range, jitter
    of the period, pauses at the ends and missing edges do no harm: between the two levels lies a ramp, and it reaches
    from the turning point before to the turning point after. What begins or ends within a ramp (the ends of the
    record) counts when it covers enough of the range. The flyback of a saw-tooth does not count.

    Parameters
    ----------
    time, voltage : array_like, shape (n,)
        In s and V; a gap in time, or NaN, ends a ramp.
    which : {'both', 'up', 'down'}
        Rising ramps, falling ramps, or both.
    coverage : float
        The part of the whole range a ramp must cover.
    fewest : int
        Samples a ramp must have.

    Returns
    -------
    Sweeps
        Empty when there is none.

    Examples
    --------
    >>> time = np.arange(1000) * 1e-5
    >>> triangle = 80 * (1 - 4 * np.abs(time * 200 % 1 - 0.5))
    >>> sweeps = find_sweeps(time, triangle)
    >>> len(sweeps), sweeps.rising.tolist(), round(sweeps.rate(time))
    (4, [True, False, True, False], 400)
    """
    t, v = np.asarray(time, dtype=np.float64), np.asarray(voltage, dtype=np.float64)
    if t.shape != v.shape or t.ndim != 1:
        raise InvalidValue(f"time {t.shape} and voltage {v.shape} must be of one length")
    if which not in ("both", "up", "down"):
        raise InvalidValue(f"which={which!r} is none of 'both', 'up', 'down'")
    turns = _turning_points(v)
    start, stop = turns[:-1], turns[1:] + 1
    enough = stop - start >= fewest
    start, stop = start[enough], stop[enough]
    rise = v[stop - 1] - v[start]
    low, high = _range(v)
    keep = np.abs(rise) >= coverage * (high - low)
    keep &= ~_interrupted(t, v, start, stop) & _ramps(v, start, stop)
    found = Sweeps(start[keep], stop[keep], rise[keep] > 0)
    found = found[~_flybacks(found)]
    if which != "both":
        found = found[found.rising == (which == "up")]
    return found


def _range(v: Floats) -> tuple[float, float]:
    finite = v[np.isfinite(v)]
    if not finite.size:
        return 0.0, 0.0
    low, high = np.percentile(finite, [1, 99])
    return float(low), float(high)


def _turning_points(v: Floats) -> Ints:
    """Samples where the voltage turns, the first and the last of the record included."""
    low, high = _range(v)
    middle, reach = 0.5 * (low + high), 0.1 * (high - low)
    side = (v > middle + reach).astype(np.int8) - (v < middle - reach).astype(np.int8)
    decided = np.flatnonzero(side)
    if not decided.size or reach == 0:
        return np.empty(0, dtype=np.int64)
    changes = np.flatnonzero(np.diff(side[decided]))
    begins = decided[np.concatenate([[0], changes + 1])]
    ends = decided[np.concatenate([changes, [decided.size - 1]])] + 1
    turns = [
        int(begin) + int(np.nanargmax(v[begin:end]) if side[begin] > 0 else np.nanargmin(v[begin:end]))
        for begin, end in zip(begins, ends, strict=True)
    ]
    return np.unique(np.array([0, *turns, v.size - 1], dtype=np.int64))


def _interrupted(t: Floats, v: Floats, start: Ints, stop: Ints) -> NDArray[np.bool_]:
    """Whether samples are missing within the ramps."""
    steps = np.diff(t)
    usual = np.median(steps) if steps.size else 0.0
    missing = np.concatenate([[0], np.cumsum((steps > 10 * usual) | (steps < 0) | ~np.isfinite(v[1:]))])
    return np.asarray(missing[stop - 1] != missing[start])


def _ramps(v: Floats, start: Ints, stop: Ints) -> NDArray[np.bool_]:
    """Whether the voltage goes one way from start to stop, but for noise: it is a line for nine tenths at least."""
    straight = np.zeros(start.size, dtype=np.bool_)
    for n, (first, last) in enumerate(zip(start.tolist(), stop.tolist(), strict=True)):
        part = v[first:last] - v[first:last].mean()
        x = np.arange(part.size) - 0.5 * (part.size - 1)
        straight[n] = abs(x @ part) > 0.9 * np.sqrt((x @ x) * (part @ part))
    return straight


def _flybacks(sweeps: Sweeps) -> NDArray[np.bool_]:
    length = sweeps.stop - sweeps.start
    up, down = length[sweeps.rising], length[~sweeps.rising]
    if not (up.size and down.size):
        return np.zeros(length.size, dtype=np.bool_)
    ratio = np.median(up) / np.median(down)
    if ratio < FLYBACK:
        return sweeps.rising
    return ~sweeps.rising if ratio > 1 / FLYBACK else np.zeros(length.size, dtype=np.bool_)


def as_table(sweeps: Sweeps, voltage: Floats, current: Floats, points: int = 512) -> tuple[Floats, Floats]:
    """Lay the characteristics side by side, each with its voltage rising.

    Ramps of more than `points` samples are averaged in blocks, so that an oscilloscope's record costs no more.

    Parameters
    ----------
    sweeps : Sweeps
        n of them.
    voltage, current : ndarray, shape (samples,)
    points : int
        Columns of the table, at most.

    Returns
    -------
    voltage, current : ndarray, shape (n, m)
        With NaN behind the shorter ones.
    """
    length = sweeps.stop - sweeps.start
    longest = int(length.max()) if length.size else 0
    block = max(1, -(-longest // points))
    columns = -(-longest // block) * block
    step = np.arange(columns)
    index = np.where(sweeps.rising[:, None], sweeps.start[:, None] + step, sweeps.stop[:, None] - 1 - step)
    inside = step < length[:, None]
    index[~inside] = 0
    tables = []
    for values in (voltage, current):
        table = values[index]
        if block > 1:
            count = inside.reshape(len(sweeps), -1, block).sum(axis=2)
            table[~inside] = 0.0
            with np.errstate(invalid="ignore"):
                table = table.reshape(len(sweeps), -1, block).sum(axis=2) / np.where(count, count, np.nan)
        else:
            table[~inside] = np.nan
        tables.append(table)
    return tables[0], tables[1]
