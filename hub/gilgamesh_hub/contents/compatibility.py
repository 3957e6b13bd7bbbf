"""pgcontents 0.6 on today's Jupyter and SQLAlchemy.

The package was last released in 2020. It takes Jupyter's base classes from a module ``notebook.services`` that is gone,
writes ``select([…])`` as SQLAlchemy 1 did, and reads error codes as psycopg2 spells them. Import it from here:

>>> from gilgamesh_hub.contents.compatibility import pgcontents

Only modules of pgcontents itself are touched. What it does wrong with the data (it takes ``_`` in a name for a wildcard,
stores the last piece of an upload only …) is not repaired here: `GilgameshContentsManager` does not use it.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

IPYCOMPAT = "pgcontents.utils.ipycompat"


def _jupyter_names() -> types.ModuleType:
    """What ``pgcontents.utils.ipycompat`` exports, from where it is today."""
    import nbformat
    import traitlets
    from jupyter_server.services.contents.checkpoints import Checkpoints, GenericCheckpointsMixin
    from jupyter_server.services.contents.filecheckpoints import GenericFileCheckpoints
    from jupyter_server.services.contents.filemanager import FileContentsManager
    from jupyter_server.services.contents.manager import ContentsManager
    from jupyter_server.utils import to_os_path
    from nbformat.v4 import nbbase, rwbase
    from traitlets.config import Config

    made = types.ModuleType(IPYCOMPAT, "Names of Jupyter that pgcontents needs, from where they are today.")
    made.__dict__.update(
        {
            name: getattr(traitlets, name)
            for name in ("Any", "Bool", "Dict", "HasTraits", "Instance", "Integer", "Unicode")
        },
        Checkpoints=Checkpoints,
        Config=Config,
        ContentsManager=ContentsManager,
        FileContentsManager=FileContentsManager,
        GenericCheckpointsMixin=GenericCheckpointsMixin,
        GenericFileCheckpoints=GenericFileCheckpoints,
        to_os_path=to_os_path,
        from_dict=nbformat.from_dict,
        reads=nbformat.reads,
        writes=nbformat.writes,
        new_code_cell=nbbase.new_code_cell,
        new_markdown_cell=nbbase.new_markdown_cell,
        new_notebook=nbbase.new_notebook,
        new_raw_cell=nbbase.new_raw_cell,
        strip_transient=rwbase.strip_transient,
    )
    return made


def _select(columns: Sequence[Any]) -> sa.Select[Any]:
    """``select([a, b])``, as SQLAlchemy 1 took it."""
    return sa.select(*columns)


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code of an error, through SQLAlchemy and whichever driver it came."""
    raised = getattr(error, "orig", error)
    return getattr(raised, "sqlstate", None) or getattr(raised, "pgcode", None)


def _is_unique_violation(error: BaseException) -> bool:
    return sqlstate(error) == "23505"


def _is_foreign_key_violation(error: BaseException) -> bool:
    return sqlstate(error) == "23503"


def _import() -> Any:
    if IPYCOMPAT not in sys.modules:
        sys.modules[IPYCOMPAT] = _jupyter_names()
    import pgcontents
    from pgcontents import db_utils, query

    query.select = _select
    for module in (db_utils, query):
        module.is_unique_violation = _is_unique_violation
        module.is_foreign_key_violation = _is_foreign_key_violation
    return pgcontents


pgcontents: Any = _import()
