"""An edit of the testbed's history, as data: who wrote down what, when and why.

Names and meaning of the operations are those of the object ``db.edit(…)`` yields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class Editor(Protocol):
    """A database whose history can be edited."""

    def edit(self, reason: str, *, author: str, recorded_at: datetime) -> AbstractContextManager[Any]:
        """Begin an edit."""
        ...


@dataclass(frozen=True)
class Operation:
    """One call on an edit.

    Attributes
    ----------
    method : str
        Such as ``connect``.
    positional : tuple
        Arguments by position.
    keywords : Mapping
        Arguments by name.
    """

    method: str
    positional: tuple[object, ...]
    keywords: Mapping[str, object]

    def perform(self, edit: object) -> None:
        """Make the call."""
        getattr(edit, self.method)(*self.positional, **self.keywords)


@dataclass(frozen=True)
class Edit:
    """Operations that were recorded together.

    Attributes
    ----------
    recorded_at : datetime
        When the lab wrote it down, which may be long after it was so.
    author : str
        Who wrote it down.
    reason : str
        Why.
    operations : tuple of Operation
        In order.
    """

    recorded_at: datetime
    author: str
    reason: str
    operations: tuple[Operation, ...]


def do(method: str, *positional: object, **keywords: object) -> Operation:
    """Write an operation the way it will be called.

    Examples
    --------
    >>> do("connect", "Lang_I", "PXI M6251/ai3", chain=("shunt1",)).method
    'connect'
    """
    return Operation(method, positional, keywords)


def perform(db: Editor, edits: Iterable[Edit]) -> None:
    """Perform edits in order, each as one edit of the database."""
    for one in edits:
        with db.edit(one.reason, author=one.author, recorded_at=one.recorded_at) as edit:
            for operation in one.operations:
                operation.perform(edit)
