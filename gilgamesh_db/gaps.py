"""What is missing: wiring, calibrations, items, samples, devices; and values that cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import SignalNotFound, near_names

if TYPE_CHECKING:
    import pandas as pd

    from .database import Database

_GAPS = """
select shot, signal, port, gap, detail from gilgamesh.gaps
 where (cast(:shot as bigint) is null or shot = :shot) and (cast(:signal as text) is null or signal = :signal)
"""
_IMPLAUSIBLE = """
select shot, signal, null as port, 'implausible' as gap,
       format('%s to %s %s, believed to stay between %s and %s', minimum::float4, maximum::float4, unit,
              coalesce(low::text, 'any'), coalesce(high::text, 'any')) as detail
  from gilgamesh.implausible where shot = :shot and (cast(:signal as text) is null or signal = :signal)
"""
_OF_SIGNAL = _IMPLAUSIBLE.replace(
    "shot = :shot and (cast(:signal as text) is null or signal = :signal)", "signal = :signal"
)


def gaps(db: Database, shot: int | None = None, signal: str | None = None) -> pd.DataFrame:
    """List what is missing; see `Database.gaps`."""
    import pandas as pd

    number = None if shot is None else db.shot_number(shot)
    name = None if signal is None else _name(db, signal)
    values = {"shot": number, "signal": name}
    found = [db.sql(_GAPS, values)]
    if number is not None:
        found.append(db.sql(_IMPLAUSIBLE, values))
    elif name is not None:
        found.append(db.sql(_OF_SIGNAL, {"signal": name}))
    table = pd.concat([one for one in found if len(one)] or found[:1])
    return table.sort_values(["shot", "signal", "gap"], ignore_index=True)


def _name(db: Database, signal: str) -> str:
    known = db.sql("select signal, aliases from gilgamesh.signals")
    names: dict[str, str] = {}
    for canonical, aliases in zip(known.signal, known.aliases, strict=True):
        names |= dict.fromkeys([canonical, *aliases], canonical)
    if signal not in names:
        near = near_names(signal, list(names)) or ";"
        raise SignalNotFound(f"no signal {signal!r}{near} list them with `gilgamesh signals`")
    return str(names[signal])
