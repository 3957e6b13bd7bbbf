"""The pages of the demo's testbed, served in this process, and visitors who log in and click."""

from __future__ import annotations

import asyncio
import contextlib
import html
import http.client
import http.cookiejar
import json
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import argon2
import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

import gilgamesh_db as gilgamesh
from gilgamesh_db import secret
from gilgamesh_db.persons import Level
from gilgamesh_hub.application import UPLOAD_LIMIT, Application
from gilgamesh_hub.identity import OwnLogin
from gilgamesh_loaders import simulator
from gilgamesh_loaders.commit import commit

PASSWORD = "correct horse battery"  # noqa: S105
SHOTS = (838, 1234, 1500)


@dataclass
class Answer:
    """What a visitor got."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    url: str

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def letter(self) -> str:
        """What an error page says."""
        found = re.search(r'role="alert">(.*?)</(?:section|p)>', self.text, re.DOTALL)
        return html.unescape(re.sub(r"<[^>]+>", " ", found[1])) if found else ""


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Visitor:
    """Somebody with a browser: cookies are kept, forms carry their token, redirects are shown and not followed."""

    address: str
    token: str | None = None
    cookies: http.cookiejar.CookieJar = field(default_factory=http.cookiejar.CookieJar)

    def ask(self, method: str, path: str, data: bytes | None = None, **headers: str) -> Answer:
        request = urllib.request.Request(self.address + path, data, method=method)  # noqa: S310 - our own server
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        opener = urllib.request.build_opener(_Stay, urllib.request.HTTPCookieProcessor(self.cookies))
        try:
            with opener.open(request, timeout=30) as answer:
                endless = answer.headers["Content-Type"].startswith("text/event-stream")
                return Answer(answer.status, answer.headers, b"" if endless else answer.read(), answer.url)
        except urllib.error.HTTPError as answer:
            with answer:
                return Answer(answer.code, answer.headers, answer.read(), self.address + path)

    @contextlib.contextmanager
    def events(self, path: str) -> Iterator[Iterator[tuple[str, Any]]]:
        """Server-sent events, as they come."""
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        with opener.open(self.address + path, timeout=20) as answer:

            def each() -> Iterator[tuple[str, Any]]:
                name = ""
                for line in answer:
                    field, _, value = line.decode().strip().partition(": ")
                    if field == "event":
                        name = value
                    elif field == "data":
                        yield name, json.loads(value)

            yield each()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form of a page, with its hidden token."""
        if not any(cookie.name == "gilgamesh-xsrf" for cookie in self.cookies):
            self.get("/login")
        return self.ask("POST", path, urllib.parse.urlencode({"_xsrf": self.xsrf, **fields}).encode())

    def send(self, method: str, path: str, data: Any) -> Answer:
        """Send JSON, as a script of a page does."""
        return self.ask(method, path, json.dumps(data).encode(), Content_Type="application/json", X_Xsrftoken=self.xsrf)

    @property
    def xsrf(self) -> str:
        return next((cookie.value or "" for cookie in self.cookies if cookie.name == "gilgamesh-xsrf"), "")

    def log_in(self, name: str, password: str = PASSWORD) -> Visitor:
        answer = self.post("/login", name=name, password=password)
        assert answer.status == 303, answer.text
        return self


@dataclass
class Site:
    """Pages that are served, and the database behind them."""

    address: str
    application: Application
    db: gilgamesh.Database
    names: dict[str, str]

    def visitor(self, who: str | None = None) -> Visitor:
        """Somebody who looks at it: an admin, operator, reader, other (a second reader), or anonymous."""
        visitor = Visitor(self.address)
        return visitor.log_in(self.names[who]) if who not in (None, "anonymous") else visitor


@pytest.fixture(scope="session", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Argon2 with little work: what it costs is not tested here."""
    with pytest.MonkeyPatch.context() as patch:
        quick = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        patch.setattr(secret, "_hasher", lambda: quick)
        yield


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[gilgamesh.Database], Site]]:
    """Serve a database, in a thread with an event loop of its own."""
    stops: list[Callable[[], None]] = []

    def start(db: gilgamesh.Database, **options: Any) -> Site:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="tornado", daemon=True)
        thread.start()
        listening = bind_sockets(0, "127.0.0.1")

        async def begin() -> tuple[Application, HTTPServer]:
            application = Application(db, OwnLogin(), **options)
            server = HTTPServer(application, max_body_size=UPLOAD_LIMIT)
            server.add_sockets(listening)
            return application, server

        application, server = asyncio.run_coroutine_threadsafe(begin(), loop).result(20)

        async def end() -> None:
            server.stop()
            await server.close_all_connections()
            application.close()

        def stop() -> None:
            asyncio.run_coroutine_threadsafe(end(), loop).result(20)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(20)
            loop.close()

        stops.append(stop)
        return Site(f"http://127.0.0.1:{listening[0].getsockname()[1]}", application, db, {})

    yield start
    for stop in reversed(stops):
        stop()


@contextlib.contextmanager
def testbed(server18: Any, **options: float) -> Iterator[gilgamesh.Database]:
    """A database with the demo's testbed and three shots."""
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as db:
        simulator.install_testbed(db)
        simulator.live(db)
        for shot in SHOTS:
            commit(db, simulator.simulate_shot(shot, **options).plan)
        yield db


@contextlib.contextmanager
def people(site: Site, server18: Any) -> Iterator[None]:
    """Four people who can log in."""
    levels: dict[str, Level] = {"admin": "admin", "operator": "operator", "reader": "reader", "other": "reader"}
    for who, level in levels.items():
        name = site.names[who] = (
            f"{who}_{uuid.uuid4().hex[:6]}"  # roles belong to the server, which other tests use, too
        )
        site.db.persons.create(name, level, who.title())
        site.db.persons.accept(site.db.persons.invite(name).secret, PASSWORD)
    yield
    site.application.close()
    for name in site.names.values():
        server18.execute(f"drop role if exists {name}")


@pytest.fixture(scope="session")
def site(server18: Any, serve: Callable[..., Site]) -> Iterator[Site]:
    """The pages of a small testbed with four people; shared, so tests leave it as they found it or add to it."""
    with testbed(server18, duration=0.2, rate=20_000.0) as db:
        made = serve(db)
        with people(made, server18):
            yield made


@pytest.fixture(scope="session")
def visitors(site: Site) -> dict[str, Visitor]:
    """One visitor of each kind, logged in once."""
    return {who: site.visitor(who) for who in ("anonymous", "reader", "other", "operator", "admin")}
