"""Calibration steps give the numbers of the textbook, of NIST and of the testbed; malformed ones are refused."""

from __future__ import annotations

import ast
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration_cases import MALFORMED, coefficients, parameters, piecewise_polynomials, samples, steps, tables
from gilgamesh_db.calibration import (
    Exponential,
    Logarithm,
    PiecewisePolynomial,
    Polynomial,
    PowerLaw,
    PowerOfTen,
    Step,
    Table,
    affine,
    compose_affine,
    evaluate,
    formula,
    steps_from_json,
    steps_to_json,
)
from gilgamesh_db.errors import InvalidValue

NAN, INF = math.nan, math.inf
MANIPULATOR_RAW = [1444, 1341, 1252, 1162, 1068, 974, 914, 868, 805, 729, 660, 600, 548, 446]
MANIPULATOR_CM = [55.3, 49.4, 44.7, 39.9, 35, 30.1, 26.9, 24.45, 21.1, 17.1, 13.35, 10.15, 7.6, 2.2]


# -- the testbed ---------------------------------------------------------------------------------------


def test_logarithmic_detector() -> None:
    # P = 10^(((V − 0.02 − 2.2503) / 0.0520 + 10) / 10) mW
    detector: list[Step] = [Polynomial([((-0.02 - 2.2503) / 0.0520 + 10) / 10, 0.1 / 0.0520]), PowerOfTen()]
    volts = np.linspace(1.5, 2.5, 101)
    expected = 10 ** (((volts - 0.02 - 2.2503) / 0.0520 + 10) / 10)
    assert evaluate(detector, [2.2703, 2.0]) == pytest.approx([10.0, 3.0213], rel=1e-5)
    assert evaluate(detector, volts) == pytest.approx(expected, rel=1e-12)
    assert formula(detector) == "10^(1.92308·x − 3.36596)"


def test_manipulator_as_a_table_and_as_a_line() -> None:
    raw, cm = MANIPULATOR_RAW[::-1], MANIPULATOR_CM[::-1]
    assert evaluate([Table(raw, cm)], raw).tolist() == cm
    slope, intercept = np.polyfit(raw, cm, 1)
    line = Polynomial([intercept, slope])
    assert line.coefficients == pytest.approx((-21.5522, 0.0529998), rel=2e-6)
    assert formula([line]) == "0.0529998·x − 21.5522"
    assert formula([Table(raw, cm)]) == "table(x; 14 points from 446 to 1444)"


def test_divider_shunt_and_converter_collapse() -> None:
    converter, divider, shunt = Polynomial([0, 10 / 2**15]), Polynomial([0, 20]), Polynomial([0, -0.01])
    assert affine([converter, divider]) == (200 / 2**15, 0.0)
    assert affine([converter, shunt]) == (-0.01 * (10 / 2**15), 0.0)
    assert evaluate([converter, divider], np.array([-(2**15), 2**14], np.int16)).tolist() == [-200.0, 100.0]
    assert formula([shunt]) == "−0.01·x"


# -- thermocouples -------------------------------------------------------------------------------------


def nist_functions(folder: Path) -> dict[str, list[tuple[float, float, list[float], list[float] | None]]]:
    """Pieces (from, to, ascending coefficients, Gaussian) of each type, read out of the published Python file."""
    tree = ast.parse((folder / "thermocouple" / "source_NIST.py.txt").read_text("utf-8"))
    published = next(
        node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
    )
    functions = {}
    for key, reference in zip(published.keys, published.values, strict=True):
        pieces = []
        for piece in reference.args[0].args[0].elts:  # type: ignore[attr-defined]
            low, high, array, gaussian = piece.elts
            descending = ast.literal_eval(array.args[0])
            pieces.append((ast.literal_eval(low), ast.literal_eval(high), descending[::-1], ast.literal_eval(gaussian)))
        functions[ast.literal_eval(key)] = pieces  # type: ignore[arg-type]
    return functions


def test_thermocouples_reproduce_nist(test_data: Path) -> None:
    published = json.loads((test_data / "expected.json").read_text("utf-8"))
    expected = published["thermocouple/ITS-90 emf mV (ref junction 0 C) at degC"]
    functions = nist_functions(test_data)
    assert set(expected) == set(functions) == set("BEJKNRST")
    for kind, pieces in functions.items():
        edges = [pieces[0][0], *(high for _, high, _, _ in pieces)]
        steps = [PiecewisePolynomial(edges, [ascending for _, _, ascending, _ in pieces])]
        if kind == "K":
            continue  # its Gaussian is no step: see the next test
        celsius = [float(text) for text in expected[kind]]
        assert evaluate(steps, celsius) == pytest.approx(list(expected[kind].values()), rel=1e-14, abs=1e-15)
        assert np.isnan(evaluate(steps, [edges[0] - 1, edges[-1] + 1])).all()


def test_type_k_forward_is_a_table_and_backward_a_polynomial(test_data: Path) -> None:
    published = json.loads((test_data / "expected.json").read_text("utf-8"))
    expected = published["thermocouple/ITS-90 emf mV (ref junction 0 C) at degC"]["K"]
    (low, _, below, _), (_, high, above, gaussian) = nist_functions(test_data)["K"]
    assert gaussian is not None

    def emf(celsius: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        a, b, c = gaussian
        warm = np.polyval(above[::-1], celsius) + a * np.exp(b * (celsius - c) ** 2)
        return np.where(celsius < 0, np.polyval(below[::-1], celsius), warm)

    degrees = np.arange(low, high + 1)
    table = [Table(degrees.tolist(), emf(degrees).tolist())]
    celsius = np.array([float(text) for text in expected])
    assert evaluate(table, celsius) == pytest.approx(list(expected.values()), rel=1e-13, abs=1e-15)
    between = np.linspace(low, high, 20_001)
    assert evaluate(table, between) == pytest.approx(emf(between), abs=5e-5)  # mV

    # A measurement goes the other way, mV to °C, where NIST publishes polynomials without a Gaussian.
    inverse = [
        PiecewisePolynomial(
            [-5.891, 0, 20.644, 54.886],
            [
                [0, 2.5173462e1, -1.1662878, -1.0833638, -8.977354e-1, -3.7342377e-1, -8.6632643e-2, -1.0450598e-2,
                 -5.1920577e-4],
                [0, 2.508355e1, 7.860106e-2, -2.503131e-1, 8.31527e-2, -1.228034e-2, 9.804036e-4, -4.41303e-5,
                 1.057734e-6, -1.052755e-8],
                [-1.318058e2, 4.830222e1, -1.646031, 5.464731e-2, -9.650715e-4, 8.802193e-6, -3.11081e-8],
            ],
        )
    ]  # fmt: skip
    measured = np.linspace(-199.5, 1371.5, 5_000)
    assert np.abs(evaluate(inverse, emf(measured)) - measured).max() < 0.06  # °C, NIST's own bound


# -- each function against its definition ---------------------------------------------------------------


@given(st.lists(st.floats(-1e3, 1e3).map(lambda c: round(c, 3)), min_size=1, max_size=6), st.floats(-100, 100))
def test_polynomial_is_the_exact_sum_but_for_rounding(coefficients: list[float], x: float) -> None:
    exact = sum(Fraction(c) * Fraction(x) ** i for i, c in enumerate(coefficients))
    size = sum(abs(Fraction(c)) * abs(Fraction(x)) ** i for i, c in enumerate(coefficients))
    found = evaluate([Polynomial(coefficients)], [x])[0]
    assert abs(Fraction(float(found)) - exact) <= Fraction(1, 10**14) * size + Fraction(1, 10**300)


@given(piecewise_polynomials(), st.integers(0, 2**32 - 1))
def test_each_piece_is_its_polynomial(step: PiecewisePolynomial, seed: int) -> None:
    x = samples(seed, step)
    found = evaluate([step], x)
    last = len(step.coefficients) - 1
    for i, piece in enumerate(step.coefficients):
        low, high = step.edges[i], step.edges[i + 1]
        here = (low <= x) & ((x < high) | ((i == last) & (x == high)))
        np.testing.assert_array_equal(found[here], evaluate([Polynomial(piece)], x[here]))
    for outside, edge, piece in (
        (x < step.edges[0], step.edges[0], step.coefficients[0]),
        (x > step.edges[-1], step.edges[-1], step.coefficients[-1]),
    ):
        expected = {
            "nan": np.full(np.count_nonzero(outside), NAN),
            "clamp": evaluate([Polynomial(piece)], np.full(np.count_nonzero(outside), edge)),
            "extrapolate": evaluate([Polynomial(piece)], x[outside]),
        }
        np.testing.assert_array_equal(found[outside], expected[step.outside])
    assert np.isnan(found[np.isnan(x)]).all()


@given(tables())
def test_table_is_exact_at_its_points_and_between_them_otherwise(table: Table) -> None:
    points, outputs = np.array(table.x), np.array(table.y)
    np.testing.assert_array_equal(evaluate([table], points), outputs)
    middle = points[:-1] / 2 + points[1:] / 2
    inside = (points[0] <= middle) & (middle <= points[-1])
    found = evaluate([table], middle)[inside]
    low, high = (pick(outputs[:-1], outputs[1:])[inside] for pick in (np.minimum, np.maximum))
    slack = 1e-12 * np.maximum(abs(low), abs(high)) + 1e-300
    assert (found >= low - slack).all()
    assert (found <= high + slack).all()


@pytest.mark.parametrize(
    ("outside", "below", "above"), [("nan", NAN, NAN), ("clamp", 1.0, 5.0), ("extrapolate", -1.0, 9.0)]
)
def test_beyond_the_ends_of_a_table(outside: Any, below: float, above: float) -> None:
    table = Table([0, 1, 2], [1, 3, 5], outside)
    x = [-1, 0, 2, 4, INF, -INF, NAN]
    far = {"nan": (NAN, NAN), "clamp": (5.0, 1.0), "extrapolate": (INF, -INF)}[outside]
    np.testing.assert_array_equal(evaluate([table], x), [below, 1, 5, above, *far, NAN])


@pytest.mark.parametrize(
    ("step", "x", "expected"),
    [
        (Polynomial([3]), [0, -0.0, 1e308, NAN, INF, -INF], [3, 3, 3, NAN, NAN, NAN]),
        (Polynomial([0, 1]), [INF, -INF, NAN, 5e-324], [INF, -INF, NAN, 5e-324]),
        (Polynomial([0, 0]), [INF, NAN, 7], [NAN, NAN, 0]),
        (Polynomial([0, 0, 1]), [1e200, -1e200, 1e-200], [INF, INF, 0]),
        (Polynomial([0, -1e300, 1e300]), [1e300, -1e300], [INF, INF]),
        (Polynomial([0, 1e-300]), [1e-10, 1e-24, 1e-25], [1e-310, 0, 0]),
        (PowerOfTen(), [0, 400, -400, INF, -INF, NAN], [1, INF, 0, INF, 0, NAN]),
        (Exponential(), [0, 710, -800, INF, -INF, NAN], [1, INF, 0, INF, 0, NAN]),
        (Logarithm(10), [100, 0, -0.0, -1, INF, -INF, NAN], [2, -INF, -INF, NAN, INF, NAN, NAN]),
        (Logarithm(2), [8, 0, -1e-300, INF, NAN], [3, -INF, NAN, INF, NAN]),
        (Logarithm("e"), [1, 0, -1, INF, NAN], [0, -INF, NAN, INF, NAN]),
        (PowerLaw(2, 0.5), [4, 0, -0.0, -4, INF, -INF, NAN], [4, 0, 0, NAN, INF, NAN, NAN]),
        (PowerLaw(1, 2), [-3, INF, -INF, 1e200, 1e-200, NAN], [9, INF, INF, INF, 0, NAN]),
        (PowerLaw(1, 3), [-2, -INF, -1e200, -0.0], [-8, -INF, -INF, 0]),
        (PowerLaw(1, -1), [2, 0, -0.0, INF, -INF], [0.5, INF, -INF, 0, 0]),
        (PowerLaw(1, -2), [-2, 0, -0.0], [0.25, INF, INF]),
        (PowerLaw(1, -0.5), [4, 0, -0.0, -1], [0.5, INF, INF, NAN]),
        (PowerLaw(0, 2), [1e200, 1, NAN], [NAN, 0, NAN]),
    ],
    ids=repr,
)
def test_every_number_has_a_defined_result(step: Step, x: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(evaluate([step], x), expected, rtol=1e-14, atol=0)


@given(steps, st.integers(0, 2**32 - 1))
def test_nan_stays_nan_and_nothing_warns(step: Step, seed: int) -> None:
    x = samples(seed, step)
    before = x.copy()
    found = evaluate([step], x)
    assert found.dtype == np.float64
    assert found.shape == x.shape
    assert np.isnan(found[np.isnan(x)]).all()
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">i2", ">f8", "?"])
def test_raw_of_every_type_becomes_float64(dtype: str) -> None:
    found = evaluate([Polynomial([0.5, 2])], np.array([0, 1], dtype))
    assert found.dtype == np.float64
    assert found.tolist() == [0.5, 2.5]


def test_shape_is_kept_and_no_steps_change_nothing() -> None:
    assert evaluate([PiecewisePolynomial([0, 1], [[1, 1]])], 0.5).shape == ()
    assert evaluate([Table([0, 1], [0, 1])], np.zeros((2, 3))).shape == (2, 3)
    raw = np.array([1.0, 2.0])
    same = evaluate([], raw)
    same[0] = 9
    assert raw[0] == 1.0
    assert affine([]) == (1.0, 0.0)


# -- affine ----------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=5), st.floats(-1e6, 1e6))
def test_affine_chains_are_their_steps(pairs: list[tuple[float, float]], x: float) -> None:
    pairs = [(round(gain, 3), round(offset, 3)) for gain, offset in pairs]
    chain = [Polynomial([offset, gain]) for gain, offset in pairs]
    composed = affine(chain)
    assert composed == compose_affine(*pairs)
    if composed is not None:
        exact, size = Fraction(x), abs(Fraction(x))
        for gain, offset in pairs:
            exact = Fraction(gain) * exact + Fraction(offset)
            size = abs(Fraction(gain)) * size + abs(Fraction(offset))
        gain, offset = composed
        assert abs(Fraction(x * gain + offset) - exact) <= Fraction(1, 10**13) * size


@pytest.mark.parametrize(
    "pairs",
    [
        [(1e31, 0)],
        [(1, 1e-31)],
        [(NAN, 0)],
        [(1, -INF)],
        [(1e20, 0), (1e20, 0)],
        [(1e-20, 0), (1e-20, 0), (1e20, 0)],
        [(1, 1e30), (1e10, 0)],
    ],
)
def test_what_may_leave_float64_is_not_affine(pairs: list[tuple[float, float]]) -> None:
    assert compose_affine(*pairs) is None


def test_only_straight_lines_are_affine() -> None:
    assert affine([Polynomial([2])]) == (0.0, 2.0)
    assert affine([Polynomial([0, 1, 0])]) is None
    assert affine([Polynomial([0, 2]), Logarithm("e")]) is None
    assert affine([Table([0, 1], [0, 2])]) is None


# -- JSON ------------------------------------------------------------------------------------------------


@given(st.lists(steps, min_size=1, max_size=4))
def test_json_keeps_every_bit(chain: list[Step]) -> None:
    document = json.dumps(steps_to_json(chain), allow_nan=False)
    assert steps_from_json(json.loads(document)) == tuple(chain)
    assert {step["version"] for step in json.loads(document)} == {1}


def test_optional_parameters_and_whole_numbers() -> None:
    document = [
        {"function": "table", "version": 1.0, "x": [0, 1], "y": [0, 5]},
        {"function": "logarithm", "version": 1, "base": 10.0},
    ]
    assert steps_from_json(document) == (Table([0.0, 1.0], [0.0, 5.0], "nan"), Logarithm(10))


@pytest.mark.parametrize("document", [*MALFORMED, None, b"[]", {1: 2}], ids=lambda document: repr(document)[:60])
def test_malformed_documents_are_refused(document: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^(step \d+: |a calibration is a list)"):
        steps_from_json(document)


@pytest.mark.parametrize("number", [NAN, INF, -INF, 1e301, 1e-301, 10**400, True, None, "1", 1j, [1.0]])
def test_impossible_parameters_are_refused(number: Any) -> None:
    for build in (
        lambda: Polynomial([1.0, number]),
        lambda: PowerLaw(number, 1.0),
        lambda: PowerLaw(1.0, number),
        lambda: Table([1, 2], [3, number]),
        lambda: PiecewisePolynomial([0, 1], [[number]]),
    ):
        with pytest.raises(InvalidValue, match=r"must be a finite number, either 0 or of a magnitude"):
            build()
    for edges in ([number, 5], [-5, number]):
        with pytest.raises(InvalidValue):
            PiecewisePolynomial(edges, [[1]])


def test_the_letters_name_the_place() -> None:
    with pytest.raises(InvalidValue) as error:
        steps_from_json(
            [*steps_to_json([PowerOfTen()]), {"function": "table", "version": 1, "x": [1, 3, 2], "y": [0, 0, 0]}]
        )
    assert str(error.value) == "step 2: table: x must increase strictly; item 3 does not exceed item 2"
    with pytest.raises(InvalidValue) as error:
        steps_from_json([{"function": "spline", "version": 1}])
    assert str(error.value) == (
        'step 1: unknown function "spline"; known functions: exponential, logarithm, piecewise_polynomial, polynomial, '
        "power_law, power_of_ten, table"
    )


def test_numpy_arrays_are_parameters() -> None:
    assert Polynomial(np.array([1, 2])) == Polynomial([1.0, 2.0])  # type: ignore[arg-type]
    assert PowerLaw(np.float32(0.5), np.int16(2)) == PowerLaw(0.5, 2.0)  # type: ignore[arg-type]
    assert hash(Table(np.arange(3.0), np.ones(3))) == hash(Table([0, 1, 2], [1, 1, 1]))  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        Polynomial(np.array(1.0))  # type: ignore[arg-type]


@given(coefficients)
def test_minus_zero_is_zero(given_coefficients: list[float]) -> None:
    step = Polynomial([-0.0, *given_coefficients])
    assert math.copysign(1, step.coefficients[0]) == 1


# -- formula ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "written"),
    [
        ([], "x"),
        ([Polynomial([0, 1])], "x"),
        ([Polynomial([0, -1])], "−x"),
        ([Polynomial([0])], "0"),
        ([Polynomial([-2.5])], "−2.5"),
        ([Polynomial([1, 0, 1e-7])], "1e-07·x² + 1"),
        ([Polynomial([0, 20]), Polynomial([0, 2, -3, 1])], "(20·x)³ − 3·(20·x)² + 2·(20·x)"),
        ([Polynomial([1] * 10)], "polynomial of degree 9 in x"),
        ([Polynomial([0, 20]), Logarithm("e")], "ln(20·x)"),
        ([Logarithm(10)], "log10(x)"),
        ([Logarithm(2)], "log2(x)"),
        ([Exponential(), PowerOfTen()], "10^(exp(x))"),
        ([PowerOfTen()], "10^x"),
        ([PowerLaw(2, -1.5)], "2·x^−1.5"),
        ([PowerLaw(0, 3)], "0"),
        ([Polynomial([1, 1]), PowerLaw(1, 2)], "(x + 1)^2"),
        ([PiecewisePolynomial([0, 20.644, 54.886], [[1], [2]])], "piecewise(x; 2 polynomials from 0 to 54.886)"),
        ([PiecewisePolynomial([-1, 0], [[1]])], "piecewise(x; 1 polynomial from −1 to 0)"),
    ],
)
def test_formulas_are_readable(chain: list[Step], written: str) -> None:
    assert formula(chain) == written


@given(st.lists(steps, max_size=4), parameters)
def test_every_chain_has_a_formula(chain: list[Step], offset: float) -> None:
    assert formula([*chain, Polynomial([offset])])
