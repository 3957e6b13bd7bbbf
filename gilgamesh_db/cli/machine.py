"""``gilgamesh machine`` and ``analyse``: the testbed as objects that know their physics."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import InvalidValue, UserError
from .door import NEGATIVE, as_json, open_database, print_json, print_table

if TYPE_CHECKING:
    from ..machine import Machine

_shot = click.option("--shot", type=int, help="The testbed in this shot.")
_at = click.option("--at", help="The testbed at this time.")
_target = click.option(
    "--to", "target", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Picture file."
)


@click.group()
def machine() -> None:
    """The testbed as a tree of components, in a shot or at a time."""


def _machine(context: click.Context, shot: int | None, at: str | None) -> Machine:
    return open_database(context).machine(shot, at=at)


@machine.command(context_settings=NEGATIVE)
@_shot
@_at
@click.option("--component", help="Only this one and what is in it.")
@click.option("--ports", is_flag=True, help="The ports of devices too.")
@click.pass_context
def show(context: click.Context, shot: int | None, at: str | None, component: str | None, ports: bool) -> None:
    """Show the tree: what was in what, with properties and signals."""
    found = _machine(context, shot, at)
    click.echo(found[component].show() if component else found.show(ports=ports))


@machine.command("diff", context_settings=NEGATIVE)
@click.argument("before", type=int)
@click.argument("after", type=int)
@as_json
@click.pass_context
def diff_(context: click.Context, before: int, after: int, as_json: bool) -> None:
    """Say what was different between two shots: places, properties, wiring, calibrations."""
    db = open_database(context)
    print_table(db.machine(before).diff(db.machine(after)).set_index("Component"), as_json)


@machine.command(context_settings=NEGATIVE)
@_shot
@_at
@click.option("--field", is_flag=True, help="With the magnetic field of the shot.")
@_target
@click.pass_context
def plot(context: click.Context, shot: int | None, at: str | None, field: bool, target: Path) -> None:
    """Draw the testbed from the side."""
    found = _machine(context, shot, at)
    axes = found.coils.plot_field() if field else found.plot()
    figure = axes.get_figure(root=True)
    assert figure is not None  # noqa: S101 - axes made here have a figure
    try:
        figure.savefig(target, dpi=120)
    except (OSError, ValueError) as error:
        raise InvalidValue(f"the picture cannot be written to {target}: {error}") from error
    click.echo(f"{target}: the testbed {found.when}")


@dataclass(frozen=True)
class _Task:
    """One shot to analyse, as another process can be told of it."""

    url: str | None
    known_at: str | None
    probe: str
    shot: int
    options: dict[str, Any]
    save: bool
    again: bool


@dataclass(frozen=True)
class _Outcome:
    """What became of a shot."""

    shot: int
    state: str  # analysed, saved, up to date, failed
    message: str
    numbers: dict[str, float]


@click.command()
@click.argument("probe")
@click.option(
    "--shots", required=True, help="A shot, or a range FIRST:LAST (LAST is not included), or several with commas."
)
@click.option(
    "--save", is_flag=True, help="Store the results as runs; shots whose results are up to date are left out."
)
@click.option("--again", is_flag=True, help="With --save: also shots whose results are up to date.")
@click.option("--window", nargs=2, type=float, metavar="T0 T1", help="Only this part of each shot, in seconds.")
@click.option("--sweeps", type=click.Choice(["both", "up", "down"]), default="both", help="Which ramps.")
@click.option("--ions", type=click.Choice(["sheath", "linear"]), default="sheath", help="How the ion current grows.")
@click.option("--jobs", type=click.IntRange(1), default=1, help="Processes that work side by side.")
@as_json
@click.pass_context
def analyse(
    context: click.Context, probe: str, shots: str, save: bool, again: bool, window: tuple[float, float] | None,
    sweeps: str, ions: str, jobs: int, as_json: bool,
) -> None:  # fmt: skip
    """Analyse the sweeps of a Langmuir PROBE in many shots: medians per shot, and with --save a run for each.

    What was stored stays when it is interrupted: the same command goes on where it stopped.
    """
    from rich.console import Console
    from rich.progress import Progress

    from ..machine.langmuir import probe as langmuir_probe
    from ..shot_range import shots_of

    db = open_database(context)
    numbers = shots_of(db, shots)
    asked = langmuir_probe(db.machine(numbers[0]), probe)  # a wrong name is told at once
    if save:
        asked.make_outputs_known()  # before several processes would try
    options = {"window": window, "which": sweeps, "ion_model": ions}
    tasks = [_Task(context.obj["url"], context.obj["known_at"], probe, shot, options, save, again) for shot in numbers]
    outcomes = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(f"analysing {probe}", total=len(tasks))
        for outcome in _carried_out(tasks, jobs):
            outcomes.append(outcome)
            progress.advance(bar)
    _report(sorted(outcomes, key=lambda outcome: outcome.shot), as_json)


def _carried_out(tasks: list[_Task], jobs: int) -> Iterable[_Outcome]:
    if jobs == 1 or len(tasks) == 1:
        yield from map(_carry_out, tasks)
        return
    with ProcessPoolExecutor(min(jobs, len(tasks))) as pool:
        for future in as_completed([pool.submit(_carry_out, task) for task in tasks]):
            yield future.result()


def _carry_out(task: _Task) -> _Outcome:
    """Analyse one shot; what cannot be analysed is told, and does not stop the others."""
    import numpy as np

    from ..database import connect
    from ..machine.langmuir import probe

    with connect(task.url, known_at=task.known_at) as db:
        try:
            asked = probe(db.machine(task.shot), task.probe)
            if task.save and not task.again:
                stored = asked.stored_run(**task.options)
                if stored is not None:
                    return _Outcome(task.shot, "up to date", f"run {stored}", {})
            found = asked.analysis(**task.options)
            message = found.summary()
            if task.save:
                message = f"run {asked.save(**task.options)}: {message}"
        except UserError as error:
            return _Outcome(task.shot, "failed", str(error), {})
    good = found.reason == ""
    medians = {"Te": found.temperature, "n": found.density, "Vf": found.floating, "Vp": found.plasma_potential()[0]}
    numbers = {name: float(np.median(values[good])) for name, values in medians.items()} if good.any() else {}
    return _Outcome(task.shot, "saved" if task.save else "analysed", message, numbers)


def _report(outcomes: list[_Outcome], as_json: bool) -> None:
    if as_json:
        print_json([{"shot": o.shot, "state": o.state, "message": o.message, **o.numbers} for o in outcomes])
    for outcome in () if as_json else outcomes:
        medians = "".join(
            f"  {name} {outcome.numbers[name]:.{digits}g} {unit}"
            for name, digits, unit in (("Te", 3, "eV"), ("n", 3, "m⁻³"), ("Vf", 3, "V"), ("Vp", 3, "V"))
            if name in outcome.numbers
        )
        click.echo(f"{outcome.shot}  {outcome.state:<10}{medians}  {outcome.message}")
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if failed and len(failed) == len(outcomes):
        raise InvalidValue(f"none of {len(outcomes)} shots could be analysed; the reasons stand above")
