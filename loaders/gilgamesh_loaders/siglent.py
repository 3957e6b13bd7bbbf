"""Siglent: the ``.bin`` files of Siglent oscilloscopes, revisions 0.1 to 6 of its own description.

The layouts are read by the library `RigolWFM`, after Siglent's "How to Extract Data from the Binary File". Counts
stay counts, uint8 or uint16; ``(count - middle) * volts per division / counts per division ± offset`` becomes the
port's scale. The vertical offset is added, as Siglent writes; in revision 4 the instruments themselves subtract
it and leave the probe out, and so does this reader. Traces of mathematics are left out, and the plan says so. The
files hold no date, and those of the old platform no scale that could be relied on: these are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gilgamesh_db.calibration import Polynomial
from gilgamesh_db.errors import InvalidValue, MissingExtra
from gilgamesh_loaders.formats import HEAD_BYTES, Hints, parsing, plain_name, planned, refusing, source_of
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, as_recorded

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

_LAYOUTS = {
    "v0_1": ("siglent_v0_1_bin", "SiglentV01Bin"),
    "v0_2": ("siglent_v0_2_bin", "SiglentV02Bin"),
    **{f"v{number}": (f"siglent_v{number}_bin", f"SiglentV{number}Bin") for number in range(1, 7)},
}
_COUNTS_PER_DIVISION = 25.0  # where the file does not say it
_DIVISIONS = 14.0  # of the screen's width, likewise
_BASE_UNIT = 8  # magnitudes count in thousands, from yocto = 0


class Siglent:
    """The format ``siglent``."""

    name = "siglent"
    extensions = (".bin",)
    description = "all channels of a Siglent oscilloscope (revisions 0.1 to 6)"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Tell it by a header that makes sense; there is no mark at its beginning."""
        if path.suffix.casefold() != ".bin" or len(head) < 256 or head[:2] in (b"AG", b"RG", b"<?"):
            return False
        try:
            return _revision(head[:HEAD_BYTES], path.stat().st_size) in _LAYOUTS
        except MissingExtra:
            return False

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read all analog channels that were on."""
        with refusing(path):
            content = path.read_bytes()
            revision = _revision(content[:HEAD_BYTES], len(content))
            if revision == "old":
                raise InvalidValue("it is of Siglent's old platform, whose scale is not in the file; save it as .csv")
            if revision not in _LAYOUTS:
                raise InvalidValue("its header is that of no Siglent oscilloscope; it was cut, or is something else")
            module, name = _LAYOUTS[revision]
            with parsing(path, "a Siglent waveform"):
                fields = getattr(import_module(f"RigolWFM.{module}"), name).from_bytes(content)
                traces = list(_sixth(fields) if revision == "v6" else _fixed(revision, fields))
                mathematics = revision == "v4" and any(fields.math_switch.entries)
            model = "Siglent"
            if revision == "v6":
                model = plain_name(f"Siglent {fields.file_header.module} {fields.file_header.serial}")
            series = [one.series(hints.device or model) for one in traces]
            notes = ["traces of mathematics in the file were left out"] if mathematics else []
            return planned(path, hints, series, source_of(path, self.name, content), notes=notes)


FORMAT = Siglent()


@dataclass(frozen=True)
class _Trace:
    """One channel: counts, the line to volts, and its time base in s after the trigger."""

    channel: str
    counts: Samples
    line: tuple[float, float]
    start: float
    dt: float

    def series(self, device: str) -> SeriesPlan:
        """Make a series of it."""
        raw = as_recorded(self.counts)
        return SeriesPlan(device, self.channel, raw, self.start, self.dt, scale=Scale((Polynomial(self.line),), "V"))


def _fixed(revision: str, fields: Any) -> Iterator[_Trace]:
    """Channels of the revisions whose header has a fixed place for each of four."""
    width = 2 if int(getattr(fields, "data_width", 0)) else 1
    dtype = np.dtype(f"{'>' if int(getattr(fields, 'byte_order', 0)) else '<'}u{width}")
    points, rate = int(fields.wave_length), _si(fields.sample_rate)
    if not (points > 0 and rate > 0):
        raise InvalidValue(f"{points} samples at {rate} Hz are no record")
    begin = 0
    for place in range(4):
        if not int(_of(fields, "on", place)):
            continue
        data = fields.wave_data[begin : begin + points * width]
        begin += points * width
        if len(data) < points * width:
            raise InvalidValue(f"CH{place + 1} ends after {len(data)} of {points * width} bytes; it was cut")
        per_division = float(_of(fields, "vert_code_per_div", place, _COUNTS_PER_DIVISION))
        gain = _si(_of(fields, "volt_div", place)) / per_division
        offset = _si(_of(fields, "vert_offset", place))
        if revision == "v4":
            probe = float(_of(fields, "probe", place))
            gain, offset = gain * probe, -offset * probe
        middle = float(1 << (8 * width - 1))
        yield _Trace(
            f"CH{place + 1}",
            np.frombuffer(data, dtype),
            (offset - gain * middle, gain),
            _first(revision, fields),
            1 / rate,
        )


def _first(revision: str, fields: Any) -> float:
    """Time of the first sample: the left edge of the screen."""
    half = float(getattr(fields, "hori_div_num", _DIVISIONS)) / 2
    if revision == "v4" and int(fields.zoom_switch):
        return _si(fields.zoom_trig_delay_val) - half * _si(fields.zoom_td_val)
    delay = _si(fields.time_delay) if revision in ("v3", "v4") else 0.0
    return -half * _si(fields.time_div) - delay


def _of(fields: Any, name: str, place: int, otherwise: Any = None) -> Any:
    """Field of a channel, however a revision names it."""
    for spelled in (f"ch_{name}", f"ch_{name}_1_4"):
        if hasattr(fields, spelled):
            return getattr(fields, spelled).entries[place]
    return getattr(fields, f"ch{place + 1}_{name}", otherwise)


def _si(quantity: Any) -> float:
    return float(quantity.value) * 10.0 ** (3 * (int(quantity.magnitude) - _BASE_UNIT))


def _sixth(fields: Any) -> Iterator[_Trace]:
    for number, waveform in enumerate(fields.waveforms, start=1):
        header = waveform.header
        points, size = int(header.data_number), int(header.data_bytes)
        if points <= 0 or size % points or size // points not in (1, 2, 4):
            raise InvalidValue(f"waveform {number} has {size} bytes for {points} samples")
        if len(waveform.data_raw) < size:
            raise InvalidValue(f"waveform {number} ends after {len(waveform.data_raw)} of {size} bytes; it was cut")
        gain, interval = float(header.vert_interval), float(header.hori_interval)
        yield _Trace(
            header.label.strip() or f"CH{number}",
            np.frombuffer(waveform.data_raw, f"<u{size // points}"),
            (-float(header.vert_origin_pos) * gain, gain),
            -float(header.hori_origin_pos) * interval,
            interval,
        )


def _revision(head: bytes, size: int) -> str:
    """Revision the library takes a header for; empty for none."""
    try:
        from RigolWFM import siglent
    except ImportError as error:
        raise MissingExtra("RigolWFM", "loaders", "reading Siglent's .bin files") from error
    try:
        return str(siglent.detect_revision_from_bytes(head, size))
    except (ValueError, IndexError, OverflowError, struct.error):
        return ""
