"""Tasks of an analysis: find shots by what they measured, one number per shot, many signals as one table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .arena import Arena
from .discharges import Discharges
from .stores import gilgamesh
from .stores.hdf5 import HDF5
from .timing import Contestant, Measurement, compete
from .workload import DT, Values

LASTING = 1e-3  # s
ROUNDS = 5  # at most: whole campaigns are read

Threshold = tuple[str, float]


def search(arena: Arena) -> Iterator[Measurement]:
    """Shots in which one of two signals was this high once."""
    yield from _searched(arena, "search", quantile=0.97, lasting=None)


def lasting(arena: Arena) -> Iterator[Measurement]:
    """Shots in which one of two signals was this high for a millisecond without a break."""
    yield from _searched(arena, "lasting", quantile=0.9, lasting=LASTING)


def reduce(arena: Arena) -> Iterator[Measurement]:
    """The largest value of every signal in every shot."""
    made, db = arena.discharges, arena.ours.db
    samples = len(made.names) * len(made.shots) * made.samples

    def ours() -> pd.DataFrame:
        return db.reduce(made.names, made.shots, "max")

    contestants = {gilgamesh.NAME: Contestant(lambda _: ours(), samples)}
    for store in made.files:
        pd.testing.assert_frame_equal(ours(), _largest(made, store), rtol=1e-12)
        contestants[store.name] = Contestant(lambda _, store=store: _largest(made, store), samples)  # type: ignore[misc]
    yield from compete("reduce", contestants, min(arena.sizes.rounds, ROUNDS))


def signals(arena: Arena) -> Iterator[Measurement]:
    """All signals of some shots as one table over (Shot, Time)."""
    made, db = arena.discharges, arena.ours.db
    shots = made.shots[: arena.sizes.tabled]
    samples = len(made.names) * len(shots) * made.samples

    def ours() -> pd.DataFrame:
        return db.signals(made.names, shot=list(shots))

    contestants = {gilgamesh.NAME: Contestant(lambda _: ours(), samples)}
    for store in made.files:
        pd.testing.assert_frame_equal(ours(), _table(made, store, shots), rtol=1e-12)
        contestants[store.name] = Contestant(lambda _, store=store: _table(made, store, shots), samples)  # type: ignore[misc]
    yield from compete("signals", contestants, min(arena.sizes.rounds, ROUNDS))


def _searched(arena: Arena, task: str, quantile: float, lasting: float | None) -> Iterator[Measurement]:
    made, db = arena.discharges, arena.ours.db
    asked = [_threshold(arena, name, quantile) for name in (made.names[0], made.names[-1])]
    condition = " or ".join(f"{name} > {level!r}" for name, level in asked)
    samples = len(asked) * len(made.shots) * made.samples

    def ours() -> list[int]:
        return db.find_shots(condition, for_at_least=lasting, shots=made.shots)

    contestants = {gilgamesh.NAME: Contestant(lambda _: ours(), samples)}
    for store in made.files:
        found = _looked_for(made, store, asked, lasting)
        np.testing.assert_array_equal(ours(), found, err_msg=f"{store.name} finds other shots")
        contestants[store.name] = Contestant(
            lambda _, store=store: _looked_for(made, store, asked, lasting),  # type: ignore[misc]
            samples,
        )
    yield from compete(task, contestants, min(arena.sizes.rounds, ROUNDS))


def _threshold(arena: Arena, name: str, quantile: float) -> Threshold:
    """A level that weak discharges do not reach: what the middling ones exceed now and then."""
    shots = arena.discharges.shots
    levels = [np.quantile(arena.ours.db.signal(name, shot).values, quantile) for shot in shots[: min(20, len(shots))]]
    return name, round(float(np.quantile(levels, 0.7)), 3)


# -- the same by hand, over files -------------------------------------------------------------------------


def _looked_for(made: Discharges, store: HDF5, asked: list[Threshold], lasting: float | None) -> list[int]:
    names = [name for name, _ in asked]
    enough = 1 if lasting is None else round(lasting / DT)
    found = []
    for shot in made.shots:
        high = [values > level for values, (_, level) in zip(made.by_hand(store, shot, names), asked, strict=True)]
        if longest(np.logical_or.reduce(high)) >= enough:
            found.append(shot)
    return found


def longest(high: NDArray[np.bool_]) -> int:
    """Samples of the longest run."""
    edges = np.flatnonzero(np.diff(high, prepend=False, append=False))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _largest(made: Discharges, store: HDF5) -> pd.DataFrame:
    rows = []
    for shot in made.shots:
        counts = [raw.max() for raw in store.channels(shot, range(len(made.names)))]  # all gains are positive
        rows.append([top * gain + offset for top, (gain, offset) in zip(counts, made.lines.values(), strict=True)])
    return pd.DataFrame(rows, index=pd.Index(made.shots, name="Shot", dtype="int64"), columns=list(made.lines))


def _table(made: Discharges, store: HDF5, shots: range) -> pd.DataFrame:
    columns: dict[str, list[Values]] = {name: [] for name in made.names}
    for shot in shots:
        for name, values in zip(made.names, made.by_hand(store, shot, made.names), strict=True):
            columns[name].append(values)
    index = pd.MultiIndex.from_arrays(
        [np.repeat(shots, made.samples), np.tile(DT * np.arange(made.samples), len(shots))], names=["Shot", "Time"]
    )
    return pd.DataFrame({name: np.concatenate(parts) for name, parts in columns.items()}, index=index)
