"""The same function on many shots: in processes of this machine, or on a Dask cluster.

Every worker opens its own connection. A shot that fails is kept with its error and does not stop the others.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import InvalidValue
from .shot_range import Shots, shots_of

if TYPE_CHECKING:
    from .database import Database

Task = tuple[str, str | None, bytes]  # where to connect, what to know, and the function


class ShotsFailed(UserWarning):
    """A warning: the function failed in some shots; the others have their results."""


@dataclass(frozen=True)
class Failure:
    """Why a shot has no result.

    Attributes
    ----------
    shot : int
    error : str
        Class and message.
    where : str
        The last lines of the traceback.
    """

    shot: int
    error: str
    where: str

    def __str__(self) -> str:
        return f"shot {self.shot}: {self.error}\n{self.where}".rstrip()


class ShotResults:
    """Results as they come; made by `Database.map_shots`. Iterate once, over ``(shot, result)``.

    Attributes
    ----------
    shots : list of int
        All that were asked for.
    failures : dict of int to Failure
        Grows while results come.
    """

    def __init__(
        self, shots: list[int], outcomes: Iterator[tuple[int, Any, Failure | None]], *, progress: bool
    ) -> None:
        self.shots = shots
        self.failures: dict[int, Failure] = {}
        self._results = self._through(outcomes, progress)

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        return self._results

    def collect(self) -> dict[int, Any]:
        """All results, by shot in the order asked for; failed shots are in `failures`."""
        found = dict(self._results)
        return {shot: found[shot] for shot in self.shots if shot in found}

    def _through(
        self, outcomes: Iterator[tuple[int, Any, Failure | None]], progress: bool
    ) -> Iterator[tuple[int, Any]]:
        from rich.progress import Progress

        with Progress(transient=True, disable=not progress) as bar:
            task = bar.add_task("shots", total=len(self.shots))
            for shot, result, failure in outcomes:
                bar.advance(task)
                if failure is None:
                    yield shot, result
                    continue
                self.failures[shot] = failure
                bar.console.print(f"shot {shot} failed: {failure.error}", markup=False, highlight=False)
        if self.failures:
            first = self.failures[min(self.failures)]
            warnings.warn(
                f"{len(self.failures)} of {len(self.shots)} shots failed, the first with {first}\nsee .failures for all",
                ShotsFailed, stacklevel=2,
            )  # fmt: skip


def map_shots(
    db: Database,
    function: Callable[[Database, int], Any],
    shots: Shots,
    workers: int | None,
    scheduler: Any,
    progress: bool,
) -> ShotResults:
    """See `Database.map_shots`."""
    import cloudpickle

    numbers = shots_of(db, shots)
    if workers is not None and workers < 0:
        raise InvalidValue(f"{workers} workers cannot work; give a number of processes, or 0 for none beside this one")
    if db.role is not None and workers != 0:
        raise InvalidValue(
            f"other processes connect by themselves and cannot act as {db.role!r}; connect as that role, or say workers=0"
        )
    known_at = None if db.knowledge is None else db.knowledge.isoformat()
    try:
        # By value: a function of a notebook exists in no module that a worker could import.
        task: Task = (db.engine.url.render_as_string(hide_password=False), known_at, cloudpickle.dumps(function))
    except Exception as error:
        raise InvalidValue(f"{function!r} cannot be sent to other processes: {error}") from error
    if scheduler is not None:
        outcomes = _on_cluster(task, numbers, scheduler)
    elif workers == 0:
        outcomes = (_outcome(function, db, shot) for shot in numbers)
    else:
        outcomes = _in_processes(task, numbers, workers or min(len(numbers), os.cpu_count() or 1))
    return ShotResults(numbers, outcomes, progress=progress)


def _in_processes(task: Task, shots: list[int], workers: int) -> Iterator[tuple[int, Any, Failure | None]]:
    pool = concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(task,)
    )
    waiting = {}
    try:
        waiting = {pool.submit(_work, shot): shot for shot in shots}
        for future in concurrent.futures.as_completed(waiting):
            yield _settled(waiting[future], future)
    finally:
        # Also after Ctrl-C, and when the caller has had enough: shots under way end, no other begins.
        pool.shutdown(wait=True, cancel_futures=True)


def _on_cluster(task: Task, shots: list[int], client: Any) -> Iterator[tuple[int, Any, Failure | None]]:
    import distributed

    as_completed: Any = distributed.as_completed  # untyped

    waiting = {
        future.key: (future, shot) for shot in shots for future in [client.submit(_work_on, task, shot, pure=False)]
    }
    try:
        for future in as_completed([future for future, _ in waiting.values()]):
            yield _settled(waiting[future.key][1], future)
    finally:
        client.cancel([future for future, _ in waiting.values()])


def _settled(shot: int, future: Any) -> tuple[int, Any, Failure | None]:
    """The outcome of a shot, also where its worker died."""
    try:
        outcome: tuple[int, Any, Failure | None] = future.result()
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        return shot, None, Failure(shot, f"the worker did not answer ({said})", "")
    return outcome


_held: dict[Task, tuple[Database, Callable[[Database, int], Any]]] = {}
_task: Task | None = None


def _begin(task: Task) -> None:
    """Prepare a worker: Ctrl-C is for the process that asks, not for those that work."""
    global _task  # noqa: PLW0603 - one per worker process
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _task = task


def _work(shot: int) -> tuple[int, Any, Failure | None]:
    assert _task is not None  # noqa: S101 - set when the worker began
    return _work_on(_task, shot)


def _work_on(task: Task, shot: int) -> tuple[int, Any, Failure | None]:
    import cloudpickle

    if task not in _held:
        from .database import connect

        url, known_at, function = task
        _held[task] = connect(url, known_at=known_at), cloudpickle.loads(function)
    db, work = _held[task]
    return _outcome(work, db, shot)


def _outcome(function: Callable[[Database, int], Any], db: Database, shot: int) -> tuple[int, Any, Failure | None]:
    try:
        return shot, function(db, shot), None
    except Exception as error:
        where = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)[-2:]))
        return shot, None, Failure(shot, f"{type(error).__name__}: {error}", where)
