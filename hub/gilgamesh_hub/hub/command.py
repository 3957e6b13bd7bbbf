"""``gilgamesh hub``: one address for the laboratory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gilgamesh_db.cli.door import open_database
from gilgamesh_db.errors import MissingExtra, UserError

if TYPE_CHECKING:
    from .settings import Settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; 0.0.0.0 for the whole network.")
@click.option(
    "--port", type=click.IntRange(1, 65532), default=8000, show_default=True,
    help="The port; the three after it are used on this computer only.",
)  # fmt: skip
@click.option("--base-url", default="/", show_default=True, help="The path below which everything is.")
@click.option(
    "--system-accounts", is_flag=True,
    help="Run each person's Jupyter in the computer's account of that name; the hub runs as root.",
)  # fmt: skip
@click.option(
    "--idle-hours", type=click.FloatRange(0), default=24.0, show_default=True,
    help="Stop kernels that did nothing for so long, and Jupyters without kernels; 0: never. Busy kernels go on.",
)  # fmt: skip
@click.option(
    "--config", "configuration", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with settings of JupyterHub (TLS, OAuth, LDAP, spawners …), read last.",
)  # fmt: skip
@click.option(
    "--certificate", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TLS certificate (PEM), with --key.",
)  # fmt: skip
@click.option(
    "--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Private key of the certificate (PEM)."
)
@click.pass_context
def hub(
    context: click.Context, host: str, port: int, base_url: str, system_accounts: bool, idle_hours: float,
    configuration: Path | None, certificate: Path | None, key: Path | None,
) -> None:  # fmt: skip
    """Serve everything: login, pages, and a Jupyter for everybody."""
    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key go together")
    from gilgamesh_db.database import embedded
    from gilgamesh_db.embedded.home import default_home, make_home

    from ..personal import require_jupyter

    require_jupyter()
    try:
        import jupyterhub  # noqa: F401
    except ImportError as error:
        raise MissingExtra("jupyterhub", "hub", "the hub") from error
    from .. import npm
    from ..web import first_invitation
    from .process import Hub
    from .settings import Settings

    database = open_database(context)
    url = context.obj["url"] or os.environ.get("GILGAMESH_DATABASE_URL")
    if system_accounts:
        _require_accounts(embedded(url))
    click.echo("looking for the packages of Node …", err=True)
    modules = npm.install()
    folder = default_home() / "hub"
    make_home(folder.parent)
    folder.mkdir(0o700, exist_ok=True)
    settings = Settings(
        folder=str(folder), host=host, port=port, base_url=f"/{base_url.strip('/')}/".replace("//", "/"),
        proxy=[npm.node()[0], str(modules / "configurable-http-proxy" / "bin" / "configurable-http-proxy")],
        packages=str(modules), system_accounts=system_accounts, idle_hours=idle_hours,
        configuration=_absolute(configuration), certificate=_absolute(certificate), key=_absolute(key),
    )  # fmt: skip
    invitation = first_invitation(database)
    running = Hub(settings, {"GILGAMESH_DATABASE_URL": url} if url else {})
    running.start()
    click.echo(f"ready: {settings.address}")
    _tell(settings, invitation)
    running.watch()
    click.echo("stopped", err=True)


def _absolute(file: Path | None) -> str | None:
    return str(file.resolve()) if file else None


def _require_accounts(embedded: bool) -> None:
    if embedded:
        raise UserError(
            "--system-accounts needs a PostgreSQL server that other accounts can reach; the embedded one lets in its own "
            "account only. Give one with --url or GILGAMESH_DATABASE_URL"
        )
    if os.name != "posix" or os.geteuid() != 0:
        raise UserError(
            "--system-accounts starts programs in other people's accounts; run the hub as root, or leave it out"
        )


def _tell(settings: Settings, invitation: str | None) -> None:
    """What whoever started it must know."""
    if not settings.system_accounts and settings.configuration is None:
        click.echo(
            "trusted team: all Jupyters run in this account, so whoever runs code in one can read what the others have open; "
            "see docs/hub.md for accounts of their own",
            err=True,
        )
    if invitation:
        click.echo(
            "nobody can log in yet; choose the password of the person 'admin' here (the link works once, for seven days):\n"
            f"  {settings.address.removesuffix(settings.base_url)}{settings.pages.rstrip('/')}{invitation}"
        )
