"""The connections on which notebooks are read and saved."""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa

from gilgamesh_db.embedded import EmbeddedServer

PATIENCE = {"lock_timeout": "10s", "statement_timeout": "120s", "timezone": "UTC"}


def open_engine(url: str = "") -> sa.Engine:
    """Connect to the database notebooks are kept in.

    Parameters
    ----------
    url : str
        As `gilgamesh_db.connect` takes it; without one ``GILGAMESH_DATABASE_URL``, else the embedded server, which is
        started again whenever it was stopped. The driver is psycopg 3, which sends a notebook as bytes where
        psycopg2 sends it as text of twice the length; a URL that says ``postgresql+psycopg2`` is followed.
    """
    url = url or os.environ.get("GILGAMESH_DATABASE_URL", "")
    embedded = None if url else EmbeddedServer()
    parsed = sa.make_url(url or EmbeddedServer().url("gilgamesh"))
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(
        parsed,
        pool_pre_ping=True,
        hide_parameters=True,  # nobody's notebook in a log
        connect_args={"application_name": "gilgamesh notebooks", "connect_timeout": 10},
    )

    @sa.event.listens_for(engine, "do_connect")
    def start(*_: Any) -> None:
        if embedded is not None:
            embedded.ensure_running()

    @sa.event.listens_for(engine, "connect")
    def be_patient(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            for name, value in PATIENCE.items():
                cursor.execute(f"set {name} = '{value}'")
        connection.commit()

    return engine


def role(engine: sa.Engine) -> str:
    """Whom the database takes us for."""
    with engine.connect() as connection:
        return str(connection.exec_driver_sql("select current_user").scalar_one())


def shown(engine: sa.Engine) -> str:
    """The database as people may read it."""
    url = engine.url
    host = url.host or url.query.get("host")
    if host is None or str(host).startswith("/"):
        return f"{url.database} (PostgreSQL on this computer)"
    return f"{url.database} on {host}"
