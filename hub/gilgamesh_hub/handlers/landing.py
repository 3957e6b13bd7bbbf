"""The landing page: what happened last."""

from __future__ import annotations

from typing import Any

from gilgamesh_db import Database
from gilgamesh_db.shots import page_of_shots

from ..page import Page


class Landing(Page):
    """The last discharges, which a script keeps the last; what changed lately; what was noted."""

    async def get(self) -> None:
        """Show them."""
        self.show("landing.html", **await self.ask(_lately))


def _lately(db: Database) -> dict[str, Any]:
    with db.transaction() as connection:
        known = {"Gas", "Comment"} & {
            row[0] for row in connection.exec_driver_sql("select name from gilgamesh.attribute")
        }
        shots = page_of_shots(connection, columns=["Date", "Program", *sorted(known, reverse=True)], rows=12)
    return {"shots": shots, "edits": db.edits(12), "log": db.log().tail(6).iloc[::-1]}


ROUTES = [(r"/", Landing)]
