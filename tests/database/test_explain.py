"""From a value back to the count: every step, who said so, and what was said before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

import gilgamesh_db as gilgamesh
from calibration_cases import steps
from gilgamesh_db import errors
from gilgamesh_db.calibration import Step, fit, formula, steps_to_json
from gilgamesh_db.cli import main
from gilgamesh_loaders import simulator
from gilgamesh_loaders.commit import commit

SHOTS = (1234, 1500, 1602, 1650)


@pytest.fixture(scope="module")
def lab(server: Any) -> Iterator[gilgamesh.Database]:
    """The reference testbed with four short discharges."""
    with server.database(server.template()) as url, gilgamesh.connect(url) as db:
        simulator.install_testbed(db)
        simulator.live(db)
        for shot in SHOTS:
            commit(db, simulator.simulate_shot(shot, duration=0.2, rate=20_000.0).plan)
        yield db


def test_formulas_are_written_alike(lab: gilgamesh.Database) -> None:
    @settings(max_examples=100, deadline=None)
    @given(st.lists(steps, min_size=1, max_size=4))
    def agree(chain: list[Step]) -> None:
        row = lab.reader.rows("select gilgamesh.formula(%s) as text", (Jsonb(steps_to_json(chain)),))[0]
        assert row.text == formula(chain)

    agree()


def explained(db: gilgamesh.Database, signal: str, shot: int) -> Any:
    return db.sql("select * from gilgamesh.explain(:s, :n)", {"s": signal, "n": shot})


def test_every_step_stands_in_sql(lab: gilgamesh.Database) -> None:
    rows = explained(lab, "Langmuir_U", 1500)
    assert rows.step.tolist() == [1, 2, 3, 4]
    assert rows.kind.tolist() == ["wiring", "record", "calibration", "calibration"]
    assert rows.formula.tolist()[2:] == ["0.000305176·x", "10.18·x"]
    assert rows.output_unit.tolist() == ["ct", "ct", "V", "V"]
    divider = rows.iloc[3]
    assert (divider["item"], divider.author, divider.source) == ("divider3", "ilya", "bench, 500 V supply")
    assert divider.replaced == "10·x  [V → V]"
    assert divider.replaced_author == "roman"
    assert "by its data sheet" in divider.replaced_reason
    assert divider.rule.startswith("in force at the trigger, 2025-11-")
    assert divider.covariance == [0.0, 0.0004]
    assert rows.iloc[0].replaced == "Lang_U ← PXI M6251/ai2 ← divider1"
    # As it was known before, nothing had been replaced yet.
    before = explained(lab.known_at(simulator.STORY.before_recalibration), "Lang_U", 1500).iloc[3]
    assert before.formula == "10·x"
    assert pd.isna(before.replaced)


def test_units_and_clocks_are_steps_too(lab: gilgamesh.Database) -> None:
    rows = explained(lab, "IC_Pfwd", 1602)
    assert rows.kind.tolist()[-1] == "timing"
    assert rows.iloc[-1].formula == "time = 1·recorded + 2.078 s"
    with lab.edit("shown in kW") as edit:
        edit.amend("signal", "H_Pfwd", unit="kW")
    rows = explained(lab, "H_Pfwd", 1234)
    assert rows.kind.tolist()[-1] == "unit"
    assert rows.iloc[-1].formula == "0.001·x"
    assert (rows.iloc[-1].input_unit, rows.iloc[-1].output_unit) == ("W", "kW")


def test_a_swap_says_what_was_believed(lab: gilgamesh.Database) -> None:
    wiring = explained(lab, "Lang_I", 1650).iloc[0]
    assert wiring.formula == "Lang_I ← PXI M6251/ai11 ← shunt1"
    assert wiring.replaced == "Lang_I ← PXI M6251/ai13 ← shunt1"
    assert (wiring.author, wiring.replaced_author) == ("ilya", "roman")


def test_a_hole_is_shown(lab: gilgamesh.Database) -> None:
    assert explained(lab, "Bdot3", 1234).empty
    with lab.edit("lost") as edit:
        edit.clear("calibration", "bdot_detector2", since=1650)
    rows = explained(lab, "Bdot2", 1650)
    assert rows.iloc[-1].rule == "no calibration was in force at the trigger"
    assert pd.isna(rows.iloc[-1].formula)


def test_the_text_names_everybody(lab: gilgamesh.Database) -> None:
    text = str(lab.signal("Lang_U", 1500).provenance)
    for said in (
        "10.18·x  [V → V]", ": new divider measured on the bench: 10.18, not 10", "(bench, 500 V supply)",
        "before: 10·x  [V → V], said roman", "in force since 2025-11-", "wiring", "together",
    ):  # fmt: skip
        assert said in text
    data = lab.signal("Lang_U", 1500).provenance.to_dict()
    assert data["chain"][1]["replaced"]["author"] == "roman"
    assert [step["kind"] for step in data["steps"]] == ["wiring", "record", "calibration", "calibration"]
    assert "value = " in str(lab.signal("Lang_U", 1500).to("mV").provenance)
    assert lab.signal("Lang_U", 1500).to("mV").provenance.steps[-1].formula == "1000·x"


def test_a_notebook_shows_no_foreign_code(lab: gilgamesh.Database) -> None:
    with lab.edit("<script>alert(1)</script>", author="<b>eve</b>") as edit:
        edit.calibrate("shunt2", gilgamesh.Polynomial([0, -0.01]), "V", "A", since=1650)
    shown = lab.signal("Lang_I2", 1650).provenance._repr_html_()
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert "<b>eve" not in shown
    assert "<script>" not in lab.signal("Lang_I2", 1650).at(0.1)._repr_html_()


def test_the_points_of_a_fit_come_back(lab: gilgamesh.Database) -> None:
    row = lab.reader.rows("select id from gilgamesh.calibration where fit is not null", ())[0]
    assert row.id
    x = [1.0, 2.0, 3.0, 4.0]
    measured = fit(x, [20.1, 39.9, 60.2, 79.9], "poly1")
    with lab.edit("measured again") as edit:
        edit.calibrate("divider3", measured, "V", "V", since=1602)
    step = lab.signal("Lang_U", 1602).provenance.chain[1]
    assert step.measured is not None
    assert step.measured.summary() == measured.summary()
    points = lab.sql(
        "select x, y, fitted, residual from gilgamesh.calibration_points where item = 'divider3' order by x"
    )
    assert points.x.tolist() == x
    assert np.allclose(points.residual, measured.residuals, atol=1e-12)
    assert np.allclose(points.fitted + points.residual, points.y)


def test_one_sample_from_the_byte_to_the_value(lab: gilgamesh.Database) -> None:
    signal = lab.signal("Langmuir_I", 1234)
    index = 1234
    for t in (signal.time[index], signal.time[index] + 0.4 * signal.dt, signal.time[index] - 0.4 * signal.dt):
        point = signal.at(t)
        assert (point.index, point.segment) == (index, index // signal._resolved.segment_n)
        assert point.raw == signal.raw[index]
        assert point.value == np.asarray(signal)[index]
        assert point.time == signal.time[index]
    assert point.uncertainty == pytest.approx(signal.uncertainty[index], rel=1e-12)
    assert [stage.item for stage in point.stages] == ["PXI M6251/ai12", "shunt1"]
    assert [stage.unit for stage in point.stages] == ["V", "A"]
    assert point.stages[0].value == pytest.approx(float(signal.raw[index]) * 20 / 65536)
    assert point.stages[-1].value == pytest.approx(point.value, rel=1e-14)
    assert "sample 1234 of record" in str(point)
    assert signal.provenance.at(t).to_dict() == point.to_dict()
    inside = signal.window(0.05, 0.1).at(0.0601)
    assert inside.raw == signal.raw[inside.index]
    converted = signal.to("mA").at(t)
    assert converted.value == pytest.approx(point.value * 1e3)
    assert [stage.item for stage in converted.stages] == ["PXI M6251/ai12", "shunt1", "unit"]
    irregular = lab.signal("IC_Pfwd", 1602)
    k = 3
    assert irregular.at(irregular.time[k] + 1e-4).value == np.asarray(irregular)[k]


@pytest.mark.parametrize("t", [-5.0, 1e9, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["Lang_I", "IC_Pfwd"])
def test_nothing_was_recorded_then(lab: gilgamesh.Database, name: str, t: float) -> None:
    with pytest.raises(errors.InvalidValue, match="its samples run from"):
        lab.signal(name, 1602).at(t)
    with pytest.raises(errors.NotWired):
        lab.signal("Bdot3", 1234).at(0.1)


def test_the_command_explains_a_sample(lab: gilgamesh.Database, capsys: pytest.CaptureFixture[str]) -> None:
    url = lab.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with pytest.raises(SystemExit) as left:
        main(["--url", url, "explain", "Lang_I", "1234", "--at", "0.1", "--json"])
    assert not left.value.code
    assert json.loads(capsys.readouterr().out)["index"] == 2000
    with pytest.raises(SystemExit):
        main(["--url", url, "explain", "Lang_I", "1234", "--json"])
    assert len(json.loads(capsys.readouterr().out)["chain"]) == 2
