"""DuckDB: a file with a table of samples. What SQL can do is done in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..workload import Raw, Values
from .record import Extremes, FileStore

MANY = -1  # the file of the short records


class DuckDBFile(FileStore):
    """One file per long record, one for all short ones."""

    package: ClassVar[str] = "duckdb"
    ending: ClassVar[str] = ".duckdb"

    def write(self, number: int, raw: Raw) -> None:
        """Write a new record; it is on disk when this returns."""
        self._create(number, {"i": np.arange(raw.size, dtype=np.int32), "raw": raw})

    def fill(self, records: Sequence[Raw], first: int) -> None:
        """Write many short records into one table."""
        numbers = np.repeat(np.arange(first, first + len(records), dtype=np.int32), [raw.size for raw in records])
        self._create(MANY, {"record": numbers, "raw": np.concatenate(records)})

    def raw(self, number: int) -> Raw:
        """A whole record."""
        return np.asarray(self._ask(number, "select raw from sample")["raw"])

    def raw_window(self, number: int, first: int, size: int) -> Raw:
        """Some consecutive samples."""
        found = self._ask(number, f"select raw from sample where i >= {first} and i < {first + size}")  # noqa: S608
        return np.asarray(found["raw"])

    def extremes(self, number: int, points: int) -> Extremes:
        """Minimum and maximum in bins, calibrated."""
        query = f"""
            select min(raw) as low, max(raw) as high from sample, (select max(i) + 1 as n from sample)
             group by i::bigint * {points} // n order by i::bigint * {points} // n
        """  # noqa: S608 - all of these are numbers of ours, here and below
        found = self._ask(number, query)
        return self.scaled(np.asarray(found["low"])), self.scaled(np.asarray(found["high"]))

    def statistics(self, numbers: range) -> list[tuple[float, float]]:
        """Mean and rms of each record, calibrated."""
        query = f"""
            select avg({self._value}) as mean, sqrt(avg({self._value} * {self._value})) as rms from sample
             where record between {numbers[0]} and {numbers[-1]} group by record order by record
        """  # noqa: S608
        found = self._ask(MANY, query)
        return list(zip(found["mean"].tolist(), found["rms"].tolist(), strict=True))

    def mean(self, number: int) -> float:
        """The mean of a record, calibrated."""
        return float(self._ask(number, f"select avg({self._value}) as mean from sample")["mean"][0])  # noqa: S608

    @property
    def _value(self) -> str:
        return f"(raw * {self.gain!r}::double + {self.offset!r}::double)"

    def _create(self, number: int, columns: dict[str, Values | Raw | Any]) -> None:
        import duckdb

        with duckdb.connect(str(self.path(number))) as connection:
            connection.register("given", columns)
            connection.execute("create table sample as select * from given")
        self.to_disk(self.path(number))

    def _ask(self, number: int, query: str) -> dict[str, Any]:
        import duckdb

        with duckdb.connect(str(self.path(number)), read_only=True) as connection:
            found: dict[str, Any] = connection.execute(query).fetchnumpy()
            return found
