"""What the Lab extension asks, and what its links open."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape
from typing import Any, TypeVar
from urllib.parse import quote

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from gilgamesh_db import Database
from gilgamesh_db.errors import GilgameshError, UserError
from gilgamesh_db.notebooks.page import HEADERS, page
from gilgamesh_db.notebooks.references import Cited, check, look_up

from .entry import entry
from .library import Library

Answer = TypeVar("Answer")

AT_ONCE = 100  # keys of one question
# What a browser shows by itself and runs nothing of; the rest is offered for saving.
SHOWN = ("application/pdf", "image/gif", "image/jpeg", "image/png", "text/plain")


class Citations(APIHandler):
    """``GET gilgamesh/citations?key=a&key=b``: what these keys stand for, those that stand for something."""

    auth_resource = "gilgamesh"

    def initialize(self, library: Library) -> None:
        """Remember whom to ask."""
        self.library = library

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with an object whose names are keys."""
        keys = list(dict.fromkeys(self.get_query_arguments("key")))
        if len(keys) > AT_ONCE:
            raise web.HTTPError(400, f"{len(keys)} keys at once; {AT_ONCE} is the most")
        shelves = url_path_join(self.base_url, "gilgamesh/bibliography")
        try:
            found = await self.library.ask(lambda db: self.answer(db, keys, shelves))
        except GilgameshError as error:
            raise web.HTTPError(_status(error), str(error)) from error
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(found))

    def answer(self, db: Database, keys: list[str], shelves: str) -> dict[str, Any]:
        """What is said of the keys."""
        return {key: _said(cited) for key, cited in look_up(db, keys, library=shelves, verify=False).items()}


class Checks(Citations):
    """``GET gilgamesh/citations/check?key=a``: whether quoted numbers can be had again."""

    def answer(self, db: Database, keys: list[str], shelves: str) -> dict[str, Any]:  # noqa: ARG002
        """What is said of the keys."""
        checks = {key: check(db.verify(key)) for key in keys}
        return {key: {"verified": one.verified, "said": one.said} for key, one in checks.items()}


class Entry(JupyterHandler):
    """``GET gilgamesh/bibliography/KEY``: a record, or quoted numbers, as a page."""

    auth_resource = "gilgamesh"

    def initialize(self, library: Library) -> None:
        """Remember whom to ask."""
        self.library = library

    @web.authenticated
    @authorized
    async def get(self, key: str) -> None:
        """Show it."""
        shelves = url_path_join(self.base_url, "gilgamesh/bibliography")
        shown = await self._asked(lambda db: entry(db, key, shelves))
        if shown is not None:
            self._send(page(key, shown))

    async def _asked(self, question: Callable[[Database], Answer]) -> Answer | None:
        """What the library answers; None when its letter was sent instead."""
        try:
            return await self.library.ask(question)
        except GilgameshError as error:
            self.set_status(_status(error))
            self._send(page("Bibliography", f"<p>{escape(str(error))}</p>"))
            return None

    def _send(self, text: str) -> None:
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.finish(text)


class Document(Entry):
    """``GET gilgamesh/bibliography/KEY/NAME``: an attached document."""

    @web.authenticated
    @authorized
    async def get(self, key: str, name: str) -> None:
        """Send it; what a browser might run is offered for saving."""
        found = await self._asked(lambda db: db.bibliography.document(key, name))
        if found is None:
            return
        kind, content = found
        shown = kind in SHOWN
        self.set_header("Content-Type", kind if shown else "application/octet-stream")
        self.set_header("X-Content-Type-Options", "nosniff")
        how = "inline" if shown else "attachment"
        self.set_header("Content-Disposition", f"{how}; filename*=UTF-8''{quote(name, safe='')}")
        self.finish(content)


def routes(base_url: str, library: Library) -> list[tuple[str, type[JupyterHandler], dict[str, Any]]]:
    """Where these handlers are."""
    return [
        (url_path_join(base_url, path), handler, {"library": library})
        for path, handler in (
            (r"gilgamesh/citations", Citations),
            (r"gilgamesh/citations/check", Checks),
            (r"gilgamesh/bibliography/([^/]+)", Entry),
            (r"gilgamesh/bibliography/([^/]+)/([^/]+)", Document),
        )
    ]


def _said(cited: Cited) -> dict[str, Any]:
    names = ("key", "kind", "names", "year", "line", "address")
    return {name: getattr(cited, name) for name in names}


def _status(error: GilgameshError) -> int:
    return 404 if isinstance(error, UserError) else 503
