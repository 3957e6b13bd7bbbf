"""The queue of files that came in, kept in the database: what waits, what was loaded, what was refused and why.

Whether samples are loaded is decided by checksums, never by this table. It says where to go on after an interruption,
spares reading again what was settled, and shows people what was set aside.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from gilgamesh_db import Database

Via = Literal["load", "watch"]
State = Literal["waiting", "loaded", "refused"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Files are noticed; what is said of them before is forgotten.
_WAIT = """
insert into gilgamesh.arrival (host, path, via, size, modified_at, options)
select :host, path, :via, size, modified_at, cast(:options as jsonb)
  from unnest(cast(:paths as text[]), cast(:sizes as bigint[]), cast(:times as timestamptz[])) file (path, size, modified_at)
on conflict (host, path) do update
   set via = excluded.via, state = 'waiting', reason = '', size = excluded.size, modified_at = excluded.modified_at,
       options = excluded.options, settled_at = null
"""
# What became of a file.
_SETTLE = """
insert into gilgamesh.arrival (host, path, via, state, reason, size, modified_at, shots, settled_at)
values (:host, :path, :via, :state, :reason, :size, :modified_at, :shots,
        case when :state <> 'waiting' then clock_timestamp() end)
on conflict (host, path) do update
   set state = excluded.state, reason = excluded.reason, size = excluded.size, modified_at = excluded.modified_at,
       shots = excluded.shots, settled_at = excluded.settled_at
"""
# Files that are not there any more.
_FORGET = "delete from gilgamesh.arrival where host = :host and path = any(:paths)"
# What is known of the files of this computer.
_KNOWN = """
select id, path, via, state, reason, size, modified_at, shots, options, noticed_at, settled_at from gilgamesh.arrival
 where host = :host and via = any(:via) and (cast(:state as text) is null or state = :state) order by id
"""


class Stamp(NamedTuple):
    """Size and time of a file: while neither changes, it is taken for the same file.

    Attributes
    ----------
    size : int
        Bytes.
    modified : int
        Microseconds since 1970, by the clock of the computer.
    """

    size: int
    modified: int

    @property
    def at(self) -> datetime:
        """The time of its last change."""
        return _EPOCH + timedelta(microseconds=self.modified)


@dataclass(frozen=True)
class Arrival:
    """A file that came in, as the database has it; see the table ``arrival``."""

    id: int
    path: Path
    via: Via
    state: State
    reason: str
    stamp: Stamp
    shots: tuple[int, ...]
    options: Mapping[str, Any]


def stamp_of(path: Path) -> Stamp:
    """Size and time of a file as they are now."""
    found = os.stat(path)  # noqa: PTH116 - follows links, as reading does
    return Stamp(found.st_size, found.st_mtime_ns // 1000)


def this_host() -> str:
    """What this computer is called in the queue."""
    return platform.node() or "unnamed"


class Arrivals:
    """The queue, as seen from this computer.

    Parameters
    ----------
    db : Database
    via : {'load', 'watch'}
        Who writes.
    host : str, optional
        Another computer's queue.
    """

    def __init__(self, db: Database, via: Via, host: str | None = None) -> None:
        self._db = db
        self._via = via
        self._host = host or this_host()

    def wait(self, files: Mapping[Path, Stamp], options: Mapping[str, Any]) -> None:
        """Note files that are going to be loaded."""
        if not files:
            return
        with self._db.transaction() as connection:
            connection.execute(
                sa.text(_WAIT),
                {
                    "host": self._host, "via": self._via, "options": json.dumps(dict(options)),
                    "paths": [written(path) for path in files], "sizes": [one.size for one in files.values()],
                    "times": [one.at for one in files.values()],
                },
            )  # fmt: skip

    def settle(self, path: Path, stamp: Stamp, state: State, reason: str = "", shots: Iterable[int] = ()) -> None:
        """Note what became of a file, or why it waits."""
        with self._db.transaction() as connection:
            connection.execute(
                sa.text(_SETTLE),
                {
                    "host": self._host, "path": written(path), "via": self._via, "state": state,
                    "reason": reason.replace("\0", "�")[:4000], "size": stamp.size, "modified_at": stamp.at,
                    "shots": list(shots),
                },
            )  # fmt: skip

    def forget(self, paths: Iterable[Path]) -> None:
        """Drop the entries of some files; what was loaded from them stays loaded."""
        with self._db.transaction() as connection:
            connection.execute(sa.text(_FORGET), {"host": self._host, "paths": [written(path) for path in paths]})

    def known(self, state: State | None = None, via: Iterable[Via] | None = None) -> list[Arrival]:
        """What the database has of this computer's files, the oldest first."""
        with self._db.transaction() as connection:
            rows = connection.execute(
                sa.text(_KNOWN), {"host": self._host, "state": state, "via": list(via or [self._via])}
            ).all()
        return [
            Arrival(row.id, read_back(row.path), row.via, row.state, row.reason,
                    Stamp(row.size, (row.modified_at - _EPOCH) // timedelta(microseconds=1)), tuple(row.shots), row.options)
            for row in rows
        ]  # fmt: skip


def written(path: Path) -> str:
    r"""A path as text that any database can keep, whatever bytes the name is made of.

    Examples
    --------
    >>> read_back(written(Path("shot_\udce9.csv"))) == Path("shot_\udce9.csv")
    True
    """
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read_back(text: str) -> Path:
    """The path that was `written`."""
    name = text.encode("utf-8")
    plain = Path(text)
    if b"\\x" not in name or plain.exists():
        return plain
    import re

    escaped = re.sub(rb"\\x([89a-f][0-9a-f])", lambda found: bytes([int(found[1], 16)]), name)
    return Path(escaped.decode("utf-8", "surrogateescape"))
