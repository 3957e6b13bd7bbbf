"""Processes that load files: each has one file at a time and a connection of its own.

A reader that dies of a file (a crash in a C library, no memory) takes its process with it and nothing else; which file
it was is known, and the process is replaced. One that takes far too long is ended.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from gilgamesh_db.errors import GilgameshError
from gilgamesh_loaders.formats import known_formats
from gilgamesh_loaders.loading import Instructions, Outcome, load_file

SLOWEST = 1e6  # bytes/s; slower than this no reader is
PATIENCE = 120.0  # s, for the smallest file


@dataclass(frozen=True)
class Task:
    """A file to load."""

    path: Path
    instructions: Instructions
    size: int = 0

    @property
    def limit(self) -> float:
        """Seconds after which its reader is taken to hang."""
        return PATIENCE + self.size / SLOWEST


class _Worker:
    """A process, the pipe to it, and what it has at hand."""

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_work, args=(url, theirs), daemon=True)
        self.process.start()
        theirs.close()  # ours would keep the pipe open after the process has gone
        self.task: Task | None = None
        self.since = 0.0

    def give(self, task: Task) -> None:
        self.task, self.since = task, time.monotonic()
        self.pipe.send(task)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Crew:
    """Some processes that load files; a context manager.

    Parameters
    ----------
    url : str
        The database, with its password.
    size : int
        How many processes.
    """

    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self._workers = [_Worker(url) for _ in range(size)]

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            if worker.task is None:
                worker.pipe.close()  # it ends by itself
                worker.process.join(5)
            worker.end()

    @property
    def idle(self) -> int:
        """How many have nothing to do."""
        return sum(worker.task is None for worker in self._workers)

    @property
    def busy(self) -> list[Task]:
        """What is being loaded."""
        return [worker.task for worker in self._workers if worker.task is not None]

    def give(self, task: Task) -> None:
        """Let an idle process load a file."""
        worker = next(one for one in self._workers if one.task is None)
        try:
            worker.give(task)
        except OSError:  # it died while it had nothing to do
            self._replace(worker).give(task)

    def finished(self, timeout: float) -> Iterator[tuple[Task, Outcome]]:
        """What was done since one last asked; waits until something is, at most so many seconds."""
        busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
        for pipe in wait(list(busy), timeout) if busy else ():
            worker = busy[pipe]  # type: ignore[index]
            task = worker.task
            assert task is not None  # noqa: S101 - only those that have one were asked
            try:
                outcome: Outcome = worker.pipe.recv()
            except (EOFError, OSError):
                worker.process.join(5)
                self._replace(worker)
                outcome = Outcome(
                    task.path, "died", f"the process that read it ended ({_ending(worker.process.exitcode)})"
                )
            worker.task = None
            yield task, outcome
        for worker in [one for one in self._workers if one.task is not None]:
            task = worker.task
            if task is not None and time.monotonic() - worker.since > task.limit:
                self._replace(worker)
                yield task, Outcome(task.path, "died", f"its reader did not finish within {task.limit:.0f} s")

    def _replace(self, worker: _Worker) -> _Worker:
        worker.end()
        new = _Worker(self._url)
        self._workers[self._workers.index(worker)] = new
        return new


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


def _work(url: str, pipe: Connection) -> None:
    """The life of a process: one file after the other, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    from gilgamesh_db import Database
    from gilgamesh_db.database import open_engine

    db: Database | None = None
    known_formats()  # imported before the first file comes, which then does not wait for it
    while True:
        try:
            task: Task = pipe.recv()
        except (EOFError, OSError):
            break
        try:
            db = db or Database(open_engine(url))
            outcome = load_file(db, task.path, task.instructions)
        except GilgameshError as error:
            outcome = Outcome(task.path, "postponed", str(error))
        except MemoryError:
            outcome = Outcome(task.path, "refused", "there is not enough memory to read it")
        with suppress(OSError):
            pipe.send(outcome)
    if db is not None:
        db.close()
