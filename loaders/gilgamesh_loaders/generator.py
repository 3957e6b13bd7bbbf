"""``gilgamesh generator``: the log of an RF generator, pulse by pulse beside the shots it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gilgamesh_db.cli.door import as_json as json_option
from gilgamesh_db.cli.door import open_database, print_json
from gilgamesh_db.errors import GilgameshError, UserError
from gilgamesh_loaders.commit import commit, examine
from gilgamesh_loaders.generator_log import GAP, pulses, read_logs
from gilgamesh_loaders.loading import zone
from gilgamesh_loaders.matched_log import Matched, match_log

if TYPE_CHECKING:
    from gilgamesh_db import Database
    from gilgamesh_db.edits import Edit


@click.group()
def generator() -> None:
    """The log of an RF generator: which pulse belongs to which shot, and how wrong its clock is."""


def _matching(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say how a log is matched."""
    for option in reversed((
        click.argument("logs", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)),
        click.option("--timezone", help="Zone of the log's clock, such as Europe/Brussels; UTC, if left out."),
        click.option("--shots", default=":", help="Only these, such as 1200:1300."),
        click.option("--gap", type=click.FloatRange(min=0, min_open=True), default=GAP, show_default=True, help="A pause of so many s ends a pulse."),
        click.option("--lead", type=float, default=0.0, show_default=True, help="The log of a pulse begins so many s before the trigger."),
        click.option("--reference", help="A signal that rises together with the first column of the log."),
        click.option("--largest", type=float, default=600.0, show_default=True, help="The clock is never off by more than so many s."),
        click.option("--near", type=float, help="It is off by about so many s (to be added)."),
        click.option("--drift", type=float, default=50.0, show_default=True, help="It never drifts faster than so many µs per s."),
        click.option("--tolerance", type=float, default=1.0, show_default=True, help="Pulses and shots agree within so many s."),
    )):  # fmt: skip
        command = option(command)
    return command


def _found(
    db: Database, logs: Sequence[Path], timezone: str | None, gap: float, drift: float, **options: Any
) -> Matched:
    return match_log(db, pulses(read_logs(logs, zone(timezone)), gap), drift=drift * 1e-6, **options)


@generator.command("match")
@_matching
@json_option
@click.pass_context
def match_command(context: click.Context, /, as_json: bool, **options: Any) -> None:
    """Say which pulses of LOGS belong to which shots, and how wrong the clock is. Nothing is changed."""
    found = _found(open_database(context), **options)
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(str(found))


@generator.command("load")
@_matching
@click.option("--device", default="Generator", show_default=True, help="The device that wrote the log.")
@click.option("--create", is_flag=True, help="Make the device and its ports known.")
@click.option("--reason", required=True, help="Why the clock is stated so; the next person will read it.")
@click.option("--author", help="Who says so; the database role, if left out.")
@click.option("--dry-run", is_flag=True, help="Say what would be stated and loaded, and change nothing.")
@click.pass_context
def load_command(
    context: click.Context, /, device: str, create: bool, reason: str, author: str | None, dry_run: bool, **options: Any
) -> None:
    """State how wrong the clock is, and load each pulse of LOGS as the record of its shot."""
    db = open_database(context)
    found = _found(db, **options)
    click.echo(str(found))
    rows = [row for row in found.timing() if not _stated(db, device, row)]
    if dry_run:
        _rehearse(db, found, rows, device, reason, author, create)
        return
    if rows:
        with db.edit(reason, author=author) as edit:
            _state(db, edit, rows, device, create)
    click.echo(f"clock: {len(rows)} statements" if rows else "clock: as stated before")
    loaded = there = 0
    refused = []
    for period in found.matching.periods:
        for i, j in period.pairs:
            shot = found.shots[j]
            try:
                report = commit(db, found.pulses[i].plan(shot.number, shot.started_at, device), create=create)
            except UserError as error:
                refused.append(str(error))
                continue
            loaded += report.series > 0
            there += report.series == 0
    click.echo(f"pulses: {loaded} loaded, {there} already there, {len(refused)} refused")
    for complaint in refused:
        click.echo(f"  {complaint}", err=True)
    if refused:
        raise GilgameshError(f"{len(refused)} pulses were refused; the others are loaded")


def _state(db: Database, edit: Edit, rows: Sequence[dict[str, Any]], device: str, create: bool) -> None:
    if create and db.sql("select 1 from gilgamesh.component where name = :name", {"name": device}).empty:
        edit.add_component(device, "DAQDevice", description="log of an RF generator")
    for row in rows:
        edit.set_timing(device, **row)


def _stated(db: Database, device: str, row: dict[str, Any]) -> bool:
    """Whether the database says just this already."""
    held = db.sql(
        "select t.start_offset, t.clock_rate from gilgamesh.timing t join gilgamesh.component c on c.id = t.device_id "
        "where c.name = :device and upper_inf(t.recorded) and t.valid @> tstzrange(gilgamesh.shot_time(:since), "
        "case when cast(:until as bigint) is not null then gilgamesh.shot_time(:until) end)",
        {"device": device, "since": row["since"], "until": row["until"]},
    )
    same = (held["start_offset"] - row["start_offset"]).abs() < 1e-6
    return bool((same & ((held["clock_rate"] - row["clock_rate"]).abs() < 1e-9)).any())


def _rehearse(
    db: Database,
    found: Matched,
    rows: Sequence[dict[str, Any]],
    device: str,
    reason: str,
    author: str | None,
    create: bool,
) -> None:
    """Print what stating the clock would change, and what would be loaded."""
    for row in rows:
        until = f"shot {row['until']}" if row["until"] is not None else "further notice"
        click.echo(
            f"would state from shot {row['since']} until {until}: {row['start_offset']:.3f} s, rate {row['clock_rate']:.9f}"
        )
    with db.what_if(reason, author=author) as tried:
        _state(db, tried, rows, device, create)
    click.echo(str(tried.effect))
    found_there = conflicts = 0
    for period in found.matching.periods:
        for i, j in period.pairs:
            shot = found.shots[j]
            examined = examine(db, found.pulses[i].plan(shot.number, shot.started_at, device))
            found_there += examined.already_there
            conflicts += bool(examined.conflicts)
            for conflict in examined.conflicts:
                click.echo(f"  conflict: {conflict}")
    pairs = len(found.matching.residuals)
    click.echo(
        f"would load {pairs - found_there - conflicts} pulses; {found_there} are there already, {conflicts} would be refused"
    )
