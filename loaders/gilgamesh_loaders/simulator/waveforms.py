"""Each signal as its sensor sees it, in the unit of the signal, noise included.

Noise belongs to the sensor: it has its own random stream per signal, so the same shot gives
the same values whatever port they were recorded on and in whatever blocks they are asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gilgamesh_db.errors import SignalNotFound, near_names
from gilgamesh_loaders.simulator.devices import potentiometer_volts
from gilgamesh_loaders.simulator.plasma import Discharge, FloatArray, LocalPlasma
from gilgamesh_loaders.simulator.probe import NOISE, Characteristic, Probe, characteristic

BLOCK = 1 << 16
"""Samples made at a time: small enough to stay in the cache."""

Noise = Callable[[], npt.NDArray[np.float32]]
"""Normal deviates, one per sample of the block. To be called once: a second call would make blocks show."""


@dataclass(frozen=True)
class SweptProbe:
    """A probe where it stands in a discharge."""

    probe: Probe
    plasma: LocalPlasma
    characteristic: Characteristic


@dataclass(frozen=True)
class Waveforms:
    """The signals of one shot.

    Attributes
    ----------
    discharge : Discharge
        What the plasma did.
    position : float
        Distance of probe 1 from the axis, in cm.
    probe1, probe2 : Probe
        The tips as they were in this shot.
    seed : int
        Start of all random streams.
    """

    discharge: Discharge
    position: float
    probe1: Probe
    probe2: Probe
    seed: int

    @cached_property
    def first(self) -> SweptProbe:
        """Probe 1, on the manipulator."""
        return self._swept(self.probe1, self.position / 100)

    @cached_property
    def second(self) -> SweptProbe:
        """Probe 2, fixed 22 cm from the axis."""
        return self._swept(self.probe2, 0.22)

    def _swept(self, probe: Probe, radius: float) -> SweptProbe:
        plasma = self.discharge.at_radius(radius)
        return SweptProbe(probe, plasma, characteristic(probe, self.discharge, plasma))

    def random(self, stream: str) -> np.random.Generator:
        """Return the random stream of a signal, port or clock."""
        return np.random.default_rng([self.seed, zlib.crc32(stream.encode())])

    def blocks(self, signal: str, start: float, dt: float, size: int) -> Iterator[tuple[slice, FloatArray]]:
        """Make a signal on a uniform time base, block by block.

        Parameters
        ----------
        signal : str
            Name of the signal, such as ``Lang_I``.
        start, dt : float
            Time of the first sample from the trigger, and the sampling interval, in s.
        size : int
            Number of samples.

        Yields
        ------
        (slice, ndarray)
            Where the block belongs, and its values in the signal's unit.
        """
        rng = self.random(signal)
        for first in range(0, size, BLOCK):
            last = min(first + BLOCK, size)
            times = start + dt * np.arange(first, last, dtype=np.float64)
            yield slice(first, last), self._block(signal, times, rng)

    def at(self, signal: str, times: FloatArray) -> FloatArray:
        """Return a signal at any times (s from the trigger), at once."""
        return self._block(signal, times, self.random(signal))

    def _block(self, signal: str, times: FloatArray, rng: np.random.Generator) -> FloatArray:
        if signal not in _WAVEFORMS:
            raise SignalNotFound(
                f"the simulated testbed has no signal {signal!r}{near_names(signal, _WAVEFORMS)}"
                f"; it has: {', '.join(sorted(_WAVEFORMS))}"
            )
        return _WAVEFORMS[signal](self, times, lambda: rng.standard_normal(times.size, dtype=np.float32))


def _power(watts: FloatArray, noise: Noise) -> FloatArray:
    return watts + np.hypot(0.004 * watts, 1.5) * noise()


def _coil(amperes: FloatArray, times: FloatArray, noise: Noise) -> FloatArray:
    """Six-pulse rectifiers leave a ripple at 300 Hz."""
    return np.asarray(amperes * (1.0 + 0.002 * np.sin(2 * np.pi * 300 * times)) + 0.1 * noise())


def _bias(swept: SweptProbe, times: FloatArray, noise: Noise) -> FloatArray:
    return np.asarray(swept.probe.bias(times) + 0.01 * noise())


def _current(waveforms: Waveforms, swept: SweptProbe, times: FloatArray, noise: Noise) -> FloatArray:
    now = swept.characteristic.at(waveforms.discharge, times)
    current = now.current(swept.probe.bias(times))
    current += np.hypot(NOISE * now.ion_saturation, 1e-6) * noise()
    current += swept.probe.offset
    return current


def _wave(waveforms: Waveforms, times: FloatArray, noise: Noise, share: float, frequency: float) -> FloatArray:
    """Return the wave power a loop picks up, in mW: a share of the injected one, modulated by drift waves."""
    discharge = waveforms.discharge
    helicon = discharge.helicon_forward - discharge.helicon_reflected
    icrf = discharge.icrf_forward - discharge.icrf_reflected
    power = discharge.at(share * (helicon + 0.8 * icrf), times)
    drift = 1.0 + 0.08 * np.sin(2 * np.pi * frequency * times)
    return np.asarray((1e-3 + power * drift) * np.exp(0.01 * noise()))


_WAVEFORMS: dict[str, Callable[[Waveforms, FloatArray, Noise], FloatArray]] = {
    "H_Pfwd": lambda w, t, noise: _power(w.discharge.at(w.discharge.helicon_forward, t), noise),
    "H_Pref": lambda w, t, noise: _power(w.discharge.at(w.discharge.helicon_reflected, t), noise),
    "IC_Pfwd": lambda w, t, noise: _power(w.discharge.at(w.discharge.icrf_forward, t), noise),
    "IC_Pref": lambda w, t, noise: _power(w.discharge.at(w.discharge.icrf_reflected, t), noise),
    "BigCoil_I": lambda w, t, noise: _coil(w.discharge.at(w.discharge.big_coil_current, t), t, noise),
    "SmallCoil_I": lambda w, t, noise: _coil(w.discharge.at(w.discharge.small_coil_current, t), t, noise),
    "Ngas_P": lambda w, t, noise: w.discharge.at(w.discharge.pressure, t) * (1.0 + 0.004 * noise()),
    "Lang_U": lambda w, t, noise: _bias(w.first, t, noise),
    "Lang_I": lambda w, t, noise: _current(w, w.first, t, noise),
    "Lang_U2": lambda w, t, noise: _bias(w.second, t, noise),
    "Lang_I2": lambda w, t, noise: _current(w, w.second, t, noise),
    "Manip_U": lambda w, _t, noise: np.asarray(potentiometer_volts(w.position) + 4e-4 * noise()),
    "Bdot1": lambda w, t, noise: _wave(w, t, noise, 4.0e-3, 2.1e3),
    "Bdot2": lambda w, t, noise: _wave(w, t, noise, 2.5e-3, 2.1e3),
    "Bdot3": lambda w, t, noise: _wave(w, t, noise, 1.8e-3, 7.3e4),
}
