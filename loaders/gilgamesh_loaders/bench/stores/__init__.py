"""Ways to keep samples, one module each. Every file is set up as it is fastest for noise: without compression."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from .duckdb_file import DuckDBFile
from .hdf5 import HDF5
from .parquet import Parquet
from .record import FileStore
from .zarr_folder import ZarrFolder

REFERENCE = "h5py chunked"


def file_stores(folder: Path) -> tuple[list[FileStore], list[str]]:
    """The stores whose packages are installed, and the names of those that are left out."""
    everything: list[FileStore] = [
        HDF5(folder, REFERENCE, chunk=65_536),
        HDF5(folder, "h5py contiguous", chunk=None),
        ZarrFolder(folder, "zarr"),
        Parquet(folder, "parquet"),
        DuckDBFile(folder, "duckdb"),
    ]
    there = [store for store in everything if find_spec(store.package) is not None]
    return there, [store.name for store in everything if store not in there]
