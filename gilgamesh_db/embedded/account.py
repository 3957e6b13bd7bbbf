"""The account PostgreSQL runs as: our own, or for root, whom it refuses, one without rights."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ServerError

if sys.platform != "win32":
    import pwd

NAME = "gilgamesh"
# Nothing that would change PostgreSQL's mind (PGPORT, PGDATA …) or its language.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


@dataclass(frozen=True)
class Account:
    """Whom PostgreSQL runs as."""

    uid: int
    gid: int

    @property
    def options(self) -> dict[str, Any]:
        """Options of `subprocess` that make a program run as this account."""
        as_another = {"user": self.uid, "group": self.gid, "extra_groups": []}
        return {"env": ENVIRONMENT} | (as_another if self.uid != os.geteuid() else {})

    def barrier(self, path: Path) -> str:
        """Find what on the way to a path this account may not enter; empty if it gets there.

        The system itself is asked, as the account: modes, groups and access lists all count.
        """
        script = 'for step do test -x "$step" || { printf %s "$step"; exit; } done'
        steps = [str(step) for step in reversed((path, *path.parents))]
        asked = ["/bin/sh", "-c", script, "sh", *steps]
        return os.fsdecode(subprocess.run(asked, stdout=subprocess.PIPE, check=False, cwd="/", **self.options).stdout)


def is_root() -> bool:
    """Whether PostgreSQL would refuse to run as this process."""
    return sys.platform != "win32" and os.geteuid() == 0


def server_account() -> Account:
    """Give our own account; for root, find or make the one called `NAME`."""
    if not is_root():
        return Account(os.geteuid(), os.getegid())
    with contextlib.suppress(KeyError):
        return _named(NAME)
    command = [
        *("useradd", "--system", "--user-group", "--no-create-home"),
        *("--home-dir", "/var/lib/gilgamesh", "--shell", "/usr/sbin/nologin", NAME),
    ]
    try:
        reason = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT).stderr.strip()
    except OSError as missing:
        reason = str(missing)
    with contextlib.suppress(KeyError):  # made, by us or by somebody faster
        return _named(NAME)
    raise ServerError(
        f"PostgreSQL refuses to run as root, and its account '{NAME}' could not be made ({reason}). "
        f"Make it yourself: {shlex.join(command)} ; or run Gilgamesh as an ordinary user; "
        f"or use a server of your own: export GILGAMESH_DATABASE_URL=postgresql://…"
    )


def _named(name: str) -> Account:
    entry = pwd.getpwnam(name)
    return Account(entry.pw_uid, entry.pw_gid)
