"""The closed set of functions a calibration is made of, each with its arithmetic and its formula."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gilgamesh_db.errors import InvalidValue

from .parameters import (
    MOST_COEFFICIENTS,
    MOST_PIECES,
    MOST_POINTS,
    Outside,
    as_list,
    increasing,
    number,
    numbers,
    outside,
)

FloatArray: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Polynomial:
    """A polynomial, evaluated by Horner's rule from the highest coefficient down.

    Parameters
    ----------
    coefficients : sequence of float
        ``c0, c1, c2 …`` in ascending order, 1 to 32 of them.

    Notes
    -----
    .. math:: y = c_0 + c_1 x + c_2 x^2 + …

    Examples
    --------
    >>> from gilgamesh_db.calibration import evaluate
    >>> evaluate([Polynomial([0, -0.01])], [0.5, -2.0])
    array([-0.005,  0.02 ])
    """

    coefficients: Sequence[float]

    function: ClassVar[str] = "polynomial"

    def __post_init__(self) -> None:
        _keep(self, coefficients=numbers(self.coefficients, "coefficients", 1, MOST_COEFFICIENTS))

    def evaluate(self, x: FloatArray) -> FloatArray:
        """Return the polynomial of each element of ``x``."""
        return _horner(self.coefficients, x)

    def formula(self, x: str) -> str:
        """Write the polynomial of the expression ``x``."""
        degree = len(self.coefficients) - 1
        if degree > 3:
            return f"polynomial of degree {degree} in {_grouped(x)}"
        variables = ["", _grouped(x), _grouped(x) + "²", _grouped(x) + "³"]
        return _sum(list(zip(self.coefficients, variables, strict=False))[::-1])


@dataclass(frozen=True)
class PiecewisePolynomial:
    """Polynomials side by side, each on its own piece of the axis.

    Parameters
    ----------
    edges : sequence of float
        ``e0 < e1 < … < en``, in the unit of the input. The pieces are half-open, ``[e0, e1)``,
        ``[e1, e2)`` …; the last one includes ``en``.
    coefficients : sequence of sequences of float
        One polynomial per piece, each in ascending order, in ``x`` itself (not in ``x`` minus an edge).
    outside : {'nan', 'clamp', 'extrapolate'}
        Beyond the edges: NaN, the value at the nearest edge, or the polynomial of the nearest piece.

    Examples
    --------
    Type K thermocouple, mV to °C, above 0 °C (NIST ITS-90):

    >>> from gilgamesh_db.calibration import evaluate
    >>> k = PiecewisePolynomial(
    ...     edges=[0, 20.644, 54.886],
    ...     coefficients=[
    ...         [0, 25.08355, 7.860106e-2, -2.503131e-1, 8.31527e-2, -1.228034e-2, 9.804036e-4,
    ...          -4.41303e-5, 1.057734e-6, -1.052755e-8],
    ...         [-131.8058, 48.30222, -1.646031, 5.464731e-2, -9.650715e-4, 8.802193e-6, -3.11081e-8],
    ...     ],
    ... )
    >>> evaluate([k], [4.096, 24.905, -1.0]).round(2)
    array([ 99.96, 599.99,    nan])
    """

    edges: Sequence[float]
    coefficients: Sequence[Sequence[float]]
    outside: Outside = "nan"

    function: ClassVar[str] = "piecewise_polynomial"

    def __post_init__(self) -> None:
        edges = increasing(numbers(self.edges, "edges", 2, MOST_PIECES + 1), "edges")
        pieces = as_list(self.coefficients)
        if len(pieces) != len(edges) - 1:
            raise InvalidValue(
                f"coefficients must be a list of {len(edges) - 1} lists, one for each piece between the edges"
            )
        coefficients = tuple(
            numbers(piece, f"piece {i} of coefficients", 1, MOST_COEFFICIENTS)
            for i, piece in enumerate(pieces, start=1)
        )
        _keep(self, edges=edges, coefficients=coefficients, outside=outside(self.outside))

    def evaluate(self, x: FloatArray) -> FloatArray:
        """Return the polynomial of the piece each element of ``x`` falls on."""
        first, last = self.edges[0], self.edges[-1]
        if self.outside == "clamp":
            x = np.where(x < first, first, np.where(x > last, last, x))
        piece = np.clip(np.searchsorted(self.edges, x, side="right") - 1, 0, len(self.coefficients) - 1)
        result = np.empty_like(x)
        for i, coefficients in enumerate(self.coefficients):
            here = piece == i
            result[here] = _horner(coefficients, x[here])
        if self.outside == "nan":
            result[(x < first) | (x > last)] = np.nan
        return result

    def formula(self, x: str) -> str:
        """Write the function of the expression ``x``."""
        n = len(self.coefficients)
        pieces = f"{n} polynomial{'s' if n > 1 else ''}"
        return f"piecewise({x}; {pieces} from {_short(self.edges[0])} to {_short(self.edges[-1])})"


@dataclass(frozen=True)
class Table:
    r"""A table with linear interpolation; exact at its points.

    Parameters
    ----------
    x : sequence of float
        2 to 10 000 strictly increasing inputs.
    y : sequence of float
        As many outputs.
    outside : {'nan', 'clamp', 'extrapolate'}
        Beyond the ends: NaN, the nearest output, or the straight line through the two nearest points.

    Notes
    -----
    With ``k`` the last point that does not exceed ``x``,

    .. math:: y = y_k + \frac{y_{k+1} - y_k}{x_{k+1} - x_k} (x - x_k)

    Examples
    --------
    >>> from gilgamesh_db.calibration import evaluate
    >>> evaluate([Table([446, 548, 600], [2.2, 7.6, 10.15])], [446, 497, 600, 601])
    array([ 2.2 ,  4.9 , 10.15,   nan])
    """

    x: Sequence[float]
    y: Sequence[float]
    outside: Outside = "nan"

    function: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        x = increasing(numbers(self.x, "x", 2, MOST_POINTS), "x")
        y = numbers(self.y, "y", 2, MOST_POINTS)
        if len(x) != len(y):
            raise InvalidValue("x and y must have the same number of items")
        for k in range(len(x) - 1):
            rise, run = abs(y[k + 1] - y[k]), x[k + 1] - x[k]
            if rise and abs(math.log10(rise) - math.log10(run)) > 300:
                raise InvalidValue(
                    f"the line from item {k + 1} to item {k + 2} is too steep or too flat; "
                    "its slope must be 0, or of a magnitude between 1e-300 and 1e300"
                )
        _keep(self, x=x, y=y, outside=outside(self.outside))

    def evaluate(self, x: FloatArray) -> FloatArray:
        """Return the interpolated output of each element of ``x``."""
        points, outputs = np.array(self.x), np.array(self.y)
        if self.outside == "clamp":
            x = np.where(x < points[0], points[0], np.where(x > points[-1], points[-1], x))
        slopes = np.diff(outputs) / np.diff(points)
        slopes = np.append(slopes, slopes[-1])  # the last point starts a line too: it is met exactly
        k = np.clip(np.searchsorted(points, x, side="right") - 1, 0, len(points) - 1)
        result: FloatArray = outputs[k] + slopes[k] * (x - points[k])
        if self.outside == "nan":
            result[(x < points[0]) | (x > points[-1])] = np.nan
        return result

    def formula(self, x: str) -> str:
        """Write the function of the expression ``x``."""
        return f"table({x}; {len(self.x)} points from {_short(self.x[0])} to {_short(self.x[-1])})"


@dataclass(frozen=True)
class PowerOfTen:
    """Ten to the power of the input, as logarithmic detectors need it.

    Notes
    -----
    .. math:: y = 10^x

    Examples
    --------
    >>> from gilgamesh_db.calibration import evaluate
    >>> evaluate([PowerOfTen()], [1.0, -2.0, 400.0])
    array([10.  ,  0.01,   inf])
    """

    function: ClassVar[str] = "power_of_ten"

    def evaluate(self, x: FloatArray) -> FloatArray:
        """Return ten to the power of each element of ``x``."""
        return np.power(10.0, x)

    def formula(self, x: str) -> str:
        """Write the power of the expression ``x``."""
        return f"10^{_grouped(x)}"


@dataclass(frozen=True)
class Exponential:
    """The natural exponential function.

    Notes
    -----
    .. math:: y = e^x

    Examples
    --------
    >>> from gilgamesh_db.calibration import evaluate
    >>> evaluate([Exponential()], [0.0, -800.0])
    array([1., 0.])
    """

    function: ClassVar[str] = "exponential"

    def evaluate(self, x: FloatArray) -> FloatArray:
        """Return e to the power of each element of ``x``."""
        return np.exp(x)

    def formula(self, x: str) -> str:
        """Write the exponential of the expression ``x``."""
        return f"exp({x})"


@dataclass(frozen=True)
class Logarithm:
    r"""The logarithm to base 10, 2 or e.

    Parameters
    ----------
    base : {10, 2, 'e'}
        The base.

    Notes
    -----
    .. math:: y = \log_b x

    The logarithm of 0 (of either sign) is −inf, that of a negative number NaN.

    Examples
    --------
    >>> from gilgamesh_db.calibration import evaluate
    >>> evaluate([Logarithm(10)], [1000.0, 0.0, -1.0])
    array([  3., -inf,  nan])
    """

    base: Literal[10, 2, "e"]

    function: ClassVar[str] = "logarithm"

    def __post_init__(self) -> None:
        known = [base for base in (10, 2, "e") if base == self.base]
        if not known:
            raise InvalidValue('base must be 10, 2 or "e"')
        _keep(self, base=known[0])

    def evaluate(self, x: FloatArray) -> FloatArray:
        """Return the logarithm of each element of ``x``."""
        logarithm = {10: np.log10, 2: np.log2, "e": np.log}[self.base]
        result: FloatArray = logarithm(x)
        return result

    def formula(self, x: str) -> str:
        """Write the logarithm of the expression ``x``."""
        name = {10: "log10", 2: "log2", "e": "ln"}[self.base]
        return f"{name}({x})"


@dataclass(frozen=True)
class PowerLaw:
    """A power of the input times a factor.

    Parameters
    ----------
    coefficient : float
        The factor ``a``.
    exponent : float
        The exponent ``p``, not 0.

    Notes
    -----
    .. math:: y = a x^p

    A negative input has a power only when ``p`` is a whole number; otherwise the result is NaN, also for
    −inf. 0 to a negative power is ±inf: −inf only for ``-0.0`` and an odd ``p``.

    Examples
    --------
    >>> from gilgamesh_db.calibration import evaluate
    >>> evaluate([PowerLaw(2.0, 1.5)], [4.0, 0.0, -4.0])
    array([16.,  0., nan])
    """

    coefficient: float
    exponent: float

    function: ClassVar[str] = "power_law"

    def __post_init__(self) -> None:
        coefficient = number(self.coefficient, "coefficient")
        exponent = number(self.exponent, "exponent")
        if exponent == 0:
            raise InvalidValue("exponent must not be 0; a constant is a polynomial with one coefficient")
        _keep(self, coefficient=coefficient, exponent=exponent)

    def evaluate(self, x: FloatArray) -> FloatArray:
        """Return the coefficient times the power of each element of ``x``."""
        if not self.exponent.is_integer():
            x = np.where(x < 0, np.nan, x + 0.0)  # + 0.0 takes the sign off a zero
        return self.coefficient * np.power(x, self.exponent)

    def formula(self, x: str) -> str:
        """Write the power of the expression ``x``."""
        return _sum([(self.coefficient, f"{_grouped(x)}^{_short(self.exponent)}")])


Step: TypeAlias = Polynomial | PiecewisePolynomial | Table | PowerOfTen | Exponential | Logarithm | PowerLaw


def _keep(step: Step, **values: object) -> None:
    """Store checked values in a frozen step."""
    for name, value in values.items():
        object.__setattr__(step, name, value)


def _horner(coefficients: Sequence[float], x: FloatArray) -> FloatArray:
    if len(coefficients) == 1:
        return coefficients[0] + 0.0 * x  # NaN must not become a number
    result: FloatArray = coefficients[-1] * x
    for coefficient in coefficients[-2:0:-1]:
        result += coefficient
        result *= x
    result += coefficients[0]
    return result


def _short(number: float) -> str:
    return f"{number:.6g}".replace("-", "−", 1) if number < 0 else f"{number:.6g}"


def _grouped(x: str) -> str:
    return x if x == "x" else f"({x})"


def _sum(terms: list[tuple[float, str]]) -> str:
    """Join coefficients and variables: ``2·x² − x + 1``."""
    text = ""
    for coefficient, variable in terms:
        if coefficient == 0:
            continue
        size = _short(abs(coefficient))
        term = size if not variable else variable if size == "1" else f"{size}·{variable}"
        if text:
            text += (" − " if coefficient < 0 else " + ") + term
        else:
            text = ("−" if coefficient < 0 else "") + term
    return text or "0"
