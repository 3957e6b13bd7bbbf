"""``gilgamesh attribute``, ``quality``, ``log`` and ``refresh``: what is said of shots and records, and computed of them."""

from __future__ import annotations

import json
from typing import Any

import click

from .door import NEGATIVE, as_json, open_database, print_table
from .history import _edit

_shots = click.option("--shots", required=True, help="Such as 1234, 1200:1300 (half-open), -10: or 1200:1300,1412.")


@click.group()
def attribute() -> None:
    """Attributes of shots: make one known, state its value."""


@attribute.command("list")
@as_json
@click.pass_context
def list_attributes(context: click.Context, as_json: bool) -> None:
    """List the attributes, with unit and rule."""
    table = open_database(context).sql(
        "select name, kind, unit, rule, description from gilgamesh.attribute where withdrawn_by_id is null order by name"
    )
    print_table(table.set_index("name"), as_json)


@attribute.command("add")
@click.argument("name")
@click.option("--kind", type=click.Choice(["number", "text", "boolean"]), default="number", show_default=True)
@click.option("--unit", help="Unit of a number.")
@click.option("--rule", help="How it is computed, such as 'max(IC_Pinj)'.")
@click.option("--description", default="")
@_edit
def add_attribute(edit: Any, name: str, **arguments: Any) -> str:
    """Make an attribute known."""
    edit.add_attribute(name, **arguments)
    return f"{name} is known" + (
        "; compute it for the shots that are there: gilgamesh refresh" if arguments["rule"] else ""
    )


@attribute.command("set")
@click.argument("name")
@click.argument("value")
@_shots
@_edit
def set_attribute(edit: Any, name: str, value: str, shots: str) -> str:
    """State that NAME is VALUE in some shots: a number, true, false, null (take it back) or a text."""
    try:
        plain = json.loads(value)
    except ValueError:
        plain = value
    edit.set_attributes(name, plain if not isinstance(plain, dict | list) else value, shots=shots)
    return f"{name} is {value} in shots {shots}"


@click.group()
def quality() -> None:
    """How far records can be trusted: state it, list it."""


@quality.command("set")
@click.argument("signal")
@click.argument("flag", type=click.Choice(["not checked", "bad", "doubtful", "good", "validated"]))
@_shots
@click.option("--window", nargs=2, type=float, metavar="T0 T1", help="Only this part, in seconds.")
@_edit
def set_quality(edit: Any, signal: str, flag: str, shots: str, window: tuple[float, float] | None) -> str:
    """State that SIGNAL is FLAG in some shots."""
    edit.set_quality(signal, flag, shots=shots, window=window)
    return f"{signal} is {flag} in shots {shots}"


@quality.command("list")
@click.argument("signal", required=False)
@click.option("--shots", default=":", help="Only these.")
@as_json
@click.pass_context
def list_quality(context: click.Context, signal: str | None, shots: str, as_json: bool) -> None:
    """List what is said of records."""
    database = open_database(context)
    table = database.sql(
        "select signal, shot, flag, since, until, author, reason from gilgamesh.quality "
        "where shot = any(:shots) and (cast(:signal as text) is null or signal = :signal) order by shot, signal, since",
        {"signal": signal, "shots": database.shot_numbers(shots)},
    )
    print_table(table.set_index("signal"), as_json)


@quality.command("check")
@click.argument("signals", nargs=-1, required=True)
@_shots
@click.option("--state", is_flag=True, help="State what is found as quality flags; what people said stays.")
@click.option("--author", help="Who states it; the database role, if left out.")
@click.option("--saturated", type=int, default=3, show_default=True, help="Samples at the end of the range of a port.")
@click.option(
    "--flat", type=float, default=1.0, show_default=True, help="Steps of the samples within which a channel is dead."
)
@click.option("--noisy", type=float, default=5.0, show_default=True, help="Times the expected noise.")
@click.option("--implausible", type=int, default=1, show_default=True, help="Samples outside the plausible range.")
@as_json
@click.pass_context
def check_quality(
    context: click.Context,
    /,
    signals: tuple[str, ...],
    shots: str,
    state: bool,
    author: str | None,
    as_json: bool,
    **thresholds: float,
) -> None:
    """Look for saturation, dead channels, noise and implausible values in SIGNALS (names or patterns)."""
    found = open_database(context).check_quality(list(signals), shots, **thresholds)
    if as_json:
        print_table(found.table, as_json=True)
    else:
        click.echo(str(found))
    if state:
        flagged = found.state(author)
        click.echo(
            f"{flagged} window{'s'[: flagged != 1]} flagged in {len(found.measured)} record{'s'[: len(found.measured) != 1]}",
            err=as_json,
        )


@click.command(context_settings=NEGATIVE)
@click.argument("shot", type=int, required=False)
@click.argument("text", required=False)
@click.option("--search", help="Words to look for: a phrase in quotes, or, -not.")
@click.option("--author", help="Who writes; the database role, if left out.")
@as_json
@click.pass_context
def log(
    context: click.Context, shot: int | None, text: str | None, search: str | None, author: str | None, as_json: bool
) -> None:
    """Read the logbook, of all or of one SHOT, or write TEXT beside it."""
    database = open_database(context)
    if text is None:
        print_table(database.log(search, shots=shot), as_json)
        return
    number = database.shot_number(shot if shot is not None else -1)
    with database.edit("logbook", author=author) as edit:
        edit.write_log(text, shot=number)
    click.echo(f"noted beside shot {number}")


@click.command()
@click.option("--shots", default=":", help="Only these; all, if left out.")
@click.option("--dry-run", is_flag=True, help="Only say what would be computed.")
@click.pass_context
def refresh(context: click.Context, shots: str, dry_run: bool) -> None:
    """Compute again what is out of date: runs of known methods, then computed attributes."""
    from rich.progress import Progress

    database = open_database(context)
    with Progress(transient=True) as shown:
        task = shown.add_task("computing", total=None)
        done = database.refresh(
            shots, dry_run=dry_run, progress=lambda n, of: shown.update(task, completed=n, total=of)
        )
    click.echo(("would compute:\n" if dry_run and (done.runs or done.attributes) else "") + str(done))
