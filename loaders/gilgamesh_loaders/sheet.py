"""The sheet beside a recording: a small table with the date, and what else somebody wrote down about the shot.

A recording that does not say when it was made (TDMS files often do not) has a companion in the same folder: a CSV file
of the same name, or of the same name and more (``shot_1234.tdms``, ``shot_1234_date.csv``). It is told by its content, a
date and no columns of samples, and read in either form::

    Date;2026-03-04 10:30:00          Date;Gas;Pressure
    Gas;Argon                         2026-03-04 10:30:00;Argon;0,0009
    Pressure;0,0009

``Date`` (or ``Date`` and ``Time``) is the trigger, ``Shot`` the number, ``Program`` the campaign; all else is said of the
shot, as its attributes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders.folder import is_by_product
from gilgamesh_loaders.formats import HEAD_BYTES, Hints, decoded, refusing, source_of
from gilgamesh_loaders.plan import AttributeValue, Source

EXTENSIONS = (".csv", ".tsv", ".txt")
LARGEST = 1 << 20  # bytes; nobody writes more than this by hand

_SEPARATORS = ("\t", ";", ",", "=")
_DATES = {"date", "datetime", "date/time", "date time", "timestamp", "started_at", "started at", "trigger"}
_TIMES = {"time", "time of day"}
_NUMBERS = {"shot", "shot number", "shotnumber", "shot no", "shot nr", "number"}
_PROGRAMS = {"program", "programme", "campaign"}
_EUROPEAN = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})(.*)", re.DOTALL)
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True)
class Sheet:
    """What a sheet says about a shot.

    Attributes
    ----------
    started_at : datetime
        Time of the trigger; without a zone, where the sheet gives none.
    number : int or None
    program : str or None
    attributes : mapping
    source : Source
    """

    started_at: datetime
    source: Source
    number: int | None = None
    program: str | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


def is_sheet(path: Path) -> bool:
    """Whether a file is a sheet, by its name and its content."""
    if path.suffix.casefold() not in EXTENSIONS or is_by_product(path):
        return False
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return False
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    return b"\0" not in head and any(name.casefold() in _DATES for name, _ in _pairs(decoded(head)))


def read_sheet(path: Path) -> Sheet:
    """Read a sheet.

    Raises
    ------
    FileRefused
        It has no date, a date that can be read in two ways, or ends within a line.
    """
    with refusing(path):
        content = path.read_bytes()
        if not content.endswith((b"\n", b"\r")):
            raise InvalidValue("the last line has no end; was it still being written?")
        date = time = number = program = None
        attributes: dict[str, AttributeValue] = {}
        for name, text in _pairs(decoded(content)):
            word = name.casefold()
            if word in _DATES:
                date = text
            elif word in _TIMES:
                time = text
            elif word in _NUMBERS:
                number = _whole(text)
            elif word in _PROGRAMS:
                program = text or None
            elif text:
                attributes[_identifier(name)] = _value(text)
        if date is None:
            raise InvalidValue("there is no date in it")
        moment = _moment(date if time is None else f"{date} {time}")
        return Sheet(moment, source_of(path, "sheet", content), number, program, attributes)


def sheet_beside(recording: Path) -> Path | None:
    """The sheet that belongs to a recording, if there is one."""
    for path in _neighbours(recording):
        if _belongs(path, recording) and path != recording and is_sheet(path):
            return path
    return None


def recordings_beside(sheet: Path) -> list[Path]:
    """The recordings a sheet belongs to."""
    return [
        path for path in _neighbours(sheet)
        if _belongs(sheet, path) and path != sheet and path.is_file() and not is_by_product(path) and not is_sheet(path)
    ]  # fmt: skip


def same_trigger(sheet: Sheet, moment: datetime, hints: Hints) -> bool:
    """Whether a sheet and a recording speak of the same minute."""
    said = hints.trigger_time(Path(sheet.source.name), sheet.started_at)
    return abs((said - moment).total_seconds()) <= 60


def _neighbours(path: Path) -> list[Path]:
    try:
        return sorted(path.parent.iterdir())
    except OSError:
        return []


def _belongs(sheet: Path, recording: Path) -> bool:
    """Whether the names fit: the same, or the sheet's goes on after a sign that is neither letter nor digit.

    Examples
    --------
    >>> [_belongs(Path(name), Path("shot_12.tdms")) for name in ("shot_12.csv", "shot_12_date.csv", "shot_123.csv")]
    [True, True, False]
    """
    rest = sheet.stem.casefold().removeprefix(recording.stem.casefold())
    return rest != sheet.stem.casefold() and not rest[:1].isalnum()


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Names and values, from lines of two cells or from a line of names over one of values."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return
    separator = next((one for one in _SEPARATORS if one in lines[0]), None)
    if separator is None:
        return
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    if len(rows) == 2 and len(rows[0]) == len(rows[1]) and (len(rows[0]) > 2 or any(map(_DATE.match, rows[1]))):
        yield from zip(rows[0], rows[1], strict=True)
        return
    for row in rows:
        if len(row) >= 2 and row[0]:
            # A comma may stand in a value, such as a comment.
            yield row[0], separator.join(row[1:]).strip() if separator == "," else row[1]


def _moment(text: str) -> datetime:
    text = " ".join(text.split())
    european = _EUROPEAN.fullmatch(text)
    if european is not None:
        day, month, year, rest = int(european[1]), int(european[2]), european[3], european[4]
        if "/" in text and day <= 12 and month <= 12 and day != month:
            raise InvalidValue(f"the date {text!r} can be read in two ways; write it as {year}-{month:02}-{day:02}")
        if month > 12:
            day, month = month, day
        text = f"{year}-{month:02}-{day:02}{rest}"
    try:
        return datetime.fromisoformat(text.replace("/", "-").replace(",", "."))
    except ValueError as error:
        raise InvalidValue(f"the date {text!r} cannot be read; write it like 2026-03-04 10:30:00") from error


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise InvalidValue(f"the shot number is {text!r}; it must be a whole number")
    return int(text)


def _value(text: str) -> AttributeValue:
    if text.casefold() in _TRUTH:
        return _TRUTH[text.casefold()]
    number = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
    return float(number) if _NUMBER.fullmatch(number) else text


def _identifier(name: str) -> str:
    """An attribute's name out of a heading: words joined by underscores, a unit in brackets left out."""
    word = re.sub(r"[^A-Za-z0-9_]+", "_", re.sub(r"\s*[\[(].*", "", name)).strip("_") or "unnamed"
    return f"_{word}" if word[0].isdigit() else word
