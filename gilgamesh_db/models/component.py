"""Physical things: what they are, where they sit, what is known of them, which of them deliver samples."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, History, Numbered
from .history import Edit

BEGINNING = text("COALESCE(lower(valid), '-infinity'::timestamp with time zone) DESC")
STATED = text("lower(recorded)")


class Unit(Base):
    """A unit the database can convert."""

    __tablename__ = "unit"

    symbol: Mapped[str] = mapped_column(primary_key=True)
    dimension: Mapped[str]
    factor: Mapped[float]
    offset: Mapped[float] = mapped_column(server_default=text("0"))
    description: Mapped[str] = mapped_column(server_default="")


class Component(Numbered, Base):
    """Every physical thing that can be named, calibrated or looked at."""

    __tablename__ = "component"

    name: Mapped[str] = mapped_column(unique=True)
    class_: Mapped[str] = mapped_column("class", server_default="Component")
    serial: Mapped[str | None]
    description: Mapped[str] = mapped_column(server_default="")

    placements: Mapped[list[Placement]] = relationship(foreign_keys="Placement.component_id", viewonly=True)
    properties: Mapped[list[Property]] = relationship(back_populates="component", viewonly=True)


class Placement(History, Base):
    """Where a component sat in the tree and when."""

    __tablename__ = "placement"
    __table_args__ = (
        Index("placement_component_idx", "component_id", BEGINNING),
        Index("placement_parent_idx", "parent_id", BEGINNING),
        Index("placement_recorded_idx", STATED, "id"),
    )

    component_id: Mapped[int] = mapped_column(ForeignKey(Component.id))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey(Component.id))

    component: Mapped[Component] = relationship(foreign_keys=[component_id], viewonly=True)
    parent: Mapped[Component | None] = relationship(foreign_keys=[parent_id], viewonly=True)
    edit: Mapped[Edit] = relationship(foreign_keys="Placement.edit_id", viewonly=True)


class Property(History, Base):
    """What is known of a component, each value with its time."""

    __tablename__ = "property"
    __table_args__ = (
        Index("property_component_idx", "component_id", "name", BEGINNING),
        Index("property_recorded_idx", STATED, "id"),
    )

    component_id: Mapped[int] = mapped_column(ForeignKey(Component.id))
    name: Mapped[str]
    value: Mapped[Any] = mapped_column(JSONB)
    unit: Mapped[str | None] = mapped_column(ForeignKey(Unit.symbol))

    component: Mapped[Component] = relationship(back_populates="properties", viewonly=True)
    edit: Mapped[Edit] = relationship(foreign_keys="Property.edit_id", viewonly=True)


class Port(Base):
    """A component that delivers samples."""

    __tablename__ = "port"
    __table_args__ = (UniqueConstraint("device_id", "channel"),)

    component_id: Mapped[int] = mapped_column(ForeignKey(Component.id), primary_key=True, autoincrement=False)
    device_id: Mapped[int] = mapped_column(ForeignKey(Component.id))
    channel: Mapped[str]
    dtype: Mapped[str]
    unit: Mapped[str] = mapped_column(ForeignKey(Unit.symbol), server_default="ct")
    low: Mapped[float | None]
    high: Mapped[float | None]
    resolution: Mapped[float | None]
    noise: Mapped[float | None]

    component: Mapped[Component] = relationship(foreign_keys=[component_id], viewonly=True)
    device: Mapped[Component] = relationship(foreign_keys=[device_id], viewonly=True)
