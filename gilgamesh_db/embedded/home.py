"""The home of a server: where it is, who may enter what, and where its socket goes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import ServerError
from .account import Account, is_root
from .letters import foreign_home

PORT = 5432  # only part of the name of the socket
SOCKET = f".s.PGSQL.{PORT}"
SOCKET_PATH_LIMIT = 100  # bytes; sun_path holds 104 on macOS and the BSDs, 108 on Linux


def default_home() -> Path:
    """Say where the embedded server lives unless told otherwise.

    ``GILGAMESH_HOME``; else the user's data directory; for root ``/var/lib/gilgamesh``.
    """
    if chosen := os.environ.get("GILGAMESH_HOME"):
        return Path(chosen)
    if is_root():
        return Path("/var/lib/gilgamesh")
    import platformdirs

    return platformdirs.user_data_path("gilgamesh", appauthor=False)


def make_home(home: Path) -> None:
    """Make home if needed; one that exists stays as it is."""
    if not home.exists():
        home.mkdir(0o711 if is_root() else 0o700, parents=True, exist_ok=True)
        if is_root():
            home.chmod(0o711)  # whatever the umask is: PostgreSQL's account must pass
    if is_root() and home.stat().st_uid != 0:
        raise foreign_home(home, home)


def make_private(path: Path, account: Account) -> None:
    """Make a directory only PostgreSQL's account may enter; refuse one that somebody else made."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {account.uid, os.geteuid()}:
        raise ServerError(
            f"{path} must be a directory that belongs to user {account.uid}, but it is "
            f"{stat.filemode(found.st_mode)} and belongs to user {found.st_uid}. Remove it, or choose another "
            f"(shorter) home: export GILGAMESH_HOME=…"
        )
    os.chown(path, account.uid, account.gid, follow_symlinks=False)


@contextlib.contextmanager
def made_aside(target: Path) -> Iterator[Path]:
    """Fill a directory that is moved to its place when it is whole; remove one left by a process that was killed."""
    for leftover in target.parent.glob(f"{target.name}.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f"{target.name}.new-", dir=target.parent))
    try:
        yield unfinished
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def socket_directory(home: Path) -> Path:
    """Give the directory of the socket: in home, or in /tmp if that path is too long or confuses libpq.

    Not in the user's runtime directory: that one is emptied at logout, and the server lives on.
    """
    inside = home / "run"
    if len(os.fsencode(inside / SOCKET)) <= SOCKET_PATH_LIMIT and not set(str(inside)) & set(',"'):
        return inside
    return Path("/tmp", f"gilgamesh-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}")  # noqa: S108
