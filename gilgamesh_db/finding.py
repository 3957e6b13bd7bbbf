"""Looking for a word everywhere: signals, shots, the logbook, the bibliography and notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .bibliography import folded

if TYPE_CHECKING:
    from .database import Database

MOST = 20  # of each kind
_SIGNALS = """
select s.signal, concat_ws(' · ', s.unit, nullif(s.description, ''), nullif(s.quantity, ''), s.component) as said
  from gilgamesh.signals s
 where lower(concat_ws(' ', s.signal, s.label, s.description, s.quantity, s.component, array_to_string(s.aliases, ' '))) like all(%s::text[])
 order by s.signal limit %s
"""
_SHOTS = """
select sh.number, sh.started_at, p.name as program,
       (select v.text from gilgamesh.attribute_value v join gilgamesh.attribute a on a.id = v.attribute_id and a.name = 'Comment'
         where v.shot = sh.number and v.recorded @> gilgamesh.known_at()) as comment
  from gilgamesh.shot sh left join gilgamesh.program p on p.id = sh.program_id
 where sh.number::text = %(exactly)s
    or lower(coalesce(p.name, '')) like all(%(words)s::text[])
    or exists (select from gilgamesh.attribute_value v
                where v.shot = sh.number and v.recorded @> gilgamesh.known_at() and lower(v.text) like all(%(words)s::text[]))
 order by sh.number::text = %(exactly)s desc, sh.number desc limit %(most)s
"""
_NOTEBOOKS = """
select n.path, n.author, n.created_at from gilgamesh.notebooks n
 where lower(n.path || ' ' || array_to_string(n.signals, ' ')) like all(%s::text[]) order by n.created_at desc limit %s
"""


@dataclass(frozen=True)
class Hit:
    """Something that was found.

    Attributes
    ----------
    kind : {'signal', 'shot', 'log', 'reference', 'notebook'}
    name : str
        What it is called: name, number, key or path.
    said : str
        What is said of it.
    """

    kind: str
    name: str
    said: str


def find(db: Database, text: str) -> list[Hit]:
    """Everything that holds all these words; see `Database.find`."""
    words = text.split()
    if not words:
        return []
    parts = [f"%{_literal(word)}%" for word in text.lower().split()]
    ask = db.reader.rows
    found = [Hit("signal", row.signal, row.said) for row in ask(_SIGNALS, (parts, MOST), db.knowledge)]
    found += [
        Hit(
            "shot",
            str(row.number),
            " · ".join(filter(None, (f"{row.started_at:%Y-%m-%d %H:%M}", row.program, row.comment))),
        )
        for row in ask(_SHOTS, {"exactly": text.strip(), "words": parts, "most": MOST}, db.knowledge)
    ]
    for shot, author, said in db.log(text)[["Shot", "Author", "Text"]].tail(MOST).iloc[::-1].itertuples(index=False):
        found.append(Hit("log", "" if str(shot) == "<NA>" else str(shot), f"{author}: {said}"))
    references = db.bibliography.search(folded(text)).head(MOST)
    found += [
        Hit(
            "reference",
            str(key),
            " · ".join(str(part) for part in (row.Authors, row.Title, row.Year) if part and str(part) != "<NA>"),
        )
        for key, row in references.iterrows()
    ]
    found += [Hit("notebook", row.path, f"{row.author}, {row.created_at:%Y-%m-%d}")
              for row in ask(_NOTEBOOKS, (parts, MOST), db.knowledge)]  # fmt: skip
    return found


def _literal(word: str) -> str:
    """A word in which ``%`` and ``_`` stand for themselves."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
