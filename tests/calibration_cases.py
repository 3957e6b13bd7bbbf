"""Calibrations and samples to try: hypothesis chooses, and leaves out no corner of float64."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from gilgamesh_db.calibration import (
    Exponential,
    Logarithm,
    PiecewisePolynomial,
    Polynomial,
    PowerLaw,
    PowerOfTen,
    Step,
    Table,
)
from gilgamesh_db.calibration.parameters import Outside
from gilgamesh_db.errors import InvalidValue

# Magnitudes are spread over the decades, which floats() does not do.
magnitudes = st.builds(lambda digits, decade: digits * 10.0**decade, st.floats(-9.9, 9.9), st.integers(-300, 299))
parameters = st.one_of(
    st.integers(-5, 5).map(float),
    st.floats(-1e3, 1e3).map(lambda number: number if abs(number) >= 1e-300 else 0.0),
    magnitudes.filter(lambda number: 1e-300 <= abs(number) <= 1e300),
)
coefficients = st.lists(parameters, min_size=1, max_size=6)
outside: st.SearchStrategy[Outside] = st.sampled_from(("nan", "clamp", "extrapolate"))
polynomials = st.builds(Polynomial, coefficients)
logarithms = st.builds(Logarithm, st.sampled_from([10, 2, "e"]))
power_laws = st.builds(PowerLaw, parameters, parameters.filter(bool))


@st.composite
def piecewise_polynomials(draw: st.DrawFn) -> PiecewisePolynomial:
    edges = sorted(draw(st.lists(parameters, min_size=2, max_size=5, unique=True)))
    pieces = [draw(coefficients) for _ in edges[1:]]
    return PiecewisePolynomial(edges, pieces, draw(outside))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    points = sorted(draw(st.lists(parameters, min_size=2, max_size=8, unique=True)))
    if draw(st.booleans()):
        outputs = [draw(parameters) for _ in points]
    else:
        outputs = [draw(st.floats(-1, 1)) * point for point in points]
    try:
        return Table(points, outputs, draw(outside))
    except InvalidValue:  # a slope or an output beyond float64
        return Table(points, [2.5] * len(points), draw(outside))


exact_steps: st.SearchStrategy[Step] = st.one_of(polynomials, piecewise_polynomials(), tables())
transcendental_steps: st.SearchStrategy[Step] = st.one_of(
    st.just(PowerOfTen()), st.just(Exponential()), logarithms, power_laws
)
steps: st.SearchStrategy[Step] = st.one_of(exact_steps, transcendental_steps)


def samples(seed: int, step: Step | None = None) -> NDArray[np.float64]:
    """Some thousand float64: of every magnitude, special, like ADC counts, and around the corners of a step."""
    rng = np.random.default_rng(seed)
    decades = 10.0 ** np.arange(-323, 309)
    limits = np.finfo(np.float64)
    special = np.array([0.0, np.inf, np.nan, limits.smallest_subnormal, limits.tiny, limits.max, 0.5, 1.0, 2.0, 3.0])
    corners = np.array([*getattr(step, "edges", ()), *getattr(step, "x", ())], float)
    with np.errstate(over="ignore"):
        positive = np.concatenate([special, decades * rng.uniform(1, 10, decades.size), rng.uniform(0, 800, 200)])
        return np.concatenate(
            [
                positive,
                -positive,
                rng.integers(0, 2**64, 300, dtype=np.uint64).view(np.float64),
                rng.integers(-(2**15), 2**15, 200).astype(float),
                corners,
                np.nextafter(corners, np.inf),
                np.nextafter(corners, -np.inf),
                (corners[1:] + corners[:-1]) / 2,
            ]
        )


def step_of(function: str, **parameters: object) -> list[dict[str, object]]:
    return [{"function": function, "version": 1, **parameters}]


# Parsed from text, as every document is: 1e400 is inf then.
MALFORMED: list[Any] = [
    json.loads(text)
    for text in (
        "null", "{}", "[]", '"polynomial"', "1", "[1]", "[null]", "[[]]", "[{}]", '[{"version": 1}]',
        '[{"function": null}]',
        '[{"function": 1, "version": 1}]', '[{"function": "Polynomial", "version": 1}]', '[{"function": "spline"}]',
        '[{"function": "power_of_ten"}]', '[{"function": "power_of_ten", "version": 2}]',
        '[{"function": "power_of_ten", "version": "1"}]', '[{"function": "power_of_ten", "version": true}]',
        '[{"function": "power_of_ten", "version": null}]',
        '[{"function": "power_of_ten", "version": 1}, {"function": "exponential", "version": 0}]',
    )
] + [
    step_of("power_of_ten", base=10),
    step_of("exponential", ß=1, Z=1, a=1),
    step_of("polynomial"),
    step_of("polynomial", coefs=[1]),
    step_of("polynomial", coefficients=[]),
    step_of("polynomial", coefficients=None),
    step_of("polynomial", coefficients="12"),
    step_of("polynomial", coefficients={"0": 1}),
    step_of("polynomial", coefficients=3),
    step_of("polynomial", coefficients=[1] * 33),
    step_of("polynomial", coefficients=[1, True]),
    step_of("polynomial", coefficients=[1, None, "2"]),
    step_of("polynomial", coefficients=["1"]),
    step_of("polynomial", coefficients=[[1, 2]]),
    step_of("polynomial", coefficients=[1e-301]),
    step_of("polynomial", coefficients=[1, -1e301]),
    step_of("polynomial", coefficients=[10**400]),
    step_of("piecewise_polynomial", edges=[0, 1]),
    step_of("piecewise_polynomial", edges=[0], coefficients=[]),
    step_of("piecewise_polynomial", edges=list(range(258)), coefficients=[[1]] * 257),
    step_of("piecewise_polynomial", edges=[0, 1, 1], coefficients=[[1], [2]]),
    step_of("piecewise_polynomial", edges=[1, 0], coefficients=[[1]]),
    step_of("piecewise_polynomial", edges=[0, "1"], coefficients=[[1]]),
    step_of("piecewise_polynomial", edges=[0, 1, 2], coefficients=[[1]]),
    step_of("piecewise_polynomial", edges=[0, 1], coefficients=[1]),
    step_of("piecewise_polynomial", edges=[0, 1], coefficients=4),
    step_of("piecewise_polynomial", edges=[0, 1, 2], coefficients=[[1], []]),
    step_of("piecewise_polynomial", edges=[0, 1, 2], coefficients=[[1], [1, False]]),
    step_of("piecewise_polynomial", edges=[0, 1], coefficients=[[1]], outside="zero"),
    step_of("piecewise_polynomial", edges=[0, 1], coefficients=[[1]], outside=None),
    step_of("table", x=[1, 2]),
    step_of("table", x=[1], y=[1]),
    step_of("table", x=[1, 2], y=[1]),
    step_of("table", x=[1, 2], y=[1, 2, 3]),
    step_of("table", x=[1, 2, 2], y=[1, 2, 3]),
    step_of("table", x=[1, 0.1, 0.1], y=[1, 2, 3]),
    step_of("table", x=[1, 1.00000000000000000001], y=[1, 2]),
    step_of("table", x=[1, 2], y=[1, True]),
    step_of("table", x=[0, 1e-200, 1], y=[0, 1e200, 1]),
    step_of("table", x=[0, 1, 1e300], y=[0, 0, 1e-2]),
    step_of("table", x=[1, 2], y=[1, 2], outside=True),
    step_of("table", x=list(range(10001)), y=list(range(10001))),
    step_of("logarithm"),
    step_of("logarithm", base=3),
    step_of("logarithm", base="10"),
    step_of("logarithm", base=None),
    step_of("logarithm", base=[10]),
    step_of("logarithm", base=True),
    step_of("power_law", coefficient=1),
    step_of("power_law", coefficient=1, exponent=0),
    step_of("power_law", coefficient=1, exponent=0.0),
    step_of("power_law", coefficient=True, exponent=1),
    step_of("power_law", coefficient=1, exponent=[1]),
    step_of("power_law", coefficient=1, exponent="1"),
]  # fmt: skip
