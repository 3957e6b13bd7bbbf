"""What an edit would change, before anybody commits it."""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .changes import Changes, Found
from .edits import Edit
from .errors import InvalidValue

if TYPE_CHECKING:
    from .database import Database

_DEPENDENTS = """
select l.kind, l.name, l.id, l.shot, array_agg(distinct l.signal order by l.signal) as signals, array_agg(distinct l.input_shot) as shots
  from unnest(cast(:signals as text[]), cast(:shots as bigint[])) changed(signal, shot)
  join gilgamesh.lineage l on l.signal = changed.signal and l.input_shot = changed.shot
 group by l.kind, l.name, l.id, l.shot
 order by l.kind, l.name, l.shot, l.id
"""


@dataclass(frozen=True)
class Dependent:
    """A stored thing that was made from something that changes.

    Attributes
    ----------
    kind, name, id
        attribute, run, citation or notebook; its name; its identity.
    shot : int or None
        The shot it tells about.
    signals : tuple of str
        The changing signals it was made from.
    sigma, relative : float or None
        The largest change among them, in standard deviations, and as a part of the largest value.
    """

    kind: str
    name: str
    id: int
    shot: int | None
    signals: tuple[str, ...]
    sigma: float | None
    relative: float | None


@dataclass(frozen=True)
class Effect:
    """What an edit would change: signals of shots, and the stored things made from them. Prints as text.

    Attributes
    ----------
    changes : Changes
        The signals and shots, with the size of each change.
    dependents : tuple of Dependent
        Computed attributes, stored runs, notebooks and citations.
    """

    changes: Changes
    dependents: tuple[Dependent, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries."""
        dependents = [{**vars(d), "signals": list(d.signals)} for d in self.dependents]
        return {"changes": [c.to_dict() for c in self.changes], "dependents": dependents}

    def rows(self) -> list[tuple[str, str, str, str]]:
        """What people read: kind, name, shots, by how much."""
        found = [(what, signal, shots, how_much) for signal, shots, what, how_much, _ in self.changes.rows()]
        together: dict[tuple[str, str], list[Dependent]] = {}
        for d in self.dependents:
            together.setdefault((d.kind, d.name), []).append(d)
        for (kind, name), members in together.items():
            shots = sorted({d.shot for d in members if d.shot is not None})
            span = (
                f"{len(shots)} shots, {shots[0]} to {shots[-1]}"
                if len(shots) > 1
                else f"shot {shots[0]}"
                if shots
                else ""
            )
            part = max((d.relative for d in members if d.relative is not None), default=None)
            made_of = " and ".join(sorted({signal for d in members for signal in d.signals}))
            found.append((kind, name, span, f"made of {made_of}" + (f", which changes by {part:.2%}" if part else "")))
        return found

    def __str__(self) -> str:
        if not self.changes:
            return "no signal of any shot would change"
        signals, shots = len({c.signal for c in self.changes}), len({c.shot for c in self.changes})
        lines = [f"would change {_many(signals, 'signal')} of {_many(shots, 'shot')}"]
        for what, name, span, how_much in self.rows():
            if what in ("attribute", "run", "citation", "notebook"):
                lines.append(f"{what} {name}, {span}: {how_much}" if span else f"{what} {name}: {how_much}")
            else:
                lines += [f"{name}, {span}: {what}", *([f"    {how_much}"] if how_much else [])]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows()
        )
        return f"<table><caption>{html.escape(str(self).splitlines()[0])}</caption>{body}</table>"


class WhatIf(Edit):
    """Changes that are tried and taken back; made by `Database.what_if`. Everything an `Edit` can do."""

    def __init__(self, connection: sa.Connection, db: Database) -> None:
        super().__init__(connection, db)
        self._effect: Effect | None = None

    @property
    def effect(self) -> Effect:
        """What the changes would have done; known when the block has ended."""
        if self._effect is None:
            raise InvalidValue("the effect is known when the block of what_if has ended; ask after it")
        return self._effect


@contextlib.contextmanager
def what_if(db: Database, reason: str, author: str | None, exact: bool) -> Iterator[WhatIf]:
    """One transaction that is taken back; see `Database.what_if`."""
    with contextlib.ExitStack() as taken_back:
        connection = taken_back.enter_context(db.engine.connect())
        connection.execute(
            sa.text("select gilgamesh.begin_edit(:reason, :author)"), {"reason": reason, "author": author}
        )
        tried = WhatIf(connection, db)
        yield tried
        # What would be refused at commit is refused here.
        connection.exec_driver_sql("set constraints all immediate")
        before = connection.exec_driver_sql("select gilgamesh.before_this_edit()").scalar_one()
        tried._effect = take_back(db, connection, before, exact=exact)


def take_back(db: Database, connection: sa.Connection, before: Any, *, exact: bool) -> Effect:
    """Take the transaction back, and say what it would have changed since a moment of knowledge before it."""
    found = Found(connection, before, None)
    dependents = connection.execute(
        sa.text(_DEPENDENTS),
        {"signals": [signal for signal, _ in found.pairs], "shots": [shot for _, shot in found.pairs]},
    ).all()
    # Others wait for the lock of edits: give it back before any sample is read.
    connection.rollback()
    changes = found.weigh(db, exact=exact)
    return Effect(changes, _dependents(dependents, changes))


def _dependents(rows: Sequence[Any], changes: Changes) -> tuple[Dependent, ...]:
    by_pair = {(c.signal, c.shot): c for c in changes}
    found = []
    for row in rows:
        inputs = [by_pair[s, n] for s in row.signals for n in row.shots if (s, n) in by_pair]
        if not inputs:  # a derived signal that comes out the same
            continue
        found.append(
            Dependent(
                row.kind, row.name, row.id, row.shot, tuple(row.signals),
                max((c.sigma for c in inputs if c.sigma is not None), default=None),
                max((c.relative for c in inputs if c.relative is not None), default=None),
            )
        )  # fmt: skip
    return tuple(found)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
