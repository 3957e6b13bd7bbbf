"""The database the examples of the documentation run on: the demo's testbed with a few of its discharges."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import fasteners
import psycopg
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import installation
from gilgamesh_db.database import open_engine
from gilgamesh_loaders import simulator
from gilgamesh_loaders.commit import commit

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = "documented"
EXAMPLE = re.compile(r"^```(python|pycon|console|sh|sql)$", re.MULTILINE)
# The shots the pages speak of; one of them has a signal whose device was away.
SHOTS = (838, 1234, 1500, 1564, 1650, 1896)


def documents() -> list[Path]:
    """Every page of the documentation."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `document` runs on every page, one that asks for `examples` on those that have some."""
    for name, pages in {
        "document": documents(),
        "examples": [page for page in documents() if EXAMPLE.search(page.read_text("utf-8"))],
    }.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, pages, ids=[page.relative_to(ROOT).as_posix() for page in pages])


@pytest.fixture(scope="session")
def root() -> Path:
    """The project."""
    return ROOT


@pytest.fixture(scope="session")
def template(server18) -> str:
    """The testbed and its discharges, loaded once per run whichever worker comes first."""
    with (
        fasteners.InterProcessLock(Path(os.environ["GILGAMESH_TEST_RUN"]) / f"{TEMPLATE}.lock"),
        psycopg.connect(server18.url("postgres"), autocommit=True) as connection,
    ):
        if connection.execute("select 1 from pg_database where datname = %s", (TEMPLATE,)).fetchone():
            return TEMPLATE
        connection.execute("create database being_documented")
        engine = open_engine(server18.url("being_documented"))
        installation.create(engine)
        engine.dispose()
        with gilgamesh.connect(server18.url("being_documented")) as db:
            simulator.install_testbed(db)
            simulator.live(db)
            for shot in SHOTS:
                commit(db, simulator.simulate_shot(shot).plan)
        connection.execute(f"alter database being_documented rename to {TEMPLATE}")
    return TEMPLATE


@pytest.fixture
def documented_url(server18, template: str) -> Iterator[str]:
    """A copy of that database, to read and to edit."""
    with server18.database(template) as url:
        yield url
