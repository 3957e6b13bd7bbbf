"""What all models share: the metadata, and the two times of every statement of history."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import BigInteger, Double, ForeignKey, Identity, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, Range
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Period = Range[datetime.datetime]


class Base(DeclarativeBase):
    """Root of the models; they mirror ``schema/*.sql``, which is the source of truth."""

    metadata = MetaData(
        schema="gilgamesh",
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
        },
    )
    type_annotation_map = {  # noqa: RUF012
        Period: TSTZRANGE(),
        dict[str, Any]: JSONB(),
        int: BigInteger(),
        float: Double(),
        str: Text(),
    }

    def __repr__(self) -> str:
        name = getattr(self, "name", None) or getattr(self, "number", None) or getattr(self, "id", None)
        return f"<{type(self).__name__} {name!r}>"


class Numbered:
    """A row with an identity of its own."""

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)


class Stated(Numbered):
    """A statement that was recorded at some time, and perhaps superseded later."""

    recorded: Mapped[Period] = mapped_column(sort_order=90)
    edit_id: Mapped[int] = mapped_column(ForeignKey("gilgamesh.edit.id"), sort_order=91)
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("gilgamesh.edit.id"), sort_order=92)


class History(Stated):
    """A statement that also says when it was true at the testbed."""

    valid: Mapped[Period] = mapped_column(sort_order=89)
