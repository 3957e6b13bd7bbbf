"""One port, one signal, one record: the smallest testbed that has samples."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import psycopg
import sqlalchemy as sa
from numpy.typing import NDArray

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, PowerOfTen
from gilgamesh_db.writer import write_series

FIRED = datetime(2025, 2, 1, 12, tzinfo=UTC)


def driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    found = connection.connection.driver_connection
    assert isinstance(found, psycopg.Connection)
    return found


def install(db: gilgamesh.Database, dtype: str = "int16", shots: int = 1) -> int:
    """One port with one signal; returns the identity of the port."""
    with db.edit("installation") as edit:
        edit.add_component("PXI", "Digitiser")
        edit.add_port("PXI", "ai0", dtype=dtype)
        edit.calibrate("PXI/ai0", Polynomial((0.25, 0.001)), "ct", "V")
        edit.add_component("detector", "LogDetector")
        edit.calibrate("detector", (Polynomial((-1.0, 2.0)), PowerOfTen()), "V", "mW")
        edit.add_signal("U", unit="V", aliases=["Voltage"])
        edit.add_signal("P", unit="mW")
        edit.connect("U", "PXI/ai0")
    with db.transaction() as connection:
        for number in range(1, shots + 1):
            connection.execute(sa.text("insert into gilgamesh.shot (number, started_at) values (:n, :t)"),
                               {"n": number, "t": FIRED})  # fmt: skip
        return int(connection.exec_driver_sql("select component_id from gilgamesh.port").scalar_one())


def record(db: gilgamesh.Database, shot: int, port: int, samples: NDArray[Any], **base: Any) -> None:
    with db.transaction() as connection:
        write_series(driver(connection), shot, samples, port_id=port, **(base or {"start": 0.0, "dt": 1e-5}))


COUNTS = {
    1: np.arange(1000, dtype=np.int16),
    2: np.arange(1000, dtype=np.int16)[::-1].copy(),
    5: np.zeros(10, np.int16),
}


def install_two_rates(db: gilgamesh.Database) -> None:
    """Two ports with one signal each, U every 1 ms and I every 2 ms; shots 1, 2 and 5."""
    port = install(db, shots=5)
    with db.edit("a second port") as edit:
        edit.add_port("PXI", "ai1", dtype="int16")
        edit.calibrate("PXI/ai1", gilgamesh.Polynomial((0.0, 2.0)), "ct", "mA")
        edit.add_signal("I", unit="A")
        edit.connect("I", "PXI/ai1")
        edit.add_signal("V2", unit="kV")
    with db.transaction() as connection:
        connection.exec_driver_sql("delete from gilgamesh.shot where number in (3, 4)")
    second = int(db.sql("select component_id from gilgamesh.port order by 1").iloc[-1, 0])
    for shot, counts in COUNTS.items():
        record(db, shot, port, counts, start=0.0, dt=1e-3)
        record(db, shot, second, counts[::2].copy(), start=0.0, dt=2e-3)
