"""Where a number comes from: every step from ADC count to value, who stated it, when and why."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .calibration import formula, steps_from_json

if TYPE_CHECKING:
    from .database import Database

_RESOLVED = """
select r.*, e.author, e.reason, e.recorded_at, lower(c.valid) as since, upper(c.valid) as until,
       t_edit.author as timing_author, t_edit.reason as timing_reason, o.name as source
  from gilgamesh.resolved_signal r
  left join gilgamesh.connection c on c.id = r.connection_id
  left join gilgamesh.edit e on e.id = c.edit_id
  left join gilgamesh.timing t on t.id = r.timing_id
  left join gilgamesh.edit t_edit on t_edit.id = t.edit_id
  left join gilgamesh.series se on se.id = r.series_id
  left join gilgamesh.source o on o.id = se.source_id
 where r.signal = :signal and r.shot = :shot
"""
_CALIBRATIONS = """
select i.name as item, k.id, k.steps, k.input_unit, k.output_unit, k.source, lower(k.valid) as since,
       upper(k.valid) as until, e.author, e.reason, e.recorded_at
  from unnest(cast(:items as bigint[]), cast(:calibrations as bigint[])) with ordinality link(item_id, calibration_id, pos)
  join gilgamesh.component i on i.id = link.item_id
  left join gilgamesh.calibration k on k.id = link.calibration_id
  left join gilgamesh.edit e on e.id = k.edit_id
 order by link.pos
"""
_INPUTS = """
select s.name, i.shot from gilgamesh.run_input i join gilgamesh.signal s on s.id = i.signal_id
 where i.run_id = :run order by i.shot, s.name
"""
_ITEMS = "select port_id || chain from gilgamesh.connection where id = :id"


@dataclass(frozen=True)
class Calibrated:
    """One item of the chain and the calibration that applied, if one did."""

    item: str
    formula: str | None
    input_unit: str | None
    output_unit: str | None
    since: datetime | None
    until: datetime | None
    author: str | None
    recorded_at: datetime | None
    reason: str | None
    source: str | None
    calibration_id: int | None


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
    chain: tuple[Calibrated, ...]
    gain: float | None
    offset: float | None
    author: str | None
    recorded_at: datetime | None
    reason: str | None
    since: datetime | None
    until: datetime | None
    clock_rate: float
    clock_offset: float
    timing_author: str | None
    timing_reason: str | None
    source: str | None
    dtype: str | None
    n: int | None
    series_id: int | None
    connection_id: int | None
    computed: Computed | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str, str]]:
        """Steps as (what, how, who said so)."""
        recorded = f"{self.n} samples of {self.dtype}" if self.n is not None else "no samples"
        found = [("shot", f"{self.shot}, triggered {_moment(self.started_at)}", "")]
        if self.computed is not None:
            return [*found, *self._computed_rows(self.computed, recorded)]
        if self.port is None:
            return [*found, ("wiring", "not wired to any port then", "")]
        found.append(("port", self.port, _said(self.author, self.recorded_at, self.reason)))
        found.append(("raw", recorded, f"from {self.source}" if self.source else ""))
        for item in self.chain:
            if item.formula is None:
                found.append((item.item, "no calibration was in force", ""))
            else:
                units = f"[{item.input_unit or '1'} → {item.output_unit or '1'}]"
                found.append((item.item, f"{item.formula}  {units}", _said(item.author, item.recorded_at, item.reason)))
        if self.gain is not None:
            found.append(("together", f"value = {self.gain!r} · raw + {self.offset!r}  [{self.unit or '1'}]", ""))
        if self.clock_offset or self.clock_rate != 1:
            clock = f"time = {self.clock_rate!r} · recorded + {self.clock_offset!r} s"
            found.append(("clock", clock, _said(self.timing_author, None, self.timing_reason)))
        return found

    @staticmethod
    def _computed_rows(made: Computed, recorded: str) -> list[tuple[str, str, str]]:
        given = ", ".join(f"{key} = {value!r}" for key, value in made.parameters.items())
        said = f"ran by {made.author} on {made.recorded_at:%Y-%m-%d}"
        rows = [("run", f"{made.run}: {made.method} {made.version}({given})", said), ("values", recorded, "")]
        rows += [("from", f"{name} of shot {shot}", "") for name, shot in made.inputs]
        return rows if made.out_of_date is None else [*rows, ("OUT OF DATE", made.out_of_date, "")]

    def __str__(self) -> str:
        rows = self.rows()
        left = max(len(row[0]) for row in rows)
        lines = [f"{self.signal} [{self.unit or '1'}] of shot {self.shot}: {self.status}"]
        for what, how, who in rows:
            lines.append(f"  {what:<{left}}  {how}" + (f"\n  {'':<{left}}    {who}" if who else ""))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows()
        )
        return f"<table><caption>{html.escape(self.signal)}, shot {self.shot}</caption>{body}</table>"


def explain(db: Database, signal: str, shot: int) -> Provenance:
    """Collect the provenance of a signal of a shot, as known to `db`; a hole is shown, not raised."""
    with db.transaction() as connection:
        r = connection.execute(sa.text(_RESOLVED), {"signal": signal, "shot": shot}).one()
        chain: tuple[Calibrated, ...] = ()
        computed = None if r.run_id is None else _computed(connection, r.run_id)
        if r.connection_id is not None:
            items = connection.execute(sa.text(_ITEMS), {"id": r.connection_id}).scalar_one()
            found = connection.execute(sa.text(_CALIBRATIONS), {"items": items, "calibrations": r.calibrations})
            chain = tuple(
                Calibrated(
                    k.item, None if k.steps is None else formula(steps_from_json(k.steps)), k.input_unit, k.output_unit,
                    k.since, k.until, k.author, k.recorded_at, k.reason, k.source, k.id,
                )
                for k in found
            )  # fmt: skip
    return Provenance(
        signal, shot, r.started_at, r.status, r.unit, r.port, chain, r.gain, r.offset, r.author, r.recorded_at, r.reason,
        r.since, r.until, r.clock_rate, r.clock_offset, r.timing_author, r.timing_reason, r.source, r.dtype, r.n,
        r.series_id, r.connection_id, computed,
    )  # fmt: skip


def _computed(connection: sa.Connection, run: int) -> Computed:
    made = connection.execute(sa.text("select * from gilgamesh.runs where run = :run"), {"run": run}).one()
    inputs = connection.execute(sa.text(_INPUTS), {"run": run}).all()
    return Computed(
        made.run, made.method, made.version, made.parameters, made.author, made.recorded_at,
        tuple((row.name, row.shot) for row in inputs), made.reason,
    )  # fmt: skip


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S %Z").strip()


def _said(author: str | None, recorded_at: datetime | None, reason: str | None) -> str:
    when = f" on {recorded_at:%Y-%m-%d}" if recorded_at else ""
    return f"said {author}{when}: {reason}" if author else ""
