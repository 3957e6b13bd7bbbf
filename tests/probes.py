"""Swept probes in a plasma that is known: by the simulator, whose I(V) is not the formula the analysis fits."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from gilgamesh_db.physics.geometry import Tip, cylinder
from gilgamesh_loaders.simulator.plasma import GASES, FloatArray, LocalPlasma
from gilgamesh_loaders.simulator.probe import Probe, characteristic

VOLTS_PER_COUNT = 20 / 65536


@dataclass(frozen=True)
class Recorded:
    """Samples of a swept probe as they would be recorded, and what is true."""

    time: FloatArray
    voltage: FloatArray
    current: FloatArray
    tip: Tip
    floating: float
    potential: float


def recorded(
    gas: str,
    temperature: float,
    density: float,
    *,
    field: float = 0.09,
    sweeps: int = 100,
    noise: float = 0.01,
    rate: float = 1e5,
    seed: int = 0,
) -> Recorded:
    """A probe in a steady plasma: temperature in eV, density in m⁻³, noise in ion saturation currents."""
    probe = Probe()
    time = np.arange(round(sweeps / 2 / probe.frequency * rate)) / rate
    same = np.ones(time.size)
    potential = 8.0 + 3.2 * temperature
    discharge: Any = SimpleNamespace(gas=GASES[gas], field=field * same)
    model = characteristic(probe, discharge, LocalPlasma(density * same, temperature * same, potential * same))
    rng = np.random.default_rng(seed)
    bias = probe.bias(time)
    current = model.current(bias) + noise * model.ion_saturation * rng.standard_normal(time.size) + probe.offset
    voltage = bias + 0.01 * rng.standard_normal(time.size)
    return Recorded(
        time=time,
        voltage=np.rint(voltage / 20 / VOLTS_PER_COUNT) * VOLTS_PER_COUNT * 20,
        current=np.rint(current / 0.01 / VOLTS_PER_COUNT) * VOLTS_PER_COUNT * 0.01,
        tip=cylinder(probe.length, probe.radius),
        floating=float(model.floating_potential()[0]),
        potential=potential,
    )
