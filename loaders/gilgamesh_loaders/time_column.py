"""A printed column of times is uniform but rounded, or truly irregular; this tells which.

Instruments sample evenly and print each time with a few digits, or out of a float32. Taken at face value such
a column jitters, and where the digits run out it stands still. `uniform_axis` tells whether one start and one
interval explain every printed number within the rounding of its own digits, and which.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gilgamesh_loaders.plan import spelled_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TIME_NAMES = frozenset({"time", "t", "times", "timestamp", "second", "seconds", "zeit", "temps", "x"})

_NUMBER = re.compile(r"\s*[+-]?\d*(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*")
_MOST_DIGITS = 17  # tell any two float64 apart


def uniform_axis(texts: Sequence[str]) -> tuple[float, float] | None:
    """Find the start and the interval of a column of evenly spaced times, as printed.

    Parameters
    ----------
    texts : sequence of str, length n
        The numbers as the file has them, with a decimal point.

    Returns
    -------
    tuple of float, or None
        ``(start, dt)`` in the unit of the column, with as few digits as explain all numbers; None when they
        do not increase evenly within their own rounding.

    Notes
    -----
    Where the last digit is worth more than half an interval, a sample that was never taken looks like
    rounding. Such a column counts as uniform only if it is exactly even, or if numbers repeat, so that the
    digits have visibly run out.

    Examples
    --------
    >>> uniform_axis(["-5.9999998e-06", "-5.9800000e-06", "-5.9600002e-06", "-5.9399999e-06"])
    (-6e-06, 2e-08)
    >>> uniform_axis(["0.00", "0.00", "0.01", "0.01", "0.02"])
    (0.0, 0.005)
    >>> uniform_axis(["0", "1", "2", "4"])  # one is missing
    """
    times = np.array([float(text) for text in texts])
    exact = even_axis(times)
    if exact is not None or not _may_be_even(times):
        return exact
    noise = _noise(times)
    rounding = _rounding(times, texts)
    interval = (times[-1] - times[0]) / (times.size - 1)
    repeats = bool((np.diff(times) == 0).any())
    if not repeats and (times.size < 4 or interval < 4 * rounding.max()):
        return None
    return _line_within(times, noise + rounding)


def even_axis(times: Floats) -> tuple[float, float] | None:
    """Find the start and the interval of times that are even but for the rounding of float64, None of others.

    Examples
    --------
    >>> even_axis(np.cumsum([0.5, 0.1, 0.1, 0.1]))
    (0.5, 0.1)
    """
    return _line_within(times, _noise(times)) if _may_be_even(times) else None


def meant_by_float32(value: float) -> float:
    """Give the shortest decimal a float32 stands for; any other float64 comes back as it is.

    Examples
    --------
    >>> meant_by_float32(9.999999717180685e-10), meant_by_float32(1e-9)
    (1e-09, 1e-09)
    """
    with np.errstate(over="ignore"):
        single = np.float32(value)
    return float(str(single)) if float(single) == value else value


def time_base(times: Floats) -> dict[str, Any]:
    """Give times as keywords of a `SeriesPlan`: start and dt where they are even, otherwise themselves."""
    even = even_axis(times)
    return {"times": times} if even is None else {"start": even[0], "dt": even[1]}


def seconds_in(unit: str) -> float | None:
    """How many seconds a unit of time has; None for what is none.

    Examples
    --------
    >>> seconds_in("ms"), seconds_in("minutes"), seconds_in("V")
    (0.001, 60.0, None)
    """
    from astropy import units

    spelled = spelled_unit(unit)
    if not spelled:
        return None
    parsed = units.Unit(spelled)
    return float(parsed.to(units.s)) if parsed.is_equivalent(units.s) else None


def _may_be_even(times: Floats) -> bool:
    return times.size > 1 and bool(np.isfinite(times).all()) and bool(times[-1] > times[0])


def _noise(times: Floats) -> Floats:
    return np.full(times.shape, max(4, times.size) * np.spacing(np.abs(times).max()))  # a sum of n float64


def _line_within(times: Floats, slack: Floats) -> tuple[float, float] | None:
    """Find the start and interval of fewest digits that miss no time by more than its slack."""
    slope = float(times[-1] - times[0]) / (times.size - 1)
    steps = np.arange(times.size)
    for digits in range(1, _MOST_DIGITS + 1):
        dt = float(f"{slope:.{digits}g}")
        rest = times - steps * dt
        low, high = float((rest - slack).max()), float((rest + slack).min())
        if low <= high:
            return _shortest_between(low, high), dt
    return None


def _rounding(times: Floats, texts: Sequence[str]) -> Floats:
    """How far each printed number may lie from the true time: half its last digit, or what a float32 loses.

    Instruments also reckon in float32, start plus index times interval; that loses up to one unit in the last
    place of the largest time or of the whole span, near zero as well.
    """
    half: Floats = _printed_quanta(times, texts) / 2
    with np.errstate(over="ignore"):
        single = times.astype(np.float32)
    if np.isfinite(single).all() and (np.abs(single - times) <= half * (1 + 1e-6)).all():
        half = half + float(np.spacing(max(np.abs(single).max(), single[-1] - single[0])))
    return half


def _printed_quanta(times: Floats, texts: Sequence[str]) -> Floats:
    """Give the value of the last printed digit of each number.

    Some writers drop trailing zeros, so the finest digit of a decade counts for all numbers in it, and for
    the decades below: whether digits or decimals are kept, smaller numbers are never printed more coarsely.
    """
    quanta = np.array([_quantum(text) for text in texts])
    decades = np.floor(np.log10(np.abs(times), where=times != 0, out=np.full(times.shape, -400.0)))
    _, place = np.unique(decades, return_inverse=True)
    finest = np.full(place.max() + 1, math.inf)
    np.minimum.at(finest, place, quanta)
    finest = np.minimum.accumulate(finest[::-1])[::-1]
    return np.asarray(finest[place], dtype=np.float64)


def _quantum(text: str) -> float:
    parsed = _NUMBER.fullmatch(text)
    if parsed is None:
        return 0.0
    return float(f"1e{int(parsed[2] or 0) - len(parsed[1] or '')}")


def _shortest_between(low: float, high: float) -> float:
    if low <= 0.0 <= high:
        return 0.0
    middle = low + (high - low) / 2
    candidates = (float(f"{middle:.{digits}g}") for digits in range(1, _MOST_DIGITS + 1))
    return next((one for one in candidates if low <= one <= high), middle)
