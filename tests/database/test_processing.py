"""Processing beside what is known on paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy import units as u

from gilgamesh_db import errors
from gilgamesh_db.computed import ComputedSignal

RATE = 10_000.0
TIME = np.arange(20_000) / RATE
SINE = np.sin(2 * np.pi * 50 * TIME)


def made(values: np.ndarray, unit: str = "V") -> ComputedSignal:
    return ComputedSignal("U", TIME, values, unit, shot=1)


def test_derivative_and_integral_are_those_of_the_sine() -> None:
    slope, area = made(SINE).differentiate(), made(SINE).integrate()
    assert (slope.unit, area.unit) == (u.V / u.s, u.V * u.s)
    omega = 2 * np.pi * 50
    np.testing.assert_allclose(slope.values[1:-1], omega * np.cos(omega * TIME)[1:-1], atol=omega * 2e-4)
    np.testing.assert_allclose(area.values, (1 - np.cos(omega * TIME)) / omega, atol=1e-6)
    np.testing.assert_allclose(area.differentiate().values[5:-5], SINE[5:-5], atol=1e-3)
    assert "integral from the first sample" in str(area.provenance)


def test_filters_keep_what_passes_and_cut_what_does_not() -> None:
    both = made(SINE + np.sin(2 * np.pi * 2000 * TIME))
    inner = slice(2000, -2000)
    # A Butterworth filter of order 4 run twice: gain 1 / (1 + (f / f0)^8).
    np.testing.assert_allclose(both.filter("lowpass", 300).values[inner], SINE[inner], atol=2e-4)
    high = both.filter("highpass", 300).values[inner]
    np.testing.assert_allclose(high, np.sin(2 * np.pi * 2000 * TIME)[inner], atol=2e-4)
    edge = made(SINE).filter("lowpass", 50.0).values[inner]
    assert np.abs(edge).max() == pytest.approx(0.5, rel=1e-2)
    np.testing.assert_allclose(both.filter("bandpass", (20, 125)).values[inner], SINE[inner], atol=2e-2)
    five = np.convolve(SINE, np.ones(5) / 5, "same")[inner]
    np.testing.assert_allclose(made(SINE).smooth(4 / RATE).values[inner], five, atol=1e-12)
    assert both.filter("lowpass", 300).unit == "V"


def test_a_trend_is_taken_off() -> None:
    line = 3 + 2 * TIME
    np.testing.assert_allclose(made(line).detrend().values, 0, atol=1e-12)
    np.testing.assert_allclose(made(line).detrend("constant").values, line - line.mean(), atol=1e-12)
    noise = np.random.default_rng(1).normal(size=TIME.size)
    residual = noise - np.polyval(np.polyfit(TIME, noise, 1), TIME)
    np.testing.assert_allclose(made(noise + line).detrend().values, residual, atol=1e-10)


def test_the_integral_of_a_spectrum_is_the_variance() -> None:
    noise = np.random.default_rng(2).normal(scale=3.0, size=TIME.size)
    found = made(noise).spectrum(0.1)
    assert found.unit == u.V**2 / u.Hz
    assert np.trapezoid(found.density, found.frequency) == pytest.approx(9.0, rel=0.05)
    assert found.density[5:-5].mean() == pytest.approx(9.0 / (RATE / 2), rel=0.05)  # white
    peak = made(SINE).spectrum(0.5)
    assert peak.frequency[peak.density.argmax()] == 50.0
    assert np.trapezoid(peak.density, peak.frequency) == pytest.approx(0.5, rel=1e-3)
    chirp = made(np.where(TIME < 1, SINE, np.sin(2 * np.pi * 500 * TIME))).spectrogram(0.1)
    loudest = chirp.frequency[chirp.density.argmax(axis=0)]
    assert loudest[chirp.time < 0.9].tolist() == [50.0] * int((chirp.time < 0.9).sum())
    assert set(loudest[chirp.time > 1.1]) == {500.0}
    assert chirp.density.shape == (chirp.frequency.size, chirp.time.size)


@pytest.mark.parametrize(
    ("call", "words"),
    [(lambda s: s.filter("lowpass", 6000).values, "frequencies up to 5000 Hz"), (lambda s: s.filter("lowpas", 60), "choose lowpass"),
     (lambda s: s.filter("bandpass", 60), "two rising"), (lambda s: s.filter("lowpass", 60, 0), "order 0"), (lambda s: s.smooth(0), "smooths nothing"),
     (lambda s: s.detrend("cubic"), "not a trend"), (lambda s: s.spectrum(9.0), "do not fit"), (lambda s: s.window(0, 3e-4).spectrum(), "needs more than 8"),
     (lambda s: s.window(0, 1e-4).differentiate().values, "needs two"), (lambda s: (s / s).filter("lowpass", 60).values, "1 samples that are no numbers")],
)  # fmt: skip
def test_what_cannot_be_is_said(call: Any, words: str) -> None:
    with pytest.raises(errors.InvalidValue, match=words):
        call(made(SINE * (np.arange(TIME.size) > 0)) if "no numbers" not in words else made(TIME))


def test_irregular_sampling_is_refused_or_welcome() -> None:
    irregular = ComputedSignal("U", np.array([0.0, 1.0, 3.0, 4.0]), [0.0, 1.0, 3.0, 4.0], "V")
    with pytest.raises(errors.InvalidValue, match=r"not sampled evenly.*U.resample"):
        _ = irregular.filter("lowpass", 0.1).values
    np.testing.assert_allclose(irregular.differentiate().values, 1.0)
    assert irregular.integrate().values[-1] == pytest.approx(8.0)
    assert irregular.smooth(2.0).values.tolist() == [0.5, 0.5, 3.5, 3.5]
