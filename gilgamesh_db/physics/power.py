"""RF power: what was injected, what came back, and when it was on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def injected(forward: ArrayLike, reflected: ArrayLike) -> Floats:
    """Forward less reflected power, in their unit."""
    return np.asarray(np.asarray(forward, dtype=np.float64) - np.asarray(reflected, dtype=np.float64))


def reflected_ratio(forward: ArrayLike, reflected: ArrayLike, *, least: float | None = None) -> Floats:
    """Reflected over forward power; NaN while the generator is off.

    Parameters
    ----------
    forward, reflected : array_like, shape (n,)
        In one unit.
    least : float, optional
        Forward power below which the generator counts as off; a twentieth of its largest by default.
    """
    f, r = np.asarray(forward, dtype=np.float64), np.asarray(reflected, dtype=np.float64)
    floor = least if least is not None else 0.05 * np.nanmax(f, initial=0.0)
    on = f > max(floor, 0.0)
    return np.asarray(np.divide(r, f, out=np.full(f.shape, np.nan), where=on))


def on_times(time: ArrayLike, power: ArrayLike, *, least: float | None = None, shortest: float = 0.0) -> Floats:
    """When the power was on.

    Parameters
    ----------
    time, power : array_like, shape (n,)
    least : float, optional
        Power that counts as on; half its largest by default. It counts as off again below two thirds of this.
    shortest : float
        Times shorter than this are left out, in the unit of `time`.

    Returns
    -------
    ndarray, shape (m, 2)
        From the first sample that is on to the first that is off again, half-open; the last sample of the record
        ends what is still on.

    Examples
    --------
    >>> on_times([0, 1, 2, 3, 4, 5], [0, 9, 10, 9, 0, 0]).tolist()
    [[1.0, 4.0]]
    """
    t, p = np.asarray(time, dtype=np.float64), np.asarray(power, dtype=np.float64)
    if not p.size or not np.isfinite(p).any():
        return np.empty((0, 2))
    level = least if least is not None else 0.5 * float(np.nanmax(p))
    if not level > 0:
        return np.empty((0, 2))
    decided = np.flatnonzero((p >= level) | (p < level * 2 / 3))
    state = np.concatenate([[False], p[decided] >= level, [False]])
    change = np.flatnonzero(np.diff(state.astype(np.int8)))
    begin = decided[change[::2]]
    ends = change[1::2]
    end = np.where(ends < decided.size, decided[np.minimum(ends, decided.size - 1)], p.size - 1)
    spans = np.column_stack([t[begin], t[end]])
    return np.asarray(spans[spans[:, 1] - spans[:, 0] >= shortest])
