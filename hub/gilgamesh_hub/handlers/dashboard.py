"""The control room: the last discharge, full screen; the next one appears by itself."""

from __future__ import annotations

import asyncio
import json

from tornado.iostream import StreamClosedError

from gilgamesh_db import Database

from ..page import Api, Page

BEAT = 10.0  # seconds between signs of life


class Dashboard(Page):
    """The screen on the wall."""

    async def get(self) -> None:
        """Show it; a script fills it."""
        layouts = await self.ask(_layouts)
        self.show(
            "dashboard.html",
            layouts=layouts,
            layout=self.get_query_argument("layout", ""),
            charts=self.application.packages is not None,
        )


class Follow(Api):
    """Server-sent events: the number of each shot as soon as it is committed, and signs of life."""

    _closed = False

    async def get(self) -> None:
        """Tell for as long as somebody listens who may."""
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("X-Accel-Buffering", "no")
        with self.application.follower.listen() as queue:
            try:
                await self._send("beat", {})
                while not self._closed:
                    try:
                        told = await asyncio.wait_for(queue.get(), BEAT)
                    except TimeoutError:
                        if await self.application.identity.who(self) is None:
                            await self._send("out", {})
                            break
                        await self._send("beat", {})
                        continue
                    await self._send("told", told._asdict())
            except (StreamClosedError, asyncio.CancelledError):  # nobody listens, or the server stops
                self._closed = True
        if not self._closed:
            self.finish()

    def on_connection_close(self) -> None:
        """Nobody listens any more."""
        self._closed = True

    async def _send(self, event: str, data: object) -> None:
        self.write(f"event: {event}\ndata: {json.dumps(data)}\n\n")
        await self.flush()


def _layouts(db: Database) -> list[str]:
    return list(db.layouts)


ROUTES = [(r"/dashboard", Dashboard), (r"/api/follow", Follow)]
