"""The discharges, and the single numbers and words that describe each of them."""

from __future__ import annotations

import datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, Numbered, Stated
from .component import Unit
from .history import Edit, Instant


class Program(Numbered, Base):
    """An experimental program or campaign."""

    __tablename__ = "program"

    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(server_default="")


class Shot(Base):
    """One discharge of the testbed."""

    __tablename__ = "shot"
    __table_args__ = (Index("shot_started_at_idx", "started_at"), Index("shot_program_idx", "program_id"))

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    started_at: Mapped[datetime.datetime] = mapped_column(Instant)
    duration: Mapped[float] = mapped_column(server_default=sa.text("0"))
    program_id: Mapped[int | None] = mapped_column(ForeignKey(Program.id))
    status: Mapped[str] = mapped_column(server_default="complete")

    program: Mapped[Program | None] = relationship(viewonly=True)
    attribute_values: Mapped[list[AttributeValue]] = relationship(viewonly=True)


class Attribute(Numbered, Base):
    """What can be said of a shot in one number or word."""

    __tablename__ = "attribute"

    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    unit: Mapped[str | None] = mapped_column(ForeignKey(Unit.symbol))
    rule: Mapped[str | None]
    description: Mapped[str] = mapped_column(server_default="")
    withdrawn_by_id: Mapped[int | None] = mapped_column(ForeignKey(Edit.id))


class AttributeValue(Stated, Base):
    """The value of an attribute of a shot, and when it was believed."""

    __tablename__ = "attribute_value"
    __table_args__ = (
        Index("attribute_value_shot_idx", "shot", "attribute_id"),
        Index("attribute_value_number_idx", "attribute_id", "number"),
    )

    attribute_id: Mapped[int] = mapped_column(ForeignKey(Attribute.id))
    shot: Mapped[int] = mapped_column(ForeignKey(Shot.number))
    number: Mapped[float | None]
    text: Mapped[str | None]
    boolean: Mapped[bool | None]
    stale: Mapped[bool] = mapped_column(server_default=sa.text("false"))
    stale_by_id: Mapped[int | None] = mapped_column(ForeignKey(Edit.id), sort_order=93)

    attribute: Mapped[Attribute] = relationship(viewonly=True)
    edit: Mapped[Edit] = relationship(foreign_keys="AttributeValue.edit_id", viewonly=True)
