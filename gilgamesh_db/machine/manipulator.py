"""Manipulators: where a movable thing stood, from a voltage or from what somebody read off."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from astropy.units import Quantity

from ..computed import ComputedSignal
from ..errors import NotCalibrated, NotStated, UnitMismatch
from ..units import conversion, parse_unit
from .component import Calibration, Component
from .registry import register

Source = Literal["voltage", "entered"]


@register("Manipulator")
class Manipulator(Component):
    """A drive with a position read-out.

    The calibration is that of the manipulator itself or of a component in it (a potentiometer). A signal of the role
    ``position_voltage`` goes through it, after ``counts per volt`` where its input is a count. A value that was
    entered by hand stands in the shot's attribute which the property ``position attribute`` names.
    """

    @property
    def read_out(self) -> tuple[Component, Calibration]:
        """The component whose calibration gives the position, and the calibration.

        Raises
        ------
        NotCalibrated
        """
        for part in (self, *self):
            row = self.machine._calibration(part._facts.id)
            if row is not None and parse_unit(row.output_unit).dimension == "m":
                return part, part.calibration()
        raise NotCalibrated(
            f"neither {self.name!r} nor anything in it had a calibration that ends in a length {self.machine.when}; fit one to measured points "
            f"and state it with: gilgamesh calibrate {self.name} …"
        )

    def position(self, source: Source | None = None) -> Quantity:
        """Where it stood: the entered value if there is one, else the median of the voltage over the shot.

        Parameters
        ----------
        source : {'entered', 'voltage'}, optional
            Only from this.

        Raises
        ------
        NotStated
            Nothing was entered, and there is no voltage.
        """
        if source is None:
            source = "entered" if self._entered() is not None else "voltage"
        if source == "voltage":
            moving = self.position_over_time()
            return Quantity(float(np.median(moving.values)), moving.unit)
        entered = self._entered()
        if entered is None:
            raise NotStated(
                f"nobody entered the position of {self.name!r} {self.machine.when}: " + self._how_to_enter()
            )
        _, calibration = self.read_out
        return Quantity(float(calibration(entered)), calibration.output_unit)

    def position_over_time(self) -> ComputedSignal:
        """The position from the voltage, over the shot."""
        if "position_voltage" not in self.roles:
            raise NotStated(f"{self.name!r} has no signal of the role 'position_voltage', and {self._how_to_enter()}")
        voltage = self.signal("position_voltage")
        part, calibration = self.read_out
        try:
            gain, offset = conversion(str(voltage.unit), calibration.input_unit)
        except UnitMismatch:
            gain, offset = self.number("counts per volt", f"{calibration.input_unit} / V"), 0.0
        return ComputedSignal(
            f"{self.name}_position", voltage.time, calibration(voltage.values * gain + offset), calibration.output_unit,
            shot=self.machine.shot, inputs=[voltage], method=f"calibration of {part.name}",
            label=f"Position of {self.name}",
        )  # fmt: skip

    def _entered(self) -> Any:
        name = self.properties.get("position attribute")
        return None if name is None else self.machine.attributes.get(str(name))

    def _how_to_enter(self) -> str:
        name = self.properties.get("position attribute")
        if name is None:
            return (
                "no attribute holds it; name one with: "
                f"with db.edit('…') as edit: edit.set_property({self.name!r}, 'position attribute', 'NAME')"
            )
        return f"enter it with: with db.edit('…') as edit: edit.set_attribute({self.machine.shot}, {name!r}, …)"
