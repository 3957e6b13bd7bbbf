"""Slow control: samples that come day and night, apart from shots."""

from __future__ import annotations

import datetime

from sqlalchemy import BigInteger, ForeignKey, Integer, Interval
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base
from .component import Port
from .history import Edit, Instant


class Stream(Base):
    """A port that delivers samples day and night."""

    __tablename__ = "stream"

    port_id: Mapped[int] = mapped_column(ForeignKey(Port.component_id), primary_key=True, autoincrement=False)
    dtype: Mapped[str]
    pause: Mapped[float | None]
    keep: Mapped[datetime.timedelta | None] = mapped_column(Interval)
    keep_aggregates: Mapped[datetime.timedelta | None] = mapped_column(Interval)
    compacted_until: Mapped[datetime.datetime | None] = mapped_column(Instant)
    released_until: Mapped[datetime.datetime | None] = mapped_column(Instant)
    aggregates_released_until: Mapped[datetime.datetime | None] = mapped_column(Instant)
    edit_id: Mapped[int] = mapped_column(ForeignKey(Edit.id))

    port: Mapped[Port] = relationship(viewonly=True)


class StreamTail(Base):
    """A sample that was not yet moved into a segment."""

    __tablename__ = "stream_tail"

    port_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime.datetime] = mapped_column(Instant, primary_key=True)
    raw: Mapped[float]


class StreamSegment(Base):
    """The samples of one stream in one hour."""

    __tablename__ = "stream_segment"
    __table_args__ = {"postgresql_partition_by": "range (hour)"}  # noqa: RUF012

    port_id: Mapped[int] = mapped_column(ForeignKey(Stream.port_id), primary_key=True, autoincrement=False)
    hour: Mapped[datetime.datetime] = mapped_column(Instant, primary_key=True)
    n: Mapped[int] = mapped_column(Integer)
    payload: Mapped[bytes]
    times: Mapped[bytes]
    last_at: Mapped[datetime.datetime] = mapped_column(Instant)
    last: Mapped[float]


class StreamAggregate(Base):
    """Number, sum, minimum, maximum and last of the samples in consecutive intervals of one width."""

    __tablename__ = "stream_aggregate"
    __table_args__ = {"postgresql_partition_by": "range (since)"}  # noqa: RUF012

    port_id: Mapped[int] = mapped_column(ForeignKey(Stream.port_id), primary_key=True, autoincrement=False)
    width: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    since: Mapped[datetime.datetime] = mapped_column(Instant, primary_key=True)
    counts: Mapped[bytes]
    totals: Mapped[bytes]
    extremes: Mapped[bytes]
    latest: Mapped[bytes]
