"""A Jupyter of one's own whose notebooks are in the database: its configuration, and how it is started."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gilgamesh_db.errors import MissingExtra

from .citations import SERVER_EXTENSION
from .secret import URL, hide_password

if TYPE_CHECKING:
    from traitlets.config import Config

MANAGER = "gilgamesh_hub.contents.manager.GilgameshContentsManager"
LABEXTENSIONS = Path(__file__).parent / "labextension"


def require_jupyter() -> None:
    """Say what to install before anything starts.

    Raises
    ------
    MissingExtra
    """
    lacking = [name for name in ("jupyterlab", "notebook", "psycopg2", "pgcontents") if find_spec(name) is None]
    if lacking:
        compiled = (
            " (psycopg2 is compiled when it is installed; where pip misses pg_config or gcc, type before, on Debian: apt install "
            "gcc libpq-dev python3-dev, on Fedora: dnf install gcc libpq-devel python3-devel, on macOS: brew install libpq)"
            if "psycopg2" in lacking
            else ""
        )
        raise MissingExtra(", ".join(lacking) + compiled, "hub", "a Jupyter on the database")


def configuration(url: str | None = None, person: str | None = None, *, folder: Path | None = None) -> Config:
    """The configuration of a Jupyter server whose notebooks are in the database.

    It suits JupyterLab, Notebook 7, ``jupyter server`` and the single-user server of JupyterHub. A password is taken
    out of the URL and of the environment of this process, so that kernels do not inherit it (`hide_password`).

    Parameters
    ----------
    url : str, optional
        The database; ``GILGAMESH_DATABASE_URL``, or the embedded one, if not given.
    person : str, optional
        Whose notebooks: the name of a role. The role that connects, if not given.
    folder : Path, optional
        Where kernels and terminals begin; the current folder if not given.

    Returns
    -------
    traitlets.config.Config

    Examples
    --------
    In ``jupyter_server_config.py``, for any Jupyter::

        from gilgamesh_hub.personal import configuration
        c.merge(configuration())
    """
    from jupyter_core.paths import jupyter_runtime_dir
    from jupyter_core.utils import ensure_dir_exists
    from traitlets.config import Config

    made = Config()
    made.ServerApp.contents_manager_class = MANAGER
    if url := url or os.environ.get(URL):
        ensure_dir_exists(jupyter_runtime_dir(), mode=0o700)
        made.GilgameshContentsManager.db_url = hide_password(url, Path(jupyter_runtime_dir()))
    if person:
        made.GilgameshContentsManager.user_id = person
    if folder:
        made.ServerApp.root_dir = str(folder.resolve())
    # Lab shows hidden files when asked (View, Show Hidden Files): that is how the trash is reached.
    made.ContentsManager.allow_hidden = True
    for app in ("LabApp", "JupyterNotebookApp"):
        made[app].extra_labextensions_path = [str(LABEXTENSIONS)]
    made.ServerApp.jpserver_extensions = {SERVER_EXTENSION: True}
    made.LabApp.news_url = None
    made.LabApp.check_for_updates_class = "jupyterlab.handlers.announcements.NeverCheckForUpdate"
    return made


def start(config: Config, *, classic: bool = False, arguments: list[str] | None = None) -> None:
    """Run JupyterLab, or Notebook 7, until it is stopped.

    Parameters
    ----------
    config : Config
        As `configuration` makes it. Files of the person's own Jupyter configuration are read too; where notebooks are
        saved is not theirs to say.
    classic : bool
        Notebook 7 instead of JupyterLab.
    arguments : list of str, optional
        Options of Jupyter itself.
    """
    from traitlets.utils.importstring import import_item

    app: Any = import_item("notebook.app.JupyterNotebookApp" if classic else "jupyterlab.labapp.LabApp")
    # Settings given like options win over files of configuration; none of them is secret, and no process shows them.
    first = [f"--ServerApp.contents_manager_class={MANAGER}"]
    first += [f"--GilgameshContentsManager.{name}={value}" for name, value in config.GilgameshContentsManager.items()]
    server = app.initialize_server(argv=[*first, *(arguments or [])], config=config)
    server.start()
