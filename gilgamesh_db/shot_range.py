"""Which shots are meant: a number, a list, a slice, ``"1200:1300"``, or -1 for the last."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from .errors import InvalidValue, ShotNotFound

if TYPE_CHECKING:
    from .database import Database

Shots: TypeAlias = "int | str | slice | Iterable[int] | None"

_TEXT = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*")


def shots_of(db: Database, spec: Shots) -> list[int]:
    """The numbers of the shots that are meant, in the order given.

    Parameters
    ----------
    spec : int, str, slice, iterable of int, or None
        A shot number (a negative one counts from the last, -1); several of them; a range such as ``"1200:1300"`` or
        ``slice(1200, 1300)``, half-open, of the shots that exist in it, open ends allowed (``"-10:"`` is the last ten);
        several of these separated by commas (``"838, 1200:1300"``); or None for all. A `range` names those of its
        numbers that are shots.

    Raises
    ------
    ShotNotFound
        A shot does not exist, or a range holds none.
    InvalidValue
        It is not a way to name shots.

    Examples
    --------
    >>> shots_of(db, "1200:1300")  # doctest: +SKIP
    [1200, 1234]
    """
    if spec is None:
        return _between(db, None, None, "the database")
    if isinstance(spec, slice):
        if spec.step not in (None, 1):
            raise InvalidValue(f"shots cannot be taken in steps of {spec.step}; give the list of their numbers")
        return _between(db, spec.start, spec.stop, f"{_end(spec.start)}:{_end(spec.stop)}")
    if isinstance(spec, str):
        found = [number for part in spec.split(",") for number in _written(db, part, spec)]
    elif isinstance(spec, range):
        there = set(_existing(db, min(spec, default=0), max(spec, default=-1)))
        found = [number for number in spec if number in there]
        if not found:
            raise ShotNotFound(f"there is no shot in {spec}; list them with `gilgamesh shots`")
    elif isinstance(spec, Iterable):
        found = _numbers(db, list(spec))
        if not found:
            raise InvalidValue("no shot is asked for; give a number, a list of numbers or a range such as '1200:1300'")
    else:
        found = _numbers(db, [spec])
    return list(dict.fromkeys(found))


def _written(db: Database, part: str, whole: str) -> list[int]:
    if re.fullmatch(r"\s*-?\d+\s*", part):
        return _numbers(db, [int(part)])
    match = _TEXT.fullmatch(part)
    if match is None:
        raise InvalidValue(f"{whole!r} does not name shots; write for example '1200:1300', '838, 1234' or '-10:'")
    start, stop = (None if end is None else int(end) for end in match.groups())
    return _between(db, start, stop, repr(part.strip()))


def _numbers(db: Database, given: list[int]) -> list[int]:
    """Those given, all of which must exist; looked up together."""
    try:
        if any(isinstance(number, bool) for number in given):
            raise TypeError
        numbers = [operator.index(number) for number in given]
    except TypeError as error:
        raise InvalidValue(
            f"{given if len(given) > 1 else given[0]!r} is not a shot number; give a whole number such as 1234, -1 for the "
            "last, or a range such as '1200:1300'"
        ) from error
    there = set(_known(db, [number for number in numbers if number >= 0]))
    return [number if number in there else db.shot_number(number) for number in numbers]


def _known(db: Database, numbers: list[int]) -> list[int]:
    if not numbers:
        return []
    rows = db.reader.rows("select number from gilgamesh.shot where number = any(%s::numeric[])", (numbers,))
    return [row.number for row in rows]


def _between(db: Database, start: int | None, stop: int | None, asked: str) -> list[int]:
    """Shots from `start` up to, not including `stop`; negative ends count from the last shot, as in a list."""
    first, end = (_counted(db, edge) if edge is not None and edge < 0 else edge for edge in (start, stop))
    found = _existing(db, first, None if end is None else end - 1)
    if not found:
        raise ShotNotFound(f"there is no shot in {asked}; list them with `gilgamesh shots`")
    return found


def _counted(db: Database, back: int) -> int:
    rows = db.reader.rows("select number from gilgamesh.shot order by number desc limit %s", (-back,))
    return int(rows[-1].number) if rows else 0


def _existing(db: Database, first: int | None, last: int | None) -> list[int]:
    rows = db.reader.rows(
        "select number from gilgamesh.shot where number >= coalesce(%s::numeric, number) "
        "and number <= coalesce(%s::numeric, number) order by number",
        (first, last),
    )
    return [int(row.number) for row in rows]


def _end(edge: int | None) -> str:
    return "" if edge is None else str(edge)
