"""The engine behind a database: the embedded server, or the lab's own."""

from __future__ import annotations

import contextlib
import os

import sqlalchemy as sa

from .. import translation
from ..embedded import EmbeddedServer
from ..errors import ConflictError, InvalidValue

ROLE = "gilgamesh_role"  # execution option of an engine


def embedded(url: str | sa.URL | None) -> bool:
    """Whether this would be the embedded server."""
    return not (url or os.environ.get("GILGAMESH_DATABASE_URL"))


def open_engine(url: str | sa.URL | None = None) -> sa.Engine:
    """Build the engine behind `connect`, whatever state the database is in."""
    if embedded(url):
        server = EmbeddedServer()
        server.ensure_running()
        url = server.url("postgres")
        admin = _engine(url)
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            exists = connection.exec_driver_sql("select 1 from pg_database where datname = 'gilgamesh'").scalar()
            if not exists:
                with contextlib.suppress(ConflictError, sa.exc.ProgrammingError):  # somebody was faster
                    connection.exec_driver_sql("create database gilgamesh")
        admin.dispose()
        url = server.url("gilgamesh")
    return _engine(url or os.environ["GILGAMESH_DATABASE_URL"])


def _engine(url: str | sa.URL) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise InvalidValue("the database URL cannot be read; write it as postgresql://user@host/database") from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise InvalidValue(
            f"{parsed.get_backend_name()!r} is not PostgreSQL; write the URL as postgresql://user@host/database"
        )
    engine = sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        connect_args={"application_name": "gilgamesh", "connect_timeout": 10},
    )
    translation.install(engine)
    sa.event.listen(engine, "begin", _take_on_role)
    return engine


def _take_on_role(connection: sa.Connection) -> None:
    """Begin a transaction in the role of whom it serves; see `Connected.acting_as`."""
    role = connection.get_execution_options().get(ROLE)
    if role is not None:
        connection.exec_driver_sql("select pg_catalog.set_config('role', %s, true)", (role,))
