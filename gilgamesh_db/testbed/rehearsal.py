"""A dry run: apply revisions, see which shots would read differently, and take everything back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..dry_run import Effect, take_back
from .repository import Repository

if TYPE_CHECKING:
    from ..database import Database


def rehearse(db: Database, repository: Repository, move: Callable[..., None], target: str) -> tuple[list[str], Effect]:
    """Move to a revision, compare how every signal reads in every shot, and take it all back.

    Until it is taken back nobody else can edit; readers notice nothing.

    Parameters
    ----------
    move : callable
        `Repository.upgrade` or `Repository.downgrade` of the repository.
    target : str
        The revision to move to.

    Returns
    -------
    list of str
        A line for each revision.
    Effect
        What would change: signals of shots with the size of the change, and the stored things made from them.
    """
    told: list[str] = []
    repository.tell, tell = told.append, repository.tell
    try:
        with db.engine.connect() as connection:
            before = connection.exec_driver_sql(
                "select coalesce((gilgamesh.lock_history()).recorded_at, clock_timestamp())"
            ).scalar_one()
            move(target, connection=connection)
            effect = take_back(db, connection, before, exact=True)
    finally:
        repository.tell = tell
    return [f"would {line.replace('applied', 'apply', 1).replace('took', 'take', 1)}" for line in told], effect
