"""RF generators."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..computed import ComputedSignal
from ..physics import power
from .component import Component
from .registry import register


@register("RFGenerator")
class RFGenerator(Component):
    """An RF generator; signals by role: ``forward_power`` and ``reflected_power``."""

    def injected(self) -> ComputedSignal:
        """Forward less reflected power."""
        forward, reflected = self.signal("forward_power"), self.signal("reflected_power")
        return ComputedSignal(
            f"{self.name}_injected_power", forward.time, power.injected(forward.values, self._at(forward.time)),
            forward.unit, shot=self.machine.shot, inputs=[forward, reflected], method="forward − reflected power",
            label=f"Injected power, {self.name}",
        )  # fmt: skip

    def ratio(self, least: float | None = None) -> ComputedSignal:
        """Reflected over forward power; NaN while forward is below `least` (a twentieth of its largest by default)."""
        forward, reflected = self.signal("forward_power"), self.signal("reflected_power")
        values = power.reflected_ratio(forward.values, self._at(forward.time), least=least)
        return ComputedSignal(
            f"{self.name}_reflected_ratio", forward.time, values, "", shot=self.machine.shot,
            inputs=[forward, reflected], method="reflected / forward power", label=f"Reflected part, {self.name}",
        )  # fmt: skip

    def on_times(self, least: float | None = None, shortest: float = 0.0) -> NDArray[np.float64]:
        """When it was on: shape (n, 2), from and until in s; see `gilgamesh_db.physics.power.on_times`."""
        forward = self.signal("forward_power")
        return power.on_times(forward.time, forward.values, least=least, shortest=shortest)

    def _at(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """Reflected power at the times of the forward power, in its unit."""
        from ..units import conversion

        forward, reflected = self.signal("forward_power"), self.signal("reflected_power")
        gain, offset = conversion(str(reflected.unit), str(forward.unit))
        values = reflected.values * gain + offset
        same = np.array_equal(reflected.time, time)
        return values if same else np.interp(time, reflected.time, values, left=np.nan, right=np.nan)
