"""Discharges of many signals: the same counts behind calibrated names in the database, and in a file per discharge."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from gilgamesh_db import Polynomial
from gilgamesh_db.writer import write_series

from .stores.gilgamesh import Gilgamesh
from .stores.hdf5 import HDF5
from .stores.record import FileStore
from .workload import DT, Raw, Sizes, Values, noisy_signal

FIRST = 30_000  # number of the first discharge
REASON = "installation of the probes"
STARTED = datetime(2026, 1, 1, tzinfo=UTC)

PORTS = """
select s.name, r.port_id from gilgamesh.signal s join gilgamesh.connection r on r.signal_id = s.id
 where s.name = any(%s)
"""
LINES = 'select signal, gain, "offset" from gilgamesh.resolved_signal where signal = any(%s) and shot = %s'


class Discharges:
    """Some discharges, each with a record of every signal.

    Attributes
    ----------
    names : list of str
        The signals; each behind a port and a divider of its own.
    shots : range
    files : list of HDF5
        Those of the stores that keep several records in one file.
    lines : dict of str to (float, float)
        Gain and offset of each signal, for those who calibrate by hand.
    """

    def __init__(self, ours: Gilgamesh, stores: list[FileStore], sizes: Sizes) -> None:
        self.names = [f"Probe_{number:02d}" for number in range(sizes.signals)]
        self.shots = range(FIRST, FIRST + sizes.discharges)
        self.files = [store for store in stores if isinstance(store, HDF5)]
        self.samples = sizes.signal_samples
        self._ours = ours
        with ours.db.edit(REASON, author="benchmark") as edit:
            for number, name in enumerate(self.names):
                port, divider = f"PXI/probe{number}", divider_of(name)
                edit.add_port("PXI", f"probe{number}", dtype="int16")
                edit.calibrate(port, Polynomial((0.0, 20 / 65536)), "ct", "V")
                edit.add_component(divider, "Divider")
                edit.calibrate(divider, Polynomial((0.01 * number, 5.0 + number)), "V", "V")
                edit.add_signal(name, unit="V")
                edit.connect(name, port, chain=[divider])
        self.ports: dict[str, int] = dict(ours.ask(PORTS, (self.names,)))
        for shot, records in zip(self.shots, _records(sizes), strict=True):
            self.write(shot, STARTED, records)
            for store in self.files:
                store.write_channels(shot, records)
        ours.analyze()
        self.lines = {name: (gain, offset) for name, gain, offset in ours.ask(LINES, (self.names, FIRST))}

    def write(self, shot: int, started: datetime, records: list[Raw]) -> None:
        """Write a discharge into the database."""
        connection = self._ours.connection
        with connection.transaction():
            connection.execute("insert into gilgamesh.shot (number, started_at) values (%s, %s)", (shot, started))
            for name, raw in zip(self.names, records, strict=True):
                write_series(connection, shot, raw, start=0.0, dt=DT, port_id=self.ports[name])

    def by_hand(self, store: HDF5, shot: int, names: list[str]) -> Iterator[Values]:
        """Calibrated values out of the file of a discharge, one signal after the other."""
        for name, raw in zip(names, store.channels(shot, [self.names.index(name) for name in names]), strict=False):
            gain, offset = self.lines[name]
            values = raw.astype(np.float64)
            values *= gain
            values += offset
            yield values


def divider_of(name: str) -> str:
    """The divider of a signal."""
    return f"divider of {name}"


def _records(sizes: Sizes) -> Iterator[list[Raw]]:
    """Discharge after discharge, weak and strong ones: the same probes at other amplitudes."""
    rng = np.random.default_rng(sizes.seed)
    full = [noisy_signal(sizes.signal_samples, sizes.seed + number) for number in range(sizes.signals)]
    for _ in range(sizes.discharges):
        yield [(raw * rng.uniform(0.2, 1.0)).astype(np.int16) for raw in full]
