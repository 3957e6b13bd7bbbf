"""How well the parameters of a calibration are known: their covariance matrix.

The parameters of a calibration are those of its steps, one step after another: the coefficients of a polynomial,
those of each piece, the outputs ``y`` of a table, coefficient and exponent of a power law. The covariance is a matrix
in this order, or a list of variances where nothing is known of correlations. ``views/025_covariance.sql`` is the twin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gilgamesh_db.errors import InvalidValue

from .steps import PiecewisePolynomial, Polynomial, PowerLaw, Step, Table

FloatArray = NDArray[np.float64]

MOST_UNCERTAIN = 64
VARIANCE_RANGE = (1e-200, 1e200)
ASYMMETRY = 1e-9  # of the product of two standard deviations: rounding in whatever computed the matrix
NEGATIVE = 1e-9  # the same for a pivot below zero


def parameters(steps: Sequence[Step]) -> tuple[float, ...]:
    """List the parameters of a calibration in the order of its covariance.

    Examples
    --------
    >>> from gilgamesh_db import PowerOfTen
    >>> parameters([Polynomial([-11.33, 1.667]), PowerOfTen()])
    (-11.33, 1.667)
    """
    return tuple(parameter for step in steps for parameter in _parameters_of(step))


def checked_covariance(steps: Sequence[Step], covariance: ArrayLike) -> FloatArray:
    """Return a covariance that belongs to the steps, made exactly symmetric, or say why it does not.

    Parameters
    ----------
    steps : sequence of Step
    covariance : array_like, shape (p, p) or (p,)
        Of the p parameters of the steps; a list of p variances stands for a diagonal matrix.

    Raises
    ------
    InvalidValue
        When it is no matrix of numbers, has not one row and column per parameter, is not symmetric, or would give some
        combination of the parameters a negative variance. ``gilgamesh.check_covariance`` says the same.

    Examples
    --------
    >>> checked_covariance([Polynomial([0, 20])], [[1e-6, 0], [0, 1e-4]]).shape
    (2, 2)
    >>> checked_covariance([Polynomial([0, 20])], [[1e-6, 2e-5], [2e-5, 1e-4]])
    Traceback (most recent call last):
    gilgamesh_db.errors.InvalidValue: the covariance is not positive: some combination of the parameters up to number 2 ...
    """
    p = len(parameters(steps))
    try:
        matrix = np.array(covariance, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidValue("the covariance is not a matrix of numbers") from error
    if p == 0:
        raise InvalidValue("these steps have no parameters, so there is no covariance of them")
    if matrix.shape not in {(p,), (p, p)}:
        found = " × ".join(map(str, matrix.shape)) or "1 number"
        raise InvalidValue(
            f"the covariance of {p} parameters is a matrix of {p} × {p}, or a list of {p} variances; this one is {found}"
        )
    flat = np.abs(matrix)
    if not np.all((flat == 0) | ((flat >= VARIANCE_RANGE[0]) & (flat <= VARIANCE_RANGE[1]))):
        raise InvalidValue("each number of a covariance is finite, and 0 or of a magnitude between 1e-200 and 1e200")
    variances = matrix if matrix.ndim == 1 else np.diagonal(matrix)
    negative = np.flatnonzero(variances < 0)
    if negative.size:
        raise InvalidValue(f"the variance of parameter {negative[0] + 1} is negative")
    uncertain = np.count_nonzero(variances)
    if uncertain > MOST_UNCERTAIN:
        raise InvalidValue(
            f"{uncertain} parameters have a variance; {MOST_UNCERTAIN} are possible. What is common to a whole table is "
            "one parameter: a polynomial after it"
        )
    if matrix.ndim == 2:
        sigma = np.sqrt(variances)
        for i in range(p):
            for j in range(i):
                if abs(matrix[i, j] - matrix[j, i]) > ASYMMETRY * sigma[i] * sigma[j]:
                    raise InvalidValue(
                        f"the covariance is not symmetric: row {i + 1}, column {j + 1} is {matrix[i, j]:.6g}, row {j + 1}, "
                        f"column {i + 1} is {matrix[j, i]:.6g}"
                    )
        matrix = np.tril(matrix) + np.tril(matrix, -1).T
    covariance_factor(matrix)
    return matrix


def covariance_factor(covariance: FloatArray) -> FloatArray:
    r"""Independent causes of the uncertainty: columns whose outer products add up to the covariance.

    Parameters
    ----------
    covariance : ndarray, shape (p, p) or (p,)

    Returns
    -------
    ndarray of float64, shape (p, m)
        :math:`L` with :math:`L L^T = C`; m ≤ p columns, each one standard deviation of a cause of its own.

    Notes
    -----
    Cholesky's decomposition of the matrix of correlations, without the columns whose pivot vanishes.

    Examples
    --------
    >>> covariance_factor(np.array([[4.0, 2.0], [2.0, 1.0]]))
    array([[2.],
           [1.]])
    """
    variances = covariance if covariance.ndim == 1 else np.diagonal(covariance)
    sigma = [math.sqrt(variance) for variance in variances]
    p = len(sigma)
    columns: list[list[float]] = []
    if covariance.ndim == 1:
        columns = [[sigma[k] if i == k else 0.0 for i in range(p)] for k in range(p) if sigma[k]]
        return np.array(columns, dtype=np.float64).reshape(-1, p).T
    left = [[0.0] * p for _ in range(p)]  # what is not explained yet, as correlations
    for i in range(p):
        for j in range(i + 1):
            if sigma[i] and sigma[j]:
                left[i][j] = float(covariance[i, j]) / sigma[i] / sigma[j]
            elif covariance[i, j]:
                raise _not_positive(i)
    for k in range(p):
        pivot = left[k][k]
        if pivot < -NEGATIVE:
            raise _not_positive(k)
        if pivot <= NEGATIVE:
            if any(abs(left[i][k]) > math.sqrt(NEGATIVE) for i in range(k + 1, p)):
                raise _not_positive(k)
            continue
        root = math.sqrt(pivot)
        column = [0.0] * k + [left[i][k] / root for i in range(k, p)]
        for i in range(k + 1, p):
            for j in range(k + 1, i + 1):
                left[i][j] -= column[i] * column[j]
        columns.append([_flushed(column[i] * sigma[i]) for i in range(p)])
    return np.array(columns, dtype=np.float64).reshape(-1, p).T


def spread(steps: Sequence[Step], column: Sequence[float]) -> list[tuple[float, ...] | None]:
    """Deal a column of the factor out to the steps; None for a step none of whose parameters it moves.

    Examples
    --------
    >>> from gilgamesh_db import PowerOfTen
    >>> spread([Polynomial([0, 1]), PowerOfTen(), Polynomial([2])], [0.1, 0.2, 0.0])
    [(0.1, 0.2), None, None]
    """
    dealt: list[tuple[float, ...] | None] = []
    first = 0
    for step in steps:
        stop = first + len(_parameters_of(step))
        share = tuple(float(number) for number in column[first:stop])
        dealt.append(share if any(share) else None)
        first = stop
    return dealt


def _parameters_of(step: Step) -> tuple[float, ...]:
    match step:
        case Polynomial(coefficients):
            return tuple(coefficients)
        case PiecewisePolynomial(_, pieces):
            return tuple(coefficient for piece in pieces for coefficient in piece)
        case Table(_, y):
            return tuple(y)
        case PowerLaw(coefficient, exponent):
            return coefficient, exponent
    return ()


def _flushed(number: float) -> float:
    return number if abs(number) >= VARIANCE_RANGE[0] else 0.0


def _not_positive(k: int) -> Any:
    return InvalidValue(
        f"the covariance is not positive: some combination of the parameters up to number {k + 1} would have a negative "
        "variance"
    )
