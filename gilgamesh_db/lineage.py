"""What a stored result was made from: the records, wiring, calibrations and formulas behind the signals it read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .derived import DerivedSignal
from .errors import InvalidValue
from .signal import Signal

Input = dict[str, Any]  # a row of run_input or attribute_input, without the result it belongs to


def inputs_of(signals: Iterable[Signal]) -> list[Input]:
    """Rows that say what was read through these signals, each record once.

    Parameters
    ----------
    signals : iterable of Signal
        Signals of any kind; what is computed stands for what it was computed from.

    Raises
    ------
    NotWired, NotCalibrated, NotStated, SamplesNotFound
        A signal cannot be read, so nothing can have been made from it.
    """
    found: dict[tuple[int, int], Input] = {}
    for signal in signals:
        if not isinstance(signal, Signal):
            raise InvalidValue(f"{signal!r} is not a signal; give what was read, for example db.signal('Lang_U', shot)")
        for row in _rows(signal):
            found[row["signal_id"], row["shot"]] = row
    return list(found.values())


def _rows(signal: Signal) -> Iterable[Input]:
    while (whole := getattr(signal, "_part_of", None)) is not None:
        signal = whole
    parts = getattr(signal, "inputs", None)
    if parts is not None:
        if isinstance(signal, DerivedSignal):
            stated = signal.definition
            yield {
                "signal_id": stated.signal_id, "shot": stated.shot, "series_id": None, "connection_id": None,
                "calibrations": [], "timing_id": None, "definition_id": stated.id,
            }  # fmt: skip
        for part in parts:
            yield from _rows(part)
        return
    r = signal._resolved  # what it was or would be read through
    yield {
        "signal_id": r.signal_id, "shot": r.shot, "series_id": r.series_id, "connection_id": r.connection_id,
        "calibrations": r.calibrations or [], "timing_id": r.timing_id, "definition_id": None,
    }  # fmt: skip
