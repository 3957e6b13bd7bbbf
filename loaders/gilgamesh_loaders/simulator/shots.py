"""Which shots there are, when they were fired, and what the operators had set.

The lab fires sixteen shots a week, four a day from Monday to Thursday; on Friday
the testbed is open and gets re-plugged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

FIRST_SHOT = 838
LAST_SHOT = 1896
SHOTS_PER_WEEK = 16
FIRST_MONDAY = datetime(2025, 2, 3, 8, 30, tzinfo=UTC)

SHOTS = (
    *(838, 873, 905, 941, 969, 1000, 1012, 1024, 1056, 1099),
    *(1100, 1128, 1165, 1189, 1212, 1234, 1258, 1281, 1299, 1300),
    *(1333, 1366, 1402, 1449, 1450, 1483, 1499, 1500, 1530, 1564),
    *(1602, 1640, 1650, 1680, 1702, 1730, 1750, 1777, 1840, 1896),
)
"""The forty shots of the demo."""

FIZZLED = frozenset({1012, 1777})
"""Shots whose helicon power was set too low: the gas never broke down."""

_GASES = (
    *((0, "Argon"), (970, "Helium"), (1130, "Argon"), (1350, "Hydrogen")),
    *((1500, "Argon"), (1700, "Helium"), (1800, "Argon")),
)
_PROGRAMS = ("Helicon power scan", "Radial profile", "ICRF heating", "Magnetic field scan", "Pressure scan")


def shot_time(number: int) -> datetime:
    """Return the trigger time of a shot.

    Parameters
    ----------
    number : int
        Shot number; shot 838 was the first one on 3 February 2025.

    Returns
    -------
    datetime
        Aware, in UTC, strictly increasing with the number.

    Examples
    --------
    >>> shot_time(838).isoformat()
    '2025-02-03T08:32:02+00:00'
    >>> shot_time(1234).strftime("%A")
    'Thursday'
    """
    week, in_week = divmod(number - FIRST_SHOT, SHOTS_PER_WEEK)
    day, in_day = divmod(in_week, 4)
    preparation = timedelta(seconds=number * 7919 % 2400)  # no crew is ever ready on the minute
    return FIRST_MONDAY + timedelta(weeks=week, days=day, hours=2 * in_day) + preparation


def week_of(number: int) -> int:
    """Return the week of a shot, counted from 0."""
    return (number - FIRST_SHOT) // SHOTS_PER_WEEK


@dataclass(frozen=True)
class Settings:
    """What the operators had set for one shot.

    Attributes
    ----------
    gas : str
        'Argon', 'Helium' or 'Hydrogen'.
    program : str
        The experimental program of the fortnight.
    pressure : float
        Neutral gas pressure, in mbar.
    helicon_power, icrf_power : float
        Forward power of the two generators at flat top, in W.
    big_coil_current, small_coil_current : float
        Coil currents at flat top, in A.
    position : float
        Distance of the tip of probe 1 from the axis, in cm.
    """

    gas: str
    program: str
    pressure: float
    helicon_power: float
    icrf_power: float
    big_coil_current: float
    small_coil_current: float
    position: float


def settings_of(number: int, rng: np.random.Generator) -> Settings:
    """Return what had been set for a shot: a standard operating point, one knob of it scanned."""
    scan, scatter = rng.random(), rng.normal(1.0, 0.01, size=6)
    settings = {
        "pressure": 9e-4,
        "helicon_power": 1500.0,
        "icrf_power": 0.0,
        "big_coil_current": 750.0,
        "small_coil_current": 220.0,
        "position": 6.0,
    }
    program = _PROGRAMS[week_of(number) // 2 % len(_PROGRAMS)]
    match program:
        case "Helicon power scan":
            settings["helicon_power"] = 800.0 + 1400.0 * scan
        case "Radial profile":
            settings["position"] = 2.5 + 21.0 * scan
        case "ICRF heating":
            settings["icrf_power"] = 650.0 + 750.0 * scan
        case "Magnetic field scan":
            settings["big_coil_current"] = 520.0 + 420.0 * scan
        case _:
            settings["pressure"] = 5e-4 + 1.2e-3 * scan
    settings = {name: value * factor for (name, value), factor in zip(settings.items(), scatter, strict=True)}
    if number in FIZZLED:
        settings["helicon_power"] = 320.0
    gas = [name for first, name in _GASES if first <= number][-1]
    return Settings(gas=gas, program=program, **settings)
