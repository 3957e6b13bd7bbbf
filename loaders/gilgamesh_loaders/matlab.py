"""MATLAB: variables of a ``.mat`` file, of version 4 and 5 (scipy) or of version 7.3, which is HDF5 (h5py).

Channels and time are told by `arrays.channels`: variables of one length beside ``t`` or ``time``, or beside ``dt`` or
``fs``. The fields of a structure are variables too, ``structure/field``. A variable that promises more than fits
into memory is refused before it is read.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gilgamesh_db.errors import InvalidValue, MissingExtra
from gilgamesh_loaders import mapping
from gilgamesh_loaders.arrays import Array, Container, channels, check_expansion
from gilgamesh_loaders.formats import Hints, parsing, planned, refusing, source_of
from gilgamesh_loaders.plan import ShotPlan

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

_TEXT = 116  # bytes of words at the beginning of a file of version 5 or 7.3


class Matlab:
    """The format ``matlab``."""

    name = "matlab"
    extensions = (".mat",)
    description = (
        "MATLAB variables (versions 4 to 7.3), channels beside a time or an interval, or through a mapping file"
    )
    takes_mapping = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Tell it by the words at its beginning; version 4 has none."""
        if head.startswith(b"MATLAB ") and b"MAT-file" in head[:_TEXT]:
            return True
        return path.suffix.casefold() == ".mat" and len(head) > 20 and head[0] in (0, 10, 20, 30, 40, 50) and head[1:4] == b"\0\0\0"  # fmt: skip

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read the one shot of a file."""
        return self.read_all(path, hints)[0]

    def read_all(self, path: Path, hints: Hints) -> tuple[ShotPlan, ...]:
        """Read every shot of a file."""
        with refusing(path):
            content = path.read_bytes()
            container = variables_of(path, content)
            if hints.mapping is not None:
                return mapping.plans(path, hints.mapping, container, hints, content)
            if hints.device is None:
                raise InvalidValue("the file does not say which device recorded it; give --device (device=)")
            series, notes = channels(container.arrays, hints.device, hints)
            return (planned(path, hints, series, source_of(path, self.name, content), notes=notes),)


FORMAT = Matlab()


def variables_of(path: Path, content: bytes) -> Container:
    """Variables of a file, and the fields of its structures."""
    if b"MATLAB 7.3" in content[:_TEXT]:
        from gilgamesh_loaders.hdf5 import arrays_of

        return Container("matlab", arrays_of(path).arrays)
    matlab = _library()
    with parsing(path, "MATLAB variables"), warnings.catch_warnings():
        warnings.simplefilter("error")  # of a variable that is there twice, or cannot be read
        for name, shape, _ in matlab.whosmat(io.BytesIO(content)):
            check_expansion(name, 8 * int(np.prod([int(length) for length in shape], dtype=object)), len(content))
        loaded = matlab.loadmat(io.BytesIO(content), mat_dtype=True)
    variables = {name: value for name, value in loaded.items() if not name.startswith("__")}
    if not variables:
        raise InvalidValue("there is no variable in it; it was cut, or is empty")
    return Container("matlab", {one.name: one for name, value in variables.items() for one in _arrays(name, value)})


def _arrays(name: str, value: Any) -> Iterator[Array]:
    if not isinstance(value, np.ndarray):  # sparse matrices and the like
        yield Array(name, (), np.dtype(object), lambda: np.zeros(0))
    elif value.dtype.names and value.size == 1:
        for part in value.dtype.names:
            yield from _arrays(f"{name}/{part}", value.ravel()[0][part])
    else:

        def load() -> Samples:
            return value

        yield Array(name, value.shape, value.dtype, load)


def _library() -> Any:
    try:
        from scipy.io import matlab
    except ImportError as error:
        raise MissingExtra("scipy", "loaders", "reading MATLAB files") from error
    return matlab
