"""Which Python class knows the physics of which class of component."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, TypeVar

from ..errors import ConflictError, InvalidValue

if TYPE_CHECKING:
    from .component import Component

Kind = TypeVar("Kind", bound="type[Component]")
GROUP = "gilgamesh.components"

_registered: dict[str, type[Component]] = {}


def register(name: str) -> Callable[[Kind], Kind]:
    """Make a class the one for components whose class in the database has this name.

    A lab's own package does this with an entry point in the group ``gilgamesh.components``, so that nobody needs to
    import it: ``IonGauge = "our_package.gauges:IonGauge"``.

    Examples
    --------
    >>> from gilgamesh_db.machine import Component, register
    >>> @register("WaterMeter")
    ... class WaterMeter(Component):
    ...     "Knows nothing more than its properties."
    """

    def keep(kind: Kind) -> Kind:
        if _registered.get(name, kind).__qualname__ != kind.__qualname__:
            raise ConflictError(
                f"{_registered[name].__qualname__} is the class of {name!r} already; choose another name"
            )
        _registered[name] = kind
        return kind

    return keep


def class_of(name: str) -> type[Component]:
    """The class for a name: a registered one, one of another package's entry points, or the generic component."""
    from .component import Component

    if name in _registered:
        return _registered[name]
    for entry in entry_points(group=GROUP, name=name):
        kind = entry.load()
        if not (isinstance(kind, type) and issubclass(kind, Component)):
            raise InvalidValue(
                f"the entry point {entry.value!r} of {name!r} is no component class; derive it from "
                "gilgamesh_db.machine.Component"
            )
        _registered[name] = kind
        return kind
    return Component


def known_classes() -> list[str]:
    """Names of all classes that know more than their properties."""
    return sorted({*_registered, *entry_points(group=GROUP).names})
