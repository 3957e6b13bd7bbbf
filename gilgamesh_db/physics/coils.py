"""The magnetic field of coils: by current loops, or by measured maps per ampere; resonances on it.

Cylindrical coordinates around the common axis: z along it, r across. Fields are in T, per A where it says so.
Coils are computed by magpylib, maps interpolated by scipy (extra ``physics``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidValue, MissingExtra

Floats = NDArray[np.float64]

MU0 = 1.25663706127e-6
"""Vacuum permeability in N/A², CODATA 2022."""


class FieldPerAmpere(Protocol):
    """Anything that knows its field for a current of 1 A."""

    def per_ampere(self, r: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
        """Radial and axial field at points given in m, in T/A."""
        ...


@dataclass(frozen=True)
class Coil:
    """A round coil: all its windings in one place, or a thin current sheet as long as the coil.

    Attributes
    ----------
    turns : float
        Windings altogether.
    radius, position : float
        Of the winding, and of its middle along the axis, in m.
    length : float
        Of the winding along the axis, in m; 0 for a coil that is all in one place.

    Examples
    --------
    >>> coil = Coil(turns=120, radius=0.62, position=0.0)
    >>> br, bz = coil.per_ampere(0.0, 0.0)
    >>> f"{float(bz):.6e}"
    '1.216100e-04'
    """

    turns: float
    radius: float
    position: float
    length: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.turns, self.radius, self.position, self.length)
        if not (np.isfinite(numbers).all() and self.turns and self.radius > 0 and self.length >= 0):
            raise InvalidValue(f"{self} is no coil; turns must not be 0, the radius must be positive")

    def per_ampere(self, r: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
        """Radial and axial field at points given in m, in T/A."""
        magpylib = _magpylib()
        r_, z_ = np.broadcast_arrays(np.asarray(r, dtype=np.float64), np.asarray(z, dtype=np.float64))
        points = np.stack([r_.ravel(), np.zeros(r_.size), z_.ravel()], axis=1)
        if self.length == 0:
            source = magpylib.current.Circle(
                current=self.turns, diameter=2 * self.radius, position=(0, 0, self.position)
            )
        else:  # an axially magnetised cylinder has the field of the current sheet around it
            source = magpylib.magnet.Cylinder(
                polarization=(0, 0, MU0 * self.turns / self.length),
                dimension=(2 * self.radius, self.length),
                position=(0, 0, self.position),
            )
        field = np.atleast_2d(source.getB(points))
        return field[:, 0].reshape(r_.shape), field[:, 2].reshape(r_.shape)


@dataclass(frozen=True)
class AxisMap:
    """A field measured along the axis, per ampere.

    Attributes
    ----------
    z : ndarray, shape (n,)
        Places, in m, increasing.
    field : ndarray, shape (n,)
        In T/A.

    Notes
    -----
    A cubic spline. Off the axis to second order in r: Bz = B − r²·B″/4, Br = −r·B′/2. Outside the map the field is
    not known: NaN.
    """

    z: Floats
    field: Floats

    def __post_init__(self) -> None:
        if self.z.shape != self.field.shape or self.z.size < 4 or not (np.diff(self.z) > 0).all():
            raise InvalidValue("a map of the field needs at least 4 places, increasing, and as many values")

    @cached_property
    def _spline(self) -> Any:
        try:
            from scipy.interpolate import CubicSpline
        except ImportError as error:
            raise MissingExtra("scipy", "physics", "interpolating a measured field") from error
        return CubicSpline(self.z, self.field, extrapolate=False)

    def per_ampere(self, r: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
        """Radial and axial field at points given in m, in T/A."""
        r_, z_ = np.broadcast_arrays(np.asarray(r, dtype=np.float64), np.asarray(z, dtype=np.float64))
        return -0.5 * r_ * self._spline(z_, 1), self._spline(z_) - 0.25 * r_**2 * self._spline(z_, 2)


@dataclass(frozen=True)
class PlaneMap:
    """A field measured on a grid of r and z, per ampere; interpolated linearly, NaN outside.

    Attributes
    ----------
    r, z : ndarray, shapes (n,) and (m,)
        Places, in m, increasing.
    radial, axial : ndarray, shape (n, m)
        In T/A.
    """

    r: Floats
    z: Floats
    radial: Floats
    axial: Floats

    def __post_init__(self) -> None:
        shape = (self.r.size, self.z.size)
        if self.radial.shape != shape or self.axial.shape != shape:
            raise InvalidValue(f"a map on {shape[0]} × {shape[1]} places needs as many values of both components")

    def per_ampere(self, r: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
        """Radial and axial field at points given in m, in T/A."""
        try:
            from scipy.interpolate import RegularGridInterpolator
        except ImportError as error:
            raise MissingExtra("scipy", "physics", "interpolating a measured field") from error
        r_, z_ = np.broadcast_arrays(np.asarray(r, dtype=np.float64), np.asarray(z, dtype=np.float64))
        points = np.stack([np.abs(r_).ravel(), z_.ravel()], axis=1)
        radial, axial = (
            RegularGridInterpolator((self.r, self.z), values, bounds_error=False)(points).reshape(r_.shape)
            for values in (self.radial, self.axial)
        )
        return radial * np.sign(r_), axial


def superposed(sources: Sequence[tuple[FieldPerAmpere, float]], r: ArrayLike, z: ArrayLike) -> tuple[Floats, Floats]:
    """The field of several coils with their currents.

    Parameters
    ----------
    sources : sequence of (FieldPerAmpere, float)
        Coils, and their currents in A.
    r, z : array_like
        Points, in m.

    Returns
    -------
    radial, axial : ndarray
        In T.
    """
    parts = [(current, coil.per_ampere(r, z)) for coil, current in sources]
    if not parts:
        raise InvalidValue("there is no coil; a field needs at least one")
    radial = np.sum([current * field[0] for current, field in parts], axis=0)
    axial = np.sum([current * field[1] for current, field in parts], axis=0)
    return np.asarray(radial), np.asarray(axial)


def axis_field(turns: float, radius: float, distance: ArrayLike) -> Floats:
    """The field of a current loop on its own axis, per ampere: μ₀·N·R²/(2·(R² + d²)^(3/2)); in T/A, lengths in m."""
    d = np.asarray(distance, dtype=np.float64)
    return np.asarray(MU0 * turns * radius**2 / (2 * (radius**2 + d**2) ** 1.5))


def crossings(z: ArrayLike, field: ArrayLike, level: float) -> Floats:
    """Where a field given along a line reaches a value: the resonances, by linear interpolation.

    Examples
    --------
    >>> crossings([0.0, 1.0, 2.0], [0.0, 2.0, 0.0], 1.0).tolist()
    [0.5, 1.5]
    """
    x, y = np.asarray(z, dtype=np.float64), np.asarray(field, dtype=np.float64) - level
    before = np.flatnonzero((y[:-1] <= 0) != (y[1:] <= 0))
    before = before[np.isfinite(y[before]) & np.isfinite(y[before + 1])]
    return np.asarray(x[before] - y[before] * (x[before + 1] - x[before]) / (y[before + 1] - y[before]))


def _magpylib() -> Any:
    try:
        import magpylib
    except ImportError as error:
        raise MissingExtra("magpylib", "physics", "the field of a coil") from error
    return magpylib
