"""Sweeps are found whatever the driver of the probe does: any shape, jitter, noise, ragged ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gilgamesh_db.physics.sweep import as_table, find_sweeps


def ramps(lengths: list[int], amplitude: float, offset: float = 0.0, noise: float = 0.0) -> np.ndarray:
    """Ramps up and down in turn, each of its own length; the end of one is the beginning of the next."""
    pieces = [
        np.linspace(-amplitude, amplitude, length, endpoint=False) * (1 if n % 2 == 0 else -1)
        for n, length in enumerate(lengths)
    ]
    voltage = np.concatenate(pieces) + offset
    return voltage + noise * amplitude * np.random.default_rng(0).standard_normal(voltage.size)


@settings(deadline=None, max_examples=80)
@given(
    lengths=st.lists(st.integers(60, 400), min_size=2, max_size=12),
    amplitude=st.floats(0.1, 300.0),
    offset=st.floats(-100.0, 100.0),
    noise=st.floats(0.0, 0.05),
)
def test_every_ramp_is_found_however_its_length_jitters(
    lengths: list[int], amplitude: float, offset: float, noise: float
) -> None:
    voltage = ramps(lengths, amplitude, offset, noise)
    time = np.arange(voltage.size) * 1e-5
    sweeps = find_sweeps(time, voltage)
    edges = np.concatenate([[0], np.cumsum(lengths)])
    longest, shortest = max(lengths), min(lengths)
    if longest / shortest > 3:  # what is four times as fast as the others is a flyback
        return
    assert len(sweeps) == len(lengths)
    assert sweeps.rising.tolist() == [n % 2 == 0 for n in range(len(lengths))]
    # With noise the turning point may lie a little before or after: by as many samples as the noise is high.
    slack = 2 + np.ceil(4 * noise * longest)
    assert np.abs(sweeps.start - edges[:-1]).max() <= slack
    assert np.abs(sweeps.stop - edges[1:]).max() <= slack


@settings(deadline=None, max_examples=40)
@given(first=st.integers(0, 999), last=st.integers(1000, 2000))
def test_a_window_cut_anywhere_holds_only_whole_ramps(first: int, last: int) -> None:
    voltage = ramps([250] * 8, 80.0)[first:last]
    time = np.arange(first, last) * 1e-5
    sweeps = find_sweeps(time, voltage)
    assert len(sweeps) >= (last - first) // 250 - 2
    for start, stop in zip(sweeps.start, sweeps.stop, strict=True):
        assert np.ptp(voltage[start:stop]) >= 0.75 * np.ptp(voltage)
        assert stop - start <= 253


def test_directions() -> None:
    voltage = ramps([250] * 6, 80.0)
    time = np.arange(voltage.size) * 1e-5
    assert len(find_sweeps(time, voltage, which="up")) == 3
    assert find_sweeps(time, voltage, which="up").rising.all()
    assert not find_sweeps(time, voltage, which="down").rising.any()


def test_the_flyback_of_a_saw_tooth_is_none() -> None:
    voltage = ramps([400, 40] * 5, 80.0)
    time = np.arange(voltage.size) * 1e-5
    sweeps = find_sweeps(time, voltage)
    assert len(sweeps) == 5
    assert sweeps.rising.all()


def test_a_pause_at_the_ends_is_no_ramp() -> None:
    one = np.concatenate(
        [np.linspace(-80, 80, 200), np.full(100, 80.0), np.linspace(80, -80, 200), np.full(100, -80.0)]
    )
    voltage = np.tile(one, 4)
    assert len(find_sweeps(np.arange(voltage.size) * 1e-5, voltage)) == 8


def test_a_gap_breaks_a_ramp() -> None:
    voltage = ramps([250] * 6, 80.0)
    time = np.arange(voltage.size) * 1e-5
    time[600:] += 0.1
    broken = voltage.copy()
    broken[900] = np.nan
    assert len(find_sweeps(time, voltage)) == 5
    assert len(find_sweeps(np.arange(voltage.size) * 1e-5, broken)) == 5


@pytest.mark.parametrize("voltage", [np.zeros(1000), np.full(1000, np.nan), np.empty(0), np.arange(5.0)])
def test_without_a_sweep_there_is_none(voltage: np.ndarray) -> None:
    assert len(find_sweeps(np.arange(voltage.size) * 1e-5, voltage)) == 0


def test_noise_alone_is_no_sweep() -> None:
    voltage = np.random.default_rng(3).standard_normal(100_000)
    assert len(find_sweeps(np.arange(voltage.size) * 1e-5, voltage)) == 0


@given(length=st.integers(20, 5000))
@settings(deadline=None, max_examples=30)
def test_long_ramps_are_averaged_in_blocks(length: int) -> None:
    voltage = ramps([length, length + 7], 80.0)
    current = 2 * voltage + 1
    time = np.arange(voltage.size) * 1e-6
    v, i = as_table(find_sweeps(time, voltage), voltage, current, points=128)
    assert v.shape[1] <= max(128, 1)
    there = np.isfinite(v)
    assert there.any(axis=1).all()
    np.testing.assert_allclose(i[there], 2 * v[there] + 1, rtol=1e-9, atol=1e-9)
    for row in v:
        assert (np.diff(row[np.isfinite(row)]) > 0).all()
