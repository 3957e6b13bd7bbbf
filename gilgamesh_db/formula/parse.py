"""From the text of a formula to a checked tree. Nothing of the text is ever executed."""

from __future__ import annotations

import ast
import itertools
import math
from dataclasses import dataclass

from ..errors import ConditionError, FormulaError, InvalidValue, near_names
from .functions import FUNCTIONS

LONGEST = 4000  # characters
DEEPEST = 60

CONSTANTS = {"pi": math.pi, "inf": math.inf, "nan": math.nan}

_OPERATORS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}
_COMPARED = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}


@dataclass(frozen=True)
class Node:
    """One operation of a formula.

    Attributes
    ----------
    operation : str
        ``name`` (of a signal), ``number``, ``quantity`` (a number with a unit), an operator or a function.
    arguments : tuple of Node
    value : str or float or None
        The name or the number.
    unit : str
        Of a quantity.
    """

    operation: str
    arguments: tuple[Node, ...] = ()
    value: str | float | None = None
    unit: str = ""

    def names(self) -> tuple[str, ...]:
        """Names of the signals, in the order they are met."""
        if self.operation == "name":
            return (str(self.value),)
        return tuple(dict.fromkeys(name for part in self.arguments for name in part.names()))

    def units(self) -> tuple[str, ...]:
        """Units of the quantities in it."""
        own = (self.unit,) if self.operation == "quantity" else ()
        return tuple(dict.fromkeys((*own, *(unit for part in self.arguments for unit in part.units()))))

    @property
    def pointwise(self) -> bool:
        """Whether each sample is computed on its own."""
        known = FUNCTIONS.get(self.operation)
        return (known is None or known.pointwise) and all(part.pointwise for part in self.arguments)


def parse_formula(text: str) -> Node:
    """Understand a formula over signals.

    Parameters
    ----------
    text : str
        For example ``"IC_Pfwd - IC_Pref"``; the operators are those of Python, the functions stand in
        `gilgamesh_db.formula.FUNCTIONS`.

    Raises
    ------
    FormulaError
        When it is not a formula; the message says where.

    Examples
    --------
    >>> parse_formula("where(U > 0, I / U, 0)").names()
    ('U', 'I')
    >>> parse_formula("sqr(U)")
    Traceback (most recent call last):
    gilgamesh_db.errors.FormulaError: no function 'sqr'; did you mean 'sqrt'? there are: abs, clip, cos, diff, exp, integral, log, log10, max, mean, min, sin, smooth, sqrt, tan, where
    """
    return _Reader(FormulaError, "formula", "IC_Pfwd - IC_Pref").read(text)


def parse_condition(text: str) -> Node:
    """Understand a condition on samples, for example ``"Lang_U > 0 and Ngas_P < 1e-3"``.

    Raises
    ------
    ConditionError
    """
    node = _Reader(ConditionError, "condition", "Lang_U > 0 and Ngas_P < 1e-3").read(text)
    if node.operation not in (*_COMPARED.values(), "and", "or", "not"):
        raise ConditionError(f"{text!r} is a value, not a condition; compare it, for example: {text.strip()} > 0")
    return node


class _Reader:
    """Turns Python's own syntax tree into ours and refuses everything that is not in the list."""

    def __init__(self, error: type[InvalidValue], what: str, example: str) -> None:
        self._error, self._what, self._example = error, what, example

    def read(self, text: str) -> Node:
        if not isinstance(text, str) or not text.strip():
            raise self._error(f"the {self._what} is empty; write it like: {self._example}")
        if len(text) > LONGEST:
            raise self._error(f"the {self._what} has {len(text)} characters; at most {LONGEST} are read")
        try:
            tree = ast.parse(" ".join(text.split()), mode="eval").body
            node = self._node(tree, 0)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if isinstance(error, InvalidValue):
                raise
            where = ""
            if isinstance(error, SyntaxError) and error.text and error.offset:
                where = f" at {error.text[max(0, error.offset - 1) :][:20]!r}"
            said = error.msg if isinstance(error, SyntaxError) else str(error) or "too deep"
            raise self._error(
                f"the {self._what} {text!r} cannot be read{where} ({said}); write it like: {self._example}"
            ) from error
        return node

    def _node(self, tree: ast.expr, depth: int) -> Node:
        if depth > DEEPEST:
            raise self._error(f"the {self._what} is nested more than {DEEPEST} deep; define a part of it on its own")
        match tree:
            case ast.Name(id=name) if name in CONSTANTS:
                return Node("number", value=CONSTANTS[name])
            case ast.Name(id=name):
                return Node("name", value=name)
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self._number(number)
            case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]):
                return self._call(name, parts, depth)
            case _:
                return self._operator(tree, depth + 1)

    def _operator(self, tree: ast.expr, depth: int) -> Node:
        match tree:
            case ast.UnaryOp(op=ast.UAdd(), operand=part):
                return self._node(part, depth)
            case ast.UnaryOp(op=ast.USub(), operand=part):
                inner = self._node(part, depth)
                if inner.operation == "number":
                    return Node("number", value=-float(inner.value or 0.0))
                return Node("neg", (inner,))
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return Node("not", (self._node(part, depth),))
            case ast.BoolOp(op=operator, values=parts):
                every = tuple(self._node(part, depth) for part in parts)
                return Node("and" if isinstance(operator, ast.And) else "or", every)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                return Node(_OPERATORS[type(operator)], (self._node(left, depth), self._node(right, depth)))
            case ast.Compare(left=left, ops=ops, comparators=others) if {type(op) for op in ops} <= set(_COMPARED):
                sides = itertools.pairwise([self._node(part, depth) for part in (left, *others)])
                pairs = tuple(Node(_COMPARED[type(op)], pair) for op, pair in zip(ops, sides, strict=True))
                return pairs[0] if len(pairs) == 1 else Node("and", pairs)
        raise self._error(f"{ast.unparse(tree)!r} has no meaning in a {self._what}; write it like: {self._example}")

    def _number(self, number: float) -> Node:
        try:
            return Node("number", value=float(number))
        except OverflowError as error:
            raise self._error(f"{str(number)[:20]}… is too large a number") from error

    def _call(self, name: str, parts: list[ast.expr], depth: int) -> Node:
        if name == "quantity":
            match parts:
                case [ast.Constant(value=int() | float() as number), ast.Constant(value=str() as unit)]:
                    return Node("quantity", value=float(number), unit=unit)
            raise self._error("a number with a unit is written quantity(2.5, 'kW')")
        if name not in FUNCTIONS:
            near = near_names(name, FUNCTIONS)
            raise self._error(f"no function {name!r}{near or ';'} there are: {', '.join(sorted(FUNCTIONS))}")
        known = FUNCTIONS[name]
        if not known.fewest <= len(parts) <= known.most or (name == "mean" and len(parts) == 2):
            raise self._error(f"{name} is given {len(parts)} argument{'s'[: len(parts) != 1]}; write {known.signature}")
        return Node(name, tuple(self._node(part, depth + 1) for part in parts))
