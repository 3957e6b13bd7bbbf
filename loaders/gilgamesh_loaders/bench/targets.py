"""What we promised ourselves, and whether a run keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .stores import REFERENCE, bare_copy, gilgamesh, row_table
from .timing import Measurement

Results = Mapping[tuple[str, str], Measurement]
Judge = Callable[[Measurement, Results], bool | None]


@dataclass(frozen=True)
class Target:
    """A promise, in words and as a judge; the judge gives None where the other side was not measured."""

    words: str
    judge: Judge


def under(milliseconds: float, *, nearly_always: bool = False, because: str = "") -> Target:
    """An absolute time: the median, or the 95th percentile; in words of its own where it follows from another."""

    def judge(ours: Measurement, _results: Results) -> bool | None:
        return (ours.p95 if nearly_always else ours.median) < milliseconds / 1e3

    return Target(f"{'95 % ' if nearly_always else ''}< {milliseconds:g} ms{because}", judge)


def at_most(factor: float, store: str, words: str) -> Target:
    """At most so many times what another store needs for the same task."""

    def judge(ours: Measurement, results: Results) -> bool | None:
        other = results.get((ours.task, store))
        return None if other is None else ours.cost <= factor * other.cost

    return Target(words, judge)


def faster_than(*stores: str) -> list[Target]:
    """Ahead of others, each by name."""
    return [at_most(1.0, store, f"ahead of {store}") for store in stores]


IN_ALL = " (10 000 shots in 2 s)"  # what was promised; 200 shots are searched

TARGETS: dict[tuple[str, str], list[Target]] = {
    ("write", gilgamesh.NAME): [
        at_most(1 / 0.24, REFERENCE, "≥ 0.24 × speed of h5py"),
        at_most(1.0, "parquet", "≥ speed of parquet"),
        at_most(1 / 100, row_table.NAME, "≥ 100 × speed of rows"),
    ],
    ("write", gilgamesh.PAIR): [at_most(1 / 0.35, REFERENCE, "≥ 0.35 × speed of h5py")],
    ("read", gilgamesh.NAME): [at_most(1.25, REFERENCE, "≤ 1.25 × time of h5py"), *faster_than("zarr", "parquet", "duckdb")],
    ("read", gilgamesh.THEN): [at_most(1.2, gilgamesh.NAME, "≤ 1.2 × time of today's")],
    ("window", gilgamesh.NAME): [under(0.5), *faster_than(REFERENCE)],
    ("window", gilgamesh.THEN): [at_most(1.2, gilgamesh.NAME, "≤ 1.2 × time of today's")],
    ("overview", gilgamesh.NAME): [under(5)],
    ("statistics", gilgamesh.NAME): [under(20)],
    ("statistics", gilgamesh.MOMENTS): [under(5)],
    ("load", gilgamesh.NAME): [under(2000)],
    ("campaign", gilgamesh.NAME): [at_most(1 / 0.6, bare_copy.NAME, "≥ 0.6 × speed of bare COPY")],
    ("scan", gilgamesh.NAME): [at_most(1 / 1.3, row_table.NAME, "≥ 1.3 × speed of rows")],
    ("between", gilgamesh.NAME): [under(1)],
    ("search", gilgamesh.NAME): [under(40, because=IN_ALL), *faster_than(REFERENCE)],
    ("lasting", gilgamesh.NAME): [under(40, because=IN_ALL), *faster_than(REFERENCE)],
    ("reduce", gilgamesh.NAME): faster_than(REFERENCE),
    ("signals", gilgamesh.NAME): [at_most(1.25, REFERENCE, "≤ 1.25 × time of h5py")],
    ("changes", gilgamesh.NAME): [under(5000)],
    ("what_if", gilgamesh.NAME): [under(2000)],
    ("resolution", gilgamesh.NAME): [under(1, nearly_always=True)],
    ("resolution", gilgamesh.THEN): [at_most(1.2, gilgamesh.NAME, "≤ 1.2 × time of today's")],
    ("names", gilgamesh.NAME): [under(10)],
    ("batches", gilgamesh.NAME): [under(250, because=" (20 000 samples/s)")],
    ("singles", gilgamesh.NAME): [under(50, because=" (2 000 samples/s)")],
    ("day", gilgamesh.NAME): [under(50), *faster_than(row_table.NAME)],
    ("disk", gilgamesh.NAME): [at_most(1 / 25, row_table.NAME, "≤ 1/25 of rows")],
}  # fmt: skip


def missed(measurement: Measurement, results: Results) -> list[Target]:
    """The promises that were not kept."""
    return [target for target in promised(measurement) if target.judge(measurement, results) is False]


def promised(measurement: Measurement) -> list[Target]:
    """What was promised for this store in this task."""
    return TARGETS.get((measurement.task, measurement.store), [])


def by_key(measurements: Iterable[Measurement]) -> Results:
    """Measurements by task and store."""
    return {(one.task, one.store): one for one in measurements}
