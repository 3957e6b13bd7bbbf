"""What the lab has read and cites."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, Numbered, Stated


class Reference(Numbered, Base):
    """Something that can be cited by a key."""

    __tablename__ = "reference"

    key: Mapped[str] = mapped_column(unique=True)

    texts: Mapped[list[ReferenceText]] = relationship(viewonly=True)
    documents: Mapped[list[ReferenceDocument]] = relationship(viewonly=True)


Index("reference_lower_key_idx", func.lower(Reference.key))


class ReferenceText(Stated, Base):
    """A BibTeX record, and when it was believed."""

    __tablename__ = "reference_text"
    __table_args__ = (Index("reference_text_reference_idx", "reference_id"),)

    reference_id: Mapped[int] = mapped_column(ForeignKey(Reference.id))
    kind: Mapped[str]
    raw: Mapped[str]
    fields: Mapped[dict[str, Any]]
    authors: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    words: Mapped[str] = mapped_column(server_default="")
    origin: Mapped[str] = mapped_column(server_default="")
    line: Mapped[int | None]


class BibliographyPassage(Stated, Base):
    """What stands between the records: ``@string``, ``@preamble``, comments."""

    __tablename__ = "bibliography_passage"

    kind: Mapped[str]
    name: Mapped[str | None]
    raw: Mapped[str]


class ReferenceDocument(Stated, Base):
    """A document that belongs to a reference, such as its PDF."""

    __tablename__ = "reference_document"
    __table_args__ = (Index("reference_document_reference_idx", "reference_id"),)

    reference_id: Mapped[int] = mapped_column(ForeignKey(Reference.id))
    name: Mapped[str]
    media_type: Mapped[str]
    content: Mapped[bytes]
    sha256: Mapped[bytes]


class ReferenceTag(Base):
    """A word people sort references by."""

    __tablename__ = "reference_tag"

    reference_id: Mapped[int] = mapped_column(ForeignKey(Reference.id), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)
