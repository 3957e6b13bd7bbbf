"""Tasks of slow control: samples that come in batches and singly, and a day of many channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from gilgamesh_db import Polynomial

from .arena import Arena
from .stores import gilgamesh, row_table
from .timing import Contestant, Measurement, compete

DAY = datetime(2026, 3, 10, tzinfo=UTC)
BATCH = 5000
SINGLE = 100  # samples one after another, each committed
DEVICE = "Cryostat"

STORE = "select * from gilgamesh.store_samples(%s::bigint[], %s::timestamptz[], %s::float8[])"
ROWS = (
    "create table bench.slow (port_id bigint, at timestamptz, raw double precision, primary key (port_id, at))",
    "create table bench.slow_day (like bench.slow including all)",
)
INSERT = (
    "insert into bench.slow select * from unnest(%s::bigint[], %s::timestamptz[], %s::float8[]) on conflict do nothing"
)
TAIL = """
insert into gilgamesh.stream_tail (port_id, at, raw)
select %s, %s::timestamptz + s * interval '1 second', (s * 7919) %% 30000 from generate_series(0, 86399) s
"""
# One channel is compacted; the others are copies of it.
COPIES = (
    """
insert into gilgamesh.stream_segment (port_id, hour, n, payload, times, last_at, last)
select o.port_id, g.hour, g.n, g.payload, g.times, g.last_at, g.last
  from gilgamesh.stream_segment g cross join unnest(%s::bigint[]) o(port_id) where g.port_id = %s
""",
    """
insert into gilgamesh.stream_aggregate (port_id, width, since, counts, totals, extremes, latest)
select o.port_id, a.width, a.since, a.counts, a.totals, a.extremes, a.latest
  from gilgamesh.stream_aggregate a cross join unnest(%s::bigint[]) o(port_id) where a.port_id = %s
""",
)
ROW_DAY = """
insert into bench.slow_day
select p, %s::timestamptz + s * interval '1 second', (s * 7919) %% 30000
  from unnest(%s::bigint[]) p, generate_series(0, 86399) s
"""
AGGREGATES = """
select d.port_id, date_bin('1 minute', d.at, '1970-01-01Z') as minute, count(*),
       min(d.raw * l.gain + l.shift), max(d.raw * l.gain + l.shift), avg(d.raw * l.gain + l.shift),
       (array_agg(d.raw * l.gain + l.shift order by d.at desc))[1]
  from bench.slow_day d cross join bench.line l
 where d.at >= %s and d.at < %s and l.signal_id = -1 group by 1, 2
"""


def batches(arena: Arena) -> Iterator[Measurement]:
    """Batches of samples of many channels, each committed."""
    ports = _ports(arena)

    def given(turn: int) -> list[tuple[Any, ...]]:
        began = DAY - timedelta(days=400) + timedelta(minutes=turn)
        at = [began + timedelta(microseconds=200 * i) for i in range(BATCH)]
        return [([ports[i % len(ports)] for i in range(BATCH)], at, [float(i % 30000) for i in range(BATCH)])]

    yield from _compete(arena, "batches", given, BATCH)


def singles(arena: Arena) -> Iterator[Measurement]:
    """Samples that come alone, each committed."""
    ports = _ports(arena)

    def given(turn: int) -> list[tuple[Any, ...]]:
        began = DAY - timedelta(days=800) + timedelta(minutes=turn)
        return [([ports[0]], [began + timedelta(milliseconds=i)], [float(i)]) for i in range(SINGLE)]

    yield from _compete(arena, "singles", given, SINGLE)


def day(arena: Arena) -> Iterator[Measurement]:
    """A day of all channels, a sample a second, in minutes."""
    ports, connection = _ports(arena), arena.ours.connection
    names = [f"Cold{i}" for i in range(len(ports))]
    tenth = ports[: max(1, len(ports) // 10)]
    connection.execute("truncate gilgamesh.stream_tail")  # what the other tasks left behind
    connection.execute(TAIL, (ports[0], DAY))
    arena.ours.db.compact_streams()
    for statement in COPIES:
        connection.execute(statement, (ports[1:], ports[0]))
    connection.execute(ROW_DAY, (DAY, tenth))
    connection.execute("insert into bench.line values (-1, 0.01, 1)")
    for table in ("gilgamesh.stream_segment", "gilgamesh.stream_aggregate", "bench.slow_day"):
        connection.execute(f"analyze {table}")
    until = DAY + timedelta(days=1)

    def ours() -> Any:
        return arena.ours.db.slow(names, DAY, until, every="1min")

    def rows() -> Any:
        return connection.execute(AGGREGATES, (DAY, until)).fetchall()

    table, found = ours(), sorted(rows())[: 24 * 60]
    np.testing.assert_allclose(
        np.array([row[2:] for row in found], float),
        np.column_stack([table[statistic][names[0]] for statistic in ("n", "minimum", "maximum", "mean", "last")]),
        rtol=1e-9,
    )
    contestants = {
        gilgamesh.NAME: Contestant(lambda _: ours(), len(ports) * 86400),
        row_table.NAME: Contestant(lambda _: rows(), len(tenth) * 86400),
    }
    yield from compete("day", contestants, min(arena.sizes.rounds, 5))


def _compete(
    arena: Arena, task: str, given: Callable[[int], list[tuple[Any, ...]]], samples: int
) -> Iterator[Measurement]:
    connection, turn = arena.ours.connection, iter(range(1_000_000))

    def store(statement: str) -> None:
        for one in given(next(turn)):
            connection.execute(statement, one, prepare=True, binary=True)

    yield from compete(
        task,
        {
            gilgamesh.NAME: Contestant(lambda _: store(STORE), samples),
            row_table.NAME: Contestant(lambda _: store(INSERT), samples),
        },
        arena.sizes.rounds,
        settle=arena.settle,
    )


def _ports(arena: Arena) -> list[int]:
    """The channels, made when they are first asked for."""
    db = arena.ours.db
    if db.sql("select 1 from gilgamesh.stream limit 1").empty:
        for statement in ROWS:
            arena.ours.connection.execute(statement)
        with db.edit("channels of slow control") as edit:
            edit.add_component(DEVICE, "DAQDevice")
            for i in range(arena.sizes.slow_channels):
                edit.add_port(DEVICE, f"ch{i}", dtype="int16")
                edit.open_stream(f"{DEVICE}/ch{i}")
                edit.calibrate(f"{DEVICE}/ch{i}", Polynomial((1.0, 0.01)), None, "K")
                edit.add_signal(f"Cold{i}", unit="K")
                edit.connect(f"Cold{i}", f"{DEVICE}/ch{i}")
    return [int(one) for one in db.sql("select port_id from gilgamesh.stream order by port_id").port_id]
