"""``gilgamesh watch`` and ``gilgamesh arrivals``: a folder whose recordings load themselves, and what became of them."""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gilgamesh_db.cli.door import as_json as json_option
from gilgamesh_db.cli.door import open_database, print_table
from gilgamesh_db.errors import InvalidValue, ServerError
from gilgamesh_loaders.arrivals import this_host
from gilgamesh_loaders.formats import Hints
from gilgamesh_loaders.loading import Instructions, zone
from gilgamesh_loaders.watcher import Said, Watcher

if TYPE_CHECKING:
    from gilgamesh_db import Database

SECONDS = click.FloatRange(min=0.0)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--device", help="Device that recorded the files, where they do not say it.")
@click.option("--timezone", help="Zone of times the files give without one, such as Europe/Brussels; UTC, if left out.")
@click.option("--mapping", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="What the datasets of HDF5, netCDF, NumPy or MATLAB files are.")  # fmt: skip
@click.option("--format", "format_", help="Read all as this format instead of looking at the content.")
@click.option("--create", is_flag=True, help="Make unknown ports and attributes known.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Processes that load at the same time.")  # fmt: skip
@click.option("--quiet", type=SECONDS, help="A file must not have changed for so many s; 0.3 or 2, if left out.")
@click.option("--patience", type=SECONDS, default=30.0, show_default=True, help="A file that cannot be read is refused so many s after its last change.")  # fmt: skip
@click.option("--poll", type=SECONDS, help="Look every so many s: for network drives, which tell of no changes.")
@click.option("--flat", is_flag=True, help="Leave folders inside the folder alone.")
@click.option("--once", is_flag=True, help="Stop when everything that is there was loaded or refused.")
@json_option
@click.pass_context
def watch(
    context: click.Context, folder: Path, device: str | None, timezone: str | None, mapping: Path | None, format_: str | None, create: bool,
    jobs: int, quiet: float | None, patience: float, poll: float | None, flat: bool, once: bool, as_json: bool,
) -> None:  # fmt: skip
    """Load every recording that comes into FOLDER, as soon as its writer has finished. Files are never moved or changed."""
    if not folder.is_dir():
        raise InvalidValue(f"there is no folder {str(folder)!r} to watch; make it with: mkdir")
    instructions = Instructions(
        Hints(device=device, timezone=zone(timezone), mapping=mapping and mapping.absolute()), format_, create
    )
    stop = threading.Event()
    with ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.signal(number, lambda *_: stop.set()))
        show = _Show(folder, as_json)
        stack.enter_context(show)
        db = open_database(context) if once else _patiently(context, stop, show)
        if db is None:
            return
        watcher = Watcher(
            db, folder, instructions, jobs=jobs, quiet=quiet, patience=0.0 if once else patience, poll=poll,
            recursive=not flat, tell=show.tell,
        )  # fmt: skip
        show.of(watcher)
        watcher.run(stop, once=once)


def _patiently(context: click.Context, stop: threading.Event, show: _Show) -> Database | None:
    """The database, as soon as it can be reached; None when one is told to stop before. A service may start first."""
    said = ""
    while not stop.is_set():
        try:
            return open_database(context)
        except ServerError as error:
            if str(error) != said:
                said = str(error)
                show.tell(Said("lost", said))
            stop.wait(2.0)
    return None


class _Show:
    """What the watcher says: lines, and on a terminal a status line under them."""

    def __init__(self, folder: Path, as_json: bool) -> None:
        from rich.console import Console

        self._folder, self._as_json = folder, as_json
        self._console = Console(highlight=False, soft_wrap=True)
        self._status = self._console.status("") if self._console.is_terminal and not as_json else None
        self._ticking = threading.Event()

    def __enter__(self) -> _Show:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ticking.set()
        if self._status is not None:
            self._status.stop()

    def of(self, watcher: Watcher) -> None:
        """Show the state of a watcher, once a second."""
        self.tell(Said("watching", f"{self._folder.absolute()}"))
        if self._status is not None:
            threading.Thread(target=self._tick, args=(watcher,), daemon=True).start()

    def tell(self, said: Said) -> None:
        """One line for people, for the journal of a service, or for a script."""
        if self._as_json:
            print(json.dumps(said._asdict()), flush=True)
        else:
            self._console.print(f"{said.kind + ':':<9} {said.text}", markup=False)
            sys.stdout.flush()

    def _tick(self, watcher: Watcher) -> None:
        while not self._ticking.wait(0.5):
            tally = watcher.tally
            parts = [f"watching {self._folder}", f"{tally.loaded} loaded"]
            parts += [f"{watcher.pending} coming"] if watcher.pending else []
            parts += [f"{watcher.waiting} waiting"] if watcher.waiting else []
            parts += [f"{len(tally.refused)} refused"] if tally.refused else []
            parts += [f"last {tally.last}"] if tally.last else []
            parts += ["the database is away"] if watcher.lost else []
            assert self._status is not None  # noqa: S101 - only then it ticks
            self._status.update(" · ".join(parts))


@click.group()
def arrivals() -> None:
    """Files that came in: what waits, what was refused and why; let it be tried again."""


_LIST = """
select id, state, path, shots, reason, noticed_at, settled_at, host, via from gilgamesh.arrival
 where (cast(:state as text) is null or state = :state) and (:everywhere or host = :host)
 order by id
"""


@arrivals.command("list")
@click.option("--state", type=click.Choice(["waiting", "loaded", "refused"]), help="Only these; all but the loaded, if left out.")  # fmt: skip
@click.option("--everywhere", is_flag=True, help="Of all computers, not only of this one.")
@json_option
@click.pass_context
def list_arrivals(context: click.Context, state: str | None, everywhere: bool, as_json: bool) -> None:
    """List files and what became of them."""
    table = open_database(context).sql(_LIST, {"state": state, "everywhere": everywhere, "host": this_host()})
    if state is None:
        table = table[table["state"] != "loaded"]
    if as_json:
        print_table(table.set_index("id"), as_json)
        return
    for row in table.itertuples():
        path, reason = str(row.path), str(row.reason)
        said = reason if path in reason else f"{path}{': ' if reason else ''}{reason}"
        click.echo(f"{row.id:>6} {row.state:<8} {row.noticed_at:%Y-%m-%d %H:%M} {said}")
    if table.empty:
        click.echo("nothing")


@arrivals.command("retry")
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "all_", is_flag=True, help="Everything that was refused on this computer.")
@click.pass_context
def retry(context: click.Context, ids: tuple[int, ...], all_: bool) -> None:
    """Let files that were refused be read again: by the watcher, or with gilgamesh load --continue."""
    _require(ids, all_)
    count = _change(context, "select gilgamesh.retry_arrivals(array(select id from ({chosen}) chosen))", ids, all_)
    click.echo(f"{count} will be tried again")


@arrivals.command("forget")
@click.argument("ids", nargs=-1, type=int)
@click.option("--all", "all_", is_flag=True, help="Everything that was refused on this computer.")
@click.pass_context
def forget(context: click.Context, ids: tuple[int, ...], all_: bool) -> None:
    """Take refused or waiting files off the list; a watcher takes no notice of them until they change."""
    _require(ids, all_)
    count = _change(
        context, "with gone as (delete from gilgamesh.arrival where id in ({chosen}) returning id) select count(*) from gone",
        ids, all_,
    )  # fmt: skip
    click.echo(f"{count} forgotten")


_CHOSEN = "select id from gilgamesh.arrival where state <> 'loaded' and (id = any(:ids) or :all and state = 'refused' and host = :host)"


def _require(ids: tuple[int, ...], all_: bool) -> None:
    if bool(ids) == all_:
        raise InvalidValue("give the numbers that `gilgamesh arrivals list` shows, or --all")


def _change(context: click.Context, statement: str, ids: tuple[int, ...], all_: bool) -> Any:
    import sqlalchemy as sa

    with open_database(context).transaction() as connection:
        return connection.execute(
            sa.text(statement.format(chosen=_CHOSEN)), {"ids": list(ids), "all": all_, "host": this_host()}
        ).scalar_one()
