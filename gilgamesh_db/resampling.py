"""A signal on another time base."""

from __future__ import annotations

import numpy as np

from .alignment import Alignment, align, regular
from .computed import ComputedSignal, FloatArray
from .signal import Signal


def aligned(signal: Signal, onto: Signal, how: Alignment, tolerance: float | None) -> ComputedSignal:
    """See `Signal.align`."""

    def values() -> FloatArray:
        return align(signal.time, signal.values, onto.time, how, dt=signal.dt, tolerance=tolerance)

    within = "" if tolerance is None else f", no farther than {tolerance:g} s"
    return ComputedSignal(
        signal.name, lambda: onto.time, values, signal.unit, shot=signal.shot, inputs=(signal,),
        method=f"aligned onto {onto.name}, {how}{within}", label=signal.label,
    )  # fmt: skip


def resampled(signal: Signal, dt: float, how: Alignment | None) -> ComputedSignal:
    """See `Signal.resample`."""
    own = signal.dt
    chosen: Alignment = how or ("linear" if own is not None and dt < own else "mean")
    source = signal.time
    stop = source[-1] + (own or 0.0) if source.size else 0.0
    # The last irregular sample gets an instant of its own, so that no sample is left out.
    base = (
        regular(float(source[0]), float(stop) if own else float(np.nextafter(stop, np.inf)), dt)
        if source.size
        else source
    )

    def values() -> FloatArray:
        return align(source, signal.values, base, chosen, dt=own, width=dt)

    return ComputedSignal(
        signal.name, base, values, signal.unit, shot=signal.shot, inputs=(signal,),
        method=f"resampled every {dt:g} s, {chosen}", label=signal.label,
    )  # fmt: skip
