"""What the cells of a notebook read: noted in their outputs, found there again when the notebook is pushed.

A note stands in an output of its own, of a media type that no front end shows. So it travels with the outputs it
belongs to, however the file gets here; and a cell that is run again, or cleared, takes its note along. It names signals, shots
and the knowledge they were read with. Through which wiring and calibrations that was, the history of the database says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..derived import definitions
from ..errors import GilgameshError
from ..noting import unnoted
from .document import Notebook, cells_of

if TYPE_CHECKING:
    from ..database import Database

MEDIA_TYPE = "application/vnd.gilgamesh.reads+json"

# The instant of its first edit tells one database from another; it stays when a backup is restored elsewhere.
_BORN = "select recorded_at from gilgamesh.edit order by id limit 1"
_LATEST = "select recorded_at from gilgamesh.edit order by id desc limit 1"
_RESOLVED = """
select asked.name, r.shot, r.signal_id, r.series_id, r.connection_id, r.calibrations, r.timing_id
  from unnest(%(signals)s::text[]) asked(name)
  join gilgamesh.resolved_signal r on r.signal_id = coalesce(
         (select s.id from gilgamesh.signal s where s.name = asked.name),
         (select a.signal_id from gilgamesh.alias a where a.name = asked.name))
 where r.shot = any(%(shots)s) and r.status = 'ok'
"""


@dataclass(frozen=True, order=True)
class Read:
    """A signal of a shot that was read.

    Attributes
    ----------
    signal : str
    shot : int
    known_at : datetime
        The knowledge it was read with.
    pinned : bool
        Whether that was asked for, rather than today's.
    """

    signal: str
    shot: int
    known_at: datetime
    pinned: bool = False


@dataclass(frozen=True)
class Found:
    """What a notebook noted, as rows of ``notebook_input``; and what of it this database does not know."""

    inputs: tuple[dict[str, Any], ...] = ()
    unknown: tuple[tuple[str, int], ...] = ()


def born(db: Database) -> str:
    """What a database is known by, in notes and beside pulled files; empty while nothing was stated in it."""
    rows = db.reader.rows(_BORN, ())
    return str(rows[0].recorded_at.isoformat()) if rows else ""


def knowledge(db: Database) -> datetime | None:
    """The knowledge a read is made with now; None while nothing was stated."""
    if db.knowledge is not None:
        return db.knowledge
    rows = db.reader.rows(_LATEST, ())
    return rows[0].recorded_at if rows else None


def note(database: str, reads: Iterable[Read]) -> dict[str, Any]:
    """The note of a cell, as JSON; shots of a signal are kept together.

    Parameters
    ----------
    database : str
        What `born` says of it.
    reads : iterable of Read
    """
    together: dict[tuple[str, datetime, bool], list[int]] = {}
    for read in sorted(set(reads)):
        together.setdefault((read.signal, read.known_at, read.pinned), []).append(read.shot)
    return {
        "database": database,
        "reads": [
            {"signal": signal, "shots": shots, "known_at": moment.isoformat(), "pinned": pinned}
            for (signal, moment, pinned), shots in together.items()
        ],
    }


def notes_of(notebook: Notebook) -> Iterator[Mapping[str, Any]]:
    """The notes in the outputs of a notebook."""
    for cell in cells_of(notebook):
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            if is_note(output):
                said = output["data"][MEDIA_TYPE]
                if isinstance(said, list | str):  # some front ends keep JSON as lines of text
                    try:
                        said = json.loads("".join(said))
                    except (ValueError, TypeError):
                        continue
                if isinstance(said, Mapping):
                    yield said


def is_note(output: Any) -> bool:
    """Whether an output of a cell is a note of ours."""
    return (
        isinstance(output, Mapping) and isinstance(output.get("data"), Mapping) and MEDIA_TYPE in output["data"]
    )  # fmt: skip


def reads_of(notebook: Notebook, database: str) -> tuple[list[Read], list[tuple[str, int]]]:
    """What a notebook noted of this database, and what of another; what cannot be understood is left out."""
    here: set[Read] = set()
    elsewhere: set[tuple[str, int]] = set()
    for said in notes_of(notebook):
        listed = said.get("reads")
        for one in listed if isinstance(listed, list) else ():
            try:
                signal, moment = str(one["signal"]), datetime.fromisoformat(one["known_at"])
                shots = [shot for shot in one["shots"] if isinstance(shot, int) and 0 <= shot < 2**63]
                pinned = bool(one.get("pinned"))
            except (TypeError, KeyError, ValueError, AttributeError):
                continue
            if moment.tzinfo is None or "\0" in signal:
                continue
            if said.get("database") == database:
                here.update(Read(signal, shot, moment, pinned) for shot in shots)
            else:
                elsewhere.update((signal, shot) for shot in shots)
    return sorted(here), sorted(elsewhere)


def resolve(db: Database, notebook: Notebook) -> Found:
    """Through which records, wiring, calibrations and formulas a notebook read what it noted.

    Read again as of the knowledge it was read with, so the answer is the same however much later it is asked.
    """
    reads, elsewhere = reads_of(notebook, born(db))
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    unknown = set(elsewhere)
    moments = sorted({(read.known_at, read.pinned) for read in reads})
    with unnoted():
        for moment, pinned in moments:
            wanted = {(read.signal, read.shot) for read in reads if (read.known_at, read.pinned) == (moment, pinned)}
            rows = _rows(db, moment, wanted)
            unknown |= wanted - rows.keys()
            for row in rows.values():
                # The same, read at several moments of one knowledge, is one input: that of the last.
                same = (*(str(value) for value in row.values()), pinned)
                found[same] = {**row, "known_at": moment.isoformat(), "pinned": pinned}
    return Found(tuple(found.values()), tuple(sorted(unknown)))


def _rows(db: Database, moment: datetime, wanted: set[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
    try:
        then = db.known_at(moment)
    except GilgameshError:  # before the first edit, or in the future: not of this database
        return {}
    signals, shots = sorted({name for name, _ in wanted}), sorted({shot for _, shot in wanted})
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for r in then.reader.rows(_RESOLVED, {"signals": signals, "shots": shots}, then.knowledge):
        found[r.name, r.shot] = _input(r, series_id=r.series_id, connection_id=r.connection_id,
                                         calibrations=list(r.calibrations or ()), timing_id=r.timing_id)  # fmt: skip
    for shot, known in definitions(then, signals, shots).items():
        for name, one in known.items():
            if name in signals:
                found[name, shot] = _input(one, definition_id=one.id)
    return {pair: row for pair, row in found.items() if pair in wanted}


def _input(row: Any, **how: Any) -> dict[str, Any]:
    blank: dict[str, Any] = {
        "series_id": None,
        "connection_id": None,
        "calibrations": [],
        "timing_id": None,
        "definition_id": None,
    }
    return {"signal_id": row.signal_id, "shot": row.shot, **blank, **how}
