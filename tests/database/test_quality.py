"""Quality flags and the logbook."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.quality import FLAGS
from records import install, record

RAW = np.arange(1000, dtype=np.int16)


@pytest.fixture
def lab(db: gilgamesh.Database) -> gilgamesh.Database:
    port = install(db, shots=3)
    for shot in (1, 2, 3):
        record(db, shot, port, RAW)
    return db


def test_a_flag_is_said_of_a_record_or_a_window(lab: gilgamesh.Database) -> None:
    assert lab.signal("U", 1).quality.flag == "not checked"
    with lab.edit("looked at them", author="anna") as edit:
        edit.set_quality("U", "good", shots="1:3")
    before = lab.sql("select clock_timestamp() as t").t[0].to_pydatetime()
    with lab.edit("arc", author="ilya") as edit:
        edit.set_quality(["U"], "bad", shots=1, window=(0.002, 0.004))
    signal = lab.signal("Voltage", 1)
    assert signal.quality.flag == "bad"
    assert str(signal.quality).splitlines() == [
        "bad", "  -inf s to 0.002 s: good, said anna: looked at them", "  0.002 s to 0.004 s: bad, said ilya: arc",
        "  0.004 s to inf s: good, said anna: looked at them",
    ]  # fmt: skip
    assert signal.window(0.0, 0.002).quality.flag == "good"
    assert lab.signal("U", 2).quality.flag == "good"
    assert lab.known_at(before).signal("U", 1).quality.flag == "good"
    assert np.isfinite(signal.values).all()
    good = lab.signal("U", 1, quality="good")
    assert np.flatnonzero(np.isnan(good.values)).tolist() == list(range(200, 400))
    assert np.array_equal(good.raw, signal.raw)
    assert np.isnan(good.window(0.003, 0.005).values[:100]).all()
    assert np.isfinite(good.window(0.003, 0.005).values[100:]).all()
    assert np.isnan(good.envelope(10).minimum).sum() == 2
    assert np.isnan(lab.signal("U", 3, quality="good").values).all()
    assert np.isfinite(lab.signal("U", 3, quality="not bad").values).all()
    table = lab.signals("U", [1, 2], quality="good")
    np.testing.assert_array_equal(table.loc[1].U, good.values)
    assert table.loc[2].U.notna().all()
    with lab.edit("formulas") as edit:
        for name, formula in (("D", "2 * U"), ("S", "smooth(U, 3e-5)")):
            edit.add_signal(name, unit="V", kind="derived")
            edit.define(name, formula)
    table = lab.signals(["D", "S"], 1, quality="good", window=(0.001, 0.006), where="U > 0")
    assert len(table) == 300
    table = lab.signals(["D", "S"], 1, quality="good")
    np.testing.assert_array_equal(table.D, 2 * good.values)
    assert np.flatnonzero(np.isnan(table.S)).tolist() == list(range(199, 401))
    with pytest.raises(errors.InvalidValue, match="is not a quality"):
        lab.signals("U", 1, quality="fine")
    with lab.edit("never mind") as edit:
        edit.set_quality("U", "not checked", shots=[1, 2])
    assert lab.sql("select * from gilgamesh.quality").empty
    assert lab.signal("U", 1).quality.flag == "not checked"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.lists(
        st.tuples(st.integers(0, 9), st.integers(1, 9), st.sampled_from(FLAGS)).map(
            lambda x: (x[0], min(10, x[0] + x[1]), x[2])
        ),
        max_size=8,
    )
)
def test_flags_are_as_if_painted_over_each_other(db18: gilgamesh.Database, said: list[tuple[int, int, str]]) -> None:
    if db18.sql("select * from gilgamesh.shot").empty:
        record(db18, 1, install(db18), RAW)
    painted = ["not checked"] * 10
    with db18.edit("again") as edit:
        edit.set_quality("U", "not checked", shots=1)
    for since, until, flag in said:
        with db18.edit("said") as edit:
            edit.set_quality("U", flag, shots=1, window=(since, until))
        painted[since:until] = [flag] * (until - since)
    quality = db18.signal("U", 1).quality
    middle = np.arange(10) + 0.5
    for least in FLAGS:
        good = [FLAGS.index(flag) >= FLAGS.index(least) for flag in painted]
        assert quality.accepts(middle, least).tolist() == good
    assert quality.accepts(middle, "not bad").tolist() == [flag != "bad" for flag in painted]
    assert db18.signal("U", 1).window(2.0, 5.0).quality.flag == min(painted[2:5], key=FLAGS.index)


def test_flags_that_are_none(lab: gilgamesh.Database) -> None:
    for arguments, said in (
        ({"flag": "so so"}, "not a quality"), ({"flag": "bad", "window": (2.0, 1.0)}, "is empty"),
        ({"flag": "bad", "shots": 9}, "no shot 9"), ({"flag": "bad", "signals": "V"}, "no signal 'V'"),
    ):  # fmt: skip
        with pytest.raises(errors.UserError, match=said), lab.edit("x") as edit:
            edit.set_quality(**{"signals": "U", "shots": 1, **arguments})  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidValue, match="not a quality"):
        _ = lab.signal("U", 1, quality="excellent").values


def test_the_logbook_is_searched_by_words(lab: gilgamesh.Database) -> None:
    with lab.edit("logbook", author="anna") as edit:
        edit.write_log("Arcing at the cathode, stopped early", shot=1)
        edit.write_log("Gas bottle exchanged: Argon 5.0")
    with lab.edit("logbook", author="ilya") as edit:
        edit.write_log("best shot so far; probe LP-2 looks fine", shot=3)
    assert lab.log().Author.tolist() == ["anna", "anna", "ilya"]
    assert lab.log("arcs").Shot.tolist() == [1]
    assert lab.log("argon or probe -cathode").Text.str[:3].tolist() == ["Gas", "bes"]
    assert lab.log('"best shot"').Shot.tolist() == [3]
    assert lab.log("nothing of the kind").empty
    assert lab.log(shots="2:").Shot.tolist() == [3]
    entry = int(lab.log("arcs").index[0])
    before = lab.sql("select clock_timestamp() as t").t[0].to_pydatetime()
    with lab.edit("was shot 2") as edit:
        edit.strike_log(entry)
    assert lab.log("arcs").empty
    assert lab.known_at(before).log("arcs").index.tolist() == [entry]
    with pytest.raises(errors.InvalidValue, match="no entry"), lab.edit("x") as edit:
        edit.strike_log(entry)
    with pytest.raises(errors.InvalidValue, match="says nothing"), lab.edit("x") as edit:
        edit.write_log("  ", shot=1)
    with pytest.raises(errors.ShotNotFound), lab.edit("x") as edit:
        edit.write_log("what", shot=77)
