"""The operations a formula may use: what each does to numbers and to units.

The set is closed. The numbers follow IEEE 754: ``1 / 0`` is inf, ``0 / 0`` is NaN, ``log10(0)`` is −inf, ``sqrt(-1)`` is NaN, and nothing warns. A NaN, which
is a missing sample, stays NaN through every operation; a comparison with it is false.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

__all__ = ["COMPARISONS", "FUNCTIONS", "POINTWISE", "WHOLE", "Function"]


@dataclass(frozen=True)
class Function:
    """A function a formula may call.

    Attributes
    ----------
    name : str
    signature : str
        How it is written.
    fewest, most : int
        How many arguments it takes.
    units : str
        What it asks of the units of its arguments and gives: ``same`` (one dimension, kept), ``number`` (pure numbers),
        ``angle``, ``root``, ``where``, ``rate`` (unit / s), ``area`` (unit · s) or ``first`` (kept, the others are seconds).
    pointwise : bool
        Whether each sample is computed on its own.
    """

    name: str
    signature: str
    fewest: int
    most: int
    units: str
    pointwise: bool = True


FUNCTIONS = {
    found.name: found
    for found in (
        Function("abs", "abs(x)", 1, 1, "same"),
        Function("sqrt", "sqrt(x)", 1, 1, "root"),
        Function("exp", "exp(x)", 1, 1, "number"),
        Function("log", "log(x)", 1, 1, "number"),
        Function("log10", "log10(x)", 1, 1, "number"),
        Function("sin", "sin(x)", 1, 1, "angle"),
        Function("cos", "cos(x)", 1, 1, "angle"),
        Function("tan", "tan(x)", 1, 1, "angle"),
        Function("min", "min(x, y, …)", 2, 16, "same"),
        Function("max", "max(x, y, …)", 2, 16, "same"),
        Function("clip", "clip(x, low, high)", 3, 3, "same"),
        Function("where", "where(condition, x, y)", 3, 3, "where"),
        Function("diff", "diff(x)", 1, 1, "rate", pointwise=False),
        Function("integral", "integral(x)", 1, 1, "area", pointwise=False),
        Function("smooth", "smooth(x, seconds)", 2, 2, "first", pointwise=False),
        Function("mean", "mean(x, t0, t1)", 1, 3, "first", pointwise=False),
    )
}
COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


def _kept(gaps: Any, found: Any) -> Any:
    """NaN where any of the arguments is NaN."""
    return np.where(np.logical_or.reduce(np.broadcast_arrays(*(np.isnan(gap) for gap in gaps))), np.nan, found)


def _compared(compare: Callable[[Any, Any], Any], *, different: bool = False) -> Callable[[Any, Any], Any]:
    def apply(x: Any, y: Any) -> Any:
        found = compare(x, y)
        if different:  # IEEE says NaN != 1; a missing sample fulfils no condition
            found = found & ~np.isnan(x) & ~np.isnan(y)
        return np.asarray(found, np.float64)

    return apply


POINTWISE: dict[str, Callable[..., Any]] = {
    "neg": np.negative,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": lambda x, p: _kept((x,), np.power(x, p)),
    "abs": np.abs,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "min": lambda *xs: np.minimum.reduce(np.broadcast_arrays(*xs)),
    "max": lambda *xs: np.maximum.reduce(np.broadcast_arrays(*xs)),
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "where": lambda condition, x, y: np.where(condition != 0, x, y),
    "lt": _compared(np.less),
    "le": _compared(np.less_equal),
    "gt": _compared(np.greater),
    "ge": _compared(np.greater_equal),
    "eq": _compared(np.equal),
    "ne": _compared(np.not_equal, different=True),
    "and": lambda *xs: np.asarray(np.logical_and.reduce(np.broadcast_arrays(*xs)), np.float64),
    "or": lambda *xs: np.asarray(np.logical_or.reduce(np.broadcast_arrays(*xs)), np.float64),
    "not": lambda x: np.asarray(x == 0, np.float64),
}


def _diff(time: FloatArray, x: FloatArray) -> FloatArray:
    """Derivative by central differences, one-sided at the ends; second order also where sampling is irregular."""
    return np.asarray(np.gradient(x, time)) if time.size > 1 else np.full(time.shape, np.nan)


def _integral(time: FloatArray, x: FloatArray) -> FloatArray:
    """Integral from the first sample on, by trapezes; 0 at the first sample."""
    if time.size == 0:
        return x
    return np.concatenate(([0.0], np.cumsum(np.diff(time) * (x[1:] + x[:-1]) / 2)))


def smoothed(time: FloatArray, x: FloatArray, seconds: float) -> FloatArray:
    """Mean over a window centred on each sample, shorter at the ends; irregular sampling is welcome.

    Parameters
    ----------
    seconds : float
        Length of the window: samples no farther than half of it take part.
    """
    if time.size == 0:
        return x
    reach = seconds / 2 + 1e-6 * float(np.median(np.diff(time))) if time.size > 1 else 0.0
    first = np.searchsorted(time, time - reach, side="left")
    stop = np.searchsorted(time, time + reach, side="right")
    finite = np.where(np.isfinite(x), x, 0.0)
    centre = float(finite.mean())  # sums of what is small lose no digits
    sums = np.concatenate(([0.0], np.cumsum(finite - centre)))
    bad = np.concatenate(([0], np.cumsum(~np.isfinite(x))))
    mean = (sums[stop] - sums[first]) / (stop - first) + centre
    return np.where(bad[stop] > bad[first], np.nan, mean)


def _mean(time: FloatArray, x: FloatArray, t0: float = -np.inf, t1: float = np.inf) -> FloatArray:
    """Mean of the samples with t0 <= time < t1 that are numbers."""
    meant = x[(time >= t0) & (time < t1)]
    numbers = meant[np.isfinite(meant)]
    return np.full(time.shape, numbers.mean() if numbers.size else np.nan)


WHOLE: dict[str, Callable[..., FloatArray]] = {
    "diff": _diff,
    "integral": _integral,
    "smooth": smoothed,
    "mean": _mean,
}
