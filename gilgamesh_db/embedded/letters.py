"""Letters to the reader whose server cannot be had: a full disk, somebody else's home, what PostgreSQL said."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..errors import ServerError

MIB = 1 << 20
FULL = ("No space left on device", "Disk quota exceeded")


def failure(home: Path, what: str, output: str) -> ServerError:
    """Tell that a program failed: because the disk is full, or with what it said."""
    # A full disk may hold no log either.
    if any(words in output for words in FULL) or shutil.disk_usage(home).free < MIB:
        return full_disk(home)
    return ServerError(f"PostgreSQL in {home} {what}. It said:\n{output}")


def full_disk(home: Path) -> ServerError:
    """Tell that there is no room."""
    free = shutil.disk_usage(next(path for path in (home, *home.parents) if path.exists())).free
    return ServerError(
        f"The disk is full: PostgreSQL could not write to {home}, where {free / MIB:.0f} MB are free. "
        f"Make some room and try again, or choose another place: export GILGAMESH_HOME=…"
    )


def foreign_home(home: Path, path: Path) -> ServerError:
    """Tell that a path in home, or home itself, belongs to somebody else."""
    owner = "another account"
    with contextlib.suppress(OSError, KeyError):
        owner = path.owner()
    return ServerError(
        f"{path} belongs to {owner}, and only its owner can start, stop and use the embedded server in {home}. "
        f"Run Gilgamesh as {owner}, or choose a home of your own: export GILGAMESH_HOME=… ; people who share one "
        f"database use a server: export GILGAMESH_DATABASE_URL=postgresql://…"
    )


@contextlib.contextmanager
def as_letters(home: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a `ServerError` that names home."""
    try:
        yield
    except ServerError:  # an OSError, too
        raise
    except OSError as refused:
        if any(words in str(refused) for words in FULL):
            raise full_disk(home) from refused
        raise ServerError(
            f"The home of the embedded server, {home}, cannot be used: {refused}. "
            f"Choose another place: export GILGAMESH_HOME=…"
        ) from refused


def log_end(home: Path) -> str:
    """Give what the server said last, at most 15 lines of its last start."""
    logs = sorted((home / "log").glob("*.log"), key=lambda log: log.stat().st_mtime)
    text = logs[-1].read_text(encoding="utf-8", errors="replace") if logs else ""
    return "\n".join(text.rpartition(" starting ")[2].splitlines()[-15:])
