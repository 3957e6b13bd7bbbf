"""JupyterHub as ``gilgamesh hub`` runs it. A laboratory's own settings go into a file of their own (``--config``), read last."""

import os
import sys
from pathlib import Path

from gilgamesh_hub.hub.lifeline import follow_parent
from gilgamesh_hub.hub.settings import VARIABLE, Settings
from gilgamesh_hub.hub.spawner import COMMAND

follow_parent()
settings = Settings.handed_over()
folder = Path(settings.folder)
c = get_config()  # type: ignore[name-defined]  # noqa: F821 - JupyterHub gives it

# -- where -------------------------------------------------------------------------------------------------
c.JupyterHub.bind_url = (
    f"http{'s' if settings.certificate else ''}://{settings.host}:{settings.port}{settings.base_url}"
)
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{settings.hub_port}"
c.JupyterHub.default_url = settings.pages
# Which Jupyters run is a matter of this computer, not of the testbed; and a restart of PostgreSQL disturbs nobody.
c.JupyterHub.db_url = f"sqlite:///{folder / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(folder / "cookie_secret")

# -- the proxy, which `gilgamesh hub` starts ----------------------------------------------------------------
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{settings.proxy_port}"
c.JupyterHub.proxy_check_interval = 1

# -- who ---------------------------------------------------------------------------------------------------
c.JupyterHub.authenticator_class = "gilgamesh_hub.hub.authenticator.PersonAuthenticator"
c.Authenticator.allow_all = True  # every person of the database; there are no others
c.Authenticator.auth_refresh_age = 30
c.Authenticator.refresh_pre_spawn = True
c.JupyterHub.template_paths = [str(Path(__file__).with_name("templates"))]

# -- a Jupyter for everybody -------------------------------------------------------------------------------
spawner = "PersonSpawner" if settings.system_accounts else "TeamSpawner"
c.JupyterHub.spawner_class = f"gilgamesh_hub.hub.spawner.{spawner}"
c.TeamSpawner.homes = str(folder / "people")
c.Spawner.cmd = COMMAND
c.Spawner.default_url = "/lab"
c.Spawner.environment = {"GILGAMESH_IDLE_HOURS": str(settings.idle_hours)}
c.Spawner.env_keep = ["PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "LD_LIBRARY_PATH"]  # never the owner's connection
c.Spawner.http_timeout = 60
c.Spawner.start_timeout = 90
c.LocalProcessSpawner.interrupt_timeout = 0  # SIGTERM follows at once: Jupyter ends its kernels on it
c.LocalProcessSpawner.term_timeout = 2

# -- the pages ---------------------------------------------------------------------------------------------
handed = ("GILGAMESH_DATABASE_URL", "GILGAMESH_HOME", "PGPASSFILE", VARIABLE)
c.JupyterHub.services = [
    {
        "name": "gilgamesh",
        "url": f"http://127.0.0.1:{settings.pages_port}",
        "command": [sys.executable, "-m", "gilgamesh_hub.hub.service"],
        "environment": {name: os.environ[name] for name in handed if name in os.environ},
        "oauth_no_confirm": True,
        "display": False,
    }
]
c.JupyterHub.load_roles = [{"name": "user", "scopes": ["self", "access:services!service=gilgamesh"]}]

if settings.configuration:
    load_subconfig(settings.configuration)  # type: ignore[name-defined]  # noqa: F821 - JupyterHub gives it
