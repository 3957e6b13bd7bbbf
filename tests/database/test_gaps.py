"""What is missing is listed, by shot and signal, with words that say what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors
from gilgamesh_db.writer import write_series

START = datetime(2025, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


@pytest.fixture
def bench(db: gilgamesh.Database) -> gilgamesh.Database:
    """Two devices, two signals, ten shots on ten days; all is well."""
    with db.edit("installation") as edit:
        edit.add_component("shunt", "Shunt")
        edit.calibrate("shunt", Polynomial((0.0, -0.01)), "V", "A", since=day(0))
        for device in ("PXI", "Scope"):
            edit.add_component(device, "Digitiser")
            for channel in ("0", "1"):
                edit.add_port(device, channel, dtype="int16")
                edit.calibrate(f"{device}/{channel}", Polynomial((0.0, 1.0)), "ct", "V", since=day(0))
        edit.add_signal("I", unit="A", aliases=["Current"], plausible=(-1.0, 1.0))
        edit.add_signal("U", unit="V")
        edit.connect("I", "PXI/0", chain=["shunt"], since=day(0))
        edit.connect("U", "Scope/0", since=day(0))
    ports = db.sql("select port, gilgamesh.port_named(port) as id from gilgamesh.ports").set_index("port").id
    with db.transaction() as connection:
        for shot in range(1, 11):
            connection.execute(
                sa.text("insert into gilgamesh.shot (number, started_at) values (:n, :t)"), {"n": shot, "t": day(shot)}
            )
    with db.transaction() as connection:
        raw = connection.connection.dbapi_connection
        for shot in range(1, 11):
            for port in ("PXI/0", "Scope/0"):
                write_series(raw, shot, np.full(8, shot * 10, np.int16), start=0.0, dt=1e-3, port_id=int(ports[port]))  # type: ignore[arg-type]
    return db


def found(db: gilgamesh.Database, **which: int | str) -> list[tuple[int, str | None, str, str]]:
    table = db.gaps(**which)  # type: ignore[arg-type]
    return [(r.shot, r.signal if isinstance(r.signal, str) else None, r.gap, r.detail) for r in table.itertuples()]


def test_nothing_is_missing(bench: gilgamesh.Database) -> None:
    assert found(bench) == []


def test_wiring_and_calibrations_that_are_missing(bench: gilgamesh.Database) -> None:
    with bench.edit("holes") as edit:
        edit.disconnect("U", since=day(3), until=day(4))
        edit.clear("calibration", "shunt", since=day(6), until=day(8))
        edit.clear("calibration", "PXI/0", since=day(7), until=day(8))
    assert found(bench) == [
        (3, None, "not wired", "8 samples, but no signal was wired to Scope/0 then"),
        (6, "I", "not calibrated", "no calibration of 'shunt' then"),
        (7, "I", "not calibrated", "no calibration of 'PXI/0' and 'shunt' then"),
    ]
    assert found(bench, signal="U") == []
    assert [row[0] for row in found(bench, signal="Current")][:2] == [6, 7]
    assert [row[2] for row in found(bench.known_at(bench_moment(bench)), shot=6)] == []
    with pytest.raises(errors.SignalNotFound, match="no signal 'Curent'; did you mean 'Current'"):
        bench.gaps(signal="Curent")


def bench_moment(db: gilgamesh.Database) -> datetime:
    moment: datetime = db.sql("select min(recorded_at) as t from gilgamesh.edit").t[0].to_pydatetime()
    return moment


def test_devices_that_were_missing_and_exceptions(bench: gilgamesh.Database) -> None:
    with bench.edit("more") as edit:
        edit.add_component("Logger", "Digitiser")
        edit.add_port("Logger", "0", dtype="int16")
        edit.calibrate("Logger/0", Polynomial((0.0, 1.0)), "ct", "V")
        edit.add_signal("L", unit="V")
        edit.connect("L", "Logger/0", since=day(9))
        edit.add_signal("U2", unit="V")
        edit.connect("U2", "Scope/1", since=day(10))
    assert found(bench) == [
        (9, "L", "device missing", "Logger recorded nothing in this shot"),
        (10, "L", "device missing", "Logger recorded nothing in this shot"),
        (10, "U2", "no samples", "no samples of Scope/1 are stored: it recorded nothing, or they were released"),
    ]
    with bench.edit("in repair on the tenth day; the second channel is slow") as edit:
        edit.set_property("Logger", "expected", False, since=10)
        edit.set_property("Scope/1", "expected", False)
    assert [row[:3] for row in found(bench)] == [(9, "L", "device missing")]


def test_a_shot_without_any_samples_says_so(bench: gilgamesh.Database) -> None:
    with bench.transaction() as connection:
        connection.execute(sa.text("insert into gilgamesh.shot (number, started_at) values (11, :t)"), {"t": day(11)})
    assert found(bench) == [
        (11, name, "no samples", "nothing was stored of this shot, or its samples were released") for name in ("I", "U")
    ]


def test_calibrations_grow_old_by_the_day_they_were_made(bench: gilgamesh.Database) -> None:
    with bench.edit("intervals") as edit:
        edit.set_property("shunt", "recalibrate after", 6, "d")
        edit.set_property("Scope", "recalibrate after", 9 * 24, "h")  # a device speaks for its ports
    assert found(bench) == [
        *((shot, "I", "calibration overdue", "calibration of 'shunt' (of 2025-01-01, to be repeated after 6 days)")
          for shot in (6, 7, 8, 9)),
        (9, "U", "calibration overdue", "calibration of 'Scope/0' (of 2025-01-01, to be repeated after 9 days)"),
        (10, "I", "calibration overdue", "calibration of 'shunt' (of 2025-01-01, to be repeated after 6 days)"),
        (10, "U", "calibration overdue", "calibration of 'Scope/0' (of 2025-01-01, to be repeated after 9 days)"),
    ]  # fmt: skip
    with bench.edit("checked; a correction of one day does not make it young") as edit:
        edit.calibrate("shunt", Polynomial((0.0, -0.011)), "V", "A", since=day(3), until=day(4))
        edit.calibrate("shunt", Polynomial((0.0, -0.01)), "V", "A", since=day(9))
    assert [row[0] for row in found(bench, signal="I") if row[2] == "calibration overdue"] == [6, 7, 8]


def test_values_outside_the_plausible_range(bench: gilgamesh.Database) -> None:
    with bench.edit("another shunt") as edit:
        edit.calibrate("shunt", Polynomial((0.0, -0.0126)), "V", "A", since=day(8))
    said = "believed to stay between -1 and 1"
    assert found(bench, signal="I") == [
        (shot, "I", "implausible", f"{value} to {value} A, {said}")
        for shot, value in ((8, -1.008), (9, -1.134), (10, -1.26))
    ]
    assert found(bench, shot=8) == [(8, "I", "implausible", f"-1.008 to -1.008 A, {said}")]
    assert found(bench, shot=7) == []


def test_what_an_older_software_let_in_is_shown(bench: gilgamesh.Database) -> None:
    """An item that was not there: refused today, so it is laid with the guards off."""
    with bench.transaction() as connection:
        connection.exec_driver_sql("alter table gilgamesh.placement disable trigger user")
        connection.exec_driver_sql(
            "update gilgamesh.placement set valid = tstzrange('2025-01-03Z', null) "
            "where component_id = gilgamesh.component_named('shunt')"
        )
        connection.exec_driver_sql("alter table gilgamesh.placement enable trigger user")
    assert found(bench) == [(1, "I", "not there", "'shunt' was not in the testbed then")]


def test_a_history_without_holes_costs_nothing_per_shot(bench: gilgamesh.Database) -> None:
    """The calibrations are not looked up shot by shot: a thousand more shots add no more lookups."""

    def lookups() -> int:
        with bench.transaction() as connection:
            plan = connection.exec_driver_sql(
                "explain (analyze, format json) select * from gilgamesh.gaps"
            ).scalar_one()
            assert "calibration" in str(plan)
        return sum(loops(node) for node in (plan[0]["Plan"],))

    before = lookups()
    with bench.transaction() as connection:
        connection.exec_driver_sql("insert into gilgamesh.shot (number, started_at) "
                                   "select 1000 + g, '2025-02-01Z'::timestamptz + g * interval '1 minute' from generate_series(1, 1000) g")  # fmt: skip
    assert lookups() == before


def loops(node: dict[str, object]) -> int:
    """How often the table of calibrations was entered."""
    inside = sum(loops(part) for part in node.get("Plans", []))  # type: ignore[attr-defined]
    return inside + (int(node["Actual Loops"]) if node.get("Relation Name") == "calibration" else 0)  # type: ignore[call-overload]
