"""Passwords out of sight: a notebook that prints its environment, and is saved, must not give one away.

What a kernel needs to connect is a URL without a password, and a file of libpq (``PGPASSFILE``) that only the person's own
account can read.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

import sqlalchemy as sa

URL = "GILGAMESH_DATABASE_URL"
PASSWORD_FILE = "PGPASSFILE"  # noqa: S105 - its name
PASSWORD = "PGPASSWORD"  # noqa: S105


def hide_password(url: str, folder: Path | None = None, environment: MutableMapping[str, str] | None = None) -> str:
    """Take the password out of a URL and out of the environment, and put it into a file for libpq.

    Parameters
    ----------
    url : str
        The database; ``GILGAMESH_DATABASE_URL`` in the environment is set to the same without password.
    folder : Path, optional
        Where the file is made; the system's folder of temporary files if not given. It goes with this process.
    environment : mapping, optional
        ``os.environ`` if not given.

    Returns
    -------
    str
        The URL without password.

    Examples
    --------
    >>> environment = {}
    >>> hide_password("postgresql://anna:secret@db.lab/testbed", environment=environment)
    'postgresql://anna@db.lab/testbed'
    >>> Path(environment["PGPASSFILE"]).read_text().splitlines()[0]
    'db.lab:*:testbed:anna:secret'
    """
    environment = os.environ if environment is None else environment
    parsed = sa.make_url(url)
    passwords = [parsed.password, parsed.query.get("password"), environment.pop(PASSWORD, None)]
    password = next((str(one) for one in passwords if one), None)
    bare = parsed._replace(password=None).difference_update_query(["password"])  # set(password=None) changes nothing
    shown = bare.render_as_string(hide_password=False)
    environment[URL] = shown
    if password is not None:
        environment[PASSWORD_FILE] = str(_file_for(bare, password, environment.get(PASSWORD_FILE), folder))
    return shown


def _file_for(url: sa.URL, password: str, present: str | None, folder: Path | None) -> Path:
    """A file of libpq with one more password than the person's own, which goes with this process."""
    hosts = str(url.host or url.query.get("host") or "*").split(",")
    port = str(url.port or url.query.get("port") or "*")
    user = str(url.username or url.query.get("user") or "*")
    database = str(url.database or url.query.get("dbname") or "*")
    lines = [":".join(map(_escaped, (host, port, database, user, password))) for host in hosts]
    own = Path(present) if present else Path.home() / ".pgpass"
    with contextlib.suppress(OSError):
        lines.extend(own.read_text("utf-8").splitlines())
    handle, name = tempfile.mkstemp(prefix="gilgamesh-", suffix=".pgpass", dir=folder)  # readable by its owner only
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    made, maker = Path(name), os.getpid()

    def remove() -> None:
        if os.getpid() == maker:  # not where the process was forked
            made.unlink(missing_ok=True)

    atexit.register(remove)
    return made


def _escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace(":", "\\:")
