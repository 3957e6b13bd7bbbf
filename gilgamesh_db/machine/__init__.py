"""The Machine approach: the testbed as objects that know their physics.

==============  ==================================================================================
`machine`       the tree in a shot or at a time: access, search, differences, editing
`component`     one thing: properties with units, signals by role, calibration
`registry`      which Python class knows which class of component; a lab adds its own
`langmuir`      swept Langmuir probes: density, temperature, potentials; saved as a run
`coils`         coils and their field, resonances
`generator`     RF generators: injected power, ratio, on-times
`gas`           gas system and gauges: neutral density, free paths, rates
`manipulator`   where a movable thing stood
`bdot`          B-dot loops with logarithmic detectors
`parameters`    frequencies, radii and lengths of the plasma at a probe
`plot`          pictures
`display`       the tree as text and HTML
`diff`          what is different between two machines
==============  ==================================================================================
"""

from . import bdot, coils, gas, generator, langmuir, manipulator
from .component import Calibration, Component
from .machine import Machine
from .registry import class_of, known_classes, register

__all__ = [
    "Calibration",
    "Component",
    "Machine",
    "bdot",
    "class_of",
    "coils",
    "gas",
    "generator",
    "known_classes",
    "langmuir",
    "manipulator",
    "register",
]
