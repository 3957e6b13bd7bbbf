"""WAV: sound of any width, also from data recorders; the frame rate is the sampling rate. scipy reads it.

Integers stay counts, as wide as the file has them (24 bits in int32, their sign kept); floats stay floats, full scale
±1. A sound card says no volts, so there is no scale: calibrate the port.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gilgamesh_db.errors import InvalidValue, MissingExtra
from gilgamesh_loaders.formats import Hints, parsing, planned, refusing, source_of
from gilgamesh_loaders.plan import SeriesPlan, ShotPlan, as_recorded

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

_FORMS = (b"RIFF", b"RIFX", b"RF64")


class Wav:
    """The format ``wav``."""

    name = "wav"
    extensions = (".wav",)
    description = "uncompressed sound, one port per channel"

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """Tell it by its form."""
        return head[:4] in _FORMS and head[8:12] == b"WAVE"

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read all channels."""
        with refusing(path):
            content = path.read_bytes()
            rate, sound, bits = _sound(path, content)
            if hints.device is None:
                raise InvalidValue("the file does not say which device recorded it; give --device (device=)")
            series = _series(hints.device, rate, sound, bits, hints.start or 0.0)
            return planned(path, hints, series, source_of(path, self.name, content))


FORMAT = Wav()


def _sound(path: Path, content: bytes) -> tuple[int, Samples, int]:
    """Frame rate, samples of shape (frames, channels), and the bits of a sample."""
    try:
        from scipy.io import wavfile
    except ImportError as error:
        raise MissingExtra("scipy", "loaders", "reading WAV files") from error
    _check_whole(content)
    with parsing(path, "WAV"), warnings.catch_warnings():
        warnings.simplefilter("error")  # of an early end
        warnings.filterwarnings("ignore", message="Chunk .non-data. not understood")  # texts and markers
        rate, sound = wavfile.read(io.BytesIO(content))
    if rate < 1 or not sound.size:
        raise InvalidValue(f"{len(sound)} frames at {rate} Hz are no sound")
    bits = 8 * sound.dtype.itemsize
    place = content.find(b"fmt ") + 22
    if sound.dtype == np.int32 and place + 2 <= len(content):
        (bits,) = struct.unpack_from(">H" if content.startswith(b"RIFX") else "<H", content, place)
        if bits == 24:  # scipy gives them in the upper bytes
            sound = sound >> 8
    return rate, sound.reshape(len(sound), -1), bits


def _check_whole(content: bytes) -> None:
    """Refuse sound that ends before its chunk does; scipy would give what there is."""
    begin, order = 12, ">" if content.startswith(b"RIFX") else "<"
    while begin + 8 <= len(content):
        name, length = struct.unpack_from(f"{order}4sI", content, begin)
        if name == b"data" and content.startswith(b"RF64") and len(content) >= 36:
            (length,) = struct.unpack_from("<Q", content, 28)  # of the first chunk, where lengths have 64 bits
        begin += 8 + length
        if begin > len(content):
            raise InvalidValue(f"its chunk {name!r} ends at byte {begin}, the file at {len(content)}; it was cut")
        begin += length % 2


def _series(device: str, rate: int, sound: Samples, bits: int, start: float) -> Iterator[SeriesPlan]:
    for place in range(sound.shape[1]):
        raw = as_recorded(sound[:, place])
        unit = "" if raw.dtype.kind == "f" else "ct"
        yield SeriesPlan(device, f"ch{place + 1}", raw, start, 1.0 / rate, raw_unit=unit, description=f"{bits} bits")
