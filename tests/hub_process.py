"""A whole hub, as ``gilgamesh hub`` starts it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from hub_files import free_port


@dataclass(frozen=True)
class RunningHub:
    """The command, and what it printed."""

    address: str
    port: int
    process: subprocess.Popen[bytes]
    said: Path
    home: Path

    @property
    def invitation(self) -> str:
        """The link for the first admin."""
        found = re.search(r"http\S+/invitation/\S+", self.said.read_text())
        assert found, self.said.read_text()
        return found[0]

    def child(self, *words: str) -> psutil.Process:
        """A process below it that has these words in its command line."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if all(word in " ".join(process.cmdline()) for word in words) and process.status() != "zombie":
                    return process
        raise AssertionError(f"no {words} among {psutil.Process(self.process.pid).children(recursive=True)}")


def block_of_ports() -> int:
    """A port which is free with the three after it."""
    for _ in range(50):
        port = free_port()
        if port < 65_000 and all(free(port + more) for more in range(4)):
            return port
    raise AssertionError("no four ports are free")


def free(port: int) -> bool:
    """Whether nobody listens there."""
    import socket

    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0


def until(what: object, true: object, seconds: float = 30.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


@contextlib.contextmanager
def hub(url: str, folder: Path, *options: str) -> Iterator[RunningHub]:
    """``gilgamesh hub`` on a database, until the test is done."""
    port = block_of_ports()
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("GILGAMESH", "JUPYTER", "PG"))}
    variables |= {"GILGAMESH_DATABASE_URL": url, "GILGAMESH_HOME": str(folder), "HOME": str(folder)}
    said = folder / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gilgamesh_db", "hub", "--port", str(port), *options],
            env=variables, cwd=folder, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    running = RunningHub(f"http://127.0.0.1:{port}/", port, process, said, folder)
    try:
        until(said, lambda: "ready: " in said.read_text() or process.poll() is not None, 120)
        assert process.poll() is None, said.read_text()
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
                with contextlib.suppress(psutil.Error):
                    one.kill()
            process.wait()
