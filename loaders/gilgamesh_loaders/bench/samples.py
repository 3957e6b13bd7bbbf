"""Tasks about one long record: write it, read it, look into it, see it whole; what it takes on disk."""

from __future__ import annotations

from collections.abc import Iterator

from .arena import Arena
from .stores import gilgamesh, row_table
from .stores.pair import pair
from .timing import Contestant, Measurement, compete

WRITTEN = 1000  # shots of the rounds of writing
WINDOW = 1000  # samples
POINTS = 2000


def write(arena: Arena) -> Iterator[Measurement]:
    """A new record on disk: committed, or synchronised."""
    raw, rounds = arena.raw, arena.sizes.rounds
    part = raw[: arena.sizes.rows]
    assert arena.record  # noqa: S101 - everybody has written before
    with pair(arena.ours.address(), arena.ours.port, raw) as loaders:
        contestants = {
            gilgamesh.NAME: Contestant(lambda number: arena.ours.write(WRITTEN + number, raw), raw.size),
            gilgamesh.PAIR: Contestant(lambda number: loaders.write(2 * WRITTEN + 2 * number), 2 * raw.size),
            row_table.NAME: Contestant(lambda number: arena.rows.write(WRITTEN + number, part), part.size),
        }
        for store in arena.files:
            contestants[store.name] = Contestant(
                lambda number, store=store: store.write(WRITTEN + number, raw),  # type: ignore[misc]
                raw.size,
                after=lambda number, store=store: store.remove(WRITTEN + number),  # type: ignore[misc]
            )
        yield from compete("write", contestants, rounds, settle=arena.settle)


def read(arena: Arena) -> Iterator[Measurement]:
    """A whole record as calibrated float64."""
    record, size = arena.record, arena.raw.size
    contestants = {
        gilgamesh.NAME: Contestant(lambda _: arena.ours.values(record), size),
        gilgamesh.THEN: Contestant(lambda _: arena.ours.values(record, arena.ours.then), size),
    }
    for store in arena.files:
        contestants[store.name] = Contestant(lambda _, store=store: store.values(record), size)  # type: ignore[misc]
    yield from compete("read", contestants, arena.sizes.rounds)


def window(arena: Arena) -> Iterator[Measurement]:
    """A thousand consecutive samples of a long record."""
    record, first, ours = arena.record, arena.raw.size // 2, arena.ours
    contestants = {
        gilgamesh.NAME: Contestant(lambda _: ours.window(record, first, WINDOW), WINDOW),
        gilgamesh.THEN: Contestant(lambda _: ours.window(record, first, WINDOW, ours.then), WINDOW),
        gilgamesh.FIRST: Contestant(lambda _: ours.window_after_connecting(record, first, WINDOW), WINDOW),
    }
    for store in arena.files:
        contestants[store.name] = Contestant(
            lambda _, store=store: store.window(record, first, WINDOW),  # type: ignore[misc]
            WINDOW,
        )
    yield from compete("window", contestants, arena.sizes.rounds, repeats=arena.sizes.repeats)


def overview(arena: Arena) -> Iterator[Measurement]:
    """Minimum and maximum in two thousand bins: what a plot needs."""
    record, size = arena.record, arena.raw.size
    contestants = {gilgamesh.NAME: Contestant(lambda _: arena.ours.extremes(record, POINTS), size)}
    for store in arena.files:
        contestants[store.name] = Contestant(
            lambda _, store=store: store.extremes(record, POINTS),  # type: ignore[misc]
            size,
        )
    yield from compete("overview", contestants, arena.sizes.rounds)


def disk(arena: Arena) -> Iterator[Measurement]:
    """Bytes on disk per sample, indexes and previews included."""
    record, size = arena.record, arena.raw.size
    yield Measurement("disk", gilgamesh.NAME, (), size, arena.ours.bytes_per_sample())
    yield Measurement("disk", row_table.NAME, (), arena.sizes.rows, arena.rows.bytes_per_sample())
    for store in arena.files:
        yield Measurement("disk", store.name, (), size, store.size(record) / size)
