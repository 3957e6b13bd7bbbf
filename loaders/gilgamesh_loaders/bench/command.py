"""The command."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console

from gilgamesh_db.errors import InvalidValue

from . import analysis, campaign, history, knowledge, queries, samples, streams
from .arena import Arena, arena
from .picture import draw, require_drawing
from .report import as_json, facts, legend, markdown, rows_of, table
from .scratch import scratch_database, scratch_folder, stopped_gently
from .timing import Measurement
from .workload import QUICK, Sizes

TASKS: dict[str, Callable[[Arena], Iterator[Measurement]]] = {
    "write": samples.write,
    "read": samples.read,
    "window": samples.window,
    "overview": samples.overview,
    "disk": samples.disk,
    "statistics": campaign.statistics,
    "load": campaign.load,
    "campaign": campaign.campaign,
    "scan": queries.scan,
    "between": queries.between,
    "search": analysis.search,
    "lasting": analysis.lasting,
    "reduce": analysis.reduce,
    "signals": analysis.signals,
    "changes": knowledge.changes,
    "what_if": knowledge.what_if,
    "resolution": history.resolution,
    "names": history.names,
    "batches": streams.batches,
    "singles": streams.singles,
    "day": streams.day,
}
FILE = click.Path(dir_okay=False, writable=True, path_type=Path)
COUNT = click.IntRange(min=1)


@click.command()
@click.option("--quick", is_flag=True, help="Small sizes, a few seconds; nothing is judged.")
@click.option("--only", multiple=True, type=click.Choice(list(TASKS)), help="Measure only this; repeatable.")
@click.option(
    "--samples", "size", type=click.IntRange(min=10_000), help="Samples of the long record.  [default: 10 000 000]"
)
@click.option("--wirings", type=COUNT, help="Rows of the channel-to-port history.  [default: 1 000 000]")
@click.option("--rounds", type=COUNT, help="Rounds in which the stores take turns.  [default: 9]")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Start of the random numbers.")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where the files go; the system's temporary folder otherwise."
)
@click.option("--json", "json_file", type=FILE, help="Write the rows into this file, for scripts.")
@click.option("--plot", "plot_file", type=FILE, help="Draw the ratios into this picture file.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a page.")
@click.pass_context
def bench(
    context: click.Context,
    quick: bool,
    only: tuple[str, ...],
    size: int | None,
    wirings: int | None,
    rounds: int | None,
    seed: int,
    folder: Path | None,
    json_file: Path | None,
    plot_file: Path | None,
    as_markdown: bool,
) -> None:
    """Measure the database beside files that hold the same samples. Nothing of yours is touched."""
    sizes = replace(QUICK if quick else Sizes(), seed=seed)
    sizes = replace(
        sizes, samples=size or sizes.samples, wirings=wirings or sizes.wirings, rounds=rounds or sizes.rounds
    )
    chosen = only or tuple(TASKS)
    for file in (json_file, plot_file):
        if file is not None and not file.absolute().parent.is_dir():
            raise InvalidValue(
                f"there is no folder {str(file.parent)!r} to write {file.name!r} into; make it with: mkdir"
            )
    if plot_file is not None:
        require_drawing()
    load_before = os.getloadavg()[0]
    progress = Console(stderr=True)
    measured: list[Measurement] = []
    with ExitStack() as stack:
        stack.enter_context(stopped_gently())
        status = stack.enter_context(progress.status("a database and a folder for the benchmark"))
        files = stack.enter_context(scratch_folder(folder))
        db = stack.enter_context(scratch_database(context.obj["url"]))
        place = stack.enter_context(arena(db, files, sizes))
        for name in [task for task in TASKS if task in chosen]:
            status.update(f"measuring: {name}")
            measured += TASKS[name](place)
        known, left_out = facts(place.ours, files, load_before), place.left_out
    rows = rows_of(measured, sizes)
    under_it = legend(known, left_out)
    if as_markdown:
        click.echo("\n".join([markdown(rows), "", *(f"- {line}" for line in under_it)]))
    else:
        console = Console()
        console.print(table(rows))
        for line in under_it:
            console.print(line, style="dim", markup=False, highlight=False)
    if json_file is not None:
        json_file.write_text(json.dumps(as_json(rows, sizes, known, left_out), indent=2) + "\n", "utf-8")
    if plot_file is not None:
        draw(rows, plot_file)
