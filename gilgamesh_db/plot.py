"""Pictures of signals and discharges with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from .errors import MissingExtra, SamplesNotFound

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .database import Database
    from .signal import Signal

POINTS = 4000  # more than a screen can show


def plot_signal(signal: Signal, ax: Axes | None = None, **style: Any) -> Axes:
    """See `Signal.plot`."""
    if ax is None:
        ax = _new_figure(7, 3).add_subplot()
        ax.set_title(f"shot {signal.shot}", loc="left")
    time, low, high = signal.envelope(POINTS)
    if time.size == POINTS:  # a bar from minimum to maximum in every bin, so that no spike is lost
        time, low = np.repeat(time, 2), np.column_stack([low, high]).ravel()
    ax.plot(time, low, **{"linewidth": 0.8, "label": signal.name, **style})
    ax.set_xlabel("time (s)")
    ax.set_ylabel(_axis_label(signal.label, str(signal.unit)))
    return ax


def overview(db: Database, shot: int) -> Figure:
    """See `Database.overview`."""
    with db.transaction() as connection:
        shown = connection.execute(
            sa.text("select signal, unit from gilgamesh.resolved_signal where shot = :shot and status = 'ok' "
                    "order by unit, signal"), {"shot": shot}
        ).all()  # fmt: skip
        about = connection.execute(
            sa.text("select started_at, program, attributes from gilgamesh.shots where shot = :shot"), {"shot": shot}
        ).one()
    if not shown:
        raise SamplesNotFound(f"shot {shot} has no signal to show; see what is missing with: gilgamesh show {shot}")
    names = [row.signal for row in shown]
    columns = 3
    rows = -(-len(names) // columns)
    figure = _new_figure(12, 1.7 * rows + 0.8)
    first = None
    for position, name in enumerate(names):
        signal = db.signal(name, shot)
        ax = figure.add_subplot(rows, columns, position + 1, sharex=first)
        first = first or ax
        plot_signal(signal, ax, color=f"C{position % 10}")
        ax.set_title(name, loc="left", fontsize=9)
        ax.set_ylabel(str(signal.unit) or "1", fontsize=8)
        ax.tick_params(labelsize=7)
        ax.grid(alpha=0.25)
        if position < len(names) - columns:
            ax.set_xlabel("")
            ax.tick_params(labelbottom=False)
    gas = about.attributes.get("Gas")
    title = [f"shot {shot}", f"{about.started_at:%Y-%m-%d %H:%M}", about.program, gas]
    figure.suptitle("   ".join(part for part in title if part), x=0.02, ha="left", fontweight="bold")
    return figure


def _new_figure(width: float, height: float) -> Figure:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtra("matplotlib", "plot", "drawing a picture") from error
    return pyplot.figure(figsize=(width, height), layout="constrained")


def _axis_label(label: str, unit: str) -> str:
    return f"{label} ({unit})" if unit else label
