"""Logging in and out, where the pages stand alone."""

from __future__ import annotations

import re

from ..identity import OwnLogin
from ..page import Page


class Login(Page):
    """Name and password."""

    needs = None
    needs_to_write = None

    async def get(self) -> None:
        """The form; who is logged in already goes on."""
        if self.person is not None:
            self.redirect(self._next())
            return
        self._form()

    async def post(self) -> None:
        """Compare, with a pause after a few mistakes."""
        name, password = (
            self.get_body_argument("name", "", strip=True).lower(),
            self.get_body_argument("password", "", strip=False),
        )
        wait = self.application.throttle.wait(name, self.address)
        if wait:
            self.set_header("Retry-After", str(wait))
            self._form(
                f"Too many wrong passwords; try again in {-(-wait // 60)} minutes, or ask an admin for an invitation.",
                429,
            )
            return
        db = self.application.db
        person = await self.application.in_thread(db.persons.recognise, name, password)
        if person is None:
            self.application.throttle.failed(name, self.address)
            # Who types the password into the wrong field shall not find it in the audit.
            said = name if re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name) else "(no name)"
            await self.application.in_thread(db.persons.note, "login refused", said, "", self.address)
            self._form("Name and password do not belong together. Names are written in small letters.", 401)
            return
        self.application.throttle.succeeded(name)
        await OwnLogin.let_in(self, person)
        await self.application.in_thread(db.persons.note, "logged in", person.name, "", self.address, person.name)
        self.redirect(self._next(), status=303)

    def _form(self, error: str = "", status: int = 200) -> None:
        self.set_status(status)
        self.show(
            "login.html", error=error, next=self.get_argument("next", ""), name=self.get_body_argument("name", "")
        )

    def _next(self) -> str:
        """Where to go on; only to a page of ours."""
        wanted = self.get_argument("next", "")
        inside = re.match(r"/(?![/\\])", wanted) and wanted.startswith(self.application.prefix + "/")
        return wanted if inside and not re.search(r"[\x00-\x20\\]", wanted) else self.url("/")


class Logout(Page):
    """Ends the login of this browser."""

    needs_to_write = "reader"

    async def post(self) -> None:
        """Log out."""
        await OwnLogin.let_out(self)
        self.go("/login")


ROUTES = [(r"/login", Login), (r"/logout", Logout)]
