"""What all pages share: who asks, in whose role the database answers, and errors that are letters."""

from __future__ import annotations

import http
import json
import logging
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast
from urllib.parse import urlencode

import sqlalchemy as sa
import tornado.web
from markupsafe import Markup

from gilgamesh_db import errors
from gilgamesh_db.persons import Level, Person

from .identity import bearer

if TYPE_CHECKING:
    from .application import Application

Answer = TypeVar("Answer")
log = logging.getLogger("gilgamesh.web")

_STATUS: tuple[tuple[type[errors.GilgameshError], int], ...] = (
    (errors.NotPermitted, 403),
    (errors.NotFound, 404),
    (errors.Unresolved, 422),
    (errors.OverlapError, 409),
    (errors.ConflictError, 409),
    (errors.UserError, 422),
    (errors.ServerError, 503),
)
_LETTERS = {
    400: "This request cannot be understood. Go back, load the page again and try once more.",
    403: "This request did not come from a page of ours, or the page was open for too long. Go back, load it again and try once more.",
    404: "There is no page at this address.",
    405: "This address is not there for that.",
    413: "This is larger than what can be uploaded here.",
}
_AWAY = "The database of the testbed does not answer. Whoever looks after it finds more in the log of this server."
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


class Page(tornado.web.RequestHandler):
    """A page. Its class says who may look (`needs`) and who may write (`needs_to_write`); None is everybody.

    A page asks the database by ``await self.ask(function, …)``: in a thread, in the role of the person who is served.
    """

    application: Application
    needs: ClassVar[Level | None] = "reader"
    needs_to_write: ClassVar[Level | None] = "operator"
    policy: ClassVar[Mapping[str, str]] = POLICY
    anything: ClassVar[bool] = False  # whether it answers every method, with an error
    person: Person | None = None

    # -- who ---------------------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Find out who asks, and let nobody see or do what is not for them."""
        needed = self.needs if self.request.method in ("GET", "HEAD") else self.needs_to_write
        if self._lacks(self.request.method or ""):
            raise tornado.web.HTTPError(405)
        self.person = await self.application.identity.who(self)
        if needed is None:
            return
        if self.person is None:
            self.refuse_stranger()
        elif not self.person.may(needed):
            raise errors.NotPermitted(
                f"this is for {needed}s, and you ({self.person.name}) are {_a(self.person.level)}; an admin can change that"
            )

    def refuse_stranger(self) -> None:
        """Send somebody whom we do not know to the login."""
        if self.request.method in ("GET", "HEAD"):
            self.redirect(self.application.identity.login_url(self))
            return
        self.set_status(401)
        self.finish_letter("You are not logged in (any more), so nothing was changed. Log in, and do it again.", 401)

    def check_xsrf_cookie(self) -> None:
        """What a program sends with its token came from no form."""
        if bearer(self) is None:
            super().check_xsrf_cookie()

    @classmethod
    def _lacks(cls, method: str) -> bool:
        """Whether the page has nothing for a method."""
        if cls.anything:
            return False
        ours = getattr(cls, method.lower(), None)
        return ours is None or ours is getattr(tornado.web.RequestHandler, method.lower(), None)

    @property
    def address(self) -> str:
        """Where the request came from."""
        return self.request.remote_ip or ""

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number of the address.

        Raises
        ------
        InvalidValue
        """
        text = self.get_query_argument(name, "")
        if not text:
            return default
        if not text.isascii() or not text.isdecimal() or len(text) > 18 or not least <= int(text) <= most:
            raise errors.InvalidValue(f"{name}={text!r} is not a whole number from {least} to {most}")
        return int(text)

    def number(self, name: str) -> float | None:
        """A number of the address; None when it is not there.

        Raises
        ------
        InvalidValue
        """
        text = self.get_query_argument(name, "")
        try:
            value = float(text) if text else None
        except ValueError:
            value = math.nan
        if value is not None and math.isnan(value):
            raise errors.InvalidValue(f"{name}={text!r} is not a number")
        return value

    # -- asking ------------------------------------------------------------------------------------------

    async def ask(self, function: Callable[..., Answer], *arguments: Any, **words: Any) -> Answer:
        """``function(db, …)`` in a thread; `db` acts in the role of the person who is served.

        Raises
        ------
        NotPermitted
            The database refuses it to this person.
        """
        assert self.person is not None  # noqa: S101 - a page for everybody asks as the owner, or not at all
        return await self.application.in_thread(
            function, self.application.acting_as(self.person.name), *arguments, **words
        )

    async def ask_as_owner(self, function: Callable[..., Answer], *arguments: Any, **words: Any) -> Answer:
        """The same as the owner of the database: for logins and passwords only."""
        return await self.application.in_thread(function, self.application.db, *arguments, **words)

    # -- answering ---------------------------------------------------------------------------------------

    def url(self, path: str, **query: Any) -> str:
        """The address of a page of ours."""
        words = {key: value for key, value in query.items() if value is not None}
        return self.application.prefix + path + (f"?{urlencode(words, doseq=True)}" if words else "")

    def show(self, template: str, **values: Any) -> None:
        """Answer with a page."""
        from . import handlers

        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(
            self.application.templates.get_template(template).render(
                person=self.person,
                url=self.url,
                static=self.static_url,
                here=self.request.path.removeprefix(self.application.prefix),
                menu=[entry for entry in handlers.MENU if self.person is not None and self.person.may(entry.needs)],
                own_login=self.application.identity.own,
                jupyter_url=self.application.identity.jupyter_url(),
                logout_url=self.application.identity.logout_url(self),
                login_url=self.application.identity.login_url(self),
                xsrf=Markup(self.xsrf_form_html()),  # noqa: S704 - Tornado escapes it
                xsrf_token=self.xsrf_token.decode("ascii") if self.person is not None else "",
                theme=theme if (theme := self.get_cookie("gilgamesh-theme")) in ("light", "dark") else "",
                **values,
            )
        )

    def go(self, path: str, **query: Any) -> None:
        """Send the browser to another page of ours, after something was done."""
        self.redirect(self.url(path, **query), status=303)

    def set_default_headers(self) -> None:
        """What every answer says to the browser."""
        self.set_header("Content-Security-Policy", "; ".join(f"{key} {value}" for key, value in self.policy.items()))
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")
        self.clear_header("Server")

    # -- what goes wrong ---------------------------------------------------------------------------------

    def write_error(self, status_code: int, **words: Any) -> None:
        """Answer with a letter: what was asked, what was found, what to do next."""
        error = words["exc_info"][1] if "exc_info" in words else None
        ours = as_ours(error)
        if ours is not None:
            status_code = status_of(ours)
            letter = str(ours) if self.person is not None or status_code < 500 else _AWAY
        else:
            letter = _LETTERS.get(
                status_code,
                "Something of ours went wrong. It was written into the log of the server; tell whoever looks after it.",
            )
        self.set_status(status_code)
        self.finish_letter(letter, status_code)

    def finish_letter(self, letter: str, status: int) -> None:
        """The page of an error."""
        if status == 503:
            self.set_header("Retry-After", "5")
        title = {403: "Not for you", 404: "Not found", 503: "The database is away"}.get(
            status, "It cannot be done" if status < 500 else "Our fault"
        )
        self.show("letter.html", title=title, letter=letter, status=status, said=http.HTTPStatus(status).phrase)

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """Letters are no faults of the software, and need no traceback in the log."""
        ours = as_ours(error)
        if ours is None:
            super().log_exception(kind, error, trace)
        elif isinstance(ours, errors.SystemFault):
            log.error("%s %s: %s", self.request.method, self.request.path, ours)


class Api(Page):
    """An answer in JSON; errors are JSON, too."""

    def send(self, data: Any) -> None:
        """Answer with JSON."""
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(data, allow_nan=False, ensure_ascii=False))

    def body(self) -> dict[str, Any]:
        """What was sent, as JSON.

        Raises
        ------
        InvalidValue
        """
        try:
            sent = json.loads(self.request.body)
        except ValueError as error:
            raise errors.InvalidValue(f"what was sent is no JSON: {error}") from error
        if not isinstance(sent, dict):
            raise errors.InvalidValue("what was sent is no JSON object")
        return cast("dict[str, Any]", sent)

    def refuse_stranger(self) -> None:
        """A program is not sent to a login page."""
        self.set_header("WWW-Authenticate", 'Bearer realm="gilgamesh"')
        self.finish_letter(
            "log in, or send a token: Authorization: Bearer …; tokens are made on the page of your account", 401
        )

    def finish_letter(self, letter: str, status: int) -> None:
        """The letter as JSON."""
        if status == 503:
            self.set_header("Retry-After", "5")
        self.set_status(status)
        self.send({"error": letter})


def as_ours(error: BaseException | None) -> errors.GilgameshError | None:
    """The letter in what was raised, if there is one; a connection that broke is one, too."""
    if isinstance(error, errors.GilgameshError):
        return error
    if isinstance(error, sa.exc.OperationalError):
        return errors.ServerError("the database does not answer; this page tries again by itself")
    return None


def status_of(error: errors.GilgameshError) -> int:
    """The HTTP status of a letter."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def _a(level: str) -> str:
    return f"an {level}" if level[0] in "aeiou" else f"a {level}"
