"""Fits against formulas that share nothing with them, and points that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gilgamesh_db.calibration import PiecewisePolynomial, PowerLaw, PowerOfTen, evaluate, fit, read_points
from gilgamesh_db.calibration.fit import fit_from_dict
from gilgamesh_db.errors import FileRefused, InvalidValue

# The manipulator of the reference testbed against a ruler.
RAW = np.array([1444, 1341, 1252, 1162, 1068, 974, 914, 868, 805, 729, 660, 600, 548, 446], float)
CM = np.array([55.3, 49.4, 44.7, 39.9, 35, 30.1, 26.9, 24.45, 21.1, 17.1, 13.35, 10.15, 7.6, 2.2])


def straight_line(x, y, sigma):
    """Numerical Recipes, eq. 15.2.4 and 15.2.6 (sums over the points); without sigma, scaled by chi2/(n − 2)."""
    w = np.ones_like(x) if sigma is None else sigma**-2.0
    s, sx, sy, sxx, sxy = (np.sum(w * part) for part in (1, x, y, x * x, x * y))
    delta = s * sxx - sx**2
    a, b = (sxx * sy - sx * sxy) / delta, (s * sxy - sx * sy) / delta
    covariance = np.array([[sxx, -sx], [-sx, s]]) / delta
    scale = 1.0 if sigma is not None else np.sum((y - a - b * x) ** 2) / (x.size - 2)
    return a, b, covariance * scale


def test_the_manipulator() -> None:
    found = fit(RAW, CM, "poly1")
    intercept, slope, covariance = straight_line(RAW, CM, None)
    assert found.steps[0].coefficients == pytest.approx((-21.5522, 0.0529998), rel=2e-6)
    assert found.steps[0].coefficients == pytest.approx((intercept, slope), rel=1e-12)
    assert found.covariance == pytest.approx(covariance, rel=1e-9)
    assert found.degrees_of_freedom == 12
    assert found.chi2 is None
    assert found.rms == pytest.approx(np.sqrt(np.mean((CM - intercept - slope * RAW) ** 2)))
    assert "c1 = 0.0529998 ±" in found.summary()


def test_a_line_with_sigmas() -> None:
    sigma = np.linspace(0.1, 0.4, RAW.size)
    found = fit(RAW, CM, "poly1", sigma=sigma)
    intercept, slope, covariance = straight_line(RAW, CM, sigma)
    assert found.steps[0].coefficients == pytest.approx((intercept, slope), rel=1e-11)
    assert found.covariance == pytest.approx(covariance, rel=1e-9)
    assert found.chi2 == pytest.approx(np.sum(((CM - intercept - slope * RAW) / sigma) ** 2))
    assert "chi2" in found.summary()
    same = fit(RAW, CM, "poly1", sigma=0.2)
    assert same.covariance == pytest.approx(straight_line(RAW, CM, np.full(RAW.size, 0.2))[2], rel=1e-9)


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_polynomials_are_numpys(degree: int, weighted: bool) -> None:
    x = np.linspace(-1.5, 2.0, 20)
    rng = np.random.default_rng(degree)
    sigma = rng.uniform(0.05, 0.2, x.size) if weighted else None
    y = np.polynomial.polynomial.polyval(x, rng.normal(size=degree + 1)) + rng.normal(size=x.size) * 0.1
    found = fit(x, y, f"poly{degree}", sigma=sigma)
    coefficients, covariance = np.polyfit(
        x, y, degree, w=None if sigma is None else 1 / sigma, cov="unscaled" if weighted else True
    )
    assert found.steps[0].coefficients == pytest.approx(coefficients[::-1], rel=1e-9)
    assert found.covariance == pytest.approx(covariance[::-1, ::-1], rel=1e-7)


def test_the_covariance_is_the_scatter_of_repeated_fits() -> None:
    rng = np.random.default_rng(3)
    x = np.linspace(1.0, 5.0, 9)
    for method, truth, sigma in (
        ("poly2", 1 - x + 0.5 * x**2, np.full(9, 0.05)),
        ("power_law", 2 * x**-1.3, 0.01 * 2 * x**-1.3),
        ("power_of_ten", 10 ** (0.3 * x - 1), 0.01 * 10 ** (0.3 * x - 1)),
    ):

        def parameters(found):
            step = found.steps[0]
            return (step.coefficient, step.exponent) if isinstance(step, PowerLaw) else step.coefficients

        draws = 2000
        drawn = [parameters(fit(x, truth + rng.normal(size=9) * sigma, method, sigma=sigma)) for _ in range(draws)]
        scatter = np.cov(np.array(drawn).T)
        expected = fit(x, truth, method, sigma=sigma).covariance
        size = np.sqrt(np.outer(np.diagonal(expected), np.diagonal(expected)))
        # An element of the covariance of n draws scatters by at most sqrt(2/n) of this size.
        assert np.abs(scatter - expected).max() <= 5 * np.sqrt(2 / draws) * size.max()
        assert (np.abs(scatter - expected) / size).max() < 5 * np.sqrt(2 / draws)


def test_pieces_are_fitted_by_themselves() -> None:
    x = np.arange(12.0)
    y = np.where(x < 6, 2 * x, 30 - 3 * x) + 0.01 * np.cos(7 * x)
    found = fit(x, y, "piecewise1", edges=[0, 6, 11])
    assert isinstance(found.steps[0], PiecewisePolynomial)
    for here, piece, block in ((x < 6, 0, slice(0, 2)), (x >= 6, 1, slice(2, 4))):
        intercept, slope, covariance = straight_line(x[here], y[here], None)
        assert found.steps[0].coefficients[piece] == pytest.approx((intercept, slope), rel=1e-10)
        assert found.covariance[block, block] == pytest.approx(covariance, rel=1e-9)
    assert not found.covariance[:2, 2:].any()


def test_a_table_goes_through_its_points_in_any_order() -> None:
    found = fit([3.0, 1.0, 2.0], [30.0, 10.0, 25.0], "table", sigma=[0.3, 0.1, 0.2])
    assert evaluate(found.steps, [1.0, 2.0, 3.0]).tolist() == [10.0, 25.0, 30.0]
    assert np.sqrt(found.covariance) == pytest.approx([0.1, 0.2, 0.3])
    assert found.x.tolist() == [1.0, 2.0, 3.0]
    assert found.rms == 0.0
    assert "give a sigma" in fit([1, 2], [1, 2], "table").summary()


def test_functions_with_logarithms() -> None:
    x = np.array([1.0, 2.0, 4.0, 8.0])
    law = fit(x, -3 * x**0.5, "power_law")
    assert (law.steps[0].coefficient, law.steps[0].exponent) == pytest.approx((-3.0, 0.5))
    detector = fit([1.9, 2.0, 2.1, 2.2], 10 ** (np.array([1.9, 2.0, 2.1, 2.2]) / 0.52 - 3.366), "power_of_ten")
    assert isinstance(detector.steps[1], PowerOfTen)
    assert detector.steps[0].coefficients == pytest.approx((-3.366, 1 / 0.52))


NAN = float("nan")


@pytest.mark.parametrize(
    ("x", "y", "options", "letter"),
    [
        ([1, 2], [1, 2], {}, "poly1 needs 3 points or more, one of them to judge the scatter by .*; there are 2"),
        ([1], [1], {"sigma": 0.1}, "poly1 needs 2 points or more; there is 1"),
        ([], [], {}, "there are 0"),
        ([5, 5, 5], [1, 2, 3], {}, "poly1 needs points at 2 different x or more; all x are 5"),
        ([5, 5, 6, 6], [1, 2, 3, 4], {"method": "poly2"}, "only 2 different x"),
        ([1, 1 + 1e-13, 1 + 2e-13, 1e3], [1, 2, 3, 4], {"method": "poly2"}, "too close together"),
        ([1, 2, NAN], [1, 2, 3], {}, "x of point 3 is nan"),
        ([1, 2, 3], [1, float("inf"), 3], {}, "y of point 2 is inf"),
        ([1, 2, 3], [1, 2], {}, "3 x and 2 y"),
        ([1, 2, 3], [1, 2, 3], {"sigma": [0.1, 0.0, 0.1]}, "sigma of point 2 is 0; it must be positive"),
        ([1, 2, 3], [1, 2, 3], {"sigma": [0.1, 0.1]}, "3 points but 2 sigmas"),
        ([1, 2, 3], [1, 2, 3], {"sigma": -1}, "must be positive"),
        ([1, 2, 3], [1, 2, 3], {"method": "spline"}, "'spline' is not a way to fit; choose one of poly1"),
        ([1, 2, 3], [1, 2, 3], {"method": "poly0"}, "not a way to fit"),
        ([1, 2, 3], [1, 2, 3], {"method": 3}, "not a way to fit"),
        ([1, 2, 3], [1, 2, 3], {"method": "piecewise1"}, "needs the edges"),
        ([1, 2, 3], [1, 2, 3], {"method": "poly1", "edges": [0, 3]}, "edges belong to a piecewise fit"),
        ([1, 2, 3], [1, 2, 3], {"method": "piecewise1", "edges": [3, 0]}, "must increase"),
        ([1, 2, 3], [1, 2, 3], {"method": "piecewise1", "edges": [0, 2]}, "x = 3 lies outside"),
        ([1, 2, 3, 8], [1, 2, 3, 4], {"method": "piecewise1", "edges": [0, 4, 9]}, "the piece from 4 to 9 needs 3 points"),
        ([1, 2, 1], [1, 2, 3], {"method": "table"}, "x = 1 is given twice, as points 1 and 3"),
        ([1], [1], {"method": "table"}, "a table needs two points"),
        ([1, 2, 0], [1, 2, 3], {"method": "power_law"}, "power_law needs a positive x; point 3"),
        ([1, 2, 3], [1, -2, 3], {"method": "power_law"}, "power_law needs a positive y; point 2"),
        ([1, 2, 3], [1, 0, 3], {"method": "power_of_ten"}, "power_of_ten needs a positive y; point 2"),
        (["a", "b"], [1, 2], {}, "x is not a list of numbers"),
        ([[1, 2], [3, 4]], [1, 2], {}, "plain list"),
    ],
)  # fmt: skip
def test_points_that_are_none(x, y, options, letter) -> None:
    with pytest.raises(InvalidValue, match=letter):
        fit(x, y, **{"method": "poly1"} | options)


def test_a_stored_fit_comes_back() -> None:
    found = fit(RAW, CM, "poly2", sigma=0.1)
    again = fit_from_dict(found.to_dict(), found.steps, found.covariance)
    assert again.summary() == found.summary()
    assert np.array_equal(again.residuals, found.residuals)


def test_points_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    for text in (
        "raw, cm\n1444, 55.3  # far end\n\n446,2.2\n", "1444;55.3\n446;2.2", "# ruler\n1444 55.3\n446 2.2\n",
        "\ufeffraw\tcm\n1444\t55.3\n446\t2.2\n",
    ):  # fmt: skip
        path.write_text(text, "utf-8")
        assert read_points(path) == ([1444.0, 446.0], [55.3, 2.2], None)
    path.write_text("x,y,sigma\n1,2,0.1\n2,3,0.2\n")
    assert read_points(path) == ([1.0, 2.0], [2.0, 3.0], [0.1, 0.2])


@pytest.mark.parametrize(
    ("text", "letter"),
    [("", "holds no points"), ("raw,cm\n", "holds no points"), ("1,2\n3,x\n", "line 2 .* is not a point: '3,x'"),
     ("1,2\n3\n", "line 2 .* has 1 numbers, not 2"), ("1,2,3,4\n", "line 1 .* has 4 numbers"),
     ("1,2\n3,4,5\n", "line 2 .* has 3 numbers, not 2"), ("1,2\n3,nan\n", "line 2 .* no finite number"),
     ("1,5;2,5\n", "write numbers with a point"), ("1,2\nx,y\n", "line 2"), ("1,\n2,3", "line 1")],
)  # fmt: skip
def test_files_without_points(tmp_path: Path, text: str, letter: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text)
    with pytest.raises(FileRefused, match=letter):
        read_points(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileRefused, match="not a text"):
        read_points(path)
    with pytest.raises(FileRefused, match="cannot be read"):
        read_points(tmp_path / "nothing.csv")
