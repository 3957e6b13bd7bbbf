"""Shapes of probe tips and the surface they collect with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import InvalidValue

SHAPES = {"cylinder": ("tip length", "tip radius"), "plane": ("tip radius",), "sphere": ("tip radius",)}
"""The shapes there are, and the properties that give their surface."""


@dataclass(frozen=True)
class Tip:
    """The collecting end of a probe.

    Attributes
    ----------
    shape : str
        ``cylinder``, ``plane`` or ``sphere``.
    area : float
        Collecting surface, in m².
    radius : float
        In m; NaN where only the area is known.
    area_error : float
        Relative uncertainty of the area.
    """

    shape: str
    area: float
    radius: float = math.nan
    area_error: float = 0.0

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise InvalidValue(f"a tip is one of {', '.join(SHAPES)}, not {self.shape!r}")
        if not (math.isfinite(self.area) and self.area > 0):
            raise InvalidValue(f"a tip cannot have an area of {self.area!r} m²; give a positive one")


def cylinder(length: float, radius: float) -> Tip:
    """A wire: its side and its one free end.

    Parameters
    ----------
    length, radius : float
        In m.

    Examples
    --------
    >>> f"{cylinder(10e-3, 1e-3).area:.5e}"
    '6.59734e-05'
    """
    return Tip("cylinder", 2 * math.pi * radius * length + math.pi * radius**2, radius)


def plane(radius: float) -> Tip:
    """A disc that collects on one side; `radius` in m."""
    return Tip("plane", math.pi * radius**2, radius)


def sphere(radius: float) -> Tip:
    """A ball; `radius` in m."""
    return Tip("sphere", 4 * math.pi * radius**2, radius)
