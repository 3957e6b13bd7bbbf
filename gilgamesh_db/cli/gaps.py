"""``gilgamesh gaps``: what is missing."""

from __future__ import annotations

import click

from .door import as_json, open_database, print_table


@click.command()
@click.option("--shot", type=int, help="Only this shot; with it, values outside the plausible range are listed too.")
@click.option("--signal", help="Only this signal; with it, values outside the plausible range are listed too.")
@as_json
@click.pass_context
def gaps(context: click.Context, shot: int | None, signal: str | None, as_json: bool) -> None:
    """List what is missing: wiring, calibrations, items, samples, devices; and values that cannot be."""
    print_table(open_database(context).gaps(shot=shot, signal=signal).set_index("shot"), as_json)
