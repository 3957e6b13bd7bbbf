"""One time base for signals that were sampled differently."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidValue

FloatArray = NDArray[np.float64]
Alignment = Literal["previous", "nearest", "linear", "mean"]

_SAME = 1e-6  # of a sampling interval: what two instants that are meant to be one may differ by


def align(
    time: FloatArray,
    values: FloatArray,
    onto: FloatArray,
    how: Alignment = "previous",
    *,
    dt: float | None = None,
    tolerance: float | None = None,
    width: float | None = None,
) -> FloatArray:
    """Values of a signal at other instants.

    Nothing is invented outside the record: before its first sample stands NaN, and so it does after its end, which for
    uniform sampling is one interval after the last sample. Instants that differ by less than a millionth of the
    interval are the same.

    Parameters
    ----------
    time, values : ndarray of float64, shape (n,)
        The signal; times in s, increasing.
    onto : ndarray of float64, shape (m,)
        Where its values are wanted; in s, increasing.
    how : {"previous", "nearest", "linear", "mean"}
        The last sample not after each instant; the nearest one (the earlier of two); on the straight line between two
        samples; or the mean of the samples from each instant up to the next (NaN samples left out, NaN where there
        are none).
    dt : float, optional
        Sampling interval of the signal in s; None for irregular sampling, where the last sample holds for ever with
        "previous" and nothing else goes beyond it.
    tolerance : float, optional
        A sample farther away than this, in s, is not used: what is called a gap. For "linear", neither of the two may be.
    width : float, optional
        Length of the last bin of "mean", in s; that of the one before where left out.

    Returns
    -------
    ndarray of float64, shape (m,)

    Examples
    --------
    >>> align(np.array([0.0, 1.0, 2.0]), np.array([5.0, 6.0, 7.0]), np.array([-0.5, 0.5, 2.5, 3.0]), dt=1.0)
    array([nan,  5.,  7., nan])
    """
    if how not in get_args(Alignment):
        raise InvalidValue(f"{how!r} is not a way to align; choose one of: {', '.join(get_args(Alignment))}")
    if tolerance is not None and not tolerance > 0:
        raise InvalidValue(f"a tolerance of {tolerance} s leaves nothing; give a time in seconds above 0")
    if time.size == 0 or onto.size == 0:
        return np.full(onto.shape, np.nan)
    near = _SAME * dt if dt is not None else 0.0
    if how == "mean":
        return _mean(time, values, onto, width)
    previous = np.searchsorted(time, onto + near, side="right") - 1
    after = np.minimum(previous + 1, time.size - 1)
    before = np.maximum(previous, 0)
    if how == "previous":
        outside = previous < 0
        if dt is not None:
            outside |= onto >= time[-1] + dt - near
        if tolerance is not None:
            outside |= onto - time[before] > tolerance
        return np.asarray(np.where(outside, np.nan, values[before]), np.float64)
    if how == "nearest":
        chosen = np.where(np.abs(time[after] - onto) < np.abs(onto - time[before]), after, before)
        reach = 0.0 if dt is None else dt / 2 + near
        outside = (onto < time[0] - reach) | (onto > time[-1] + reach)
        if tolerance is not None:
            outside |= np.abs(onto - time[chosen]) > tolerance
        return np.asarray(np.where(outside, np.nan, values[chosen]), np.float64)
    outside = (onto < time[0] - near) | (onto > time[-1] + near)
    if tolerance is not None:
        exact = np.abs(onto - time[before]) <= near
        outside |= ~exact & ((onto - time[before] > tolerance) | (time[after] - onto > tolerance))
    return np.asarray(np.where(outside, np.nan, np.interp(onto, time, values)), np.float64)


def _mean(time: FloatArray, values: FloatArray, onto: FloatArray, width: float | None) -> FloatArray:
    """Mean of the numbers in each bin from one instant up to the next."""
    if onto.size < 2 and width is None:
        raise InvalidValue("means need bins: the time base must have at least two instants")
    last = float(onto[-1] - onto[-2]) if width is None else width
    near = _SAME * float(np.min(np.diff(onto), initial=last))  # a sample on the edge of two bins belongs to the later
    edges = np.searchsorted(time, np.append(onto, onto[-1] + last) - near, side="left")
    numbers = ~np.isnan(values)
    counted = np.concatenate(([0], np.cumsum(numbers)))
    summed = np.zeros(onto.shape)
    filled = np.flatnonzero(edges[1:] > edges[:-1])
    if filled.size:
        # Bins follow each other without a gap, so that the end of one is the beginning of the next.
        starts = edges[filled]
        part = np.where(numbers, values, 0.0)[: edges[-1]]
        summed[filled] = np.add.reduceat(part, starts)
    count = counted[edges[1:]] - counted[edges[:-1]]
    mean: FloatArray = np.full(onto.shape, np.nan)
    np.divide(summed, count, out=mean, where=count > 0)
    return mean


def regular(start: float, stop: float, dt: float) -> FloatArray:
    """Instants ``start + k · dt`` before `stop`; in s.

    Examples
    --------
    >>> regular(0.0, 1.0, 0.25)
    array([0.  , 0.25, 0.5 , 0.75])
    """
    if not 0 < dt < np.inf:
        raise InvalidValue(f"a sampling interval of {dt} s is none; give a time in seconds such as 1e-3")
    count = max(0, int(np.ceil((stop - start) / dt - _SAME)))
    return np.asarray(start + np.arange(count) * dt, np.float64)


def interval(time: FloatArray) -> float | None:
    """Sampling interval of instants that are evenly spaced to a millionth; None where they are not."""
    if time.size < 2:
        return None
    dt = float((time[-1] - time[0]) / (time.size - 1))
    even = time[0] + np.arange(time.size) * dt
    # Rounding of the instants themselves is not unevenness.
    allowed = _SAME * dt + 4 * np.spacing(np.abs(time[[0, -1]]).max())
    return dt if dt > 0 and np.abs(time - even).max() <= allowed else None
