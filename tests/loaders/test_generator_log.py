"""The generator's log: pulses find their shots however wrong the clock is, and what has no partner is named."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors
from gilgamesh_loaders.generator import generator
from gilgamesh_loaders.generator_log import pulses, read_log
from gilgamesh_loaders.matched_log import match_log
from gilgamesh_loaders.pulse_matching import match
from gilgamesh_loaders.simulator.generator_log import Clock, write_generator_log

BEGAN = datetime(2026, 3, 2, 8, tzinfo=UTC)
LEAD = 0.445  # s; the simulated log begins so long before the trigger
SHOTS = [(100 + k, BEGAN + timedelta(seconds=float(at)))
         for k, at in enumerate(np.cumsum(np.random.default_rng(5).uniform(180, 700, 60)))]  # fmt: skip


@pytest.fixture
def lab(db18: gilgamesh.Database) -> gilgamesh.Database:
    """Shots without a generator, and ports for it."""
    with db18.edit("installation", recorded_at=datetime(2026, 1, 1, tzinfo=UTC)) as edit:
        edit.add_component("Generator", "DAQDevice")
        for channel in ("Fpower", "Rpower"):
            edit.add_port("Generator", channel, dtype="float64", unit="W")
            edit.calibrate(f"Generator/{channel}", Polynomial((0.0, 1.0)), "W", "W")
            edit.add_signal(f"IC_P{channel[0].lower()}", unit="W")
            edit.connect(f"IC_P{channel[0].lower()}", f"Generator/{channel}")
    with db18.transaction() as connection:
        for number, started_at in SHOTS:
            connection.exec_driver_sql(
                "insert into gilgamesh.shot (number, started_at, duration) values (%s, %s, 2)", (number, started_at)
            )
    return db18


def run(db: gilgamesh.Database, *arguments: str) -> Any:
    url = db.engine.url.render_as_string(hide_password=False)
    return CliRunner().invoke(generator, arguments, obj={"url": url, "known_at": None})


def test_a_slow_clock_is_found_stated_and_undone_in_the_views(lab: gilgamesh.Database, tmp_path: Path) -> None:
    log = tmp_path / "generator.txt"
    tests = [BEGAN + timedelta(seconds=x) for x in (100.0, 9000.5, 20_000.25)]
    truth = write_generator_log(log, SHOTS, Clock(slow=62.0), missing=[103, 104, 131], tests=tests)

    said = run(lab, "match", str(log), "--lead", str(LEAD))
    assert said.exit_code == 0, said.output
    assert re.search(r"shots 100 to 159: the clock is 6(1\.99|2\.00)\d s slow; 57 pulses", said.output)
    assert "pulses without a shot: 3" in said.output
    assert "shots without a pulse: 103, 104, 131" in said.output
    assert lab.sql("select 1 from gilgamesh.timing").empty

    tried = run(lab, "load", str(log), "--lead", str(LEAD), "--reason", "compared with the triggers", "--dry-run")
    assert "would load 57 pulses; 0 are there already, 0 would be refused" in tried.output, tried.output
    assert lab.sql("select 1 from gilgamesh.timing").empty
    assert lab.sql("select 1 from gilgamesh.series").empty

    done = run(lab, "load", str(log), "--lead", str(LEAD), "--reason", "compared with the triggers")
    assert "pulses: 57 loaded, 0 already there, 0 refused" in done.output, done.output
    timing = lab.sql("select start_offset, clock_rate from gilgamesh.timing where upper_inf(recorded)")
    assert len(timing) == 1
    assert abs(timing["start_offset"][0] - 62.0) < 0.01
    for number, times in truth.items():
        signal = lab.signal("IC_Pf", number)
        np.testing.assert_allclose(signal.time, times, atol=0.012)  # the log has milliseconds, a pulse begins within 15
        assert abs(float(signal.time[signal.values > 600][0]) - times[times > 0.2][0]) < 0.012
    with pytest.raises(errors.SamplesNotFound):
        _ = lab.signal("IC_Pf", 131).values

    again = run(lab, "load", str(log), "--lead", str(LEAD), "--reason", "again")
    assert "clock: as stated before" in again.output
    assert "pulses: 0 loaded, 57 already there, 0 refused" in again.output
    assert len(lab.sql("select 1 from gilgamesh.timing")) == 1


def test_a_clock_that_drifts_and_is_set_right_gets_a_row_for_each_piece(
    lab: gilgamesh.Database, tmp_path: Path
) -> None:
    first, second = tmp_path / "march.txt", tmp_path / "april.txt"
    truth = write_generator_log(first, SHOTS[:35], Clock(slow=62.0, drift=20e-6, at=BEGAN), missing=[110])
    truth |= write_generator_log(second, SHOTS[35:], Clock(slow=-3.5), seed=1)
    options = (str(second), str(first), "--lead", str(LEAD))
    found = json.loads(run(lab, "match", *options, "--json").output)
    assert [pair["shot"] for pair in found["pairs"]] == sorted(truth)
    assert found["shots without a pulse"] == [110]
    assert found["pulses without a shot"] == []
    for pair in found["pairs"]:
        started_at = dict(SHOTS)[pair["shot"]]
        slow = 62.0 + 20e-6 * (started_at - BEGAN).total_seconds() if pair["shot"] < 135 else -3.5
        assert abs(pair["offset"] - slow) < 0.02
    done = run(lab, "load", *options, "--reason", "compared with the triggers")
    assert done.exit_code == 0, done.output
    rows = found["timing"]
    assert len(rows) > 3
    assert [row["until"] for row in rows[:-1]] == [row["since"] for row in rows[1:]]
    for number, times in truth.items():
        np.testing.assert_allclose(lab.signal("IC_Pf", number).time, times, atol=0.045)


def test_pulses_are_timed_by_a_signal_that_rises_with_them(lab: gilgamesh.Database, tmp_path: Path) -> None:
    from gilgamesh_loaders.commit import commit
    from gilgamesh_loaders.plan import SeriesPlan, ShotPlan, Source

    for number, started_at in SHOTS[:8]:  # a fast device that sees the same power, from 0.2 s on
        raw = np.where(np.arange(2000) >= 200, 1000, 0).astype("int16")
        series = (SeriesPlan("Scope", "1", raw, start=0.0, dt=1e-3, signal="Loop", raw_unit="V"),)
        source = Source(f"scope {number}", "test", 1, number.to_bytes(32, "big"))
        commit(lab, ShotPlan(number, started_at, 2.0, series, source), create=True)
    log = tmp_path / "generator.txt"
    write_generator_log(log, SHOTS[:8], Clock(slow=2.078))
    found = match_log(lab, pulses([read_log(log)]), reference="Loop", shots="100:108")
    (period,) = found.matching.periods
    assert abs(period.clock.offset - 2.078) < 0.02
    assert len(period.pairs) == 8


def test_shots_at_even_intervals_decide_nothing() -> None:
    shots = 300.0 * np.arange(50)
    with pytest.raises(errors.InvalidValue, match=r"may be off by .* s .* or by .*--near"):
        match(shots - 62.0, shots)
    found = match(shots - 62.0, shots, near=60.0)
    assert found.periods[0].clock.offset == pytest.approx(62.0)
    assert len(found.residuals) == 50


def test_pulses_of_another_time_match_nothing(lab: gilgamesh.Database, tmp_path: Path) -> None:
    log = tmp_path / "generator.txt"
    stray = np.random.default_rng(8).uniform(0, 20_000, 40)
    write_generator_log(log, [], Clock(), tests=[BEGAN + timedelta(seconds=float(x)) for x in np.sort(stray)])
    said = run(lab, "match", str(log))
    assert "no clock was found" in said.output


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    slow=st.floats(-300, 300),
    drift=st.sampled_from([0.0, 1e-6, -30e-6]),
    lost=st.floats(0.0, 0.5),
    strays=st.integers(0, 10),
)
def test_every_pair_that_is_found_is_true(seed: int, slow: float, drift: float, lost: float, strays: int) -> None:
    rng = np.random.default_rng(seed)
    shots = np.cumsum(rng.uniform(120, 900, 60))
    kept = np.flatnonzero(rng.random(60) >= lost)
    true = shots[kept] + rng.normal(0.0, 0.02, kept.size)
    fired = np.concatenate([true - slow - drift * true, rng.uniform(0, shots[-1], strays)])
    whose = np.concatenate([kept, np.full(strays, -1)])
    order = np.argsort(fired)
    found = match(fired[order], shots)
    pairs = [pair for period in found.periods for pair in period.pairs]
    wrong = [(i, j) for i, j in pairs if whose[order][i] != j and whose[order][i] >= 0]
    assert wrong == []
    near = sum(whose[order][i] < 0 for i, _ in pairs)  # a stray may fall beside a shot that has no pulse
    assert len(pairs) - near == kept.size
    assert near <= 1
    assert set(found.pulses).isdisjoint(i for i, _ in pairs)


HEAD = "Time\tFpower (W)\tRpower (W)\n"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEAD + "2026-03-02 08:00:00\t1\t2\n2026-03-02 08:00:01\t1\t2", "last line has no end"),
        (HEAD + "2026-03-02 08:00:00\t1\n", "line 2 has 2 columns, the first line has 3"),
        (HEAD + "yesterday\t1\t2\n", "line 2: the time 'yesterday' cannot be read"),
        (HEAD + "2026-03-02 08:00:00\t1\tmuch\n", "line 2: 'much' in column 'Rpower' is not a number"),
        (HEAD, "nothing under the names"),
        ("Fpower,Rpower\n1,2\n", "not separated by tabs"),
        ("Fpower\tRpower\n1\t2\n", "no column is called Time"),
        ("Time\tP\tP\n1\t2\t3\n", "two columns have the same name"),
    ],
)
def test_a_log_that_is_none_is_refused_with_the_place(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "generator.txt"
    path.write_text(text)
    with pytest.raises(errors.FileRefused, match=complaint) as caught:
        read_log(path)
    assert str(path) in str(caught.value)


def test_times_are_read_in_the_zone_that_is_told(tmp_path: Path) -> None:
    from zoneinfo import ZoneInfo

    path = tmp_path / "generator.txt"
    path.write_text("Date\tTime\tP (kW)\n02.03.2026\t09:00:00,500\t1,5\n02.03.2026\t09:00:09,500\t2\n")
    log = read_log(path, ZoneInfo("Europe/Brussels"))
    assert log.times[0] == BEGAN.timestamp() + 0.5
    assert (log.units["P"], log.channels["P"].tolist()) == ("kW", [1.5, 2.0])
    assert [pulse.place for pulse in pulses([log])] == ["generator.txt, lines 2 to 2", "generator.txt, lines 3 to 3"]
