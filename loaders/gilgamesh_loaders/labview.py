"""LabVIEW's ``.lvm``: text with a header, then segments, each with a header of its own and a table.

A segment says how many samples each channel has, when it began, ``X0`` and ``Delta_X``; the tables of several segments
follow one another in time. The numbers are printed, so they are float64 with the unit of ``Y_Unit_Label``. The
first segment's date and time is the trigger.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders.formats import Hints, decoded, plain_attributes, planned, refusing, source_of
from gilgamesh_loaders.plan import SeriesPlan, ShotPlan, unit_or_note
from gilgamesh_loaders.time_column import time_base

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

_END = "***End_of_Header***"
_SPECIAL = re.compile(r"\*\*\*Start_Special\*\*\*.*?\*\*\*End_Special\*\*\*[^\n]*\n", re.DOTALL)
_KEPT = ("Operator", "Description", "Project")


class LabView:
    """The format ``lvm``."""

    name = "lvm"
    extensions = (".lvm",)
    description = "LabVIEW measurement files, text with units and times"

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """Tell it by its first words."""
        return head.lstrip(b"\xef\xbb\xbf").startswith(b"LabVIEW Measurement")

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read all channels of all segments."""
        with refusing(path):
            content = path.read_bytes()
            text = decoded(content)
            if text and not text.endswith("\n"):
                line = text.count("\n") + 1
                raise InvalidValue(f"line {line}: the last line does not end, so its last number may be cut short")
            measurement = _Measurement(text)
            if hints.device is None:
                raise InvalidValue("the file does not say which device recorded it; give --device (device=)")
            return planned(
                path,
                hints,
                measurement.series(hints.device),
                source_of(path, self.name, content),
                moment=measurement.moment(),
                attributes=plain_attributes({name: measurement.said.get(name, [""])[0] for name in _KEPT}),
                notes=measurement.notes,
            )


FORMAT = LabView()


@dataclass(frozen=True)
class _Segment:
    """One table: what its header says, one cell per channel, and its numbers with those of the X columns."""

    said: dict[str, list[str]]
    names: list[str]
    xs: list[Samples | None]
    ys: list[Samples]


class _Measurement:
    """The header and the segments of a file."""

    def __init__(self, text: str) -> None:
        text = _SPECIAL.sub(lambda found: "\n" * found[0].count("\n"), text)
        self._lines = text.split("\n")
        self.notes: list[str] = []
        end = self._after(0)
        said = next((line for line in self._lines[:end] if line.startswith("Separator")), "")
        self._separator = said[len("Separator") :][:1] or "\t"  # the line says it by name, and uses it
        self.said = self._header(0, end - 1)
        self._decimal = self._first("Decimal_Separator", ".")
        self._columns = self._first("X_Columns", "One").casefold()
        self.segments: list[_Segment] = []
        place = self._next(end)
        while place < len(self._lines):
            segment, place = self._segment(place)
            self.segments.append(segment)
            place = self._next(place)
        if not self.segments:
            raise InvalidValue("there is no measurement below its header; it was cut, or nothing was recorded")

    def moment(self) -> datetime | None:
        """When the first segment began, as the clock of the computer showed it."""
        for said in (self.segments[0].said, self.said):
            date, clock = (said.get(name, [""])[0].strip().replace(self._decimal, ".") for name in ("Date", "Time"))
            found = re.fullmatch(r"(\d{4})/(\d{1,2})/(\d{1,2}) (\d{1,2}:\d{2}:\d{2})(\.\d+)?", f"{date} {clock}")
            if found is not None:
                try:
                    day = f"{found[1]}/{found[2]}/{found[3]} {found[4]}{(found[5] or '.0')[:7]}"
                    return datetime.strptime(day, "%Y/%m/%d %H:%M:%S.%f")
                except ValueError as error:
                    raise InvalidValue(f"its date and time, {date} {clock}, are none") from error
        return None

    def series(self, device: str) -> Iterator[SeriesPlan]:
        """Every channel, its segments one after the other."""
        first = self.segments[0]
        for segment in self.segments[1:]:
            if segment.names != first.names:
                raise InvalidValue(f"its segments hold different channels: {first.names} and {segment.names}")
        for place, name in enumerate(first.names):
            units = first.said.get("Y_Unit_Label", [])
            unit, note = unit_or_note(units[place] if place < len(units) else "")
            raw = np.concatenate([segment.ys[place] for segment in self.segments])
            if not raw.size:
                self.notes.append(f"the channel {name!r} has no samples and was left out")
                continue
            yield SeriesPlan(device, name, raw, raw_unit=unit, description=note, **self._base(place))

    def _base(self, place: int) -> dict[str, Any]:
        """Time base of a channel as keywords of a `SeriesPlan`."""
        times, only = [], len(self.segments) == 1
        for segment in self.segments:
            x = segment.xs[place]
            start, dt = (self._at(segment, word, place) for word in ("X0", "Delta_X"))
            dimension = segment.said.get("X_Dimension", ["Time"])
            if dimension[min(place, len(dimension) - 1)].strip().casefold() not in ("time", ""):
                raise InvalidValue(f"{segment.names[place]!r} stands over {dimension[0]!r} instead of time")
            if start is not None and dt is not None and dt > 0:
                if only:
                    return {"start": start, "dt": dt}
                times.append(start + dt * np.arange(segment.ys[place].size))
            elif x is not None:
                times.append(x)
            else:
                raise InvalidValue(f"{segment.names[place]!r} has neither X0 and Delta_X nor an X column")
        return time_base(np.concatenate(times))

    def _at(self, segment: _Segment, word: str, place: int) -> float | None:
        cells = segment.said.get(word, [])
        if place >= len(cells) or not cells[place].strip():
            return None
        try:
            return float(cells[place].replace(self._decimal, "."))
        except ValueError as error:
            raise InvalidValue(f"{word} is {cells[place]!r}, no number") from error

    def _first(self, name: str, otherwise: str) -> str:
        return (self.said.get(name) or [otherwise])[0].strip() or otherwise

    def _next(self, place: int) -> int:
        """Skip empty lines."""
        while place < len(self._lines) and not self._lines[place].strip("\t ,;"):
            place += 1
        return place

    def _after(self, place: int) -> int:
        """Line after the end of the header that begins here."""
        for number in range(place, len(self._lines)):
            if self._lines[number].startswith(_END):
                return number + 1
        raise InvalidValue(f"line {place + 1}: the header that begins here has no end; the file was cut")

    def _header(self, begin: int, end: int) -> dict[str, list[str]]:
        rows = (line.rstrip(f"{self._separator} ").split(self._separator) for line in self._lines[begin:end])
        return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows if row[0].strip()}

    def _segment(self, begin: int) -> tuple[_Segment, int]:
        end = self._after(begin)
        said = self._header(begin, end - 1)
        try:
            channels = int(said["Channels"][0])
            samples = [int(cell) for cell in said["Samples"][:channels]]
        except (KeyError, IndexError, ValueError) as error:
            raise InvalidValue(f"line {begin + 1}: the segment does not say its Channels and Samples") from error
        if channels < 1 or len(samples) != channels or min(samples) < 0:
            raise InvalidValue(f"line {begin + 1}: {channels} channels with the samples {samples}")
        titles = [cell.strip() for cell in self._line(end).split(self._separator)]
        pairs = self._columns == "multi"
        columns = [2 * place + 1 if pairs else place + 1 for place in range(channels)]
        if len(titles) <= columns[-1]:
            raise InvalidValue(f"line {end + 1}: {len(titles)} titles for {channels} channels")
        rows = self._lines[end + 1 : end + 1 + max(samples)]
        if len(rows) < max(samples) or (rows and not rows[-1].strip()):
            found = sum(bool(row.strip()) for row in rows)
            raise InvalidValue(
                f"line {end + 1}: the segment promises {max(samples)} samples, {found} follow; it was cut"
            )
        ys = [self._numbers(rows[:length], column, end + 2) for column, length in zip(columns, samples, strict=True)]
        has_x = self._columns != "no"
        xs = [self._numbers(rows[:length], column - 1 if pairs else 0, end + 2) if has_x else None
              for column, length in zip(columns, samples, strict=True)]  # fmt: skip
        return _Segment(said, [titles[column] for column in columns], xs, ys), end + 1 + len(rows)

    def _line(self, place: int) -> str:
        if place >= len(self._lines) or not self._lines[place].strip():
            raise InvalidValue(f"line {place + 1}: the titles of the channels are missing; the file was cut")
        return self._lines[place]

    def _numbers(self, rows: Sequence[str], column: int, first: int) -> Samples:
        numbers = np.empty(len(rows))
        for place, row in enumerate(rows):
            cells = row.split(self._separator)
            try:
                cell = cells[column].strip().replace(self._decimal, ".")
                numbers[place] = float(cell) if cell else np.nan
            except (IndexError, ValueError) as error:
                found = repr(cells[column]) if column < len(cells) else "nothing"
                raise InvalidValue(f"line {first + place}: {found} in column {column + 1} is not a number") from error
        return numbers
