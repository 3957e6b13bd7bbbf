"""Units parse as astropy parses them, convert exactly, and what is none is answered with a suggestion."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest
from astropy import units as u
from hypothesis import assume, given
from hypothesis import strategies as st

from gilgamesh_db.errors import InvalidValue, UnitMismatch
from gilgamesh_db.units import UnitDefinition, conversion, parse_unit

WORDS = ["V", "A", "mbar", "Torr", "l", "cm", "s", "min", "ct", "rad", "kOhm", "eV", "K", "u", "T", "bit", "%"]


@pytest.mark.parametrize(
    ("text", "symbol", "dimension", "factor", "offset"),
    [
        ("V", "V", "kg m2 s-3 A-1", 1.0, 0.0),
        (" volt ", "V", "kg m2 s-3 A-1", 1.0, 0.0),
        ("mbar", "mbar", "kg m-1 s-2", 100.0, 0.0),
        ("1/cm^3", "1 / cm3", "m-3", 1e6, 0.0),
        ("cm**-3", "1 / cm3", "m-3", 1e6, 0.0),
        ("l", "l", "m3", 1e-3, 0.0),
        ("G", "G", "kg s-2 A-1", 1e-4, 0.0),
        ("°C", "deg_C", "K", 1.0, 273.15),
        ("µs", "us", "s", 1e-6, 0.0),
        ("Ω", "Ohm", "kg m2 s-3 A-2", 1.0, 0.0),
        ("ct", "ct", "ct", 1.0, 0.0),
        ("ct/s", "ct / s", "s-1 ct", 1.0, 0.0),
        ("byte", "byte", "bit", 8.0, 0.0),
        ("percent", "%", "1", 0.01, 0.0),
        ("", "", "1", 1.0, 0.0),
        ("m/s/s", "m / s2", "m s-2", 1.0, 0.0),
        ("sqrt(V)", "V(1/2)", "kg(1/2) m s(-3/2) A(-1/2)", 1.0, 0.0),
    ],
)
def test_units_are_understood(text: str, symbol: str, dimension: str, factor: float, offset: float) -> None:
    assert parse_unit(text) == UnitDefinition(symbol, dimension, factor, offset)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("V/Amp", "did you mean 'V / A'?"),
        ("volts", "did you mean 'V'?"),
        ("counts/sec", "did you mean 'ct / s'?"),
        ("degC", "did you mean 'deg_C'?"),
        ("Khz", "did you mean 'kHz'?"),
        ("MBAR", "did you mean 'mbar'?"),
        ("mbarr", "did you mean 'mbar'?"),
        ("2 volts", "write it as astropy does"),
        ("degF", "write it as astropy does"),
        ("nonsense", "write it as astropy does, for example V, mbar, 1 / m3, deg_C, ct"),
        ("V/", "is not a unit"),
        ("V; drop table unit", "is not a unit"),
        ("\0", "is not a unit"),
        ("x" * 1000, "xxx…' is not a unit"),
        ("dBm", "is logarithmic; give the linear unit"),
        ("dB", "is logarithmic"),
        ("dB(mW)", "is logarithmic"),
        ("mag", "is logarithmic"),
        ("dB / m", "is logarithmic"),
        ("V / deg_C", "write K for differences"),
        ("2 V", "has a number in it"),
        ("1e3 V", "has a number in it"),
        ("(km)(100)", "not a unit|too large"),
    ],
)
def test_what_is_no_unit_is_answered(text: str, answer: str) -> None:
    with pytest.raises(UnitMismatch, match=answer.replace("(", r"\(").replace("?", r"\?")) as error:
        parse_unit(text)
    assert len(str(error.value)) < 250
    assert isinstance(error.value, InvalidValue)


def test_a_unit_beyond_all_numbers_is_refused() -> None:
    with pytest.raises(UnitMismatch, match="is not a unit"):
        parse_unit("1 / u12")


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from([-3, -2, -1, 1, 2])), min_size=1, max_size=4))
def test_products_of_units_are_astropys(parts: list[tuple[str, int]]) -> None:
    unit = u.dimensionless_unscaled
    for word, power in parts:
        unit = unit * u.Unit(word) ** power
    try:
        unit.decompose()
    except OverflowError:
        assume(False)
    found = parse_unit(unit.to_string())
    assert parse_unit(found.symbol) == found
    assert found.factor == pytest.approx(unit.decompose().scale, rel=1e-15)
    rebuilt = u.dimensionless_unscaled if found.dimension == "1" else u.Unit(found.dimension.replace(" ", "."))
    assert rebuilt.is_equivalent(unit)


@pytest.mark.parametrize(
    ("source", "target", "gain", "offset"),
    [
        ("V", "V", 1.0, 0.0),
        ("V", "mV", 1000.0, 0.0),
        ("mbar", "Pa", 100.0, 0.0),
        ("1/cm3", "1/m3", 1e6, 0.0),
        ("deg_C", "K", 1.0, 273.15),
        ("K", "deg_C", 1.0, -273.15),
        ("V/A", "Ohm", 1.0, 0.0),
        ("%", "", 0.01, 0.0),
    ],
)
def test_conversions(source: str, target: str, gain: float, offset: float) -> None:
    assert conversion(source, target) == (gain, offset)


@pytest.mark.parametrize(("source", "target"), [("V", "A"), ("ct", "V"), ("rad / s", "Hz"), ("ct", ""), ("W", "J")])
def test_other_dimensions_are_refused(source: str, target: str) -> None:
    with pytest.raises(UnitMismatch, match=f"'{source}' cannot become '{target}': the one is "):
        conversion(source, target)


def test_astropy_is_loaded_only_when_a_unit_is_parsed() -> None:
    code = "import gilgamesh_db.units, sys; sys.exit('astropy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_warns() -> None:
    parse_unit.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse_unit("m/s/s").symbol == "m / s2"
