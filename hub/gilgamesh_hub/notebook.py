"""``gilgamesh notebook``: a Jupyter of one's own on the database."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--classic", is_flag=True, help="Notebook 7 instead of JupyterLab.")
@click.option("--no-browser", is_flag=True, help="Open no browser; its address is printed.")
@click.option("--port", type=int, help="Where it listens; 8888, or the next that is free.")
@click.option(
    "--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Where kernels begin; this folder."
)
@click.option("--allow-root", is_flag=True, help="Run as root, which Jupyter advises against.")
@click.pass_context
def notebook(
    context: click.Context, classic: bool, no_browser: bool, port: int | None, folder: Path | None, allow_root: bool
) -> None:
    """Start JupyterLab; notebooks are saved to the database, beside the data."""
    from gilgamesh_db.database import connect
    from gilgamesh_db.translation import shown

    from .personal import configuration, require_jupyter, start

    require_jupyter()
    url = context.obj["url"]
    with connect(url) as database:  # it is there, and of this software's revision
        where = shown(database.engine.url)
        role = database.sql("select current_user as role").role[0]
    click.echo(f"notebooks are saved to {where}, as {role}; stop with Ctrl-C", err=True)
    options = ["--no-browser"] if no_browser else []
    if port is not None:
        options.append(f"--ServerApp.port={port}")
    if allow_root:
        options.append("--allow-root")
    start(configuration(url, folder=folder or Path.cwd()), classic=classic, arguments=options)
