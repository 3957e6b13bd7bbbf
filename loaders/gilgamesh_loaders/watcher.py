"""A folder is watched: every recording that comes into it is loaded, once, as soon as its writer has finished.

What the watcher knows is in the database (checksums, and the queue `gilgamesh_loaders.arrivals`); it can be killed at any
moment and goes on when it is started again. While the database is away it waits.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gilgamesh_db import Database
from gilgamesh_db.errors import SystemFault
from gilgamesh_loaders.arrivals import Arrivals, Stamp, State, stamp_of
from gilgamesh_loaders.crew import Crew, Task
from gilgamesh_loaders.folder import files_of, is_by_product
from gilgamesh_loaders.loading import Instructions, Outcome, Status
from gilgamesh_loaders.settling import Settling

RESCAN = 30.0  # s; the system may lose events, and network drives may send none
RETRY = 5.0  # s between two looks for what somebody wants to have tried again
AWAY = 1.0  # s between two attempts to reach the database
TICK = 0.05  # s, while something is under way
IDLE = 0.5  # s


class Said(NamedTuple):
    """Something a person may want to know.

    Attributes
    ----------
    kind : str
        loaded, there, waiting, refused, lost, back, trouble.
    text : str
    """

    kind: str
    text: str


@dataclass
class Tally:
    """What happened since the watcher was started."""

    loaded: int = 0
    there: int = 0
    last: str = ""
    refused: set[Path] = field(default_factory=set)


class _Note(NamedTuple):
    """What is still to be written into the queue."""

    stamp: Stamp
    state: State
    reason: str
    shots: tuple[int, ...]


class Watcher:
    """A watched folder.

    Parameters
    ----------
    db : Database
    folder : Path
    instructions : Instructions
        How its files are to be read.
    jobs : int
        Processes that load at the same time.
    quiet : float, optional
        Seconds for which a file must not have changed; 0.3 where the system says whether somebody has it open for
        writing, otherwise 2.
    patience : float
        Seconds without a change after which a file that cannot be read is refused.
    poll : float, optional
        Look so often (s) instead of waiting for the system to tell, as network drives need.
    recursive : bool
        Folders inside are watched too.
    tell : callable
        Called with what happens.

    Attributes
    ----------
    tally : Tally
    lost : str
        What is wrong with the database; empty while it is there.
    """

    def __init__(
        self,
        db: Database,
        folder: Path,
        instructions: Instructions,
        *,
        jobs: int = 2,
        quiet: float | None = None,
        patience: float = 30.0,
        poll: float | None = None,
        recursive: bool = True,
        tell: Callable[[Said], None] = lambda _: None,
    ) -> None:
        self.folder = folder.absolute()
        self.tally = Tally()
        self.lost = ""
        self._db, self._instructions, self._jobs = db, instructions, jobs
        self._quiet, self._patience, self._poll, self._recursive = quiet, patience, poll, recursive
        self._say = tell
        self._arrivals = Arrivals(db, "watch")
        self._settling: dict[Path, Settling] = {}
        self._settled: dict[Path, Stamp] = {}
        self._waiting: dict[Path, str] = {}  # those of them that wait for something, and for what
        self._notes: dict[Path, _Note] = {}
        self._deaths: dict[Path, int] = {}
        self._changes: queue.Queue[set[Path] | None] = queue.Queue()
        self._rescan_at = self._retry_at = self._back_at = 0.0
        self._done: dict[Status, Callable[[Settling, Outcome], None]] = {
            "loaded": self._loaded, "already there": self._already_there, "refused": self._refused,
            "waiting": self._waiting_for, "unfinished": self._unfinished, "postponed": self._postponed, "died": self._died,
        }  # fmt: skip

    @property
    def pending(self) -> int:
        """How many files are settling, being loaded, or waiting for the database."""
        return len(self._settling)

    @property
    def waiting(self) -> int:
        """How many files wait for another one, or to become readable."""
        return len(self._waiting)

    def run(self, stop: threading.Event, *, once: bool = False) -> None:
        """Watch until one is told to stop; what is being loaded then is finished.

        Parameters
        ----------
        stop : Event
        once : bool
            Stop when everything that is there has been loaded or refused.
        """
        while not self._reach(self._remember) and not stop.wait(AWAY):
            pass
        listening = threading.Event()
        listener = threading.Thread(target=self._listen, args=(listening, stop), daemon=True)
        listener.start()
        url = self._db.engine.url.render_as_string(hide_password=False)
        with Crew(url, self._jobs) as crew:
            while not stop.is_set() and not (once and self._nothing_left(crew)):
                self._notice(crew)
                self._give(crew)
                self._collect(crew)
                self._write_notes()
                self._look_for_retries(crew)
            while crew.busy:
                self._collect(crew)
        self._write_notes()
        stop.set()
        listener.join(5)

    # -- what comes in ---------------------------------------------------------------------------------

    def _listen(self, listening: threading.Event, stop: threading.Event) -> None:
        """Pass on what the system says of the folder, in a thread of its own; begin again when it cannot."""
        import watchfiles

        while not stop.is_set():
            try:
                for changes in watchfiles.watch(
                    self.folder, watch_filter=None, debounce=50, step=20, rust_timeout=250, yield_on_timeout=True,
                    stop_event=stop, raise_interrupt=False, recursive=self._recursive, force_polling=self._poll is not None,
                    poll_delay_ms=int(1000 * (self._poll or 0.3)), ignore_permission_denied=True,
                ):  # fmt: skip
                    if changes:
                        self._changes.put({Path(path) for _, path in changes})
                    elif not listening.is_set():
                        listening.set()
                        self._changes.put(None)  # what came before it listened
                if stop.is_set():
                    return
                reason = "it is gone"
            except (OSError, RuntimeError) as error:
                reason = str(error)
            if listening.is_set():  # once, not every two seconds
                self._say(Said("trouble", f"{self.folder} cannot be watched ({reason}); trying again"))
            listening.clear()
            stop.wait(2.0)

    def _notice(self, crew: Crew) -> None:
        """Take up what changed, and look through the whole folder now and then."""
        busy = self._notes or any(one.stamp for one in self._settling.values()) or crew.busy
        try:
            changed = self._changes.get(timeout=TICK if busy else IDLE)
            while True:
                for path in changed if changed is not None else ():
                    self._take_up(path)
                if changed is None:
                    self._rescan_at = 0.0
                changed = self._changes.get_nowait()
        except queue.Empty:
            pass
        if time.monotonic() >= self._rescan_at:
            self._rescan_at = time.monotonic() + RESCAN
            self._rescan()

    def _take_up(self, path: Path) -> None:
        """A file has come, changed or gone."""
        if not path.is_relative_to(self.folder) or is_by_product(path):
            return
        if any(part.startswith(".") for part in path.relative_to(self.folder).parts):
            return
        try:
            stamp = stamp_of(path)
        except OSError:
            self._forget([path])
            return
        if path.is_dir() and path != self.folder and self._recursive:
            for inside in files_of([path]):  # a folder that was moved here tells of itself only
                self._take_up(inside)
        if path.is_file() and path not in self._settling and self._settled.get(path) != stamp:
            self._settling[path] = Settling(path, self._quiet)

    def _rescan(self) -> None:
        if not self.folder.is_dir():  # a drive that went away takes no file with it
            return
        try:
            there = (
                list(files_of([self.folder])) if self._recursive else [p for p in self.folder.iterdir() if p.is_file()]
            )
        except OSError as error:
            self._say(Said("trouble", f"{self.folder} cannot be read ({error}); trying again"))
            return
        for path in there:
            self._take_up(path)
        gone = {*self._settled, *self._settling} - set(there)
        if gone:
            self._forget([path for path in gone if not path.exists()])

    def _forget(self, paths: list[Path]) -> None:
        """Files that are gone are not in the queue any more, unless they were loaded."""
        for path in paths:
            self._settling.pop(path, None)
            noted = path in self._waiting or path in self.tally.refused
            self._settled.pop(path, None)
            self._waiting.pop(path, None)
            self._notes.pop(path, None)
            self.tally.refused.discard(path)
            if noted:
                self._reach(lambda path=path: self._arrivals.forget([path]))  # type: ignore[misc]

    def _remember(self) -> None:
        """What became of the files before we were started."""
        for one in self._arrivals.known(via=("watch", "load")):
            if not one.path.is_relative_to(self.folder):
                continue
            if one.state != "waiting":
                self._settled[one.path] = one.stamp
            if one.state == "refused":
                self.tally.refused.add(one.path)

    # -- what is loaded --------------------------------------------------------------------------------

    def _give(self, crew: Crew) -> None:
        """Let the crew load what rests."""
        now = time.monotonic()
        if self.lost and now < self._back_at:
            return
        if self.lost:
            self._back_at = now + AWAY
            if not self._reach(lambda: self._arrivals.known("waiting", via=())):
                return
        busy = {task.path for task in crew.busy}
        for path, settling in list(self._settling.items()):
            if not crew.idle:
                return
            if path in busy or settling.look_at > now:
                continue
            try:
                if settling.look(now) and settling.stamp is not None:
                    crew.give(Task(path, self._instructions, settling.stamp.size))
                    busy.add(path)
            except OSError:
                self._forget([path])

    def _collect(self, crew: Crew) -> None:
        """Take note of what was done."""
        for task, outcome in crew.finished(TICK if crew.busy else 0.0):
            settling = self._settling.get(task.path)
            if settling is None:  # it is gone meanwhile
                continue
            self._done[outcome.status](settling, outcome)

    def _loaded(self, settling: Settling, outcome: Outcome) -> None:
        stamp = outcome.stamp or settling.stamp
        assert stamp is not None  # noqa: S101 - it was looked at
        ago = time.time() - stamp.modified / 1e6
        self.tally.loaded += 1
        self.tally.last = f"{outcome.path.name} at {time.strftime('%H:%M:%S')}"
        text = f"{outcome}" + (f" ({ago:.1f} s after it was written)" if 0 <= ago < 3600 else "")
        self._settle(settling, stamp, "loaded", "", outcome.shots, Said("loaded", text))
        self._poke(outcome.path)

    def _already_there(self, settling: Settling, outcome: Outcome) -> None:
        stamp = outcome.stamp or settling.stamp
        assert stamp is not None  # noqa: S101 - it was looked at
        self.tally.there += 1
        self._settle(settling, stamp, "loaded", "was loaded before", outcome.shots, Said("there", str(outcome)))

    def _refused(self, settling: Settling, outcome: Outcome) -> None:
        """What cannot be read may not be whole yet; what cannot be loaded is refused at once."""
        if outcome.temporary and settling.refused(time.monotonic()) < self._patience:
            self._wait(settling, outcome.reason, outcome.stamp)
            return
        stamp = outcome.stamp or settling.stamp or Stamp(0, 0)
        self.tally.refused.add(outcome.path)
        self._settle(settling, stamp, "refused", outcome.reason, (), Said("refused", outcome.reason))

    def _waiting_for(self, settling: Settling, outcome: Outcome) -> None:
        self._wait(settling, outcome.reason, outcome.stamp)
        if settling.stamp is not None:
            self._settling.pop(settling.path)
            self._settled[settling.path] = settling.stamp

    def _unfinished(self, settling: Settling, _outcome: Outcome) -> None:
        settling.stamp = None

    def _postponed(self, _settling: Settling, outcome: Outcome) -> None:
        self._lose(outcome.reason)

    def _died(self, settling: Settling, outcome: Outcome) -> None:
        deaths = self._deaths[settling.path] = self._deaths.get(settling.path, 0) + 1
        if deaths > 1:
            self._deaths.pop(settling.path)
            self._refused(settling, Outcome(outcome.path, "refused", f"{outcome.path}: {outcome.reason}"))

    def _wait(self, settling: Settling, reason: str, stamp: Stamp | None) -> None:
        if self._waiting.get(settling.path) != reason:
            self._waiting[settling.path] = reason
            self._say(Said("waiting", reason))
            if stamp is not None:
                self._notes[settling.path] = _Note(stamp, "waiting", reason, ())

    def _settle(
        self, settling: Settling, stamp: Stamp, state: State, reason: str, shots: tuple[int, ...], said: Said
    ) -> None:
        path = settling.path
        self._settling.pop(path, None)
        self._settled[path] = stamp
        self._waiting.pop(path, None)
        self._deaths.pop(path, None)
        self._notes[path] = _Note(stamp, state, reason, shots)
        if state == "loaded":
            self.tally.refused.discard(path)
        self._say(said)
        self._take_up(path)  # it may have changed while it was loaded

    def _poke(self, path: Path) -> None:
        """What could not be loaded without this file is tried again: a sheet, or the recording it belongs to."""
        parked = [one for one in self._waiting if one not in self._settling]
        beside = [one for one in self.tally.refused if one.parent == path.parent and _akin(one.stem, path.stem)]
        for other in {*parked, *beside} - {path}:
            self._settled.pop(other, None)
            self._take_up(other)

    # -- the database ----------------------------------------------------------------------------------

    def _write_notes(self) -> None:
        while self._notes and not self.lost:
            path, note = next(iter(self._notes.items()))
            if not self._reach(lambda path=path, note=note: self._arrivals.settle(path, *note)):  # type: ignore[misc]
                return
            if self._notes.get(path) is note:
                del self._notes[path]

    def _look_for_retries(self, crew: Crew) -> None:
        """What somebody wants to have tried again is waiting in the queue, though we settled it."""
        if self.lost or time.monotonic() < self._retry_at:
            return
        self._retry_at = time.monotonic() + RETRY
        busy = {task.path for task in crew.busy}

        def ask() -> None:
            for one in self._arrivals.known("waiting", via=("watch",)):
                if one.path in self.tally.refused and one.path not in busy and one.path not in self._notes:
                    self.tally.refused.discard(one.path)
                    self._settled.pop(one.path, None)
                    self._take_up(one.path)

        self._reach(ask)

    def _reach(self, ask: Callable[[], object]) -> bool:
        """Ask the database something; whether it was there."""
        try:
            ask()
        except SystemFault as error:
            self._lose(str(error))
            return False
        if self.lost:
            self.lost = ""
            self._say(Said("back", "the database is there again"))
        return True

    def _lose(self, reason: str) -> None:
        if not self.lost:
            self._say(Said("lost", reason))
        self.lost, self._back_at = reason, time.monotonic() + AWAY

    def _nothing_left(self, crew: Crew) -> bool:
        return (
            bool(self._rescan_at) and not self._settling and not self._notes and not crew.busy and self._changes.empty()
        )


def _akin(one: str, other: str) -> bool:
    """Whether one name begins like the other."""
    one, other = one.casefold(), other.casefold()
    return one.startswith(other) or other.startswith(one)
