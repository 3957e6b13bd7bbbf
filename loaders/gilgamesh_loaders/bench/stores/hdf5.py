"""HDF5 through h5py, in chunks or contiguous."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from ..workload import Raw
from .record import FileStore


class HDF5(FileStore):
    """One file per record; samples per chunk, or None for one piece."""

    package: ClassVar[str] = "h5py"
    ending: ClassVar[str] = ".h5"

    def __init__(self, folder: Path, name: str, chunk: int | None) -> None:
        super().__init__(folder, name)
        self._chunk = chunk

    def write(self, number: int, raw: Raw) -> None:
        """Write a new record; it is on disk when this returns."""
        self.write_channels(number, [raw])

    def write_channels(self, number: int, channels: list[Raw]) -> None:
        """Write a file with several datasets."""
        import h5py

        with h5py.File(self.path(number), "w") as file:
            for channel, raw in enumerate(channels):
                chunks = None if self._chunk is None else (min(self._chunk, raw.size),)
                file.create_dataset(str(channel), data=raw, chunks=chunks)
        self.to_disk(self.path(number))

    def channels(self, number: int, chosen: Iterable[int]) -> Iterator[Raw]:
        """Some datasets of a file, whole, one after the other."""
        import h5py

        with h5py.File(self.path(number), "r") as file:
            for channel in chosen:
                yield file[str(channel)][:]

    def raw(self, number: int) -> Raw:
        """A whole record."""
        import h5py

        with h5py.File(self.path(number), "r") as file:
            raw: Raw = file["0"][:]
            return raw

    def raw_window(self, number: int, first: int, size: int) -> Raw:
        """Some consecutive samples."""
        import h5py

        with h5py.File(self.path(number), "r") as file:
            raw: Raw = file["0"][first : first + size]
            return raw
