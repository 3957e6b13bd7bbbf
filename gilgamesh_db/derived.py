"""Derived signals: formulas kept in the database, evaluated when their values are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import noting
from .arithmetic import FormulaSignal
from .computed import ComputedProvenance
from .errors import FormulaError, NotStated, SignalNotFound, near_names
from .formula import Node, compile_formula, parse_formula, shown
from .quality import Quality, quality_of
from .signal import Signal

if TYPE_CHECKING:
    import sqlalchemy as sa

    from .database import Database

# The formula in force at the trigger of each shot, looked up as connections are (views/100_resolved_signal.sql).
_DEFINITIONS = """
select sh.number as shot, asked.name as asked, s.name, s.id as signal_id, s.unit, s.label, sh.started_at, d.id, d.formula, e.author, e.reason, e.recorded_at
  from unnest(%s::text[]) asked(name)
  join gilgamesh.signal s on s.id in (select id from gilgamesh.signal where name = asked.name
                                      union all select signal_id from gilgamesh.alias where name = asked.name)
 cross join gilgamesh.shot sh
  left join lateral (
    select w.id, w.formula, w.edit_id, w.valid
      from gilgamesh.definition w
     where w.signal_id = s.id and coalesce(lower(w.valid), '-infinity') <= sh.started_at
       and (w.recorded @> (select gilgamesh.known_at())) is distinct from false
     order by w.signal_id, coalesce(lower(w.valid), '-infinity') desc limit 1
  ) d on d.valid @> sh.started_at
  left join gilgamesh.edit e on e.id = d.edit_id
 where sh.number = any(%s::bigint[]) and s.kind = 'derived'
"""


@dataclass(frozen=True)
class Definition:
    """The formula of a derived signal in one shot, and who stated it."""

    name: str
    shot: int
    unit: str
    label: str
    formula: str
    node: Node
    author: str
    reason: str
    recorded_at: datetime
    id: int
    signal_id: int

    @property
    def said(self) -> str:
        """Who said so, when and why."""
        return f"said {self.author} on {self.recorded_at:%Y-%m-%d}: {self.reason}"


def definitions(db: Database, names: Iterable[str], shots: Iterable[int]) -> dict[int, dict[str, Definition]]:
    """The formulas in force in each shot, and those of the derived signals they name; one round trip per level.

    Returns
    -------
    dict of int to dict of str to Definition
        By shot and name; a derived signal without a formula is left out.
    """
    found: dict[int, dict[str, Definition]] = {shot: {} for shot in shots}
    meant: dict[str, str] = {}
    asked: set[str] = set()
    wanted = set(names)
    while wanted:
        asked |= wanted
        rows = db.reader.rows(_DEFINITIONS, (list(wanted), list(found)), db.knowledge)
        wanted = set()
        for row in rows:
            meant[row.asked] = row.name
            if row.formula is not None:
                node = parse_formula(row.formula)
                found[row.shot][row.name] = Definition(
                    row.name,
                    row.shot,
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
                wanted |= set(node.names())
        wanted -= asked
    return {
        shot: {name: replace(one, node=canonical(one.node, meant)) for name, one in known.items()}
        for shot, known in found.items()
    }


class DerivedSignal(FormulaSignal):
    """A signal that a formula in the database defines; made by `Database.signal`.

    Its inputs are brought onto the time base of the first signal the formula names, previous sample. Nothing, not even
    the formula, is read before it is needed.
    """

    def __init__(
        self, db: Database, name: str, shot: int, quality: str | None = None, above: tuple[str, ...] = ()
    ) -> None:
        self._db, self.name, self.shot, self._span, self._least = db, name, shot, None, quality
        self._above = (*above, name)
        self._aligned = True
        self._given = self._times, self._computed, self._propagated

    @cached_property
    def definition(self) -> Definition:
        """The formula in force, and who stated it.

        Raises
        ------
        NotStated
            None was in force at the trigger of the shot.
        FormulaError
            It needs itself.
        """
        found = definitions(self._db, [self.name], [self.shot])[self.shot]
        if self.name not in found:
            raise NotStated(
                f"the derived signal {self.name!r} has no formula that was in force in shot {self.shot}; state one with: "
                f"gilgamesh define {self.name} 'FORMULA' --reason …"
            )
        require_no_cycle(self.name, {name: one.node for name, one in found.items()})
        noting.noted(self._db, [(self.name, self.shot)])
        return found[self.name]

    @cached_property
    def _node(self) -> Node:  # type: ignore[override] # read when it is needed
        return self.definition.node

    @cached_property
    def _named(self) -> dict[str, Signal]:  # type: ignore[override]
        require_inputs(self._node, self.name)
        return {name: self._db.signal(name, self.shot, quality=self._least) for name in self._node.names()}

    def window(self, t0: float, t1: float) -> Signal:
        """The part with ``t0 <= time < t1`` (seconds); of a pointwise formula only that part of the inputs is read."""
        part = super().window(t0, t1)
        part._span = (float(t0), float(t1))  # so that it can be cited
        return part

    @property
    def _into(self) -> str:  # type: ignore[override]
        return self.definition.unit

    @property
    def inputs(self) -> tuple[Signal, ...]:  # type: ignore[override]
        """The signals the formula names."""
        return tuple(self._named.values())

    @property
    def method(self) -> str:  # type: ignore[override]
        """The formula."""
        return self.definition.formula

    @property
    def _given_label(self) -> str:  # type: ignore[override]
        return self.definition.label

    @cached_property
    def quality(self) -> Quality:
        """How far people trust it; prints as text."""
        return quality_of(self._db, self.name, self.shot, None)

    @cached_property
    def provenance(self) -> ComputedProvenance:  # type: ignore[override]
        """The formula, who stated it, and where each input comes from; prints as text."""
        return ComputedProvenance(
            self.name, self.shot, self.definition.unit, self.method, tuple(one.provenance for one in self.inputs),
            self.definition.said,
        )  # fmt: skip


def from_read(
    name: str, known: Mapping[str, Definition], read: Mapping[str, Signal], meant: Mapping[str, str]
) -> Signal:
    """A derived signal over signals that were read already.

    Parameters
    ----------
    known : mapping of str to Definition
        The formulas of the shot.
    read : mapping of str to Signal
        The measured signals.
    meant : mapping of str to str
        The name each name or alias stands for.
    """
    if name in read:
        return read[name]
    return formula_over(known[name], lambda node: from_read(meant[str(node.value)], known, read, meant))


def formula_over(stated: Definition, source: Callable[[Node], Signal]) -> Signal:
    """A derived signal over inputs that are at hand."""
    inputs = {key: source(Node("name", value=key)) for key in stated.node.names()}
    return FormulaSignal(
        stated.node, inputs, name=stated.name, shot=stated.shot, into=stated.unit, aligned=True, label=stated.label,
        method=stated.formula,
    )  # fmt: skip


def require_no_cycle(name: str, nodes: Mapping[str, Node]) -> None:
    """Refuse a formula that needs itself, directly or through others."""

    def follow(current: str, above: tuple[str, ...]) -> None:
        if current in above:
            chain = " → ".join((*above[above.index(current) :], current))
            raise FormulaError(
                f"the formula of {current!r} needs itself: {chain}; define one of them without the others"
            )
        if current in nodes:
            for needed in nodes[current].names():
                follow(needed, (*above, current))

    follow(name, ())


def require_inputs(node: Node, name: str) -> None:
    """A formula without signals has no time base."""
    if not node.names():
        raise FormulaError(f"the formula {shown(node)!r} of {name!r} names no signal, so that it has no times")


# -- defining -----------------------------------------------------------------------------------------------

_CATALOGUE = """
select name, name as meant, kind, unit from gilgamesh.signal
union all
select a.name, s.name, s.kind, s.unit from gilgamesh.alias a join gilgamesh.signal s on s.id = a.signal_id
"""
_BELIEVED = """
select s.name, d.formula
  from gilgamesh.definition d
  join gilgamesh.signal s on s.id = d.signal_id
 where upper_inf(d.recorded) and d.valid && cast(:valid as tstzrange) and s.name <> :name
"""


def check_definition(connection: sa.Connection, signal: str, formula: str, valid: Any) -> None:
    """Refuse a formula that cannot be: syntax, unknown names, units that do not agree, a cycle.

    Raises
    ------
    FormulaError, UnitMismatch, SignalNotFound
    """
    import sqlalchemy as sa

    catalogue = {row.name: row for row in connection.execute(sa.text(_CATALOGUE))}
    if signal not in catalogue:
        raise SignalNotFound(
            f"no signal {signal!r}{near_names(signal, catalogue) or ';'} make it known with: gilgamesh add signal {signal} "
            "--kind derived --unit UNIT --reason …"
        )
    node = parse_formula(formula)
    require_inputs(node, signal)
    for name in node.names():
        if name not in catalogue:
            raise FormulaError(
                f"no signal {name!r} in the formula {formula!r}{near_names(name, catalogue) or ';'} list them with `gilgamesh signals`"
            )
    own = catalogue[signal]
    compile_formula(node, {name: catalogue[name].unit for name in node.names()}, own.unit)
    # Aliases are resolved, so that no cycle hides behind another name.
    others = connection.execute(sa.text(_BELIEVED), {"valid": valid, "name": own.meant})
    meant = {name: row.meant for name, row in catalogue.items()}
    nodes: dict[str, Node] = {own.meant: canonical(node, meant)}
    for other in others:
        also = canonical(parse_formula(other.formula), meant)
        nodes[other.name] = Node("and", (nodes[other.name], also)) if other.name in nodes else also
    require_no_cycle(own.meant, nodes)


def canonical(node: Node, meant: Mapping[str, str]) -> Node:
    """The same formula with the names of signals in place of aliases."""
    if node.operation == "name":
        return Node("name", value=meant.get(str(node.value), str(node.value)))
    return Node(node.operation, tuple(canonical(part, meant) for part in node.arguments), node.value, node.unit)
