"""The table of shots page by page, and stating something of many shots at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.shot_edits import edit_shots
from gilgamesh_db.shots import PageOfShots, page_of_shots


@pytest.fixture
def lab(db: gilgamesh.Database) -> gilgamesh.Database:
    """Thirty shots with two attributes; some lack one."""
    with db.transaction() as connection:
        connection.exec_driver_sql(
            "insert into gilgamesh.shot (number, started_at, duration) "
            "select n, '2026-01-01'::timestamptz + n * interval '1 h', n / 10.0 from generate_series(1, 30) n"
        )
    with db.edit("described") as edit:
        edit.add_attribute("Gas", kind="text")
        edit.add_attribute("Power", unit="W")
        edit.add_attribute("Useful", kind="boolean")
        for shot in range(1, 31):
            if shot % 3:
                edit.set_attribute(shot, "Power", float(shot * 7 % 11))
            edit.set_attribute(shot, "Gas", "Argon" if shot % 2 else "Helium")
    return db


def page(db: gilgamesh.Database, *arguments: Any, **options: Any) -> PageOfShots:
    with db.transaction() as connection:
        return page_of_shots(connection, *arguments, **options)


@pytest.mark.parametrize("order", ["Shot", "Date", "Duration", "Program", "Status", "Gas", "Power", "Useful"])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_are_the_sorted_table_in_pieces(lab: gilgamesh.Database, order: str, descending: bool) -> None:
    condition = "Gas == 'Argon' or Shot > 20"
    whole = lab.shots(condition).reset_index()
    keys = whole[order].astype(object).where(whole[order].notna(), None).tolist()
    numbers = whole.Shot.tolist()
    there = sorted((i for i in range(len(keys)) if keys[i] is not None), key=lambda i: -numbers[i])
    expected = [numbers[i] for i in sorted(there, key=lambda i: keys[i], reverse=descending)]
    if descending:  # a stable sort that is reversed keeps equals in their order
        expected = [numbers[i] for i in sorted(sorted(there, key=lambda i: numbers[i]), key=lambda i: keys[i])][::-1]
    expected += [
        numbers[i] for i in sorted((i for i in range(len(keys)) if keys[i] is None), key=lambda i: -numbers[i])
    ]
    pieces = [page(lab, condition, order=order, descending=descending, first=i, rows=7) for i in range(0, 35, 7)]
    assert [row[0] for piece in pieces for row in piece.rows] == expected
    assert {piece.total for piece in pieces} == {len(whole)}


def test_a_page_says_what_the_table_says(lab: gilgamesh.Database) -> None:
    shown = page(lab, None, ["Power", "Gas"], rows=30)
    assert [column.name for column in shown.columns] == ["Shot", "Power", "Gas"]
    assert [(column.kind, column.unit) for column in shown.columns[1:]] == [("number", "W"), ("text", None)]
    table = lab.shots(columns=["Power", "Gas"])
    for shot, power, gas in shown.rows:
        assert gas == table.Gas[shot]
        assert power == table.Power[shot] or (power is None and np.isnan(table.Power[shot]))


def test_what_is_wrong_is_said(lab: gilgamesh.Database) -> None:
    with pytest.raises(errors.AttributeNotFound, match="Power"):
        page(lab, order="Powr")
    with pytest.raises(errors.AttributeNotFound):
        page(lab, "Gaz == 'Argon'")
    with pytest.raises(errors.ConditionError):
        page(lab, "Gas ==")
    assert page(lab, "  ").total == 30


def test_what_is_out_of_date_is_marked_and_not_shown(db18: gilgamesh.Database) -> None:
    from gilgamesh_loaders import simulator
    from gilgamesh_loaders.commit import commit

    simulator.install_testbed(db18)
    with db18.edit("a rule") as edit:
        edit.add_attribute("Top", rule="max(Lang_I)")
    commit(db18, simulator.simulate_shot(1234, duration=0.05, rate=20_000.0).plan)
    before = page(db18, None, ["Top"])
    assert before.columns[1].computed
    assert before.rows[0][1] is not None
    with db18.edit("measured again") as edit:
        edit.calibrate("shunt1", gilgamesh.Polynomial((0.0, -0.02)), "V", "A")
    after = page(db18, None, ["Top"])
    assert (after.rows[0][1], after.stale) == (None, {(1234, "Top")})


def test_many_shots_are_described_in_one_edit(lab: gilgamesh.Database) -> None:
    edit_shots(
        lab, [3, 5, 7], {"Gas": "Deuterium", "Useful": True, "Power": None, "Program": "Density limit"}, "by hand"
    )
    table = lab.shots("Gas == 'Deuterium'")
    assert table.index.tolist() == [3, 5, 7]
    assert set(table.Program) == {"Density limit"}
    assert table.Useful.all()
    assert table.Power.isna().all()
    assert len(lab.sql("select 1 from gilgamesh.edit where reason = 'by hand'")) == 1
    before = lab.sql(
        "select before ->> 'program_id' as b, after ->> 'program_id' as a from gilgamesh.amendment where kind = 'shot'"
    )
    assert before.b.tolist() == [None] * 3
    edit_shots(lab, [5], {"Program": None}, "it was not")
    assert lab.shots("Program == 'Density limit'").index.tolist() == [3, 7]
    for shots, said in (([], {"Gas": "x"}), ([3], {})):
        with pytest.raises(errors.InvalidValue, match="at least one"):
            edit_shots(lab, shots, said, "nothing")
    with pytest.raises(errors.ShotNotFound):
        edit_shots(lab, [3, 99], {"Program": "x"}, "no such shot")
    with pytest.raises(errors.UserError):
        edit_shots(lab, [3, 4], {"Gas": "Argon", "Useful": "perhaps"}, "half right")
    assert lab.shots("Gas == 'Argon'").index.tolist() == [n for n in range(1, 31, 2) if n not in (3, 5, 7)]


@pytest.mark.parametrize("said", [{"Gas": "Neon"}, {"Program": "mine"}, {"Power": None}])
def test_the_second_sees_what_the_first_said(lab: gilgamesh.Database, said: dict[str, Any]) -> None:
    seen = page(lab).edit
    edit_shots(lab, [4], {"Gas": "Xenon", "Program": "theirs", "Power": 99.0}, "the log says so", seen=seen)
    with pytest.raises(
        errors.ConflictError, match=r"said meanwhile .* of shot 4 is .(Xenon|theirs|99).*the log says so"
    ):
        edit_shots(lab, [4, 5], said, "mine", seen=seen)
    assert lab.shots().Gas[4] == "Xenon"
    edit_shots(lab, [5, 6], said, "others are free", seen=seen)
    edit_shots(lab, [4], said, "now I know", seen=page(lab).edit)


def test_a_fingerprint_changes_with_what_the_values_are_made_of(db18: gilgamesh.Database) -> None:
    from gilgamesh_loaders import simulator
    from gilgamesh_loaders.commit import commit

    simulator.install_testbed(db18)
    commit(db18, simulator.simulate_shot(1234, duration=0.05, rate=20_000.0).plan)
    with db18.edit("power of the probe") as edit:
        edit.add_signal("Lang_P", unit="W", kind="derived")
        edit.define("Lang_P", "Lang_U * Lang_I")
    names = ("Lang_I", "Lang_U", "Lang_P", "Bdot1")
    before = {name: db18.signal(name, 1234).fingerprint for name in names}
    assert len(set(before.values())) == 4
    assert before == {name: db18.signal(name, 1234).fingerprint for name in names}
    assert db18.signal("Lang_I", 1234).window(0, 0.01).fingerprint != before["Lang_I"]
    then = db18.sql("select now() as now").now[0]
    with db18.edit("measured again") as edit:
        edit.calibrate("shunt1", gilgamesh.Polynomial((0.0, -0.02)), "V", "A")
    changed = {name for name in names if db18.signal(name, 1234).fingerprint != before[name]}
    assert changed == {"Lang_I", "Lang_P"}
    assert db18.known_at(then).signal("Lang_P", 1234).fingerprint == before["Lang_P"]
    with db18.edit("another formula") as edit:
        edit.define("Lang_P", "2 * Lang_U * Lang_I")
    assert db18.signal("Lang_P", 1234).fingerprint != before["Lang_P"]
    with pytest.raises(errors.InvalidValue):
        _ = (db18.signal("Lang_I", 1234) * 2).fingerprint
