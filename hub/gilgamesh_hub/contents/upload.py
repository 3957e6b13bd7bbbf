"""Large files arrive in pieces; the database keeps them aside and puts them together when the last one came."""

from __future__ import annotations

import base64
import hashlib

import sqlalchemy as sa
from tornado.web import HTTPError

from .paths import Location

LAST = -1  # what Jupyter calls the last piece
IN_COURSE = 10  # s; whoever begins the same upload within this time of a piece of another is refused
ABANDONED = "1 day"

# Which piece came last, how long ago (s), and what was left over of it?
_NEWEST = sa.text(
    """
    select position, rest, extract(epoch from clock_timestamp() - received_at)::float8 as ago,
           (select sum(octet_length(content)) / 4 * 3 from pgcontents.uploads
             where user_id = :person and path = :path)::bigint as size
      from pgcontents.uploads
     where user_id = :person and path = :path
     order by position desc
     limit 1
    """
)
_ADD = sa.text(
    """
    insert into pgcontents.uploads (user_id, path, position, content, rest, received_at)
    values (:person, :path, :position, :content, :rest, clock_timestamp())
    """
)
_FORGET = sa.text("delete from pgcontents.uploads where user_id = :person and path = :path")
_FORGET_ABANDONED = sa.text(
    f"delete from pgcontents.uploads where user_id = :person and received_at < now() - interval '{ABANDONED}'"  # noqa: S608
)
_PIECES = sa.text(
    """
    select convert_from(content, 'UTF8') from pgcontents.uploads
     where user_id = :person and path = :path
     order by position
    """
)
# Pieces end where three bytes end, so that their base64 can be put in a row as it is.
_WHOLE = sa.text(
    """
    insert into pgcontents.files as f (user_id, parent_name, name, content, created_at, size, sha256)
    select :person, :parent, :name, string_agg(content, ''::bytea order by position), clock_timestamp(), :size, :sha256
      from pgcontents.uploads
     where user_id = :person and path = :path
        on conflict (user_id, parent_name, name) do update
           set content = excluded.content, created_at = excluded.created_at,
               size = excluded.size, sha256 = excluded.sha256
    """
)


def add_piece(connection: sa.Connection, person: str, place: Location, number: int, piece: bytes) -> int:
    """Keep a piece until the file is whole.

    Parameters
    ----------
    number : int
        1, 2, … and `LAST`, as Jupyter numbers them.

    Returns
    -------
    int
        How many bytes have come.

    Raises
    ------
    HTTPError
        409 where a piece does not follow the one before, or somebody else uploads to the same place just now.
    """
    at = {"person": person, "path": place.as_file}
    newest = connection.execute(_NEWEST, at).first()
    if number == 1:
        if newest is not None and newest.ago < IN_COURSE:
            raise HTTPError(
                409, f"{place.path} is being uploaded already; wait until that is done, or try again in {IN_COURSE} s"
            )
        connection.execute(_FORGET, at)
        connection.execute(_FORGET_ABANDONED, {"person": person})
        position, rest, before = 1, b"", 0
    else:
        position = 0 if newest is None else newest.position + 1
        if newest is None or number not in {position, LAST}:
            there = "none came before" if newest is None else f"the one before was piece {newest.position}"
            name = "the last piece" if number == LAST else f"piece {number}"
            raise HTTPError(409, f"{name} of {place.path} cannot follow ({there}); upload the file again")
        rest, before = bytes(newest.rest), newest.size
    whole = rest + piece
    end = len(whole) if number == LAST else len(whole) - len(whole) % 3
    content = base64.b64encode(whole[:end])
    connection.execute(_ADD, {**at, "position": position, "content": content, "rest": whole[end:]})
    return int(before) + len(whole)


def put_together(connection: sa.Connection, person: str, place: Location, size: int) -> None:
    """Make one file of all pieces, in the database; only one piece at a time is in memory here."""
    at = {"person": person, "path": place.as_file}
    checksum = hashlib.sha256()
    pieces = connection.execute(_PIECES, at, execution_options={"stream_results": True, "max_row_buffer": 1})
    for (content,) in pieces:
        checksum.update(base64.b64decode(content))
    connection.execute(
        _WHOLE,
        {**at, "parent": place.parent.as_folder, "name": place.name, "size": size, "sha256": checksum.hexdigest()},
    )
    connection.execute(_FORGET, at)


def forget(connection: sa.Connection, person: str, place: Location) -> None:
    """Give up an upload."""
    connection.execute(_FORGET, {"person": person, "path": place.as_file})
