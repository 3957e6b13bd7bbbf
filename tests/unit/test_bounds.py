"""Bounds of a chain over intervals enclose every value the chain gives there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gilgamesh_db import Exponential, Logarithm, PiecewisePolynomial, Polynomial, PowerLaw, PowerOfTen, Table
from gilgamesh_db.bounds import bounds
from gilgamesh_db.calibration import evaluate

small = st.floats(-5, 5).map(lambda x: round(x, 3))
polynomials = st.lists(small, min_size=1, max_size=5).map(lambda c: Polynomial(tuple(c)))
tables = st.lists(st.tuples(st.integers(-20, 20), small), min_size=2, max_size=8, unique_by=lambda p: p[0]).map(
    lambda points: Table(
        tuple(float(x) for x, _ in sorted(points)), tuple(y for _, y in sorted(points)), outside="clamp"
    )
)
pieces = st.tuples(st.lists(st.lists(small, min_size=1, max_size=4), min_size=1, max_size=4),
                   st.sampled_from(["nan", "clamp", "extrapolate"])).map(
    lambda made: PiecewisePolynomial(
        tuple(float(3 * k - 6) for k in range(len(made[0]) + 1)), tuple(tuple(c) for c in made[0]), outside=made[1]
    )
)  # fmt: skip
steps = st.one_of(polynomials, tables, pieces, st.just(PowerOfTen()), st.just(Exponential()), st.just(Logarithm(10)),
                  st.builds(PowerLaw, small.filter(lambda a: abs(a) > 0.01), st.sampled_from([2.0, 3.0, 0.5, -1.0])))  # fmt: skip


@settings(max_examples=300, deadline=None)
@example([Polynomial((0.0, -1.0)), PowerLaw(-1.0, -1.0)], 0.0, 1.0)  # a pole at the end of the interval
@given(st.lists(steps, min_size=1, max_size=2), st.floats(-8, 8), st.floats(0, 6))
def test_every_value_lies_between_the_bounds(chain: list[Any], low: float, width: float) -> None:
    x = np.linspace(low, low + width, 257)
    values = evaluate(chain, x)
    lower, upper = bounds(chain, np.array([x[0]]), np.array([x[-1]]))
    inside = values[~np.isnan(values)]
    if inside.size:
        slack = 1e-9 * (1 + np.abs(inside[np.isfinite(inside)]).max(initial=0.0))
        assert lower[0] <= inside.min() + slack
        assert upper[0] >= inside.max() - slack


@pytest.mark.parametrize("step", [Polynomial((1.0, -2.0)), PowerOfTen(), Table((0.0, 1.0, 5.0), (3.0, 2.0, -7.0))])
def test_monotonic_steps_are_enclosed_exactly(step: Any) -> None:
    low, high = np.array([0.2, 0.5]), np.array([0.9, 4.0])
    ends = np.sort(np.stack([evaluate([step], low), evaluate([step], high)]), axis=0)
    lower, upper = bounds([step], low, high)
    np.testing.assert_array_equal(lower, ends[0])
    np.testing.assert_array_equal(upper, ends[1])


def test_an_interval_without_numbers_has_no_bounds() -> None:
    lower, upper = bounds([Polynomial((0.0, 1.0))], np.array([np.nan]), np.array([np.nan]))
    assert np.isnan(lower[0])
    assert np.isnan(upper[0])
