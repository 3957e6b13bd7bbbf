"""Raw samples, exactly as recorded, the files they came from and the analyses made of them."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ForeignKey, ForeignKeyConstraint, Index, Integer, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, Numbered
from .component import Port
from .history import Edit, Instant
from .shot import AttributeValue, Shot
from .signal import Connection, Definition, Signal, Timing


class Source(Numbered, Base):
    """A file that was loaded."""

    __tablename__ = "source"

    name: Mapped[str]
    format: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(unique=True)
    loaded_at: Mapped[datetime.datetime] = mapped_column(Instant, server_default=text("now()"))
    loaded_by: Mapped[str] = mapped_column(server_default=text("SESSION_USER"))


class Run(Numbered, Base):
    """One stored analysis of one shot."""

    __tablename__ = "run"
    __table_args__ = (Index("run_shot_idx", "shot"), Index("run_method_idx", "method", "shot"))

    method: Mapped[str]
    version: Mapped[str]
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    shot: Mapped[int | None] = mapped_column(ForeignKey(Shot.number))
    known_at: Mapped[datetime.datetime] = mapped_column(Instant)
    author: Mapped[str]
    started_at: Mapped[datetime.datetime] = mapped_column(Instant, server_default=text("now()"))
    edit_id: Mapped[int | None] = mapped_column(ForeignKey(Edit.id))


class Series(Numbered, Base):
    """One record of one port in one shot, or one output of a run."""

    __tablename__ = "series"
    __table_args__ = (
        UniqueConstraint("shot", "id"),
        Index("series_shot_port_idx", "shot", "port_id", unique=True, postgresql_where=text("port_id is not null")),
        Index("series_run_signal_idx", "run_id", "signal_id", unique=True, postgresql_where=text("run_id is not null")),
        Index("series_signal_idx", "signal_id", "shot", postgresql_where=text("signal_id is not null")),
        Index("series_port_idx", "port_id"),
        Index("series_source_idx", "source_id"),
    )

    shot: Mapped[int] = mapped_column(ForeignKey(Shot.number))
    port_id: Mapped[int | None] = mapped_column(ForeignKey(Port.component_id))
    signal_id: Mapped[int | None] = mapped_column(ForeignKey(Signal.id))
    run_id: Mapped[int | None] = mapped_column(ForeignKey(Run.id))
    source_id: Mapped[int | None] = mapped_column(ForeignKey(Source.id))
    dtype: Mapped[str]
    n: Mapped[int | None]
    start: Mapped[float | None]
    dt: Mapped[float | None]
    segment_n: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[bytes | None]

    port: Mapped[Port | None] = relationship(viewonly=True)
    source: Mapped[Source | None] = relationship(viewonly=True)
    run: Mapped[Run | None] = relationship(viewonly=True)


class Segment(Base):
    """Consecutive samples of a series."""

    __tablename__ = "segment"
    __table_args__ = (
        ForeignKeyConstraint(["shot", "series_id"], [Series.shot, Series.id]),
        {"postgresql_partition_by": "RANGE (shot)"},
    )

    shot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    series_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(Integer)
    payload: Mapped[bytes]
    times: Mapped[bytes | None]
    numbers: Mapped[int] = mapped_column(Integer)
    total: Mapped[float]
    squares: Mapped[float]
    minimum: Mapped[float | None]
    maximum: Mapped[float | None]


class Pyramid(Base):
    """Minimum and maximum of every 64 and every 4096 raw samples."""

    __tablename__ = "pyramid"
    __table_args__ = (
        ForeignKeyConstraint(["shot", "series_id"], [Series.shot, Series.id]),
        {"postgresql_partition_by": "RANGE (shot)"},
    )

    shot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    series_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    level: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(Integer)
    payload: Mapped[bytes]


class RunInput(Base):
    """What a run read: which records, through which wiring and calibrations."""

    __tablename__ = "run_input"
    __table_args__ = (Index("run_input_series_idx", "series_id"), Index("run_input_signal_idx", "signal_id", "shot"))

    run_id: Mapped[int] = mapped_column(ForeignKey(Run.id), primary_key=True, autoincrement=False)
    series_id: Mapped[int | None] = mapped_column(ForeignKey(Series.id))
    signal_id: Mapped[int] = mapped_column(ForeignKey(Signal.id), primary_key=True, autoincrement=False)
    connection_id: Mapped[int | None] = mapped_column(ForeignKey(Connection.id))
    calibrations: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}")
    timing_id: Mapped[int | None] = mapped_column(ForeignKey(Timing.id))
    definition_id: Mapped[int | None] = mapped_column(ForeignKey(Definition.id))
    shot: Mapped[int] = mapped_column(ForeignKey(Shot.number), primary_key=True, autoincrement=False)


class AttributeInput(Base):
    """What a computed value of an attribute was computed from."""

    __tablename__ = "attribute_input"
    __table_args__ = (
        Index("attribute_input_series_idx", "series_id"),
        Index("attribute_input_signal_idx", "signal_id", "shot"),
    )

    value_id: Mapped[int] = mapped_column(
        ForeignKey(AttributeValue.id, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    series_id: Mapped[int | None] = mapped_column(ForeignKey(Series.id))
    signal_id: Mapped[int] = mapped_column(ForeignKey(Signal.id), primary_key=True, autoincrement=False)
    connection_id: Mapped[int | None] = mapped_column(ForeignKey(Connection.id))
    calibrations: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}")
    timing_id: Mapped[int | None] = mapped_column(ForeignKey(Timing.id))
    definition_id: Mapped[int | None] = mapped_column(ForeignKey(Definition.id))
    shot: Mapped[int] = mapped_column(ForeignKey(Shot.number), primary_key=True, autoincrement=False)
