"""Layouts: which signals a discharge is looked at by, in which panels; kept in the database for everybody."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .errors import InvalidValue, near_names

if TYPE_CHECKING:
    from .database import Database

OVERVIEW = "overview"


@dataclass(frozen=True)
class Panel:
    """One panel of a picture.

    Attributes
    ----------
    signals : tuple of str
        Names, drawn over each other.
    title : str
        The names, if left out.
    low, high : float or None
        Ends of the vertical axis; found from the values where None.
    """

    signals: tuple[str, ...]
    title: str = ""
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """What the database keeps of it."""
        said = {"signals": list(self.signals), "title": self.title, "low": self.low, "high": self.high}
        return {key: value for key, value in said.items() if value not in ("", None)}


class Layouts(MutableMapping[str, tuple[Panel, ...]]):
    """The layouts of a database; reached as ``db.layouts``.

    Examples
    --------
    >>> db.layouts["probe"] = ["Lang_U", ["Lang_I", "Lang_I2"]]  # doctest: +SKIP
    >>> db.overview(1234, layout="probe")  # doctest: +SKIP
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def __getitem__(self, name: str) -> tuple[Panel, ...]:
        with self._db.transaction() as connection:
            found = connection.execute(
                sa.text("select panels from gilgamesh.layout where name = :name"), {"name": name}
            ).scalar()
        if found is None:
            raise KeyError(name)
        return tuple(_panel(panel) for panel in found)

    def __setitem__(self, name: str, panels: Sequence[Panel | Mapping[str, Any] | Sequence[str] | str]) -> None:
        if isinstance(panels, str) or not isinstance(panels, Sequence):
            raise InvalidValue(f"{panels!r} is no list of panels; give for example [['Lang_U'], ['Lang_I', 'Lang_I2']]")
        written = json.dumps([_panel(panel).to_dict() for panel in panels])
        with self._db.transaction() as connection:
            connection.execute(
                sa.text("select gilgamesh.set_layout(:name, cast(:panels as jsonb))"), {"name": name, "panels": written}
            )

    def __delitem__(self, name: str) -> None:
        with self._db.transaction() as connection:
            if not connection.execute(sa.text("select gilgamesh.drop_layout(:name)"), {"name": name}).scalar():
                raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        with self._db.transaction() as connection:
            return iter(connection.exec_driver_sql("select name from gilgamesh.layout order by name").scalars().all())

    def __len__(self) -> int:
        with self._db.transaction() as connection:
            return int(connection.exec_driver_sql("select count(*) from gilgamesh.layout").scalar_one())

    def require(self, name: str) -> tuple[Panel, ...]:
        """The layout of this name.

        Raises
        ------
        InvalidValue
            There is none; near names are suggested.
        """
        try:
            return self[name]
        except KeyError as error:
            near = near_names(name, self) or ";"
            raise InvalidValue(f"no layout {name!r}{near} there are: {', '.join(self) or 'none yet'}") from error


def panels_of(db: Database, readable: Sequence[str], layout: str | None = None) -> tuple[Panel, ...]:
    """The panels a shot is looked at by.

    Parameters
    ----------
    readable : sequence of str
        The signals that can be read in it.
    layout : str, optional
        Name of a layout; when left out, the one called ``overview``, else a panel for every signal that can be read.
    """
    if layout is not None:
        return db.layouts.require(layout)
    return db.layouts.get(OVERVIEW) or tuple(Panel((name,)) for name in readable)


def _panel(said: Panel | Mapping[str, Any] | Sequence[str] | str) -> Panel:
    if isinstance(said, Panel):
        return said
    if isinstance(said, str):
        return Panel((said,))
    if not isinstance(said, Mapping):
        return Panel(tuple(said))
    unknown = set(said) - {"signals", "title", "low", "high"}
    if unknown or "signals" not in said:
        raise InvalidValue(f"{dict(said)!r} is no panel; it has signals and, if wanted, title, low and high")
    signals = said["signals"]
    names = (signals,) if isinstance(signals, str) else tuple(signals)
    return Panel(names, said.get("title", ""), said.get("low"), said.get("high"))
