"""Stating something of many shots at once, without overwriting what somebody else said meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .errors import ConflictError, InvalidValue

if TYPE_CHECKING:
    from .database import Database

PROGRAM = "Program"
_SAID_MEANWHILE = """
select v.shot, a.name, e.author, e.reason, e.id,
       case when v.closed_by_id is null then coalesce(v.number::text, v.text, v.boolean::text) end as value
  from gilgamesh.attribute_value v
  join gilgamesh.attribute a on a.id = v.attribute_id
  join gilgamesh.edit e on e.id = greatest(v.edit_id, v.closed_by_id)
 where v.shot = any(:shots) and a.name = any(:names) and e.id > :seen
union all
select (m.after ->> 'number')::bigint, 'Program', e.author, e.reason, e.id, p.name
  from gilgamesh.amendment m
  join gilgamesh.edit e on e.id = m.edit_id
  left join gilgamesh.program p on p.id = (m.after ->> 'program_id')::bigint
 where m.kind = 'shot' and (m.after ->> 'number')::bigint = any(:shots) and 'Program' = any(:names) and e.id > :seen
 order by id desc, shot, value nulls last limit 1
"""


def edit_shots(
    db: Database, shots: Sequence[int], said: Mapping[str, Any], reason: str, *, seen: int | None = None
) -> None:
    """State the program or attributes of shots, in one edit.

    Parameters
    ----------
    shots : sequence of int
    said : mapping
        Value by name of the attribute, or ``Program``; None takes it back.
    reason : str
    seen : int, optional
        The latest edit its author had seen (`PageOfShots.edit`): where one of these values was stated later, nothing is
        written.

    Raises
    ------
    ConflictError
        Somebody else stated one of the values after `seen`; it says who, what and why.
    """
    if not shots or not said:
        raise InvalidValue("choose at least one shot, and say at least one thing of them")
    with db.edit(reason) as edit:
        if seen is not None:
            later = edit._connection.execute(
                sa.text(_SAID_MEANWHILE), {"shots": list(shots), "names": list(said), "seen": seen}
            ).first()
            if later is not None:
                value = "nothing" if later.value is None else repr(later.value)
                raise ConflictError(
                    f"{later.author} said meanwhile that {later.name} of shot {later.shot} is {value} ({later.reason}); "
                    "nothing of yours was written. Look at it, and decide again"
                )
        for name, value in said.items():
            if name == PROGRAM:
                edit.set_program(value, shots=list(shots))
            else:
                edit.set_attributes(name, value, shots=list(shots))
