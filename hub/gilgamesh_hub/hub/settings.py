"""What ``gilgamesh hub`` hands over to the processes it starts: nothing of it is secret."""

from __future__ import annotations

import dataclasses
import json
import os

VARIABLE = "GILGAMESH_HUB"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Where things are, and on which ports they listen.

    Attributes
    ----------
    folder : str
        State of JupyterHub, logs, folders of people.
    host, port, base_url : str, int, str
        Where browsers come to.
    proxy : list of str
        The program of the proxy.
    packages : str
        Where the packages of Node are.
    system_accounts : bool
        Each Jupyter runs in the account of the computer that has the person's name.
    idle_hours : float
        After so long a kernel that does nothing is stopped, and then the Jupyter without kernels.
    configuration : str, optional
        A file of JupyterHub's own configuration, read last.
    certificate, key : str, optional
        Files for TLS.
    """

    folder: str
    host: str
    port: int
    proxy: list[str]
    packages: str
    base_url: str = "/"
    system_accounts: bool = False
    idle_hours: float = 24.0
    configuration: str | None = None
    certificate: str | None = None
    key: str | None = None

    @property
    def hub_port(self) -> int:
        """Of JupyterHub itself, on this computer only; people's Jupyters know it, so it must stay the same."""
        return self.port + 1

    @property
    def pages_port(self) -> int:
        """Of the pages, on this computer only."""
        return self.port + 2

    @property
    def proxy_port(self) -> int:
        """Where JupyterHub tells the proxy its routes, on this computer only."""
        return self.port + 3

    @property
    def address(self) -> str:
        """What to type into a browser on this computer."""
        host = "127.0.0.1" if self.host in {"", "0.0.0.0", "::"} else self.host  # noqa: S104
        return f"http{'s' if self.certificate else ''}://{host}:{self.port}{self.base_url}"

    @property
    def proxy_command(self) -> list[str]:
        """What starts the proxy."""
        hub = f"http://127.0.0.1:{self.hub_port}{self.base_url}hub/error"
        tls = ["--ssl-cert", self.certificate, "--ssl-key", self.key] if self.certificate and self.key else []
        return [
            *self.proxy, "--ip", self.host, "--port", str(self.port), "--api-ip", "127.0.0.1", "--api-port",
            str(self.proxy_port), "--error-target", hub, *tls,
        ]  # fmt: skip

    @property
    def pages(self) -> str:
        """The path of the pages."""
        return f"{self.base_url}services/gilgamesh/"

    def hand_over(self) -> dict[str, str]:
        """The environment for a child."""
        return {VARIABLE: json.dumps(dataclasses.asdict(self))}

    @classmethod
    def handed_over(cls) -> Settings:
        """What this process was given."""
        return cls(**json.loads(os.environ[VARIABLE]))
