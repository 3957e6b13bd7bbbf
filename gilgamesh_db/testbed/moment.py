"""Since when something holds, as it is written in a revision: a time, or the trigger of a shot."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from ..errors import InvalidValue
from ..timespan import instant


@dataclass(frozen=True)
class ShotMoment:
    """The trigger of a shot; the database looks its time up when the revision runs.

    Examples
    --------
    >>> shot(1500)
    shot(1500)
    """

    number: int

    def __repr__(self) -> str:
        return f"shot({self.number})"


Moment = datetime.datetime | datetime.date | str | int | ShotMoment | None


def shot(number: int) -> ShotMoment:
    """Since (or until) the trigger of this shot: ``since=shot(1500)``."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise InvalidValue(f"{number!r} is not a shot number; write shot(1500)")
    return ShotMoment(number)


def bound(moment: Moment, name: str) -> tuple[str, int | str | None]:
    """The SQL of a moment, with the value of its parameter `name`.

    Examples
    --------
    >>> bound(shot(1500), "since")
    ('gilgamesh.shot_time(:since)', 1500)
    >>> bound("2026-03-01", "since")
    ('cast(:since as timestamptz)', '2026-03-01T00:00:00+00:00')
    """
    if isinstance(moment, int) and not isinstance(moment, bool):
        moment = shot(moment)
    if isinstance(moment, ShotMoment):
        return f"gilgamesh.shot_time(:{name})", moment.number
    if isinstance(moment, bool):
        raise InvalidValue(f"{moment} is neither a time nor a shot")
    fixed = instant(moment)
    return f"cast(:{name} as timestamptz)", None if fixed is None else fixed.isoformat()
