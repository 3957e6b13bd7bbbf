"""The notebooks the lab shares: pushed as versions, pulled, compared, searched, and asked what they read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..errors import ConflictError, InvalidValue, NotebookNotFound, near_names
from . import asking, working
from .citing import cited_keys
from .difference import difference
from .document import Document, Notebook, read_document, without_outputs
from .paths import path_and_number, require_folder, require_path
from .reads import Found, born, resolve
from .version import SELECT, Version, version_of
from .words import vector

if TYPE_CHECKING:
    import pandas as pd

    from ..database import Database, Knowledge
    from ..shot_range import Shots
    from .execution import Execution

_PUSH = """
select (gilgamesh.push_notebook(path => :path, content => :content, over => :over, message => :message, author => :author,
                                nbformat => :nbformat, problem => :problem, cells => cast(:cells as jsonb),
                                inputs => cast(:inputs as jsonb), citations => :citations,
                                metadata => cast(:metadata as jsonb), parent => :parent)).number
"""
_ONE = SELECT + " where path = %s and version = %s"
_LATEST = SELECT + " where path = %s and latest"
_CONTENT = "select content from gilgamesh.notebook_blob where sha256 = decode(%s, 'hex')"
_SHOWN = 40  # lines of a difference in a letter

Source = bytes | Mapping[str, Any] | Path | str


class Notebooks:
    """The repository of a database; reached as ``db.notebooks``.

    Examples
    --------
    >>> db.notebooks.push(Path("density.ipynb"), "langmuir/density.ipynb", message="first look")  # doctest: +SKIP
    >>> db.notebooks.uses(signal="Lang_I", shot=1234)  # doctest: +SKIP
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    # -- versions --------------------------------------------------------------------------------------

    def push(
        self,
        source: Source,
        path: str | None = None,
        *,
        message: str = "",
        author: str | None = None,
        over: int | None = None,
        strip: bool = False,
        metadata: Mapping[str, Any] | None = None,
    ) -> Version:
        """Make a notebook the next version of a path of the repository.

        Parameters
        ----------
        source : Path, str, bytes or dict
            A file (a str is its path), its bytes, or the JSON of a notebook. Bytes and files are kept letter by letter.
        path : str, optional
            Where it is to stand, such as ``langmuir/density.ipynb``; where it was pulled from when left out, else the
            name of the file.
        message : str
            What was done.
        author : str, optional
            Who pushes it; the database role by default.
        over : int, optional
            The version you have seen, and replace. A file that was pulled remembers it.
        strip : bool
            Push it without outputs. What its cells read is noted nevertheless.
        metadata : mapping, optional
            What else is to be kept with the version.

        Returns
        -------
        Version
            ``unchanged`` when the latest version has this very content.

        Raises
        ------
        ConflictError
            There is a version you have not seen; the letter shows the difference.
        FileRefused
            Empty, larger than 64 MB, or not JSON.
        InvalidValue
            `path` is none.
        """
        file = Path(source) if isinstance(source, str | Path) else None
        document = read_document(file if file is not None else source)  # type: ignore[arg-type] # a str is a file
        here = born(self._db)
        base = None if file is None else working.base_of(file, here)
        if path is None:
            if file is None:
                raise InvalidValue(
                    "say where in the repository it is to stand: push(notebook, 'langmuir/density.ipynb')"
                )
            path = base.path if base is not None else file.name
        path = require_path(path)
        if over is None and base is not None and base.path == path:
            over = base.number
        found = resolve(self._db, document.notebook)
        kept = without_outputs(document) if strip else document
        latest = self._latest(path)
        digest = hashlib.sha256(kept.content).hexdigest()
        if latest is not None and latest.sha256 == digest:
            pushed = version_of(latest, unchanged=True, unknown=found.unknown)
        else:
            pushed = self._push(path, kept, found, message, author, over, metadata or {})
        if file is not None and not strip:
            working.remember(file, working.Base(here or born(self._db), path, pushed.number))
        return pushed

    def pull(self, path: str, to: Path | str | None = None, version: int | None = None, *, force: bool = False) -> Path:
        """Copy a version to a file, letter by letter; the file remembers which version it was made from.

        Parameters
        ----------
        path : str
            Path of the repository; ``path@3`` names a version, too.
        to : Path or str, optional
            A file, or a folder that exists; its own name in the current folder when left out.
        version : int, optional
            The latest by default.
        force : bool
            Replace a file that was changed since it was pulled.

        Raises
        ------
        NotebookNotFound
            With near names.
        ConflictError
            There is a file with content of its own.
        """
        found = self.version(path, version)
        content = self._content(found)
        target = Path() if to is None else Path(to)
        if target.is_dir():
            target = target / found.path.rsplit("/", 1)[-1]
        here = born(self._db)
        if target.exists() and not force:
            held = target.read_bytes()
            if held != content and not self._is_stored(held):
                raise ConflictError(
                    f"{target} holds something else, which is not in the repository; push it first, pull to another file, "
                    "or replace it with --force (in Python force=True)"
                )
        target.write_bytes(content)
        working.remember(target, working.Base(here, found.path, found.number))
        return target

    def version(self, path: str, number: int | None = None) -> Version:
        """What is known of a version; the latest when `number` is left out.

        Raises
        ------
        NotebookNotFound
        """
        asked, said = path_and_number(path) if isinstance(path, str) else (path, None)
        asked, number = require_path(asked), number if number is not None else said
        row = self._latest(asked) if number is None else next(iter(self._db.reader.rows(_ONE, (asked, number))), None)
        if row is None or (number is None and row.removed):
            raise self._not_found(asked, number)
        return version_of(row)

    def content(self, path: str, number: int | None = None) -> bytes:
        """A version as a file, letter by letter.

        Raises
        ------
        NotebookNotFound
        """
        return self._content(self.version(path, number))

    def notebook(self, path: str, number: int | None = None) -> Notebook:
        """A version as its JSON.

        Raises
        ------
        NotebookNotFound
        """
        return read_document(self.content(path, number)).notebook

    def diff(self, path: str, old: int | None = None, new: int | Source | None = None) -> str:
        """What changed between two versions, or from a version to a file or notebook; cell by cell, as text.

        Parameters
        ----------
        path : str
        old : int, optional
            The one before `new` by default; before a file or notebook, the latest.
        new : int, Path, bytes or dict, optional
            The latest version by default.

        Returns
        -------
        str
            Empty when nothing a reader sees changed.
        """
        if new is None or isinstance(new, int):
            later = self.version(path, new)
            after, name = read_document(self._content(later)), later.name
            old = old if old is not None else later.number - 1
            if old < 1:
                raise NotebookNotFound(f"{later.name} is the first version; there is nothing to compare it with")
        else:
            after = read_document(Path(new) if isinstance(new, str) else new)
            name = str(new) if isinstance(new, str | Path) else "yours"
        earlier = self.version(path, old)
        return difference(read_document(self._content(earlier)), after, (earlier.name, name))

    def restore(self, path: str, number: int, *, message: str = "", author: str | None = None) -> Version:
        """Make an earlier version the latest again; the ones between stay in the log.

        Also what was taken out of the repository comes back so.
        """
        wanted = self.version(path, number)
        document = read_document(self._content(wanted))
        latest = self._latest(wanted.path)
        if latest.sha256 == wanted.sha256:
            return version_of(latest, unchanged=True)
        return self._push(
            wanted.path, document, resolve(self._db, document.notebook), message or f"version {wanted.number} again",
            author, latest.version, {"restored": wanted.number},
        )  # fmt: skip

    def remove(self, path: str, *, message: str = "", author: str | None = None) -> Version:
        """Take a notebook out of the repository; its versions stay, and `restore` brings it back."""
        found = self.version(path)
        with self._db.transaction() as connection:
            _push(connection, found.path, None, Found(), message or "taken out", author, found.number, {})
        return self.version(found.path, found.number + 1)

    def move(self, path: str, to: str, *, message: str = "", author: str | None = None) -> Version:
        """Give a notebook another path; its first version there says where it came from.

        Raises
        ------
        ConflictError
            There is a notebook.
        """
        found, to = self.version(path), require_path(to)
        document = read_document(self._content(found))
        read = resolve(self._db, document.notebook)
        with self._db.transaction() as connection:
            number = _push(
                connection, to, document, read, message or f"moved from {found.path}", author, None, {}, found.id
            )
            _push(connection, found.path, None, Found(), message or f"moved to {to}", author, found.number, {})
        return self.version(to, number)

    # -- asking ----------------------------------------------------------------------------------------

    def list(self, folder: str = "") -> pd.DataFrame:
        """What is in the repository, or in a folder of it.

        Returns
        -------
        DataFrame
            Index ``Path``; Version, Author, Pushed, Message, Size (bytes), Signals, Shots, Keys, Problem.
        """
        return asking.table_of_notebooks(self._db, require_folder(folder))

    def tree(self, folder: str = "") -> str:
        """The same as a tree of folders, for people."""
        return asking.tree(self.list(folder))

    def log(self, path: str) -> pd.DataFrame:
        """The versions of a notebook, the latest first.

        Returns
        -------
        DataFrame
            Index ``Version``; Author, Pushed, Message, Size, From (what it was made from, where that was not the one
            before), Signals, Shots, Keys, Problem.

        Raises
        ------
        NotebookNotFound
        """
        path = require_path(path)
        found = asking.table_of_versions(self._db, path)
        if found.empty:
            raise self._not_found(path, None)
        return found

    def search(self, words: str, folder: str = "") -> pd.DataFrame:
        """Cells of notebooks that hold all these words, in text or code; each word may be cut short.

        A name such as ``Lang_I`` is found as it stands. Capitals and accents make no difference.

        Returns
        -------
        DataFrame
            Index ``Path``; Version, Cell (counted from 1), Kind, Line (the first that holds one of the words).
        """
        return asking.search(self._db, words, require_folder(folder))

    def uses(
        self,
        signal: str | None = None,
        shot: Shots = None,
        calibration: str | int | None = None,
        *,
        every: bool = False,
    ) -> pd.DataFrame:
        """Which notebooks read a signal, a shot, or through a calibration, and whether they would read the same today.

        Parameters
        ----------
        signal : str, optional
        shot : int, str or sequence of int, optional
            Such as ``1234`` or ``"1200:1300"``.
        calibration : str or int, optional
            A component or port, any of its calibrations; or the number of one calibration.
        every : bool
            Every version, not only those that speak for their notebook: the latest, or where its outputs were
            cleared, the last one that noted what it read.

        Returns
        -------
        DataFrame
            Index ``Path``; Version, Signal, Shots, KnownAt, UpToDate, Reason.
        """
        return asking.uses(self._db, signal, shot, calibration, every=every)

    # -- as files, and run again -----------------------------------------------------------------------

    def export(self, to: Path | str, folder: str = "") -> int:
        """Write the latest version of every notebook as files; how many were written.

        Raises
        ------
        ConflictError
            `to` holds other files.
        """
        from .export import export_folder

        return export_folder(self._db, Path(to), require_folder(folder))

    def export_git(self, to: Path | str, folder: str = "") -> int:
        """Write every version as a git repository, one commit each with its author and time; how many commits.

        Raises
        ------
        ConflictError
            `to` holds something.
        MissingProgram
            git is not installed.
        """
        from .export import export_git

        return export_git(self._db, Path(to), require_folder(folder))

    def run(
        self,
        path: str,
        *,
        known_at: Knowledge | None = None,
        push: bool = False,
        message: str = "",
        author: str | None = None,
        timeout: float | None = None,
        tolerance: float = 0.0,
    ) -> Execution:
        """Run a notebook again, and say what comes out otherwise.

        Parameters
        ----------
        path : str
            Of the repository; ``path@3`` for an earlier version.
        known_at : datetime or str, optional
            With what was known then. The notebook's own ``connect()``, and ``%load_ext gilgamesh``, answer from it.
        push : bool
            Store the result as a version, also when a cell failed.
        timeout : float, optional
            Seconds a cell may take.
        tolerance : float
            Numbers that differ by no more than this part of themselves are the same.
        """
        from .execution import run

        return run(self._db, self.version(path), known_at, push, message, author, timeout, tolerance)

    # -- inside ----------------------------------------------------------------------------------------

    def _push(
        self, path: str, document: Document, found: Found, message: str, author: str | None, over: int | None,
        metadata: Mapping[str, Any],
    ) -> Version:  # fmt: skip
        try:
            with self._db.transaction() as connection:
                number = _push(connection, path, document, found, message, author, over, metadata)
        except ConflictError as error:
            raise self._unseen(error, path, document, over) from error
        row = self._db.reader.rows(_ONE, (path, number))[0]
        return version_of(row, unknown=found.unknown)

    def _unseen(self, error: ConflictError, path: str, document: Document, over: int | None) -> ConflictError:
        """The letter that refuses a push, with what its author has not seen."""
        latest = self._latest(path)
        if latest is None or latest.removed or latest.version == over:
            return error
        newest = version_of(latest)
        theirs = read_document(self._content(newest))
        seen = None if over is None else next(iter(self._db.reader.rows(_ONE, (path, over))), None)
        if seen is not None and not seen.removed:
            shown = difference(
                read_document(self._content(version_of(seen))), theirs, (version_of(seen).name, newest.name)
            )
        else:
            shown = difference(theirs, document, (newest.name, "yours"))
        lines = shown.splitlines()
        more = f"\n… {len(lines) - _SHOWN} more lines" if len(lines) > _SHOWN else ""
        return ConflictError(f"{error}\n\n" + ("\n".join(lines[:_SHOWN]) or "nothing a reader sees differs") + more)

    def _latest(self, path: str) -> Any:
        return next(iter(self._db.reader.rows(_LATEST, (path,))), None)

    def _content(self, version: Version) -> bytes:
        if version.sha256 is None:
            raise NotebookNotFound(
                f"{version.path} was taken out of the repository by {version.author} on {version.created_at:%Y-%m-%d}; "
                f"bring it back with: gilgamesh notebooks restore {version.path} {version.number - 1}"
            )
        return bytes(self._db.reader.rows(_CONTENT, (version.sha256,))[0].content)

    def _is_stored(self, content: bytes) -> bool:
        return bool(self._db.reader.rows(_CONTENT, (hashlib.sha256(content).hexdigest(),)))

    def _not_found(self, path: str, number: int | None) -> NotebookNotFound:
        latest = self._latest(path)
        if latest is not None and number is None:
            return NotebookNotFound(
                f"{path} was taken out of the repository by {latest.author} on {latest.created_at:%Y-%m-%d}; bring it back "
                f"with: gilgamesh notebooks restore {path} {latest.version - 1}"
            )
        if latest is not None:
            return NotebookNotFound(
                f"{path} has no version {number}, the latest is {latest.version}; see them with: gilgamesh notebooks log {path}"
            )
        known = [row.path for row in self._db.reader.rows("select path from gilgamesh.notebooks", ())]
        return NotebookNotFound(
            f"no notebook {path!r} in the repository{near_names(path, known) or ';'} list them with `gilgamesh notebooks list`"
        )


def _push(
    connection: sa.Connection, path: str, document: Document | None, found: Found, message: str, author: str | None,
    over: int | None, metadata: Mapping[str, Any], parent: int | None = None,
) -> int:  # fmt: skip
    cells, keys = [], []
    if document is not None:
        cells = [
            {"position": c.position, "kind": c.kind, "source": _storable(c.source), "words": vector(c.source)}
            for c in document.cells()
            if c.source.strip()
        ]
        keys = cited_keys(document.notebook)
    number = connection.execute(
        sa.text(_PUSH),
        {
            "path": path, "content": None if document is None else document.content, "over": over, "message": message, "author": author,
            "nbformat": document and document.nbformat, "problem": document and document.problem, "cells": json.dumps(cells),
            "inputs": json.dumps(found.inputs), "citations": keys, "metadata": json.dumps(dict(metadata)), "parent": parent,
        },
    ).scalar_one()  # fmt: skip
    return int(number)


def _storable(text: str) -> str:
    """Text as PostgreSQL keeps it: without zero bytes and halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
