"""A simulated ion-cyclotron / helicon testbed, for the demo, the tests and the benchmarks.

It is physics, not noise: every sample follows from the plasma of its shot, so an
analysis can be checked against what was put in. The modules, in reading order::

    shots        which shots there are, when they were fired, what the operators set
    plasma       what the plasma did: density, temperature, potentials, powers
    probe        the current a Langmuir probe draws from that plasma
    waveforms    each signal as its sensor sees it, in its own unit
    devices      analog items (dividers, detectors …) and digitisers
    cabling      what was physically plugged into which port: the truth
    discharge    ``simulate_shot``: raw counts per port, and the truth beside them
    edits        an edit of the testbed's history, as data
    installation what the lab wrote down on the first day
    life         what it wrote down later, in the order it learned it; the demo's story

``cabling`` and ``installation`` + ``life`` are two descriptions of one machine: what was,
and what the records say. In the end they agree (a test proves it); on the way they do not.
"""

from gilgamesh_loaders.simulator.discharge import SimulatedShot, Truth, simulate_shot
from gilgamesh_loaders.simulator.edits import Edit, Editor, Operation, perform
from gilgamesh_loaders.simulator.installation import INSTALLATION, install_testbed
from gilgamesh_loaders.simulator.life import LIFE, STORY, Story, live
from gilgamesh_loaders.simulator.shots import SHOTS, shot_time

__all__ = [
    "INSTALLATION",
    "LIFE",
    "SHOTS",
    "STORY",
    "Edit",
    "Editor",
    "Operation",
    "SimulatedShot",
    "Story",
    "Truth",
    "install_testbed",
    "live",
    "perform",
    "shot_time",
    "simulate_shot",
]
