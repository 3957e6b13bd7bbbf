"""Parquet through pyarrow: one column of samples."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..workload import Raw
from .record import FileStore

ROW_GROUP = 131_072  # samples: read whole, so not too many for a window


class Parquet(FileStore):
    """One file per record. Parquet knows no integers shorter than four bytes."""

    package: ClassVar[str] = "pyarrow"
    ending: ClassVar[str] = ".parquet"

    def write(self, number: int, raw: Raw) -> None:
        """Write a new record; it is on disk when this returns."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table({"raw": raw})
        pq.write_table(table, self.path(number), row_group_size=ROW_GROUP, compression="none", use_dictionary=False)
        self.to_disk(self.path(number))

    def raw(self, number: int) -> Raw:
        """A whole record."""
        import pyarrow.parquet as pq

        raw: Raw = pq.read_table(self.path(number)).column("raw").to_numpy()
        return raw

    def raw_window(self, number: int, first: int, size: int) -> Raw:
        """Some consecutive samples, from the row groups that hold them."""
        import pyarrow.parquet as pq

        group, skip = divmod(first, ROW_GROUP)
        groups = list(range(group, (first + size - 1) // ROW_GROUP + 1))
        with pq.ParquetFile(self.path(number)) as file:
            raw = np.asarray(file.read_row_groups(groups).column("raw").to_numpy())
        return raw[skip : skip + size]
