"""Envelopes and statistics: the stored previews and moments against the samples themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, PowerOfTen, errors
from records import install, record

WINDOWS = [(-np.inf, np.inf), (0.0, 1.0), (0.123456, 2.2), (1.5, 1.50001), (0.5, 0.50064), (2.9, 9.0)]
CHAINS = {
    "rising": Polynomial((0.5, 0.01)),
    "falling": Polynomial((0.5, -0.01)),
    "curved": Polynomial((0.0, 0.0, 1e-6)),
    "log": (Polynomial((0.0, 1e-4)), PowerOfTen()),
}


@pytest.fixture(scope="module")
def lab(server18: Any) -> Any:
    """One record of three seconds at 100 kHz, with a spike nobody may miss."""
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as db:
        port = install(db)
        samples = np.random.default_rng(5).normal(0, 300, 300_001).astype("int16")
        samples[123_457] = 31_000
        samples[250_000] = -32_000
        record(db, 1, port, samples, start=0.0, dt=1e-5)
        yield db


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("points", [1, 7, 100, 2000])
def test_no_spike_is_lost_at_any_zoom(lab: gilgamesh.Database, chain: str, window: Any, points: int) -> None:
    with lab.edit("another calibration") as edit:
        edit.calibrate("PXI/ai0", CHAINS[chain], "ct", "V")
    signal = lab.signal("U", 1) if window[0] == -np.inf else lab.signal("U", 1).window(*window)
    time, values = signal.time, signal.values
    envelope = signal.envelope(points)
    assert 0 < envelope.time.size <= points
    assert np.all(np.diff(envelope.time) > 0)
    edges = np.append(np.searchsorted(time, envelope.time - 1e-9), values.size)
    assert edges[0] == 0
    for k, (low, high) in enumerate(zip(envelope.minimum, envelope.maximum, strict=True)):
        part = values[edges[k] : edges[k + 1]]
        if chain == "curved":
            assert low <= part.min()
            assert high >= part.max()
        else:
            assert (low, high) == (part.min(), part.max())


@pytest.mark.parametrize("chain", ["rising", "falling", "log"])
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("points", [1, 50])
def test_sql_draws_the_same_picture(lab: gilgamesh.Database, chain: str, window: Any, points: int) -> None:
    with lab.edit("another calibration") as edit:
        edit.calibrate("PXI/ai0", CHAINS[chain], "ct", "V")
    rows = lab.sql("select * from gilgamesh.envelope('U', 1, :points, :t0, :t1)",
                   {"points": points, "t0": window[0], "t1": window[1]})  # fmt: skip
    signal = lab.signal("U", 1).window(*window)
    time, values = signal.time, signal.values
    assert 0 < len(rows) <= points
    edges = np.append(np.searchsorted(time, rows.time.to_numpy() - 1e-9), values.size)
    for k, (low, high) in enumerate(zip(rows.minimum, rows.maximum, strict=True)):
        part = values[edges[k] : edges[k + 1]]
        np.testing.assert_allclose((low, high), (part.min(), part.max()), rtol=1e-13)


@pytest.mark.parametrize("chain", CHAINS)
def test_statistics_are_those_of_the_samples(lab: gilgamesh.Database, chain: str) -> None:
    with lab.edit("another calibration") as edit:
        edit.calibrate("PXI/ai0", CHAINS[chain], "ct", "V")
    values = lab.signal("U", 1).values
    found = lab.sql("select * from gilgamesh.statistics where signal = 'U' and shot = 1").iloc[0]
    assert found.n == values.size
    np.testing.assert_allclose(
        (found.minimum, found.maximum, found["mean"], found.rms),
        (values.min(), values.max(), values.mean(), np.sqrt(np.mean(values**2))),
        rtol=1e-11,
    )


def test_an_envelope_of_no_points_is_refused(lab: gilgamesh.Database) -> None:
    with pytest.raises(errors.InvalidValue, match="0 points"):
        lab.signal("U", 1).envelope(0)
    with pytest.raises(errors.InvalidValue, match="0 points"):
        lab.sql("select * from gilgamesh.envelope('U', 1, 0)")


def test_pieces_join_to_the_whole(lab: gilgamesh.Database) -> None:
    whole = lab.signal("U", 1)
    for signal, size in ((whole, 70_000), (whole, 32_768), (whole, 10**9), (whole.window(0.5, 1.5), 999)):
        pieces = list(signal.chunks(size))
        assert all(piece.raw.size <= size for piece in pieces)
        assert np.array_equal(np.concatenate([piece.values for piece in pieces]), signal.values)
        assert np.array_equal(np.concatenate([piece.time for piece in pieces]), signal.time)


def test_irregular_and_missing_samples_have_an_envelope(db18: gilgamesh.Database) -> None:
    port = install(db18, "float32")
    samples = np.random.default_rng(2).normal(size=5000).astype("float32")
    samples[100:400] = np.nan
    samples[4321] = 99
    record(db18, 1, port, samples, times=np.cumsum(np.random.default_rng(3).exponential(1e-3, 5000)))
    signal = db18.signal("U", 1)
    envelope = signal.envelope(100)
    assert np.nanmax(envelope.maximum) == signal.values[4321]
    assert np.isnan(envelope.minimum).sum() == 6


def test_a_recalibration_is_seen_at_once_although_samples_are_cached(lab: gilgamesh.Database) -> None:
    first = lab.signal("U", 1).values
    raw = lab.signal("U", 1).raw
    with lab.edit("new gain") as edit:
        edit.calibrate("PXI/ai0", Polynomial((0.0, 7.0)), "ct", "V")
    assert np.array_equal(lab.signal("U", 1).values, raw * 7.0)
    assert not np.array_equal(first, lab.signal("U", 1).values)
    assert lab.signal("U", 1).raw is raw  # the same bytes, read once
