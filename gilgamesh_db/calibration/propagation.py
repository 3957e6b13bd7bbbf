r"""Propagation of uncertainty through the steps of a calibration, to first order.

Every independent cause of uncertainty (one standard deviation of a column of a covariance's factor, one standard
deviation of the raw sample) shifts the value by so much; it is carried through the following steps by their slopes:

.. math:: \delta_{k} = f_k'(x_{k-1}) \, \delta_{k-1} + \sum_i \frac{\partial f_k}{\partial p_i} \, \delta p_i

The standard uncertainty is the root of the sum of the squares over the causes (GUM, JCGM 100:2008, eq. 13).
``views/026_propagation.sql`` does the same in the same order.

Where a slope is not unique (at an edge of a piecewise polynomial, at a point of a table) it is that of the piece which
gives the value there. A shift times a slope is 0 where one of them is 0; magnitudes below 1e-140 are 0 and above 1e140
infinite, so that nothing leaves float64. Where the value is no finite number, its uncertainty is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .chain import evaluate
from .covariance import checked_covariance, covariance_factor, spread
from .parameters import Outside
from .steps import Exponential, Logarithm, PiecewisePolynomial, Polynomial, PowerLaw, PowerOfTen, Step, Table

FloatArray = NDArray[np.float64]
Shares = Sequence[tuple[float, ...] | None]

SMALLEST, LARGEST = 1e-140, 1e140


def propagate(
    steps: Sequence[Step], x: ArrayLike, covariance: ArrayLike | None = None, sigma: ArrayLike = 0.0
) -> FloatArray:
    """Standard uncertainty of the calibrated values.

    Parameters
    ----------
    steps : sequence of Step
        The calibration.
    x : array_like
        What goes in.
    covariance : array_like, shape (p, p) or (p,), optional
        Of the parameters of the steps; they are exact when left out.
    sigma : array_like, optional
        Standard uncertainty of what goes in; a number or one per element of `x`.

    Returns
    -------
    ndarray of float64
        One standard deviation, in the unit of the output, in the shape of `x`.

    Examples
    --------
    >>> propagate([Polynomial([0, 20])], [1.0, -2.0], [[0, 0], [0, 0.01]])
    array([0.1, 0.2])
    >>> propagate([PowerOfTen()], [1.0], sigma=0.01).round(4)
    array([0.2303])
    """
    samples = np.array(x, dtype=np.float64)
    inputs = stages(steps, samples.ravel())
    shifts = []
    if np.any(np.asarray(sigma) != 0):
        entering = np.broadcast_to(np.asarray(sigma, np.float64), samples.shape).ravel()
        shifts.append(tangent(steps, inputs, start=entering))
    if covariance is not None:
        factor = covariance_factor(checked_covariance(steps, covariance))
        shifts += [tangent(steps, inputs, shares=spread(steps, column.tolist())) for column in factor.T]
    squares = np.zeros(samples.size)
    for shift in shifts:
        squares += squared(shift)
    return known(inputs[-1], np.sqrt(squares)).reshape(samples.shape)


def stages(steps: Sequence[Step], x: FloatArray) -> list[FloatArray]:
    """What enters each step, and, last, what comes out of all of them."""
    found = [x]
    for step in steps:
        found.append(evaluate([step], found[-1]))
    return found


def tangent(
    steps: Sequence[Step],
    inputs: Sequence[FloatArray],
    *,
    shares: Shares | None = None,
    start: FloatArray | None = None,
) -> FloatArray:
    """By how much one cause of uncertainty shifts the values, with its sign.

    Parameters
    ----------
    steps, inputs
        The steps, and what enters each of them (`stages`).
    shares : sequence
        By how much the cause moves the parameters of each step; None where it moves none.
    start : ndarray
        By how much it moves what enters the first step.
    """
    moved: FloatArray | None = start
    with np.errstate(all="ignore"):
        for i, step in enumerate(steps):
            if moved is not None:
                moved = _product(slope(step, inputs[i]), moved)
            share = shares[i] if shares is not None else None
            if share is not None:
                shift = tamed(_shift(step, share, inputs[i]))
                moved = shift if moved is None else tamed(moved + shift)
    return np.zeros_like(inputs[0]) if moved is None else moved


def slope(step: Step, x: FloatArray) -> FloatArray:
    """Derivative of a step with respect to its input."""
    match step:
        case Polynomial(coefficients):
            return _evaluate(Polynomial(_derived(coefficients)), x)
        case PiecewisePolynomial(edges, pieces, outside):
            beyond: Outside = "nan" if outside == "nan" else "extrapolate"
            found = _evaluate(PiecewisePolynomial(edges, [_derived(piece) for piece in pieces], beyond), x)
            return _flat_outside(found, x, edges) if outside == "clamp" else found
        case Table(points, outputs, outside):
            rise = np.diff(outputs) / np.diff(points)
            piece = np.clip(np.searchsorted(points, x, side="right") - 1, 0, len(points) - 2)
            found = np.where(np.isnan(x), np.nan, rise[piece])
            if outside == "nan":
                found[(x < points[0]) | (x > points[-1])] = np.nan
            return _flat_outside(found, x, points) if outside == "clamp" else found
        case PowerOfTen():
            return math.log(10.0) * _evaluate(step, x)
        case Exponential():
            return _evaluate(step, x)
        case Logarithm(base):
            unit = {10: math.log(10.0), 2: math.log(2.0), "e": 1.0}[base]
            return np.where(x < 0, np.nan, 1.0 / (unit * np.abs(tamed(x))))
        case PowerLaw(coefficient, exponent):
            power = np.ones_like(x) if exponent == 1 else _power(x, exponent - 1)
            factor = _product(np.full_like(x, coefficient), np.full_like(x, exponent))
            return _product(factor, power)


def _shift(step: Step, share: tuple[float, ...], x: FloatArray) -> FloatArray:
    """What a step gives more, to first order, when its parameters are larger by their shares.

    A function that is linear in its parameters is simply evaluated with the shares in their place.
    """
    match step:
        case Polynomial():
            return _evaluate(Polynomial(share), x)
        case PiecewisePolynomial(edges, pieces, outside):
            rest = iter(share)
            shares = [[next(rest) for _ in piece] for piece in pieces]
            return _evaluate(PiecewisePolynomial(edges, shares, outside), x)
        case Table(points, _, outside):
            moved = np.interp(x, points, share)  # a table of shares may be steeper than a table may be
            if outside == "extrapolate":
                for end, (a, b) in ((x < points[0], (0, 1)), (x > points[-1], (-1, -2))):
                    line = share[a] + (share[b] - share[a]) / (points[b] - points[a]) * (x - points[a])
                    moved = np.where(end, line, moved)
            elif outside == "nan":
                moved[(x < points[0]) | (x > points[-1])] = np.nan
            return moved
        case PowerLaw(coefficient, exponent):
            power = _power(x, exponent)
            factor, rest_exponent = share
            found = _product(np.full_like(x, factor), power)
            if rest_exponent:  # a·x^p·ln(x), which is 0 at 0 for a positive exponent
                logarithm = np.where(x < 0, np.nan, np.log(np.abs(x)))
                found = found + _product(_product(power, np.full_like(x, coefficient * rest_exponent)), logarithm)
            return found
    raise AssertionError(f"{step.function} has no parameters")


def tamed(values: FloatArray) -> FloatArray:
    """Keep magnitudes between 1e-140 and 1e140, whose products float64 can hold; 0 and ±inf stand for the others."""
    size = np.abs(values)
    found: FloatArray = np.where(size < SMALLEST, 0.0, np.where(size > LARGEST, np.copysign(np.inf, values), values))
    return found


def squared(moved: FloatArray) -> FloatArray:
    """Squares of shifts."""
    safe = tamed(moved)
    with np.errstate(invalid="ignore"):
        return safe * safe


def known(values: FloatArray, uncertainty: FloatArray) -> FloatArray:
    """The uncertainty where there is a value, NaN elsewhere."""
    return np.where(np.isfinite(values), uncertainty, np.nan)


def _product(a: FloatArray, b: FloatArray) -> FloatArray:
    a, b = tamed(a), tamed(b)
    return tamed(np.where((a == 0) | (b == 0), 0.0, a * b))


def _evaluate(step: Step, x: FloatArray) -> FloatArray:
    return evaluate([step], x)


def _power(x: FloatArray, exponent: float) -> FloatArray:
    return _evaluate(PowerLaw(1.0, exponent), x)


def _derived(coefficients: Sequence[float]) -> tuple[float, ...]:
    """Coefficients of the derivative of a polynomial."""
    return tuple(max(-1e300, min(k * coefficient, 1e300)) for k, coefficient in enumerate(coefficients))[1:] or (0.0,)


def _flat_outside(found: FloatArray, x: FloatArray, points: Sequence[float]) -> FloatArray:
    return np.where((x < points[0]) | (x > points[-1]), 0.0, found)
