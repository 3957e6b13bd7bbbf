"""The embedded server as others see it: where it is, whether it runs, started and stopped."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

import psutil

from ..errors import ServerError
from .cluster import SUPERUSER, create_cluster
from .home import PORT, SOCKET, default_home, make_home, make_private, socket_directory
from .letters import as_letters, failure, foreign_home, log_end
from .locks import LIMIT, locked, opened, patiently, try_lock
from .postmaster import Postmaster, end_strays
from .programs import Programs, bundled_programs, programs_for

UNSEEN_TIMEOUT = 30.0  # s; for a server that holds our lock but cannot be seen

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerStatus:
    """What can be said of an embedded server without asking it.

    Attributes
    ----------
    running : bool
        It accepts connections.
    pid : int or None
        The main process; also given while it is still starting or stopping.
    version : str or None
        Major version of PostgreSQL that made the data, None before there are any.
    home, data_directory, socket_directory : Path
        Where things are, or would be.
    size_bytes : int
        Size of all files of the cluster in bytes, write-ahead log included.
    """

    running: bool
    pid: int | None
    version: str | None
    home: Path
    data_directory: Path
    socket_directory: Path
    size_bytes: int


class EmbeddedServer:
    """One PostgreSQL server in one directory, shared by all processes of its owner; not on Windows.

    Parameters
    ----------
    home : Path, optional
        The directory; `default_home` if not given. Made when the server is first needed.
    bin_path : Path, optional
        Directory of other PostgreSQL programs (15 or newer) than the bundled ones.

    Examples
    --------
    >>> server = EmbeddedServer(Path("/var/lib/gilgamesh"))
    >>> server.url("gilgamesh")
    'postgresql://postgres@/gilgamesh?host=%2Fvar%2Flib%2Fgilgamesh%2Frun&port=5432'
    """

    def __init__(self, home: Path | None = None, *, bin_path: Path | None = None) -> None:
        if sys.platform == "win32":
            raise ServerError(
                "the embedded PostgreSQL runs on Linux and macOS, not on Windows. Use the server of your lab: "
                "set GILGAMESH_DATABASE_URL=postgresql://… ; or run Gilgamesh in WSL"
            )
        self.home = Path(home or default_home()).expanduser().resolve()
        self.data_directory = self.home / "data"
        self.socket_directory = socket_directory(self.home)
        self._bin_path = bin_path

    @property
    def bin_path(self) -> Path:
        """Directory of the PostgreSQL programs (``pg_dump``, ``psql`` …) that fit this server."""
        return self._bin_path or bundled_programs()

    def ensure_running(self) -> None:
        """Make the cluster if there is none, start the server if it does not run.

        Returns within a millisecond or two, without starting any process, when the server runs already.
        Safe from several processes and threads at once.

        Raises
        ------
        ServerError
            With the reason: full disk, foreign directory, other major version, the end of the server's log.
        """
        if self._is_ready():
            return
        with as_letters(self.home):
            make_home(self.home)
            with locked(self.home / "lock"):
                if self._is_ready():
                    return
                programs = programs_for(self.home, self.bin_path)
                if not self.data_directory.exists():
                    create_cluster(self.data_directory, programs)
                self._check_version(programs)
                self._start(programs)

    def stop(self) -> bool:
        """Stop the server; open transactions are rolled back.

        Returns
        -------
        bool
            True if it was running.
        """
        if self._postmaster() is None:
            return False
        with as_letters(self.home), locked(self.home / "lock"):
            postmaster = self._postmaster()
            if postmaster is None:
                return False
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(postmaster.pid).send_signal(signal.SIGINT)  # PostgreSQL's "fast shutdown"
            for _ in patiently(self.home, "stopping (it first writes what it holds in memory to disk)"):
                if self._postmaster() is None:
                    break
        return True

    def status(self) -> ServerStatus:
        """Look at the server; start nothing, change nothing."""
        postmaster = self._postmaster()
        return ServerStatus(
            running=self._is_ready(),
            pid=postmaster.pid if postmaster else None,
            version=self._data_version(),
            home=self.home,
            data_directory=self.data_directory,
            socket_directory=self.socket_directory,
            size_bytes=_size(self.data_directory),
        )

    def url(self, database: str = "gilgamesh") -> str:
        """Give the address of a database for libpq, psycopg or SQLAlchemy; the server need not run."""
        host = quote(str(self.socket_directory), safe="")
        # The port is spelled out because PGPORT in the environment would change the name of the socket.
        return f"postgresql://{SUPERUSER}@/{quote(database, safe='')}?host={host}&port={PORT}"

    def _postmaster(self) -> Postmaster | None:
        try:
            return Postmaster.of(self.data_directory)
        except PermissionError as refused:
            raise foreign_home(self.home, self.data_directory) from refused

    def _is_ready(self) -> bool:
        postmaster = self._postmaster()
        return postmaster is not None and postmaster.accepts and (self.socket_directory / SOCKET).exists()

    def _data_version(self) -> str | None:
        try:
            return (self.data_directory / "PG_VERSION").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None

    def _check_version(self, programs: Programs) -> None:
        made_by = self._data_version()
        if made_by not in {None, str(programs.version)}:
            raise ServerError(
                f"The data in {self.data_directory} were made by PostgreSQL {made_by}, but {programs.path} brings "
                f"PostgreSQL {programs.version}. Nothing was changed. With the Gilgamesh that made them, save them with "
                f"`pg_dump` and type `gilgamesh db stop`; then move them away, and with this one use `pg_restore`."
            )

    def _start(self, programs: Programs) -> None:
        with opened(self.home / "server.lock") as lock:  # the server gets its own copy and keeps it
            if self._is_served(lock):
                return
            end_strays(self.data_directory)
            for folder in (self.home / "log", self.socket_directory):
                make_private(folder, programs.account)
            if (pid_file := self.data_directory / "postmaster.pid").exists():
                logger.warning("PostgreSQL in %s was not stopped; it replays its write-ahead log", self.home)
            # With the lock in hand these are left over, and PostgreSQL would stop short of one that is empty,
            # or whose number belongs to another program by now.
            for leftover in (pid_file, self.socket_directory / f"{SOCKET}.lock", self.home / "log" / "start.log"):
                leftover.unlink(missing_ok=True)
            endpoint = f"-c listen_addresses= -p {PORT} -k {shlex.quote(str(self.socket_directory))}"
            finished = programs.run(
                *("pg_ctl", "start", "-s", "-w", "-t", f"{LIMIT:.0f}", "-o", endpoint),
                # Relative paths: pg_ctl hands them to a shell inside double quotes only.
                *("-D", "data", "-l", "log/start.log"),
                pass_fds=(lock.fileno(),),
            )
        if finished.returncode != 0 or not self._is_ready():
            raise failure(self.home, "does not start", log_end(self.home) or finished.stdout)

    def _is_served(self, lock: TextIO) -> bool:
        """Wait until a server accepts connections (True), or none uses the data and the lock is ours (False)."""
        for waited in patiently(self.home, "waiting for another server on the same data"):
            postmaster = self._postmaster()
            if postmaster is None and try_lock(lock):
                break
            if postmaster is not None and postmaster.accepts:
                if not self._is_ready():
                    raise ServerError(
                        f"PostgreSQL runs (process {postmaster.pid}), but its socket in {self.socket_directory} is "
                        f"gone, so nobody can connect any more. Type `gilgamesh db stop` and try again."
                    )
                return True
            if postmaster is None and waited > UNSEEN_TIMEOUT:
                raise ServerError(
                    f"Another PostgreSQL holds {self.home / 'server.lock'}, but none that serves {self.data_directory} "
                    f"is to be seen here: it runs in another container or on another machine, or its data were moved "
                    f"away. Stop it there with `gilgamesh db stop`."
                )
            if postmaster is None and waited > 1:
                end_strays(self.data_directory)
        return False


def _size(directory: Path) -> int:
    total = 0
    for folder, _, files in os.walk(directory):
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # PostgreSQL removes files as we look
                total += Path(folder, file).lstat().st_size
    return total
