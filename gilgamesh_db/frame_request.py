"""What a table of signals is asked for: names, shots, conditions and ways to align, understood before anything is read."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from . import noting
from .alignment import Alignment
from .bulk import require_window
from .derived import Definition, canonical, definitions
from .errors import ConditionError, InvalidValue, SignalNotFound, near_names
from .formula import Node, parse_condition
from .quality import accepted_flags
from .shot_range import Shots, shots_of

if TYPE_CHECKING:
    from .database import Database

Window: TypeAlias = "tuple[float, float] | None"
Missing = Literal["raise", "nan"]

_CATALOGUE = """
select name, name as meant, unit, label, kind from gilgamesh.signal
union all
select a.name, s.name, s.unit, s.label, s.kind from gilgamesh.alias a join gilgamesh.signal s on s.id = a.signal_id
 order by 1
"""


@dataclass(frozen=True)
class Request:
    """What is asked for; see `Database.signals` for the words."""

    names: tuple[str, ...]
    shots: tuple[int, ...]
    window: Window
    condition: Node | None
    align: Alignment
    on: str | float | None
    missing: Missing
    tolerance: float | None
    units: Mapping[str, str]
    labels: Mapping[str, str]
    meant: Mapping[str, str]
    defined: Mapping[int, Mapping[str, Definition]]
    derived: tuple[str, ...] = ()
    quality: str | None = None

    @property
    def read(self) -> tuple[str, ...]:
        """All that must be read: the columns, the base, and what the condition names."""
        base = (self.on,) if isinstance(self.on, str) else ()
        conditioned = self.condition.names() if self.condition else ()
        return tuple(dict.fromkeys((*base, *self.names, *conditioned)))


def request(
    db: Database,
    names: str | Sequence[str],
    shot: Shots,
    window: Window = None,
    where: str | None = None,
    align: Alignment = "previous",
    on: str | float | None = None,
    missing: Missing = "raise",
    tolerance: float | None = None,
    quality: str | None = None,
) -> Request:
    """Understand what is asked for, before anything is read."""
    if align not in get_args(Alignment):
        raise InvalidValue(f"{align!r} is not a way to align; choose one of: {', '.join(get_args(Alignment))}")
    if missing not in get_args(Missing):
        raise InvalidValue(f"missing={missing!r} is neither 'raise' nor 'nan'")
    if quality is not None:
        accepted_flags(quality)  # which refuses what is none
    catalogue = {row.name: row for row in db.reader.rows(_CATALOGUE, ())}
    known = {name: row.meant for name, row in catalogue.items()}
    condition = None if where is None else parse_condition(where)
    if condition is not None:
        for name in condition.names():
            if name not in known:
                raise ConditionError(
                    f"no signal {name!r} in {where!r}{near_names(name, known) or ';'} list them with `gilgamesh signals`"
                )
        condition = canonical(condition, known)
    if isinstance(on, str):
        on = names_of([on], known)[0]
    elif on is not None and not (isinstance(on, int | float | np.number) and 0 < float(on) < np.inf):
        raise InvalidValue(
            f"on={on!r} is no time base; give the name of a signal, or an interval in seconds such as 1e-3"
        )
    shots = tuple(shots_of(db, shot))
    columns = tuple(names_of([names] if isinstance(names, str) else list(names), known))
    asked = Request(
        columns, shots, require_window(window), condition, align, on, missing, tolerance,
        {name: row.unit for name, row in catalogue.items()},
        {name: row.label or name for name, row in catalogue.items()}, known, {}, quality=quality,
    )  # fmt: skip
    derived = [name for name in asked.read if catalogue[name].kind == "derived"]
    if not derived:
        return asked
    defined = definitions(db, derived, shots)
    noting.noted(db, ((name, number) for number, stated in defined.items() for name in stated))
    return replace(asked, defined=defined, derived=tuple(derived))


def names_of(names: list[str], known: Mapping[str, str]) -> list[str]:
    """Names for names, aliases and patterns; all that are unknown are named together."""
    found: list[str] = []
    unknown: list[str] = []
    for name in names:
        if not isinstance(name, str):
            raise SignalNotFound(f"{name!r} is not the name of a signal; list them with `gilgamesh signals`")
        if any(sign in name for sign in "*?["):
            matching = [other for other, meant in known.items() if other == meant and fnmatch.fnmatchcase(other, name)]
            found += matching
            unknown += [] if matching else [name]
        elif name in known:
            found.append(known[name])
        else:
            unknown.append(name)
    if unknown:
        near = near_names(unknown[0], known)
        asked = " and ".join(repr(name) for name in unknown)
        raise SignalNotFound(f"no signal {asked}{near or ';'} list them with `gilgamesh signals`")
    if not found:
        raise InvalidValue("no signal is asked for; give a name, a list of names, or a pattern such as 'Lang_*'")
    return list(dict.fromkeys(found))
