"""Installing, upgrading and recognising the database: tables walk forward, views are laid anew.

``schema/*.sql``      the tables as they are now; read like a book
``migrations/``       how any older database gets there (alembic)
``views/*.sql``       views and functions, dropped and laid anew at each upgrade
"""

from __future__ import annotations

import contextlib
import enum
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from .errors import (
    DatabaseEmpty,
    DatabaseForeign,
    SchemaError,
    SchemaOutOfDate,
    ServerError,
    SoftwareOutOfDate,
)

OLDEST_SERVER = 15
INSTALL_LOCK = "gilgamesh.install"


class State(enum.Enum):
    """What a database looks like to this version of the software."""

    EMPTY = "empty"
    CURRENT = "current"
    OLDER = "older than this software"
    NEWER = "newer than this software"
    FOREIGN = "somebody else's"


def folder(name: str) -> Path:
    """Find ``schema``, ``views`` or ``migrations``: beside the sources, or inside the installed package."""
    installed = Path(__file__).parent / "_files" / name
    return installed if installed.is_dir() else Path(__file__).parent.parent / name


def sql_files(name: str) -> list[Path]:
    """The numbered SQL files of a folder, in the order in which they are laid."""
    return sorted(folder(name).glob("*.sql"))


def state(connection: Connection) -> State:
    """Recognise a database without changing it."""
    return _state_and_revision(connection)[0]


def require_current(connection: Connection) -> None:
    """Let nobody work with a database this software does not understand.

    Raises
    ------
    DatabaseEmpty, DatabaseForeign, SchemaOutOfDate, SoftwareOutOfDate
        Each names the command to type.
    """
    found, revision = _state_and_revision(connection)
    name = connection.engine.url.database
    if found is State.EMPTY:
        raise DatabaseEmpty(f"database {name!r} is empty; install Gilgamesh in it with: gilgamesh db create")
    if found is State.FOREIGN:
        raise DatabaseForeign(
            f"database {name!r} holds {_foreign_tables(connection)} but none of Gilgamesh's tables; use a database of its "
            "own, or install beside them with: gilgamesh db create --beside"
        )
    if found is State.OLDER:
        raise SchemaOutOfDate(
            f"database {name!r} is at revision {revision}, this software at {head()}; back it up, then type: "
            "gilgamesh db upgrade"
        )
    if found is State.NEWER:
        raise SoftwareOutOfDate(
            f"database {name!r} is at revision {revision}, which this software (at {head()}) does not know; upgrade the "
            "software with: pip install --upgrade gilgamesh-db"
        )


def create(engine: sa.Engine, *, beside: bool = False) -> None:
    """Install Gilgamesh in an empty database; a current one is left as it is."""
    with _exclusively(engine) as connection:
        found = state(connection)
        if found is State.CURRENT:
            return
        if found is not State.EMPTY and not (found is State.FOREIGN and beside):
            require_current(connection)
        _run_revisions(connection)


def upgrade(engine: sa.Engine) -> None:
    """Bring an older database to this software's revision and lay views and functions anew."""
    with _exclusively(engine) as connection:
        found = state(connection)
        if found not in (State.CURRENT, State.OLDER):
            require_current(connection)
        _run_revisions(connection)


def head() -> str:
    """The newest revision this software knows."""
    from alembic.script import ScriptDirectory

    newest = ScriptDirectory(str(folder("migrations"))).get_current_head()
    if newest is None:
        raise SchemaError(f"no revisions in {folder('migrations')}; the installation is incomplete, install it again")
    return newest


def knows(revision: str) -> bool:
    """Whether this software knows a revision of the tables."""
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    try:
        ScriptDirectory(str(folder("migrations"))).get_revision(revision)
    except CommandError:
        return False
    return True


_OBJECTS = """
select kind, made.identity, oid, how
  from (
    select 'trigger' as kind, 'pg_trigger'::regclass as catalog, t.oid,
           format('drop trigger %I on %s', t.tgname, t.tgrelid::regclass) as how
      from pg_trigger t join pg_class c on c.oid = t.tgrelid
     where c.relnamespace = to_regnamespace('gilgamesh') and not t.tgisinternal and t.tgparentid = 0
    union all
    select 'view', 'pg_class'::regclass, c.oid, format('drop view %s', c.oid::regclass)
      from pg_class c where c.relnamespace = to_regnamespace('gilgamesh') and c.relkind = 'v'
    union all
    select 'function', 'pg_proc'::regclass, p.oid, format('drop function %s', p.oid::regprocedure)
      from pg_proc p where p.pronamespace = to_regnamespace('gilgamesh')
  ) object, lateral pg_identify_object(catalog, oid, 0) made
"""

_NAMES = f"select kind, identity from ({_OBJECTS}) object"  # noqa: S608 - our own text

# What was granted on our views (or on columns of them) and functions to anybody but the owner and our own roles.
_GRANTS = """
select format('grant %s%s on %s %s to %s%s', acl.privilege_type, object.columns, object.kind, object.name,
              case when acl.grantee = 0 then 'public' else quote_ident(grantee.rolname) end,
              case when acl.is_grantable then ' with grant option' else '' end)
  from (
    select 'table' as kind, c.oid::regclass::text as name, '' as columns, c.relacl as acl, c.relowner as owner
      from pg_class c where c.relnamespace = to_regnamespace('gilgamesh') and c.relkind = 'v'
    union all
    select 'table', c.oid::regclass::text, format(' (%I)', a.attname), a.attacl, c.relowner
      from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attacl is not null
     where c.relnamespace = to_regnamespace('gilgamesh') and c.relkind = 'v'
    union all
    select 'function', p.oid::regprocedure::text, '', p.proacl, p.proowner
      from pg_proc p where p.pronamespace = to_regnamespace('gilgamesh')
  ) object
 cross join lateral aclexplode(object.acl) acl
  left join pg_roles grantee on grantee.oid = acl.grantee
 where acl.grantee <> object.owner and coalesce(grantee.rolname, '') not in ('gilgamesh_reader', 'gilgamesh_operator', 'gilgamesh_admin')
"""


def lay_views(connection: Connection, grants: Sequence[str] = ()) -> None:
    """Create every view, function and trigger, note which they are, and grant what was granted before."""
    for path in sql_files("views"):
        connection.exec_driver_sql(_literal(path.read_text("utf-8")))
    connection.exec_driver_sql("delete from gilgamesh.laid_object")
    connection.exec_driver_sql(_literal(f"insert into gilgamesh.laid_object (kind, identity) {_NAMES}"))
    for grant in grants:
        with contextlib.suppress(sa.exc.ProgrammingError), connection.begin_nested():  # what is gone needs no grant
            connection.exec_driver_sql(_literal(grant))


def missing_objects(connection: Connection) -> list[str]:
    """What was laid and is not there any more, for example after a restore that could not lay it."""
    there = {row.identity for row in connection.exec_driver_sql(_literal(_OBJECTS))}
    laid = connection.exec_driver_sql("select identity from gilgamesh.laid_object order by identity").scalars()
    return [identity for identity in laid if identity not in there]


def drop_views(connection: Connection) -> list[str]:
    """Drop every view, function and trigger of ours, the newest first; return the grants of others to give again.

    They were laid in one go, each after what it needs, so the reverse of their age is a safe order.
    Nothing cascades: where somebody's own view stands on one of ours, the upgrade stops and says so.
    """
    there = connection.exec_driver_sql(_literal(_OBJECTS)).all()
    if connection.exec_driver_sql("select to_regclass('gilgamesh.laid_object') is not null").scalar():
        laid = set(connection.exec_driver_sql("select identity from gilgamesh.laid_object").scalars())
        strangers = sorted(row.identity for row in there if row.identity not in laid)
        if strangers:
            raise SchemaError(
                f"the upgrade stopped, and nothing was changed: the schema gilgamesh holds {', '.join(strangers)}, which is "
                "not ours; move it to a schema of your own (alter … set schema …) and upgrade again"
            )
    grants = list(connection.exec_driver_sql(_literal(_GRANTS)).scalars())
    for _, _, _, statement in sorted(there, key=lambda row: (row.kind != "trigger", -int(row.oid))):
        try:
            connection.exec_driver_sql(_literal(statement))
        except sa.exc.DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != "2BP01":
                raise
            detail = error.orig.diag.message_detail if isinstance(error.orig, psycopg.Error) else ""
            raise SchemaError(
                f"the upgrade stopped, and nothing was changed: views of your own stand on ours ({detail}). "
                "Keep their definitions (pg_get_viewdef), drop them, upgrade, and create them again"
            ) from error
    return grants


@contextlib.contextmanager
def _exclusively(engine: sa.Engine) -> Iterator[Connection]:
    """One transaction under a lock, so that two installers wait for each other."""
    with engine.begin() as connection:
        version = connection.exec_driver_sql("show server_version_num").scalar_one()
        if int(version) // 10000 < OLDEST_SERVER:
            raise ServerError(
                f"the server is PostgreSQL {int(version) // 10000}; Gilgamesh needs {OLDEST_SERVER} or newer"
            )
        connection.exec_driver_sql("set local lock_timeout = '30s'")
        connection.exec_driver_sql("set local client_min_messages = warning")
        connection.execute(sa.text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": INSTALL_LOCK})
        yield connection


def _run_revisions(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    with warnings.catch_warnings():
        # The indexes and exclusions alembic cannot picture are compared by the dump test instead.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        command.upgrade(config, "head")


def _state_and_revision(connection: Connection) -> tuple[State, str | None]:
    ours = connection.exec_driver_sql(
        "select to_regnamespace('gilgamesh') is not null, to_regclass('gilgamesh.alembic_version') is not null"
    ).one()
    if not ours[0]:
        return (State.FOREIGN if _foreign_tables(connection) else State.EMPTY), None
    if not ours[1]:
        return State.FOREIGN, None
    revision = connection.exec_driver_sql("select version_num from gilgamesh.alembic_version").scalar()
    if revision is None:
        return State.FOREIGN, None
    if revision == head():
        return State.CURRENT, revision
    return (State.OLDER if knows(revision) else State.NEWER), revision


def _foreign_tables(connection: Connection) -> str:
    names = connection.exec_driver_sql(
        """
        select format('%%s.%%s', n.nspname, c.relname)
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^(pg_|information_schema$)'
           and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
         order by 1 limit 4
        """
    ).scalars()
    shown = list(names)
    return ", ".join(shown[:3]) + (" …" if len(shown) > 3 else "")


def _literal(statement: str) -> str:
    """SQL that is sent as it stands; psycopg would read ``%`` as a placeholder."""
    return statement.replace("%", "%%")
