"""Stored analyses: written whole or not at all, read like anything measured, and never silently out of date."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors
from gilgamesh_db.run import time_base
from records import install, record

RAW = (1000 * np.sin(np.linspace(0, 20, 30_000))).astype(np.int16)


@pytest.fixture
def lab(db: gilgamesh.Database) -> gilgamesh.Database:
    port = install(db, shots=3)
    for shot in (1, 2, 3):
        record(db, shot, port, RAW)
    return db


def double(db: gilgamesh.Database, shot: int, factor: float = 2.0, **more: object) -> int:
    voltage = db.signal("U", shot)
    with db.run("scaling", version="1.0", parameters={"factor": factor}, inputs=[voltage], author="anna") as r:
        r.save("U2", voltage.time, factor * voltage.values, "V", create=True, **more)  # type: ignore[arg-type]
    assert r.id is not None
    return r.id


def test_an_output_is_read_like_anything_measured(lab: gilgamesh.Database) -> None:
    run = double(lab, 1)
    voltage, doubled = lab.signal("U", 1), lab.signal("U2", 1)
    assert np.array_equal(doubled.values, 2 * voltage.values)
    assert np.array_equal(doubled.time, voltage.time)
    assert doubled.unit == "V"
    assert doubled.dt == 1e-5
    assert np.array_equal(doubled.window(0.1, 0.2).values, 2 * voltage.window(0.1, 0.2).values)
    rows = lab.sql("select value from gilgamesh.samples where signal = 'U2' and shot = 1 order by time").value
    assert np.array_equal(rows, doubled.values)
    between = lab.sql("select value from gilgamesh.samples_between('U2', 1, 0.1, 0.2)").value
    assert np.array_equal(between, doubled.window(0.1, 0.2).values)
    facts = lab.sql("select * from gilgamesh.statistics where signal = 'U2' and shot = 1").iloc[0]
    assert facts.maximum == doubled.values.max()
    assert facts["mean"] == pytest.approx(doubled.values.mean(), rel=1e-12)
    picture = doubled.envelope(100)
    assert picture.maximum.max() == doubled.values.max()
    said = str(doubled.provenance)
    assert f"{run}: scaling 1.0(factor = 2.0)" in said
    assert "from    U of shot 1" in said
    assert "anna" in said
    table = lab.runs("U2")
    assert table.loc[run, ["Method", "Shot", "Signals", "Author"]].tolist() == ["scaling", 1, ["U2"], "anna"]
    assert table.UpToDate.tolist() == [True]


def test_the_latest_run_is_read_and_earlier_ones_stay(lab: gilgamesh.Database) -> None:
    first = double(lab, 1)
    between = lab.sql("select clock_timestamp() as t").t[0].to_pydatetime()
    second = double(lab, 1, factor=3.0)
    voltage = lab.signal("U", 1).values
    assert np.array_equal(lab.signal("U2", 1).values, 3 * voltage)
    assert np.array_equal(lab.signal("U2", 1, run=first).values, 2 * voltage)
    assert np.array_equal(lab.signal("U2", 1, run=second).values, 3 * voltage)
    assert np.array_equal(lab.known_at(between).signal("U2", 1).values, 2 * voltage)
    assert lab.runs(shot=1).Superseded.tolist() == [True, False]
    with pytest.raises(errors.ShotNotFound, match="saved no 'U2' in shot 2"):
        lab.signal("U2", 2, run=first)
    with pytest.raises(errors.ShotNotFound, match="no run 999"):
        lab.signal("U2", 1, run=999)
    with pytest.raises(errors.SamplesNotFound, match="not computed in shot 2"):
        _ = lab.signal("U2", 2).values
    with pytest.raises(errors.SamplesNotFound, match="no run has saved it"):
        lab.sql("select * from gilgamesh.samples_between('U2', 2, 0, 1)")


def test_a_failure_inside_leaves_nothing(lab: gilgamesh.Database) -> None:
    voltage = lab.signal("U", 1)
    with pytest.raises(ZeroDivisionError), lab.run("bad", version="1", inputs=[voltage]) as r:
        r.save("U2", voltage.time, voltage.values, "V", create=True)
        1 / 0  # noqa: B018
    with pytest.raises(errors.SignalNotFound, match="create=True"), lab.run("bad", version="1", inputs=[voltage]) as r:
        r.save("U2", voltage.time, voltage.values, "V", create=True)
        r.save("U3", voltage.time, voltage.values, "V")
    with (
        pytest.raises(errors.InvalidValue, match="not a processed signal"),
        lab.run("b", version="1", inputs=[voltage]) as r,
    ):
        r.save("U2", voltage.time, voltage.values, "V", create=True)
        r.save("U", voltage.time, voltage.values, "V")
    counts = "select (select count(*) from gilgamesh.run) as runs, (select count(*) from gilgamesh.series) as series, (select count(*) from gilgamesh.signal) as signals"
    assert lab.sql(counts).iloc[0].tolist() == [0, 3, 2]


def test_units_uncertainty_and_irregular_times(lab: gilgamesh.Database) -> None:
    voltage = lab.signal("U", 1)
    double(lab, 1)
    time, values = np.array([0.0, 0.1, 0.5]), np.array([1.0, np.nan, 3.0])
    with lab.run("fit", version="2", inputs=[voltage]) as r:
        r.save("U2", time, values, "kV", uncertainty=[0.1, 0.2, 0.3])
    read = lab.signal("U2", 1)
    assert np.array_equal(read.time, time)
    assert read.dt is None
    assert np.array_equal(read.values, 1000 * values, equal_nan=True)
    assert np.allclose(lab.signal("U2_uncertainty", 1).values, [100, 200, 300], rtol=1e-15)
    beside = lab.sql(
        "select u.name from gilgamesh.signal u join gilgamesh.signal s on s.id = u.uncertainty_of where s.name = 'U2'"
    )
    assert beside.name.tolist() == ["U2_uncertainty"]
    with pytest.raises(errors.UnitMismatch, match="cannot become"), lab.run("fit", version="2", inputs=[voltage]) as r:
        r.save("U2", time, values, "A")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(([0, 1], [1.0], "V"), "shape"), (([], [], "V"), "no samples"), (([1, 0], [1, 2], "V"), "backwards"),
     (([0, np.nan], [1, 2], "V"), "not a number"), (([0, 1], [1, 2], "wat"), "wat"), (([0, 1], [1, 2], "V", [1, -1]), "negative")],
)  # fmt: skip
def test_outputs_that_are_none(lab: gilgamesh.Database, arguments: tuple[object, ...], said: str) -> None:
    with pytest.raises(errors.InvalidValue, match=said), lab.run("x", version="1", inputs=[lab.signal("U", 1)]) as r:
        r.save("U2", *arguments, create=True)  # type: ignore[arg-type]


def test_runs_that_are_none(lab: gilgamesh.Database) -> None:
    voltage = lab.signal("U", 1)
    with pytest.raises(errors.InvalidValue, match="saved nothing"), lab.run("x", version="1", inputs=[voltage]):
        pass
    with (
        pytest.raises(errors.InvalidValue, match="of 2 shots"),
        lab.run("x", version="1", inputs=[voltage, lab.signal("U", 2)]),
    ):
        pass
    with (
        pytest.raises(errors.InvalidValue, match="cannot be stored"),
        lab.run("x", version="1", inputs=[voltage], parameters={"f": len}),
    ):
        pass
    with pytest.raises(errors.NotWired), lab.run("x", version="1", inputs=[lab.signal("P", 1)]):
        pass
    with pytest.raises(errors.InvalidValue, match="not a signal"), lab.run("x", version="1", inputs=["U"]):  # type: ignore[list-item]
        pass
    double(lab, 1)
    with (
        pytest.raises(errors.InvalidValue, match="saved 'U2' already"),
        lab.run("x", version="1", inputs=[voltage]) as r,
    ):
        r.save("U2", [0, 1], [1, 2], "V")
        r.save("U2", [0, 1], [1, 2], "V")


def test_a_recalibration_makes_runs_out_of_date(lab: gilgamesh.Database) -> None:
    run = double(lab, 1)
    second = lab.signal("U2", 1)
    with lab.run("squaring", version="1", inputs=[second]) as r:
        r.save("U4", second.time, second.values**2, "V", create=True)
    # Another period: the row is split, but what applied to the shot is what it was.
    with lab.edit("a calibration of later") as edit:
        edit.calibrate("PXI/ai0", Polynomial((0.0, 0.002)), "ct", "V", since="2026-01-01")
    assert lab.runs().UpToDate.tolist() == [True, True]
    assert lab.signal("U2", 1).out_of_date is None
    with lab.edit("the divider was wrong") as edit:
        edit.calibrate("PXI/ai0", Polynomial((0.0, 0.002)), "ct", "V")
    table = lab.runs()
    assert table.UpToDate.tolist() == [False, False]
    assert table.Reason[run] == "U of shot 1 has other calibrations"
    assert "U2 of shot 1 is out of date" in table.Reason[r.id]
    with pytest.warns(errors.OutOfDate, match="other calibrations"):
        _ = lab.signal("U2", 1).values
    assert "OUT OF DATE" in str(lab.signal("U2", 1).provenance)
    # Computed again, the first is up to date; what was made of the old one is not.
    again = double(lab, 1)
    assert lab.runs().UpToDate.to_dict() == {run: False, r.id: False, again: True}
    assert f"again by run {again}" in lab.runs().Reason[r.id]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(lab.signal("U2", 1).values, 2 * lab.signal("U", 1).values)


def test_a_correction_of_the_clock_makes_runs_out_of_date(lab: gilgamesh.Database) -> None:
    double(lab, 1)
    with lab.edit("late") as edit:
        edit.set_timing("PXI", start_offset=2.0)
    assert lab.runs().Reason.tolist() == ["the clock of PXI in shot 1 was corrected"]
    with lab.edit("no") as edit:
        edit.set_timing("PXI", start_offset=0.0)
    assert lab.runs().UpToDate.tolist() == [True]


def test_a_stored_run_is_closed(lab: gilgamesh.Database) -> None:
    run = double(lab, 1)
    with pytest.raises(errors.ConflictError, match="finished and never changes"), lab.transaction() as connection:
        connection.exec_driver_sql(
            "select gilgamesh.open_series(1, 'float64', 0, 1, 4096, null, (select id from gilgamesh.signal where name = 'U2'), %s)",
            (run,),
        )
    with pytest.raises(errors.ConflictError, match="not being written"), lab.transaction() as connection:
        connection.exec_driver_sql("select gilgamesh.finish_run(%s)", (run,))


@given(st.floats(-10, 10), st.floats(1e-7, 1), st.integers(2, 3000))
def test_an_even_time_base_is_found_and_gives_the_same_times(start: float, dt: float, n: int) -> None:
    time = start + np.arange(n) * dt
    base = time_base(time)
    again = base["times"] if "times" in base else base["start"] + np.arange(n) * base["dt"]
    assert np.abs(again - time).max() <= 4 * np.spacing(np.abs(time).max())


def test_a_processed_signal_keeps_its_unit(lab: gilgamesh.Database) -> None:
    double(lab, 1)
    with pytest.raises(errors.ConflictError, match="keeps its kind and unit"), lab.transaction() as connection:
        connection.exec_driver_sql("update gilgamesh.signal set unit = 'mV' where name = 'U2'")
