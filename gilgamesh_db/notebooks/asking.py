"""What is in the repository, where something is written, and who read what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..errors import InvalidValue
from .words import queries, words_of

if TYPE_CHECKING:
    import pandas as pd

    from ..database import Database
    from ..shot_range import Shots

_LIST = """
select path as "Path", version as "Version", author as "Author", created_at as "Pushed", message as "Message", size as "Size",
       signals as "Signals", shots as "Shots", keys as "Keys", problem as "Problem"
  from gilgamesh.notebooks
 where starts_with(path, :prefix)
 order by path
"""
_LOG = """
select version as "Version", author as "Author", created_at as "Pushed", message as "Message", size as "Size",
       case when parent_path is not null then parent_path || '@' || parent_version end as "From",
       signals as "Signals", shots as "Shots", keys as "Keys", problem as "Problem"
  from gilgamesh.notebook_versions
 where path = :path
 order by version desc
"""
# Notebooks that hold every word somewhere, and their cells that hold at least one.
_SEARCH = """
with asked as (
  select q.word::tsquery as word, q.position from unnest(cast(:words as text[])) with ordinality q(word, position)
), holding as (
  select c.sha256 from asked a join gilgamesh.notebook_cell c on c.words @@ a.word
   group by c.sha256 having count(distinct a.position) = (select count(*) from asked)
)
select v.path, v.number, c.position, c.kind, c.source
  from holding h
  join gilgamesh.notebook_version v on v.sha256 = h.sha256
  join gilgamesh.notebook_cell c on c.sha256 = h.sha256
 where starts_with(v.path, :prefix)
   and not exists (select from gilgamesh.notebook_version w where w.path = v.path and w.number > v.number)
   and exists (select from asked a where c.words @@ a.word)
 order by v.path, c.position
 limit :most
"""
_USES = """
select u.path as "Path", u.version as "Version", u.signal as "Signal", array_agg(distinct u.shot order by u.shot) as "Shots",
       max(u.known_at) as "KnownAt", bool_and(u.up_to_date) as "UpToDate", min(u.reason) as "Reason"
  from gilgamesh.notebook_use u
 where (u.speaks or :every)
   and (cast(:signal as text) is null or u.signal_id = gilgamesh.signal_named(:signal))
   and (cast(:shots as bigint[]) is null or u.shot = any(:shots))
   and (cast(:calibration as bigint) is null or :calibration = any(u.calibrations))
   and (cast(:item as text) is null or exists (
         select from gilgamesh.calibration k
          where k.id = any(u.calibrations) and k.component_id = gilgamesh.component_named(:item)))
 group by u.path, u.version, u.signal
 order by u.path, u.version desc, u.signal
"""
MOST = 1000  # cells a search returns


def table_of_notebooks(db: Database, folder: str) -> pd.DataFrame:
    """See `Notebooks.list`."""
    return db.sql(_LIST, {"prefix": _prefix(folder)}).set_index("Path")


def table_of_versions(db: Database, path: str) -> pd.DataFrame:
    """See `Notebooks.log`."""
    table = db.sql(_LOG, {"path": path}).set_index("Version")
    table["Size"] = table["Size"].astype("Int64")
    return table


def tree(table: pd.DataFrame) -> str:
    """A table of notebooks as a tree of folders."""
    root: dict[str, Any] = {}
    for path, row in table.iterrows():
        *folders, name = str(path).split("/")
        place = root
        for folder in folders:
            place = place.setdefault(f"{folder}/", {})
        place[name] = f"  {row.Version}, {row.Author} {row.Pushed:%Y-%m-%d}" + (
            f": {row.Message}" if row.Message else ""
        )
    return "\n".join(_branches(root, ""))


def search(db: Database, words: str, folder: str) -> pd.DataFrame:
    """See `Notebooks.search`."""
    import pandas as pd

    wanted = queries(words)
    if not wanted:
        raise InvalidValue(f"{words!r} holds no word to search for")
    with db.transaction() as connection:
        rows = connection.execute(sa.text(_SEARCH), {"words": wanted, "prefix": _prefix(folder), "most": MOST}).all()
    beginnings = [tuple(words_of(word)) for word in words.split() if words_of(word)]
    found = [(r.path, r.number, r.position + 1, r.kind, line_with(r.source, beginnings)) for r in rows]
    return pd.DataFrame(found, columns=["Path", "Version", "Cell", "Kind", "Line"]).set_index("Path")


def line_with(source: str, wanted: list[tuple[str, ...]]) -> str:
    r"""The first line that holds one of the words, each given as its parts; the first of all where a word spans lines.

    Examples
    --------
    >>> line_with("import numpy\nx = Lang_I", [("lang", "i")])
    'x = Lang_I'
    """
    lines = source.splitlines() or [""]
    for line in lines:
        held = words_of(line)
        for parts in wanted:
            whole, last = parts[:-1], parts[-1]
            for at in range(len(held) - len(whole)):
                if tuple(held[at : at + len(whole)]) == whole and held[at + len(whole)].startswith(last):
                    return line.strip()[:200]
    return lines[0].strip()[:200]


def uses(db: Database, signal: str | None, shot: Shots, calibration: str | int | None, *, every: bool) -> pd.DataFrame:
    """See `Notebooks.uses`."""
    shots = None if shot is None else db.shot_numbers(shot)
    by_number = calibration if isinstance(calibration, int) else None
    item = calibration if isinstance(calibration, str) else None
    table = db.sql(
        _USES, {"signal": signal, "shots": shots, "calibration": by_number, "item": item, "every": every}
    ).set_index("Path")  # fmt: skip
    table["UpToDate"] = table["UpToDate"].astype("boolean")
    return table


def _branches(place: dict[str, Any], indent: str) -> list[str]:
    lines = []
    names = sorted(place, key=lambda name: (not name.endswith("/"), name))
    for name in names:
        last = name == names[-1]
        held = place[name]
        lines.append(f"{indent}{'└── ' if last else '├── '}{name}{held if isinstance(held, str) else ''}")
        if not isinstance(held, str):
            lines += _branches(held, indent + ("    " if last else "│   "))
    return lines


def _prefix(folder: str) -> str:
    return f"{folder}/" if folder else ""
