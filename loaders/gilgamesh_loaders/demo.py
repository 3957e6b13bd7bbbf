"""``gilgamesh demo``: a testbed, forty discharges and a short story, in under a minute."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gilgamesh_db import Database
from gilgamesh_db.cli.door import open_database
from gilgamesh_db.errors import ConflictError
from gilgamesh_loaders import simulator
from gilgamesh_loaders.commit import commit
from gilgamesh_loaders.simulator import STORY

SQL = """\
select shot, port, round(avg(value)::numeric, 5) as mean, round(max(value)::numeric, 5) as max
  from gilgamesh.resolved_signal, gilgamesh.samples_between(signal, shot, 0.9, 1.1)
 where signal = 'BigCoil_I' and status = 'ok' and shot between 1450 and 1530
 group by shot, port order by shot"""


@click.command()
@click.option(
    "--to", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Folder for the picture."
)
@click.pass_context
def demo(context: click.Context, folder: Path) -> None:
    """Simulate a testbed with forty discharges, load them, and tell what the database knows."""
    began = time.monotonic()
    out = Console(highlight=False, soft_wrap=True)
    db = open_database(context)
    out.print(
        f"database   {db.engine.url.database} on PostgreSQL {_version(db)}, ready after {time.monotonic() - began:.1f} s"
    )
    _install(db, out)
    _load(db, out)
    _tell(db, out)
    picture = folder / f"gilgamesh_demo_{simulator.SHOTS[-1]}.png"
    db.overview(-1).savefig(picture, dpi=100)
    out.print(f"\n[bold]The last discharge[/] as a picture: {picture}")
    out.print(
        "\n[bold]Type next[/]\n"
        "  gilgamesh shots \"Gas == 'Argon' and Useful\"\n"
        f"  gilgamesh show {STORY.moved_shots[1]}\n"
        f"  gilgamesh explain {STORY.moved_signal} {STORY.moved_shots[1]}\n"
        f"  gilgamesh plot {STORY.moved_signal} {STORY.moved_shots[1]} --window 0.9 0.92\n"
        "  gilgamesh db stop"
    )
    out.print(f"\ndemo finished after {time.monotonic() - began:.0f} s")


def _install(db: Database, out: Console) -> None:
    """Install the testbed and act out its life; what was done before is not done again."""
    if db.sql("select 1 from gilgamesh.source where format = 'simulator' limit 1").empty and not db.shots().empty:
        raise ConflictError(
            "this database holds discharges of your own; run the demo in one of its own: GILGAMESH_HOME=demo gilgamesh demo"
        )
    # Every edit is whole or nothing, so an interrupted demo goes on after the last one.
    latest = db.sql("select max(recorded_at) as at from gilgamesh.edit")["at"][0]
    history = [*simulator.INSTALLATION, *simulator.LIFE]
    simulator.perform(db, [edit for edit in history if latest is None or edit.recorded_at > latest])
    count = db.sql(
        "select (select count(*) from gilgamesh.component) as components, (select count(*) from gilgamesh.signal) as signals, "
        "(select count(*) from gilgamesh.calibration) as calibrations, (select count(*) from gilgamesh.edit) as edits"
    ).iloc[0]
    out.print(f"testbed    {count.components} components, {count.signals} signals, {count.calibrations} calibrations, "
              f"{count.edits} edits of its history")  # fmt: skip


def _load(db: Database, out: Console) -> None:
    columns = (TextColumn("discharges"), BarColumn(), MofNCompleteColumn(), TextColumn("shot {task.fields[shot]}"),
               TimeRemainingColumn())  # fmt: skip
    began, samples = time.monotonic(), 0
    with Progress(*columns, console=out, transient=True) as progress:
        task = progress.add_task("", total=len(simulator.SHOTS), shot="")
        for number in simulator.SHOTS:
            samples += commit(db, simulator.simulate_shot(number).plan).samples
            progress.update(task, advance=1, shot=number)
    seconds = time.monotonic() - began
    what = (
        f"{samples / 1e6:.0f} million samples simulated and loaded in {seconds:.0f} s"
        if samples
        else "all loaded before"
    )
    out.print(f"discharges {len(simulator.SHOTS)} of shots {simulator.SHOTS[0]} … {simulator.SHOTS[-1]}, {what}")


def _tell(db: Database, out: Console) -> None:
    name = STORY.moved_signal
    out.print(f"\n[bold]A name is enough.[/] {name} was plugged in elsewhere every time; the library knows:")
    for shot in STORY.moved_shots:
        signal = db.signal(name, shot)
        out.print(f"  shot {shot:>4}  port {signal.port:<15} largest current {signal.values.max() * 1e3:7.3f} mA")

    first, second = STORY.swapped_signals
    shot = STORY.swapped_shot
    reason = db.sql(
        "select distinct on (author) author, reason, lower(recorded) as at from gilgamesh.wiring "
        "where signal = :signal and closed_by is null and valid @> gilgamesh.shot_time(:shot) order by author",
        {"signal": first, "shot": shot},
    ).iloc[0]  # fmt: skip
    out.print(
        f"\n[bold]The past can be corrected.[/] On {reason['at']:%Y-%m-%d} {reason.author} said: “{reason.reason}”."
    )
    for title, known in (("as known before", db.known_at(STORY.before_swap_known)), ("as known today", db)):
        for signal in (known.signal(first, shot), known.signal(second, shot)):
            out.print(f"  {title:<16} {signal.name:<8} shot {shot}  port {signal.port:<15} "
                      f"largest current {signal.values.max() * 1e3:7.3f} mA")  # fmt: skip
    out.print("  No sample was touched; an old number can be had again at any time.")

    out.print(f"\n[bold]The same in SQL.[/]\n{SQL}")
    out.print(db.sql(SQL).to_string(index=False))

    gaps = db.sql(
        "select gap, signal, shot, detail from gilgamesh.gaps where gap <> 'not wired' order by shot, signal limit 3"
    )
    out.print("\n[bold]Nothing is guessed.[/] What is missing stands in gilgamesh.gaps:")
    for gap in gaps.itertuples():
        out.print(f"  shot {gap.shot}: {gap.signal}: {gap.detail}")


def _version(db: Database) -> str:
    return str(db.sql("show server_version").iloc[0, 0]).split()[0]
