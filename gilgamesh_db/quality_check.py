"""What a machine can say of a record: saturation, a dead channel, noise, values that cannot be.

A check gives findings with their numbers. It calls nothing good: what passes was still not looked at. Findings become
quality flags by `Findings.state`, which leaves alone what people said.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .bulk import read_many
from .calibration import evaluate, steps_from_json
from .errors import InvalidValue, NotFound, Unresolved
from .signal import Signal

if TYPE_CHECKING:
    import pandas as pd

    from .database import Database

FloatArray = NDArray[np.float64]
Window = tuple[float, float]

REASON = "quality check"  # how the reasons of flags begin that a check stated
WINDOWS = 8  # of one finding; more are joined
ENOUGH = 5  # shots from which the usual noise of a signal is known
LOOKED_AT = 1_000_000  # samples the noise is measured on


@dataclass(frozen=True)
class Thresholds:
    """From where on something is found.

    Attributes
    ----------
    saturated : int
        Samples at an end of the port's range: at or beyond it, within one step of the samples (a thousandth of the range
        where the step is not known), or the smallest or largest number of their type. An end that is 0 does not count:
        there rests what cannot be negative.
    flat : float
        A channel is dead when the whole record stays within so many steps. One that has one value throughout always is.
    noisy : float
        Times the noise that is expected: what the port states (`noise` and rounding), or the median of the signal over
        the shots checked together, of which there must be five.
    implausible : int
        Samples outside the plausible range of the signal.
    """

    saturated: int = 3
    flat: float = 1.0
    noisy: float = 5.0
    implausible: int = 1

    def __post_init__(self) -> None:
        for each in fields(self):
            if not 0 < getattr(self, each.name) < np.inf:
                raise InvalidValue(
                    f"the threshold {each.name}={getattr(self, each.name)} is none; give a number above 0"
                )


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a window of a record.

    Attributes
    ----------
    signal : str
    shot : int
    check : str
        saturated, dead, noisy or implausible.
    flag : str
        What it calls for: bad or doubtful.
    since, until : float
        In seconds from the trigger, half-open; infinite for the whole record.
    samples : int
        How many samples of the window show it.
    measured, limit : float
        The number that was measured, and what it exceeds.
    detail : str
        In words, with units.
    """

    signal: str
    shot: int
    check: str
    flag: str
    since: float
    until: float
    samples: int
    measured: float
    limit: float
    detail: str


@dataclass(frozen=True)
class Numbers:
    """What was measured of one record, whether it is remarkable or not; in the unit of the signal.

    Attributes
    ----------
    samples, saturated, implausible : int
        How many there are, at an end of the range, and outside the plausible range.
    minimum, maximum : float
    noise : float
        Standard deviation between neighbouring samples, freed of slopes: 1.4826 times the median magnitude of the second
        differences, over √6 (white noise gives its standard deviation; what varies more slowly gives nothing).
    expected : float
        Noise the port states, in the unit of the signal; NaN where it states none.
    """

    signal: str
    shot: int
    samples: int
    minimum: float
    maximum: float
    noise: float
    expected: float
    saturated: int
    implausible: int


@dataclass(frozen=True)
class Findings(Sequence[Finding]):
    """The findings of a check; prints as text.

    Attributes
    ----------
    found : tuple of Finding
    measured : tuple of Numbers
        Of every record that was checked.
    missing : mapping of (int, str) to str
        Shots and signals that could not be read, and why.
    """

    found: tuple[Finding, ...]
    measured: tuple[Numbers, ...]
    missing: Mapping[tuple[int, str], str]
    _db: Database = field(repr=False)

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, at: Any) -> Any:
        return self.found[at]

    @property
    def table(self) -> pd.DataFrame:
        """The findings; index (Shot, Signal)."""
        return _table(Finding, self.found)

    @property
    def numbers(self) -> pd.DataFrame:
        """What was measured of every record; index (Shot, Signal)."""
        return _table(Numbers, self.measured)

    def state(self, author: str | None = None, reason: str = "") -> int:
        """State the findings as quality flags, in one edit.

        What somebody said of a window stays; what an earlier check said of the same records is replaced.

        Returns
        -------
        int
            How many windows are flagged now.
        """
        from .quality_statement import state

        return state(self._db, self, author, reason)

    def __str__(self) -> str:
        lines = []
        for _, group in itertools.groupby(self.found, key=lambda one: (one.shot, one.signal, one.check)):
            same = list(group)
            flags = " and ".join(sorted({one.flag for one in same}))
            lines.append(
                f"{same[0].signal} of shot {same[0].shot}: {same[0].check} ({flags}){_where(same)}: {same[0].detail}"
            )
        unread: dict[tuple[str, str], list[int]] = {}
        for (shot, name), why in self.missing.items():
            unread.setdefault((name, why), []).append(shot)
        for (name, why), shots in unread.items():
            where = f"shot {shots[0]}" if len(shots) == 1 else f"{len(shots)} shots, {shots[0]} to {shots[-1]}"
            lines.append(f"{name} of {where}: not checked: {why}")
        return "\n".join(lines) or f"nothing found in {len(self.measured)} record{'s'[: len(self.measured) != 1]}"


@dataclass(frozen=True)
class _Port:
    """What a port says of its samples, and the steps from counts to its own unit."""

    low: float | None
    high: float | None
    step: float | None  # raw
    noise: float | None  # raw
    steps: Any


_PORTS = """
select r.signal, p.low, p.high, coalesce(p.resolution, case when p.dtype ~ 'int' then 1 end) as step, p.noise, k.steps
  from gilgamesh.resolved_signal r
  join gilgamesh.port p on p.component_id = r.port_id
  left join gilgamesh.calibration k on k.id = r.calibrations[1]
 where r.shot = %s and r.signal_id = any(array(select s.id from gilgamesh.signal s where s.name = any(%s)))
"""
_PLAUSIBLE = "select name, kind, low, high from gilgamesh.signal where name = any(%s)"


def check_signals(db: Database, names: Iterable[str], shots: Iterable[int], thresholds: Thresholds) -> Findings:
    """See `Database.check_quality`; names of signals, not aliases."""
    names = list(dict.fromkeys(names))
    plausible = {row.name: row for row in db.reader.rows(_PLAUSIBLE, (names,))}
    stored = [name for name in names if plausible[name].kind != "derived"]
    found: list[Finding] = []
    measured: list[Numbers] = []
    missing: dict[tuple[int, str], str] = {}
    for shot in shots:
        bulk = read_many(db, stored, shot)
        ports = {
            row.signal: _Port(row.low, row.high, row.step, row.noise, row.steps)
            for row in db.reader.rows(_PORTS, (shot, stored), db.knowledge)
        }
        for name in names:
            try:
                signal = bulk.signals[name] if name in bulk.signals else db.signal(name, shot)
                range_ = plausible[name].low, plausible[name].high
                ours, numbers = _checked(signal, ports.get(name), range_, thresholds)
            except (Unresolved, NotFound) as error:
                missing[shot, name] = bulk.missing.get(name) or str(error)
                continue
            found += ours
            if numbers is not None:
                measured.append(numbers)
    found += _unusually_noisy(measured, thresholds)
    found.sort(key=lambda one: (one.shot, names.index(one.signal), one.check, one.since))
    return Findings(tuple(found), tuple(measured), missing, db)


def check_signal(signal: Signal, thresholds: Thresholds) -> Findings:
    """See `Signal.check_quality`."""
    db, stored = signal._db, signal._stored
    ports = {} if db is None or signal.shot is None else {
        row.signal: _Port(row.low, row.high, row.step, row.noise, row.steps)
        for row in db.reader.rows(_PORTS, (signal.shot, [signal.name]), db.knowledge)
    }  # fmt: skip
    known = [] if db is None else db.reader.rows(_PLAUSIBLE, ([signal.name],))
    found, numbers = _checked(
        stored, ports.get(signal.name), (known[0].low, known[0].high) if known else (None, None), thresholds
    )
    if signal._span is not None:
        since, until = signal._span
        found = [replace(one, since=max(one.since, since), until=min(one.until, until)) for one in found]
    return Findings(tuple(found), () if numbers is None else (numbers,), {}, db)


def _checked(
    signal: Signal, port: _Port | None, plausible: tuple[float | None, float | None], thresholds: Thresholds
) -> tuple[list[Finding], Numbers | None]:
    values = signal.values  # noqa: PD011 - a signal, not a Series
    if not values.size:
        return [], None
    finite = values[np.isfinite(values)]
    unit = signal._symbol
    saturated = _saturated(signal, port)
    low, high = (-np.inf if plausible[0] is None else plausible[0], np.inf if plausible[1] is None else plausible[1])
    outside = (values < low) | (values > high)
    found = []
    if saturated.sum() >= thresholds.saturated:
        share = saturated.mean()
        for since, until, count, of in windows(saturated, signal):
            flag = "bad" if 2 * count >= of else "doubtful"
            found.append(Finding(
                signal.name, signal.shot, "saturated", flag, since, until, count, float(saturated.sum()), thresholds.saturated,
                f"{_samples(saturated)} at the end of the range {_range(port)}, {share:.2%} of the record",
            ))  # fmt: skip
    if outside.sum() >= thresholds.implausible:
        worst = float(values[outside][np.argmax(np.maximum(low - values[outside], values[outside] - high))])
        limit = low if worst < low else high
        for since, until, count, _ in windows(outside, signal):
            found.append(Finding(
                signal.name, signal.shot, "implausible", "doubtful", since, until, count, worst, limit,
                f"{_samples(outside)} outside the plausible range from {low:g} to {high:g} {unit}; the farthest is {worst:g} {unit}",
            ))  # fmt: skip
    dead = _dead(signal, port, finite, thresholds)
    if dead is not None:
        found.append(dead)
    noise, expected = noise_level(values), float("nan")
    if port is not None and port.noise is not None and noise > 0:
        raw = noise_level(signal.raw.astype(np.float64))
        stated = float(np.hypot(port.noise, (port.step or 0.0) / np.sqrt(12)))
        expected = noise * stated / raw if raw > 0 else float("nan")
        if raw > thresholds.noisy * stated:
            found.append(_noisy(signal.name, signal.shot, values.size, noise, thresholds.noisy * expected,
                                f"noise of {noise:.3g} {unit}, {raw / stated:.1f} times what its port states"))  # fmt: skip
    numbers = Numbers(
        signal.name, signal.shot, values.size, float(finite.min(initial=np.inf)) if finite.size else np.nan,
        float(finite.max(initial=-np.inf)) if finite.size else np.nan, noise, expected, int(saturated.sum()), int(outside.sum()),
    )  # fmt: skip
    return found, numbers


def _saturated(signal: Signal, port: _Port | None) -> NDArray[np.bool_]:
    """Which samples lie at an end of the range of their port."""
    if port is None:
        return np.zeros(len(signal), bool)
    raw = signal.raw
    if raw.dtype.kind in "iu":
        ends = np.iinfo(raw.dtype)
        found = (raw == ends.min) & (ends.min < 0) | (raw == ends.max)
    else:
        found = np.zeros(raw.size, bool)
    if port.steps is None or (port.low is None and port.high is None):
        return np.asarray(found)
    steps = steps_from_json(port.steps)
    at_port = evaluate(steps, raw.astype(np.float64))
    low, high = port.low or -np.inf, port.high or np.inf  # where it rests at 0, nothing is cut off
    if port.step:
        one, other = raw.min(), raw.max()
        ends_of_step = np.array([one, one + port.step, other - port.step, other], np.float64)
        near = 1.001 * float(np.nanmax(np.abs(np.diff(evaluate(steps, ends_of_step))[[0, 2]])))
    else:
        near = 1e-3 * (high - low) if np.isfinite(high - low) else 0.0
    return np.asarray(found | (at_port <= low + near) | (at_port >= high - near))


def _dead(signal: Signal, port: _Port | None, finite: FloatArray, thresholds: Thresholds) -> Finding | None:
    """A record of one value, or of two that are neighbours."""
    if signal.time.size < 3:
        return None
    if not finite.size:
        return Finding(signal.name, signal.shot, "dead", "bad", -np.inf, np.inf, signal.time.size, np.nan, 0.0,
                       "not one sample is a number")  # fmt: skip
    span = float(np.ptp(finite))
    if span == 0:
        return Finding(signal.name, signal.shot, "dead", "bad", -np.inf, np.inf, finite.size, 0.0, 0.0,
                       f"all {finite.size} samples are {finite[0]:g} {signal._symbol}")  # fmt: skip
    if port is None or not port.step:
        return None
    raw = float(np.ptp(signal.raw.astype(np.float64))) / port.step
    if raw > thresholds.flat:
        return None
    return Finding(signal.name, signal.shot, "dead", "doubtful", -np.inf, np.inf, finite.size, raw, thresholds.flat,
                   f"the whole record stays within {raw:g} step{'s'[: raw != 1]} of its samples, {span:.3g} {signal._symbol}")  # fmt: skip


def noise_level(values: FloatArray) -> float:
    """Standard deviation of white noise in a record, freed of what varies slowly.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)

    Returns
    -------
    float
        In the unit of the values; NaN for fewer than three samples.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> round(noise_level(np.linspace(0, 50, 100_000) + rng.normal(0, 0.2, 100_000)), 2)
    0.2
    """
    if values.size > LOOKED_AT:  # sixteen pieces; where they join, a few differences too many do not move a median
        starts = np.linspace(0, values.size - LOOKED_AT // 16, 16).astype(int)
        values = np.concatenate([values[start : start + LOOKED_AT // 16] for start in starts])
    finite = values[np.isfinite(values)]
    if finite.size < 3:
        return float("nan")
    return float(1.4826 * np.median(np.abs(np.diff(finite, 2))) / np.sqrt(6))


def _unusually_noisy(measured: Sequence[Numbers], thresholds: Thresholds) -> Iterator[Finding]:
    """Records much noisier than the same signal usually is; where the port states its noise that was the measure."""
    for name, group in itertools.groupby(sorted(measured, key=lambda one: one.signal), key=lambda one: one.signal):
        judged = [one for one in group if np.isnan(one.expected) and one.noise > 0]
        if len(judged) < ENOUGH:
            continue
        usual = float(np.median([one.noise for one in judged]))
        for one in judged:
            if one.noise > thresholds.noisy * usual:
                yield _noisy(name, one.shot, one.samples, one.noise, thresholds.noisy * usual,
                             f"noise of {one.noise:.3g}, {one.noise / usual:.1f} times the median of {len(judged)} shots")  # fmt: skip


def _noisy(name: str, shot: int, samples: int, noise: float, limit: float, detail: str) -> Finding:
    return Finding(name, shot, "noisy", "doubtful", -np.inf, np.inf, samples, noise, limit, detail)


def windows(marked: NDArray[np.bool_], signal: Signal) -> list[tuple[float, float, int, int]]:
    """Where samples are marked: windows in seconds, how many marked samples each holds, and of how many.

    At most `WINDOWS` of them; the nearest are joined. One that covers the record has no ends.
    """
    time = signal.time
    edges = np.flatnonzero(np.diff(np.concatenate(([0], marked.astype(np.int8), [0]))))
    first, stop = edges[0::2], edges[1::2]
    if first.size > WINDOWS:
        gaps = first[1:] - stop[:-1]
        cut = np.sort(np.argsort(gaps, kind="stable")[-(WINDOWS - 1) :])
        first, stop = np.append(first[0], first[1:][cut]), np.append(stop[:-1][cut], stop[-1])
    counted = np.concatenate(([0], np.cumsum(marked)))
    end = time[-1] + (signal.dt or 0.0)
    ends = np.append(time, np.nextafter(end, np.inf) if not signal.dt else end)
    return [
        (
            -np.inf if i == 0 and j == time.size else float(time[i]),
            np.inf if i == 0 and j == time.size else float(ends[j]),
            int(counted[j] - counted[i]),
            int(j - i),
        )
        for i, j in zip(first, stop, strict=True)
    ]


def _samples(marked: NDArray[np.bool_]) -> str:
    count = int(marked.sum())
    return f"{count} sample{'s'[: count != 1]}"


def _range(port: _Port | None) -> str:
    if port is None or (port.low is None and port.high is None):
        return "of its numbers"
    return f"of its port ({'−∞' if port.low is None else f'{port.low:g}'} to {'∞' if port.high is None else f'{port.high:g}'})"


def _where(found: Sequence[Finding]) -> str:
    since, until = found[0].since, found[-1].until
    several = f", in {len(found)} windows" if len(found) > 1 else ""
    return several if np.isinf(since) and np.isinf(until) else f"{several} from {since:g} s to {until:g} s"


def _table(kind: type, rows: Sequence[Any]) -> pd.DataFrame:
    import pandas as pd

    names = [each.name for each in fields(kind)]
    table = pd.DataFrame([astuple(row) for row in rows], columns=[name.capitalize() for name in names])
    return table.set_index(["Shot", "Signal"])
