"""Gilgamesh in a notebook: ``%load_ext gilgamesh`` gives the database as ``db`` and the magic ``%%gsql``.

It is the library under its short name: ``import gilgamesh`` and ``import gilgamesh_db as gilgamesh`` say the same.
"""

from typing import Any

import gilgamesh_db
from gilgamesh_db import *  # noqa: F403

__all__ = [*gilgamesh_db.__all__, "load_ipython_extension", "unload_ipython_extension"]  # noqa: PLE0604
__version__ = gilgamesh_db.__version__


def load_ipython_extension(shell: Any) -> None:
    """What ``%load_ext gilgamesh`` does."""
    from gilgamesh_db.notebooks.magic import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """What ``%unload_ext gilgamesh`` does."""
    from gilgamesh_db.notebooks.magic import unload

    unload(shell)


def __getattr__(name: str) -> Any:
    """Modules of the library, such as ``gilgamesh.models`` and ``gilgamesh.errors``."""
    return getattr(gilgamesh_db, name)
