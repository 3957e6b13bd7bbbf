"""A signal as a line in a plot: it shows the extremes of what the screen cannot show, and gets finer as one zooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidValue

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from .signal import Signal

POINTS = 4000  # more than a screen can show


def draw(signal: Signal, ax: Axes, *, points: int = POINTS, **style: Any) -> Line2D:
    """Draw a signal into `ax`; what is seen is read again from the database whenever the time axis changes.

    Stored minima and maxima make that a matter of milliseconds however long the record is, so zooming in an
    interactive figure (``%matplotlib widget``, or a window of its own) goes down to the single sample.

    Parameters
    ----------
    signal : Signal
    ax : matplotlib Axes
    points : int
        Bins of the time axis, at most.
    **style
        As for `matplotlib.axes.Axes.plot`.
    """
    time, values = _outline(signal, points)
    (line,) = ax.plot(time, values, **{"linewidth": 0.8, "label": signal.name, **style})
    whole = (float(time[0]), float(time[-1])) if time.size else (0.0, 0.0)
    seen = whole

    def refine(changed: Axes) -> None:
        nonlocal seen
        left, right = sorted(changed.get_xlim())
        wanted = max(left, whole[0]), min(right, whole[1])
        if wanted == seen or line.axes is None or wanted[0] >= wanted[1]:
            return
        seen = wanted
        try:
            # One part in a thousand more on each side, so that the line leaves the picture at its edges.
            margin = (wanted[1] - wanted[0]) / 1000
            shown = signal if wanted == whole else signal.window(wanted[0] - margin, wanted[1] + margin)
            line.set_data(*_outline(shown, points))
        except InvalidValue:
            return  # nothing was sampled there: what was drawn before says as much

    ax.callbacks.connect("xlim_changed", refine)
    return line


def _outline(signal: Signal, points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time and value of a line through minimum and maximum of every bin; each sample where they fit."""
    time, low, high = signal.envelope(points)
    if np.array_equal(low, high, equal_nan=True):
        return time, low
    return np.repeat(time, 2), np.column_stack([low, high]).ravel()
