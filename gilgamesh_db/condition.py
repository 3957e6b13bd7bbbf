"""Conditions on whole shots: comparisons of formulas with numbers, joined by ``and`` and ``or``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import units
from .derived import canonical
from .errors import ConditionError
from .formula import Node, compile_formula, parse_condition

if TYPE_CHECKING:
    from .database import Database

Bools = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip
_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}
_OPPOSITE = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "eq": "ne", "ne": "eq", "and": "or", "or": "and"}
_WITH_UNIT = re.compile(
    r"(?<![\w.])(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)\s+(?!(?:and|or|not|if|in)\b)([A-Za-zµΩ]\w*(?:/[A-Za-z]\w*)?)"
)


@dataclass(frozen=True)
class Comparison:
    """A formula, which may be a signal alone, against a number in its unit."""

    subject: Node
    operation: str
    number: float

    @classmethod
    def of(cls, node: Node) -> Comparison:
        """A leaf of a condition."""
        subject, number = node.arguments
        return cls(subject, node.operation, float(number.value or 0.0))

    @classmethod
    def every(cls, node: Node) -> Iterator[Comparison]:
        """All leaves of a condition."""
        if node.operation in COMPARED:
            yield cls.of(node)
        else:
            for part in node.arguments:
                yield from cls.every(part)

    def __call__(self, values: FloatArray) -> Bools:
        """Where it holds; never where a value is no number."""
        found: Bools = COMPARED[self.operation](values, self.number) & ~np.isnan(values)
        return found

    def between(self, low: FloatArray, high: FloatArray) -> tuple[Bools, Bools]:
        """Whether it may hold, and whether it must, for a value between these; neither where there is none."""
        some = ~np.isnan(low) & ~np.isnan(high)
        inside = (low <= self.number) & (self.number <= high)
        maybe, throughout = {
            "gt": (high > self.number, low > self.number), "ge": (high >= self.number, low >= self.number),
            "lt": (low < self.number, high < self.number), "le": (low <= self.number, high <= self.number),
            "eq": (inside, inside & (low == high)), "ne": (~(inside & (low == high)), ~inside),
        }[self.operation]  # fmt: skip
        return maybe & some, throughout & some


@dataclass(frozen=True)
class Condition:
    """A condition that was read.

    Attributes
    ----------
    tree : Node
        ``and``, ``or`` and comparisons of a formula with a number.
    units : dict of str to str
        Of the signals it names.
    derived : set of str
        Those of them that are derived.
    """

    tree: Node
    units: dict[str, str]
    derived: set[str]


def read_condition(db: Database, condition: str, shot: int) -> Condition:
    """A condition with names and numbers put into the signals' own names and units.

    Raises
    ------
    ConditionError, SignalNotFound, UnitMismatch
    """
    written = condition if not isinstance(condition, str) else _WITH_UNIT.sub(r"quantity(\1, '\2')", condition)
    tree = parse_condition(written)
    meant = {name: db.signal(name, shot).name for name in tree.names()}
    rows = db.reader.rows("select name, unit, kind from gilgamesh.signal where name = any(%s)", (list(meant.values()),))
    own = {row.name: row.unit for row in rows}
    return Condition(
        _compared(canonical(tree, meant), own, opposite=False), own, {row.name for row in rows if row.kind == "derived"}
    )


def _compared(node: Node, own: dict[str, str], *, opposite: bool) -> Node:
    """The condition without ``not``: what is no number meets neither a comparison nor its opposite."""
    if node.operation == "not":
        return _compared(node.arguments[0], own, opposite=not opposite)
    operation = _OPPOSITE[node.operation] if opposite and node.operation in _OPPOSITE else node.operation
    if node.operation in ("and", "or"):
        return Node(operation, tuple(_compared(part, own, opposite=opposite) for part in node.arguments))
    if node.operation not in COMPARED:
        raise ConditionError(
            "the parts of a condition are comparisons; write it like: IC_Pinj > 1.5 kW or Lang_dens > 5e16"
        )
    left, right = node.arguments
    if not left.names():
        left, right, operation = right, left, _MIRRORED[operation]
    if not left.names():
        raise ConditionError("a comparison names a signal, for example IC_Pinj > 1.5 kW")
    if right.names():
        left, right = Node("sub", (left, right)), Node("number", value=0.0)
    unit = compile_formula(left, own).unit
    return Node(operation, (left, Node("number", value=_constant(right, unit))))


def _constant(node: Node, unit: str) -> float:
    """What a formula of numbers gives in a unit; a bare number is meant in it."""
    if node.operation == "neg" and node.arguments[0].operation == "quantity":
        node = Node("quantity", value=-float(node.arguments[0].value or 0.0), unit=node.arguments[0].unit)
    compiled = compile_formula(node, {})
    value = float(compiled(np.zeros(1), {})[0])
    if not compiled.unit:
        return value
    gain, offset = units.conversion(compiled.unit, unit)
    return value * gain + offset
