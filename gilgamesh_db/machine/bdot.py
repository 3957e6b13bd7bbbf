"""B-dot loops behind logarithmic detectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .component import Component
from .registry import register

if TYPE_CHECKING:
    import pandas as pd


@register("BdotProbe")
class BdotProbe(Component):
    """A loop; signal by role: ``power``, which its detector's calibration gives in mW."""

    def mean_power(self, window: tuple[float, float] | None = None) -> float:
        """Mean power, in the unit of the signal; of a window (s) or of the whole shot."""
        signal = self.signal("power") if window is None else self.signal("power").window(*window)
        return float(np.mean(signal.values))

    def level(self, window: tuple[float, float] | None = None) -> float:
        """Mean power in decibels over 1 mW."""
        from ..units import conversion

        gain, _ = conversion(str(self.signal("power").unit), "mW")
        return float(10 * np.log10(self.mean_power(window) * gain))


@register("BdotArray")
class BdotArray(Component):
    """Several loops."""

    @property
    def loops(self) -> list[BdotProbe]:
        """The loops of the array that have a signal."""
        return [loop for loop in self.among(BdotProbe) if "power" in loop.roles]

    def profile(self, window: tuple[float, float] | None = None) -> pd.DataFrame:
        """Mean power of every loop that was plugged in then.

        Returns
        -------
        DataFrame
            Index Loop; Position (m along the axis, NaN where it was not stated), Power, Level (dBm), and RelativeLevel
            (dB over the first loop). The unit of Power stands in ``attrs["unit"]``.
        """
        import pandas as pd

        there = [loop for loop in self.loops if loop.roles["power"] in self.machine.wiring]
        rows = [
            (loop.name, loop.number("position", "m", np.nan), loop.mean_power(window), loop.level(window))
            for loop in there
        ]
        table = pd.DataFrame(rows, columns=["Loop", "Position", "Power", "Level"]).set_index("Loop")
        table["RelativeLevel"] = table["Level"] - (table["Level"].iloc[0] if len(table) else 0.0)
        table.attrs["unit"] = str(there[0].signal("power").unit) if there else ""
        return table
