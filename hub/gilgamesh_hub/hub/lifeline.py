"""Processes that end with the one that started them, however that one ended."""

from __future__ import annotations

import os
import signal
import threading
import time

EVERY = 0.3  # seconds


def follow_parent() -> None:
    """End this process, as politely as by ``kill``, soon after its parent is gone.

    A process that was killed tells nobody; but its children get another parent.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(EVERY)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()
