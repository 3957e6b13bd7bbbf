"""Files that came in, and what became of them."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Numbered
from .history import Instant


class Arrival(Numbered, Base):
    """A file that waits, was loaded, or was refused."""

    __tablename__ = "arrival"
    __table_args__ = (
        UniqueConstraint("host", "path"),
        Index("arrival_state_idx", "state", "host", postgresql_where=text("state <> 'loaded'")),
    )

    host: Mapped[str]
    path: Mapped[str]
    via: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="waiting")
    reason: Mapped[str] = mapped_column(server_default="")
    size: Mapped[int] = mapped_column(BigInteger)
    modified_at: Mapped[datetime.datetime] = mapped_column(Instant)
    shots: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}")
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    noticed_at: Mapped[datetime.datetime] = mapped_column(Instant, server_default=text("now()"))
    settled_at: Mapped[datetime.datetime | None] = mapped_column(Instant)
    role: Mapped[str] = mapped_column(server_default=text("SESSION_USER"))
