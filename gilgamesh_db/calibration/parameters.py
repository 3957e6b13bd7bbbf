"""What a parameter of a step may be; everything else is refused in the same words as in SQL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, TypeAlias

import numpy as np

from gilgamesh_db.errors import InvalidValue

Outside: TypeAlias = Literal["nan", "clamp", "extrapolate"]

MOST_COEFFICIENTS = 32
MOST_PIECES = 256
MOST_POINTS = 10_000
PARAMETER_RANGE = (1e-300, 1e300)


def as_list(value: object) -> Sequence[Any]:
    """Return a list or an array as a sequence, anything else as an empty one."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return value if isinstance(value, list | tuple) else ()


def number(value: object, name: str) -> float:
    """Return a finite number of a magnitude the arithmetic can bear."""
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            checked = float(value) + 0.0  # turns -0.0 into 0.0, which is all that jsonb can hold
        except OverflowError:
            checked = math.inf
        if checked == 0 or PARAMETER_RANGE[0] <= abs(checked) <= PARAMETER_RANGE[1]:
            return checked
    raise InvalidValue(f"{name} must be a finite number, either 0 or of a magnitude between 1e-300 and 1e300")


def numbers(value: object, name: str, least: int, most: int) -> tuple[float, ...]:
    """Return a list of numbers of a length within bounds."""
    items = as_list(value)
    if not least <= len(items) <= most:
        raise InvalidValue(f"{name} must be a list of {least} to {most} numbers")
    return tuple(number(item, f"item {i} of {name}") for i, item in enumerate(items, start=1))


def increasing(values: tuple[float, ...], name: str) -> tuple[float, ...]:
    """Return numbers that increase strictly."""
    for i in range(1, len(values)):
        if not values[i - 1] < values[i]:
            raise InvalidValue(f"{name} must increase strictly; item {i + 1} does not exceed item {i}")
    return values


def outside(value: object) -> Outside:
    """Return what a function gives beyond its ends."""
    if value == "nan" or value == "clamp" or value == "extrapolate":  # noqa: PLR1714  narrows the type
        return value
    raise InvalidValue('outside must be "nan", "clamp" or "extrapolate"')
