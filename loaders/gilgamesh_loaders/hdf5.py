"""HDF5: any file of it, through a mapping file that says which dataset is which port (`mapping`).

The layout of the testbed's own acquisition needs no mapping (`testbed_hdf5`). A file whose meaning lies outside
it (external links and storage, virtual datasets) is refused, and so is a dataset of which not every sample was
written: HDF5 would fill it up with zeros.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gilgamesh_db.errors import InvalidValue, MissingExtra
from gilgamesh_loaders import mapping
from gilgamesh_loaders.arrays import Array, Container, check_expansion
from gilgamesh_loaders.formats import Hints, parsing, refusing
from gilgamesh_loaders.plan import ShotPlan

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NETCDF = (".nc", ".cdf", ".nc4")
_OF_THE_LIBRARY = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS")


class Hdf5:
    """The format ``hdf5``."""

    name = "hdf5"
    extensions = (".h5", ".hdf5", ".he5")
    description = "any HDF5 file, through a mapping file that says which dataset is which port"
    needs_mapping = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Tell it by its signature, and by not being netCDF."""
        return head.startswith(SIGNATURE) and not is_netcdf4(path)

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read the one shot of a file."""
        return self.read_all(path, hints)[0]

    def read_all(self, path: Path, hints: Hints) -> tuple[ShotPlan, ...]:
        """Read every shot of a file, as the mapping file says."""
        with refusing(path):
            if hints.mapping is None:
                raise InvalidValue(
                    "say which dataset is which port in a mapping file, and give it with --mapping (mapping=)"
                )
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return mapping.plans(path, hints.mapping, arrays_of(path), hints, content)


FORMAT = Hdf5()


def is_netcdf4(path: Path) -> bool:
    """Whether an HDF5 file was written by netCDF, which keeps its dimensions in it; the name tells of a damaged one."""
    try:
        h5py = library()
        with h5py.File(path, "r") as file:
            return "_NCProperties" in file.attrs or any(
                "_Netcdf4Dimid" in item.attrs or item.attrs.get("CLASS") == b"DIMENSION_SCALE"
                for item in file.values()
                if isinstance(item, h5py.Dataset)
            )
    except (MissingExtra, OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError):
        return path.suffix.casefold() in _NETCDF


def arrays_of(path: Path) -> Container:
    """All datasets of a file by their full names, with the attributes of everything."""
    h5py = library()
    arrays: dict[str, Array] = {}
    groups: dict[str, Mapping[str, Any]] = {}
    size = path.stat().st_size
    with parsing(path, "HDF5"), h5py.File(path, "r") as file:
        attributes = _attributes(file)
        for name, item in _members(file, h5py):
            if isinstance(item, h5py.Group):
                groups[name] = _attributes(item)
            elif isinstance(item, h5py.Dataset) and item.shape is not None:
                arrays[name] = Array(name, item.shape, item.dtype, _loader(path, name, size), _attributes(item))
    return Container("hdf5", arrays, attributes, groups)


def _members(group: Any, h5py: Any, prefix: str = "", seen: frozenset[Any] = frozenset()) -> Iterator[tuple[str, Any]]:
    """Everything in a file by its full name, links out of it refused, those inside it left alone."""
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise InvalidValue(f"{prefix + name!r} is a link to another file; the samples must be in the file itself")
        if not isinstance(link, h5py.HardLink):
            continue
        item = group[name]
        yield prefix + name, item
        if isinstance(item, h5py.Group):
            place = h5py.h5o.get_info(item.id).addr
            if place not in seen:
                yield from _members(item, h5py, f"{prefix}{name}/", seen | {place})


def _loader(path: Path, name: str, size: int) -> Any:
    def load() -> Samples:
        h5py = library()
        with parsing(path, "HDF5"), h5py.File(path, "r") as file:
            dataset = file[name]
            _check_whole(name, dataset)
            check_expansion(name, int(dataset.size) * int(dataset.dtype.itemsize), size)
            samples: Samples = dataset[()]
            return samples

    return load


def _check_whole(name: str, dataset: Any) -> None:
    """Refuse a dataset that is elsewhere, or of which a part was never written."""
    if dataset.external or dataset.is_virtual:
        raise InvalidValue(f"the samples of {name!r} are in another file; they must be in this one")
    if dataset.chunks is None:
        written = int(dataset.id.get_storage_size()) // max(1, int(dataset.dtype.itemsize))
        if written < dataset.size:
            raise InvalidValue(f"{name!r} promises {dataset.size} samples, {written} were written")
        return
    promised = math.prod(-(-length // chunk) for length, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    written = int(dataset.id.get_num_chunks())
    if written < promised:
        raise InvalidValue(f"{name!r} promises {promised} chunks of samples, {written} were written")


def _attributes(item: Any) -> dict[str, Any]:
    """Attributes that are numbers or texts, alone or in rows."""
    said: dict[str, Any] = {}
    for name in item.attrs:
        if name in _OF_THE_LIBRARY:
            continue
        try:
            value = item.attrs[name]
        except (OSError, TypeError):  # of a type HDF5 knows and numpy does not
            continue
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(())[()]
        if isinstance(value, bytes):
            value = value.decode("utf-8")
        if isinstance(value, str | np.number | np.bool_ | np.ndarray | bool | int | float):
            said[name] = value.item() if isinstance(value, np.generic) else value
    return said


def library() -> Any:
    """The library h5py."""
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("h5py", "loaders", "reading HDF5 files") from error
    return h5py
