"""Gas systems and gauges: what the neutral gas does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from astropy import units as u
from astropy.units import Quantity

from ..computed import ComputedSignal
from ..physics import neutral
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

    def ionisation_frequency(self, temperature: Quantity) -> ComputedSignal:
        """How often an electron of this temperature ionises, in 1/s: n·⟨σv⟩ with Voronov's rate for atoms."""
        rate = self.neutral_density().values / u.m**3 * neutral.ionisation_rate(self.machine.gas, temperature)
        return self._computed("ionisation_frequency", rate, f"Voronov 1997, {temperature:g}", "Ionisation")

    def excitation_frequency(self, temperature: Quantity) -> ComputedSignal:
        """How often an electron of this temperature excites the resonance line, in 1/s; good to a factor of three."""
        rate = self.neutral_density().values / u.m**3 * neutral.excitation_rate(self.machine.gas, temperature)
        return self._computed("excitation_frequency", rate, f"NRL formulary, {temperature:g}", "Excitation")

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
