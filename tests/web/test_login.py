"""Getting in: invitations, passwords, tokens; and being kept out."""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import PASSWORD, Site, Visitor

WRONG = "not the password"


@pytest.fixture
def newcomer(site: Site, server18: Any) -> Iterator[str]:
    """Somebody whom no other test knows."""
    name = f"new_{uuid.uuid4().hex[:8]}"
    site.application.throttle.__init__()  # type: ignore[misc]
    yield name
    server18.execute(f"drop role if exists {name}")


def add(site: Site, name: str, **fields: str) -> str:
    """An admin adds somebody; returns the path of the invitation."""
    page = site.visitor("admin").post("/persons", name=name, **{"level": "reader", "full_name": "", **fields})
    assert page.status == 200, page.letter
    link = re.search(r'value="(http://[^"]*/invitation/[^"]+)"', page.text)
    assert link
    return link[1].removeprefix(site.address)


def test_an_admin_invites_somebody_who_then_logs_in(site: Site, newcomer: str) -> None:
    path = add(site, newcomer, full_name="<script>alert(1)</script>")
    visitor = Visitor(site.address)
    page = visitor.get(path)
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text
    for password, again, said in (
        ("short", "short", "at least 10"),
        (PASSWORD, PASSWORD + "x", "not the same"),
        (newcomer, newcomer, "the name"),
    ):
        page = visitor.post(path, password=password, again=again)
        assert page.status == 422
        assert said in page.letter
    page = visitor.post(path, password=PASSWORD, again=PASSWORD)
    assert (page.status, page.headers["Location"]) == (303, "/")
    assert visitor.get("/").status == 200
    assert visitor.get(path).status == 403
    assert "used already" in visitor.post(path, password=PASSWORD, again=PASSWORD).letter
    other = Visitor(site.address).log_in(newcomer)
    assert visitor.post("/logout").status == 303
    assert visitor.get("/").status == 302
    assert other.get("/").status == 200


def test_cookies_are_for_this_site_only_and_no_script_reads_them(site: Site) -> None:
    visitor = Visitor(site.address)
    visitor.get("/login")
    answer = visitor.post("/login", name=site.names["reader"], password=PASSWORD)
    (cookie,) = (value for value in answer.headers.get_all("Set-Cookie", []) if value.startswith("gilgamesh-session="))
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie  # over http nobody could log in


def test_wrong_passwords_make_one_wait(site: Site, newcomer: str) -> None:
    path = add(site, newcomer)
    Visitor(site.address).post(path, password=PASSWORD, again=PASSWORD)
    visitor = Visitor(site.address)
    said = [visitor.post("/login", name=newcomer, password=f"guess number {i}") for i in range(20)]
    assert [answer.status for answer in said] == [401] * 5 + [429] * 15
    assert int(said[-1].headers["Retry-After"]) > 600
    assert "try again in 15 minutes" in said[-1].letter
    assert visitor.post("/login", name=newcomer, password=PASSWORD).status == 429
    assert site.visitor("reader").get("/").status == 200  # others are not kept out
    site.application.throttle.__init__()  # type: ignore[misc]
    visitor.log_in(newcomer)
    audit = site.db.persons.audit(newcomer)
    assert (audit.Action == "login refused").sum() == 5
    assert audit.iloc[0][["Action", "Actor", "Address"]].tolist() == ["logged in", newcomer, "127.0.0.1"]


def test_a_password_typed_as_a_name_is_not_written_down(site: Site, newcomer: str) -> None:
    Visitor(site.address).post("/login", name="Secret Pass Phrase!", password="")
    audit = site.db.persons.audit(rows=3)
    assert "secret pass phrase!" not in audit.to_string().lower()
    assert audit.Person[0] == "(no name)"


def test_the_same_answer_for_nobody_and_for_a_wrong_password(site: Site, newcomer: str) -> None:
    wrong = Visitor(site.address).post("/login", name=site.names["other"], password=WRONG)
    nobody = Visitor(site.address).post("/login", name=newcomer, password=WRONG)
    assert (wrong.status, wrong.letter) == (nobody.status, nobody.letter)


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil",
        "/x\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
    ],
)
def test_a_login_leads_to_pages_of_ours_only(site: Site, wanted: str) -> None:
    answer = Visitor(site.address).post("/login", name=site.names["reader"], password=PASSWORD, next=wanted)
    assert answer.headers["Location"] == "/"


def test_after_the_login_one_is_where_one_wanted_to_go(site: Site) -> None:
    visitor = Visitor(site.address)
    asked = visitor.get("/account?x=1")
    assert asked.headers["Location"] == "/login?next=%2Faccount%3Fx%3D1"
    answer = visitor.post("/login", name=site.names["reader"], password=PASSWORD, next="/account?x=1")
    assert answer.headers["Location"] == "/account?x=1"


def test_somebody_shut_out_is_out_at_once(site: Site, newcomer: str) -> None:
    path = add(site, newcomer, level="operator")
    visitor, program = Visitor(site.address), Visitor(site.address)
    visitor.post(path, password=PASSWORD, again=PASSWORD)
    page = visitor.post("/account/tokens", label="a script", days="3")
    token = re.search(r'aria-label="Token"', page.text)
    assert token
    program.token = re.search(r'value="([^"]{43})" aria-label="Token"', page.text)[1]  # type: ignore[index]
    assert program.get("/account").status == 200
    admin = site.visitor("admin")
    assert admin.post(f"/persons/{newcomer}", do="deactivate").status == 303
    assert visitor.get("/").status == 302
    assert program.get("/account").status == 302
    assert visitor.post("/account/tokens", label="x").status == 401
    assert Visitor(site.address).post("/login", name=newcomer, password=PASSWORD).status == 401
    admin.post(f"/persons/{newcomer}", do="activate")
    Visitor(site.address).log_in(newcomer)


def test_a_password_is_changed_and_other_logins_end(site: Site, newcomer: str) -> None:
    path = add(site, newcomer)
    visitor = Visitor(site.address)
    visitor.post(path, password=PASSWORD, again=PASSWORD)
    other = Visitor(site.address).log_in(newcomer)
    new = "a quite different phrase"
    assert "old password" in visitor.post("/account/password", old="wrong wrong wrong", new=new, again=new).letter
    assert visitor.post("/account/password", old=PASSWORD, new=new, again=new).status == 303
    assert visitor.get("/account").status == 200
    assert other.get("/account").status == 302
    Visitor(site.address).log_in(newcomer, new)


def test_nobody_ends_the_login_of_somebody_else(site: Site) -> None:
    victim, attacker = site.visitor("reader"), site.visitor("other")
    identity = int(site.db.persons.held(site.names["reader"], "session").index[0])
    assert "not yours" in attacker.post(f"/account/end/{identity}").letter
    assert victim.get("/account").status == 200
    assert victim.post(f"/account/end/{identity}").status == 303
    assert victim.get("/account").status == 302


def test_the_last_admin_is_told_so(site: Site, newcomer: str) -> None:
    admin = site.visitor("admin")
    answer = admin.post(f"/persons/{site.names['admin']}", do="level", level="reader")
    assert answer.status == 422
    assert "the only admin" in answer.letter
    assert "is not a level" in admin.post("/persons", name=newcomer, level="king").letter
    assert "cannot be the name" in admin.post("/persons", name="Robert'); drop table", level="reader").letter
    assert admin.post("/persons/nobody", do="invite").status == 422


def test_a_token_needs_no_form_and_a_cookie_with_it_counts_nothing(site: Site) -> None:
    token = site.db.persons.open(site.names["reader"], "token", "test", datetime.timedelta(hours=1))
    program = Visitor(site.address, token)
    assert program.get("/account").status == 200
    assert program.ask("POST", "/account/tokens", b"label=x").status == 200
    assert program.ask("POST", "/persons", b"name=x").status == 403
    admin = site.visitor("admin")
    admin.token = token  # a forged form cannot set this header; who sets it is the token's person
    assert admin.get("/persons").status == 403
    admin.token = "wrong"  # noqa: S105
    assert admin.get("/persons").status == 302
