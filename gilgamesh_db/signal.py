"""A signal of a shot: lazy, calibrated, and able to say where its numbers come from."""

from __future__ import annotations

import html
import warnings
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import noting, payload
from .calibration import evaluate, steps_from_json
from .envelope import PYRAMID, Envelope, Extremes, binned, calibrated, from_pyramid, level_for, widened
from .errors import InvalidValue, NotCalibrated, NotWired, OutOfDate, SamplesNotFound, Unresolved
from .operators import Operators, Processing
from .quality import Quality, quality_of
from .record import WINDOW, Samples, index_of, joined, on_line, read_slice, read_whole

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from astropy.units import UnitBase
    from matplotlib.axes import Axes

    from .alignment import Alignment
    from .computed import ComputedSignal
    from .database import Database
    from .point import Point
    from .provenance import Provenance
    from .uncertainty import Budget

_RESOLVE = """
select r.* from gilgamesh.resolved_signal r
 where r.signal_id = (select id from gilgamesh.signal where name = %s) and r.shot = %s
"""
CHUNK = 1_000_000  # samples


class Signal(Operators, Processing):
    """One signal in one shot; made by `Database.signal`. Nothing is read before it is needed.

    Attributes
    ----------
    name : str
    shot : int
    """

    _least: str | None = None  # the quality samples must have

    def __init__(
        self, db: Database, name: str, shot: int, span: tuple[float, float] | None = None, quality: str | None = None
    ) -> None:
        self._db = db
        self.name = name
        self.shot = shot
        self._span = span
        self._least = quality

    # -- numbers ---------------------------------------------------------------------------------------

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Calibrated values, in `unit`; float64, shape (n,)."""
        raw = self._samples.raw  # first: a window resolves the name in the same round trip
        r = self._resolved
        if r.run_id is not None and self.out_of_date:
            warnings.warn(
                f"{self.name!r} of shot {self.shot} is out of date: {self.out_of_date}", OutOfDate, stacklevel=2
            )
        if r.steps is None:
            values = on_line(raw, float(r.gain), float(r.offset))
        else:
            values = evaluate(steps_from_json(r.steps), raw.astype(np.float64))
        if self._least is not None:
            values[~self.quality.accepts(self.time, self._least)] = np.nan
        return values

    @cached_property
    def time(self) -> NDArray[np.float64]:
        """Seconds from the trigger; float64, shape (n,)."""
        return self._clock(self._samples)

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

    def to(self, unit: str | UnitBase) -> Signal:
        """The same signal in another unit of the same dimension; nothing is read.

        Raises
        ------
        UnitMismatch
            When it is no unit, or one of another dimension.

        Examples
        --------
        >>> db.signal("H_Pfwd", shot=1234).to("kW").values  # doctest: +SKIP
        """
        from .conversion import converted

        return converted(self, unit)

    def at(self, t: float) -> Point:
        """The sample nearest to an instant, with its place in the record and every value between count and result.

        Parameters
        ----------
        t : float
            Seconds from the trigger.

        Raises
        ------
        InvalidValue
            When nothing was recorded then.
        """
        from .point import point_at

        return point_at(self, t)

    @cached_property
    def uncertainty(self) -> NDArray[np.float64] | None:
        """Standard uncertainty of each value (one standard deviation), in `unit`; shape (n,). None: nothing is known.

        From the covariance of the calibrations and the resolution of the port; for a processed signal what its run saved.
        `uncertainty_budget` says which part comes from where.
        """
        from .uncertainty import standard_uncertainty

        return standard_uncertainty(self)

    @cached_property
    def uncertainty_budget(self) -> Budget:
        """Systematic and random part of the uncertainty, the part of each item, and what remains of it in a mean."""
        from .uncertainty import Budget

        return Budget(self)

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
        return Signal(self._db, self.name, self.shot, (float(t0), float(t1)), self._least)

    def around(self, t0: float, t1: float) -> Signal:
        """The part from the sample before ``t0`` to the one after ``t1``: what a line drawn across that window needs.

        Raises
        ------
        InvalidValue
            When ``t0`` is not before ``t1``.
        """
        if not t0 < t1:
            raise InvalidValue(f"the window from {t0} s to {t1} s is empty; windows are half-open")
        if self.dt is not None:
            return self.window(t0 - 1.001 * self.dt, t1 + 1.001 * self.dt)
        time = self.time
        if not time.size:
            return self
        first, last = np.searchsorted(time, (t0, t1))
        return self.window(float(time[max(first - 1, 0)]), float(np.nextafter(time[min(last, time.size - 1)], np.inf)))

    def envelope(self, points: int = 2000) -> Envelope:
        """Minimum and maximum in at most `points` bins: a picture of the signal that misses no spike.

        Long records are read from stored previews, so it takes milliseconds however long the record is. Where the
        calibration neither rises nor falls throughout, the bins enclose the values and may be a little wide.

        Returns
        -------
        Envelope
            time (s), minimum, maximum (in `unit`); each float64, shape (m,) with m ≤ `points`.
        """
        if self._least is not None:
            fit = binned(self.values, 0, points)
            return Envelope(self.time[fit.first], fit.low, fit.high)
        r = self._resolved
        span = self._indices()
        level = level_for(span[1] - span[0] if span is not None and r.finished else 0, points)
        if level > 1 and span is not None:
            extremes = self._from_pyramid(span, level, points)
            time = float(r.start) + extremes.first.astype(np.float64) * float(r.dt)
        else:
            extremes = binned(self._samples.raw, 0, points)
            time = self.time[extremes.first]
        steps = None if r.steps is None else steps_from_json(r.steps)
        return Envelope(time, *calibrated(extremes, r.gain, r.offset, steps))

    def chunks(self, size: int = CHUNK) -> Iterator[Signal]:
        """The signal in consecutive pieces, for records larger than memory.

        Parameters
        ----------
        size : int
            Samples per piece, at most.

        Yields
        ------
        Signal
            With `time`, `values` and `raw` of the piece.
        """
        r = self._resolved
        if size < 1:
            raise InvalidValue(f"pieces of {size} samples cannot be made; give a positive number")
        span = self._indices() or (0, int(r.n))
        if r.dt is None and self._span is not None:  # a window of irregular samples is found by reading it
            whole = self._samples
            span = whole.first, whole.first + whole.raw.size
        for first in range(*span, size):
            piece = Signal(self._db, self.name, self.shot, self._span, self._least)
            vars(piece)["_row"] = self._row
            vars(piece)["_samples"] = read_slice(self._db.reader, r, first, min(first + size, span[1]))
            yield piece

    def to_pandas(self) -> pd.Series[float]:
        """The values as a Series indexed by Time (s)."""
        import pandas as pd

        series = pd.Series(self.values, index=pd.Index(self.time, name="Time"), name=self.name)
        series.attrs = {"unit": self._symbol, "shot": self.shot, "label": self.label}
        return series

    def to_xarray(self) -> xr.DataArray:
        """The values as a DataArray over Time (s), with unit, long name and provenance; needs the extra ``xarray``."""
        from .dataset import array_of

        return array_of(self)

    def align(self, onto: Signal, how: Alignment = "previous", *, tolerance: float | None = None) -> ComputedSignal:
        """The signal at the instants of another; how is said at `gilgamesh_db.alignment.align`."""
        from .resampling import aligned

        return aligned(self, onto, how, tolerance)

    def resample(self, dt: float, how: Alignment | None = None) -> ComputedSignal:
        """The signal at regular instants, the first sample's being the first.

        Parameters
        ----------
        dt : float
            Seconds between them.
        how : {"mean", "previous", "nearest", "linear"}, optional
            By default the mean in each bin, or straight lines where `dt` is shorter than the sampling interval.
        """
        from .resampling import resampled

        return resampled(self, dt, how)

    def plot(self, ax: Axes | None = None, **style: Any) -> Axes:
        """Draw the signal over time with matplotlib; no spike is lost, however long the record."""
        from .plot import plot_signal

        return plot_signal(self, ax, **style)

    # -- origin ----------------------------------------------------------------------------------------

    @cached_property
    def quality(self) -> Quality:
        """How far people trust it, within its window; prints as text."""
        return quality_of(self._db, self.name, self.shot, self._span)

    @cached_property
    def out_of_date(self) -> str | None:
        """What changed in what a processed signal was computed from; None while it is up to date."""
        r = self._resolved
        if r.run_id is None:
            return None
        found = self._db.reader.rows(
            "select reason from gilgamesh.runs where run = %s", (r.run_id,), self._db.knowledge
        )
        return (
            None
            if found[0].reason is None
            else f"{found[0].reason}; compute it again, for example with: gilgamesh refresh"
        )

    @cached_property
    def provenance(self) -> Provenance:
        """Every step from ADC count to value, with who said so, when and why; prints as text."""
        from .provenance import explain

        return explain(self)

    @property
    def fingerprint(self) -> str:
        """A text that changes when the values would: with the record, its wiring, calibrations and clock; reads no sample."""
        from .fingerprint import fingerprint

        return fingerprint(self)

    @cached_property
    def label(self) -> str:
        """What to write on the axis of a plot."""
        found = self._db.reader.rows("select label from gilgamesh.signal where name = %s", (self.name,))
        return str(found[0].label) or self.name

    @cached_property
    def port(self) -> str:
        """The port the signal was wired to, as device/channel."""
        return str(self._resolved.port)

    @property
    def _symbol(self) -> str:
        """The unit as text; empty for a pure number."""
        return str(self._resolved.unit)

    @property
    def _grid(self) -> tuple[float, float, int] | None:
        """First instant, interval and number of uniform samples; None for irregular sampling."""
        held = vars(self).get("_samples")
        span = self._indices() if held is None or held.times is not None else (held.first, held.first + held.raw.size)
        if span is None:
            return None
        r = self._resolved
        return float(r.start) + span[0] * float(r.dt), float(r.dt), span[1] - span[0]

    # -- inside ----------------------------------------------------------------------------------------

    @cached_property
    def _row(self) -> Any:
        found = self._db.reader.rows(_RESOLVE, (self.name, self.shot), self._db.knowledge)
        if not found:  # it was there when it was asked for
            self._db.find_again(self.name, self.shot)
            found = self._db.reader.rows(_RESOLVE, (self.name, self.shot), self._db.knowledge)
        if found[0].status == "ok":
            noting.noted(self._db, [(self.name, self.shot)])
        return found[0]

    def _piece(self, samples: Samples) -> Signal:
        """The same signal with these samples of its record only."""
        piece = Signal(self._db, self.name, self.shot, self._span)
        vars(piece)["_row"] = self._row
        vars(piece)["_samples"] = samples
        return piece

    @property
    def _stored(self) -> Signal:
        """The signal as the database gives it, in its own unit."""
        return self

    @property
    def _stored_unit(self) -> str:
        """The unit the database gives the values in."""
        return str(self._row.unit)

    @property
    def _resolved(self) -> Any:
        """The row of ``resolved_signal``, or the error that says what is missing."""
        row = self._row
        if row.status == "ok":
            return row
        if row.status == "not computed":
            raise SamplesNotFound(
                f"{self.name!r} was not computed in shot {self.shot}: no run has saved it; see what was run with: "
                f"db.runs(shot={self.shot})"
            )
        if row.kind != "measured":
            raise NotWired(
                f"{self.name!r} is a {row.kind} signal; this version of Gilgamesh reads measured signals only"
            )
        if row.status == "not wired":
            raise NotWired(
                f"{self.name!r} was not wired to any port in shot {self.shot} ({row.started_at:%Y-%m-%d %H:%M}); "
                f"see what was wired with: gilgamesh show {self.shot}"
            )
        if row.status == "not calibrated":
            items = [row.port, *row.chain]
            missing = [repr(item) for item, known in zip(items, row.calibrations, strict=True) if known is None]
            raise NotCalibrated(
                f"{self.name!r} cannot be computed in shot {self.shot}: no calibration of {' and '.join(missing)} was in "
                f"force on {row.started_at:%Y-%m-%d %H:%M}; state one with: gilgamesh calibrate {missing[0]} …"
            )
        raise SamplesNotFound(
            f"{self.name!r} was wired to {row.port} in shot {self.shot}, but no samples of it are stored: "
            f"the port recorded nothing, or they were released; see what was recorded with: gilgamesh show {self.shot}"
        )

    @cached_property
    def _samples(self) -> Samples:
        if self._span is not None:
            return self._read_window(self._span)
        resolved = self._resolved
        held = self._db.cache.get(resolved.series_id) if resolved.finished else None
        if held is None:
            held = read_whole(self._db.reader, resolved)
            held.raw.flags.writeable = False
            if resolved.finished:
                self._db.cache.put(resolved.series_id, held, held.nbytes)
        return held

    def _read_window(self, span: tuple[float, float]) -> Samples:
        """Fetch only the bytes between two instants; one round trip also when nothing has been resolved yet."""
        if "_row" in vars(self):
            r, indices = self._resolved, self._indices()
            if indices is not None:
                return read_slice(self._db.reader, r, *indices)
            whole = read_whole(self._db.reader, r)
            time = self._clock(whole)
            first, stop = np.searchsorted(time, span)
            assert whole.times is not None  # noqa: S101 - sampling is irregular
            return Samples(int(first), whole.raw[first:stop], whole.times[first:stop])
        try:
            rows = self._db.reader.rows(WINDOW, (self.name, self.shot, *span), self._db.knowledge)
        except (Unresolved, SamplesNotFound):
            _ = self._resolved  # says the same, and names what is missing
            raise
        if rows:
            vars(self)["_row"] = rows[0]
            noting.noted(self._db, [(self.name, self.shot)])
        return joined(rows, self._resolved, 0)

    def _clock(self, samples: Samples) -> NDArray[np.float64]:
        """Times of samples, the timing of their device applied."""
        r = self._resolved
        if samples.times is not None:
            return samples.times * float(r.clock_rate) + float(r.clock_offset)
        counted: NDArray[np.float64] = np.arange(samples.first, samples.first + samples.raw.size, dtype=np.float64)
        return float(r.start) + counted * float(r.dt)

    def _indices(self) -> tuple[int, int] | None:
        """Which samples of a uniform record are meant; None for irregular sampling."""
        r = self._resolved
        if r.dt is None:
            return None
        if self._span is None:
            return 0, int(r.n)
        first, stop = (index_of(moment, r) for moment in self._span)
        return first, max(first, stop)

    def _from_pyramid(self, span: tuple[int, int], level: int, points: int) -> Extremes:
        """Whole blocks from the pyramid; the ragged ends of a window from the samples."""
        r, (first, stop) = self._resolved, span
        blocks = -(-first // level), -(-stop // level) if stop == r.n else stop // level
        rows = self._db.reader.rows(
            PYRAMID,
            (r.shot, r.series_id, level, blocks[0] // payload.PYRAMID_BLOCK, (blocks[1] - 1) // payload.PYRAMID_BLOCK),
        )
        extremes = from_pyramid(rows, r.dtype, level, blocks, points)
        head = read_slice(self._db.reader, r, first, blocks[0] * level).raw
        tail = read_slice(self._db.reader, r, blocks[1] * level, stop).raw
        return widened(extremes, head, tail, first)

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
