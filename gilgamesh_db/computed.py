"""Signals that were computed: arrays with the unit, the name and the origin of a signal."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .alignment import interval
from .envelope import Envelope, binned
from .errors import InvalidValue
from .provenance import Provenance, as_table, as_text
from .signal import CHUNK, Signal
from .units import conversion, parse_unit

if TYPE_CHECKING:
    from astropy.units import UnitBase

    from .point import Point
    from .quality import Quality
    from .uncertainty import Budget

FloatArray = NDArray[np.float64]
Numbers: TypeAlias = "ArrayLike | Callable[[], FloatArray]"
Uncertainty: TypeAlias = "ArrayLike | Callable[[], FloatArray | None] | None"


@dataclass(frozen=True)
class ComputedProvenance:
    """How a computed signal comes to its values: the method, and the provenance of each input."""

    signal: str
    shot: int | None
    unit: str
    method: str
    inputs: tuple[Provenance | ComputedProvenance, ...]
    said: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries."""
        return {
            "signal": self.signal, "shot": self.shot, "unit": self.unit, "method": self.method, "said": self.said,
            "inputs": [origin.to_dict() for origin in self.inputs],
        }  # fmt: skip

    def rows(self) -> list[tuple[str, str, str]]:
        """Steps as (what, how, who said so); those of the inputs are indented."""
        found = [("computed", self.method or "by a program that does not say how", self.said)]
        for origin in self.inputs:
            shot = "" if origin.shot is None or origin.shot == self.shot else f" of shot {origin.shot}"
            found.append((f"from {origin.signal}{shot}", f"[{origin.unit or '1'}]", ""))
            found += [(f"  {what}", how, who) for what, how, who in origin.rows()]
        return found

    def __str__(self) -> str:
        shot = "" if self.shot is None else f" of shot {self.shot}"
        return as_text(f"{self.signal} [{self.unit or '1'}]{shot}: computed", self.rows())

    def _repr_html_(self) -> str:
        return as_table(self.signal, self.rows())


class ComputedSignal(Signal):
    """A signal whose numbers are arrays; it can do what a stored signal can, except show counts.

    Parameters
    ----------
    name : str
    time : array of float64, shape (n,), or callable returning it
        Seconds from the trigger, increasing.
    values : array of float64, shape (n,), or callable returning it
        In `unit`. A callable is called once, when the numbers are needed.
    unit : str or astropy unit
    shot : int, optional
        The shot it tells about, if it is one.
    uncertainty : array of float64, shape (n,), or number, or callable, optional
        One standard deviation, in `unit`.
    inputs : sequence of Signal
        What it was computed from, for the provenance.
    method : str
        How, in a few words or as a formula.
    label : str
        What to write on the axis of a plot; the name where empty.

    Examples
    --------
    >>> s = ComputedSignal("density", [0.0, 1e-3, 2e-3], [1e17, 2e17, 4e17], "1 / m3", method="by hand")
    >>> s.dt, str(s.unit), s.window(1e-3, 2e-3).values
    (0.001, '1 / m3', array([2.e+17]))
    """

    _part_of: Signal | None = None  # what it is a window, a piece or another unit of: lineage asks there

    def __init__(
        self,
        name: str,
        time: Numbers,
        values: Numbers,
        unit: str | UnitBase,
        *,
        shot: int | None = None,
        uncertainty: Uncertainty = None,
        inputs: Sequence[Signal] = (),
        method: str = "",
        label: str = "",
    ) -> None:
        self._db = next((one._db for one in inputs if one._db is not None), None)  # type: ignore[assignment]
        self.name = name
        self.shot = shot  # type: ignore[assignment] # what was computed need not belong to one shot
        self._span = None
        self.inputs = tuple(inputs)
        self.method = method
        self._given = time, values, uncertainty
        self._given_unit = unit
        self._given_label = label
        if not callable(time) and not callable(values):
            _ = self.values  # what is at hand is checked at once

    @cached_property
    def time(self) -> FloatArray:
        """Seconds from the trigger; float64, shape (n,)."""
        return _array(self._given[0])

    @cached_property
    def values(self) -> FloatArray:
        """Values in `unit`; float64, shape (n,)."""
        values = _array(self._given[1])
        if values.shape != self.time.shape or values.ndim != 1:
            raise InvalidValue(
                f"{self.name!r} has {values.shape} values at {self.time.shape} times; give one value for each time"
            )
        return values

    @cached_property
    def uncertainty(self) -> FloatArray | None:
        """One standard deviation of each value, in `unit`; None where it is not known."""
        given = self._given[2]
        if given is None:
            return None
        known = given() if callable(given) else given
        return None if known is None else np.broadcast_to(np.asarray(known, np.float64), self.values.shape)

    @property
    def uncertainty_budget(self) -> Budget:
        """There is none: see those of the inputs."""
        raise InvalidValue(f"{self.name!r} was computed and has no budget; see those of: {self._sources()}")

    def at(self, t: float) -> Point:
        """There is no record behind it: see `at` of the inputs."""
        raise InvalidValue(
            f"{self.name!r} was computed and has no record at {t} s; see the samples of: {self._sources()}"
        )

    @property
    def raw(self) -> NDArray[Any]:
        """There is none: what was computed has no counts."""
        raise InvalidValue(f"{self.name!r} was computed and has no raw samples; see those of: {self._sources()}")

    @property
    def dt(self) -> float | None:
        """Sampling interval in seconds; None for irregular sampling."""
        return interval(self.time)

    @cached_property
    def unit(self) -> UnitBase:
        """Unit of the values, as astropy knows it."""
        from astropy.units import Unit

        return Unit(self._given_unit)

    def to(self, unit: str | UnitBase) -> Signal:
        """The same signal in another unit of the same dimension."""
        symbol = parse_unit(unit if isinstance(unit, str) else unit.to_string()).symbol
        gain, offset = conversion(self._symbol, symbol)

        def known() -> FloatArray | None:
            return None if self.uncertainty is None else np.asarray(abs(gain) * self.uncertainty)

        return self._parted(ComputedSignal(
            self.name, lambda: self.time, lambda: np.asarray(self.values * gain + offset), symbol, shot=self.shot,
            uncertainty=known, inputs=self.inputs, method=self.method, label=self._given_label,
        ))  # fmt: skip

    @cached_property
    def quality(self) -> Quality:
        """Nobody judges what is stored nowhere: ask the inputs for theirs."""
        raise InvalidValue(f"{self.name!r} was computed; see the quality of: {self._sources()}")

    @cached_property
    def out_of_date(self) -> str | None:
        """What changed in what the inputs were computed from; None while they are up to date."""
        return next((said for one in self.inputs if (said := one.out_of_date)), None)

    def window(self, t0: float, t1: float) -> Signal:
        """The part of the signal with ``t0 <= time < t1`` (seconds)."""
        if not t0 < t1:
            raise InvalidValue(
                f"the window from {t0} s to {t1} s is empty; windows are half-open: from t0, up to but not including t1"
            )

        def part(numbers: FloatArray) -> FloatArray:
            return numbers[slice(*np.searchsorted(self.time, (t0, t1)))]

        def known() -> FloatArray | None:
            return None if self.uncertainty is None else part(self.uncertainty)

        return self._parted(ComputedSignal(
            self.name, lambda: part(self.time), lambda: part(self.values), self.unit, shot=self.shot, uncertainty=known,
            inputs=self.inputs, method=self.method, label=self._given_label,
        ))  # fmt: skip

    def envelope(self, points: int = 2000) -> Envelope:
        """Minimum and maximum in at most `points` bins; no spike is lost."""
        extremes = binned(self.values, 0, points)
        return Envelope(self.time[extremes.first], extremes.low, extremes.high)

    def chunks(self, size: int = CHUNK) -> Iterator[Signal]:
        """The signal in consecutive pieces of at most `size` samples."""
        if size < 1:
            raise InvalidValue(f"pieces of {size} samples cannot be made; give a positive number")
        for first in range(0, len(self), size):
            part = slice(first, first + size)
            yield self._parted(ComputedSignal(
                self.name, self.time[part], self.values[part], self.unit, shot=self.shot, inputs=self.inputs,
                uncertainty=None if self.uncertainty is None else self.uncertainty[part], method=self.method,
                label=self._given_label,
            ))  # fmt: skip

    def _parted(self, part: ComputedSignal) -> ComputedSignal:
        part._part_of = self
        return part

    @cached_property
    def provenance(self) -> ComputedProvenance:  # type: ignore[override] # it says the same of something else
        """The method, and where each input comes from; prints as text."""
        return ComputedProvenance(
            self.name, self.shot, self._symbol, self.method, tuple(source.provenance for source in self.inputs)
        )

    @cached_property
    def label(self) -> str:
        """What to write on the axis of a plot."""
        return self._given_label or self.name

    @cached_property
    def port(self) -> str:
        """There is none: what was computed comes from no port."""
        raise InvalidValue(f"{self.name!r} was computed and has no port; see those of: {self._sources()}")

    @property
    def _symbol(self) -> str:
        return str(self.unit.to_string())

    @property
    def _grid(self) -> tuple[float, float, int] | None:
        dt = self.dt
        return None if dt is None else (float(self.time[0]), dt, self.time.size)

    def _sources(self) -> str:
        return ", ".join(source.name for source in self.inputs) or "nothing that is known"

    def __len__(self) -> int:
        return int(self.time.size)

    def __repr__(self) -> str:
        shot = "" if self.shot is None else f" of shot {self.shot}"
        return f"<{type(self).__name__} {self.name}{shot}>"

    def _repr_html_(self) -> str:
        facts = [("signal", self.name), ("shot", "–" if self.shot is None else self.shot), ("unit", self._symbol or "1"),
                 ("computed", self.method or "–"), ("from", self._sources())]  # fmt: skip
        cells = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(str(v))}</td></tr>" for k, v in facts)
        return f"<table>{cells}</table>"


def _array(given: Numbers) -> FloatArray:
    return np.asarray(given() if callable(given) else given, np.float64)
