"""Frequencies, radii, lengths and speeds of the plasma at a probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.units import Quantity

from ..errors import GilgameshError
from ..physics import formulary as f

if TYPE_CHECKING:
    import pandas as pd

    from .langmuir import LangmuirProbe


def place_of(probe: LangmuirProbe) -> tuple[Quantity, Quantity]:
    """Where a probe stands: distance from the axis and place along it, in m; on its manipulator where it has one."""
    from .manipulator import Manipulator

    parent = probe.parent
    stated = next((part for part in (probe, parent) if part is not None and "position" in part.properties), probe)
    along = stated.number("position", "m")
    if "radial position" in probe.properties:
        return probe.number("radial position", "m") * u.m, along * u.m
    if isinstance(parent, Manipulator):
        return parent.position().to(u.m), along * u.m
    raise probe.missing("radial position", "m")


def at_probe(probe: LangmuirProbe, options: dict[str, Any]) -> pd.DataFrame:
    """See `LangmuirProbe.parameters`."""
    import pandas as pd

    machine, ion = probe.machine, probe.machine.gas.ion_mass * u.kg
    found = probe.analysis(**options)
    density, temperature = np.nanmedian(found.density) / u.m**3, np.nanmedian(found.temperature) * u.eV
    rows: list[tuple[str, Quantity]] = [
        ("electron density", density),
        ("electron temperature", temperature),
        ("Debye length", f.debye_length(density, temperature)),
        ("electron thermal speed", f.thermal_speed(temperature)),
        ("ion sound speed", f.ion_sound_speed(temperature, ion)),
        ("electron plasma frequency", f.plasma_frequency(density)),
        ("ion plasma frequency", f.plasma_frequency(density, ion)),
        ("electron–ion collisions", f.electron_ion_frequency(density, temperature)),
    ]
    field = _field_at(probe)
    if field is not None:
        rows += [
            ("magnetic field", field),
            ("electron cyclotron frequency", f.gyrofrequency(field)),
            ("ion cyclotron frequency", f.gyrofrequency(field, ion)),
            ("electron Larmor radius", f.gyroradius(field, temperature)),
            ("ion Larmor radius at room temperature", f.gyroradius(field, 293 * u.K, ion)),
        ]
    table = pd.DataFrame(
        [(name, float(value.value), str(value.unit)) for name, value in rows], columns=["Quantity", "Value", "Unit"]
    )
    table.attrs = {"shot": machine.shot, "probe": probe.name, "gas": machine.gas.name}
    return table.set_index("Quantity")


def _field_at(probe: LangmuirProbe) -> Quantity | None:
    """The field at the probe; None where the machine has no coils or nobody said where the probe stood."""
    if not len(probe.machine.coils):
        return None
    try:
        r, z = place_of(probe)
    except GilgameshError:
        return None
    radial, axial = probe.machine.coils.field(r.value, z.value)
    return np.hypot(radial, axial)
