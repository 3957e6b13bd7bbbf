"""Who works with the testbed, and the secrets by which they are recognised."""

from __future__ import annotations

import datetime

from sqlalchemy import ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Numbered
from .history import Instant


class Person(Base):
    """Somebody who logs in; also a PostgreSQL role of this name."""

    __tablename__ = "person"

    name: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str]
    full_name: Mapped[str] = mapped_column(server_default=text("''"))
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime.datetime] = mapped_column(Instant, server_default=func.now())
    password_hash: Mapped[str | None] = mapped_column(deferred=True)


class Credential(Numbered, Base):
    """An invitation, a login or a token, known by its hash."""

    __tablename__ = "credential"
    __table_args__ = (Index("credential_person_idx", "person", "kind"),)

    kind: Mapped[str]
    person: Mapped[str] = mapped_column(ForeignKey(Person.name))
    sha256: Mapped[bytes] = mapped_column(unique=True, deferred=True)
    label: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[datetime.datetime] = mapped_column(Instant, server_default=func.now())
    created_by: Mapped[str]
    expires_at: Mapped[datetime.datetime] = mapped_column(Instant)
    used_at: Mapped[datetime.datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime.datetime | None] = mapped_column(Instant)


class Audit(Numbered, Base):
    """Something that concerned a person: an invitation, a login, another level."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_at_idx", "at"),)

    at: Mapped[datetime.datetime] = mapped_column(Instant, server_default=func.clock_timestamp())
    actor: Mapped[str]
    action: Mapped[str]
    person: Mapped[str | None]
    detail: Mapped[str] = mapped_column(server_default=text("''"))
    address: Mapped[str | None]
