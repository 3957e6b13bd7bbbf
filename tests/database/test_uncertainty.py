"""The uncertainty of stored signals, in Python and SQL, and signals in other units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, PowerOfTen, Table, errors
from records import record

RAW = np.random.default_rng(8).integers(-3000, 3000, 70_000).astype("int16")
LSB = 20 / 65536
GAUGE = [[4e-4, -1e-5], [-1e-5, 1e-6]]


def install(db: gilgamesh.Database) -> None:
    with db.edit("installation") as edit:
        edit.add_component("PXI", "Digitiser")
        for channel in ("ai0", "ai1", "ai2"):
            edit.add_port("PXI", channel, dtype="int16", noise=0.5 if channel == "ai1" else None)
            edit.calibrate(f"PXI/{channel}", Polynomial([0, LSB]), "ct", "V")
        edit.add_port("PXI", "log", dtype="float32", unit="V")
        edit.calibrate("PXI/log", Polynomial([0, 1]), "V", "V")
        for item in ("divider", "shunt", "gauge", "probe", "sensor"):
            edit.add_component(item, "Item")
        edit.calibrate("divider", Polynomial([0, 20]), "V", "V", covariance=[0, 0.04**2])
        edit.calibrate("shunt", Polynomial([1e-3, -10]), "V", "mA", covariance=[[1e-8, 0], [0, 1e-4]])
        edit.calibrate("gauge", [Polynomial([-2, 1.6]), PowerOfTen()], "V", "mbar", covariance=GAUGE)
        edit.calibrate(
            "probe", Table([-1, -0.2, 0.4, 1], [-10, -3, 5, 12]), "V", "deg_C", covariance=[0.04, 0.01, 0.01, 0.09]
        )
        for name, unit, port, chain in (
            ("U", "V", "ai0", ["divider"]), ("I", "A", "ai1", ["divider", "shunt"]), ("P", "Pa", "ai2", ["gauge"]),
            ("Log", "V", "log", []),
        ):  # fmt: skip
            edit.add_signal(name, unit=unit)
            edit.connect(name, f"PXI/{port}", chain=chain)


@pytest.fixture(scope="module")
def lab(server: Any) -> Iterator[gilgamesh.Database]:
    with server.database(server.template()) as url, gilgamesh.connect(url) as db:
        install(db)
        with db.transaction() as connection:
            connection.exec_driver_sql(
                "insert into gilgamesh.shot (number, started_at) values (1, '2026-01-01'), (2, '2026-01-02')"
            )
        named = db.sql(
            "select c.name, p.component_id from gilgamesh.port p join gilgamesh.component c on c.id = p.component_id"
        )
        ports = dict(named.itertuples(index=False, name=None))
        for channel in ("ai0", "ai1", "ai2"):
            record(db, 1, ports[f"PXI/{channel}"], RAW)
        record(db, 1, ports["PXI/log"], np.array([0.5, np.nan, 2.0], dtype="float32"))
        with db.edit("thermometer from now on") as edit:
            edit.add_signal("T", unit="deg_C")
            edit.disconnect("P", since=2)
            edit.connect("T", "PXI/ai2", chain=["probe"], since=2)
        record(db, 2, ports["PXI/ai2"], RAW)
        yield db


def test_by_hand(lab: gilgamesh.Database) -> None:
    close, volts = np.testing.assert_allclose, RAW * LSB
    u = lab.signal("U", 1).uncertainty_budget
    close(u.random, np.full(RAW.size, 20 * LSB / 12**0.5), rtol=1e-12)
    close(u.systematic, np.abs(volts) * 0.04, rtol=1e-12)
    assert u.unstated == ("PXI/ai0",)
    assert list(u.items) == ["divider"]
    # mA become A, and the raw noise adds to the rounding.
    i = lab.signal("I", 1).uncertainty_budget
    close(i.random, np.full(RAW.size, 1e-3 * 10 * 20 * LSB * (1 / 12 + 0.25) ** 0.5), rtol=1e-12)
    close(i.items["divider"], np.abs(volts) * 0.04 * 10e-3, rtol=1e-12)
    close(i.items["shunt"], 1e-3 * np.sqrt(1e-8 + (20 * volts) ** 2 * 1e-4), rtol=1e-12)
    close(i.systematic, np.hypot(i.items["divider"], i.items["shunt"]), rtol=1e-12)
    close(i.total, np.hypot(i.systematic, i.random), rtol=1e-12)
    p = lab.signal("P", 1)
    exponent = np.sqrt(GAUGE[0][0] + 2 * GAUGE[0][1] * volts + GAUGE[1][1] * volts**2)
    close(p.uncertainty_budget.systematic, p.values * np.log(10) * exponent, rtol=1e-9)
    close(p.uncertainty_budget.random, p.values * np.log(10) * 1.6 * LSB / 12**0.5, rtol=1e-9)


@pytest.mark.parametrize(("name", "shot"), [("U", 1), ("I", 1), ("P", 1), ("T", 2)])
def test_sql_agrees(lab: gilgamesh.Database, name: str, shot: int) -> None:
    signal = lab.signal(name, shot)
    budget = signal.uncertainty_budget
    rows = lab.sql(
        "select * from gilgamesh.uncertain_samples where signal = :s and shot = :n order by time",
        {"s": name, "n": shot},
    )
    assert len(rows) == RAW.size
    assert np.array_equal(rows["raw"], signal.raw)
    for column, ours in (("value", signal.values), ("value_std", signal.uncertainty), ("value_std_random", budget.random),
                         ("value_std_systematic", budget.systematic)):  # fmt: skip
        assert np.allclose(rows[column], ours, rtol=1e-12, atol=0, equal_nan=True), column
    between = "select * from gilgamesh.uncertain_samples_between(:s, :n, 0.0101, 0.0202)"
    part = lab.sql(between, {"s": name, "n": shot})
    window = signal.window(0.0101, 0.0202)
    assert np.array_equal(part["time"], window.time)
    assert np.allclose(part["value_std"], window.uncertainty, rtol=1e-12, atol=0, equal_nan=True)


def test_plain_samples_do_not_know_of_it(lab: gilgamesh.Database) -> None:
    plan = "\n".join(
        lab.sql("explain verbose select * from gilgamesh.samples where signal = 'U' and shot = 1").iloc[:, 0]
    )
    assert "propagate" not in plan
    assert "links_of" not in plan


def test_nothing_known_is_not_zero(lab: gilgamesh.Database) -> None:
    budget = lab.signal("Log", 1).uncertainty_budget
    assert np.isnan(budget.total).all()
    assert lab.signal("Log", 1).uncertainty is None
    assert lab.signal("Log", 1).to("mV").uncertainty is None
    assert str(budget).endswith("nothing is stated of it")
    assert np.isnan(budget.mean().std)
    rows = lab.sql("select value_std from gilgamesh.uncertain_samples where signal = 'Log' and shot = 1")
    assert len(rows) == 3
    assert rows.value_std.isna().all()


def test_a_mean_averages_only_what_is_random(lab: gilgamesh.Database) -> None:
    for name, shot in (("U", 1), ("I", 1), ("P", 1), ("T", 2)):
        signal = lab.signal(name, shot).window(0.001, 0.02)
        mean = signal.uncertainty_budget.mean()
        values = signal.values[np.isfinite(signal.values)]
        assert mean.n == values.size
        assert mean.value == pytest.approx(values.mean(), rel=1e-9)
        random = signal.uncertainty_budget.random
        assert mean.random == pytest.approx(np.sqrt(np.nansum(random**2)) / mean.n, rel=1e-9)
        assert mean.systematic <= np.nanmean(signal.uncertainty_budget.systematic) * (1 + 1e-12)
    # A factor errs alike in all samples, with their sign: half of them cancel the other half.
    u = lab.signal("U", 1)
    assert u.uncertainty_budget.mean().systematic == pytest.approx(abs(np.mean(RAW * LSB)) * 0.04, rel=1e-9)


def test_a_mean_against_monte_carlo(lab: gilgamesh.Database) -> None:
    signal = lab.signal("P", 1).window(0.0, 0.0005)
    mean = signal.uncertainty_budget.mean()
    rng = np.random.default_rng(2)
    draws = 4000
    # A tenth of the real uncertainties, so that the first order holds.
    exponents = rng.multivariate_normal([-2, 1.6], np.array(GAUGE) / 100, size=draws)
    raw = signal.raw.astype(float)
    found = [100 * np.mean(10 ** (a + b * LSB * (raw + rng.uniform(-0.05, 0.05, raw.size)))) for a, b in exponents]
    assert mean.std == pytest.approx(10 * np.std(found), rel=5 / np.sqrt(2 * draws))


def test_the_budget_is_written_out(lab: gilgamesh.Database) -> None:
    text = str(lab.signal("I", 1).uncertainty_budget)
    assert text.splitlines()[0] == "uncertainty of I in shot 1, rms over the samples:"
    assert "divider" in text
    assert "resolution and noise" in text
    assert str(lab.signal("I", 1).uncertainty_budget.mean()).endswith("70000 samples; taken as exact: PXI/ai1)")
    assert "not stated, taken as exact: PXI/ai1" in text


def test_another_unit(lab: gilgamesh.Database) -> None:
    for name, shot, unit, gain, offset in (
        ("U", 1, "mV", 1e3, 0.0),
        ("P", 1, "mbar", 1e-2, 0.0),
        ("T", 2, "K", 1.0, 273.15),
    ):
        signal = lab.signal(name, shot)
        other = signal.to(unit)
        assert "_samples" not in vars(other)
        assert str(other.unit) == unit
        assert np.allclose(other.values, signal.values * gain + offset, rtol=1e-12, equal_nan=True)
        assert np.array_equal(other.time, signal.time)
        assert np.allclose(other.uncertainty, signal.uncertainty * gain, rtol=1e-12, equal_nan=True)
        assert np.allclose(
            other.window(0.01, 0.02).values, other.values[(other.time >= 0.01) & (other.time < 0.02)], equal_nan=True
        )
        assert np.allclose(other.window(0.01, 0.02).uncertainty_budget.mean().std,
                           signal.window(0.01, 0.02).uncertainty_budget.mean().std * gain)  # fmt: skip
        envelope = signal.envelope(100)
        assert np.allclose(other.envelope(100).maximum, envelope.maximum * gain + offset, equal_nan=True)
        assert np.allclose(
            np.concatenate([piece.values for piece in other.chunks(30_000)]), other.values, equal_nan=True
        )
        assert other.to_pandas().attrs["unit"] == unit
        assert np.array_equal(other.to(str(signal.unit)).values, signal.values, equal_nan=True)
        assert other.provenance.signal == name
    assert str(lab.signal("U", 1).to(lab.signal("U", 1).unit).unit) == "V"


@pytest.mark.parametrize(
    ("unit", "letter"),
    [("W", "'V' cannot become 'W': the one is kg m2 s-3 A-1, the other kg m2 s-3"), ("V/Amp", "did you mean 'V / A'"),
     ("dB(mV)", "logarithmic"), ("dBm", "logarithmic"), ("3 V", "has a number in it"), ("furlong", "is not a unit"), ("", "cannot become")],
)  # fmt: skip
def test_units_that_cannot_be(lab: gilgamesh.Database, unit: str, letter: str) -> None:
    with pytest.raises(errors.UnitMismatch, match=letter):
        lab.signal("U", 1).to(unit)
    with pytest.raises(errors.InvalidValue):
        lab.signal("U", 1).to(unit)


def test_a_temperature_is_no_difference_of_temperatures(lab: gilgamesh.Database) -> None:
    with pytest.raises(errors.UnitMismatch, match="write K for differences"):
        lab.signal("T", 2).to("deg_C / s")


def test_what_was_computed_changes_its_unit_too(lab: gilgamesh.Database) -> None:
    power = lab.signal("U", 1) * lab.signal("I", 1)
    other = power.to("mW")
    assert str(other.unit) == "mW"
    assert np.allclose(other.values, power.values * 1e3)
    assert np.allclose(other.uncertainty, power.uncertainty * 1e3)
    assert other.inputs == power.inputs
    with pytest.raises(errors.InvalidValue, match="see those of: U, I"):
        _ = power.uncertainty_budget
    doubled = 2 * lab.signal("U", 1).to("mV")
    assert np.allclose(doubled.uncertainty, 2000 * lab.signal("U", 1).uncertainty)


def test_a_run_saves_its_own_uncertainty(lab: gilgamesh.Database) -> None:
    u = lab.signal("U", 1)
    with lab.run("twice", version="1", inputs=[u]) as run:
        run.save("Twice", u.time, 2 * u.values, "V", np.full(RAW.size, 0.25), create=True)
        run.save("Thrice", u.time, 3 * u.values, "V", create=True)
    twice = lab.signal("Twice", 1)
    assert (twice.uncertainty == 0.25).all()
    assert (twice.window(0.001, 0.002).to("mV").uncertainty == 250.0).all()
    assert lab.signal("Thrice", 1).uncertainty is None
    rows = lab.sql("select value_std from gilgamesh.uncertain_samples where signal = 'Thrice' and shot = 1")
    assert rows.value_std.isna().all()


def test_as_it_was_known_before(lab: gilgamesh.Database) -> None:
    before = lab.sql("select clock_timestamp() as t").t[0]
    was = lab.signal("U", 1).uncertainty
    with lab.edit("divider measured again") as edit:
        edit.calibrate("divider", Polynomial([0, 20]), "V", "V", covariance=[0, 0.01**2])
    assert lab.signal("U", 1).uncertainty[0] < was[0]
    assert np.array_equal(lab.known_at(before.to_pydatetime()).signal("U", 1).uncertainty, was)
