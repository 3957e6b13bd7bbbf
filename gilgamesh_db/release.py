"""Names for states of knowledge: what a paper stands on, whatever is found out later."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from .errors import InvalidValue, ReleaseNotFound, near_names

if TYPE_CHECKING:
    import pandas as pd

    from .database import Database

NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")  # never a time, which begins with a digit
_CREATE = """
select name, known_at, description, author, created_at
  from gilgamesh.create_release(:name, :description, cast(:known_at as timestamptz), :author)
"""
_ONE = "select name, known_at, description, author, created_at from gilgamesh.release where name = %s"
_ALL = """
select name as "Release", known_at as "KnownAt", description as "Description", author as "Author", created_at as "Created"
  from gilgamesh.release order by created_at, name
"""


@dataclass(frozen=True)
class Release:
    """A named state of knowledge; it never changes.

    Attributes
    ----------
    name, description, author : str
    known_at : datetime
        The instant of the last edit it includes.
    created_at : datetime
    """

    name: str
    known_at: datetime
    description: str
    author: str
    created_at: datetime


def create_release(db: Database, name: str, description: str, known_at: datetime | None, author: str | None) -> Release:
    """See `Database.create_release`."""
    with db.transaction() as connection:
        made = connection.execute(
            sa.text(_CREATE),
            {"name": name, "description": description, "known_at": known_at, "author": author},
        ).one()
    return Release(*made)


def release_named(db: Database, name: str) -> Release:
    """The release of this name.

    Raises
    ------
    ReleaseNotFound
        With those there are.
    """
    if not isinstance(name, str):
        raise InvalidValue(f"{name!r} is not the name of a release; list them with `gilgamesh release list`")
    rows = db.reader.rows(_ONE, (name,))
    if rows:
        return Release(*rows[0])
    known = [row.name for row in db.reader.rows("select name from gilgamesh.release order by created_at desc", ())]
    near = near_names(name, known) or ";"
    made = "list them with `gilgamesh release list`" if known else "none has been made yet"
    raise ReleaseNotFound(f"no release {name!r}{near} {made}")


def table_of_releases(db: Database) -> pd.DataFrame:
    """All releases, index ``Release``, the latest last."""
    return db.sql(_ALL).set_index("Release")
