"""What is known of a condition without reading samples: from stored extremes of records, and of pieces of a record.

Extremes are stored in raw counts and taken through today's calibration, so a recalibration leaves no answer stale.
Formulas are enclosed by interval arithmetic.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .bounds import bounds
from .calibration import evaluate, steps_from_json
from .condition import COMPARED, Comparison
from .derived import Definition, definitions, require_no_cycle
from .envelope import level_for
from .formula import Node, compile_formula
from .formula.enclosure import Interval, enclose

if TYPE_CHECKING:
    from .database import Database
    from .signal import Signal

Bools = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

BINS = 8192  # in which a record is looked at before its samples are
PIECES = 8  # of a record that are read one by one; more are joined
_EXACT = {"load", "number", "neg", "add", "sub", "mul", "abs", "min", "max"}  # a number for every number

# The raw extremes of a signal in every shot, with what turns them into values.
_EXTREMES = """
select r.shot, r.status, r.gain, r."offset", r.steps, r.start, r.dt, r.n, r.dtype, r.series_id, r.finished, m.low, m.high, m.numbers
  from gilgamesh.resolved_signal r
  left join lateral (
    select min(g.minimum) as low, max(g.maximum) as high, sum(g.numbers) as numbers
      from gilgamesh.segment g where g.shot = r.shot and g.series_id = r.series_id
  ) m on r.status = 'ok'
 where r.signal_id = (select id from gilgamesh.signal where name = %s) and r.shot = any(%s)
"""


@dataclass(frozen=True)
class Known:
    """What is known of a condition in some shots without reading samples; each a boolean array, shape (shots,)."""

    somewhere: Bools  # it certainly holds at some sample
    maybe: Bools  # it may hold at some sample
    throughout: Bools  # it certainly holds at every sample of a record
    lasts: FloatArray  # how long that record lasts, in seconds; 0 where the condition does not hold throughout


@dataclass(frozen=True)
class Extent:
    """Between which values something lies in some shots; each array of shape (shots,), NaN where it has no value."""

    low: FloatArray
    high: FloatArray
    one: FloatArray  # a value it certainly has
    other: FloatArray
    whole: Bools  # every sample is a number
    unknown: Bools  # it may have values beyond
    lasts: FloatArray  # seconds

    def __getitem__(self, at: Any) -> Extent:
        return Extent(*(part[at] for part in vars(self).values()))


@dataclass
class Narrowing:
    """Conditions narrowed in some shots; extremes and formulas are looked up once."""

    db: Database
    shots: list[int]
    units: Mapping[str, str]  # of the signals named in the condition
    derived: set[str]
    _extents: dict[str, Extent] = field(default_factory=dict)
    _stated: dict[int, dict[str, Definition]] = field(default_factory=dict)
    _units: dict[str, str] = field(default_factory=dict)
    _records: dict[str, dict[int, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._units = dict(self.units)
        if self.derived:
            self._stated = definitions(self.db, self.derived, self.shots)
            names = {name for known in self._stated.values() for one in known.values() for name in one.node.names()}
            for row in self.db.reader.rows(
                "select name, unit, kind from gilgamesh.signal where name = any(%s)", (list(names),)
            ):
                self._units[row.name] = row.unit
                if row.kind == "derived":
                    self.derived.add(row.name)
            for known in self._stated.values():
                for name in known:
                    require_no_cycle(name, {other: one.node for other, one in known.items()})

    def known(self, node: Node) -> Known:
        """What is known of a condition; `node` is of comparisons joined by ``and`` and ``or``."""
        if node.operation in COMPARED:
            return self._compared(Comparison.of(node))
        parts = [self.known(part) for part in node.arguments]
        none, never = np.zeros(len(self.shots), dtype=bool), np.zeros(len(self.shots))
        if node.operation == "and":
            # Each may hold at another time, so only what cannot hold at all is known.
            return Known(none, np.logical_and.reduce([part.maybe for part in parts]), none, never)
        return Known(
            np.logical_or.reduce([part.somewhere for part in parts]),
            np.logical_or.reduce([part.maybe for part in parts]),
            np.logical_or.reduce([part.throughout for part in parts]),
            np.maximum.reduce([np.where(part.throughout, part.lasts, 0.0) for part in parts]),
        )

    def _compared(self, comparison: Comparison) -> Known:
        x = self.extent(comparison.subject, np.arange(len(self.shots)))
        somewhere = comparison(x.one) | comparison(x.other)
        maybe, throughout = comparison.between(x.low, x.high)
        throughout &= x.whole
        return Known(somewhere, maybe | x.unknown, throughout, np.where(throughout, x.lasts, 0.0))

    def extent(self, node: Node, at: NDArray[np.intp]) -> Extent:
        """Of a formula, in the shots at these places."""
        if node.operation != "name":
            return self._formula(node, None, at)
        name = str(node.value)
        if name not in self.derived:
            if name not in self._extents:
                rows = self.db.reader.rows(_EXTREMES, (name, self.shots), self.db.knowledge)
                self._records[name] = {row.shot: row for row in rows if row.status == "ok"}
                self._extents[name] = extremes(rows, self.shots)
            return self._extents[name][at]
        # One formula at a time: it may be another in other shots.
        found = _nothing(at.size)
        groups: dict[Node, list[int]] = {}
        for i, place in enumerate(at):
            stated = self._stated[self.shots[place]].get(name)
            if stated is not None:
                groups.setdefault(stated.node, []).append(i)
        for formula, members in groups.items():
            part = self._formula(formula, self._units[name], at[members])
            for key, values in vars(found).items():
                values[members] = getattr(part, key)
        return found

    def _formula(self, node: Node, into: str | None, at: NDArray[np.intp]) -> Extent:
        inputs = {name: self.extent(Node("name", value=name), at) for name in node.names()}
        compiled = compile_formula(node, self._units, into)
        low, high = enclose(compiled.tree, {name: (x.low, x.high) for name, x in inputs.items()})
        shape = (at.size,)
        unknown = np.logical_or.reduce([x.unknown for x in inputs.values()])
        one = other = np.full(shape, np.nan)
        whole, lasts = np.zeros(shape, bool), np.zeros(shape)
        if len(inputs) == 1 and node.pointwise:
            # At the samples that are the extremes of the only input.
            (x,) = inputs.values()
            one, other = (
                np.where(np.isnan(values), np.nan, compiled(values, dict.fromkeys(inputs, values)))
                for values in (x.one, x.other)
            )
            if _operations(compiled.tree) <= _EXACT:
                whole, lasts = x.whole.copy(), x.lasts.copy()
        return Extent(
            np.broadcast_to(low, shape).copy(), np.broadcast_to(high, shape).copy(), one, other, whole, unknown, lasts
        )

    # -- pieces of records --------------------------------------------------------------------------------

    def record(self, name: str, shot: int) -> Any:
        """What the extremes of a signal were read from; None where nothing can be read."""
        return self._records.get(name, {}).get(shot)

    def stated(self, name: str, shot: int) -> Definition | None:
        """The formula of a derived signal in a shot, where it has one."""
        return self._stated.get(shot, {}).get(name)

    def formulas(self, shot: int) -> tuple[tuple[str, Node], ...]:
        """The formulas in force in a shot."""
        return tuple((name, one.node) for name, one in sorted(self._stated.get(shot, {}).items()))

    def enclosed(self, node: Node, shot: int, known: dict[str, Interval]) -> Interval:
        """Between which values a formula lies, from those of the signals; `known` learns those of derived ones."""
        return self._enclosed(node, None, shot, known)

    def exactly(self, node: Node, shot: int, exact: set[str]) -> bool:
        """Whether a formula has a number at every sample, when these signals have."""
        if node.operation == "name":
            name = str(node.value)
            return name in exact or (name in self.derived and self.exactly(self._stated[shot][name].node, shot, exact))
        plain = {"name", "number", "quantity", "neg", "add", "sub", "mul", "abs", "min", "max"}
        return node.operation in plain and all(self.exactly(part, shot, exact) for part in node.arguments)

    # -- one long record -----------------------------------------------------------------------------------

    def measured(self, tree: Node, shot: int) -> set[str] | None:
        """The signals with records that a condition needs in a shot; None where a formula is not stated or not pointwise."""
        found, asked, open_ = set[str](), set[str](), [comparison.subject for comparison in Comparison.every(tree)]
        while open_:
            node = open_.pop()
            if not node.pointwise:
                return None
            for name in set(node.names()) - asked:
                asked.add(name)
                if name not in self.derived:
                    found.add(name)
                elif name in self._stated[shot]:
                    open_.append(self._stated[shot][name].node)
                else:
                    return None
        return found

    def windows(
        self, tree: Node, shot: int, signals: Mapping[str, Signal], lasting: float
    ) -> list[tuple[float, float]]:
        """Where in a shot the condition may hold, and for long enough, by the stored extremes of pieces.

        Parameters
        ----------
        tree : Node
            The condition.
        signals : mapping of str to Signal
            Those with records, all readable and sampled evenly.
        lasting : float
            Seconds.

        Returns
        -------
        list of (float, float)
            Windows in seconds, rising; outside of them it holds nowhere.
        """
        pieces: dict[str, tuple[FloatArray, FloatArray, FloatArray]] = {}
        widest = 0.0
        for name, signal in signals.items():
            seen = signal.envelope(BINS)
            start, dt, n = signal._grid or (0.0, 0.0, 0)
            low, high = seen.minimum, seen.maximum
            slack = 1e-9 * np.fmax(np.abs(low), np.abs(high))
            empty = np.isnan(low) | np.isnan(high)  # or not known
            pieces[name] = (
                np.append(seen.time, start + n * dt), np.where(empty, -np.inf, low - slack), np.where(empty, np.inf, high + slack),
            )  # fmt: skip
            widest = max(widest, float(np.diff(pieces[name][0]).max()))
        edges = np.unique(np.concatenate([piece[0] for piece in pieces.values()]))
        known: dict[str, Interval] = {}
        for name, (time, low, high) in pieces.items():
            at = np.searchsorted(time, edges[:-1], side="right") - 1
            inside = (at >= 0) & (at < low.size)
            at = np.clip(at, 0, low.size - 1)
            known[name] = np.where(inside, low[at], np.nan), np.where(inside, high[at], np.nan)
        maybe = self._maybe(tree, shot, known, edges.size - 1)
        ends = np.flatnonzero(np.diff(np.concatenate([[False], maybe, [False]]).astype(np.int8)))
        # A sample that holds beyond the end of its piece, and times that are rounded: two pieces on each side.
        found: list[tuple[float, float]] = []
        for since, until in zip(edges[ends[0::2]] - 2 * widest, edges[ends[1::2]] + 2 * widest, strict=True):
            if found and since <= found[-1][1]:
                found[-1] = found[-1][0], until
            else:
                found.append((since, until))
        found = [(since, until) for since, until in found if until - since >= lasting]
        while len(found) > PIECES:
            gap = int(np.argmin([after[0] - before[1] for before, after in itertools.pairwise(found)]))
            found[gap : gap + 2] = [(found[gap][0], found[gap + 1][1])]
        return found

    def _maybe(self, node: Node, shot: int, known: dict[str, Interval], size: int) -> Bools:
        if node.operation in COMPARED:
            comparison = Comparison.of(node)
            low, high = self._enclosed(comparison.subject, None, shot, known)
            return np.broadcast_to(comparison.between(low, high)[0], (size,))
        gather = np.logical_and if node.operation == "and" else np.logical_or
        found: Bools = gather.reduce([self._maybe(part, shot, known, size) for part in node.arguments])
        return found

    def _enclosed(self, node: Node, into: str | None, shot: int, known: dict[str, Interval]) -> Interval:
        if node.operation == "name" and node.value in known:
            return known[str(node.value)]
        if node.operation == "name" and node.value in self.derived and into is None:
            name = str(node.value)
            known[name] = self._enclosed_formula(self._stated[shot][name].node, self._units[name], shot, known)
            return known[name]
        return self._enclosed_formula(node, into, shot, known)

    def _enclosed_formula(self, node: Node, into: str | None, shot: int, known: dict[str, Interval]) -> Interval:
        for name in node.names():
            self._enclosed(Node("name", value=name), None, shot, known)
        return enclose(compile_formula(node, self._units, into).tree, known)


def is_long(signals: Mapping[str, Signal]) -> bool:
    """Whether all records are uniform and finished, and one so long that its pieces are worth a look."""
    grids = [signal._grid for signal in signals.values()]
    return (
        bool(grids) and all(grid is not None and grid[2] > 0 for grid in grids)
        and all(bool(signal._resolved.finished) for signal in signals.values())
        and any(grid is not None and level_for(grid[2], BINS) > 1 for grid in grids)
    )  # fmt: skip


def extremes(rows: list[Any], shots: list[int]) -> Extent:
    """Bounds of the values of a signal in each shot, two values it has, and what else decides without samples."""
    place = {shot: i for i, shot in enumerate(shots)}
    found = _nothing(len(shots))
    curved: dict[str, tuple[Any, list[Any]]] = {}
    for row in rows:
        i = place[row.shot]
        if row.status != "ok":
            continue
        found.whole[i] = row.numbers == row.n
        found.unknown[i] = row.numbers != row.n  # infinities are not among the extremes
        found.lasts[i] = 0.0 if row.dt is None else row.n * row.dt
        if row.low is None:
            continue
        if row.steps is None:
            ends = row.low * row.gain + row.offset, row.high * row.gain + row.offset
            found.low[i], found.high[i] = min(ends), max(ends)
            found.one[i], found.other[i] = ends
        else:
            curved.setdefault(repr(row.steps), (row.steps, []))[1].append(row)
    for steps, bent in curved.values():
        chain = steps_from_json(steps)
        at = [place[row.shot] for row in bent]
        low, high = (np.array([getattr(row, end) for row in bent], dtype=np.float64) for end in ("low", "high"))
        smallest, largest = bounds(chain, low, high)
        # Rounding may carry a sample a little outside.
        found.low[at] = smallest - 1e-9 * np.abs(smallest)
        found.high[at] = largest + 1e-9 * np.abs(largest)
        found.one[at], found.other[at] = evaluate(chain, low), evaluate(chain, high)
        found.unknown[at] |= np.isnan(smallest)
        found.whole[at] = False  # a step may give NaN for some of its input
    return found


def _nothing(n: int) -> Extent:
    """Of what cannot be read."""
    return Extent(
        *(np.full(n, np.nan) for _ in range(4)),
        np.zeros(n, bool),
        np.zeros(n, bool),
        np.zeros(n),  # type: ignore[call-arg]
    )


def _operations(tree: list[Any]) -> set[str]:
    operation, *arguments = tree
    if operation in ("load", "number"):
        return {operation}
    return {operation}.union(*(_operations(part) for part in arguments))
