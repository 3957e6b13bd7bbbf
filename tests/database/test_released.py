"""A database made by any released software is brought to today's tables with everything that is in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors, installation
from gilgamesh_db.check import check_samples
from gilgamesh_db.database import open_engine
from gilgamesh_db.testbed.snapshot import snapshot

RELEASED = Path(__file__).parent / "released"


def revisions() -> list[str]:
    """Every revision of the tables, the first one first."""
    script = ScriptDirectory(str(installation.folder("migrations")))
    return [revision.revision for revision in reversed(list(script.walk_revisions()))]


def move(connection: sa.Connection, target: str, *, down: bool = False) -> None:
    """Take the tables to a revision, with nothing but the revisions' own text."""
    config = Config()
    config.set_main_option("script_location", str(installation.folder("migrations")))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)

    def steps(at: Any, _context: Any) -> Any:
        return script._downgrade_revs(target, at) if down else script._upgrade_revs(target, at)

    with EnvironmentContext(config, script, fn=steps) as environment:
        environment.configure(connection=connection, version_table_schema="gilgamesh")
        environment.run_migrations()


def released(engine: sa.Engine, revision: str) -> None:
    """A database as the software of a revision left it, with the data of that time and before."""
    with engine.begin() as connection:
        connection.exec_driver_sql("create schema gilgamesh")
        for one in revisions():
            move(connection, one)
            data = RELEASED / f"{one}.sql"
            if data.exists():
                connection.exec_driver_sql(data.read_text("utf-8").replace("%", "%%"))
            if one == revision:
                return


@pytest.mark.parametrize("revision", revisions())
def test_a_released_database_is_upgraded_with_its_data(empty_database_url: str, revision: str) -> None:
    engine = open_engine(empty_database_url)
    released(engine, revision)
    if revision != installation.head():
        with pytest.raises(errors.SchemaOutOfDate, match="gilgamesh db upgrade"):
            gilgamesh.connect(empty_database_url)
    installation.upgrade(engine)
    engine.dispose()
    with gilgamesh.connect(empty_database_url) as db:
        assert_everything_is_there(db)
        with db.edit("life goes on", author="maria") as edit:
            edit.connect("Lang_I", "DAQ/ai1", chain=["shunt1"], since=900)
        assert db.signal("Lang_I", 838).port == "DAQ/ai1"
        installation.upgrade(db.engine)
        assert (
            db.sql("select port from gilgamesh.resolved_signal where shot = 900 and signal = 'Lang_I'").port[0]
            == "DAQ/ai1"
        )


def assert_everything_is_there(db: gilgamesh.Database) -> None:
    raw = np.array([0, 1000, 2000, -1000, 3000])
    for shot, port in ((838, "DAQ/ai1"), (900, "DAQ/ai2")):
        current = db.signal("Langmuir_I", shot)
        assert current.port == port
        np.testing.assert_allclose(current.values, raw * 0.001 * -0.0101, rtol=1e-13)
    assert db.signal("Lang_I", 900).time[0] == 0.5
    before = db.known_at("2025-02-28")
    np.testing.assert_allclose(before.signal("Lang_I", 838).values, raw * 0.001 * -0.01, rtol=1e-13)
    assert db.known_at("2025-02-05").signal("Lang_I", 838).port == "DAQ/ai1"
    assert len(db.sql("select 1 from gilgamesh.wiring where closed_by = 'roman'")) == 1
    shots = db.shots("Gas == 'Argon'")
    assert (shots.index.tolist(), shots.Pressure.tolist()) == ([838], [1e-4])
    assert db.known_at("2025-03-01 13:00").shots("Gas == 'Helium'").index.tolist() == [838]
    assert db.sql("select count(*) as n from gilgamesh.run_input").n[0] == 1
    assert [damage for damage in check_samples(db) if damage] == []
    with db.transaction() as connection:
        known = snapshot(connection)
    assert set(known.components) == {"testbed", "DAQ", "shunt1"}
    assert known.signals["Lang_I"].aliases == ("Langmuir_I",)
    there = db.sql("select to_regclass('gilgamesh.of_that_time') is null as gone")
    assert there.gone[0]
    assert db.sql("select count(*) as n from pg_proc where proname = 'of_that_time'").n[0] == 0


def test_every_revision_goes_back_and_forth(server: Any, tables_of: Callable[[Any, str], list[str]]) -> None:
    with server.database() as url:
        engine = open_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("create schema gilgamesh")
            move(connection, "head")
        there = tables_of(server, url)
        with engine.begin() as connection:
            move(connection, "0001", down=True)
        assert tables_of(server, url) != there
        with engine.begin() as connection:
            move(connection, "head")
        assert tables_of(server, url) == there
        engine.dispose()


@pytest.fixture
def tables_of() -> Callable[[Any, str], list[str]]:
    from database.test_schema_agreement import dump

    return dump
