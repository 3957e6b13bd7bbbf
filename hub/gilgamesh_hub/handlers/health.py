"""Is it alive? For whoever watches the service."""

from __future__ import annotations

from gilgamesh_db import Database

from ..page import Api


class Health(Api):
    """200 when the database answers."""

    needs = None

    async def get(self) -> None:
        """Ask the database the shortest question."""
        await self.ask_as_owner(_answers)
        self.send({"status": "ready"})


def _answers(db: Database) -> None:
    db.reader.rows("select 1", ())


ROUTES = [(r"/health", Health)]
