"""A person's own notebooks, as far as the pages touch them: which there are, one read, one laid there."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from gilgamesh_db import Database
from gilgamesh_db.errors import NotebookNotFound

_OWN = """
select ltrim(parent_name, '/') || name as path from pgcontents.files
 where user_id = current_user and name like '%.ipynb' and parent_name not like '/.%'
 order by created_at desc limit 500
"""


def own_notebooks(db: Database) -> list[str]:
    """Paths of the notebooks of whom the database acts for, the last saved first."""
    return [str(path) for path in db.sql(_OWN).path]


def read_own(db: Database, path: str) -> bytes:
    """A notebook of one's own.

    Raises
    ------
    NotebookNotFound
    """
    from .contents import document
    from .contents.paths import Location

    with db.transaction() as connection:
        found = document.read(connection, _me(connection), Location.of(path))
    if found is None:
        raise NotebookNotFound(f"you have no notebook {path!r}; save it in Jupyter first")
    return found[1]


def lay_own(db: Database, path: str, content: bytes) -> str:
    """Lay a notebook among one's own, beside what is there: an occupied name gets a number.

    Returns
    -------
    str
        Its path.
    """
    from .contents import document, tree
    from .contents.paths import Location

    with db.transaction() as connection:
        person = _me(connection)
        tree.greet(connection, person)
        tree.take_turns(connection, person)
        place = Location.of(path)
        tree.make_folder(connection, person, place.parent, parents=True)
        number = 1
        while tree.kind_of(connection, person, place) is not None:
            kept = document.read(connection, person, place)
            if kept is not None and kept[1] == content:
                return place.path  # the very same is there
            number += 1
            place = Location.of(re.sub(r"(\.ipynb)?$", f"-{number}.ipynb", path, count=1))
        document.write(connection, person, place, content)
    return place.path


def _me(connection: sa.Connection) -> str:
    me: Any = connection.exec_driver_sql("select current_user").scalar_one()
    return str(me)
