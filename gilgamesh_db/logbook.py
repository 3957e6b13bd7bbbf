"""The logbook: what people noted, read and searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from .database import Database
    from .shot_range import Shots

_LOG = """
select l.entry as "Entry", l.shot as "Shot", l.written_at as "Written", l.author as "Author", l.text as "Text"
  from gilgamesh.log l
 where (cast(:shots as bigint[]) is null or l.shot = any(cast(:shots as bigint[])))
   and (cast(:words as text) is null or l.words @@ (websearch_to_tsquery('english', :words) || websearch_to_tsquery('simple', :words)))
 order by l.written_at, l.entry
"""


def table_of_log(db: Database, search: str | None = None, shots: Shots | None = None) -> pd.DataFrame:
    """See `Database.log`."""
    numbers = None if shots is None else db.shot_numbers(shots)
    table = db.sql(_LOG, {"words": search, "shots": numbers}).set_index("Entry")
    table["Shot"] = table["Shot"].astype("Int64")
    return table
