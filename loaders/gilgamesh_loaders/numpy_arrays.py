"""NumPy: an array (``.npy``) or several by name (``.npz``); never pickles.

A row is a sample. Of an ``.npy`` without names the columns are channels, or the fields of its records; of an
``.npz`` see `arrays.channels`. Sizes in the headers are compared with the bytes that are there before anything is
read, so that an array which promises more than the file holds is refused and never allocated.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders import mapping
from gilgamesh_loaders.arrays import Array, Container, channels, check_expansion
from gilgamesh_loaders.formats import Hints, parsing, planned, refusing, source_of
from gilgamesh_loaders.plan import ShotPlan

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

_MAGIC = b"\x93NUMPY"


class NumpyArrays:
    """The format ``numpy``."""

    name = "numpy"
    extensions = (".npy", ".npz")
    description = "NumPy arrays, channels of one length beside a time or an interval, or through a mapping file"
    takes_mapping = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Tell an array by its mark, several by the first name in the archive."""
        if head.startswith(b"PK\x03\x04"):
            length = int.from_bytes(head[26:28], "little")
            return head[30 : 30 + length].endswith(b".npy") or path.suffix.casefold() == ".npz"
        return head.startswith(_MAGIC)

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read the one shot of a file."""
        return self.read_all(path, hints)[0]

    def read_all(self, path: Path, hints: Hints) -> tuple[ShotPlan, ...]:
        """Read every shot of a file."""
        with refusing(path):
            content = path.read_bytes()
            container = arrays_of(path, content)
            if hints.mapping is not None:
                return mapping.plans(path, hints.mapping, container, hints, content)
            if hints.device is None:
                raise InvalidValue("the file does not say which device recorded it; give --device (device=)")
            series, notes = channels(container.arrays, hints.device, hints)
            return (planned(path, hints, series, source_of(path, self.name, content), notes=notes),)


FORMAT = NumpyArrays()


def arrays_of(path: Path, content: bytes) -> Container:
    """Arrays of a file, checked to be whole."""
    if content.startswith(_MAGIC):
        array = _checked("array", content, len(content))
        return Container("numpy", _fields(array) or {array.name: array})
    arrays: dict[str, Array] = {}
    with parsing(path, "an archive of NumPy arrays"), zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                raise InvalidValue(f"{member.filename!r} in it is no array")
            name = member.filename.removesuffix(".npy")
            check_expansion(name, member.file_size, len(content))
            if name in arrays:
                raise InvalidValue(f"the array {name!r} is in it twice; which is meant is not to be guessed")
            arrays[name] = _checked(name, archive.read(member), member.file_size)
    if not arrays:
        raise InvalidValue("there is no array in it")
    return Container("numpy", arrays)


def _checked(name: str, content: bytes, size: int) -> Array:
    """Describe an array whose bytes are exactly those its header promises."""
    file = io.BytesIO(content)
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except (ValueError, TypeError, SyntaxError, TokenError) as error:
        raise InvalidValue(f"the header of {name!r} cannot be understood ({error!s:.100}); it was cut, or is damaged") from error  # fmt: skip
    if dtype.hasobject:
        raise InvalidValue(f"{name!r} holds Python objects, which are code; save numbers")
    begin = file.tell()
    array = Array(name, shape, dtype, lambda: _loaded(content, begin, shape, fortran, dtype))
    if size - begin != array.bytes:
        raise InvalidValue(f"{name!r} promises {array.bytes} bytes of numbers, there are {size - begin}; was it cut?")
    return array


def _loaded(content: bytes, begin: int, shape: tuple[int, ...], fortran: bool, dtype: np.dtype) -> Samples:
    flat = np.frombuffer(content, dtype, offset=begin)
    return flat.reshape(shape, order="F" if fortran else "C")


def _fields(array: Array) -> dict[str, Array]:
    """Fields of an array of records, each an array."""
    fields: Mapping[str, Any] = array.dtype.fields or {}
    return {
        name: Array(name, array.shape, kind[0], lambda name=name: array.load()[name])  # type: ignore[misc]
        for name, kind in fields.items()
    }
