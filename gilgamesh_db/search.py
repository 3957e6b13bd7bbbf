"""Shots by the values of their signals: narrowed by stored extremes, decided on samples where those cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import units
from .condition import COMPARED, Comparison, read_condition
from .errors import ConditionError, NotFound, Unresolved
from .formula import Node
from .narrowing import Narrowing, is_long
from .rules import quantity, subject
from .shot_range import Shots, shots_of
from .signal import Signal

if TYPE_CHECKING:
    from .database import Database

Bools = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
Read = dict[Node, tuple[FloatArray, FloatArray] | None]
Window = tuple[float, float]


def find_shots(db: Database, condition: str, shots: Shots, for_at_least: float | str | None) -> list[int]:
    """See `Database.find_shots`."""
    numbers = shots_of(db, shots)
    lasting = _seconds(for_at_least)
    asked = read_condition(db, condition, numbers[0])
    narrowing = Narrowing(db, numbers, asked.units, set(asked.derived))
    known = narrowing.known(asked.tree)
    # One sample is not long enough, a whole record may be.
    sure = known.somewhere if lasting == 0 else known.throughout & (known.lasts >= lasting)
    found = []
    for shot, is_sure, is_possible in zip(numbers, sure, known.maybe, strict=True):
        if is_sure or (is_possible and _decided(db, narrowing, asked.tree, shot, lasting)):
            found.append(shot)
    return found


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


def _decided(db: Database, narrowing: Narrowing, tree: Node, shot: int, lasting: float) -> bool:
    """Whether the condition holds in a shot: by the samples, of a long record only where pieces of it leave it open."""
    names = narrowing.measured(tree, shot)
    if names:
        try:
            signals = {name: db.signal(name, shot) for name in names}
            windows = narrowing.windows(tree, shot, signals, lasting) if is_long(signals) else [None]
        except (Unresolved, NotFound):  # some of it may be read nevertheless
            windows = [None]
        return any(_holds(db, tree, shot, lasting, window) for window in windows)
    return _holds(db, tree, shot, lasting, None)


def _holds(db: Database, tree: Node, shot: int, lasting: float, window: Window | None) -> bool:
    """Whether the samples meet the condition for long enough; each stands for the time until the next one."""
    read: Read = {}
    for comparison in Comparison.every(tree):
        if comparison.subject not in read:
            read[comparison.subject] = _read(subject(db, comparison.subject, shot), window)
    grids = [held[0] for held in read.values() if held is not None]
    if not grids:
        return False
    # Most signals of a shot share their time base; sorting the instants would take longer than reading them.
    shared = all(np.array_equal(grid, grids[0]) for grid in grids[1:])
    grid = grids[0] if shared else np.unique(np.concatenate(grids))
    true = _truth(tree, grid, read)
    if lasting == 0:
        return bool(true.any())
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(np.int8)))
    since, until = edges[0::2], edges[1::2]
    # A run ends where the first instant begins at which it does not hold.
    ends = grid[np.minimum(until, grid.size - 1)]
    return bool((ends - grid[since] >= lasting * (1 - 1e-9)).any())


def _read(signal: Signal, window: Window | None) -> tuple[FloatArray, FloatArray] | None:
    """Instants, with the end of the last sample, and values; None where nothing can be read."""
    try:
        part = signal if window is None else signal.window(*window)
        time, values = part.time, part.values
        if not time.size:
            return None
        return np.append(time, time[-1] + (signal.dt or 0.0)), values
    except (Unresolved, NotFound):
        return None


def _truth(node: Node, grid: FloatArray, read: Read) -> Bools:
    """Where the condition is true; outside a record no comparison is."""
    if node.operation in COMPARED:
        comparison = Comparison.of(node)
        held = read[comparison.subject]
        if held is None:
            return np.zeros(grid.size, dtype=bool)
        time, values = held
        at = np.searchsorted(time[:-1], grid, side="right") - 1
        # The last instant is the end of the last sample; without an interval the sample has that instant itself.
        inside = (at >= 0) & (
            (grid < time[-1]) | (time[-1] == time[-2] if time.size > 1 else True) & (grid <= time[-1])
        )
        true: Bools = comparison(values[np.maximum(at, 0)]) & inside
        return true
    gather = np.logical_and if node.operation == "and" else np.logical_or
    found: Bools = gather.reduce([_truth(part, grid, read) for part in node.arguments])
    return found
