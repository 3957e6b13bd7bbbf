"""``gilgamesh stream``: slow control from standard input and CSV, and looking after streams."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any, TextIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from gilgamesh_db import Database
from gilgamesh_db.cli.door import as_json, open_database, print_table
from gilgamesh_db.errors import GilgameshError, InvalidValue, UserError
from gilgamesh_loaders.stream_lines import LineReader


def _zone(_context: click.Context, _parameter: click.Parameter, name: str | None) -> datetime.tzinfo:
    try:
        return datetime.UTC if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidValue(f"{name!r} is no time zone; write it like Europe/Brussels") from error


@click.group()
def stream() -> None:
    """Slow control: samples that come day and night."""


@stream.command("open")
@click.argument("port")
@click.option("--pause", type=float, help="Longest pause between two samples that is no gap, in s.")
@click.option("--keep", metavar="AGE", help="How long samples are kept, like 400d, 8w or 2y; for ever by default.")
@click.option("--keep-aggregates", metavar="AGE", help="How long aggregates are kept; for ever by default.")
@click.option("--reason", help="Why; it is kept among the edits.")
@click.pass_context
def open_(
    context: click.Context,
    port: str,
    pause: float | None,
    keep: str | None,
    keep_aggregates: str | None,
    reason: str | None,
) -> None:
    """Let PORT (device/channel) deliver samples day and night, or say anew how long they are kept."""
    with open_database(context).edit(reason or f"slow control of {port}") as edit:
        edit.open_stream(port, pause=pause, keep=keep, keep_aggregates=keep_aggregates)
    click.echo(f"{port} is a stream")


@stream.command("list")
@as_json
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List the streams: the signal wired now, what is stored, the latest sample."""
    print_table(open_database(context).streams(), as_json)


@stream.command()
@click.argument("files", nargs=-1, type=click.File("r", encoding="utf-8"))
@click.option("--timezone", "zone", callback=_zone, help="Zone of times without one; UTC, if left out.")
@click.option(
    "--out-of-order", is_flag=True, help="Late samples are meant; by default a clock going backwards is an error."
)
@click.option(
    "--skip", is_flag=True, help="Report lines that cannot be read and go on; by default the first one ends it."
)
@click.pass_context
def load(
    context: click.Context, files: tuple[TextIO, ...], zone: datetime.tzinfo, out_of_order: bool, skip: bool
) -> None:
    """Store samples from FILES, or from standard input until it ends.

    Lines are time,port,raw, or a table under a header time,PORT,PORT,… What was read before an error is stored.
    """
    database = open_database(context)
    refused = 0
    with database.producer() as producer:
        try:
            for file in files or [click.open_file("-", encoding="utf-8")]:
                refused += _load(producer, file, LineReader(zone, in_order=not out_of_order), skip)
        finally:
            producer.flush(timeout=60)
            told = f"{producer.stored} samples stored, {producer.repeated} were there already"
            if producer.contradicted:
                told += f", {producer.contradicted} left out: another value is stored for their instant"
            click.echo(told, err=True)
    if refused:
        raise GilgameshError(f"{refused} lines were left out; the others are stored")


@stream.command()
@click.pass_context
def compact(context: click.Context) -> None:
    """Move samples out of the tail into segments and bring the aggregates up to date."""
    click.echo(f"moved {open_database(context).compact_streams()} samples")


@stream.command()
@click.option("--reason", help="Why; it is kept among the edits.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def release(context: click.Context, reason: str | None, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove samples and aggregates that are older than their stream keeps them, for good."""
    database = open_database(context)
    plan = database.release_streams(dry_run=True)
    if not dry_run and len(plan) and not yes:
        click.confirm(f"Remove {plan.samples.sum()} samples of {len(plan)} streams for good?", abort=True, err=as_json)
    print_table(plan if dry_run else database.release_streams(reason=reason), as_json)


@stream.command("at")
@click.argument("moment", required=False)
@as_json
@click.pass_context
def at_(context: click.Context, moment: str | None, as_json: bool) -> None:
    """Say what all channels said at MOMENT; now, if left out."""
    database: Database = open_database(context)
    print_table(database.at(moment or datetime.datetime.now(datetime.UTC)), as_json)


@stream.command()
@click.argument("signal")
@click.option("--since", required=True, help="Begin of the period.")
@click.option("--until", help="End of the period; now, if left out.")
@click.option("--every", help="Aggregates in intervals such as 1min; the samples themselves by default.")
@as_json
@click.pass_context
def show(context: click.Context, signal: str, since: str, until: str | None, every: str | None, as_json: bool) -> None:
    """Print a SIGNAL of slow control."""
    print_table(open_database(context).slow(signal, since, until, every=every), as_json)


@stream.command()
@click.argument("signal")
@click.option("--since", required=True, help="Begin of the period.")
@click.option("--until", help="End of the period; now, if left out.")
@click.option(
    "--longer-than", type=float, help="Pauses longer than so many s; the pause stated for the stream by default."
)
@as_json
@click.pass_context
def gaps(
    context: click.Context, signal: str, since: str, until: str | None, longer_than: float | None, as_json: bool
) -> None:
    """List when a SIGNAL of slow control said nothing."""
    table = open_database(context).slow_gaps(signal, since, until, longer_than=longer_than)
    print_table(table.set_index("since"), as_json)


def _load(producer: Any, lines: Iterable[str], reader: LineReader, skip: bool) -> int:
    """Put every sample of the lines; returns how many lines were left out."""
    name, left_out, number = getattr(lines, "name", "standard input"), 0, 0
    try:
        for number, line in enumerate(lines, 1):
            try:
                producer.put_many(reader.samples(line))
            except UserError as error:
                if not skip:
                    raise InvalidValue(f"{name}, line {number}: {error}; what came before it is stored") from error
                left_out += 1
                click.echo(f"{name}, line {number}: {error}", err=True)
    except UnicodeDecodeError as error:
        raise InvalidValue(
            f"{name}, after line {number}: this is no UTF-8 text; what came before it is stored"
        ) from error
    return left_out
