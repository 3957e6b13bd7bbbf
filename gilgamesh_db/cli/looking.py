"""``gilgamesh overview`` and ``layout``: pictures of discharges."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import InvalidValue
from .door import NEGATIVE, as_json, open_database, print_json


@click.command(context_settings=NEGATIVE)
@click.argument("shot", type=int, default=-1)
@click.option("--layout", help="Which signals, in which panels; the layout called overview, or all signals.")
@click.option(
    "--to", "target", type=click.Path(dir_okay=False, path_type=Path), help="Picture file; overview_SHOT.png otherwise."
)
@click.option("--follow", is_flag=True, help="Draw each discharge that comes, until interrupted.")
@click.pass_context
def overview(context: click.Context, shot: int, layout: str | None, target: Path | None, follow: bool) -> None:
    """Draw SHOT, the last one if left out, into a picture file."""
    db = open_database(context)
    try:
        for number in db.follow() if follow else [db.shot_number(shot)]:
            path = target or Path(f"overview_{number}.png")
            try:
                db.overview(number, layout).savefig(path, dpi=120)
            except (OSError, ValueError) as error:
                raise InvalidValue(f"the picture cannot be written to {path}: {error}") from error
            click.echo(f"{path}: shot {number}")
            from matplotlib import pyplot

            pyplot.close("all")
    except KeyboardInterrupt:
        click.echo("", err=True)


@click.group()
def layout() -> None:
    """Layouts: which signals a discharge is looked at by, in which panels."""


@layout.command(name="list")
@as_json
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List the layouts and their panels."""
    found = {name: [panel.to_dict() for panel in panels] for name, panels in open_database(context).layouts.items()}
    if as_json:
        print_json(found)
        return
    for name, panels in found.items():
        click.echo(f"{name}: " + " | ".join(", ".join(panel["signals"]) for panel in panels))
    if not found:
        click.echo("nothing")


@layout.command(name="set")
@click.argument("name")
@click.argument("panels", nargs=-1, required=True)
@click.pass_context
def set_(context: click.Context, name: str, panels: tuple[str, ...]) -> None:
    """Keep the layout NAME: one argument per panel, its signals separated by commas."""
    open_database(context).layouts[name] = [[signal.strip() for signal in panel.split(",")] for panel in panels]


@layout.command()
@click.argument("name")
@click.pass_context
def drop(context: click.Context, name: str) -> None:
    """Forget the layout NAME."""
    layouts = open_database(context).layouts
    layouts.require(name)
    del layouts[name]
