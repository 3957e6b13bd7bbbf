"""A calibration as people write it in a table: ``-0.01*V``, ``20``, ``10**(((V - 2.2703)/0.052 + 10)/10)``.

An expression of one variable, whatever its name, is a polynomial over a chain of functions. That is what the closed set
of calibration steps can say; anything else is refused. It is parsed, never evaluated as Python.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from numpy.polynomial import polynomial

from ..calibration import Exponential, Logarithm, Polynomial, PowerLaw, PowerOfTen, Step, steps_from_json, steps_to_json
from ..errors import InvalidValue

_FUNCTIONS: dict[str, Step] = {
    "exp": Exponential(), "log": Logarithm("e"), "ln": Logarithm("e"), "log10": Logarithm(10), "lg": Logarithm(10),
    "log2": Logarithm(2), "sqrt": PowerLaw(1.0, 0.5),
}  # fmt: skip


def steps_of(text: str) -> tuple[Step, ...]:
    """Read a calibration from its expression; a bare number is a factor, an empty text changes nothing.

    Raises
    ------
    InvalidValue
        It is not one, with an example of what is.

    Examples
    --------
    >>> steps_of("-0.01 * V")
    (Polynomial(coefficients=(0.0, -0.01)),)
    >>> steps_of("10^((x - 2)/4)")
    (Polynomial(coefficients=(-0.5, 0.25)), PowerOfTen())
    >>> steps_of("20")
    (Polynomial(coefficients=(0.0, 20.0)),)
    """
    text = text.strip()
    if not text:
        return ()
    if text.startswith("["):
        try:
            return steps_from_json(json.loads(text))
        except ValueError as error:
            raise InvalidValue(f"{text!r} is no list of steps: {error}") from error
    decimal = text.replace(",", ".") if "," in text and "(" not in text else text
    try:
        tree = ast.parse(decimal.replace("^", "**").replace("·", "*").replace("−", "-"), mode="eval").body
        said = _Reader(text).read(tree)
    except (SyntaxError, ValueError, RecursionError, OverflowError, ZeroDivisionError) as error:
        if isinstance(error, InvalidValue):
            raise
        raise _refused(text) from error
    if said.constant:
        return () if said.coefficients[0] == 1.0 else (Polynomial((0.0, said.coefficients[0])),)
    return said.steps if said.coefficients == (0.0, 1.0) else (*said.steps, Polynomial(said.coefficients))


def expression_of(steps: Sequence[Step], variable: str = "x") -> str:
    """Write steps as an expression; as JSON where no expression says them.

    Examples
    --------
    >>> expression_of((Polynomial((0.0, -0.01)),))
    '-0.01*x'
    >>> expression_of((Polynomial((-0.5, 0.25)), PowerOfTen()))
    '10**(0.25*x - 0.5)'
    >>> steps_of(expression_of((Polynomial((1.0, 0.0, -2.5)),)))
    (Polynomial(coefficients=(1.0, 0.0, -2.5)),)
    """
    said = variable
    for step in merged(steps):
        match step:
            case Polynomial(coefficients):
                said = _polynomial(coefficients, said, variable)
            case PowerOfTen():
                said = f"10**({said})"
            case Exponential():
                said = f"exp({said})"
            case Logarithm(base):
                said = f"{ {'e': 'log', 10: 'log10', 2: 'log2'}[base] }({said})"
            case _:
                return json.dumps(steps_to_json(steps))
    return "" if said == variable else said


def merged(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Straight lines one after the other as one.

    Examples
    --------
    >>> merged((Polynomial((0.0, 0.5)), Polynomial((1.0, 1000.0))))
    (Polynomial(coefficients=(1.0, 500.0)),)
    """
    found: list[Step] = []
    for step in steps:
        if found and isinstance(step, Polynomial) and len(step.coefficients) == 2:
            last = found[-1]
            if isinstance(last, Polynomial) and len(last.coefficients) == 2:
                (a, b), (c, d) = last.coefficients, step.coefficients
                found[-1] = Polynomial((c + d * a, d * b))
                continue
        found.append(step)
    return tuple(step for step in found if step != Polynomial((0.0, 1.0)))


@dataclass(frozen=True)
class _Said:
    """A polynomial of what a chain of steps makes of the variable."""

    steps: tuple[Step, ...]
    coefficients: tuple[float, ...]

    @property
    def constant(self) -> bool:
        return len(self.coefficients) == 1


class _Reader:
    """Reads one expression of one variable."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.variable: str | None = None

    def read(self, node: ast.expr) -> _Said:
        match node:
            case ast.Constant(value=float() | int() as number) if not isinstance(number, bool):
                return _Said((), (float(number),))
            case ast.Name(id=name):
                if self.variable not in (None, name):
                    raise _refused(self.text, f"it has two variables, {self.variable} and {name}")
                self.variable = name
                return _Said((), (0.0, 1.0))
            case ast.UnaryOp(op=ast.USub(), operand=part):
                inner = self.read(part)
                return _Said(inner.steps, tuple(-c + 0.0 for c in inner.coefficients))
            case ast.UnaryOp(op=ast.UAdd(), operand=part):
                return self.read(part)
            case ast.BinOp(left=left, op=op, right=right):
                return self._combine(self.read(left), op, self.read(right))
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name.lower() in _FUNCTIONS:
                return self._apply(_FUNCTIONS[name.lower()], self.read(argument))
        raise _refused(self.text)

    def _combine(self, a: _Said, op: ast.operator, b: _Said) -> _Said:
        if isinstance(op, ast.Pow):
            return self._power(a, b)
        if isinstance(op, ast.Div):
            if not b.constant:
                raise _refused(self.text)
            return _Said(a.steps, tuple(c / b.coefficients[0] for c in a.coefficients))
        if not a.constant and not b.constant and a.steps != b.steps:
            raise _refused(self.text)
        p, q = a.coefficients, b.coefficients
        match op:
            case ast.Add():
                found = polynomial.polyadd(p, q)
            case ast.Sub():
                found = polynomial.polysub(p, q)
            case ast.Mult():
                found = polynomial.polymul(p, q)
            case _:
                raise _refused(self.text)
        return _Said(b.steps if a.constant else a.steps, tuple(float(c) + 0.0 for c in found))

    def _power(self, a: _Said, b: _Said) -> _Said:
        if b.constant:
            exponent = b.coefficients[0]
            if exponent == int(exponent) and 0 <= exponent <= 31:
                found = polynomial.polypow(a.coefficients, int(exponent))
                return _Said(a.steps, tuple(float(c) for c in found))
            return self._apply(PowerLaw(1.0, exponent), a)
        if a.constant and a.coefficients[0] == 10.0:
            return self._apply(PowerOfTen(), b)
        raise _refused(self.text)

    def _apply(self, step: Step, inner: _Said) -> _Said:
        if inner.constant:
            raise _refused(self.text)
        chain = inner.steps if inner.coefficients == (0.0, 1.0) else (*inner.steps, Polynomial(inner.coefficients))
        return _Said((*chain, step), (0.0, 1.0))


def _polynomial(coefficients: Sequence[float], said: str, variable: str) -> str:
    called = said.startswith(("10**(", "exp(", "log"))
    inner = said if said == variable or called else f"({said})"
    parts: list[str] = []
    for power in range(len(coefficients) - 1, -1, -1):
        c = coefficients[power]
        if c == 0.0 and len(coefficients) > 1:
            continue
        factor = "" if power == 0 else inner if power == 1 else f"{inner}**{power}"
        size = repr(abs(c)) if not factor or abs(c) != 1.0 else ""
        term = f"{size}*{factor}" if size and factor else size or factor
        parts.append((("-" if c < 0 else "") if not parts else " - " if c < 0 else " + ") + term)
    return "".join(parts) or "0.0"


def _refused(text: str, why: str = "") -> InvalidValue:
    return InvalidValue(
        f"{text!r} is not a calibration that is understood{': ' + why if why else ''}; write a number (a factor), an expression "
        "of one variable with + - * / **, 10**(…), exp, log, log10, log2, sqrt, or the steps as JSON"
    )
