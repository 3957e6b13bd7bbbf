"""Gas systems and gauges: what the neutral gas does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from astropy import units as u
from astropy.units import Quantity

from ..computed import ComputedSignal
from ..errors import InvalidValue
from ..physics import neutral
from ..physics.gases import Gas
from .component import Component
from .registry import register

if TYPE_CHECKING:
    from ..signal import Signal


class Pressurised(Component):
    """What has a signal of the role ``pressure``; the gas is at ``gas temperature`` (293 K unless stated)."""

    @property
    def gas_temperature(self) -> Quantity:
        """Temperature of the neutral gas."""
        return self.number("gas temperature", "K", neutral.ROOM.value) * u.K

    def neutral_density(self) -> ComputedSignal:
        """Molecules per volume, n = p/(k·T), in 1/m³."""
        pressure = self._pressure()
        density = neutral.neutral_density(Quantity(pressure.values, pressure.unit), self.gas_temperature)
        return self._computed("neutral_density", density, f"p / (k · {self.gas_temperature:g})", "Neutral density")

    def mean_free_path(self) -> ComputedSignal:
        """How far a molecule goes before it meets another, in m."""
        pressure = self._pressure()
        path = neutral.mean_free_path(self.machine.gas, Quantity(pressure.values, pressure.unit), self.gas_temperature)
        return self._computed("mean_free_path", path, f"hard spheres of {self.machine.gas.name}", "Mean free path")

    def ion_neutral_frequency(self) -> ComputedSignal:
        """How often an ion is captured by a molecule, in 1/s (Langevin)."""
        density = self.neutral_density()
        rate = neutral.ion_neutral_frequency(self.machine.gas, density.values / u.m**3)
        return self._computed("ion_neutral_frequency", rate, "Langevin", "Ion–neutral collisions")

    def ionisation_frequency(self, temperature: Quantity, rate: Quantity | None = None) -> ComputedSignal:
        """How often an electron of this temperature ionises, in 1/s: n·⟨σv⟩.

        Parameters
        ----------
        temperature : Quantity
            Of the electrons.
        rate : Quantity, optional
            A rate coefficient of one's own, in m³/s; Voronov's for atoms otherwise.

        Raises
        ------
        InvalidValue
            The gas is made of molecules, or is not known, and no rate is given.
        """
        return self._collisions("ionisation", temperature, rate, neutral.ionisation_rate, "Voronov 1997")

    def excitation_frequency(self, temperature: Quantity, rate: Quantity | None = None) -> ComputedSignal:
        """How often an electron of this temperature excites the resonance line, in 1/s: an order of magnitude.

        Parameters
        ----------
        temperature : Quantity
            Of the electrons.
        rate : Quantity, optional
            A rate coefficient of one's own, in m³/s; `neutral.excitation_rate` for atoms otherwise.

        Raises
        ------
        InvalidValue
            The gas is made of molecules, or its line is not known, and no rate is given.
        """
        return self._collisions("excitation", temperature, rate, neutral.excitation_rate, "NRL formulary")

    def _collisions(
        self,
        what: str,
        temperature: Quantity,
        rate: Quantity | None,
        of_atoms: Callable[[Gas, Quantity], Quantity],
        source: str,
    ) -> ComputedSignal:
        gas = self.machine.gas
        if rate is not None:
            source = "a rate of one's own"
        elif gas.atoms > 1:
            raise InvalidValue(
                f"the rate of {what} of molecules of {gas.name} is not known here, only that of its atoms "
                f"(neutral.{what}_rate); give one: {what}_frequency(Te, rate=… * u.m**3 / u.s)"
            )
        else:
            rate = of_atoms(gas, temperature)
        frequency = self.neutral_density().values / u.m**3 * rate
        return self._computed(f"{what}_frequency", frequency, f"{source}, {temperature:g}", what.capitalize())

    def _pressure(self) -> Signal:
        return self.signal("pressure")

    def _computed(self, what: str, values: Quantity, method: str, label: str) -> ComputedSignal:
        pressure = self._pressure()
        values = values.decompose() if not values.unit.is_equivalent(u.m**-3) else values.to(u.m**-3)
        return ComputedSignal(
            f"{self.name}_{what}", pressure.time, values.value, values.unit, shot=self.machine.shot,
            inputs=[pressure], method=method, label=label,
        )  # fmt: skip


@register("GasSystem")
class GasSystem(Pressurised):
    """Gas inlet and pumps."""


@register("PressureGauge")
class PressureGauge(Pressurised):
    """A gauge; where it has no signal of its own, that of what it belongs to."""

    def _pressure(self) -> Signal:
        if "pressure" not in self.roles and self.parent is not None and "pressure" in self.parent.roles:
            return self.parent.signal("pressure")
        return super()._pressure()
