"""Draw the picture of the README from the demo's database.

Run the demo first, then: ``python docs/make_pictures.py``
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from astropy import units as u
from matplotlib import dates, pyplot
from matplotlib.axes import Axes
from matplotlib.patches import Patch

import gilgamesh_db as gilgamesh
from gilgamesh_db.machine import Machine
from gilgamesh_db.machine.langmuir import probe
from gilgamesh_loaders.simulator import STORY

HERE = Path(__file__).parent
COLOURS = dict(zip(STORY.swapped_signals, ("tab:orange", "tab:blue"), strict=True))
END = datetime(2026, 6, 1, tzinfo=UTC)

WIRING = """
select signal, port, coalesce(lower(valid), '2025-01-20') as since, coalesce(upper(valid), :until) as until
  from gilgamesh.wiring
 where signal = any(:signals) and closed_by is null
 order by signal, since
"""


def main() -> None:
    """Draw ``overview.png``, and the pictures of the machine."""
    mpl.use("Agg")
    with gilgamesh.connect() as db:
        figure = pyplot.figure(figsize=(10, 4.6), layout="constrained")
        above, below = figure.subfigures(2, height_ratios=[1, 1.25])
        draw_wiring(db, above.add_subplot())
        left, right = below.subplots(1, 2, sharex=True, sharey=True)
        draw_sweep(db.known_at(STORY.before_swap_known), left, f"as known on {STORY.before_swap_known:%-d %B %Y}")
        draw_sweep(db, right, "as known today")
        left.set_ylabel("mA", fontsize=8)
        figure.savefig(HERE / "overview.png", dpi=100)
        draw_machine(db.machine(1234))


def draw_machine(machine: Machine) -> None:
    """Draw ``machine.png``, ``field.png`` and ``characteristic.png``."""
    drawn = {
        "machine": machine.plot(),
        "field": machine.coils.plot_field(resonance=30 * u.kHz),
        "characteristic": probe(machine, "langmuir1").plot_iv(1.0),
    }
    for name, axes in drawn.items():
        axes.figure.savefig(HERE / f"{name}.png", dpi=90)


def draw_wiring(db: gilgamesh.Database, ax: Axes) -> None:
    """Draw which port each probe current was plugged into, and when."""
    wiring = db.sql(WIRING, {"signals": list(STORY.swapped_signals), "until": END})
    ports = sorted(set(wiring["port"]), key=lambda port: int(port.rpartition("ai")[2]), reverse=True)
    for row in wiring.itertuples():
        since, until = dates.date2num(row.since), dates.date2num(row.until)
        ax.barh(ports.index(row.port), until - since, left=since, height=0.62, color=COLOURS[row.signal])
    ax.legend([Patch(color=colour) for colour in COLOURS.values()], list(COLOURS), loc="lower left", fontsize=8)
    ax.set_yticks(range(len(ports)), ports)
    ax.xaxis_date()
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(ax.xaxis.get_major_locator()))
    fired = db.sql("select gilgamesh.shot_time(:shot) as at", {"shot": STORY.swapped_shot}).iloc[0, 0]
    ax.axvline(dates.date2num(fired), color="black", linewidth=0.8, linestyle=":")
    title = f"where two probe currents were plugged in, as known today (dotted: shot {STORY.swapped_shot})"
    ax.set_title(title, loc="left", fontsize=10)
    ax.tick_params(labelsize=8)


def draw_sweep(db: gilgamesh.Database, ax: Axes, title: str) -> None:
    """Draw some sweeps of both probes in the shot of the swapped cables."""
    for name, colour in COLOURS.items():
        signal = db.signal(name, STORY.swapped_shot).window(0.9, 0.925)
        current: pd.Series[float] = signal.to_pandas() * 1e3
        ax.plot(current.index, current, color=colour, linewidth=0.9, label=f"{name} from {signal.port}")
    ax.set_title(f"shot {STORY.swapped_shot}, {title}", loc="left", fontsize=10)
    ax.set_xlabel("time (s)", fontsize=8)
    ax.set_ylim(-5, 68)
    ax.legend(loc="upper left", fontsize=8, ncols=2)
    ax.tick_params(labelsize=8)
    ax.grid(alpha=0.25)


if __name__ == "__main__":
    main()
