"""A signal of a shot: lazy, calibrated, and able to say where its numbers come from."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import sqlalchemy as sa
from numpy.typing import NDArray

from . import payload
from .calibration import evaluate, steps_from_json
from .errors import InvalidValue, NotCalibrated, NotWired, SamplesNotFound

if TYPE_CHECKING:
    import pandas as pd
    from astropy.units import UnitBase
    from matplotlib.axes import Axes

    from .database import Database
    from .provenance import Provenance

_RESOLVE = """
select r.*, s.label
  from gilgamesh.resolved_signal r
  join gilgamesh.signal s on s.id = r.signal_id
 where r.signal_id = (select id from gilgamesh.signal where name = :signal) and r.shot = :shot
"""
_SEGMENTS = "select payload, times from gilgamesh.segment where shot = %s and series_id = %s order by position"
_WINDOW = "select first, n, payload, times from gilgamesh.segments_between(%s, %s, %s, %s)"


@dataclass(frozen=True)
class _Samples:
    """Raw samples as read, and their times on the device's clock where sampling is irregular."""

    first: int
    raw: NDArray[Any]
    times: NDArray[np.float64] | None


class Signal:
    """One signal in one shot; made by `Database.signal`. Nothing is read before it is needed.

    Attributes
    ----------
    name : str
    shot : int
    """

    def __init__(self, db: Database, name: str, shot: int, span: tuple[float, float] | None = None) -> None:
        self._db = db
        self.name = name
        self.shot = shot
        self._span = span

    # -- numbers ---------------------------------------------------------------------------------------

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Calibrated values, in `unit`; float64, shape (n,)."""
        r, raw = self._resolved, self._samples.raw
        if r.steps is None:
            values: NDArray[np.float64] = raw.astype(np.float64)
            values *= r.gain
            values += r.offset
            return values
        return evaluate(steps_from_json(r.steps), raw.astype(np.float64))

    @cached_property
    def time(self) -> NDArray[np.float64]:
        """Seconds from the trigger; float64, shape (n,)."""
        r, samples = self._resolved, self._samples
        if samples.times is not None:
            return samples.times * float(r.clock_rate) + float(r.clock_offset)
        counted: NDArray[np.float64] = np.arange(samples.first, samples.first + samples.raw.size, dtype=np.float64)
        return float(r.start) + counted * float(r.dt)

    @property
    def raw(self) -> NDArray[Any]:
        """Samples exactly as recorded, in their own dtype; shape (n,)."""
        return self._samples.raw

    @property
    def dt(self) -> float | None:
        """Sampling interval in seconds, timing applied; None for irregular sampling."""
        return None if self._resolved.dt is None else float(self._resolved.dt)

    @property
    def unit(self) -> UnitBase:
        """Unit of the values, as astropy knows it."""
        from astropy.units import Unit

        return Unit(self._resolved.unit)

    def window(self, t0: float, t1: float) -> Signal:
        """The part of the signal with ``t0 <= time < t1`` (seconds); only that part is read.

        Raises
        ------
        InvalidValue
            When the window is empty.
        """
        if not t0 < t1:
            raise InvalidValue(
                f"the window from {t0} s to {t1} s is empty; windows are half-open: from t0, up to but not including t1"
            )
        if self._span is not None:
            t0, t1 = max(t0, self._span[0]), min(t1, self._span[1])
            if not t0 < t1:
                raise InvalidValue(f"the window lies outside the window {self._span} it is taken from")
        return Signal(self._db, self.name, self.shot, (float(t0), float(t1)))

    def to_pandas(self) -> pd.Series[float]:
        """The values as a Series indexed by Time (s)."""
        import pandas as pd

        series = pd.Series(self.values, index=pd.Index(self.time, name="Time"), name=self.name)
        series.attrs = {"unit": self._resolved.unit, "shot": self.shot, "label": self.label}
        return series

    def plot(self, ax: Axes | None = None, **style: Any) -> Axes:
        """Draw the signal over time with matplotlib; no spike is lost, however long the record."""
        from .plot import plot_signal

        return plot_signal(self, ax, **style)

    # -- origin ----------------------------------------------------------------------------------------

    @cached_property
    def provenance(self) -> Provenance:
        """Every step from ADC count to value, with who said so, when and why; prints as text."""
        from .provenance import explain

        return explain(self._db, self.name, self.shot)

    @property
    def label(self) -> str:
        """What to write on the axis of a plot."""
        return self._row.label or self.name

    @cached_property
    def port(self) -> str:
        """The port the signal was wired to, as device/channel."""
        return str(self._resolved.port)

    # -- inside ----------------------------------------------------------------------------------------

    @cached_property
    def _row(self) -> Any:
        with self._db.transaction() as connection:
            return connection.execute(sa.text(_RESOLVE), {"signal": self.name, "shot": self.shot}).one()

    @property
    def _resolved(self) -> Any:
        """The row of ``resolved_signal``, or the error that says what is missing."""
        row = self._row
        if row.status == "ok":
            return row
        if row.kind != "measured":
            raise NotWired(f"{self.name!r} is {row.kind}, and nothing has been stored for it in shot {self.shot}")
        if row.status == "not wired":
            raise NotWired(
                f"{self.name!r} was not wired to any port in shot {self.shot} ({row.started_at:%Y-%m-%d %H:%M}); "
                f"see what was with: gilgamesh show {self.shot}"
            )
        if row.status == "not calibrated":
            items = [row.port, *row.chain]
            missing = [repr(item) for item, known in zip(items, row.calibrations, strict=True) if known is None]
            raise NotCalibrated(
                f"{self.name!r} cannot be computed in shot {self.shot}: no calibration of {' and '.join(missing)} was in "
                f"force on {row.started_at:%Y-%m-%d %H:%M}; state one with: gilgamesh calibrate {missing[0]} …"
            )
        raise SamplesNotFound(
            f"{self.name!r} was wired to {row.port} in shot {self.shot}, but that port recorded nothing; "
            f"see what was recorded with: gilgamesh show {self.shot}"
        )

    @cached_property
    def _samples(self) -> _Samples:
        resolved = self._resolved
        with self._db.transaction() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine is made by connect()
            if self._span is None:
                return _read_whole(driver, resolved)
            return _read_window(driver, resolved, self.name, self._span)

    def __len__(self) -> int:
        return int(self._samples.raw.size) if self._span else int(self._resolved.n)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        part = f", window={self._span}" if self._span else ""
        return f"<Signal {self.name} of shot {self.shot}{part}>"

    def _repr_html_(self) -> str:
        row = self._row
        facts = [("signal", self.name), ("shot", self.shot), ("unit", row.unit), ("port", row.port or "–"),
                 ("chain", " → ".join(row.chain or ()) or "–"), ("samples", row.n if row.n is not None else row.status)]  # fmt: skip
        cells = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>" for k, v in facts)
        return f"<table>{cells}</table>"


def _read_whole(driver: psycopg.Connection[Any], resolved: Any) -> _Samples:
    """Stream the segments into one array that is allocated once."""
    raw = np.empty(resolved.n, np.dtype(resolved.dtype))
    times = np.empty(resolved.n) if resolved.dt is None else None
    filled = 0
    with driver.cursor(binary=True) as cursor:
        rows: Iterator[tuple[bytes, bytes | None]] = cursor.stream(
            _SEGMENTS, (resolved.shot, resolved.series_id), size=4
        )
        for stored, stored_times in rows:
            part = payload.decode(stored, resolved.dtype)
            raw[filled : filled + part.size] = part
            if times is not None and stored_times is not None:
                times[filled : filled + part.size] = payload.decode(stored_times, "float64", part.size)
            filled += part.size
    if filled != resolved.n:
        raise SamplesNotFound(
            f"{resolved.signal!r} of shot {resolved.shot} should have {resolved.n} samples but {filled} are stored; check with: "
            "gilgamesh db check --samples"
        )
    return _Samples(0, raw, times)


def _read_window(driver: psycopg.Connection[Any], resolved: Any, name: str, span: tuple[float, float]) -> _Samples:
    """Fetch only the bytes between two instants; the database slices them."""
    with driver.cursor(binary=True) as cursor:
        rows = cursor.execute(_WINDOW, (name, resolved.shot, *span)).fetchall()
    kind = np.dtype(resolved.dtype)
    raw = np.concatenate([np.frombuffer(row[2], kind) for row in rows]) if rows else np.empty(0, kind)
    times = None
    if resolved.dt is None:
        times = np.concatenate([np.frombuffer(row[3], np.float64) for row in rows]) if rows else np.empty(0)
    return _Samples(rows[0][0] if rows else 0, raw, times)
