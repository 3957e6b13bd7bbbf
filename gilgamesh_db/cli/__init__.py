"""The command line ``gilgamesh``.

The core owns the command; loaders, hub and other distributions add subcommands through the entry
point group ``gilgamesh.commands``, so that imports stay one-way.
"""

from __future__ import annotations

import sys
import warnings
from importlib.metadata import entry_points
from typing import Any

import click

from ..errors import GilgameshError, SystemFault, near_names
from . import (
    analysis,
    catalogue,
    changes,
    gaps,
    history,
    looking,
    machine,
    notebooks,
    person,
    releases,
    server,
    signals,
    storage,
    testbed,
)

OWN: dict[str, click.Command] = {
    "db": server.db,
    "signals": catalogue.signals,
    "shots": catalogue.shots,
    "show": catalogue.show,
    "runs": catalogue.runs,
    "attribute": analysis.attribute,
    "quality": analysis.quality,
    "log": analysis.log,
    "refresh": analysis.refresh,
    "sql": catalogue.sql,
    "gaps": gaps.gaps,
    "explain": signals.explain,
    "plot": signals.plot,
    "changes": changes.changes,
    "overview": looking.overview,
    "layout": looking.layout,
    "notebooks": notebooks.notebooks,
    "release": releases.release,
    "cite": releases.cite,
    "verify": releases.verify,
    "add": history.add,
    "connect": history.connect,
    "define": history.define,
    "disconnect": history.disconnect,
    "swap": history.swap,
    "calibrate": history.calibrate,
    "place": history.place,
    "retire": history.retire,
    "withdraw": history.withdraw,
    "storage": storage.storage,
    "machine": machine.machine,
    "analyse": machine.analyse,
    "testbed": testbed.testbed,
    "person": person.person,
}


class Commands(click.Group):
    """Our own commands and those of installed extras, each imported when it is used."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Names of all commands."""
        return [*OWN, *sorted(entry_points(group="gilgamesh.commands").names)]

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """The command of this name."""
        if name in OWN:
            return OWN[name]
        for entry in entry_points(group="gilgamesh.commands", name=name):
            command: click.Command = entry.load()
            return command
        return None

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest near names for a command that does not exist."""
        try:
            return super().resolve_command(context, args)
        except click.UsageError as error:
            near = near_names(args[0], self.list_commands(context))
            raise click.UsageError(f"No such command {args[0]!r}{near or '.'}", context) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", envvar="GILGAMESH_DATABASE_URL", help="The lab's own PostgreSQL; the embedded one otherwise.")
@click.option("--known-at", help="Answer from what was known at this time.")
@click.version_option(package_name="gilgamesh-db")
@click.pass_context
def gilgamesh(context: click.Context, url: str | None, known_at: str | None) -> None:
    """One database that knows everything about a testbed that never stops changing."""
    context.obj = {"url": url, "known_at": known_at}


def _tell(message: Warning | str, _category: type[Warning], *_where: Any) -> None:
    """A warning is one line too; where in the code it arose is no matter on the command line."""
    click.echo(f"gilgamesh: {message}", err=True)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command; our errors become one line on standard error.

    Exit codes: 0 done, 1 what was asked cannot be, 2 the command line is wrong, 3 the server or installation
    is at fault.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _tell  # type: ignore[assignment]
            return gilgamesh.main(arguments, prog_name="gilgamesh")
    except GilgameshError as error:
        click.echo(f"gilgamesh: {error}", err=True)
        sys.exit(3 if isinstance(error, SystemFault) else 1)
