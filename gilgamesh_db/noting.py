"""Who wants to know what is read: a notebook notes the signals and shots its cells read.

Nobody listens by default, and then a read asks no more than whether somebody does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .database import Database

Listener = Callable[["Database", list[tuple[str, int]]], None]

_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """Let this be told of every signal that is read, as (name, shot); None: nobody."""
    global _listener  # noqa: PLW0603 - a process has one notebook, and signals are read in many places
    _listener = listener


def noted(db: Database, read: Iterable[tuple[str, int]]) -> None:
    """These signals of these shots are being read."""
    if _listener is not None:
        _listener(db, list(read))


@contextlib.contextmanager
def unnoted() -> Iterator[None]:
    """Read without being noted: comparisons and bookkeeping read what nobody asked for by name."""
    held = _listener
    listen(None)
    try:
        yield
    finally:
        listen(held)
