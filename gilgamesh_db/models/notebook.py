"""Notebooks the lab shares."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, Numbered
from .history import Instant
from .signal import Connection, Definition, Signal, Timing


class NotebookBlob(Base):
    """The content of a notebook; the same content is stored once."""

    __tablename__ = "notebook_blob"

    sha256: Mapped[bytes] = mapped_column(primary_key=True)
    content: Mapped[bytes]
    nbformat: Mapped[str | None]
    problem: Mapped[str | None]


class NotebookCell(Base):
    """Text or code of a notebook."""

    __tablename__ = "notebook_cell"
    __table_args__ = (Index("notebook_cell_words_idx", "words", postgresql_using="gin"),)

    sha256: Mapped[bytes] = mapped_column(ForeignKey(NotebookBlob.sha256), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str]
    source: Mapped[str]
    words: Mapped[str] = mapped_column(TSVECTOR)


class NotebookVersion(Numbered, Base):
    """A version of a notebook; never changes."""

    __tablename__ = "notebook_version"
    __table_args__ = (
        UniqueConstraint("path", "number"),
        Index("notebook_version_sha256_idx", "sha256"),
        Index("notebook_version_parent_idx", "parent_id"),
    )

    path: Mapped[str]
    number: Mapped[int]
    sha256: Mapped[bytes | None] = mapped_column(ForeignKey(NotebookBlob.sha256))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("gilgamesh.notebook_version.id"))
    message: Mapped[str] = mapped_column(server_default="")
    author: Mapped[str]
    role: Mapped[str] = mapped_column(server_default=text("SESSION_USER"))
    created_at: Mapped[datetime.datetime] = mapped_column(Instant, server_default=func.clock_timestamp())
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", server_default=text("'{}'"))

    content: Mapped[NotebookBlob | None] = relationship(viewonly=True)
    inputs: Mapped[list[NotebookInput]] = relationship(viewonly=True)


Index("notebook_version_lower_path_idx", func.lower(NotebookVersion.path), NotebookVersion.number, unique=True)


class NotebookInput(Numbered, Base):
    """What the cells of a version read."""

    __tablename__ = "notebook_input"
    __table_args__ = (
        Index("notebook_input_version_idx", "version_id"),
        Index("notebook_input_signal_idx", "signal_id", "shot"),
        Index("notebook_input_series_idx", "series_id"),
    )

    version_id: Mapped[int] = mapped_column(ForeignKey(NotebookVersion.id))
    series_id: Mapped[int | None]
    signal_id: Mapped[int] = mapped_column(ForeignKey(Signal.id))
    connection_id: Mapped[int | None] = mapped_column(ForeignKey(Connection.id))
    calibrations: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}")
    timing_id: Mapped[int | None] = mapped_column(ForeignKey(Timing.id))
    definition_id: Mapped[int | None] = mapped_column(ForeignKey(Definition.id))
    shot: Mapped[int]
    known_at: Mapped[datetime.datetime] = mapped_column(Instant)
    pinned: Mapped[bool] = mapped_column(server_default=text("false"))


class NotebookCitation(Base):
    """A key that a version cites."""

    __tablename__ = "notebook_citation"
    __table_args__ = (Index("notebook_citation_key_idx", "key"),)

    version_id: Mapped[int] = mapped_column(ForeignKey(NotebookVersion.id), primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(primary_key=True)
