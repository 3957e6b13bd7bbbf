"""Whether the writer of a file has finished.

On Linux the kernel knows whether any process of this computer has a file open for writing: a read lease is refused then.
On Windows a file can be opened so that nobody else may be writing. Elsewhere, and on network drives, nobody can tell;
then size and time must have stayed the same for longer.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from gilgamesh_loaders.arrivals import Stamp, stamp_of

QUIET = 0.3  # s without a change, when the system says that nobody has the file open
QUIET_UNKNOWN = 2.0  # s, when it cannot tell
LOOK = 0.1  # s between two looks at a file that is being written
SELDOM = 5.0  # s, at most


def writer_has_gone(path: Path) -> bool | None:
    """Whether no process has the file open for writing; None where nobody can tell."""
    if sys.platform == "linux":
        return _no_writer_on_linux(path)
    if sys.platform == "win32":
        return _no_writer_on_windows(path)
    return None


@dataclass
class Settling:
    """A file that has come, or changed, and is watched until it rests.

    Attributes
    ----------
    path : Path
    quiet : float or None
        Seconds without a change; what the system allows, when None.
    look_at : float
        When to look next, by the monotonic clock.
    """

    path: Path
    quiet: float | None = None
    look_at: float = 0.0
    stamp: Stamp | None = None
    since: float = field(default_factory=time.monotonic)
    refusals: int = 0

    def look(self, now: float) -> bool:
        """Look at the file; whether it rests and nobody has it open for writing.

        Raises
        ------
        OSError
            It is not there any more, or cannot be looked at.
        """
        found, gone = stamp_of(self.path), writer_has_gone(self.path)
        self.look_at = now + LOOK
        if found != self.stamp:
            # What came long ago rests already: its own time says since when. Where nobody can tell whether it is being
            # written, that time may be of another clock, so only what we saw counts.
            resting = max(0.0, time.time() - found.modified / 1e6) if gone and self.stamp is None else 0.0
            self.stamp, self.since, self.refusals = found, now - resting, 0
        needed = self.quiet if self.quiet is not None else QUIET if gone else QUIET_UNKNOWN
        return found.size > 0 and gone is not False and now - self.since >= needed

    def refused(self, now: float) -> float:
        """It could not be read: look again later and later. Seconds since its last change."""
        self.refusals += 1
        self.look_at = now + min(SELDOM, LOOK * 2**self.refusals)
        return now - self.since


def _no_writer_on_linux(path: Path) -> bool | None:
    if sys.platform != "linux":  # for the type checker
        return None
    import errno
    import fcntl
    import os
    import signal

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        # Whoever opens the file in this instant makes the kernel tell us so: by a signal that does no harm.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return False if error.errno == errno.EAGAIN else None
    else:
        return True
    finally:
        os.close(descriptor)


def _no_writer_on_windows(path: Path) -> bool | None:
    if sys.platform != "win32":  # for the type checker
        return None
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.CreateFileW.restype = wintypes.HANDLE
    read, others_may_read, there_already, sharing_violation = 0x80000000, 0x1, 3, 32
    handle = kernel.CreateFileW(str(path), read, others_may_read, None, there_already, 0, None)
    if handle == wintypes.HANDLE(-1).value:
        return False if ctypes.get_last_error() == sharing_violation else None
    kernel.CloseHandle(wintypes.HANDLE(handle))
    return True
