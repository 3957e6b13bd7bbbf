"""``gilgamesh load``: files into the database, each once."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from gilgamesh_db.cli.door import open_database
from gilgamesh_db.errors import GilgameshError, InvalidValue, UserError
from gilgamesh_db.timespan import instant
from gilgamesh_loaders.commit import commit, examine
from gilgamesh_loaders.formats import Hints, known_formats, read_plans


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--shot", type=int, help="Shot number, where the file does not say it.")
@click.option("--started-at", help="Time of the trigger, where the file does not say it.")
@click.option("--device", help="Device that recorded the file, where the file does not say it.")
@click.option("--timezone", help="Zone of times a file gives without one, such as Europe/Brussels; UTC, if left out.")
@click.option("--start", type=float, help="Time of the first sample in s, where the file does not say it.")
@click.option("--dt", type=float, help="Sampling interval in s, where the file does not say it.")
@click.option("--format", "format_", help="Read as this format instead of looking at the content.")
@click.option("--create", is_flag=True, help="Make unknown ports known, with the file's scale and a signal for each.")
@click.option("--dry-run", is_flag=True, help="Say what would be loaded, and change nothing.")
@click.option("--list-formats", is_flag=True, help="List the formats that can be read.")
@click.pass_context
def load(
    context: click.Context, paths: tuple[Path, ...], shot: int | None, started_at: str | None, device: str | None,
    timezone: str | None, start: float | None, dt: float | None, format_: str | None, create: bool, dry_run: bool, list_formats: bool,
) -> None:  # fmt: skip
    """Load recordings from PATHS. A file that was loaded before changes nothing; one that is refused neither."""
    if list_formats:
        for name, known in known_formats().items():
            click.echo(f"{name:<14} {' '.join(known.extensions):<18} {known.description}")
        return
    if not paths:
        raise click.UsageError("Give the files to load.", context)
    if shot is not None and len(paths) > 1:
        raise InvalidValue("--shot names one shot, but several files were given; load them one by one")
    db = open_database(context)
    hints = Hints(
        shot=shot, started_at=instant(started_at), device=device, timezone=_zone(timezone), start=start, dt=dt
    )
    refused = 0
    for path in paths:
        try:
            for plan in read_plans(path, hints, format_):
                click.echo(str(examine(db, plan) if dry_run else commit(db, plan, create=create)))
        except UserError as error:
            if len(paths) == 1:
                raise
            refused += 1
            click.echo(f"refused: {error}", err=True)
    if refused:
        raise GilgameshError(f"{refused} of {len(paths)} files were refused; the others are loaded")


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidValue(f"{name!r} is no time zone; write it like Europe/Brussels or UTC") from error
