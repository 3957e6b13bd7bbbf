"""Edits of the history: they split and close ranges, keep what was known, and say clearly what is wrong."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors

JANUARY, FEBRUARY, MARCH, APRIL = (datetime(2025, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))


@pytest.fixture
def bench(db: gilgamesh.Database) -> gilgamesh.Database:
    """A small testbed: one device with three ports, a shunt, two currents and a voltage."""
    with db.edit("installation", author="roman") as edit:
        edit.add_component("testbed", "Testbed")
        edit.add_component("PXI", "Digitiser", parent="testbed")
        for channel in ("ai0", "ai1", "ai2"):
            edit.add_port("PXI", channel, dtype="int16")
            edit.calibrate(f"PXI/{channel}", Polynomial((0.0, 0.001)), "ct", "V")
        edit.add_component("shunt", "Shunt", parent="testbed")
        edit.calibrate("shunt", Polynomial((0.0, -0.01)), "V", "A")
        edit.add_signal("Lang_I", unit="A", aliases=["Langmuir_I"])
        edit.add_signal("Lang_I2", unit="A")
        edit.add_signal("Lang_U", unit="V")
    return db


def wiring(db: gilgamesh.Database, signal: str) -> list[tuple[str, datetime | None, datetime | None]]:
    """What is believed today: port, since, until."""
    rows = db.sql(
        "select port, since, until from gilgamesh.wiring where signal = :signal and closed_by is null "
        "order by since nulls first", {"signal": signal}
    )  # fmt: skip
    return [
        tuple(None if value is None or value != value else value for value in row)
        for row in rows.itertuples(index=False)
    ]


def test_a_connection_lasts_until_the_next_one(bench: gilgamesh.Database) -> None:
    with bench.edit("first") as edit:
        edit.connect("Lang_U", "PXI/ai0", since=JANUARY)
    with bench.edit("moved") as edit:
        edit.connect("Lang_U", "PXI/ai1", since=FEBRUARY, until=MARCH)
    assert wiring(bench, "Lang_U") == [
        ("PXI/ai0", JANUARY, FEBRUARY), ("PXI/ai1", FEBRUARY, MARCH), ("PXI/ai0", MARCH, None),
    ]  # fmt: skip


def test_what_remains_of_an_old_statement_keeps_its_author(bench: gilgamesh.Database) -> None:
    with bench.edit("first", author="anna") as edit:
        edit.connect("Lang_U", "PXI/ai0")
    with bench.edit("moved", author="ilya") as edit:
        edit.connect("Lang_U", "PXI/ai1", since=MARCH)
    said = bench.sql("select author, reason, closed_by, closed_because from gilgamesh.wiring order by connection_id")
    assert said.author.tolist() == ["anna", "anna", "ilya"]
    assert said.closed_by.tolist()[0] == "ilya"
    assert said.closed_because.tolist()[0] == "moved"


def test_what_was_known_before_can_be_asked_for(bench: gilgamesh.Database) -> None:
    with bench.edit("first") as edit:
        edit.connect("Lang_U", "PXI/ai0")
    then = bench.sql("select max(recorded_at) as t from gilgamesh.edit").t[0].to_pydatetime()
    with bench.edit("found on ai1") as edit:
        edit.connect("Lang_U", "PXI/ai1", since=JANUARY)
    assert [row[0] for row in wiring(bench.known_at(then), "Lang_U")] == ["PXI/ai0"]
    assert [row[0] for row in wiring(bench, "Lang_U")] == ["PXI/ai0", "PXI/ai1"]
    assert wiring(bench.known_at(then - timedelta(microseconds=1)), "Lang_U") == []


def test_several_edits_of_one_transaction_leave_no_trace_of_each_other(bench: gilgamesh.Database) -> None:
    with bench.edit("trying") as edit:
        edit.connect("Lang_U", "PXI/ai0")
        edit.connect("Lang_U", "PXI/ai1")
        edit.connect("Lang_U", "PXI/ai2", since=FEBRUARY, until=MARCH)
    assert [row[0] for row in wiring(bench, "Lang_U")] == ["PXI/ai1", "PXI/ai2", "PXI/ai1"]
    assert len(bench.sql("select * from gilgamesh.wiring")) == 3


def test_swapped_cables_exchange_their_ports_and_keep_their_chains(bench: gilgamesh.Database) -> None:
    with bench.edit("first") as edit:
        edit.connect("Lang_I", "PXI/ai0", chain=["shunt"])
        edit.connect("Lang_U", "PXI/ai1")
    with bench.edit("swapped") as edit:
        edit.swap("Lang_I", "Lang_U", since=FEBRUARY, until=MARCH)
    assert wiring(bench, "Lang_I") == [
        ("PXI/ai0", None, FEBRUARY), ("PXI/ai1", FEBRUARY, MARCH), ("PXI/ai0", MARCH, None),
    ]  # fmt: skip
    chains = bench.sql("select distinct signal, chain from gilgamesh.wiring").set_index("signal").chain
    assert chains["Lang_I"] == ["shunt"]
    assert chains["Lang_U"] == []


def test_a_swap_of_what_is_not_connected_says_when_both_are(bench: gilgamesh.Database) -> None:
    with bench.edit("first") as edit:
        edit.connect("Lang_I", "PXI/ai0", since=FEBRUARY, chain=["shunt"])
        edit.connect("Lang_U", "PXI/ai1", since=JANUARY)
    with pytest.raises(errors.NotWired, match="both connected only during"), bench.edit("swapped") as edit:
        edit.swap("Lang_I", "Lang_U", since=JANUARY, until=MARCH)
    with pytest.raises(errors.NotWired, match="not both connected"), bench.edit("swapped") as edit:
        edit.swap("Lang_I", "Lang_I2", since=JANUARY, until=MARCH)
    with pytest.raises(errors.InvalidValue, match="itself"), bench.edit("swapped") as edit:
        edit.swap("Lang_I", "Langmuir_I", since=JANUARY, until=MARCH)


def test_a_port_in_use_is_refused_by_name(bench: gilgamesh.Database) -> None:
    with bench.edit("first") as edit:
        edit.connect("Lang_U", "PXI/ai0")
    with pytest.raises(errors.OverlapError, match=r"'PXI/ai0' carries 'Lang_U'.*swap"), bench.edit("again") as edit:
        edit.connect("Lang_I", "PXI/ai0", chain=["shunt"], since=MARCH)
    assert wiring(bench, "Lang_I") == []


def test_the_table_itself_refuses_overlaps_and_empty_ranges(bench: gilgamesh.Database) -> None:
    insert = (
        "insert into gilgamesh.connection (signal_id, port_id, valid, recorded, edit_id) "
        "select s.id, p.component_id, cast(:valid as tstzrange), tstzrange(now(), null), 1 "
        "from gilgamesh.signal s, gilgamesh.port p where s.name = 'Lang_U' and p.channel = 'ai0'"
    )
    with bench.edit("first") as edit:
        edit.connect("Lang_U", "PXI/ai1", since=JANUARY)
    with pytest.raises(errors.OverlapError, match="one_port_per_signal"), bench.transaction() as connection:
        connection.execute(sa.text(insert), {"valid": "[2025-02-01,)"})
    for valid in ("empty", "[2025-01-01,infinity)"):
        with pytest.raises(errors.InvalidValue, match="connection_valid"), bench.transaction() as connection:
            connection.execute(sa.text(insert), {"valid": valid})


def test_a_chain_must_compose_and_may_be_mended_in_the_same_edit(bench: gilgamesh.Database) -> None:
    with (
        pytest.raises(errors.UnitMismatch, match=r"'shunt' gives A, but 'Lang_U' takes V"),
        bench.edit("wrong") as edit,
    ):
        edit.connect("Lang_U", "PXI/ai0", chain=["shunt"])
    with (
        pytest.raises(errors.UnitMismatch, match=r"'PXI/ai0' gives V, but 'Lang_I' takes A"),
        bench.edit("wrong") as edit,
    ):
        edit.connect("Lang_I", "PXI/ai0")
    with bench.edit("two shunts in a row, the second turned into an amplifier") as edit:
        edit.connect("Lang_U", "PXI/ai0", chain=["shunt"])
        edit.calibrate("shunt", Polynomial((0.0, 10.0)), "V", "V")
    with pytest.raises(errors.UnitMismatch, match="does not compose"), bench.edit("back") as edit:
        edit.calibrate("shunt", Polynomial((0.0, -0.01)), "V", "A", since=MARCH)
    assert len(bench.sql("select * from gilgamesh.calibrations where item = 'shunt' and closed_by is null")) == 1


def test_units_of_one_dimension_are_converted_on_the_way(bench: gilgamesh.Database) -> None:
    with bench.edit("millivolts") as edit:
        edit.calibrate("PXI/ai0", Polynomial((0.0, 1.0)), "ct", "mV")
        edit.connect("Lang_U", "PXI/ai0")
    with bench.transaction() as connection:
        connection.exec_driver_sql("insert into gilgamesh.shot (number, started_at) values (1, '2025-02-01')")
    resolved = bench.sql("select gain from gilgamesh.resolved_signal where signal = 'Lang_U' and shot = 1")
    assert resolved.gain[0] == pytest.approx(1e-3, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "said"),
    [(" ", "is not a name"), ("x" * 300, "is not a name"), ("Lang I", "is not a name"), ("Läng", "is not a name"),
     ("a;drop table gilgamesh.shot", "is not a name"), ("Lang_U", "already"), ("Langmuir_I", "already")],
)  # fmt: skip
def test_odd_and_taken_names_of_signals_are_refused(bench: gilgamesh.Database, name: str, said: str) -> None:
    with pytest.raises(errors.UserError, match=said), bench.edit("odd") as edit:
        edit.add_signal(name, unit="V")


@pytest.mark.parametrize("name", ["", "   ", " padded", "x" * 201, "line\nbreak", "null\x00"])
def test_odd_names_of_components_are_refused(bench: gilgamesh.Database, name: str) -> None:
    with pytest.raises(errors.UserError), bench.edit("odd") as edit:
        edit.add_component(name, "Thing")


def test_a_name_is_one_signal_even_behind_the_functions(bench: gilgamesh.Database) -> None:
    with pytest.raises(errors.ConflictError, match="Lang_U"), bench.transaction() as connection:
        connection.exec_driver_sql(
            "insert into gilgamesh.alias select 'Lang_U', id from gilgamesh.signal where name = 'Lang_I'"
        )


@pytest.mark.parametrize(("since", "until"), [(MARCH, FEBRUARY), (MARCH, MARCH), ("2025-03-01", "2025-02-01")])
def test_a_period_that_ends_before_it_begins_is_refused(bench: gilgamesh.Database, since: Any, until: Any) -> None:
    with pytest.raises(errors.InvalidValue, match="before it begins"), bench.edit("odd") as edit:
        edit.connect("Lang_U", "PXI/ai0", since=since, until=until)
    with pytest.raises(errors.InvalidValue, match="before it begins"), bench.transaction() as connection:
        connection.execute(sa.text("select gilgamesh.period(cast(:since as timestamptz), cast(:until as timestamptz))"),
                           {"since": since, "until": until})  # fmt: skip


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_calibration_with_nan_is_refused(bench: gilgamesh.Database, bad: float) -> None:
    before = len(bench.sql("select * from gilgamesh.calibration"))
    with pytest.raises(errors.InvalidValue), bench.edit("odd") as edit:
        edit.calibrate("shunt", Polynomial((0.0, bad)), "V", "A")
    with pytest.raises(errors.InvalidValue), bench.transaction() as connection:
        connection.exec_driver_sql(
            """select gilgamesh.calibrate('shunt', '[{"function": "polynomial", "version": 1, "coefficients": [0, "NaN"]}]',
                                          'V', 'A', reason => 'odd')"""
        )
    assert len(bench.sql("select * from gilgamesh.calibration")) == before


def test_unknown_names_units_and_functions_are_refused(bench: gilgamesh.Database) -> None:
    with pytest.raises(errors.ComponentNotFound, match="no port 'PXI/ai9'"), bench.edit("odd") as edit:
        edit.connect("Lang_U", "PXI/ai9")
    with pytest.raises(errors.SignalNotFound, match="'Lang_X'"), bench.edit("odd") as edit:
        edit.connect("Lang_X", "PXI/ai0")
    with pytest.raises(errors.ComponentNotFound, match="'ghost'"), bench.edit("odd") as edit:
        edit.calibrate("ghost", Polynomial((0.0, 1.0)), "V", "V")
    with pytest.raises(errors.UnitMismatch, match="V/Amp"), bench.edit("odd") as edit:
        edit.calibrate("shunt", Polynomial((0.0, 1.0)), "V", "V/Amp")
    with pytest.raises(errors.ShotNotFound, match="99"), bench.edit("odd") as edit:
        edit.connect("Lang_U", "PXI/ai0", since=99)
    with pytest.raises(errors.InvalidValue, match="reason"), bench.edit("  ") as edit:
        edit.connect("Lang_U", "PXI/ai0")
    assert wiring(bench, "Lang_U") == []


def test_disconnecting_what_is_not_connected_says_so(bench: gilgamesh.Database) -> None:
    with pytest.raises(errors.NotWired, match="not connected"), bench.edit("odd") as edit:
        edit.disconnect("Lang_U", since=MARCH)


def test_a_wrong_statement_can_be_withdrawn_once(bench: gilgamesh.Database) -> None:
    with bench.edit("wrong") as edit:
        edit.connect("Lang_U", "PXI/ai0")
    identity = int(bench.sql("select connection_id as id from gilgamesh.wiring where signal = 'Lang_U'").id[0])
    with bench.edit("never true") as edit:
        edit.withdraw("connection", identity)
    assert wiring(bench, "Lang_U") == []
    with pytest.raises(errors.InvalidValue, match="believed today"), bench.edit("again") as edit:
        edit.withdraw("connection", identity)
    with pytest.raises(errors.InvalidValue, match="not a history"), bench.edit("odd") as edit:
        edit.withdraw("shot; drop table gilgamesh.shot", 1)


def test_the_tree_has_no_circle_and_moves_with_time(bench: gilgamesh.Database) -> None:
    with bench.edit("tree") as edit:
        edit.add_component("vessel", "Vessel", parent="testbed", since=JANUARY)
        edit.add_component("probe", "LangmuirProbe", parent="vessel", since=JANUARY,
                           properties={"tip length": (10.0, "mm"), "material": "tungsten"})  # fmt: skip
        edit.place("probe", "testbed", since=MARCH)
        edit.set_property("probe", "tip length", 8.0, "mm", since=FEBRUARY)
    for circle in (("vessel", "vessel"), ("testbed", "probe")):
        with pytest.raises(errors.UserError), bench.edit("circle") as edit:
            edit.place(*circle, since=MARCH)
    with bench.edit("no circle while the probe is elsewhere") as edit:
        edit.place("vessel", "probe", since=MARCH)

    def at(when: str) -> Any:
        return bench.sql("select * from gilgamesh.components_at(cast(:t as timestamptz))", {"t": when}).set_index(
            "component"
        )

    assert at("2025-02-15").path["probe"] == "testbed > vessel > probe"
    assert at("2025-03-15").path["vessel"] == "testbed > probe > vessel"
    assert at("2025-01-15").properties["probe"] == {"tip length": 10.0, "material": "tungsten"}
    assert at("2025-02-15").properties["probe"]["tip length"] == 8.0
    assert at("2025-02-15").units["probe"] == {"tip length": "mm"}
    assert "probe" not in at("2024-12-31").index


def test_a_component_in_use_is_not_retired(bench: gilgamesh.Database) -> None:
    with bench.edit("first") as edit:
        edit.connect("Lang_I", "PXI/ai0", chain=["shunt"], until=MARCH)
    with pytest.raises(errors.ConflictError, match="'shunt' is still used by 'Lang_I'"), bench.edit("gone") as edit:
        edit.retire("shunt", since=FEBRUARY)
    with bench.edit("gone") as edit:
        edit.retire("shunt", since=MARCH)
    after = bench.sql("select component from gilgamesh.components_at(cast('2025-03-01Z' as timestamptz))")
    assert "shunt" not in after.component.tolist()


def test_attributes_keep_their_history(bench: gilgamesh.Database) -> None:
    with bench.edit("attributes") as edit:
        edit.add_attribute("Gas", kind="text")
        edit.add_attribute("Pressure", kind="number", unit="mbar")
    with bench.transaction() as connection:
        connection.exec_driver_sql("insert into gilgamesh.shot (number, started_at) values (1, '2025-02-01')")
    with bench.edit("log book") as edit:
        edit.set_attribute(1, "Gas", "Argon")
        edit.set_attribute(1, "Pressure", 1e-3)
    then = datetime.now(UTC)
    with bench.edit("typing error") as edit:
        edit.set_attribute(1, "Gas", "Helium")
        edit.set_attribute(1, "Pressure", None)
    assert bench.shots().loc[1, "Gas"] == "Helium"
    assert np.isnan(bench.shots().loc[1, "Pressure"])
    assert bench.known_at(then).shots("Gas == 'Argon'").index.tolist() == [1]
    with pytest.raises(errors.InvalidValue, match="number"), bench.edit("odd") as edit:
        edit.set_attribute(1, "Gas", 3.0)
    with pytest.raises(errors.InvalidValue), bench.edit("odd") as edit:
        edit.set_attribute(1, "Pressure", float("nan"))
    with pytest.raises(errors.AttributeNotFound), bench.edit("odd") as edit:
        edit.set_attribute(1, "Gaz", "Argon")


def test_two_people_editing_the_same_wiring_at_once_wait_for_each_other(bench: gilgamesh.Database) -> None:
    failures: list[BaseException] = []

    def rewire(person: int) -> None:
        for attempt in range(12):
            try:
                with bench.edit(f"attempt {attempt}", author=f"person {person}") as edit:
                    edit.connect("Lang_U", f"PXI/ai{person % 3}", since=JANUARY + timedelta(days=attempt * 7 + person))
            except BaseException as error:
                failures.append(error)

    people = [threading.Thread(target=rewire, args=(person,)) for person in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert failures == []
    assert len(bench.sql("select * from gilgamesh.edit")) == 1 + 48
    stamps = bench.sql("select recorded_at from gilgamesh.edit order by id").recorded_at
    assert stamps.is_monotonic_increasing
    assert stamps.is_unique


def test_knowledge_is_imported_in_order_only(bench: gilgamesh.Database) -> None:
    with pytest.raises(errors.InvalidValue, match="order"), bench.edit("late import", recorded_at="2020-01-01"):
        pass
    with (
        pytest.raises(errors.InvalidValue, match="cannot be recorded"),
        bench.edit("from the future", recorded_at="2999-01-01"),
    ):
        pass


def test_a_failed_edit_leaves_nothing(bench: gilgamesh.Database) -> None:
    before = bench.sql(
        "select (select count(*) from gilgamesh.edit) as e, (select count(*) from gilgamesh.connection) as c"
    )
    with pytest.raises(ZeroDivisionError), bench.edit("fails half-way") as edit:
        edit.connect("Lang_U", "PXI/ai0")
        _ = 1 / 0
    after = bench.sql(
        "select (select count(*) from gilgamesh.edit) as e, (select count(*) from gilgamesh.connection) as c"
    )
    assert after.equals(before)


@pytest.mark.parametrize("bounds", ["()", "(]", "[]"])
def test_only_half_open_periods_are_accepted(bench: gilgamesh.Database, bounds: str) -> None:
    period = f"{bounds[0]}2025-02-01,2025-03-01{bounds[1]}"
    with pytest.raises(errors.InvalidValue, match="half-open"), bench.transaction() as connection:
        connection.execute(
            sa.text("select gilgamesh.connect('Lang_U', 'PXI/ai0', valid => cast(:p as tstzrange), reason => 'odd')"),
            {"p": period},
        )


def test_a_placement_in_use_is_not_withdrawn(bench: gilgamesh.Database) -> None:
    with bench.edit("first") as edit:
        edit.connect("Lang_I", "PXI/ai0", chain=["shunt"])
    for name in ("PXI", "shunt"):
        row = bench.sql(
            "select p.id from gilgamesh.placement p join gilgamesh.component c on c.id = p.component_id where c.name = :n",
            {"n": name},
        )
        with pytest.raises(errors.ConflictError, match="still used by 'Lang_I'"), bench.edit("odd") as edit:
            edit.withdraw("placement", int(row.id[0]))


def test_an_edit_inside_an_edit_does_not_wait_for_ever(bench: gilgamesh.Database) -> None:
    refused = pytest.raises(errors.ServerError, match="does not finish")
    with refused, bench.edit("outer"), bench.transaction() as connection:
        connection.exec_driver_sql("set local lock_timeout = '200ms'")
        connection.exec_driver_sql("select gilgamesh.begin_edit('inner')")


def test_numpy_values_are_values(bench: gilgamesh.Database) -> None:
    with bench.transaction() as connection:
        connection.exec_driver_sql("insert into gilgamesh.shot (number, started_at) values (5, '2025-02-01')")
    with bench.edit("from an array") as edit:
        edit.connect("Lang_U", "PXI/ai0", since=np.int64(5))  # type: ignore[arg-type]
        edit.set_property("shunt", "resistance", np.float32(0.5), "Ohm")  # type: ignore[arg-type]
        edit.set_property("shunt", "points", np.arange(3.0))  # type: ignore[arg-type]
    assert wiring(bench, "Lang_U")[0][1] == FEBRUARY


def test_what_every_shot_has_is_no_attribute(bench: gilgamesh.Database) -> None:
    with pytest.raises(errors.InvalidValue, match="every shot"), bench.edit("odd") as edit:
        edit.add_attribute("Status", kind="text")
