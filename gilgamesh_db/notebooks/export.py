"""The repository as files: the latest of each notebook, or every version as commits of git."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import sqlalchemy as sa

from ..errors import ConflictError, MissingProgram, SystemFault
from .paths import require_path

if TYPE_CHECKING:
    from ..database import Database

_LATEST = """
select n.path, b.content
  from gilgamesh.notebooks n
  join gilgamesh.notebook_version v on v.id = n.version_id
  join gilgamesh.notebook_blob b on b.sha256 = v.sha256
 where starts_with(n.path, :prefix) order by n.path
"""
_EVERY = """
select v.path, v.number, v.author, v.message, floor(extract(epoch from v.created_at))::bigint as seconds, b.content
  from gilgamesh.notebook_version v
  left join gilgamesh.notebook_blob b on b.sha256 = v.sha256
 where starts_with(v.path, :prefix) order by v.id
"""
_BRANCH = "main"


def export_folder(db: Database, to: Path, folder: str) -> int:
    """See `Notebooks.export`; nothing is written where a file of other content stands."""
    rows = list(_rows(db, _LATEST, folder))
    files = [(_inside(to, row.path), bytes(row.content)) for row in rows]
    for file, content in files:
        if file.exists() and (not file.is_file() or file.read_bytes() != content):
            raise ConflictError(f"{file} holds something else; export to an empty folder")
    for file, content in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return len(files)


def export_git(db: Database, to: Path, folder: str) -> int:
    """See `Notebooks.export_git`. The same repository gives the same commits, whoever exports it."""
    git = shutil.which("git")
    if git is None:
        raise MissingProgram(
            "exporting as a git repository needs git, which is not installed or not on the PATH (Debian: apt install git); "
            "without it: gilgamesh notebooks export FOLDER writes the latest versions"
        )
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ConflictError(f"{to} is not empty; export to a new folder")
    to.mkdir(parents=True, exist_ok=True)
    _git(git, to, "init", "--quiet", "--template=", f"--initial-branch={_BRANCH}")
    with tempfile.TemporaryFile() as stream:
        count = sum(_commit(stream, row) for row in _rows(db, _EVERY, folder))
        stream.seek(0)
        _git(git, to, "fast-import", "--quiet", "--done", stdin=_ended(stream))
    if count:
        _git(git, to, "reset", "--quiet", "--hard", _BRANCH)
    return count


def _commit(stream: IO[bytes], row: Any) -> int:
    message = (row.message or ("taken out" if row.content is None else f"version {row.number}")).encode()
    message += f"\n\n{row.path}, version {row.number}\n".encode()
    who = f"{_name(row.author)} <> {row.seconds} +0000"
    stream.write(f"commit refs/heads/{_BRANCH}\nauthor {who}\ncommitter {who}\ndata {len(message)}\n".encode())
    stream.write(message)
    path = require_path(row.path)  # no path of ours needs quotes
    if row.content is None:
        stream.write(f"D {path}\n\n".encode())
    else:
        content = bytes(row.content)
        stream.write(f"M 100644 inline {path}\ndata {len(content)}\n".encode())
        stream.write(content)
        stream.write(b"\n\n")
    return 1


def _ended(stream: IO[bytes]) -> IO[bytes]:
    stream.seek(0, os.SEEK_END)
    stream.write(b"done\n")
    stream.seek(0)
    return stream


def _git(git: str, folder: Path, *arguments: str, stdin: IO[bytes] | None = None) -> None:
    """Run git as if nobody had configured it, so that bytes stay as they are and nothing of the user's is run."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    done = subprocess.run(
        [git, "-c", "core.autocrlf=false", "-c", "core.longpaths=true", "-c", "gc.auto=0", *arguments],
        cwd=folder, env=own, stdin=stdin or subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemFault(
            f"git {arguments[0]} failed in {folder}: {done.stderr.decode(errors='replace').strip()[:500]}"
        )


def _name(author: str) -> str:
    """An author as git takes one: on a line, without angle brackets."""
    return re.sub(r"[<>\x00-\x1f\x7f]+", " ", author).strip(" .,:;\"'\\") or "unknown"


def _inside(to: Path, path: str) -> Path:
    return to.joinpath(*require_path(path).split("/"))


def _rows(db: Database, query: str, folder: str) -> Iterator[Any]:
    prefix = f"{folder}/" if folder else ""
    with db.engine.connect().execution_options(stream_results=True, max_row_buffer=4) as connection:
        yield from connection.execute(sa.text(query), {"prefix": prefix})
