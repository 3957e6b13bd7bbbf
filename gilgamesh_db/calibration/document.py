"""Steps as JSON objects, which is how the database keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from numbers import Real
from typing import Any

from gilgamesh_db.errors import InvalidValue

from .steps import Exponential, Logarithm, PiecewisePolynomial, Polynomial, PowerLaw, PowerOfTen, Step, Table

_FUNCTIONS: dict[str, type[Step]] = {
    step.function: step
    for step in (Exponential, Logarithm, PiecewisePolynomial, Polynomial, PowerLaw, PowerOfTen, Table)
}


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
