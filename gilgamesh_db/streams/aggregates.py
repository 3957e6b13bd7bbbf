"""Number, minimum, maximum, mean and last value in intervals of time.

Stored aggregates are in raw counts, so nothing of them goes stale. Through a straight line they become those of the
values exactly; through anything else the samples are read. A stretch of wiring or calibration may end within an interval:
there the samples of the interval are read too, and what both sides give is put together.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import payload
from .reading import HOUR, Floats, Micros, Samples, decoded, joined, micros, require_kept, values

if TYPE_CHECKING:
    from ..database import Database

WIDTHS = (86400, 3600, 60, 1)  # s; those of a second are stored where they are fewer than the samples
_BLOCK = {86400: 31, 3600: 744, 60: 1440, 1: 3600}
STATISTICS = ("n", "minimum", "maximum", "mean", "last")

# One statement, so that compaction moves nothing between two looks: stored blocks, segments outside of them, the tail.
_PARTS = """
select x.i::integer as piece, 'stored' as kind, a.since as hour, 0 as n, a.counts as times, a.totals as payload, a.extremes, a.latest
  from (select u.port_id, u.width, u.i, 'epoch'::timestamptz + u.b0 * interval '1 microsecond' as b0,
               'epoch'::timestamptz + u.b1 * interval '1 microsecond' as b1
          from unnest(%(ports)s::bigint[], %(widths)s::integer[], %(b0)s::bigint[], %(b1)s::bigint[])
               with ordinality u(port_id, width, b0, b1, i)) x
  join gilgamesh.stream_aggregate a
    on a.port_id = x.port_id and a.width = x.width and a.since >= gilgamesh.block_of(x.width, x.b0) and a.since < x.b1
 where x.b0 < x.b1
union all
select x.i::integer, 'samples', g.hour, g.n, g.times, g.payload, null, null
  from (select u.i, u.port_id, u.not_seconds, 'epoch'::timestamptz + u.e0 * interval '1 microsecond' as since,
               'epoch'::timestamptz + u.e1 * interval '1 microsecond' as until
          from unnest(%(edges)s::integer[], %(edge_ports)s::bigint[], %(e0)s::bigint[], %(e1)s::bigint[], %(not_seconds)s::boolean[])
               u(i, port_id, e0, e1, not_seconds)) x
  join gilgamesh.stream_segment g on g.port_id = x.port_id and g.hour > x.since - interval '1 hour' and g.hour < x.until
 where not x.not_seconds or not exists (
   select from gilgamesh.stream_aggregate a where a.port_id = g.port_id and a.width = 1 and a.since = g.hour)
union all
select x.i::integer, 'tail', null, t.n, t.times, t.raws, null, null
  from (select u.port_id, u.i, 'epoch'::timestamptz + u.t0 * interval '1 microsecond' as since,
               'epoch'::timestamptz + u.t1 * interval '1 microsecond' as until
          from unnest(%(ports)s::bigint[], %(t0)s::bigint[], %(t1)s::bigint[]) with ordinality u(port_id, t0, t1, i)) x
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
    """Aggregates in the units of their signals.

    `key` says of which interval of which signal: its column times the intervals of the grid, and the interval.
    """

    key: Micros
    n: Floats
    total: Floats
    low: Floats
    high: Floats
    last: Floats
    when: Callable[[], Micros]  # the instant of the last one: asked only where parts meet in an interval

    @property
    def columns(self) -> tuple[Any, ...]:
        """All numbers, in this order."""
        return self.key, self.n, self.total, self.low, self.high, self.last


@dataclass(frozen=True)
class _Plan:
    """How a stretch is read: stored aggregates from b0 to b1 (empty: none), samples elsewhere."""

    piece: Any
    width: int
    since: int
    until: int
    b0: int
    b1: int

    @classmethod
    def of(cls, piece: Any, every: int) -> _Plan:
        since, until = micros(piece.since), micros(piece.until)
        width = next((w for w in WIDTHS if every % (w * 1_000_000) == 0), None)
        if piece.gain is None or width is None:
            return cls(piece, 60, since, until, since, since)
        step = width * 1_000_000 if width > 1 else HOUR  # seconds are stored by the hour, or not
        b0, b1 = -(-since // step) * step, until // step * step
        return cls(piece, width, since, until, *((b0, b1) if b0 < b1 else (since, since)))

    def require_kept(self) -> None:
        """Nothing that is read was released."""
        if self.b0 < self.b1:
            require_kept(self.piece, self.b0, "samples" if self.width == 1 else "aggregates")
        for since, _ in self.edges():
            require_kept(self.piece, since)

    def edges(self) -> list[tuple[int, int]]:
        """The periods whose samples are read."""
        if self.b0 == self.b1:
            return [(self.since, self.until)]
        return [(a, b) for a, b in ((self.since, self.b0), (self.b1, self.until)) if a < b]


def aggregated(db: Database, stretches: Sequence[Any], column: Mapping[int, int], grid: Grid) -> Part:
    """The aggregates of stretches, in one round trip; `column` says which is whose, by the identity of the signal."""
    plans = [_Plan.of(piece, grid.every) for piece in stretches]
    for plan in plans:
        plan.require_kept()
    # Where seconds are not stored the samples of the hour are read.
    ranges = [(i, a, b, False) for i, plan in enumerate(plans) for a, b in plan.edges()]
    ranges += [(i, plan.b0, plan.b1, True) for i, plan in enumerate(plans) if plan.width == 1 and plan.b0 < plan.b1]
    rows = db.reader.rows(
        _PARTS,
        {
            "ports": _array(piece.port_id for piece in stretches),
            "widths": _array(plan.width for plan in plans),
            "b0": _array(plan.b0 for plan in plans),
            "b1": _array(plan.b1 for plan in plans),
            "t0": _array(plan.since for plan in plans),
            "t1": _array(plan.until for plan in plans),
            "edges": _array(i + 1 for i, *_ in ranges),
            "edge_ports": _array(stretches[i].port_id for i, *_ in ranges),
            "e0": _array(a for _, a, _, _ in ranges),
            "e1": _array(b for _, _, b, _ in ranges),
            "not_seconds": _array(flag for *_, flag in ranges),
        },
    )
    stored: dict[tuple[int, str], list[Any]] = {}
    seen: dict[tuple[int, datetime.datetime], Samples] = {}
    loose: dict[int, list[Samples]] = {}
    for row in rows:
        plan = plans[row.piece - 1]
        if row.kind == "stored":
            stored.setdefault((plan.width, plan.piece.dtype), []).append(row)
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
    parts = [_stored(held, plans, column, grid) for held in stored.values()]
    for i, pieces_of in loose.items():
        piece = plans[i].piece
        whole = joined(pieces_of, piece.dtype, plans[i].since, plans[i].until)
        parts.append(of_samples(whole.at, values(piece, whole.raw), column[piece.signal_id], grid))
    return combined(parts)


def of_samples(at: Micros, numbers: Floats, column: int, grid: Grid) -> Part:
    """Aggregates of samples in order of time; those that are no numbers are left out."""
    finite = np.isfinite(numbers)
    if not finite.all():
        at, numbers = at[finite], numbers[finite]
    key = at // grid.every - grid.first + column * grid.count
    if not key.size:
        return _NOTHING
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    stops = np.append(starts[1:], key.size)
    return Part(
        key[starts],
        (stops - starts).astype(np.float64),
        np.add.reduceat(numbers, starts),
        np.minimum.reduceat(numbers, starts),
        np.maximum.reduceat(numbers, starts),
        numbers[stops - 1],
        lambda: at[stops - 1],
    )


def combined(parts: Sequence[Part]) -> Part:
    """Parts as one, with one aggregate for each interval of a signal."""
    if not parts:
        return _NOTHING
    if len(parts) == 1 and (parts[0].key[1:] > parts[0].key[:-1]).all():
        return parts[0]
    key, n, total, low, high, last = (
        np.concatenate(one) for one in zip(*(part.columns for part in parts), strict=True)
    )
    at = np.concatenate([part.when() for part in parts])
    order = np.lexsort((at, key))
    key, n, total, low, high, last, at = (one[order] for one in (key, n, total, low, high, last, at))
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    stops = np.append(starts[1:], key.size)
    return Part(
        key[starts],
        np.add.reduceat(n, starts),
        np.add.reduceat(total, starts),
        np.minimum.reduceat(low, starts),
        np.maximum.reduceat(high, starts),
        last[stops - 1],
        lambda: at[stops - 1],
    )


def _stored(rows: Sequence[Any], plans: Sequence[_Plan], column: Mapping[int, int], grid: Grid) -> Part:
    """Stored blocks of one width and type, cut to what is asked of them, through the straight lines of their stretches.

    All blocks at once: of three hundred signals each step takes longer to begin than to do.
    """
    # In the order of the table, so that nothing need be sorted afterwards.
    rows = sorted(rows, key=lambda row: (column[plans[row.piece - 1].piece.signal_id], row.hour))
    planned = [plans[row.piece - 1] for row in rows]
    width, dtype = planned[0].width, planned[0].piece.dtype
    step, size = width * 1_000_000, _BLOCK[width]
    base = np.array([micros(row.hour) for row in rows])[:, None]
    place = np.array([column[plan.piece.signal_id] for plan in planned])[:, None]
    gain = np.array([float(plan.piece.gain) for plan in planned])[:, None]
    offset = np.array([float(plan.piece.offset) for plan in planned])[:, None]
    begin = np.array([plan.b0 for plan in planned])[:, None]
    end = np.array([plan.b1 for plan in planned])[:, None]

    counts = _blocks([row.times for row in rows], "int32", size)
    index = np.arange(size)
    held: Any = (counts > 0) & (index >= (begin - base) // step) & (index < (end - base) // step)
    if held.all():
        held = slice(None)  # nothing to leave out, as on most days

    def kept(numbers: Any) -> Any:
        return np.broadcast_to(numbers, counts.shape)[held].reshape(-1)

    def straight(numbers: Any) -> Floats:
        found = numbers * gain
        found += offset
        return np.asarray(kept(found))

    three = _blocks([row.extremes for row in rows], dtype, 3 * size).reshape(-1, size, 3)
    low, high, last = (straight(three[..., k]) for k in range(3))
    if (gain < 0).any():
        falling = kept(gain < 0)
        low, high = np.where(falling, high, low), np.where(falling, low, high)
    total = _blocks([row.payload for row in rows], "float64", size) * gain
    total += counts * offset
    several = grid.every // step
    key = base // step + index if several == 1 else (base // step + index) // several
    key += place * grid.count - grid.first

    def when() -> Micros:
        came = _blocks([row.latest for row in rows], "float64" if width > HOUR // 1_000_000 else "uint32", size)
        return np.asarray(kept(base + index * step + came.astype(np.int64)))

    return Part(kept(key), kept(counts).astype(np.float64), kept(total), low, high, last, when)


def _blocks(payloads: Sequence[bytes], dtype: str, size: int) -> Any:
    """Payloads of one length as rows of an array."""
    for one in (
        payloads[:1]
        if len({bytes(one[: payload.HEADER_SIZE]) + len(one).to_bytes(4) for one in payloads}) == 1
        else payloads
    ):
        payload.decode(one, dtype, size)  # which refuses what is damaged
    kind = np.dtype(dtype).newbyteorder("<")
    joint = np.frombuffer(b"".join(payloads), np.uint8).reshape(len(payloads), -1)
    return joint[:, payload.HEADER_SIZE :].view(kind)


def _array(numbers: Iterable[Any]) -> str:
    """Numbers as PostgreSQL reads an array: hundreds of them are written faster than handed over one by one."""
    return "{" + ",".join(map(str, numbers)) + "}"


_NOTHING = Part(np.empty(0, np.int64), *(np.empty(0),) * 5, lambda: np.empty(0, np.int64))
