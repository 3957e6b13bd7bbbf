"""``gilgamesh load``: files into the database, each once."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gilgamesh_db.cli.door import as_json as json_option
from gilgamesh_db.cli.door import open_database, print_json
from gilgamesh_db.errors import ConflictError, FileRefused, GilgameshError, InvalidValue, ServerError, UserError
from gilgamesh_db.timespan import instant
from gilgamesh_loaders.arrivals import Arrivals, stamp_of
from gilgamesh_loaders.folder import files_of
from gilgamesh_loaders.formats import Hints, known_formats, read_plans
from gilgamesh_loaders.loading import Batch, Instructions, Outcome, load_files, zone
from gilgamesh_loaders.rehearsal import Rehearsal, as_dict

if TYPE_CHECKING:
    from gilgamesh_db import Database

SMALL = 100e6  # bytes; below it, starting processes takes longer than they save


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--shot", type=int, help="Shot number, where the file does not say it.")
@click.option("--started-at", help="Time of the trigger, where the file does not say it.")
@click.option("--device", help="Device that recorded the file, where the file does not say it.")
@click.option("--timezone", help="Zone of times a file gives without one, such as Europe/Brussels; UTC, if left out.")
@click.option("--start", type=float, help="Time of the first sample in s, where the file does not say it.")
@click.option("--dt", type=float, help="Sampling interval in s, where the file does not say it.")
@click.option(
    "--mapping",
    type=click.Path(path_type=Path),
    help="Which array of an HDF5, netCDF, NumPy or MATLAB file is which port.",
)
@click.option("--format", "format_", help="Read as this format instead of looking at the content.")
@click.option("--create", is_flag=True, help="Make unknown ports known, with the file's scale and a signal for each.")
@click.option("--dry-run", is_flag=True, help="Say what would be loaded, and change nothing.")
@click.option(
    "--jobs", type=click.IntRange(min=0), help="Processes that load at the same time; 0 for none beside this one."
)
@click.option("--continue", "go_on", is_flag=True, help="Go on with what earlier loads on this computer did not reach.")
@json_option
@click.option("--list-formats", is_flag=True, help="List the formats that can be read.")
@click.pass_context
def load(
    context: click.Context, paths: tuple[Path, ...], shot: int | None, started_at: str | None, device: str | None,
    timezone: str | None, start: float | None, dt: float | None, mapping: Path | None, format_: str | None, create: bool,
    dry_run: bool, jobs: int | None, go_on: bool, as_json: bool, list_formats: bool,
) -> None:  # fmt: skip
    """Load recordings from PATHS. A file that was loaded before changes nothing; one that is refused neither."""
    if list_formats:
        for name, known in known_formats().items():
            click.echo(f"{name:<14} {' '.join(known.extensions):<18} {known.description}")
        return
    if bool(paths) == go_on:
        raise click.UsageError("Give the files to load, or --continue.", context)
    hints = Hints(shot, instant(started_at), device, zone(timezone), start, dt, mapping and mapping.absolute())
    instructions = Instructions(hints, format_, create)
    files = list(dict.fromkeys(path for path in files_of(paths)))
    if paths and not files:
        raise FileRefused(f"there are no files in {', '.join(map(str, paths))}")
    if shot is not None and len(files) > 1:
        raise InvalidValue("--shot names one shot, but several files were given; load them one by one")
    db = open_database(context)
    if dry_run:
        _rehearse(db, _left(db) if go_on else dict.fromkeys(files, instructions), as_json)
    elif len(files) == 1 and not go_on and not as_json:
        _load_one(db, files[0], instructions)
    else:
        _load_many(db, _left(db) if go_on else dict.fromkeys(files, instructions), jobs, as_json, queued=go_on)


def _load_one(db: Database, path: Path, instructions: Instructions) -> None:
    outcome = load_files(db, [path], instructions)
    if outcome.fault:
        raise ServerError(outcome.fault)
    if outcome.refused:
        raise FileRefused(outcome.refused[0].reason)
    for done in outcome.outcomes:
        click.echo(str(done))


def _load_many(
    db: Database, wanted: dict[Path, Instructions], jobs: int | None, as_json: bool, *, queued: bool
) -> None:
    if not wanted:
        click.echo("[]" if as_json else "there is nothing to go on with")
        return
    queue = Arrivals(db, "load")
    if not queued:
        there = {path.absolute(): stamp_of(path) for path in wanted if path.is_file()}
        queue.wait(there, next(iter(wanted.values())).to_json())
    sizes = {path: path.stat().st_size if path.is_file() else 0 for path in wanted}
    if jobs is None:
        jobs = 0 if sum(sizes.values()) < SMALL else min(os.cpu_count() or 1, len(wanted))
    batch = _with_progress(db, wanted, sizes, jobs, queue, as_json)
    if as_json:
        print_json(batch.to_dict())
    else:
        click.echo(str(batch))
    if batch.interrupted:
        context = click.get_current_context()
        context.exit(130)
    if batch.fault:
        raise ServerError(
            f"{batch.fault}. {len(batch.left)} of {len(wanted)} files were not reached: gilgamesh load --continue"
        )
    if batch.refused:
        raise GilgameshError(f"{len(batch.refused)} of {len(wanted)} files refused; the others are loaded")


def _with_progress(
    db: Database, wanted: dict[Path, Instructions], sizes: dict[Path, int], jobs: int, queue: Arrivals, as_json: bool
) -> Batch:
    """Load, and say what became of each file as soon as it is known: on the screen, and in the queue."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (TextColumn("{task.fields[done]} of {task.fields[files]} files"), BarColumn(), DownloadColumn(),
               TransferSpeedColumn(), TimeRemainingColumn())  # fmt: skip
    # What goes into a file is not for the screen: lines are put above the bar only where both are the terminal.
    both = console.is_terminal and sys.stdout.isatty()
    with Progress(
        *columns, console=console, transient=True, redirect_stdout=both, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=sum(sizes.values()), done=0, files=len(wanted))
        done = 0

        def told(outcome: Outcome) -> None:
            nonlocal done
            done += 1
            refused = outcome.status not in ("loaded", "already there")
            path = outcome.path.absolute()
            stamp = outcome.stamp or (stamp_of(path) if path.is_file() else None)
            if stamp is not None:
                # Without the database the entry goes on waiting, and is found to be there by --continue.
                with suppress(ServerError):
                    queue.settle(path, stamp, "refused" if refused else "loaded", outcome.reason, outcome.shots)
            if not as_json:
                click.echo(f"refused: {outcome.reason}" if refused else str(outcome), err=refused)
            progress.update(task, advance=sizes[outcome.path], done=done)

        return load_files(db, wanted, wanted, jobs=jobs, told=told)


def _left(db: Database) -> dict[Path, Instructions]:
    """What earlier loads did not reach, each with what was told then."""
    return {one.path: Instructions.from_json(one.options) for one in Arrivals(db, "load").known("waiting")}


def _rehearse(db: Database, wanted: dict[Path, Instructions], as_json: bool) -> None:
    """Print what would be loaded; refused is what would be refused."""
    rehearsal = Rehearsal(db, any(one.create for one in wanted.values()))
    said: list[dict[str, Any]] = []
    states: list[str] = []
    lacking = False
    for path, instructions in wanted.items():
        try:
            plans = read_plans(path, instructions.hints, instructions.format)
        except UserError as error:
            if len(wanted) == 1:
                raise
            states.append("refused")
            said.append({"file": str(path), "refused": str(error)})
            if not as_json:
                click.echo(f"refused: {error}", err=True)
            continue
        found = [rehearsal.examine(plan) for plan in plans]
        said += [as_dict(one) for one in found]
        lacking = lacking or any(one.unknown_ports for one in found)
        refused = any(rehearsal.refused(one) for one in found)
        states.append("refused" if refused else "there" if all(one.already_there for one in found) else "new")
        for one in found:
            if not as_json:
                click.echo(str(one))
    many, refusals = len(wanted), states.count("refused")
    if as_json:
        print_json(said)
    elif many > 1:
        click.echo(
            f"would load {states.count('new')} of {many} files; {states.count('there')} are there already, {refusals} would be refused"
        )
    if refusals:
        create = "; --create makes unknown ports known" if lacking and not rehearsal.create else ""
        raise ConflictError(f"{refusals} of {many} files would be refused{create}. Nothing was changed")
