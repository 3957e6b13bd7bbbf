"""Files, managers and whole Jupyters that several tests of the hub make."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN = "for-the-test"  # noqa: S105


def text(content: str) -> dict[str, Any]:
    """What a browser sends to save a text."""
    return {"type": "file", "format": "text", "content": content}


def manager_of(url: str, folder: Path, **settings: Any) -> Any:
    """A contents manager as a server configures it, whose signatures are kept in a folder."""
    from nbformat.sign import NotebookNotary

    from gilgamesh_hub.contents.manager import GilgameshContentsManager

    made = GilgameshContentsManager(db_url=url, **settings)
    made.notary = NotebookNotary(parent=made, data_dir=str(folder))
    return made


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    code: int
    body: bytes
    headers: Any

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Jupyter:
    """A Jupyter that ``gilgamesh notebook`` started."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    folder: Path

    def __call__(self, method: str, where: str, body: Any = None, **query: Any) -> Answer:
        """Ask for a path below the server's root."""
        address = f"{self.url}/{urllib.parse.quote(where)}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data, {"Authorization": f"token {TOKEN}"}, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return Answer(answer.status, answer.read(), answer.headers)
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read(), error.headers)

    def contents(self, method: str, path: str, body: Any = None, **query: Any) -> Answer:
        """Ask for a file or folder."""
        return self(method, f"api/contents/{path}", body, **query)


def free_port() -> int:
    """A port nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def jupyter(url: str, folder: Path, *options: str, **environment: str) -> Iterator[Jupyter]:
    """``gilgamesh notebook`` on a database, with settings of its own, until the test is done."""
    port = free_port()
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("GILGAMESH", "JUPYTER", "PG"))
    }
    variables |= {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    variables |= {"GILGAMESH_DATABASE_URL": url, "JUPYTER_TOKEN": TOKEN, "HOME": str(folder), **environment}
    if threads := os.environ.get("OPENBLAS_NUM_THREADS"):
        variables["OPENBLAS_NUM_THREADS"] = threads
    command = [
        sys.executable,
        "-m",
        "gilgamesh_db",
        "notebook",
        "--no-browser",
        "--allow-root",
        "--port",
        str(port),
        *options,
    ]
    log = folder / "jupyter.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT)
    server = Jupyter(f"http://127.0.0.1:{port}", process, log, folder)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                if server("GET", "api/status").code == 200:
                    break
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        else:
            raise AssertionError(log.read_text())
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
