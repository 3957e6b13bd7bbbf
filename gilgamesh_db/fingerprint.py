"""A short text that changes when the values of a signal change: what caches go by.

Records never change once they are finished, and what resolves a name (wiring, calibrations, timing, formula, run) is
named by rows that are only ever superseded. So the rows tell whether anything is different, and no sample is read.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from .errors import InvalidValue

if TYPE_CHECKING:
    from .signal import Signal


def fingerprint(signal: Signal) -> str:
    """The fingerprint of a signal the database knows; see `Signal.fingerprint`."""
    told = json.dumps(_told(signal), sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _told(signal: Signal) -> list[Any]:
    from .computed import ComputedSignal
    from .derived import DerivedSignal

    judged = [] if signal._least is None else [signal._least, [vars(one) for one in signal.quality.judgements]]
    if isinstance(signal, DerivedSignal):
        made = signal.definition
        return [made.id, made.formula, made.unit, [_told(one) for one in signal.inputs], signal._span, judged]
    if isinstance(signal, ComputedSignal):
        raise InvalidValue(f"{signal.name!r} was computed here; the database cannot say whether it would change")
    return [[str(value) for value in signal._resolved], signal._span, judged]
