"""Between which values a compiled formula lies, when its inputs lie in intervals: what search needs to rule shots out.

Interval arithmetic: the result encloses every value the formula can give, and is often wider. Sums, products and
quotients round as they do in the formula, so the ends are safe without widening; what else is computed is widened.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .functions import POINTWISE

FloatArray = NDArray[np.float64]
Interval = tuple[FloatArray, FloatArray]

_SLACK = 1e-12  # of library functions, whose last digit differs from one way of calling them to another
_ROUGH = 1e-6  # of running sums


def enclose(tree: list[Any], known: Mapping[str, Interval]) -> Interval:
    """Smallest and largest value a formula can have.

    Parameters
    ----------
    tree : list
        Of a `Compiled` formula.
    known : mapping of str to (ndarray, ndarray)
        The smallest and the largest value of each signal, each of shape (n,); NaN where it has no value.

    Returns
    -------
    tuple of ndarray of float64, shape (n,) or ()
        NaN where the formula has no value.

    Examples
    --------
    >>> low, high = enclose(["mul", ["load", "U"], ["load", "I"]], {"U": (-1.0, 2.0), "I": (3.0, 4.0)})
    >>> float(low), float(high)
    (-4.0, 8.0)
    """
    with np.errstate(all="ignore"):
        low, high = _enclosed(tree, known)
    return np.asarray(low, np.float64), np.asarray(high, np.float64)


def _enclosed(tree: list[Any], known: Mapping[str, Interval]) -> Any:
    operation, *arguments = tree
    if operation == "load":
        return known[arguments[0]]
    if operation == "number":
        return np.float64(arguments[0]), np.float64(arguments[0])
    if operation == "where":
        (a, b), (c, d) = (_enclosed(part, known) for part in arguments[1:])
        return np.fmin(a, c), np.fmax(b, d)  # a branch without a value may be the one that is not taken
    parts = [_enclosed(part, known) for part in arguments]
    low, high = _applied(operation, parts)
    nothing = reduce(np.logical_or, [np.isnan(part[0]) | np.isnan(part[1]) for part in parts])
    # No number where there was one: infinities met, so nothing is known.
    open_ = (np.isnan(low) | np.isnan(high)) & ~nothing & ~_never(operation, parts)
    return np.where(nothing, np.nan, np.where(open_, -np.inf, low)), np.where(
        nothing, np.nan, np.where(open_, np.inf, high)
    )


def _never(operation: str, parts: list[Any]) -> Any:
    """Where a function has no value anywhere in the interval."""
    return parts[0][1] < 0 if operation in ("sqrt", "log", "log10") else False


def _applied(operation: str, parts: list[Any]) -> Any:
    (a, b), *others = parts
    match operation:
        case "add":
            found = a + others[0][0], b + others[0][1]
        case "sub":
            found = a - others[0][1], b - others[0][0]
        case "mul":
            found = _corners(np.multiply, a, b, *others[0])
        case "div":
            c, d = others[0]
            found = _opened(_corners(np.divide, a, b, c, d), (c <= 0) & (d >= 0))
        case "min" | "max" | "clip":
            found = POINTWISE[operation](*(low for low, _ in parts)), POINTWISE[operation](*(high for _, high in parts))
        case "pow":
            low, high = _power(a, b, float(others[0][0]))
            found = _wide(low, high, _SLACK)
        case _:
            found = _of_one(operation, a, b)
    return found


def _of_one(operation: str, a: Any, b: Any) -> Any:
    match operation:
        case "neg":
            found = -b, -a
        case "abs":
            one, other = np.abs(a), np.abs(b)
            found = np.where((a <= 0) & (b >= 0), 0.0, np.minimum(one, other)), np.maximum(one, other)
        case "sqrt" | "log" | "log10":
            apply = POINTWISE[operation]
            found = _wide(apply(np.where(b < 0, np.nan, np.maximum(a, 0.0))), apply(b), _SLACK)
        case "exp":
            found = _wide(np.exp(a), np.exp(b), _SLACK)
        case "sin" | "cos":
            found = np.full(np.shape(a), -1.0), np.full(np.shape(a), 1.0)
        case "smooth" | "mean":
            size = _ROUGH * np.maximum(np.abs(a), np.abs(b))
            found = a - size, b + size
        case _:
            found = np.full(np.shape(a), -np.inf), np.full(np.shape(a), np.inf)
    return found


def _opened(found: Any, where: Any) -> Any:
    """Without bounds where anything may come out."""
    return np.where(where, -np.inf, found[0]), np.where(where, np.inf, found[1])


def _corners(apply: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    every = [apply(x, y) for x in (a, b) for y in (c, d)]
    return reduce(np.minimum, every), reduce(np.maximum, every)


def _power(a: Any, b: Any, exponent: float) -> Any:
    one, other = np.power(a, exponent), np.power(b, exponent)
    low, high = np.minimum(one, other), np.maximum(one, other)
    crossing = (a <= 0) & (b >= 0)
    if exponent < 0 or exponent != round(exponent):
        # A pole, or no value, somewhere below; there nothing is known.
        return _opened((low, high), a <= 0)
    return np.where(crossing & (low > 0), 0.0, low), high


def _wide(low: Any, high: Any, slack: float) -> Any:
    return low - slack * np.abs(low), high + slack * np.abs(high)
