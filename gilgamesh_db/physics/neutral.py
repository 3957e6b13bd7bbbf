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
        raise InvalidValue(
            f"the viscosity of {gas.name} is not known here; give your own (Pa·s, at 300 K): "
            "dataclasses.replace(gas, viscosity=…)"
        )
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


def ion_neutral_frequency(gas: Gas, density: Quantity) -> Quantity:
    """How often an ion of the gas is captured by one of its molecules, in 1/s.

    Notes
    -----
    Langevin: ν = n·√(π·α·e²/(ε₀·μ)), α the polarisability, μ the reduced mass; independent of the ion's energy while
    it is cold. Charge exchange, which takes more momentum from an ion in its own gas, is not in it.
    """
    if math.isnan(gas.polarisability):
        raise InvalidValue(
            f"the polarisability of {gas.name} is not known here; give your own (Å³): "
            "dataclasses.replace(gas, polarisability=…)"
        )
    reduced = gas.ion_mass * gas.molecule_mass / (gas.ion_mass + gas.molecule_mass) * u.kg
    alpha = gas.polarisability * 1e-30 * u.m**3
    rate = np.sqrt(np.pi * alpha * constants.e.si**2 / (constants.eps0 * reduced))
    return (_in(density, u.m**-3, "a density") * rate).to(1 / u.s)


class Ionisation(NamedTuple):
    """Coefficients of Voronov's fit: the ionisation energy in eV, P, A in cm³/s, X and K."""

    energy: float
    p: int
    a: float
    x: float
    k: float


class Resonance(NamedTuple):
    """The strongest line from the ground state: its energy in eV and its oscillator strength."""

    energy: float
    strength: float


# G. S. Voronov, Atomic Data and Nuclear Data Tables 65 (1997) 1, table 1, neutral atoms; compared number by number with
# the author's table as D. A. Verner published it (cfit), in two copies.
_IONISATION = {
    "hydrogen": Ionisation(13.6, 0, 2.91e-8, 0.2320, 0.39),
    "deuterium": Ionisation(13.6, 0, 2.91e-8, 0.2320, 0.39),
    "helium": Ionisation(24.6, 0, 1.75e-8, 0.1800, 0.35),
    "nitrogen": Ionisation(14.5, 0, 4.82e-8, 0.0652, 0.42),
    "neon": Ionisation(21.6, 1, 1.50e-8, 0.0329, 0.43),
    "argon": Ionisation(15.8, 1, 5.99e-8, 0.1360, 0.26),
}
# D. C. Morton, Astrophysical Journal Supplement 149 (2003) 205: H 121.567 nm, N 119.955 + 120.022 + 120.071 nm (three
# strengths added), Ar 104.822 nm. He 58.4334 nm: transition probability of the NIST Atomic Spectra Database.
_RESONANCE = {
    "hydrogen": Resonance(10.199, 0.4164),
    "deuterium": Resonance(10.199, 0.4164),
    "helium": Resonance(21.218, 0.2763),
    "nitrogen": Resonance(10.333, 0.2621),
    "argon": Resonance(11.828, 0.263),
}
GAUNT = 0.2
"""The average Gaunt factor of excitation where none is given: an assumption, not a measured number."""


def ionisation_rate(gas: Gas, temperature: Quantity, fit: Ionisation | None = None) -> Quantity:
    """Rate coefficient of ionisation of an atom by electrons, in m³/s.

    Parameters
    ----------
    gas : Gas
        Its atoms are ionised, also of H₂, D₂ and N₂: the rates of the molecules are not known here.
    temperature : Quantity
        Of Maxwellian electrons; the fits are for 1 eV to 20 keV.
    fit : Ionisation, optional
        Coefficients of one's own.

    Notes
    -----
    Voronov's fit (1997), A·(1 + P·√U)·U^K·exp(−U)/(X + U) with U = E/Te.

    Examples
    --------
    >>> from gilgamesh_db.physics.gases import gas
    >>> f"{ionisation_rate(gas('argon'), 4 * u.eV):.2g}"
    '1.2e-15 m3 / s'
    """
    known = fit or _known(gas, _IONISATION, "rate of ionisation", "fit=Ionisation(energy, p, a, x, k)")
    v = known.energy / _in(temperature, u.eV, "a temperature").value
    rate = known.a * (1 + known.p * np.sqrt(v)) / (known.x + v) * v**known.k * np.exp(-v)
    return rate * 1e-6 * u.m**3 / u.s


def excitation_rate(
    gas: Gas, temperature: Quantity, line: Resonance | None = None, *, gaunt: float = GAUNT
) -> Quantity:
    """Rate coefficient of exciting the resonance line of an atom by electrons, in m³/s: an order of magnitude.

    Parameters
    ----------
    gas : Gas
        Its atoms are excited, also of H₂, D₂ and N₂.
    temperature : Quantity
        Of Maxwellian electrons.
    line : Resonance, optional
        Energy and oscillator strength of a line of one's own; neon has none here.
    gaunt : float
        Average Gaunt factor. The rate is in proportion to it, and 0.2 is assumed, unconfirmed for these atoms.

    Notes
    -----
    The form of the NRL Plasma Formulary: 1.6e-5·f·g/(ΔE·√Te)·exp(−ΔE/Te) cm³/s, ΔE and Te in eV.
    """
    known = line or _known(gas, _RESONANCE, "resonance line", "line=Resonance(energy, strength)")
    t = _in(temperature, u.eV, "a temperature").value
    rate = 1.6e-5 * known.strength * gaunt / (known.energy * np.sqrt(t)) * np.exp(-known.energy / t)
    return rate * 1e-6 * u.m**3 / u.s


def _known(gas: Gas, table: dict[str, Any], what: str, own: str) -> Any:
    if gas.name not in table:
        raise InvalidValue(
            f"the {what} of {gas.name} is not known here (only of {', '.join(table)}); give your own: {own}"
        )
    return table[gas.name]
