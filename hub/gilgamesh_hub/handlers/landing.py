"""The landing page: what happened last."""

from __future__ import annotations

from typing import Any

from gilgamesh_db import Database

from ..page import Page


class Landing(Page):
    """The last discharges."""

    async def get(self) -> None:
        """Show them."""
        self.show("landing.html", **await self.ask(_lately))


def _lately(db: Database) -> dict[str, Any]:
    return {"shots": db.shots(columns=["Date", "Duration", "Program", "Status"], stale="show").tail(12).iloc[::-1]}


ROUTES = [(r"/", Landing)]
