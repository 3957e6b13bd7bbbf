"""Writing plans: the one module of the loaders that touches the database. A plan is written whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import psycopg
import sqlalchemy as sa

from gilgamesh_db import Database, Polynomial
from gilgamesh_db.attributes import compute_at_load
from gilgamesh_db.calibration import steps_to_json
from gilgamesh_db.edits import Edit
from gilgamesh_db.errors import ComponentNotFound, ConflictError, near_names
from gilgamesh_db.payload import checksum
from gilgamesh_db.writer import Record, write_records
from gilgamesh_loaders.formats import Hints
from gilgamesh_loaders.plan import AttributeValue, SeriesPlan, ShotPlan, Source
from gilgamesh_loaders.sheet import Sheet, same_trigger

CHANNEL = "gilgamesh_shot"  # NOTIFY, for whoever waits for the next discharge


@dataclass
class Examination:
    """What loading a plan would do, and what stands in its way."""

    plan: ShotPlan
    already_there: bool = False
    shot_exists: bool = False
    ports: dict[str, int] = field(default_factory=dict)
    unknown_ports: list[SeriesPlan] = field(default_factory=list)
    repeated: set[str] = field(default_factory=set)
    conflicts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unknown_attributes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        plan = self.plan
        samples = sum(series.raw.size for series in plan.series)
        state = "loaded before, nothing to do" if self.already_there else "exists" if self.shot_exists else "new"
        lines = [
            f"{plan.source.name} ({plan.source.format}): shot {plan.number} of {plan.started_at:%Y-%m-%d %H:%M:%S %Z}, {state}; "
            f"{len(plan.series)} ports, {samples} samples"
        ]
        unknown = {series.port for series in self.unknown_ports}
        for series in plan.series:
            base = "irregular" if series.dt is None else f"from {series.start:g} s every {series.dt:g} s"
            state = (
                "unknown port"
                if series.port in unknown
                else "already there"
                if series.port in self.repeated
                else "ready"
            )
            lines.append(f"  {series.port:<28} {series.raw.size:>10} {series.raw.dtype.name:<8} {base:<32} {state}")
        if self.unknown_attributes:
            lines.append(f"  unknown attributes: {', '.join(self.unknown_attributes)}")
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  conflict: {conflict}" for conflict in self.conflicts]
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """What loading a plan did."""

    shot: int
    source: str
    status: str
    series: int = 0
    samples: int = 0
    created: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.source}: shot {self.shot} {self.status}"
        if self.series:
            text += f", {self.series} ports, {self.samples} samples"
        if self.created:
            text += f"; made known: {', '.join(self.created)}"
        return "\n".join([text, *(f"  note: {note}" for note in self.notes)])


def examine(db: Database, plan: ShotPlan) -> Examination:
    """Compare a plan with the database, without changing anything."""
    with db.transaction() as connection:
        return _examine(connection, plan)


def commit(db: Database, plan: ShotPlan, *, create: bool = False, companions: Sequence[Source] = ()) -> Report:
    """Write a plan in one transaction; a plan that was written before changes nothing.

    Parameters
    ----------
    db : Database
    plan : ShotPlan
    create : bool
        Make unknown ports known (with their device, the file's own scale as calibration, and a signal wired to each),
        and unknown attributes.
    companions : sequence of Source
        Other files whose content is in the plan, such as a sheet beside the recording.

    Raises
    ------
    ComponentNotFound
        A port is unknown and was not to be created.
    ConflictError
        The shot exists with other content.
    """
    with db.transaction() as connection:
        # In a transaction of its own: making a partition locks out readers until it commits.
        connection.execute(sa.text("select gilgamesh.ensure_partition(:shot)"), {"shot": plan.number})
    with db.transaction() as connection:
        # Files of one shot wait for each other, so that each sees what the other loaded.
        connection.execute(
            sa.text("select pg_advisory_xact_lock(hashtextextended('gilgamesh.shot', :shot))"), {"shot": plan.number}
        )
        found = _examine(connection, plan)
        if found.already_there:
            return Report(plan.number, plan.source.name, "was loaded before; nothing was changed")
        _refuse_conflicts(found)
        if found.unknown_ports and not create:
            known = connection.exec_driver_sql("select port from gilgamesh.ports").scalars().all()
            first = found.unknown_ports[0].port
            more = f" and {len(found.unknown_ports) - 1} more" if len(found.unknown_ports) > 1 else ""
            raise ComponentNotFound(
                f"{plan.source.name}: no port {first!r}{more}{near_names(first, known) or ';'} nothing was loaded. Make the ports "
                "known with --create (create=True), or add them: gilgamesh add port DEVICE CHANNEL --dtype … --reason …"
            )
        source_id = _write_source(connection, plan.source)
        if source_id is None:
            return Report(plan.number, plan.source.name, "is being loaded by somebody else; nothing was changed")
        if not found.shot_exists:
            _write_shot(connection, plan)
        if found.unknown_ports:
            # Whoever loads another file of the same new device was perhaps faster: with the lock of edits held, look again.
            _begin(connection, plan.number, plan.source)
            found.unknown_ports.clear()
            _find_ports(connection, plan, found)
            _refuse_conflicts(found)
        created = _create_ports(connection, plan, found) if found.unknown_ports else ()
        if found.unknown_attributes and not create:
            names = ", ".join(found.unknown_attributes)
            found.notes.append(
                f"attributes the database does not know were not stored: {names}; --create makes them known"
            )
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine is made by connect()
        wanted = [series for series in plan.series if series.port not in found.repeated]
        records = [
            Record(found.ports[series.port], series.raw, series.start, series.dt, series.times) for series in wanted
        ]
        write_records(driver, plan.number, records, source_id=source_id)
        for companion in companions:
            _write_source(connection, companion)
        _write_attributes(connection, plan.number, plan.attributes, plan.source, create)
        compute_at_load(db, connection, plan.number)
        _tell(connection, plan.number)
    samples = sum(series.raw.size for series in wanted)
    return Report(plan.number, plan.source.name, "loaded", len(wanted), samples, tuple(created), tuple(found.notes))


def complete(db: Database, sheet: Sheet, shot: int, hints: Hints, *, create: bool = False) -> Report:
    """State what a sheet says of a shot whose recording was loaded before, in one transaction.

    Parameters
    ----------
    db : Database
    sheet : Sheet
    shot : int
    hints : Hints
        In which zone its date is.
    create : bool
        Make unknown attributes known.

    Raises
    ------
    ShotNotFound
        Its recording was not loaded yet.
    ConflictError
        It is of another time, or number.
    """
    name = sheet.source.name
    with db.transaction() as connection:
        connection.execute(
            sa.text("select pg_advisory_xact_lock(hashtextextended('gilgamesh.shot', :shot))"), {"shot": shot}
        )
        if is_loaded(connection, sheet.source):
            return Report(shot, name, "was loaded before; nothing was changed")
        fired = connection.execute(sa.text("select gilgamesh.shot_time(:shot)"), {"shot": shot}).scalar_one()
        if sheet.number not in (None, shot):
            raise ConflictError(f"{name} says it is of shot {sheet.number}, but its recording is of shot {shot}")
        if not same_trigger(sheet, fired, hints):
            raise ConflictError(
                f"{name} is of {sheet.started_at}, but shot {shot} was triggered at {fired}; nothing was changed. "
                "Is its time in another zone? Give --timezone"
            )
        _write_source(connection, sheet.source)
        if sheet.program is not None:
            _write_program(connection, sheet.program)
            connection.execute(
                sa.text("update gilgamesh.shot set program_id = (select id from gilgamesh.program where name = :program) "
                        "where number = :shot and program_id is null"),
                {"shot": shot, "program": sheet.program},
            )  # fmt: skip
        stated = _write_attributes(connection, shot, sheet.attributes, sheet.source, create)
        compute_at_load(db, connection, shot)
        _tell(connection, shot)
    left = sorted(set(sheet.attributes) - set(stated))
    notes = (f"attributes the database does not know were not stored: {', '.join(left)}; --create makes them known",)
    return Report(shot, name, f"completed: {', '.join(stated) or 'nothing new'}", notes=notes if left else ())


def is_loaded(connection: sa.Connection, source: Source) -> bool:
    """Whether this very content was loaded before."""
    found = connection.execute(
        sa.text("select exists (select from gilgamesh.source where sha256 = :sha256)"), {"sha256": source.sha256}
    )
    return bool(found.scalar_one())


def _examine(connection: sa.Connection, plan: ShotPlan) -> Examination:
    found = Examination(plan)
    loaded = connection.execute(
        sa.text(
            "select o.id, array_agg(distinct s.shot) filter (where s.shot is not null) from gilgamesh.source o "
            "left join gilgamesh.series s on s.source_id = o.id where o.sha256 = :sha256 group by o.id"
        ),
        {"sha256": plan.source.sha256},
    ).one_or_none()
    if loaded is not None:
        found.already_there = True
        if plan.number in plan.source.shots:
            found.already_there = plan.number in (loaded[1] or ())
        elif loaded[1] and plan.number not in loaded[1]:
            found.already_there = False
            found.conflicts.append(f"this very file was loaded as shot {loaded[1][0]}, not {plan.number}")
    shot = connection.execute(
        sa.text("select started_at from gilgamesh.shot where number = :shot"), {"shot": plan.number}
    ).scalar()
    found.shot_exists = shot is not None
    if shot is not None and abs((shot - plan.started_at).total_seconds()) > 1:
        found.conflicts.append(f"shot {plan.number} was triggered at {shot}, but the file says {plan.started_at}")
    _find_ports(connection, plan, found)
    found.notes += plan.notes
    found.notes += _scale_notes(connection, plan, found.ports)
    found.unknown_attributes = sorted(set(plan.attributes) - set(_attribute_kinds(connection)))
    return found


def _refuse_conflicts(found: Examination) -> None:
    if found.conflicts:
        raise ConflictError(f"{found.plan.source.name}: {'; '.join(found.conflicts)}. Nothing was loaded")


def _find_ports(connection: sa.Connection, plan: ShotPlan, found: Examination) -> None:
    """Which ports of a plan are known, and which of them have samples in this shot already."""
    ports = connection.execute(
        sa.text("select i.name, p.component_id, p.dtype, s.sha256 from gilgamesh.port p "
                "join gilgamesh.component i on i.id = p.component_id "
                "left join gilgamesh.series s on s.port_id = p.component_id and s.shot = :shot "
                "where i.name = any(:names)"),
        {"shot": plan.number, "names": [series.port for series in plan.series]},
    ).all()  # fmt: skip
    known = {row.name: row for row in ports}
    for series in plan.series:
        row = known.get(series.port)
        if row is None:
            found.unknown_ports.append(series)
            continue
        found.ports[series.port] = row.component_id
        if not _delivers(row.dtype, series):
            found.conflicts.append(f"{series.port} delivers {row.dtype}, but the file has {series.raw.dtype.name}")
        if row.sha256 is not None:
            if row.sha256 == checksum(series.raw, series.times):
                found.repeated.add(series.port)
            elif not found.already_there:
                found.conflicts.append(f"shot {plan.number} has other samples of {series.port} already")


def _delivers(dtype: str, series: SeriesPlan) -> bool:
    """Whether a port of this type can have recorded these samples; NaN among counts marks missing ones."""
    if dtype.startswith("float") == (series.raw.dtype.kind == "f"):
        return True
    counts = series.raw[np.isfinite(series.raw)]
    return not dtype.startswith("float") and bool((counts == np.floor(counts)).all())


def _scale_notes(connection: sa.Connection, plan: ShotPlan, ports: Mapping[str, int]) -> list[str]:
    """Say where the file's own scale is not the calibration in force; the database is the authority."""
    rows = connection.execute(
        sa.text("select component_id, steps, output_unit from gilgamesh.calibration "
                "where component_id = any(:ports) and valid @> cast(:moment as timestamptz) and upper_inf(recorded)"),
        {"ports": list(ports.values()), "moment": plan.started_at},
    ).all()  # fmt: skip
    in_force = {row.component_id: (row.steps, row.output_unit) for row in rows}
    notes = []
    for series in plan.series:
        if series.scale is None or series.port not in ports:
            continue
        said = (steps_to_json(series.scale.steps), series.scale.unit)
        believed = in_force.get(ports[series.port])
        if believed is None:
            notes.append(f"{series.port} has no calibration then; the file's own scale was not taken over")
        elif believed != said:
            notes.append(f"the file's own scale of {series.port} is not the calibration in force, which stays")
    return notes


def _write_source(connection: sa.Connection, source: Source) -> int | None:
    written = connection.execute(
        sa.text("insert into gilgamesh.source (name, format, size, sha256) values (:name, :format, :size, :sha256) "
                "on conflict do nothing returning id"),
        {"name": source.name, "format": source.format, "size": source.size, "sha256": source.sha256},
    ).scalar()  # fmt: skip
    if written is None and source.shots:  # another shot of the same file wrote it
        written = connection.execute(
            sa.text("select id from gilgamesh.source where sha256 = :sha256"), {"sha256": source.sha256}
        ).scalar()
    return None if written is None else int(written)


def _write_shot(connection: sa.Connection, plan: ShotPlan) -> None:
    if plan.program is not None:
        _write_program(connection, plan.program)
    connection.execute(
        sa.text("insert into gilgamesh.shot (number, started_at, duration, program_id) values (:number, :started_at, "
                ":duration, (select id from gilgamesh.program where name = :program))"),
        {"number": plan.number, "started_at": plan.started_at, "duration": plan.duration, "program": plan.program},
    )  # fmt: skip


def _write_program(connection: sa.Connection, name: str) -> None:
    connection.execute(
        sa.text("insert into gilgamesh.program (name) values (:name) on conflict do nothing"), {"name": name}
    )


def _create_ports(connection: sa.Connection, plan: ShotPlan, found: Examination) -> list[str]:
    """Make unknown ports known, and wire a signal to each so that it can be asked for at once."""
    edit = _begin(connection, plan.number, plan.source)
    devices = set(connection.exec_driver_sql("select name from gilgamesh.component").scalars())
    names = set(
        connection.exec_driver_sql("select name from gilgamesh.signal union select name from gilgamesh.alias").scalars()
    )
    created = []
    for series in found.unknown_ports:
        if series.device not in devices:
            edit.add_component(series.device, "Device")
            devices.add(series.device)
        edit.add_port(series.device, series.channel, dtype=series.raw.dtype.name, unit=series.raw_unit,
                      description=series.description)  # fmt: skip
        unit = series.raw_unit
        if series.scale is not None:
            unit = series.scale.unit
            edit.calibrate(series.port, series.scale.steps, series.raw_unit, unit, source=plan.source.name)
        elif series.raw_unit != "ct":
            edit.calibrate(series.port, Polynomial((0.0, 1.0)), unit, unit, source=plan.source.name)
        else:
            found.notes.append(f"{series.port} delivers counts and the file says no scale; calibrate it before use")
        name = _signal_name(series, names)
        names.add(name)
        edit.add_signal(name, unit=unit, quantity=series.quantity, description=series.description)
        edit.connect(name, series.port)
        created.append(f"{name} on {series.port}")
    rows = connection.execute(
        sa.text("select name, id from gilgamesh.component where name = any(:names)"),
        {"names": [series.port for series in found.unknown_ports]},
    ).all()
    found.ports.update({row.name: row.id for row in rows})
    return created


def _signal_name(series: SeriesPlan, taken: set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", series.signal or series.channel).strip("_") or "signal"
    if plain[0].isdigit():
        plain = f"_{plain}"
    if plain in taken:
        plain = re.sub(r"[^A-Za-z0-9_]+", "_", f"{series.device}_{plain}").strip("_")
        plain = f"_{plain}" if plain[0].isdigit() else plain
    name, count = plain[:90], 2
    while name in taken:
        name, count = f"{plain[:90]}_{count}", count + 1
    return name


def _write_attributes(
    connection: sa.Connection, shot: int, attributes: Mapping[str, AttributeValue], source: Source, create: bool
) -> list[str]:
    """State what is said of a shot, and is known or may be made known; names of what was stated."""
    kinds = _attribute_kinds(connection)
    said = {name: value for name, value in attributes.items() if value is not None and (create or name in kinds)}
    if not said:
        return []
    edit = _begin(connection, shot, source)
    for name, value in said.items():
        if name not in kinds:
            kinds[name] = "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
            edit.add_attribute(name, kind=kinds[name], description=f"from files such as {source.name}")
        edit.set_attribute(shot, name, _of_kind(value, kinds[name]))
    return list(said)


def _of_kind(value: AttributeValue, kind: str) -> AttributeValue:
    return str(value) if kind == "text" and not isinstance(value, str) else value


def _attribute_kinds(connection: sa.Connection) -> dict[str, str]:
    rows = connection.exec_driver_sql("select name, kind from gilgamesh.attribute")
    return {row.name: row.kind for row in rows}


def _begin(connection: sa.Connection, shot: int, source: Source) -> Edit:
    connection.execute(
        sa.text("select gilgamesh.current_edit(:reason)"), {"reason": f"loaded shot {shot} from {source.name}"}
    )
    return Edit(connection)


def _tell(connection: sa.Connection, shot: int) -> None:
    connection.execute(sa.text("select pg_notify(:channel, :shot)"), {"channel": CHANNEL, "shot": str(shot)})
