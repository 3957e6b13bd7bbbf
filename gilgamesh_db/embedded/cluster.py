"""The cluster: made by initdb, tuned to the machine."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

import psutil

from .home import made_aside
from .letters import failure
from .programs import Programs

SUPERUSER = "postgres"
SETTINGS = Path(__file__).with_name("gilgamesh.conf")
MIB = 1 << 20

logger = logging.getLogger(__name__)


def create_cluster(data_directory: Path, programs: Programs) -> None:
    """Make the data directory whole or not at all, with settings for this machine."""
    logger.info("making the PostgreSQL data directory %s", data_directory)
    account = programs.account
    with made_aside(data_directory) as unfinished:
        os.chown(unfinished, account.uid, account.gid)
        _initdb(unfinished, programs)
        with (unfinished / "gilgamesh.conf").open("x", encoding="utf-8") as file:
            file.write(settings(_memory()))
            os.fchown(file.fileno(), account.uid, account.gid)
        with (unfinished / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\ninclude 'gilgamesh.conf'\n")


def _initdb(directory: Path, programs: Programs) -> None:
    options = ["-D", directory.name, "--username", SUPERUSER, "--encoding", "UTF8", "--data-checksums"]
    options += ["--auth", "trust", "--no-instructions"]  # the socket's directory lets nobody else in
    if programs.version >= 17:
        options += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    else:
        options += ["--locale", "C.UTF-8"]
    made = programs.run("initdb", *options)
    if made.returncode != 0:
        raise failure(programs.home, "cannot make its data directory", made.stdout)


def _memory() -> int:
    """Memory in bytes that we may use: the machine's, or the container's if that is less."""
    total = int(psutil.virtual_memory().total)
    with contextlib.suppress(OSError, ValueError):  # absent, or "max"
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return total


def settings(memory: int) -> str:
    """Write the settings of a new cluster for a machine with this much memory in bytes."""

    def share(fraction: int, least: int, most: int) -> str:
        return f"{min(max(memory // fraction // MIB, least), most)}MB"

    return SETTINGS.read_text(encoding="utf-8").format(
        memory=f"{memory // MIB}MB",
        shared_buffers=share(4, 32, 2048),
        effective_cache_size=share(2, 64, 1 << 20),
        work_mem=share(256, 4, 64),
        maintenance_work_mem=share(32, 32, 512),
    )
