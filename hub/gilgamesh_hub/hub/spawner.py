"""A person's Jupyter, which connects to the database in the person's own PostgreSQL role."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner
from traitlets import Unicode

from gilgamesh_db import Database
from gilgamesh_db.database import embedded

from ..personal import MANAGER
from .owner import ask_owner


class PersonSpawner(LocalProcessSpawner):
    """Jupyter in the account of the computer that has the person's name.

    The environment holds a URL with a password that was made for this start; the Jupyter puts it into a file of libpq
    before the first kernel starts (`gilgamesh_hub.secret`).
    """

    _url = ""

    async def start(self) -> Any:
        """Give the person's role a password, and start."""
        self._url = await ask_owner(_url_of, self.user.name)
        return await super().start()

    def get_args(self) -> list[str]:
        """Its configuration; what decides where notebooks are saved is not left to a file of the person."""
        own = [
            f"--config={Path(__file__).with_name('singleuser_config.py')}",
            f"--ServerApp.contents_manager_class={MANAGER}",
        ]
        return [*own, *super().get_args()]

    def get_env(self) -> dict[str, str]:
        """The person's own connection, and nothing of the hub's."""
        return {**super().get_env(), "GILGAMESH_DATABASE_URL": self._url}


class TeamSpawner(PersonSpawner):
    """Jupyter in the account the hub runs in, with a folder per person: for a team whose members trust each other.

    Whoever runs code in one of them can read whatever this account can read, the others' folders included.
    """

    homes = Unicode(help="The folder of the folders of people.").tag(config=True)

    def make_preexec_fn(self, name: str) -> Any:
        """Begin in the person's folder."""
        home = Path(self.homes) / name

        def begin() -> None:
            home.mkdir(0o700, parents=True, exist_ok=True)
            os.chdir(home)

        return begin

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """The person's folder as their home: settings of Jupyter are their own."""
        home = str(Path(self.homes) / self.user.name)
        return {**env, "USER": self.user.name, "HOME": home, "SHELL": "/bin/bash"}

    def get_args(self) -> list[str]:
        """Root may, where the hub runs as root: in a container."""
        return [*super().get_args(), *(["--allow-root"] if os.geteuid() == 0 else [])]

    async def move_certs(self, paths: Any) -> Any:
        """Nothing has to change hands."""
        return paths


def _url_of(db: Database, name: str) -> str:
    """A URL by which the person connects."""
    url = db.engine.url.set(drivername="postgresql", username=name)
    if embedded(None):
        return url.set(password=None).render_as_string(hide_password=False)  # its socket asks for none
    return url.set(password=db.persons.renew_role_password(name)).render_as_string(hide_password=False)


COMMAND = [sys.executable, "-m", "jupyterhub.singleuser"]
