"""The names people use, how they are wired, calibrated and timed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ARRAY, BigInteger, Double, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, History, Numbered
from .component import BEGINNING, STATED, Component, Port, Unit
from .history import Edit


class Signal(Numbered, Base):
    """A name people use, for example ``Langmuir_I``."""

    __tablename__ = "signal"
    __table_args__ = (
        UniqueConstraint("component_id", "role"),
        Index(
            "signal_uncertainty_idx",
            "uncertainty_of",
            unique=True,
            postgresql_where=text("uncertainty_of is not null"),
        ),
    )

    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(server_default="measured")
    unit: Mapped[str] = mapped_column(ForeignKey(Unit.symbol))
    quantity: Mapped[str] = mapped_column(server_default="")
    component_id: Mapped[int | None] = mapped_column(ForeignKey(Component.id))
    role: Mapped[str | None]
    label: Mapped[str] = mapped_column(server_default="")
    description: Mapped[str] = mapped_column(server_default="")
    low: Mapped[float | None]
    high: Mapped[float | None]
    withdrawn_by_id: Mapped[int | None] = mapped_column(ForeignKey(Edit.id))
    uncertainty_of: Mapped[int | None] = mapped_column(ForeignKey("gilgamesh.signal.id"))

    component: Mapped[Component | None] = relationship(viewonly=True)
    aliases: Mapped[list[Alias]] = relationship(back_populates="signal", viewonly=True)
    connections: Mapped[list[Connection]] = relationship(back_populates="signal", viewonly=True)


class Alias(Base):
    """Another name of a signal."""

    __tablename__ = "alias"
    __table_args__ = (Index("alias_signal_idx", "signal_id"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    signal_id: Mapped[int] = mapped_column(ForeignKey(Signal.id))

    signal: Mapped[Signal] = relationship(back_populates="aliases", viewonly=True)


class Definition(History, Base):
    """The formula of a derived signal, and when it held."""

    __tablename__ = "definition"
    __table_args__ = (Index("definition_signal_idx", "signal_id", BEGINNING),)

    signal_id: Mapped[int] = mapped_column(ForeignKey(Signal.id))
    formula: Mapped[str]

    signal: Mapped[Signal] = relationship(viewonly=True)
    edit: Mapped[Edit] = relationship(foreign_keys="Definition.edit_id", viewonly=True)


class Connection(History, Base):
    """Which port a signal was plugged into, when, and through which components."""

    __tablename__ = "connection"
    __table_args__ = (
        Index("connection_signal_idx", "signal_id", BEGINNING),
        Index("connection_port_idx", "port_id", BEGINNING),
        Index("connection_chain_idx", "chain", postgresql_using="gin", postgresql_where=text("upper_inf(recorded)")),
        Index("connection_recorded_idx", STATED, "id"),
    )

    signal_id: Mapped[int] = mapped_column(ForeignKey(Signal.id))
    port_id: Mapped[int] = mapped_column(ForeignKey(Port.component_id))
    chain: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}")

    signal: Mapped[Signal] = relationship(back_populates="connections", viewonly=True)
    port: Mapped[Port] = relationship(viewonly=True)
    edit: Mapped[Edit] = relationship(foreign_keys="Connection.edit_id", viewonly=True)


class Calibration(History, Base):
    """How a physical item turns its input into its output."""

    __tablename__ = "calibration"
    __table_args__ = (
        Index("calibration_component_idx", "component_id", BEGINNING),
        Index("calibration_recorded_idx", STATED, "id"),
    )

    component_id: Mapped[int] = mapped_column(ForeignKey(Component.id))
    steps: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    input_unit: Mapped[str] = mapped_column(ForeignKey(Unit.symbol))
    output_unit: Mapped[str] = mapped_column(ForeignKey(Unit.symbol))
    gain: Mapped[float | None]
    offset: Mapped[float | None]
    covariance: Mapped[list[float] | None] = mapped_column(ARRAY(Double))
    source: Mapped[str | None]
    quality: Mapped[str | None]
    fit: Mapped[dict[str, Any] | None] = mapped_column(JSONB, sort_order=95)

    component: Mapped[Component] = relationship(viewonly=True)
    edit: Mapped[Edit] = relationship(foreign_keys="Calibration.edit_id", viewonly=True)


class Timing(History, Base):
    """How the time of a device relates to the trigger of the shot."""

    __tablename__ = "timing"
    __table_args__ = (
        Index("timing_device_idx", "device_id", BEGINNING),
        Index("timing_recorded_idx", STATED, "id"),
    )

    device_id: Mapped[int] = mapped_column(ForeignKey(Component.id))
    start_offset: Mapped[float] = mapped_column(server_default=text("0"))
    clock_rate: Mapped[float] = mapped_column(server_default=text("1"))

    device: Mapped[Component] = relationship(viewonly=True)
    edit: Mapped[Edit] = relationship(foreign_keys="Timing.edit_id", viewonly=True)
