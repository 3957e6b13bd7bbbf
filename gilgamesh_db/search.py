"""Shots by the values of their signals: narrowed by stored extremes, decided on samples where those cannot.

Extremes are stored in raw counts and taken through today's calibration, so a recalibration leaves no answer stale.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import units
from .bounds import bounds
from .calibration import evaluate, steps_from_json
from .errors import ConditionError, NotFound, Unresolved
from .formula import Node, parse_condition
from .rules import quantity
from .shot_range import Shots, shots_of

if TYPE_CHECKING:
    from .database import Database

Bools = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge, "eq": operator.eq, "ne": operator.ne,
}  # fmt: skip
_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}
_WITH_UNIT = re.compile(
    r"(?<![\w.])(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)\s+(?!(?:and|or|not|if|in)\b)([A-Za-zµΩ]\w*(?:/[A-Za-z]\w*)?)"
)

# The raw extremes of a signal in every shot, with what turns them into values.
_EXTREMES = """
select r.shot, r.kind, r.status, r.gain, r."offset", r.steps, r.dt, r.n, m.low, m.high, m.numbers
  from gilgamesh.resolved_signal r
  left join lateral (
    select min(g.minimum) as low, max(g.maximum) as high, sum(g.numbers) as numbers
      from gilgamesh.segment g where g.shot = r.shot and g.series_id = r.series_id
  ) m on r.status = 'ok'
 where r.signal_id = (select id from gilgamesh.signal where name = %s) and r.shot = any(%s)
"""


@dataclass(frozen=True)
class Comparison:
    """One signal against a number, in the unit of the signal."""

    signal: str
    operation: str
    number: float

    def __call__(self, values: FloatArray) -> Bools:
        """Where it holds; never where a value is no number."""
        found: Bools = _COMPARED[self.operation](values, self.number) & ~np.isnan(values)
        return found


@dataclass(frozen=True)
class Known:
    """What is known of a condition in some shots without reading samples; each a boolean array, shape (shots,)."""

    somewhere: Bools  # it certainly holds at some sample
    maybe: Bools  # it may hold at some sample
    throughout: Bools  # it certainly holds at every sample of a record
    lasts: FloatArray  # how long that record lasts, in seconds; 0 where the condition does not hold throughout


def find_shots(db: Database, condition: str, shots: Shots, for_at_least: float | str | None) -> list[int]:
    """See `Database.find_shots`."""
    numbers = shots_of(db, shots)
    lasting = _seconds(for_at_least)
    tree = _read(db, condition, numbers[0])
    known = _known(db, tree, numbers, {})
    if lasting == 0:
        sure, possible = known.somewhere, known.maybe
    else:
        # One sample is not long enough, a whole record may be.
        sure, possible = known.throughout & (known.lasts >= lasting), known.maybe
    found = []
    for shot, is_sure, is_possible in zip(numbers, sure, possible, strict=True):
        if is_sure or (is_possible and _holds(db, tree, shot, lasting)):
            found.append(shot)
    return found


# -- reading the condition -------------------------------------------------------------------------------


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


def _read(db: Database, condition: str, shot: int) -> Node:
    """The condition with names and numbers put into the signals' own names and units."""
    written = condition if not isinstance(condition, str) else _WITH_UNIT.sub(r"quantity(\1, '\2')", condition)
    return _named(db, parse_condition(written), shot)


def _named(db: Database, node: Node, shot: int) -> Node:
    if node.operation in ("and", "or", "not"):
        return Node(node.operation, tuple(_named(db, part, shot) for part in node.arguments))
    if node.operation not in _COMPARED:
        raise ConditionError(
            "the parts of a condition are comparisons; write it like: IC_Pinj > 1.5 kW or Lang_dens > 5e16"
        )
    left, right = node.arguments
    operation = node.operation
    if left.operation != "name":
        left, right, operation = right, left, _MIRRORED[operation]
    number = _number(right)
    if left.operation != "name" or number is None:
        raise ConditionError(
            "each comparison is of one signal with a number, for example IC_Pinj > 1.5 kW; give a formula a name first: "
            "edit.add_signal(…, kind='derived') and edit.define(…)"
        )
    signal = db.signal(str(left.value), shot)
    value, unit = number
    if unit:
        own = db.reader.rows("select unit from gilgamesh.signal where name = %s", (signal.name,))[0].unit
        gain, offset = units.conversion(unit, own)
        value = value * gain + offset
    return Node(operation, (Node("name", value=signal.name), Node("number", value=value)))


def _number(node: Node) -> tuple[float, str] | None:
    if node.operation == "neg":
        inner = _number(node.arguments[0])
        return None if inner is None else (-inner[0], inner[1])
    if node.operation not in ("number", "quantity") or node.value is None:
        return None
    return float(node.value), node.unit


def _comparison(node: Node) -> Comparison:
    name, number = node.arguments
    return Comparison(str(name.value), node.operation, float(number.value or 0.0))


# -- what stored extremes tell -----------------------------------------------------------------------------


def _known(db: Database, node: Node, shots: list[int], held: dict[str, dict[str, Any]]) -> Known:
    if node.operation in _COMPARED:
        return _known_of(db, _comparison(node), shots, held)
    parts = [_known(db, part, shots, held) for part in node.arguments]
    none = np.zeros(len(shots), dtype=bool)
    never = np.zeros(len(shots))
    if node.operation == "not":
        # It may fail somewhere unless it holds throughout; whether it does is for the samples to say.
        return Known(none, ~parts[0].throughout, none, never)
    if node.operation == "and":
        # Each may hold at another time, so only what cannot hold at all is known.
        return Known(none, np.logical_and.reduce([part.maybe for part in parts]), none, never)
    lasts = np.maximum.reduce([np.where(part.throughout, part.lasts, 0.0) for part in parts])
    return Known(
        np.logical_or.reduce([part.somewhere for part in parts]),
        np.logical_or.reduce([part.maybe for part in parts]),
        np.logical_or.reduce([part.throughout for part in parts]),
        lasts,
    )


def _known_of(db: Database, comparison: Comparison, shots: list[int], held: dict[str, dict[str, Any]]) -> Known:
    if comparison.signal not in held:
        held[comparison.signal] = _extremes(db, comparison.signal, shots)
    x = held[comparison.signal]
    low, high = x["low"], x["high"]
    # A sample has each of these values.
    somewhere = comparison(x["one"]) | comparison(x["other"])
    some = ~np.isnan(low)
    inside = (low <= comparison.number) & (comparison.number <= high)
    maybe, throughout = {
        "gt": (high > comparison.number, low > comparison.number), "ge": (high >= comparison.number, low >= comparison.number),
        "lt": (low < comparison.number, high < comparison.number), "le": (low <= comparison.number, high <= comparison.number),
        "eq": (inside, inside & (low == high)), "ne": (~(inside & (low == high)), ~inside),
    }[comparison.operation]  # fmt: skip
    throughout &= some & x["whole"]
    return Known(somewhere, (maybe & some) | x["unknown"], throughout, np.where(throughout, x["lasts"], 0.0))


def _extremes(db: Database, signal: str, shots: list[int]) -> dict[str, Any]:
    """Bounds of the values of a signal in each shot, two values it has, and what else decides without samples."""
    n = len(shots)
    place = {shot: i for i, shot in enumerate(shots)}
    found: dict[str, Any] = {key: np.full(n, np.nan) for key in ("low", "high", "one", "other")}
    found |= {"whole": np.zeros(n, bool), "unknown": np.zeros(n, bool), "lasts": np.zeros(n)}
    curved: dict[str, tuple[Any, list[Any]]] = {}
    for row in db.reader.rows(_EXTREMES, (signal, shots), db.knowledge):
        i = place[row.shot]
        if row.status != "ok":
            # What is computed when it is read has no stored extremes.
            found["unknown"][i] = row.kind == "derived"
            continue
        found["whole"][i] = row.numbers == row.n
        found["unknown"][i] = row.numbers != row.n  # infinities are not among the extremes
        found["lasts"][i] = 0.0 if row.dt is None else row.n * row.dt
        if row.low is None:
            continue
        if row.steps is None:
            ends = row.low * row.gain + row.offset, row.high * row.gain + row.offset
            found["low"][i], found["high"][i] = min(ends), max(ends)
            found["one"][i], found["other"][i] = ends
        else:
            curved.setdefault(repr(row.steps), (row.steps, []))[1].append(row)
    for steps, rows in curved.values():
        chain = steps_from_json(steps)
        at = [place[row.shot] for row in rows]
        low, high = (np.array([getattr(row, end) for row in rows], dtype=np.float64) for end in ("low", "high"))
        smallest, largest = bounds(chain, low, high)
        # Rounding may carry a sample a little outside.
        found["low"][at] = smallest - 1e-9 * np.abs(smallest)
        found["high"][at] = largest + 1e-9 * np.abs(largest)
        found["one"][at], found["other"][at] = evaluate(chain, low), evaluate(chain, high)
        found["unknown"][at] |= np.isnan(smallest)
        found["whole"][at] = False  # a step may give NaN for some of its input
    return found


# -- deciding on samples ---------------------------------------------------------------------------------


def _holds(db: Database, tree: Node, shot: int, lasting: float) -> bool:
    """Whether the condition holds in a shot, for long enough; each sample stands for the time until the next one."""
    read: dict[str, tuple[FloatArray, FloatArray] | None] = {}
    for name in tree.names():
        signal = db.signal(name, shot)
        try:
            time, values = signal.time, signal.values
        except (Unresolved, NotFound):
            read[name] = None
            continue
        if time.size:
            dt = signal.dt
            read[name] = np.append(time, time[-1] + (dt or 0.0)), values
        else:
            read[name] = None
    grids = [held[0] for held in read.values() if held is not None]
    if not grids:
        return False
    # Most signals of a shot share their time base; sorting the instants would take longer than reading them.
    shared = all(np.array_equal(grid, grids[0]) for grid in grids[1:])
    grid = grids[0] if shared else np.unique(np.concatenate(grids))
    true = _truth(tree, grid, read)[0]
    if lasting == 0:
        return bool(true.any())
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(np.int8)))
    since, until = edges[0::2], edges[1::2]
    # A run ends where the first instant begins at which it does not hold.
    ends = grid[np.minimum(until, grid.size - 1)]
    return bool((ends - grid[since] >= lasting * (1 - 1e-9)).any())


def _truth(node: Node, grid: FloatArray, read: dict[str, tuple[FloatArray, FloatArray] | None]) -> tuple[Bools, Bools]:
    """Where the condition is true, and where it is false; outside a record it is neither."""
    if node.operation in _COMPARED:
        comparison = _comparison(node)
        held = read[comparison.signal]
        nowhere = np.zeros(grid.size, dtype=bool)
        if held is None:
            return nowhere, nowhere
        time, values = held
        at = np.searchsorted(time[:-1], grid, side="right") - 1
        # The last instant is the end of the last sample; without an interval the sample has that instant itself.
        inside = (at >= 0) & (
            (grid < time[-1]) | (time[-1] == time[-2] if time.size > 1 else True) & (grid <= time[-1])
        )
        seen = values[np.maximum(at, 0)]
        true = comparison(seen) & inside
        return true, inside & ~true & ~np.isnan(seen)
    parts = [_truth(part, grid, read) for part in node.arguments]
    if node.operation == "not":
        return parts[0][1], parts[0][0]
    gather, other = (np.logical_and, np.logical_or) if node.operation == "and" else (np.logical_or, np.logical_and)
    return gather.reduce([true for true, _ in parts]), other.reduce([false for _, false in parts])
