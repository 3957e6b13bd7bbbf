"""``gilgamesh web``: the pages of the testbed, without JupyterHub."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from pathlib import Path

import click

from gilgamesh_db import Database
from gilgamesh_db.cli.door import open_database
from gilgamesh_db.errors import MissingExtra, SystemFault, UserError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0 for the whole network.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The port; 0 takes a free one."
)
@click.option("--prefix", default="", help="The path below which the pages are, behind a proxy.")
@click.option(
    "--behind-proxy",
    is_flag=True,
    help="Believe X-Forwarded-For and X-Forwarded-Proto; only behind a proxy that sets them.",
)
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TLS certificate (PEM), with --key.",
)
@click.option(
    "--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Private key of the certificate (PEM)."
)
@click.option("--verbose", is_flag=True, help="Print a line for every request.")
@click.pass_context
def web(
    context: click.Context, host: str, port: int, prefix: str, behind_proxy: bool, certificate: Path | None,
    key: Path | None, verbose: bool,
) -> None:  # fmt: skip
    """Serve the pages of the testbed: shots, plots, dashboard, bibliography."""
    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key go together")
    logging.basicConfig(format="%(asctime)s %(message)s")
    logging.getLogger("gilgamesh").setLevel(logging.INFO if verbose else logging.WARNING)
    database = open_database(context)
    first = first_invitation(database)
    asyncio.run(_serve(database, host, port, prefix, behind_proxy, certificate, key, first))


def first_invitation(db: Database) -> str | None:
    """The path of an invitation for an admin, where nobody can log in yet."""
    persons = db.persons.table()
    if (persons.Active & (persons.Level == "admin")).any():
        return None
    if "admin" not in persons.index:
        db.persons.create("admin", "admin")
    return f"/invitation/{db.persons.invite('admin').secret}"


async def _serve(
    db: Database, host: str, port: int, prefix: str, behind_proxy: bool, certificate: Path | None, key: Path | None,
    invitation: str | None,
) -> None:  # fmt: skip
    try:
        import argon2  # noqa: F401
        from tornado.httpserver import HTTPServer

        from .application import UPLOAD_LIMIT, Application
        from .identity import OwnLogin
    except ImportError as error:
        raise MissingExtra(error.name or "tornado", "web", "serving the pages") from error
    application = Application(db, OwnLogin(), prefix=prefix, packages=_packages())
    tls = {"certfile": str(certificate), "keyfile": str(key)} if certificate else None
    server = HTTPServer(application, xheaders=behind_proxy, max_body_size=UPLOAD_LIMIT, ssl_options=tls)
    sockets = _listen(host, port)
    server.add_sockets(sockets)
    address = (
        f"http{'s' if tls else ''}://{'127.0.0.1' if host in ('0.0.0.0', '') else host}:{sockets[0].getsockname()[1]}"  # noqa: S104
    )
    click.echo(f"ready: {address}{application.prefix}/")
    if invitation:
        click.echo(
            "nobody can log in yet; choose the password of the person 'admin' here (the link works once, for seven days):\n"
            f"  {address}{application.prefix}{invitation}"
        )
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(one, stop.set)
    await stop.wait()
    server.stop()
    await server.close_all_connections()
    application.close()


def _packages() -> Path | None:
    """The scripts of charts; without them the server draws the charts, and says what is missing."""
    from . import npm

    if not npm.folder().exists():
        click.echo("installing the scripts of charts from npm, this once …", err=True)
    try:
        return npm.install()
    except SystemFault as error:
        click.echo(f"charts are drawn by the server, and not zoomed by mouse: {error}", err=True)
        return None


def _listen(host: str, port: int) -> list[socket.socket]:
    from tornado.netutil import bind_sockets

    try:
        return bind_sockets(port, host)
    except OSError as error:
        raise UserError(
            f"cannot listen on {host}:{port} ({error.strerror or error}); take another with --port, or stop what listens there"
        ) from error
