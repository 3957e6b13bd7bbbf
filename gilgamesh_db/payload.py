"""How samples are stored: segments of raw bytes, their moments, and a pyramid of minima and maxima.

A payload is a 20-byte array header followed by the raw little-endian samples, which is also how
PostgreSQL holds an array in memory: numpy reads it at offset 20 without a copy, SQL decodes it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import DamagedData, InvalidValue

HEADER_SIZE = 20
PYRAMID_LEVELS = (64, 4096)
PYRAMID_BLOCK = 32768  # pairs of minimum and maximum in one row

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
    return header + little_endian(samples).tobytes()


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


def little_endian(samples: NDArray[np.generic]) -> NDArray[np.generic]:
    """The same numbers, contiguous and little-endian; no copy where they are already."""
    if samples.dtype.name not in _ELEMENT_OID:
        raise InvalidValue(
            f"samples of type {samples.dtype} cannot be stored; convert them to one of: {', '.join(DTYPES)}"
        )
    return np.ascontiguousarray(samples, samples.dtype.newbyteorder("<"))


def checksum(samples: NDArray[np.generic], times: NDArray[np.float64] | None = None) -> bytes:
    """SHA-256 of the raw samples, followed by the times where sampling is irregular."""
    digest = hashlib.sha256(little_endian(samples).data)
    if times is not None:
        digest.update(little_endian(times).data)
    return digest.digest()


def segments(samples: NDArray[np.generic], times: NDArray[np.float64] | None, length: int) -> Iterator[Segment]:
    """Cut a record into segments with their moments.

    Parameters
    ----------
    samples : ndarray, shape (n,)
    times : ndarray of float64, shape (n,), or None
        Seconds, for irregular sampling.
    length : int
        Samples in every segment but the last.
    """
    for position, first in enumerate(range(0, samples.size, length)):
        part = samples[first : first + length]
        numbers = part[np.isfinite(part)] if part.dtype.kind == "f" else part
        wide = numbers.astype(np.float64)
        with np.errstate(over="ignore"):
            total, squares = wide.sum(), np.dot(wide, wide)
        yield Segment(
            position,
            part.size,
            encode(part),
            None if times is None else encode(times[first : first + length]),
            numbers.size,
            float(total),
            float(squares),
            float(wide.min()) if wide.size else None,
            float(wide.max()) if wide.size else None,
        )


def pyramid(samples: NDArray[np.generic]) -> Iterator[PyramidBlock]:
    """Minimum and maximum of every 64 and every 4096 samples, in turn, in the type of the samples.

    A NaN hides no spike: it is left out where its block holds any number.
    """
    lows: NDArray[np.generic] = samples
    highs: NDArray[np.generic] = samples
    step = 1
    for level in PYRAMID_LEVELS:
        if samples.size <= level:
            return
        starts = np.arange(0, lows.size, level // step)
        lows = np.fmin.reduceat(lows, starts)
        highs = np.fmax.reduceat(highs, starts)
        step = level
        pairs = np.empty(2 * lows.size, samples.dtype)
        pairs[0::2] = lows
        pairs[1::2] = highs
        for position, first in enumerate(range(0, pairs.size, 2 * PYRAMID_BLOCK)):
            block = pairs[first : first + 2 * PYRAMID_BLOCK]
            yield PyramidBlock(level, position, block.size // 2, encode(block))
