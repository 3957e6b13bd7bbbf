"""Formulas: what is read, what is refused, and their numbers beside astropy and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u

from gilgamesh_db.errors import ConditionError, FormulaError, UnitMismatch
from gilgamesh_db.formula import compile_formula, parse_condition, parse_formula, shown

TIME = np.arange(5) * 1e-3
A = np.array([1.0, -2.0, 0.0, np.nan, 1e300])
B = np.array([4.0, 0.0, 0.0, 1.0, 1e-300])
UNITS = {"a": "kW", "b": "W", "c": "A", "d": "deg_C", "n": "", "phi": "deg"}


def value(text: str, **arrays: np.ndarray) -> np.ndarray:
    return compile_formula(parse_formula(text), UNITS)(TIME, arrays)


@pytest.mark.parametrize(
    "text",
    ["a + b", "a - b", "a * b", "a / b", "-a", "abs(a)", "a**2", "a**-1", "sqrt(a * a)", "3 * a + 2 * b", "a / (a + b)",
     "2**3 * b", "min(a, b)", "max(a, b)"],
)  # fmt: skip
def test_numbers_and_units_are_those_of_astropy(text: str) -> None:
    compiled = compile_formula(parse_formula(text), UNITS)
    with np.errstate(all="ignore"):
        expected = eval(  # noqa: S307 - ours, for comparison
            text, {"abs": np.abs, "sqrt": np.sqrt, "min": np.minimum, "max": np.maximum}, {"a": A * u.kW, "b": B * u.W}
        )
    found = u.Quantity(compiled(TIME, {"a": A, "b": B}), compiled.unit or u.dimensionless_unscaled)
    np.testing.assert_allclose(found.to_value(expected.unit), expected.value, rtol=1e-14)


def test_division_and_logarithms_follow_ieee() -> None:
    np.testing.assert_array_equal(value("a / b", a=A, b=B)[:4], [0.25, -np.inf, np.nan, np.nan])
    np.testing.assert_array_equal(value("log10(n)", n=np.array([100.0, 0.0, -1.0, np.nan, np.inf])),
                                  [2.0, -np.inf, np.nan, np.nan, np.inf])  # fmt: skip
    np.testing.assert_array_equal(value("where(a > 0, a, 0)", a=A), [1.0, 0.0, 0.0, 0.0, 1e300])
    np.testing.assert_array_equal(value("clip(a, -1, 1)", a=A), [1.0, -1.0, 0.0, np.nan, 1.0])
    np.testing.assert_allclose(value("sin(phi)", phi=np.full(5, 30.0)), 0.5)
    assert np.isnan(value("n**0", n=A)[3])


def test_what_is_not_pointwise() -> None:
    time = np.linspace(0, 1, 2001)
    x = np.sin(2 * np.pi * time)

    def over(text: str) -> tuple[np.ndarray, str]:
        compiled = compile_formula(parse_formula(text), {"x": "V"})
        assert not compiled.pointwise
        return compiled(time, {"x": x}), compiled.unit

    area, unit = over("integral(x)")
    np.testing.assert_allclose(area, (1 - np.cos(2 * np.pi * time)) / (2 * np.pi), atol=1e-6)
    assert u.Unit(unit) == u.V * u.s
    slope, unit = over("diff(x)")
    np.testing.assert_allclose(slope[1:-1], (2 * np.pi * np.cos(2 * np.pi * time))[1:-1], atol=1e-4)
    assert u.Unit(unit) == u.V / u.s
    # The mean of a sine over a window of length w is the sine times sinc.
    smooth, unit = over("smooth(x, 0.1)")
    np.testing.assert_allclose(smooth[200:-200], (x * np.sinc(0.1))[200:-200], atol=2e-3)
    np.testing.assert_allclose(over("x - mean(x, 0, 0.5)")[0], x - x[:1000].mean(), rtol=1e-13)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [("a +", FormulaError, "cannot be read"), ("", FormulaError, "empty"), ("a.real", FormulaError, "no meaning"),
     ("__import__('os')", FormulaError, "no function '__import__'"), ("a[0]", FormulaError, "no meaning"),
     ("(lambda: 1)()", FormulaError, "no meaning"), ("'text'", FormulaError, "no meaning"), ("True", FormulaError, "no meaning"),
     ("sqtr(a)", FormulaError, "did you mean 'sqrt'"), ("sqrt(a, b)", FormulaError, "write sqrt"),
     ("a**c", FormulaError, "exponent"), ("(a > 1) + 1", FormulaError, "computes with a condition"),
     ("where(a, 1, 2)", FormulaError, "a > 0"), ("smooth(a, b)", FormulaError, "in seconds"), ("smooth(a, 0)", FormulaError, "nothing"),
     ("a + c", UnitMismatch, "a is in kW, c in A"), ("a - 3", UnitMismatch, "quantity"), ("log10(a)", UnitMismatch, "pure number"),
     ("2 * d", UnitMismatch, "°C"), ("a > c", UnitMismatch, "no meaning"), ("quantity(1, 'foo')", UnitMismatch, "not a unit"),
     ("(" * 300 + "a" + ")" * 300, FormulaError, "cannot be read"), ("-" * 100 + "a", FormulaError, "nested"),
     ("1" + "0" * 400, FormulaError, "too large"), ("a" * 5000, FormulaError, "characters"), ("a if a > 0 else b", FormulaError, "no meaning"),
     ("a\0", FormulaError, "cannot be read")],
)  # fmt: skip
def test_what_is_no_formula_is_refused_in_words(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        compile_formula(parse_formula(text), UNITS)


def test_numbers_take_the_unit_of_what_they_are_compared_with() -> None:
    condition = compile_formula(parse_condition("0.5 < a <= quantity(2000, 'W') and not c == 1"), UNITS)
    found = condition(TIME, {"a": np.array([0.4, 0.6, 2.0, 2.1, np.nan]), "c": np.array([0.0, 0.0, 0.0, 0.0, 0.0])})
    assert found.tolist() == [0, 1, 1, 0, 0]
    with pytest.raises(ConditionError, match="not a condition; compare it, for example: a \\+ b > 0"):
        parse_condition("a + b")
    with pytest.raises(ConditionError, match="cannot be read"):
        parse_condition("a > ")


@pytest.mark.parametrize("text", ["a - (b - c)", "a - b - c", "(a + b) * c", "-a**2", "(-a)**2", "a / (b * c)", "not (a > 1 or b < 2)",
                                  "where(a >= 0.001, a, quantity(2.5, 'kW'))", "a**-0.5"])  # fmt: skip
def test_a_formula_is_shown_as_it_is_meant(text: str) -> None:
    assert shown(parse_formula(text)) == text
    assert parse_formula(shown(parse_formula(text))) == parse_formula(text)
