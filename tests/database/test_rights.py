"""Least privilege: readers read, operators edit through the functions only, nobody rewrites history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors
from gilgamesh_loaders import simulator
from gilgamesh_loaders.arrivals import Arrivals, Stamp
from gilgamesh_loaders.commit import commit


def person(server: Any, url: str, role: str) -> str:
    """A person with one role; returns the URL they connect with."""
    name = f"person_{role}"
    server.execute(
        f"do $$ begin create role {name} login in role gilgamesh_{role}; exception when duplicate_object then null; end $$"
    )
    return sa.make_url(url).set(username=name).render_as_string(False)


@pytest.fixture
def lab(server: Any, database_url: str) -> Iterator[tuple[gilgamesh.Database, gilgamesh.Database, gilgamesh.Database]]:
    """The same small testbed as its owner, an operator and a reader see it."""
    with gilgamesh.connect(database_url) as owner:
        simulator.install_testbed(owner)
        commit(owner, simulator.simulate_shot(1234, duration=0.05, rate=20_000.0).plan)
        with (
            gilgamesh.connect(person(server, database_url, "operator")) as operator,
            gilgamesh.connect(person(server, database_url, "reader")) as reader,
        ):
            yield owner, operator, reader


def test_a_reader_reads_everything(lab: Any) -> None:
    _, _, reader = lab
    assert len(reader.signal("Lang_I", 1234).values) == 1000
    assert len(reader.signal("Bdot1", 1234).window(0.01, 0.02)) == 200
    for view in ("signals", "ports", "shots", "resolved_signal", "wiring", "calibrations", "gaps"):
        reader.sql(f"select * from gilgamesh.{view} limit 1")
    assert len(reader.sql("select * from gilgamesh.samples_between('Lang_I', 1234, 0, 0.01)")) == 200
    assert not reader.sql("select * from gilgamesh.components_at(1234)").empty


WRITES = (
    "insert into gilgamesh.shot (number, started_at) values (1, now())",
    "update gilgamesh.connection set valid = 'empty'",
    "delete from gilgamesh.segment",
    "truncate gilgamesh.edit",
    "select gilgamesh.connect('Lang_I', 'PXI M6251/ai15', reason => 'no right')",
    "select gilgamesh.begin_edit('no right')",
    "select gilgamesh.ensure_partition(5)",
    "insert into gilgamesh.arrival (host, path, via, size, modified_at) values ('pc', '/data/x.h5', 'load', 1, now())",
    "select gilgamesh.retry_arrivals(array[1::bigint])",
    "create table gilgamesh.mine (x int)",
    "select gilgamesh.clear_period('gilgamesh.connection', array[1::bigint], '(,)', null)",
)


@pytest.mark.parametrize("statement", WRITES)
def test_a_reader_writes_nothing(lab: Any, statement: str) -> None:
    _, _, reader = lab
    with pytest.raises((errors.UserError, sa.exc.ProgrammingError)) as caught, reader.transaction() as connection:
        connection.exec_driver_sql(statement)
    assert isinstance(caught.value, errors.UserError)
    assert "permission denied" in str(caught.value)


def test_an_operator_keeps_the_queue_of_files(lab: Any) -> None:
    _, operator, reader = lab
    stamp = Stamp(10, 1_700_000_000_000_000)
    queue = Arrivals(operator, "watch", host="pc")
    queue.wait({Path("/data/a.h5"): stamp, Path("/data/b.h5"): stamp}, {"create": True})
    queue.settle(Path("/data/a.h5"), stamp, "refused", "it is torn")
    queue.settle(Path("/data/b.h5"), stamp, "loaded", shots=[1234])
    read = reader.sql("select state, reason, shots, role from gilgamesh.arrival order by path")
    assert read["state"].tolist() == ["refused", "loaded"]
    assert read["role"].tolist() == ["person_operator"] * 2
    again = "select gilgamesh.retry_arrivals(array(select id from gilgamesh.arrival)) as again"
    with operator.transaction() as connection:
        assert connection.exec_driver_sql(again).scalar_one() == 1
    assert [one.path for one in queue.known("waiting")] == [Path("/data/a.h5")]
    queue.forget([Path("/data/a.h5")])
    assert [(one.stamp, one.shots) for one in queue.known()] == [(stamp, (1234,))]


def test_an_operator_edits_and_loads(lab: Any) -> None:
    _, operator, _ = lab
    with operator.edit("recalibrated", author="anna") as edit:
        edit.calibrate("shunt1", Polynomial((0.0, -0.0101)), "V", "A")
    commit(operator, simulator.simulate_shot(1281, duration=0.05, rate=20_000.0).plan)
    assert len(operator.signal("Lang_I", 1281).values) == 1000
    said = operator.sql("select author, role from gilgamesh.edit where reason = 'recalibrated'").iloc[0]
    assert (said.author, said.role) == ("anna", "person_operator")


@pytest.mark.parametrize(
    "statement",
    ["update gilgamesh.connection set chain = '{}'", "delete from gilgamesh.calibration", "update gilgamesh.segment set n = 1",
     "delete from gilgamesh.segment", "update gilgamesh.edit set author = 'somebody else'", "truncate gilgamesh.series",
     "insert into gilgamesh.edit (recorded_at, author, reason) values (now(), 'x', 'x')", "drop view gilgamesh.gaps",
     "insert into gilgamesh.connection (signal_id, port_id, valid, recorded, edit_id) select 1, 1, '(,)', tstzrange(now(), null), 1",
     "select gilgamesh.clear_period('gilgamesh.connection', array[1::bigint], '(,)', null)"],
)  # fmt: skip
def test_an_operator_does_not_rewrite_history(lab: Any, statement: str) -> None:
    _, operator, _ = lab
    with pytest.raises((errors.UserError, sa.exc.ProgrammingError)) as caught, operator.transaction() as connection:
        connection.exec_driver_sql(statement)
    assert "permission denied" in str(caught.value) or "must be owner" in str(caught.value)


def test_only_the_owner_imports_earlier_knowledge(lab: Any) -> None:
    _, operator, _ = lab
    with pytest.raises(errors.UserError, match="only the owner"), operator.edit("back-dated", recorded_at="2026-06-01"):
        pass


def test_a_function_of_ours_is_not_misled_by_the_callers_search_path(lab: Any, database_url: str) -> None:
    owner, operator, _ = lab
    with owner.engine.begin() as connection:
        connection.exec_driver_sql("create schema evil")
        connection.exec_driver_sql("grant all on schema evil to public")
    url = operator.engine.url.set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(url, autocommit=True) as evil:
        evil.execute(
            "create function evil.btrim(text) returns text language plpgsql as 'begin raise exception ''fooled''; end'"
        )
        evil.execute("create table evil.component (id bigint, name text)")
        evil.execute("set search_path = evil, gilgamesh, pg_catalog")
        evil.execute("select gilgamesh.begin_edit('honest')")
        row = evil.execute("select gilgamesh.component_named('shunt1')").fetchone()
        assert row is not None


def test_nobody_reaches_the_unchecked_decoder(lab: Any) -> None:
    for someone in lab[1:]:
        with pytest.raises(errors.UserError, match="permission denied"):
            someone.sql("select gilgamesh.unchecked_int2('\\x00'::bytea)")


def test_an_operator_analyses_and_a_reader_reads_it(lab: Any) -> None:
    _, operator, reader = lab
    current = operator.signal("Lang_I", 1234)
    with operator.run("doubling", version="1", inputs=[current]) as r:
        r.save("Lang_2", current.time, 2 * current.values, "A", create=True)
    with operator.edit("an overview") as edit:
        edit.add_attribute("TopI", rule="max(Lang_I)")
        edit.set_quality("Lang_I", "good", shots=1234)
        edit.write_log("fine", shot=1234)
    operator.refresh()
    assert reader.runs("Lang_2").UpToDate.tolist() == [True]
    assert reader.signal("Lang_2", 1234).values.max() == 2 * reader.shots().TopI[1234]
    assert reader.signal("Lang_I", 1234).quality.flag == "good"
    assert reader.log("fine").Shot.tolist() == [1234]
    assert reader.find_shots("Lang_I > -1e6") == [1234]
    with operator.edit("measured again") as edit:
        edit.calibrate("shunt1", Polynomial((0.0, -0.02)), "V", "A")
    assert reader.runs("Lang_2").UpToDate.tolist() == [False]
    with pytest.warns(errors.OutOfDate, match="TopI"):
        reader.shots()
    with (
        pytest.raises(errors.UserError, match="gilgamesh_operator"),
        reader.run("x", version="1", inputs=[reader.signal("Lang_I", 1234)]) as r,
    ):
        r.save("Lang_2", [0, 1], [1, 2], "A")


PUSH = "select (gilgamesh.push_notebook('a.ipynb', '{}'::bytea)).number"


def test_an_operator_pushes_a_notebook_and_a_reader_pulls_it(lab: Any) -> None:
    _, operator, reader = lab
    with operator.transaction() as connection:
        assert connection.exec_driver_sql(PUSH).scalar_one() == 1
    said = reader.sql("select path, author, size from gilgamesh.notebooks")
    assert said.to_dict("records") == [{"path": "a.ipynb", "author": "person_operator", "size": 2}]
    assert bytes(reader.sql("select content from gilgamesh.notebook_blob").content[0]) == b"{}"
    with pytest.raises(errors.UserError, match="permission denied"), reader.transaction() as connection:
        connection.exec_driver_sql(PUSH)


@pytest.mark.parametrize(
    "statement",
    ["update gilgamesh.notebook_version set message = 'x'", "delete from gilgamesh.notebook_blob", "truncate gilgamesh.notebook_version",
     "insert into gilgamesh.notebook_citation values (1, 'chen2003')", "delete from gilgamesh.notebook_cell"],
)  # fmt: skip
def test_an_operator_writes_notebooks_by_pushing_only(lab: Any, statement: str) -> None:
    _, operator, _ = lab
    with pytest.raises(errors.UserError, match="permission denied"), operator.transaction() as connection:
        connection.exec_driver_sql(statement)
