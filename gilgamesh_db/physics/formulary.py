"""Frequencies, radii, lengths and speeds of a magnetised plasma; astropy quantities in and out.

Formulas as in the NRL Plasma Formulary, with the constants of astropy (CODATA). The tests compare each one with
PlasmaPy. Frequencies are angular, in rad/s.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import constants
from astropy import units as u
from astropy.units import Quantity

from ..errors import UnitMismatch

E, M_E, EPS0, K_B = constants.e.si, constants.m_e, constants.eps0, constants.k_B


def _in(value: Any, unit: Any, what: str) -> Quantity:
    """A quantity in a unit; temperatures may be energies (eV) or kelvins."""
    try:
        return Quantity(value).to(unit, equivalencies=u.temperature_energy())
    except u.UnitConversionError as error:
        raise UnitMismatch(f"{what} is wanted in {unit}, not in {Quantity(value).unit or 'pure numbers'}") from error


def gyrofrequency(field: Quantity, mass: Quantity = M_E, charge: int = 1) -> Quantity:
    """Cyclotron frequency, ω = Z·e·B/m, in rad/s.

    Examples
    --------
    >>> from gilgamesh_db.physics.gases import gas
    >>> f"{gyrofrequency(0.2 * u.T):.5g}"
    '3.5176e+10 rad / s'
    >>> f"{gyrofrequency(0.2 * u.T, gas('argon').ion_mass * u.kg):.4g}"
    '4.831e+05 rad / s'
    """
    return (charge * E * abs(_in(field, u.T, "a field")) / _in(mass, u.kg, "a mass")).to(1 / u.s).value * u.rad / u.s


def plasma_frequency(density: Quantity, mass: Quantity = M_E, charge: int = 1) -> Quantity:
    """Plasma frequency, ω = √(n·Z²·e²/(ε₀·m)), in rad/s.

    Examples
    --------
    >>> f"{plasma_frequency(1e17 / u.m**3):.6g}"
    '1.78399e+10 rad / s'
    """
    n = _in(density, u.m**-3, "a density")
    return np.sqrt(n * (charge * E) ** 2 / (EPS0 * _in(mass, u.kg, "a mass"))).to(1 / u.s).value * u.rad / u.s


def thermal_speed(temperature: Quantity, mass: Quantity = M_E) -> Quantity:
    """Most probable speed, v = √(2·k·T/m), in m/s.

    Examples
    --------
    >>> f"{thermal_speed(4 * u.eV):.4g}"
    '1.186e+06 m / s'
    """
    return np.sqrt(2 * _in(temperature, u.J, "a temperature") / _in(mass, u.kg, "a mass")).to(u.m / u.s)


def ion_sound_speed(temperature: Quantity, ion_mass: Quantity, charge: int = 1) -> Quantity:
    """Speed of ions at the edge of a sheath (Bohm), c = √(Z·k·Te/mi) for cold ions, in m/s."""
    energy = charge * _in(temperature, u.J, "a temperature")
    return np.sqrt(energy / _in(ion_mass, u.kg, "a mass")).to(u.m / u.s)


def gyroradius(field: Quantity, temperature: Quantity, mass: Quantity = M_E, charge: int = 1) -> Quantity:
    """Larmor radius at the most probable speed, r = v/ω, in m.

    Examples
    --------
    >>> f"{gyroradius(0.1 * u.T, 4 * u.eV).to('um'):.4g}"
    '67.44 um'
    """
    omega = gyrofrequency(field, mass, charge).value / u.s
    return (thermal_speed(temperature, mass) / omega).to(u.m)


def debye_length(density: Quantity, temperature: Quantity) -> Quantity:
    """Debye length of the electrons, λ = √(ε₀·k·Te/(n·e²)), in m.

    Examples
    --------
    >>> f"{debye_length(1e17 / u.m**3, 4 * u.eV).to('um'):.4g}"
    '47.02 um'
    """
    n = _in(density, u.m**-3, "a density")
    return np.sqrt(EPS0 * _in(temperature, u.J, "a temperature") / (n * E**2)).to(u.m)


def coulomb_logarithm(density: Quantity, temperature: Quantity) -> Any:
    """Coulomb logarithm of electrons with ions, NRL Plasma Formulary, for Te < 10·Z² eV and above; a pure number.

    λ = 23 − ln(n^½·T^−3/2) below 10 eV, 24 − ln(n^½/T) above, with n in cm⁻³ and T in eV.
    """
    n = _in(density, u.cm**-3, "a density").value
    t = _in(temperature, u.eV, "a temperature").value
    return np.where(t < 10, 23 - np.log(np.sqrt(n) * t**-1.5), 24 - np.log(np.sqrt(n) / t))[()]


def electron_ion_frequency(density: Quantity, temperature: Quantity) -> Quantity:
    """Rate at which collisions with ions deflect electrons: NRL, ν = 2.91e-6·n·λ·T^−3/2 (n in cm⁻³, T in eV); in 1/s."""
    n = _in(density, u.cm**-3, "a density").value
    t = _in(temperature, u.eV, "a temperature").value
    return 2.91e-6 * n * coulomb_logarithm(density, temperature) * t**-1.5 / u.s


def resonant_field(frequency: Quantity, mass: Quantity = M_E, charge: int = 1, harmonic: int = 1) -> Quantity:
    """Field in which particles gyrate with a frequency given in Hz, or with a part of it: B = 2π·f·m/(h·Z·e), in T.

    Examples
    --------
    >>> f"{resonant_field(2.45 * u.GHz).to('mT'):.4g}"
    '87.52 mT'
    """
    omega = 2 * np.pi * _in(frequency, u.Hz, "a frequency")
    return (omega * _in(mass, u.kg, "a mass") / (harmonic * charge * E)).to(u.T)
