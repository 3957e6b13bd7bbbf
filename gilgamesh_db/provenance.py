"""Where a number comes from: every step from ADC count to value, who stated it, when and why."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .calibration import Fit, formula, steps_from_json, steps_to_json
from .calibration.fit import fit_from_dict
from .units import conversion_step

if TYPE_CHECKING:
    from .point import Point
    from .signal import Signal

_EXPLAIN = "select * from gilgamesh.explain(%s, %s::bigint)"
_RUN = "select * from gilgamesh.runs where run = %s"
_INPUTS = """
select s.name, i.shot from gilgamesh.run_input i join gilgamesh.signal s on s.id = i.signal_id
 where i.run_id = %s order by i.shot, s.name
"""


@dataclass(frozen=True)
class Replaced:
    """What was believed of a step before."""

    formula: str
    author: str
    recorded_at: datetime
    reason: str


@dataclass(frozen=True)
class ProvenanceStep:
    """One step between the recorded count and the value; a row of ``gilgamesh.explain``.

    Attributes
    ----------
    kind : {'wiring', 'record', 'calibration', 'unit', 'timing'}
    item : str or None
        The port, component or device.
    formula : str or None
        What it does, readable; None where a calibration is missing.
    input_unit, output_unit : str or None
    author, recorded_at, reason, source
        Who stated it, when, why, and where the numbers come from.
    since, until : datetime or None
        For which period; None is without end.
    rule : str or None
        Why this statement was chosen.
    replaced : Replaced or None
        What was believed before.
    row_id : int or None
        The row of ``connection``, ``series``, ``calibration`` or ``timing``.
    parameters, covariance, fit
        Steps of a calibration as JSON, the covariance of their parameters, the points they were fitted to.
    """

    kind: str
    item: str | None
    formula: str | None
    input_unit: str | None
    output_unit: str | None
    author: str | None = None
    recorded_at: datetime | None = None
    reason: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    rule: str | None = None
    replaced: Replaced | None = None
    row_id: int | None = None
    parameters: Any = None
    covariance: Any = None
    fit: dict[str, Any] | None = None

    @property
    def measured(self) -> Fit | None:
        """The fit this calibration comes from, with its points and residuals."""
        if self.fit is None:
            return None
        return fit_from_dict(self.fit, steps_from_json(self.parameters), self.covariance)

    def notes(self) -> list[str]:
        """Who said so, for which period, and what it replaced: a line each."""
        found = []
        if self.author:
            found.append(
                _said(self.author, self.recorded_at, self.reason) + (f" ({self.source})" if self.source else "")
            )
            since = f"since {self.since:%Y-%m-%d %H:%M}" if self.since else "always"
            found.append(f"in force {since}" + (f", until {self.until:%Y-%m-%d %H:%M}" if self.until else ""))
        elif self.source:
            found.append(f"from {self.source}")
        if self.replaced is not None:
            old = self.replaced
            found.append(f"before: {old.formula}, {_said(old.author, old.recorded_at, old.reason)}")
        return found


@dataclass(frozen=True)
class Computed:
    """The run that computed a processed signal."""

    run: int
    method: str
    version: str
    parameters: dict[str, Any]
    author: str
    recorded_at: datetime
    inputs: tuple[tuple[str, int], ...]
    out_of_date: str | None


@dataclass(frozen=True)
class Provenance:
    """How a signal of a shot comes to its values; ``print`` shows it as text, `to_dict` as data."""

    signal: str
    shot: int
    started_at: datetime
    status: str
    unit: str
    port: str | None
    gain: float | None
    offset: float | None
    clock_rate: float
    clock_offset: float
    dtype: str | None
    n: int | None
    series_id: int | None
    steps: tuple[ProvenanceStep, ...]
    computed: Computed | None = None
    origin: Signal | None = field(default=None, repr=False, compare=False)

    @property
    def chain(self) -> tuple[ProvenanceStep, ...]:
        """The calibrations, from the port outwards."""
        return tuple(step for step in self.steps if step.kind == "calibration")

    def at(self, t: float) -> Point:
        """One sample with every intermediate value; see `Signal.at`."""
        assert self.origin is not None  # noqa: S101 - made by `explain`
        return self.origin.at(t)

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries."""
        plain = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("steps", "computed", "origin")
        }
        return plain | {
            "steps": [asdict(step) for step in self.steps],
            "chain": [asdict(step) for step in self.chain],
            "computed": None if self.computed is None else asdict(self.computed),
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """Steps as (what, how, who said so); the last may have several lines."""
        found = [("shot", f"{self.shot}, triggered {_moment(self.started_at)}", "")]
        recorded = f"{self.n} samples of {self.dtype}" if self.n is not None else "no samples"
        if self.computed is not None:
            return [*found, *self._computed_rows(self.computed, recorded)]
        if self.port is None:
            return [*found, ("wiring", "not wired to any port then", "")]
        for step in self.steps:
            what, how = step.kind if step.kind in ("wiring", "unit") else step.item or "", step.formula or ""
            if step.kind == "record":
                what = "record"
            elif step.kind == "timing":
                what = f"clock of {step.item}"
            elif step.kind == "calibration" and step.formula is None:
                how = "no calibration was in force"
            elif step.kind in ("calibration", "unit"):
                how += f"  [{step.input_unit or '1'} → {step.output_unit or '1'}]"
            found.append((what, how, "\n".join(step.notes())))
        if self.gain is not None:
            found.append(("together", f"value = {self.gain!r} · raw + {self.offset!r}  [{self.unit or '1'}]", ""))
        return found

    @staticmethod
    def _computed_rows(made: Computed, recorded: str) -> list[tuple[str, str, str]]:
        given = ", ".join(f"{key} = {value!r}" for key, value in made.parameters.items())
        said = f"ran by {made.author} on {made.recorded_at:%Y-%m-%d}"
        rows = [("run", f"{made.run}: {made.method} {made.version}({given})", said), ("values", recorded, "")]
        rows += [("from", f"{name} of shot {shot}", "") for name, shot in made.inputs]
        return rows if made.out_of_date is None else [*rows, ("OUT OF DATE", made.out_of_date, "")]

    def __str__(self) -> str:
        return as_text(f"{self.signal} [{self.unit or '1'}] of shot {self.shot}: {self.status}", self.rows())

    def _repr_html_(self) -> str:
        return as_table(f"{self.signal}, shot {self.shot}", self.rows())


def as_text(title: str, rows: Sequence[tuple[str, str, str]]) -> str:
    """Rows of (what, how, who said so) for a terminal."""
    left = max((len(row[0]) for row in rows), default=0)
    lines = [title]
    for what, how, who in rows:
        lines.append(f"  {what:<{left}}  {how}".rstrip())
        lines += [f"  {'':<{left}}    {line}" for line in who.splitlines()]
    return "\n".join(lines)


def as_table(title: str, rows: Sequence[tuple[str, ...]]) -> str:
    """Rows for a notebook."""

    def cell(text: str) -> str:
        return f"<td>{html.escape(text).replace('  ', '&emsp;').replace(chr(10), '<br>')}</td>"

    body = "".join("<tr>" + "".join(map(cell, row)) + "</tr>" for row in rows)
    return f"<table><caption>{html.escape(title)}</caption>{body}</table>"


def explain(signal: Signal) -> Provenance:
    """Collect the provenance of a signal, as known to its database; a hole is shown, not raised."""
    db, r = signal._db, signal._row
    steps = [_step(row) for row in db.reader.rows(_EXPLAIN, (signal.name, signal.shot), db.knowledge)]
    if r.unit != signal._stored_unit:
        own = [conversion_step(signal._stored_unit, r.unit)]
        steps.append(
            ProvenanceStep("unit", None, formula(own), signal._stored_unit, r.unit, parameters=steps_to_json(own))
        )
    return Provenance(
        signal.name, signal.shot, r.started_at, r.status, r.unit, r.port, r.gain, r.offset, r.clock_rate, r.clock_offset,
        r.dtype, r.n, r.series_id, tuple(steps), None if r.run_id is None else _computed(signal, r.run_id), signal,
    )  # fmt: skip


def _step(row: Any) -> ProvenanceStep:
    replaced = None
    if row.replaced is not None:
        replaced = Replaced(row.replaced, row.replaced_author, row.replaced_at, row.replaced_reason)
    return ProvenanceStep(
        row.kind, row.item, row.formula, row.input_unit, row.output_unit, row.author, row.recorded_at, row.reason,
        row.source, row.since, row.until, row.rule, replaced, row.row_id, row.parameters, row.covariance, row.fit,
    )  # fmt: skip


def _computed(signal: Signal, run: int) -> Computed:
    reader, knowledge = signal._db.reader, signal._db.knowledge
    made = reader.rows(_RUN, (run,), knowledge)[0]
    inputs = reader.rows(_INPUTS, (run,))
    return Computed(
        made.run, made.method, made.version, made.parameters, made.author, made.recorded_at,
        tuple((row.name, row.shot) for row in inputs), made.reason,
    )  # fmt: skip


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z").strip()


def _said(author: str, recorded_at: datetime | None, reason: str | None) -> str:
    when = f" on {recorded_at:%Y-%m-%d}" if recorded_at else ""
    return f"said {author}{when}: {reason}"
