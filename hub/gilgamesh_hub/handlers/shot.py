"""One shot: its curves, what is said of it, where its numbers come from, and the testbed as it was."""

from __future__ import annotations

import io
from typing import Any

from gilgamesh_db import Database
from gilgamesh_db.cli.door import plain
from gilgamesh_db.errors import InvalidValue
from gilgamesh_db.layout import panels_of
from gilgamesh_db.machine import Component

from ..page import Api, Page

MOST_OVERLAID = 8


class _OfShot(Page):
    def overlaid(self) -> list[int]:
        """The other shots to lay over it."""
        given = [text for text in self.get_query_argument("with", "").replace(" ", ",").split(",") if text]
        if len(given) > MOST_OVERLAID or not all(text.isdecimal() and len(text) < 18 for text in given):
            raise InvalidValue(f"with= takes up to {MOST_OVERLAID} numbers of shots, with commas between")
        return [int(text) for text in given]


class ShotPage(_OfShot):
    """The page of a shot."""

    async def get(self, shot: str) -> None:
        """Show it; the curves are fetched by a script, or drawn by the server where there is none."""
        told = await self.ask(_told, int(shot), self.get_query_argument("layout", "") or None)
        log = await self.ask(Database.log, shots=int(shot))
        self.show(
            "shot.html", shot=told, log=log, overlaid=self.overlaid(), charts=self.application.packages is not None,
            since=self.number("from"), until=self.number("to"), layout=self.get_query_argument("layout", ""),
        )  # fmt: skip


class Shot(Api):
    """The same as data."""

    async def get(self, shot: str) -> None:
        """Send what is said of it, its signals, and the panels it is looked at by."""
        self.send(plain(await self.ask(_told, int(shot), self.get_query_argument("layout", "") or None)))


class Testbed(Api):
    """The tree of components at the trigger of a shot."""

    async def get(self, shot: str) -> None:
        """Send it."""
        self.send({"roots": await self.ask(_tree, int(shot))})


class Picture(_OfShot):
    """Curves drawn by the server, for where no script draws them."""

    async def get(self, shot: str) -> None:
        """Send an SVG."""
        names = self.get_query_arguments("signal")
        since, until = self.number("from"), self.number("to")
        window = None if since is None or until is None else (since, until)
        content = await self.ask(_picture, names, [int(shot), *self.overlaid()], window)
        self.set_header("Content-Type", "image/svg+xml")
        self.finish(content)


def _told(db: Database, number: int, layout: str | None) -> dict[str, Any]:
    shot = db.shot(number)
    signals = shot.signals()
    catalogue = db.catalogue()
    before, after = shot.neighbours()
    readable = [str(name) for name, status in signals.status.items() if status in ("ok", "formula")]
    units = {name: row.unit for name, row in catalogue.iterrows()}
    return {
        "shot": shot.number,
        "started_at": shot.started_at,
        "duration": shot.duration,
        "program": shot.program,
        "status": shot.status,
        "attributes": dict(shot.attributes),
        "stale": list(shot.stale),
        "previous": before,
        "next": after,
        "signals": [
            {"signal": name, **row, "label": catalogue.label.get(name, name)} for name, row in signals.to_dict("index").items()
        ],
        "panels": [{**panel.to_dict(), "title": panel.title or ", ".join(panel.signals),
                    "units": list(dict.fromkeys(units.get(name, "") for name in panel.signals))}
                   for panel in panels_of(db, readable, layout)],
        "layouts": list(db.layouts),
    }  # fmt: skip


def _tree(db: Database, shot: int) -> list[dict[str, Any]]:
    def told(part: Component) -> dict[str, Any]:
        return {
            "name": part.name,
            "kind": part.kind,
            "properties": {name: str(value) for name, value in part.properties.items()},
            "signals": dict(part.roles),
            "parts": [told(child) for child in part.children if child.kind != "Port"],
        }

    return [told(root) for root in db.machine(shot).roots]


def _picture(db: Database, names: list[str], shots: list[int], window: tuple[float, float] | None) -> bytes:
    from matplotlib.figure import Figure

    from gilgamesh_db.plot import plot_shots

    figure = plot_shots(db, names, shots, window, Figure(figsize=(9, 2.6), layout="constrained"))
    written = io.BytesIO()
    figure.savefig(written, format="svg")
    return written.getvalue()


ROUTES = [
    (r"/shots/(\d{1,18})", ShotPage),
    (r"/shots/(\d{1,18})/picture", Picture),
    (r"/api/shots/(\d{1,18})", Shot),
    (r"/api/shots/(\d{1,18})/testbed", Testbed),
]
