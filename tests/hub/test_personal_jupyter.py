"""``gilgamesh notebook``, through HTTP: browser's requests, the server, the database, and back."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from nbformat import v4

from gilgamesh_db import errors
from gilgamesh_db.cli import gilgamesh
from gilgamesh_hub import personal
from gilgamesh_hub.secret import hide_password
from hub_files import Jupyter, jupyter, text

SECRET = "tell:no\\body"  # noqa: S105


@pytest.fixture(scope="module")
def server(server18: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A person's Jupyter, whose URL holds a password."""
    with server18.database(server18.template()) as url:
        server18.execute(
            "do $$ begin create role jupyter_anna login in role gilgamesh_reader; "
            "exception when duplicate_object then null; end $$"
        )
        secret = sa.make_url(url).set(username="jupyter_anna", password=SECRET).render_as_string(False)
        with jupyter(secret, tmp_path_factory.mktemp("anna")) as running:
            yield running


def test_it_says_where_notebooks_are_saved(server: Jupyter) -> None:
    said = server.log.read_text()
    assert said.startswith("notebooks are saved to postgresql+psycopg://jupyter_anna:***@")
    assert "as jupyter_anna; stop with Ctrl-C" in said
    assert "Notebooks are saved to the database test_" in said


def test_codes_and_models(server: Jupyter) -> None:
    assert server.contents("PUT", "d", {"type": "directory"}).code == 201
    made = server.contents("PUT", "d/å #1?.txt", text("α"))
    assert (made.code, made.json["name"]) == (201, "å #1?.txt")
    assert server.contents("PUT", "d/å #1?.txt", text("β")).code == 200
    got = server.contents("GET", "d/å #1?.txt", hash=1).json
    assert (got["content"], got["hash"]) == ("β", hashlib.sha256("β".encode()).hexdigest())
    assert got["last_modified"].endswith("Z")
    assert server("GET", "files/d/å #1?.txt").body.decode() == "β"
    assert [entry["name"] for entry in server.contents("GET", "d").json["content"]] == ["å #1?.txt"]
    assert server.contents("PATCH", "d/å #1?.txt", {"path": "d/g.txt"}).json["path"] == "d/g.txt"
    assert server.contents("POST", "d", {"copy_from": "d/g.txt"}).json["path"] == "d/g-Copy1.txt"
    assert server.contents("POST", "d", {"type": "notebook"}).json["path"] == "d/Untitled.ipynb"
    for code, method, path, body in (
        (404, "GET", "none", None), (404, "GET", "../../etc/passwd", None), (404, "GET", ".hidden", None),
        (409, "PATCH", "d/g.txt", {"path": "d/g-Copy1.txt"}), (404, "PATCH", "d/none", {"path": "d/x"}),
        (404, "PUT", "none/g.txt", text("x")), (400, "PUT", "d/b", {"type": "file", "format": "base64", "content": "a"}),
        (400, "PUT", "d", text("x")), (400, "POST", "d/g.txt", {"type": "file"}), (404, "DELETE", "none", None),
        (409, "PUT", "d/p", {**text("x"), "chunk": 7}),
    ):  # fmt: skip
        answer = server.contents(method, path, body)
        assert answer.code == code, (path, answer.body)
        if code == 409:
            assert answer.json["message"]
    checkpoint = server.contents("POST", "d/g.txt/checkpoints")
    assert checkpoint.code == 201
    server.contents("PUT", "d/g.txt", text("γ"))
    assert server.contents("POST", f"d/g.txt/checkpoints/{checkpoint.json['id']}").code == 204
    assert server.contents("GET", "d/g.txt").json["content"] == "β"
    assert server.contents("DELETE", f"d/g.txt/checkpoints/{checkpoint.json['id']}").code == 204
    assert server.contents("POST", "d/Untitled.ipynb/trust").code == 201
    assert server.contents("PATCH", "d", {"path": "e"}).code == 200
    assert server.contents("DELETE", "e").code == 204
    assert server("GET", "api/resolvePath", path="e").json["resolved"] == []


def test_a_file_at_the_limit_goes_through_the_whole_chain(server: Jupyter) -> None:
    """100 MB, in pieces; one byte more is refused."""
    content = os.urandom(1_000_000) * 100
    piece = 16_000_001

    def send(data: bytes) -> Any:
        answer = None
        for number, start in enumerate(range(0, len(data), piece), 1):
            chunk = -1 if start + piece >= len(data) else number
            answer = server.contents("PUT", "large.bin", {
                "type": "file", "format": "base64", "chunk": chunk,
                "content": base64.b64encode(data[start : start + piece]).decode(),
            })  # fmt: skip
        return answer

    refused = server.contents("PUT", "large.txt", text("x" * 100_000_001))
    assert refused.code == 413
    assert "100.0 MB" in refused.json["message"]
    assert server.contents("GET", "large.txt").code == 404
    whole = send(content)
    assert (whole.code, whole.json["size"]) == (201, 100_000_000)
    assert server.contents("GET", "large.bin", content=0, hash=1).json["hash"] == hashlib.sha256(content).hexdigest()
    assert server("GET", "files/large.bin").body == content
    server.contents("DELETE", "large.bin")


def test_a_notebook_of_50_mb(server: Jupyter) -> None:
    picture = base64.b64encode(os.urandom(1_500_000)).decode()
    cells = [
        v4.new_code_cell("plot()", outputs=[v4.new_output("display_data", {"image/png": picture})]) for _ in range(25)
    ]
    notebook = v4.new_notebook(cells=cells)
    saved = server.contents("PUT", "large.ipynb", {"type": "notebook", "content": notebook})
    assert saved.code == 201
    assert 50e6 < saved.json["size"] < 51e6
    assert (
        server.contents("GET", "large.ipynb").json["content"]["cells"][24]["outputs"][0]["data"]["image/png"] == picture
    )
    server.contents("DELETE", "large.ipynb")


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")
def test_the_password_is_nowhere(server: Jupyter) -> None:
    kernel = server("POST", "api/kernels", {}).json
    processes = [psutil.Process(server.process.pid)]
    for _ in range(100):
        processes[1:] = processes[0].children(recursive=True)
        if len(processes) > 1 and processes[1].environ().get("PGPASSFILE"):
            break
        time.sleep(0.1)
    environment = processes[1].environ()
    for process in processes[1:]:
        assert "tell" not in str(process.environ())
    for process in processes:
        assert "tell" not in str(process.cmdline())
    assert "tell" not in server.log.read_text()
    assert environment["GILGAMESH_DATABASE_URL"].startswith("postgresql://jupyter_anna@/")
    kept = Path(environment["PGPASSFILE"])
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text().strip().endswith(":jupyter_anna:tell\\:no\\\\body")
    assert server("DELETE", f"api/kernels/{kernel['id']}").code == 204


def test_secrets_are_found_wherever_a_url_has_them(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("other:*:*:anna:mine\n")
    for url, expected, line in (
        ("postgresql://anna:pw@h1/db", "postgresql://anna@h1/db", "h1:*:db:anna:pw"),
        ("postgresql://anna@h1:5433/db?password=pw", "postgresql://anna@h1:5433/db", "h1:5433:db:anna:pw"),
        ("postgresql://anna:p%3Aw@/db?host=h1,h2", "postgresql://anna@/db?host=h1%2Ch2", "h1:*:db:anna:p\\:w\nh2:*:db:anna:p\\:w"),
    ):  # fmt: skip
        environment = {"PGPASSFILE": str(own)}
        assert hide_password(url, tmp_path, environment) == expected
        assert Path(environment["PGPASSFILE"]).read_text() == f"{line}\nother:*:*:anna:mine\n"
        assert environment["GILGAMESH_DATABASE_URL"] == expected
    environment = {"PGPASSWORD": "pw"}
    assert hide_password("postgresql://anna@h1/db", tmp_path, environment) == "postgresql://anna@h1/db"
    assert "PGPASSWORD" not in environment
    assert "h1:*:db:anna:pw" in Path(environment["PGPASSFILE"]).read_text()
    environment = {}
    hide_password("postgresql://anna@h1/db", tmp_path, environment)
    assert set(environment) == {"GILGAMESH_DATABASE_URL"}


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal, "find_spec", lambda name: None if name == "psycopg2" else object())
    answer = CliRunner().invoke(gilgamesh, ["notebook"])
    assert isinstance(answer.exception, errors.MissingExtra)
    for word in ("psycopg2", "pg_config", "libpq-dev", "gilgamesh-db[hub]"):
        assert word in str(answer.exception)


def test_the_configuration_names_the_person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GILGAMESH_DATABASE_URL", "PGPASSFILE"):
        monkeypatch.setenv(name, "")
    made = personal.configuration("postgresql://svc:pw@db.lab/testbed", "anna", folder=tmp_path)
    assert made.GilgameshContentsManager == {"db_url": "postgresql://svc@db.lab/testbed", "user_id": "anna"}
    assert made.ServerApp.contents_manager_class == personal.MANAGER
    assert os.environ["GILGAMESH_DATABASE_URL"] == "postgresql://svc@db.lab/testbed"
    assert "pw" not in str(made)
