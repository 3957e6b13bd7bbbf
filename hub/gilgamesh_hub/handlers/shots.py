"""Shots: the table of all of them, filtered, sorted and described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gilgamesh_db import Database
from gilgamesh_db.cli.door import plain
from gilgamesh_db.errors import InvalidValue, UserError
from gilgamesh_db.shot_edits import PROGRAM, edit_shots
from gilgamesh_db.shots import PageOfShots, columns_of_shots, page_of_shots

from ..page import Api, Page

ROWS = 100
MOST_ROWS = 1000
MOST_EDITED = 20_000


class _Asked(Page):
    """What the address asks of the table."""

    def asked(self) -> dict[str, Any]:
        """Condition, columns, order and which rows."""
        columns = self.get_query_argument("columns", "")
        order = self.get_query_argument("order", "-Shot")
        return {
            "condition": self.get_query_argument("where", "") or None,
            "columns": columns.split(",") if columns else None,
            "order": order.removeprefix("-"),
            "descending": order.startswith("-"),
            "first": self.whole("first", 0, 0, 10**9),
            "rows": self.whole("rows", ROWS, 0, MOST_ROWS),
        }


class ShotsPage(_Asked):
    """The table; a script fetches what comes after its first rows."""

    async def get(self) -> None:
        """Show it; a condition that cannot be read is said above the shots that were asked for last."""
        asked, error = self.asked(), ""
        try:
            page, columns = await self.ask(_table, asked)
        except UserError as wrong:
            error = str(wrong)
            page, columns = await self.ask(_table, {**asked, "condition": None, "columns": None, "order": "Shot"})
        self.show(
            "shots.html", page=page, columns=columns, error=error, where=asked["condition"] or "",
            order=("-" if asked["descending"] else "") + asked["order"], rows=ROWS,
            editable=[c for c in columns if c.name == PROGRAM or not (c.own or c.computed)],
        )  # fmt: skip


class Shots(_Asked, Api):
    """The table as data."""

    async def get(self) -> None:
        """Send the rows asked for."""
        page, _ = await self.ask(_table, self.asked())
        self.send(
            {
                "columns": [vars(column) for column in page.columns],
                "rows": plain(page.rows),
                "total": page.total,
                "stale": sorted(map(list, page.stale)),
                "edit": page.edit,
            }
        )


class Describe(Api):
    """Stating something of shots."""

    async def post(self) -> None:
        """State the program or attributes of shots; with ``edit``, unless somebody stated one of them since."""
        sent = self.body()
        shots, said, reason, seen = (sent.get(key) for key in ("shots", "said", "reason", "edit"))
        if not isinstance(shots, list) or not all(type(shot) is int for shot in shots) or len(shots) > MOST_EDITED:
            raise InvalidValue(f"shots is a list of at most {MOST_EDITED} numbers of shots")
        if not isinstance(said, Mapping) or not isinstance(reason, str):
            raise InvalidValue('said is an object such as {"Gas": "Argon"}, and reason a text')
        if seen is not None and type(seen) is not int:
            raise InvalidValue("edit is the number of the edit that came with the table")
        await self.ask(edit_shots, shots, said, reason, seen=seen)
        self.send({"shots": len(shots)})


def _table(db: Database, asked: dict[str, Any]) -> tuple[PageOfShots, Any]:
    with db.transaction() as connection:
        return page_of_shots(connection, **asked), columns_of_shots(connection)


ROUTES = [(r"/shots", ShotsPage), (r"/api/shots", Shots), (r"/api/shots/describe", Describe)]
