"""First order against Monte Carlo, and what happens where there is no derivative."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration_cases import samples, steps
from gilgamesh_db.calibration import (
    Exponential,
    Logarithm,
    PiecewisePolynomial,
    Polynomial,
    PowerLaw,
    PowerOfTen,
    Step,
    Table,
    evaluate,
    parameters,
    propagate,
)
from gilgamesh_db.calibration.propagation import slope

DRAWS = 10_000
# The standard deviation of n draws of a normal distribution scatters by 1/sqrt(2n); five times that.
TOLERANCE = 5 / np.sqrt(2 * DRAWS)


def moved(chain: list[Step], numbers: np.ndarray) -> list[Step]:
    """The same steps with other parameters."""
    rest = iter(numbers.tolist())
    found: list[Step] = []
    for step in chain:
        match step:
            case Polynomial(c):
                found.append(Polynomial([next(rest) for _ in c]))
            case PiecewisePolynomial(_, pieces):
                found.append(replace(step, coefficients=[[next(rest) for _ in piece] for piece in pieces]))
            case Table(_, y):
                found.append(replace(step, y=[next(rest) for _ in y]))
            case PowerLaw():
                found.append(PowerLaw(next(rest), next(rest)))
            case _:
                found.append(step)
    return found


LINE = Polynomial([-21.5, 0.053])
TABLE = Table([0.0, 1.0, 3.0], [1.0, 2.0, 7.0])
PIECES = PiecewisePolynomial([0.0, 1.0, 3.0], [[0.1, 1.0], [0.5, 0.4, 0.2]], "clamp")
CASES = {
    "affine": ([LINE], [0.2, 2e-4], 900.0, 0.5),
    "parabola": ([Polynomial([1.0, -0.5, 0.25])], [0.01, 0.02, 0.005], 2.0, 0.01),
    "table": ([TABLE], [0.01, 0.03, 0.02], 1.7, 0.005),
    "table, clamped": ([replace(TABLE, outside="clamp")], [0.01, 0.03, 0.02], 5.0, 0.005),
    "table, extrapolated": ([replace(TABLE, outside="extrapolate")], [0.01, 0.03, 0.02], 4.0, 0.005),
    "pieces": ([PIECES], [0.01, 0.02, 0.01, 0.03, 0.01], 1.5, 0.01),
    "pieces, clamped": ([PIECES], [0.01, 0.02, 0.01, 0.03, 0.01], 4.0, 0.01),
    "power of ten": ([Polynomial([-11.33, 1.667]), PowerOfTen()], [0.002, 0.001], 4.0, 0.0005),
    "logarithm": ([Polynomial([0.1, 2.0]), Logarithm(10)], [0.002, 0.004], 3.0, 0.005),
    "binary logarithm": ([Logarithm(2), Polynomial([0.0, 3.0])], [0.01, 0.02], 3.0, 0.01),
    "natural logarithm": ([Logarithm("e"), Exponential(), Polynomial([0.0, 3.0])], [0.01, 0.02], 3.0, 0.01),
    "power law": ([PowerLaw(2.0, 1.5)], [0.005, 0.003], 4.0, 0.005),
    "inverse": ([PowerLaw(2.0, -1.0)], [0.005, 0.003], 4.0, 0.005),
    "four steps": ([Polynomial([0.0, 0.01]), TABLE, PowerLaw(1.1, 0.7), Polynomial([1.0, -2.0])],
                   [0.001, 1e-5, 0.01, 0.01, 0.01, 0.005, 0.005, 0.01, 0.02], 170.0, 0.3),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_monte_carlo_agrees(name: str) -> None:
    chain, sizes, x, noise = CASES[name]
    rng = np.random.default_rng(sum(map(ord, name)))
    causes = rng.normal(size=(len(sizes), len(sizes))) + 2 * np.eye(len(sizes))
    covariance = causes @ causes.T
    scale = np.array(sizes) / np.sqrt(np.diagonal(covariance))
    covariance *= np.outer(scale, scale)
    mean = np.array(parameters(chain))
    # Small enough for the first order to hold: a tenth of these, and the result is tenfold.
    drawn = rng.multivariate_normal(mean, covariance / 100, size=DRAWS, method="cholesky")
    inputs = x + rng.normal(scale=noise / 10, size=DRAWS)
    outputs = [evaluate(moved(chain, numbers), value)[()] for numbers, value in zip(drawn, inputs, strict=True)]
    assert propagate(chain, [x], covariance, noise)[0] == pytest.approx(10 * np.std(outputs), rel=TOLERANCE)


def test_independent_items_add_in_squares() -> None:
    first, second = [Polynomial([0.1, 2.0])], [Polynomial([0.0, 5.0])]
    a, b = np.diag([0.01, 0.04]), np.diag([0.09, 0.0001])
    x = np.linspace(-3, 3, 7)
    together = np.zeros((4, 4))
    together[:2, :2], together[2:, 2:] = a, b
    one_after_another = propagate(second, evaluate(first, x), b, propagate(first, x, a))
    assert propagate([*first, *second], x, together) == pytest.approx(one_after_another, rel=1e-14)


def test_correlation_counts() -> None:
    # A line known exactly at x = 1: intercept and slope move against each other.
    covariance = [[1.0, -1.0], [-1.0, 1.0]]
    assert propagate([Polynomial([0.0, 1.0])], [1.0, 3.0], covariance).tolist() == [0.0, 2.0]


@settings(max_examples=150, deadline=None)
@given(steps, st.integers(0, 2**32 - 1))
def test_slopes_are_differences(step: Step, seed: int) -> None:
    x = np.random.default_rng(seed).uniform(-20, 20, 50)
    x = x[np.abs(x) > 1e-3]
    h = 1e-5 * np.abs(x)
    corners = np.array([*getattr(step, "edges", ()), *getattr(step, "x", ())])
    if corners.size:
        x, h = (part[np.abs(x[:, None] - corners).min(axis=1) > 2e-5 * np.abs(x)] for part in (x, h))
    high, low, middle = evaluate([step], x + h), evaluate([step], x - h), evaluate([step], x)
    with np.errstate(all="ignore"):
        difference = (high - low) / (2 * h)
        curved = np.abs(high - 2 * middle + low) / h
        found = slope(step, x)
        # A difference is worth comparing with where the curve is straight over it, and the rounding of what is
        # subtracted (the terms of a polynomial, at their largest) is small beside it.
        rounding = 1e-15 * np.maximum(np.abs(middle), evaluate([_without_signs(step)], np.abs(x))) / h
        fair = np.isfinite(difference) & (curved < 1e-2 * np.abs(found)) & (rounding < 1e-3 * np.abs(found))
        fair &= (np.abs(found) > 1e-140) & (np.abs(found) < 1e140)
    assert (np.abs(found[fair] - difference[fair]) <= 1e-2 * np.abs(found[fair])).all()


def _without_signs(step: Step) -> Step:
    match step:
        case Polynomial(coefficients):
            return Polynomial(np.abs(coefficients).tolist())
        case PiecewisePolynomial(_, pieces):
            longest = max(map(len, pieces))
            return Polynomial(
                [max(abs(piece[i]) if i < len(piece) else 0.0 for piece in pieces) for i in range(longest)]
            )
        case Table(_, y):
            return Polynomial([max(map(abs, y))])
    return Polynomial([0.0])


@settings(max_examples=150, deadline=None)
@given(steps, st.integers(0, 2**32 - 1))
def test_every_sample_has_a_defined_uncertainty(step: Step, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = samples(seed, step)
    variances = 10.0 ** rng.uniform(-20, 5, len(parameters([step]))) if parameters([step]) else None
    found = propagate([step], x, variances, sigma=0.1)
    values = evaluate([step], x)
    assert np.isnan(found[~np.isfinite(values)]).all()
    assert not (found < 0).any()
    # A fitted exponent has no meaning for a negative input; everything else has an uncertainty, perhaps an infinite one.
    if not isinstance(step, PowerLaw):
        assert not np.isnan(found[np.isfinite(values)]).any()


def test_where_no_derivative_is_unique_the_piece_decides() -> None:
    kink = Table([0.0, 1.0, 2.0], [0.0, 1.0, 11.0], "clamp")
    assert propagate([kink], [0.5, 1.0, 1.5, 2.0, 2.5], sigma=1.0).tolist() == [1.0, 10.0, 10.0, 10.0, 0.0]
    pieces = PiecewisePolynomial([0.0, 1.0, 2.0], [[0.0, 1.0], [0.0, 3.0]])
    assert propagate([pieces], [0.0, 1.0, 2.0], sigma=1.0).tolist() == [1.0, 3.0, 3.0]
    assert np.isnan(propagate([pieces], [-1.0, 3.0, np.nan], sigma=1.0)).all()
    assert propagate([PowerLaw(1.0, 0.5)], [0.0, 4.0], sigma=1.0).tolist() == [np.inf, 0.25]
    assert np.isnan(propagate([Logarithm(10)], [0.0, -1.0], sigma=1.0)).all()


def test_the_shape_stays_and_fields_are_all_known() -> None:
    assert propagate([LINE], np.ones((2, 3)), sigma=0.5).shape == (2, 3)
    assert propagate([LINE], 1.0, sigma=0.5).shape == ()
    # A new parameter of a step must be told to parameters().
    known = {"coefficients", "edges", "outside", "x", "y", "base", "coefficient", "exponent"}
    for step in (Polynomial, PiecewisePolynomial, Table, PowerOfTen, Exponential, Logarithm, PowerLaw):
        assert {field.name for field in fields(step)} <= known
