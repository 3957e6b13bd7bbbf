"""Which pulse belongs to which shot, when the clock that timed the pulses is wrong and nobody knows by how much.

The clock may be off by a minute for weeks, drift, and be set right one day. What is certain is the pattern: the pauses
between pulses are those between shots, but for the pulses and shots that have no partner. So every pair of a pulse and a
shot that could belong together votes for an offset, and the offset at which most votes agree is that of the clock; the
rate at which they agree best is its drift. What is left over is searched for another offset, until nothing is found.
Two offsets that nearly as many pairs vote for are not decided here: that is an error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gilgamesh_db.errors import InvalidValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Indices = NDArray[np.intp]

FEWEST = 3  # pairs that make a clock
CLEAR = 0.8  # a second offset with more of the votes than this is a rival
SIGNIFICANT = 4.0  # standard errors; a smaller drift is none
BY_LUCK = 0.01  # a clock that pure chance would make this likely is none


@dataclass(frozen=True)
class Clock:
    """How wrong a clock is: true time = time + offset + rate · (time − reference).

    Attributes
    ----------
    offset : float
        Seconds to add; 62 for a clock that is 62 s slow.
    rate : float
        Seconds per second; 0 when no drift can be seen.
    reference : float
        Where the offset holds.
    scatter : float
        Standard deviation of what is left, in s.
    """

    offset: float
    rate: float
    reference: float
    scatter: float

    def correction(self, times: Floats) -> Floats:
        """Seconds to add at some times of the clock."""
        return self.offset + self.rate * (times - self.reference)


@dataclass(frozen=True)
class Period:
    """Consecutive pulses on one clock.

    Attributes
    ----------
    clock : Clock
    pairs : tuple of (int, int)
        Index of the pulse and of the shot.
    """

    clock: Clock
    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Matching:
    """What belongs together.

    Attributes
    ----------
    periods : tuple of Period
        In the order of time.
    pulses, shots : tuple of int
        Those without a partner; shots before the first pulse or after the last are none of them.
    residuals : mapping of int to float
        By the index of the pulse: how far it lies from its shot after the correction, in s.
    """

    periods: tuple[Period, ...]
    pulses: tuple[int, ...]
    shots: tuple[int, ...]
    residuals: dict[int, float]


def match(
    pulses: Floats,
    shots: Floats,
    *,
    largest: float = 600.0,
    drift: float = 50e-6,
    tolerance: float = 1.0,
    near: float | None = None,
) -> Matching:
    """Match pulses to shots.

    Parameters
    ----------
    pulses, shots : ndarray of float64
        Times in s, by the clock in question and by the true one; increasing.
    largest : float
        No clock is further off than this, in s.
    drift : float
        No clock drifts faster than this, in s/s.
    tolerance : float
        A pulse and its shot agree within this, in s, once the clock is set right.
    near : float, optional
        The offset is about this: only those within 10 tolerances of it are looked at.

    Raises
    ------
    InvalidValue
        Two offsets fit nearly as well: shots at even intervals do not say which pulse is whose.

    Examples
    --------
    >>> shots = np.array([0.0, 310.0, 700.0, 1230.0, 1490.0])
    >>> found = match(shots[[0, 1, 3, 4]] - 62.0, shots)
    >>> found.periods[0].clock.offset, found.shots
    (62.0, (2,))
    """
    pulses, shots = np.asarray(pulses, float), np.asarray(shots, float)
    if not (tolerance > 0 and largest > 0 and drift >= 0):
        raise InvalidValue(
            "the tolerance and the largest offset are positive numbers of seconds, the drift is not negative"
        )
    free_pulses, free_shots = np.arange(pulses.size), np.arange(shots.size)
    clocks: list[Clock] = []
    partner: dict[int, tuple[int, int]] = {}  # of a pulse: the shot, and the clock
    while min(free_pulses.size, free_shots.size) >= FEWEST:
        try:
            found = _best(pulses[free_pulses], shots[free_shots], largest, drift, tolerance, near)
        except InvalidValue:
            if not clocks:
                raise
            break  # leftovers that fit in several ways fit in none
        if found is None:
            break
        clock, mine, yours = found
        for i, j in zip(free_pulses[mine], free_shots[yours], strict=True):
            partner[int(i)] = (int(j), len(clocks))
        clocks.append(clock)
        free_pulses, free_shots = np.delete(free_pulses, mine), np.delete(free_shots, yours)
    _drop_strays(partner)
    periods = _periods(partner, clocks)
    residuals = {
        i: float(pulses[i] + clocks[c].correction(pulses[i : i + 1])[0] - shots[j]) for i, (j, c) in partner.items()
    }
    taken = {j for j, _ in partner.values()}
    covered = _covered(pulses, clocks, partner)
    lonely = [j for j in range(shots.size) if j not in taken and covered[0] <= shots[j] <= covered[1]]
    return Matching(tuple(periods), tuple(i for i in range(pulses.size) if i not in partner), tuple(lonely), residuals)


def _best(
    pulses: Floats, shots: Floats, largest: float, drift: float, tolerance: float, near: float | None
) -> tuple[Clock, Indices, Indices] | None:
    """The clock that most pairs vote for, and the pairs; None when too few do."""
    centre, width = (0.0, largest) if near is None else (near, 10 * tolerance)
    first = np.searchsorted(shots, pulses + centre - width)
    last = np.searchsorted(shots, pulses + centre + width)
    counts = last - first
    if not counts.any():
        return None
    voter = np.repeat(np.arange(pulses.size), counts)
    voted = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    offsets, times = shots[voted] - pulses[voter], pulses[voter]
    reference = float(np.median(pulses))
    rate, lower, votes = _most_agreed(offsets, times - reference, drift, tolerance)
    rates = 1 + 2 * int(np.ceil(2 * drift * float(np.ptp(pulses)) / tolerance))
    if votes < _more_than_luck(offsets.size * tolerance / (2 * width), rates * 2 * width / tolerance):
        return None
    _refuse_rivals(offsets - rate * (times - reference), lower, votes, tolerance)
    clock = Clock(lower + tolerance / 2, rate, reference, tolerance)
    for _ in range(4):
        mine, yours = _pairs(pulses, shots, clock, tolerance)
        if mine.size < FEWEST:
            return None
        clock = _fitted(pulses[mine], shots[yours], tolerance, drift)
    mine, yours = _pairs(pulses, shots, clock, tolerance)
    return (clock, mine, yours) if mine.size >= FEWEST else None


def _more_than_luck(expected: float, tried: float) -> int:
    """How many votes it takes so that they do not agree by luck.

    Parameters
    ----------
    expected : float
        Votes that fall into a window by chance.
    tried : float
        Windows that were looked at.
    """
    votes, chance = 0, math.exp(-expected)
    tail = 1.0 - chance
    while votes + 1 < FEWEST or tried * tail > BY_LUCK:
        votes += 1
        chance *= expected / votes
        tail = (
            chance * expected / (votes + 1) if chance < 1e-12 else max(tail - chance, chance * expected / (votes + 1))
        )
    return votes + 1


def _most_agreed(offsets: Floats, ages: Floats, drift: float, tolerance: float) -> tuple[float, float, int]:
    """The rate and the window of offsets, `tolerance` wide, in which most votes fall; the smallest rate among equals."""
    span = float(np.ptp(ages)) if ages.size else 0.0
    steps = int(np.ceil(2 * drift * span / tolerance))
    best = (0.0, 0.0, 0)
    for rate in sorted(np.linspace(-drift, drift, 2 * steps + 1).tolist() if steps else [0.0], key=abs):
        votes = np.sort(offsets - rate * ages)
        inside = np.searchsorted(votes, votes + tolerance, side="right") - np.arange(votes.size)
        most = int(inside.max())
        if most > best[2]:
            leaders = votes[inside == most]
            best = (rate, float(leaders[np.argmin(np.abs(leaders))]), most)
    return best


def _refuse_rivals(offsets: Floats, lower: float, votes: int, tolerance: float) -> None:
    rest = np.sort(offsets[(offsets < lower - tolerance) | (offsets > lower + 2 * tolerance)])
    if not rest.size:
        return
    inside = np.searchsorted(rest, rest + tolerance, side="right") - np.arange(rest.size)
    second = int(inside.max())
    if second >= FEWEST and second > CLEAR * votes:
        rival = float(rest[int(np.argmax(inside))] + tolerance / 2)
        raise InvalidValue(
            f"the clock may be off by {lower + tolerance / 2:.0f} s ({votes} pulses agree) or by {rival:.0f} s ({second} agree); "
            "which one is not to be guessed. Say it with --near, or give a smaller --largest"
        )


def _pairs(pulses: Floats, shots: Floats, clock: Clock, tolerance: float) -> tuple[Indices, Indices]:
    """Pulses and shots that are each other's nearest, within the tolerance."""
    true = pulses + clock.correction(pulses)
    shot = _nearest(true, shots)
    pulse = _nearest(shots, true)
    mine = np.flatnonzero((np.abs(shots[shot] - true) <= tolerance) & (pulse[shot] == np.arange(pulses.size)))
    return mine, shot[mine]


def _nearest(these: Floats, those: Floats) -> Indices:
    order = np.argsort(those)
    after = np.clip(np.searchsorted(those, these, sorter=order), 1, max(1, those.size - 1))
    before, behind = order[after - 1], order[np.minimum(after, those.size - 1)]
    return np.where(np.abs(those[before] - these) <= np.abs(those[behind] - these), before, behind)


def _fitted(pulses: Floats, shots: Floats, tolerance: float, drift: float) -> Clock:
    """A line through the offsets, those far off left out; level, unless its slope is certain."""
    offsets, reference = shots - pulses, float(pulses.mean())
    good = np.ones(pulses.size, bool)
    level, rate = float(np.median(offsets)), 0.0
    for _ in range(5):
        x, y = pulses[good] - reference, offsets[good]
        spread = float(x @ x)
        slope = float((x - x.mean()) @ y) / float((x - x.mean()) @ (x - x.mean())) if spread > 0 else 0.0
        scatter = float(np.std(y - y.mean() - slope * (x - x.mean()))) if y.size > 2 else tolerance
        error = scatter / np.sqrt(float((x - x.mean()) @ (x - x.mean()))) if spread > 0 else np.inf
        certain = y.size > 4 and abs(slope) > SIGNIFICANT * error and abs(slope) <= drift
        rate = slope if certain else 0.0
        level = float(np.median(y - rate * x))
        rest = np.abs(offsets - level - rate * (pulses - reference))
        good = rest <= max(5 * 1.4826 * float(np.median(rest)), 1e-3)
    return Clock(level, rate, reference, float(np.std(rest[good])) if good.sum() > 1 else 0.0)


def _drop_strays(partner: dict[int, tuple[int, int]]) -> None:
    """A clock is not set wrong for a single pulse: one alone among those of another clock has no shot."""
    order = sorted(partner)
    for before, here, after in zip(order, order[1:], order[2:], strict=False):
        if partner[before][1] == partner[after][1] != partner[here][1]:
            del partner[here]
    seen: dict[int, int] = {}
    for _, clock in partner.values():
        seen[clock] = seen.get(clock, 0) + 1
    for i in [i for i in partner if seen[partner[i][1]] < FEWEST]:
        del partner[i]


def _periods(partner: dict[int, tuple[int, int]], clocks: Sequence[Clock]) -> list[Period]:
    found: list[tuple[int, list[tuple[int, int]]]] = []
    for i in sorted(partner):
        j, clock = partner[i]
        if not found or found[-1][0] != clock:
            found.append((clock, []))
        found[-1][1].append((i, j))
    return [Period(clocks[clock], tuple(pairs)) for clock, pairs in found]


def _covered(pulses: Floats, clocks: Sequence[Clock], partner: dict[int, tuple[int, int]]) -> tuple[float, float]:
    """From the first pulse to the last, by the true time."""
    if not partner:
        return np.inf, -np.inf
    ends = []
    for i in (0, pulses.size - 1):
        nearest = min(partner, key=lambda k: abs(k - i))
        ends.append(float(pulses[i] + clocks[partner[nearest][1]].correction(pulses[i : i + 1])[0]))
    return ends[0] - 1.0, ends[1] + 1.0
