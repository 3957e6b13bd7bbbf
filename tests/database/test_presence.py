"""Nothing is said of a thing for a time when it was not in the testbed, and nothing is left standing on nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors

JANUARY, FEBRUARY, MARCH, APRIL, MAY = (datetime(2025, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4, 5))


@pytest.fixture
def bench(db: gilgamesh.Database) -> gilgamesh.Database:
    """A testbed built in February: a probe with a shunt, one device with two ports."""
    with db.edit("installation") as edit:
        edit.add_component("testbed", "Testbed", since=FEBRUARY)
        edit.add_component("probe", "LangmuirProbe", parent="testbed")
        edit.add_component("shunt", "Shunt", parent="probe", since=FEBRUARY)
        edit.add_component("PXI", "Digitiser", parent="testbed")
        for channel in ("ai0", "ai1"):
            edit.add_port("PXI", channel, dtype="int16")
            edit.calibrate(f"PXI/{channel}", Polynomial((0.0, 0.001)), "ct", "V")
        edit.calibrate("shunt", Polynomial((0.0, -0.01)), "V", "A")
        edit.set_property("shunt", "resistance", 100.0, "Ohm")
        edit.set_timing("PXI", start_offset=0.5)
        edit.add_signal("Lang_I", unit="A", component="probe", role="current")
        edit.add_signal("Trigger", unit="V")
    return db


def believed(db: gilgamesh.Database, history: str, key: str = "component_id") -> list[tuple[Any, ...]]:
    """Of which thing something is believed, since when and until when."""
    with db.transaction() as connection:
        return [
            tuple(row)
            for row in connection.exec_driver_sql(
                f"select c.name, lower(h.valid), upper(h.valid) from gilgamesh.{history} h "
                f"join gilgamesh.component c on c.id = h.{key} where upper_inf(h.recorded) order by 1, 2 nulls first"
            )
        ]


def test_an_open_end_lasts_as_long_as_the_thing(bench: gilgamesh.Database) -> None:
    with bench.edit("always means as long as all of it is there") as edit:
        edit.connect("Lang_I", "PXI/ai0", chain=["shunt"])
    assert ("probe", FEBRUARY, None) in believed(bench, "placement")
    assert ("PXI/ai0", FEBRUARY, None) in believed(bench, "calibration")
    assert believed(bench, "property") == [("shunt", FEBRUARY, None)]
    assert believed(bench, "timing", "device_id") == [("PXI", FEBRUARY, None)]
    assert believed(bench, "connection", "port_id") == [("PXI/ai0", FEBRUARY, None)]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("connect", ("Lang_I", "PXI/ai0")),
        ("calibrate", ("shunt", Polynomial((0.0, 1.0)), "V", "A")),
        ("set_property", ("shunt", "resistance", 99.0)),
        ("set_timing", ("PXI",)),
        ("place", ("shunt", "testbed")),
        ("add_component", ("newcomer", "Thing")),
        ("add_port", ("PXI", "ai2")),
    ],
)
def test_a_retroactive_edit_before_the_thing_existed_is_refused(
    bench: gilgamesh.Database, method: str, arguments: tuple[Any, ...]
) -> None:
    more: dict[str, Any] = {"connect": {"chain": ["shunt"]}, "add_component": {"parent": "probe"},
                            "add_port": {"dtype": "int16"}}.get(method, {})  # fmt: skip
    before = believed(bench, "placement")
    with (
        pytest.raises(
            errors.NotInTestbed, match=r"was not in the testbed from 2025-01-01 .* It was there since 2025-02-01"
        ),
        bench.edit("too early") as edit,
    ):
        getattr(edit, method)(*arguments, since=JANUARY, **more)
    assert believed(bench, "placement") == before


def test_a_thing_that_is_not_there_yet_or_any_more_cannot_be_used(bench: gilgamesh.Database) -> None:
    with bench.edit("a spare shunt for April") as edit:
        edit.add_component("spare", "Shunt", parent="probe", since=APRIL)
        edit.retire("spare", since=MAY)
        edit.calibrate("spare", Polynomial((0.0, 1.0)), "V", "A")
    assert ("spare", APRIL, MAY) in believed(bench, "calibration")
    for since, until in ((MARCH, APRIL), (MARCH, None), (MAY, None), (APRIL, datetime(2025, 6, 1, tzinfo=UTC))):
        with pytest.raises(errors.NotInTestbed, match=r"'spare' was not in the testbed"), bench.edit("odd") as edit:
            edit.connect("Lang_I", "PXI/ai0", chain=["spare"], since=since, until=until)


def test_what_was_away_for_a_while_is_not_bridged(bench: gilgamesh.Database) -> None:
    with bench.edit("in repair") as edit:
        edit.retire("shunt", since=MARCH, until=APRIL)
    assert [row[1:] for row in believed(bench, "calibration") if row[0] == "shunt"] == [
        (FEBRUARY, MARCH),
        (APRIL, None),
    ]
    with (
        pytest.raises(errors.NotInTestbed, match=r"not in the testbed from 2025-03-01 00:00:00 until 2025-04-01"),
        bench.edit("over the hole") as edit,
    ):
        edit.calibrate("shunt", Polynomial((0.0, 1.0)), "V", "A", since=FEBRUARY)


def test_retiring_says_who_needs_it_since_when_and_what_to_type(bench: gilgamesh.Database) -> None:
    with bench.edit("wired") as edit:
        edit.connect("Lang_I", "PXI/ai0", chain=["shunt"], since=MARCH)
    wired = r"is still used by 'Lang_I' \({} it since 2025-03-01 00:00:00 UTC\).*disconnect Lang_I --since \"2025-04-01"
    for name, how in (("shunt", "wired through"), ("PXI", "wired to"), ("PXI/ai0", "wired to")):
        with pytest.raises(errors.ConflictError, match=f"'{name}' {wired.format(how)}"), bench.edit("gone") as edit:
            edit.retire(name, since=APRIL)
    with pytest.raises(errors.ConflictError, match=r"'Lang_I' \(tells about it since"), bench.edit("gone") as edit:
        edit.retire("probe", since=APRIL)
    with bench.edit("gone") as edit:
        edit.disconnect("Lang_I", since=APRIL)
        edit.retire("PXI", since=APRIL)
    assert {row for row in believed(bench, "placement") if row[0].startswith("PXI")} == {
        ("PXI", FEBRUARY, APRIL), ("PXI/ai0", FEBRUARY, APRIL), ("PXI/ai1", FEBRUARY, APRIL),
    }  # fmt: skip
    with pytest.raises(errors.ConflictError, match=r"'shunt' \(part of it since.*parts first"), bench.edit("x") as edit:
        edit.retire("probe", since=APRIL)
    with pytest.raises(errors.NotInTestbed, match="It was there from 2025-02-01"), bench.edit("again") as edit:
        edit.retire("PXI", since=MAY)


def test_uses_lists_what_stands_on_a_component(bench: gilgamesh.Database) -> None:
    with bench.edit("wired") as edit:
        edit.connect("Lang_I", "PXI/ai0", chain=["shunt"], since=MARCH)
    found = bench.sql("select use, name from gilgamesh.uses('shunt')")
    assert sorted(found.itertuples(index=False, name=None)) == [
        ("its calibration", "V → A"), ("its property", "resistance"), ("wired through it", "Lang_I"),
    ]  # fmt: skip
    found = bench.sql("select use, name from gilgamesh.uses('probe')")
    assert sorted(found.itertuples(index=False, name=None)) == [("part of it", "shunt"), ("tells about it", "Lang_I")]


def test_withdrawing_a_placement_leaves_nothing_on_nothing(bench: gilgamesh.Database) -> None:
    row = bench.sql("select id from gilgamesh.placement p where component_id = gilgamesh.component_named('shunt')")
    with pytest.raises(errors.ConflictError, match=r"'shunt' is still used by .*calibration"), bench.edit("x") as edit:
        edit.withdraw("placement", int(row.id[0]))


def test_a_port_stays_with_its_device(bench: gilgamesh.Database) -> None:
    with pytest.raises(errors.InvalidValue, match="part of 'PXI'"), bench.edit("odd") as edit:
        edit.place("PXI/ai0", "probe")


BEHIND = {
    "calibration": "insert into gilgamesh.calibration (component_id, steps, input_unit, output_unit, valid, recorded, edit_id) "
    "select c.id, '[{}]', 'V', 'A', cast(:v as tstzrange), tstzrange(now(), null), 1",
    "property": "insert into gilgamesh.property (component_id, name, value, valid, recorded, edit_id) "
    "select c.id, 'mass', '1', cast(:v as tstzrange), tstzrange(now(), null), 1",
    "timing": "insert into gilgamesh.timing (device_id, valid, recorded, edit_id) "
    "select c.id, cast(:v as tstzrange), tstzrange(now(), null), 1",
    "placement": "insert into gilgamesh.placement (component_id, parent_id, valid, recorded, edit_id) "
    "select (select id from gilgamesh.component where name = 'testbed'), c.id, cast(:v as tstzrange), tstzrange(now(), null), 1",
    "connection": "insert into gilgamesh.connection (signal_id, port_id, valid, recorded, edit_id) "
    "select s.id, p.component_id, cast(:v as tstzrange), tstzrange(now(), null), 1 from gilgamesh.port p, gilgamesh.signal s "
    "where s.name = 'Trigger' and p.channel = 'ai1'",
}


@pytest.mark.parametrize("history", BEHIND)
def test_the_tables_themselves_refuse_it_too(bench: gilgamesh.Database, history: str) -> None:
    """By whatever road: the owner writes past the functions."""
    source = "" if history == "connection" else " from gilgamesh.component c where c.name = 'shunt'"
    with (
        pytest.raises(errors.NotInTestbed, match="was not in the testbed from 2025-01-01"),
        bench.transaction() as connection,
    ):
        connection.execute(sa.text(BEHIND[history] + source), {"v": "[2025-01-01,2025-02-01)"})


def test_placements_cannot_be_pulled_away_behind_the_functions(bench: gilgamesh.Database) -> None:
    pull = "{} gilgamesh.placement p {} p.component_id = gilgamesh.component_named('shunt')"
    for statement in (
        pull.format("delete from", "where"),
        pull.format("update", "set valid = tstzrange('2025-03-01Z', null) where"),
        pull.format("update", "set recorded = tstzrange(lower(recorded), now()), closed_by_id = 1 where"),
    ):
        with pytest.raises(errors.ConflictError, match="'shunt' is still used by"), bench.transaction() as connection:
            connection.exec_driver_sql(statement)
            connection.exec_driver_sql("set constraints all immediate")


WIRE = """
select count(gilgamesh.connect(:signal, 'PXI/ai1', array[]::text[],
                               tstzrange('2025-03-01Z'::timestamptz + g * interval '1 hour',
                                         '2025-03-01Z'::timestamptz + (g + 1) * interval '1 hour')))
  from generate_series(1, :n) g
"""
CALLS = "select funcname, calls from pg_stat_xact_user_functions where schemaname = 'gilgamesh'"


@pytest.mark.parametrize("n", [3, 600])
def test_an_edit_is_judged_once_however_large_it_is(bench: gilgamesh.Database, n: int) -> None:
    with bench.edit("many") as edit:
        connection = edit._connection
        connection.exec_driver_sql("set local track_functions = 'pl'")
        connection.execute(sa.text(WIRE), {"signal": "Trigger", "n": n})
        connection.exec_driver_sql("set constraints all immediate")
        calls: dict[str, int] = {row.funcname: row.calls for row in connection.exec_driver_sql(CALLS)}
    assert calls["connect"] == n
    assert calls["guard_connections"] == n
    assert calls["check_composition"] == 1
    assert calls["check_presence"] == 1


def test_the_last_of_many_statements_is_judged_like_the_first(bench: gilgamesh.Database) -> None:
    """One wrong row among many, wherever it stands, after a savepoint was given up, and after the check was forced early."""
    with pytest.raises(errors.UnitMismatch, match="'Lang_I' takes A"), bench.edit("one of many") as edit:
        edit.connect("Lang_I", "PXI/ai0", since=MARCH)  # no shunt: volts for amperes
        edit._connection.execute(sa.text(WIRE), {"signal": "Trigger", "n": 50})
    with pytest.raises(errors.UnitMismatch, match="'Lang_I' takes A"), bench.edit("one of many") as edit:
        edit._connection.execute(sa.text(WIRE), {"signal": "Trigger", "n": 50})
        edit.connect("Lang_I", "PXI/ai0", since=MARCH)
        given_up = edit._connection.begin_nested()
        edit.disconnect("Trigger", since=MARCH)
        edit.connect("Trigger", "PXI/ai1", since=MARCH)
        given_up.rollback()
    with pytest.raises(errors.UnitMismatch, match="'Lang_I' takes A"), bench.edit("one of many") as edit:
        edit._connection.execute(sa.text(WIRE), {"signal": "Trigger", "n": 5})
        edit._connection.exec_driver_sql("set constraints all immediate")
        edit.connect("Lang_I", "PXI/ai0", since=MARCH)
    assert believed(bench, "connection", "port_id") == []
