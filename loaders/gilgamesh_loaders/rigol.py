"""Rigol: the ``.wfm`` files of the DS1000, DS2000, DS4000 and DS6000 families.

Rigol does not publish these layouts; they are the work of the library `RigolWFM`, which reads them. It is asked
for the counts of the converter, one byte each, and for its line ``volts = a - b * count``; the line becomes the
port's scale, and what the library itself makes of the counts must agree with it. Rigol's ``.bin`` files
(MSO5000 to 8000, DHO) are read as `keysight`, its tables as `csv`. The files hold no date.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from gilgamesh_db.calibration import Polynomial
from gilgamesh_db.errors import InvalidValue, MissingExtra
from gilgamesh_loaders.formats import Hints, parsing, plain_name, planned, refusing, source_of
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan
from gilgamesh_loaders.time_column import meant_by_float32

# First four bytes of each family; the rest of the header tells those apart that share them.
_MARKS = (b"\xa5\xa5\xa4\x01", b"\xa1\xa5\x00\x00", b"\x01\xff\xff\xff", b"\xa5\xa5\x38\x00", b"\xa5\xa5\x00\x00")
_DHO = b"\x02\x00\x00\x00"
# What the library calls a family, its parser of it, what its channels call that, and what we call the instrument.
_FAMILIES = {
    "B": ("rigol_1000b_wfm", "Rigol1000bWfm", "wfm1000b", "Rigol DS1000B"),
    "C": ("rigol_1000c_wfm", "Rigol1000cWfm", "wfm1000c", "Rigol DS1000C"),
    "E": ("rigol_1000e_wfm", "Rigol1000eWfm", "wfm1000e", "Rigol DS1000E"),
    "Z": ("rigol_1000z_wfm", "Rigol1000zWfm", "wfm1000z", "Rigol DS1000Z"),
    "2": ("rigol_2000_wfm", "Rigol2000Wfm", "wfm2000", "Rigol DS2000"),
    "4": ("rigol_4000_wfm", "Rigol4000Wfm", "wfm4000", "Rigol DS4000"),
    "6": ("rigol_6000_wfm", "Rigol6000Wfm", "wfm6000", "Rigol DS6000"),
}
_MIDDLES = (125.0, 127.0)  # the count of 0 V, by family
_UNITS = {"v": "V", "a": "A", "w": "W", "u": ""}


class Rigol:
    """The format ``rigol``."""

    name = "rigol"
    extensions = (".wfm",)
    description = "all channels of a Rigol oscilloscope of the families DS1000 to DS6000"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Tell it by its first four bytes; those of a DHO mean little without the name."""
        return head[:4] in _MARKS or (head[:4] == _DHO and path.suffix.casefold() == ".wfm")

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read all channels that were on."""
        with refusing(path):
            content = path.read_bytes()
            if content[:4] == _DHO:
                raise InvalidValue(
                    "the time of the samples in a DHO's .wfm is not known; save it there as .bin or .csv"
                )
            if content[:4] not in _MARKS:
                raise InvalidValue(
                    f"it begins with {content[:4]!r}, as no Rigol of the families DS1000 to DS6000 writes"
                )
            device, channels = _channels(path, content)
            return planned(path, hints, _series(hints.device or device, channels), source_of(path, self.name, content))


FORMAT = Rigol()


def _series(device: str, channels: list[Any]) -> Iterator[SeriesPlan]:
    if len({len(one.raw) for one in channels}) > 1:
        lengths = {one.name: len(one.raw) for one in channels}
        raise InvalidValue(f"channels of one record differ in length: {lengths}; it was cut, or is damaged")
    for channel in channels:
        if not len(channel.raw) or len(channel.raw) != channel.points:
            raise InvalidValue(f"{channel.name} has {len(channel.raw)} of {channel.points} samples; it was cut")
        yield SeriesPlan(
            device=device,
            channel=channel.name.replace(" ", ""),
            raw=np.array(channel.raw, np.uint8),
            scale=Scale((_line(channel),), _UNITS[channel.unit.name]),
            start=float(channel.times[0]),
            dt=meant_by_float32(float(channel.seconds_per_point)),
            description=f"probe {channel.probe_value:g}x, {channel.coupling}",
        )


def _line(channel: Any) -> Polynomial:
    """Find the line from counts to volts that the library itself used."""
    for middle in _MIDDLES:
        line = float(channel.y_scale * middle - channel.y_offset), float(-channel.y_scale)
        volts = line[0] + line[1] * channel.raw
        if np.abs(volts - channel.volts).max() <= 1e-6 * abs(channel.y_scale):
            return Polynomial(line)
    raise InvalidValue(f"{channel.name}: its counts and its volts contradict each other")


def _channels(path: Path, content: bytes) -> tuple[str, list[Any]]:
    """Name of the instrument, and the channels that were on, as the library describes them."""
    try:
        from RigolWFM import channel, wfm
    except ImportError as error:
        raise MissingExtra("RigolWFM", "loaders", "reading Rigol's .wfm files") from error
    with parsing(path, "a Rigol waveform"):
        family = wfm.detect_model(str(path))
        if family not in _FAMILIES:
            raise InvalidValue(f"the library takes it for a {family!r}, which is none of the families DS1000 to DS6000")
        module, name, kind, device = _FAMILIES[family]
        record = getattr(import_module(f"RigolWFM.{module}"), name).from_bytes(content)
        header = getattr(record, "preheader", record.header)
        said = (getattr(header, word, "") for word in ("model_number", "serial_number"))
        named = plain_name(" ".join(dict.fromkeys(word for word in said if isinstance(word, str) and word)))
        found = [channel.Channel(record, number, kind) for number in range(1, 5)]
        return named or device, [one for one in found if one.enabled_and_selected and one.raw is not None]
