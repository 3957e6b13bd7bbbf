"""A generator's log beside the shots of the database: what belongs together, and what is to be stated about the clock."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from gilgamesh_db.errors import InvalidValue, SamplesNotFound, Unresolved
from gilgamesh_loaders.generator_log import Pulse, rise_time
from gilgamesh_loaders.pulse_matching import Matching, Period, match

if TYPE_CHECKING:
    from gilgamesh_db import Database

RESOLUTION = 0.02  # s; a timing row serves as long as the clock does not drift further than this


@dataclass(frozen=True)
class Fired:
    """A shot: its number, and its trigger."""

    number: int
    started_at: datetime


@dataclass(frozen=True)
class Matched:
    """A log beside the shots.

    Attributes
    ----------
    pulses : sequence of Pulse
    shots : sequence of Fired
    matching : Matching
    """

    pulses: Sequence[Pulse]
    shots: Sequence[Fired]
    matching: Matching

    def __str__(self) -> str:
        lines = []
        for period in self.matching.periods:
            clock, first, last = period.clock, self.shots[period.pairs[0][1]], self.shots[period.pairs[-1][1]]
            drift = f", drifting {clock.rate * 86400:+.3f} s a day" if clock.rate else ""
            lines.append(
                f"shots {first.number} to {last.number}: the clock is {_off(self._offset(period, 0))}{drift}; "
                f"{len(period.pairs)} pulses, {1e3 * clock.scatter:.0f} ms scatter"
            )
        if not lines:
            lines.append(
                "no clock was found on which pulses belong to shots; is the log of another time, or --largest too small?"
            )
        elif len(self.timing()) > len(lines):
            lines.append(f"it drifts so far that its timing takes {len(self.timing())} statements")
        lines.append(f"pulses without a shot: {len(self.matching.pulses)}")
        lines += [
            f"  {_clock(self.pulses[i].begin)} by its clock ({self.pulses[i].place})" for i in self.matching.pulses
        ]
        lonely = [self.shots[j].number for j in self.matching.shots]
        lines.append(f"shots without a pulse: {', '.join(map(str, lonely)) if lonely else 'none'}")
        return "\n".join(lines)

    def timing(self, resolution: float = RESOLUTION) -> list[dict[str, Any]]:
        """The statements about the clock: from which shot until which, offset and rate.

        One row serves a period, or as much of it as the offset changes by less than `resolution` (s).
        """
        rows: list[dict[str, Any]] = []
        for period in self.matching.periods:
            offsets = [self._offset(period, k) for k in range(len(period.pairs))]
            first = 0
            for k in range(1, len(offsets) + 1):
                part = offsets[first : k + 1]
                if k == len(offsets) or max(part) - min(part) > 2 * resolution:
                    held = offsets[first:k]
                    rows.append({
                        "since": self.shots[period.pairs[first][1]].number,
                        "start_offset": round((max(held) + min(held)) / 2, 6),
                        "clock_rate": 1.0 + period.clock.rate,
                    })  # fmt: skip
                    first = k
        for row, following in itertools.pairwise(rows):
            row["until"] = following["since"]
        if rows:
            rows[-1]["until"] = self._after(self.matching.periods[-1])
        return rows

    def to_dict(self) -> dict[str, Any]:
        """The same for a script."""
        return {
            "pairs": [
                {"shot": self.shots[j].number, "pulse": self.pulses[i].place, "offset": self._offset(period, k),
                 "residual": self.matching.residuals[i]}
                for period in self.matching.periods for k, (i, j) in enumerate(period.pairs)
            ],
            "timing": self.timing(),
            "pulses without a shot": [self.pulses[i].place for i in self.matching.pulses],
            "shots without a pulse": [self.shots[j].number for j in self.matching.shots],
        }  # fmt: skip

    def _offset(self, period: Period, k: int) -> float:
        """What is to be added in the shot of a pair: the correction at the instant of its trigger."""
        trigger = self.shots[period.pairs[k][1]].started_at.timestamp()
        clock = period.clock
        return clock.offset + clock.rate * (trigger - clock.reference)

    def _after(self, period: Period) -> int | None:
        """The shot after the last of a period, where the database has one."""
        last = period.pairs[-1][1]
        return self.shots[last + 1].number if last + 1 < len(self.shots) else None


def match_log(
    db: Database,
    found: Sequence[Pulse],
    *,
    shots: str = ":",
    lead: float = 0.0,
    reference: str | None = None,
    **limits: Any,
) -> Matched:
    """Match the pulses of a log to the shots of the database.

    Parameters
    ----------
    found : sequence of Pulse
    shots : str
        Only these.
    lead : float
        The log of a pulse begins so many s before the trigger.
    reference : str, optional
        A signal of the same pulse, timed by another device: the pulse begins when it rises, and so does the log.
        Shots in which it cannot be read are matched by their trigger alone.
    limits
        Of `pulse_matching.match`.
    """
    rows = db.sql(
        "select number, started_at from gilgamesh.shot where number = any(:shots) order by started_at, number",
        {"shots": db.shot_numbers(shots)},
    )
    fired = [
        Fired(number, at)
        for number, at in zip(rows["number"].tolist(), rows["started_at"].dt.to_pydatetime(), strict=True)
    ]
    if not fired:
        raise InvalidValue("there are no shots that the pulses could belong to; load the other devices first")
    ordered = sorted(found, key=lambda pulse: pulse.begin)
    begins = np.array([pulse.rise() if reference else pulse.begin + lead for pulse in ordered])
    triggers = np.array(
        [shot.started_at.timestamp() + (_rise(db, reference, shot.number) if reference else 0.0) for shot in fired]
    )
    return Matched(ordered, fired, match(begins, triggers, **limits))


def _rise(db: Database, signal: str, shot: int) -> float:
    try:
        read = db.signal(signal, shot)
        return rise_time(read.time, read.values)
    except (SamplesNotFound, Unresolved):
        return 0.0


def _off(offset: float) -> str:
    return f"{abs(offset):.3f} s {'slow' if offset >= 0 else 'fast'}"


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
