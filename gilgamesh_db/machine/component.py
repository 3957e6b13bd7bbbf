"""One physical thing of the testbed: its properties with units, its place in the tree, its signals by role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..calibration import Step, evaluate, steps_from_json
from ..errors import InvalidValue, NotCalibrated, NotStated, SignalNotFound, near_names

if TYPE_CHECKING:
    from ..signal import Signal
    from .machine import Machine

Among = TypeVar("Among", bound="Component")


@dataclass(frozen=True)
class Facts:
    """What the database says of a component at one time."""

    id: int
    name: str
    kind: str
    parent: str | None
    path: str
    depth: int
    serial: str | None
    description: str
    properties: dict[str, Any]
    units: dict[str, str]


@dataclass(frozen=True)
class Calibration:
    """How a component turns its input into its output, at the time of the machine."""

    steps: tuple[Step, ...]
    input_unit: str
    output_unit: str

    def __call__(self, values: ArrayLike) -> NDArray[np.float64]:
        """Output, in `output_unit`, for inputs in `input_unit`."""
        return evaluate(self.steps, np.asarray(values, dtype=np.float64))


class Component:
    """A component of the machine at one time; classes that know physics derive from this one.

    Attributes
    ----------
    name, kind, description : str
        `kind` is the name of its class in the database.
    path : str
        From the root, separated by slashes.
    serial : str or None
    properties : dict
        Numbers with a unit as astropy quantities, arrays as quantities of arrays, the rest as it is.
    known : bool
        Whether a class knows its physics; a generic component has properties and signals only.

    Notes
    -----
    ``component.name_of_a_role`` is its signal of that role, ``component.name_of_a_child`` the component in it, with
    underscores for what Python does not allow in a name.
    """

    def __init__(self, machine: Machine, facts: Facts) -> None:
        self.machine = machine
        self._facts = facts

    @property
    def name(self) -> str:
        """What people call it."""
        return self._facts.name

    @property
    def kind(self) -> str:
        """Name of its class in the database."""
        return self._facts.kind

    @property
    def serial(self) -> str | None:
        """Serial number, where there is one."""
        return self._facts.serial

    @property
    def description(self) -> str:
        """One sentence for people."""
        return self._facts.description

    @property
    def path(self) -> str:
        """Names from the root to here, separated by slashes."""
        return self._facts.path.replace(" > ", "/")

    @property
    def known(self) -> bool:
        """Whether a class knows its physics."""
        return type(self) is not Component

    # -- tree ------------------------------------------------------------------------------------------

    @property
    def parent(self) -> Component | None:
        """What it is part of; None for the root."""
        return None if self._facts.parent is None else self.machine[self._facts.parent]

    @property
    def children(self) -> list[Component]:
        """What is part of it."""
        return self.machine._children(self.name)

    def __iter__(self) -> Iterator[Component]:
        """Everything below it, from the top down."""
        for child in self.children:
            yield child
            yield from child

    def among(self, kind: type[Among]) -> list[Among]:
        """Everything of a class at any depth below it."""
        return [part for part in self if isinstance(part, kind)]

    # -- properties --------------------------------------------------------------------------------------

    @cached_property
    def properties(self) -> dict[str, Any]:
        """What is known of it at this time; numbers with their units."""
        return {name: self._quantity(name) for name in sorted(self._facts.properties)}

    def _quantity(self, name: str) -> Any:
        value, unit = self._facts.properties[name], self._facts.units.get(name)
        if unit is None or isinstance(value, str | bool):
            return value
        from astropy.units import Quantity

        return Quantity(value, unit)

    def number(self, name: str, unit: str, default: float | None = None) -> Any:
        """A property as a number (or array of numbers) in a unit.

        Raises
        ------
        NotStated
            It was never stated for this time, and there is no default.
        UnitMismatch, InvalidValue
            It is stated in a unit of another kind, or is no number.
        """
        if name not in self._facts.properties:
            if default is not None:
                return default
            raise self.missing(name, unit)
        from ..units import conversion

        value = self._facts.properties[name]
        if isinstance(value, str | bool):
            raise InvalidValue(f"the {name!r} of {self.name!r} is {value!r}, not a number of {unit or 'nothing'}")
        gain, offset = conversion(self._facts.units.get(name) or "", unit)
        found = np.asarray(value, dtype=np.float64) * gain + offset
        return float(found) if found.ndim == 0 else found

    def missing(self, name: str, unit: str = "", *, why: str = "") -> NotStated:
        """The error that says that a property was never stated, and how to state it."""
        stated = near_names(name, self._facts.properties) or (
            f"; stated are {', '.join(map(repr, self._facts.properties))}" if self._facts.properties else ""
        )
        measure = f", {unit!r}" if unit else ""
        return NotStated(
            f"{self.name!r} has no {name!r} {self.machine.when}{why}{stated}; state it with: "
            f"with db.edit('measured') as edit: edit.set_property({self.name!r}, {name!r}, …{measure})"
        )

    # -- signals -----------------------------------------------------------------------------------------

    @property
    def roles(self) -> dict[str, str]:
        """Names of its signals by role."""
        return self.machine._roles(self.name)

    def signal(self, role: str) -> Signal:
        """Its signal of a role, in the machine's shot.

        Raises
        ------
        SignalNotFound
            It has no signal of this role.
        InvalidValue
            The machine is that of a time, not of a shot.
        """
        if role not in self.roles:
            has = ", ".join(self.roles) or "none"
            raise SignalNotFound(
                f"{self.name!r} has no signal of the role {role!r}{near_names(role, self.roles) or ';'} it has {has}. Make one "
                f"known with: gilgamesh add signal NAME --unit UNIT --component {self.name} --role {role} --reason …"
            )
        return self.machine.signal(self.roles[role])

    def calibration(self) -> Calibration:
        """How it turns its input into its output at this time.

        Raises
        ------
        NotCalibrated
        """
        row = self.machine._calibration(self._facts.id)
        if row is None:
            raise NotCalibrated(
                f"{self.name!r} had no calibration {self.machine.when}; state one with: gilgamesh calibrate {self.name} …"
            )
        return Calibration(tuple(steps_from_json(row.steps)), row.input_unit, row.output_unit)

    # -- display -----------------------------------------------------------------------------------------

    def show(self) -> str:
        """Itself and everything below it, as text."""
        from .display import tree_text

        return tree_text(self)

    def _repr_html_(self) -> str:
        from .display import tree_html

        return tree_html(self)

    def __repr__(self) -> str:
        what = self.kind if self.known else f"{self.kind}, generic"
        return f"<{what} {self.name} {self.machine.when}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.roles:
            return self.signal(name)
        for child in self.children:
            if attribute_name(child.name) == name:
                return child
        there = [*self.roles, *(attribute_name(child.name) for child in self.children)]
        raise AttributeError(f"{self.name!r} has no signal or component {name!r}{near_names(name, there)}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.roles, *(attribute_name(child.name) for child in self.children)]


def attribute_name(name: str) -> str:
    """A component's name as Python can write it after a dot.

    Examples
    --------
    >>> attribute_name("PXI M6251/ai0")
    'PXI_M6251_ai0'
    """
    plain = "".join(letter if letter.isalnum() else "_" for letter in name)
    return f"_{plain}" if plain[:1].isdigit() else plain
