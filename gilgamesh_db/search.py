"""Shots by the values of their signals: narrowed by stored extremes, decided on samples where those cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import previews, units
from .arithmetic import FormulaSignal
from .bulk import read_shots
from .condition import COMPARED, Comparison, read_condition
from .derived import formula_over
from .envelope import level_for
from .errors import ConditionError, NotFound, Unresolved
from .formula import Node
from .narrowing import BINS, Narrowing, is_long
from .rules import quantity, subject
from .shot_range import Shots, shots_of
from .signal import Signal

if TYPE_CHECKING:
    from .database import Database

Bools = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
Read = dict[Node, tuple[FloatArray, FloatArray] | None]
Window = tuple[float, float]
Held = dict[str, Signal]

AT_ONCE = 64e6  # bytes of values read in one round trip


def find_shots(db: Database, condition: str, shots: Shots, for_at_least: float | str | None) -> list[int]:
    """See `Database.find_shots`."""
    numbers = shots_of(db, shots)
    lasting = _seconds(for_at_least)
    asked = read_condition(db, condition, numbers[0])
    narrowing = Narrowing(db, numbers, asked.units, set(asked.derived))
    known = narrowing.known(asked.tree)
    # One sample is not long enough, a whole record may be.
    sure = known.somewhere if lasting == 0 else known.throughout & (known.lasts >= lasting)
    open_ = [
        shot
        for shot, is_sure, is_possible in zip(numbers, sure, known.maybe, strict=True)
        if is_possible and not is_sure
    ]
    told = previews.decided(narrowing, asked.tree, open_, lasting)
    told.update((shot, bool(yes)) for shot, yes in zip(numbers, sure, strict=True) if yes)
    left = [shot for shot in open_ if shot not in told]
    for shot, held in _read_together(db, narrowing, asked.tree, left):
        told[shot] = _decided(db, narrowing, asked.tree, shot, lasting, held)
    return [shot for shot in numbers if told.get(shot, False)]


def _read_together(db: Database, narrowing: Narrowing, tree: Node, shots: list[int]) -> Iterator[tuple[int, Held]]:
    """The shots with their short records, those of many in one round trip; long ones are read by pieces later."""
    needed = {shot: narrowing.measured(tree, shot) or set() for shot in shots}
    batch: list[int] = []
    size = 0

    def read() -> Iterator[tuple[int, Held]]:
        names = set[str]().union(*(needed[shot] for shot in batch))
        found = read_shots(db, names, batch) if names else {}
        yield from ((shot, found.get(shot, {})) for shot in batch)

    for shot in shots:
        rows = [row for name in needed[shot] if (row := narrowing.record(name, shot)) is not None]
        if any(level_for(int(row.n), BINS) > 1 or not row.finished for row in rows):
            yield shot, {}
            continue
        batch.append(shot)
        size += sum(8 * int(row.n) for row in rows)
        if size > AT_ONCE:
            yield from read()
            batch, size = [], 0
    yield from read()


def _seconds(for_at_least: float | str | None) -> float:
    if for_at_least is None:
        return 0.0
    if isinstance(for_at_least, str):
        number, unit = quantity(for_at_least)
        gain, _ = units.conversion(unit, "s")
        for_at_least = number * gain
    if not 0 < for_at_least < np.inf:
        raise ConditionError(f"{for_at_least} s is no time for which something can hold; write for_at_least='5 ms'")
    return float(for_at_least)


def _decided(db: Database, narrowing: Narrowing, tree: Node, shot: int, lasting: float, held: Held) -> bool:
    """Whether the condition holds in a shot: by the samples, of a long record only where pieces of it leave it open."""
    names = narrowing.measured(tree, shot)
    if names and not held:
        try:
            signals = {name: db.signal(name, shot) for name in names}
            windows = narrowing.windows(tree, shot, signals, lasting) if is_long(signals) else [None]
        except (Unresolved, NotFound):  # some of it may be read nevertheless
            windows = [None]
        return any(_holds(tree, lasting, window, lambda node: subject(db, node, shot)) for window in windows)

    def source(node: Node) -> Signal:
        if node.operation != "name":
            return FormulaSignal(node, {name: source(Node("name", value=name)) for name in node.names()}, aligned=True)
        name = str(node.value)
        if name in held:
            return held[name]
        stated = narrowing.stated(name, shot)
        return db.signal(name, shot) if stated is None else formula_over(stated, source)

    return _holds(tree, lasting, None, source if held else lambda node: subject(db, node, shot))


def _holds(tree: Node, lasting: float, window: Window | None, source: Callable[[Node], Signal]) -> bool:
    """Whether the samples meet the condition for long enough; each stands for the time until the next one."""
    read: Read = {}
    for comparison in Comparison.every(tree):
        if comparison.subject not in read:
            read[comparison.subject] = _read(source, comparison.subject, window)
    grids = [held[0] for held in read.values() if held is not None]
    if not grids:
        return False
    # Most signals of a shot share their time base; sorting the instants would take longer than reading them.
    shared = all(np.array_equal(grid, grids[0]) for grid in grids[1:])
    grid = grids[0] if shared else np.unique(np.concatenate(grids))
    steady = shared and grid.size > 1 and bool((grid[1:] > grid[:-1]).all())
    true = _truth(tree, grid, read, steady=steady)
    if lasting == 0:
        return bool(true.any())
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(np.int8)))
    since, until = edges[0::2], edges[1::2]
    # A run ends where the first instant begins at which it does not hold.
    ends = grid[np.minimum(until, grid.size - 1)]
    return bool((ends - grid[since] >= lasting * (1 - 1e-9)).any())


def _read(source: Callable[[Node], Signal], node: Node, window: Window | None) -> tuple[FloatArray, FloatArray] | None:
    """Instants, with the end of the last sample, and values; None where nothing can be read."""
    try:
        signal = source(node)
        part = signal if window is None else signal.window(*window)
        time, values = part.time, part.values
        if not time.size:
            return None
        return np.append(time, time[-1] + (signal.dt or 0.0)), values
    except (Unresolved, NotFound):
        return None


def _truth(node: Node, grid: FloatArray, read: Read, *, steady: bool) -> Bools:
    """Where the condition is true; outside a record no comparison is. `steady`: all records have just these instants."""
    if node.operation in COMPARED:
        comparison = Comparison.of(node)
        held = read[comparison.subject]
        if held is None:
            return np.zeros(grid.size, dtype=bool)
        time, values = held
        if steady:
            return np.append(comparison(values), False)
        at = np.searchsorted(time[:-1], grid, side="right") - 1
        # The last instant is the end of the last sample; without an interval the sample has that instant itself.
        inside = (at >= 0) & (
            (grid < time[-1]) | (time[-1] == time[-2] if time.size > 1 else True) & (grid <= time[-1])
        )
        true: Bools = comparison(values[np.maximum(at, 0)]) & inside
        return true
    gather = np.logical_and if node.operation == "and" else np.logical_or
    found: Bools = gather.reduce([_truth(part, grid, read, steady=steady) for part in node.arguments])
    return found
