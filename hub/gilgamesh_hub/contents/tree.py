"""Folders of one person: what is in them, and moving, copying and removing them with all they hold."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa

from .compatibility import pgcontents
from .paths import Location

TRASH = Location((".Trash",))

# Bytes of a file that another program wrote, from the length of its base64.
_SIZE = (
    "coalesce({0}.size, greatest(0, octet_length({0}.content) / 4 * 3 - 2 "
    "+ octet_length(rtrim(substring({0}.content from octet_length({0}.content) - 1), '='::bytea))))"
)

# What is at a place: a file, a folder or (null) nothing?
_KIND = sa.text(
    """
    select case
             when exists (select from pgcontents.files
                           where user_id = :person and parent_name = :parent and name = :name) then 'file'
             when exists (select from pgcontents.directories where user_id = :person and name = :folder) then 'directory'
           end
    """
)

# When was a folder made, and when was a file in it last saved?
_FOLDER = sa.text(
    """
    select 'directory' as kind, d.created_at as born_at,
           greatest(d.created_at, (select max(f.created_at) from pgcontents.files f
                                    where f.user_id = d.user_id and f.parent_name = d.name)) as saved_at,
           null::bigint as size, null as sha256
      from pgcontents.directories d
     where d.user_id = :person and d.name = :folder
    """
)

# What is in a folder?
_ENTRIES = sa.text(
    f"""
    select 'file' as kind, f.name, f.born_at, f.created_at as saved_at, {_SIZE.format("f")} as size, null as sha256
      from pgcontents.files f
     where f.user_id = :person and f.parent_name = :folder
    union all
    select 'directory', rtrim(substr(d.name, length(d.parent_name) + 1), '/'), d.created_at,
           greatest(d.created_at, (select max(f.created_at) from pgcontents.files f
                                    where f.user_id = d.user_id and f.parent_name = d.name)), null, null
      from pgcontents.directories d
     where d.parent_user_id = :person and d.parent_name = :folder
     order by 2
    """  # noqa: S608 - our own text
)

_MAKE = sa.text(
    """
    insert into pgcontents.directories (user_id, name, parent_user_id, parent_name)
    values (:person, :folder, case when :parent <> '' then :person end, nullif(:parent, ''))
        on conflict do nothing
    """
)

# The whole tree below a folder takes another name in one statement, so that every constraint holds at its end.
_MOVE_FOLDERS = sa.text(
    """
    update pgcontents.directories
       set name = :new || substr(name, length(:old) + 1),
           parent_name = case when name = :old then :parent else :new || substr(parent_name, length(:old) + 1) end
     where user_id = :person and starts_with(name, :old)
    """
)
_MOVE_FILE = sa.text(
    """
    update pgcontents.files set parent_name = :new_parent, name = :new_name
     where user_id = :person and parent_name = :old_parent and name = :old_name
    """
)
# Checkpoints follow a file, or all files below a folder.
_MOVE_CHECKPOINTS = sa.text(
    """
    update pgcontents.remote_checkpoints set path = :new || substr(path, length(:old) + 1)
     where user_id = :person and (path = :old or starts_with(path, :old || '/'))
    """
)

_COPY_FOLDERS = sa.text(
    """
    insert into pgcontents.directories (user_id, name, parent_user_id, parent_name)
    select user_id, :new || substr(name, length(:old) + 1), user_id,
           case when name = :old then :parent else :new || substr(parent_name, length(:old) + 1) end
      from pgcontents.directories
     where user_id = :person and starts_with(name, :old)
    """
)
_COPY_FILES = sa.text(
    """
    insert into pgcontents.files (user_id, parent_name, name, content, size, sha256)
    select user_id, :new || substr(parent_name, length(:old) + 1), name, content, size, sha256
      from pgcontents.files
     where user_id = :person and starts_with(parent_name, :old)
    """
)

# How many bytes do all files below a folder have?
_SIZE_BELOW = sa.text(
    f"""
    select coalesce(sum({_SIZE.format("f")}), 0)::bigint
      from pgcontents.files f where f.user_id = :person and starts_with(f.parent_name, :folder)
    """  # noqa: S608 - our own text
)

# Is there anything in a folder?
_FILLED = sa.text(
    """
    select exists (select from pgcontents.files where user_id = :person and parent_name = :folder)
        or exists (select from pgcontents.directories where parent_user_id = :person and parent_name = :folder)
    """
)

_REMOVE_FILE = sa.text(
    "delete from pgcontents.files where user_id = :person and parent_name = :parent and name = :name"
)
_REMOVE_FILES = sa.text("delete from pgcontents.files where user_id = :person and starts_with(parent_name, :folder)")
_REMOVE_FOLDERS = sa.text("delete from pgcontents.directories where user_id = :person and starts_with(name, :folder)")
_REMOVE_CHECKPOINTS = sa.text(
    "delete from pgcontents.remote_checkpoints where user_id = :person and (path = :path or starts_with(path, :path || '/'))"
)

# What has lain in the trash for too long?
_OLD_TRASH = sa.text(
    """
    select name from pgcontents.directories
     where parent_user_id = :person and parent_name = :trash and created_at < now() - make_interval(days => :days)
    """
)


def take_turns(connection: sa.Connection, person: str) -> None:
    """Let the changes of one person wait for each other until the transaction ends."""
    connection.execute(
        sa.text("select pg_advisory_xact_lock(hashtextextended('pgcontents ' || :person, 0))"), {"person": person}
    )


def greet(connection: sa.Connection, person: str) -> None:
    """Give a person their root, unless they have one."""
    connection.execute(
        sa.text("insert into pgcontents.users (id) values (:person) on conflict do nothing"), {"person": person}
    )
    make_folder(connection, person, Location(()))


def kind_of(connection: sa.Connection, person: str, place: Location) -> str | None:
    """Say what is at a place: ``'file'``, ``'directory'`` or None."""
    found: str | None = connection.execute(
        _KIND, {"person": person, "parent": place.parent.as_folder, "name": place.name, "folder": place.as_folder}
    ).scalar()
    return found


def describe_folder(connection: sa.Connection, person: str, place: Location) -> sa.Row[Any] | None:
    """A folder's times."""
    return connection.execute(_FOLDER, {"person": person, "folder": place.as_folder}).first()


def entries(connection: sa.Connection, person: str, place: Location) -> list[sa.Row[Any]]:
    """What is in a folder, by name."""
    return list(connection.execute(_ENTRIES, {"person": person, "folder": place.as_folder}))


def make_folder(connection: sa.Connection, person: str, place: Location, *, parents: bool = False) -> None:
    """Make a folder, unless it is there."""
    if parents and not place.is_root:
        make_folder(connection, person, place.parent, parents=True)
    parent = "" if place.is_root else place.parent.as_folder
    connection.execute(_MAKE, {"person": person, "folder": place.as_folder, "parent": parent})


def move(connection: sa.Connection, person: str, old: Location, new: Location) -> None:
    """Give a file, or a folder with all it holds, another place; checkpoints follow.

    Raises
    ------
    pgcontents.error.RenameRoot, NoSuchFile, FileExists
    """
    if old.is_root or new.is_root:
        raise pgcontents.error.RenameRoot("the root cannot be renamed")
    kind = kind_of(connection, person, old)
    if kind is None:
        raise pgcontents.error.NoSuchFile(old.path)
    if kind_of(connection, person, new) is not None:
        raise pgcontents.error.FileExists(new.path)
    if kind == "file":
        connection.execute(
            _MOVE_FILE,
            {"person": person, "old_parent": old.parent.as_folder, "old_name": old.name,
             "new_parent": new.parent.as_folder, "new_name": new.name},
        )  # fmt: skip
    else:
        if new in old:
            raise pgcontents.error.RenameRoot(f"{old.path} cannot be moved into itself")
        connection.execute(
            _MOVE_FOLDERS,
            {"person": person, "old": old.as_folder, "new": new.as_folder, "parent": new.parent.as_folder},
        )
    move_checkpoints(connection, person, old, new)


def move_checkpoints(connection: sa.Connection, person: str, old: Location, new: Location) -> None:
    """Let checkpoints follow what was moved."""
    connection.execute(_MOVE_CHECKPOINTS, {"person": person, "old": old.as_file, "new": new.as_file})


def copy_folder(connection: sa.Connection, person: str, old: Location, new: Location) -> None:
    """Copy a folder with all it holds; nothing is at the new place."""
    make_folder(connection, person, new.parent, parents=True)
    places = {"person": person, "old": old.as_folder, "new": new.as_folder, "parent": new.parent.as_folder}
    connection.execute(_COPY_FOLDERS, places)
    connection.execute(_COPY_FILES, places)


def size_below(connection: sa.Connection, person: str, place: Location) -> int:
    """Bytes of all files in a folder and below."""
    return int(connection.execute(_SIZE_BELOW, {"person": person, "folder": place.as_folder}).scalar_one())


def is_filled(connection: sa.Connection, person: str, place: Location) -> bool:
    """Whether anything is in a folder."""
    return bool(connection.execute(_FILLED, {"person": person, "folder": place.as_folder}).scalar_one())


def remove(connection: sa.Connection, person: str, place: Location) -> None:
    """Remove a file, or a folder with all it holds, and their checkpoints, for good."""
    everything = {"person": person, "folder": place.as_folder, "path": place.as_file}
    connection.execute(_REMOVE_FILE, {"person": person, "parent": place.parent.as_folder, "name": place.name})
    connection.execute(_REMOVE_FILES, everything)
    connection.execute(_REMOVE_FOLDERS, everything)
    remove_checkpoints(connection, person, place)


def remove_checkpoints(connection: sa.Connection, person: str, place: Location) -> None:
    """Remove all checkpoints of a file, or of all files below a folder."""
    connection.execute(_REMOVE_CHECKPOINTS, {"person": person, "path": place.as_file})


def throw_away(connection: sa.Connection, person: str, place: Location, keep_days: int) -> Location:
    """Move something to the trash, a hidden folder of the person, and empty the trash of what is old.

    Returns
    -------
    Location
        Where it is now.
    """
    for (name,) in connection.execute(
        _OLD_TRASH, {"person": person, "trash": TRASH.as_folder, "days": keep_days}
    ).all():
        remove(connection, person, Location.of(name))
    bag = TRASH / datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H.%M.%S.%f")
    make_folder(connection, person, bag, parents=True)
    move(connection, person, place, bag / place.name)
    return bag / place.name
