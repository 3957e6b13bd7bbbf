"""A version of a notebook, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SELECT = """
select path, version, author, created_at, message, latest, removed, size, nbformat, problem, parent_path, parent_version, signals,
       shots, keys, metadata, encode(sha256, 'hex') as sha256, version_id
  from gilgamesh.notebook_versions
"""


@dataclass(frozen=True)
class Version:
    """A version of a notebook; it never changes.

    Attributes
    ----------
    path, number
        Where it stands, and the how manyth it is.
    author, created_at, message
        Who pushed it, when, and what was done.
    size : int or None
        Bytes; None where the notebook was taken out of the repository.
    nbformat, problem : str or None
        Version of the notebook format, and why it is not a notebook of today's.
    parent : tuple of (str, int) or None
        Path and number of the version it was made from.
    signals, shots, keys : tuple
        What its cells read, as far as they noted it, and what it cites.
    metadata : mapping
        What else is known: ``executed``, ``restored``.
    id : int
    sha256 : str or None
    unchanged : bool
        Pushing changed nothing: the repository had this content already.
    unknown : tuple of (str, int)
        Signals and shots its cells noted that this database does not know.
    """

    path: str
    number: int
    author: str
    created_at: datetime
    message: str
    size: int | None
    nbformat: str | None
    problem: str | None
    parent: tuple[str, int] | None
    signals: tuple[str, ...]
    shots: tuple[int, ...]
    keys: tuple[str, ...]
    metadata: Mapping[str, Any]
    id: int
    sha256: str | None
    latest: bool = True
    unchanged: bool = False
    unknown: tuple[tuple[str, int], ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """Path and number, as they can be asked for: ``a.ipynb@3``."""
        return f"{self.path}@{self.number}"

    @property
    def removed(self) -> bool:
        """Whether it says that the notebook was taken out of the repository."""
        return self.size is None

    def __str__(self) -> str:
        if self.unchanged:
            return f"{self.path} is version {self.number} already; nothing was pushed"
        lines = [f"{self.path} is version {self.number} now"]
        if self.signals:
            lines.append(f"it read {_listed(self.signals, 'signal')} of {_listed(self.shots, 'shot')}")
        if self.keys:
            lines.append(f"it cites {', '.join(self.keys)}")
        if self.problem:
            lines.append(f"kept as it is, but {self.problem}")
        if self.unknown:
            name, shot = self.unknown[0]
            lines.append(
                f"its cells noted {len(self.unknown)} reads this database does not know, such as {name!r} of shot {shot}"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The same for a script."""
        said = {**vars(self), "parent": None if self.parent is None else list(self.parent)}
        return {**said, "signals": list(self.signals), "shots": list(self.shots), "keys": list(self.keys),
                "unknown": [list(pair) for pair in self.unknown]}  # fmt: skip


def version_of(row: Any, **more: Any) -> Version:
    """A version from a row of ``notebook_versions``."""
    parent = None if row.parent_version is None else (row.parent_path or row.path, row.parent_version)
    return Version(
        row.path, row.version, row.author, row.created_at, row.message, row.size, row.nbformat, row.problem, parent,
        tuple(row.signals), tuple(row.shots), tuple(row.keys), row.metadata, row.version_id, row.sha256, row.latest, **more,
    )  # fmt: skip


def _listed(things: tuple[Any, ...], noun: str) -> str:
    if len(things) > 6:
        return f"{len(things)} {noun}s"
    return (
        ", ".join(map(str, things))
        if noun == "signal"
        else f"{noun}{'s'[: len(things) != 1]} " + ", ".join(map(str, things))
    )
