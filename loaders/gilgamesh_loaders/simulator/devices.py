"""Analog items between a sensor and its port, and the digitisers behind the ports.

An item knows what it really does to a voltage; what the lab believes it does is a
calibration and stands in the records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gilgamesh_loaders.simulator.plasma import FloatArray


class Item(Protocol):
    """Something a signal passes through on its way to a port."""

    def volts(self, value: FloatArray) -> FloatArray:
        """Return the voltage it puts out for a value of the signal."""
        ...


@dataclass(frozen=True)
class Proportional:
    """A divider, shunt, transducer or power meter: value = ``per_volt`` · V."""

    per_volt: float

    def volts(self, value: FloatArray) -> FloatArray:
        """Return the voltage it puts out for a value of the signal."""
        return value / self.per_volt


@dataclass(frozen=True)
class LogDetector:
    """A logarithmic RF detector: 2.2703 V at 10 mW, 52 mV more per decibel.

    Examples
    --------
    >>> LogDetector().volts(np.array([10.0, 3.0213])).round(4).tolist()
    [2.2703, 2.0]
    """

    def volts(self, value: FloatArray) -> FloatArray:
        """Return the voltage it puts out for a power in mW."""
        return np.asarray(2.2703 + 0.0520 * (10.0 * np.log10(value) - 10.0))


@dataclass(frozen=True)
class Gauge:
    """A full-range vacuum gauge: the pressure in mbar is 10^(1.667·V − 11.33)."""

    def volts(self, value: FloatArray) -> FloatArray:
        """Return the voltage it puts out for a pressure in mbar."""
        return np.asarray((np.log10(value) + 11.33) / 1.667)


def potentiometer_volts(position: float) -> float:
    """Return what the manipulator's potentiometer puts out at a position in cm: 1 mV per raw unit."""
    return 1e-3 * potentiometer_raw(position)


def potentiometer_raw(position: float) -> float:
    """Return the raw reading of the manipulator at a position in cm (slope 0.0529998, intercept −21.5522).

    Examples
    --------
    >>> round(potentiometer_raw(30.1))
    975
    """
    return (position + 21.5522) / 0.0529998


@dataclass(frozen=True)
class Digitiser:
    """An analog-to-digital converter with int16 samples.

    Attributes
    ----------
    device : str
        Name of the device its ports belong to.
    span : float
        Full range, in V, symmetric about zero.
    bits : int
        Resolution; the counts run from −2^(bits−1) to 2^(bits−1) − 1.
    """

    device: str
    span: float
    bits: int

    @property
    def volts_per_count(self) -> float:
        """Voltage of one count."""
        return float(self.span / 2**self.bits)

    def counts(self, volts: FloatArray) -> npt.NDArray[np.int16]:
        """Return what is recorded for a voltage: rounded, and clipped at the ends of the range."""
        counts = np.rint(volts * (1.0 / self.volts_per_count))
        limit = 2 ** (self.bits - 1)
        return np.clip(counts, -limit, limit - 1, out=counts).astype(np.int16)


PXI = Digitiser("PXI M6251", span=20.0, bits=16)
TEKTRONIX = Digitiser("Tektronix", span=10.0, bits=12)

PXI_SCAN_LIST = tuple(f"ai{channel}" for channel in range(14))
"""The inputs that are recorded in every shot, plugged or not; ai14 and ai15 are never scanned."""

BURST_RATE = 1.25e9
BURST_SIZE = 100_000
BURST_BEGIN = 0.25
"""The oscilloscope is triggered after this part of the shot."""

ABSENT = {"Tektronix": range(1520, 1601), "Generator": range(1020, 1032)}
"""Shots a device took no part in: the oscilloscope was lent out, the generator's computer was down."""


def generator_delay(number: int) -> float:
    """Return by how much the generator's log runs behind the trigger in a shot, in s.

    A time in the log is the time from the trigger less this. A drifting clock of that device
    would be made here, too.
    """
    return 2.078 if 1601 <= number <= 1896 else 0.0


def generator_times(duration: float, rng: np.random.Generator) -> FloatArray:
    """Return when the generator logged, in s from the trigger: every 20 to 50 ms, never evenly."""
    count = int((duration + 1.0) / 0.02) + 2
    times = -0.48 + np.cumsum(rng.uniform(0.02, 0.05, size=count))
    return times[times < duration + 0.48]
