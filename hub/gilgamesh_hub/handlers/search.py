"""Looking for a word everywhere."""

from __future__ import annotations

from itertools import groupby

from gilgamesh_db import Database

from ..page import Page

TITLES = {"signal": "Signals", "shot": "Shots", "log": "Logbook", "reference": "Bibliography", "notebook": "Notebooks"}


class Search(Page):
    """What holds all the words."""

    async def get(self) -> None:
        """Show it by kind; the number of a shot leads there at once."""
        words = self.get_query_argument("q", "")[:200]
        found = await self.ask(Database.find, words)
        if words.strip().isdecimal() and any(hit.kind == "shot" and hit.name == words.strip() for hit in found):
            self.go(f"/shots/{words.strip()}")
            return
        groups = [(TITLES[kind], list(hits)) for kind, hits in groupby(found, key=lambda hit: hit.kind)]
        self.show("search.html", words=words, groups=groups)


ROUTES = [(r"/search", Search)]
