"""JupyterHub as a process that is started, watched, started again when it is killed, and stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

import click
import psutil

from gilgamesh_db.errors import SystemFault, UserError

from .settings import Settings

READY_WITHIN = 90.0  # seconds
STOPPED_WITHIN = 20.0
RESTARTS, PER = 5, 60.0  # so many within so many seconds, then there is something to repair


class Hub:
    """JupyterHub, its proxy and the pages.

    Parameters
    ----------
    settings : Settings
    secret : dict of str to str
        Environment nobody else sees: the owner's connection.
    """

    def __init__(self, settings: Settings, secret: dict[str, str]) -> None:
        self.settings = settings
        self._environment = {**os.environ, **secret, **settings.hand_over()}
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self.log = Path(settings.folder) / "hub.log"

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
        self._launch()
        self._wait_until_ready()

    def watch(self) -> None:
        """Stay until told to stop; whatever ends before is started again."""
        began: list[float] = []
        while not self._stopping:
            assert self._process is not None  # noqa: S101 - it was started
            try:
                self._process.wait(0.3)
            except subprocess.TimeoutExpired:
                continue
            if self._stopping:
                break
            began = [at for at in began if at > time.monotonic() - PER] + [time.monotonic()]
            if len(began) > RESTARTS:
                raise self._failed(f"JupyterHub ended {len(began)} times within a minute")
            click.echo(f"JupyterHub ended by itself ({self._process.returncode}); starting it again", err=True)
            self._end_leftovers()
            self._launch()
        self._stop()

    # -- inside ----------------------------------------------------------------------------------------

    def _launch(self) -> None:
        command = [
            sys.executable,
            "-m",
            "jupyterhub",
            "--config",
            str(Path(__file__).with_name("jupyterhub_config.py")),
        ]
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(
                command, cwd=self.settings.folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=handle,
                stderr=handle, start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(handle)

    def _wait_until_ready(self) -> None:
        pages = f"http://127.0.0.1:{self.settings.port}{self.settings.pages}health"
        login = f"http://127.0.0.1:{self.settings.port}{self.settings.base_url}hub/login"
        until = time.monotonic() + READY_WITHIN
        while not self._stopping:
            if self._process is not None and self._process.poll() is not None:
                raise self._failed("JupyterHub did not start")
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
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._end_leftovers()

    def _end_leftovers(self) -> None:
        """A proxy whose hub was killed still holds the port; so may the pages for a moment."""
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            proxy = psutil.Process(int((Path(self.settings.folder) / "proxy.pid").read_text()))
            if any("configurable-http-proxy" in word for word in proxy.cmdline()):
                proxy.terminate()
                proxy.wait(5)
        until = time.monotonic() + 3
        while time.monotonic() < until and not _free("127.0.0.1", self.settings.pages_port):
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
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310 - an address of ours
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
