"""``gilgamesh signals``, ``shots``, ``show`` and ``sql``: what is there to ask for."""

from __future__ import annotations

import click

from .door import NEGATIVE, as_json, open_database, print_table


@click.command()
@as_json
@click.pass_context
def signals(context: click.Context, as_json: bool) -> None:
    """List every name that can be asked for."""
    table = open_database(context).sql(
        "select signal, kind, unit, quantity, component, role, array_to_string(aliases, ', ') as aliases "
        "from gilgamesh.signals order by signal"
    )
    print_table(table.set_index("signal"), as_json)


@click.command()
@click.argument("condition", required=False)
@as_json
@click.pass_context
def shots(context: click.Context, condition: str | None, as_json: bool) -> None:
    """List shots, all or those that meet CONDITION, for example "Gas == 'Argon' and Useful"."""
    print_table(open_database(context).shots(condition), as_json)


@click.command(context_settings=NEGATIVE)
@click.argument("shot", type=int)
@as_json
@click.pass_context
def show(context: click.Context, shot: int, as_json: bool) -> None:
    """Show a shot: what is said of it, its signals, and what is missing."""
    database = open_database(context)
    number = database.shot_number(shot)
    said = database.shots(f"Shot == {number}")
    resolved = database.sql(
        "select signal, status, port, array_to_string(chain, ' → ') as chain, unit, n, dt "
        "from gilgamesh.resolved_signal where shot = :shot order by signal", {"shot": number}
    ).set_index("signal")  # fmt: skip
    if not as_json:
        click.echo(f"shot {number}\n{said.iloc[0].dropna().to_string()}\n")
    print_table(resolved, as_json)


@click.command(context_settings=NEGATIVE)
@click.argument("signal", required=False)
@click.option("--shot", type=int, help="Only those of this shot.")
@click.option("--method", help="Only those of this method.")
@as_json
@click.pass_context
def runs(context: click.Context, signal: str | None, shot: int | None, method: str | None, as_json: bool) -> None:
    """List stored analyses, all or those that saved SIGNAL, and whether they are out of date."""
    print_table(open_database(context).runs(signal, shot=shot, method=method), as_json)


@click.command()
@click.argument("statement")
@as_json
@click.pass_context
def sql(context: click.Context, statement: str, as_json: bool) -> None:
    """Run one SQL statement and print its rows."""
    print_table(open_database(context).sql(statement), as_json)
