"""``gilgamesh db``: the database itself."""

from __future__ import annotations

import click

from ..errors import InvalidValue, SchemaOutOfDate
from .door import as_json, print_json


@click.group()
def db() -> None:
    """Create, upgrade, check and stop the database."""


@db.command()
@click.option("--beside", is_flag=True, help="Install beside somebody else's tables.")
@click.pass_context
def create(context: click.Context, beside: bool) -> None:
    """Install Gilgamesh in an empty database."""
    from .. import installation
    from ..database import open_engine
    from ..translation import shown

    engine = open_engine(context.obj["url"])
    context.call_on_close(engine.dispose)
    installation.create(engine, beside=beside)
    click.echo(f"ready: {shown(engine.url)}, revision {installation.head()}")


@db.command()
@click.pass_context
def upgrade(context: click.Context) -> None:
    """Bring an older database to this software's revision; lay views and functions anew."""
    from .. import installation
    from ..database import open_engine
    from ..translation import shown

    engine = open_engine(context.obj["url"])
    context.call_on_close(engine.dispose)
    installation.upgrade(engine)
    click.echo(f"upgraded: {shown(engine.url)}, revision {installation.head()}")


@db.command()
@click.option("--samples", is_flag=True, help="Also read every stored sample and compare its checksum.")
@click.pass_context
def check(context: click.Context, samples: bool) -> None:
    """Check that the database is of this revision, and its samples undamaged."""
    from ..check import check_samples
    from ..installation import missing_objects
    from .door import open_database

    database = open_database(context)
    with database.transaction() as connection:
        missing = missing_objects(connection)
    if missing:
        raise SchemaOutOfDate(
            f"{len(missing)} views and functions are missing, {missing[0]} first; lay them again with: gilgamesh db upgrade"
        )
    click.echo(f"{database!r} is of this software's revision")
    if samples:
        from rich.progress import track

        with database.transaction() as connection:
            count = connection.exec_driver_sql(
                "select count(*) from gilgamesh.series where sha256 is not null"
            ).scalar_one()
        damaged = [text for text in track(check_samples(database), "samples", total=count) if text]
        for text in damaged:
            click.echo(text, err=True)
        click.echo(f"{count} series read, {len(damaged)} damaged")
        if damaged:
            context.exit(1)


@db.command()
@as_json
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Say whether the embedded server runs, where its files are and how large they are."""
    from ..embedded import EmbeddedServer

    _only_embedded(context)
    found = EmbeddedServer().status()
    facts = {
        "running": found.running, "pid": found.pid, "version": found.version, "home": str(found.home),
        "size": found.size_bytes,
    }  # fmt: skip
    if as_json:
        print_json(facts)
        return
    state = f"running, process {found.pid}" if found.running else "stopped; any command starts it"
    click.echo(f"embedded PostgreSQL {found.version or ''}: {state}\n{found.home}: {found.size_bytes / 1e6:.0f} MB")


@db.command()
@click.pass_context
def stop(context: click.Context) -> None:
    """Stop the embedded server; any command starts it again."""
    from ..embedded import EmbeddedServer

    _only_embedded(context)
    click.echo("stopped" if EmbeddedServer().stop() else "it was not running")


def _only_embedded(context: click.Context) -> None:
    if context.obj["url"]:
        raise InvalidValue(
            "this command is about the embedded server, but a URL was given; leave out --url and GILGAMESH_DATABASE_URL"
        )
