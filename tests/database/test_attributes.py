"""Attributes computed from signals: at load, stale with the edit that changes them, and never silently."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, PowerOfTen, errors
from gilgamesh_db.attributes import compute_at_load
from records import install, install_two_rates, record

RAW = (1000 * np.sin(np.linspace(0, 20, 30_000))).astype(np.int16)
RULES = {
    "TopU": "max(U)", "LowU": "min(Voltage)", "MeanU": "mean(U, 0.05, 0.1)", "RmsU": "rms(U)",
    "AtU": "at(U, 0.1)", "AboveU": "duration_above(U, '500 mV')", "FirstU": "first(U, window=(0.2, 0.21))",
}  # fmt: skip


@pytest.fixture
def lab(db: gilgamesh.Database) -> gilgamesh.Database:
    port = install(db, shots=3)
    for shot in (1, 2, 3):
        record(db, shot, port, RAW + np.int16(shot))
    with db.edit("rules") as edit:
        for name, rule in RULES.items():
            edit.add_attribute(name, rule=rule, unit="mV" if name != "AboveU" else "ms")
    return db


@pytest.fixture
def own_two(db: gilgamesh.Database) -> gilgamesh.Database:
    """Two signals at two rates, and formulas over them."""
    install_two_rates(db)
    with db.edit("formulas") as edit:
        for name, unit in (("Power", "mW"), ("Twice", "W"), ("Empty", "V")):
            edit.add_signal(name, unit=unit, kind="derived", aliases=[f"{name}_alias"])
        edit.define("Power", "U * I")
        edit.define("Twice", "2 * Power_alias")
    return db


def expected(db: gilgamesh.Database, shot: int) -> dict[str, float]:
    signal = db.signal("U", shot)
    v, t = 1000 * signal.values, signal.time
    return {
        "TopU": v.max(), "LowU": v.min(), "MeanU": v[5000:10_000].mean(), "RmsU": np.sqrt(np.mean(v**2)),
        "AtU": v[10_000], "AboveU": np.count_nonzero(v > 500) * 1e-2, "FirstU": v[np.flatnonzero(t >= 0.2)[0]],
    }  # fmt: skip


def test_refresh_computes_what_is_missing(lab: gilgamesh.Database) -> None:
    assert lab.shots().TopU.isna().all()
    plan = lab.refresh(dry_run=True)
    assert plan.attributes == {name: [1, 2, 3] for name in RULES}
    assert lab.shots().TopU.isna().all()
    steps: list[tuple[int, int]] = []
    lab.refresh(progress=lambda done, of: steps.append((done, of)))
    assert steps[-1] == (7, 7)
    for shot in (1, 2, 3):
        assert lab.shots().loc[shot, list(RULES)].to_dict() == pytest.approx(expected(lab, shot), rel=1e-9)
    assert str(lab.refresh()) == "everything is up to date"
    assert lab.shots("AtU > 0").index.tolist() == lab.shots().index[lab.shots().AtU > 0].tolist()


def test_values_come_with_the_load(lab: gilgamesh.Database) -> None:
    with lab.transaction() as connection:
        compute_at_load(lab, connection, 2)
    assert lab.shots("TopU > 0").index.tolist() == [2]
    assert lab.shots().loc[2, list(RULES)].to_dict() == pytest.approx(expected(lab, 2), rel=1e-9)


def test_the_edit_that_changes_an_input_marks_it(lab: gilgamesh.Database) -> None:
    lab.refresh()
    before = lab.shots()
    now = lab.sql("select clock_timestamp() as t").t[0].to_pydatetime()
    with lab.edit("of later, and said again") as edit:
        edit.calibrate("PXI/ai0", Polynomial((0.0, 5.0)), "ct", "V", since="2026-01-01")
        edit.calibrate("PXI/ai0", Polynomial((0.25, 0.001)), "ct", "V", since="2024-01-01", until="2026-01-01")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lab.shots().equals(before)
    with lab.edit("wrong by a factor") as edit:
        edit.calibrate("PXI/ai0", Polynomial((0.25, 0.002)), "ct", "V")
    with pytest.warns(errors.OutOfDate, match=r"TopU \(3 shots\)"):
        table = lab.shots()
    assert table.TopU.isna().all()
    assert table.attrs["stale"]["TopU"] == [1, 2, 3]
    with pytest.warns(errors.OutOfDate), warnings.catch_warnings():
        assert lab.shots("TopU > 0", columns=["Date"]).empty
    assert lab.shots("TopU > 0", stale="show").TopU.equals(before.TopU)
    view = lab.sql("select attributes ? 'TopU' as there, stale from gilgamesh.shots where shot = 1").iloc[0]
    assert not view.there
    assert "TopU" in view.stale
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lab.known_at(now).shots().TopU.equals(before.TopU)
    done = lab.refresh("2:")
    assert done.attributes["TopU"] == [2, 3]
    with pytest.warns(errors.OutOfDate, match=r"TopU \(1 shots\)"):
        assert lab.shots().TopU[2] == pytest.approx(expected(lab, 2)["TopU"], rel=1e-12)
    # Every value knows what it was computed from, and who asked at what time still gets the old one.
    read = lab.sql(
        "select i.calibrations = r.calibrations as same, i.series_id = r.series_id as record from gilgamesh.attribute_input i "
        "join gilgamesh.attribute_value v on v.id = i.value_id and upper_inf(v.recorded) and not v.stale "
        "join gilgamesh.resolved_signal r on r.signal_id = i.signal_id and r.shot = i.shot where v.shot = 2"
    )
    assert len(read) == 7
    assert read.all().all()
    assert lab.known_at(now).shots().TopU.equals(before.TopU)


def test_what_cannot_be_computed_any_more_has_no_value(lab: gilgamesh.Database) -> None:
    lab.refresh()
    with lab.edit("not plugged in") as edit:
        edit.disconnect("U")
    with pytest.warns(errors.OutOfDate):
        lab.shots()
    lab.refresh()
    assert lab.shots().TopU.isna().all()
    assert str(lab.refresh()) == "everything is up to date"
    with lab.edit("it was") as edit:
        edit.connect("U", "PXI/ai0", chain=["detector"])
        edit.calibrate("detector", Polynomial((0.0, 1.0)), "V", "V")
    lab.refresh()
    assert lab.shots().TopU.notna().all()


def test_a_chain_that_is_no_line(lab: gilgamesh.Database) -> None:
    with lab.edit("power") as edit:
        edit.disconnect("U")
        edit.connect("P", "PXI/ai0", chain=["detector"])
        edit.add_attribute("TopP", rule="max(P)", unit="W")
    lab.refresh()
    assert lab.shots().TopP[1] == pytest.approx(lab.signal("P", 1).values.max() / 1000, rel=1e-12)


def test_attributes_of_a_run_follow_its_inputs(lab: gilgamesh.Database) -> None:
    @gilgamesh.method("doubling", version="1", inputs=["U"])
    def doubling(run, voltage, *, factor):  # type: ignore[no-untyped-def]
        run.save("U2", voltage.time, factor * voltage.values, "V", create=True)

    first = doubling.run(lab, 1, factor=2.0)
    with lab.edit("of the run") as edit:
        edit.add_attribute("TopU2", rule="max(U2)")
    lab.refresh()
    top = lab.shots().TopU2[1]
    with lab.edit("wrong by a factor") as edit:
        edit.calibrate("PXI/ai0", Polynomial((0.5, 0.002)), "ct", "V")
    with pytest.warns(errors.OutOfDate, match="TopU2"):
        assert np.isnan(lab.shots().TopU2[1])
    assert lab.refresh(dry_run=True).runs == [(first, "doubling", 1)]
    done = lab.refresh()
    assert done.runs == [(first, "doubling", 1)]
    assert lab.shots().TopU2[1] == pytest.approx(2 * top, rel=1e-12)
    assert lab.runs("U2").Superseded.tolist() == [True, False]
    assert lab.runs("U2").UpToDate.tolist() == [False, True]


def test_a_run_of_a_method_nobody_knows_is_named(lab: gilgamesh.Database) -> None:
    voltage = lab.signal("U", 1)
    with lab.run("by-hand", version="1", inputs=[voltage]) as r:
        r.save("U3", voltage.time, voltage.values, "V", create=True)
    with lab.edit("wrong") as edit:
        edit.calibrate("PXI/ai0", Polynomial((0.5, 0.002)), "ct", "V")
    assert "no method 'by-hand' is known here" in str(lab.refresh())


@pytest.mark.parametrize(
    ("rule", "said"),
    [("max(", "cannot be read"), ("max", "not a rule"), ("maximum(U)", "did you mean 'max'"), ("max(3)", "name of a signal"),
     ("max(V)", "no signal 'V'"), ("max(U - V)", "no signal 'V'"), ("max(U + P)", "has no meaning"), ("max(U > 0)", "is a condition"), ("at(U)", "lacks its instant"), ("mean(U, 2, 1)", "no such window"), ("mean(U, 1)", "no such window"),
     ("mean(U, 'a', 1)", "not a number"), ("duration_above(U, '3 A')", "cannot become"), ("max(U, wide=3)", "no rule takes"),
     ("__import__('os').system('x')", "not a rule"), ("max(U, 1e999, 2)", "not a finite"), ("duration_above(U, 'x V')", "not a number with its unit")],
)  # fmt: skip
def test_rules_that_are_none(lab: gilgamesh.Database, rule: str, said: str) -> None:
    with pytest.raises(errors.UserError, match=said), lab.edit("bad") as edit:
        edit.add_attribute("Bad", rule=rule)


def test_a_computed_value_cannot_be_stated(lab: gilgamesh.Database) -> None:
    with pytest.raises(errors.InvalidValue, match="is computed: max"), lab.edit("by hand") as edit:
        edit.set_attribute(1, "TopU", 3.0)
    with pytest.raises(errors.UnitMismatch), lab.edit("bad") as edit:
        edit.add_attribute("Bad", rule="max(U)", unit="A")


def test_many_shots_are_stated_at_once(lab: gilgamesh.Database) -> None:
    with lab.edit("bottle changed", author="anna") as edit:
        edit.add_attribute("Gas", kind="text")
        edit.set_attributes("Gas", "Argon", shots="1:3")
        edit.set_attributes("Gas", "Helium", shots=-1)
    assert lab.shots(columns=["Gas"]).Gas.tolist() == ["Argon", "Argon", "Helium"]
    for shots, said in (
        ("5:9", "no shot in"),
        ("x", "does not name shots"),
        (99, "no shot 99"),
        ([], "no shot is asked for"),
    ):
        with pytest.raises(errors.UserError, match=said), lab.edit("x") as edit:
            edit.set_attributes("Gas", "Argon", shots=shots)  # type: ignore[arg-type]
    assert lab.shot_numbers("-2:") == [2, 3]
    assert lab.shot_numbers("1, 3") == [1, 3]
    assert lab.shot_numbers(slice(2, None)) == [2, 3]


def test_a_thousand_shots_are_marked_quickly(db18: gilgamesh.Database) -> None:
    port = install(db18, shots=1000)
    for shot in range(1, 1001):
        record(db18, shot, port, RAW[:100])
    with db18.edit("rules") as edit:
        edit.add_attribute("TopU", rule="max(U)")
    db18.refresh()
    start = time.perf_counter()
    with db18.edit("wrong by a factor") as edit:
        edit.calibrate("PXI/ai0", (Polynomial((0.25, 0.002)), PowerOfTen()), "ct", "V")
    took = time.perf_counter() - start
    assert db18.sql("select count(*) as n from gilgamesh.attribute_value where stale").n[0] == 1000
    print(f"marked 1000 in {took:.2f} s")
    assert took < 8


def test_rules_take_formulas(own_two: gilgamesh.Database) -> None:
    db = own_two
    with db.edit("rules") as edit:
        edit.add_attribute("TopPower", rule="max(Power_alias)")
        edit.add_attribute("MeanTwice", rule="mean(Twice - 2 * Power, 0.1, 0.4)", unit="nW")
        edit.add_attribute("LongPower", rule="duration_above(abs(U) * I, '500 mW')", unit="ms")
        edit.add_attribute("AtCharge", rule="at(integral(I) / quantity(2, 's'), 0.5)", unit="mA")
    rules = db.sql("select name, rule, unit from gilgamesh.attribute order by name").set_index("name")
    assert rules.rule["TopPower"] == "max(Power)"
    assert rules.unit["TopPower"] == "mW"
    assert db.refresh("1:3").attributes == {name: [1, 2] for name in sorted(rules.index)}
    table = db.shots()
    for shot in (1, 2):
        voltage, current = db.signal("U", shot), db.signal("I", shot)
        power = voltage.values * np.repeat(current.values, 2)
        assert table.TopPower[shot] == pytest.approx(1e3 * power.max(), rel=1e-12)
        assert table.MeanTwice[shot] == pytest.approx(0.0, abs=1e-3)
        assert table.LongPower[shot] == np.count_nonzero(np.abs(power) > 0.5)
        half = current.time <= 0.5
        area = np.trapezoid(current.values[half], current.time[half])
        assert table.AtCharge[shot] == pytest.approx(1e3 * area / 2, rel=1e-9)
    # What a value stands on: the formulas, and the records behind them.
    read = db.sql(
        "select a.name, s.name as signal, i.definition_id is not null as formula from gilgamesh.attribute_input i "
        "join gilgamesh.attribute_value v on v.id = i.value_id join gilgamesh.attribute a on a.id = v.attribute_id "
        "join gilgamesh.signal s on s.id = i.signal_id where v.shot = 1 order by 1, 2"
    )
    assert read[read.name == "TopPower"][["signal", "formula"]].to_numpy().tolist() == [
        ["I", False],
        ["Power", True],
        ["U", False],
    ]
    assert read[read.name == "MeanTwice"].signal.tolist() == ["I", "Power", "Twice", "U"]
    assert read[read.name == "LongPower"].signal.tolist() == ["I", "U"]
    lineage = db.sql(
        "select distinct name from gilgamesh.lineage where kind = 'attribute' and signal = 'Power' and input_shot = 1 order by 1"
    )
    assert lineage.name.tolist() == ["MeanTwice", "TopPower"]
    assert str(db.refresh("1:3")) == "everything is up to date"


def test_another_formula_marks_what_was_computed_by_the_old_one(own_two: gilgamesh.Database) -> None:
    db = own_two
    with db.edit("rules") as edit:
        edit.add_attribute("TopTwice", rule="max(Twice)")
        edit.add_attribute("TopI", rule="max(-I)")
    db.refresh()
    before = db.shots()
    with db.run("copy", version="1", inputs=[db.signal("Twice", 1).window(0.0, 0.5)]) as r:
        part = db.signal("Twice", 1)
        r.save("Twice_copy", part.time, part.values, "W", create=True)
    assert db.runs("Twice_copy").UpToDate.tolist() == [True]
    with db.edit("said again") as edit:
        edit.define("Power", "U * I")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert db.shots().equals(before)
    with db.edit("sign") as edit:
        edit.define("Power", "3 * U * I")
    assert db.runs("Twice_copy").Reason.tolist() == ["Power is 3 * U * I, no longer U * I"]
    with pytest.warns(errors.OutOfDate, match=r"TopTwice \(3 shots\)"):
        table = db.shots()
    assert table.TopI.equals(before.TopI)
    assert "TopI" not in table.attrs["stale"]
    assert db.refresh().attributes == {"TopTwice": [1, 2, 5]}
    assert db.shots().TopTwice[1] == pytest.approx(3 * before.TopTwice[1], rel=1e-12)
    # The calibration behind a formula of a formula.
    with db.edit("gain") as edit:
        edit.calibrate("PXI/ai1", Polynomial((0.0, 4.0)), "ct", "mA")
    assert db.refresh().attributes == {"TopI": [1, 2, 5], "TopTwice": [1, 2, 5]}
    assert db.shots().TopTwice[1] == pytest.approx(6 * before.TopTwice[1], rel=1e-12)
    # Wiring: what cannot be read has no value any more, and comes back with the wire.
    with db.edit("unplugged") as edit:
        edit.disconnect("I")
    db.refresh()
    assert db.shots().TopTwice.isna().all()
    assert db.refresh().attributes == {}
    with db.edit("plugged") as edit:
        edit.connect("I", "PXI/ai1")
    assert db.refresh().attributes == {"TopI": [1, 2, 5], "TopTwice": [1, 2, 5]}


def test_formulas_are_reduced(own_two: gilgamesh.Database) -> None:
    db = own_two
    found = db.reduce({"p": "max(U * I)", "d": "max(Power)"}, [1, 2])
    assert (1e3 * found.p).to_numpy() == pytest.approx(found.d.to_numpy(), rel=1e-12)
    assert db.reduce("Voltage * I", [1, 2], "max")["Voltage * I"].equals(found.p.rename("Voltage * I"))
    assert db.reduce(["Power"], [1], lambda signal: signal.values.max()).Power[1] == pytest.approx(
        found.d[1], rel=1e-12
    )
    assert db.reduce("Empty", [1], "max", missing="nan").Empty.isna().all()
    with pytest.raises(errors.SignalNotFound, match="no signal 'W'"):
        db.reduce("U * W", [1], "max")
    with pytest.raises(errors.FormulaError, match="names no signal"):
        db.reduce("3", [1], lambda signal: 0.0)
