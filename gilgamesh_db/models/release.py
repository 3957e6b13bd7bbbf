"""Names for states of knowledge, and numbers that were quoted."""

from __future__ import annotations

import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Numbered
from .bibliography import Reference
from .history import Instant
from .series import Series
from .shot import Shot
from .signal import Signal


class Release(Base):
    """A name for a state of knowledge; never changes."""

    __tablename__ = "release"

    name: Mapped[str] = mapped_column(primary_key=True)
    known_at: Mapped[datetime.datetime] = mapped_column(Instant)
    description: Mapped[str] = mapped_column(server_default="")
    author: Mapped[str]
    role: Mapped[str] = mapped_column(server_default=text("SESSION_USER"))
    created_at: Mapped[datetime.datetime] = mapped_column(Instant, server_default=text("now()"))


class DataCitation(Numbered, Base):
    """Quoted numbers: a signal of a shot, a window and a state of knowledge; never changes."""

    __tablename__ = "data_citation"
    __table_args__ = (Index("data_citation_signal_idx", "signal_id", "shot"),)

    reference_id: Mapped[int] = mapped_column(ForeignKey(Reference.id), unique=True)
    signal_id: Mapped[int] = mapped_column(ForeignKey(Signal.id))
    shot: Mapped[int] = mapped_column(ForeignKey(Shot.number))
    t0: Mapped[float | None]
    t1: Mapped[float | None]
    known_at: Mapped[datetime.datetime] = mapped_column(Instant)
    n: Mapped[int]
    unit: Mapped[str]
    sha256: Mapped[bytes]
    mean: Mapped[float | None]
    minimum: Mapped[float | None]
    maximum: Mapped[float | None]
    author: Mapped[str]
    role: Mapped[str] = mapped_column(server_default=text("SESSION_USER"))
    created_at: Mapped[datetime.datetime] = mapped_column(Instant, server_default=text("now()"))


class DataCitationInput(Base):
    """A record that quoted numbers are computed from."""

    __tablename__ = "data_citation_input"
    __table_args__ = (
        Index("data_citation_input_series_idx", "series_id"),
        Index("data_citation_input_signal_idx", "signal_id"),
    )

    citation_id: Mapped[int] = mapped_column(ForeignKey(DataCitation.id), primary_key=True, autoincrement=False)
    signal_id: Mapped[int] = mapped_column(ForeignKey(Signal.id), primary_key=True, autoincrement=False)
    series_id: Mapped[int] = mapped_column(ForeignKey(Series.id), primary_key=True, autoincrement=False)
