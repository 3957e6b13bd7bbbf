"""Between which values a chain of steps takes an interval: how a preview of raw counts becomes one of values.

Interval arithmetic: the result encloses every value the interval can give. For a chain that rises or falls
throughout it is exact; otherwise each step is enclosed by itself, so the result may be a little wide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .calibration import (
    PiecewisePolynomial,
    Polynomial,
    PowerLaw,
    Step,
    Table,
    evaluate,
)

FloatArray = NDArray[np.float64]


def bounds(steps: Iterable[Step], low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest value of a chain over each interval.

    Parameters
    ----------
    steps : iterable of Step
        The chain, applied in order.
    low, high : ndarray of float64, shape (n,)
        Ends of the intervals, both included; NaN where an interval holds no number.

    Returns
    -------
    tuple of ndarray of float64, shape (n,)
        Lower and upper bounds; NaN where no part of the interval has a value.

    Examples
    --------
    >>> bounds([Polynomial((0.0, 0.0, 1.0))], np.array([-2.0]), np.array([1.0]))
    (array([0.]), array([4.]))
    """
    for step in steps:
        low, high = _enclose(step, low, high)
    return low, high


def _enclose(step: Step, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """One step: its extremes lie at the ends of the interval or at one of the step's own turning points."""
    smallest, largest = np.full(low.shape, np.nan), np.full(low.shape, np.nan)
    for point, limits in _candidates(step, low, high):
        inside = (low <= point) & (point <= high)
        for value in limits:
            smallest = np.where(inside, np.fmin(smallest, value), smallest)
            largest = np.where(inside, np.fmax(largest, value), largest)
    return smallest, largest


def _candidates(step: Step, low: FloatArray, high: FloatArray) -> Iterator[tuple[FloatArray, list[FloatArray]]]:
    """Points where an extreme may lie, with the values there (two where the step jumps)."""
    for end in (low, high):
        yield end, [evaluate([step], end)]
    if isinstance(step, Table):
        # Between two knots the line has its extremes at the knots: look at the knots of each interval together.
        yield from _knots(step, low, high)
        return
    for point in _turning_points(step):
        at = np.full(low.shape, point)
        values = [evaluate([step], at)]
        if point == 0:
            values.append(evaluate([step], -at))  # a pole at zero goes up on one side and down on the other
        if isinstance(step, PiecewisePolynomial):
            values += [np.full(low.shape, value) for value in _limits(step, point)]
        yield at, values


def _turning_points(step: Step) -> list[float]:
    match step:
        case Polynomial(coefficients):
            return _stationary(coefficients)
        case PiecewisePolynomial(edges, pieces):
            stationary = [
                point
                for start, stop, coefficients in zip(edges[:-1], edges[1:], pieces, strict=True)
                for point in _stationary(coefficients)
                if start <= point <= stop or step.outside == "extrapolate"
            ]
            return [*edges, *stationary]
        case PowerLaw():
            return [0.0]
        case _:
            return [0.0]  # a logarithm begins there; the others rise throughout, and one point more does no harm


def _stationary(coefficients: Sequence[float]) -> list[float]:
    """Where the derivative of a polynomial is zero."""
    slope = np.polynomial.polynomial.polyder(np.trim_zeros(np.asarray(coefficients, dtype=np.float64), "b"))
    if slope.size < 2:
        return []
    roots = np.polynomial.polynomial.polyroots(slope)
    return [float(root.real) for root in roots if abs(root.imag) <= 1e-9 * (1 + abs(root.real))]


def _limits(step: PiecewisePolynomial, point: float) -> list[float]:
    """Values the pieces on either side of an edge would have there: a jump has two."""
    found = []
    for start, stop, coefficients in zip(step.edges[:-1], step.edges[1:], step.coefficients, strict=True):
        if start <= point <= stop:
            found.append(float(evaluate([Polynomial(coefficients)], np.array([point]))[0]))
    return found


def _knots(step: Table, low: FloatArray, high: FloatArray) -> Iterator[tuple[FloatArray, list[FloatArray]]]:
    x, y = np.asarray(step.x), np.asarray(step.y)
    first, stop = np.searchsorted(x, low, "left"), np.searchsorted(x, high, "right")
    some = stop > first
    edges = np.column_stack([first[some], stop[some]]).ravel()
    padded = np.append(y, np.nan)
    values = [np.full(low.shape, np.nan), np.full(low.shape, np.nan)]
    if edges.size:
        values[0][some] = np.fmin.reduceat(padded, edges)[::2]
        values[1][some] = np.fmax.reduceat(padded, edges)[::2]
    yield np.where(some, low, np.nan), values
