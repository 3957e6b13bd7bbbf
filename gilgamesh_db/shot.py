"""One discharge: what is said of it and what was recorded."""

from __future__ import annotations

import datetime
import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from .database import Database
    from .signal import Signal


@dataclass(frozen=True)
class Shot:
    """A discharge; made by `Database.shot`.

    Attributes
    ----------
    number : int
    started_at : datetime
        The trigger.
    duration : float
        Seconds.
    program : str or None
    status : str
        ``running``, ``complete`` or ``interrupted``.
    attributes : mapping
        What is said of it, by name; a computed attribute that is out of date is named in `stale`.
    stale : tuple of str
    """

    number: int
    started_at: datetime.datetime
    duration: float
    program: str | None
    status: str
    attributes: Mapping[str, Any]
    stale: tuple[str, ...]
    _db: Database = field(repr=False, compare=False)

    def __getitem__(self, name: str) -> Signal:
        return self._db.signal(name, self.number)

    def signals(self) -> pd.DataFrame:
        """Its signals: index ``signal``; status, port, chain, unit, n (samples), dt (s)."""
        return self._db.sql(
            "select signal, status, port, array_to_string(chain, ' → ') as chain, unit, n, dt "
            "from gilgamesh.resolved_signal where shot = :shot order by signal", {"shot": self.number}
        ).set_index("signal")  # fmt: skip

    def neighbours(self) -> tuple[int | None, int | None]:
        """The numbers of the shots before and after it; None where there is none."""
        found = self._db.reader.rows(
            "select (select max(number) from gilgamesh.shot where number < %(shot)s) as before, "
            "(select min(number) from gilgamesh.shot where number > %(shot)s) as after", {"shot": self.number}
        )[0]  # fmt: skip
        return found.before, found.after

    def overview(self, layout: str | None = None) -> Figure:
        """Its picture; see `Database.overview`."""
        return self._db.overview(self.number, layout)

    def __str__(self) -> str:
        said = [f"{name}: {value}" for name, value in self._facts()]
        return "\n".join([f"shot {self.number}", *said])

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>" for name, value in self._facts()
        )
        return f"<table><caption>shot {self.number}</caption>{cells}</table>"

    def _facts(self) -> list[tuple[str, Any]]:
        own = [("trigger", f"{self.started_at:%Y-%m-%d %H:%M:%S %Z}"), ("duration", f"{self.duration:g} s"),
               ("program", self.program or "–"), ("status", self.status)]  # fmt: skip
        return own + [
            (name, "out of date: gilgamesh refresh" if name in self.stale else f"{value:.6g}" if isinstance(value, float) else value)
            for name, value in self.attributes.items()
        ]  # fmt: skip


def shot_of(db: Database, number: int) -> Shot:
    """See `Database.shot`."""
    with db.transaction() as connection:
        row = connection.execute(sa.text("select * from gilgamesh.shots where shot = :shot"), {"shot": number}).one()
    return Shot(
        row.shot, row.started_at, row.duration, row.program, row.status, row.attributes, tuple(row.stale or ()), db
    )
