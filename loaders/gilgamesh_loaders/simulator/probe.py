"""The current a cylindrical Langmuir probe draws, and the sweep it is driven with.

This is deliberately not the formula an analysis inverts. The sheath grows with the
bias, the knee at the plasma potential is round, and electrons beyond it keep rising.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gilgamesh_loaders.simulator.plasma import (
    ELECTRON_MASS,
    ELEMENTARY_CHARGE,
    VACUUM_PERMITTIVITY,
    Discharge,
    FloatArray,
    LocalPlasma,
)

BOHM_FACTOR = float(np.exp(-0.5))
"""Density at the sheath edge over density far away."""
SHEATH_SHARE = 0.25
"""Part of the Child–Langmuir sheath that collects: field lines pass the rest of it by."""
MAGNETISED = 0.02
"""Field, in T, at which the electrons reaching the probe across the field are halved."""
NOISE = 0.01
"""Noise of the current, in units of the ion saturation current."""


@dataclass(frozen=True)
class Probe:
    """A cylindrical probe tip and its power supply.

    Attributes
    ----------
    length, radius : float
        Of the tip, in m.
    amplitude : float
        Of the sweep, in V.
    frequency : float
        Of the sweep, in Hz.
    offset : float
        Current the amplifier adds, in A.
    """

    length: float = 10e-3
    radius: float = 1e-3
    amplitude: float = 80.0
    frequency: float = 200.0
    offset: float = 4e-6

    @property
    def area(self) -> float:
        """Area of the side and of the one free end of the tip, in m².

        Examples
        --------
        >>> f"{Probe().area:.5e}"
        '6.59734e-05'
        """
        return float(2 * np.pi * self.radius * self.length + np.pi * self.radius**2)

    def bias(self, times: FloatArray) -> FloatArray:
        """Return the triangular sweep at these times, in V; it starts at the negative end."""
        turns = times * self.frequency
        turns -= np.floor(turns)  # three times faster than np.mod
        turns -= 0.5
        return np.asarray(self.amplitude * (1.0 - 4.0 * np.abs(turns)))


@dataclass(frozen=True)
class Characteristic:
    """The parameters of I(V) along a discharge, on its knots.

    Attributes
    ----------
    ion_saturation : ndarray
        Ion current at the sheath edge, in A.
    electron_saturation : ndarray
        Electron current at the plasma potential, in A.
    expansion : ndarray
        Growth of the ion current with the bias: relative, per (potential / temperature)^(3/4).
    temperature : ndarray
        In eV, never so low that I(V) becomes a step.
    potential : ndarray
        Plasma potential, in V.
    """

    ion_saturation: FloatArray
    electron_saturation: FloatArray
    expansion: FloatArray
    temperature: FloatArray
    potential: FloatArray

    def at(self, discharge: Discharge, times: FloatArray) -> Characteristic:
        """Return the parameters at other times."""
        return Characteristic(
            *(
                discharge.at(quantity, times)
                for quantity in (
                    self.ion_saturation,
                    self.electron_saturation,
                    self.expansion,
                    self.temperature,
                    self.potential,
                )
            )
        )

    def current(self, bias: FloatArray) -> FloatArray:
        """Return the current drawn at a bias (V), in A; electrons count positive."""
        x = (bias - self.potential) / self.temperature
        np.clip(x, -60.0, 60.0, out=x)
        repelled = np.exp(-x)
        beyond = 1.0 + 0.01 * (x + np.sqrt(x * x + 1.0))
        electrons = self.electron_saturation * beyond / (1.0 + beyond * repelled)
        depth = np.sqrt(np.maximum(-x, 0.0))
        sheath = 1.0 + self.expansion * depth * np.sqrt(depth)
        ions = self.ion_saturation * sheath * repelled / (repelled + 0.2)
        return np.asarray(electrons - ions)

    def floating_potential(self) -> FloatArray:
        """Return where the current vanishes, in V; NaN where there is no plasma."""
        low, high = self.potential - 10.0 * self.temperature, self.potential.copy()
        for _ in range(40):
            middle = 0.5 * (low + high)
            negative = self.current(middle) < 0
            low, high = np.where(negative, middle, low), np.where(negative, high, middle)
        return np.where(self.ion_saturation > 1e-6, 0.5 * (low + high), np.nan)


def characteristic(probe: Probe, discharge: Discharge, plasma: LocalPlasma) -> Characteristic:
    """Return I(V) of a probe in a plasma.

    Notes
    -----
    Ions enter the sheath with the Bohm speed, electrons arrive with the thermal flux
    n·v/4 less what the magnetic field holds back. The thickness of the sheath is that of
    Child and Langmuir, s = (√2/3)·λ_D·(2·V/Te)^(3/4).
    """
    temperature = np.maximum(plasma.temperature, 0.5)
    energy = ELEMENTARY_CHARGE * temperature
    charge = ELEMENTARY_CHARGE * plasma.density * probe.area
    density = np.maximum(plasma.density, 1e14)
    debye_length = np.sqrt(VACUUM_PERMITTIVITY * energy / density) / ELEMENTARY_CHARGE
    thermal_flux = np.sqrt(energy / (2 * np.pi * ELECTRON_MASS)) / (1.0 + discharge.field / MAGNETISED)
    return Characteristic(
        ion_saturation=BOHM_FACTOR * charge * np.sqrt(energy / discharge.gas.mass),
        electron_saturation=charge * thermal_flux,
        expansion=SHEATH_SHARE * np.sqrt(2) / 3 * 2**0.75 * debye_length / probe.radius,
        temperature=temperature,
        potential=plasma.potential,
    )
