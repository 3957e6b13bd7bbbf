"""What was physically plugged into which port, and through what, in each shot: the truth.

The lab's own records are in ``installation`` and ``life``. They were wrong at times.
"""

from __future__ import annotations

from dataclasses import dataclass

from gilgamesh_loaders.simulator.devices import Gauge, Item, LogDetector, Proportional
from gilgamesh_loaders.simulator.probe import Probe

DEAD = range(1158, 1174)
"""Shots during which the multiplexer of ai6 was broken and gave nothing but zeros."""
SWAPPED = range(1638, 1686)
"""Shots during which the cables of the two probe currents were in each other's port."""
BDOT3_SINCE = 1300


@dataclass(frozen=True)
class Feed:
    """A signal that reaches a port, and the item that makes a voltage of it."""

    signal: str
    item: Item


def _current_port(number: int) -> str:
    if number < 1100:
        return "ai3"
    return "ai12" if number < 1450 else "ai13"


def _divider_of_probe1(number: int) -> float:
    """Ratio of the divider in use: 20 at first; its successor was sold as 10 and never was."""
    if number < 1500:
        return 20.0
    return 10.18 if number < 1718 else 10.06


def pxi_feeds(number: int) -> dict[str, Feed]:
    """Return what reached the inputs of the PXI card in a shot; all others were left open."""
    current, current2 = _current_port(number), "ai11"
    if number in SWAPPED:
        current, current2 = current2, current
    return {
        "ai0": Feed("H_Pfwd", Proportional(400.0)),
        "ai1": Feed("H_Pref", Proportional(200.0)),
        "ai2": Feed("Lang_U", Proportional(_divider_of_probe1(number))),
        current: Feed("Lang_I", Proportional(-0.01)),
        "ai4": Feed("BigCoil_I", Proportional(100.0)),
        "ai5": Feed("SmallCoil_I", Proportional(50.0)),
        "ai6": Feed("Ngas_P", Gauge()),
        "ai7": Feed("Manip_U", Proportional(1.0)),
        "ai8": Feed("Bdot1", LogDetector()),
        "ai9": Feed("Bdot2", LogDetector()),
        "ai10": Feed("Lang_U2", Proportional(20.0)),
        current2: Feed("Lang_I2", Proportional(-0.01)),
    }


def dead_inputs(number: int) -> frozenset[str]:
    """Return the inputs of the PXI card that gave nothing but zeros in a shot."""
    return frozenset({"ai6"}) if number in DEAD else frozenset()


def tektronix_feeds(number: int) -> dict[str, Feed]:
    """Return what reached the oscilloscope in a shot."""
    return {"ch1": Feed("Bdot3", LogDetector())} if number >= BDOT3_SINCE else {}


def probes(number: int) -> tuple[Probe, Probe]:
    """Return the two Langmuir probes as they were: an arc shortened the second one before shot 1400."""
    second = Probe(length=10e-3 if number < 1400 else 8e-3, offset=-3e-6)
    return Probe(), second
