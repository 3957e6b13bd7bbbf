"""The plot: every store in every task that h5py can do too, as a multiple of h5py's cost."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from gilgamesh_db.errors import InvalidValue, MissingExtra

from .report import Row
from .stores import REFERENCE, gilgamesh


def require_drawing() -> None:
    """Find out before minutes of measuring whether there will be a plot.

    Raises
    ------
    MissingExtra
        matplotlib is not installed, or h5py, which everything is compared with.
    """
    for package in ("matplotlib", "h5py"):
        if find_spec(package) is None:
            raise MissingExtra(package, "bench", "the plot of the benchmark")


def draw(rows: list[Row], path: Path) -> None:
    """Write the plot into a picture file.

    Raises
    ------
    InvalidValue
        Nothing that was measured can be compared.
    """
    from matplotlib.figure import Figure

    compared = [row for row in rows if row.ratio is not None and row.store != REFERENCE]
    if not compared:
        raise InvalidValue(f"there is nothing to draw: no task that was measured can be done by {REFERENCE} too")
    tasks = list(dict.fromkeys(row.title for row in compared))
    stores = list(dict.fromkeys(row.store for row in compared))
    figure = Figure(figsize=(10, 1.6 + 0.62 * len(tasks)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.axvline(1.0, color="0.4", lw=1, label=REFERENCE)
    for number, store in enumerate(stores):
        mine = [row for row in compared if row.store == store]
        ours = store.startswith(gilgamesh.NAME)
        axes.plot(
            [row.ratio or 0.0 for row in mine], [tasks.index(row.title) for row in mine],
            "D" if store == gilgamesh.NAME else "o", ms=10 if ours else 7, alpha=0.85,
            color=f"C{number % 10}", label=store, mec="black" if ours else "none",
        )  # fmt: skip
    axes.set_yticks(range(len(tasks)), tasks)
    axes.set_ylim(len(tasks) - 0.5, -0.5)
    axes.grid(axis="both", color="0.9")
    axes.set_axisbelow(True)
    axes.set_xlabel("× the time (disk: bytes) of chunked h5py; left is better")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(path, dpi=100)
