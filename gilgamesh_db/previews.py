"""Conditions decided on stored previews: minima and maxima of pieces of a record, of many shots at once.

Where every piece in which a condition may hold is too short, it does not hold for long enough; where the pieces in which
it must hold are long enough, it does. What lies between is left to the samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import payload
from .bounds import bounds
from .calibration import steps_from_json
from .condition import COMPARED, Comparison
from .formula import Node
from .formula.enclosure import Interval

if TYPE_CHECKING:
    from .narrowing import Narrowing

Bools = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

LONGEST = 64 * 8192  # samples; of longer records the coarser level is looked at
AT_ONCE = 4_000_000  # pieces in memory

_PIECES = """
select a.at, p.payload, p.n
  from unnest(%s::bigint[], %s::bigint[], %s::integer[]) with ordinality a(shot, series_id, level, at)
  join gilgamesh.pyramid p on p.shot = a.shot and p.series_id = a.series_id and p.level = a.level
 order by a.at, p.position
"""


@dataclass(frozen=True)
class _Shot:
    """A shot whose records can be looked at by pieces."""

    number: int
    records: dict[str, Any]  # rows of what the extremes were read from


def decided(narrowing: Narrowing, tree: Node, shots: list[int], lasting: float) -> dict[int, bool]:
    """Whether a condition holds for at least so long, in those of the shots where previews tell.

    Parameters
    ----------
    tree : Node
        Of comparisons joined by ``and`` and ``or``.
    lasting : float
        Seconds; 0 is at one sample.
    """
    found: dict[int, bool] = {}
    for group in _alike(narrowing, tree, shots):
        first = next(iter(group[0].records.values()))
        size = max(1, int(AT_ONCE // (len(group[0].records) * (first.n // _level(first) + 1))))
        for start in range(0, len(group), size):
            part = group[start : start + size]
            some, long = _looked_at(narrowing, tree, part, lasting)
            found.update((shot.number, bool(yes)) for shot, no, yes in zip(part, ~some, long, strict=True) if yes or no)
    return found


def _alike(narrowing: Narrowing, tree: Node, shots: list[int]) -> Iterator[list[_Shot]]:
    """Shots whose records have the same time bases and whose formulas are the same, together."""
    computed = [one.subject for one in Comparison.every(tree)]
    mixed = any(node.operation != "name" or node.value in narrowing.derived for node in computed)
    groups: dict[Any, list[_Shot]] = {}
    for number in shots:
        names = narrowing.measured(tree, number)
        records = {name: narrowing.record(name, number) for name in sorted(names or ())}
        if not records or any(
            row is None or row.dt is None or not row.finished or not row.n for row in records.values()
        ):
            continue
        grids = [(row.start, row.dt, row.n) for row in records.values()]
        if mixed and len(set(grids)) > 1:
            continue  # a formula is taken at the instants of its first signal
        # Chains that are no lines are few; each has its own group.
        curves = tuple(repr(row.steps) for row in records.values())
        key = (
            tuple(records),
            tuple(grids),
            tuple(row.dtype for row in records.values()),
            curves,
            narrowing.formulas(number),
        )
        groups.setdefault(key, []).append(_Shot(number, records))
    yield from groups.values()


def _level(row: Any) -> int:
    return payload.PYRAMID_LEVELS[0 if row.n <= LONGEST else 1]


def _looked_at(narrowing: Narrowing, tree: Node, group: list[_Shot], lasting: float) -> tuple[Bools, Bools]:
    """Of each shot: whether the condition may hold for long enough, and whether it certainly does."""
    names = list(group[0].records)
    rows = [shot.records[name] for name in names for shot in group]
    levels = [_level(row) for row in rows]
    pairs: dict[int, list[NDArray[Any]]] = {}
    for row in narrowing.db.reader.rows(_PIECES, ([r.shot for r in rows], [r.series_id for r in rows], levels)):
        pairs.setdefault(row.at - 1, []).append(payload.decode(row.payload, rows[row.at - 1].dtype, 2 * row.n))
    edges = {}
    values: dict[str, Interval] = {}
    exact = set()
    for k, name in enumerate(names):
        row = group[0].records[name]
        count = -(-row.n // _level(row))
        mine = [np.concatenate(pairs.get(k * len(group) + i, [np.empty(0)])) for i in range(len(group))]
        if any(one.size != 2 * count for one in mine):  # released, or written by nobody who makes previews
            return np.ones(len(group), bool), np.zeros(len(group), bool)
        both = np.stack(mine).astype(np.float64)
        values[name] = _calibrated([shot.records[name] for shot in group], both[:, 0::2], both[:, 1::2])
        starts = np.minimum(np.arange(count + 1) * _level(row), row.n)
        edges[name] = float(row.start) + starts * float(row.dt)
        if row.steps is None and all(shot.records[name].numbers == row.n for shot in group):
            exact.add(name)
    every = np.unique(np.concatenate(list(edges.values())))
    known: dict[str, Interval] = {}
    for name, (low, high) in values.items():
        at = np.searchsorted(edges[name], every[:-1], side="right") - 1
        inside = (at >= 0) & (at < low.shape[1])
        at = np.clip(at, 0, low.shape[1] - 1)
        known[name] = np.where(inside, low[:, at], np.nan).ravel(), np.where(inside, high[:, at], np.nan).ravel()
    shape = len(group), every.size - 1
    maybe, surely = _compared(narrowing, tree, group[0].number, known, exact, shape[0] * shape[1])
    near = 1e-6 * min(float(row.dt) for row in rows)
    return (
        _longest(maybe.reshape(shape), every) >= max(lasting * (1 - 1e-9) - near, np.nextafter(0.0, 1.0)),
        _longest(surely.reshape(shape), every) >= max(lasting, np.nextafter(0.0, 1.0)),
    )


def _calibrated(rows: list[Any], low: FloatArray, high: FloatArray) -> Interval:
    """Bounds of the values, from those of the counts; pieces that may hold anything are without."""
    if rows[0].steps is None:
        gain = np.array([[float(row.gain)] for row in rows])
        offset = np.array([[float(row.offset)] for row in rows])
        one, other = low * gain + offset, high * gain + offset
        smallest, largest = np.minimum(one, other), np.maximum(one, other)
    else:
        found = bounds(steps_from_json(rows[0].steps), low.ravel(), high.ravel())
        smallest, largest = (end.reshape(low.shape) for end in found)
        slack = 1e-9 * np.fmax(np.abs(smallest), np.abs(largest))  # rounding may carry a sample a little outside
        smallest, largest = smallest - slack, largest + slack
    unknown = np.isnan(smallest) | np.isnan(largest)
    return np.where(unknown, -np.inf, smallest), np.where(unknown, np.inf, largest)


def _compared(
    narrowing: Narrowing, node: Node, shot: int, known: dict[str, Interval], exact: set[str], size: int
) -> tuple[Bools, Bools]:
    """In which pieces a condition may hold at some instant, and in which it holds at all of them."""
    if node.operation in COMPARED:
        comparison = Comparison.of(node)
        maybe, throughout = comparison.between(*narrowing.enclosed(comparison.subject, shot, known))
        if not narrowing.exactly(comparison.subject, shot, exact):
            throughout = np.zeros(size, bool)
        return np.broadcast_to(maybe, (size,)), np.broadcast_to(throughout, (size,))
    parts = [_compared(narrowing, part, shot, known, exact, size) for part in node.arguments]
    gather = np.logical_and if node.operation == "and" else np.logical_or
    return gather.reduce([maybe for maybe, _ in parts]), gather.reduce([surely for _, surely in parts])


def _longest(true: Bools, edges: FloatArray) -> FloatArray:
    """Seconds of the longest run of pieces, row by row."""
    padded = np.zeros((true.shape[0], true.shape[1] + 2), np.int8)
    padded[:, 1:-1] = true
    steps = np.diff(padded, axis=1)
    row, since = np.nonzero(steps == 1)
    _, until = np.nonzero(steps == -1)
    found = np.zeros(true.shape[0])
    np.maximum.at(found, row, edges[until] - edges[since])
    return found
