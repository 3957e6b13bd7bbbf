"""``gilgamesh connect``, ``calibrate``, ``place`` …: edits of the history, each with a reason."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..calibration import Fit, Polynomial, Step, fit, read_points, steps_from_json
from ..calibration.fit import METHODS
from ..edits import When
from ..errors import InvalidValue, UserError
from .door import open_database


def _when(_context: click.Context, _parameter: click.Parameter, text: str | None) -> When:
    return int(text) if text is not None and text.isdecimal() else text


_since = click.option("--since", callback=_when, help="Time or shot number; always, if left out.")
_until = click.option("--until", callback=_when, help="Time or shot number, not included; still, if left out.")


def _period(command: Callable[..., None]) -> Callable[..., None]:
    return _since(_until(command))


def _edit(command: Callable[..., str]) -> Callable[..., None]:
    """Open an edit with the given reason, do the command's part, and say what was done."""

    @click.option("--reason", required=True, help="Why; the next person will read it.")
    @click.option("--author", help="Who says so; the database role, if left out.")
    @click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
    @click.pass_context
    @functools.wraps(command)
    def run(context: click.Context, /, reason: str, author: str | None, dry_run: bool, **arguments: Any) -> None:
        database = open_database(context)
        if dry_run:
            with database.what_if(reason, author=author) as tried:
                command(tried, **arguments)
            click.echo(str(tried.effect))
            return
        with database.edit(reason, author=author) as edit:
            done = command(edit, **arguments)
        click.echo(done)

    return run


@click.group()
def add() -> None:
    """Make a component, port or signal known."""


@add.command("component")
@click.argument("name")
@click.argument("class_", metavar="CLASS")
@click.option("--parent", help="The component it is part of.")
@click.option("--serial", help="Serial or inventory number.")
@_since
@_edit
def add_component(edit: Any, name: str, class_: str, parent: str | None, serial: str | None, since: When) -> str:
    """Make a physical thing known and place it in the tree."""
    edit.add_component(name, class_, parent=parent, serial=serial, since=since)
    return f"{name} is known"


@add.command("port")
@click.argument("device")
@click.argument("channel")
@click.option("--dtype", required=True, help="Type of its raw samples, for example int16.")
@click.option("--unit", default="ct", show_default=True, help="Unit of its raw samples.")
@click.option("--resolution", type=float, help="Smallest step of its raw samples; 1 for whole numbers, if left out.")
@click.option("--noise", type=float, help="Standard deviation of a raw sample at a constant input.")
@_edit
def add_port(edit: Any, device: str, channel: str, **arguments: Any) -> str:
    """Make an input channel of a device known."""
    edit.add_port(device, channel, **arguments)
    return f"{device}/{channel} is known"


@add.command("signal")
@click.argument("name")
@click.option("--unit", required=True, help="Unit of its values.")
@click.option(
    "--kind",
    type=click.Choice(["measured", "derived", "processed"]),
    default="measured",
    show_default=True,
    help="From a port, by a formula, or the output of a run.",
)
@click.option("--quantity", default="")
@click.option("--component")
@click.option("--role")
@click.option("--alias", "aliases", multiple=True)
@_edit
def add_signal(edit: Any, name: str, **arguments: Any) -> str:
    """Make a name for a quantity known."""
    edit.add_signal(name, **arguments)
    wire = f"; wire it with: gilgamesh connect {name} PORT --reason …" if arguments["kind"] == "measured" else ""
    return f"{name} is known{wire}"


@click.command()
@click.argument("signal")
@click.argument("port")
@click.option(
    "--through", "chain", multiple=True, help="Component of the chain, from the port outwards; repeat in order."
)
@_period
@_edit
def connect(edit: Any, signal: str, port: str, chain: tuple[str, ...], since: When, until: When) -> str:
    """Wire SIGNAL to PORT (device/channel)."""
    edit.connect(signal, port, chain=chain, since=since, until=until)
    return f"{signal} is connected to {port}"


@click.command()
@click.argument("signal")
@click.argument("formula")
@_period
@_edit
def define(edit: Any, signal: str, formula: str, since: When, until: When) -> str:
    """State the FORMULA of the derived signal SIGNAL, for example "IC_Pfwd - IC_Pref"."""
    edit.define(signal, formula, since=since, until=until)
    return f"{signal} is {formula}"


@click.command()
@click.argument("signal")
@_period
@_edit
def disconnect(edit: Any, signal: str, since: When, until: When) -> str:
    """Unplug SIGNAL."""
    edit.disconnect(signal, since=since, until=until)
    return f"{signal} is disconnected"


@click.command()
@click.argument("signal_a")
@click.argument("signal_b")
@_period
@_edit
def swap(edit: Any, signal_a: str, signal_b: str, since: When, until: When) -> str:
    """Two cables were found swapped: exchange the ports of two signals for a period."""
    edit.swap(signal_a, signal_b, since=since, until=until)
    return f"{signal_a} and {signal_b} are swapped"


@click.command()
@click.argument("item")
@click.argument("input_unit")
@click.argument("output_unit")
@click.option("--polynomial", help="Coefficients, lowest first: '0,-0.01' is -0.01·x.")
@click.option("--steps", help="Steps as JSON, for anything else.")
@click.option("--covariance", help="Covariance matrix of their parameters, or their variances, as JSON.")
@click.option(
    "--from", "points", type=click.Path(path_type=Path), help="File of measured points: x, y and perhaps sigma."
)
@click.option("--fit", "method", help=f"What to fit to the points: {METHODS}.")
@click.option("--sigma", type=float, help="Standard deviation of every measured y, if the file has none.")
@click.option("--edges", help="Edges of the pieces of a piecewise fit: '0,20.6,54.9'.")
@click.option("--source", help="Where the numbers come from; the name of the file, if left out.")
@_period
@_edit
def calibrate(
    edit: Any, item: str, input_unit: str, output_unit: str, polynomial: str | None, steps: str | None,
    covariance: str | None, points: Path | None, method: str | None, sigma: float | None, edges: str | None,
    source: str | None, since: When, until: When,
) -> str:  # fmt: skip
    """State how ITEM (component or port) turns INPUT_UNIT into OUTPUT_UNIT."""
    if sum(given is not None for given in (polynomial, steps, points)) != 1:
        raise InvalidValue("give one of --polynomial, --steps and --from")
    if points is None and (method or sigma is not None or edges):
        raise InvalidValue("--fit, --sigma and --edges need measured points: --from points.csv")
    found: Fit | tuple[Step, ...]
    try:
        if points is not None:
            found, source = _fitted(points, method or "poly1", sigma, edges), source or points.name
        elif polynomial is not None:
            found = (Polynomial(_floats(polynomial)),)
        else:
            found = steps_from_json(json.loads(steps or ""))
        known = None if covariance is None else json.loads(covariance)
    except (ValueError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise InvalidValue(f"the calibration cannot be read: {error}") from error
    edit.calibrate(item, found, input_unit, output_unit, covariance=known, source=source, since=since, until=until)
    return f"{item} is calibrated" + (f"\n{found.summary()}" if isinstance(found, Fit) else "")


def _fitted(points: Path, method: str, sigma: float | None, edges: str | None) -> Fit:
    x, y, deviations = read_points(points)
    if deviations is not None and sigma is not None:
        raise InvalidValue(f"{points.name} has a sigma for each point; leave --sigma out")
    return fit(x, y, method, sigma=sigma if deviations is None else deviations,
               edges=None if edges is None else _floats(edges))  # fmt: skip


def _floats(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split(","))


@click.command()
@click.argument("component")
@click.argument("parent")
@_period
@_edit
def place(edit: Any, component: str, parent: str, since: When, until: When) -> str:
    """Move COMPONENT under PARENT."""
    edit.place(component, parent, since=since, until=until)
    return f"{component} is part of {parent}"


@click.command()
@click.argument("component")
@click.option("--since", callback=_when, required=True, help="Time or shot number.")
@_until
@_edit
def retire(edit: Any, component: str, since: When, until: When) -> str:
    """Take COMPONENT out of the testbed, with its ports; what is said of it ends with it."""
    edit.retire(component, since=since, until=until)
    return f"{component} is retired"


@click.command()
@click.argument(
    "history", type=click.Choice(["connection", "calibration", "placement", "property", "timing", "definition"])
)
@click.argument("identity", type=int)
@_edit
def withdraw(edit: Any, history: str, identity: int) -> str:
    """It was never true: take back one row of a history."""
    edit.withdraw(history, identity)
    return f"{history} {identity} is withdrawn"
