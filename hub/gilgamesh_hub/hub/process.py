"""JupyterHub as a process that is started, watched, started again when it is killed, and stopped."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

import click
import psutil

from gilgamesh_db.errors import SystemFault, UserError

from .settings import Settings

READY_WITHIN = 90.0  # seconds
STOPPED_WITHIN = 20.0
LEFTOVERS_WITHIN = 10.0
RESTARTS, PER = 5, 60.0  # so many within so many seconds, then there is something to repair


class Hub:
    """JupyterHub with the pages, and the proxy in front of it: two processes, each started again when it ends.

    The proxy is no child of JupyterHub, so that nobody's Jupyter is cut off while JupyterHub starts again.

    Parameters
    ----------
    settings : Settings
    secret : dict of str to str
        Environment nobody else sees: the owner's connection.
    """

    def __init__(self, settings: Settings, secret: dict[str, str]) -> None:
        self.settings = settings
        token = {"CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(32)}
        self._environments = {
            "proxy": {**_without_secrets(os.environ), **token},
            "JupyterHub": {**os.environ, **secret, **token, **settings.hand_over()},
        }
        self._commands = {
            "proxy": settings.proxy_command,
            "JupyterHub": [
                sys.executable,
                "-m",
                "jupyterhub",
                "--config",
                str(Path(__file__).with_name("jupyterhub_config.py")),
            ],
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = False
        self.log = Path(settings.folder) / "hub.log"
        self._pid = Path(settings.folder) / "proxy.pid"

    def start(self) -> None:
        """Start, and come back when a browser would be answered.

        Raises
        ------
        UserError
            A port is taken.
        SystemFault
            It did not start; with the end of its log.
        """
        self._end_leftovers()
        self._require_free_ports()
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, self._stop_soon)  # children get the system's own behaviour, not this
        for name in self._commands:
            self._launch(name)
        self._wait_until_ready()

    def watch(self) -> None:
        """Stay until told to stop; whatever ends before is started again.

        Raises
        ------
        SystemFault
            Something ends again and again.
        """
        began: list[float] = []
        while not self._stopping:
            time.sleep(0.2)
            for name, process in list(self._processes.items()):
                if self._stopping or process.poll() is None:
                    continue
                began = [at for at in began if at > time.monotonic() - PER] + [time.monotonic()]
                if len(began) > RESTARTS:
                    self._stop()
                    raise self._failed(f"{name} ended, and something did {len(began)} times within a minute")
                click.echo(f"{name} ended by itself ({process.returncode}); starting it again", err=True)
                self._launch(name)
        self._stop()

    # -- inside ----------------------------------------------------------------------------------------

    def _launch(self, name: str) -> None:
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._processes[name] = subprocess.Popen(
                self._commands[name], cwd=self.settings.folder, env=self._environments[name], stdin=subprocess.DEVNULL,
                stdout=handle, stderr=handle, start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(handle)
        if name == "proxy":
            self._pid.write_text(str(self._processes[name].pid))

    def _wait_until_ready(self) -> None:
        pages, login = (
            f"{self.settings.address[: -len(self.settings.base_url)]}{self.settings.pages}health",
            f"{self.settings.address}hub/login",
        )
        until = time.monotonic() + READY_WITHIN
        while not self._stopping:
            for name, process in self._processes.items():
                if process.poll() is not None:
                    self._stop()
                    raise self._failed(f"{name} did not start")
            if _answers(login) and _answers(pages):
                return
            if time.monotonic() > until:
                self._stop()
                raise self._failed(f"the hub did not answer within {READY_WITHIN:.0f} s")
            time.sleep(0.2)

    def _failed(self, what: str) -> SystemFault:
        lines = self.log.read_text("utf-8", "replace").splitlines()[-15:] if self.log.exists() else []
        return SystemFault("\n  ".join([f"{what}; the end of {self.log}:", *lines]))

    def _stop_soon(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stopping = True

    def _stop(self) -> None:
        """JupyterHub first, which stops everybody's Jupyter; then nothing is left for the proxy to do."""
        for name in ("JupyterHub", "proxy"):
            process = self._processes.pop(name, None)
            if process is None:
                continue
            with contextlib.suppress(OSError):
                process.terminate()
            try:
                process.wait(STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._pid.unlink(missing_ok=True)

    def _end_leftovers(self) -> None:
        """A proxy whose launcher was killed still holds the port; JupyterHub and the pages end by themselves, a little later."""
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            proxy = psutil.Process(int(self._pid.read_text()))
            if any("configurable-http-proxy" in word for word in proxy.cmdline()):
                proxy.terminate()
                proxy.wait(5)
        until = time.monotonic() + LEFTOVERS_WITHIN
        inside = (self.settings.hub_port, self.settings.pages_port)
        while self._pid.exists() and time.monotonic() < until and not all(_free("127.0.0.1", port) for port in inside):
            time.sleep(0.1)

    def _require_free_ports(self) -> None:
        wanted = [(self.settings.host, self.settings.port), *(
            ("127.0.0.1", port) for port in (self.settings.hub_port, self.settings.pages_port, self.settings.proxy_port)
        )]  # fmt: skip
        for host, port in wanted:
            if not _free(host, port):
                raise UserError(
                    f"port {port} of {host} is in use, and the hub needs {self.settings.port} to {self.settings.proxy_port}; "
                    "take others with --port, or stop what listens there"
                )


def _free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError:
            return False
    return True


def _answers(address: str) -> bool:
    # Whether the certificate is right is for browsers to judge.
    try:
        with urllib.request.urlopen(address, timeout=2, context=ssl._create_unverified_context()) as answer:  # noqa: S310, S323
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The proxy is to know nothing of the database."""
    return {name: value for name, value in environment.items() if not name.startswith(("GILGAMESH", "PG"))}
