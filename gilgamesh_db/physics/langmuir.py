"""A swept Langmuir probe: from samples of voltage and current to density, temperature and potentials over time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidValue, NotAnalysable
from .characteristic import Characteristics, IonModel, Reason, characteristics
from .geometry import Tip
from .sweep import Sweeps, Which, as_table, find_sweeps

Floats = NDArray[np.float64]
PotentialMethod = Literal["steepest", "knee"]

METHOD_VERSION = "1"
"""Version of the analysis: raised with every change that gives other numbers for the same samples.

Stored runs keep it, and those of another version are done again.
"""
ELEMENTARY_CHARGE = 1.602176634e-19  # C, exact
ELECTRON_MASS = 9.1093837139e-31  # kg, CODATA 2022
BOHM = 0.6
"""Density at the sheath edge over density far away: exp(−1/2), rounded as the literature does."""


def bohm_density(ion_current: ArrayLike, temperature: ArrayLike, area: float, ion_mass: float) -> Floats:
    """Density from the ion saturation current: n = I·√mi / (0.6·e·A·√(k·Te)).

    Parameters
    ----------
    ion_current : array_like
        Without sheath expansion, in A, positive.
    temperature : array_like
        Of the electrons, in eV.
    area : float
        Collecting surface of the probe's own tip, in m².
    ion_mass : float
        In kg.

    Returns
    -------
    ndarray
        In m⁻³.

    Notes
    -----
    D. Bohm, in The Characteristics of Electrical Discharges in Magnetic Fields (1949): ions enter the sheath with the
    speed √(k·Te/mi), for cold ions of one charge.

    Examples
    --------
    >>> from gilgamesh_db.physics.gases import gas
    >>> f"{bohm_density(1e-3, 3.0, 6.59734e-5, gas('argon').ion_mass):.3e}"
    '5.858e+16'
    """
    energy = ELEMENTARY_CHARGE * np.asarray(temperature, dtype=np.float64)
    speed = np.sqrt(energy / ion_mass)
    return np.asarray(np.asarray(ion_current, dtype=np.float64) / (BOHM * ELEMENTARY_CHARGE * area * speed))


def thermal_density(electron_current: ArrayLike, temperature: ArrayLike, area: float) -> Floats:
    """Density from the electron current at the plasma potential: n = 4·I / (e·A·v), v = √(8·k·Te/(π·me)).

    A magnetic field holds electrons back: then this is less than the density, and bounds it from below.

    Parameters
    ----------
    electron_current : array_like
        In A.
    temperature : array_like
        In eV.
    area : float
        In m².

    Returns
    -------
    ndarray
        In m⁻³.
    """
    energy = ELEMENTARY_CHARGE * np.asarray(temperature, dtype=np.float64)
    speed = np.sqrt(8 * energy / (np.pi * ELECTRON_MASS))
    return np.asarray(4 * np.asarray(electron_current, dtype=np.float64) / (ELEMENTARY_CHARGE * area * speed))


@dataclass(frozen=True)
class ProbeResult:
    """What a swept probe measured: one value per sweep; every array has the shape (n,), NaN with a reason.

    Attributes
    ----------
    time : ndarray
        The middle of each sweep, in s.
    sweeps : Sweeps
        Which samples each came from.
    characteristics : Characteristics
        Everything the fits found.
    temperature, temperature_error : ndarray
        Of the electrons, in eV.
    density, density_error : ndarray
        From the ions, in m⁻³.
    electron_density : ndarray
        From the electron current at the plasma potential, in m⁻³; a lower bound in a magnetic field.
    floating, floating_error : ndarray
        Floating potential, in V.
    """

    time: Floats
    sweeps: Sweeps
    characteristics: Characteristics
    temperature: Floats
    temperature_error: Floats
    density: Floats
    density_error: Floats
    electron_density: Floats
    floating: Floats
    floating_error: Floats
    voltage_scale_error: float = 0.0

    @property
    def reason(self) -> NDArray[np.str_]:
        """Why a sweep has no value; empty for good sweeps."""
        return self.characteristics.reason

    def plasma_potential(self, method: PotentialMethod = "steepest") -> tuple[Floats, Floats]:
        """Plasma potential by one of two methods, and its uncertainty; in V.

        Parameters
        ----------
        method : {'steepest', 'knee'}
            Where dI/dV is largest, or where the exponential meets the electron saturation.
        """
        if method not in ("steepest", "knee"):
            raise InvalidValue(f"method={method!r} is none of 'steepest', 'knee'")
        found = self.characteristics
        value, error = (
            (found.steepest, found.steepest_error) if method == "steepest" else (found.knee, found.knee_error)
        )
        return value, np.hypot(error, self.voltage_scale_error * value)

    def summary(self) -> str:
        """How many sweeps are good, and why the others are not.

        Examples
        --------
        ``380 of 400 sweeps; 20 no plasma``
        """
        counted = Counter(str(reason).partition(":")[0] for reason in self.reason if reason)
        bad = ", ".join(f"{number} {reason}" for reason, number in counted.most_common())
        return f"{int((self.reason == '').sum())} of {self.time.size} sweeps" + (f"; {bad}" if bad else "")


def analyse(
    time: ArrayLike,
    voltage: ArrayLike,
    current: ArrayLike,
    tip: Tip,
    ion_mass: float,
    *,
    which: Which = "both",
    ion_model: IonModel = "sheath",
    limits: tuple[float, float] | None = None,
    voltage_error: float = 0.0,
    current_error: float = 0.0,
) -> ProbeResult:
    """Analyse every sweep of a probe.

    Parameters
    ----------
    time, voltage, current : array_like, shape (samples,)
        In s, V and A; electrons count positive.
    tip : Tip
        Its collecting end.
    ion_mass : float
        In kg.
    which : {'both', 'up', 'down'}
        Which ramps.
    ion_model : {'sheath', 'linear'}
        How the ion current grows with the bias; see `characteristics`.
    limits : (float, float), optional
        Currents that cannot be exceeded, in A.
    voltage_error, current_error : float
        Relative uncertainty of the calibrations. A scale common to all samples scales temperature and potentials
        with the voltage, and the density with the current.

    Raises
    ------
    NotAnalysable
        There is no sweep; or every sweep with plasma is clipped, or inverted.

    Notes
    -----
    The density's uncertainty adds the relative ones of current, area and half that of the temperature in squares.
    """
    t, v, i = (np.asarray(values, dtype=np.float64) for values in (time, voltage, current))
    if not t.shape == v.shape == i.shape:
        raise InvalidValue(f"time {t.shape}, voltage {v.shape} and current {i.shape} must be of one length")
    sweeps = find_sweeps(t, v, which=which)
    if not len(sweeps):
        _refuse_unswept(t, v)
    found = characteristics(*as_table(sweeps, v, i), ion_model=ion_model, limits=limits)
    _refuse_useless(found)
    if len(sweeps) == 1 and sweeps.stop[0] - sweeps.start[0] >= t.size - 1 and found.reason[0] in _OF_A_PIECE:
        _refuse_unswept(t, v, f"; the piece that is there says: {found.reason[0]}")
    te, te_error = found.temperature, np.hypot(found.temperature_error, voltage_error * found.temperature)
    density = bohm_density(found.ion_current, te, tip.area, ion_mass)
    relative = np.sqrt(
        (found.ion_current_error / found.ion_current) ** 2
        + (0.5 * te_error / te) ** 2
        + current_error**2
        + tip.area_error**2
    )
    return ProbeResult(
        time=sweeps.centres(t),
        sweeps=sweeps,
        characteristics=found,
        temperature=te,
        temperature_error=te_error,
        density=density,
        density_error=density * relative,
        electron_density=thermal_density(found.electron_current, te, tip.area),
        floating=found.floating,
        floating_error=np.hypot(found.floating_error, voltage_error * found.floating),
        voltage_scale_error=voltage_error,
    )


_OF_A_PIECE = {reason.value for reason in (Reason.NO_PLASMA, Reason.NO_ZERO, Reason.NO_IONS, Reason.FEW)}
"""What a record shows that is less than a ramp."""


def _refuse_unswept(t: Floats, v: Floats, besides: str = "") -> None:
    finite = v[np.isfinite(v)]
    seen = f"it lies between {finite.min():.4g} and {finite.max():.4g} V" if finite.size else "it has no finite value"
    span = f"between {t[0]:.6g} and {t[-1]:.6g} s" if t.size else "in an empty window"
    raise NotAnalysable(
        f"no sweep of the probe voltage {span}: {seen}, and that holds no whole ramp of 16 samples or more{besides}; "
        "choose a window that holds a whole ramp, and look at the voltage with plot()"
    )


def _refuse_useless(found: Characteristics) -> None:
    """One bad sweep is NaN with a reason; when all are bad for one cause, something is wrong with the wiring."""
    with_plasma = found.reason != Reason.NO_PLASMA.value
    if not with_plasma.any():
        return
    if (found.reason[with_plasma] == Reason.INVERTED.value).all():
        raise NotAnalysable(
            "the current is inverted: positive where the voltage draws ions, negative where it draws electrons; "
            "electrons must count positive, so state the shunt's calibration with the other sign (gilgamesh calibrate)"
        )
    if (found.reason[with_plasma] == Reason.CLIPPED.value).all():
        raise NotAnalysable(
            "the amplifier of the probe current is saturated: every sweep with plasma stands still at the end of its "
            "range; use a larger range or a smaller shunt, and sweep less far beyond the plasma potential"
        )
