"""Who somebody is: by the login of these pages, or as JupyterHub says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gilgamesh_db.persons import LOGGED_IN_FOR, Person

if TYPE_CHECKING:
    from .page import Page

COOKIE = "gilgamesh-session"
COOKIE_FOR = 400 * 24 * 3600  # seconds, the most a browser keeps; the database says how long a login lasts


class Identity(Protocol):
    """What the pages need to know of a login.

    Attributes
    ----------
    own : bool
        Whether logging in, out and passwords are pages of ours.
    """

    own: bool

    async def who(self, page: Page) -> Person | None:
        """Who sent this request; None: nobody we know, or who may not log in any more."""
        ...

    def login_url(self, page: Page) -> str:
        """Where somebody logs in, to come back to this page."""
        ...

    def logout_url(self, page: Page) -> str:
        """Where to post to in order to log out."""
        ...

    def jupyter_url(self) -> str | None:
        """Where a person's own Jupyter is; None where there are none."""
        ...


def bearer(page: Page) -> str | None:
    """The token of a program, as in ``Authorization: Bearer …``; such a request needs no XSRF token, for it brings no cookie."""
    kind, _, token = page.request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.casefold() in ("bearer", "token") and token.strip() else None


class OwnLogin:
    """The login of these pages: a cookie with a random secret, of which the database keeps the hash."""

    own = True

    async def who(self, page: Page) -> Person | None:
        """Look the cookie or the token up, with every request: who was shut out is out at once."""
        persons = page.application.db.persons
        if (token := bearer(page)) is not None:
            return await page.application.in_thread(persons.holder, token, "token")
        secret = page.get_cookie(COOKIE)
        return await page.application.in_thread(persons.holder, secret, "session") if secret else None

    def login_url(self, page: Page) -> str:
        """Our login page."""
        return page.url("/login", next=page.request.uri if page.request.method == "GET" else None)

    def logout_url(self, page: Page) -> str:
        """Our logout."""
        return page.url("/logout")

    def jupyter_url(self) -> str | None:
        """These pages alone start no Jupyter."""
        return None

    @staticmethod
    async def let_in(page: Page, person: Person) -> None:
        """Log a person in: hand out a secret, in a cookie that no script reads and no other site sends."""
        secret = await page.application.in_thread(
            page.application.db.persons.open,
            person.name,
            "session",
            page.request.headers.get("User-Agent", ""),
            LOGGED_IN_FOR,
        )
        page.set_cookie(
            COOKIE, secret, path=page.application.prefix or "/", httponly=True, samesite="Lax",
            secure=page.request.protocol == "https", max_age=COOKIE_FOR,
        )  # fmt: skip

    @staticmethod
    async def let_out(page: Page) -> None:
        """Log the person out who holds the cookie."""
        secret = page.get_cookie(COOKIE)
        if secret:
            await page.application.in_thread(page.application.db.persons.end, secret)
        page.clear_cookie(COOKIE, path=page.application.prefix or "/")
