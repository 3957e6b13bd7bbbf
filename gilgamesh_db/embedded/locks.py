"""Locks between processes, and the patience to wait for them and for the server.

``flock``, because other locks do not hold between threads, and are not handed down to a child.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ..errors import ServerError

if sys.platform != "win32":
    import fcntl

LIMIT = 1800.0  # s; recovery after a crash replays up to max_wal_size

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for a lock and hold it."""
    with opened(path) as lock:
        for _ in patiently(path.parent, "waiting for another process that starts or stops the server"):
            if try_lock(lock):
                break
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)  # closing would not do: our forks have it too


def opened(path: Path) -> TextIO:
    """Open a file to lock; a child that inherits the descriptor inherits the lock."""
    path.touch(0o600)
    return path.open("r+", encoding="ascii")


def try_lock(lock: TextIO) -> bool:
    """Take the lock if it is free."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def patiently(home: Path, doing: str) -> Iterator[float]:
    """Give the seconds waited so far, in small steps; say so after a while, and give up a minute after `LIMIT`."""
    began = time.monotonic()
    next_message = 5.0
    while (waited := time.monotonic() - began) < LIMIT + 60:
        if waited > next_message:
            logger.warning("embedded PostgreSQL in %s: %s (%.0f s so far)", home, doing, waited)
            next_message *= 2
        yield waited
        time.sleep(0.01 if waited < 1 else 0.05)
    raise ServerError(
        f"The embedded server in {home} took more than {LIMIT / 60:.0f} minutes: {doing}. "
        f"Look at {home / 'log'}, then try again."
    )
