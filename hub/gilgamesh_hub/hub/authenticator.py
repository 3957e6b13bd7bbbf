"""Who may log in to JupyterHub: the persons of the database."""

from __future__ import annotations

import re
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.handlers.login import LogoutHandler
from tornado.web import HTTPError, RequestHandler

from gilgamesh_db import Database
from gilgamesh_db.errors import GilgameshError, PersonNotFound
from gilgamesh_db.persons import Person

from ..throttle import Throttle
from .owner import ask_owner


class PersonAuthenticator(Authenticator):
    """Name and password of a person; their level says whether they look after the hub."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**words)
        self._throttle = Throttle()

    async def authenticate(self, handler: RequestHandler, data: dict[str, str]) -> dict[str, Any] | None:
        """Compare the password, with a pause after a few mistakes."""
        name, password = data.get("username", "").strip().lower(), data.get("password", "")
        address = handler.request.remote_ip or ""
        if wait := self._throttle.wait(name, address):
            raise HTTPError(
                429,
                f"too many wrong passwords; try again in {-(-wait // 60)} minutes",
                reason="Too many wrong passwords",
            )
        try:
            person = await ask_owner(_recognise, name, password, address)
        except GilgameshError as error:
            self.log.warning("login of %r: %s", name, error)
            raise HTTPError(
                503, "the database of the testbed does not answer; try again", reason="Database away"
            ) from error
        if person is None:
            self._throttle.failed(name, address)
            return None
        self._throttle.succeeded(name)
        return _model(person)

    async def refresh_user(self, user: Any, handler: RequestHandler | None = None) -> dict[str, Any] | bool:
        """Look the person up again: who was shut out is out, who became an admin is one."""
        del handler
        try:
            return _model(await ask_owner(lambda db: db.persons.find(user.name)))
        except PersonNotFound:
            return False
        except GilgameshError as error:  # the database is away for a moment: nobody is thrown out for that
            self.log.warning("%s was not looked up: %s", user.name, error)
            return True

    def get_handlers(self, app: Any) -> list[tuple[str, type[RequestHandler]]]:
        """Who logs out of the hub logs out of the pages."""
        return [*super().get_handlers(app), ("/logout", Logout)]


class Logout(LogoutHandler):
    """Ends the logins of the pages too."""

    async def handle_logout(self) -> None:
        """End them."""
        if self.current_user:
            await ask_owner(lambda db: db.persons.end_logins(self.current_user.name))


def _recognise(db: Database, name: str, password: str, address: str) -> Person | None:
    person = db.persons.recognise(name, password)
    if person is None:
        # Who types the password into the wrong field shall not find it in the audit.
        said = name if re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name) else "(no name)"
        db.persons.note("login refused", said, "", address)
    else:
        db.persons.note("logged in", name, "hub", address, name)
    return person


def _model(person: Person) -> dict[str, Any]:
    return {"name": person.name, "admin": person.may("admin")}
