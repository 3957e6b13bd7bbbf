"""From what a check found to quality flags: beside what people said, in place of what an earlier check said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from .quality_check import REASON, Findings, Window

if TYPE_CHECKING:
    from .database import Database
    from .edits import Edit

Flagged = tuple[str, float, float]

_SAID = """
select q.flag, coalesce(q.since, '-infinity') as since, coalesce(q.until, 'infinity') as until, q.reason
  from gilgamesh.quality q where q.signal = :signal and q.shot = :shot order by 2
"""


def state(db: Database, findings: Findings, author: str | None, reason: str) -> int:
    """See `Findings.state`."""
    wanted: dict[tuple[str, int], list[Flagged]] = {(one.signal, one.shot): [] for one in findings.measured}
    for one in findings.found:
        wanted.setdefault((one.signal, one.shot), []).append((one.flag, one.since, one.until))
    checks = sorted({one.check for one in findings.found})
    said = ": ".join(filter(None, (REASON, reason or ", ".join(checks) or "nothing found")))
    with db.edit(said, author=author) as edit:
        return sum(_stated(edit, signal, shot, flags) for (signal, shot), flags in wanted.items())


def _stated(edit: Edit, signal: str, shot: int, flags: list[Flagged]) -> int:
    """Flag one record; nothing is written where the same is said already."""
    rows = edit._connection.execute(sa.text(_SAID), {"signal": signal, "shot": shot}).all()
    spoken = [(row.since, row.until) for row in rows if not row.reason.startswith(REASON)]
    ours = [(row.flag, row.since, row.until) for row in rows if row.reason.startswith(REASON)]
    bad = [part for flag, *window in flags if flag == "bad" for part in without((window[0], window[1]), spoken)]
    bad = joined(bad)
    doubtful = [
        part for flag, *window in flags if flag != "bad" for part in without((window[0], window[1]), [*spoken, *bad])
    ]
    wanted = sorted([("bad", *part) for part in bad] + [("doubtful", *part) for part in joined(doubtful)])
    if sorted(ours) != wanted:
        for _, since, until in ours:
            edit.set_quality(signal, "not checked", shots=shot, window=(since, until))
        for flag, since, until in wanted:
            edit.set_quality(signal, flag, shots=shot, window=(since, until))
    return len(wanted)


def without(window: Window, others: Iterable[Window]) -> list[Window]:
    """What remains of a window outside of others.

    Examples
    --------
    >>> without((0.0, 5.0), [(1.0, 2.0), (4.0, 9.0)])
    [(0.0, 1.0), (2.0, 4.0)]
    """
    left = [window]
    for since, until in others:
        left = [
            part
            for one in left
            for part in ((one[0], min(one[1], since)), (max(one[0], until), one[1]))
            if part[0] < part[1]
        ]
    return left


def joined(windows: Iterable[Window]) -> list[Window]:
    """Windows that touch or overlap as one.

    Examples
    --------
    >>> joined([(2.0, 3.0), (0.0, 1.0), (1.0, 1.5)])
    [(0.0, 1.5), (2.0, 3.0)]
    """
    found: list[Window] = []
    for since, until in sorted(windows):
        if found and since <= found[-1][1]:
            found[-1] = found[-1][0], float(np.maximum(found[-1][1], until))
        else:
            found.append((since, until))
    return found
