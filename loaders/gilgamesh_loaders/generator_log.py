"""The log of an RF generator: a text of tab-separated columns that goes on day and night, and holds the powers of every pulse.

A generator writes while it is on, with a clock of its own and at no even interval. Where the times leave a gap, or go
back, one block ends and the next begins: a block is a pulse. Which shot it belongs to, the log does not say; see
`gilgamesh_loaders.pulse_matching`.

The first row names the columns, with units where there are any (``Fpower (W)``). The time is in one column, ``Time``, or in
two, ``Date`` and ``Time``: ISO 8601, the European order with dots, or seconds since 1970. All other columns are numbers.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders.formats import decoded, refusing
from gilgamesh_loaders.plan import SeriesPlan, ShotPlan, Source, duration_of, unit_or_note

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

GAP = 5.0  # s

_IN_BRACKETS = re.compile(r"(.*\S)\s*(?:\(([^()]*)\)|\[([^\[\]]*)\])")
_EUROPEAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")


@dataclass(frozen=True, eq=False)
class GeneratorLog:
    """A log, as it was written.

    Attributes
    ----------
    name : str
        Of the file.
    times : ndarray of float64, shape (n,)
        Seconds since 1970 by the clock of the generator.
    channels : mapping of str to ndarray of float64, shape (n,)
    units : mapping of str to str
    lines : tuple of str
        The rows, for their checksums.
    """

    name: str
    times: Floats
    channels: Mapping[str, Floats]
    units: Mapping[str, str]
    lines: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Pulse:
    """A block of a log.

    Attributes
    ----------
    log : GeneratorLog
    rows : slice
    """

    log: GeneratorLog
    rows: slice

    @property
    def times(self) -> Floats:
        """Seconds since 1970 by the clock of the generator."""
        return self.log.times[self.rows]

    @property
    def begin(self) -> float:
        """The first of them."""
        return float(self.times[0])

    @property
    def end(self) -> float:
        """The last of them."""
        return float(self.times[-1])

    @property
    def place(self) -> str:
        """Where it stands; lines are counted from 1, the names of the columns are line 1."""
        return f"{self.log.name}, lines {self.rows.start + 2} to {self.rows.stop + 1}"

    def rise(self, channel: str | None = None) -> float:
        """When a channel, by default the first, rose above half of its largest value."""
        values = self.log.channels[channel or next(iter(self.log.channels))][self.rows]
        return rise_time(self.times, values)

    def plan(self, shot: int, started_at: datetime, device: str) -> ShotPlan:
        """The pulse as the record of a shot: every time is that of the generator's clock, less that of the trigger."""
        times = self.times - started_at.timestamp()
        series = tuple(
            SeriesPlan(device, name, np.ascontiguousarray(values[self.rows]), times=times,
                       raw_unit=unit_or_note(self.log.units[name])[0])
            for name, values in self.log.channels.items()
        )  # fmt: skip
        text = "\n".join(self.log.lines[self.rows]).encode("utf-8")
        source = Source(self.place, "generator log", len(text), hashlib.sha256(text).digest())
        return ShotPlan(shot, started_at, duration_of(series), series, source)


def read_logs(paths: Iterable[Path], timezone: tzinfo | None = None) -> list[GeneratorLog]:
    """Read the files of a log, in the order of their times.

    Parameters
    ----------
    paths : iterable of Path
    timezone : tzinfo, optional
        Zone of the times, where they have none; UTC by default.

    Raises
    ------
    FileRefused
        A file that is no such log, or ends within a line.
    """
    return sorted((read_log(path, timezone) for path in paths), key=lambda log: float(log.times[0]))


def read_log(path: Path, timezone: tzinfo | None = None) -> GeneratorLog:
    """Read one file; see `read_logs`."""
    with refusing(path):
        text = decoded(path.read_bytes())
        if not text.endswith("\n"):
            raise InvalidValue("the last line has no end; was it still being written?")
        head, *lines = [line for line in text.split("\n") if line.strip()]
        names = [cell.strip() for cell in head.split("\t")]
        if len(names) < 2:
            raise InvalidValue("the columns of its first line are not separated by tabs; is it a generator's log?")
        if not lines:
            raise InvalidValue("there is nothing under the names of the columns")
        rows = [line.split("\t") for line in lines]
        for number, row in enumerate(rows, 2):
            if len(row) != len(names):
                raise InvalidValue(f"line {number} has {len(row)} columns, the first line has {len(names)}")
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        if len(columns) < len(names):
            raise InvalidValue(f"two columns have the same name: {', '.join(names)}")
        times = _times(columns, timezone or UTC)
        channels, units = {}, {}
        for name, cells in columns.items():
            found = _IN_BRACKETS.fullmatch(name)
            plain = found[1] if found else name
            channels[plain] = np.array([_number(cell, plain, line) for line, cell in enumerate(cells, 2)])
            units[plain] = (found[2] or found[3] or "").strip() if found else ""
        if not channels:
            raise InvalidValue("there is no column beside the time")
        return GeneratorLog(path.name, times, channels, units, tuple(lines))


def pulses(logs: Iterable[GeneratorLog], gap: float = GAP) -> list[Pulse]:
    """Split logs into blocks where they pause for longer than `gap` (s), or where the clock goes back.

    Examples
    --------
    >>> times = np.array([0.0, 0.1, 0.2, 60.0, 60.1, 30.0])
    >>> log = GeneratorLog("log", times, {"P": times}, {"P": "W"}, tuple("abcdef"))
    >>> [(pulse.begin, pulse.end) for pulse in pulses([log])]
    [(0.0, 0.2), (60.0, 60.1), (30.0, 30.0)]
    """
    found = []
    for log in logs:
        steps = np.diff(log.times)
        edges = [0, *(np.flatnonzero((steps > gap) | (steps < 0)) + 1).tolist(), log.times.size]
        found += [Pulse(log, slice(first, last)) for first, last in itertools.pairwise(edges)]
    return found


def rise_time(times: Floats, values: Floats) -> float:
    """When values rose above half of their largest one, between two samples; the first time when they never did.

    Examples
    --------
    >>> rise_time(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 0.0, 10.0, 10.0]))
    1.5
    """
    level = float(np.nanmax(values)) / 2
    above = np.flatnonzero(values > level)
    if not above.size or above[0] == 0 or not level > 0:
        return float(times[0])
    k = int(above[0])
    part = (level - values[k - 1]) / (values[k] - values[k - 1])
    return float(times[k - 1] + part * (times[k] - times[k - 1]))


def _times(columns: dict[str, tuple[str, ...]], zone: tzinfo) -> Floats:
    """Take the columns of the time away from the others."""
    named = {_plain(name): name for name in columns}
    clock = next(
        (named[word] for word in ("time", "timestamp", "datetime", "date/time", "date time") if word in named), None
    )
    if clock is None:
        raise InvalidValue(f"no column is called Time; there are {', '.join(columns)}")
    cells = columns.pop(clock)
    dates = columns.pop(named["date"]) if "date" in named else ("",) * len(cells)
    texts = [f"{date} {cell}".strip() for date, cell in zip(dates, cells, strict=True)]
    return np.array([_seconds(text, line, zone) for line, text in enumerate(texts, 2)])


def _plain(name: str) -> str:
    found = _IN_BRACKETS.fullmatch(name)
    return (found[1] if found else name).casefold()


def _seconds(text: str, line: int, zone: tzinfo) -> float:
    text = text.replace(",", ".")
    european = _EUROPEAN.match(text)
    if european is not None:
        text = f"{european[3]}-{int(european[2]):02}-{int(european[1]):02}{text[european.end() :]}"
    try:
        if ":" not in text:
            return float(text)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidValue(
            f"line {line}: the time {text!r} cannot be read; write it like 2026-03-04 10:30:00.125"
        ) from error
    return (moment if moment.utcoffset() is not None else moment.replace(tzinfo=zone)).timestamp()


def _number(cell: str, column: str, line: int) -> float:
    try:
        return float(cell.strip().replace(",", "."))
    except ValueError as error:
        raise InvalidValue(f"line {line}: {cell!r} in column {column!r} is not a number") from error
