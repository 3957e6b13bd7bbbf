"""Zarr, version 3: a folder with a file per chunk."""

from __future__ import annotations

from typing import Any, ClassVar

from ..workload import Raw
from .record import FileStore

CHUNK = 1 << 20  # samples: fewer files to open and to bring to disk


class ZarrFolder(FileStore):
    """One folder per record."""

    package: ClassVar[str] = "zarr"
    ending: ClassVar[str] = ".zarr"

    def write(self, number: int, raw: Raw) -> None:
        """Write a new record; it is on disk when this returns."""
        import zarr

        chunks = (min(CHUNK, raw.size),)
        zarr.create_array(str(self.path(number)), data=raw, chunks=chunks, compressors=None)
        self.to_disk(self.path(number))

    def raw(self, number: int) -> Raw:
        """A whole record."""
        raw: Raw = self._open(number)[:]
        return raw

    def raw_window(self, number: int, first: int, size: int) -> Raw:
        """Some consecutive samples."""
        raw: Raw = self._open(number)[first : first + size]
        return raw

    def _open(self, number: int) -> Any:
        import zarr

        return zarr.open_array(str(self.path(number)), mode="r")
