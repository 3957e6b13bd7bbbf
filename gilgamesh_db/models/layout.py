"""How the lab likes to see a discharge."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base
from .history import Instant


class Layout(Base):
    """The panels of an overview or dashboard."""

    __tablename__ = "layout"

    name: Mapped[str] = mapped_column(primary_key=True)
    panels: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    edited_at: Mapped[datetime.datetime] = mapped_column(Instant, server_default=func.now())
    edited_by: Mapped[str] = mapped_column(server_default=text("SESSION_USER"))
