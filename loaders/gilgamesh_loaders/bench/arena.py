"""What the tasks share: the stores, and a long record in each of them that was checked to be the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import numpy as np
import psycopg

from gilgamesh_db import Database

from .discharges import Discharges
from .stores import file_stores
from .stores.gilgamesh import Gilgamesh
from .stores.row_table import RowTable
from .workload import Raw, Sizes, Values, noisy_signal

RECORD = 1  # the shot that is read; the tasks that write number theirs from a base of their own


class Arena:
    """Where the stores compete.

    Attributes
    ----------
    sizes : Sizes
    folder : Path
        For files of one's own.
    ours : Gilgamesh
    rows : RowTable
    files : list of FileStore
    left_out : list of str
        Stores whose packages are not installed.
    """

    def __init__(self, db: Database, folder: Path, sizes: Sizes) -> None:
        self.sizes = sizes
        self.folder = folder
        self.ours = Gilgamesh(db)
        self.rows = RowTable(self.ours.connection)
        self.files, self.left_out = file_stores(folder)

    @cached_property
    def raw(self) -> Raw:
        """The long record, as it came from the converter."""
        return noisy_signal(self.sizes.samples, self.sizes.seed)

    @cached_property
    def record(self) -> int:
        """The number of a record that is in every store; the row table holds its beginning."""
        raw, number = self.raw, RECORD
        self.ours.write(number, raw)
        gain, offset = self.ours.line(number)
        self.rows.calibrate(gain, offset)
        self.rows.write(number, raw[: self.sizes.rows])
        self.rows.analyze()
        expected: Values = raw.astype(np.float64) * gain + offset
        _same("gilgamesh", self.ours.values(number), expected)
        for store in self.files:
            store.gain, store.offset = gain, offset
            store.write(number, raw)
            _same(store.name, store.values(number), expected)
        return number

    @cached_property
    def discharges(self) -> Discharges:
        """Discharges of many signals, in the database and in a file for each."""
        return Discharges(self.ours, self.files, self.sizes)

    def settle(self) -> None:
        """Bring what is only in memory to disk: the files' share, and the server's.

        A server that was just made also has to make each file of its write-ahead log; after a checkpoint it uses the
        old ones again, as one that has been running for a while does.
        """
        with suppress(psycopg.errors.InsufficientPrivilege):  # the role pg_checkpoint is not everybody's
            self.ours.connection.execute("checkpoint")
        os.sync()


@contextmanager
def arena(db: Database, folder: Path, sizes: Sizes) -> Iterator[Arena]:
    """An arena whose connection is closed afterwards."""
    made = Arena(db, folder, sizes)
    try:
        yield made
    finally:
        made.ours.close()


def _same(store: str, found: Values, expected: Values) -> None:
    """A store that gives other numbers is not compared."""
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=f"{store} gives other numbers")
