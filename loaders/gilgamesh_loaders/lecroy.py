"""LeCroy: one trace of a Teledyne LeCroy oscilloscope, a ``.trc`` file with a WAVEDESC of template 2.

Counts stay counts, int8 or int16; ``VERTICAL_GAIN * count - VERTICAL_OFFSET`` becomes the port's scale. A
sequence of segments and a random interleaved record (RIS) give irregular times, each sample at the time the
instrument says; everything else is uniform. The layout is LeCroy's own, as the instrument prints it on the
command ``TEMPLATE?``.

The sampling interval is stored as a float32; it is read as the shortest decimal that float32 stands for, so
that 1 GS/s is 1e-9 s and not 9.999999717e-10 s.
"""

from __future__ import annotations

import re
import struct
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gilgamesh_db.calibration import Polynomial
from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders.formats import Hints, plain_name, planned, refusing, source_of
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, as_recorded, unit_or_note
from gilgamesh_loaders.time_column import meant_by_float32

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import AttributeValue, Samples

_DESCRIPTOR = b"WAVEDESC"
_TEMPLATES = (b"LECROY_2_2", b"LECROY_2_3")
_LENGTH = 346
_BLOCK = re.compile(rb"#([1-9])")
# The lengths of the blocks that follow, in the order in which they stand in the file.
_BLOCKS = {
    "descriptor": 36, "user text": 40, "reserved 1": 44, "trigger times": 48, "RIS times": 52, "reserved 2": 56,
    "samples": 60, "second samples": 64, "reserved 3": 68, "reserved 4": 72,
}  # fmt: skip


class LeCroy:
    """The format ``lecroy``."""

    name = "lecroy"
    extensions = (".trc",)
    description = "one trace of a LeCroy oscilloscope, with its trigger time"

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """Tell it by its descriptor, at the beginning or behind the mark of a block of bytes."""
        return 0 <= head[:64].find(_DESCRIPTOR) <= 16

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read the trace."""
        with refusing(path):
            content = path.read_bytes()
            trace = _Trace(content)
            return planned(
                path,
                hints,
                [trace.series(hints)],
                source_of(path, self.name, content),
                moment=trace.trigger_time(),
                attributes=trace.attributes(),
            )


FORMAT = LeCroy()


class _Trace:
    """The fields of the descriptor, and the blocks behind it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = content[:64].find(_DESCRIPTOR)
        if self._at < 0:
            raise InvalidValue(f"there is no WAVEDESC at the beginning; it begins with {content[:16]!r}")
        if len(content) < self._at + _LENGTH:
            raise InvalidValue(f"it ends after {len(content)} bytes, within the WAVEDESC of {_LENGTH}; it was cut")
        self._order = "<" if content[self._at + 34] else ">"
        template = self._text(16, 16)
        if template.encode() not in _TEMPLATES:
            known = " or ".join(one.decode() for one in _TEMPLATES)
            raise InvalidValue(f"the WAVEDESC is of the template {template!r}; {known} can be read")
        self._blocks = self._checked_blocks()

    def series(self, hints: Hints) -> SeriesPlan:
        """Counts with their time base and their scale."""
        raw = self._samples()
        unit, note = unit_or_note(self._text(196, 48))
        if self._text(244, 48).casefold() not in ("", "s"):
            raise InvalidValue(f"the samples stand over {self._text(244, 48)!r} instead of time; it is no recording")
        label = self._text(96, 16)
        source = self._field("h", 344)
        channel = label or (f"C{source + 1}" if 0 <= source < 4 else "trace")
        scale = Scale((Polynomial((-self._field("f", 160), self._field("f", 156))),), unit)
        return SeriesPlan(
            device=hints.device or self._device(), channel=channel, raw=raw, scale=scale, description=note,
            **self._time_base(raw.size),
        )  # fmt: skip

    def trigger_time(self) -> datetime | None:
        """Time of the trigger as the instrument's clock showed it; None when the clock was not set."""
        seconds, minute, hour, day, month, year = struct.unpack_from(
            f"{self._order}d4bh", self._content, self._at + 296
        )
        if not (year and month and day):
            return None
        try:
            return datetime(year, month, day, hour, minute) + timedelta(seconds=seconds)
        except (ValueError, OverflowError) as error:
            raise InvalidValue(f"its trigger time is none, {day}.{month}.{year} {hour}:{minute}:{seconds}") from error

    def attributes(self) -> dict[str, AttributeValue]:
        """What is said about the instrument."""
        return {"Recorder": self._device()}

    def _device(self) -> str:
        number = self._field("i", 92)
        return plain_name(f"{self._text(76, 16) or 'LeCroy'} {number}" if number else self._text(76, 16) or "LeCroy")

    def _field(self, kind: str, offset: int) -> Any:
        return struct.unpack_from(self._order + kind, self._content, self._at + offset)[0]

    def _text(self, offset: int, length: int) -> str:
        found = self._content[self._at + offset : self._at + offset + length]
        return found.split(b"\0", 1)[0].decode("latin-1").strip()

    def _checked_blocks(self) -> dict[str, tuple[int, int]]:
        """Beginning and length of each block; together they are the file."""
        blocks, begin = {}, self._at
        for name, offset in _BLOCKS.items():
            length = self._field("i", offset)
            if length < 0 or (name == "descriptor" and length < _LENGTH):
                raise InvalidValue(f"the block of {name} has {length} bytes; the WAVEDESC is damaged")
            blocks[name] = (begin, length)
            begin += length
        promised = begin
        mark = _BLOCK.match(self._content)
        if mark is not None and self._at >= 2 + int(mark[1]):
            digits = self._content[2 : 2 + int(mark[1])]
            if digits.isdigit() and int(digits):
                promised = max(promised, 2 + int(mark[1]) + int(digits))
        found = len(self._content)
        if found < promised or self._content[promised:].strip(b"\r\n\0"):
            raise InvalidValue(f"it has {found} bytes where its header promises {promised}; was it cut, or damaged?")
        return blocks

    def _samples(self) -> Samples:
        begin, length = self._blocks["samples"]
        if self._blocks["second samples"][1]:
            raise InvalidValue("it holds two arrays (a complex spectrum or an envelope); save the trace itself")
        dtype = np.dtype(f"{self._order}i2" if self._field("h", 32) else "i1")
        promised = self._field("i", 116)
        if promised * dtype.itemsize != length:
            raise InvalidValue(f"{length} bytes of samples are not {promised} samples of {dtype.itemsize} bytes")
        return as_recorded(np.frombuffer(self._content, dtype, promised, begin))

    def _time_base(self, samples: int) -> dict[str, Any]:
        dt = meant_by_float32(self._field("f", 176))
        first = self._field("d", 180)
        segments, sweeps = self._field("i", 144), self._field("h", 322)
        if segments > 1:
            return {"times": self._segment_times(segments, samples, dt)}
        if sweeps > 1 and self._blocks["RIS times"][1]:
            return {"times": self._interleaved_times(sweeps, samples, dt)}
        return {"start": first, "dt": dt}

    def _segment_times(self, segments: int, samples: int, dt: float) -> Samples:
        """Time since the first trigger: that of each segment's trigger, and of each sample after it."""
        begin, length = self._blocks["trigger times"]
        if length != 16 * segments or samples % segments:
            raise InvalidValue(f"{length} bytes of trigger times and {samples} samples are not {segments} segments")
        triggers = np.frombuffer(self._content, f"{self._order}f8", 2 * segments, begin).reshape(segments, 2)
        within = np.arange(samples // segments) * dt
        times: Samples = (triggers.sum(axis=1)[:, None] + within).ravel()
        return times

    def _interleaved_times(self, sweeps: int, samples: int, dt: float) -> Samples:
        begin, length = self._blocks["RIS times"]
        if length != 8 * sweeps:
            raise InvalidValue(f"{length} bytes of RIS times are not those of {sweeps} sweeps")
        offsets = np.frombuffer(self._content, f"{self._order}f8", sweeps, begin)
        place = np.arange(samples)
        times: Samples = offsets[place % sweeps] + dt * (place - place % sweeps)
        return times
