"""Many signals of one shot in one round trip: resolved, read and held, ready to be asked for their values."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import noting
from .errors import InvalidValue
from .record import Samples, joined
from .signal import Signal

if TYPE_CHECKING:
    from .database import Database

# Resolved once (materialized: unrolled it would be done again for every segment), then the stored pieces of each
# record, put into order before they are cut (offset 0): what is sorted are references to samples, and no piece is cut
# before it is known to be in the window. The names are an array (as a subquery they may be joined after all signals were
# resolved). A window is widened by a sample on each side: the one before holds at its
# beginning.
_BULK = """
with resolved as materialized (
  select r.* from gilgamesh.resolved_signal r
   where r.shot = %(shot)s and r.signal_id = any(array(select s.id from gilgamesh.signal s where s.name = any(%(names)s)))
), span as materialized (
  select r.signal_id,
         case when r.dt is null or %(t0)s::float8 is null then 0
              else greatest(0, gilgamesh.sample_index(%(t0)s, r.start, r.dt, r.n) - 1) end as i0,
         case when r.dt is null or %(t1)s::float8 is null then r.n
              else least(r.n, gilgamesh.sample_index(
                %(t1)s + %(more)s + coalesce((select b.dt from resolved b where b.signal = %(base)s), 0),
                r.start, r.dt, r.n) + 1) end as i1,
         gilgamesh.sample_width(r.dtype) as width
    from resolved r
   where r.status = 'ok'
), total as materialized (
  select (sum(s.i1 - s.i0) * 8)::bigint as bytes from span s
)
select x.*,
       substring(x.stored from (21 + x.width * (x.first_sample - x.stored_first))::integer for (x.width * x.count)::integer) as payload,
       substring(x.stored_times from (21 + 8 * (x.first_sample - x.stored_first))::integer for (8 * x.count)::integer) as times
  from (select r.*, t.bytes, s.width, g.first as stored_first, g.payload as stored, g.times as stored_times,
               greatest(g.first, s.i0) as first_sample, (least(g.first + g.n, s.i1) - greatest(g.first, s.i0))::integer as count
          from resolved r
         cross join total t
          left join span s on s.signal_id = r.signal_id
          left join lateral (
            select g.position::bigint * r.segment_n as first, g.n, g.payload, g.times
              from gilgamesh.segment g
             where g.shot = %(shot)s and g.series_id = r.series_id
               and g.position between s.i0 / r.segment_n and (s.i1 - 1) / r.segment_n
               and s.i0 < s.i1 and t.bytes <= %(limit)s
          ) g on true
         order by r.signal_id, g.first offset 0) x
"""


# Whole records of several shots. Put into order before they are unpacked: references to samples are sorted, not samples.
_SHOTS = """
with resolved as materialized (
  select r.* from gilgamesh.resolved_signal r
   where r.shot = any(%s) and r.signal_id = any(array(select s.id from gilgamesh.signal s where s.name = any(%s))) and r.status = 'ok'
)
select x.*, substring(x.stored from 21) as payload, substring(x.stored_times from 21) as times
  from (select r.*, g.position::bigint * r.segment_n as first_sample, g.n as count, g.payload as stored, g.times as stored_times
          from resolved r
          left join gilgamesh.segment g on g.shot = r.shot and g.series_id = r.series_id
         order by r.shot, r.signal_id, g.position offset 0) x
"""


class Bulk(NamedTuple):
    """What was read of one shot.

    Attributes
    ----------
    signals : dict of str to Signal
        Those that can be read, with their samples held.
    missing : dict of str to str
        Status of those that cannot.
    nbytes : int
        How much memory their values take.
    """

    signals: dict[str, Signal]
    missing: dict[str, str]
    nbytes: int


def read_many(
    db: Database,
    names: Iterable[str],
    shot: int,
    window: tuple[float, float] | None = None,
    *,
    more: float = 0.0,
    one_more_of: str | None = None,
    limit: float = 4e9,
    quality: str | None = None,
) -> Bulk:
    """Read several signals of a shot in one round trip.

    Parameters
    ----------
    names : iterable of str
        Names, not aliases, of measured and processed signals.
    window : (float, float), optional
        Seconds, half-open; each signal is read from the sample before it to the sample after it.
    more : float
        Seconds to read beyond the window.
    one_more_of : str, optional
        The signal whose sampling interval is to be read beyond the window.
    limit : float
        Bytes; above it nothing is read, and only the size is told.
    quality : str, optional
        Values of which less is said are NaN.
    """
    t0, t1 = window or (None, None)
    rows = db.reader.rows(
        _BULK,
        {"shot": shot, "names": list(names), "t0": t0, "t1": t1, "more": more, "base": one_more_of, "limit": limit},
        db.knowledge,
    )
    found: dict[str, Signal] = {}
    missing: dict[str, str] = {}
    for _, pieces in groupby(rows, key=lambda row: row.signal_id):
        held = list(pieces)
        first = held[0]
        if first.status != "ok":
            missing[first.signal] = first.status
            continue
        signal = Signal(db, first.signal, shot, None, quality)
        vars(signal)["_row"] = first
        if int(first.bytes) <= limit:
            vars(signal)["_samples"] = _samples(held, first)
        found[first.signal] = signal
    noting.noted(db, ((name, shot) for name in found))
    return Bulk(found, missing, int(rows[0].bytes or 0) if rows else 0)


def read_shots(db: Database, names: Iterable[str], shots: Iterable[int]) -> dict[int, dict[str, Signal]]:
    """Read several signals of several shots in one round trip, as far as they can be read.

    Parameters
    ----------
    names : iterable of str
        Names, not aliases, of measured and processed signals.
    """
    found: dict[int, dict[str, Signal]] = {}
    times: dict[tuple[float, float, int], Signal] = {}
    rows = db.reader.rows(_SHOTS, (list(shots), list(names)), db.knowledge)
    for (shot, name), pieces in groupby(rows, key=lambda row: (row.shot, row.signal)):
        held = list(pieces)
        signal = Signal(db, name, shot)
        vars(signal)["_row"] = held[0]
        vars(signal)["_samples"] = _samples(held, held[0])
        if signal._grid is not None:  # most signals of most shots share their times
            vars(signal)["time"] = times.setdefault(signal._grid, signal).time
        found.setdefault(shot, {})[name] = signal
    return found


def _samples(held: list[Any], resolved: Any) -> Samples:
    return joined([row for row in held if row.payload is not None], resolved, 0)


def require_window(window: tuple[float, float] | None) -> tuple[float, float] | None:
    """A window that is one."""
    if window is None:
        return None
    try:
        t0, t1 = (float(edge) for edge in window)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"{window!r} is not a window; give two times in seconds, such as (0.5, 0.6)") from error
    if not t0 < t1 or np.isnan([t0, t1]).any():
        raise InvalidValue(
            f"the window from {t0} s to {t1} s is empty; windows are half-open: from t0, up to but not including t1"
        )
    return t0, t1
