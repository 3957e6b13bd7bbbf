"""How commands reach the database, and how they print."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd

    from ..database import Database

NEGATIVE = {"ignore_unknown_options": True}  # so that -1, the last shot, is no option

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def open_database(context: click.Context) -> Database:
    """The database the command was asked to use; closed when the command ends."""
    from ..database import connect

    return context.with_resource(connect(context.obj["url"], known_at=context.obj["known_at"]))


def print_table(table: pd.DataFrame, as_json: bool) -> None:
    """Print a table for people, or for a script."""
    if as_json:
        rows = table if table.index.name is None else table.reset_index()
        print_json([dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False, name=None)])
        return
    import pandas as pd

    with pd.option_context("display.max_rows", None, "display.max_columns", None, "display.width", 250,
                           "display.max_colwidth", 80):  # fmt: skip
        click.echo(table.to_string() if len(table) else "nothing")


def print_json(data: Any) -> None:
    """Print data for a script; times become ISO 8601, what is missing null."""
    click.echo(json.dumps(plain(data), indent=2, allow_nan=False))


def plain(value: Any) -> Any:
    """Reduce a value to what JSON knows."""
    import pandas as pd

    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if value is None or pd.isna(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        return plain(value.item())
    return value if isinstance(value, str | int | float | bool) else str(value)
