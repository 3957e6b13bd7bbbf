"""Where it happens: a database and a folder of our own, gone afterwards, also when somebody presses Ctrl-C."""

from __future__ import annotations

import _thread
import shutil
import signal
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import psutil

from gilgamesh_db import Database, installation
from gilgamesh_db.database import open_engine
from gilgamesh_db.errors import InvalidValue, ServerError, UserError

PREFIX = "gilgamesh_bench_"


@contextmanager
def scratch_database(url: str | None) -> Iterator[Database]:
    """A database of our own on the same server.

    Raises
    ------
    ServerError
        The server cannot be reached, or this role may not create databases.
    """
    home = open_engine(url)
    name = PREFIX + uuid.uuid4().hex[:8]
    try:
        with home.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"create database {name}")
    except UserError as error:
        raise ServerError(
            f"{home.url.username!r} may not create databases, and the benchmark needs one of its own; ask for "
            f"`alter role {home.url.username} createdb`, or leave --url out to use the embedded server"
        ) from error
    engine = open_engine(home.url.set(database=name))
    try:
        installation.create(engine)
        with Database(engine) as db:
            yield db
    finally:
        with _undisturbed():
            engine.dispose()
            with home.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql(f"drop database if exists {name} with (force)")
            home.dispose()


@contextmanager
def scratch_folder(parent: Path | None) -> Iterator[Path]:
    """A folder of our own for the files."""
    if parent is not None and not parent.is_dir():
        raise InvalidValue(f"there is no folder {str(parent)!r} for the files of the benchmark; make it with: mkdir")
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        yield folder
    finally:
        with _undisturbed():
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def stopped_gently() -> Iterator[None]:
    """A request to end (SIGTERM) is as good as Ctrl-C: everything is cleared away.

    Either may arrive while Python cannot raise anything, as in the weak references of h5py; it is then sent again.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def send_again(lost: sys.UnraisableHookArgs) -> None:
        if isinstance(lost.exc_value, KeyboardInterrupt):
            threading.Timer(0.05, _thread.interrupt_main).start()
        else:
            hook(lost)

    before, hook = signal.signal(signal.SIGTERM, stop), sys.unraisablehook
    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Clearing away is finished even when somebody presses Ctrl-C again."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def file_system(path: Path) -> str:
    """The kind of file system a path is on.

    Examples
    --------
    >>> file_system(Path("/no/such/place")) != ""
    True
    """
    kind = ""
    length = -1
    with suppress(OSError):
        for part in psutil.disk_partitions(all=True):
            if path.resolve().is_relative_to(part.mountpoint) and len(part.mountpoint) > length:
                kind, length = part.fstype, len(part.mountpoint)
    return kind or "unknown"
