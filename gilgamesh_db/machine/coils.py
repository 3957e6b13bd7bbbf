"""Coils and the field they make together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.units import Quantity
from numpy.typing import ArrayLike, NDArray

from ..errors import NotStated
from ..physics import coils as fields
from ..physics import formulary
from .component import Component
from .registry import register

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .machine import Machine

Floats = NDArray[np.float64]
NEAR = 5e-3
"""A current at a time is the mean over so many seconds to either side."""


@register("CoilSystem")
class CoilSystem(Component):
    """Coils in series; signal by role: ``current``.

    Properties: ``turns``, ``radius``, ``position`` (of its middle, along the axis) and, where it is long, ``length``.
    Or a field measured per ampere: along the axis ``map z`` and ``map field``; on a plane ``map r``, ``map z``,
    ``map radial field`` and ``map axial field`` (all places of the first r, then of the second …).
    """

    def source(self) -> fields.FieldPerAmpere:
        """What its field is computed with.

        Raises
        ------
        NotStated
            It has neither a map nor dimensions.
        """
        has = self.properties
        if "map r" in has:
            r, z = self.number("map r", "m"), self.number("map z", "m")
            shape = (np.size(r), np.size(z))
            parts = [np.reshape(self.number(name, "T / A"), shape) for name in ("map radial field", "map axial field")]
            return fields.PlaneMap(r, z, *parts)
        if "map z" in has:
            return fields.AxisMap(self.number("map z", "m"), self.number("map field", "T / A"))
        if "turns" not in has and "radius" not in has:
            raise NotStated(
                f"{self.name!r} has neither a map of its field nor dimensions {self.machine.when}. State the properties 'turns', "
                "'radius' (m) and 'position' (m), or what was measured: 'map z' (m) and 'map field' (T / A): with "
                f"db.edit('measured') as edit: edit.set_property({self.name!r}, 'map z', [0.0, 0.1, …], 'm')"
            )
        return fields.Coil(
            self.number("turns", ""), self.number("radius", "m"), self.number("position", "m"),
            self.number("length", "m", 0.0),
        )  # fmt: skip

    def current_at(self, t: float | None = None) -> float:
        """The current, in A: around a time (s), or at its flat top, the median of all above nine tenths of the largest."""
        signal = self.signal("current")
        if t is not None:
            return float(np.mean(signal.window(t - NEAR, t + NEAR).values))
        values = signal.values
        largest = np.percentile(np.abs(values), 99)
        return float(np.median(values[np.abs(values) >= 0.9 * largest]))

    def field(self, r: ArrayLike, z: ArrayLike, t: float | None = None) -> tuple[Quantity, Quantity]:
        """Radial and axial field of this coil alone at points given in m."""
        return Coils(self.machine, [self]).field(r, z, t)


class Coils:
    """All coils of the machine; their fields add."""

    def __init__(self, machine: Machine, systems: Sequence[CoilSystem]) -> None:
        self.machine = machine
        self.systems = list(systems)

    def __iter__(self) -> Iterator[CoilSystem]:
        return iter(self.systems)

    def __len__(self) -> int:
        return len(self.systems)

    def currents(self, t: float | None = None) -> dict[str, Quantity]:
        """The current of each coil, around a time (s) or at the flat top."""
        return {system.name: system.current_at(t) * u.A for system in self.systems}

    def field(self, r: ArrayLike, z: ArrayLike, t: float | None = None) -> tuple[Quantity, Quantity]:
        """Radial and axial field at points given in m, around a time (s) or at the flat top; in T.

        Raises
        ------
        NotStated
            There is no coil, or one without dimensions and without a map.
        """
        if not self.systems:
            raise NotStated(
                f"there is no component of the class CoilSystem {self.machine.when}; add one with: "
                "gilgamesh add component NAME --class CoilSystem --reason …"
            )
        radial, axial = fields.superposed([(one.source(), one.current_at(t)) for one in self.systems], r, z)
        return radial * u.T, axial * u.T

    def resonances(
        self, frequency: Quantity, *, mass: Quantity | None = None, harmonic: int = 1, t: float | None = None
    ) -> Quantity:
        """Where on the axis particles gyrate with a frequency; ions of the shot's gas unless a mass is given; in m.

        Parameters
        ----------
        frequency : Quantity
            In Hz.
        mass : Quantity, optional
            Of the particle; ``astropy.constants.m_e`` for electrons.
        harmonic : int
        t : float, optional
            Around this time, in s; at the flat top by default.
        """
        ion = mass if mass is not None else self.machine.gas.ion_mass * u.kg
        level = formulary.resonant_field(frequency, ion, harmonic=harmonic).value
        z = np.linspace(*self.span(), 4001)
        return fields.crossings(z, np.abs(self.field(0.0, z, t)[1].value), level) * u.m

    def span(self) -> tuple[float, float]:
        """From where to where along the axis the machine reaches, in m."""
        ends = []
        for part in self.machine:
            if "position" in part.properties:
                half = 0.5 * part.number("length", "m", 0.0)
                ends += [part.number("position", "m") - half, part.number("position", "m") + half]
        for system in self.systems:
            if "map z" in system.properties:
                ends += [float(np.min(system.number("map z", "m"))), float(np.max(system.number("map z", "m")))]
        low, high = (min(ends), max(ends)) if ends else (-1.0, 1.0)
        margin = 0.1 * max(high - low, 0.5)
        return low - margin, high + margin

    def plot_field(self, t: float | None = None, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw field lines and strength in the plane of the axis, with the machine."""
        from .plot import field_map

        return field_map(self, t, ax, **options)
