"""One file of one person: its bytes, its size, its checksum and its checkpoints."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import sqlalchemy as sa

from .paths import Location

_STAT = sa.text(
    """
    select 'file' as kind, name, born_at, created_at as saved_at, sha256,
           coalesce(size, octet_length(decode(convert_from(content, 'SQL_ASCII'), 'base64'))) as size
      from pgcontents.files
     where user_id = :person and parent_name = :parent and name = :name
    """
)
# Base64 travels as text: as bytea it would be sent in hexadecimal digits, twice as long.
_READ = sa.text(
    """
    select 'file' as kind, name, born_at, created_at as saved_at, size, sha256, convert_from(content, 'UTF8') as content
      from pgcontents.files
     where user_id = :person and parent_name = :parent and name = :name
    """
)
# clock_timestamp, because a transaction that waited for its turn began before the other one ended.
_WRITE = sa.text(
    """
    insert into pgcontents.files as f (user_id, parent_name, name, content, created_at, size, sha256)
    values (:person, :parent, :name, :content, clock_timestamp(), :size, :sha256)
        on conflict (user_id, parent_name, name) do update
           set content = excluded.content, created_at = excluded.created_at,
               size = excluded.size, sha256 = excluded.sha256
    """
)
_COPY = sa.text(
    """
    insert into pgcontents.files as f (user_id, parent_name, name, content, created_at, size, sha256)
    select user_id, :new_parent, :new_name, content, clock_timestamp(), size, sha256
      from pgcontents.files
     where user_id = :person and parent_name = :parent and name = :name
        on conflict (user_id, parent_name, name) do update
           set content = excluded.content, created_at = excluded.created_at,
               size = excluded.size, sha256 = excluded.sha256
    """
)
_NOTE_CHECKSUM = sa.text(
    """
    update pgcontents.files set size = :size, sha256 = :sha256
     where user_id = :person and parent_name = :parent and name = :name and sha256 is null
    """
)

# The state of a file is kept. Where the newest checkpoint is that state already, it is only dated anew.
_CHECKPOINT = sa.text(
    """
    with newest as (
      select c.id, c.sha256 from pgcontents.remote_checkpoints c
       where c.user_id = :person and c.path = :path order by c.id desc limit 1
    ), dated as (
      update pgcontents.remote_checkpoints c set last_modified = clock_timestamp()
        from newest, pgcontents.files f
       where c.user_id = :person and c.id = newest.id and newest.sha256 = f.sha256
         and f.user_id = :person and f.parent_name = :parent and f.name = :name
   returning c.id::text, c.last_modified
    ), made as (
      insert into pgcontents.remote_checkpoints (user_id, path, content, last_modified, size, sha256)
      select f.user_id, :path, f.content, clock_timestamp(), f.size, f.sha256
        from pgcontents.files f
       where f.user_id = :person and f.parent_name = :parent and f.name = :name and not exists (select from dated)
   returning id::text, last_modified
    )
    select * from dated union all select * from made
    """
)
_PRUNE = sa.text(
    """
    delete from pgcontents.remote_checkpoints
     where user_id = :person and id in (
       select id from pgcontents.remote_checkpoints where user_id = :person and path = :path order by id desc offset :keep)
    """
)
# Back to a checkpoint, byte for byte.
_RESTORE = sa.text(
    """
    update pgcontents.files f
       set content = c.content, created_at = clock_timestamp(), size = c.size, sha256 = c.sha256
      from pgcontents.remote_checkpoints c
     where f.user_id = :person and f.parent_name = :parent and f.name = :name
       and c.user_id = :person and c.path = :path and c.id = :id
    """
)
_CHECKPOINTS = sa.text(
    """
    select id::text as id, last_modified from pgcontents.remote_checkpoints
     where user_id = :person and path = :path order by remote_checkpoints.id
    """
)
_CHECKPOINT_CONTENT = sa.text(
    "select content from pgcontents.remote_checkpoints where user_id = :person and path = :path and id = :id"
)
_DROP_CHECKPOINT = sa.text(
    "delete from pgcontents.remote_checkpoints where user_id = :person and path = :path and id = :id"
)


def _at(person: str, place: Location) -> dict[str, Any]:
    return {"person": person, "parent": place.parent.as_folder, "name": place.name, "path": place.as_file}


def checksum(content: bytes) -> str:
    """SHA-256 of a file's bytes in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def stat(connection: sa.Connection, person: str, place: Location) -> sa.Row[Any] | None:
    """A file's times, size and checksum (None where it was never noted)."""
    return connection.execute(_STAT, _at(person, place)).first()


def read(connection: sa.Connection, person: str, place: Location) -> tuple[sa.Row[Any], bytes] | None:
    """The same with its bytes; a checksum that is lacking is noted."""
    row = connection.execute(_READ, _at(person, place)).first()
    if row is None:
        return None
    content = base64.b64decode(row.content)
    if row.sha256 is None or row.size is None:
        connection.execute(_NOTE_CHECKSUM, {**_at(person, place), "size": len(content), "sha256": checksum(content)})
    return row, content


def write(connection: sa.Connection, person: str, place: Location, content: bytes) -> None:
    """Save a file, new or over what it was."""
    connection.execute(
        _WRITE,
        {**_at(person, place), "content": base64.b64encode(content), "size": len(content), "sha256": checksum(content)},
    )


def copy(connection: sa.Connection, person: str, old: Location, new: Location) -> bool:
    """Copy a file byte for byte; tell whether it was there."""
    copied = connection.execute(_COPY, {**_at(person, old), "new_parent": new.parent.as_folder, "new_name": new.name})
    return copied.rowcount > 0


def checkpoint(connection: sa.Connection, person: str, place: Location, keep: int) -> sa.Row[Any] | None:
    """Keep the state of a file beside it, and of its checkpoints the last `keep`; None where there is no file."""
    made = connection.execute(_CHECKPOINT, _at(person, place)).first()
    connection.execute(_PRUNE, {**_at(person, place), "keep": keep})
    return made


def restore(connection: sa.Connection, person: str, place: Location, checkpoint_id: int) -> bool:
    """Take a file back to a checkpoint; tell whether there is one."""
    return connection.execute(_RESTORE, {**_at(person, place), "id": checkpoint_id}).rowcount > 0


def checkpoints(connection: sa.Connection, person: str, place: Location) -> list[sa.Row[Any]]:
    """Checkpoints of a file, the oldest first."""
    return list(connection.execute(_CHECKPOINTS, _at(person, place)))


def checkpoint_content(connection: sa.Connection, person: str, place: Location, checkpoint_id: int) -> bytes | None:
    """A checkpoint's content in base64."""
    found = connection.execute(_CHECKPOINT_CONTENT, {**_at(person, place), "id": checkpoint_id}).scalar()
    return None if found is None else bytes(found)


def drop_checkpoint(connection: sa.Connection, person: str, place: Location, checkpoint_id: int) -> bool:
    """Remove a checkpoint; tell whether there was one."""
    return connection.execute(_DROP_CHECKPOINT, {**_at(person, place), "id": checkpoint_id}).rowcount > 0
