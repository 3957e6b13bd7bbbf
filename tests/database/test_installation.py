"""A database that is empty, current, older, newer or foreign is recognised, each with the command to type."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors, installation
from gilgamesh_db.database import open_engine


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]


def test_an_empty_database_is_named_and_can_be_created(empty_database_url: str) -> None:
    with pytest.raises(errors.DatabaseEmpty, match="gilgamesh db create"):
        gilgamesh.connect(empty_database_url)
    engine = open_engine(empty_database_url)
    installation.create(engine)
    installation.create(engine)  # once more changes nothing
    with gilgamesh.connect(empty_database_url) as db:
        assert db.shots().empty
    engine.dispose()


def test_somebody_elses_database_is_left_alone(empty_database_url: str) -> None:
    run(empty_database_url, "create table public.theirs (x int)")
    with pytest.raises(errors.DatabaseForeign, match=r"public\.theirs.*--beside"):
        gilgamesh.connect(empty_database_url)
    engine = open_engine(empty_database_url)
    with pytest.raises(errors.DatabaseForeign):
        installation.create(engine)
    installation.create(engine, beside=True)
    with gilgamesh.connect(empty_database_url) as db:
        assert db.sql("select count(*) as n from public.theirs").n[0] == 0
    engine.dispose()


def test_a_schema_of_our_name_that_is_not_ours_is_foreign(empty_database_url: str) -> None:
    run(empty_database_url, "create schema gilgamesh", "create table gilgamesh.poem (line text)")
    with pytest.raises(errors.DatabaseForeign, match=r"gilgamesh\.poem"):
        gilgamesh.connect(empty_database_url)


def test_a_newer_database_asks_for_newer_software(database_url: str) -> None:
    run(database_url, "update gilgamesh.alembic_version set version_num = '9999'")
    with pytest.raises(errors.SoftwareOutOfDate, match="pip install --upgrade"):
        gilgamesh.connect(database_url)


def test_an_older_database_asks_for_an_upgrade(database_url: str) -> None:
    run(database_url, "update gilgamesh.alembic_version set version_num = '0001'")
    with pytest.raises(errors.SchemaOutOfDate, match="gilgamesh db upgrade"):
        gilgamesh.connect(database_url)


def test_an_upgrade_lays_views_and_grants_anew_and_keeps_the_data(db: gilgamesh.Database) -> None:
    with db.edit("test") as edit:
        edit.add_component("testbed", "Testbed")
    with db.engine.begin() as connection:
        connection.exec_driver_sql("drop view gilgamesh.gaps")
    installation.upgrade(db.engine)
    assert db.sql("select count(*) as n from gilgamesh.gaps").n[0] == 0
    assert db.sql("select component from gilgamesh.components_at(now())").component.tolist() == ["testbed"]


def test_a_private_view_on_ours_stops_the_upgrade_with_its_name(db: gilgamesh.Database) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("create schema lab")
        connection.exec_driver_sql("create view lab.mine as select signal from gilgamesh.signals")
    with pytest.raises(errors.SchemaError, match=r"lab\.mine"):
        installation.upgrade(db.engine)
    assert db.sql("select * from lab.mine").empty  # nothing was changed


def test_two_installers_wait_for_each_other(empty_database_url: str) -> None:
    failures: list[BaseException] = []

    def install() -> None:
        engine = open_engine(empty_database_url)
        try:
            installation.create(engine)
        except BaseException as error:
            failures.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=install) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_server_that_is_not_there_shows_no_password() -> None:
    with pytest.raises(errors.ServerError) as caught:
        gilgamesh.connect("postgresql://someone:secret@127.0.0.1:1/nowhere")
    assert "secret" not in str(caught.value)
    assert "127.0.0.1:1" in str(caught.value)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "secret" not in str(chain)
        chain = chain.__cause__


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(errors.InvalidValue, match="postgresql://"):
        gilgamesh.connect("mysql://host/db")


def test_an_old_server_is_refused(server: Any) -> None:
    with server.database() as url:
        engine = open_engine(url)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(errors.ServerError, match="99 or newer"):
            patch.setattr(installation, "OLDEST_SERVER", 99)
            installation.create(engine)
        with engine.connect() as connection:
            assert installation.state(connection) is installation.State.EMPTY
        engine.dispose()


def test_the_embedded_server_is_created_on_demand(monkeypatch: pytest.MonkeyPatch, server18: Any) -> None:
    monkeypatch.delenv("GILGAMESH_DATABASE_URL", raising=False)
    monkeypatch.setenv("GILGAMESH_HOME", str(server18.embedded.home))
    with gilgamesh.connect() as db:
        assert sa.make_url(db.engine.url).database == "gilgamesh"
        assert db.sql("select 1 as one").one[0] == 1


def test_a_view_of_the_lab_in_our_schema_stops_the_upgrade(db: gilgamesh.Database) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("create view gilgamesh.lab_view as select 1 as one")
    with pytest.raises(errors.SchemaError, match=r"gilgamesh\.lab_view.*schema of your own"):
        installation.upgrade(db.engine)
    assert db.sql("select one from gilgamesh.lab_view").one[0] == 1


def test_a_grant_of_the_lab_survives_the_upgrade(db: gilgamesh.Database) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("do $$ begin create role analyst; exception when duplicate_object then null; end $$")
        connection.exec_driver_sql("grant select on gilgamesh.samples to analyst")
    installation.upgrade(db.engine)
    assert db.sql("select has_table_privilege('analyst', 'gilgamesh.samples', 'select') as may").may[0]
    assert not db.sql("select has_table_privilege('analyst', 'gilgamesh.wiring', 'select') as may").may[0]


def test_every_kind_of_grant_of_the_lab_survives_the_upgrade(db: gilgamesh.Database) -> None:
    with db.engine.begin() as connection:
        for role in ("analyst", "chief"):
            connection.exec_driver_sql(
                f"do $$ begin create role {role}; exception when duplicate_object then null; end $$"
            )
        connection.exec_driver_sql("grant select on gilgamesh.signals to public")
        connection.exec_driver_sql("grant select (shot, started_at) on gilgamesh.shots to analyst")
        connection.exec_driver_sql("grant select on gilgamesh.wiring to chief with grant option")
        connection.exec_driver_sql("grant execute on function gilgamesh.shot_time(bigint) to analyst")
    installation.upgrade(db.engine)
    for may, expected in [
        ("has_table_privilege('analyst', 'gilgamesh.signals', 'select')", True),
        ("has_column_privilege('analyst', 'gilgamesh.shots', 'started_at', 'select')", True),
        ("has_column_privilege('analyst', 'gilgamesh.shots', 'program', 'select')", False),
        ("has_table_privilege('chief', 'gilgamesh.wiring', 'select with grant option')", True),
        ("has_function_privilege('analyst', 'gilgamesh.shot_time(bigint)', 'execute')", True),
        (
            "has_function_privilege('analyst', 'gilgamesh.connect(text, text, text[], tstzrange, text)', 'execute')",
            False,
        ),
    ]:
        assert bool(db.sql(f"select {may} as may").may[0]) is expected, may


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("create materialized view lab.kept as select signal from gilgamesh.signals", r"lab\.kept"),
        (
            "create function lab.f() returns text language sql begin atomic select gilgamesh.known_at()::text; end",
            r"lab\.f",
        ),
        ("create function gilgamesh.mine() returns int language sql as 'select 1'", r"gilgamesh\.mine\(\)"),
    ],
)
def test_what_the_lab_built_on_our_views_stops_the_upgrade(db: gilgamesh.Database, statement: str, words: str) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("create schema lab")
        connection.exec_driver_sql(statement)
    with pytest.raises(errors.SchemaError, match=rf"nothing was changed: .*{words}"):
        installation.upgrade(db.engine)
    assert db.sql("select count(*) as n from gilgamesh.signals").n[0] == 0


def test_a_trigger_of_the_lab_stops_the_upgrade(db: gilgamesh.Database) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("create schema lab")
        connection.exec_driver_sql(
            "create function lab.note() returns trigger language plpgsql as $$ begin return null; end $$"
        )
        connection.exec_driver_sql(
            "create trigger lab_note after insert on gilgamesh.shot for each row execute function lab.note()"
        )
    with pytest.raises(errors.SchemaError, match="lab_note"):
        installation.upgrade(db.engine)


def test_what_the_lab_built_on_our_tables_survives(db: gilgamesh.Database) -> None:
    with db.engine.begin() as connection:
        for statement in (
            "create schema lab",
            "create view lab.numbers as select number, started_at from gilgamesh.shot",
            "create table lab.note (shot bigint references gilgamesh.shot, text text)",
            "create index lab_shot_idx on gilgamesh.shot (duration)",
            "create function lab.first() returns timestamptz language sql as 'select gilgamesh.shot_time(1)'",
            "insert into gilgamesh.shot (number, started_at) values (1, '2025-01-01')",
            "insert into lab.note values (1, 'kept')",
        ):
            connection.exec_driver_sql(statement)
    installation.upgrade(db.engine)
    assert db.sql(
        "select n.text, v.started_at = lab.first() as same from lab.numbers v join lab.note n on n.shot = v.number"
    ).iloc[0].tolist() == ["kept", True]
    assert db.sql("select to_regclass('gilgamesh.lab_shot_idx') is not null as there").there[0]
