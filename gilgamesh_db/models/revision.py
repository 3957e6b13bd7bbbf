"""Which revisions of the lab's testbed repository were applied, and how things were described before."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, Numbered
from .history import Edit


class TestbedVersion(Base):
    """The revision the database is at; alembic keeps it."""

    __tablename__ = "testbed_version"

    version_num: Mapped[str] = mapped_column(sa.String(32), primary_key=True)


class TestbedRevision(Numbered, Base):
    """One time a revision of the testbed was applied or taken back."""

    __tablename__ = "testbed_revision"
    __table_args__ = (
        Index("testbed_revision_revision_idx", "revision", sa.text("id DESC")),
        Index("testbed_revision_edit_idx", "edit_id"),
    )

    revision: Mapped[str]
    down_revisions: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    message: Mapped[str]
    checksum: Mapped[str]
    action: Mapped[str]
    edit_id: Mapped[int] = mapped_column(ForeignKey(Edit.id))

    edit: Mapped[Edit] = relationship(viewonly=True)


class Amendment(Numbered, Base):
    """A changed description of a component, port, signal, alias or attribute."""

    __tablename__ = "amendment"
    __table_args__ = (Index("amendment_edit_idx", "edit_id"),)

    edit_id: Mapped[int | None] = mapped_column(ForeignKey(Edit.id))
    kind: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]

    edit: Mapped[Edit | None] = relationship(viewonly=True)
