"""Attempts to make a chain whose units do not compose; every road must end at the same refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors

LINE = Polynomial([0, 2])


def install(db: gilgamesh.Database) -> None:
    with db.edit("installation") as edit:
        edit.add_component("PXI", "Digitiser")
        for channel in ("ai0", "ai1"):
            edit.add_port("PXI", channel, dtype="int16")
            edit.calibrate(f"PXI/{channel}", LINE, None, "mV")
        for item in ("divider", "shunt", "thermocouple", "spare"):
            edit.add_component(item, "Item")
        edit.calibrate("divider", LINE, "V", "V")
        edit.calibrate("shunt", LINE, "V", "mA")
        edit.calibrate("thermocouple", LINE, "mV", "deg_C")
        edit.add_signal("I", unit="A")
        edit.add_signal("T", unit="K")
        edit.connect("I", "PXI/ai0", chain=["divider", "shunt"])
        edit.connect("T", "PXI/ai1", chain=["thermocouple"])


Road = Callable[[Any], object]
ROADS: dict[str, Road] = {
    "item in between": lambda edit: edit.calibrate("divider", LINE, "V", "W", since="2026-01-01"),
    "only for a day in the past": lambda edit: edit.calibrate(
        "divider", LINE, "W", "V", since="2025-01-01", until="2025-01-02"
    ),
    "the port": lambda edit: edit.calibrate("PXI/ai0", LINE, None, "A"),
    "the last item": lambda edit: edit.calibrate("shunt", LINE, "V", "V"),
    "the wrong order": lambda edit: edit.connect("I", "PXI/ai0", chain=["shunt", "divider"]),
    "an item left out": lambda edit: edit.connect("I", "PXI/ai0", chain=["divider"]),
    "the other signal": lambda edit: edit.connect("T", "PXI/ai1", chain=["divider", "shunt"]),
    "the unit of the signal": lambda edit: edit.amend("signal", "I", unit="V"),
    "a unit that looks alike": lambda edit: edit.calibrate("shunt", LINE, "V", "1 / A"),
    "a rate for a frequency": lambda edit: edit.calibrate("shunt", LINE, "V", "A rad"),
    "counts for a pure number": lambda edit: edit.calibrate("shunt", LINE, "V", "A ct"),
}


@pytest.mark.parametrize("road", ROADS)
def test_every_road_ends_there(db18: gilgamesh.Database, road: str) -> None:
    install(db18)
    before = db18.sql("select count(*) as n from gilgamesh.edit").n[0]
    with pytest.raises(errors.UnitMismatch), db18.edit("by mistake") as edit:
        ROADS[road](edit)
    assert db18.sql("select count(*) as n from gilgamesh.edit").n[0] == before


def test_the_owner_is_refused_too(db: gilgamesh.Database) -> None:
    install(db)
    for statement in (
        "update gilgamesh.signal set unit = 'V' where name = 'I'",
        "update gilgamesh.port set unit = 'V'",
    ):
        with pytest.raises(errors.UnitMismatch), db.transaction() as connection:
            connection.exec_driver_sql(statement)


def test_what_composes_is_accepted_in_any_order(db: gilgamesh.Database) -> None:
    install(db)
    with db.edit("another kind of shunt, shown in mA") as edit:
        edit.calibrate("shunt", LINE, "V", "V", since="2026-01-01")  # does not compose yet
        edit.calibrate("spare", LINE, "V", "uA", since="2026-01-01")
        edit.connect("I", "PXI/ai0", chain=["divider", "shunt", "spare"], since="2026-01-01")
        edit.amend("signal", "I", unit="mA")
    with db.transaction() as connection:
        connection.exec_driver_sql(
            "insert into gilgamesh.shot (number, started_at) values (1, '2025-06-01'), (2, '2026-06-01')"
        )
    lines = db.sql("select gain, unit from gilgamesh.resolved_signal where signal = 'I' order by shot")
    # mV to V, and µA to mA.
    assert lines.gain.tolist() == pytest.approx([8e-3, 16e-6], rel=1e-12)
    assert set(lines.unit) == {"mA"}
    temperature = db.sql("select gain, \"offset\" from gilgamesh.resolved_signal where signal = 'T' and shot = 1")
    assert temperature.iloc[0].tolist() == pytest.approx([4.0, 273.15])


@pytest.mark.parametrize(
    ("unit", "letter"),
    [("V/Amp", "did you mean 'V / A'"), ("dBm", "logarithmic"), ("dB(mW)", "logarithmic"), ("deg_C / V", "write K"),
     ("2 V", "has a number in it"), ("quux", "is not a unit")],
)  # fmt: skip
def test_units_that_are_none(db18: gilgamesh.Database, unit: str, letter: str) -> None:
    install(db18)
    with pytest.raises(errors.InvalidValue, match=letter), db18.edit("by mistake") as edit:
        edit.calibrate("spare", LINE, unit, "V")
    with pytest.raises(errors.InvalidValue, match=letter), db18.edit("by mistake") as edit:
        edit.add_signal("New", unit=unit)
