"""MATLAB: variables of a ``.mat`` file, of version 4 and 5 (`matlab_elements`) or of version 7.3, which is HDF5 (h5py).

Channels and time are told by `arrays.channels`: variables of one length beside ``t`` or ``time``, or beside ``dt`` or
``fs``. The fields of a structure are variables too, ``structure/field``.
"""

from __future__ import annotations

from pathlib import Path

from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders import mapping
from gilgamesh_loaders.arrays import Array, Container, channels
from gilgamesh_loaders.formats import Hints, planned, refusing, source_of
from gilgamesh_loaders.matlab_elements import variables
from gilgamesh_loaders.plan import ShotPlan

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
    found: dict[str, Array] = {}
    for array in variables(content):
        if array.name in found:
            raise InvalidValue(f"the variable {array.name!r} is in it twice; which is meant is not to be guessed")
        found[array.name] = array
    if not found:
        raise InvalidValue("there is no variable in it; it was cut, or is empty")
    return Container("matlab", found)
