"""Keysight: the ``.bin`` files of Agilent and Keysight oscilloscopes, and Rigol's in the same layout.

A file begins with ``AG`` (Agilent, Keysight) or ``RG`` (Rigol MSO5000 to 8000, DHO) and a version; then comes
each waveform, a header and its buffers. The samples are volts in float32, already scaled by the instrument, so
they have no scale of their own; digital pods are bytes, eight lines each. A waveform of minima and maxima gives
two channels. Segments of one channel become one series with irregular times: that of the segment and of the
sample in it.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders.formats import Hints, plain_name, planned, refusing, source_of
from gilgamesh_loaders.plan import SeriesPlan, ShotPlan, as_recorded
from gilgamesh_loaders.time_column import meant_by_float32

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

# Where sizes have 64 bits; the other versions, 01 and 10, have 32.
_LONG = (b"AG03", b"RG03")
_KNOWN = (b"AG01", b"AG03", b"AG10", b"RG01", b"RG03")
_WAVEFORM = struct.Struct("<5If3d2I16s16s24s16s")
_SEGMENT = struct.Struct("<dI")
_UNITS = {1: "V", 2: "s", 4: "A", 5: "dB", 6: "Hz"}
_ENVELOPES = {2: " max", 3: " min"}
_DIGITAL = 6
_DATES = ("%d %b %Y %H:%M:%S", "%d %b %Y %H:%M:%S:%f", "%Y-%m-%d %H:%M:%S", "%d %b %Y %H:%M:%S.%f")


class Keysight:
    """The format ``keysight``."""

    name = "keysight"
    extensions = (".bin",)
    description = "all channels of an Agilent, Keysight or Rigol oscilloscope in volts (AG01 to AG10, RG01, RG03)"

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """Tell it by its first four bytes."""
        return head[:4] in _KNOWN

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read all waveforms."""
        with refusing(path):
            content = path.read_bytes()
            buffers = list(_buffers(content))
            if not buffers:
                raise InvalidValue("there is no waveform in it")
            device = hints.device or plain_name(buffers[0].frame.replace(":", " ")) or "oscilloscope"
            return planned(
                path,
                hints,
                _series(device, buffers),
                source_of(path, self.name, content),
                moment=buffers[0].moment,
                attributes={"Recorder": buffers[0].frame} if buffers[0].frame else {},
            )


FORMAT = Keysight()


@dataclass(frozen=True)
class _Buffer:
    """Samples of one waveform with what its header says; times in s after the (first) trigger."""

    label: str
    unit: int
    samples: Samples
    start: float
    dt: float
    segment: int
    frame: str
    moment: datetime | None


def _buffers(content: bytes) -> Iterator[_Buffer]:
    begin = 4 + (8 if content[:4] in _LONG else 4)
    if content[:4] not in _KNOWN:
        raise InvalidValue(f"it begins with {content[:4]!r}, which is no version of this format")
    if len(content) < begin + 4:
        raise InvalidValue(f"it ends after {len(content)} bytes, within the file's header")
    promised = int.from_bytes(content[4:begin], "little")
    if promised > len(content):
        raise InvalidValue(f"it has {len(content)} of the {promised} bytes its header promises; it was cut")
    waveforms = int.from_bytes(content[begin : begin + 4], "little")
    begin += 4
    for number in range(1, waveforms + 1):
        found, begin = _waveform(content, begin, number)
        yield from found
    if begin < len(content) and content[begin:].strip(b"\0"):
        raise InvalidValue(f"{len(content) - begin} bytes follow the last of {waveforms} waveforms; it is damaged")


def _waveform(content: bytes, begin: int, number: int) -> tuple[list[_Buffer], int]:
    place = f"waveform {number}"
    header = _piece(content, begin, _WAVEFORM.size, f"the header of {place}")
    (size, _, count, points, _, _, _, dt, origin, x_unit, unit, *texts) = _WAVEFORM.unpack(header)
    date, clock, frame, label = (text.split(b"\0", 1)[0].decode("latin-1").strip() for text in texts)
    label = f"CH{label}" if label.isdigit() else label or place
    if size < _WAVEFORM.size:
        raise InvalidValue(f"the header of {place} has {size} bytes; {_WAVEFORM.size} is the least")
    if x_unit not in (0, 2):
        raise InvalidValue(f"{place} ({label}) stands over {_UNITS.get(x_unit, x_unit)} instead of time")
    tag, segment = 0.0, 0
    if size >= _WAVEFORM.size + _SEGMENT.size and content[:4] != b"RG03":
        tag, segment = _SEGMENT.unpack(_piece(content, begin + _WAVEFORM.size, _SEGMENT.size, f"the header of {place}"))
    begin += size
    found = []
    for _ in range(count):
        samples, kind, begin = _samples(content, begin, f"{place} ({label})")
        if samples.size != points:
            raise InvalidValue(f"{place} ({label}) has {samples.size} samples; its header promises {points}")
        start = tag + (-origin if content[:2] == b"RG" else origin)
        unit = 0 if kind == _DIGITAL else unit
        found.append(
            _Buffer(
                label + _ENVELOPES.get(kind, ""), unit, samples, meant_by_float32(start), meant_by_float32(dt), segment,
                frame, _moment(date, clock),
            )
        )  # fmt: skip
    return found, begin


def _samples(content: bytes, begin: int, place: str) -> tuple[Samples, int, int]:
    long = content[:4] in _LONG
    header = struct.Struct("<IHHQ" if long else "<IHHI")
    size, kind, width, length = header.unpack(_piece(content, begin, header.size, f"the data header of {place}"))
    dtype = {(_DIGITAL, 1): "u1", (4, 4): "<i4" if content[:2] == b"AG" else "<f4"}.get((kind, width))
    if dtype is None and width == 1:
        dtype = "u1"
    elif dtype is None and width == 4:
        dtype = "<f4"
    if dtype is None or size < header.size or length % width:
        raise InvalidValue(f"{place} has {length} bytes of type {kind} with {width} bytes each; that is not known")
    data = _piece(content, begin + size, length, f"the samples of {place}")
    return as_recorded(np.frombuffer(data, dtype)), kind, begin + size + length


def _piece(content: bytes, begin: int, length: int, place: str) -> bytes:
    found = content[begin : begin + length]
    if len(found) < length:
        raise InvalidValue(f"it ends at byte {len(content)}, within {place}; it was cut")
    return found


def _moment(date: str, clock: str) -> datetime | None:
    for form in _DATES:
        try:
            return datetime.strptime(f"{date} {clock}".strip(), form)
        except ValueError:
            continue
    return None


def _series(device: str, buffers: list[_Buffer]) -> Iterator[SeriesPlan]:
    by_label = defaultdict(list)
    for buffer in buffers:
        by_label[buffer.label].append(buffer)
    for label, segments in by_label.items():
        first = segments[0]
        base: dict[str, Any] = {"start": first.start, "dt": first.dt}
        raw = first.samples
        if len(segments) > 1:
            if len({one.segment for one in segments}) < len(segments):
                raise InvalidValue(
                    f"the channel {label!r} appears {len(segments)} times; which is meant is not to be guessed"
                )
            raw = np.concatenate([one.samples for one in segments])
            base = {"times": np.concatenate([one.start + one.dt * np.arange(one.samples.size) for one in segments])}
        digital = raw.dtype == np.uint8
        yield SeriesPlan(
            device=device, channel=label, raw=raw, raw_unit=_UNITS.get(first.unit, ""),
            description="digital lines, one per bit" if digital else "", **base,
        )  # fmt: skip
