"""Operators on signals: pointwise on a common time base, units checked, nothing computed before it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .alignment import align
from .computed import ComputedSignal, FloatArray
from .errors import InvalidValue, UnitMismatch
from .formula import Compiled, Node, compile_formula, shown
from .signal import Signal

if TYPE_CHECKING:
    from astropy.units import UnitBase

_UFUNCS = {
    np.add: "add", np.subtract: "sub", np.multiply: "mul", np.true_divide: "div", np.negative: "neg", np.power: "pow",
    np.absolute: "abs", np.sqrt: "sqrt", np.exp: "exp", np.log: "log", np.log10: "log10", np.sin: "sin", np.cos: "cos",
    np.tan: "tan", np.minimum: "min", np.maximum: "max",
}  # fmt: skip
_DEEPEST = 30  # a longer chain of operations is cut into signals of their own


class FormulaSignal(ComputedSignal):
    """A signal that is a formula over others; made by operators, and by `Database.signal` for derived signals.

    Parameters
    ----------
    node : Node
        The formula, over the keys of `inputs`.
    inputs : mapping of str to Signal
    name : str, optional
        The formula as text where left out.
    into : str, optional
        The unit to give the values in; otherwise what the formula gives.
    aligned : bool
        Whether inputs on other time bases are brought onto that of the first, previous sample; otherwise they are refused.

    Notes
    -----
    The uncertainty is propagated to first order from inputs taken as independent of each other: each contributes half the
    difference between the values with it raised and lowered by its own uncertainty, and these add in squares. An input
    that stands in the formula twice is varied once, so ``a - a`` has none. What is not pointwise says nothing (None).
    """

    def __init__(
        self,
        node: Node,
        inputs: Mapping[str, Signal],
        *,
        name: str | None = None,
        shot: int | None = None,
        into: str | None = None,
        aligned: bool = False,
        label: str = "",
        method: str = "",
    ) -> None:
        shots = {one.shot for one in inputs.values()}
        self._node, self._named, self._into, self._aligned = node, dict(inputs), into, aligned
        if shot is None and len(shots) == 1:
            shot = shots.pop()
        text = shown(_renamed(node, {key: _spoken(one, shot) for key, one in inputs.items()}))
        super().__init__(
            name or text, self._times, self._computed, "", shot=shot, uncertainty=self._propagated,
            inputs=tuple(inputs.values()), method=method or text, label=label,
        )  # fmt: skip

    @cached_property
    def unit(self) -> UnitBase:
        """Unit of the values, as astropy knows it."""
        from astropy.units import Unit

        return Unit(self._compiled.unit)

    @property
    def dt(self) -> float | None:
        """Sampling interval in seconds, that of the first signal; None for irregular sampling."""
        return next(iter(self._named.values())).dt

    @property
    def _grid(self) -> tuple[float, float, int] | None:
        return next(iter(self._named.values()))._grid

    def window(self, t0: float, t1: float) -> Signal:
        """The part with ``t0 <= time < t1`` (seconds); of a pointwise formula only that part of the inputs is read."""
        if not self._node.pointwise:
            return super().window(t0, t1)
        if not t0 < t1:
            return super().window(t0, t1)  # which says so
        first, *others = self._named
        cut = {first: self._named[first].window(t0, t1)}
        for key in others:
            other = self._named[key]
            if not self._aligned:
                cut[key] = other.window(t0, t1)
            elif (dt := other.dt) is None:
                cut[key] = other
            else:  # the sample before the window is the one that holds at its beginning
                cut[key] = other.window(t0 - 2 * dt, t1 + 2 * dt)
        return self._with(cut)

    def _with(self, inputs: Mapping[str, Signal]) -> FormulaSignal:
        part = FormulaSignal(
            self._node, inputs, name=self.name, shot=self.shot, into=self._into, aligned=self._aligned,
            label=self._given_label, method=self.method,
        )  # fmt: skip
        part._part_of = self
        return part

    @cached_property
    def _compiled(self) -> Compiled:
        try:
            return compile_formula(self._node, {key: one._symbol for key, one in self._named.items()}, self._into)
        except UnitMismatch as error:  # say it in the words of the reader
            spoken = {key: _spoken(one, self.shot) for key, one in self._named.items()}
            units = {spoken[key]: one._symbol for key, one in self._named.items()}
            try:
                compile_formula(_renamed(self._node, spoken), units, self._into)
            except UnitMismatch as readable:
                raise readable from error
            raise

    def _times(self) -> FloatArray:
        base, *others = self._named.values()
        if not self._aligned:
            for other in others:
                _require_same_times(base, other)
        return base.time

    def _computed(self) -> FloatArray:
        return self._compiled(self.time, self._read())

    def _read(self) -> dict[str, FloatArray]:
        """Values of the inputs on the time base of the first."""
        time = self.time
        first = next(iter(self._named.values()))
        found = {}
        for key, one in self._named.items():
            if one is first or _same_times(first, one):
                found[key] = one.values
            else:
                found[key] = align(one.time, one.values, time, dt=one.dt)
        return found

    def _propagated(self) -> FloatArray | None:
        known = {key: getattr(one, "uncertainty", None) for key, one in self._named.items()}
        if not self._compiled.pointwise or any(each is None for each in known.values()):
            return None
        time, values = self.time, self._read()
        variance = np.zeros(time.shape)
        for key, one in self._named.items():
            own = np.broadcast_to(np.asarray(known[key], np.float64), one.time.shape)
            if values[key] is not one.values:
                own = align(one.time, own, time, dt=one.dt)
            raised = self._compiled(time, {**values, key: values[key] + own})
            lowered = self._compiled(time, {**values, key: values[key] - own})
            with np.errstate(all="ignore"):
                variance += ((raised - lowered) / 2) ** 2
        return np.asarray(np.sqrt(variance))


def operate(operation: str, *operands: Any) -> Any:
    """One operation on signals, numbers and astropy quantities; NotImplemented for anything else."""
    inputs: dict[str, Signal] = {}
    keys: dict[Any, str] = {}
    parts = []
    for operand in operands:
        part = _part(operand, inputs, keys)
        if part is None:
            return NotImplemented
        parts.append(part)
    return FormulaSignal(Node(operation, tuple(parts)), inputs)


def apply_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """A numpy function of signals: a signal where we know what it does to units, an array otherwise."""
    if method == "__call__" and not options and ufunc in _UFUNCS:
        found = operate(_UFUNCS[ufunc], *inputs)
        if found is not NotImplemented:
            return found
    arrays = [one.values if isinstance(one, Signal) else one for one in inputs]
    return getattr(ufunc, method)(*arrays, **options)


def _part(operand: Any, inputs: dict[str, Signal], keys: dict[Any, str]) -> Node | None:
    if (
        isinstance(operand, FormulaSignal)
        and not operand._aligned
        and operand._into is None
        and _depth(operand._node) < _DEEPEST
    ):
        renamed = {key: _key(one, inputs, keys) for key, one in operand._named.items()}
        return _renamed(operand._node, renamed)
    if isinstance(operand, Signal):
        return Node("name", value=_key(operand, inputs, keys))
    if isinstance(operand, bool | np.bool_):
        return None
    if (
        isinstance(operand, int | float | np.integer | np.floating)
        and np.ndim(operand) == 0
        and not hasattr(operand, "unit")
    ):
        return Node("number", value=float(operand))
    if hasattr(operand, "unit") and hasattr(operand, "value") and np.ndim(operand.value) == 0:
        return Node("quantity", value=float(operand.value), unit=str(operand.unit.to_string()))
    return None


def _key(signal: Signal, inputs: dict[str, Signal], keys: dict[Any, str]) -> str:
    """One key for one signal, however often it stands in the formula."""
    identity: Any = id(signal)
    if not isinstance(signal, ComputedSignal):
        identity = (signal.name, signal.shot, signal._span, id(signal._db.engine), signal._db.knowledge)
    if identity not in keys:
        keys[identity] = f"x{len(keys)}"
        inputs[keys[identity]] = signal
    return keys[identity]


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    if node.operation == "name":
        return Node("name", value=names[str(node.value)])
    if not node.arguments:
        return node
    return Node(node.operation, tuple(_renamed(part, names) for part in node.arguments), node.value, node.unit)


def _depth(node: Node) -> int:
    return 1 + max((_depth(part) for part in node.arguments), default=0)


def _spoken(signal: Signal, shot: int | None) -> str:
    return signal.name if signal.shot == shot or signal.shot is None else f"{signal.name}[{signal.shot}]"


def _same_times(one: Signal, other: Signal) -> bool:
    if one is other:
        return True
    first, second = one._grid, other._grid
    if first is not None and second is not None:
        near = 1e-6 * first[1]
        return (
            first[2] == second[2] and abs(first[0] - second[0]) <= near and abs(first[1] - second[1]) * first[2] <= near
        )
    return first is second and np.array_equal(one.time, other.time)


def _require_same_times(one: Signal, other: Signal) -> None:
    if not _same_times(one, other):
        raise InvalidValue(
            f"{one.name!r} and {other.name!r} have different time bases ({_described(one)}; {_described(other)}); bring one "
            f"onto the other first: {other.name}.align({one.name}), or resample both"
        )


def _described(signal: Signal) -> str:
    grid = signal._grid
    if grid is None:
        return f"{len(signal)} irregular samples"
    return f"{grid[2]} samples from {grid[0]:g} s every {grid[1]:g} s"
