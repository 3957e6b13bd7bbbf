"""``gilgamesh testbed``: the lab's own repository of changes of the machine."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..edits import When
from ..errors import InvalidValue
from .door import NEGATIVE, as_json, open_database, print_json
from .history import _when

if TYPE_CHECKING:
    from ..testbed.description import Description
    from ..testbed.repository import Repository

_folder = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    help="The lab's folder; this one, if left out.",
)
_sql = click.option("--sql", is_flag=True, help="Print the SQL for a DBA instead of running it.")
_dry_run = click.option("--dry-run", is_flag=True, help="Say which shots would read differently; change nothing.")


def _repository(context: click.Context, folder: Path) -> Repository:
    from ..testbed.repository import Repository

    return Repository(folder, open_database(context).engine, tell=click.echo)


@click.group()
def testbed() -> None:
    """Keep the changes of the machine as files: reviewed, dated, reversible."""


@testbed.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Make the lab's folder."""
    from ..testbed.repository import Repository

    Repository.init(folder)
    click.echo(f"made {folder}; put it under version control, go there, and type: gilgamesh testbed revision -m …")


@testbed.command()
@click.option("-m", "--message", required=True, help="What changed, in a few words.")
@click.option("--rev-id", help="Name of the revision; the next number, if left out.")
@click.option("--auto", is_flag=True, help="Write what makes the database agree with the description; read it through.")
@_folder
@click.pass_context
def revision(context: click.Context, message: str, rev_id: str | None, auto: bool, folder: Path) -> None:
    """Make the file of a new revision, to be filled in."""
    from ..testbed.repository import Repository

    if not auto:
        click.echo(Repository(folder).revision(message, rev_id=rev_id))
        return
    from ..testbed.planning import plan

    repository = _repository(context, folder)
    statements = plan(_known(context), _described(repository.description))
    if not statements:
        click.echo(f"the database says what {repository.description} says; no revision is needed")
        return
    click.echo(repository.auto_revision(message, statements, rev_id=rev_id))


@testbed.command()
@click.option("-m", "--message", required=True, help="What was changed, in a few words.")
@_folder
@click.pass_context
def adopt(context: click.Context, message: str, folder: Path) -> None:
    """Write down as a revision what was edited past the repository, and describe the testbed anew."""
    repository = _repository(context, folder)
    path = repository.adopt(message)
    if path is None:
        click.echo(f"the database says what {repository.description} says; there is nothing to adopt")
        return
    click.echo(f"{path}\n{repository.description} is written anew; read both before you commit them")


@testbed.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.pass_context
def export(context: click.Context, file: Path | None) -> None:
    """Describe the whole testbed in FILE (YAML); print it, if left out."""
    from ..testbed.yaml_writer import write_description

    text = write_description(_known(context))
    if file is None:
        click.echo(text, nl=False)
        return
    file.write_text(text, "utf-8")
    click.echo(f"{file}: {len(text.splitlines())} lines")


@testbed.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=Path("testbed.yaml"))
@click.option("--at", callback=_when, help="Compare what held at this time or shot; the whole history, if left out.")
@click.pass_context
def diff(context: click.Context, file: Path, at: When) -> None:
    """Say where FILE (testbed.yaml, if left out) and the database differ; exit code 1 if they do."""
    from ..testbed.difference import differences

    known, described = _known(context), _described(file)
    if at is not None:
        moment = _moment(context, at)
        known, described = known.at(moment), described.at(moment)
    found = differences(known, described)
    for line in found:
        click.echo(line)
    if found:
        context.exit(1)
    click.echo(f"{file} and the database say the same")


@testbed.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--reason",
    default="imported description of the testbed",
    show_default=True,
    help="Why; the next person will read it.",
)
@click.option("--author", help="Who says so; the database role, if left out.")
@click.pass_context
def import_(context: click.Context, file: Path, reason: str, author: str | None) -> None:
    """Make an empty database agree with FILE, in one edit."""
    from ..errors import ConflictError
    from ..testbed.planning import plan

    described, known = _described(file), _known(context)
    if known.components or known.signals:
        raise ConflictError(
            "the database describes a testbed already; see where it differs with: gilgamesh testbed diff, and change it by a "
            "revision: gilgamesh testbed revision --auto -m …"
        )
    with open_database(context).edit(reason, author=author) as edit:
        for statement in plan(known, described):
            statement.perform(edit)
    click.echo(
        f"{len(described.components)} components, {len(described.ports)} ports, {len(described.signals)} signals, "
        f"{len(described.attributes)} attributes"
    )


@testbed.command("import-tables")
@click.argument("signals", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("mapping", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--create", is_flag=True, help="Make ports known that are not.")
@click.option("--leave-out", is_flag=True, help="Import the rest when something was not understood.")
@click.option("--dry-run", is_flag=True, help="Say what would be stated; change nothing.")
@click.option(
    "--reason",
    default="imported tables of signals and wiring",
    show_default=True,
    help="Why; the next person will read it.",
)
@click.option("--author", help="Who says so; the database role, if left out.")
@click.pass_context
def import_tables(
    context: click.Context, signals: Path, mapping: Path, create: bool, leave_out: bool, dry_run: bool, reason: str,
    author: str | None,
) -> None:  # fmt: skip
    """State the wiring that SIGNALS (signals.csv) and MAPPING (mapping.csv) say, from their first shot on."""
    from ..testbed.planning import plan
    from ..testbed.tables import describe, read_tables

    tables, known = read_tables(signals, mapping), _known(context)
    statements = plan(known, describe(tables, known, _triggers(context), create=create))
    for problem in tables.problems:
        click.echo(problem)
    if tables.problems and not leave_out:
        count = f"{len(tables.problems)} thing{'s were' if len(tables.problems) > 1 else ' was'} not understood"
        raise InvalidValue(f"{count}; nothing was imported. Correct the tables, or import the rest with --leave-out")
    if dry_run:
        for statement in statements:
            click.echo(str(statement).removeprefix("op."))
        return
    if statements:
        with open_database(context).edit(reason, author=author) as edit:
            for statement in statements:
                statement.perform(edit)
    click.echo(
        f"{len(tables.versions)} versions of {len(tables.mapping)} signals: {len(statements)} statements were needed"
    )


@testbed.command("export-tables")
@click.argument("signals", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("mapping", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
def export_tables(context: click.Context, signals: Path, mapping: Path) -> None:
    """Write the wiring of all shots as SIGNALS (signals.csv) and MAPPING (mapping.csv)."""
    from ..testbed.tables import write_tables

    said, mapped = write_tables(_known(context), _triggers(context))
    signals.write_text(said, "utf-8")
    mapping.write_text(mapped, "utf-8")
    click.echo(f"{signals}: {said.count(chr(10)) - 1} versions; {mapping}: {mapped.count(chr(10)) - 1} shots")


def _triggers(context: click.Context) -> dict[int, datetime.datetime]:
    with open_database(context).transaction() as connection:
        rows = connection.exec_driver_sql("select number, started_at from gilgamesh.shot order by started_at, number")
        return {row.number: row.started_at for row in rows}


def _known(context: click.Context) -> Description:
    from ..testbed.snapshot import snapshot

    with open_database(context).transaction() as connection:
        return snapshot(connection)


def _described(file: Path) -> Description:
    from ..testbed.yaml_reader import read_description

    return read_description(file)


def _moment(context: click.Context, at: When) -> datetime.datetime:
    from ..edits import Edit

    with open_database(context).transaction() as connection:
        moment = Edit(connection)._moment(at)
    if moment is None:
        raise InvalidValue("--at needs a time or a shot")
    return moment


@testbed.command(context_settings=NEGATIVE)
@click.argument("target", default="head")
@_sql
@_dry_run
@_folder
@click.pass_context
def upgrade(context: click.Context, target: str, sql: bool, dry_run: bool, folder: Path) -> None:
    """Apply revisions, up to TARGET: a revision, +1, or head for all."""
    _move(context, target, sql, dry_run, folder, down=False)


@testbed.command(context_settings=NEGATIVE)
@click.argument("target")
@_sql
@_dry_run
@_folder
@click.pass_context
def downgrade(context: click.Context, target: str, sql: bool, dry_run: bool, folder: Path) -> None:
    """Take revisions back, down to TARGET: a revision (which stays), -1, or base for all. Nothing is deleted."""
    _move(context, target, sql, dry_run, folder, down=True)


def _move(context: click.Context, target: str, sql: bool, dry_run: bool, folder: Path, *, down: bool) -> None:
    from ..testbed.repository import Repository

    if sql:
        click.echo(Repository(folder).script(target, down=down), nl=False)
        return
    repository = _repository(context, folder)
    move = repository.downgrade if down else repository.upgrade
    if dry_run:
        from ..testbed.rehearsal import rehearse

        lines, effect = rehearse(open_database(context), repository, move, target)
        for line in lines:
            click.echo(line)
        click.echo(str(effect))
        return
    before = list(repository.applied())
    move(target)
    if list(repository.applied()) == before:
        click.echo("nothing to do")


@testbed.command()
@as_json
@_folder
@click.pass_context
def history(context: click.Context, as_json: bool, folder: Path) -> None:
    """List the revisions, the newest first: what they are for, when each was applied, by whom."""
    repository = _repository(context, folder)
    applied = repository.applied()
    rows = [
        {
            "revision": file.revision,
            "message": file.message,
            "author": file.author,
            "applied": applied[file.revision].recorded_at if file.revision in applied else None,
            "by": applied[file.revision].role if file.revision in applied else None,
            "stamped": file.revision in applied and applied[file.revision].action == "stamp",
        }
        for file in reversed(repository.files())
    ]
    if as_json:
        print_json(rows)
        return
    width = max((len(str(row["revision"])) for row in rows), default=0)
    for row in rows:
        when = (
            f"{'stamped' if row['stamped'] else 'applied'} {row['applied']:%Y-%m-%d %H:%M}"
            if row["applied"]
            else "not applied"
        )
        click.echo(f"{row['revision']:{width}}  {when:24}  {row['author'] or '':10}  {row['message']}")
    if not rows:
        click.echo("no revisions yet; make one with: gilgamesh testbed revision -m …")


@testbed.command()
@_folder
@click.pass_context
def current(context: click.Context, folder: Path) -> None:
    """Say at which revision the testbed is, and how many are not applied yet."""
    repository = _repository(context, folder)
    applied, files = repository.applied(), repository.files()
    followed = {down for file in files if file.revision in applied for down in file.down_revisions}
    for file in files:
        if file.revision in applied and file.revision not in followed:
            click.echo(f"{file.revision}: {file.message}")
    waiting = sum(file.revision not in applied for file in files)
    if not applied:
        click.echo("no revision is applied")
    click.echo(
        f"{waiting} not applied yet; apply with: gilgamesh testbed upgrade" if waiting else "nothing is left to apply"
    )
