"""``gilgamesh storage``: recordings that broke off, and the room that samples take."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import click

from .door import as_json, open_database, print_json, print_table

if TYPE_CHECKING:
    import pandas as pd

Range = tuple[int | None, int | None]


def _shots(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Range:
    from ..retention import shots_between

    return (None, None) if text is None else shots_between(text)


def _age(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime.timedelta | None:
    from ..retention import age

    return None if text is None else age(text)


@click.group()
def storage() -> None:
    """Unfinished recordings, partitions, and releasing old samples."""


@storage.command()
@as_json
@click.pass_context
def unfinished(context: click.Context, as_json: bool) -> None:
    """List shots that are being recorded, or whose recording broke off."""
    table = open_database(context).sql(
        "select shot, started_at, status, port, samples, bytes, coalesce(recorded_by::text, 'nobody') as recorded_by "
        "from gilgamesh.unfinished order by shot, port"
    )
    print_table(table.set_index("shot"), as_json)


@storage.command()
@click.argument("shot", type=int)
@click.pass_context
def finish(context: click.Context, shot: int) -> None:
    """Complete an interrupted SHOT from the samples that are stored."""
    from ..recording import finish

    done = finish(open_database(context), shot)
    click.echo(f"shot {done.shot} is finished as interrupted: {done.series} records, {done.samples} samples")


@storage.command()
@click.argument("shot", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def drop(context: click.Context, shot: int, yes: bool) -> None:
    """Remove what was not finished of an interrupted SHOT, and the shot when nothing else is known of it."""
    from ..recording import drop

    database = open_database(context)
    if not yes:
        click.confirm(f"Remove the unfinished samples of shot {shot} for good?", abort=True)
    done = drop(database, shot)
    kept = "and the shot" if done.with_shot else "the shot stays"
    click.echo(f"removed {done.series} records of shot {done.shot} with {done.samples} samples, {kept}")


@storage.command()
@as_json
@click.pass_context
def chunks(context: click.Context, as_json: bool) -> None:
    """List the partitions that hold the samples."""
    from ..retention import chunks

    print_table(_by_chunk(chunks(open_database(context)), as_json), as_json)


@storage.command()
@click.option("--shots", callback=_shots, metavar="FIRST:UNTIL", help="These shots; UNTIL is not included.")
@click.option("--older-than", callback=_age, metavar="AGE", help="Shots triggered longer ago, like 400d, 8w or 2y.")
@click.option("--keep-needed", is_flag=True, help="Keep what runs need and release the rest, instead of refusing.")
@click.option("--reason", help="Why; it is kept among the edits.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def release(
    context: click.Context, shots: Range, older_than: datetime.timedelta | None, keep_needed: bool, reason: str | None,
    dry_run: bool, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Remove the samples of shots for good; the shots and their history stay."""
    from ..retention import release

    database = open_database(context)
    since, until = shots
    found = release(database, since=since, until=until, older_than=older_than, dry_run=True)
    if not dry_run and (found.needed.empty or keep_needed) and not found.chunks.empty and not yes:
        if not as_json:
            print_table(_by_chunk(found.chunks, as_json), as_json)
        click.confirm(f"Remove these {found.chunks.samples.sum()} samples for good?", abort=True, err=as_json)
    if not dry_run:
        found = release(
            database, since=since, until=until, older_than=older_than, keep_needed=keep_needed, reason=reason
        )
    if as_json:
        print_json(
            {"done": found.done, "chunks": found.chunks.to_dict("records"), "needed": found.needed.to_dict("records")}
        )
        return
    print_table(_by_chunk(found.chunks, as_json), as_json)
    for shot, port, needed_by in found.needed.itertuples(index=False, name=None):
        click.echo(f"shot {shot} {port or 'result'}: needed by {needed_by}")
    samples, size = found.chunks.samples.sum(), found.chunks.bytes.sum() / 1e6
    click.echo(f"{'released' if found.done else 'would release'} {samples} samples, {size:.1f} MB")


def _by_chunk(table: pd.DataFrame, as_json: bool) -> pd.DataFrame:
    """Partitions by their shots; megabytes for people."""
    if as_json:
        return table.set_index("since")
    shown = table.assign(chunk=table.since.astype(str) + ":" + table.until.astype(str))
    shown = shown.drop(columns=["since", "until"]).set_index("chunk")
    return shown.assign(MB=(shown.pop("bytes") / 1e6).round(1))
