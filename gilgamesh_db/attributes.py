"""Computed attributes: evaluated for a shot, stored with what they were computed from, computed again when stale."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import sqlalchemy as sa
from psycopg.rows import namedtuple_row

from . import units
from .derived import Definition, definitions
from .errors import NotFound, Unresolved
from .lineage import Input, inputs_of
from .reading import Cache, Parameters
from .rules import Rule, read_rule
from .translation import translated

if TYPE_CHECKING:
    from .database import Database

_RULES = """
select a.id, a.name, a.unit, a.rule from gilgamesh.attribute a
 where a.rule is not null and a.withdrawn_by_id is null order by a.name
"""
# What can be taken from the stored moments for all shots at once, with what it was taken from.
_STATISTICS = """
select r.shot, t.{column} as number, r.unit, r.signal_id, r.series_id, r.connection_id, r.calibrations, r.timing_id
  from gilgamesh.resolved_signal r
  join gilgamesh.record_statistics t on t.signal = r.signal and t.shot = r.shot
 where r.signal = :signal and r.shot = any(cast(:shots as bigint[])) and r.finished
"""
_WANTING = """
select sh.number, v.id is not null as stale
  from gilgamesh.shot sh
  left join gilgamesh.attribute_value v on v.attribute_id = :attribute and v.shot = sh.number and upper_inf(v.recorded)
 where sh.number = any(cast(:shots as bigint[])) and (v.id is null or v.stale) and sh.status <> 'running'
 order by sh.number
"""
_READABLE = """
select r.shot, r.signal from gilgamesh.resolved_signal r
 where r.signal = any(cast(:signals as text[])) and r.shot = any(cast(:shots as bigint[])) and r.status = 'ok' and r.finished
"""
_DERIVED = "select name from gilgamesh.signal where kind = 'derived'"


@dataclass(frozen=True)
class Computed:
    """A computed attribute of the database."""

    id: int
    name: str
    unit: str
    rule: Rule


@dataclass(frozen=True)
class Wanting:
    """A computed attribute and the shots in which it is stale, or has no value though it could."""

    attribute: Computed
    stale: tuple[int, ...]
    missing: tuple[int, ...]

    @property
    def shots(self) -> list[int]:
        """All of them, in order."""
        return sorted((*self.stale, *self.missing))


def computed_attributes(connection: sa.Connection) -> list[Computed]:
    """All attributes that have a rule."""
    return [
        Computed(row.id, row.name, row.unit or "", read_rule(row.rule)) for row in connection.execute(sa.text(_RULES))
    ]


def wanting(db: Database, connection: sa.Connection, shots: Sequence[int]) -> list[Wanting]:
    """What `refresh` would compute: stale values, and values that are missing although their signals can be read."""
    found = []
    derived = set(connection.execute(sa.text(_DERIVED)).scalars())
    for attribute in computed_attributes(connection):
        rows = connection.execute(sa.text(_WANTING), {"attribute": attribute.id, "shots": list(shots)}).all()
        missing = [row.number for row in rows if not row.stale]
        readable = _readable(db, connection, attribute.rule, missing, derived) if missing else ()
        one = Wanting(attribute, tuple(row.number for row in rows if row.stale), tuple(readable))
        if one.stale or one.missing:
            found.append(one)
    return found


def _readable(
    db: Database, connection: sa.Connection, rule: Rule, shots: Sequence[int], derived: set[str]
) -> list[int]:
    """The shots in which everything a rule needs can be read, also through derived signals."""
    names = set(rule.node.names())
    stated = definitions(_inside(db, connection), names & derived, shots) if names & derived else {}
    needed = {shot: _measured(names, stated.get(shot, {}), derived) for shot in shots}
    signals = {name for each in needed.values() if each is not None for name in each}
    rows = connection.execute(sa.text(_READABLE), {"signals": list(signals), "shots": list(shots)}).all()
    held = {(row.shot, row.signal) for row in rows}
    return [shot for shot, each in needed.items() if each is not None and all((shot, name) in held for name in each)]


def _measured(names: set[str], stated: Mapping[str, Definition], derived: set[str]) -> set[str] | None:
    """The signals with records behind some names; None where a formula is not stated."""
    found, asked, open_ = set[str](), set[str](), set(names)
    while open_:
        name = open_.pop()
        asked.add(name)
        if name not in derived:
            found.add(name)
        elif name in stated:
            open_ |= set(stated[name].node.names()) - asked
        else:
            return None
    return found


def compute(db: Database, connection: sa.Connection, attribute: Computed, shots: Sequence[int]) -> int:
    """Evaluate an attribute in some shots and store it, inside the caller's transaction and edit.

    Returns
    -------
    int
        How many values are new.
    """
    found: dict[int, tuple[float, list[Input]]] = {}
    derived = set(connection.execute(sa.text(_DERIVED)).scalars())
    if attribute.rule.statistic is not None and attribute.rule.signal not in derived:
        rows = connection.execute(
            sa.text(_STATISTICS.format(column=attribute.rule.statistic)),
            {"signal": attribute.rule.signal, "shots": list(shots)},
        )
        for row in rows:
            if row.number is not None:
                found[row.shot] = (float(row.number), [_input(row)])
                unit = row.unit
    else:
        inside = _inside(db, connection)
        for shot in shots:
            signal = attribute.rule.subject(inside, shot)
            try:
                # Looked up first: an error of the database itself would end the transaction.
                inputs = inputs_of([signal])
                unit = signal._symbol
                number = attribute.rule(signal)
            except (Unresolved, NotFound):
                continue  # what cannot be read has no value
            if np.isfinite(number):
                found[shot] = (number, inputs)
    if found:
        gain, offset = units.conversion(attribute.rule.unit(unit), attribute.unit)
        found = {shot: (number * gain + offset, inputs) for shot, (number, inputs) in found.items()}
    computed: list[dict[str, Any]] = [
        {"shot": shot, "value": found[shot][0], "inputs": found[shot][1]}
        if shot in found and np.isfinite(found[shot][0])
        else {"shot": shot, "value": None, "inputs": []}
        for shot in shots
    ]
    return int(
        connection.execute(
            sa.text("select gilgamesh.store_attribute(:attribute, cast(:computed as jsonb))"),
            {"attribute": attribute.id, "computed": json.dumps(computed)},
        ).scalar_one()
    )


def compute_at_load(db: Database, connection: sa.Connection, shot: int) -> None:
    """Evaluate every computed attribute of a shot that is being loaded, in the transaction of the load."""
    attributes = computed_attributes(connection)
    if not attributes:
        return
    connection.execute(sa.text("select gilgamesh.current_edit(:reason)"), {"reason": f"computed from shot {shot}"})
    for attribute in attributes:
        compute(db, connection, attribute, [shot])


def _input(row: Any) -> Input:
    return {
        "signal_id": row.signal_id, "shot": row.shot, "series_id": row.series_id, "connection_id": row.connection_id,
        "calibrations": row.calibrations or [], "timing_id": row.timing_id, "definition_id": None,
    }  # fmt: skip


def _inside(db: Database, connection: sa.Connection) -> Database:
    """The database as it looks inside a transaction, with what was written there and nobody else sees yet."""
    inside = copy.copy(db)
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine is made by connect()
    inside.reader = _TransactionReader(driver)  # type: ignore[assignment]
    inside.cache = Cache(0)
    # What a transaction finds may be rolled back, so nobody else remembers it.
    inside._names, inside._shots, inside._derived = dict(db._names), set(db._shots), set(db._derived)
    return inside


class _TransactionReader:
    """What `Reader` offers, on the connection of a transaction that is under way."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def rows(self, query: str, parameters: Parameters, _known_at: Any = None) -> list[Any]:
        with translated(), self._connection.cursor(binary=True, row_factory=namedtuple_row) as cursor:
            return cursor.execute(query.encode(), parameters).fetchall()

    def stream(self, query: str, parameters: Parameters, size: int = 4) -> Iterator[tuple[Any, ...]]:
        del size
        with translated(), self._connection.cursor(binary=True) as cursor:
            yield from cursor.execute(query.encode(), parameters)
