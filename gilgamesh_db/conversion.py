"""A signal in another unit: the same samples, the same origin, other numbers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .calibration import Polynomial, compose_affine, steps_to_json
from .computed import ComputedSignal
from .record import Samples
from .signal import CHUNK, Signal
from .units import conversion, conversion_step, parse_unit

if TYPE_CHECKING:
    from astropy.units import UnitBase


class ConvertedSignal(Signal):
    """A stored signal whose values are given in another unit; made by `Signal.to`."""

    def __init__(self, source: Signal, unit: str) -> None:
        super().__init__(source._db, source.name, source.shot, source._span)
        self._source = source
        self._unit = unit

    def window(self, t0: float, t1: float) -> Signal:
        """The part of the signal with ``t0 <= time < t1`` (seconds); only that part is read."""
        return ConvertedSignal(self._source.window(t0, t1), self._unit)

    def chunks(self, size: int = CHUNK) -> Iterator[Signal]:
        """The signal in consecutive pieces, for records larger than memory."""
        for piece in self._source.chunks(size):
            yield ConvertedSignal(piece, self._unit)

    @cached_property
    def _row(self) -> Any:
        """How the source was resolved, with one conversion more."""
        row = self._source._row
        if row.unit == self._unit or row.status != "ok":
            return row._replace(unit=self._unit)
        gain, offset = conversion(row.unit, self._unit)
        line = None if row.gain is None else compose_affine((row.gain, row.offset), (gain, offset))
        if line is not None:
            return row._replace(unit=self._unit, gain=line[0], offset=line[1])
        steps = row.steps if row.steps is not None else steps_to_json([Polynomial((row.offset, row.gain))])
        steps = [*steps, *steps_to_json([conversion_step(row.unit, self._unit)])]
        return row._replace(unit=self._unit, gain=None, offset=None, steps=steps)

    def _piece(self, samples: Samples) -> Signal:
        return ConvertedSignal(self._source._piece(samples), self._unit)

    @property
    def _stored(self) -> Signal:
        return self._source

    @property
    def _stored_unit(self) -> str:
        return self._source._stored_unit

    @cached_property
    def _samples(self) -> Samples:
        return self._source._samples


def converted(signal: Signal, unit: str | UnitBase) -> Signal:
    """The signal in another unit; see `Signal.to`."""
    wanted = parse_unit(unit if isinstance(unit, str) else unit.to_string()).symbol
    gain, offset = conversion(signal._symbol, wanted)
    if isinstance(signal, ComputedSignal):

        def scaled() -> NDArray[np.float64] | None:
            return None if signal.uncertainty is None else signal.uncertainty * gain

        return signal._parted(ComputedSignal(
            signal.name, lambda: signal.time, lambda: signal.values * gain + offset, wanted, shot=signal.shot,
            uncertainty=scaled, inputs=signal.inputs, method=signal.method, label=signal.label,
        ))  # fmt: skip
    return ConvertedSignal(signal._stored, wanted)
