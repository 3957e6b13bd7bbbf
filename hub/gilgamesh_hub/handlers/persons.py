"""Who works with the testbed: for admins."""

from __future__ import annotations

import datetime
from typing import Any

from gilgamesh_db import Database
from gilgamesh_db.errors import InvalidValue, UserError
from gilgamesh_db.persons import LEVELS, Invitation

from ..page import Page


class _OfPersons(Page):
    needs = "admin"
    needs_to_write = "admin"

    async def show_persons(self, error: str = "", invitation: Invitation | None = None, status: int = 200) -> None:
        """The page, perhaps with the link of an invitation, which is shown this once."""
        persons, audit, held = await self.ask(_everything)
        link = (
            invitation
            and f"{self.request.protocol}://{self.request.host}{self.url('/invitation/' + invitation.secret)}"
        )
        self.set_status(status)
        self.show(
            "persons.html",
            persons=persons,
            audit=audit,
            held=held,
            error=error,
            invitation=invitation,
            link=link,
            levels=LEVELS,
        )


class Persons(_OfPersons):
    """Everybody, with what they may do; somebody new is added here."""

    async def get(self) -> None:
        """List them."""
        await self.show_persons()

    async def post(self) -> None:
        """Add somebody, and show the invitation."""
        name, level, full_name = (self.get_body_argument(key, "") for key in ("name", "level", "full_name"))
        try:
            invitation = await self.ask(_added, name, level, full_name)
        except UserError as error:
            await self.show_persons(f"{error}.", status=422)
            return
        await self.show_persons(invitation=invitation)


class Person(_OfPersons):
    """What is done with one person."""

    async def get(self, name: str) -> None:
        """They are all on one page."""
        del name
        self.go("/persons")

    async def post(self, name: str) -> None:
        """Do what was chosen: another level, shut out, let in again, invite."""
        do, level = self.get_body_argument("do", ""), self.get_body_argument("level", "")
        try:
            invitation = await self.ask(_done, name, do, level)
        except UserError as error:
            await self.show_persons(f"{error}.", status=422)
            return
        if invitation is None:
            self.go("/persons")
        else:
            await self.show_persons(invitation=invitation)


def _everything(db: Database) -> tuple[Any, Any, Any]:
    return db.persons.table(), db.persons.audit(rows=100), db.persons.held(kind="session")


def _added(db: Database, name: str, level: Any, full_name: str) -> Invitation:
    db.persons.create(name, level, full_name)
    return db.persons.invite(name, datetime.timedelta(days=7))


def _done(db: Database, name: str, do: str, level: Any) -> Invitation | None:
    if do == "level":
        db.persons.set_level(name, level)
    elif do == "deactivate":
        db.persons.deactivate(name)
    elif do == "activate":
        db.persons.activate(name)
    elif do == "invite":
        return db.persons.invite(name)
    else:
        raise InvalidValue(f"{do!r} cannot be done with a person")
    return None


ROUTES = [(r"/persons", Persons), (r"/persons/([a-z][a-z0-9_-]{0,31})", Person)]
