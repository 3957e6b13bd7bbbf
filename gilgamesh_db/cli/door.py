"""How commands reach the database, and how they print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from ..database import Database

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def open_database(context: click.Context) -> Database:
    """The database the command was asked to use; closed when the command ends."""
    from ..database import connect

    return context.with_resource(connect(context.obj["url"], known_at=context.obj["known_at"]))


def print_table(table: pd.DataFrame, as_json: bool) -> None:
    """Print a table for people, or for a script."""
    if as_json:
        click.echo(table.reset_index().to_json(orient="records", date_format="iso", indent=2))
        return
    import pandas as pd

    with pd.option_context("display.max_rows", None, "display.max_columns", None, "display.width", 250,
                           "display.max_colwidth", 80):  # fmt: skip
        click.echo(table.to_string() if len(table) else "nothing")


def print_json(data: Any) -> None:
    """Print data for a script; times become ISO 8601."""
    click.echo(json.dumps(data, indent=2, default=str))
