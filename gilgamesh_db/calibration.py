"""Calibration: a chain of steps out of a closed, versioned set, as pure arithmetic.

A step is stored as one JSON object, ``{"function": …, "version": 1, …parameters}``; never as code. The
same arithmetic exists in SQL (``views/020_calibration_functions.sql``), and tests hold the two together:
`Polynomial`, `PiecewisePolynomial` and `Table` agree to the last bit; the others, which end in the
mathematical library of one side or the other, to 1e-12 relative.

Every float64 has a defined result and nothing warns. Beyond the formula of each function:

- NaN, a missing sample, stays NaN through every step, a constant included.
- What is too large is ±inf, what is too small is 0 or a subnormal number, exactly as IEEE 754 rounds it.
- ±inf follows the arithmetic: ``0·inf`` and ``inf − inf`` are NaN, so a constant of ±inf is NaN.
- Outside the definition of a function stands NaN: the logarithm of a negative number, a fractional power
  of one (−inf included), a table or a piecewise polynomial beyond its ends unless ``outside`` says otherwise.

Parameters are finite and either 0 or of a magnitude between 1e-300 and 1e300; ``-0.0`` is stored as 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from numbers import Real
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gilgamesh_db.errors import InvalidValue

__all__ = [
    "Exponential",
    "Logarithm",
    "PiecewisePolynomial",
    "Polynomial",
    "PowerLaw",
    "PowerOfTen",
    "Step",
    "Table",
    "affine",
    "compose_affine",
    "evaluate",
    "formula",
    "steps_from_json",
    "steps_to_json",
]

FloatArray: TypeAlias = NDArray[np.float64]
Outside: TypeAlias = Literal["nan", "clamp", "extrapolate"]

MOST_COEFFICIENTS = 32
MOST_PIECES = 256
MOST_POINTS = 10_000
PARAMETER_RANGE = (1e-300, 1e300)
AFFINE_RANGE = (1e-30, 1e30)


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
    >>> evaluate([Polynomial([0, -0.01])], [0.5, -2.0])
    array([-0.005,  0.02 ])
    """

    coefficients: Sequence[float]

    function: ClassVar[str] = "polynomial"

    def __post_init__(self) -> None:
        _keep(self, coefficients=_numbers(self.coefficients, "coefficients", 1, MOST_COEFFICIENTS))

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
        edges = _increasing(_numbers(self.edges, "edges", 2, MOST_PIECES + 1), "edges")
        pieces = _list(self.coefficients)
        if len(pieces) != len(edges) - 1:
            raise InvalidValue(
                f"coefficients must be a list of {len(edges) - 1} lists, one for each piece between the edges"
            )
        coefficients = tuple(
            _numbers(piece, f"piece {i} of coefficients", 1, MOST_COEFFICIENTS)
            for i, piece in enumerate(pieces, start=1)
        )
        _keep(self, edges=edges, coefficients=coefficients, outside=_outside(self.outside))

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
    >>> evaluate([Table([446, 548, 600], [2.2, 7.6, 10.15])], [446, 497, 600, 601])
    array([ 2.2 ,  4.9 , 10.15,   nan])
    """

    x: Sequence[float]
    y: Sequence[float]
    outside: Outside = "nan"

    function: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        x = _increasing(_numbers(self.x, "x", 2, MOST_POINTS), "x")
        y = _numbers(self.y, "y", 2, MOST_POINTS)
        if len(x) != len(y):
            raise InvalidValue("x and y must have the same number of items")
        for k in range(len(x) - 1):
            rise, run = abs(y[k + 1] - y[k]), x[k + 1] - x[k]
            if rise and abs(math.log10(rise) - math.log10(run)) > 300:
                raise InvalidValue(
                    f"the line from item {k + 1} to item {k + 2} is too steep or too flat; "
                    "its slope must be 0, or of a magnitude between 1e-300 and 1e300"
                )
        _keep(self, x=x, y=y, outside=_outside(self.outside))

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
    >>> evaluate([PowerLaw(2.0, 1.5)], [4.0, 0.0, -4.0])
    array([16.,  0., nan])
    """

    coefficient: float
    exponent: float

    function: ClassVar[str] = "power_law"

    def __post_init__(self) -> None:
        coefficient = _number(self.coefficient, "coefficient")
        exponent = _number(self.exponent, "exponent")
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

_FUNCTIONS: dict[str, type[Step]] = {
    step.function: step
    for step in (Exponential, Logarithm, PiecewisePolynomial, Polynomial, PowerLaw, PowerOfTen, Table)
}


def evaluate(steps: Iterable[Step], x: ArrayLike) -> FloatArray:
    """Apply the steps one after another.

    Parameters
    ----------
    steps : iterable of Step
        The calibration, in the order of the signal's way; none leave the values as they are.
    x : array_like
        Raw samples of any numeric type; they become float64 first.

    Returns
    -------
    ndarray of float64
        A new array of the same shape.

    Examples
    --------
    The logarithmic detector of a B-dot probe, V to mW:

    >>> steps = [Polynomial([(-2.2703 / 0.052 + 10) / 10, 0.1 / 0.052]), PowerOfTen()]
    >>> evaluate(steps, [2.2703, 2.0]).round(4)
    array([10.    ,  3.0213])
    """
    samples: FloatArray = np.array(x, dtype=np.float64)
    values = samples.ravel()
    with np.errstate(all="ignore"):
        for step in steps:
            values = step.evaluate(values)
    return values.reshape(samples.shape)


def affine(steps: Iterable[Step]) -> tuple[float, float] | None:
    """Collapse steps into one gain and one offset, ``y = gain·x + offset``, where that is possible.

    It is when every step is a polynomial of at most two coefficients and `compose_affine` can compose them.

    Examples
    --------
    >>> affine([Polynomial([0, 20]), Polynomial([1, -0.5])])
    (-10.0, 1.0)
    >>> affine([PowerOfTen()]) is None
    True
    """
    pairs = []
    for step in steps:
        if not isinstance(step, Polynomial) or len(step.coefficients) > 2:
            return None
        offset, gain = (*step.coefficients, 0.0)[:2]
        pairs.append((gain, offset))
    return compose_affine(*pairs)


def compose_affine(*pairs: tuple[float, float]) -> tuple[float, float] | None:
    """Compose pairs of gain and offset, the first one applied first.

    Returns
    -------
    tuple of float or None
        ``gain = g2·g1`` and ``offset = g2·o1 + o2``, from the left. None when a gain or an offset, given or
        composed, is neither 0 nor between 1e-30 and 1e30 in magnitude: such a chain is evaluated step by
        step, because ``raw·gain + offset`` may leave the range of float64 on the way.

    Examples
    --------
    >>> compose_affine((20.0, 0.0), (-0.5, 1.0))
    (-10.0, 1.0)
    >>> compose_affine()
    (1.0, 0.0)
    """
    gain, offset = 1.0, 0.0
    for next_gain, next_offset in pairs:
        if not (_is_tame(next_gain) and _is_tame(next_offset)):
            return None
        gain, offset = next_gain * gain, next_gain * offset + next_offset
        if not (_is_tame(gain) and _is_tame(offset)):
            return None
    return gain, offset


def formula(steps: Iterable[Step]) -> str:
    """Write the steps as one readable formula of ``x``, numbers rounded to six digits.

    Examples
    --------
    >>> formula([Polynomial([-3.36596, 1.923077]), PowerOfTen()])
    '10^(1.92308·x − 3.36596)'
    >>> formula([Polynomial([0, -0.01])])
    '−0.01·x'
    """
    text = "x"
    for step in steps:
        text = step.formula(text)
    return text


def steps_to_json(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return the steps as JSON objects, every parameter written out.

    Examples
    --------
    >>> steps_to_json([Polynomial([0, 20])])
    [{'function': 'polynomial', 'version': 1, 'coefficients': [0.0, 20.0]}]
    """
    return [
        {"function": step.function, "version": 1}
        | {field.name: _as_json(getattr(step, field.name)) for field in fields(step)}
        for step in steps
    ]


def steps_from_json(document: object) -> tuple[Step, ...]:
    """Read steps from parsed JSON, refusing whatever is not exactly a calibration.

    Parameters
    ----------
    document : object
        What `json.loads` or a ``jsonb`` column gives: a list of one object or more.

    Raises
    ------
    InvalidValue
        Says which step is wrong, and what about it. ``gilgamesh.check_steps`` in SQL says the same.

    Examples
    --------
    >>> steps_from_json([{"function": "logarithm", "version": 1, "base": 2}])
    (Logarithm(base=2),)
    >>> steps_from_json([{"function": "logarithm", "version": 1, "base": 3}])
    Traceback (most recent call last):
    gilgamesh_db.errors.InvalidValue: step 1: logarithm: base must be 10, 2 or "e"
    """
    if not isinstance(document, list | tuple) or not document:
        raise InvalidValue(
            "a calibration is a list of one step or more; the one that changes nothing is "
            '[{"function": "polynomial", "version": 1, "coefficients": [0, 1]}]'
        )
    return tuple(_step_from_json(item, number) for number, item in enumerate(document, start=1))


def _step_from_json(item: object, number: int) -> Step:
    known = ", ".join(sorted(_FUNCTIONS))
    if not isinstance(item, Mapping) or not isinstance(item.get("function"), str):
        raise InvalidValue(f'step {number}: not an object with a "function"; known functions: {known}')
    name: str = item["function"]
    if name not in _FUNCTIONS:
        raise InvalidValue(f'step {number}: unknown function "{name}"; known functions: {known}')
    version = item.get("version")
    if isinstance(version, bool) or not isinstance(version, Real) or version != 1:
        raise InvalidValue(f"step {number}: {name}: version must be 1, the only one so far")
    parameters = {key: value for key, value in item.items() if key not in {"function", "version"}}
    wanted = fields(_FUNCTIONS[name])
    for key in sorted(set(parameters) - {field.name for field in wanted}):
        takes = ", ".join(field.name for field in wanted) or "none"
        raise InvalidValue(f'step {number}: {name}: unknown parameter "{key}"; known parameters: {takes}')
    for field in wanted:
        if field.default is MISSING and field.name not in parameters:
            raise InvalidValue(f'step {number}: {name}: parameter "{field.name}" is missing')
    try:
        return _FUNCTIONS[name](**parameters)
    except InvalidValue as error:
        raise InvalidValue(f"step {number}: {name}: {error}") from None


def _as_json(value: Any) -> Any:
    return [_as_json(item) for item in value] if isinstance(value, tuple) else value


def _keep(step: Step, **values: object) -> None:
    """Store checked values in a frozen step."""
    for name, value in values.items():
        object.__setattr__(step, name, value)


def _list(value: object) -> Sequence[Any]:
    """Return a list or an array as a sequence, anything else as an empty one."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return value if isinstance(value, list | tuple) else ()


def _number(value: object, name: str) -> float:
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            number = float(value) + 0.0  # turns -0.0 into 0.0, which is all that jsonb can hold
        except OverflowError:
            number = math.inf
        if number == 0 or PARAMETER_RANGE[0] <= abs(number) <= PARAMETER_RANGE[1]:
            return number
    raise InvalidValue(f"{name} must be a finite number, either 0 or of a magnitude between 1e-300 and 1e300")


def _numbers(value: object, name: str, least: int, most: int) -> tuple[float, ...]:
    items = _list(value)
    if not least <= len(items) <= most:
        raise InvalidValue(f"{name} must be a list of {least} to {most} numbers")
    return tuple(_number(item, f"item {i} of {name}") for i, item in enumerate(items, start=1))


def _increasing(values: tuple[float, ...], name: str) -> tuple[float, ...]:
    for i in range(1, len(values)):
        if not values[i - 1] < values[i]:
            raise InvalidValue(f"{name} must increase strictly; item {i + 1} does not exceed item {i}")
    return values


def _outside(value: object) -> Outside:
    if value == "nan" or value == "clamp" or value == "extrapolate":  # noqa: PLR1714  narrows the type
        return value
    raise InvalidValue('outside must be "nan", "clamp" or "extrapolate"')


def _is_tame(number: float) -> bool:
    return number == 0 or AFFINE_RANGE[0] <= abs(number) <= AFFINE_RANGE[1]


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
