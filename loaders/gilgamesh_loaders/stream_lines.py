"""Lines of slow control: ``time, port, raw`` one sample a line, or a table with a column for each port.

The first line may be a header. ``time,port,raw`` says what comes without one anyway; a header that names ports after the
time makes a table, in which an empty cell is no sample. Separators are comma, semicolon or tab; times are ISO 8601 or
seconds since 1970.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gilgamesh_db.errors import InvalidValue

_SEPARATORS = ("\t", ";", ",")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_TIME_NAMES = {"time", "at", "timestamp", "t"}
_PORT_NAMES = {"port", "channel"}


class Sample(NamedTuple):
    """One sample as a line states it."""

    port: str
    raw: float
    at: datetime.datetime


class LineReader:
    r"""Turns lines into samples, one after another.

    Parameters
    ----------
    zone : tzinfo
        Of times that have none.
    in_order : bool
        Refuse a sample that is older than the one before of the same port.

    Examples
    --------
    >>> reader = LineReader()
    >>> reader.samples("2026-03-01T12:00:00Z,S7/pressure,21763\n")[0].raw
    21763.0
    """

    def __init__(self, zone: datetime.tzinfo = datetime.UTC, *, in_order: bool = True) -> None:
        self._zone = zone
        self._in_order = in_order
        self._begun = False
        self._columns: list[str] | None = None  # of a table
        self._latest: dict[str, datetime.datetime] = {}

    def samples(self, line: str) -> list[Sample]:
        """The samples of a line; none of a header, an empty line or a comment (#).

        Raises
        ------
        InvalidValue
            It cannot be understood; nothing of it counts.
        """
        if not line.endswith("\n"):
            raise InvalidValue("the line has no end; it may have been cut")
        if "\0" in line:
            raise InvalidValue("this is no text")
        text = line.strip()
        if not text or text.startswith("#"):
            return []
        separator = next((sign for sign in _SEPARATORS if sign in text), None)
        if separator is None:
            raise InvalidValue(f"{text[:60]!r} has one cell; write time, port and raw sample, separated by commas")
        cells = [cell.strip().strip('"') for cell in text.split(separator)]
        if not self._begun:
            self._begun = True
            if cells[0].lower() in _TIME_NAMES:
                self._columns = self._header(cells)
                return []
        found = list(self._table(cells) if self._columns is not None else self._long(cells))
        if self._in_order:
            self._require_order(found)
        self._latest.update({one.port: one.at for one in found})
        return found

    def _header(self, cells: Sequence[str]) -> list[str] | None:
        if len(cells) == 3 and cells[1].lower() in _PORT_NAMES:
            return None
        ports = list(cells[1:])
        if not all(ports) or len(set(ports)) < len(ports):
            raise InvalidValue("the header names a port twice or not at all")
        return ports

    def _long(self, cells: Sequence[str]) -> Iterator[Sample]:
        if len(cells) != 3:
            raise InvalidValue(f"{len(cells)} cells; write time, port and raw sample")
        yield Sample(cells[1], _number(cells[2], cells[1]), self._time(cells[0]))

    def _table(self, cells: Sequence[str]) -> Iterator[Sample]:
        assert self._columns is not None  # noqa: S101 - a table has a header
        if len(cells) != len(self._columns) + 1:
            raise InvalidValue(f"{len(cells)} cells, but the header has {len(self._columns) + 1}")
        at = self._time(cells[0])
        for port, cell in zip(self._columns, cells[1:], strict=True):
            if cell:
                yield Sample(port, _number(cell, port), at)

    def _time(self, cell: str) -> datetime.datetime:
        try:
            seconds = float(cell)
        except ValueError:
            try:
                at = datetime.datetime.fromisoformat(cell)
            except ValueError as error:
                raise InvalidValue(
                    f"{cell!r} is not a time; write 2026-03-01T12:00:00Z or seconds since 1970"
                ) from error
            return at if at.tzinfo is not None else at.replace(tzinfo=self._zone)
        if not math.isfinite(seconds) or abs(seconds) > 1e11:
            raise InvalidValue(f"the time is {cell}; write 2026-03-01T12:00:00Z or seconds since 1970")
        return _EPOCH + datetime.timedelta(seconds=seconds)

    def _require_order(self, found: Sequence[Sample]) -> None:
        for one in found:
            before = self._latest.get(one.port)
            if before is not None and one.at < before:
                raise InvalidValue(
                    f"the clock went backwards: {one.at.isoformat()} of {one.port!r} comes after {before.isoformat()}; "
                    "give --out-of-order where late samples are meant"
                )


def _number(cell: str, port: str) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise InvalidValue(f"{cell!r} of {port!r} is not a number") from error
