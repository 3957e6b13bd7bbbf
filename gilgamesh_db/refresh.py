"""Computing again what is out of date: first runs, then the attributes that may depend on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from .attributes import compute, wanting
from .errors import GilgameshError, NotFound
from .methods import find_method

if TYPE_CHECKING:
    from .database import Database

BATCH = 200  # shots per transaction: edits of others wait no longer than that takes

_OLD_RUNS = """
select run, method, shot, parameters, reason from gilgamesh.runs
 where not up_to_date and not superseded and shot = any(cast(:shots as bigint[])) order by run
"""


@dataclass
class Refreshed:
    """What was, or would be, computed again.

    Attributes
    ----------
    runs : list of tuple
        (run that was out of date, method, shot).
    attributes : dict
        Name to the shots whose value was stale or missing.
    failed : list of str
        What could not be computed again, and why.
    """

    runs: list[tuple[int, str, int]] = field(default_factory=list)
    attributes: dict[str, list[int]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{method} of shot {shot} (run {run})" for run, method, shot in self.runs]
        lines += [f"{name}: {len(shots)} shots" for name, shots in self.attributes.items()]
        lines += [f"not computed: {why}" for why in self.failed]
        return "\n".join(lines) or "everything is up to date"


def refresh(
    db: Database, shots: Sequence[int], *, dry_run: bool = False, progress: Callable[[int, int], None] | None = None
) -> Refreshed:
    """See `Database.refresh`; `progress` is told how many steps are done, and of how many."""
    done = Refreshed()
    _runs(db, shots, done, dry_run=dry_run)
    with db.transaction() as connection:
        wanted = wanting(db, connection, shots)
    steps = [(one.attribute, batch) for one in wanted for batch in _batches(one.shots)]
    for step, (attribute, batch) in enumerate(steps):
        if not dry_run:
            with db.transaction() as connection:
                connection.execute(
                    sa.text("select gilgamesh.begin_edit(:reason)"),
                    {"reason": f"computed {attribute.name} = {attribute.rule}"},
                )
                compute(db, connection, attribute, batch)
        done.attributes.setdefault(attribute.name, []).extend(batch)
        if progress is not None:
            progress(step + 1, len(steps))
    return done


def _runs(db: Database, shots: Sequence[int], done: Refreshed, *, dry_run: bool) -> None:
    """Run again what is out of date, in the order in which it was run, so that what stands on another comes after it."""
    with db.transaction() as connection:
        old = connection.execute(sa.text(_OLD_RUNS), {"shots": list(shots)}).all()
    for row in old:
        try:
            known = find_method(row.method)
            if not dry_run:
                known.run(db, row.shot, **row.parameters)
        except NotFound as error:
            done.failed.append(f"run {row.run} ({row.reason}): {error}")
        except GilgameshError as error:
            done.failed.append(f"run {row.run} ({row.method} of shot {row.shot}): {error}")
        else:
            done.runs.append((row.run, row.method, row.shot))


def _batches(shots: list[int]) -> Iterator[list[int]]:
    for first in range(0, len(shots), BATCH):
        yield shots[first : first + BATCH]
