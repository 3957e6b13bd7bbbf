"""Derived signals that two states of knowledge say differently: by their formula, or by what it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from .derived import Definition, canonical, from_read, require_inputs, require_no_cycle
from .difference import Amount, between
from .errors import GilgameshError
from .formula import Node, parse_formula
from .signal import Signal

if TYPE_CHECKING:
    from .database import Database

RESOLVED = 1_000  # derived signals of shots whose inputs are looked up: while an edit is tried, others wait for it
SAMPLES = 50_000_000  # of all inputs together; no more are read to say by how much derived signals differ

_FORMULAS = """
select d.id, d.signal_id, s.name, s.unit, s.label, d.formula, lower(d.valid) as since, upper(d.valid) as until, e.author, e.reason, e.recorded_at,
       d.recorded @> cast(:known_at_1 as timestamptz) as before, d.recorded @> cast(:known_at_2 as timestamptz) as after
  from gilgamesh.definition d
  join gilgamesh.signal s on s.id = d.signal_id
  join gilgamesh.edit e on e.id = d.edit_id
 where d.recorded @> cast(:known_at_1 as timestamptz) or d.recorded @> cast(:known_at_2 as timestamptz)
"""
_CATALOGUE = """
select name, name as meant, id from gilgamesh.signal
union all
select a.name, s.name, s.id from gilgamesh.alias a join gilgamesh.signal s on s.id = a.signal_id
"""
# Which edits of a formula reach which shot.
_STATED = """
select s.name, sh.number as shot, array_agg(distinct d.edit_id) as edits
  from gilgamesh.said_differently(cast(:known_at_1 as timestamptz), cast(:known_at_2 as timestamptz)) d
  join gilgamesh.signal s on s.id = d.subject_id
  join gilgamesh.shot sh on d.during @> sh.started_at
 where d.history = 'definition'
   and sh.number >= coalesce(cast(:since as bigint), sh.number) and sh.number < coalesce(cast(:until as bigint), sh.number + 1)
 group by s.name, sh.number
"""
_FIRED = "select number, started_at from gilgamesh.shot where number = any(:shots)"
_THEN = "select r.* from gilgamesh.resolved_then(cast(:ids as bigint[]), cast(:shots as bigint[]), cast(:moment as timestamptz)) r"

Pair = tuple[str, int]  # signal and shot


@dataclass(frozen=True)
class _Stated:
    """A formula, and when it held."""

    said: Definition
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True)
class Difference:
    """A derived signal of a shot that may be read differently.

    Attributes
    ----------
    what : tuple of str
        defined, undefined or definition, where the formula is another; input, where what it is made of differs.
    inputs : tuple of str
        The signals its formulas name that differ.
    edits : tuple of int
        The edits behind it.
    """

    signal: str
    shot: int
    unit: str
    what: tuple[str, ...]
    inputs: tuple[str, ...]
    edits: tuple[int, ...]


@dataclass(frozen=True)
class Compared:
    """A derived signal as known at both moments.

    Attributes
    ----------
    status_before, status_after : str
        ok, not defined, cannot be computed, or what is the matter with an input.
    same : bool
        Whether times and values are the same to the last bit.
    amount : Amount or None
        None where there are no two numbers to compare.
    shift : float or None
        By how much the samples moved in time, at most (s).
    """

    status_before: str
    status_after: str
    same: bool = False
    amount: Amount | None = None
    shift: float | None = None


class Formulas:
    """The formulas of two states of knowledge, read within a transaction."""

    def __init__(self, connection: sa.Connection, moments: Mapping[str, Any]) -> None:
        self._moments = {name: moments[name] for name in ("known_at_1", "known_at_2")}
        rows = connection.execute(sa.text(_FORMULAS), self._moments).all()
        catalogue = connection.execute(sa.text(_CATALOGUE)).all() if rows else ()
        self._ids = {row.name: row.id for row in catalogue}
        self._meant = {row.name: row.meant for row in catalogue}
        self._known: tuple[dict[str, list[_Stated]], dict[str, list[_Stated]]] = {}, {}
        for row in rows:
            node = self._parsed(row.formula)
            said = Definition(
                row.name,
                0,
                row.unit,
                row.label,
                row.formula,
                node,
                row.author,
                row.reason,
                row.recorded_at,
                row.id,
                row.signal_id,
            )
            for held, known in zip((row.before, row.after), self._known, strict=True):
                if held:
                    known.setdefault(row.name, []).append(_Stated(said, row.since, row.until))
        self._resolved: tuple[dict[Pair, Any], dict[Pair, Any]] = {}, {}
        self._fired: dict[int, datetime] = {}

    def _parsed(self, formula: str) -> Node:
        """The formula over names of signals; one that SQL let in and nobody can read is a number that is none."""
        try:
            return canonical(parse_formula(formula), self._meant)
        except GilgameshError:
            return Node("number", value=np.nan)

    def meant(self, names: Iterable[str]) -> set[str]:
        """The names that names and aliases stand for."""
        return {self._meant.get(name, name) for name in names}

    def with_inputs(self, names: Iterable[str]) -> set[str]:
        """These signals, and all that any of their formulas is made of."""
        found: set[str] = set()
        wanted = self.meant(names)
        while wanted:
            found |= wanted
            stated = [one for known in self._known for name in wanted for one in known.get(name, ())]
            wanted = {needed for one in stated for needed in one.said.node.names()} - found
        return found

    def differing(
        self, connection: sa.Connection, rows: Sequence[Any], asked: Mapping[str, Any], only: frozenset[int] | None
    ) -> list[Difference]:
        """The derived signals that differ, given the stored ones that do (`rows`); one query per question, not per shot."""
        if not any(self._known):
            return []
        bounds = {name: asked[name] for name in ("since", "until")}
        stated = connection.execute(sa.text(_STATED), {**self._moments, **bounds}).all()
        own = {(row.name, row.shot): set(row.edits) for row in stated}
        by_shot: dict[int, dict[str, set[int]]] = {}
        for row in rows:
            by_shot.setdefault(row.shot, {})[row.signal] = set(row.edits)
        shots = sorted({*by_shot, *(shot for _, shot in own)})
        shots = [shot for shot in shots if only is None or shot in only]
        self._fired = {row.number: row.started_at for row in connection.execute(sa.text(_FIRED), {"shots": shots})}
        wanted = {name for known in self._known for name in known}
        if asked["signals"] is not None:
            wanted &= self.meant(asked["signals"])
        found = []
        for shot in shots:
            changed = by_shot.get(shot, {})
            known: dict[str, Difference | None] = {}
            found += [one for name in wanted if (one := self._difference(name, shot, changed, own, known)) is not None]
        return sorted(found, key=lambda one: (one.signal, one.shot))

    def _difference(
        self, name: str, shot: int, changed: Mapping[str, set[int]], own: Mapping[Pair, set[int]],
        known: dict[str, Difference | None],
    ) -> Difference | None:  # fmt: skip
        if name in known:
            return known[name]
        known[name] = None
        before, after = (self._in_force(which, name, shot) for which in (0, 1))
        stated = [one for one in (before, after) if one is not None]
        if not stated:
            return None
        edits: set[int] = set()
        what, inputs = [], []
        if before is None or after is None or before.formula != after.formula:
            what.append("defined" if before is None else "undefined" if after is None else "definition")
            edits |= own.get((name, shot), set())
        for needed in dict.fromkeys(needed for one in stated for needed in one.node.names()):
            other = self._difference(needed, shot, changed, own, known)
            if needed in changed or other is not None:
                inputs.append(needed)
                edits |= changed.get(needed, set()) if other is None else set(other.edits)
        if inputs:
            what.append("input")
        if what:
            known[name] = Difference(
                name, shot, stated[-1].unit, tuple(what), tuple(inputs), tuple(sorted(edits))
            )  # fmt: skip
        return known[name]

    def _in_force(self, which: int, name: str, shot: int) -> Definition | None:
        fired = self._fired[shot]
        for one in self._known[which].get(name, ()):
            if (one.since is None or one.since <= fired) and (one.until is None or fired < one.until):
                return one.said
        return None

    def _made_of(self, which: int, name: str, shot: int) -> tuple[dict[str, Definition], set[str]]:
        """The formulas behind a derived signal of a shot, and the stored signals at their ends."""
        formulas: dict[str, Definition] = {}
        stored: set[str] = set()
        wanted = [name]
        while wanted:
            current = wanted.pop()
            if current in formulas:
                continue
            said = self._in_force(which, current, shot)
            if said is None:
                stored.add(current)
            else:
                formulas[current] = said
                wanted += said.node.names()
        return formulas, stored

    # -- by how much -----------------------------------------------------------------------------------

    def resolve(self, connection: sa.Connection, differences: Sequence[Difference]) -> None:
        """Look up what is needed to compare some of them after the transaction has ended: the first shots of each signal."""
        rank: dict[str, int] = {}
        ordered = []
        for one in differences:
            rank[one.signal] = rank.get(one.signal, 0) + 1
            ordered.append((rank[one.signal], one))
        chosen = [one for _, one in sorted(ordered, key=lambda each: (each[0], each[1].signal))][:RESOLVED]
        for which, moment in enumerate(self._moments.values()):
            pairs = sorted(
                {
                    (name, one.shot)
                    for one in chosen
                    for name in self._made_of(which, one.signal, one.shot)[1]
                    if name in self._ids
                }
            )
            asked = {
                "ids": [self._ids[name] for name, _ in pairs],
                "shots": [shot for _, shot in pairs],
                "moment": moment,
            }
            for row in connection.execute(sa.text(_THEN), asked) if pairs else ():
                self._resolved[which][row.signal, row.shot] = row
        self._left = SAMPLES
        self._order = {(one.signal, one.shot): place for place, one in enumerate(chosen)}

    def reading_order(self, differences: Iterable[Difference]) -> list[Difference]:
        """Those whose inputs were looked up; the first shot of each signal before the second of any."""
        found = [one for one in differences if (one.signal, one.shot) in self._order]
        return sorted(found, key=lambda one: self._order[one.signal, one.shot])

    def compare(self, db: Database, one: Difference, exact: bool) -> Compared | None:
        """Evaluate both; None when that would take too many samples, or `exact` is false and there is something to read."""
        sides = []
        for which in (0, 1):
            formulas, stored = self._made_of(which, one.signal, one.shot)
            rows = {name: row for name in sorted(stored) if (row := self._resolved[which].get((name, one.shot)))}
            wrong = [row.status for row in rows.values() if row.status != "ok"]
            if one.signal not in formulas:
                status = "not defined"
            elif len(rows) < len(stored) or not _sound(one.signal, formulas):
                status = "cannot be computed"
            else:
                status = _status(rows) if wrong else "ok"
            sides.append((formulas, rows, status))
        statuses = sides[0][2], sides[1][2]
        if statuses != ("ok", "ok"):
            return Compared(*statuses)
        samples = sum(row.n for _, rows, _ in sides for row in rows.values())
        if not exact or samples > self._left:
            return None
        self._left -= samples
        signals = []
        for formulas, rows, _ in sides:
            read: dict[str, Signal] = {name: _pinned(db, row) for name, row in rows.items()}
            signals.append(from_read(one.signal, formulas, read, {name: name for name in (*formulas, *read)}))
        made: list[tuple[Any, Any] | None] = []
        for signal in signals:
            try:
                made.append((signal.time, signal.values))
            except GilgameshError:
                made.append(None)
        if made[0] is None or made[1] is None:
            before, after = ("cannot be computed" if each is None else "ok" for each in made)
            return Compared(before, after)
        same = all(np.array_equal(x, y, equal_nan=True) for x, y in zip(*made, strict=True))
        record, other = (rows[self._base(formulas, one.signal)].series_id for formulas, rows, _ in sides)
        amount, shift = between(*made[0], *made[1], one_record=record == other)
        return Compared("ok", "ok", same, amount, shift)

    @staticmethod
    def _base(formulas: Mapping[str, Definition], name: str) -> str:
        """The stored signal that gives the time base."""
        while name in formulas:
            name = formulas[name].node.names()[0]
        return name


def _sound(name: str, formulas: Mapping[str, Definition]) -> bool:
    """Whether formulas can be evaluated: SQL states them without looking into them."""
    try:
        require_no_cycle(name, {key: one.node for key, one in formulas.items()})
        for key, one in formulas.items():
            require_inputs(one.node, key)
    except GilgameshError:
        return False
    return True


def _status(rows: Mapping[str, Any]) -> str:
    """What is the matter with the first input that cannot be read."""
    name, status = next((name, row.status) for name, row in rows.items() if row.status != "ok")
    return f"{name} not defined" if rows[name].kind == "derived" else f"{name} {status}"


def _pinned(db: Database, row: Any) -> Signal:
    """A stored signal as it was resolved, whatever is known now."""
    signal = Signal(db, row.signal, row.shot)
    vars(signal).update(_row=row, out_of_date=None)
    return signal
