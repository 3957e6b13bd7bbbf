"""The neutral gas: density, free paths, collisions with ions, ionisation and excitation by electrons.

Astropy quantities in and out. Each rate says where its numbers come from, and how far they can be trusted.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from astropy import constants
from astropy import units as u
from astropy.units import Quantity

from ..errors import InvalidValue
from .formulary import _in
from .gases import Gas

ROOM = 293.0 * u.K


def neutral_density(pressure: Quantity, temperature: Quantity = ROOM) -> Quantity:
    """Molecules per volume of an ideal gas, n = p/(k·T), in 1/m³.

    Examples
    --------
    >>> f"{neutral_density(1e-4 * u.mbar):.4g}"
    '2.472e+18 1 / m3'
    """
    energy = _in(temperature, u.J, "a temperature")
    return (_in(pressure, u.Pa, "a pressure") / energy).to(u.m**-3)


def molecule_cross_section(gas: Gas) -> Quantity:
    """Cross section of a collision of two molecules, in m².

    Notes
    -----
    That of hard spheres with the viscosity μ of the gas at 300 K (Chapman–Enskog): σ = (5/16)·√(π·m·k·T)/μ.
    """
    if math.isnan(gas.viscosity):
        raise InvalidValue(f"the viscosity of {gas.name} is not known here; its collisions cannot be computed")
    spread = np.sqrt(np.pi * gas.molecule_mass * u.kg * constants.k_B * 300 * u.K)
    return (5 / 16 * spread / (gas.viscosity * u.Pa * u.s)).to(u.m**2)


def mean_free_path(gas: Gas, pressure: Quantity, temperature: Quantity = ROOM) -> Quantity:
    """How far a molecule goes before it meets another, λ = 1/(√2·n·σ), in m.

    Examples
    --------
    >>> from gilgamesh_db.physics.gases import gas
    >>> f"{mean_free_path(gas('nitrogen'), 1e-3 * u.mbar).to('cm'):.2g}"
    '6.7 cm'
    """
    density = neutral_density(pressure, temperature)
    return (1 / (np.sqrt(2) * density * molecule_cross_section(gas))).to(u.m)


# Polarisabilities in Å³ from the CRC Handbook of Chemistry and Physics, "Atomic and molecular polarizabilities".
_POLARISABILITY = {
    "hydrogen": 0.804,
    "deuterium": 0.795,
    "helium": 0.205,
    "nitrogen": 1.740,
    "neon": 0.396,
    "argon": 1.641,
}


def ion_neutral_frequency(gas: Gas, density: Quantity) -> Quantity:
    """How often an ion of the gas is captured by one of its molecules, in 1/s.

    Notes
    -----
    Langevin: ν = n·√(π·α·e²/(ε₀·μ)), α the polarisability, μ the reduced mass; independent of the ion's energy while
    it is cold. Charge exchange in its own gas roughly doubles the loss of momentum.
    """
    if gas.name not in _POLARISABILITY:
        raise InvalidValue(f"the polarisability of {gas.name} is not known here; its collisions cannot be computed")
    reduced = gas.ion_mass * gas.molecule_mass / (gas.ion_mass + gas.molecule_mass) * u.kg
    alpha = _POLARISABILITY[gas.name] * 1e-30 * u.m**3
    rate = np.sqrt(np.pi * alpha * constants.e.si**2 / (constants.eps0 * reduced))
    return (_in(density, u.m**-3, "a density") * rate).to(1 / u.s)


class Ionisation(NamedTuple):
    """Coefficients of Voronov's fit."""

    energy: float  # eV
    p: int
    a: float  # cm³/s
    x: float
    k: float


class Resonance(NamedTuple):
    """The strongest line from the ground state."""

    energy: float  # eV
    strength: float  # oscillator strength


# G. S. Voronov, Atomic Data and Nuclear Data Tables 65 (1997) 1, table 1, neutral atoms.
_IONISATION = {
    "hydrogen": Ionisation(13.6, 0, 2.91e-8, 0.2320, 0.39),
    "deuterium": Ionisation(13.6, 0, 2.91e-8, 0.2320, 0.39),
    "helium": Ionisation(24.6, 0, 1.75e-8, 0.1800, 0.35),
    "nitrogen": Ionisation(14.5, 0, 4.82e-8, 0.0652, 0.42),
    "neon": Ionisation(21.6, 1, 1.50e-8, 0.0329, 0.43),
    "argon": Ionisation(15.8, 1, 5.99e-8, 0.1360, 0.26),
}
# Energies and oscillator strengths of the resonance lines: NIST Atomic Spectra Database.
_RESONANCE = {
    "hydrogen": Resonance(10.20, 0.416),
    "deuterium": Resonance(10.20, 0.416),
    "helium": Resonance(21.22, 0.276),
    "nitrogen": Resonance(10.33, 0.27),
    "neon": Resonance(16.85, 0.16),
    "argon": Resonance(11.83, 0.26),
}
_GAUNT = 0.2


def ionisation_rate(gas: Gas, temperature: Quantity) -> Quantity:
    """Rate coefficient of ionisation of an atom by electrons, in m³/s.

    Notes
    -----
    Voronov's fit, A·(1 + P·√U)·U^K·exp(−U)/(X + U) with U = E/Te, for Maxwellian electrons of 1 eV to 20 keV. It is
    for atoms: molecules (H₂, D₂, N₂) are ionised at a similar energy and rate, within a factor of two or so.

    Examples
    --------
    >>> from gilgamesh_db.physics.gases import gas
    >>> f"{ionisation_rate(gas('argon'), 4 * u.eV):.2g}"
    '1.2e-15 m3 / s'
    """
    fit = _known(gas, _IONISATION, "ionisation")
    v = fit.energy / _in(temperature, u.eV, "a temperature").value
    rate = fit.a * (1 + fit.p * np.sqrt(v)) / (fit.x + v) * v**fit.k * np.exp(-v)
    return rate * 1e-6 * u.m**3 / u.s


def excitation_rate(gas: Gas, temperature: Quantity) -> Quantity:
    """Rate coefficient of exciting the resonance line of an atom by electrons, in m³/s; good to a factor of three.

    Notes
    -----
    NRL Plasma Formulary: 1.6e-5·f·g/(ΔE·√Te)·exp(−ΔE/Te) cm³/s with the oscillator strength f, ΔE and Te in eV and
    an average Gaunt factor g, here 0.2 (van Regemorter's value at threshold).
    """
    line = _known(gas, _RESONANCE, "excitation")
    t = _in(temperature, u.eV, "a temperature").value
    rate = 1.6e-5 * line.strength * _GAUNT / (line.energy * np.sqrt(t)) * np.exp(-line.energy / t)
    return rate * 1e-6 * u.m**3 / u.s


def _known(gas: Gas, table: dict[str, Any], what: str) -> Any:
    if gas.name not in table:
        raise InvalidValue(f"the rate of {what} of {gas.name} is not known here; it is for {', '.join(table)}")
    return table[gas.name]
