"""A dry run: apply revisions, see which shots would read differently, and take everything back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from ..errors import InvalidValue
from .repository import Repository

# What decides the values of a signal in a shot; rows that were stated anew with the same content make no difference.
_READ = """
select r.shot, r.signal, r.status, r.port, r.chain, r.gain, r."offset", r.steps, r.unit, r.start, r.dt, r.clock_rate, r.clock_offset
  from gilgamesh.resolved_signal r
"""
_COMPARE = """
select coalesce(a.signal, b.signal) as signal, coalesce(a.shot, b.shot) as shot,
       coalesce(b.status, 'not wired') as was, coalesce(a.status, 'not wired') as is_,
       b.port as was_port, a.port as is_port, b.chain as was_chain, a.chain as is_chain,
       (b.gain, b."offset", b.steps::text, b.unit) is distinct from (a.gain, a."offset", a.steps::text, a.unit) as scaled,
       (b.start, b.dt, b.clock_rate, b.clock_offset) is distinct from (a.start, a.dt, a.clock_rate, a.clock_offset) as timed
  from reading_before b full join reading_after a using (shot, signal)
 where (a.status, a.port, a.chain, a.gain, a."offset", a.steps::text, a.unit, a.start, a.dt, a.clock_rate, a.clock_offset)
       is distinct from
       (b.status, b.port, b.chain, b.gain, b."offset", b.steps::text, b.unit, b.start, b.dt, b.clock_rate, b.clock_offset)
   and (coalesce(a.status, 'not wired'), coalesce(b.status, 'not wired')) <> ('not wired', 'not wired')
 order by 1, 2
"""


class _Rehearsed(Exception):
    """Leaves the transaction, so that nothing stays."""


def rehearse(repository: Repository, move: Callable[..., None], target: str) -> list[str]:
    """Move to a revision, compare how every signal reads in every shot, and take it all back.

    Returns
    -------
    list of str
        One line per signal and kind of change, with its shots; then how many revisions it took.
    """
    if repository.engine is None:
        raise InvalidValue("a rehearsal needs the database; give Repository an engine")
    told: list[str] = []
    repository.tell, tell = told.append, repository.tell
    rows: list[Any] = []
    try:
        with repository.engine.begin() as connection:
            connection.exec_driver_sql("set local client_min_messages = warning")
            connection.exec_driver_sql(f"create temporary table reading_before on commit drop as {_READ}")
            move(target, connection=connection)
            connection.exec_driver_sql(f"create temporary table reading_after on commit drop as {_READ}")
            rows = list(connection.execute(sa.text(_COMPARE)))
            raise _Rehearsed
    except _Rehearsed:
        pass
    finally:
        repository.tell = tell
    changes: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        changes.setdefault((row.signal, _difference(row)), []).append(row.shot)
    lines = [f"{signal}: {what} in {shots_in_words(shots)}" for (signal, what), shots in changes.items()]
    would = [line.replace("applied ", "would apply ", 1).replace("took back ", "would take back ", 1) for line in told]
    count = len({row.shot for row in rows})
    return [
        *would,
        *lines,
        f"{count or 'no'} shot{'' if count == 1 else 's'} would read differently; nothing was changed",
    ]


def _difference(row: Any) -> str:
    said = []
    both = row.was_port is not None and row.is_port is not None
    if row.was_port != row.is_port:
        said.append(f"{row.was_port or 'not wired'} → {row.is_port or 'not wired'}")
    if both and row.was_chain != row.is_chain:
        said.append(f"through {' and '.join(row.was_chain) or 'nothing'} → {' and '.join(row.is_chain) or 'nothing'}")
    if both and row.was != row.is_:
        said.append(f"{row.was} → {row.is_}")
    elif both:
        said += ["other values"] * row.scaled + ["other times"] * row.timed
    return ", ".join(said)


def shots_in_words(shots: list[int]) -> str:
    """Name many shots briefly.

    Examples
    --------
    >>> shots_in_words([1500])
    'shot 1500'
    >>> shots_in_words([838, 839, 1234])
    '3 shots, from 838 to 1234'
    """
    return f"shot {shots[0]}" if len(shots) == 1 else f"{len(shots)} shots, from {min(shots)} to {max(shots)}"
