"""Who works with the testbed: people with a level, let in by invitation, recognised by what they hold."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import sqlalchemy as sa
from psycopg import sql

from .errors import InvalidValue, NotPermitted, PersonNotFound, near_names
from .secret import checked_password, digest, hash_password, new_secret, outdated, verify_password

if TYPE_CHECKING:
    import pandas as pd
    import psycopg

    from .database import Database

Level = Literal["reader", "operator", "admin"]
LEVELS: tuple[Level, ...] = ("reader", "operator", "admin")
INVITED_FOR = datetime.timedelta(days=7)
LOGGED_IN_FOR = datetime.timedelta(days=14)  # without being used
TOKEN_FOR = datetime.timedelta(days=365)

_COLUMNS = "name, level, full_name"
_PERSONS = """
select person as "Person", level as "Level", full_name as "Name", active as "Active", created_at as "Since"
  from gilgamesh.persons order by person
"""
_HELD = """
select c.id as "Id", c.kind as "Kind", c.person as "Person", c.label as "Label", c.created_at as "Created", c.used_at as "Used",
       c.expires_at as "Expires"
  from gilgamesh.credential c
 where c.ended_at is null and c.expires_at > now() and (cast(:person as text) is null or c.person = :person)
   and (cast(:kind as text) is null or c.kind = :kind)
 order by c.created_at desc, c.id desc
"""
_AUDIT = """
select at as "At", actor as "Actor", action as "Action", person as "Person", detail as "Detail", address as "Address"
  from gilgamesh.audit where cast(:person as text) is null or person = :person order by id desc limit :rows
"""
# One statement: whoever shows a secret is told apart and noted as seen, which is written once a minute only.
_HOLDER = """
with held as (
  select c.id, c.used_at, p.name, p.level, p.full_name
    from gilgamesh.credential c join gilgamesh.person p on p.name = c.person
   where c.sha256 = %(sha256)s and c.kind = %(kind)s and c.ended_at is null and c.expires_at > now() and p.active),
seen as (
  update gilgamesh.credential c
     set used_at = now(), expires_at = case when c.kind = 'session' then greatest(c.expires_at, now() + %(idle)s) else c.expires_at end
    from held
   where c.id = held.id and (held.used_at is null or held.used_at < now() - interval '1 minute'))
select name, level, full_name from held
"""


@dataclass(frozen=True)
class Person:
    """Somebody who works with the testbed.

    Attributes
    ----------
    name : str
        Also the name of the PostgreSQL role.
    level : {'reader', 'operator', 'admin'}
    full_name : str
    """

    name: str
    level: Level
    full_name: str = ""

    def may(self, level: Level) -> bool:
        """Whether the person has this level, or a higher one.

        Examples
        --------
        >>> Person("anna", "operator").may("reader"), Person("anna", "operator").may("admin")
        (True, False)
        """
        return LEVELS.index(self.level) >= LEVELS.index(level)


@dataclass(frozen=True)
class Invitation:
    """What somebody is let in by.

    Attributes
    ----------
    person : str
    secret : str
        Shown once; the database keeps its hash.
    expires_at : datetime
    """

    person: str
    secret: str
    expires_at: datetime.datetime


class Persons:
    """The people of a database; reached as ``db.persons``.

    Who may ask what is decided by the role that is connected: admins create, invite and change levels; passwords, logins
    and tokens are handled by the owner of the database, as whom the pages are served.

    Examples
    --------
    >>> db.persons.create("anna", "operator", "Anna Weber")  # doctest: +SKIP
    >>> db.persons.invite("anna").secret  # doctest: +SKIP
    'mJ0z…'
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    # -- admins ----------------------------------------------------------------------------------------

    def create(self, name: str, level: Level = "reader", full_name: str = "") -> None:
        """Make a person known, with a PostgreSQL role that may do what the level says.

        Raises
        ------
        InvalidValue, ConflictError
            The name cannot be one, or is taken: by a person, or by a role of the server that is no person of ours.
        """
        self._call("create_person(:name, :level, :full_name)", name=name, level=level, full_name=full_name)

    def invite(self, name: str, valid_for: datetime.timedelta = INVITED_FOR) -> Invitation:
        """Hand out an invitation, by which a person sets a password; earlier ones stop to work."""
        if valid_for <= datetime.timedelta(0):
            raise InvalidValue(f"an invitation for {valid_for} is none")
        secret = new_secret()
        expires_at = self._call(
            "invite_person(:name, :sha256, :valid_for)", name=name, sha256=digest(secret), valid_for=valid_for
        )
        return Invitation(name, secret, expires_at)

    def set_level(self, name: str, level: Level) -> None:
        """Let a person do more, or less; the last admin stays one."""
        self._call("set_level(:name, :level)", name=name, level=level)

    def deactivate(self, name: str) -> None:
        """Take from a person every right and every way in, at once. The person stays known: the history names them."""
        self._call("set_active(:name, false)", name=name)

    def activate(self, name: str) -> None:
        """Let a person in again; they need a new invitation only if they never had a password."""
        self._call("set_active(:name, true)", name=name)

    def table(self) -> pd.DataFrame:
        """Everybody: index ``Person``; Level, Name, Active, Since."""
        return self._db.sql(_PERSONS).set_index("Person")

    def audit(self, person: str | None = None, rows: int = 200) -> pd.DataFrame:
        """What concerned persons, the latest first: At, Actor, Action, Person, Detail, Address. For admins."""
        return self._db.sql(_AUDIT, {"person": person, "rows": rows})

    def held(self, person: str | None = None, kind: str | None = None) -> pd.DataFrame:
        """Invitations, logins and tokens that still work: index ``Id``; Kind, Person, Label, Created, Used, Expires."""
        return self._db.sql(_HELD, {"person": person, "kind": kind}).set_index("Id")

    # -- the owner, as whom the pages are served ----------------------------------------------------------

    def find(self, name: str) -> Person:
        """The person of this name who may log in.

        Raises
        ------
        PersonNotFound
        """
        rows = self._db.reader.rows(f"select {_COLUMNS} from gilgamesh.person where name = %s and active", (name,))  # noqa: S608
        if rows:
            return Person(*rows[0])
        known = [row.name for row in self._db.reader.rows("select name from gilgamesh.person where active", ())]
        raise PersonNotFound(
            f"there is no person {name!r}{near_names(name, known) or ';'} list them with `gilgamesh person list`"
        )

    def recognise(self, name: str, password: str) -> Person | None:
        """The person of this name, if it is their password; takes as long when there is nobody of this name."""
        rows = self._db.reader.rows(
            f"select {_COLUMNS}, password_hash from gilgamesh.person where name = %s and active",  # noqa: S608
            (name,),
        )
        kept = rows[0].password_hash if rows else None
        if not verify_password(kept, password) or kept is None:
            return None
        if outdated(kept):
            self._keep_password(name, password)
        return Person(*rows[0][:3])

    def accept(self, secret: str, password: str, address: str | None = None) -> Person:
        """Set the password of the person who shows an invitation; it works once.

        Raises
        ------
        NotPermitted
            The invitation is not valid any more.
        InvalidValue
            The password cannot be one.
        """
        person = self.holder(secret, "invitation")
        if person is None:
            raise NotPermitted(
                "this invitation was used already, taken back, or is too old; ask an admin for another one"
            )
        kept = hash_password(checked_password(password, person.name))
        with self._db.transaction() as connection:
            ended = connection.execute(
                sa.text("update gilgamesh.credential set ended_at = now() where sha256 = :sha256 and ended_at is null"),
                {"sha256": digest(secret)},
            ).rowcount
            if not ended:
                raise NotPermitted("this invitation was used a moment ago; ask an admin for another one")
            self._store(connection, person.name, kept, "accepted the invitation", address)
        return person

    def change_password(self, name: str, old: str, new: str, address: str | None = None) -> None:
        """Replace a password; every login and invitation of the person ends.

        Raises
        ------
        NotPermitted
            The old one is wrong.
        InvalidValue
            The new one cannot be one.
        """
        if self.recognise(name, old) is None:
            raise NotPermitted("the old password is not right; nothing was changed")
        kept = hash_password(checked_password(new, name))
        with self._db.transaction() as connection:
            self._store(connection, name, kept, "changed the password", address)

    def open(self, name: str, kind: Literal["session", "token"], label: str, valid_for: datetime.timedelta) -> str:
        """Hand out a login or a token; returns its secret, of which the database keeps the hash."""
        secret = new_secret()
        with self._db.transaction() as connection:
            connection.execute(
                sa.text(
                    "insert into gilgamesh.credential (kind, person, sha256, label, created_by, expires_at) "
                    "values (:kind, :name, :sha256, :label, :name, now() + :valid_for)"
                ),
                {"kind": kind, "name": name, "sha256": digest(secret), "label": label[:200], "valid_for": valid_for},
            )
        return secret

    def holder(self, secret: str, kind: Literal["session", "token", "invitation"]) -> Person | None:
        """Who holds this secret; None if it does not work (any more). A login that is used lasts on."""
        rows = self._db.reader.rows(_HOLDER, {"sha256": digest(secret), "kind": kind, "idle": LOGGED_IN_FOR})
        return Person(*rows[0]) if rows else None

    def end(self, secret: str) -> None:
        """End a login."""
        self._execute(
            "update gilgamesh.credential set ended_at = now() where sha256 = :it and ended_at is null", digest(secret)
        )

    def end_logins(self, name: str) -> None:
        """End every login of a person; their tokens stay."""
        self._execute(
            "update gilgamesh.credential set ended_at = now() where person = :it and kind = 'session' and ended_at is null",
            name,
        )

    def renew_role_password(self, name: str) -> str:
        """Give the person's PostgreSQL role a new random password, by which their Jupyter connects.

        The server is sent a SCRAM verifier: the password itself is in no log and no catalogue.

        Returns
        -------
        str

        Raises
        ------
        PersonNotFound
        """
        person, secret = self.find(name), new_secret()
        with self._db.transaction() as connection:
            driver = cast("psycopg.Connection", connection.connection.dbapi_connection)
            verifier = driver.pgconn.encrypt_password(secret.encode(), person.name.encode(), b"scram-sha-256").decode()
            driver.execute(
                sql.SQL("alter role {} password {}").format(sql.Identifier(person.name), sql.Literal(verifier))
            )
        return secret

    def end_held(self, identity: int, person: str) -> bool:
        """End a login, token or invitation of a person, by its number in `held`; False when there was none."""
        with self._db.transaction() as connection:
            return bool(
                connection.execute(
                    sa.text(
                        "update gilgamesh.credential set ended_at = now() where id = :id and person = :person and ended_at is null"
                    ),
                    {"id": identity, "person": person},
                ).rowcount
            )

    def note(
        self, action: str, person: str | None, detail: str = "", address: str | None = None, actor: str | None = None
    ) -> None:
        """Note in the audit what concerned a person; `actor` did it, or the role that is connected."""
        self._call(
            "note_audit(:action, :person, :detail, :address, :actor)",
            action=action, person=person, detail=detail, address=address, actor=actor,
        )  # fmt: skip

    # -- inside ----------------------------------------------------------------------------------------

    def _call(self, function: str, **values: object) -> datetime.datetime:
        with self._db.transaction() as connection:
            made: datetime.datetime = connection.execute(sa.text(f"select gilgamesh.{function}"), values).scalar_one()
            return made

    def _execute(self, statement: str, it: object) -> None:
        with self._db.transaction() as connection:
            connection.execute(sa.text(statement), {"it": it})

    def _keep_password(self, name: str, password: str) -> None:
        with self._db.transaction() as connection:
            connection.execute(
                sa.text("update gilgamesh.person set password_hash = :kept where name = :name"),
                {"name": name, "kept": hash_password(password)},
            )

    @staticmethod
    def _store(connection: sa.Connection, name: str, kept: str, action: str, address: str | None) -> None:
        connection.execute(
            sa.text("update gilgamesh.person set password_hash = :kept where name = :name"),
            {"name": name, "kept": kept},
        )
        connection.execute(
            sa.text(
                "update gilgamesh.credential set ended_at = now() where person = :name and kind in ('session', 'invitation') "
                "and ended_at is null"
            ),
            {"name": name},
        )
        connection.execute(
            sa.text("select gilgamesh.note_audit(:action, :name, '', :address, :name)"),
            {"action": action, "name": name, "address": address},
        )
