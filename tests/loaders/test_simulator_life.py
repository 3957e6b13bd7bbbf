"""What the lab wrote down agrees, in the end, with what was plugged in; on the way it did not."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from gilgamesh_db.calibration import Step, evaluate
from gilgamesh_loaders.plan import SeriesPlan, spelled_unit
from gilgamesh_loaders.simulator import (
    INSTALLATION,
    LIFE,
    SHOTS,
    STORY,
    Edit,
    Operation,
    SimulatedShot,
    install_testbed,
    live,
    shot_time,
    simulate_shot,
)
from gilgamesh_loaders.simulator.life import before

RECORDS = (*INSTALLATION, *LIFE)
EPOCHS = (838, 1100, 1165, 1234, 1300, 1402, 1450, 1500, 1564, 1602, 1638, 1650, 1685, 1686, 1717, 1718, 1896)
METHODS = {
    *("add_component", "add_port", "add_signal", "add_attribute", "connect", "disconnect"),
    *("define", "swap", "calibrate", "place", "set_property", "set_timing"),
}


class Walk:
    """The testbed at one moment, by walking over the records in the order of their recording."""

    def __init__(self, when: datetime, edits: Sequence[Edit] = RECORDS) -> None:
        self.wiring: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.calibrations: dict[str, tuple[tuple[Step, ...], str, str]] = {}
        self.parents: dict[str, str | None] = {}
        self.properties: dict[tuple[str, str], float] = {}
        self.offsets: dict[str, float] = {}
        self.units: dict[str, str] = {}
        self.derived: dict[str, str] = {}
        for operation in operations(edits):
            since, until = operation.keywords.get("since"), operation.keywords.get("until")
            if (since is None or since <= when) and (until is None or when < until):  # type: ignore[operator]
                getattr(self, operation.method)(*operation.positional, **operation.keywords)

    def add_component(self, name: str, kind: str, *, parent: str | None, properties: Any = (), **_: Any) -> None:
        self.parents[name] = parent
        for key, stated in dict(properties).items():
            value = stated[0] if isinstance(stated, tuple) else stated
            self.properties[name, key] = value

    def add_port(self, device: str, channel: str, **_: Any) -> None:
        self.parents[f"{device}/{channel}"] = device

    def add_signal(self, name: str, *, unit: str, kind: str = "measured", **_: Any) -> None:
        (self.units if kind == "measured" else self.derived)[name] = unit

    def add_attribute(self, name: str, **_: Any) -> None:
        pass

    def define(self, signal: str, formula: str, **_: Any) -> None:
        assert signal in self.derived
        assert {name for name in self.units if name in formula.split()} <= set(self.wiring)

    def connect(self, signal: str, port: str, *, chain: tuple[str, ...], **_: Any) -> None:
        assert signal not in self.wiring, f"{signal} is still connected"
        assert port not in {used for used, _ in self.wiring.values()}, f"{port} is in use"
        self.wiring[signal] = (port, chain)

    def disconnect(self, signal: str, **_: Any) -> None:
        del self.wiring[signal]

    def swap(self, a: str, b: str, **_: Any) -> None:
        (port_a, chain_a), (port_b, chain_b) = self.wiring[a], self.wiring[b]
        self.wiring[a], self.wiring[b] = (port_b, chain_a), (port_a, chain_b)

    def calibrate(self, item: str, steps: tuple[Step, ...], unit_in: str, unit_out: str, **_: Any) -> None:
        assert item in self.parents, f"{item} is no component"
        self.calibrations[item] = (steps, unit_in, unit_out)

    def place(self, component: str, parent: str, **_: Any) -> None:
        assert {component, parent} <= set(self.parents)
        self.parents[component] = parent

    def set_property(self, component: str, name: str, value: float, _unit: str, **_: Any) -> None:
        self.properties[component, name] = value

    def set_timing(self, device: str, *, start_offset: float, **_: Any) -> None:
        self.offsets[device] = start_offset

    def steps(self, signal: str) -> tuple[Step, ...]:
        port, chain = self.wiring[signal]
        return tuple(step for item in (port, *chain) for step in self.calibrations[item][0])


def operations(edits: Sequence[Edit]) -> Iterator[Operation]:
    for edit in edits:
        yield from edit.operations


def known(when: datetime) -> tuple[Edit, ...]:
    return tuple(edit for edit in RECORDS if edit.recorded_at <= when)


def series_of(shot: SimulatedShot, port: str) -> SeriesPlan | None:
    return next((one for one in shot.plan.series if one.port == port), None)


def values(shot: SimulatedShot, signal: str, walk: Walk) -> Any:
    series = series_of(shot, walk.wiring[signal][0])
    assert series is not None
    return evaluate(walk.steps(signal), series.raw)


def true_times(series: SeriesPlan, offset: float) -> Any:
    if series.times is not None:
        return series.times + offset
    assert series.start is not None
    assert series.dt is not None
    return series.start + series.dt * np.arange(series.raw.size)


class TestRecordsAgreeWithTheMachine:
    @pytest.mark.parametrize("number", EPOCHS)
    def test_raw_through_the_records_is_the_truth_within_a_count(self, number: int) -> None:
        shot = simulate_shot(number, duration=0.5, rate=4e4)
        walk = Walk(shot.plan.started_at)
        checked = set()
        for signal, (port, _) in walk.wiring.items():
            series = series_of(shot, port)
            if series is None:
                continue
            offset = walk.offsets.get(series.device, 0.0)
            truth = shot.truth.signal(signal, true_times(series, offset))
            half = 0.5 + 1e-6 if series.raw_unit == "ct" else 1e-3
            ends = [evaluate(walk.steps(signal), series.raw + side * half) for side in (-1.0, 1.0)]
            assert (np.minimum(*ends) <= truth).all(), signal
            assert (truth <= np.maximum(*ends)).all(), signal
            checked.add(signal)
        expected = set(walk.units) - {"Bdot3"} | ({"Bdot3"} if series_of(shot, "Tektronix/ch1") else set())
        assert checked == expected - ({"Ngas_P"} if number == 1165 else set())

    @pytest.mark.parametrize("number", EPOCHS)
    def test_the_tips_are_what_the_records_say(self, number: int) -> None:
        truth, walk = simulate_shot(number, duration=0.1).truth, Walk(shot_time(number))
        for probe, area in (("langmuir1", truth.probe_area), ("langmuir2", truth.probe_area2)):
            length, radius = (walk.properties[probe, f"tip {name}"] * 1e-3 for name in ("length", "radius"))
            assert area == pytest.approx(2 * np.pi * radius * length + np.pi * radius**2, rel=1e-12)

    def test_every_signal_of_the_testbed_is_there(self) -> None:
        signals = {one.positional[0]: one for one in operations(RECORDS) if one.method == "add_signal"}
        assert set(signals) == {
            *("H_Pfwd", "H_Pref", "IC_Pfwd", "IC_Pref", "BigCoil_I", "SmallCoil_I", "Ngas_P"),
            *("Lang_U", "Lang_I", "Lang_U2", "Lang_I2", "Manip_U", "Bdot1", "Bdot2", "Bdot3"),
            *("H_Pinj", "H_ratio", "IC_Pinj", "IC_ratio"),
        }
        assert signals["Lang_U"].keywords["aliases"] == ("Langmuir_U",)
        assert signals["Lang_I"].keywords["aliases"] == ("Langmuir_I",)
        ports = [one.positional[0] for one in operations(RECORDS) if one.method == "add_port"]
        assert {device: ports.count(device) for device in ports} == {
            "PXI M6251": 16,
            "Tektronix": 4,
            "S7": 30,
            "Generator": 2,
        }


class TestRecordsAreInOrder:
    def test_recorded_one_after_the_other_and_never_before_it_was_so(self) -> None:
        times = [edit.recorded_at for edit in RECORDS]
        assert all(earlier < later for earlier, later in itertools.pairwise(times))
        for edit in RECORDS:
            assert edit.recorded_at.utcoffset() is not None
            assert edit.author in {"anna", "ilya", "roman"}
            for operation in edit.operations:
                assert operation.method in METHODS
                for end in ("since", "until"):
                    moment = operation.keywords.get(end)
                    assert moment is None or moment <= edit.recorded_at  # type: ignore[operator]

    def test_at_every_moment_the_records_make_sense_as_known_at_any_time(self) -> None:
        """Walking raises where a port would carry two signals or a signal sit on two ports."""
        moments = [shot_time(number) for number in SHOTS]
        for count in range(len(INSTALLATION), len(RECORDS) + 1):
            for when in moments:
                Walk(when, RECORDS[:count])

    @pytest.mark.parametrize("number", SHOTS)
    def test_everything_wired_is_calibrated_and_units_compose(self, number: int) -> None:
        walk = Walk(shot_time(number))
        for signal, (port, chain) in walk.wiring.items():
            units = [walk.calibrations[item][1:] for item in (port, *chain)]
            assert all(left[1] == right[0] for left, right in itertools.pairwise(units))
            assert units[-1][1] == walk.units[signal]
        assert {name for name in walk.parents if "/" in name} <= set(walk.calibrations)
        assert all(parent is None or parent in walk.parents for parent in walk.parents.values())

    def test_units_are_spelled_as_astropy_does(self) -> None:
        found = set()
        for operation in operations(RECORDS):
            found |= {operation.keywords["unit"]} if operation.keywords.get("unit") else set()
            if operation.method == "calibrate":
                found |= set(operation.positional[2:4])
            stated = operation.keywords.get("properties", {}).values()  # type: ignore[attr-defined]
            found |= {said[1] for said in stated if isinstance(said, tuple)}
        assert {unit: spelled_unit(unit) for unit in found} == {unit: unit for unit in found}

    def test_a_life_can_be_lived_in_parts(self) -> None:
        class Diary:
            def __init__(self) -> None:
                self.entries: list[tuple[Any, ...]] = []

            @contextmanager
            def edit(self, reason: str, *, author: str, recorded_at: datetime) -> Iterator[Any]:
                yield Page(self.entries)
                self.entries.append((reason, author, recorded_at))

        class Page:
            def __init__(self, entries: list[tuple[Any, ...]]) -> None:
                self.entries = entries

            def __getattr__(self, method: str) -> Any:
                return lambda *args, **keywords: self.entries.append((method, args, keywords))

        at_once, in_parts = Diary(), Diary()
        install_testbed(at_once)
        assert len(at_once.entries) == sum(1 + len(edit.operations) for edit in INSTALLATION)
        live(at_once)
        install_testbed(in_parts)
        stops = [edit.recorded_at for edit in LIFE[::3]]
        for since, until in zip([None, *stops], [*stops, None], strict=True):
            live(in_parts, until, since=since)
        assert at_once.entries == in_parts.entries
        assert sum(len(entry) == 3 and isinstance(entry[2], datetime) for entry in at_once.entries) == len(RECORDS)


class TestStory:
    def test_three_shots_with_three_ports(self) -> None:
        ports = [Walk(shot_time(number)).wiring["Lang_I"][0] for number in STORY.moved_shots]
        assert ports == ["PXI M6251/ai3", "PXI M6251/ai12", "PXI M6251/ai13"]
        assert set(STORY.moved_shots) <= set(SHOTS)

    def test_the_swap_was_plausible_wrong_and_put_right(self) -> None:
        shot = simulate_shot(STORY.swapped_shot)
        first, second = STORY.swapped_signals
        believed = Walk(shot.plan.started_at, known(STORY.before_swap_known))
        corrected = Walk(shot.plan.started_at, known(STORY.after_swap_known))
        assert believed.wiring[first][1] == corrected.wiring[first][1]
        np.testing.assert_array_equal(values(shot, first, believed), values(shot, second, corrected))
        np.testing.assert_array_equal(values(shot, second, believed), values(shot, first, corrected))
        right, wrong = np.ptp(values(shot, first, corrected)), np.ptp(values(shot, first, believed))
        assert 1.2 < right / wrong < 3

    def test_three_weeks_passed_before_the_swap_was_found(self) -> None:
        swap = next(one for one in operations(LIFE) if one.method == "swap")
        found = next(edit.recorded_at for edit in LIFE if swap in edit.operations)
        assert timedelta(weeks=3) <= found - swap.keywords["since"] < timedelta(weeks=3, days=1)  # type: ignore[operator]

    def test_the_divider_was_recalibrated_twice_once_for_the_past(self) -> None:
        when = shot_time(STORY.recalibrated_shot)
        gains = [
            float(evaluate(Walk(when, known(moment)).calibrations[STORY.recalibrated_item][0], np.array([1.0]))[0])
            for moment in (STORY.before_recalibration, STORY.after_recalibration)
        ]
        assert gains == [10.0, 10.18]
        later = Walk(shot_time(1896)).calibrations[STORY.recalibrated_item][0]
        assert float(evaluate(later, np.array([1.0]))[0]) == 10.06
        assert Walk(shot_time(1499)).wiring["Lang_U"][1] == ("divider1",)
        assert Walk(shot_time(1500)).wiring["Lang_U"][1] == ("divider3",)

    def test_the_spare_divider_moved_with_its_calibration(self) -> None:
        early, late = (Walk(shot_time(number)) for number in STORY.spare_shots)
        assert STORY.spare_item in early.wiring[STORY.spare_signals[0]][1]
        assert STORY.spare_item in late.wiring[STORY.spare_signals[1]][1]
        assert (early.parents[STORY.spare_item], late.parents[STORY.spare_item]) == ("langmuir1", "langmuir2")
        assert early.calibrations[STORY.spare_item] == late.calibrations[STORY.spare_item]

    def test_a_dead_port_carries_no_signal(self) -> None:
        walk = Walk(shot_time(STORY.dead_shot))
        assert STORY.dead_signal not in walk.wiring
        series = series_of(simulate_shot(STORY.dead_shot, duration=0.1), STORY.dead_port)
        assert series is not None
        assert not series.raw.any()
        for alive in (1157, 1174):
            assert Walk(shot_time(alive)).wiring[STORY.dead_signal][0] == STORY.dead_port

    def test_an_added_diagnostic_and_absent_devices(self) -> None:
        assert STORY.added_signal not in Walk(shot_time(STORY.added_shot - 1)).wiring
        assert STORY.added_signal in Walk(shot_time(STORY.added_shot)).wiring
        for signal, number in STORY.absent:
            port = Walk(shot_time(number)).wiring[signal][0]
            assert series_of(simulate_shot(number, duration=0.1), port) is None
            assert number in SHOTS

    @pytest.mark.parametrize(("number", "offset"), [(1600, 0.0), (1601, 2.078), (1896, 2.078), (1897, 0.0)])
    def test_timing(self, number: int, offset: float) -> None:
        assert Walk(shot_time(number)).offsets.get(STORY.late_device, 0.0) == offset
        assert Walk(before(number)).offsets.get(STORY.late_device, 0.0) == offset
