"""Calibrations from measured points: steps, their covariance, and how well they fit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gilgamesh_db.errors import InvalidValue

from .chain import evaluate, formula
from .covariance import checked_covariance
from .steps import PiecewisePolynomial, Polynomial, PowerLaw, PowerOfTen, Step, Table

FloatArray = NDArray[np.float64]

METHODS = "poly1, poly2 … poly9, piecewise1 … piecewise9, table, power_law, power_of_ten"
MOST_DEGREES = 9


@dataclass(frozen=True)
class Fit:
    """A calibration that was fitted to measured points; made by `fit`.

    Attributes
    ----------
    method : str
        What was fitted, for example ``poly1``.
    steps : tuple of Step
        The calibration.
    covariance : ndarray or None
        Of its parameters, shape (p, p); variances, shape (p,), for a table through its points. None where nothing is
        known: a table through points whose uncertainty was not given.
    x, y : ndarray of float64, shape (n,)
        The points.
    sigma : ndarray of float64, shape (n,), or None
        One standard deviation of each y, where it was given.
    """

    method: str
    steps: tuple[Step, ...]
    covariance: FloatArray | None = field(repr=False)
    x: FloatArray = field(repr=False)
    y: FloatArray = field(repr=False)
    sigma: FloatArray | None = field(default=None, repr=False)

    @property
    def residuals(self) -> FloatArray:
        """Measured minus fitted, in the unit of y."""
        return self.y - evaluate(self.steps, self.x)

    @property
    def rms(self) -> float:
        """Root of the mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residuals**2)))

    @property
    def degrees_of_freedom(self) -> int:
        """Points minus parameters."""
        return self.x.size - (0 if self.covariance is None else int(self.covariance.shape[0]))

    @property
    def chi2(self) -> float | None:
        """Sum of the squared residuals in units of their sigma; None when no sigma was given.

        About as large as the `degrees_of_freedom` when function and sigmas are right.
        """
        return None if self.sigma is None else float(np.sum((self.residuals / self.sigma) ** 2))

    def summary(self) -> str:
        """The result in words and numbers, for a terminal.

        Examples
        --------
        >>> print(fit([0, 1, 2, 3], [0.1, 1.9, 4.1, 5.9], "poly1").summary())
        poly1 through 4 points: y = 1.96·x + 0.06
          c0 = 0.06 ± 0.11
          c1 = 1.96 ± 0.057
          scatter of the points 0.089 rms, largest 0.12 at x = 1; 2 degrees of freedom
        """
        lines = [f"{self.method} through {self.x.size} points: y = {formula(self.steps)}"]
        if self.method != "table" and self.covariance is not None:
            names, numbers = _named(self.steps)
            deviations = np.sqrt(np.diagonal(self.covariance))
            lines += [
                f"  {name} = {value:.6g} ± {deviation:.2g}"
                for name, value, deviation in zip(names, numbers, deviations, strict=True)
            ]
        residuals = self.residuals
        worst = int(np.argmax(np.abs(residuals)))
        degrees = f"{self.degrees_of_freedom} degree{'s' if self.degrees_of_freedom != 1 else ''} of freedom"
        if self.method != "table":
            lines.append(
                f"  scatter of the points {self.rms:.2g} rms, largest {abs(residuals[worst]):.2g} at x = "
                f"{self.x[worst]:.6g}; {degrees}"
            )
        if self.chi2 is not None and self.method != "table":
            lines.append(f"  chi2 = {self.chi2:.3g} with the sigmas given")
        if self.covariance is None:
            lines.append("  no uncertainty: give a sigma for the points")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Points and method, as the database keeps them beside the calibration."""
        return {
            "method": self.method,
            "x": self.x.tolist(),
            "y": self.y.tolist(),
            "sigma": None if self.sigma is None else self.sigma.tolist(),
            "rms": self.rms,
            "chi2": self.chi2,
            "degrees_of_freedom": self.degrees_of_freedom,
        }


def fit(
    x: ArrayLike,
    y: ArrayLike,
    method: str = "poly1",
    *,
    sigma: ArrayLike | None = None,
    edges: Sequence[float] | None = None,
) -> Fit:
    r"""Fit a calibration to measured points by least squares.

    Parameters
    ----------
    x : array_like, shape (n,)
        What went in, known exactly.
    y : array_like, shape (n,)
        What should come out.
    method : str
        ``poly1`` … ``poly9``: a polynomial of that degree. ``piecewise1`` … ``piecewise9``: one on each piece between
        `edges`, each fitted by itself. ``table``: the points themselves, straight lines between them. ``power_law``:
        :math:`a x^p`; ``power_of_ten``: :math:`10^{c_0 + c_1 x}`; these two are fitted in the logarithm of y, so that
        without `sigma` each point weighs by its relative error.
    sigma : array_like, optional
        One standard deviation of each y, or of all of them; independent of each other. The covariance follows from it.
        When left out, the scatter of the points about the function stands for it.
    edges : sequence of float, optional
        Of the pieces, for ``piecewise``.

    Returns
    -------
    Fit

    Raises
    ------
    InvalidValue
        Too few points, or too few different x; something that is not finite; y that has no logarithm; an x given twice
        in a table; sigmas that are not positive.

    Notes
    -----
    :math:`C = (A^T W A)^{-1}` with :math:`W = \mathrm{diag}(\sigma^{-2})`; without `sigma` times
    :math:`\sum r^2 / (n - p)`. Press et al., *Numerical Recipes*, chapter 15.

    Examples
    --------
    A manipulator read against a ruler:

    >>> line = fit([1444, 1068, 805, 446], [55.3, 35.0, 21.1, 2.2], "poly1")
    >>> line.steps[0].coefficients
    (-21.6359..., 0.0531873...)
    >>> [f"{deviation:.2g}" for deviation in np.sqrt(np.diagonal(line.covariance))]
    ['0.25', '0.00025']
    """
    points, values = _numbers(x, "x"), _numbers(y, "y")
    if points.size != values.size:
        raise InvalidValue(f"a point has an x and a y, but there are {points.size} x and {values.size} y")
    deviations = None if sigma is None else _deviations(sigma, points.size)
    if not isinstance(method, str):
        raise InvalidValue(f"{method!r} is not a way to fit; choose one of {METHODS}")
    kind = re.fullmatch(r"(poly|piecewise)([1-9])", method)
    if edges is not None and (kind is None or kind[1] != "piecewise"):
        raise InvalidValue(f"edges belong to a piecewise fit, not to {method}")
    if kind is not None and kind[1] == "poly":
        steps, covariance = _polynomial(points, values, deviations, int(kind[2]), method)
    elif kind is not None:
        steps, covariance = _piecewise(points, values, deviations, int(kind[2]), edges)
    elif method == "table":
        steps, covariance = _table(points, values, deviations)
        order = np.argsort(points)
        points, values = points[order], values[order]
        deviations = None if deviations is None else deviations[order]
    elif method == "power_law":
        steps, covariance = _power_law(points, values, deviations)
    elif method == "power_of_ten":
        steps, covariance = _power_of_ten(points, values, deviations)
    else:
        raise InvalidValue(f"{method!r} is not a way to fit; choose one of {METHODS}")
    checked = None if covariance is None else checked_covariance(steps, covariance)
    return Fit(method, steps, checked, points, values, deviations)


Fitted = tuple[tuple[Step, ...], FloatArray | None]


def _polynomial(x: FloatArray, y: FloatArray, sigma: FloatArray | None, degree: int, what: str) -> Fitted:
    coefficients, covariance = least_squares(x, y, sigma, degree, what)
    return (Polynomial(coefficients.tolist()),), covariance


def _piecewise(
    x: FloatArray, y: FloatArray, sigma: FloatArray | None, degree: int, edges: Sequence[float] | None
) -> Fitted:
    if edges is None or len(edges) < 2:
        raise InvalidValue("a piecewise fit needs the edges of its pieces, for example edges=[0, 20.6, 54.9]")
    borders = _numbers(edges, "edges")
    if not (np.diff(borders) > 0).all():
        raise InvalidValue("the edges of a piecewise fit must increase")
    outside = x[(x < borders[0]) | (x > borders[-1])]
    if outside.size:
        raise InvalidValue(
            f"the point at x = {outside[0]:.6g} lies outside the edges {borders[0]:.6g} … {borders[-1]:.6g}"
        )
    size = degree + 1
    pieces = []
    covariance = np.zeros((size * (borders.size - 1),) * 2)
    for i, (low, high) in enumerate(pairwise(borders)):
        here = (x >= low) & ((x < high) if i < borders.size - 2 else (x <= high))
        coefficients, block = least_squares(
            x[here], y[here], None if sigma is None else sigma[here], degree, f"the piece from {low:.6g} to {high:.6g}"
        )
        pieces.append(coefficients.tolist())
        covariance[size * i : size * (i + 1), size * i : size * (i + 1)] = block
    return (PiecewisePolynomial(borders.tolist(), pieces),), covariance


def _table(x: FloatArray, y: FloatArray, sigma: FloatArray | None) -> Fitted:
    if x.size < 2:
        raise InvalidValue(f"a table needs two points or more; there {'is' if x.size == 1 else 'are'} {x.size}")
    order = np.argsort(x, kind="stable")
    twice = np.flatnonzero(np.diff(x[order]) == 0)
    if twice.size:
        rows = sorted(int(order[k]) + 1 for k in (twice[0], twice[0] + 1))
        raise InvalidValue(
            f"x = {x[order][twice[0]]:.6g} is given twice, as points {rows[0]} and {rows[1]}; a table needs one y for each "
            "x: average them, or fit a polynomial"
        )
    variances = None if sigma is None else sigma[order] ** 2
    return (Table(x[order].tolist(), y[order].tolist()),), variances


def _power_law(x: FloatArray, y: FloatArray, sigma: FloatArray | None) -> Fitted:
    logarithms = _logarithm(x, "x", "power_law")
    sign = -1.0 if (y < 0).all() and y.size else 1.0
    line, covariance = _in_logarithms(logarithms, sign * y, sigma, "power_law", np.e)
    factor = sign * float(np.exp(line[0]))
    if line[1] == 0:
        raise InvalidValue("y does not depend on x; a constant is no power law")
    scale = np.array([factor, 1.0])
    return (PowerLaw(factor, float(line[1])),), covariance * np.outer(scale, scale)


def _power_of_ten(x: FloatArray, y: FloatArray, sigma: FloatArray | None) -> Fitted:
    line, covariance = _in_logarithms(x, y, sigma, "power_of_ten", 10.0)
    return (Polynomial(line.tolist()), PowerOfTen()), covariance


def _in_logarithms(
    x: FloatArray, y: FloatArray, sigma: FloatArray | None, what: str, base: float
) -> tuple[FloatArray, FloatArray]:
    """A straight line through the logarithms of y."""
    logarithms = _logarithm(y, "y", what) / np.log(base)
    relative = None if sigma is None else sigma / (y * np.log(base))
    return least_squares(x, logarithms, relative, 1, what)


def least_squares(
    x: FloatArray, y: FloatArray, sigma: FloatArray | None, degree: int, what: str
) -> tuple[FloatArray, FloatArray]:
    """Coefficients of a polynomial in ascending order, and their covariance.

    Solved in x shifted and scaled to about −1 … 1, where powers differ, then written in x itself.
    """
    p = degree + 1
    needed = p if sigma is not None else p + 1
    if x.size < needed:
        why = "" if sigma is not None else ", one of them to judge the scatter by (or give their sigma)"
        raise InvalidValue(
            f"{what} needs {needed} points or more{why}; there {'is' if x.size == 1 else 'are'} {x.size}"
        )
    different = np.unique(x).size
    if different < p:
        found = f"all x are {x[0]:.6g}" if different == 1 else f"there are only {different} different x"
        raise InvalidValue(f"{what} needs points at {p} different x or more; {found}")
    middle = (float(x.min()) + float(x.max())) / 2
    width = (float(x.max()) - float(x.min())) / 2
    weights = np.ones_like(y) if sigma is None else 1.0 / sigma
    design = np.vander((x - middle) / width, p, increasing=True) * weights[:, None]
    q, r = np.linalg.qr(design)
    if np.linalg.cond(r) > 1e12:
        raise InvalidValue(
            f"{what} cannot be told apart from lower degrees by these points; their x lie too close together"
        )
    inverse = np.linalg.inv(r)
    scaled = inverse @ (q.T @ (y * weights))
    covariance = inverse @ inverse.T
    if sigma is None:
        rest = y - np.vander((x - middle) / width, p, increasing=True) @ scaled
        covariance = covariance * (float(rest @ rest) / (x.size - p))
    # ((x − m) / w)^k written in powers of x.
    unfold = np.zeros((p, p))
    for k in range(p):
        terms = np.polynomial.polynomial.polypow([-middle / width, 1 / width], k)
        unfold[: k + 1, k] = terms
    coefficients: FloatArray = unfold @ scaled
    spread: FloatArray = unfold @ covariance @ unfold.T
    return coefficients, (spread + spread.T) / 2


def _numbers(values: ArrayLike, name: str) -> FloatArray:
    try:
        found = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"{name} is not a list of numbers") from error
    if found.ndim != 1:
        raise InvalidValue(f"{name} must be a plain list of numbers, not of shape {found.shape}")
    wrong = np.flatnonzero(~np.isfinite(found))
    if wrong.size:
        raise InvalidValue(
            f"{name} of point {wrong[0] + 1} is {found[wrong[0]]}; leave out points that were not measured"
        )
    return found


def _deviations(sigma: ArrayLike, size: int) -> FloatArray:
    found = _numbers(np.broadcast_to(np.asarray(sigma), (size,)) if np.ndim(sigma) == 0 else sigma, "sigma")
    if found.size != size:
        raise InvalidValue(f"there are {size} points but {found.size} sigmas")
    if not (found > 0).all():
        worst = int(np.argmin(found))
        raise InvalidValue(f"sigma of point {worst + 1} is {found[worst]:.6g}; it must be positive: no point is exact")
    return found


def _logarithm(values: FloatArray, name: str, what: str) -> FloatArray:
    wrong = np.flatnonzero(values <= 0)
    if wrong.size:
        raise InvalidValue(f"{what} needs a positive {name}; point {wrong[0] + 1} has {name} = {values[wrong[0]]:.6g}")
    return np.log(values)


def _named(steps: Sequence[Step]) -> tuple[list[str], list[float]]:
    """Parameters with the names a summary gives them."""
    match steps[0]:
        case Polynomial(coefficients):
            return [f"c{k}" for k in range(len(coefficients))], list(coefficients)
        case PiecewisePolynomial(_, pieces):
            return (
                [f"piece {i}, c{k}" for i, piece in enumerate(pieces, start=1) for k in range(len(piece))],
                [coefficient for piece in pieces for coefficient in piece],
            )
        case PowerLaw(coefficient, exponent):
            return ["coefficient", "exponent"], [coefficient, exponent]
    raise AssertionError("a fit gives one of these")


def fit_from_dict(document: Mapping[str, Any], steps: Sequence[Step], covariance: ArrayLike | None) -> Fit:
    """A stored fit, as it was made."""
    array = None if covariance is None else np.array(covariance, dtype=np.float64)
    sigma = document.get("sigma")
    return Fit(
        str(document["method"]), tuple(steps), array, np.array(document["x"], float), np.array(document["y"], float),
        None if sigma is None else np.array(sigma, float),
    )  # fmt: skip
