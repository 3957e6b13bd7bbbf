"""Signals of shots as one table: aligned explicitly, selected by a condition, nothing dropped silently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .alignment import align, regular
from .bulk import read_many
from .computed import FloatArray
from .derived import Definition, from_read, require_no_cycle
from .errors import GilgameshError, InvalidValue, NotCalibrated, NotWired, SamplesNotFound, Unresolved
from .formula import compile_formula
from .frame_request import Request
from .signal import Signal

if TYPE_CHECKING:
    import pandas as pd

    from .database import Database

LARGEST = 4e9  # bytes of values in one table


@dataclass
class _Collected:
    """Columns of the table as they grow, shot by shot."""

    shots: list[FloatArray] = field(default_factory=list)
    times: list[FloatArray] = field(default_factory=list)
    columns: dict[str, list[FloatArray]] = field(default_factory=dict)
    missing: dict[tuple[int, str], str] = field(default_factory=dict)


def table(db: Database, asked: Request) -> pd.DataFrame:
    """See `Database.signals`."""
    collected = _Collected(columns={name: [] for name in asked.names})
    for done, shot in enumerate(asked.shots):
        nbytes = _add(db, asked, shot, collected)
        if nbytes > LARGEST or (done == 0 and nbytes * len(asked.shots) > LARGEST):
            raise _too_large(asked, nbytes)
    return _frame(asked, collected)


def chunks(db: Database, asked: Request, rows: int) -> Iterator[pd.DataFrame]:
    """See `Database.signals_chunks`."""
    if rows < 2:
        raise InvalidValue(f"pieces of {rows} rows cannot be made; give the number of rows, such as 1_000_000")
    for shot in asked.shots:
        start, stop, dt = _extent(db, asked, shot)
        t0, t1 = asked.window or (start, stop)
        t0, t1 = max(t0, start), min(t1, stop)
        pieces = max(1, int(np.ceil((t1 - t0) / dt / rows - 1e-6)))
        for piece in range(pieces):
            # Between samples, so that rounding moves none from piece to piece; instants of our own begin at the edge.
            before = 0.0 if isinstance(asked.on, float) else 0.5
            first = t0 if piece == 0 else t0 + (piece * rows - before) * dt
            last = t1 if piece == pieces - 1 else t0 + ((piece + 1) * rows - before) * dt
            yield table(db, replace(asked, shots=(shot,), window=(first, last)))


def _add(db: Database, asked: Request, shot: int, collected: _Collected) -> int:
    """Read one shot and add its rows; returns the bytes of what was read."""
    sources = _sources(db, asked, shot)
    if sources.missing and asked.missing == "raise":
        raise _missing(db, asked, sources.missing, shot)
    collected.missing.update({(shot, name): why for name, why in sources.missing.items()})
    if sources.nbytes > LARGEST:
        raise _too_large(asked, sources.nbytes)
    signals = sources.signals
    base_name = asked.on if isinstance(asked.on, str) else None
    base = next((signals[name] for name in (base_name, *asked.names) if name in signals), None)
    if base is None:
        return sources.nbytes
    time, spacing = _base(base, asked)
    if time.size == 0:
        raise InvalidValue(_outside(base, asked, shot))
    values = {name: _onto(signal, base, time, spacing, asked) for name, signal in signals.items()}
    _note_disjoint(asked, shot, signals, base, values, collected)
    blank = np.full(time.shape, np.nan)
    keep: Any = slice(None)
    if asked.condition is not None:
        inputs = {name: values.get(name, blank) for name in asked.condition.names()}
        keep = compile_formula(asked.condition, asked.units)(time, inputs) != 0
    collected.times.append(time[keep])
    collected.shots.append(np.full(collected.times[-1].shape, shot))
    for name in asked.names:
        collected.columns[name].append(values.get(name, blank)[keep])
    return sources.nbytes


@dataclass(frozen=True)
class _Sources:
    signals: dict[str, Signal]
    missing: dict[str, str]
    nbytes: int


def _sources(db: Database, asked: Request, shot: int) -> _Sources:
    """The signals of a shot, in the order asked for; measured ones in one round trip."""
    known = {_meant(asked, name): one for name, one in asked.defined.get(shot, {}).items()}
    stored = [name for name in asked.read if name not in asked.derived]
    for one in known.values():
        stored += [meant for key in one.node.names() if (meant := _meant(asked, key)) not in known]
    first = asked.on if isinstance(asked.on, str) else asked.names[0]
    while first in known:  # a derived signal has the times of the first that its formula names
        first = _meant(asked, known[first].node.names()[0])
    binned = asked.align == "mean" and asked.window is not None  # the last bin reaches beyond the window
    bulk = read_many(
        db, dict.fromkeys(stored), shot, asked.window, limit=LARGEST,
        more=asked.on if binned and isinstance(asked.on, float) else 0.0,
        one_more_of=first if binned and not isinstance(asked.on, float) else None, quality=asked.quality,
    )  # fmt: skip
    missing = {name: why for name, why in bulk.missing.items() if name in asked.read}
    signals: dict[str, Signal] = {}
    for name in asked.read:
        if name in bulk.signals:
            signals[name] = bulk.signals[name]
        elif name in asked.derived:
            why = _lacking(asked, name, known, bulk.missing)
            if why:
                missing[name] = why
            elif bulk.nbytes <= LARGEST and (asked.window is None or _pointwise(asked, name, known)):
                signals[name] = from_read(name, known, bulk.signals, asked.meant)
            else:
                signals[name] = db.signal(name, shot, quality=asked.quality)
    return _Sources(signals, missing, bulk.nbytes)


def _meant(asked: Request, name: str) -> str:
    return asked.meant.get(name, name)


def _pointwise(asked: Request, name: str, known: Mapping[str, Definition]) -> bool:
    """Whether a window of the records is enough, also for the formulas that the formula names."""
    if name not in known:
        return True
    node = known[name].node
    return node.pointwise and all(_pointwise(asked, _meant(asked, key), known) for key in node.names())


def _lacking(asked: Request, name: str, known: Mapping[str, Definition], missing: Mapping[str, str]) -> str:
    """What a derived signal lacks in a shot; empty when nothing."""
    if name not in known:
        return missing.get(name, "" if name not in asked.derived else "no formula in force")
    require_no_cycle(name, {other: one.node for other, one in known.items()})
    lacking = {}
    for key in known[name].node.names():
        meant = _meant(asked, key)
        why = (
            missing.get(meant)
            if meant not in asked.derived and meant not in known
            else _lacking(asked, meant, known, missing)
        )
        if why:
            lacking[meant] = why
    return "needs " + ", ".join(f"{other} ({why})" for other, why in lacking.items()) if lacking else ""


def _base(base: Signal, asked: Request) -> tuple[FloatArray, float | None]:
    """The instants of the rows, and how far apart they are if evenly."""
    time = base.time
    if isinstance(asked.on, float):
        step = asked.on
        if asked.window is not None:
            return regular(*asked.window, step), step
        end = time[-1] + (base.dt or 0.0) if time.size else 0.0
        return (regular(float(time[0]), float(end), step) if time.size else time), step
    if asked.window is not None:
        edges = np.asarray(asked.window)
        near = 1e-6 * (base.dt or 0.0)  # an instant that is a sample up to rounding is that sample
        time = time[slice(*np.searchsorted(time, edges - near))]
    return time, base.dt


def _onto(signal: Signal, base: Signal, time: FloatArray, spacing: float | None, asked: Request) -> FloatArray:
    if signal.time.shape == time.shape and np.array_equal(signal.time, time):
        return signal.values  # noqa: PD011 - a signal, not a Series
    if signal is base and not isinstance(asked.on, float):
        first = int(np.searchsorted(signal.time, time[0]))
        return signal.values[first : first + time.size]  # noqa: PD011
    return align(signal.time, signal.values, time, asked.align, dt=signal.dt, tolerance=asked.tolerance, width=spacing)


def _note_disjoint(
    asked: Request,
    shot: int,
    signals: Mapping[str, Signal],
    base: Signal,
    values: Mapping[str, FloatArray],
    collected: _Collected,
) -> None:
    """A signal that has no instant in common with the base is missing, not merely NaN."""
    for name, signal in signals.items():
        if signal is base or not np.isnan(values[name]).all() or np.isnan(signal.values).all():
            continue
        held = f"{_extent_of(signal)}" if len(signal.time) else "nothing in the window"
        said = f"no overlap in time with {base.name!r}: {held}; {_extent_of(base)}"
        if asked.missing == "raise":
            raise InvalidValue(f"{name!r} has {said} in shot {shot}; leave it out, or ask for missing='nan'")
        collected.missing[shot, name] = said


def _frame(asked: Request, collected: _Collected) -> pd.DataFrame:
    import pandas as pd

    def joined(parts: list[FloatArray], dtype: str) -> Any:
        return np.concatenate(parts) if parts else np.empty(0, dtype)

    index = pd.MultiIndex.from_arrays(
        [joined(collected.shots, "int64"), joined(collected.times, "float64")], names=["Shot", "Time"]
    )
    frame = pd.DataFrame({name: joined(parts, "float64") for name, parts in collected.columns.items()}, index=index)
    frame.attrs = {
        "units": {name: asked.units[name] for name in asked.names},
        "labels": {name: asked.labels[name] for name in asked.names},
        "align": asked.align,
        "missing": collected.missing,
    }
    return frame


def _extent(db: Database, asked: Request, shot: int) -> tuple[float, float, float]:
    """Beginning, end and typical interval of the time base in a shot."""
    for name in dict.fromkeys(name for name in (asked.on, *asked.names) if isinstance(name, str)):
        try:
            base = db.signal(name, shot)
            grid = base._grid
            if grid is not None:
                step = asked.on if isinstance(asked.on, float) else grid[1]
                return grid[0], grid[0] + grid[1] * grid[2], step
            time = base.time
            step = asked.on if isinstance(asked.on, float) else (time[-1] - time[0]) / max(1, time.size - 1)
            return float(time[0]), float(np.nextafter(time[-1], np.inf)), float(step)
        except (Unresolved, SamplesNotFound):
            if asked.missing == "raise":
                raise
    raise _missing(db, asked, {}, shot)


# -- letters ------------------------------------------------------------------------------------------------


def _missing(db: Database, asked: Request, here: Mapping[str, str], shot: int) -> GilgameshError:
    """Name everything that is missing in any of the shots."""
    rows = db.reader.rows(
        "select r.shot, r.signal, r.status from gilgamesh.resolved_signal r where r.shot = any(%s::bigint[]) and r.signal_id in "
        "(select id from gilgamesh.signal where name = any(%s) and kind <> 'derived') and r.status <> 'ok' order by r.signal, r.shot",
        (list(asked.shots), list(asked.read)),
        db.knowledge,
    )
    said: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        said.setdefault((row.signal, row.status), []).append(row.shot)
    for name in here:
        if name in asked.derived:
            said[name, here[name]] = [shot]
    listed = "; ".join(f"{signal!r} ({status}) in {_listed(shots)}" for (signal, status), shots in said.items())
    kinds = {"not wired": NotWired, "not calibrated": NotCalibrated}
    found = {kinds.get(status, SamplesNotFound) for _, status in said}
    error = found.pop() if len(found) == 1 else Unresolved
    return error(
        f"missing: {listed or f'everything in shot {shot}'}; leave them out, or ask for missing='nan' to have NaN in their place"
    )


def _listed(shots: list[int]) -> str:
    shown = ", ".join(str(shot) for shot in shots[:6]) + (f" and {len(shots) - 6} more" if len(shots) > 6 else "")
    return f"shot{'s'[: len(shots) != 1]} {shown}"


def _too_large(asked: Request, nbytes: int) -> InvalidValue:
    total = nbytes * max(1, len(asked.shots))
    return InvalidValue(
        f"{len(asked.read)} signals of {len(asked.shots)} shots would take about {total / 1e9:.1f} GB, more than "
        f"{LARGEST / 1e9:g} GB; take them piece by piece with db.signals_chunks(…), or narrow the window"
    )


def _outside(base: Signal, asked: Request, shot: int) -> str:
    t0, t1 = asked.window or (0.0, 0.0)
    return f"the window from {t0} s to {t1} s holds no sample of {base.name!r} in shot {shot}; see its record with: gilgamesh show {shot}"


def _extent_of(signal: Signal) -> str:
    return f"{signal.name} lasts from {signal.time[0]:g} s to {signal.time[-1]:g} s"
