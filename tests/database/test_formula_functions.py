"""Formulas in SQL beside those in Python: read alike, refused alike, and the same numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.formula import Node, compile_formula, parse_condition, parse_formula
from gilgamesh_db.translation import translate
from records import driver, install

UNITS = {"a": "kW", "b": "W", "c": "A", "d": "deg_C", "k": "K", "n": "", "m": "", "p": "%", "phi": "deg", "v": "V"}
quickly = settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def sql(server: Any) -> Iterator[psycopg.Connection[Any]]:
    """A database with signals of these units, on each server."""
    with server.database(server.template()) as url, gilgamesh.connect(url) as db:
        install(db)
        with db.edit("signals") as edit:
            for name, unit in UNITS.items():
                edit.add_signal(name, unit=unit, kind="processed")
        with db.engine.connect() as connection:
            yield driver(connection)


def asked(sql: psycopg.Connection[Any], query: str, *given: Any) -> Any:
    """What the database answers, or its refusal in our words."""
    try:
        with sql.transaction():
            row = sql.execute(query, given).fetchone()
    except psycopg.Error as error:
        ours = translate(error)
        assert ours is not None, error
        return ours
    assert row is not None
    return row[0]


def tree_of(node: Node) -> list[Any]:
    """A node of Python as the tree SQL makes of it."""
    if node.operation == "name":
        return ["load", node.value]
    if node.operation == "number":
        return ["number", node.value]
    if node.operation == "quantity":
        return ["quantity", node.value, node.unit]
    return [node.operation, *(tree_of(part) for part in node.arguments)]


def plain(tree: Any) -> Any:
    """Numbers as text to twelve digits (NaN is one), and ``a and b and c`` as pairs, the first two first."""
    if not isinstance(tree, list):
        return tree
    if tree[0] in ("number", "quantity"):
        return [tree[0], f"{float(tree[1]) + 0.0:.12g}", *tree[2:]]
    parts = [plain(part) for part in tree[1:]]
    if tree[0] in ("and", "or"):
        while len(parts) > 2:
            parts = [[tree[0], *parts[:2]], *parts[2:]]
    return [tree[0], *parts]


TOKENS = ["n", "m", "1", "2.5", ".5e-3", "1_000", "007", "1__0", "pi", "nan", "+", "-", "*", "/", "**", "(", ")", ",", "<", ">=", "!=",
          "==", "and", "or", "not", "abs(", "min(", "where(", "smooth(", "mean(", "quantity(", "'kW'", "quantity(2, 'W')", "=", "1e",
          "if", "True", ".", "x.y", "[", "#", "**", "not", "(", ")"]  # fmt: skip


@pytest.mark.parametrize("written", [
    "n", "-n**-2", "n**m**2", "2*-n", "-(-3)", "- -n", "not n > 1 and m < 2 or n == m", "1 < n <= m != 2", "(1 < n) < 2", "n < (m < 2)",
    "where(n > 0, 1/n, nan)", "min(n, m, 3,)", "quantity(-1, 'W')", "quantity(1.5, \"1/m^3\") * n", "mean(n, 0)", "mean(n, 0, 1)", "abs()",
    "n + not m", "n m", "2n", "n(", "n)", "", "  ", "n\n + m", "1e400 * n", "1e-400 * n", "-0.0 / n", "n # m", "+n", "max(n)", "a.b", "n,m",
    "(n, m)", "()", "quantity", "sin (n)", "not not n > 0", "n > 0 or", "n**-m", "n--m", "1.5.2", "if", "n if m else 1", "1j", "'n'",
    "(" * 20 + "n" + ")" * 20, "inf", "min(where(n>0,n,m),1)", "n<m<1 and m>n>2", "a>b>2 or not 1<a<b",
])  # fmt: skip
def test_texts_are_read_alike(sql: psycopg.Connection[Any], written: str) -> None:
    same(sql, written)


def same(sql: psycopg.Connection[Any], written: str) -> None:
    found = asked(sql, "select gilgamesh.parse_formula(%s)", written)
    try:
        node = parse_formula(written)
    except errors.FormulaError:
        assert isinstance(found, errors.FormulaError), written
        return
    assert plain(found) == plain(tree_of(node)), written


def test_whatever_is_typed_is_read_alike(sql: psycopg.Connection[Any]) -> None:
    @settings(quickly, max_examples=400)
    @given(st.lists(st.sampled_from(TOKENS), max_size=9).map(" ".join))
    def check(written: str) -> None:
        same(sql, written)

    check()


VALUES = st.recursive(
    st.sampled_from([*UNITS, "2", "0.5", "quantity(3, 'kW')", "quantity(1, 'W / m2')", "quantity(4, 'mV')"]),
    lambda x: st.one_of(
        st.tuples(x, st.sampled_from(["+", "-", "*", "/"]), x).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["abs", "sqrt", "exp", "log10", "sin", "diff", "integral", "-"]), x).map(lambda t: f"{t[0]}({t[1]})"),
        x.map(lambda t: f"({t})**2"), x.map(lambda t: f"({t})**-0.5"), x.map(lambda t: f"smooth({t}, 0.1)"),
        st.tuples(st.sampled_from(["min", "max"]), x, x).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        st.tuples(x, x, x, x).map(lambda t: f"where({t[0]} > {t[1]}, {t[2]}, {t[3]})"),
    ),
    max_leaves=4,
)  # fmt: skip


def test_units_are_checked_and_converted_alike(sql: psycopg.Connection[Any]) -> None:
    @settings(quickly, max_examples=400)
    @given(VALUES, st.sampled_from(["", "W", "mW", "V", "K", "W / m2", "A / V"]))
    def check(written: str, into: str) -> None:
        found = asked(
            sql, "select gilgamesh.compile_formula(gilgamesh.parse_formula(%s), %s, %s)", written, into, written
        )
        try:
            compiled = compile_formula(parse_formula(written), UNITS, into)
        except (errors.FormulaError, errors.UnitMismatch) as error:
            assert type(found) is type(error), (written, into, found, error)
            return
        assert plain(found) == plain(compiled.tree), (written, into)

    check()


# -- numbers -------------------------------------------------------------------------------------------------

EXACT = st.deferred(lambda: st.one_of(LEAVES, LEAVES, OPERATED))
LEAVES = st.sampled_from(["n", "m", "n", "m", "2", "0.1", "-3e200", "1e-200", "inf", "nan", "0"])
CONDITIONS = st.deferred(
    lambda: st.one_of(
        st.tuples(EXACT, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), EXACT).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(CONDITIONS, st.sampled_from(["and", "or"]), CONDITIONS).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        CONDITIONS.map(lambda t: f"(not {t})"),
    )
)  # fmt: skip
OPERATED = st.deferred(
    lambda: st.one_of(
        st.tuples(EXACT, st.sampled_from(["+", "-", "*", "/", "*", "/"]), EXACT).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["abs", "sqrt", "-"]), EXACT).map(lambda t: f"{t[0]}({t[1]})"),
        # numpy does not say which of 0 and -0 is the smaller: plus 0 they are the same.
        st.tuples(st.sampled_from(["min", "max"]), EXACT, EXACT).map(lambda t: f"({t[0]}({t[1]}, {t[2]}) + 0)"),
        st.tuples(EXACT, EXACT, EXACT).map(lambda t: f"(clip({t[0]}, {t[1]}, {t[2]}) + 0)"),
        st.tuples(CONDITIONS, EXACT, EXACT).map(lambda t: f"where({t[0]}, {t[1]}, {t[2]})"),
    )
)  # fmt: skip
NUMBERS = st.lists(st.one_of(st.floats(), st.floats(-1e3, 1e3), st.sampled_from([0.0, -0.0, 5e-324, 1.7976931348623157e308])),
                   min_size=12, max_size=12)  # fmt: skip


def evaluated(sql: psycopg.Connection[Any], tree: Any, n: list[float], m: list[float]) -> np.ndarray:
    """The values SQL gives to a tree over two pure numbers."""
    program = {"inputs": ["n", "m"], "lets": [{"name": "f", "tree": tree}], "known": {}}
    statement = asked(sql, "select gilgamesh.formula_statement(%s)", json.dumps(program))
    assert isinstance(statement, str), statement
    with sql.transaction(), sql.cursor(binary=True) as cursor:
        row = cursor.execute(statement.replace("$1", "%(x)s::float8[]"), {"x": [n, m]}).fetchone()
    assert row is not None
    return np.array(row[0])


def compared(sql: psycopg.Connection[Any], written: str, n: list[float], m: list[float]) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """What SQL and numpy make of a formula."""
    tree = asked(sql, "select gilgamesh.compile_formula(gilgamesh.parse_formula(%s), '', %s)", written, written)
    values = {"n": np.array(n), "m": np.array(m)}
    return evaluated(sql, tree, n, m), compile_formula(parse_formula(written), UNITS, "")(np.zeros(len(n)), values)


def test_arithmetic_is_that_of_numpy_to_the_last_bit(sql: psycopg.Connection[Any]) -> None:
    @quickly
    @given(st.one_of(EXACT, CONDITIONS), NUMBERS, NUMBERS)
    def check(written: str, n: list[float], m: list[float]) -> None:
        found, expected = compared(sql, written, n, m)
        np.testing.assert_array_equal(found, expected, err_msg=written)
        np.testing.assert_array_equal(1 / found[found == 0], 1 / expected[expected == 0], err_msg=written)  # sign of 0

    with np.errstate(all="ignore"):
        check()


def test_functions_are_those_of_numpy(sql: psycopg.Connection[Any]) -> None:
    called = st.sampled_from(
        ["exp(%s)", "log(%s)", "log10(%s)", "sin(%s)", "cos(%s)", "tan(%s)", "(%s)**2", "(%s)**-1", "(%s)**0.5", "(%s)**3",
         "(%s)**-2.5", "(%s)**0", "2**inf + 0 * %s", "2 * exp(%s)", "where(n > 0, 0.5, -log(%s))"]
    )  # fmt: skip

    @settings(quickly, max_examples=120)
    @given(called, EXACT, NUMBERS, NUMBERS)
    def check(function: str, written: str, n: list[float], m: list[float]) -> None:
        found, expected = compared(sql, function % written, n, m)
        # Below the smallest normal number digits get lost one by one.
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-320, err_msg=function % written)

    check()


def test_a_part_that_stands_twice_is_computed_once(sql: psycopg.Connection[Any]) -> None:
    """A formula that doubles itself twenty times has a million leaves when it is written out."""
    lets = [{"name": "x0", "tree": ["add", ["load", "n"], ["load", "m"]]}]
    lets += [{"name": f"x{k + 1}", "tree": ["mul", ["load", f"x{k}"], ["load", f"x{k}"]]} for k in range(20)]
    program = {"inputs": ["n", "m"], "lets": lets, "known": {}}
    statement = asked(sql, "select gilgamesh.formula_statement(%s)", json.dumps(program))
    assert len(statement) < 20_000
    with sql.transaction():
        row = sql.execute(statement.replace("$1", "%(x)s::float8[]"), {"x": [[0.5], [0.5]]}).fetchone()
    assert row == ([1.0],)


def test_conditions_are_read_alike(sql: psycopg.Connection[Any]) -> None:
    written = "n > 0 and not (m < 1 or n != m) and 0 <= n < 2"
    assert plain(asked(sql, "select gilgamesh.parse_formula(%s)", written)) == plain(tree_of(parse_condition(written)))
