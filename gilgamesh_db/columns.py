"""Answers of SQL as Arrow tables, column by column: what is of fixed width is never a Python object.

The server packs each column into one array and sends it in the binary form of arrays: 20 bytes about it, then length and
value of each element. Where none is null all elements have one length, and numpy reads them as they come. Where some are
null, the question is asked once more with a mark beside each column. Texts and what else has no fixed width are read one
by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import sqlalchemy as sa
from numpy.typing import NDArray

from .errors import InvalidValue, MissingExtra
from .translation import translate

if TYPE_CHECKING:
    import pyarrow as pa

    from .database import Database

_HEAD = 20  # bytes: dimensions, whether there are nulls, type, length, lower bound
_SINCE_1970 = 946_684_800_000_000  # µs; PostgreSQL counts from 2000
_DAYS_SINCE_1970 = 10_957

# Type of PostgreSQL: how it is sent, and what stands in for a null.
_FIXED: dict[str, tuple[str, str]] = {
    "bool": ("?", "false"), "int2": (">i2", "0"), "int4": (">i4", "0"), "int8": (">i8", "0"), "float4": (">f4", "0"),
    "float8": (">f8", "0"), "timestamptz": (">i8", "'2000-01-01'"), "timestamp": (">i8", "'2000-01-01'"),
    "date": (">i4", "'2000-01-01'"),
}  # fmt: skip


def arrow(db: Database, statement: str, parameters: Mapping[str, Any] | None) -> pa.Table:
    """See `Database.arrow`."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtra("pyarrow", "arrow", "an Arrow table") from error
    asked = statement.strip().rstrip(";")
    query, given = _bound(asked, parameters)
    with db.transaction() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine is made by connect()
        try:
            names, types = _described(driver, query, given)
            if not all(one in _FIXED for one in types):
                return _one_by_one(driver, query, given, names, pa)
            columns = _fixed(driver, _named(query, types), [f"c{i}" for i in range(len(types))], given, types)
            nulls: Sequence[NDArray[np.bool_] | None] = [None] * len(names)
            if columns is None:
                columns, nulls = _with_marks(driver, query, given, types)
        except psycopg.Error as error:
            ours = translate(error)
            if ours is None and not isinstance(error, psycopg.ProgrammingError):
                raise
            raise ours or InvalidValue(f"the SQL statement cannot be run: {str(error).strip()}") from error
    arrays = [_array(column, kind, mark, pa) for column, kind, mark in zip(columns, types, nulls, strict=True)]
    return pa.Table.from_arrays(arrays, names=names)


def _bound(statement: str, parameters: Mapping[str, Any] | None) -> tuple[str, dict[str, Any] | None]:
    """The statement as psycopg takes it: ``:name`` becomes a placeholder, never the value itself."""
    if not parameters:
        return statement, None
    from sqlalchemy.dialects.postgresql import psycopg as dialect

    compiled = sa.text(statement).compile(dialect=dialect.dialect())  # type: ignore[no-untyped-call]
    missing = sorted(set(compiled.params) - set(parameters))
    if missing:
        raise InvalidValue(f"the SQL statement needs a value for :{missing[0]}")
    return str(compiled), dict(parameters)


def _described(driver: psycopg.Connection[Any], query: str, given: Any) -> tuple[list[str], list[str]]:
    """Names and types of the columns; nothing is read."""
    with driver.cursor() as cursor:
        cursor.execute(f"select * from ({query}) asked limit 0", given)  # noqa: S608 - a question of the user's own
        assert cursor.description is not None  # noqa: S101 - a select has columns
        known = {info.oid: info.name for info in driver.adapters.types}
        return [column.name for column in cursor.description], [
            known.get(column.type_code, "") for column in cursor.description
        ]


def _fixed(
    driver: psycopg.Connection[Any], source: str, columns: Sequence[str], given: Any, types: Sequence[str]
) -> list[NDArray[Any]] | None:
    """All columns, or None where one of them holds a null."""
    packed = ", ".join(f"array_send(array_agg({column}))" for column in columns)
    with driver.cursor(binary=True) as cursor:
        row = cursor.execute(f"select {packed} from {source}", given).fetchone()  # noqa: S608
    assert row is not None  # noqa: S101 - an aggregate gives one row
    found = []
    for sent, kind in zip(row, types, strict=True):
        element = np.dtype([("length", ">i4"), ("value", _FIXED[kind][0])])
        if sent is None:
            found.append(np.empty(0, np.dtype(_FIXED[kind][0]).newbyteorder("=")))
            continue
        if sent[4:8] != bytes(4):
            return None
        found.append(np.frombuffer(sent, element, offset=_HEAD)["value"].astype(element["value"].newbyteorder("=")))
    return found


def _named(query: str, types: Sequence[str]) -> str:
    """The question as a table whose columns are c0, c1, …, whatever the user calls them."""
    return f"({query}) asked({', '.join(f'c{i}' for i in range(len(types)))})"


def _with_marks(
    driver: psycopg.Connection[Any], query: str, given: Any, types: Sequence[str]
) -> tuple[list[NDArray[Any]], list[NDArray[np.bool_] | None]]:
    """The same with a truth value before each column that says whether it is null."""
    marked = [
        one for i, kind in enumerate(types) for one in (f"c{i} is null", f"coalesce(c{i}, {_FIXED[kind][1]}::{kind})")
    ]
    found = _fixed(driver, _named(query, types), marked, given, [one for kind in types for one in ("bool", kind)])
    assert found is not None  # noqa: S101 - nothing in it is null
    return found[1::2], list(found[::2])


def _one_by_one(driver: psycopg.Connection[Any], query: str, given: Any, names: Sequence[str], pa: Any) -> pa.Table:
    with driver.cursor(binary=True) as cursor:
        rows = cursor.execute(query, given).fetchall()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.Table.from_arrays([pa.array(column) for column in columns], names=list(names))


def _array(column: NDArray[Any], kind: str, mark: NDArray[np.bool_] | None, pa: Any) -> Any:
    if kind in ("timestamptz", "timestamp", "date"):
        limits = np.iinfo(column.dtype)
        if ((column == limits.max) | (column == limits.min)).any():
            raise InvalidValue("the answer holds a time that is infinite, which Arrow cannot say; leave it out")
        if kind == "date":
            return pa.array((column + _DAYS_SINCE_1970).astype(np.int32), mask=mark).cast(pa.date32())
        zone = "UTC" if kind == "timestamptz" else None
        return pa.array(column + _SINCE_1970, mask=mark).cast(pa.timestamp("us", tz=zone))
    return pa.array(column, mask=mark)
