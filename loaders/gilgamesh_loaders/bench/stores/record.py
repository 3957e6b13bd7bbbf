"""What a store of files can do. Reading includes opening; values are scaled with numpy."""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..workload import Raw, Values

Extremes = tuple[Values, Values]


class FileStore(ABC):
    """One file (or folder) per record.

    Parameters
    ----------
    folder : Path
        Where the files go.
    name : str
        What the store is called in the table.
    """

    package: ClassVar[str]
    ending: ClassVar[str]

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder / name.replace(" ", "_")
        self._folder.mkdir(exist_ok=True)
        self.gain, self.offset = 1.0, 0.0

    def path(self, number: int) -> Path:
        """Where a record is."""
        return self._folder / f"{number}{self.ending}"

    @abstractmethod
    def write(self, number: int, raw: Raw) -> None:
        """Write a new record; it is on disk when this returns."""

    @abstractmethod
    def raw(self, number: int) -> Raw:
        """A whole record."""

    @abstractmethod
    def raw_window(self, number: int, first: int, size: int) -> Raw:
        """Some consecutive samples."""

    def fill(self, records: Sequence[Raw], first: int) -> None:
        """Write many short records, numbered from `first`."""
        for number, raw in enumerate(records, first):
            self.write(number, raw)

    def values(self, number: int) -> Values:
        """A whole record, calibrated."""
        return self.scaled(self.raw(number))

    def window(self, number: int, first: int, size: int) -> Values:
        """Some consecutive samples, calibrated."""
        return self.scaled(self.raw_window(number, first, size))

    def extremes(self, number: int, points: int) -> Extremes:
        """Minimum and maximum in bins, calibrated."""
        raw = self.raw(number)
        starts = (np.arange(points, dtype=np.int64) * raw.size + points - 1) // points
        return self.scaled(np.minimum.reduceat(raw, starts)), self.scaled(np.maximum.reduceat(raw, starts))

    def statistics(self, numbers: range) -> list[tuple[float, float]]:
        """Mean and rms of each record, calibrated."""
        found = []
        for number in numbers:
            values = self.values(number)
            found.append((float(values.mean()), float(np.sqrt(np.dot(values, values) / values.size))))
        return found

    def mean(self, number: int) -> float:
        """The mean of a record, calibrated."""
        return float(self.values(number).mean())

    def size(self, number: int) -> int:
        """Bytes of a record on disk."""
        path = self.path(number)
        return sum(part.stat().st_size for part in ([path] if path.is_file() else path.rglob("*")) if part.is_file())

    def remove(self, number: int) -> None:
        """Forget a record."""
        path = self.path(number)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

    def scaled(self, raw: Raw) -> Values:
        """From counts to values, with one allocation."""
        values = raw.astype(np.float64)
        values *= self.gain
        values += self.offset
        return values

    def to_disk(self, path: Path) -> None:
        """Do not return before the record is on disk, and its name in its folder."""
        parts = [path, self._folder] if path.is_file() else [path, *path.rglob("*"), self._folder]
        for part in parts:
            handle = os.open(part, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
