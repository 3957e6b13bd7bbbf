"""A Jupyter on a plain folder, with the extension for citations, as a subprocess."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from gilgamesh_hub.citations import SERVER_EXTENSION
from gilgamesh_hub.personal import LABEXTENSIONS

TOKEN = "secret-of-the-test"  # noqa: S105


@dataclass
class Folder:
    """A running Jupyter: where it is, and the folder it shows."""

    url: str
    folder: Path
    log: Path

    def get(self, path: str, *, token: str = TOKEN) -> tuple[int, bytes, Message]:
        """Status, body and headers of an answer."""
        request = urllib.request.Request(f"{self.url}/{path}", headers={"Authorization": f"token {token}"})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers


@contextlib.contextmanager
def jupyter_on(folder: Path, database: str | None, application: str = "jupyter_server") -> Iterator[Folder]:
    """Jupyter's module `application` until the test is done; the database is its ``GILGAMESH_DATABASE_URL``."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    config = {
        "ServerApp": {"jpserver_extensions": {SERVER_EXTENSION: True}, "port_retries": 0},
        "LabApp": {"extra_labextensions_path": [str(LABEXTENSIONS)], "news_url": None},
        "JupyterNotebookApp": {"extra_labextensions_path": [str(LABEXTENSIONS)]},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "work").mkdir()
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("GILGAMESH", "JUPYTER", "PG"))
    }
    variables |= {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    variables |= {"JUPYTER_TOKEN": TOKEN, "HOME": str(folder), "GILGAMESH_HOME": str(folder / "no-database")}
    if database is not None:
        variables["GILGAMESH_DATABASE_URL"] = database
    command = [sys.executable, "-m", application, "--no-browser", "--allow-root", f"--port={port}"]
    command += [f"--config={folder / 'config.json'}", f"--ServerApp.root_dir={folder / 'work'}"]
    log = folder / "jupyter.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT)
    running = Folder(f"http://127.0.0.1:{port}", folder / "work", log)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError):
                if running.get("api/status")[0] == 200:
                    break
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        else:
            raise AssertionError(log.read_text())
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
