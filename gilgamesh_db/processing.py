"""Smoothing, filters, spectra, derivatives and integrals of signals (scipy), with their units and their origin.

Filters and spectra need uniform sampling; what is irregular is refused with a letter that says how to make it uniform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .computed import ComputedSignal, FloatArray
from .errors import InvalidValue, MissingExtra
from .formula.functions import smoothed
from .signal import Signal

if TYPE_CHECKING:
    from astropy.units import UnitBase

FilterKind = Literal["lowpass", "highpass", "bandpass", "bandstop"]


@dataclass(frozen=True)
class Spectrum:
    """Power spectral density of a signal.

    Attributes
    ----------
    frequency : ndarray of float64, shape (m,)
        Hz.
    density : ndarray of float64, shape (m,)
        In `unit`, one-sided: its integral over frequency is the variance of the signal.
    unit : astropy unit
        Unit of the signal squared, per Hz.
    method : str
    """

    frequency: FloatArray
    density: FloatArray
    unit: UnitBase
    method: str


@dataclass(frozen=True)
class Spectrogram:
    """Power spectral density of a signal as it changes.

    Attributes
    ----------
    time : ndarray of float64, shape (k,)
        Middle of each piece, in s from the trigger.
    frequency : ndarray of float64, shape (m,)
        Hz.
    density : ndarray of float64, shape (m, k)
        In `unit`, one-sided.
    unit : astropy unit
        Unit of the signal squared, per Hz.
    method : str
    """

    time: FloatArray
    frequency: FloatArray
    density: FloatArray
    unit: UnitBase
    method: str


def smooth(signal: Signal, seconds: float) -> ComputedSignal:
    """See `Signal.smooth`."""
    if not 0 < seconds < np.inf:
        raise InvalidValue(f"a window of {seconds} s smooths nothing; give its length in seconds, such as 1e-3")
    return _made(signal, f"smoothed over {seconds:g} s", lambda: smoothed(signal.time, signal.values, seconds))


def filtered(signal: Signal, kind: FilterKind, frequency: float | tuple[float, float], order: int) -> ComputedSignal:
    """See `Signal.filter`."""
    wanted = np.atleast_1d(np.asarray(frequency, np.float64))
    pair = kind in ("bandpass", "bandstop")
    if kind not in ("lowpass", "highpass", "bandpass", "bandstop"):
        raise InvalidValue(f"{kind!r} is not a filter; choose lowpass, highpass, bandpass or bandstop")
    if wanted.shape != ((2,) if pair else (1,)) or not (np.diff(wanted) > 0).all():
        raise InvalidValue(
            f"a {kind} filter takes {'two rising frequencies' if pair else 'one frequency'} in Hz, not {frequency}"
        )
    if not isinstance(order, int) or not 1 <= order <= 20:
        raise InvalidValue(f"a filter of order {order} cannot be made; give a whole number from 1 to 20")

    def values() -> FloatArray:
        rate = 1 / _uniform(signal, "filter")
        if not (wanted > 0).all() or not (wanted < rate / 2).all():
            raise InvalidValue(
                f"{signal.name!r} is sampled at {rate:g} Hz and holds frequencies up to {rate / 2:g} Hz; {frequency} Hz cannot be cut"
            )
        scipy_signal = _scipy("filtering")
        sections = scipy_signal.butter(order, wanted if pair else wanted[0], kind, fs=rate, output="sos")
        return np.asarray(scipy_signal.sosfiltfilt(sections, _finite(signal, "filter", 12 * order)), np.float64)

    shown = " to ".join(f"{each:g}" for each in wanted)
    return _made(signal, f"{kind} {shown} Hz, Butterworth of order {order}, forwards and backwards", values)


def detrended(signal: Signal, kind: Literal["linear", "constant"]) -> ComputedSignal:
    """See `Signal.detrend`."""
    if kind not in ("linear", "constant"):
        raise InvalidValue(f"{kind!r} is not a trend; choose 'linear' or 'constant'")

    def values() -> FloatArray:
        x, y = signal.time, signal.values
        numbers = np.isfinite(y)
        if not numbers.any():
            return y
        mean = y[numbers].mean()
        if kind == "constant" or numbers.sum() < 2:
            return np.asarray(y - mean)
        middle = x[numbers].mean()
        away = x[numbers] - middle
        slope = float(away @ (y[numbers] - mean) / (away @ away))
        return np.asarray(y - mean - slope * (x - middle))

    return _made(signal, f"{kind} trend taken off", values)


def differentiated(signal: Signal) -> ComputedSignal:
    """See `Signal.differentiate`."""

    def values() -> FloatArray:
        if len(signal) < 2:
            raise InvalidValue(f"{signal.name!r} has {len(signal)} samples here; a derivative needs two")
        return np.asarray(np.gradient(signal.values, signal.time))

    return _made(signal, "derivative, central differences", values, power=-1)


def integrated(signal: Signal) -> ComputedSignal:
    """See `Signal.integrate`."""

    def values() -> FloatArray:
        y = signal.values
        return np.concatenate(([0.0], np.cumsum(np.diff(signal.time) * (y[1:] + y[:-1]) / 2)))[: y.size]

    return _made(signal, "integral from the first sample, trapezes", values, power=1)


def spectrum(signal: Signal, seconds: float | None) -> Spectrum:
    """See `Signal.spectrum`."""
    dt = _uniform(signal, "spectrum")
    values = _finite(signal, "spectrum", 8)
    length = _piece(values.size, seconds, dt)
    frequency, density = _scipy("a spectrum").welch(values, 1 / dt, nperseg=length, detrend="constant")
    method = f"Welch, Hann window of {length} samples, half overlapping, mean taken off"
    return Spectrum(np.asarray(frequency), np.asarray(density), _density(signal), method)


def spectrogram(signal: Signal, seconds: float | None) -> Spectrogram:
    """See `Signal.spectrogram`."""
    dt = _uniform(signal, "spectrogram")
    values = _finite(signal, "spectrogram", 8)
    length = _piece(values.size, seconds, dt)
    frequency, time, density = _scipy("a spectrogram").spectrogram(
        values, 1 / dt, window="hann", nperseg=length, noverlap=length // 2, detrend="constant"
    )
    method = f"Hann window of {length} samples, half overlapping, mean taken off"
    return Spectrogram(
        signal.time[0] + np.asarray(time), np.asarray(frequency), np.asarray(density), _density(signal), method
    )


def _made(signal: Signal, method: str, values: Callable[[], FloatArray], power: int = 0) -> ComputedSignal:
    """A signal of the same instants; its unit times a power of a second."""
    from astropy.units import s

    unit = signal.unit * s**power if power else signal.unit
    return ComputedSignal(
        signal.name, lambda: signal.time, values, unit, shot=signal.shot, inputs=(signal,), method=method,
        label=signal.label if not power else f"{signal.label}, {method.split(',', maxsplit=1)[0].split(' ', maxsplit=1)[0]}",
    )  # fmt: skip


def _density(signal: Signal) -> Any:
    from astropy.units import Hz

    return signal.unit**2 / Hz


def _uniform(signal: Signal, what: str) -> float:
    dt = signal.dt
    if dt is None:
        raise InvalidValue(
            f"{signal.name!r} is not sampled evenly, which a {what} needs; make it so first: {signal.name}.resample(1e-3)"
        )
    return dt


def _finite(signal: Signal, what: str, fewest: int) -> FloatArray:
    values = signal.values
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise InvalidValue(
            f"{signal.name!r} has {bad} samples that are no numbers, which a {what} would spread; choose a window without them"
        )
    if values.size <= fewest:
        raise InvalidValue(f"{signal.name!r} has {values.size} samples here; a {what} needs more than {fewest}")
    return values


def _piece(n: int, seconds: float | None, dt: float) -> int:
    """Samples per piece: an eighth of the record unless said."""
    length = max(8, n // 8) if seconds is None else round(seconds / dt)
    if not 2 <= length <= n:
        raise InvalidValue(
            f"pieces of {length} samples do not fit a record of {n}; give their length in seconds, at most {n * dt:g}"
        )
    return length


def _scipy(purpose: str) -> Any:
    try:
        from scipy import signal as scipy_signal
    except ImportError as error:
        raise MissingExtra("scipy", "processing", purpose) from error
    return scipy_signal
