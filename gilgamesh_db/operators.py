"""What Python writes between signals: ``a - b``, ``2 * a``, ``abs(a)``, ``numpy.sqrt(a)``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .signal import Signal


def _operate(operation: str, *operands: Any) -> Any:
    from .arithmetic import operate

    return operate(operation, *operands)


class Operators:
    """Arithmetic that makes a signal of signals; see `gilgamesh_db.arithmetic`."""

    def __add__(self, other: object) -> Signal:
        return _operate("add", self, other)  # type: ignore[no-any-return]

    def __radd__(self, other: object) -> Signal:
        return _operate("add", other, self)  # type: ignore[no-any-return]

    def __sub__(self, other: object) -> Signal:
        return _operate("sub", self, other)  # type: ignore[no-any-return]

    def __rsub__(self, other: object) -> Signal:
        return _operate("sub", other, self)  # type: ignore[no-any-return]

    def __mul__(self, other: object) -> Signal:
        return _operate("mul", self, other)  # type: ignore[no-any-return]

    def __rmul__(self, other: object) -> Signal:
        return _operate("mul", other, self)  # type: ignore[no-any-return]

    def __truediv__(self, other: object) -> Signal:
        return _operate("div", self, other)  # type: ignore[no-any-return]

    def __rtruediv__(self, other: object) -> Signal:
        return _operate("div", other, self)  # type: ignore[no-any-return]

    def __pow__(self, exponent: float) -> Signal:
        return _operate("pow", self, exponent)  # type: ignore[no-any-return]

    def __neg__(self) -> Signal:
        return _operate("neg", self)  # type: ignore[no-any-return]

    def __pos__(self) -> Operators:
        return self

    def __abs__(self) -> Signal:
        return _operate("abs", self)  # type: ignore[no-any-return]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        from .arithmetic import apply_ufunc

        return apply_ufunc(ufunc, method, inputs, options)
