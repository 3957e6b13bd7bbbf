"""CSV: one record of an oscilloscope or a logger, a table of numbers under up to two header rows.

Lines above the header, as oscilloscopes write about their settings, are passed over if the header begins with a time.

Separator (comma, semicolon or tab) and decimal sign are found by trying which make every number a number.
Header rows give names and units: ``Name (unit)``, ``Name [unit]``, or a second row of units. The first column
is the time when its name or its unit says so, or when it has no unit and increases; a time column that is
only rounded becomes start + n·dt (see `time_column`). Rigol's ``Start`` and ``Increment`` in the header are
the time base of a column that counts samples.

A table says nowhere how long it is. So the one sign of a cut is taken seriously: a last line without its end
is refused, for its last number may be half a number.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders.formats import HEAD_BYTES, Hints, decoded, refusing, source_of
from gilgamesh_loaders.plan import SeriesPlan, ShotPlan, duration_of, spelled_unit, unit_or_note
from gilgamesh_loaders.time_column import TIME_NAMES, uniform_axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_SEPARATORS = (",", ";", "\t")
_MOST_HEADER_ROWS = 2
_LONGEST_PREAMBLE = 60  # lines; what an oscilloscope writes about its settings
_TRIED_ROWS = 20
_COUNTER_NAMES = {"", "x", "sequence", "index", "sample", "n"}
_NAMES_OF_A_TABLE = re.compile(
    rf'\s*"?(?:{"|".join(sorted(TIME_NAMES, key=len, reverse=True))})\b[^,;\t]*[,;\t]', re.IGNORECASE
)
_IN_BRACKETS = re.compile(r"(.*\S)\s*(?:\(([^()]*)\)|\[([^\[\]]*)\])")
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf|infinity)|", re.IGNORECASE | re.ASCII)


class Csv:
    """The format ``csv``."""

    name = "csv"
    extensions = (".csv", ".tsv", ".txt")
    description = "a table of numbers from an oscilloscope or a logger, time in the first column"

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """Tell a table by rows of numbers under at most two others."""
        if b"\0" in head:
            return False
        lines = decoded(head).split("\n")
        if len(head) >= HEAD_BYTES:
            lines.pop()
        return _table_in([line for line in lines if line.strip()]) is not None

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read all columns."""
        with refusing(path):
            content = path.read_bytes()
            table = _Table(content)
            if hints.device is None:
                raise InvalidValue("the file does not say which device recorded it; give --device (device=)")
            series = tuple(table.series(hints.device, hints))
            return ShotPlan(
                number=hints.shot_number(path),
                started_at=hints.trigger_time(path),
                duration=duration_of(series),
                series=series,
                source=source_of(path, self.name, content),
                notes=tuple(table.notes),
            )


FORMAT = Csv()


@dataclass(frozen=True)
class _Dialect:
    """How the numbers are written, and how many rows stand above them."""

    separator: str
    decimal: str
    header_rows: int

    def cells(self, line: str) -> list[str]:
        """Cells of a row of numbers, with a decimal point."""
        cells = [cell.strip().removeprefix('"').removesuffix('"') for cell in line.split(self.separator)]
        return [cell.replace(",", ".") for cell in cells] if self.decimal == "," else cells

    def nonsense(self, line: str) -> str | None:
        """Give the first cell that is not a number (nor empty, nor NaN), None when all are."""
        if self.decimal == "," and "." in line:
            return line.strip()
        cells = self.cells(line)
        if not any(cells):
            return line.strip()
        return next((cell for cell in cells if not _NUMBER.fullmatch(cell)), None)


def _dialect_of(lines: Sequence[str]) -> _Dialect | None:
    """Find the dialect in which every row under the header consists of numbers, with the shortest header."""
    for header_rows in range(min(_MOST_HEADER_ROWS + 1, len(lines))):
        rows = lines[header_rows:]
        for separator in _SEPARATORS:
            comma = separator != "," and any("," in row for row in rows)
            dialect = _Dialect(separator, "," if comma else ".", header_rows)
            tried = rows[:_TRIED_ROWS]
            if any(dialect.nonsense(row) is not None for row in tried):
                continue
            separators = {row.count(separator) for row in tried}
            columns = max(separators) + (not all(row.rstrip(" ").endswith(separator) for row in tried))
            named = max((len(_header_cells(line, separator)) for line in lines[:header_rows]), default=0)
            if len(separators) == 1 and (not named or named >= columns):
                return dialect
    return None


def _table_in(lines: Sequence[str]) -> tuple[int, _Dialect] | None:
    """Find the line where a table begins, and its dialect.

    Oscilloscopes write their settings above it. A table below other lines is taken for one only if the row of its
    names begins with a time and no row of numbers stands above it, so that damage never passes for a header.
    """
    dialect = _dialect_of(lines)
    if dialect is not None:
        return 0, dialect
    for place, line in enumerate(lines[: _LONGEST_PREAMBLE + 1]):
        cells = [_is_number(cell) for cell in re.split(r"[,;\t]", line)]
        if all(cells):  # a row of numbers
            return None
        if place and not any(cells) and _NAMES_OF_A_TABLE.match(line):
            dialect = _dialect_of(lines[place:])
            if dialect is not None and dialect.header_rows:
                return place, dialect
    return None


def _is_number(cell: str) -> bool:
    return bool(cell.strip()) and _NUMBER.fullmatch(cell.strip()) is not None


def _header_cells(line: str, separator: str) -> list[str]:
    """Cells of a header row, quotes taken off, empty ones at the end dropped."""
    cells = [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    while cells and not cells[-1]:
        cells.pop()
    return cells


@dataclass(frozen=True)
class _Column:
    """A name, a unit in astropy's spelling, and what is left to say."""

    name: str
    unit: str = ""
    note: str = ""


class _Table:
    """The numbers of a file and what its header says about them."""

    def __init__(self, content: bytes) -> None:
        self._lines = self._whole_lines(content)
        self._first = next((place for place, line in enumerate(self._lines) if line.strip()), 0)
        self._preamble = self._first
        self._dialect = self._found_dialect()
        self._rows_at = self._first + self._dialect.header_rows
        self._rows = self._lines[self._rows_at :]
        self._check_rows()
        self.numbers = self._parsed()
        self.columns, self._increment = self._described()

    def series(self, device: str, hints: Hints) -> Iterator[SeriesPlan]:
        """All columns but the time, as series."""
        base, first = self._time_base(hints)
        for place, column in enumerate(self.columns[first:], start=first):
            yield SeriesPlan(
                device=device,
                channel=column.name,
                raw=np.ascontiguousarray(self.numbers[:, place]),
                raw_unit=column.unit,
                description=column.note,
                **base,
            )

    def _whole_lines(self, content: bytes) -> list[str]:
        if b"\0" in content:
            raise InvalidValue("it holds zero bytes: it is not text, or text in UTF-16; save it as UTF-8")
        text = decoded(content)
        lines = text.split("\n")
        if lines[-1].strip():
            raise InvalidValue(
                f"line {len(lines)}: the last line does not end, so its last number may be cut short; "
                "if the file is whole, end it with a line break"
            )
        while lines and not lines[-1].strip():
            lines.pop()
        return lines

    def _found_dialect(self) -> _Dialect:
        try:
            found = _table_in(self._lines[self._first :])
        except csv.Error as error:
            raise InvalidValue(f"line {self._first + 1}: the header cannot be read: {error}") from error
        if found is None:
            self._refuse_first_nonsense(self._first + _MOST_HEADER_ROWS)
            raise InvalidValue(f"no table of numbers under at most {_MOST_HEADER_ROWS} header rows")
        self._first += found[0]
        return found[1]

    @property
    def notes(self) -> list[str]:
        """What stands above the table and was not read."""
        above = [line.strip() for line in self._lines[self._preamble : self._first] if line.strip()]
        return [f"{len(above)} lines above the table were not read; they begin with {above[0]!r:.60}"] if above else []

    def _refuse_first_nonsense(self, first: int) -> None:
        """Name the first row that is no row of numbers, in the dialect that takes most of it."""
        rows = self._lines[first:]
        if not rows:
            raise InvalidValue(f"there are {len(self._lines)} lines and no numbers under the header")
        separator = max(_SEPARATORS, key=rows[0].count)
        comma = separator != "," and any("," in row for row in rows)
        dialect = _Dialect(separator, "," if comma else ".", 0)
        for number, row in enumerate(rows, start=first + 1):
            cell = dialect.nonsense(row)
            if cell == "":
                raise InvalidValue(f"line {number} is empty, in the middle of the table")
            if cell is not None:
                raise InvalidValue(f"line {number}: {cell!r:.60} is not a number")

    def _check_rows(self) -> None:
        separators = self._rows[0].count(self._dialect.separator)
        for number, row in enumerate(self._rows, start=self._rows_at + 1):
            if not row or row.isspace():
                raise InvalidValue(f"line {number} is empty, in the middle of the table")
            if row.count(self._dialect.separator) != separators:
                found = row.count(self._dialect.separator) + 1
                raise InvalidValue(f"line {number}: {found} values where {separators + 1} belong")
            if self._dialect.decimal == "," and "." in row:
                raise InvalidValue(f"line {number}: a point among decimal commas, {row!r:.60}")

    def _parsed(self) -> Floats:
        separator = self._dialect.separator
        rows = [row.replace(",", ".") for row in self._rows] if self._dialect.decimal == "," else self._rows
        hole = re.compile(rf'(?:^|{separator})[ "]*(?:{separator}|$)')
        rows = [self._filled(row) if hole.search(row) else row for row in rows]
        try:
            numbers: Floats = np.loadtxt(
                rows, delimiter=separator, dtype=np.float64, comments=None, quotechar='"', ndmin=2
            )
        except ValueError as error:
            self._refuse_first_nonsense(self._rows_at)
            raise InvalidValue(f"{error}") from error
        return numbers

    def _filled(self, row: str) -> str:
        """Write NaN into empty cells."""
        cells = (cell.strip() for cell in row.split(self._dialect.separator))
        return self._dialect.separator.join(cell if cell.strip('"') else "nan" for cell in cells)

    def _described(self) -> tuple[list[_Column], tuple[float, float] | None]:
        """Columns by name and unit, and the start and increment a Rigol header gives."""
        header = [_header_cells(line, self._dialect.separator) for line in self._lines[self._first : self._rows_at]]
        while self.numbers.shape[1] > max(map(len, header), default=1) and np.isnan(self.numbers[:, -1]).all():
            self.numbers = self.numbers[:, :-1]  # rows that end in a separator
        width = self.numbers.shape[1]
        if not header:
            return [_Column(f"column {place}") for place in range(1, width + 1)], None
        names = header[0]
        seconds = header[1] + [""] * len(names) if len(header) > 1 else [""] * len(names)
        increment = None
        if [name.casefold() for name in names[-2:]] == ["start", "increment"]:
            increment = self._rigol_increment(seconds[len(names) - 2 : len(names)])
            names = names[:-2]
            if not np.isnan(self.numbers[:, len(names) :]).all():
                raise InvalidValue(f"line {self._rows_at + 1}: there are numbers under Start and Increment")
            self.numbers = self.numbers[:, : len(names)]
            width = self.numbers.shape[1]
        if len(names) != width:
            raise InvalidValue(f"line {self._first + 1}: {len(names)} names for {width} columns")
        return [_column(name, second) for name, second in zip(names, seconds, strict=False)], increment

    def _rigol_increment(self, cells: Sequence[str]) -> tuple[float, float]:
        try:
            start, increment = map(float, cells)
        except ValueError as error:
            raise InvalidValue(f"line {self._first + 2}: Start and Increment are {cells}") from error
        return start, increment

    def _time_base(self, hints: Hints) -> tuple[dict[str, Any], int]:
        """Time base as keywords of a `SeriesPlan`, and the number of columns it takes."""
        counter = self._counts_samples()
        if self._increment is not None and not counter:
            raise InvalidValue("the header gives Start and Increment, but column 1 does not count the samples")
        if counter:
            start, dt = self._increment or (hints.start or 0.0, hints.dt)
            if dt is None:
                raise InvalidValue("column 1 only counts the samples; give the sampling interval with --dt (dt=)")
            return {"start": start, "dt": dt}, 1
        if self._has_times():
            return self._times(), 1
        if hints.dt is None:
            raise InvalidValue("no column is a time; give the sampling interval with --dt (dt=)")
        return {"start": hints.start or 0.0, "dt": hints.dt}, 0

    def _counts_samples(self) -> bool:
        first = self.columns[0]
        nameless = self._dialect.header_rows == 0 or first.name.casefold() in _COUNTER_NAMES
        if not nameless or first.unit or len(self.columns) < 2:
            return False
        column = self.numbers[:, 0]
        return bool(column[0] in (0, 1) and (np.diff(column) == 1).all())

    def _has_times(self) -> bool:
        first, column = self.columns[0], self.numbers[:, 0]
        if len(self.columns) < 2:
            return False
        if first.unit:
            return _per_second(first.unit) is not None
        bracketed = _IN_BRACKETS.fullmatch(first.name)
        named = (bracketed[1] if bracketed else first.name).casefold() in TIME_NAMES
        if bracketed or first.note:  # there is a unit, but not one we know
            if named:
                raise InvalidValue(f"the unit of column 1, {first.name!r}, is not known; write s, ms, us or ns")
            return False
        return named or bool(column.size > 1 and (np.diff(column) > 0).all())

    def _times(self) -> dict[str, Any]:
        """Read the first column as times: start and interval if it is even within its rounding."""
        column = self.numbers[:, 0]
        per_second = _per_second(self.columns[0].unit or "s") or 1.0
        unknown = np.flatnonzero(~np.isfinite(column))
        if unknown.size:
            raise InvalidValue(f"line {self._rows_at + 1 + unknown[0]}: there is no time")
        uniform = uniform_axis([self._dialect.cells(row)[0] for row in self._rows])
        if uniform is not None:
            start, dt = uniform
            return {"start": _seconds(start, per_second), "dt": _seconds(dt, per_second)}
        late = np.flatnonzero(np.diff(column) < 0)
        if late.size:
            before, after = column[late[0] : late[0] + 2]
            raise InvalidValue(f"line {self._rows_at + 2 + late[0]}: time goes back, to {after} after {before}")
        return {"times": _seconds(column, per_second)}


def _column(title: str, second: str) -> _Column:
    """Read ``Name (unit)`` or ``Name [unit]``; brackets around anything else belong to the name."""
    parsed = _IN_BRACKETS.fullmatch(title)
    if parsed is not None:
        unit = spelled_unit(parsed[2] if parsed[2] is not None else parsed[3])
        if unit is not None:
            return _Column(parsed[1], unit, second)
    unit, note = unit_or_note(second)
    return _Column(title, unit, note)


def _per_second(unit: str) -> float | None:
    """How many of a unit of time make a second; None for other units."""
    from astropy import units

    parsed = units.Unit(unit)
    return float(units.s.to(parsed)) if parsed.is_equivalent(units.s) else None


def _seconds(value: Any, per_second: float) -> Any:
    """Divide by a whole number, so that 0.3 ms is 0.0003 s to the last bit."""
    return value / round(per_second) if per_second >= 1 else value * round(1 / per_second)
