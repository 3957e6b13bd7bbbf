"""How samples are stored: segments of raw bytes, their moments, and a pyramid of minima and maxima.

A payload is a 20-byte array header followed by the raw little-endian samples, which is also how
PostgreSQL holds an array in memory: numpy reads it at offset 20 without a copy, SQL decodes it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import DamagedData, InvalidValue

HEADER_SIZE = 20
PYRAMID_LEVELS = (64, 4096)
PYRAMID_BLOCK = 32768  # pairs of minimum and maximum in one row

_DOT = 4096  # samples that are squared and summed at once

# PostgreSQL's element types. It has no unsigned integers: the bits are the same, the decoder knows the sign.
_ELEMENT_OID = {
    "bool": 16, "int8": 18, "uint8": 18, "int16": 21, "uint16": 21, "int32": 23, "uint32": 23,
    "int64": 20, "float32": 700, "float64": 701,
}  # fmt: skip
DTYPES = tuple(_ELEMENT_OID)


class Segment(NamedTuple):
    """Consecutive samples of a series, ready to be stored."""

    position: int
    n: int
    payload: bytes
    times: bytes | None
    numbers: int
    total: float
    squares: float
    minimum: float | None
    maximum: float | None


class PyramidBlock(NamedTuple):
    """Consecutive minima and maxima of one level, ready to be stored."""

    level: int
    position: int
    n: int
    payload: bytes


def segment_length(dt: float | None) -> int:
    """How many samples make a segment: 32 768, and 65 536 above 1 MHz."""
    return 65536 if dt is not None and dt < 1e-6 else 32768


def encode(samples: NDArray[np.generic]) -> bytes:
    """Store samples as they are.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        One of the dtypes in `DTYPES`.

    Returns
    -------
    bytes
        Header and little-endian samples, 20 + n × itemsize bytes.

    Examples
    --------
    >>> decode(encode(np.array([1, -2], "int16")), "int16")
    array([ 1, -2], dtype=int16)
    """
    header = struct.pack("<iiiii", 1, 0, _ELEMENT_OID[samples.dtype.name], samples.size, 1)
    return b"".join((header, little_endian(samples).data))


def decode(payload: bytes | memoryview, dtype: str, n: int | None = None) -> NDArray[np.generic]:
    """Read a payload without copying it.

    Raises
    ------
    DamagedData
        When the header or the length does not agree with `dtype` and `n`.
    """
    if len(payload) < HEADER_SIZE:
        raise DamagedData(f"a payload of {len(payload)} bytes is shorter than its own header")
    stored = struct.unpack_from("<iiiii", payload)
    kind = np.dtype(dtype).newbyteorder("<")
    count = (len(payload) - HEADER_SIZE) // kind.itemsize
    if (
        stored != (1, 0, _ELEMENT_OID[dtype], count, 1)
        or (n is not None and n != count)
        or (len(payload) != HEADER_SIZE + count * kind.itemsize)
    ):
        raise DamagedData(
            f"a payload of {len(payload)} bytes with header {stored} does not hold {n or count} samples of type {dtype}; "
            "check the stored samples with: gilgamesh db check --samples"
        )
    return np.frombuffer(payload, kind, offset=HEADER_SIZE)


def decode_times(payload: bytes | memoryview, n: int) -> NDArray[np.float64]:
    """Read the times of irregular sampling, in seconds on the device's clock."""
    return decode(payload, "float64", n).astype(np.float64, copy=False)


def little_endian(samples: NDArray[np.generic]) -> NDArray[np.generic]:
    """The same numbers, contiguous and little-endian; no copy where they are already."""
    if samples.dtype.name not in _ELEMENT_OID:
        raise InvalidValue(
            f"samples of type {samples.dtype} cannot be stored; convert them to one of: {', '.join(DTYPES)}"
        )
    return np.ascontiguousarray(samples, samples.dtype.newbyteorder("<"))


class Checksum:
    """SHA-256 of a record that comes in pieces.

    Uniform sampling: of the raw samples. Irregular sampling: of the digest of the samples followed by the digest
    of the times, so that neither has to be kept until the other is complete.
    """

    def __init__(self, *, irregular: bool = False) -> None:
        self._samples = hashlib.sha256()
        self._times = hashlib.sha256() if irregular else None

    def add(self, samples: NDArray[np.generic], times: NDArray[np.float64] | None = None) -> None:
        """Take the next samples into account, and their times where sampling is irregular."""
        self._samples.update(little_endian(samples).data)
        if self._times is not None and times is not None:
            self._times.update(little_endian(times).data)

    def digest(self) -> bytes:
        """The checksum of everything added, 32 bytes."""
        if self._times is None:
            return self._samples.digest()
        return hashlib.sha256(self._samples.digest() + self._times.digest()).digest()


def checksum(samples: NDArray[np.generic], times: NDArray[np.float64] | None = None) -> bytes:
    """The checksum of a whole record."""
    whole = Checksum(irregular=times is not None)
    whole.add(samples, times)
    return whole.digest()


def segment(position: int, samples: NDArray[np.generic], times: NDArray[np.float64] | None = None) -> Segment:
    """Make consecutive samples ready to be stored, with their moments.

    Parameters
    ----------
    position : int
        Number of the segment in its record.
    samples : ndarray, shape (n,)
    times : ndarray of float64, shape (n,), or None
        Seconds, for irregular sampling.
    """
    numbers = samples
    if samples.dtype.kind == "f" and not (finite := np.isfinite(samples)).all():
        numbers = samples[finite]
    wide = numbers.astype(np.float64)
    with np.errstate(over="ignore"):
        total, squares = float(wide.sum()), _sum_of_squares(wide)
    return Segment(
        position,
        samples.size,
        encode(samples),
        None if times is None else encode(times),
        numbers.size,
        total,
        squares,
        float(numbers.min()) if numbers.size else None,
        float(numbers.max()) if numbers.size else None,
    )


def _sum_of_squares(wide: NDArray[np.float64]) -> float:
    """In pieces that are too short for BLAS to start threads: they would wait on the core the server needs."""
    whole = wide.size - wide.size % _DOT
    pieces, rest = wide[:whole].reshape(-1, _DOT), wide[whole:]
    return float(np.vecdot(pieces, pieces).sum() + np.vecdot(rest, rest))


class Pyramid:
    """Minimum and maximum of every 64 and every 4096 samples of a record that comes in pieces.

    They are in the type of the samples, in turn. A NaN hides no spike: it is left out where its block holds any number.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._samples = 0
        self._levels = [_Level(level, dtype) for level in PYRAMID_LEVELS]

    def add(self, samples: NDArray[np.generic]) -> Iterator[PyramidBlock]:
        """Take the next samples into account (a multiple of 4096, unless they are the last); yield the blocks that are full."""
        self._samples += samples.size
        lows, highs, step = samples, samples, 1
        for level in self._levels:
            starts = np.arange(0, lows.size, level.level // step)
            lows, highs, step = np.fmin.reduceat(lows, starts), np.fmax.reduceat(highs, starts), level.level
            yield from level.add(lows, highs)

    def rest(self) -> Iterator[PyramidBlock]:
        """Yield the blocks that did not become full. A level with a single pair tells nothing, and is left out."""
        for level in self._levels:
            if self._samples > level.level:
                yield from level.rest()


class _Level:
    """One level of a pyramid, as far as it does not fill a block."""

    def __init__(self, level: int, dtype: np.dtype[Any]) -> None:
        self.level = level
        self._pairs = np.empty((PYRAMID_BLOCK, 2), dtype)
        self._filled = 0
        self._position = 0

    def add(self, lows: NDArray[np.generic], highs: NDArray[np.generic]) -> Iterator[PyramidBlock]:
        while lows.size:
            taken = min(lows.size, PYRAMID_BLOCK - self._filled)
            room = self._pairs[self._filled : self._filled + taken]
            room[:, 0], room[:, 1] = lows[:taken], highs[:taken]
            self._filled += taken
            if self._filled == PYRAMID_BLOCK:
                yield from self.rest()
            lows, highs = lows[taken:], highs[taken:]

    def rest(self) -> Iterator[PyramidBlock]:
        if self._filled:
            yield PyramidBlock(
                self.level, self._position, self._filled, encode(self._pairs[: self._filled].reshape(-1))
            )
            self._position, self._filled = self._position + 1, 0


def pyramid(samples: NDArray[np.generic]) -> Iterator[PyramidBlock]:
    """The pyramid of a whole record."""
    whole = Pyramid(samples.dtype)
    if samples.size:
        yield from whole.add(samples)
        yield from whole.rest()
