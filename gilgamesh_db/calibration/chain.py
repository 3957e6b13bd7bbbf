"""Steps in a row: their value, their formula, and the straight line they may collapse to."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from .steps import FloatArray, Polynomial, Step

AFFINE_RANGE = (1e-30, 1e30)


def evaluate(steps: Iterable[Step], x: ArrayLike) -> FloatArray:
    """Apply the steps one after another.

    Parameters
    ----------
    steps : iterable of Step
        The calibration, in the order of the signal's way; none leave the values as they are.
    x : array_like
        Raw samples of any numeric type; they become float64 first.

    Returns
    -------
    ndarray of float64
        A new array of the same shape.

    Examples
    --------
    The logarithmic detector of a B-dot probe, V to mW:

    >>> from gilgamesh_db import PowerOfTen
    >>> steps = [Polynomial([(-2.2703 / 0.052 + 10) / 10, 0.1 / 0.052]), PowerOfTen()]
    >>> evaluate(steps, [2.2703, 2.0]).round(4)
    array([10.    ,  3.0213])
    """
    samples: FloatArray = np.array(x, dtype=np.float64)
    values = samples.ravel()
    with np.errstate(all="ignore"):
        for step in steps:
            values = step.evaluate(values)
    return values.reshape(samples.shape)


def affine(steps: Iterable[Step]) -> tuple[float, float] | None:
    """Collapse steps into one gain and one offset, ``y = gain·x + offset``, where that is possible.

    It is when every step is a polynomial of at most two coefficients and `compose_affine` can compose them.

    Examples
    --------
    >>> from gilgamesh_db import PowerOfTen
    >>> affine([Polynomial([0, 20]), Polynomial([1, -0.5])])
    (-10.0, 1.0)
    >>> affine([PowerOfTen()]) is None
    True
    """
    pairs = []
    for step in steps:
        if not isinstance(step, Polynomial) or len(step.coefficients) > 2:
            return None
        offset, gain = (*step.coefficients, 0.0)[:2]
        pairs.append((gain, offset))
    return compose_affine(*pairs)


def compose_affine(*pairs: tuple[float, float]) -> tuple[float, float] | None:
    """Compose pairs of gain and offset, the first one applied first.

    Returns
    -------
    tuple of float or None
        ``gain = g2·g1`` and ``offset = g2·o1 + o2``, from the left. None when a gain or an offset, given or
        composed, is neither 0 nor between 1e-30 and 1e30 in magnitude: such a chain is evaluated step by
        step, because ``raw·gain + offset`` may leave the range of float64 on the way.

    Examples
    --------
    >>> compose_affine((20.0, 0.0), (-0.5, 1.0))
    (-10.0, 1.0)
    >>> compose_affine()
    (1.0, 0.0)
    """
    gain, offset = 1.0, 0.0
    for next_gain, next_offset in pairs:
        if not (_is_tame(next_gain) and _is_tame(next_offset)):
            return None
        gain, offset = next_gain * gain, next_gain * offset + next_offset
        if not (_is_tame(gain) and _is_tame(offset)):
            return None
    return gain, offset


def formula(steps: Iterable[Step]) -> str:
    """Write the steps as one readable formula of ``x``, numbers rounded to six digits.

    Examples
    --------
    >>> from gilgamesh_db import PowerOfTen
    >>> formula([Polynomial([-3.36596, 1.923077]), PowerOfTen()])
    '10^(1.92308·x − 3.36596)'
    >>> formula([Polynomial([0, -0.01])])
    '−0.01·x'
    """
    text = "x"
    for step in steps:
        text = step.formula(text)
    return text


def _is_tame(number: float) -> bool:
    return number == 0 or AFFINE_RANGE[0] <= abs(number) <= AFFINE_RANGE[1]
