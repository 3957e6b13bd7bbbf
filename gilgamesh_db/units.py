"""Units: astropy's spelling in, dimension and factor out, so that the database can compare and convert.

The table ``gilgamesh.unit`` holds one row per unit in use, made by `parse_unit`; SQL converts with it as
`conversion` does here.
"""

from __future__ import annotations

import difflib
import functools
import math
import re
import warnings
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gilgamesh_db.calibration import Polynomial
from gilgamesh_db.errors import UnitMismatch

__all__ = ["UnitDefinition", "conversion", "conversion_step", "parse_unit"]

_SI_BASES = ("kg", "m", "s", "A", "K", "mol", "cd", "rad")
_CELSIUS = "deg_C"

# What people write where astropy knows another word.
_SPELLINGS = {
    "amp": "A", "amps": "A", "amperes": "A", "volts": "V", "watts": "W", "ohms": "Ohm", "tesla": "T", "teslas": "T",
    "sec": "s", "secs": "s", "seconds": "s", "msec": "ms", "usec": "us", "mins": "min", "minutes": "min", "hr": "h",
    "hrs": "h", "hours": "h", "celsius": _CELSIUS, "degc": _CELSIUS, "kelvins": "K", "counts": "ct", "cts": "ct",
    "degrees": "deg", "radians": "rad", "meters": "m", "metres": "m", "liters": "l", "litres": "l",
}  # fmt: skip
_COMMON = [
    "V", "mV", "uV", "kV", "A", "mA", "uA", "kA", "W", "mW", "kW", "MW", "Pa", "hPa", "bar", "mbar", "Torr", "K",
    "deg_C", "eV", "keV", "J", "kJ", "s", "ms", "us", "ns", "min", "h", "Hz", "kHz", "MHz", "GHz", "m", "cm", "mm",
    "um", "T", "mT", "G", "Ohm", "kOhm", "MOhm", "F", "uF", "nF", "H", "mH", "uH", "C", "Wb", "N", "kg", "g", "l", "ct",
    "rad", "deg",
]  # fmt: skip


@dataclass(frozen=True)
class UnitDefinition:
    """A unit as the database stores it: ``SI value = value · factor + offset``.

    Attributes
    ----------
    symbol : str
        Astropy's own spelling, for example ``V``, ``1 / m3``, ``deg_C``, ``ct``; empty for pure numbers.
    dimension : str
        Powers of the base units in a fixed order, for example ``kg m2 s-3 A-1``; ``1`` for pure numbers.
        What astropy does not reduce further (``ct``, ``rad``, ``bit`` …) is a base of its own.
    factor : float
        Positive; the size of the unit in base units.
    offset : float
        Where its zero lies, in base units: 0, but 273.15 for ``deg_C``.
    """

    symbol: str
    dimension: str
    factor: float
    offset: float = 0.0


@functools.lru_cache(maxsize=1024)
def parse_unit(text: str) -> UnitDefinition:
    """Understand a unit, however astropy allows it to be written.

    Parameters
    ----------
    text : str
        For example ``"V"``, ``"1/m^3"``, ``"mbar l / s"``, ``"°C"``; empty for a pure number.

    Raises
    ------
    UnitMismatch
        When it is not a unit, has a number in front, is logarithmic (dB), or has °C in a product.

    Examples
    --------
    >>> parse_unit("1/cm^3")
    UnitDefinition(symbol='1 / cm3', dimension='m-3', factor=1000000.0, offset=0.0)
    >>> parse_unit("V/Amp")
    Traceback (most recent call last):
    gilgamesh_db.errors.UnitMismatch: 'V/Amp' is not a unit; did you mean 'V / A'?
    """
    unit = _astropy_unit(text)
    shown = repr(text if len(text) <= 60 else text[:60] + "…")
    if "dex" in _powers(unit) or (unit is None and text.startswith("dB")):
        raise UnitMismatch(
            f"{shown} is logarithmic; give the linear unit, for example mW, and put a power_of_ten step into the "
            "calibration"
        )
    if unit is None:
        suggestion = _suggestion(text)
        if suggestion is not None:
            raise UnitMismatch(f"{shown} is not a unit; did you mean {suggestion!r}?")
        raise UnitMismatch(
            f"{shown} is not a unit; write it as astropy does, for example V, mbar, 1 / m3, deg_C, ct, or leave it "
            "empty for a pure number"
        )
    symbol = str(unit.to_string())
    if symbol == _CELSIUS:
        return UnitDefinition(symbol, "K", 1.0, 273.15)
    if _CELSIUS in _powers(unit):
        raise UnitMismatch(f"{shown} multiplies a temperature in °C; write K for differences of temperature")
    if getattr(unit, "scale", 1.0) != 1.0:
        raise UnitMismatch(f"{shown} has a number in it; use a prefix (mV, kV), or put the factor into the calibration")
    factor = _without_rounding(float(unit.decompose().scale))
    if not 0.0 < factor < math.inf:
        raise UnitMismatch(f"{shown} is too large or too small a unit for float64")
    return UnitDefinition(symbol, _dimension(_powers(unit)), factor)


def conversion(from_unit: str, to_unit: str) -> tuple[float, float]:
    """Return gain and offset that turn a value in one unit into a value in another.

    Raises
    ------
    UnitMismatch
        When one of them is not a unit, or their dimensions differ.

    Examples
    --------
    >>> conversion("mbar", "Pa")
    (100.0, 0.0)
    >>> conversion("deg_C", "K")
    (1.0, 273.15)
    """
    a, b = parse_unit(from_unit), parse_unit(to_unit)
    if a.dimension != b.dimension:
        raise UnitMismatch(
            f"{from_unit!r} cannot become {to_unit!r}: the one is {a.dimension}, the other {b.dimension}"
        )
    return a.factor / b.factor, (a.offset - b.offset) / b.factor


def conversion_step(from_unit: str, to_unit: str) -> Polynomial:
    """The same as a calibration step.

    Examples
    --------
    >>> conversion_step("mbar", "Pa")
    Polynomial(coefficients=(0.0, 100.0))
    """
    gain, offset = conversion(from_unit, to_unit)
    return Polynomial((offset, gain))


def _astropy_unit(text: str) -> Any:
    """Return the astropy unit, or None when it is none."""
    from astropy.units import Unit

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a second slash is understood, astropy only dislikes it
        try:
            unit = Unit(text)
            unit.decompose()  # so small or so large that no number tells
        except (ValueError, TypeError, OverflowError):
            return None
        return unit


def _powers(unit: Any) -> dict[str, Fraction]:
    """Return the powers of the base units by name; ``dex`` is the base of what is logarithmic."""
    from astropy.units import UnitBase

    if unit is None:
        return {}
    if not isinstance(unit, UnitBase):  # dB(mW) and its kin
        return {"dex": Fraction(1)}
    base = unit.decompose()
    return {
        part.name: Fraction(power).limit_denominator(100) for part, power in zip(base.bases, base.powers, strict=True)
    }


def _without_rounding(factor: float) -> float:
    """Take the last bits of noise off: a litre is 0.001 m3, not 0.0010000000000000002."""
    short = float(f"{factor:.14g}")
    return short if abs(short - factor) <= 4 * math.ulp(factor) else factor


def _dimension(powers: dict[str, Fraction]) -> str:
    others = sorted(set(powers) - set(_SI_BASES))
    parts = []
    for base in (*_SI_BASES, *others):
        power = powers.get(base, Fraction(0))
        if power:
            exponent = "" if power == 1 else str(power) if power.denominator == 1 else f"({power})"
            parts.append(base + exponent)
    return " ".join(parts) or "1"


def _suggestion(text: str) -> str | None:
    """Correct the words that are no units; None unless all of it is a unit then."""

    def corrected(word: re.Match[str]) -> str:
        found = word.group()
        if _astropy_unit(found) is not None:
            return found
        if found.casefold() in _SPELLINGS:
            return _SPELLINGS[found.casefold()]
        folded = {symbol.casefold(): symbol for symbol in _COMMON}
        near = difflib.get_close_matches(found.casefold(), folded, n=1, cutoff=0.87)
        return folded[near[0]] if near else found

    better = re.sub(r"[^\W\d]+", corrected, text)
    try:
        return None if better == text else parse_unit(better).symbol
    except UnitMismatch:
        return None
