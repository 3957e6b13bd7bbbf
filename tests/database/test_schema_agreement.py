"""Three descriptions of the tables are one: schema/*.sql, all revisions, and the models."""

from __future__ import annotations

import os
import re
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gilgamesh_db import installation
from gilgamesh_db.database import open_engine
from gilgamesh_db.models import Base


def dump(server: Any, url: str) -> list[str]:
    """The schema as pg_dump writes it, without what alembic alone keeps."""
    parsed = sa.make_url(url)
    pg_dump = server.embedded.bin_path / "pg_dump"
    dumped = subprocess.run(
        [pg_dump, "-s", "-n", "gilgamesh", "-n", "pgcontents", "-T", "gilgamesh.alembic_version", "-h", parsed.query["host"],
         "-p", parsed.query.get("port", "5432"), "-U", "postgres", parsed.database],
        capture_output=True, text=True, check=True, env={**os.environ, "PGCONNECT_TIMEOUT": "10"},
    ).stdout  # fmt: skip
    return [line for line in dumped.splitlines() if not line.startswith(("\\restrict", "\\unrestrict", "--"))]


def lay_schema(engine: sa.Engine, also: str = "") -> None:
    with engine.begin() as connection:
        for path in installation.sql_files("schema"):
            connection.exec_driver_sql(path.read_text("utf-8").replace("%", "%%"))
        if also:
            connection.exec_driver_sql(also)
        installation.lay_views(connection)


def differences(engine: sa.Engine) -> list[Any]:
    """What `alembic check` would report, comments aside: they live in schema/ only."""

    def named(name: str | None, kind: str, _parents: Any) -> bool:
        return name == "gilgamesh" if kind == "schema" else name != "alembic_version"

    with engine.connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        context = MigrationContext.configure(
            connection, opts={"include_schemas": True, "include_name": named, "compare_type": True}
        )
        found = compare_metadata(context, Base.metadata)
    flat = [change for one in found for change in (one if isinstance(one, list) else [one])]
    return [change for change in flat if not str(change[0]).endswith("comment")]


def test_schema_files_are_the_sum_of_all_revisions(server: Any) -> None:
    with server.database() as from_files, server.database(server.template()) as from_revisions:
        engine = open_engine(from_files)
        lay_schema(engine)
        engine.dispose()
        assert dump(server, from_files) == dump(server, from_revisions)


def test_models_are_the_tables(database_url: str) -> None:
    engine = open_engine(database_url)
    assert differences(engine) == []
    engine.dispose()


def test_a_column_in_the_schema_files_only_is_noticed(server18: Any) -> None:
    column = "alter table gilgamesh.shot add column extra integer"
    with server18.database() as from_files, server18.database(server18.template()) as from_revisions:
        engine = open_engine(from_files)
        lay_schema(engine, also=column)
        engine.dispose()
        assert dump(server18, from_files) != dump(server18, from_revisions)


def test_a_column_in_the_revisions_only_is_noticed(server18: Any) -> None:
    with server18.database() as from_files, server18.database(server18.template()) as from_revisions:
        for url, action in ((from_files, lay_schema), (from_revisions, add_column)):
            engine = open_engine(url)
            action(engine)
            if action is add_column:
                assert differences(engine) != []
            engine.dispose()
        assert dump(server18, from_files) != dump(server18, from_revisions)


def add_column(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("alter table gilgamesh.shot add column extra integer")


def test_a_column_in_the_models_only_is_noticed(server18: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    extended = sa.MetaData(schema="gilgamesh")
    for table in Base.metadata.sorted_tables:
        table.to_metadata(extended)
    extended.tables["gilgamesh.shot"].append_column(sa.Column("extra", sa.Integer))
    monkeypatch.setattr(Base, "metadata", extended)
    with server18.database(server18.template()) as url:
        engine = open_engine(url)
        assert [(change[0], change[3].name) for change in differences(engine)] == [("add_column", "extra")]
        engine.dispose()


def undocumented(connection: sa.Connection) -> list[str]:
    """Tables, views and columns of ours that `\\d+` would show without a word."""
    found: Callable[[str], Any] = connection.exec_driver_sql
    return [
        row[0]
        for row in found(
            """
            select c.relname || coalesce('.' || a.attname, '')
              from pg_class c
              left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             where c.relnamespace in ('gilgamesh'::regnamespace, 'pgcontents'::regnamespace)
               and c.relkind in ('r', 'p', 'v') and not c.relispartition
               and c.relname <> 'alembic_version'
               and (obj_description(c.oid, 'pg_class') is null or col_description(c.oid, a.attnum) is null)
            """
        )
    ]


def test_every_table_and_column_is_commented(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.connect() as connection:
        assert undocumented(connection) == []
    engine.dispose()


def test_every_view_answers_with_the_rights_of_its_reader(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.connect() as connection:
        lacking = connection.exec_driver_sql(
            "select relname from pg_class where relnamespace = 'gilgamesh'::regnamespace and relkind = 'v' "
            "and not coalesce('security_invoker=true' = any(reloptions), false)"
        ).scalars()
        assert list(lacking) == []
    engine.dispose()


def test_a_revision_stands_on_its_own_text() -> None:
    for path in (installation.folder("migrations") / "versions").glob("*.py"):
        text = Path(path).read_text("utf-8")
        assert not re.search(r"^\s*(from|import) gilgamesh", text, re.MULTILINE)
        assert "open(" not in text
        assert "read_text" not in text
