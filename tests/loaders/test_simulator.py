"""The simulated testbed is deterministic, and its physics is what it says it is."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from astropy import constants
from hypothesis import given, settings
from hypothesis import strategies as st

from gilgamesh_db.errors import InvalidValue, SignalNotFound
from gilgamesh_loaders.simulator import SHOTS, SimulatedShot, shot_time, simulate_shot
from gilgamesh_loaders.simulator.cabling import dead_inputs, pxi_feeds
from gilgamesh_loaders.simulator.devices import LogDetector, generator_delay, potentiometer_raw
from gilgamesh_loaders.simulator.plasma import (
    BIG_COIL,
    GASES,
    STRIKE_POWER,
    Discharge,
    discharge_of,
)
from gilgamesh_loaders.simulator.probe import Probe
from gilgamesh_loaders.simulator.shots import FIZZLED, Settings, settings_of
from gilgamesh_loaders.simulator.waveforms import BLOCK

STANDARD = Settings(
    gas="Argon",
    program="",
    pressure=9e-4,
    helicon_power=1500.0,
    icrf_power=0.0,
    big_coil_current=750.0,
    small_coil_current=220.0,
    position=6.0,
)
any_shot = st.integers(SHOTS[0], SHOTS[-1])


def arrays(shot: SimulatedShot) -> dict[str, Any]:
    return {series.port: series.raw for series in shot.plan.series}


def flat_top(discharge: Discharge) -> Any:
    return (discharge.time > 0.55) & (discharge.time < 1.65)


def discharge_of_shot(number: int) -> tuple[Settings, Discharge]:
    set_up = settings_of(number, np.random.default_rng(number))
    return set_up, discharge_of(set_up, 2.0)


class TestShots:
    def test_forty_shots_of_fifteen_months(self) -> None:
        assert len(SHOTS) == 40
        assert list(SHOTS) == sorted(set(SHOTS))
        assert {838, 1234, 1896} <= set(SHOTS)
        assert (SHOTS[0], SHOTS[-1]) == (838, 1896)
        assert timedelta(days=450) < shot_time(1896) - shot_time(838) < timedelta(days=470)

    def test_shots_follow_each_other_on_working_days(self) -> None:
        times = [shot_time(number) for number in range(838, 1897)]
        assert all(earlier < later for earlier, later in itertools.pairwise(times))
        assert all(time.utcoffset() == timedelta(0) for time in times)
        assert {time.weekday() for time in times} == {0, 1, 2, 3}
        assert all(8 <= time.hour < 16 for time in times)

    def test_attributes(self) -> None:
        shot = simulate_shot(1234, duration=0.1)
        assert shot.plan.program == "ICRF heating"
        assert set(shot.plan.attributes) == {"Gas", "Useful", "Comment", "Manip_posRaw"}
        assert shot.plan.attributes["Gas"] == shot.truth.gas == "Argon"
        assert shot.plan.attributes["Useful"] is True
        raw = shot.plan.attributes["Manip_posRaw"]
        assert isinstance(raw, float)
        assert 0.0529998 * raw - 21.5522 == pytest.approx(shot.truth.probe_position, abs=0.03)

    def test_all_gases_and_two_failures(self) -> None:
        assert {discharge_of_shot(number)[0].gas for number in SHOTS} == set(GASES)
        assert set(SHOTS) >= FIZZLED
        assert simulate_shot(min(FIZZLED), duration=0.1).plan.attributes["Useful"] is False


class TestDeterminism:
    @given(number=any_shot)
    @settings(max_examples=8, deadline=None)
    def test_a_shot_is_always_the_same(self, number: int) -> None:
        one, other = (simulate_shot(number, duration=0.2) for _ in range(2))
        assert one.plan.source == other.plan.source
        assert arrays(one).keys() == arrays(other).keys()
        for port, raw in arrays(one).items():
            assert raw.tobytes() == arrays(other)[port].tobytes()

    def test_shots_differ_and_a_seed_replaces_the_number(self) -> None:
        one, seeded, other = (
            arrays(simulate_shot(number, duration=0.2, seed=seed))
            for number, seed in ((1234, None), (1235, 1234), (1235, None))
        )
        assert np.array_equal(one["PXI M6251/ai12"], seeded["PXI M6251/ai12"])
        assert not np.array_equal(other["PXI M6251/ai12"], seeded["PXI M6251/ai12"])

    @pytest.mark.parametrize("signal", ["Lang_I", "H_Pfwd", "Bdot1", "BigCoil_I", "Manip_U", "Ngas_P", "Lang_U2"])
    def test_blocks_are_no_part_of_the_values(self, signal: str) -> None:
        waveforms = simulate_shot(1234, duration=0.1).truth.waveforms
        size, dt = 2 * BLOCK + 77, 1e-6
        whole = waveforms.at(signal, dt * np.arange(size, dtype=np.float64))
        for place, values in waveforms.blocks(signal, 0.0, dt, size):
            np.testing.assert_array_equal(values, whole[place])

    @pytest.mark.parametrize(
        ("duration", "rate"),
        [(0.0, 1e5), (-1.0, 1e5), (np.nan, 1e5), (np.inf, 1e5), (2.0, 0.0), (2.0, np.nan)],
    )
    def test_impossible_recordings(self, duration: float, rate: float) -> None:
        with pytest.raises(InvalidValue):
            simulate_shot(1234, duration=duration, rate=rate)

    def test_impossible_number_and_signal(self) -> None:
        with pytest.raises(InvalidValue, match="start at 0"):
            simulate_shot(-1)
        shot = simulate_shot(1234, duration=0.1)
        with pytest.raises(SignalNotFound, match="did you mean 'Lang_I'"):
            shot.truth.signal("Lnag_I", np.zeros(1))


class TestCheckNumbers:
    """The numbers of the reference machine."""

    def test_probe_area(self) -> None:
        assert Probe().area == pytest.approx(6.59734e-5, rel=1e-6)

    @pytest.mark.parametrize(("gas", "density"), [("Argon", 5.858e16), ("Helium", 1.854e16)])
    def test_ion_masses(self, gas: str, density: float) -> None:
        e = constants.e.si.value
        n = 1e-3 * np.sqrt(GASES[gas].mass) / (0.6 * e * Probe().area * np.sqrt(3 * e))
        assert n == pytest.approx(density, rel=2e-4)

    def test_log_detector(self) -> None:
        volts = LogDetector().volts(np.array([10.0, 3.0213]))
        np.testing.assert_allclose(volts, [2.2703, 2.0], atol=1e-5)

    def test_potentiometer_is_the_line_through_the_measured_points(self) -> None:
        raw = [1444, 1341, 1252, 1162, 1068, 974, 914, 868, 805, 729, 660, 600, 548, 446]
        cm = [55.3, 49.4, 44.7, 39.9, 35, 30.1, 26.9, 24.45, 21.1, 17.1, 13.35, 10.15, 7.6, 2.2]
        slope, intercept = np.polyfit(raw, cm, 1)
        assert (slope, intercept) == (pytest.approx(0.0529998, abs=1e-7), pytest.approx(-21.5522, abs=1e-4))
        line = [potentiometer_raw(position) for position in cm]
        np.testing.assert_allclose(line, (np.array(cm) - intercept) / slope, rtol=1e-5)

    def test_coil_field_by_adding_up_the_loop(self) -> None:
        angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
        z = 0.3
        wire = BIG_COIL.radius * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
        pieces = BIG_COIL.radius * (angle[1] - angle[0]) * np.stack([-np.sin(angle), np.cos(angle), 0 * angle], axis=1)
        away = np.array([0, 0, z - BIG_COIL.position]) - wire
        parts = np.cross(pieces, away) / np.linalg.norm(away, axis=1)[:, None] ** 3
        field = constants.mu0.value / (4 * np.pi) * BIG_COIL.turns * parts.sum(axis=0)
        assert field[2] == pytest.approx(BIG_COIL.field_per_ampere(z), rel=1e-9)


class TestPlasma:
    @given(number=any_shot)
    @settings(max_examples=25, deadline=None)
    def test_parameters_stay_in_the_range_of_the_machine(self, number: int) -> None:
        set_up, discharge = discharge_of_shot(number)
        if number in FIZZLED:
            assert not discharge.lit.any()
            return
        there = flat_top(discharge)
        for radius in (set_up.position / 100, 0.22):
            plasma = discharge.at_radius(radius)
            assert discharge.lit[there].all()
            assert 1e16 < plasma.density[there].min() <= plasma.density[there].max() < 1e17
            assert 3 < plasma.temperature[there].min() <= plasma.temperature[there].max() < 7

    def test_strikes_when_the_injected_power_passes_the_threshold(self) -> None:
        discharge = discharge_of(STANDARD, 2.0)
        injected = discharge.helicon_forward - discharge.helicon_reflected
        first = int(np.argmax(discharge.lit))
        assert first > 0
        assert injected[: first - 1].max() <= STRIKE_POWER
        assert injected[first] > STRIKE_POWER
        assert not discharge_of(replace(STANDARD, helicon_power=600.0), 2.0).lit.any()

    def test_reflection_falls_when_the_plasma_loads_the_antenna(self) -> None:
        discharge = discharge_of(STANDARD, 2.0)
        ratio = discharge.helicon_reflected / np.maximum(discharge.helicon_forward, 1.0)
        assert ratio[flat_top(discharge)].max() < 0.07
        assert ratio[int(np.argmax(discharge.lit)) - 1] > 0.6

    @given(factor=st.floats(1.05, 1.4))
    @settings(max_examples=10, deadline=None)
    def test_density_grows_with_power_and_field(self, factor: float) -> None:
        middle = 1200
        here = discharge_of(STANDARD, 2.0).centre.density[middle]
        more_power = replace(STANDARD, helicon_power=factor * STANDARD.helicon_power)
        more_field = replace(STANDARD, big_coil_current=factor * STANDARD.big_coil_current)
        assert discharge_of(more_power, 2.0).centre.density[middle] > 1.02 * here
        assert discharge_of(more_field, 2.0).centre.density[middle] > 1.01 * here

    def test_time_table_stretches_with_the_shot(self) -> None:
        for duration in (0.05, 2.0, 300.0):
            discharge = discharge_of(STANDARD, duration)
            assert discharge.time.size < 25_000
            assert discharge.lit[np.searchsorted(discharge.time, 0.6 * duration)]


class TestCharacteristic:
    def test_current_vanishes_at_the_floating_potential(self) -> None:
        swept = simulate_shot(1234).truth.waveforms.first
        floating = swept.characteristic.floating_potential()
        burning = np.isfinite(floating)
        current = swept.characteristic.current(np.where(burning, floating, 0.0))
        assert np.abs(current[burning]).max() < 1e-8
        assert (floating[burning] < swept.plasma.potential[burning]).all()

    def test_it_is_not_the_formula_an_analysis_inverts(self) -> None:
        truth = simulate_shot(1234).truth
        curve = truth.waveforms.first.characteristic.at(truth.waveforms.discharge, np.array([1.0]))
        bias = np.linspace(-80, 80, 1601)
        current = curve.current(bias)
        assert (np.diff(current) > 0).all()
        ions = -current[bias < -40]
        assert 1.025 < ions[0] / ions[-1] < 1.25  # the sheath grows
        assert ions[0] > 1.1 * curve.ion_saturation[0]
        beyond = current[bias > 60]
        assert 1.001 < beyond[-1] / beyond[0] < 1.1  # electrons keep rising
        at_knee = float(np.interp(curve.potential[0], bias, current))
        assert 0.4 < at_knee / curve.electron_saturation[0] < 0.6  # a round knee, not a corner

    @pytest.mark.parametrize("number", [1234, 1000, 1402, 838, 1730, 1499, 1896, 1840])
    def test_an_independent_estimate_of_the_density(self, number: int) -> None:
        """The textbook's way: a line through the ion branch, a slope, the Bohm formula."""
        shot = simulate_shot(number)
        times = np.arange(200_000) / 1e5
        window = slice(100_000, 110_000)  # 20 sweeps
        voltage = shot.truth.signal("Lang_U", times)[window]
        current = shot.truth.signal("Lang_I", times)[window]
        floating = float(np.median(voltage[np.argsort(np.abs(current))[:40]]))
        branch = voltage < -40
        line = np.polyfit(voltage[branch], current[branch], 1)
        saturation = -float(np.polyval(line, floating))
        electrons = current - np.polyval(line, voltage)
        rising = (electrons > 0.15 * saturation) & (electrons < 1.0 * saturation) & (voltage < floating + 2)
        temperature = 1 / np.polyfit(voltage[rising], np.log(electrons[rising]), 1)[0]
        e = constants.e.si.value
        bohm = np.sqrt(e * temperature / shot.truth.ion_mass)
        density = saturation / (0.6 * e * shot.truth.probe_area * bohm)
        assert temperature == pytest.approx(shot.truth.at("electron_temperature", 1.05), rel=0.3)
        assert density == pytest.approx(shot.truth.at("density", 1.05), rel=0.3)
        assert floating == pytest.approx(shot.truth.at("floating_potential", 1.05), abs=1.0)

    def test_sweep(self) -> None:
        bias = Probe().bias(np.arange(2000) / 1e5)
        assert (bias.min(), bias.max()) == (pytest.approx(-80), pytest.approx(80))
        np.testing.assert_allclose(np.abs(np.diff(bias)), 0.64, rtol=1e-9)
        np.testing.assert_allclose(bias[:500], bias[500:1000], atol=1e-9)


class TestRecording:
    @pytest.mark.parametrize("number", SHOTS)
    def test_nothing_clips(self, number: int) -> None:
        for series in simulate_shot(number, rate=2e4).plan.series:
            if series.device == "PXI M6251":
                assert np.abs(series.raw.astype(int)).max() < 32_767
            if series.device == "Tektronix":
                assert np.abs(series.raw.astype(int)).max() < 2_047

    @given(number=any_shot)
    @settings(max_examples=25, deadline=None)
    def test_probe_currents_stay_in_range_in_any_shot(self, number: int) -> None:
        waveforms = simulate_shot(number, rate=1e3).truth.waveforms
        for swept in (waveforms.first, waveforms.second):
            most = swept.characteristic.current(np.full(waveforms.discharge.time.size, 80.1))
            assert most.max() + 0.06 * swept.characteristic.ion_saturation.max() < 0.0999

    def test_what_the_devices_recorded(self) -> None:
        series = {one.port: one for one in simulate_shot(1300).plan.series}
        assert len(series) == 17
        card = series["PXI M6251/ai0"]
        assert (card.raw.dtype.name, card.raw.size, card.start, card.dt) == ("int16", 200_000, 0.0, 1e-5)
        scope = series["Tektronix/ch1"]
        assert (scope.raw.dtype.name, scope.raw.size, scope.start, scope.dt) == ("int16", 100_000, 0.5, 8e-10)
        log = series["Generator/Fpower"]
        assert (log.raw.dtype.name, log.raw_unit, log.dt) == ("float32", "W", None)
        assert log.times is not None
        gaps = np.diff(log.times)
        assert 0.02 <= gaps.min() < 0.025
        assert 0.045 < gaps.max() <= 0.05

    def test_the_log_runs_late_in_some_shots(self) -> None:
        assert [generator_delay(number) for number in (1600, 1601, 1896, 1897)] == [0.0, 2.078, 2.078, 0.0]
        shot = simulate_shot(1702)
        log = next(one for one in shot.plan.series if one.channel == "Fpower")
        assert log.times is not None
        power = shot.truth.at("icrf_forward", log.times + 2.078)
        assert power.max() > 600
        np.testing.assert_allclose(log.raw, power, atol=0.02 * power.max() + 8)

    def test_a_device_is_missing_in_some_shots(self) -> None:
        def devices(number: int) -> set[str]:
            return {one.device for one in simulate_shot(number, duration=0.1).plan.series}

        assert devices(1299) == {"PXI M6251", "Generator"}
        assert devices(1300) == {"PXI M6251", "Generator", "Tektronix"}
        assert devices(1564) == {"PXI M6251", "Generator"}
        assert devices(1024) == {"PXI M6251"}

    def test_dead_and_open_inputs(self) -> None:
        raw = arrays(simulate_shot(1165, duration=0.2))
        assert not raw["PXI M6251/ai6"].any()
        assert dead_inputs(1174) == frozenset()
        unplugged = raw["PXI M6251/ai13"]
        assert "ai13" not in pxi_feeds(1165)
        assert 0 < np.abs(unplugged).max() < 100  # hum, a few millivolts
