"""``gilgamesh explain`` and ``plot``: one signal of one shot."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import InvalidValue
from .door import NEGATIVE, as_json, open_database, print_json


@click.command(context_settings=NEGATIVE)
@click.argument("signal")
@click.argument("shot", type=int)
@click.option(
    "--at", "moment", type=float, help="One sample: the one nearest to this time, in seconds from the trigger."
)
@as_json
@click.pass_context
def explain(context: click.Context, signal: str, shot: int, moment: float | None, as_json: bool) -> None:
    """Say where the values of SIGNAL in SHOT come from: port, chain, calibrations, who and why."""
    asked = open_database(context).signal(signal, shot)
    found = asked.provenance if moment is None else asked.at(moment)
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(str(found))


@click.command(context_settings=NEGATIVE)
@click.argument("signal")
@click.argument("shot", type=int)
@click.option("--window", nargs=2, type=float, metavar="T0 T1", help="Only this part, in seconds.")
@click.option(
    "--to", "target", type=click.Path(dir_okay=False, path_type=Path), help="Picture file; SIGNAL_SHOT.png otherwise."
)
@click.pass_context
def plot(
    context: click.Context, signal: str, shot: int, window: tuple[float, float] | None, target: Path | None
) -> None:
    """Draw SIGNAL of SHOT into a picture file, and print what is in it."""
    import numpy as np

    asked = open_database(context).signal(signal, shot)
    shown = asked.window(*window) if window else asked
    path = target or Path(f"{asked.name}_{asked.shot}.png")
    axes = shown.plot()
    figure = axes.get_figure(root=True)
    assert figure is not None  # noqa: S101 - axes made by plot() have a figure
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise InvalidValue(f"the picture cannot be written to {path}: {error}") from error
    values = shown.values
    facts = f"{values.size} samples"
    if np.isfinite(values).any():
        facts += (
            f", min {np.nanmin(values):.6g}, max {np.nanmax(values):.6g}, mean {np.nanmean(values):.6g} {shown.unit}"
        )
    click.echo(f"{path}: {asked.name} of shot {asked.shot}, {facts}")
