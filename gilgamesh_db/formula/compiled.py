"""A formula with the units of its inputs: dimensions checked, conversions written out, ready for numbers.

What comes out is a tree of lists such as ``["sub", ["load", "IC_Pfwd"], ["load", "IC_Pref"]]``, which numpy evaluates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormulaError, UnitMismatch
from ..units import conversion, parse_unit
from .functions import COMPARISONS, FUNCTIONS, POINTWISE, WHOLE
from .parse import Node

FloatArray = NDArray[np.float64]
Tree = list[Any]


@dataclass(frozen=True)
class Compiled:
    """A formula that can be evaluated.

    Attributes
    ----------
    tree : list
        Operation and arguments, nested.
    unit : str
        Unit of the result.
    names : tuple of str
        The signals it reads, in the order they are met.
    pointwise : bool
        Whether each sample is computed on its own.
    """

    tree: Tree
    unit: str
    names: tuple[str, ...]
    pointwise: bool

    def __call__(self, time: FloatArray, values: Mapping[str, FloatArray]) -> FloatArray:
        """The values of the formula.

        Parameters
        ----------
        time : ndarray of float64, shape (n,)
            Seconds; common to all inputs.
        values : mapping of str to ndarray of float64, shape (n,)
            By the names in `names`, in the units it was compiled with.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        with np.errstate(all="ignore"):
            found = _evaluated(self.tree, time, values)
        return np.array(np.broadcast_to(np.asarray(found, np.float64), np.shape(time)))


@dataclass(frozen=True)
class _Term:
    tree: Tree
    unit: str
    bare: bool = False  # a number as it stands in the text: it takes the unit of what it is compared with
    truth: bool = False


def compile_formula(node: Node, units: Mapping[str, str], into: str | None = None) -> Compiled:
    """Check the dimensions of a formula and write out the conversions.

    Parameters
    ----------
    node : Node
        From `parse_formula` or `parse_condition`.
    units : mapping of str to str
        Unit of each signal it names.
    into : str, optional
        The unit to give the values in.

    Raises
    ------
    UnitMismatch
        When dimensions do not agree.
    FormulaError
        When a condition stands where a value belongs, or the reverse.

    Examples
    --------
    >>> from gilgamesh_db.formula import parse_formula
    >>> compile_formula(parse_formula("a - b"), {"a": "kW", "b": "W"}).tree
    ['sub', ['load', 'a'], ['mul', ['load', 'b'], ['number', 0.001]]]
    >>> compile_formula(parse_formula("a + b"), {"a": "kW", "b": "A"})
    Traceback (most recent call last):
    gilgamesh_db.errors.UnitMismatch: a + b has no meaning: a is in kW, b in A
    """
    term = _Compiler(units).term(node)
    unit = term.unit
    if into is not None:
        term = _converted(term, into, f"the formula gives {unit or 'a pure number'}, not {into or 'a pure number'}")
        unit = into
    return Compiled(term.tree, unit, node.names(), node.pointwise)


class _Compiler:
    def __init__(self, units: Mapping[str, str]) -> None:
        self._units = units

    def term(self, node: Node) -> _Term:
        operation = node.operation
        if operation == "name":
            return _Term(["load", node.value], self._units[str(node.value)])
        if operation == "number":
            return _Term(["number", node.value], "", bare=True)
        if operation == "quantity":
            conversion(node.unit, node.unit)
            return _Term(["number", node.value], node.unit)
        parts = [self.term(part) for part in node.arguments]
        if operation in ("and", "or", "not"):
            for part, its in zip(parts, node.arguments, strict=True):
                if not part.truth:
                    raise FormulaError(
                        f"{shown(its)} is a value, not a condition; compare it, for example: {shown(its)} > 0"
                    )
            return _Term([operation, *(part.tree for part in parts)], "", truth=True)
        if operation == "where":
            if not parts[0].truth:
                first = shown(node.arguments[0])
                raise FormulaError(f"{first} is a value, not a condition; compare it, for example: {first} > 0")
            both = self._same(node, parts[1:])
            return _Term(["where", parts[0].tree, *(part.tree for part in both)], both[0].unit)
        if any(part.truth for part in parts):
            raise FormulaError(f"{shown(node)} computes with a condition; turn it into numbers: where(condition, 1, 0)")
        if operation in COMPARISONS:
            both = self._same(node, parts)
            return _Term([operation, *(part.tree for part in both)], "", truth=True)
        return self._value(node, parts)

    def _value(self, node: Node, parts: list[_Term]) -> _Term:
        operation, trees = node.operation, [part.tree for part in parts]
        if operation in ("add", "sub"):
            return self._sum(node, parts)
        if operation not in ("mul", "div", "pow", "neg"):
            return self._called(node, parts)
        if all(part.bare for part in parts):
            return _Term([operation, *trees], "", bare=True)
        _refuse_zero_point(node, parts)
        if operation == "neg":
            return _Term(["neg", *trees], parts[0].unit)
        if operation == "pow":
            if node.arguments[1].operation != "number" or not np.isfinite(float(node.arguments[1].value or 0.0)):
                raise FormulaError(f"the exponent in {shown(node)} must be a number; for others write exp(y * log(x))")
            return _Term(["pow", *trees], _power(parts[0].unit, float(node.arguments[1].value or 0.0)))
        return _Term([operation, *trees], _product(parts[0].unit, parts[1].unit, 1 if operation == "mul" else -1))

    def _called(self, node: Node, parts: list[_Term]) -> _Term:
        operation, rule, (first, *_) = node.operation, FUNCTIONS[node.operation].units, parts
        if rule in ("root", "rate", "area") or operation == "abs":
            _refuse_zero_point(node, parts)
        match rule:
            case "root":
                return _Term([operation, first.tree], _power(first.unit, 0.5))
            case "rate" | "area":
                return _Term([operation, first.tree], _product(first.unit, "s", -1 if rule == "rate" else 1))
            case "number" | "angle":
                angle = rule == "angle" and parse_unit(first.unit).dimension != "1"  # a pure number is in radians
                wanted, what = ("rad", "an angle") if angle else ("", "a pure number")
                said = f"{shown(node)} needs {what}, but {shown(node.arguments[0])} is in {first.unit or '1'}"
                return _Term([operation, _converted(first, wanted, said).tree], "")
            case "first":
                _require_seconds(node)
                return _Term([operation, *(part.tree for part in parts)], first.unit)
        same = self._same(node, parts)
        return _Term([operation, *(part.tree for part in same)], same[0].unit)

    def _sum(self, node: Node, parts: list[_Term]) -> _Term:
        left, right = parts
        if left.bare and right.bare:
            return _Term([node.operation, left.tree, right.tree], "", bare=True)
        if "deg_C" in (left.unit, right.unit):
            if node.operation == "sub" and left.unit == right.unit:
                return _Term(["sub", left.tree, right.tree], "K")
            _refuse_zero_point(node, parts)
        both = [left, _converted(right, left.unit, _clash(node, parts))]
        return _Term([node.operation, *(part.tree for part in both)], left.unit)

    @staticmethod
    def _same(node: Node, parts: list[_Term]) -> list[_Term]:
        """All in the unit of the first that has one; bare numbers are meant in it."""
        unit = next((part.unit for part in parts if not part.bare), "")
        return [_Term(part.tree, unit) if part.bare else _converted(part, unit, _clash(node, parts)) for part in parts]


def _converted(term: _Term, unit: str, otherwise: str) -> _Term:
    try:
        gain, offset = conversion(term.unit, unit)
    except UnitMismatch as error:
        raise UnitMismatch(otherwise) from error
    tree = term.tree
    if gain != 1.0:
        tree = ["mul", tree, ["number", gain]]
    if offset != 0.0:
        tree = ["add", tree, ["number", offset]]
    return _Term(tree, unit)


def _clash(node: Node, parts: list[_Term]) -> str:
    named = node.arguments[-len(parts) :]
    said = [(shown(argument), part.unit) for argument, part in zip(named, parts, strict=True)]
    (first, unit), others = said[0], said[1:]
    clash = ", ".join(f"{text} in {other or '1'}" for text, other in others)
    hint = ""
    if any(part.bare for part in parts):
        hint = f"; give the number a unit: quantity(2.5, '{next((part.unit for part in parts if part.unit), 'kW')}')"
    return f"{shown(node)} has no meaning: {first} is in {unit or '1'}, {clash}{hint}"


def _require_seconds(node: Node) -> None:
    """What follows the first argument of smooth and mean are times, written as numbers."""
    for argument in node.arguments[1:]:
        if argument.operation != "number":
            raise FormulaError(f"{shown(argument)} in {shown(node)} must be a number, in seconds")
    if node.operation == "smooth" and not 0 < float(node.arguments[1].value or 0.0) < np.inf:
        raise FormulaError(
            f"{shown(node)} smooths over nothing; give the length of the window in seconds, such as 0.001"
        )


def _refuse_zero_point(node: Node, parts: list[_Term]) -> None:
    if any(part.unit == "deg_C" for part in parts):
        raise UnitMismatch(
            f"{shown(node)} computes with a temperature in °C, whose zero is arbitrary; use a signal in K"
        )


def _product(left: str, right: str, power: int) -> str:
    from astropy.units import Unit

    return str((Unit(left) * Unit(right) ** power).to_string())


def _power(unit: str, exponent: float) -> str:
    from astropy.units import Unit

    return str((Unit(unit) ** exponent).to_string())


def shown(node: Node) -> str:
    """The formula as text.

    Examples
    --------
    >>> from gilgamesh_db.formula import parse_formula
    >>> shown(parse_formula("a-(b-c)*2"))
    'a - (b - c) * 2'
    """
    return _shown(node)[0]


_BINDING = {
    "or": 1,
    "and": 2,
    "not": 3,
    **dict.fromkeys(COMPARISONS, 4),
    "add": 5,
    "sub": 5,
    "mul": 6,
    "div": 6,
    "neg": 7,
    "pow": 8,
}
_WRITTEN = {"add": " + ", "sub": " - ", "mul": " * ", "div": " / ", "pow": "**", "and": " and ", "or": " or ",
            **{name: f" {sign} " for name, sign in COMPARISONS.items()}}  # fmt: skip


def _shown(node: Node) -> tuple[str, int]:
    operation = node.operation
    if operation == "name":
        return str(node.value), 9
    if operation == "number":
        return f"{node.value:.15g}" if float(f"{node.value:.15g}") == node.value else repr(node.value), 9
    if operation == "quantity":
        return f"quantity({node.value!r}, {node.unit!r})", 9
    if operation not in _BINDING:
        return f"{operation}({', '.join(shown(part) for part in node.arguments)})", 9
    own = _BINDING[operation]
    texts = []
    for position, part in enumerate(node.arguments):
        text, binding = _shown(part)
        loose = binding < own or (binding == own and (position > 0 or operation in ("pow", *COMPARISONS)))
        texts.append(f"({text})" if loose else text)
    if operation in ("neg", "not"):
        return ("-" if operation == "neg" else "not ") + texts[0], own
    return _WRITTEN[operation].join(texts), own


def _evaluated(tree: Tree, time: FloatArray, values: Mapping[str, FloatArray]) -> Any:
    operation, *arguments = tree
    if operation == "load":
        return values[arguments[0]]
    if operation == "number":
        return np.float64(arguments[0])
    found = [_evaluated(part, time, values) for part in arguments]
    if operation in WHOLE:
        whole = np.broadcast_to(np.asarray(found[0], np.float64), np.shape(time))
        return WHOLE[operation](time, whole, *(float(part) for part in found[1:]))
    return POINTWISE[operation](*found)
