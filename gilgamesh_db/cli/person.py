"""``gilgamesh person``: who works with the testbed, and what they may do."""

from __future__ import annotations

import datetime

import click

from ..persons import LEVELS, Level
from .door import as_json, open_database, print_json, print_table

_level = click.Choice(LEVELS)
_address = click.option(
    "--address", default="http://127.0.0.1:8000", show_default=True, help="Where the pages are, for the link."
)
_days = click.option(
    "--days", type=click.IntRange(1, 90), default=7, show_default=True, help="How long the invitation works."
)


@click.group()
def person() -> None:
    """Who works with the testbed, and what they may do."""


@person.command("add")
@click.argument("name")
@click.option("--level", type=_level, default="reader", show_default=True, help="What the person may do.")
@click.option("--full-name", default="", help="As it is written in a letter.")
@_address
@_days
@click.pass_context
def add(context: click.Context, name: str, level: Level, full_name: str, address: str, days: int) -> None:
    """Make NAME known, and print an invitation."""
    database = open_database(context)
    database.persons.create(name, level, full_name)
    click.echo(f"{name} is known, as {level}")
    _invite(context, name, address, days)


@person.command("invite")
@click.argument("name")
@_address
@_days
@as_json
@click.pass_context
def invite(context: click.Context, name: str, address: str, days: int, as_json: bool) -> None:
    """Print an invitation for NAME: a link that sets a password, once. Earlier ones stop to work."""
    _invite(context, name, address, days, as_json)


def _invite(context: click.Context, name: str, address: str, days: int, as_json: bool = False) -> None:
    made = open_database(context).persons.invite(name, datetime.timedelta(days=days))
    link = f"{address.rstrip('/')}/invitation/{made.secret}"
    if as_json:
        print_json({"person": name, "link": link, "expires_at": made.expires_at})
        return
    click.echo(f"invitation until {made.expires_at:%Y-%m-%d %H:%M %Z}; it is shown only now, and works once:\n  {link}")


@person.command("list")
@as_json
@click.pass_context
def list_persons(context: click.Context, as_json: bool) -> None:
    """List everybody."""
    print_table(open_database(context).persons.table(), as_json)


@person.command("level")
@click.argument("name")
@click.argument("level", type=_level)
@click.pass_context
def level(context: click.Context, name: str, level: Level) -> None:
    """Let NAME do what LEVEL says: reader, operator or admin."""
    open_database(context).persons.set_level(name, level)
    click.echo(f"{name} is {level}")


@person.command("deactivate")
@click.argument("name")
@click.pass_context
def deactivate(context: click.Context, name: str) -> None:
    """Take every right and every way in from NAME, at once."""
    open_database(context).persons.deactivate(name)
    click.echo(f"{name} was shut out; let them in again with: gilgamesh person activate {name}")


@person.command("activate")
@click.argument("name")
@click.pass_context
def activate(context: click.Context, name: str) -> None:
    """Let NAME in again."""
    open_database(context).persons.activate(name)
    click.echo(f"{name} may log in again")


@person.command("audit")
@click.option(
    "--rows", type=click.IntRange(1), default=50, show_default=True, help="How many entries, the latest first."
)
@as_json
@click.pass_context
def audit(context: click.Context, rows: int, as_json: bool) -> None:
    """List what concerned persons: invitations, logins, levels."""
    print_table(open_database(context).persons.audit(rows=rows), as_json)
