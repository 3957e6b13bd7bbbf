"""Answers as Arrow tables are those of `Database.sql`."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors

pa = pytest.importorskip("pyarrow")

FIXED = """
select g::int2 as small, g as middle, g::bigint * 5000000000 as large, g / 7.0::float4 as narrow, g / 7.0::float8 as wide,
       g %% 2 = 0 as even, '2026-03-01 12:00+00'::timestamptz + g * interval '1 us' as at, '2026-03-01'::date + g as day
  from generate_series(-500, 500) g
""".replace("%%", "%")


def test_columns_of_fixed_width(db: gilgamesh.Database) -> None:
    table, plain = db.arrow(FIXED), db.sql(FIXED)
    assert [str(one) for one in table.schema.types] == [
        "int16", "int32", "int64", "double", "double", "bool", "timestamp[us, tz=UTC]", "date32[day]",
    ]  # fmt: skip
    for name in plain:
        assert table[name].to_pylist() == list(plain[name])


def test_nulls_texts_and_nothing_at_all(db: gilgamesh.Database) -> None:
    some = "select nullif(g, 3) as x, nullif(g, 4) / 2.0::float8 as x, case when g = 5 then null else true end from generate_series(1, 6) g"
    table = db.arrow(some)
    assert table.column(0).to_pylist() == [1, 2, None, 4, 5, 6]
    assert table.column(1).to_pylist() == [0.5, 1.0, 1.5, None, 2.5, 3.0]
    assert table.column(2).to_pylist() == [True, True, True, True, None, True]
    assert db.arrow("select 'a' as t, 1 as n union all select null, 2 order by n;").to_pydict() == {
        "t": ["a", None],
        "n": [1, 2],
    }
    empty = db.arrow("select 1::float8 as x, now() as at where false")
    assert (empty.num_rows, [str(one) for one in empty.schema.types]) == (0, ["double", "timestamp[us, tz=UTC]"])
    assert db.arrow("select 'x' as t where false").num_rows == 0


def test_values_are_bound(db18: gilgamesh.Database) -> None:
    ask = "select :least + g as x, :at as at from generate_series(1, 3) g where g > :least"
    found = db18.arrow(ask, {"least": 1, "at": datetime(2026, 3, 1, tzinfo=UTC)})
    assert found["x"].to_pylist() == [3, 4]
    assert found["at"].to_pylist() == [datetime(2026, 3, 1, tzinfo=UTC)] * 2
    assert db18.arrow("select 1 where 'a%b' like 'a%'").num_rows == 1
    assert db18.arrow(
        "select :t = '1); drop table gilgamesh.shot; --' as same", {"t": "1); drop table gilgamesh.shot; --"}
    )["same"].to_pylist() == [True]
    for wrong, letter in (("select nothing", "nothing"), ("selec 1", "selec"), ("select :x", "x")):
        with pytest.raises(errors.InvalidValue, match=letter):
            db18.arrow(wrong, {"y": 1} if ":" in wrong else None)
    with pytest.raises(errors.InvalidValue, match="infinite"):
        db18.arrow("select 'infinity'::timestamptz as at")
    assert db18.arrow("select '1969-12-31'::date as d")["d"].to_pylist() == [date(1969, 12, 31)]


def test_duckdb_reads_it_as_it_is(db18: gilgamesh.Database) -> None:
    duckdb = pytest.importorskip("duckdb")
    samples = db18.arrow("select g as i, sin(g) as value from generate_series(1, 1000) g")
    mean = duckdb.sql("select avg(value) from samples where i % 2 = 0").fetchall()[0][0]
    assert samples.num_rows == 1000
    assert mean == pytest.approx(np.sin(np.arange(2, 1001, 2)).mean(), rel=1e-12)
