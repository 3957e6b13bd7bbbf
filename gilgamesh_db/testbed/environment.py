"""What the ``env.py`` of a lab's folder calls: how alembic runs revisions of the testbed.

One transaction for everything, one applier at a time, each revision an act of its own, files that were changed after
they were applied are refused. The tables of Gilgamesh have revisions of their own, which are never run from here.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import context, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.util import CommandError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable

from .. import installation
from ..database import open_engine
from ..errors import ConflictError, GilgameshError, InvalidValue, ServerError, SoftwareOutOfDate
from .operations import statement
from .revision_file import RevisionFile

VERSION_TABLE = "testbed_version"
LOCK = "gilgamesh.testbed"
PATIENCE = 5.0
"""How long to wait for somebody else who applies revisions, in seconds."""

OPTIONS: dict[str, Any] = {
    "version_table": VERSION_TABLE,
    "version_table_schema": "gilgamesh",
    "target_metadata": sa.MetaData(),
    "include_name": lambda *_: False,  # tables are none of a testbed's business
}


def run() -> None:
    """Run what alembic was asked for; the whole body of a lab's ``env.py``."""
    try:
        if context.is_offline_mode():
            _write_script()
        else:
            with _connection() as connection:
                _run(connection)
            if context.config.attributes.get("connection") is None:
                for line in told(context.config):
                    context.config.print_stdout("%s", line)
    except GilgameshError as error:
        if context.config.cmd_opts is None:
            raise
        raise CommandError(str(error)) from error  # alembic's own command line prints this as one line


@contextlib.contextmanager
def _connection() -> Iterator[sa.Connection]:
    given = context.config.attributes.get("connection")
    if given is not None:
        yield given
        return
    url = context.config.attributes.get("url") or context.get_x_argument(as_dictionary=True).get("url")
    engine = open_engine(url if isinstance(url, str) else None)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _run(connection: sa.Connection) -> None:
    installation.require_current(connection)
    files = _files()
    context.configure(
        connection=connection,
        on_version_apply=_note_stamp(files),
        process_revision_directives=context.config.attributes.get("process_revision_directives"),
        **OPTIONS,
    )
    if not context.get_context().opts.get("dont_mutate"):
        _take_turn(connection)
        _refuse_strangers(connection, files)
        refuse_changed(connection, files)
    with context.begin_transaction():
        context.run_migrations()


def _write_script() -> None:
    _files()
    context.configure(dialect_name="postgresql", literal_binds=True, dialect_opts={"paramstyle": "named"}, **OPTIONS)
    with context.begin_transaction():
        context.run_migrations()


def _files() -> dict[str, RevisionFile]:
    """Every revision of the folder, its functions wrapped into what must happen before and after them."""
    files = {script.revision: RevisionFile.of(script) for script in context.script.walk_revisions()}
    for file in files.values():
        file.module.upgrade = _upgrade(file, file.module.upgrade)  # type: ignore[attr-defined]
        file.module.downgrade = _downgrade(file, file.module.downgrade)  # type: ignore[attr-defined]
    return files


def _upgrade(file: RevisionFile, said: Callable[[], None]) -> Callable[[], None]:
    @functools.wraps(said)
    def perform() -> None:
        _refuse_newer(file)
        with file.named_in_errors(), _speaking(file):
            op.execute(
                statement(
                    "select gilgamesh.begin_revision(revision => :revision, down_revisions => cast(:down as text[]), "
                    "message => :message, checksum => :checksum, author => :author)",
                    {"revision": file.revision, "down": list(file.down_revisions), "message": file.message,
                     "checksum": file.checksum, "author": file.author},
                )
            )  # fmt: skip
            said()
            _check_now()
        _tell(f"applied {file.revision}: {file.message}")

    return perform


def _downgrade(file: RevisionFile, said: Callable[[], None]) -> Callable[[], None]:
    @functools.wraps(said)
    def perform() -> None:
        with file.named_in_errors(), _speaking(file):
            said()
            _check_now()
            if not context.is_offline_mode():
                still = op.get_bind().execute(
                    sa.text("select (gilgamesh.applied_revision(:revision)).id"), {"revision": file.revision}
                )
                if still.scalar() is not None:
                    raise InvalidValue("downgrade() did not take the revision back; let it call op.take_back(revision)")
        _tell(f"took back {file.revision}: {file.message}")

    return perform


@contextlib.contextmanager
def _speaking(file: RevisionFile) -> Iterator[None]:
    """Whose words the operations are in the meantime: the author and the purpose of the file."""
    options = context.get_context().opts
    options["gilgamesh_author"], options["gilgamesh_reason"] = file.author, file.message
    try:
        yield
    finally:
        del options["gilgamesh_author"], options["gilgamesh_reason"]


def _check_now() -> None:
    """Check at the end of each revision, not only of all, that the chains compose."""
    op.execute(sa.text("set constraints all immediate"))
    op.execute(sa.text("set constraints all deferred"))


def _refuse_newer(file: RevisionFile) -> None:
    if file.schema is not None and not installation.knows(file.schema):
        raise SoftwareOutOfDate(
            f"{file.path.name} was written for revision {file.schema} of Gilgamesh's tables, which this software (at "
            f"{installation.head()}) does not know; upgrade it with: pip install --upgrade gilgamesh-db"
        )


def _take_turn(connection: sa.Connection) -> None:
    """One person at a time: wait a little for the other, then say who it is."""
    connection.exec_driver_sql("set local client_min_messages = warning")
    deadline = time.monotonic() + PATIENCE
    while not connection.execute(
        sa.text("select pg_try_advisory_xact_lock(hashtextextended(:lock, 0))"), {"lock": LOCK}
    ).scalar():
        if time.monotonic() > deadline:
            who = connection.execute(sa.text(_HOLDER), {"lock": LOCK}).scalar()
            raise ServerError(
                f"{who or 'somebody else'} is applying revisions of the testbed right now; nothing was changed. Try again "
                "when that is done"
            )
        time.sleep(0.1)


_HOLDER = """
select format('%s (process %s)', a.usename, a.pid)
  from pg_locks l join pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.pid <> pg_backend_pid()
   and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended(:lock, 0)
"""


def _refuse_strangers(connection: sa.Connection, files: dict[str, RevisionFile]) -> None:
    """The folder must hold the revision the database is at."""
    at = connection.execute(sa.text(f"select version_num from gilgamesh.{VERSION_TABLE}")).scalars()  # noqa: S608
    strange = [revision for revision in at if revision not in files]
    if strange:
        raise InvalidValue(
            f"the testbed is at revision {strange[0]}, which is not in {context.script.dir}; get the lab's latest files "
            "(git pull), or give the right folder"
        )


def refuse_changed(connection: sa.Connection, files: dict[str, RevisionFile]) -> None:
    """What was applied must still be what the files say.

    Raises
    ------
    ConflictError
        Naming the file, and when it was applied by whom.
    """
    for applied in connection.execute(sa.text(APPLIED)):
        file = files.get(applied.revision)
        if file is not None and file.checksum != applied.checksum:
            raise ConflictError(
                f"{file.path.name} was changed after it was applied on {applied.recorded_at:%Y-%m-%d %H:%M} by {applied.author}; "
                "nothing was changed in the database. Restore the file (git restore), and say what is to change in a new revision: "
                "gilgamesh testbed revision -m …"
            )


APPLIED = """
select latest.*, e.recorded_at, e.author, e.role
  from (select distinct on (r.revision) r.* from gilgamesh.testbed_revision r order by r.revision, r.id desc) latest
  join gilgamesh.edit e on e.id = latest.edit_id
 where latest.action <> 'downgrade'
 order by latest.id
"""


def _note_stamp(files: dict[str, RevisionFile]) -> Callable[..., None]:
    """Remember what was declared as applied (``alembic stamp``), so that it is told from what was applied."""

    def note(*, ctx: MigrationContext, step: MigrationInfo, heads: Any, run_args: Any) -> None:  # noqa: ARG001
        if not step.is_stamp:
            return
        between = context.script.iterate_revisions(step.up_revision_ids, step.down_revision_ids or "base")
        for script in reversed(list(between)):
            file = files[script.revision]
            ctx.execute(
                statement(
                    "select gilgamesh.stamp_revision(:revision, cast(:down as text[]), :message, :checksum, :applied, :author)",
                    {"revision": file.revision, "down": list(file.down_revisions), "message": file.message,
                     "checksum": file.checksum, "applied": step.is_upgrade, "author": file.author},
                )
            )  # fmt: skip

    return note


def told(config: Config) -> list[str]:
    """What was done, a line for each revision; it is so once the transaction has ended."""
    lines: list[str] = config.attributes.setdefault("told", [])
    return lines


def _tell(what: str) -> None:
    if not context.is_offline_mode():
        told(context.config).append(what)


@compiles(CreateTable, "postgresql")
def _version_table_is_there(element: CreateTable, compiler: Any, **options: Any) -> str:
    """A script for a DBA begins with the version table; ours came with the other tables."""
    if element.element.name == VERSION_TABLE:
        return f"-- the table gilgamesh.{VERSION_TABLE} came with Gilgamesh\nselect 1"
    return str(compiler.visit_create_table(element, **options))
