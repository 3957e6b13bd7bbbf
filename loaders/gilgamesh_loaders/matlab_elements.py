"""The bytes of MATLAB files, versions 4 and 5: every numeric variable, and those in structures, as arrays.

`scipy.io.loadmat` reads them too, but a damaged byte can end the whole process in its compiled parts, and it gives
doubles back in whichever type they were packed. Here every length is checked against the bytes there are, and an
array has the type its variable has in MATLAB. What holds no numbers (texts, cells, sparse matrices, objects) is named
and has no samples. The layouts are those of MathWorks' "MAT-File Format".
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders.arrays import Array, check_expansion

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

_HEADER = 128  # bytes of version 5, before the first variable
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_STRUCTURE = 2
_LOGICAL, _COMPLEX = 0x0200, 0x0800
_DEEPEST = 16  # structures in structures
_OLD_TYPES = ("f8", "f4", "i4", "i2", "u2", "u1")  # of version 4


class _Element(NamedTuple):
    """A piece of a file: its type, its bytes, and where the next one begins."""

    kind: int
    data: memoryview
    end: int


def variables(content: bytes) -> Iterator[Array]:
    """All variables of a file of version 4 or 5, structures taken apart into ``structure/field``.

    Raises
    ------
    InvalidValue
        The file was cut or is damaged; the place is named.
    """
    if len(content) >= _HEADER and content[126:128] in (b"IM", b"MI"):
        order = "<" if content[126:128] == b"IM" else ">"
        yield from _fifth(memoryview(content), order, len(content))
    elif content.startswith(b"MATLAB"):
        raise InvalidValue(f"it ends after {len(content)} bytes, within its header of {_HEADER}, or is damaged there")
    else:
        yield from _fourth(content)


def _fifth(content: memoryview, order: str, size: int) -> Iterator[Array]:
    begin = _HEADER
    while begin < size:
        place = f"byte {begin}"
        element = _element(content, begin, order, place)
        begin = element.end
        data, kind = element.data, element.kind
        if kind == _COMPRESSED:
            inner = _element(_unpacked(data, order, place, size), 0, order, place)
            data, kind = inner.data, inner.kind
        if kind != _MATRIX:
            raise InvalidValue(f"{place}: an element of type {kind}, where a variable belongs; it is damaged")
        yield from _matrix(data, order, place, "", 0)


def _element(content: memoryview, begin: int, order: str, place: str) -> _Element:
    if len(content) - begin < 8:
        raise InvalidValue(f"{place}: it ends within the head of an element; it was cut")
    kind, length = struct.unpack_from(f"{order}2I", content, begin)
    if kind >> 16:  # a small element: type, length and up to four bytes together
        kind, length, first, end = kind & 0xFFFF, kind >> 16, begin + 4, begin + 8
        if length > 4:
            raise InvalidValue(f"{place}: a small element of {length} bytes; it is damaged")
    else:
        first = begin + 8
        end = first + length + (0 if kind == _COMPRESSED else -length % 8)
    if first + length > len(content):
        raise InvalidValue(f"{place}: an element of {length} bytes has {max(0, len(content) - first)}; it was cut")
    return _Element(kind, content[first : first + length], min(end, len(content)))


def _unpacked(data: memoryview, order: str, place: str, size: int) -> memoryview:
    """Take a compressed element apart, after its own length was believed to fit into memory."""
    try:
        unpacking = zlib.decompressobj()
        head = unpacking.decompress(data, 8)
        if len(head) < 8:
            raise InvalidValue(f"{place}: a compressed variable ends within its head; it was cut")
        length = struct.unpack(f"{order}2I", head)[1]
        check_expansion(place, length, size)
        body = head + unpacking.decompress(unpacking.unconsumed_tail, length + 1)
        body += unpacking.flush() if len(body) <= length + 8 else b""
    except zlib.error as error:
        raise InvalidValue(f"{place}: a compressed variable is damaged ({error})") from error
    if len(body) < length + 8 or not unpacking.eof:
        raise InvalidValue(
            f"{place}: a compressed variable has {len(body)} of {length + 8} bytes; it was cut or is damaged"
        )
    return memoryview(body)


def _matrix(data: memoryview, order: str, place: str, prefix: str, depth: int) -> Iterator[Array]:
    """One variable, or what is in it; its name is that of the file, or of the field it stands in."""
    if not len(data):
        return
    flags = _element(data, 0, order, place)
    shape_at = _element(data, flags.end, order, place)
    name_at = _element(data, shape_at.end, order, place)
    if len(flags.data) < 8 or len(shape_at.data) < 8 or len(shape_at.data) % 4:
        raise InvalidValue(f"{place}: a variable without a class or a shape; it is damaged")
    said = int(np.frombuffer(flags.data, f"{order}u4", 1)[0])
    shape = tuple(int(length) for length in np.frombuffer(shape_at.data, f"{order}i4"))
    name = prefix or bytes(name_at.data).decode("utf-8", "backslashreplace")
    if min(shape) < 0:
        raise InvalidValue(f"{name!r} has the shape {shape}; it is damaged")
    if said & 0xFF == _STRUCTURE and math.prod(shape) == 1 and depth < _DEEPEST:
        yield from _fields(data, name_at.end, order, name, depth)
    elif said & 0xFF in _CLASSES and not said & _COMPLEX:
        real = _element(data, name_at.end, order, place)
        dtype = np.dtype("?") if said & _LOGICAL else np.dtype(_CLASSES[said & 0xFF])
        yield Array(name, shape, dtype, _loader(_numbers(name, real, shape, order), shape, dtype))
    elif name:
        yield Array(name, (), np.dtype(object), lambda: np.zeros(0))


def _fields(data: memoryview, begin: int, order: str, name: str, depth: int) -> Iterator[Array]:
    """Every field of a structure."""
    length_at = _element(data, begin, order, name)
    names_at = _element(data, length_at.end, order, name)
    length = int(np.frombuffer(length_at.data, f"{order}i4", 1)[0]) if len(length_at.data) >= 4 else 0
    if length < 1 or len(names_at.data) % length:
        raise InvalidValue(f"{name!r}: names of fields of {length} bytes; it is damaged")
    begin = names_at.end
    for place in range(0, len(names_at.data), length):
        field = bytes(names_at.data[place : place + length]).split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
        element = _element(data, begin, order, f"{name}/{field}")
        if element.kind != _MATRIX:
            raise InvalidValue(f"{name}/{field}: an element of type {element.kind}; it is damaged")
        begin = element.end
        yield from _matrix(element.data, order, f"{name}/{field}", f"{name}/{field}", depth + 1)


def _numbers(name: str, element: _Element, shape: tuple[int, ...], order: str) -> Samples:
    """Numbers as they are packed, as many as the shape says."""
    if element.kind not in _TYPES:
        raise InvalidValue(f"{name!r} is packed as type {element.kind}, which is none of numbers; it is damaged")
    dtype = np.dtype(order + _TYPES[element.kind])
    promised = math.prod(shape) * dtype.itemsize
    if len(element.data) != promised:
        raise InvalidValue(
            f"{name!r} of the shape {shape} has {len(element.data)} bytes instead of {promised}; it is damaged"
        )
    return np.frombuffer(element.data, dtype)


def _loader(packed: Samples, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Callable[[], Samples]:
    return lambda: packed.astype(dtype).reshape(shape, order="F")


def _fourth(content: bytes) -> Iterator[Array]:
    begin = 0
    while begin < len(content):
        if len(content) - begin < 20:
            raise InvalidValue(f"byte {begin}: it ends within the head of a variable; it was cut")
        order = "<" if struct.unpack_from("<i", content, begin)[0] in range(1000) else ">"
        said, rows, columns, imaginary, length = struct.unpack_from(f"{order}5i", content, begin)
        machine, _, packing, kind = (said // place % 10 for place in (1000, 100, 10, 1))
        if said < 0 or machine > 1 or packing >= len(_OLD_TYPES) or kind > 2 or min(rows, columns, length) < 0:
            raise InvalidValue(
                f"byte {begin}: {said}, {rows}, {columns} are no variable; it is damaged, or no MATLAB file"
            )
        dtype = np.dtype(order + _OLD_TYPES[packing])
        name = content[begin + 20 : begin + 20 + length].split(b"\0", 1)[0].decode("latin-1")
        begin += 20 + length
        size = rows * columns * dtype.itemsize
        if begin + size * (2 if imaginary else 1) > len(content):
            raise InvalidValue(
                f"{name!r} promises {size} bytes at byte {begin}, the file has {len(content)}; it was cut"
            )
        packed = np.frombuffer(content, dtype, rows * columns, begin)
        begin += size * (2 if imaginary else 1)
        if kind or imaginary:
            yield Array(name, (), np.dtype(object), lambda: np.zeros(0))
        else:
            plain = dtype.newbyteorder("=")
            yield Array(name, (rows, columns), plain, _loader(packed, (rows, columns), plain))
