"""With a role of one's own, nobody reads another's notebooks with SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors, installation
from gilgamesh_db.database import open_engine
from hub_files import manager_of, text

TABLES = ("users", "directories", "files", "remote_checkpoints", "uploads")


@pytest.fixture
def people(server: Any, database_url: str, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Anna and Boris, each with a role and a contents manager; the tables belong to an owner who is no superuser."""
    urls = {}
    for name in ("anna", "boris"):
        server.execute(
            f"do $$ begin create role contents_{name} login in role gilgamesh_reader; "
            "exception when duplicate_object then null; end $$"
        )
        urls[name] = sa.make_url(database_url).set(username=f"contents_{name}").render_as_string(False)
    managers = {name: manager_of(url, tmp_path) for name, url in urls.items()}
    for name, manager in managers.items():
        manager.save({"type": "directory"}, "private")
        manager.save(text(f"secret of {name}"), "private/f.txt")
        manager.create_checkpoint("private/f.txt")
        manager.save({**text("piece"), "chunk": 1}, "private/large")
    yield {name: (urls[name], managers[name]) for name in urls}
    for manager in managers.values():
        manager.engine.dispose()


def test_the_manager_takes_the_name_of_the_role(people: Any) -> None:
    for name, (_, manager) in people.items():
        assert manager.user_id == f"contents_{name}"
        assert manager.get("private/f.txt")["content"] == f"secret of {name}"
        assert f"as contents_{name}" in manager.info_string()


def test_sql_shows_one_s_own_only(people: Any) -> None:
    for name, (url, _) in people.items():
        with psycopg.connect(url) as connection:
            for table in TABLES:
                key = "id" if table == "users" else "user_id"
                seen = connection.execute(f"select distinct {key} from pgcontents.{table}").fetchall()  # type: ignore[arg-type]
                assert seen == [(f"contents_{name}",)], table


@pytest.mark.parametrize(
    "statement",
    [
        "insert into pgcontents.users values ('carla')",
        "insert into pgcontents.directories (user_id, name, parent_user_id, parent_name) values ('contents_boris', '/x/', 'contents_boris', '/')",
        "insert into pgcontents.files (user_id, parent_name, name, content) values ('contents_boris', '/', 'x', '')",
        "insert into pgcontents.remote_checkpoints (user_id, path, content) values ('contents_boris', '/x', '')",
        "insert into pgcontents.uploads (user_id, path, position, content, rest) values ('contents_boris', '/x', 1, '', '')",
        "update pgcontents.files set user_id = 'contents_boris'",
        "alter table pgcontents.files disable row level security",
        "drop policy one_s_own on pgcontents.files",
        "truncate pgcontents.files",
        "create table pgcontents.mine (x int)",
        "set role contents_boris",
    ],
)
def test_nobody_writes_as_somebody_else(people: Any, statement: str) -> None:
    with psycopg.connect(people["anna"][0]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)  # type: ignore[call-overload]


def test_what_is_another_s_is_not_there(people: Any, refused: Any) -> None:
    with psycopg.connect(people["anna"][0]) as connection:
        for statement in (
            "update pgcontents.files set content = '' where user_id = 'contents_boris'",
            "delete from pgcontents.files where user_id <> current_user",
            "delete from pgcontents.remote_checkpoints where user_id <> current_user",
        ):
            assert connection.execute(statement).rowcount == 0  # type: ignore[call-overload]
    assert people["boris"][1].get("private/f.txt")["content"] == "secret of boris"


def test_a_manager_for_somebody_else_is_refused(people: Any, refused: Any, tmp_path: Path) -> None:
    with refused(403, "does not let you"):
        manager_of(people["anna"][0], tmp_path, user_id="contents_boris")


def test_a_role_without_rights_is_told(server: Any, database_url: str, refused: Any, tmp_path: Path) -> None:
    server.execute("do $$ begin create role contents_nobody login; exception when duplicate_object then null; end $$")
    url = sa.make_url(database_url).set(username="contents_nobody").render_as_string(False)
    with refused(403, "permission denied"):
        manager_of(url, tmp_path)


def test_the_owner_sees_everything(people: Any, database_url: str) -> None:
    """Said in the documentation: rights protect from colleagues, not from whoever runs the database."""
    with gilgamesh.connect(database_url) as owner:
        seen = owner.sql("select distinct user_id from pgcontents.files order by 1").user_id.tolist()
    assert seen == ["contents_anna", "contents_boris"]


OLD = """
create schema pgcontents;
create table pgcontents.users (id varchar(30) primary key);
create table pgcontents.directories (user_id varchar(30), name varchar(300), parent_user_id varchar(30), parent_name varchar(300));
create table pgcontents.files (id serial, name varchar(300), user_id varchar(30), parent_name varchar(300), content bytea,
                               created_at timestamp);
create table pgcontents.remote_checkpoints (id serial, user_id varchar(30), path varchar(300), content bytea, last_modified timestamp);
insert into pgcontents.users values ('contents_anna');
insert into pgcontents.directories values ('contents_anna', '/', null, null), ('contents_anna', '/d/', 'contents_anna', '/');
insert into pgcontents.files (name, user_id, parent_name, content, created_at)
values ('f.txt', 'contents_anna', '/d/', convert_to(encode('old', 'base64'), 'UTF8'), '2016-05-01 12:00');
insert into pgcontents.remote_checkpoints (user_id, path, content, last_modified)
values ('contents_anna', '/d/f.txt', convert_to(encode('older', 'base64'), 'UTF8'), '2016-05-01 11:00');
"""


def test_an_older_pgcontents_is_put_aside_and_copied(server18: Any, tmp_path: Path) -> None:
    """The page says how; what it says is what is done here."""
    page = (Path(__file__).parents[2] / "docs" / "personal-jupyter.md").read_text("utf-8")
    aside, _, copy = re.search(r"```sql\n(alter schema.*?)```", page, re.DOTALL)[1].partition(
        "-- now: gilgamesh db upgrade"
    )  # type: ignore[index]
    with server18.database() as url:
        engine = open_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(OLD)
        with pytest.raises(errors.ConflictError, match="pgcontents_before"):
            installation.create(engine, beside=True)
        with engine.begin() as connection:
            connection.exec_driver_sql(aside)
        installation.create(engine, beside=True)
        with engine.begin() as connection:
            connection.exec_driver_sql(copy)
        engine.dispose()
        manager = manager_of(url, tmp_path, user_id="contents_anna")
        found = manager.get("d/f.txt")
        assert (found["content"], found["size"], found["created"].year) == ("old", 3, 2016)
        (kept,) = manager.list_checkpoints("d/f.txt")
        manager.restore_checkpoint(kept["id"], "d/f.txt")
        assert manager.get("d/f.txt", require_hash=True)["content"] == "older"
        assert [one["name"] for one in manager.get("")["content"]] == ["d"]
        manager.engine.dispose()


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "postgresql+psycopg2"])
def test_either_driver_on_either_server(database_url: str, tmp_path: Path, refused: Any, driver: str) -> None:
    url = sa.make_url(database_url).set(drivername=driver).render_as_string(False)
    manager = manager_of(url, tmp_path)
    assert manager.engine.url.drivername == driver
    manager.save({"type": "directory"}, "d")
    for number in (1, -1):
        manager.save({**text("ä" * 5), "chunk": number}, "d/f.txt")
    made = manager.create_checkpoint("d/f.txt")
    manager.save(text("other"), "d/f.txt")
    manager.rename("d", "e")
    manager.restore_checkpoint(made["id"], "e/f.txt")
    assert manager.get("e/f.txt")["content"] == "ä" * 10
    assert manager.checkpoints.get_file_checkpoint(made["id"], "e/f.txt")["content"] == "ä" * 10
    assert manager.copy("e/f.txt")["last_modified"].utcoffset() is not None
    for code, call in ((404, lambda: manager.save(text("x"), "none/f")), (409, lambda: manager.rename("e/f.txt", "e"))):
        with refused(code):
            call()
    manager.delete("e")
    assert manager.get("")["content"] == []
    manager.engine.dispose()
