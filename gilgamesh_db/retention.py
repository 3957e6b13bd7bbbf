"""Making room: what takes it up, what could go, and releasing samples nobody needs any more.

Shots, wiring, calibrations and attributes always stay; only samples go, for good.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .errors import InvalidValue

if TYPE_CHECKING:
    import pandas as pd

    from .database import Database

_CHUNKS = "select since, until, shots, series, samples, segments, bytes from gilgamesh.chunks order by since"
_PLAN = "select * from gilgamesh.release_plan(:since, :until, :older_than)"
_NEEDED = """
select shot, port, needed_by from gilgamesh.releasable(:since, :until, :older_than)
 where needed_by is not null order by shot, series_id
"""
_RELEASE = "select * from gilgamesh.release_samples(:since, :until, :older_than, :keep_needed, :reason)"

_DAYS = {"d": 1, "w": 7, "y": 365}


@dataclass(frozen=True)
class Release:
    """What was released, or would be.

    Attributes
    ----------
    chunks : DataFrame
        One row per partition: its shots (``since <= shot < until``), whether it goes whole, and what goes.
    needed : DataFrame
        Records that cannot go: shot, port and who needs them.
    done : bool
        False when it was only asked.
    """

    chunks: pd.DataFrame
    needed: pd.DataFrame
    done: bool


def chunks(db: Database) -> pd.DataFrame:
    """The partitions that hold the samples, with their shots, records, samples, rows and bytes."""
    return db.sql(_CHUNKS)


def release(
    db: Database,
    *,
    since: int | None = None,
    until: int | None = None,
    older_than: datetime.timedelta | None = None,
    keep_needed: bool = False,
    reason: str | None = None,
    dry_run: bool = False,
) -> Release:
    """Remove the samples of shots for good, in one transaction; only the owner of the database may.

    Partitions of which nothing remains are dropped, which frees their room at once; rows of others are deleted,
    and their room is used again.

    Parameters
    ----------
    since, until : int, optional
        Shots ``since <= shot < until``.
    older_than : timedelta, optional
        Only shots triggered longer ago.
    keep_needed : bool
        Keep what is still needed and release the rest, instead of refusing.
    reason : str, optional
        Why; it is kept among the edits.
    dry_run : bool
        Say what would go, and change nothing; everybody may.

    Raises
    ------
    ConflictError
        A run needs some of it, or it is not finished; nothing was released.
    InvalidValue
        Neither shots nor an age were given.
    UserError
        Somebody else than the owner asked.
    """
    if since is None and until is None and older_than is None:
        raise InvalidValue("say what to release: --shots FIRST:UNTIL, --older-than 400d, or both")
    asked = {"since": since, "until": until, "older_than": older_than}
    with db.transaction() as connection:
        needed = _table(connection, _NEEDED, asked)
        gone = (
            _table(connection, _PLAN, asked)
            if dry_run
            else _table(connection, _RELEASE, {**asked, "keep_needed": keep_needed, "reason": reason})
        )
    return Release(gone.rename(columns={"chunk_since": "since", "chunk_until": "until"}), needed, not dry_run)


def _table(connection: sa.Connection, query: str, asked: Mapping[str, Any]) -> pd.DataFrame:
    import pandas as pd

    found = connection.execute(sa.text(query), asked)
    return pd.DataFrame(found.all(), columns=list(found.keys()))


def shots_between(text: str) -> tuple[int | None, int | None]:
    """Read a half-open range of shots.

    Examples
    --------
    >>> shots_between("800:1000"), shots_between(":1000"), shots_between("812")
    ((800, 1000), (None, 1000), (812, 813))
    """
    found = re.fullmatch(r"(\d*)(:?)(\d*)", text.strip())
    if found is None or not (found[1] or found[3]):
        raise InvalidValue(
            f"{text!r} is no range of shots; write it like 800:1000 (from 800, up to but not including 1000)"
        )
    since = int(found[1]) if found[1] else None
    until = int(found[3]) if found[3] else None
    if not found[2] and since is not None:
        until = since + 1
    if since is not None and until is not None and since >= until:
        raise InvalidValue(f"the range of shots {text} is empty; it ends before its second number")
    return since, until


def age(text: str) -> datetime.timedelta:
    """Read an age in days, weeks or years (of 365 days).

    Examples
    --------
    >>> age("400d").days, age("2y").days
    (400, 730)
    """
    found = re.fullmatch(r"(\d+)\s*([dwy])", text.strip())
    if found is None or int(found[1]) == 0 or int(found[1]) > 100_000:
        raise InvalidValue(f"{text!r} is no age; write it in days, weeks or years, like 400d, 8w or 2y")
    return datetime.timedelta(days=int(found[1]) * _DAYS[found[2]])
