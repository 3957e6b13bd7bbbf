"""SQL calibrates as Python does: to the last bit, or to 1e-12 where a library's logarithm is in play."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from calibration_cases import (
    MALFORMED,
    exact_steps,
    parameters,
    polynomials,
    samples,
    steps,
    transcendental_steps,
)
from gilgamesh_db import installation
from gilgamesh_db.calibration import (
    Exponential,
    PiecewisePolynomial,
    Polynomial,
    PowerLaw,
    PowerOfTen,
    Step,
    Table,
    affine,
    compose_affine,
    evaluate,
    steps_from_json,
    steps_to_json,
)
from gilgamesh_db.errors import InvalidValue
from gilgamesh_db.units import parse_unit

Array = NDArray[np.float64]
LARGEST = np.finfo(np.float64).max
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture
def connection(empty_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A database with the units and the calibration functions, and nothing else."""
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        lay(connection)
        yield connection


@pytest.fixture(scope="module")
def connection18(server18: Any) -> Iterator[psycopg.Connection[Any]]:
    """The same on the embedded server only, shared by tests that change nothing."""
    with server18.database() as url, psycopg.connect(url, autocommit=True) as connection:
        lay(connection)
        yield connection


def lay(connection: psycopg.Connection[Any]) -> None:
    connection.execute("create schema gilgamesh")
    for folder, name in (("schema", "020_unit.sql"), ("views", "020_calibration_functions.sql")):
        connection.execute((installation.folder(folder) / name).read_bytes())


def in_sql(connection: psycopg.Connection[Any], chain: list[Step], x: Array) -> Array:
    row = connection.execute(
        "select gilgamesh.apply_steps(%b::float8[], %s)", [x.tolist(), Jsonb(steps_to_json(chain))], binary=True
    ).fetchone()
    assert row is not None
    return np.array(row[0], dtype=np.float64)


def assert_same_bits(sql: Array, python: Array, x: Array) -> None:
    bits = (sql.view(np.uint64) != python.view(np.uint64)) & ~(np.isnan(sql) & np.isnan(python))
    assert not bits.any(), f"x = {x[bits][:5]}: SQL {sql[bits][:5]}, Python {python[bits][:5]}"


def assert_close(sql: Array, python: Array, x: Array) -> None:
    # Where one library just overflows and the other just does not, the largest number stands for infinity.
    with np.errstate(all="ignore"):
        near = np.isclose(np.clip(sql, -LARGEST, LARGEST), np.clip(python, -LARGEST, LARGEST), rtol=1e-12, atol=1e-320)
    wrong = ~near & ~(np.isnan(sql) & np.isnan(python))
    assert not wrong.any(), f"x = {x[wrong][:5]}: SQL {sql[wrong][:5]}, Python {python[wrong][:5]}"


def test_algebra_agrees_to_the_last_bit(connection: psycopg.Connection[Any]) -> None:
    @settings(max_examples=100, deadline=None)
    @given(exact_steps, SEEDS)
    def agree(step: Step, seed: int) -> None:
        x = samples(seed, step)
        assert_same_bits(in_sql(connection, [step], x), evaluate([step], x), x)

    agree()


def test_transcendental_functions_agree_to_twelve_digits(connection: psycopg.Connection[Any]) -> None:
    @settings(max_examples=100, deadline=None)
    @given(transcendental_steps, SEEDS)
    def agree(step: Step, seed: int) -> None:
        x = samples(seed)
        assert_close(in_sql(connection, [step], x), evaluate([step], x), x)

    agree()


def test_chains_agree(connection: psycopg.Connection[Any]) -> None:
    @settings(max_examples=50, deadline=None)
    @given(st.lists(polynomials, min_size=1, max_size=3), st.booleans(), SEEDS)
    def agree(chain: list[Step], powered: bool, seed: int) -> None:
        x = samples(seed)
        if powered:
            chain = [*chain, PowerOfTen()]
            assert_close(in_sql(connection, chain, x), evaluate(chain, x), x)
        else:
            assert_same_bits(in_sql(connection, chain, x), evaluate(chain, x), x)

    agree()


NOTABLE: list[list[Step]] = [
    [Polynomial([(-2.2703 / 0.052 + 10) / 10, 0.1 / 0.052]), PowerOfTen()],
    [Table([446, 548, 600, 660, 729], [2.2, 7.6, 10.15, 13.35, 17.1], "clamp")],
    [PiecewisePolynomial([-5e3, 0, 5e3], [[0, 25.2, -1.2], [0, 25.1, 0.079, -0.25]])],
    [PiecewisePolynomial([-5e3, 0, 5e3], [[0, 25.2, -1.2], [0, 25.1, 0.079, -0.25]], "clamp")],
    [PiecewisePolynomial([-5e3, 0, 5e3], [[0, 25.2, -1.2], [0, 25.1, 0.079, -0.25]], "extrapolate")],
    [Polynomial([0.0, 3.05e-4]), PowerLaw(2.0, 1.5)],
    [Polynomial([1e-3] * 32)],
    [Polynomial([1e-250, 1e-200, -3e250])],
    [PowerLaw(1e300, 1e-3)],
    [PowerLaw(-1e-300, -3)],
    [PowerLaw(1.0, 1e300)],
    [PowerLaw(1.0, -1000000000000001.0)],
    [PowerOfTen(), PowerOfTen()],
    [Exponential(), Exponential()],
    [Table([-1e300, 0, 1e-300, 1e300], [1e300, 0.0, 0, -1e300], "extrapolate")],
    [Table([1e-300, 2e-300], [1e-300, (1 + 1e-10) * 1e-300])],
    [Table([(1 - 1e-10) * 1e300, 1e300], [-1e300, 1e300], "extrapolate")],
    [Table([0, 1], [0, 1e-200], "extrapolate")],
    [Polynomial([0, 1e-200])],
]


def test_notable_calibrations_agree(connection: psycopg.Connection[Any]) -> None:
    for chain in NOTABLE:
        x = np.concatenate([samples(1, chain[0]), np.arange(-(2**15), 2**15, 7.0)])
        assert_close(in_sql(connection, chain, x), evaluate(chain, x), x)


def test_products_and_sums_round_as_ieee_does(connection: psycopg.Connection[Any]) -> None:
    rng = np.random.default_rng(3)
    m = rng.uniform(1, 2, 3_000)
    tiny = 2.0 ** rng.integers(-540, -20, m.size)
    ulps = rng.integers(-4, 5, m.size) * 2.0**970
    pairs: list[tuple[Any, Any]] = [
        tuple(rng.integers(0, 2**64, (2, 20_000), dtype=np.uint64).view(np.float64)),
        (m * tiny, (1 / m) * (2.0**-1000 / tiny) * 2.0**-75),  # products within a hair of half the smallest number,
        (m * 2.0**500, (2 / m) * 2.0**523),  # and of the end of the range
        (m / 2 * LARGEST, LARGEST - m / 2 * LARGEST + ulps),  # sums there
        ([2.0**-537, -(2.0**-537)], [2.0**-538, np.nextafter(2.0**-538, 1)]),
    ]
    a, b = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    row = connection.execute(
        "select array_agg(gilgamesh.ieee_product(a, b) order by i), array_agg(gilgamesh.ieee_sum(a, b) order by i)"
        " from unnest(%b::float8[], %b::float8[]) with ordinality as pairs(a, b, i)",
        [a.tolist(), b.tolist()],
        binary=True,
    ).fetchone()
    assert row is not None
    with np.errstate(all="ignore"):
        product, total = a * b, a + b
    assert_same_bits(np.array(row[0], float), product, a)
    assert_same_bits(np.array(row[1], float), total, a)
    assert 500 < np.count_nonzero(product[20_000:23_000] == 0) < 2_500
    assert 500 < np.count_nonzero(np.isinf(total[26_000:29_000])) < 2_500


def test_powers_are_defined_everywhere(connection: psycopg.Connection[Any]) -> None:
    x = samples(5)
    for exponent in (0.5, -0.5, 1.0, 2.0, 3.0, -1.0, -2.0, 1 / 3, 107.3, -1e-3, 1e15 + 1, 2.0**53 + 2, -1e300):
        row = connection.execute(
            "select array(select gilgamesh.ieee_power(x, %s) from unnest(%b::float8[]) x)",
            [exponent, x.tolist()],
            binary=True,
        ).fetchone()
        assert row is not None
        assert_close(np.array(row[0], float), evaluate([PowerLaw(1.0, exponent)], x), x)
    row = connection.execute(
        "select array_agg(gilgamesh.ieee_power(10, x) order by i), array_agg(gilgamesh.ieee_exponential(x) order by i)"
        " from unnest(%b::float8[]) with ordinality as samples(x, i)",
        [x.tolist()],
        binary=True,
    ).fetchone()
    assert row is not None
    assert_close(np.array(row[0], float), evaluate([PowerOfTen()], x), x)
    assert_close(np.array(row[1], float), evaluate([Exponential()], x), x)


def test_every_calibration_is_accepted(connection: psycopg.Connection[Any]) -> None:
    @settings(max_examples=100, deadline=None)
    @given(st.lists(steps, min_size=1, max_size=5))
    def accepted(chain: list[Step]) -> None:
        document = json.dumps(steps_to_json(chain))
        row = connection.execute("select gilgamesh.check_steps(%s), %s::jsonb", [document, document]).fetchone()
        assert row is not None
        assert row[0] is True
        assert steps_from_json(row[1]) == tuple(chain)

    accepted()


@pytest.mark.parametrize("document", MALFORMED, ids=lambda document: json.dumps(document)[:60])
def test_malformed_calibrations_get_the_same_letter(connection18: psycopg.Connection[Any], document: Any) -> None:
    with pytest.raises(psycopg.Error) as sql:
        connection18.execute("select gilgamesh.check_steps(%s)", [Jsonb(document)])
    with pytest.raises(InvalidValue) as python:
        steps_from_json(document)
    assert sql.value.sqlstate == "22023"
    assert sql.value.diag.message_primary == str(python.value)


def test_missing_and_foreign_steps_are_refused_when_applied(connection: psycopg.Connection[Any]) -> None:
    assert connection.execute("select gilgamesh.apply_steps('{1,2}', null)").fetchone() == (None,)
    foreign: list[Any] = [[{"function": "spline", "version": 1}], [{"function": "power_of_ten", "version": 2}], [{}]]
    for document in foreign:
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="unknown"):
            connection.execute("select gilgamesh.apply_steps('{1,2}', %s)", [Jsonb(document)])


def test_arrays_without_samples_and_null_samples(connection: psycopg.Connection[Any]) -> None:
    @settings(max_examples=30, deadline=None)
    @given(steps)
    def kept(step: Step) -> None:
        document = Jsonb(steps_to_json([step]))
        row = connection.execute(
            "select gilgamesh.apply_steps('{}', %s), gilgamesh.apply_steps('{null,1}', %s)", [document, document]
        ).fetchone()
        assert row is not None
        assert row[0] == []
        assert row[1][0] is None
        assert len(row[1]) == 2

    kept()


def test_affine_chains_have_the_same_gain_and_offset(connection: psycopg.Connection[Any]) -> None:
    spread = st.builds(lambda digits, decade: digits * 10.0**decade, st.floats(1.0, 9.9), st.integers(-32, 32))
    tame = spread | st.sampled_from([0.0, 1.0, 0.1, -3.0, 1e30, -1e-30])
    lines = st.lists(tame, min_size=1, max_size=2) | st.lists(parameters, min_size=1, max_size=2)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.builds(Polynomial, lines) | steps, min_size=1, max_size=4))
    @example([Polynomial([0, 5e-31]), Polynomial([0, 10])])
    @example([Polynomial([5e-31, 1]), Polynomial([0, 10])])
    @example([Polynomial([0, 10]), Polynomial([0, 5e-31])])
    @example([Polynomial([0, 1e-20]), Polynomial([0, 1e-20]), Polynomial([0, 1e20])])
    @example([Polynomial([1e20]), Polynomial([0, 1e20]), Polynomial([0, 1e-20])])
    def same(chain: list[Step]) -> None:
        document = Jsonb(steps_to_json(chain))
        row = connection.execute(
            "select gilgamesh.affine_gain(%s), gilgamesh.affine_offset(%s)", [document, document]
        ).fetchone()
        assert row == (affine(chain) or (None, None))

    same()


def test_pairs_compose_alike(connection: psycopg.Connection[Any]) -> None:
    numbers = st.sampled_from([0.0, 1.0, 0.1, -3.0, 5e-31, 1e-30, -1e-20, 1e20, 1e30, 2e30, np.inf, np.nan])

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(numbers, numbers), max_size=4))
    def same(pairs: list[tuple[float, float]]) -> None:
        row = connection.execute(
            "select gilgamesh.compose_affine(%s::float8[], %s::float8[])",
            [[gain for gain, _ in pairs], [offset for _, offset in pairs]],
        ).fetchone()
        assert row is not None
        composed = compose_affine(*pairs)
        assert row[0] == (None if composed is None else list(composed))

    same()


def test_no_affine_chain_raises_on_raw_samples(connection: psycopg.Connection[Any]) -> None:
    raw = np.array([0, 1, -(2**63), 2**63 - 1, 1.4e-45, 3.4028235e38, np.inf, -np.inf, np.nan])
    for gain in (1e-30, 1e30, -1e30, 0.0):
        chain = [Polynomial([1e30, gain])]
        found = connection.execute(
            "select array(select raw * line[1] + line[2] from unnest(%b::float8[]) raw) from gilgamesh.affine(%s) line",
            [raw.tolist(), Jsonb(steps_to_json(chain))],
            binary=True,
        ).fetchone()
        assert found is not None
        assert_same_bits(np.array(found[0], float), evaluate(chain, raw), raw)


def test_settings_of_the_session_do_not_matter(connection: psycopg.Connection[Any]) -> None:
    chain: list[Step] = [
        Polynomial([0.1, 1 / 3]),
        Table([-1e5, 0.1, 1e5], [1 / 7, 2 / 7, 1 / 9]),
        PowerLaw(1 / 3, 1 / 7),
    ]
    x = np.arange(-1000.0, 1000.0)
    expected = in_sql(connection, chain, x)
    connection.execute("set extra_float_digits = -15; set search_path = ''; set standard_conforming_strings = off")
    assert_same_bits(in_sql(connection, chain, x), expected, x)


def test_calibration_runs_in_parallel_workers(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        """
        create table many as select array[i, 1e-320, 1e308, -1]::float8[] as v from generate_series(1, 20000) i;
        analyze many;
        set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0;
        """
    )
    document = Jsonb(steps_to_json([Polynomial([0, 1e-10, 1e10]), PowerLaw(1, 0.5)]))
    query = "select sum(cardinality(gilgamesh.apply_steps(v, %s))) from many where mod(v[1]::int, 100) = 0"
    plan = "\n".join(row[0] for row in connection.execute("explain " + query, [document]))
    assert "Workers Planned" in plan
    assert connection.execute(query, [document]).fetchone() == (800,)


def test_seeded_units_are_astropys(connection: psycopg.Connection[Any]) -> None:
    rows = connection.execute('select symbol, dimension, factor, "offset", description from gilgamesh.unit').fetchall()
    assert len(rows) > 60
    for symbol, dimension, factor, offset, description in rows:
        unit = parse_unit(symbol)
        assert (unit.symbol, unit.dimension, unit.offset) == (symbol, dimension, offset)
        # The atomic mass is measured, and changes with the edition of CODATA that astropy carries.
        assert factor == (pytest.approx(unit.factor, rel=1e-9) if symbol == "u" else unit.factor)
        assert description


def test_impossible_units_are_refused(connection: psycopg.Connection[Any]) -> None:
    for row in [(" V", "m", 1, 0), ("x", "", 1, 0), ("x", "m", 0, 0), ("x", "m", np.nan, 0), ("x", "m", 1, np.nan)]:
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("insert into gilgamesh.unit values (%s, %s, %s, %s)", row)
