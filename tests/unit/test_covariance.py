"""What a covariance may be, and how it is taken apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gilgamesh_db.calibration import (
    PiecewisePolynomial,
    Polynomial,
    PowerLaw,
    PowerOfTen,
    Table,
    checked_covariance,
    covariance_factor,
    parameters,
)
from gilgamesh_db.errors import InvalidValue

LINE = [Polynomial([1.0, 2.0])]


def test_parameters_follow_the_steps() -> None:
    steps = [
        Polynomial([1, 2]), PiecewisePolynomial([0, 1, 2], [[3], [4, 5]]), PowerOfTen(), Table([0, 1], [6, 7]),
        PowerLaw(8, 9),
    ]  # fmt: skip
    assert parameters(steps) == (1, 2, 3, 4, 5, 6, 7, 8, 9)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_the_factor_gives_the_covariance_back(size: int, seed: int, lost: int) -> None:
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(size, max(1, size - lost))) * 10.0 ** rng.integers(-20, 20, size)[:, None]
    covariance = causes @ causes.T
    sigma = np.sqrt(np.diagonal(covariance))
    factor = covariance_factor(checked_covariance([Polynomial([1.0] * size)], covariance))
    # In correlations, where every size is comparable; a pivot below 1e-9 was left out.
    assert np.abs((factor @ factor.T - covariance) / np.outer(sigma, sigma)).max() < 4e-9


@pytest.mark.parametrize(
    ("covariance", "letter"),
    [
        ([[1, 0], [0, -1]], "variance of parameter 2 is negative"),
        ([1, -1], "variance of parameter 2 is negative"),
        ([[1, 2], [2, 1]], "not positive"),
        ([[1, 0.5], [0.4, 1]], "not symmetric: row 2, column 1 is 0.4, row 1, column 2 is 0.5"),
        ([[0, 1e-3], [1e-3, 1]], "not symmetric|not positive"),
        ([1, 2, 3], "2 × 2, or a list of 2 variances; this one is 3"),
        ([[1, 2, 3], [4, 5, 6]], "this one is 2 × 3"),
        (5.0, "this one is 1 number"),
        ([[np.nan, 0], [0, 1]], "finite"),
        ([[np.inf, 0], [0, 1]], "finite"),
        ([[1e-201, 0], [0, 1]], "finite"),
        ("x", "not a matrix"),
        ([[1], [2, 3]], "not a matrix"),
    ],
)
def test_what_is_no_covariance_is_refused(covariance: object, letter: str) -> None:
    with pytest.raises(InvalidValue, match=letter):
        checked_covariance(LINE, covariance)  # type: ignore[arg-type]


def test_a_step_without_parameters_has_none() -> None:
    with pytest.raises(InvalidValue, match="no parameters"):
        checked_covariance([PowerOfTen()], [[1.0]])


def test_a_long_table_may_have_one_common_uncertainty() -> None:
    table = Table(list(range(1000)), list(range(1000)))
    with pytest.raises(InvalidValue, match="1000 parameters have a variance; 64 are possible"):
        checked_covariance([table], np.ones(1000))
    variances = np.zeros(1002)
    variances[1000] = 0.5
    assert covariance_factor(checked_covariance([table, Polynomial([0, 1])], variances)).shape == (1002, 1)


def test_rounding_does_not_make_a_matrix_asymmetric() -> None:
    stored = checked_covariance(LINE, [[1.0, 0.3], [0.3 + 1e-15, 1.0]])
    assert stored[0, 1] == stored[1, 0]
