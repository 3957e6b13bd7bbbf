"""Accepting an invitation: somebody new chooses a password."""

from __future__ import annotations

from gilgamesh_db.errors import InvalidValue, NotPermitted

from ..identity import OwnLogin
from ..page import Page


class Invitation(Page):
    """The page behind the link of an invitation; it works once."""

    needs = None
    needs_to_write = None

    async def get(self, secret: str) -> None:
        """The form."""
        await self._form(secret)

    async def post(self, secret: str) -> None:
        """Set the password, and log in."""
        password = self.get_body_argument("password", "", strip=False)
        if password != self.get_body_argument("again", "", strip=False):
            await self._form(secret, "The two passwords are not the same.", 422)
            return
        try:
            person = await self.application.in_thread(
                self.application.db.persons.accept, secret, password, self.address
            )
        except InvalidValue as error:
            await self._form(secret, f"{error}.", 422)
            return
        await OwnLogin.let_in(self, person)
        self.go("/")

    async def _form(self, secret: str, error: str = "", status: int = 200) -> None:
        invited = await self.application.in_thread(self.application.db.persons.holder, secret, "invitation")
        if invited is None:
            raise NotPermitted(
                "this invitation was used already, taken back, or is too old; ask an admin for another one"
            )
        self.set_status(status)
        self.show("invitation.html", invited=invited, error=error)


ROUTES = [(r"/invitation/([A-Za-z0-9_-]{20,100})", Invitation)]
