"""The pages: one module each, with its routes at its end.

To add a page: a module here with its ``ROUTES``, a template, an entry below, and a row in
``tests/web/test_rights.py``, which asks every route in every role.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import tornado.web

from gilgamesh_db.persons import Level

from ..page import POLICY, Page
from . import (
    account,
    bibliography,
    dashboard,
    health,
    invitation,
    landing,
    login,
    notebooks,
    packages,
    persons,
    search,
    shot,
    shots,
    signals,
)

log = logging.getLogger("gilgamesh.web")


class Entry(NamedTuple):
    """A line of the menu."""

    path: str
    title: str
    needs: Level = "reader"


MENU = (
    Entry("/", "Home"),
    Entry("/shots", "Shots"),
    Entry("/dashboard", "Control room"),
    Entry("/notebooks", "Notebooks"),
    Entry("/bibliography", "Bibliography"),
    Entry("/persons", "Persons", "admin"),
)


def routes() -> list[tuple[Any, ...]]:
    """Every route, without the prefix."""
    return [
        route
        for module in (
            landing,
            shots,
            shot,
            signals,
            dashboard,
            notebooks,
            bibliography,
            search,
            packages,
            login,
            invitation,
            account,
            persons,
            health,
        )
        for route in module.ROUTES
    ]


class NoSuchPage(Page):
    """What there is nothing at."""

    needs = None
    needs_to_write = None
    anything = True

    async def prepare(self) -> None:
        """Say so, to everybody."""
        await super().prepare()
        raise tornado.web.HTTPError(404)


class Static(tornado.web.StaticFileHandler):
    """Our style sheet and scripts: they are asked for by their hash, and kept."""

    def set_extra_headers(self, path: str) -> None:
        """They are nothing but what they say."""
        del path
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Content-Security-Policy", "; ".join(f"{key} {value}" for key, value in POLICY.items()))
        self.clear_header("Server")


def log_request(handler: tornado.web.RequestHandler) -> None:
    """One line per request, without what is secret in an address."""
    path = "/invitation/…" if "/invitation/" in handler.request.path else handler.request.path
    status = handler.get_status()
    log.log(
        logging.ERROR if status >= 500 else logging.INFO,
        "%d %s %s %.0f ms",
        status,
        handler.request.method,
        path,
        1000 * handler.request.request_time(),
    )
