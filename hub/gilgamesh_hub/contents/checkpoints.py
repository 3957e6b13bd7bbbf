"""Checkpoints in the database: states of a file one may go back to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from tornado.web import HTTPError
from traitlets import Integer, Unicode, default

from . import document, tree
from .compatibility import pgcontents
from .engine import open_engine, role
from .failures import answered
from .paths import Location


class GilgameshCheckpoints(pgcontents.PostgresCheckpoints):
    """The last few states of each file, copied within the database, byte for byte."""

    db_url = Unicode("", config=True, help="The database; as of the contents manager.")
    keep = Integer(5, min=1, config=True, help="How many checkpoints of each file are kept.")

    @default("engine")
    def _default_engine(self) -> sa.Engine:
        return open_engine(self.db_url)

    @default("user_id")
    def _default_user_id(self) -> str:
        return role(self.engine)

    def ensure_user(self) -> None:
        """Give the person a root; done once by the manager."""

    @contextlib.contextmanager
    def _changing(self, path: str) -> Iterator[tuple[sa.Connection, Location]]:
        place = Location.of(path)
        with answered(place.path), self.engine.begin() as connection:
            tree.take_turns(connection, self.user_id)
            yield connection, place

    def create_checkpoint(self, contents_mgr: Any, path: str) -> dict[str, Any]:  # noqa: ARG002 - Jupyter's signature
        """Keep the state of a file."""
        with self._changing(path) as (connection, place):
            made = document.checkpoint(connection, self.user_id, place, self.keep)
        if made is None:
            raise HTTPError(404, f"file does not exist: {place.path!r}")
        return {"id": made.id, "last_modified": made.last_modified}

    def restore_checkpoint(self, contents_mgr: Any, checkpoint_id: str, path: str) -> None:  # noqa: ARG002
        """Take a file back to a checkpoint."""
        with self._changing(path) as (connection, place):
            if not document.restore(connection, self.user_id, place, _number(checkpoint_id, path)):
                raise _no_such(path, checkpoint_id)

    def list_checkpoints(self, path: str) -> list[dict[str, Any]]:
        """Checkpoints of a file, the oldest first."""
        with self._changing(path) as (connection, place):
            return [dict(row._mapping) for row in document.checkpoints(connection, self.user_id, place)]

    def delete_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Remove a checkpoint."""
        with self._changing(path) as (connection, place):
            if not document.drop_checkpoint(connection, self.user_id, place, _number(checkpoint_id, path)):
                raise _no_such(path, checkpoint_id)

    def get_checkpoint_content(self, checkpoint_id: str, path: str) -> bytes:
        """The content of a checkpoint in base64, for pgcontents' own methods."""
        with self._changing(path) as (connection, place):
            found = document.checkpoint_content(connection, self.user_id, place, _number(checkpoint_id, path))
        if found is None:
            raise _no_such(path, checkpoint_id)
        return found

    def rename_all_checkpoints(self, old_path: str, new_path: str) -> None:
        """Let the checkpoints of a file, or of all files in a folder, follow it."""
        with self._changing(old_path) as (connection, old):
            tree.move_checkpoints(connection, self.user_id, old, Location.of(new_path))

    def delete_all_checkpoints(self, path: str) -> None:
        """Remove the checkpoints of a file, or of all files in a folder."""
        with self._changing(path) as (connection, place):
            tree.remove_checkpoints(connection, self.user_id, place)


def _number(checkpoint_id: str, path: str) -> int:
    if not (checkpoint_id.isascii() and checkpoint_id.isdigit() and len(checkpoint_id) < 19):
        raise _no_such(path, checkpoint_id)
    return int(checkpoint_id)


def _no_such(path: str, checkpoint_id: str) -> HTTPError:
    return HTTPError(404, f"Checkpoint does not exist: {path}@{checkpoint_id}")
