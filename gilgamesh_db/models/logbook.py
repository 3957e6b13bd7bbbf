"""What people think of the records, and what they noted beside the shots."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Computed, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Stated
from .shot import Shot
from .signal import Signal


class QualityFlag(Stated, Base):
    """How far a record, or a window of it, can be trusted."""

    __tablename__ = "quality_flag"
    __table_args__ = (
        Index("quality_flag_signal_idx", "signal_id", "shot"),
        Index("quality_flag_shot_idx", "shot"),
    )

    signal_id: Mapped[int] = mapped_column(ForeignKey(Signal.id))
    shot: Mapped[int] = mapped_column(ForeignKey(Shot.number))
    flag: Mapped[str]
    since: Mapped[float] = mapped_column(server_default=text("'-infinity'"))
    until: Mapped[float] = mapped_column(server_default=text("'infinity'"))


class LogEntry(Stated, Base):
    """What somebody noted beside a shot, or without one."""

    __tablename__ = "log_entry"
    __table_args__ = (
        Index("log_entry_shot_idx", "shot"),
        Index("log_entry_words_idx", "words", postgresql_using="gin"),
    )

    shot: Mapped[int | None] = mapped_column(ForeignKey(Shot.number))
    text: Mapped[str]
    words: Mapped[Any] = mapped_column(
        TSVECTOR,
        Computed("to_tsvector('simple', text) || to_tsvector('english', text)", persisted=True),
        sort_order=93,
        nullable=True,
    )
