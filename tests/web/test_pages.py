"""What all pages share: headers, errors that are letters, a database that goes away and comes back."""

from __future__ import annotations

import http.client
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_hub import application
from gilgamesh_hub.application import UPLOAD_LIMIT

from .conftest import PASSWORD, Site, Visitor

HUB = Path(application.__file__).parent


@pytest.mark.parametrize("path", ["/login", "/", "/nowhere", "/static/style.css", "/health"])
def test_every_answer_tells_the_browser_to_be_careful(site: Site, visitors: Any, path: str) -> None:
    headers = visitors["reader"].get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Server"] is None


def test_no_template_holds_a_script_or_a_style() -> None:
    for template in (HUB / "templates").glob("*.html"):
        text = template.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", text), template.name
        assert not re.search(r"(src|href|action)=\"(https?:)?//", text), template.name


def test_our_own_files_are_small(site: Site, visitors: Any) -> None:
    assert sum(path.stat().st_size for path in (HUB / "static").iterdir()) < 100_000
    link = re.search(r'href="(/static/style.css\?v=[^"]+)"', visitors["reader"].get("/").text)
    assert link
    assert "max-age=3" in visitors["reader"].get(link[1]).headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/nowhere", "/static/../page.py", "/static/%2e%2e/page.py", "/static//etc/passwd", "/persons/../../x"]
)
def test_what_is_not_there_is_said(site: Site, visitors: Any, path: str) -> None:
    connection = http.client.HTTPConnection(site.address.removeprefix("http://"), timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    assert answer.status in (403, 404)
    assert "import" not in body
    assert "Traceback" not in body


def test_a_fault_of_ours_shows_no_traceback(site: Site, visitors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(site.db), "edits", broken)
    answer = visitors["reader"].get("/")
    assert answer.status == 500
    assert "secret detail" not in answer.text
    assert "log of the server" in answer.letter


def test_a_huge_upload_is_refused_before_it_is_read(site: Site) -> None:
    connection = http.client.HTTPConnection(site.address.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/login")
    connection.putheader("Content-Length", str(300 * 1024 * 1024))
    connection.endheaders()
    assert connection.getresponse().status in (400, 413)
    connection.close()
    assert UPLOAD_LIMIT < 300 * 1024 * 1024


def test_the_theme_is_remembered(site: Site) -> None:
    answer = Visitor(site.address).get("/login", Cookie="gilgamesh-theme=dark")
    assert 'data-theme="dark"' in answer.text
    assert "data-theme" not in Visitor(site.address).get("/login", Cookie='gilgamesh-theme=x"><b').text


def test_the_pages_below_a_prefix(server18: Any, serve: Callable[..., Site]) -> None:
    name = f"p_{uuid.uuid4().hex[:8]}"
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as db:
        site = serve(db, prefix="/services/gilgamesh/")
        visitor = Visitor(site.address + "/services/gilgamesh")
        assert visitor.get("/").headers["Location"] == "/services/gilgamesh/login?next=%2Fservices%2Fgilgamesh%2F"
        db.persons.create(name)
        db.persons.accept(db.persons.invite(name).secret, PASSWORD)
        visitor.log_in(name)
        text = visitor.get("/").text
        assert Visitor(site.address).get("/").status == 404
        for target in re.findall(r'(?:href|src|action)="([^"]+)"', text):
            assert target.startswith(("/services/gilgamesh/", "#")), target
        site.application.close()
    server18.execute(f"drop role {name}")


def test_a_database_that_goes_away_is_said_and_comes_back(server18: Any, serve: Callable[..., Site]) -> None:
    name = f"p_{uuid.uuid4().hex[:8]}"
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as db:
        site = serve(db)
        db.persons.create(name)
        db.persons.accept(db.persons.invite(name).secret, PASSWORD)
        visitor = Visitor(site.address).log_in(name)
        database = url.rsplit("/", 1)[1].split("?")[0]
        throw_out = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}'"
        # A restart of PostgreSQL costs nobody an error.
        server18.execute(throw_out)
        assert [visitor.get("/").status for _ in range(12)] == [200] * 12
        server18.execute(f"alter database {database} with allow_connections false")
        server18.execute(throw_out)
        for path in ("/", "/account", "/health"):
            answer = visitor.get(path)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5"), answer.text
        page = visitor.get("/")
        assert 'http-equiv="refresh"' in page.text
        assert "every five seconds" in page.text
        assert "socket" not in page.text  # how the server is reached is nobody's business
        assert visitor.get("/static/style.css").status == 200
        server18.execute(f"alter database {database} with allow_connections true")
        assert visitor.get("/").status == 200
        site.application.close()
    server18.execute(f"drop role {name}")
