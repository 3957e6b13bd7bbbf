"""The library behind the handlers: connected when it is first asked, in threads of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gilgamesh_db import Database
from gilgamesh_db.errors import GilgameshError
from gilgamesh_db.notebooks.references import open_library

Answer = TypeVar("Answer")

THREADS = 4
PATIENCE = 5.0  # s before a database that was away is tried again


class Library:
    """The database of whoever runs this Jupyter: ``GILGAMESH_DATABASE_URL``, else the embedded one if there is one."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gilgamesh-citations")
        self._connecting = threading.Lock()
        self._db: Database | None = None
        self._refused: tuple[float, GilgameshError] | None = None

    async def ask(self, question: Callable[[Database], Answer]) -> Answer:
        """Ask the library something, beside the event loop.

        Raises
        ------
        ServerError
            There is no database, or it is away.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, question)

    def _answer(self, question: Callable[[Database], Answer]) -> Answer:
        with self._connecting:
            if self._refused and time.monotonic() - self._refused[0] < PATIENCE:
                raise self._refused[1]
            if self._db is None:
                try:
                    self._db = open_library()
                except GilgameshError as error:
                    self._refused = time.monotonic(), error
                    raise
        return question(self._db)
