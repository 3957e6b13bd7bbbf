"""One's own account: password, logins, tokens."""

from __future__ import annotations

import datetime

from gilgamesh_db.errors import InvalidValue, NotPermitted, UserError

from ..identity import OwnLogin
from ..page import Page


class Account(Page):
    """What I am, and what I hold."""

    async def get(self) -> None:
        """Show it."""
        await self.show_account()

    async def show_account(self, error: str = "", token: str = "", status: int = 200) -> None:
        """The page, perhaps with a new token, which is shown this once."""
        assert self.person is not None  # noqa: S101
        held = await self.application.in_thread(self.application.db.persons.held, self.person.name)
        self.set_status(status)
        self.show("account.html", held=held[held.Kind != "invitation"], error=error, token=token)


class Password(Account):
    """Another password."""

    needs_to_write = "reader"

    async def get(self) -> None:
        """It is a form of the account's page."""
        self.go("/account")

    async def post(self) -> None:
        """Change it; all other logins end."""
        assert self.person is not None  # noqa: S101
        old, new, again = (self.get_body_argument(key, "", strip=False) for key in ("old", "new", "again"))
        if new != again:
            await self.show_account("The two new passwords are not the same.", status=422)
            return
        throttle = self.application.throttle
        if wait := throttle.wait(self.person.name, self.address):
            await self.show_account(f"Too many wrong passwords; try again in {-(-wait // 60)} minutes.", status=429)
            return
        try:
            await self.application.in_thread(
                self.application.db.persons.change_password, self.person.name, old, new, self.address
            )
        except UserError as error:
            if isinstance(error, NotPermitted):
                throttle.failed(self.person.name, self.address)
            await self.show_account(f"{error}.", status=422)
            return
        await OwnLogin.let_in(self, self.person)
        self.go("/account")


class Tokens(Account):
    """Tokens, by which programs act for a person."""

    needs_to_write = "reader"

    async def get(self) -> None:
        """They are listed on the account's page."""
        self.go("/account")

    async def post(self) -> None:
        """Make one."""
        assert self.person is not None  # noqa: S101
        label = self.get_body_argument("label", "")
        if not label:
            await self.show_account(
                "Say what the token is for: you will want to know when you see it in the list.", status=422
            )
            return
        try:
            days = int(self.get_body_argument("days", "365"))
            if not 1 <= days <= 730:
                raise ValueError
        except ValueError as error:
            raise InvalidValue("a token works for 1 to 730 days") from error
        db = self.application.db
        token = await self.application.in_thread(
            db.persons.open, self.person.name, "token", label, datetime.timedelta(days=days)
        )
        await self.application.in_thread(
            db.persons.note, "made a token", self.person.name, label, self.address, self.person.name
        )
        await self.show_account(token=token)


class End(Page):
    """Ends a login or a token of one's own."""

    needs_to_write = "reader"

    async def post(self, identity: str) -> None:
        """End it; what is somebody else's is not found."""
        assert self.person is not None  # noqa: S101
        db = self.application.db
        if not await self.application.in_thread(db.persons.end_held, int(identity), self.person.name):
            raise InvalidValue("this login or token is not yours, or has ended already")
        self.go("/account")


ROUTES = [
    (r"/account", Account),
    (r"/account/password", Password),
    (r"/account/tokens", Tokens),
    (r"/account/end/(\d{1,18})", End),
]
