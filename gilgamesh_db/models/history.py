"""Who changed the history, when and why."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from .base import Base, Numbered

Instant = TIMESTAMP(timezone=True)


class TransactionId(UserDefinedType[str]):
    """PostgreSQL's ``xid8``."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name of the type in SQL."""
        return "xid8"


class Edit(Numbered, Base):
    """One act of changing the history."""

    __tablename__ = "edit"
    __table_args__ = (Index("edit_recorded_at_idx", "recorded_at"),)

    recorded_at: Mapped[datetime.datetime] = mapped_column(Instant)
    author: Mapped[str]
    reason: Mapped[str]
    role: Mapped[str] = mapped_column(server_default=text("SESSION_USER"))
    transaction_id: Mapped[str] = mapped_column(TransactionId(), server_default=text("pg_current_xact_id()"))


class LaidObject(Base):
    """A view, function or trigger that the software laid."""

    __tablename__ = "laid_object"

    identity: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
