"""What streams hold of signals in a period: stretches of constant wiring and calibration, and the samples in them.

Instants are whole microseconds since 1970 in UTC, as PostgreSQL keeps them.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import payload
from ..calibration import evaluate, steps_from_json
from ..errors import InvalidValue, NotCalibrated, NotWired, SamplesNotFound, SignalNotFound, near_names
from ..record import on_line

if TYPE_CHECKING:
    from ..database import Database

Floats = NDArray[np.float64]
Micros = NDArray[np.int64]

HOUR = 3_600_000_000
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

_NAMED = """
select x.asked, s.id, s.name, s.unit, s.label
  from unnest(%s::text[]) with ordinality x(asked, pos)
  left join gilgamesh.signal s on s.id = (select id from gilgamesh.signal where name = x.asked
                                          union all select signal_id from gilgamesh.alias where name = x.asked limit 1)
 order by x.pos
"""
_PIECES = "select * from gilgamesh.slow_pieces(%s::bigint[], %s::timestamptz, %s::timestamptz)"
# Segments and tail in one statement, so that compaction moves nothing between two looks.
SAMPLES = """
select x.i::integer as piece, g.hour, g.n, g.times, g.payload
  from unnest(%(ports)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[]) with ordinality x(port_id, since, until, i)
  join gilgamesh.stream_segment g on g.port_id = x.port_id and g.hour > x.since - interval '1 hour' and g.hour < x.until
union all
select x.i::integer, null, t.n, t.times, t.raws
  from unnest(%(ports)s::bigint[], %(since)s::timestamptz[], %(until)s::timestamptz[]) with ordinality x(port_id, since, until, i)
 cross join lateral (
   select count(*)::integer as n,
          gilgamesh.encode_payload(array_agg((extract(epoch from t.at) * 1000000)::float8 order by t.at), 'float64') as times,
          gilgamesh.encode_payload(array_agg(t.raw order by t.at), 'float64') as raws
     from gilgamesh.stream_tail t where t.port_id = x.port_id and t.at >= x.since and t.at < x.until) t
 where t.n > 0
 order by 1, 2
"""


@dataclass(frozen=True)
class Named:
    """A signal as it was asked for."""

    id: int
    name: str
    unit: str
    label: str


@dataclass(frozen=True)
class Samples:
    """Samples of a stream in order of time: microseconds since 1970, and the counts in their own type."""

    at: Micros
    raw: NDArray[Any]


def micros(moment: datetime.datetime) -> int:
    """Whole microseconds since 1970."""
    return (moment - EPOCH) // datetime.timedelta(microseconds=1)


def moment(at: int) -> datetime.datetime:
    """The inverse of `micros`."""
    return EPOCH + datetime.timedelta(microseconds=int(at))


def named(db: Database, names: Sequence[str]) -> list[Named]:
    """The signals of these names or aliases.

    Raises
    ------
    SignalNotFound
        With suggestions.
    """
    for name in names:
        if not isinstance(name, str):
            raise SignalNotFound(f"{name!r} is not the name of a signal; list them with `gilgamesh signals`")
    found = db.reader.rows(_NAMED, (list(names),))
    unknown = [row.asked for row in found if row.id is None]
    if unknown:
        known = db.reader.rows("select name from gilgamesh.signal union select name from gilgamesh.alias", ())
        near = near_names(unknown[0], [row.name for row in known]) or ";"
        raise SignalNotFound(f"no signal {unknown[0]!r}{near} list them with `gilgamesh signals`")
    return [Named(row.id, row.name, row.unit, row.label or row.name) for row in found]


def pieces(
    db: Database, signals: Iterable[Named], since: datetime.datetime, until: datetime.datetime, *, strict: bool = True
) -> list[Any]:
    """Stretches in which nothing of the wiring and the calibration changed, in order of signal and time.

    Raises
    ------
    NotWired
        A signal was not wired to a stream in the whole period.
    NotCalibrated
        An item of a chain has no calibration in a part of it.
    """
    asked = list(signals)
    found = db.reader.rows(_PIECES, ([one.id for one in asked], since, until), db.knowledge)
    if strict:
        wired = {row.signal_id for row in found}
        for one in asked:
            if one.id not in wired:
                raise NotWired(
                    f"{one.name!r} was wired to no stream between {_shown(since)} and {_shown(until)}; see the streams "
                    "with: gilgamesh stream list"
                )
        for row in found:
            require_calibrated(row)
    return found


def require_calibrated(piece: Any) -> None:
    """A stretch that gives values; otherwise the error that says what is missing."""
    if piece.status != "ok":
        items = [piece.port, *piece.chain]
        missing = [repr(item) for item, known in zip(items, piece.calibrations, strict=True) if known is None]
        raise NotCalibrated(
            f"{piece.signal!r} cannot be computed from {_shown(piece.since)} to {_shown(piece.until)}: no calibration of "
            f"{' and '.join(missing)} was in force then; state one with: gilgamesh calibrate {missing[0]} …"
        )


def require_kept(piece: Any, since: int, what: str = "samples") -> None:
    """What is asked for from this instant on was not released."""
    released = piece.released_until if what == "samples" else piece.aggregates_released_until
    if released is not None and since < micros(released):
        raise SamplesNotFound(
            f"{piece.signal!r} cannot be had from {_shown(moment(since))} on: the {what} of {piece.port!r} before {_shown(released)} were "
            "released; begin later"
            + (
                ", or ask for aggregates of a straight line in intervals that begin with the period"
                if what == "samples"
                else ""
            )
        )


def samples(db: Database, stretches: Sequence[Any]) -> list[Samples]:
    """The samples of each stretch, in one round trip."""
    for piece in stretches:
        require_kept(piece, micros(piece.since))
    rows = db.reader.rows(
        SAMPLES,
        {
            "ports": [piece.port_id for piece in stretches],
            "since": [piece.since for piece in stretches],
            "until": [piece.until for piece in stretches],
        },
    )
    held: list[list[Samples]] = [[] for _ in stretches]
    for row in rows:
        held[row.piece - 1].append(decoded(row, stretches[row.piece - 1].dtype))
    return [
        joined(parts, piece.dtype, micros(piece.since), micros(piece.until))
        for parts, piece in zip(held, stretches, strict=True)
    ]


def decoded(row: Any, dtype: str) -> Samples:
    """The samples of one row: a segment, or what the tail holds beside."""
    if row.hour is None:
        at = payload.decode(row.times, "float64", row.n).astype(np.int64)
        return Samples(at, payload.decode(row.payload, "float64", row.n).astype(dtype))
    offsets = payload.decode(row.times, "uint32", row.n)
    return Samples(micros(row.hour) + offsets.astype(np.int64), payload.decode(row.payload, dtype, row.n))


def joined(parts: Sequence[Samples], dtype: str, since: int, until: int) -> Samples:
    """Parts as one, in order of time, cut to a half-open period."""
    if not parts:
        return Samples(np.empty(0, np.int64), np.empty(0, dtype))
    at = parts[0].at if len(parts) == 1 else np.concatenate([part.at for part in parts])
    raw = parts[0].raw if len(parts) == 1 else np.concatenate([part.raw for part in parts])
    if at.size > 1 and (np.diff(at) < 0).any():  # late samples wait in the tail
        order = np.argsort(at, kind="stable")
        at, raw = at[order], raw[order]
    inside = slice(*np.searchsorted(at, (since, until)))
    return Samples(at[inside], raw[inside])


def values(piece: Any, raw: NDArray[Any]) -> Floats:
    """Counts of a stretch as values in the unit of its signal."""
    if piece.gain is not None:
        return on_line(raw, float(piece.gain), float(piece.offset))
    return evaluate(steps_from_json(piece.steps), raw.astype(np.float64))


def period(since: Any, until: Any) -> tuple[datetime.datetime, datetime.datetime]:
    """Two instants in order; without the second, until now."""
    from ..timespan import instant

    first, last = instant(since), instant(until)
    if first is None:
        raise InvalidValue("say since when, for example since='2026-03-01'")
    last = datetime.datetime.now(datetime.UTC) if last is None else last
    if first >= last:
        raise InvalidValue(
            f"the period ends ({_shown(last)}) before it begins ({_shown(first)}); periods are half-open: from since, up to "
            "but not including until"
        )
    return first, last


def _shown(at: datetime.datetime) -> str:
    text = at.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return text.removesuffix(".000000").removesuffix(":00")
