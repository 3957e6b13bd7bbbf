"""Every route in every role: who may look, and who may write."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gilgamesh_hub import handlers
from gilgamesh_hub.page import Page

ROLES = ("anonymous", "reader", "other", "operator", "admin")
EVERYBODY, READERS, OPERATORS, ADMINS = (frozenset(ROLES[i:]) for i in (0, 1, 3, 4))

# route → an address of it, who may look, who may write. What is not written is refused with 405 for everybody.
ROUTES: dict[str, tuple[str, frozenset[str] | None, frozenset[str] | None]] = {
    r"/": ("/", READERS, None),
    r"/shots": ("/shots", READERS, None),
    r"/api/shots": ("/api/shots", READERS, None),
    r"/api/shots/describe": ("/api/shots/describe", None, OPERATORS),
    r"/api/signals": ("/api/signals", READERS, None),
    r"/api/shots/(\d{1,18})/signals/([^/]{1,200})/curve": ("/api/shots/1234/signals/Lang_I/curve", READERS, None),
    r"/api/shots/(\d{1,18})/signals/([^/]{1,200})/explain": ("/api/shots/1234/signals/Lang_I/explain", READERS, None),
    r"/shots/(\d{1,18})": ("/shots/1234", READERS, None),
    r"/shots/(\d{1,18})/picture": ("/shots/1234/picture?signal=Lang_I", READERS, None),
    r"/api/shots/(\d{1,18})": ("/api/shots/1234", READERS, None),
    r"/api/shots/(\d{1,18})/testbed": ("/api/shots/1234/testbed", READERS, None),
    r"/dashboard": ("/dashboard", READERS, None),
    r"/api/follow": ("/api/follow", READERS, None),
    r"/packages/uplot/(uPlot[.]iife[.]min[.]js|uPlot[.]min[.]css)": ("/packages/uplot/uPlot.min.css", EVERYBODY, None),
    r"/notebooks": ("/notebooks", READERS, OPERATORS),
    r"/notebooks/document/(.{1,600}[.]ipynb)": ("/notebooks/document/nothing.ipynb", READERS, None),
    r"/notebooks/(.{1,600}[.]ipynb)": ("/notebooks/nothing.ipynb", READERS, READERS),
    r"/bibliography": ("/bibliography", READERS, OPERATORS),
    r"/bibliography[.]bib": ("/bibliography.bib", READERS, None),
    r"/bibliography/([^/]{1,400})": ("/bibliography/nothing", READERS, OPERATORS),
    r"/bibliography/([^/]{1,400})/([^/]{1,400})": ("/bibliography/nothing/x.pdf", READERS, None),
    r"/search": ("/search?q=lang", READERS, None),
    r"/login": ("/login", EVERYBODY, EVERYBODY),
    r"/logout": ("/logout", None, READERS),
    r"/invitation/([A-Za-z0-9_-]{20,100})": ("/invitation/" + 43 * "x", EVERYBODY, EVERYBODY),
    r"/account": ("/account", READERS, None),
    r"/account/password": ("/account/password", READERS, READERS),
    r"/account/tokens": ("/account/tokens", READERS, READERS),
    r"/account/end/(\d{1,18})": ("/account/end/999999", None, READERS),
    r"/persons": ("/persons", ADMINS, ADMINS),
    r"/persons/([a-z][a-z0-9_-]{0,31})": ("/persons/nobody", ADMINS, ADMINS),
    r"/health": ("/health", EVERYBODY, None),
}


def test_every_route_has_its_row() -> None:
    assert {route[0] for route in handlers.routes()} == set(ROUTES)


def test_the_menu_leads_to_routes() -> None:
    for entry in handlers.MENU:
        assert any(re.fullmatch(route, entry.path) for route in ROUTES), entry.path


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", list(ROUTES))
def test_who_may_look(visitors: Any, route: str, role: str) -> None:
    path, lookers, _ = ROUTES[route]
    answer = visitors[role].get(path)
    if lookers is None:
        assert answer.status == 405
    elif role in lookers:
        assert refused(answer) is None, answer.status
        assert answer.status < 500
    else:
        assert refused(answer) is not None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("route", list(ROUTES))
def test_who_may_write(site: Any, visitors: Any, route: str, method: str) -> None:
    path, _, writers = ROUTES[route]
    for role in ROLES:
        visitor = site.visitor(role) if route == r"/logout" else visitors[role]
        if not visitor.xsrf:
            visitor.get("/login")
        answer = visitor.ask(method, path, b"", X_Xsrftoken=visitor.xsrf)
        if answer.status == 405:
            assert method != "POST" or writers is None
            continue
        assert writers is not None
        if role in writers:
            assert refused(answer) is None, (role, answer.status)
            assert answer.status < 500
        else:
            assert refused(answer) is not None, (role, answer.status)


@pytest.mark.parametrize("route", [route for route, row in ROUTES.items() if row[2] is not None])
def test_nothing_is_written_without_the_token_of_a_form(visitors: Any, route: str) -> None:
    for role in ("anonymous", "admin"):
        answer = visitors[role].ask("POST", ROUTES[route][0], b"name=x")
        assert answer.status == 403
        assert "did not come from a page of ours" in answer.text


def test_a_page_is_for_readers_unless_it_says_otherwise() -> None:
    assert (Page.needs, Page.needs_to_write) == ("reader", "operator")


def refused(answer: Any) -> int | None:
    """How somebody is kept out, if they are."""
    if answer.status == 302 and "/login" in answer.headers["Location"]:
        return 302
    if answer.status == 401 and "not logged in" in answer.text:
        return 401
    if answer.status == 403 and re.search(r"this is for \w+s, and you", answer.text):
        return 403
    return answer.status if answer.status == 401 and answer.headers["WWW-Authenticate"] else None
