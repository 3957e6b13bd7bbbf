"""Telling everybody who looks: one connection listens to the database, whatever the number of screens."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any, NamedTuple

from gilgamesh_db import Database
from gilgamesh_db.follow import follow


class Told(NamedTuple):
    """What the screens are told: the last shot, and why the database is away; an empty text while it is there."""

    shot: int | None
    lost: str


class Follower:
    """The last discharge, for any number of listeners; starts to follow with the first of them.

    Attributes
    ----------
    told : Told
        What was told last.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._listeners: set[asyncio.Queue[Told]] = set()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self.told = Told(None, "")

    @contextlib.contextmanager
    def listen(self) -> Any:
        """A queue in which the latest is found; a slow listener misses what was overtaken, and nothing piles up."""
        queue: asyncio.Queue[Told] = asyncio.Queue(maxsize=1)
        self._start(asyncio.get_running_loop())
        self._listeners.add(queue)
        if self.told != Told(None, ""):
            queue.put_nowait(self.told)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        """Stop to follow."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(5)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._follow, args=(loop,), name="gilgamesh-follow", daemon=True)
            self._thread.start()

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        def tell(shot: int | None, lost: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop ended a moment ago
                loop.call_soon_threadsafe(self._tell, Told(shot, lost))

        def lost(said: str) -> None:
            tell(None, said)

        for shot in follow(self._db, lost=lost, wanted=lambda: not self._ended.is_set()):
            tell(shot, "")

    def _tell(self, told: Told) -> None:
        told = Told(self.told.shot if told.shot is None else told.shot, told.lost)
        if told == self.told:
            return
        self.told = told
        for queue in self._listeners:
            with contextlib.suppress(asyncio.QueueEmpty):
                queue.get_nowait()
            queue.put_nowait(told)
