"""Real PostgreSQL for every test that needs one: the embedded server, and the system's where there is one.

The servers are started once per test run and shared by all workers; each test gets a database of its own,
cloned from a template.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import fasteners
import psycopg
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import installation
from gilgamesh_db.database import open_engine
from gilgamesh_db.embedded import EmbeddedServer

RUN_FOLDER = "GILGAMESH_TEST_RUN"
DATA = "GILGAMESH_TEST_DATA"
# Set where nothing may be left out.
EVERYTHING = "GILGAMESH_TEST_EVERYTHING"


def system_servers() -> dict[str, Path]:
    """PostgreSQL installations of the system, by version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return {f"pg{path.parent.name}": path for path in found if int(path.parent.name) >= installation.OLDEST_SERVER}


SERVERS: dict[str, Path | None] = {"pg18": None, **{k: v for k, v in system_servers().items() if k != "pg18"}}


def hub_lacks() -> list[str]:
    """What the tests of notebooks kept in PostgreSQL and of JupyterHub need and this machine has not."""
    lacking = [name for name in ("psycopg2", "pgcontents", "jupyterhub") if importlib.util.find_spec(name) is None]
    return [f"{', '.join(lacking)} (pip install -e '.[hub]'; Debian: apt install gcc libpq-dev)"] if lacking else []


def browser_lacks() -> list[str]:
    """What the tests in a browser need besides."""
    lacking = hub_lacks()
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        lacking.append("Chromium (Debian: apt install chromium)")
    if not shutil.which("npm"):
        lacking.append("npm (Debian: apt install nodejs npm)")
    return lacking


LEFT_OUT = {folder: lacking for folder, lacking in {"hub": hub_lacks(), "browser": browser_lacks()}.items() if lacking}
collect_ignore_glob = [f"{folder}/*" for folder in LEFT_OUT]


def pytest_configure(config: pytest.Config) -> None:
    if LEFT_OUT and os.environ.get(EVERYTHING):
        raise pytest.UsageError(f"{EVERYTHING} is set and this is missing: {LEFT_OUT}")
    if not hasattr(config, "workerinput"):
        # Workers are children: they find the run's folder in the environment. The server's own account must
        # be able to walk through it.
        folder = Path(tempfile.mkdtemp(prefix="gg-tests-"))
        folder.chmod(0o711)
        os.environ[RUN_FOLDER] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and RUN_FOLDER in os.environ:
        folder = Path(os.environ.pop(RUN_FOLDER))
        for home in folder.glob("pg*"):
            with contextlib.suppress(Exception):
                EmbeddedServer(home, bin_path=SERVERS.get(home.name)).stop()
        shutil.rmtree(folder, ignore_errors=True)


def pytest_report_header() -> list[str]:
    left_out = [] if len(SERVERS) > 1 else ["left out: tests on a system PostgreSQL (none of 15 or newer is installed)"]
    if not os.environ.get(DATA):
        left_out.append(f"left out: real recordings (set {DATA} to the folder that holds them)")
    left_out.extend(f"left out: tests/{folder} (missing: {'; '.join(lacking)})" for folder, lacking in LEFT_OUT.items())
    return [f"PostgreSQL: {', '.join(SERVERS)}", *left_out]


class Server:
    """A running PostgreSQL of one version, with a template database."""

    def __init__(self, name: str) -> None:
        self.name = name
        folder = Path(os.environ[RUN_FOLDER])
        self.embedded = EmbeddedServer(folder / name, bin_path=SERVERS[name])
        with fasteners.InterProcessLock(folder / f"{name}.lock"):
            self.embedded.ensure_running()

    def url(self, database: str) -> str:
        return self.embedded.url(database)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def template(self) -> str:
        """A database with Gilgamesh installed, made once."""
        with fasteners.InterProcessLock(Path(os.environ[RUN_FOLDER]) / f"{self.name}.lock"):
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                if connection.execute("select 1 from pg_database where datname = 'template'").fetchone():
                    return "template"
                connection.execute("create database unfinished")
            engine = open_engine(self.url("unfinished"))
            installation.create(engine)
            engine.dispose()
            self.execute("alter database unfinished rename to template")
        return "template"

    @contextlib.contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """A database of one's own, dropped afterwards; yields its URL."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f"create database {name}" + (f" template {template}" if template else ""))
        try:
            yield self.url(name)
        finally:
            self.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session", params=list(SERVERS))
def server(request: pytest.FixtureRequest) -> Server:
    """Each PostgreSQL there is."""
    return Server(request.param)


@pytest.fixture(scope="session")
def server18() -> Server:
    """The embedded PostgreSQL, for tests that need not run on every version."""
    return Server("pg18")


@pytest.fixture
def empty_database_url(server: Server) -> Iterator[str]:
    """An empty database on each server."""
    with server.database() as url:
        yield url


@pytest.fixture
def database_url(server: Server) -> Iterator[str]:
    """A database with Gilgamesh installed and nothing in it, on each server."""
    with server.database(server.template()) as url:
        yield url


@pytest.fixture
def db(database_url: str) -> Iterator[gilgamesh.Database]:
    """The same, connected."""
    with gilgamesh.connect(database_url) as database:
        yield database


@pytest.fixture
def db18(server18: Server) -> Iterator[gilgamesh.Database]:
    """A connected database on the embedded server only."""
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as database:
        yield database


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real recordings."""
    folder = os.environ.get(DATA)
    if not folder:
        pytest.skip(f"set {DATA} to the folder of real recordings")
    return Path(folder)
