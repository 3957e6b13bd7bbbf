"""The main process of a running server, and processes of one that is gone."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path

import psutil

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Postmaster:
    """A live PostgreSQL main process that serves our data directory."""

    pid: int
    accepts: bool  # neither starting nor stopping

    @classmethod
    def of(cls, data_directory: Path) -> Postmaster | None:
        """Find it through its pid file; None if that names none, or a process that merely got the same number."""
        try:
            lines = (data_directory / "postmaster.pid").read_text(errors="replace").splitlines()
            process = psutil.Process(int(lines[0]))
            if not _is_postgres(process) or not _works_in(process, data_directory):
                return None
        except (FileNotFoundError, NotADirectoryError, IndexError, ValueError, psutil.Error):
            return None
        return cls(process.pid, accepts=len(lines) > 7 and lines[7].strip() == "ready")


def end_strays(data_directory: Path) -> None:
    """Kill what is left of earlier servers on these data and would harm the next one.

    A session that works on after its main process was killed keeps the next from starting for as long as its
    query lasts; PostgreSQL, too, ends all sessions when one of them crashes. A server whose data were deleted
    notices within a minute, and then removes its socket by name: by then, the new server's.
    """
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if _is_postgres(process) and (_is_orphan(process, data_directory) or _lost_data(process, data_directory)):
                logger.warning("ending PostgreSQL process %d, left over on %s", process.pid, data_directory)
                process.kill()


def _is_postgres(process: psutil.Process) -> bool:
    return bool(process.name() == "postgres") and process.status() != psutil.STATUS_ZOMBIE


def _works_in(process: psutil.Process, data_directory: Path) -> bool:
    """Whether a PostgreSQL process is of these data: it changes into its data directory, however it was started."""
    try:
        return Path(process.cwd()).samefile(data_directory)
    except psutil.AccessDenied:  # root in a container that may not trace
        return bool(process.uids().effective == data_directory.stat().st_uid)


def _is_orphan(process: psutil.Process, data_directory: Path) -> bool:
    if not _works_in(process, data_directory) or not "".join(process.cmdline()[:1]).startswith("postgres:"):
        return False
    parent = process.parent()
    return parent is None or not _is_postgres(parent)


def _lost_data(process: psutil.Process, data_directory: Path) -> bool:
    # The path alone could be that of another container's directory with the same name.
    return process.cwd() == str(data_directory) and Path(f"/proc/{process.pid}/cwd").stat().st_nlink == 0
