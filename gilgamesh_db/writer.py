"""Writing samples: one place that knows how a record becomes rows. Readers see it when the transaction commits."""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from . import payload
from .errors import InvalidValue

_SERIES = """
insert into gilgamesh.series (shot, port_id, signal_id, run_id, source_id, dtype, n, start, dt, segment_n, sha256)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning id
"""
_SEGMENT = """
copy gilgamesh.segment (shot, series_id, position, n, payload, times, numbers, total, squares, minimum, maximum)
from stdin (format binary)
"""
_SEGMENT_TYPES = ("int8", "int8", "int4", "int4", "bytea", "bytea", "int4", "float8", "float8", "float8", "float8")
_PYRAMID = "copy gilgamesh.pyramid (shot, series_id, level, position, n, payload) from stdin (format binary)"
_PYRAMID_TYPES = ("int8", "int8", "int4", "int4", "int4", "bytea")


def check_time_base(
    samples: NDArray[np.generic], start: float | None, dt: float | None, times: NDArray[np.float64] | None
) -> None:
    """Refuse a time base that cannot be one.

    Raises
    ------
    InvalidValue
        dt of 0, negative or NaN; times that are not numbers or run backwards; both or neither given.
    """
    if (times is None) == (dt is None) or (start is None) != (dt is None):
        raise InvalidValue("give either start and dt (uniform sampling) or times (irregular sampling)")
    if dt is not None and start is not None:
        if not 0 < dt < np.inf:
            raise InvalidValue(f"the sampling interval is {dt} s; it must be a positive number of seconds")
        if not np.isfinite(start):
            raise InvalidValue(f"the record starts at {start} s; it must be a number of seconds from the trigger")
    if times is not None:
        if times.shape != samples.shape:
            raise InvalidValue(f"{samples.size} samples came with {times.size} times")
        if not np.isfinite(times).all():
            raise InvalidValue(f"the time of sample {int(np.argmin(np.isfinite(times)))} is not a number")
        backwards = np.flatnonzero(np.diff(times) < 0)
        if backwards.size:
            raise InvalidValue(f"time runs backwards after sample {int(backwards[0])}")


def write_series(
    connection: psycopg.Connection[Any],
    shot: int,
    samples: NDArray[np.generic],
    *,
    start: float | None = None,
    dt: float | None = None,
    times: NDArray[np.float64] | None = None,
    port_id: int | None = None,
    signal_id: int | None = None,
    run_id: int | None = None,
    source_id: int | None = None,
) -> int:
    """Write one record with its moments and pyramid, inside the caller's transaction.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Raw samples, kept as they are.
    start, dt : float, optional
        Seconds, for uniform sampling.
    times : ndarray of float64, shape (n,), optional
        Seconds, for irregular sampling.

    Returns
    -------
    int
        Identity of the series.
    """
    if samples.ndim != 1:
        raise InvalidValue(f"a record is a row of samples, not an array of shape {samples.shape}")
    samples = payload.little_endian(samples)
    check_time_base(samples, start, dt, times)
    length = payload.segment_length(dt)
    with connection.cursor() as cursor:
        cursor.execute("select gilgamesh.ensure_partition(%s)", (shot,))
        row = cursor.execute(
            _SERIES,
            (shot, port_id, signal_id, run_id, source_id, samples.dtype.name, samples.size,
             None if times is not None else start, dt, length, payload.checksum(samples, times)),
        ).fetchone()  # fmt: skip
        assert row is not None  # noqa: S101 - `returning` always returns
        series_id = int(row[0])
        with cursor.copy(_SEGMENT) as copy:
            copy.set_types(_SEGMENT_TYPES)
            for segment in payload.segments(samples, times, length):
                copy.write_row((shot, series_id, *segment))
        with cursor.copy(_PYRAMID) as copy:
            copy.set_types(_PYRAMID_TYPES)
            for block in payload.pyramid(samples):
                copy.write_row((shot, series_id, *block))
    return series_id
