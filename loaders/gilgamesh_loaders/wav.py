"""WAV: sound of any width, also from data recorders; the frame rate is the sampling rate.

Integers stay counts, as wide as the file has them (24 bits in int32, sign kept); floats stay floats, full scale
±1. A sound card says no volts, so there is no scale: calibrate the port. RIFF, RIFX, RF64 and WAVE_FORMAT_EXTENSIBLE
are read; compressed sound is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders.formats import Hints, planned, refusing, source_of
from gilgamesh_loaders.plan import SeriesPlan, ShotPlan, as_recorded

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

_FORMS = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<"}
_INTEGERS, _FLOATS, _EXTENSIBLE = 1, 3, 0xFFFE
_IN_DS64 = 0xFFFFFFFF
_DTYPES = {(_INTEGERS, 1): "u1", (_INTEGERS, 2): "i2", (_INTEGERS, 4): "i4", (_INTEGERS, 8): "i8", (_FLOATS, 4): "f4", (_FLOATS, 8): "f8"}  # fmt: skip


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
            sound = _Sound(content)
            if hints.device is None:
                raise InvalidValue("the file does not say which device recorded it; give --device (device=)")
            return planned(path, hints, sound.series(hints), source_of(path, self.name, content))


FORMAT = Wav()


class _Sound:
    """The chunks of a file, checked to be whole."""

    def __init__(self, content: bytes) -> None:
        if content[:4] not in _FORMS or content[8:12] != b"WAVE":
            raise InvalidValue(f"it begins with {content[:12]!r}, which is no WAV")
        self._content, self._order = content, _FORMS[content[:4]]
        chunks = dict(self._chunks())
        if b"fmt " not in chunks or b"data" not in chunks:
            missing = "data" if b"fmt " in chunks else "fmt"
            raise InvalidValue(f"there is no chunk {missing!r} in it; it was cut, or is empty")
        begin, length = chunks[b"fmt "]
        if length < 16:
            raise InvalidValue(f"its chunk 'fmt' has {length} bytes; 16 are the least")
        kind, self.channels, self.rate, _, block, bits = struct.unpack_from(f"{self._order}2H2I2H", content, begin)
        if kind == _EXTENSIBLE and length >= 26:
            (kind,) = struct.unpack_from(f"{self._order}H", content, begin + 24)
        if kind not in (_INTEGERS, _FLOATS):
            raise InvalidValue(f"its sound is coded as number {kind}; only uncompressed sound can be read")
        if not self.channels or not self.rate or block % self.channels:
            raise InvalidValue(f"{self.channels} channels in {block} bytes at {self.rate} Hz are no sound")
        self._kind, self._width = kind, block // self.channels
        if not 0 < bits <= 8 * self._width:
            raise InvalidValue(f"{bits} bits do not fit into the {self._width} bytes of a sample")
        self._bits = bits
        self._begin, length = chunks[b"data"]
        if length % block:
            raise InvalidValue(f"{length} bytes of sound are not whole frames of {block} bytes; it was cut")
        self._frames = length // block

    def series(self, hints: Hints) -> Iterator[SeriesPlan]:
        """One series per channel."""
        sound = self._decoded().reshape(-1, self.channels)
        for place in range(self.channels):
            yield SeriesPlan(
                device=hints.device or "",
                channel=f"ch{place + 1}",
                raw=as_recorded(sound[:, place]),
                raw_unit="ct" if self._kind == _INTEGERS else "",
                start=hints.start or 0.0,
                dt=1.0 / self.rate,
                description=f"{self._bits} bits",
            )

    def _chunks(self) -> Iterator[tuple[bytes, tuple[int, int]]]:
        """Name, beginning and length of every chunk."""
        content, begin, long = self._content, 12, 0
        (form,) = struct.unpack_from(f"{self._order}I", content, 4)
        if form != _IN_DS64 and form + 8 > len(content) + 1:
            raise InvalidValue(f"it has {len(content)} of {form + 8} bytes; it was cut")
        while begin + 8 <= len(content):
            name, length = struct.unpack_from(f"{self._order}4sI", content, begin)
            if name == b"data" and length == _IN_DS64 and long:
                length = long
            if begin + 8 + length > len(content):
                raise InvalidValue(f"its chunk {name!r} at byte {begin} promises {length} bytes; it was cut")
            if name == b"ds64" and length >= 24:
                (long,) = struct.unpack_from(f"{self._order}Q", content, begin + 16)
            yield name, (begin + 8, length)
            begin += 8 + length + length % 2
        if begin < len(content):
            raise InvalidValue(f"{len(content) - begin} bytes after its last chunk are none; it was cut, or is damaged")

    def _decoded(self) -> Samples:
        numbers = self._frames * self.channels
        if (self._kind, self._width) == (_INTEGERS, 3):
            return self._of_24_bits(numbers)
        dtype = _DTYPES.get((self._kind, self._width))
        if dtype is None:
            raise InvalidValue(f"samples of {self._width} bytes are not known")
        return np.frombuffer(self._content, self._order + dtype, numbers, self._begin)

    def _of_24_bits(self, numbers: int) -> Samples:
        packed = np.frombuffer(self._content, np.uint8, 3 * numbers, self._begin).reshape(-1, 3)
        packed = packed if self._order == "<" else packed[:, ::-1]
        wide = np.zeros((numbers, 4), np.uint8)
        wide[:, 1:] = packed
        samples: Samples = wide.view("<i4").ravel() >> 8
        return samples
