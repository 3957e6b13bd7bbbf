"""Pictures of signals and discharges with matplotlib."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .curve import draw
from .errors import InvalidValue, MissingExtra, SamplesNotFound, Unresolved, UserError
from .layout import Panel, panels_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .database import Database
    from .signal import Signal

MOST_CURVES = 200


def plot_signal(signal: Signal, ax: Axes | None = None, **style: Any) -> Axes:
    """See `Signal.plot`."""
    if ax is None:
        ax = new_figure(7, 3).add_subplot()
        ax.set_title(f"shot {signal.shot}", loc="left")
    draw(signal, ax, **style)
    ax.set_xlabel("time (s)")
    ax.set_ylabel(_axis_label(signal.label, str(signal.unit)))
    return ax


def plot_shots(
    db: Database,
    names: Sequence[str],
    shots: Iterable[int],
    window: tuple[float, float] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """See `Database.plot`; drawn into `figure` where one is given."""
    numbers = list(shots)
    if not names or not numbers:
        raise InvalidValue("nothing to plot; give at least one signal and one shot")
    if len(names) * len(numbers) > MOST_CURVES:
        raise InvalidValue(
            f"{len(names)} signals of {len(numbers)} shots are {len(names) * len(numbers)} curves; at most {MOST_CURVES} "
            "can be told apart in a picture. Choose fewer shots"
        )
    panels, missing = _found(db, names, numbers)
    figure = figure or new_figure(9, 2.2 * len(panels) + 0.8)
    first = None
    for row, (unit, signals) in enumerate(panels.items()):
        ax = figure.add_subplot(len(panels), 1, row + 1, sharex=first)
        first = first or ax
        _draw_shots(signals, numbers, unit, ax)
        if row < len(panels) - 1:
            ax.tick_params(labelbottom=False)
    assert first is not None  # noqa: S101 - there is at least one signal, so at least one unit
    if window is not None:
        first.set_xlim(*window)
    figure.axes[-1].set_xlabel("time (s)")
    figure.suptitle(f"shot{'s' * (len(numbers) > 1)} {_listed(numbers)}", x=0.02, ha="left", fontweight="bold")
    if missing:  # said in the picture, not left out in silence
        gaps = "; ".join(f"no {name} in {_listed(absent)}" for name, absent in missing.items())
        first.set_title(gaps, loc="right", fontsize=8, color="0.4")
    return figure


def _found(
    db: Database, names: Sequence[str], shots: list[int]
) -> tuple[dict[str, dict[str, list[Signal]]], dict[str, list[int]]]:
    """Signals by unit and name, and which shots lack which name."""
    panels: dict[str, dict[str, list[Signal]]] = {}
    missing: dict[str, list[int]] = {}
    wrong: UserError | None = None
    for name in names:
        for shot in shots:
            try:
                signal = db.signal(name, shot)
                panels.setdefault(str(signal.unit), {}).setdefault(name, []).append(signal)
            except (Unresolved, SamplesNotFound) as error:
                missing.setdefault(name, []).append(shot)
                wrong = error
    if wrong is not None and not panels:
        raise wrong
    return panels, missing


def _draw_shots(signals: dict[str, list[Signal]], shots: list[int], unit: str, ax: Axes) -> None:
    """One panel: shots from dark to light, names by the kind of line; one shot alone has a colour per name."""
    several = len(shots) > 1
    for at, (name, of_shots) in enumerate(signals.items()):
        for signal in of_shots:
            said = [name if len(signals) > 1 else "", str(signal.shot) if several else ""]
            draw(
                signal,
                ax,
                color=_shade(shots.index(signal.shot), len(shots)) if several else f"C{at % 10}",
                linestyle=("-", "--", ":", "-.")[at % 4] if several else "-",
                label=" ".join(part for part in said if part) or name,
            )
    only = next(iter(signals.values()))[0].label if len(signals) == 1 else ""
    ax.set_ylabel(_axis_label(only, unit) if only else unit or "1")
    ax.grid(alpha=0.25)
    if len(ax.get_lines()) > 1:
        ax.legend(fontsize=8, ncols=1 + len(ax.get_lines()) // 12, loc="upper right")


def overview(db: Database, shot: int, layout: str | None = None, figure: Figure | None = None) -> Figure:
    """See `Database.overview`; drawn into `figure` where one is given."""
    with db.transaction() as connection:
        there = connection.execute(
            sa.text("select signal, unit from gilgamesh.resolved_signal where shot = :shot and status = 'ok' "
                    "order by unit, signal"), {"shot": shot}
        ).all()  # fmt: skip
        about = connection.execute(
            sa.text("select started_at, program, attributes from gilgamesh.shots where shot = :shot"), {"shot": shot}
        ).one()
    panels = panels_of(db, [row.signal for row in there], layout)
    if not there:
        raise SamplesNotFound(f"shot {shot} has no signal to show; see what is missing with: gilgamesh show {shot}")
    columns = 3 if len(panels) > 4 else 1
    rows = -(-len(panels) // columns)
    figure = figure or new_figure(12, 1.7 * rows + 0.8)
    first = None
    for position, panel in enumerate(panels):
        ax = figure.add_subplot(rows, columns, position + 1, sharex=first)
        first = first or ax
        _draw_panel(db, shot, panel, ax, position)
        if position >= len(panels) - columns:
            ax.set_xlabel("time (s)", fontsize=8)
        else:
            ax.tick_params(labelbottom=False)
    gas = about.attributes.get("Gas")
    title = [f"shot {shot}", f"{about.started_at:%Y-%m-%d %H:%M}", about.program, gas]
    figure.suptitle("   ".join(part for part in title if part), x=0.02, ha="left", fontweight="bold")
    return figure


def _draw_panel(db: Database, shot: int, panel: Panel, ax: Axes, position: int) -> None:
    """The signals of a panel; one that is missing is named in it, not left out in silence."""
    units, missing = [], []
    for at, name in enumerate(panel.signals):
        try:
            signal = db.signal(name, shot)
            draw(signal, ax, color=f"C{(position if len(panel.signals) == 1 else at) % 10}")
            units.append(str(signal.unit) or "1")
        except (Unresolved, SamplesNotFound):
            missing.append(name)
    if missing:
        ax.text(0.5, 0.5, f"no {', '.join(missing)}", transform=ax.transAxes, ha="center", va="center", color="0.5")
    ax.set_title(panel.title or ", ".join(panel.signals), loc="left", fontsize=9)
    ax.set_ylabel(", ".join(dict.fromkeys(units)), fontsize=8)
    ax.set_ylim(panel.low, panel.high)
    ax.tick_params(labelsize=7)
    ax.grid(alpha=0.25)
    if len(panel.signals) > 1 and units:
        ax.legend(fontsize=7, loc="upper right")


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches, or the advice to install matplotlib."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtra("matplotlib", "plot", "drawing a picture") from error
    return pyplot.figure(figsize=(width, height), layout="constrained")


def _shade(number: int, of: int) -> Any:
    """A colour for one of several shots, from dark to light in their order."""
    from matplotlib import colormaps

    return colormaps["viridis"](0.9 * number / max(1, of - 1))


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers)) if len(numbers) <= 6 else f"{numbers[0]} … {numbers[-1]} ({len(numbers)})"


def _axis_label(label: str, unit: str) -> str:
    return f"{label} ({unit})" if unit else label
