"""What everybody tries first: a row per sample, in the same server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg

from ..workload import DT, Raw

NAME = "row per sample"
SIGNAL_ID = 1
BATCH = 1 << 16  # rows sent at a time

# One row of COPY's binary format: number of columns, then length and value of each.
_ROW = np.dtype([("columns", ">i2"), ("shot_length", ">i4"), ("shot", ">i4"), ("signal_length", ">i4"), ("signal", ">i4"),
                 ("time_length", ">i4"), ("time", ">f8"), ("raw_length", ">i4"), ("raw", ">i2")])  # fmt: skip
_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TAIL = b"\xff\xff"


class RowTable:
    """A table of samples with its primary key, and one of calibrations to join."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        connection.execute("create schema bench")
        connection.execute("create table bench.sample (shot integer, signal_id integer, time double precision, raw smallint, "
                           "primary key (shot, signal_id, time))")  # fmt: skip
        connection.execute(
            "create table bench.line (signal_id integer primary key, gain double precision, shift double precision)"
        )

    def calibrate(self, gain: float, offset: float) -> None:
        """State what turns counts into values."""
        self._connection.execute("insert into bench.line values (%s, %s, %s)", (SIGNAL_ID, gain, offset))

    def write(self, number: int, raw: Raw) -> None:
        """Write a new record; committed when this returns."""
        self.fill([raw], number)

    def fill(self, records: Sequence[Raw], first: int) -> None:
        """Write new records in one transaction."""
        with (
            self._connection.transaction(),
            self._connection.cursor() as cursor,
            cursor.copy("copy bench.sample (shot, signal_id, time, raw) from stdin (format binary)") as copy,
        ):
            copy.write(_HEAD)
            for number, raw in enumerate(records, first):
                for start in range(0, raw.size, BATCH):
                    part = raw[start : start + BATCH]
                    rows = np.empty(part.size, _ROW)
                    rows["columns"], rows["shot"], rows["signal"], rows["raw"] = 4, number, SIGNAL_ID, part
                    rows["time"] = DT * np.arange(start, start + part.size)
                    for column in ("shot", "signal", "time", "raw"):
                        rows[f"{column}_length"] = _ROW[column].itemsize
                    copy.write(rows.tobytes())
            copy.write(_TAIL)

    def analyze(self) -> None:
        """Let the planner know what is there, as autovacuum would."""
        self._connection.execute("vacuum (analyze) bench.sample")

    def statistics(self, numbers: range) -> list[tuple[float, float]]:
        """Mean and rms of each record, calibrated."""
        query = """
            select avg(s.raw * l.gain + l.shift), sqrt(avg((s.raw * l.gain + l.shift) * (s.raw * l.gain + l.shift)))
              from bench.sample s join bench.line l using (signal_id)
             where s.signal_id = %s and s.shot between %s and %s group by s.shot order by s.shot
        """
        return self._ask(query, SIGNAL_ID, numbers[0], numbers[-1])

    def mean(self, number: int) -> float:
        """The mean of a record, calibrated."""
        query = """
            select avg(s.raw * l.gain + l.shift) from bench.sample s join bench.line l using (signal_id)
             where s.signal_id = %s and s.shot = %s
        """
        return float(self._ask(query, SIGNAL_ID, number)[0][0])

    def mean_between(self, number: int, t0: float, t1: float) -> float:
        """The mean of a window, calibrated."""
        query = """
            select avg(s.raw * l.gain + l.shift) from bench.sample s join bench.line l using (signal_id)
             where s.signal_id = %s and s.shot = %s and s.time >= %s and s.time < %s
        """
        return float(self._ask(query, SIGNAL_ID, number, t0, t1)[0][0])

    def bytes_per_sample(self) -> float:
        """On disk, with its index."""
        return float(
            self._ask("select pg_total_relation_size('bench.sample')::float8 / (select count(*) from bench.sample)")[0][
                0
            ]
        )

    def _ask(self, query: str, *parameters: Any) -> list[Any]:
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(query, parameters, prepare=True).fetchall()
