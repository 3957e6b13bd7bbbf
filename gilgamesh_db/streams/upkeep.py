"""Looking after streams: opening, compacting, releasing what is older than it is kept."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from ..errors import InvalidValue, ServerError

if TYPE_CHECKING:
    import pandas as pd

    from ..database import Database

_STREAMS = (
    "select port, signal, dtype, samples, in_tail, bytes, last_at, pause, keep, keep_aggregates "
    "from gilgamesh.streams order by port"
)
_BACKLOG = """
select port_id, hour, samples from gilgamesh.stream_backlog where samples >= %s or hour + interval '1 hour' <= now() order by hour, port_id
"""
# Not waiting for the disk: should the server fall over, the samples are in the tail as before.
COMPACT = "select set_config('synchronous_commit', 'off', true), gilgamesh.compact_stream(%s, %s)"
_PLAN = "select port, segments, samples, bytes, blocks, samples_until, aggregates_until from gilgamesh.stream_release_plan() order by port"
_RELEASE = "select port, segments, samples, bytes, blocks from gilgamesh.release_streams(:reason)"


def streams(db: Database) -> pd.DataFrame:
    """See `Database.streams`."""
    import pandas as pd

    table = db.sql(_STREAMS).set_index("port")
    table["last_at"] = pd.to_datetime(table["last_at"], utc=True)
    return table


def compact(db: Database, at_least: int = 1) -> int:
    """See `Database.compact_streams`."""
    moved = 0
    for row in db.reader.rows(_BACKLOG, (at_least,)):
        try:
            moved += int(db.reader.rows(COMPACT, (row.port_id, row.hour))[0][1])
        except ServerError as error:
            if "does not finish" not in str(error):
                raise  # somebody writes this one in a long transaction; the others need not wait
    return moved


def release(db: Database, *, reason: str | None = None, dry_run: bool = False) -> pd.DataFrame:
    """See `Database.release_streams`."""
    table = db.sql(_PLAN) if dry_run else db.sql(_RELEASE, {"reason": reason})
    return table.set_index("port") if len(table.columns) else table


def kept(age: str | datetime.timedelta | None) -> datetime.timedelta | None:
    """How long something is kept: a timedelta, or a text such as ``"400d"``."""
    from ..retention import age as read

    if age is None or isinstance(age, datetime.timedelta):
        return age
    if not isinstance(age, str):
        raise InvalidValue(f"{age!r} is no age; write it in days, weeks or years, like 400d, 8w or 2y")
    return read(age)
