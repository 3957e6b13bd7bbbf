"""Number, minimum, maximum, mean and last value in intervals of time.

Stored aggregates are in raw counts, so nothing of them goes stale. Through a straight line they become those of the
values exactly; through anything else the samples are read. A stretch of wiring or calibration may end within an interval:
there the samples of the interval are read too, and what both sides give is put together.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import payload
from .reading import HOUR, Floats, Micros, Samples, decoded, joined, micros, moment, require_kept, values

if TYPE_CHECKING:
    from ..database import Database

WIDTHS = (86400, 3600, 60, 1)  # s; those of a second are stored where they are fewer than the samples
_BLOCK = {86400: 31, 3600: 744, 60: 1440, 1: 3600}
STATISTICS = ("n", "minimum", "maximum", "mean", "last")

# One statement, so that compaction moves nothing between two looks: stored blocks, segments outside of them, the tail.
_PARTS = """
select x.i::integer as piece, 'stored' as kind, a.since as hour, 0 as n, a.counts as times, a.totals as payload, a.extremes, a.latest
  from unnest(%(ports)s::bigint[], %(widths)s::integer[], %(b0)s::timestamptz[], %(b1)s::timestamptz[])
       with ordinality x(port_id, width, b0, b1, i)
  join gilgamesh.stream_aggregate a
    on a.port_id = x.port_id and a.width = x.width and a.since >= gilgamesh.block_of(x.width, x.b0) and a.since < x.b1
 where x.b0 < x.b1
union all
select x.i::integer, 'samples', g.hour, g.n, g.times, g.payload, null, null
  from unnest(%(edges)s::integer[], %(edge_ports)s::bigint[], %(e0)s::timestamptz[], %(e1)s::timestamptz[], %(not_seconds)s::boolean[])
       x(i, port_id, since, until, not_seconds)
  join gilgamesh.stream_segment g on g.port_id = x.port_id and g.hour > x.since - interval '1 hour' and g.hour < x.until
 where not x.not_seconds or not exists (
   select from gilgamesh.stream_aggregate a where a.port_id = g.port_id and a.width = 1 and a.since = g.hour)
union all
select x.i::integer, 'tail', null, t.n, t.times, t.raws, null, null
  from unnest(%(ports)s::bigint[], %(t0)s::timestamptz[], %(t1)s::timestamptz[]) with ordinality x(port_id, since, until, i)
 cross join lateral (
   select count(*)::integer as n,
          gilgamesh.encode_payload(array_agg((extract(epoch from t.at) * 1000000)::float8 order by t.at), 'float64') as times,
          gilgamesh.encode_payload(array_agg(t.raw order by t.at), 'float64') as raws
     from gilgamesh.stream_tail t where t.port_id = x.port_id and t.at >= x.since and t.at < x.until) t
 where t.n > 0
"""


@dataclass(frozen=True)
class Grid:
    """Intervals of a period: number of the first one since 1970, how many, and how long they are in microseconds."""

    first: int
    count: int
    every: int

    @classmethod
    def over(cls, since: datetime.datetime, until: datetime.datetime, every: int) -> Grid:
        """Those that hold the instants of a half-open period."""
        first = micros(since) // every
        return cls(first, -(-micros(until) // every) - first, every)


@dataclass(frozen=True)
class Part:
    """Aggregates of one stretch: which interval of the grid, and what they say in the unit of the signal."""

    index: Micros
    n: Floats
    total: Floats
    low: Floats
    high: Floats
    last: Floats
    last_at: Micros

    @property
    def columns(self) -> tuple[Any, ...]:
        """All of them, in this order."""
        return self.index, self.n, self.total, self.low, self.high, self.last, self.last_at


@dataclass(frozen=True)
class _Plan:
    """How a stretch is read: stored aggregates from b0 to b1 (empty: none), samples elsewhere."""

    piece: Any
    width: int
    b0: int
    b1: int

    @classmethod
    def of(cls, piece: Any, every: int) -> _Plan:
        since, until = micros(piece.since), micros(piece.until)
        width = next((w for w in WIDTHS if every % (w * 1_000_000) == 0), None)
        if piece.gain is None or width is None:
            return cls(piece, 60, since, since)
        step = width * 1_000_000 if width > 1 else HOUR  # seconds are stored by the hour, or not
        b0, b1 = -(-since // step) * step, until // step * step
        return cls(piece, width, b0, b1) if b0 < b1 else cls(piece, width, since, since)

    def require_kept(self) -> None:
        """Nothing that is read was released."""
        if self.b0 < self.b1:
            require_kept(self.piece, moment(self.b0), "samples" if self.width == 1 else "aggregates")
        for since, _ in self.edges():
            require_kept(self.piece, moment(since))

    def edges(self) -> list[tuple[int, int]]:
        """The periods whose samples are read."""
        since, until = micros(self.piece.since), micros(self.piece.until)
        if self.b0 == self.b1:
            return [(since, until)]
        return [(a, b) for a, b in ((since, self.b0), (self.b1, until)) if a < b]


def aggregated(db: Database, stretches: Sequence[Any], grid: Grid) -> dict[int, list[Part]]:
    """The aggregates of stretches, by the identity of their signal, in one round trip."""
    plans = [_Plan.of(piece, grid.every) for piece in stretches]
    for plan in plans:
        plan.require_kept()
    # Where seconds are not stored the samples of the hour are read.
    ranges = [(i, a, b, False) for i, plan in enumerate(plans) for a, b in plan.edges()]
    ranges += [(i, plan.b0, plan.b1, True) for i, plan in enumerate(plans) if plan.width == 1 and plan.b0 < plan.b1]
    rows = db.reader.rows(
        _PARTS,
        {
            "ports": [piece.port_id for piece in stretches],
            "widths": [plan.width for plan in plans],
            "b0": [moment(plan.b0) for plan in plans],
            "b1": [moment(plan.b1) for plan in plans],
            "t0": [piece.since for piece in stretches],
            "t1": [piece.until for piece in stretches],
            "edges": [i + 1 for i, *_ in ranges],
            "edge_ports": [stretches[i].port_id for i, *_ in ranges],
            "e0": [moment(a) for _, a, _, _ in ranges],
            "e1": [moment(b) for _, _, b, _ in ranges],
            "not_seconds": [flag for *_, flag in ranges],
        },
    )
    found: dict[int, list[Part]] = {}
    seen: dict[tuple[int, datetime.datetime], Samples] = {}
    loose: dict[int, list[Samples]] = {}
    for row in rows:
        plan = plans[row.piece - 1]
        if row.kind == "stored":
            found.setdefault(plan.piece.signal_id, []).append(_stored(row, plan, grid))
        elif row.kind == "tail":
            loose.setdefault(row.piece - 1, []).append(decoded(row, plan.piece.dtype))
        else:
            # Two ranges of a stretch may lie in the same hour.
            seen.setdefault((row.piece - 1, row.hour), decoded(row, plan.piece.dtype))
    for (i, hour), held in seen.items():
        plan = plans[i]
        whole_hour = plan.width == 1 and plan.b0 <= micros(hour) < plan.b1
        for first, last in [(plan.b0, plan.b1)] if whole_hour else plan.edges():
            cut = joined([held], plan.piece.dtype, first, last)
            if cut.at.size:
                loose.setdefault(i, []).append(cut)
    for i, parts in loose.items():
        piece = plans[i].piece
        whole = joined(parts, piece.dtype, micros(piece.since), micros(piece.until))
        part = of_samples(whole.at, values(piece, whole.raw), grid)
        if part.n.size:
            found.setdefault(piece.signal_id, []).append(part)
    return found


def of_samples(at: Micros, numbers: Floats, grid: Grid) -> Part:
    """Aggregates of samples in order of time; those that are no numbers are left out."""
    finite = np.isfinite(numbers)
    if not finite.all():
        at, numbers = at[finite], numbers[finite]
    index = at // grid.every - grid.first
    starts = np.flatnonzero(np.diff(index, prepend=-1)) if index.size else np.empty(0, np.int64)
    if not starts.size:
        empty = np.empty(0)
        return Part(starts, empty, empty, empty, empty, empty, starts)
    stops = np.append(starts[1:], index.size)
    return Part(
        index[starts],
        (stops - starts).astype(np.float64),
        np.add.reduceat(numbers, starts),
        np.minimum.reduceat(numbers, starts),
        np.maximum.reduceat(numbers, starts),
        numbers[stops - 1],
        at[stops - 1],
    )


def combined(parts: Sequence[Part]) -> Part:
    """Parts as one, with one aggregate for each interval."""
    whole = (
        parts[0]
        if len(parts) == 1
        else Part(*(np.concatenate(column) for column in zip(*(part.columns for part in parts), strict=True)))
    )
    if whole.index.size == 0 or (np.diff(whole.index) > 0).all():
        return whole
    order = np.lexsort((whole.last_at, whole.index))
    whole = Part(*(column[order] for column in whole.columns))
    starts = np.flatnonzero(np.diff(whole.index, prepend=-1))
    stops = np.append(starts[1:], whole.index.size)
    return Part(
        whole.index[starts],
        np.add.reduceat(whole.n, starts),
        np.add.reduceat(whole.total, starts),
        np.minimum.reduceat(whole.low, starts),
        np.maximum.reduceat(whole.high, starts),
        whole.last[stops - 1],
        whole.last_at[stops - 1],
    )


def _stored(row: Any, plan: _Plan, grid: Grid) -> Part:
    """A stored block, cut to what is asked of it, through the straight line of its stretch."""
    step = plan.width * 1_000_000
    size, base = _BLOCK[plan.width], micros(row.hour)
    first, stop = max(0, (plan.b0 - base) // step), min(size, (plan.b1 - base) // step)
    counts = payload.decode(row.times, "int32", size)[first:stop]
    held = np.flatnonzero(counts)
    n = counts[held].astype(np.float64)
    total = np.asarray(payload.decode(row.payload, "float64", size)[first:stop][held], np.float64)
    three = payload.decode(row.extremes, plan.piece.dtype, 3 * size).reshape(-1, 3)[first:stop][held]
    gain, offset = float(plan.piece.gain), float(plan.piece.offset)
    low, high, last = three.astype(np.float64).T * gain + offset
    if gain < 0:
        low, high = high, low
    at = base + (first + held.astype(np.int64)) * step
    came = payload.decode(row.latest, "float64" if plan.width > HOUR // 1_000_000 else "uint32", size)[first:stop][held]
    index = at // grid.every - grid.first
    return Part(index, n, total * gain + n * offset, low, high, last, at + came.astype(np.int64))
