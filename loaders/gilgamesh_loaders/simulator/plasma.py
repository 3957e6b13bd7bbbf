"""What the plasma of a shot did: density, temperature, potentials, powers, fields.

Everything is known on a grid of knots about a millisecond apart and linear in between,
so a shot of any length costs the same here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from astropy import constants

from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders.simulator.shots import Settings

FloatArray = npt.NDArray[np.float64]

ELEMENTARY_CHARGE = float(constants.e.si.value)
ELECTRON_MASS = float(constants.m_e.value)
ATOMIC_MASS = float(constants.u.value)
VACUUM_PERMEABILITY = float(constants.mu0.value)
VACUUM_PERMITTIVITY = float(constants.eps0.value)

STRIKE_POWER = 300.0
"""Injected helicon power above which the gas breaks down, in W."""
SUSTAIN_POWER = 150.0
"""Injected helicon power below which the plasma goes out, in W."""


@dataclass(frozen=True)
class Gas:
    """A working gas.

    Attributes
    ----------
    mass : float
        Mass of the ion, in kg.
    density_factor : float
        How much denser than argon its plasma is at equal power.
    temperature : float
        Electron temperature at the standard operating point, in eV.
    """

    mass: float
    density_factor: float
    temperature: float


GASES = {
    "Argon": Gas(39.948 * ATOMIC_MASS, 1.0, 4.0),
    "Helium": Gas(4.002602 * ATOMIC_MASS, 0.75, 5.5),
    "Hydrogen": Gas(1.00794 * ATOMIC_MASS, 0.6, 4.6),
}


@dataclass(frozen=True)
class Coil:
    """A round coil on the axis of the vessel."""

    turns: float
    radius: float
    position: float

    def field_per_ampere(self, z: float) -> float:
        """Return the field on the axis at ``z`` (m), in T per A, from the analytic current loop."""
        distance = np.hypot(self.radius, z - self.position)
        return float(VACUUM_PERMEABILITY * self.turns * self.radius**2 / (2 * distance**3))


BIG_COIL = Coil(turns=120.0, radius=0.62, position=0.0)
SMALL_COIL = Coil(turns=80.0, radius=0.25, position=-0.9)


@dataclass(frozen=True)
class LocalPlasma:
    """The plasma at one place, on the knots of its discharge.

    Attributes
    ----------
    density : ndarray
        Electron density, in m⁻³.
    temperature : ndarray
        Electron temperature, in eV.
    potential : ndarray
        Plasma potential, in V.
    """

    density: FloatArray
    temperature: FloatArray
    potential: FloatArray


@dataclass(frozen=True)
class Discharge:
    """The whole course of one shot.

    Attributes
    ----------
    time : ndarray
        The knots, in s from the trigger, uniform from ``-margin`` to ``duration + margin``.
    lit : ndarray of bool
        Whether there was a plasma.
    centre : LocalPlasma
        The plasma on the axis.
    pressure : ndarray
        Neutral gas pressure, in mbar.
    helicon_forward, helicon_reflected, icrf_forward, icrf_reflected : ndarray
        RF powers, in W.
    big_coil_current, small_coil_current : ndarray
        In A.
    field : ndarray
        Magnetic field at the probes, in T.
    """

    gas: Gas
    time: FloatArray
    lit: npt.NDArray[np.bool_]
    centre: LocalPlasma
    pressure: FloatArray
    helicon_forward: FloatArray
    helicon_reflected: FloatArray
    icrf_forward: FloatArray
    icrf_reflected: FloatArray
    big_coil_current: FloatArray
    small_coil_current: FloatArray
    field: FloatArray

    def at(self, quantity: FloatArray, times: FloatArray) -> FloatArray:
        """Return a quantity given on the knots at other times."""
        return np.interp(times, self.time, quantity)

    def at_radius(self, radius: float) -> LocalPlasma:
        """Return the plasma at a distance from the axis given in m: a bell on a pedestal."""
        bell = float(np.exp(-((radius / 0.30) ** 2)))
        return LocalPlasma(
            density=self.centre.density * (0.15 + 0.85 * bell),
            temperature=self.centre.temperature * (0.85 + 0.15 * bell),
            potential=self.centre.potential * (0.70 + 0.30 * bell),
        )


def _flat_top(time: FloatArray, begin: float, end: float, rise: float) -> FloatArray:
    """Return a trapezoid of height 1 with smooth shoulders."""
    up = np.clip((time - begin) / rise, 0.0, 1.0)
    down = np.clip((end - time) / rise, 0.0, 1.0)
    ramp = up * down
    return np.asarray(ramp * ramp * (3.0 - 2.0 * ramp))


def discharge_of(settings: Settings, duration: float) -> Discharge:
    """Return the course of a shot with these settings.

    Parameters
    ----------
    settings : Settings
        What the operators had set.
    duration : float
        Length of the shot, in s; the time table of the shot stretches with it.

    Raises
    ------
    InvalidValue
        If the duration is not a positive number of seconds.
    """
    if not (np.isfinite(duration) and duration > 0):
        raise InvalidValue(f"a shot cannot last {duration!r} s; give a positive duration, such as 2.0")
    gas = GASES[settings.gas]
    margin = 0.5  # the generator's log begins before the trigger and ends after the shot
    time = np.linspace(-margin, duration + margin, 1 + int(np.clip(1e3 * (duration + 2 * margin), 2e3, 2e4)))

    def trapezoid(begin: float, end: float, rise: float) -> FloatArray:
        return _flat_top(time, begin * duration, end * duration, rise * duration)

    big_coil_current = settings.big_coil_current * trapezoid(0.02, 0.95, 0.10)
    small_coil_current = settings.small_coil_current * trapezoid(0.02, 0.95, 0.08)
    field = BIG_COIL.field_per_ampere(0.0) * big_coil_current + SMALL_COIL.field_per_ampere(0.0) * small_coil_current
    helicon_forward = settings.helicon_power * trapezoid(0.18, 0.88, 0.04)
    icrf_forward = settings.icrf_power * trapezoid(0.45, 0.72, 0.03)

    lit, helicon_reflected, density = _strike_and_fill(gas, time, field, helicon_forward, icrf_forward)
    icrf_reflected = icrf_forward * (0.08 + 0.6 * np.exp(-density / 2e16))
    icrf_injected = icrf_forward - icrf_reflected
    pressure = 1e-5 + settings.pressure * (1.0 - 0.12 * density / 1e17) * np.clip(1 + time / 0.2, 0.0, 1.0)
    cooling = (settings.pressure / 9e-4) ** -0.12
    hot = np.clip(gas.temperature * cooling * (1 + 0.20 * icrf_injected / 1e3), 3.3, 6.8)
    temperature = _cool_down(time, np.where(lit, hot, 0.1))
    potential = np.where(density > 0, 8.0 + 3.2 * temperature, 0.0)
    return Discharge(
        gas=gas,
        time=time,
        lit=lit,
        centre=LocalPlasma(density, temperature, potential),
        pressure=pressure,
        helicon_forward=helicon_forward,
        helicon_reflected=helicon_reflected,
        icrf_forward=icrf_forward,
        icrf_reflected=icrf_reflected,
        big_coil_current=big_coil_current,
        small_coil_current=small_coil_current,
        field=field,
    )


def _strike_and_fill(
    gas: Gas, time: FloatArray, field: FloatArray, helicon: FloatArray, icrf: FloatArray
) -> tuple[npt.NDArray[np.bool_], FloatArray, FloatArray]:
    """Follow breakdown, antenna matching and particle balance from knot to knot.

    An antenna without plasma reflects most of its power; the plasma, once struck, loads it.
    """
    step = float(time[1] - time[0])
    matching, filling, decaying = (1.0 - float(np.exp(-step / tau)) for tau in (2e-3, 5e-3, 7e-3))
    field_gain = gas.density_factor * 3.1e16 * (0.6 + field / 0.1)
    lit, reflection, density = False, 0.62, 0.0
    burning, reflected, filled = np.zeros(time.size, dtype=np.bool_), np.zeros(time.size), np.zeros(time.size)
    for knot, (forward, heating, gain) in enumerate(
        zip(helicon.tolist(), icrf.tolist(), field_gain.tolist(), strict=True)
    ):
        injected = forward * (1.0 - reflection)
        lit = injected > (SUSTAIN_POWER if lit else STRIKE_POWER)
        reflection += matching * ((0.06 if lit else 0.62) - reflection)
        if lit:
            density += filling * (gain * ((injected + 0.3 * heating) / 1e3) ** 0.8 - density)
        else:
            density -= decaying * density
            density = density if density > 1e10 else 0.0
        burning[knot], reflected[knot], filled[knot] = lit, forward * reflection, density
    return burning, reflected, filled


def _cool_down(time: FloatArray, target: FloatArray) -> FloatArray:
    """Let the electrons cool within milliseconds; they heat up at once."""
    cooling = 1.0 - float(np.exp(-(time[1] - time[0]) / 1.5e-3))
    temperature = target.tolist()
    for knot in range(1, len(temperature)):
        before, goal = temperature[knot - 1], temperature[knot]
        temperature[knot] = goal if goal > before else before + cooling * (goal - before)
    return np.array(temperature)
