"""The application: routes, templates, a database, threads to ask it in, and who says who somebody is."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import jinja2
import tornado.web

from gilgamesh_db import Database

from . import handlers, wording
from .following import Follower
from .throttle import Throttle

if TYPE_CHECKING:
    from .identity import Identity

HERE = Path(__file__).parent
THREADS = 8
UPLOAD_LIMIT = 20 * 1024 * 1024  # bytes

Answer = TypeVar("Answer")


class Application(tornado.web.Application):
    """The pages of one testbed.

    Parameters
    ----------
    db : Database
        Connected as the owner; each request asks it in the role of the person it serves.
    identity : Identity
        Says who somebody is: the login of these pages, or JupyterHub's.
    prefix : str
        The path below which all pages are, such as ``/services/gilgamesh``; empty at the root.
    packages : Path, optional
        Where the packages of ``package.json`` were installed; without them charts are drawn by the server.
    """

    def __init__(self, db: Database, identity: Identity, *, prefix: str = "", packages: Path | None = None) -> None:
        self.db = db
        self.identity = identity
        self.prefix = prefix.rstrip("/")
        self.packages = packages
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="gilgamesh-web")
        self.throttle = Throttle()
        self.follower = Follower(db)
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.filters.update(wording.FILTERS)
        self._acting: dict[str, Database] = {}
        super().__init__(
            [(self.prefix + pattern, *rest) for pattern, *rest in handlers.routes()],
            default_handler_class=handlers.NoSuchPage,
            static_path=str(HERE / "static"),
            static_url_prefix=f"{self.prefix}/static/",
            static_handler_class=handlers.Static,
            xsrf_cookies=True,
            xsrf_cookie_name="gilgamesh-xsrf",
            xsrf_cookie_kwargs={"httponly": True, "samesite": "Lax", "path": self.prefix or "/"},
            log_function=handlers.log_request,
        )

    def acting_as(self, name: str) -> Database:
        """The database in the role of a person; the same object each time, so that it remembers names."""
        if name not in self._acting:
            if len(self._acting) > 500:
                self._acting.clear()
            self._acting[name] = self.db.acting_as(name)
        return self._acting[name]

    async def in_thread(self, function: Callable[..., Answer], *arguments: Any, **words: Any) -> Answer:
        """Do something that blocks in a thread; each thread has a connection to the database."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, functools.partial(function, *arguments, **words))

    def close(self) -> None:
        """Let the threads end."""
        self.follower.close()
        self.pool.shutdown(wait=True, cancel_futures=True)
