"""Rules of computed attributes: one number out of a signal or a formula, such as ``max(IC_Pfwd - IC_Pref)``.

A rule is read with Python's grammar and never executed: one of a closed set of functions, a formula, numbers.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from . import units
from .errors import ConditionError, FormulaError, SignalNotFound, UnitMismatch, near_names
from .formula import Node, compile_formula, parse_formula, shown
from .formula.functions import COMPARISONS
from .signal import Signal

if TYPE_CHECKING:
    from .database import Database

FloatArray = NDArray[np.float64]

# What each function takes after the signal; the window (from, to, in seconds) may follow.
FUNCTIONS = {
    "max": (), "min": (), "mean": (), "rms": (), "first": (), "last": (),
    "at": ("instant",), "duration_above": ("threshold",), "duration_below": ("threshold",),
}  # fmt: skip
_REDUCTIONS: dict[str, Callable[[FloatArray], Any]] = {
    "max": np.max, "min": np.min, "mean": np.mean, "rms": lambda x: np.sqrt(np.mean(x * x)),
    "first": lambda x: x[0], "last": lambda x: x[-1],
}  # fmt: skip
_CATALOGUE = """
select name, name as meant, unit from gilgamesh.signal
union all
select a.name, s.name, s.unit from gilgamesh.alias a join gilgamesh.signal s on s.id = a.signal_id
"""
_STATISTICS = {"max": "maximum", "min": "minimum", "mean": "mean", "rms": "rms"}


@dataclass(frozen=True)
class Rule:
    """A rule that was read.

    Attributes
    ----------
    function : str
        One of `FUNCTIONS`.
    signal : str
        What it is computed from: a name, or a formula over signals.
    argument : float or None
        Instant (s) or threshold.
    argument_unit : str or None
        Unit of a threshold, where one is written; otherwise it is in the unit of the signal.
    window : tuple of float or None
        Only this part of the signal, in seconds.
    """

    function: str
    signal: str
    argument: float | None = None
    argument_unit: str | None = None
    window: tuple[float, float] | None = None

    def __str__(self) -> str:
        parts: list[str] = [self.signal]
        if self.argument is not None:
            written = f"{self.argument:g}" if float(f"{self.argument:g}") == self.argument else repr(self.argument)
            parts.append(written if self.argument_unit is None else repr(f"{written} {self.argument_unit}"))
        parts += [] if self.window is None else [repr(end) for end in self.window]
        return f"{self.function}({', '.join(parts)})"

    @property
    def node(self) -> Node:
        """The formula in it; a name is the shortest one."""
        return _formula(self.signal)

    @property
    def statistic(self) -> str | None:
        """The column of the view ``statistics`` that holds it already for measured signals, if one does."""
        return _STATISTICS.get(self.function) if self.window is None and self.node.operation == "name" else None

    def subject(self, db: Database, shot: int) -> Signal:
        """What it is computed from, in a shot; nothing is read yet."""
        return subject(db, self.node, shot)

    def unit(self, of_signal: str) -> str:
        """Unit of the result."""
        return "s" if self.function.startswith("duration") else of_signal

    def __call__(self, signal: Signal) -> float:
        """The number, in the unit the rule gives; NaN where there is none.

        Samples that are not numbers are left out, as in ``statistics``.
        """
        if self.function == "at":
            assert self.argument is not None  # noqa: S101 - the grammar demands it
            return _at(signal, self.argument)
        part = signal if self.window is None else signal.window(*self.window)
        values = part.values
        numbers = values[np.isfinite(values)]
        if self.function.startswith("duration"):
            return _duration(part, values, self._threshold(str(signal.unit)), above=self.function.endswith("above"))
        if not numbers.size:
            return float("nan")
        return float(_REDUCTIONS[self.function](numbers))

    def _threshold(self, unit: str) -> float:
        assert self.argument is not None  # noqa: S101 - the grammar demands it
        if self.argument_unit is None:
            return self.argument
        gain, offset = units.conversion(self.argument_unit, unit)
        return self.argument * gain + offset


def read_rule(text: str) -> Rule:
    """Read a rule.

    Raises
    ------
    ConditionError
        It is none.

    Examples
    --------
    >>> read_rule("mean(Ngas_P, 0.5, 1.0)")
    Rule(function='mean', signal='Ngas_P', argument=None, argument_unit=None, window=(0.5, 1.0))
    >>> print(read_rule("duration_above(IC_Pfwd-IC_Pref, '1.5 kW', window=(0, 1))"))
    duration_above(IC_Pfwd - IC_Pref, '1.5 kW', 0.0, 1.0)
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConditionError(f"the rule {text!r} cannot be read ({error}); write it like: max(IC_Pinj)") from error
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        raise ConditionError(f"{text!r} is not a rule; write one of {', '.join(FUNCTIONS)}, for example: max(IC_Pinj)")
    function = tree.func.id
    if function not in FUNCTIONS:
        raise ConditionError(
            f"no function {function!r} for rules{near_names(function, FUNCTIONS) or ';'} there are: {', '.join(FUNCTIONS)}"
        )
    if not tree.args:
        raise ConditionError(f"{text!r} must begin with a signal or a formula, for example: {function}(IC_Pinj)")
    signal = _of(tree.args[0], text)
    rest = list(tree.args[1:])
    window = [part for keyword in tree.keywords for part in _window(keyword, text)]
    wanted = FUNCTIONS[function]
    if len(rest) < len(wanted):
        raise ConditionError(f"{text!r} lacks its {wanted[len(rest)]}, for example: {function}({signal}, 0.8)")
    given, rest = rest[: len(wanted)], rest[len(wanted) :]
    argument, argument_unit = _quantity(given[0], wanted[0], text) if given else (None, None)
    ends = [_number(part, text) for part in [*rest, *window]]
    if len(ends) not in (0, 2) or (ends and function == "at") or (ends and not ends[0] < ends[1]):
        raise ConditionError(f"{text!r} has no such window; write from and to in seconds: mean(Ngas_P, 0.5, 1.0)")
    return Rule(function, signal, argument, argument_unit, (ends[0], ends[1]) if ends else None)


def checked_rule(connection: sa.Connection, text: str, unit: str | None) -> tuple[str, str]:
    """A rule that can be computed, as it is stored, and the unit of its values.

    Raises
    ------
    ConditionError, FormulaError, SignalNotFound, UnitMismatch
    """
    from .derived import canonical

    rule = read_rule(text)
    known = {row.name: row for row in connection.execute(sa.text(_CATALOGUE))}
    for name in rule.node.names():
        if name not in known:
            raise SignalNotFound(
                f"no signal {name!r}{near_names(name, known) or ';'} list them with `gilgamesh signals`"
            )
    of_signal = compile_formula(rule.node, {name: known[name].unit for name in rule.node.names()}).unit
    node = canonical(rule.node, {name: known[name].meant for name in rule.node.names()})
    named = Rule(rule.function, shown(node), rule.argument, rule.argument_unit, rule.window)
    if rule.argument_unit is not None:
        units.conversion(rule.argument_unit, of_signal)
    own = named.unit(of_signal)
    if unit is not None:
        offset = units.conversion(own, unit)[1]
        if offset and rule.function == "rms":
            raise UnitMismatch(f"the root mean square of {own} cannot be given in {unit}, whose zero lies elsewhere")
    return str(named), own if unit is None else unit


def subject(db: Database, node: Node, shot: int) -> Signal:
    """A formula over signals of a shot, or the signal itself where it is a name alone."""
    if node.operation == "name":
        return db.signal(str(node.value), shot)
    from .arithmetic import FormulaSignal

    # As derived signals are: on the times of the first signal, the others by their sample before.
    return FormulaSignal(node, {name: db.signal(name, shot) for name in node.names()}, aligned=True)


def _of(node: ast.expr, text: str) -> str:
    """The formula a rule begins with."""
    try:
        found = parse_formula(ast.unparse(node))
    except FormulaError as error:
        raise ConditionError(f"the rule {text!r} cannot be read: {error}") from error
    if found.operation in (*COMPARISONS, "and", "or", "not"):
        raise ConditionError(f"{shown(found)} in {text!r} is a condition; turn it into numbers: where(…, 1, 0)")
    if not found.names():
        raise ConditionError(f"{text!r} must begin with the name of a signal or a formula, for example: max(IC_Pinj)")
    return shown(found)


@lru_cache(maxsize=1024)
def _formula(text: str) -> Node:
    return parse_formula(text)


def _at(signal: Signal, instant: float) -> float:
    """The sample nearest to an instant; NaN outside the record."""
    dt = signal.dt
    part = signal if dt is None else signal.window(instant - 2 * dt, instant + 2 * dt)
    time = part.time
    if not time.size:
        return float("nan")
    nearest = int(np.argmin(np.abs(time - instant)))
    reach = 0.5 * dt * (1 + 1e-9) if dt is not None else None
    outside = abs(time[nearest] - instant) > reach if reach is not None else not time[0] <= instant <= time[-1]
    return float("nan") if outside else float(part.values[nearest])


def _duration(signal: Signal, values: FloatArray, threshold: float, *, above: bool) -> float:
    """Seconds for which the samples lie above or below; each stands for the time until the next one."""
    beyond = values > threshold if above else values < threshold
    if signal.dt is not None:
        return float(np.count_nonzero(beyond) * signal.dt)
    return float(np.sum(np.diff(signal.time)[beyond[:-1]]))


def _window(keyword: ast.keyword, text: str) -> list[ast.expr]:
    if keyword.arg != "window" or not isinstance(keyword.value, ast.Tuple | ast.List):
        raise ConditionError(f"{text!r} has a part that no rule takes; the window is written window=(0.5, 1.0)")
    return keyword.value.elts


def _number(node: ast.expr, text: str) -> float:
    sign = 1.0
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign, node = (-sign if isinstance(node.op, ast.USub) else sign), node.operand
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise ConditionError(f"{ast.unparse(node)!r} in {text!r} is not a number")
    if not np.isfinite(float(node.value)):
        raise ConditionError(f"{ast.unparse(node)!r} in {text!r} is not a finite number")
    return sign * float(node.value)


def _quantity(node: ast.expr, what: str, text: str) -> tuple[float, str | None]:
    if what == "threshold" and isinstance(node, ast.Constant) and isinstance(node.value, str):
        return quantity(node.value)
    return _number(node, text), None


def quantity(text: str) -> tuple[float, str]:
    """A number with its unit.

    Examples
    --------
    >>> quantity("1.5 kW")
    (1.5, 'kW')
    """
    number: Any
    number, _, unit = text.strip().partition(" ")
    try:
        value = float(number)
    except ValueError as error:
        raise ConditionError(f"{text!r} is not a number with its unit; write it like '1.5 kW'") from error
    return value, str(units.parse_unit(unit).symbol)
