"""SQL propagates uncertainty as Python does, and refuses the same covariances."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from calibration_cases import samples, steps
from gilgamesh_db import installation
from gilgamesh_db.calibration import (
    Polynomial,
    PowerOfTen,
    Step,
    Table,
    checked_covariance,
    covariance_factor,
    parameters,
    propagate,
    steps_to_json,
)
from gilgamesh_db.errors import InvalidValue

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def connection(server: Any) -> Iterator[psycopg.Connection[Any]]:
    """The calibration functions and nothing else, on each server."""
    with server.database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema gilgamesh")
        for folder, name in (
            ("schema", "020_unit"), ("views", "020_calibration_functions"), ("views", "025_covariance"),
            ("views", "026_propagation"),
        ):  # fmt: skip
            connection.execute((installation.folder(folder) / f"{name}.sql").read_bytes())
        yield connection


def random_covariance(rng: np.random.Generator, p: int) -> Any:
    """Matrices and lists, of many sizes, some of them singular."""
    sizes = 10.0 ** rng.uniform(-8, 3, p)
    if rng.random() < 0.3:
        return (sizes**2 * (rng.random(p) < 0.8)).tolist()
    causes = rng.normal(size=(p, max(1, p - int(rng.integers(0, 2)))))
    covariance = causes @ causes.T * np.outer(sizes, sizes)
    return ((covariance + covariance.T) / 2).tolist()


def in_sql(connection: psycopg.Connection[Any], x: Any, links: list[dict[str, Any]], noise: float | None) -> list[Any]:
    row = connection.execute(
        "select value, systematic, random from gilgamesh.propagate(%b::float8[], %s, %s)",
        [np.asarray(x).tolist(), Jsonb(links), noise], binary=True,
    ).fetchone()  # fmt: skip
    assert row is not None
    return [np.array(part, dtype=np.float64) for part in row]


def assert_close(sql: Any, python: Any, x: Any) -> None:
    # Next to 1e-140 and 1e140, where everything is 0 or infinite, one side may be there and the other not yet.
    clipped = [np.where(part < 1e-139, 0, np.where(part > 1e139, np.inf, part)) for part in (sql, python)]
    same = np.isclose(*clipped, rtol=1e-12, atol=0, equal_nan=True)
    assert same.all(), f"x = {x[~same][:5]}: SQL {sql[~same][:5]}, Python {python[~same][:5]}"


def test_every_step_agrees(connection: psycopg.Connection[Any]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(steps, SEEDS)
    def agree(step: Step, seed: int) -> None:
        rng = np.random.default_rng(seed)
        # Around the corners of the step, of ordinary and of extraordinary size.
        x = np.concatenate([samples(seed, step)[::7], rng.normal(size=50) * 10])
        document = steps_to_json([step])
        _, systematic, random = in_sql(connection, x, [{"steps": document}], 0.25)
        assert_close(random, propagate([step], x, sigma=0.25), x)
        assert not systematic[~np.isnan(systematic)].any()
        p = len(parameters([step]))
        if p:
            variances = (10.0 ** rng.uniform(-20, 5, p)).tolist()
            _, systematic, _ = in_sql(connection, x, [{"steps": document, "covariance": variances}], 0.25)
            assert_close(systematic, propagate([step], x, variances), x)

    agree()


CHAIN: list[tuple[list[Step], Any]] = [
    ([Polynomial([0.0, 20 / 65536])], None),
    ([Polynomial([0.0, 20.0])], [[1e-6, 0.0], [0.0, 1e-4]]),
    ([Polynomial([-11.33, 0.01, 1e-4]), PowerOfTen()], [[1e-6, 2e-9, 0], [2e-9, 1e-10, 0], [0, 0, 0]]),
    (
        [Table([0.0, 1e-9, 1e3], [0.0, 2e-9, 3e3], "extrapolate"), Polynomial([0.0, 5.0])],
        [1e-22, 1e-22, 1, 1e-12, 0.01],
    ),
]


def test_chains_of_several_items_agree(connection: psycopg.Connection[Any]) -> None:
    raw = np.random.default_rng(5).integers(-(2**15), 2**15, 3000).astype(float)
    links = [{"steps": steps_to_json(item), "covariance": covariance} for item, covariance in CHAIN]
    value, systematic, random = in_sql(connection, raw, links, 12**-0.5)
    everything = [step for item, _ in CHAIN for step in item]
    whole = np.zeros((len(parameters(everything)),) * 2)
    at = 0
    for item, covariance in CHAIN:
        p = len(parameters(item))
        if covariance is not None:
            whole[at : at + p, at : at + p] = covariance if np.ndim(covariance) == 2 else np.diag(covariance)
        at += p
    assert np.isfinite(value).all()
    assert_close(systematic, propagate(everything, raw, whole), raw)
    assert_close(random, propagate(everything, raw, sigma=12**-0.5), raw)


def test_random_covariances_agree(connection: psycopg.Connection[Any]) -> None:
    x = np.linspace(-4, 4, 41)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        chain: list[Step] = [Polynomial(rng.normal(size=rng.integers(1, 6)).tolist()), Polynomial([1.0, -2.0])]
        covariance = random_covariance(rng, len(parameters(chain)))
        found = in_sql(connection, x, [{"steps": steps_to_json(chain), "covariance": covariance}], None)
        assert_close(found[1], propagate(chain, x, covariance), x)
        assert not found[2].any()


def test_counts_that_come_again_are_looked_up(connection: psycopg.Connection[Any]) -> None:
    links = [{"steps": steps_to_json(item), "covariance": covariance} for item, covariance in CHAIN]
    rng = np.random.default_rng(6)
    for low, high, n in ((-5, 5, 500), (-30000, -29000, 4000), (7, 8, 100), (3, 4, 1)):
        raw = rng.integers(low, high, n).astype(float)
        once = np.unique(raw)
        answers = in_sql(connection, np.concatenate([once, [0.5]]), links, 0.25)  # a half: not looked up
        for found, answer in zip(in_sql(connection, raw, links, 0.25), answers, strict=True):
            assert np.array_equal(found, answer[np.searchsorted(once, raw)])
    for wild in ([1e300] * 10, [np.inf] * 10, [np.nan] * 10, [2.0**62] * 10):
        assert in_sql(connection, wild, links[:1], 0.25)[0].size == 10


def test_nothing_known_is_null(connection: psycopg.Connection[Any]) -> None:
    _, systematic, random = in_sql(connection, [1.0, 2.0], [{"steps": steps_to_json([Polynomial([0, 2])])}], None)
    assert np.isnan(systematic).all()
    assert np.isnan(random).all()
    assert in_sql(connection, [], [{"steps": steps_to_json([Polynomial([0, 2])])}], None)[1].size == 0


def test_factors_are_the_same_to_the_last_bit(connection: psycopg.Connection[Any]) -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        p = int(rng.integers(1, 8))
        covariance = checked_covariance([Polynomial([1.0] * p)], random_covariance(rng, p))
        row = connection.execute("select gilgamesh.covariance_factor(%s::float8[])", [covariance.tolist()]).fetchone()
        assert row is not None
        assert np.array_equal(np.array(row[0], dtype=float).reshape(-1, p).T, covariance_factor(covariance))


REFUSED: list[Any] = [
    [[1, 0], [0, -1]], [1, -1], [[1, 2], [2, 1]], [[1, 0.5], [0.4, 1]], [1, 2, 3], [[1, 2, 3], [4, 5, 6]],
    [[float("nan"), 0], [0, 1]], [[float("inf"), 0], [0, 1]], [[1e-201, 0], [0, 1]], [[4, 1e-3], [1e-3, 0]],
    [[0, 1e-3], [1e-3, 1]], [[1, 1.0001], [1.0001, 1]],
]  # fmt: skip


@pytest.mark.parametrize("covariance", REFUSED, ids=json.dumps)
def test_both_refuse_in_the_same_words(connection: psycopg.Connection[Any], covariance: Any) -> None:
    chain = [Polynomial([1.0, 2.0])]
    with pytest.raises(InvalidValue) as ours:
        checked_covariance(chain, covariance)
    with pytest.raises(psycopg.errors.InvalidParameterValue) as theirs:
        connection.execute(
            "select gilgamesh.check_covariance(%s, %s::float8[])",
            [Jsonb(steps_to_json(chain)), np.array(covariance, dtype=float).tolist()],
        )
    assert str(ours.value) == theirs.value.diag.message_primary


def test_what_only_sql_can_be_given(connection: psycopg.Connection[Any]) -> None:
    document = Jsonb(steps_to_json([Polynomial([1.0, 2.0])]))
    for array in ("{}", "{null,1}", "{{{1,2},{2,1}}}", "[0:1]={1,2}"):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="covariance"):
            connection.execute("select gilgamesh.check_covariance(%s, %s::float8[])", [document, array])
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="no parameters"):
        connection.execute("select gilgamesh.check_covariance(%s, '{1}')", [Jsonb(steps_to_json([PowerOfTen()]))])


def test_numbers_are_written_as_python_writes_them(connection: psycopg.Connection[Any]) -> None:
    rng = np.random.default_rng(1)
    numbers = [*(rng.normal(size=200) * 10.0 ** rng.integers(-20, 20, 200)), 0.0, 1.0, 999999.5, 999999.4, 1e5, 1e6, 1e-4,
               1e-5, 0.00012345678, 123456.7, -0.01, 20 / 65536, 1e300, float("inf"), float("-inf"), float("nan"), 1e16]  # fmt: skip
    for number in numbers:
        row = connection.execute("select gilgamesh.short_number(%s::float8)", [float(number)]).fetchone()
        assert row == (f"{number:.6g}",)
