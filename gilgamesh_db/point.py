"""One sample of a signal, from the stored byte to the value: what is behind a point of a plot."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .calibration import evaluate, formula, steps_from_json
from .errors import InvalidValue
from .provenance import as_table, as_text
from .record import Samples, read_slice

if TYPE_CHECKING:
    from .signal import Signal

_SOURCE = """
select o.name, p.unit from gilgamesh.series s left join gilgamesh.source o on o.id = s.source_id
  left join gilgamesh.port p on p.component_id = s.port_id where s.id = %s
"""


@dataclass(frozen=True)
class Stage:
    """What one step of the chain makes of the sample."""

    item: str
    formula: str
    value: float
    unit: str


@dataclass(frozen=True)
class Point:
    """One sample with every intermediate value; made by `Signal.at`.

    Attributes
    ----------
    time : float
        Of the sample, in seconds from the trigger.
    series_id, segment, index : int
        The record, the segment of it, and the sample, each counted from 0 within its record.
    raw : int, float or bool
        As recorded, in `raw_unit`.
    stages : tuple of Stage
        After the port's calibration, each item of the chain and each conversion of units.
    value, unit
        What the signal gives.
    uncertainty, systematic, random : float or None
        One standard deviation, in `unit`, and its parts; None where nothing is known.
    """

    signal: str
    shot: int
    time: float
    port: str | None
    source: str | None
    series_id: int
    segment: int
    index: int
    raw: Any
    raw_unit: str
    stages: tuple[Stage, ...]
    value: float
    unit: str
    uncertainty: float | None
    systematic: float | None
    random: float | None

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str, str]]:
        """What, how much, and how."""
        place = f"sample {self.index} of record {self.series_id}, in segment {self.segment}"
        found = [("time", f"{self.time!r} s", ""), ("record", place, f"from {self.source}" if self.source else "")]
        found.append(("raw", f"{self.raw!r} {self.raw_unit}".rstrip(), ""))
        found += [(stage.item, f"{stage.value:.9g} {stage.unit} = {stage.formula}", "") for stage in self.stages]
        how = "" if self.systematic is None else f"{self.systematic:.2g} systematic, {self.random:.2g} random"
        known = "unknown uncertainty" if self.uncertainty is None else f"{self.uncertainty:.2g}"
        found.append(("value", f"{self.value:.9g} ± {known} {self.unit}".rstrip(), how))
        return found

    def __str__(self) -> str:
        return as_text(f"{self.signal} [{self.unit or '1'}] of shot {self.shot}, one sample", self.rows())

    def _repr_html_(self) -> str:
        return as_table(f"{self.signal}, shot {self.shot}, t = {self.time:.9g} s", self.rows())


def point_at(signal: Signal, t: float) -> Point:
    """The sample nearest to an instant; see `Signal.at`."""
    r = signal._resolved
    piece, index = _nearest(signal, float(t))
    raw = piece.raw
    parts: tuple[float | None, float | None, float | None] = (None, None, None)
    stages: list[Stage] = []
    if r.run_id is None:
        budget = piece.uncertainty_budget
        if not budget.nothing_known:
            parts = float(budget.total[0]), float(budget.systematic[0]), float(budget.random[0])
        x = raw.astype(np.float64)
        for link in budget.links:
            steps = steps_from_json(link["steps"])
            x = evaluate(steps, x)
            stages.append(Stage(link.get("item", "unit"), formula(steps), float(x[0]), link["output_unit"]))
    elif piece.uncertainty is not None:
        parts = float(piece.uncertainty[0]), None, None
    source = signal._db.reader.rows(_SOURCE, (r.series_id,))[0]
    return Point(
        signal.name, signal.shot, float(piece.time[0]), r.port, source.name, int(r.series_id),
        index // int(r.segment_n), index, raw[0].item(), source.unit or r.unit, tuple(stages), float(piece.values[0]), r.unit, *parts,
    )  # fmt: skip


def _nearest(signal: Signal, t: float) -> tuple[Signal, int]:
    """A signal of one sample, and its index in the record."""
    r = signal._resolved
    indices = signal._indices()
    if indices is None:  # irregular times are found by reading them
        whole = signal._samples
        time = signal._clock(whole)
        if not time.size:
            raise InvalidValue(f"{signal.name!r} has no samples in shot {signal.shot}")
        k = int(np.argmin(np.abs(time - t))) if np.isfinite(t) else 0
        slack = float(np.max(np.diff(time))) if time.size > 1 else 0.0
        first, last = float(time[0]), float(time[-1])
        index = whole.first + k
        assert whole.times is not None  # noqa: S101 - sampling is irregular
        samples = Samples(index, whole.raw[k : k + 1], whole.times[k : k + 1])
    else:
        if indices[1] <= indices[0]:
            raise InvalidValue(f"{signal.name!r} has no samples in this part of shot {signal.shot}")
        start, dt = float(r.start), float(r.dt)
        first, last, slack = start + indices[0] * dt, start + (indices[1] - 1) * dt, dt
        index = int(np.clip(round((t - start) / dt), indices[0], indices[1] - 1)) if np.isfinite(t) else 0
        samples = Samples(0, np.empty(0), None)
    if not first - slack / 2 <= t <= last + slack / 2:
        raise InvalidValue(
            f"{signal.name!r} was not recorded at {t} s in shot {signal.shot}: its samples run from {first:.9g} s to {last:.9g} s"
        )
    if indices is not None:
        samples = read_slice(signal._db.reader, r, index, index + 1)
    piece = signal._piece(samples)
    return piece, index
