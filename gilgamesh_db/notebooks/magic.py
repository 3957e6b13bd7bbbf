"""``%load_ext gilgamesh``: the name ``db``, the magics ``%%gsql`` and ``%greads``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import GilgameshError, InvalidValue, near_names
from .recorder import note_reads

if TYPE_CHECKING:
    import pandas as pd

    from ..database import Database

# Where a colon is no parameter: in texts, quoted names and comments.
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_PARAMETER = re.compile(r"(?<![:\w\\]):([A-Za-z_]\w*)")


def load(shell: Any) -> None:
    """Connect, name the database ``db``, and register the magics.

    The database is that of ``GILGAMESH_DATABASE_URL``, or the embedded one, and answers as of ``GILGAMESH_KNOWN_AT`` where that
    is set.
    """
    from IPython.core.error import UsageError

    from ..database import connect

    try:
        db = connect()
    except GilgameshError as error:
        raise UsageError(str(error)) from error
    shell.push({"db": db})

    def gsql(line: str, cell: str | None = None) -> pd.DataFrame | None:
        """Run SQL; ``:name`` is the value of a name of the notebook. ``%%gsql table`` gives the result this name."""
        try:
            found = query(_database(shell), line if cell is None else cell, shell.user_ns)
        except GilgameshError as error:
            raise UsageError(str(error)) from error
        target = line.strip() if cell is not None else ""
        if not target:
            return found
        if not target.isidentifier():
            raise UsageError(f"{target!r} is no name for a result; write %%gsql or %%gsql table")
        shell.push({target: found})
        return None

    def greads(line: str) -> None:
        """Say what is noted of the cell that runs; ``%greads off`` and ``%greads on`` switch noting."""
        said = line.strip().lower()
        recorder = note_reads(whatever=said == "on")
        if recorder is None:
            print("nothing is noted here: this is no notebook")
        elif said == "off":
            recorder.stop()
        elif said not in ("", "on"):
            raise UsageError("write %greads, %greads on or %greads off")
        if recorder is not None:
            print(f"what cells read is {'noted beside their results' if recorder.on else 'not noted'}")

    shell.register_magic_function(gsql, "line_cell", "gsql")
    shell.register_magic_function(greads, "line", "greads")


def unload(shell: Any) -> None:
    """Take the magics away and close the database."""
    from ..database import Database

    for kind, name in (("line", "gsql"), ("cell", "gsql"), ("line", "greads")):
        shell.magics_manager.magics[kind].pop(name, None)
    db = shell.user_ns.pop("db", None)
    if isinstance(db, Database):
        db.close()
    recorder = note_reads()
    if recorder is not None:
        recorder.stop()


def query(db: Database, statement: str, names: Mapping[str, Any]) -> pd.DataFrame:
    """Run a statement whose ``:name`` are names of a notebook; their values are bound, never written into it.

    Raises
    ------
    InvalidValue
        A name is not there, or its value is nothing PostgreSQL knows.
    """
    statement = statement.strip().removesuffix(";")
    if not statement:
        raise InvalidValue("there is no statement; write for example: %gsql select * from gilgamesh.shots")
    plain = _QUOTED.sub(lambda found: re.sub(r":(?=\w)", r"\:", found.group()), statement)
    wanted = dict.fromkeys(_PARAMETER.findall(plain))
    values = {}
    for name in wanted:
        if name not in names:
            near = near_names(name, [each for each in names if not each.startswith("_")])
            raise InvalidValue(
                f"the statement names :{name}, and the notebook has no {name!r}{near or '; give it a value first'}"
            )
        values[name] = _value(name, names[name])
    return db.sql(plain if wanted else statement, values or None)


def _database(shell: Any) -> Database:
    from ..database import Database

    db = shell.user_ns.get("db")
    if not isinstance(db, Database):
        raise InvalidValue("the name db is no longer the database; bring it back with %reload_ext gilgamesh")
    return db


def _value(name: str, value: Any) -> Any:
    """A value as PostgreSQL takes it: numbers of numpy as numbers, arrays and indices as lists."""
    if hasattr(value, "tolist") and not isinstance(value, bytes | memoryview):
        value = value.tolist()
    elif hasattr(value, "to_pydatetime"):
        value = value.to_pydatetime()
    if isinstance(value, tuple | set | frozenset | range):
        value = list(value)
    if callable(value) or isinstance(value, dict):
        raise InvalidValue(
            f"{name!r} is a {type(value).__name__}, which is no value of SQL; give a number, a text, a time or a list"
        )
    return value
