"""Following the testbed: every discharge, as soon as it is in the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import psycopg

from .errors import ServerError

if TYPE_CHECKING:
    from .database import Database

CHANNEL = "gilgamesh_shot"
_PAUSE = 0.5  # seconds
_LAST = "select number from gilgamesh.shot where status <> 'running' order by number desc limit 1"


def follow(
    db: Database,
    *,
    after: int | None = None,
    timeout: float | None = None,
    lost: Callable[[str], None] | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> Iterator[int]:
    """See `Database.follow`: numbers of shots, the last one first and then each as soon as it is committed.

    The database tells (LISTEN/NOTIFY); nothing is polled. A lost connection is made again, and a discharge that
    came meanwhile is told afterwards.

    Parameters
    ----------
    after : int, optional
        The shot one knows of already: it is not told again.
    timeout : float, optional
        Stop after so many seconds without a discharge; never, when left out.
    lost : callable, optional
        Called with what is wrong while the connection is lost, and with an empty text when it is there again.
    wanted : callable, optional
        Asked once a second whether to go on.

    Yields
    ------
    int

    Examples
    --------
    >>> for shot in db.follow():  # doctest: +SKIP
    ...     print(shot, db.signal("IC_Pinj", shot).values.max())
    """
    told = after
    quiet_since = time.monotonic()
    while wanted():
        try:
            with psycopg.connect(_address(db), autocommit=True, application_name="gilgamesh follow") as connection:
                connection.execute(f"listen {CHANNEL}")
                if lost:
                    lost("")
                row = connection.execute(_LAST).fetchone()
                if row is not None and row[0] != told:
                    told = row[0]
                    yield told
                    quiet_since = time.monotonic()
                while wanted():
                    # Nothing is asked of the database meanwhile: it speaks when there is something to say.
                    for heard in connection.notifies(timeout=_PAUSE, stop_after=1):
                        told = int(heard.payload)
                        yield told
                        quiet_since = time.monotonic()
                    if timeout is not None and time.monotonic() - quiet_since >= timeout:
                        return
        except psycopg.OperationalError as error:
            said = (str(error).strip().splitlines() or ["no answer"])[0]
            if lost is None and told is None:
                raise ServerError(f"the connection to the database was lost ({said}); try again") from error
            if lost:
                lost(said)
            time.sleep(_PAUSE)


def _address(db: Database) -> str:
    return db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
