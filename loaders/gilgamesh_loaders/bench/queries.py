"""Tasks in SQL: every sample of a record, and a millisecond of it."""

from __future__ import annotations

from collections.abc import Iterator

from .arena import Arena
from .stores import gilgamesh, row_table
from .timing import Contestant, Measurement, compete
from .workload import DT

WINDOW = 1000  # samples, 1 ms


def scan(arena: Arena) -> Iterator[Measurement]:
    """The mean of all calibrated samples of a record, sample by sample."""
    record, size = arena.record, arena.raw.size
    contestants = {
        gilgamesh.NAME: Contestant(lambda _: arena.ours.mean(record), size),
        row_table.NAME: Contestant(lambda _: arena.rows.mean(record), arena.sizes.rows),
    }
    for store in arena.files:
        contestants[store.name] = Contestant(lambda _, store=store: store.mean(record), size)  # type: ignore[misc]
    yield from compete("scan", contestants, min(arena.sizes.rounds, 5))


def between(arena: Arena) -> Iterator[Measurement]:
    """The mean of the calibrated samples of one millisecond."""
    record, t0 = arena.record, DT * (arena.sizes.rows // 2)
    t1 = t0 + WINDOW * DT
    contestants = {
        gilgamesh.NAME: Contestant(lambda _: arena.ours.mean_between(record, t0, t1), WINDOW),
        row_table.NAME: Contestant(lambda _: arena.rows.mean_between(record, t0, t1), WINDOW),
    }
    yield from compete("between", contestants, arena.sizes.rounds, repeats=arena.sizes.repeats)
