"""The door: connect to a database of the testbed and ask it things."""

from __future__ import annotations

import os
import sys

import sqlalchemy as sa

from .. import installation
from .analyses import Analyses
from .asking import Asking
from .connection import KNOWN_AT, Knowledge
from .discharges import Discharges
from .engine import embedded, open_engine
from .history import History
from .pictures import Pictures
from .slow_control import SlowControl

__all__ = ["Database", "Knowledge", "connect", "embedded", "open_engine"]


class Database(Asking, Discharges, Analyses, History, Pictures, SlowControl):
    """A connected database of the testbed; made by `connect`.

    Attributes
    ----------
    engine : sqlalchemy.Engine
        For those who want SQLAlchemy.
    knowledge : datetime or None
        The moment it answers from; None is today's knowledge.
    """


def connect(url: str | sa.URL | None = None, *, known_at: Knowledge | None = None) -> Database:
    """Open the database of the testbed.

    Parameters
    ----------
    url : str, optional
        ``postgresql://user@host/database`` of the lab's own server (PostgreSQL 15 or newer). Without it
        the environment variable ``GILGAMESH_DATABASE_URL`` is used; without that, the embedded server,
        which is created and started when needed.
    known_at : datetime or str, optional
        Answer from what was known then. Without it the environment variable ``GILGAMESH_KNOWN_AT`` is used, by which
        ``gilgamesh notebooks run --known-at`` reaches the notebook; without that, today's knowledge.

    Returns
    -------
    Database
        Also a context manager that closes its connections.

    Raises
    ------
    ServerError
        The server cannot be reached or started.
    DatabaseEmpty, DatabaseForeign, SchemaOutOfDate, SoftwareOutOfDate
        It can, but the database is not one this software can use; the message says what to type.

    Examples
    --------
    >>> import gilgamesh_db as gilgamesh
    >>> with gilgamesh.connect() as db:  # doctest: +SKIP
    ...     db.signal("Langmuir_I", shot=1234).values
    """
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            if embedded(url) and installation.state(connection) is installation.State.EMPTY:
                connection.rollback()
                installation.create(engine)
            installation.require_current(connection)
    except BaseException:
        engine.dispose()
        raise
    database = Database(engine)
    known_at = known_at if known_at is not None else os.environ.get(KNOWN_AT) or None
    if "ipykernel" in sys.modules:
        from ..notebooks.recorder import note_reads

        note_reads()
    try:
        return database if known_at is None else database.known_at(known_at)
    except BaseException:
        database.close()
        raise
