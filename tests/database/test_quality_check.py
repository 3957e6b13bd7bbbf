"""What a machine says of records, and that it leaves alone what people said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.cli import gilgamesh as command
from records import driver, install, record

RNG = np.random.default_rng(5)
N = 20_000
NOISE = RNG.normal(0, 40, N)
WAVE = 3000 * np.sin(np.arange(N) / 200)


def counts(values: Any) -> Any:
    return np.clip(np.round(values), -32768, 32767).astype(np.int16)


@pytest.fixture
def lab(db18: gilgamesh.Database) -> gilgamesh.Database:
    """U on a port of 16 bits with a range of ±10 V, in shots 1 to 7; shot 7 ten times as noisy."""
    port = install(db18, shots=7)
    with db18.edit("the range") as edit:
        edit.add_port("PXI", "ai9", dtype="int16", low=-10.0, high=10.0)
        edit.calibrate("PXI/ai9", gilgamesh.Polynomial((0.0, 10 / 32768)), "ct", "V")
        edit.add_signal("W", unit="mV", plausible=(-2000.0, 2000.0))
        edit.connect("W", "PXI/ai9")
        edit.add_signal("Twice", unit="V", kind="derived", plausible=(-1.0, 1.0))
        edit.define("Twice", "2 * W")
    second = int(db18.sql("select max(component_id) as id from gilgamesh.port").id[0])
    for shot in range(1, 8):
        record(db18, shot, port, counts(WAVE + (10 if shot == 7 else 1) * NOISE))
        record(db18, shot, second, counts(WAVE + NOISE))
    return db18


def rewrite(db: gilgamesh.Database, shot: int, samples: Any) -> None:
    """Put other samples in place of those of W; only a test may."""
    with db.transaction() as connection:
        port = connection.exec_driver_sql("select max(component_id) from gilgamesh.port").scalar_one()
        connection.exec_driver_sql("set local session_replication_role = replica")
        for table in ("pyramid", "segment"):
            connection.exec_driver_sql(
                f"delete from gilgamesh.{table} where series_id in (select id from gilgamesh.series where shot = {shot} and port_id = {port})"
            )
        connection.exec_driver_sql(f"delete from gilgamesh.series where shot = {shot} and port_id = {port}")
        driver(connection)
    record(db, shot, port, samples)


def test_a_good_record_has_numbers_and_no_findings(lab: gilgamesh.Database) -> None:
    found = lab.check_quality("W", 1)
    assert (len(found), str(found)) == (0, "nothing found in 1 record")
    (told,) = found.measured
    signal = lab.signal("W", 1)
    assert (told.samples, told.minimum, told.maximum) == (N, signal.values.min(), signal.values.max())
    assert told.noise == pytest.approx(40 * 1e4 / 32768, rel=0.02)  # counts in mV, whatever the wave
    assert found.table.empty
    assert found.numbers.loc[(1, "W"), "Noise"] == told.noise


def test_saturation_is_found_with_its_windows(lab: gilgamesh.Database) -> None:
    high = 3 * np.abs(WAVE) + 30000 * (np.arange(N) > 15000) + NOISE
    rewrite(lab, 2, counts(high))
    found = lab.check_quality("W", 2)
    ends = [one for one in found if one.check == "saturated"]
    at_end = counts(high) >= 32766  # 10 V is one step beyond the largest number
    assert sum(one.samples for one in ends) == at_end.sum() == ends[0].measured
    time = lab.signal("W", 2).time
    for one in ends:
        inside = (time >= one.since) & (time < one.until)
        assert one.samples == at_end[inside].sum()
        assert one.flag == ("bad" if at_end[inside].mean() >= 0.5 else "doubtful")
    assert len(ends) <= 8
    assert lab.signal("W", 2).window(0.0, 0.1).check_quality().table.query("Check == 'saturated'").empty


def test_a_few_samples_at_the_end_are_not_saturation(lab: gilgamesh.Database) -> None:
    samples = counts(WAVE + NOISE)
    samples[[100, 5000]] = 32767
    rewrite(lab, 2, samples)
    assert "saturated" not in {one.check for one in lab.check_quality("W", 2)}
    assert "saturated" in {one.check for one in lab.check_quality("W", 2, saturated=2)}


@pytest.mark.parametrize(("samples", "flag", "words"), [
    (np.full(N, 7, np.int16), "bad", "all 20000 samples are 2.13623 mV"),
    (np.arange(N).astype(np.int16) % 2, "doubtful", "within 1 step of its samples"),
])  # fmt: skip
def test_a_dead_channel(lab: gilgamesh.Database, samples: Any, flag: str, words: str) -> None:
    rewrite(lab, 3, samples)
    (found,) = lab.check_quality("W", 3)
    assert (found.check, found.flag, found.since, found.until) == ("dead", flag, -np.inf, np.inf)
    assert words in found.detail


def test_noise_beside_the_other_shots_and_beside_the_port(lab: gilgamesh.Database) -> None:
    (found,) = lab.check_quality("U", "1:8")
    assert (found.shot, found.check, found.flag) == (7, "noisy", "doubtful")
    assert found.measured / found.limit == pytest.approx(2.0, rel=0.02)
    assert not lab.check_quality("U", [5, 6, 7])  # too few to know what is usual
    with lab.edit("measured with a terminator") as edit:
        edit.amend("port", "PXI/ai0", noise=40.0)
    (found,) = lab.check_quality("U", 7)
    assert "times what its port states" in found.detail
    assert found.measured / found.limit == pytest.approx(2.0, rel=0.02)
    assert lab.signal("U", 7).check_quality()[0] == found


def test_implausible_values_also_of_a_derived_signal(lab: gilgamesh.Database) -> None:
    samples = counts(WAVE + NOISE)
    samples[500:520] = 9000
    rewrite(lab, 4, samples)
    found = lab.check_quality(["W", "Twice"], 4)
    by = {one.signal: one for one in found if one.check == "implausible" and one.since > 0}
    assert by["W"].samples == 20
    assert (by["W"].since, by["W"].until) == pytest.approx((500e-5, 520e-5))
    assert by["W"].measured == pytest.approx(9000 * 1e4 / 32768)
    assert by["W"].limit == 2000.0
    assert found.measured[1].implausible == (np.abs(lab.signal("Twice", 4).values) > 1.0).sum() > 20


def test_findings_become_flags_beside_what_people_said(lab: gilgamesh.Database) -> None:
    samples = counts(WAVE + NOISE)
    samples[1000:2000] = 32767
    rewrite(lab, 5, samples)
    with lab.edit("looked at it", author="anna") as edit:
        edit.set_quality("W", "good", shots=5, window=(0.015, 0.1))
    found = lab.check_quality("W", "5:7")
    assert {one.flag for one in found} == {"bad", "doubtful"}  # at the end of the range, and beyond the plausible one
    assert found.state("robot") == 1
    said = lab.signal("W", 5).quality
    assert [(one.flag, one.since, one.until, one.author) for one in said.judgements] == [
        ("bad", pytest.approx(0.01), 0.015, "robot"), ("good", 0.015, 0.1, "anna")]  # fmt: skip
    assert said.judgements[0].reason == "quality check: implausible, saturated"
    assert lab.signal("W", 6).quality.flag == "not checked"  # nothing found is not good
    edits = lab.sql("select count(*) as n from gilgamesh.quality_flag").n[0]
    assert lab.check_quality("W", "5:7").state("robot") == 1
    assert lab.sql("select count(*) as n from gilgamesh.quality_flag").n[0] == edits  # nothing is said twice
    with lab.edit("the range was ±20 V") as edit:
        edit.amend("port", "PXI/ai9", low=-20.0, high=20.0)
        edit.amend("signal", "W", low=-20000.0, high=20000.0)
    again = lab.check_quality("W", 5, saturated=2000)
    assert (len(again), again.state("robot")) == (0, 0)
    assert [one.author for one in lab.signal("W", 5).quality.judgements] == ["anna"]  # its own it takes back


def test_what_cannot_be_read_is_said(lab: gilgamesh.Database) -> None:
    found = lab.check_quality(["W", "P"], 1)
    assert found.missing == {(1, "P"): "not wired"}
    assert "P of shot 1: not checked: not wired" in str(found)
    with pytest.raises(errors.SignalNotFound, match="did you mean"):
        lab.check_quality("Ww", 1)
    with pytest.raises(errors.InvalidValue, match="noisy=-1 is none"):
        lab.check_quality("W", 1, noisy=-1)
    with pytest.raises(TypeError, match="dull"):
        lab.check_quality("W", 1, dull=1)


def test_on_the_command_line(lab: gilgamesh.Database) -> None:
    rewrite(lab, 3, np.zeros(N, np.int16))
    url = lab.engine.url.render_as_string(hide_password=False)
    done = CliRunner().invoke(
        command, ["--url", url, "quality", "check", "W", "--shots", "3", "--state", "--author", "robot"]
    )
    assert (done.exit_code, done.output) == (
        0,
        "W of shot 3: dead (bad): all 20000 samples are 0 mV\n1 window flagged in 1 record\n",
    )
    assert lab.signal("W", 3).quality.flag == "bad"
