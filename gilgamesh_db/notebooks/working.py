"""Which version a file on this disk was made from, remembered in its folder.

A hidden file beside the notebooks says it, so that it goes with them when the folder is moved or copied.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

NAME = ".gilgamesh-notebooks.json"


@dataclass(frozen=True)
class Base:
    """The version a file was pulled or pushed as.

    Attributes
    ----------
    database : str
        The database, by the instant of its first edit.
    path : str
    number : int
    """

    database: str
    path: str
    number: int


def base_of(file: Path, database: str) -> Base | None:
    """What is remembered of a file; None when nothing is, or only of another database."""
    said = _read(file).get(file.name)
    try:
        base = None if said is None else Base(str(said["database"]), str(said["path"]), int(said["number"]))
    except (KeyError, TypeError, ValueError):
        return None
    return base if base is not None and base.database == database else None


def remember(file: Path, base: Base) -> None:
    """Remember it. A folder nobody may write in remembers nothing: then the next push asks."""
    known = {**_read(file), file.name: asdict(base)}
    kept = file.parent / NAME
    new = kept.with_name(f"{NAME}.{os.getpid()}")
    with contextlib.suppress(OSError):
        new.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")
        new.replace(kept)


def _read(file: Path) -> dict[str, Any]:
    try:
        said = json.loads((file.parent / NAME).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
