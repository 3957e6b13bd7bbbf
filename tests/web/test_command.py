"""``gilgamesh web`` as it is typed: it says where it is, lets the first admin in, and ends when told to."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_hub import npm

from .conftest import PASSWORD, Visitor


@pytest.fixture
def start(server18: Any, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start it on a database of its own; what comes from npm is there already."""
    made = hashlib.sha256(npm.DECLARED.read_bytes()).hexdigest()[:12]
    (tmp_path / f"node-{made}" / "node_modules").mkdir(parents=True)
    started: list[subprocess.Popen[str]] = []
    with server18.database(server18.template()) as url:

        def run(*options: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "gilgamesh_db", "--url", url, "web", *options],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env={**os.environ, "GILGAMESH_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
            started.append(process)
            return process

        run.url = url  # type: ignore[attr-defined]
        yield run
        for process in started:
            if process.poll() is None:
                process.kill()
            process.communicate()


def test_the_first_start_lets_an_admin_in_and_it_ends_when_told(start: Any, server18: Any) -> None:
    name = f"boss_{uuid.uuid4().hex[:6]}"
    with gilgamesh.connect(start.url) as db:  # a name of this test's own: roles belong to the server
        db.persons.create(name, "admin")
        db.persons.accept(db.persons.invite(name).secret, PASSWORD)
    process = start("--port", "0", "--prefix", "/lab")
    address = re.fullmatch(r"ready: (http://127\.0\.0\.1:\d+/lab)/\n", process.stdout.readline())
    assert address
    visitor = Visitor(address[1])
    assert visitor.get("/health").json == {"status": "ready"}
    visitor.log_in(name)
    with visitor.events("/api/follow") as events:  # a screen that listens keeps nobody from stopping
        assert next(events)[0] == "beat"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - began < 5
    assert process.stderr.read() == ""
    server18.execute(f"drop role {name}")


def test_a_port_in_use_is_said(start: Any) -> None:
    with gilgamesh.connect(start.url) as db:
        db.persons.create(name := f"boss_{uuid.uuid4().hex[:6]}", "admin")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start("--port", str(port))
        assert process.wait(30) == 1
        assert f"cannot listen on 127.0.0.1:{port}" in process.stderr.read()
    with gilgamesh.connect(start.url) as db:
        db.sql(f"drop role {name}")


def test_an_admin_is_invited_where_there_is_none(start: Any, server18: Any) -> None:
    with gilgamesh.connect(start.url) as db:
        there = db.sql("select 1 from pg_roles where rolname = 'admin'")
        assert there.empty
    process = start("--port", "0")
    assert process.stdout.readline().startswith("ready: ")
    said = process.stdout.readline() + process.stdout.readline()
    try:
        link = re.search(r"(http://127\.0\.0\.1:\d+)(/invitation/\S+)", said)
        assert link
        visitor = Visitor(link[1])
        assert visitor.post(link[2], password=PASSWORD, again=PASSWORD).status == 303
        assert visitor.get("/persons").status == 200
    finally:
        process.terminate()
        process.wait(10)
        server18.execute("drop role admin")
