"""What is different between the machine of two shots, of two times, or as known at two times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..calibration import formula, steps_from_json

if TYPE_CHECKING:
    import pandas as pd

    from .component import Component
    from .machine import Machine

Row = tuple[str, str, str, str]


def differences(before: Machine, after: Machine) -> pd.DataFrame:
    """See `Machine.diff`."""
    import pandas as pd

    rows = [*_components(before, after), *_wiring(before, after)]
    return pd.DataFrame(rows, columns=["Component", "What", "Before", "After"])


def _components(before: Machine, after: Machine) -> Iterator[Row]:
    for name in sorted({part.name for part in before} | {part.name for part in after}):
        if name not in after:
            yield name, "placed in", _parent(before[name]), "not there"
        elif name not in before:
            yield name, "placed in", "not there", _parent(after[name])
        else:
            yield from _component(before[name], after[name])


def _component(a: Component, b: Component) -> Iterator[Row]:
    if a._facts.parent != b._facts.parent:
        yield a.name, "placed in", _parent(a), _parent(b)
    for what in sorted({*a.properties, *b.properties}):
        was, is_ = _said(a, what), _said(b, what)
        if was != is_:
            yield a.name, what, was, is_
    was, is_ = _calibration(a), _calibration(b)
    if was != is_:
        yield a.name, "calibration", was, is_


def _wiring(before: Machine, after: Machine) -> Iterator[Row]:
    for signal in sorted({*before.wiring, *after.wiring}):
        was, is_ = _cable(before.wiring.get(signal)), _cable(after.wiring.get(signal))
        if was != is_:
            yield signal, "wired to", was, is_


def _parent(part: Component) -> str:
    return part._facts.parent or "nothing"


def _said(part: Component, name: str) -> str:
    return str(part.properties[name]) if name in part.properties else "not stated"


def _calibration(part: Component) -> str:
    row = part.machine._calibration(part._facts.id)
    if row is None:
        return "none"
    return f"{formula(steps_from_json(row.steps))} [{row.input_unit} → {row.output_unit}]"


def _cable(wired: tuple[str, tuple[str, ...]] | None) -> str:
    return "nothing" if wired is None else " → ".join((wired[0], *wired[1]))
