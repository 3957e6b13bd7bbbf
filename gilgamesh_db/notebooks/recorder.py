"""In the kernel: a note of what each cell reads, put out beside its results."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

from .. import noting
from ..errors import GilgameshError
from .reads import MEDIA_TYPE, Read, born, knowledge, note

if TYPE_CHECKING:
    from ..database import Database
    from ..reading import Reader

SWITCH = "GILGAMESH_NOTE_READS"
_OFF = ("0", "off", "no", "false")


class Recorder:
    """Collects what is read while a cell runs, and puts it out as a note when the cell ends.

    Parameters
    ----------
    shell : IPython's InteractiveShell
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._lock = threading.Lock()
        self._born: weakref.WeakKeyDictionary[Reader, str] = weakref.WeakKeyDictionary()
        self._here: dict[str, set[Read]] = {}
        self._asked: set[tuple[int, str, int, str]] = set()
        self.on = False

    def start(self) -> None:
        """Begin to note."""
        if not self.on:
            self._shell.events.register("post_run_cell", self.put_out)
            self.on = True
        noting.listen(self.hear)

    def stop(self) -> None:
        """Note no longer."""
        if self.on:
            self._shell.events.unregister("post_run_cell", self.put_out)
            self.on = False
        noting.listen(None)
        self._here.clear()
        self._asked.clear()

    def hear(self, db: Database, read: list[tuple[str, int]]) -> None:
        """These are being read. What was read before in this cell, with the same knowledge asked for, asks nothing more."""
        asked_for = "" if db.knowledge is None else db.knowledge.isoformat()
        with self._lock:
            fresh = {(id(db.reader), name, shot, asked_for) for name, shot in read} - self._asked
        if not fresh:
            return
        try:
            with noting.unnoted():
                if db.reader not in self._born:
                    self._born[db.reader] = born(db)
                known_at = knowledge(db)
        except GilgameshError:  # it cannot be noted; the read itself will say why
            return
        if known_at is None:
            return
        with self._lock:
            self._asked |= fresh
            self._here.setdefault(self._born[db.reader], set()).update(
                Read(name, shot, known_at, pinned=db.knowledge is not None) for _, name, shot, _ in fresh
            )

    def put_out(self, *_: Any) -> None:
        """Put the note of the cell beside its results."""
        with self._lock:
            here, self._here = self._here, {}
            self._asked.clear()
        if here:
            from IPython.display import display

            for database, reads in here.items():
                display({MEDIA_TYPE: note(database, reads)}, raw=True)

    @property
    def noted(self) -> list[Read]:
        """What the cell that is running has read so far."""
        with self._lock:
            return sorted(read for reads in self._here.values() for read in reads)


_of_this_kernel: Recorder | None = None


def note_reads(*, whatever: bool = False) -> Recorder | None:
    """Let the cells of this kernel note what they read, unless ``GILGAMESH_NOTE_READS`` says off or it was stopped.

    Parameters
    ----------
    whatever : bool
        Also where it was switched off.

    Returns
    -------
    Recorder or None
        None where there is no notebook, or it was switched off.
    """
    global _of_this_kernel  # noqa: PLW0603 - a process is one kernel
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or getattr(shell, "kernel", None) is None:
        return None
    if _of_this_kernel is None:
        _of_this_kernel = Recorder(shell)
        if not switched_off():
            _of_this_kernel.start()
    if whatever:
        _of_this_kernel.start()
    return _of_this_kernel


def switched_off() -> bool:
    """Whether the environment says that nothing is to be noted."""
    return os.environ.get(SWITCH, "").strip().lower() in _OFF
