"""COMTRADE: the records of fault recorders (IEEE C37.111 of 1991, 1999 and 2013).

The library `comtrade` parses the header and the data; it is asked for counts, with ``a = 1`` and ``b = 0``
in the header it is given, so that raw counts and the rule ``a * x + b`` stay apart. What the library leaves
out is done here: other encodings than UTF-8, nanoseconds, time zones, and the promise that a record is whole
(a short data file would come back filled up with zeros).

Decisions
---------
- Counts keep the type of the file: int16, int32 or float32; the text of an ASCII file becomes int16 or int32
  by the channel's own limits. A channel with *missing* samples becomes float64 (exact for every count) with
  NaN in their place, or stays float32: so the scale of a port is the same in every record.
- The ratio of primary to secondary is left alone; the description says what the file says.
- t = 0 is the trigger. The first sample is taken when the header says it is: time stamps count from the first
  one. A channel's skew moves its own time base.
- Time stamps are used only where the header gives no rate; several rates make an irregular time base.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gilgamesh_db.calibration import Polynomial
from gilgamesh_db.errors import FileRefused, InvalidValue
from gilgamesh_loaders.comtrade_header import BYTES_PER_COUNT, COUNTS_LINE, Header, library
from gilgamesh_loaders.formats import Hints, decoded, refusing, shown, source_of
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, duration_of, unit_or_note

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import AttributeValue, Samples

_NATIVE_TYPE = {"BINARY": "int16", "BINARY32": "int32", "FLOAT32": "float32"}
_MISSING_FLOAT32 = float(np.finfo(np.float32).min)
_MISSING_ASCII = 99999.0

_SECTION = re.compile(
    rb"^--- *file type: *([a-z]+)(?: +([a-z0-9]+))?(?: *: *([0-9]+))? *---[ \t]*\r?\n",
    re.IGNORECASE | re.MULTILINE,
)


class Comtrade:
    """The format ``comtrade``."""

    name = "comtrade"
    extensions = (".cfg", ".cff", ".dat")
    description = "COMTRADE records of fault recorders, 1991 to 2013"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Tell a header by its second line, a combined file by its first, a data file by its header."""
        if _SECTION.match(head):
            return True
        lines = decoded(head).split("\n", 2)
        if len(lines) > 1 and COUNTS_LINE.fullmatch(lines[1]):
            return True
        return path.suffix.casefold() == ".dat" and _beside(path, ".cfg") is not None

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read header and data, given either of them or the combined file."""
        with refusing(path):
            files = _files_of(path)
            header = Header(files.header_name, decoded(files.header))
            data = _Data(files, header)
            origin, zone = header.trigger_time(hints)
            series = tuple(_series(header, data, hints))
            return ShotPlan(
                number=hints.shot_number(path),
                started_at=hints.trigger_time(path, origin),
                duration=duration_of(series),
                series=series,
                source=source_of(files.header_path, self.name, *files.all_bytes),
                attributes=_attributes(header, zone),
            )


FORMAT = Comtrade()


@dataclass(frozen=True)
class _Files:
    """The bytes of one record, from one file or from two."""

    header_path: Path
    header_name: str
    header: bytes
    data_name: str
    data: bytes
    all_bytes: tuple[bytes, ...]
    declared_type: str | None = None


def _files_of(path: Path) -> _Files:
    if path.suffix.casefold() == ".dat":
        header_path, data_path = _beside(path, ".cfg"), path
        if header_path is None:
            raise FileRefused(f"{shown(path)} has no .cfg file next to it; the data cannot be read without the header")
    else:
        header_path, data_path = path, path
    header = header_path.read_bytes()
    if _SECTION.match(header):
        return _sections_of(header_path, header)
    if data_path == header_path:
        beside = _beside(path, ".dat")
        if beside is None:
            raise FileRefused(f"{shown(path)} has no .dat file next to it; put the data of the record there")
        data_path = beside
    data = data_path.read_bytes()
    return _Files(header_path, shown(header_path), header, shown(data_path), data, (header, data))


def _beside(path: Path, suffix: str) -> Path | None:
    for spelled in (suffix, suffix.upper(), suffix.capitalize()):
        if path.with_suffix(spelled).is_file():
            return path.with_suffix(spelled)
    return None


def _sections_of(path: Path, content: bytes) -> _Files:
    """Take a combined file apart: everything after the line that begins the data belongs to the data."""
    header: bytes | None = None
    marks = list(_SECTION.finditer(content))
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        kind = mark[1].upper()
        if kind == b"CFG":
            header = content[mark.end() : following.start() if following else None]
        elif kind == b"DAT" and header is not None:
            data = content[mark.end() :]
            if mark[3] is not None:
                promised = int(mark[3])
                if len(data) < promised:
                    raise FileRefused(f"{shown(path)} ends after {len(data)} of {promised} bytes of data; it was cut")
                data = data[:promised]
            declared = (mark[2] or b"").decode().upper()
            return _Files(path, f"{shown(path)}, CFG", header, f"{shown(path)}, DAT", data, (content,), declared)
    raise FileRefused(f"{shown(path)} has no section {'CFG' if header is None else 'DAT'}; it was cut, or is not whole")


class _Data:
    """The counts and states of all channels, and the time of each sample since the first."""

    def __init__(self, files: _Files, header: Header) -> None:
        if files.declared_type not in (None, "", header.data_type):
            raise FileRefused(f"{files.data_name} is {files.declared_type}, but the header says {header.data_type}")
        self.name = files.data_name
        self._header = header
        data: str | bytes
        if header.data_type == "ASCII":
            data = "\n".join(self._whole_rows(decoded(files.data)))
        else:
            data = self._whole_records(files.data)
        parser = library()
        record = parser.Comtrade(ignore_warnings=True, use_numpy_arrays=True, use_double_precision=True)
        try:
            record.read(header.for_counts(), data)
        except (parser.ComtradeError, ValueError, TypeError, IndexError, OverflowError) as error:
            raise FileRefused(f"{self.name}{_place_of_nonsense(data)} cannot be understood: {error}") from error
        self.counts: list[Samples] = list(record.analog)
        self.states: list[Samples] = list(record.status)
        self.times: Samples = record.time - record.time[0]

    def _whole_records(self, data: bytes) -> bytes:
        header = self._header
        analog_bytes = BYTES_PER_COUNT[header.data_type] * header.cfg.analog_count
        size = 8 + analog_bytes + 2 * math.ceil(header.cfg.status_count / 16)
        promised = size * header.total
        if len(data) < promised or data[promised:].strip(b"\r\n\x1a"):
            raise FileRefused(
                f"{self.name} holds {len(data)} bytes; the header promises {header.total} samples "
                f"of {size} bytes, {promised} in all"
            )
        return data[:promised]

    def _whole_rows(self, text: str) -> list[str]:
        """Rows of an ASCII file, as many and as wide as promised, the last one with its end."""
        header = self._header
        lines = text.rstrip("\n ").split("\n")
        width = 2 + header.cfg.analog_count + header.cfg.status_count
        rows = []
        for number, line in enumerate(lines, start=1):
            cells = [cell.strip() for cell in line.split(",")]
            if len(cells) != width:
                raise FileRefused(f"{self.name}, line {number}: {len(cells)} values where {width} belong")
            rows.append(",".join(cells))
        if len(rows) != header.total:
            raise FileRefused(f"{self.name} holds {len(rows)} samples; the header promises {header.total}")
        if not text.endswith("\n") and not header.cfg.status_count:  # a state is one digit, it cannot be cut
            raise FileRefused(f"{self.name}, line {len(rows)}: the line does not end, its last number may be cut short")
        return rows


def _place_of_nonsense(data: str | bytes) -> str:
    if isinstance(data, bytes):
        return ""
    for number, row in enumerate(data.split("\n"), start=1):
        for cell in row.split(","):
            try:
                float(cell or "0")
            except ValueError:
                return f", line {number}: {cell!r}"
    return ""


def _series(header: Header, data: _Data, hints: Hints) -> Iterator[SeriesPlan]:
    device = hints.device or header.cfg.station_name
    base = _time_base(header, data)
    for channel, counts in zip(header.cfg.analog_channels, data.counts, strict=True):
        unit, note = unit_or_note(channel.uu)
        yield SeriesPlan(
            device=device,
            channel=channel.name,
            raw=_as_in_file(header, channel, counts),
            scale=Scale((_rule(header, channel),), unit),
            description=_described(channel.ccbm, _phase(channel), note, _side(channel)),
            **base.skewed(channel.skew * 1e-6),
        )
    for channel, states in zip(header.cfg.status_channels, data.states, strict=True):
        if states.min() < 0 or states.max() > 1:
            raise FileRefused(f"{data.name}: the digital channel {channel.name!r} is neither 0 nor 1 somewhere")
        yield SeriesPlan(
            device=device,
            channel=channel.name,
            raw=states.astype("uint8"),
            raw_unit="",
            scale=Scale((Polynomial((0.0, 1.0)),), ""),
            description=_described(channel.ccbm, _phase(channel), f"normal state {channel.y}"),
            **base.skewed(0.0),
        )


def _rule(header: Header, channel: Any) -> Polynomial:
    try:
        return Polynomial((channel.b, channel.a))
    except InvalidValue as error:
        rule = f"{channel.a} * x + {channel.b}"
        raise FileRefused(f"{header.name}: the rule of {channel.name!r}, {rule}, is none: {error}") from error


@dataclass(frozen=True)
class _TimeBase:
    """Uniform or irregular, as keywords of a `SeriesPlan`."""

    start: float
    dt: float | None
    times: Samples | None

    def skewed(self, skew: float) -> dict[str, Any]:
        if self.times is None:
            return {"start": self.start + skew, "dt": self.dt}
        return {"times": self.times + (self.start + skew)}


def _time_base(header: Header, data: _Data) -> _TimeBase:
    if len(header.rates) == 1 and header.rates != {0.0} and not header.cfg.timestamp_critical:
        (rate,) = header.rates
        return _TimeBase(header.offset, 1.0 / rate, None)
    return _TimeBase(header.offset, None, data.times)


def _as_in_file(header: Header, channel: Any, counts: Samples) -> Samples:
    """Give back the type of the file to counts the library returned as float64, NaN where missing."""
    kind = header.data_type
    if kind == "FLOAT32":
        return np.where(counts == _MISSING_FLOAT32, np.nan, counts).astype("float32")
    if kind == "ASCII" and header.cfg.rev_year != "1991":  # the library misses '099999' and '99999.0'
        counts = np.where(counts == _MISSING_ASCII, np.nan, counts)
    if np.isnan(counts).any():
        return counts
    if kind != "ASCII":
        return counts.astype(_NATIVE_TYPE[kind])
    if (counts != np.trunc(counts)).any():
        return counts
    limits = [limit for limit in (channel.cmin, channel.cmax) if abs(limit) < 2**31]
    extremes = [counts.min(), counts.max(), *limits]
    for dtype in (np.int16, np.int32):
        if np.iinfo(dtype).min <= min(extremes) and max(extremes) <= np.iinfo(dtype).max:
            return counts.astype(dtype)
    return counts


def _described(*words: str) -> str:
    return "; ".join(filter(None, words))


def _phase(channel: Any) -> str:
    return f"phase {channel.ph}" if channel.ph else ""


def _side(channel: Any) -> str:
    side = {"p": "primary", "s": "secondary"}.get(channel.pors.casefold())
    return f"{side} values, ratio {channel.primary:g}:{channel.secondary:g}" if side else ""


def _attributes(header: Header, zone: str) -> dict[str, AttributeValue]:
    cfg = header.cfg
    attributes: dict[str, AttributeValue] = {"LineFrequency": float(cfg.frequency)} if cfg.frequency else {}
    said = {"Station": cfg.station_name, "Recorder": cfg.rec_dev_id, "TimeZone": zone}
    attributes.update({name: text for name, text in said.items() if text})
    return attributes
