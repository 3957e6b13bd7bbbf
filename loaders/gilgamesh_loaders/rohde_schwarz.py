"""Rohde & Schwarz: a header ``NAME.bin`` in XML and the samples beside it in ``NAME.Wfm.bin``.

Either file may be given. Samples saved as floats are volts; those saved as int8 or int16 stay counts, and the
vertical settings become the port's scale,
``value = count * StepFactor * VerticalScale / NofQuantisationLevels + offset - position * scale``. Samples the
instrument calls settling, before the record, are left out, as the instrument's own CSV does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

import numpy as np

from gilgamesh_db.calibration import Polynomial
from gilgamesh_db.errors import FileRefused, InvalidValue
from gilgamesh_loaders.formats import Hints, planned, refusing, shown, source_of
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, as_recorded
from gilgamesh_loaders.time_column import time_base

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

_SAMPLES = ".Wfm.bin"
_CODES = {"INT8BIT": (0, "i1"), "INT16BIT": (1, "<i2"), "FLOAT": (4, "<f4"), "XYDOUBLEFLOAT": (6, "<f4")}
_DATES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")


class RohdeSchwarz:
    """The format ``rohde-schwarz``."""

    name = "rohde-schwarz"
    extensions = (".bin",)
    description = "a header in XML (NAME.bin) and samples (NAME.Wfm.bin) of a Rohde & Schwarz oscilloscope"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Tell the header by its XML, the samples by the header beside them."""
        if head.lstrip(b"\xef\xbb\xbf").startswith(b"<?xml"):
            return b"<Database" in head
        return path.name.endswith(_SAMPLES) and _header_beside(path).is_file()

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read the header and the samples beside it, given either."""
        with refusing(path):
            header_path = _header_beside(path) if path.name.endswith(_SAMPLES) else path
            samples_path = header_path.with_name(f"{header_path.name.removesuffix('.bin')}{_SAMPLES}")
            for wanted in (header_path, samples_path):
                if not wanted.is_file():
                    raise FileRefused(f"{shown(path)} has no {wanted.name} beside it; both files make the record")
            header, samples = header_path.read_bytes(), samples_path.read_bytes()
            with refusing(header_path):
                settings = _Settings(_tags(header))
            with refusing(samples_path):
                series = list(_series(hints.device or "Rohde & Schwarz", settings, samples))
            return planned(
                path, hints, series, source_of(header_path, self.name, header, samples), moment=settings.moment()
            )


FORMAT = RohdeSchwarz()


def _header_beside(path: Path) -> Path:
    return path.with_name(f"{path.name.removesuffix(_SAMPLES)}.bin")


def _tags(content: bytes) -> Mapping[str, Mapping[str, str]]:
    """Attributes of every element that has a name, the first of each; no entities, so that none can expand."""
    tags: dict[str, Mapping[str, str]] = {}
    parser = expat.ParserCreate()

    def begin(_: str, attributes: dict[str, str]) -> None:
        tags.setdefault(attributes.get("Name", ""), attributes)

    def entity(*_: Any) -> None:
        raise InvalidValue("it declares entities of its own, which this header never does")

    parser.StartElementHandler = begin
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise InvalidValue(f"line {error.lineno}: the header is no whole XML ({error}); it was cut") from error
    return tags


@dataclass(frozen=True)
class _Settings:
    """What the header says, by name."""

    tags: Mapping[str, Mapping[str, str]]

    def text(self, name: str, key: str = "Value") -> str:
        """Value of a setting, without the prefix of its enumeration."""
        if key not in self.tags.get(name, {}):
            raise InvalidValue(f"the header does not say {name} ({key}); it is damaged, or of another instrument")
        value = self.tags[name][key]
        return value.rsplit("_", 1)[-1] if value.startswith("eRS_") and key == "Value" else value

    def number(self, name: str, key: str = "Value") -> float:
        """Number of a setting."""
        try:
            return float(self.text(name, key))
        except ValueError as error:
            raise InvalidValue(f"{name} is {self.text(name, key)!r}, no number") from error

    def count(self, name: str) -> int:
        """Whole number of a setting, not negative."""
        value = self.number(name)
        if value < 0 or value != int(value):
            raise InvalidValue(f"{name} is {value}; it is a whole number")
        return int(value)

    def channels(self) -> list[tuple[str, str | None]]:
        """Name of each channel in the file, and its key among the settings of several."""
        if self.text("MultiChannelExport") != "ON":
            return [(_channel(self.tags.get("Source", {}).get("Value", "CH1")), None)]
        states, sources = self.tags.get("MultiChannelExportState", {}), self.tags.get("MultiChannelSource", {})
        keys = [key for key, state in states.items() if key.startswith("I_") and state == "eRS_ONOFF_ON"]
        return [(_channel(sources.get(key, key)), key) for key in keys if not sources.get(key, "").endswith("_NONE")]

    def vertical(self, name: str, key: str | None) -> float:
        """Vertical setting of a channel."""
        return self.number(name) if key is None else self.number(f"MultiChannel{name}", key)

    def scale(self, key: str | None) -> Scale:
        """Scale of the counts of a channel."""
        levels = self.number("NofQuantisationLevels")
        division = self.vertical("VerticalScale", key)
        step = self.number("VerticalScale" if key is None else "MultiChannelVerticalScale", "StepFactor")
        if not levels > 0:
            raise InvalidValue(f"NofQuantisationLevels is {levels}")
        offset = self.vertical("VerticalOffset", key) - self.vertical("VerticalPosition", key) * division
        return Scale((Polynomial((offset, step * division / levels)),), "V")

    def moment(self) -> datetime | None:
        """When it was recorded, where the header says it."""
        date, clock = (self.tags.get(name, {}).get("Value", "") for name in ("Date", "Time"))
        for form in _DATES:
            try:
                return datetime.strptime(f"{date} {clock}", form)
            except ValueError:
                continue
        return None


def _channel(source: str) -> str:
    name = source.removeprefix("eRS_SIGNAL_SOURCE_")
    first = name.split("_", 1)[0]
    if first.startswith("CH") and first[2:].isdigit():
        return first
    if first[:1] == "C" and "W" in first and first[1 : first.index("W")].isdigit():
        return f"CH{first[1 : first.index('W')]}"
    return name


def _series(device: str, settings: _Settings, content: bytes) -> Iterator[SeriesPlan]:
    kind = settings.text("SignalFormat")
    if settings.count("NumberOfAcquisitions") != 1:
        raise InvalidValue(
            f"it holds {settings.count('NumberOfAcquisitions')} acquisitions (a history); save them one by one"
        )
    if settings.text("TraceType") not in ("NORMAL", "AVERAGE"):
        raise InvalidValue(f"the trace is of the type {settings.text('TraceType')}; save it as NORMAL or AVERAGE")
    if kind not in _CODES:
        raise InvalidValue(f"the samples are saved as {kind}; {', '.join(_CODES)} can be read")
    channels = settings.channels()
    rows, first, length = (settings.count(name) for name in ("SignalHardwareRecordLength", "LeadingSettlingSamples", "RecordLength"))  # fmt: skip
    code, dtype = _CODES[kind]
    columns = np.dtype((dtype, (len(channels),)))
    row = (
        np.dtype([("time", "<f8"), ("samples", columns)])
        if kind == "XYDOUBLEFLOAT"
        else np.dtype([("samples", columns)])
    )
    promised = 8 + rows * row.itemsize
    if len(content) != promised:
        raise InvalidValue(f"it has {len(content)} bytes where its header promises {promised}; was it cut?")
    if struct.unpack_from("<2I", content) != (code, rows) or not channels or first + length > rows:
        raise InvalidValue("header and samples contradict each other; are they of one record?")
    table = np.frombuffer(content, row, rows, 8)[first : first + length]
    start, stop = settings.number("XStart"), settings.number("XStop")
    base: dict[str, Any] = {"start": start, "dt": (stop - start) / length if length else 0.0}
    if kind == "XYDOUBLEFLOAT":
        base = time_base(np.ascontiguousarray(table["time"]))
    counts = kind.startswith("INT")
    for place, (channel, key) in enumerate(channels):
        raw: Samples = as_recorded(table["samples"][:, place])
        yield SeriesPlan(
            device=device, channel=channel, raw=raw, raw_unit="ct" if counts else "V",
            scale=settings.scale(key) if counts else None, **base,
        )  # fmt: skip
