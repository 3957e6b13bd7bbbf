"""One number per signal and shot: feature tables of many shots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from . import noting
from .derived import canonical
from .errors import FormulaError, InvalidValue, NotFound, Unresolved
from .formula import parse_formula
from .rules import FUNCTIONS, Rule, read_rule, subject
from .shot_range import Shots, shots_of
from .signal import Signal

if TYPE_CHECKING:
    import pandas as pd

    from .database import Database

Reduction = str | Callable[[Signal], float]

_STATISTICS = """
select t.shot, t.{column} as number from gilgamesh.record_statistics t where t.signal = %s and t.shot = any(%s)
"""


def reduce(
    db: Database,
    what: str | Sequence[str] | Mapping[str, Reduction],
    shots: Shots,
    how: Reduction,
    window: tuple[float, float] | None,
    missing: str,
) -> pd.DataFrame:
    """See `Database.reduce`."""
    import pandas as pd

    if missing not in ("raise", "nan"):
        raise InvalidValue(f"missing={missing!r} cannot be done; say 'raise' or 'nan'")
    numbers = shots_of(db, shots)
    table = pd.DataFrame(index=pd.Index(numbers, name="Shot"))
    if isinstance(what, Mapping):
        columns: dict[str, Rule | Callable[[Signal], float]] = {name: _rule(rule) for name, rule in what.items()}
    else:
        names = [what] if isinstance(what, str) else list(what)
        columns = {name: _of(name, how, window) for name in names}
    for name, rule in columns.items():
        table[name] = _column(db, name, rule, numbers, missing)
    return table


def _of(name: str, how: Reduction, window: tuple[float, float] | None) -> Rule | Callable[[Signal], float]:
    if callable(how):
        return how if window is None else lambda signal: how(signal.window(*window))
    if how not in FUNCTIONS or FUNCTIONS[how]:
        plain = ", ".join(function for function, wanted in FUNCTIONS.items() if not wanted)
        raise InvalidValue(
            f"{how!r} is no way to reduce a signal; say one of {plain}, or give a function of the signal"
        )
    return Rule(how, name, window=window)


def _rule(rule: Reduction) -> Rule:
    if callable(rule):
        raise InvalidValue(
            "a mapping gives each column its rule, such as {'top': 'max(Lang_I)'}; a function takes names"
        )
    return read_rule(rule)


def _column(
    db: Database, name: str, rule: Rule | Callable[[Signal], float], shots: list[int], missing: str
) -> list[float]:
    node = rule.node if isinstance(rule, Rule) else parse_formula(name)
    if not node.names():
        raise FormulaError(f"{name!r} names no signal, so that there is nothing to reduce")
    # An unknown name is said at once.
    node = canonical(node, {each: db.signal(each, shots[0]).name for each in node.names()})
    found: dict[int, float] = {}
    if isinstance(rule, Rule) and rule.statistic is not None:
        rows = db.reader.rows(_STATISTICS.format(column=rule.statistic), (node.value, shots), db.knowledge)
        found = {row.shot: float("nan") if row.number is None else float(row.number) for row in rows}
        noting.noted(db, ((str(node.value), shot) for shot in found))
    for shot in shots:
        if shot not in found:
            try:
                found[shot] = float(rule(subject(db, node, shot)))
            except (Unresolved, NotFound):
                if missing == "raise":
                    raise
                found[shot] = float(np.nan)
    return [found[shot] for shot in shots]
