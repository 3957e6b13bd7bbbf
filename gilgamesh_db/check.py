"""Reading every stored sample and comparing it with what was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg

from . import payload
from .errors import DamagedData

if TYPE_CHECKING:
    from .database import Database

_SERIES = (
    "select id, shot, dtype, n, dt is null, sha256 from gilgamesh.series where sha256 is not null order by shot, id"
)
_SEGMENTS = "select payload, times, n from gilgamesh.segment where shot = %s and series_id = %s order by position"


def check_samples(db: Database) -> Iterator[str]:
    """Yield one text per finished series: empty when its samples have the checksum they were recorded with."""
    with db.transaction() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine is made by connect()
        with driver.cursor(binary=True) as cursor:
            series = cursor.execute(_SERIES).fetchall()
        for series_id, shot, dtype, n, irregular, recorded in series:
            checksum, found = payload.Checksum(irregular=irregular), 0
            try:
                with driver.cursor(binary=True) as cursor:
                    for stored, times, count in cursor.stream(_SEGMENTS, (shot, series_id), size=4):
                        clock = payload.decode_times(times, count) if irregular else None
                        checksum.add(payload.decode(stored, dtype, count), clock)
                        found += count
            except DamagedData as error:
                yield f"series {series_id} of shot {shot}: {error}"
                continue
            if found != n:
                yield f"series {series_id} of shot {shot}: {n} samples were recorded, {found} are stored"
            elif checksum.digest() != recorded:
                yield f"series {series_id} of shot {shot}: the samples are not those that were recorded"
            else:
                yield ""
