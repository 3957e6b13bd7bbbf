"""``gilgamesh notebooks``: the notebooks the lab shares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..notebooks.paths import path_and_number
from .door import NEGATIVE, as_json, open_database, print_json, print_table

if TYPE_CHECKING:
    import pandas as pd

_message = click.option("-m", "--message", default="", help="What was done.")
_author = click.option("--author", help="Who does it; the database role, if left out.")


@click.group()
def notebooks() -> None:
    """Share notebooks: push, pull, compare, search, ask what they read, run again."""


@notebooks.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("path", required=False)
@_message
@_author
@click.option("--over", type=int, help="The version you have seen and replace; a pulled file remembers it.")
@click.option("--strip", is_flag=True, help="Push it without outputs.")
@as_json
@click.pass_context
def push(
    context: click.Context, file: Path, path: str | None, message: str, author: str | None, over: int | None, strip: bool, as_json: bool
) -> None:  # fmt: skip
    """Make FILE the next version of PATH; by default where it was pulled from, else its own name."""
    pushed = open_database(context).notebooks.push(
        file, path, message=message, author=author, over=over, strip=strip
    )  # fmt: skip
    if as_json:
        print_json(pushed.to_dict())
    else:
        click.echo(str(pushed))


@notebooks.command()
@click.argument("path")
@click.argument("to", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a file that holds something else.")
@click.pass_context
def pull(context: click.Context, path: str, to: Path | None, force: bool) -> None:
    """Copy PATH (PATH@3: its version 3) to the file or folder TO, letter by letter."""
    repository = open_database(context).notebooks
    written = repository.pull(path, to, force=force)
    click.echo(f"{repository.version(path).name} is in {written}")


@notebooks.command()
@click.argument("path")
@click.argument("to", required=False, type=click.Path(path_type=Path))
@click.option("--library", help="Address of pages of the bibliography, where attached documents are.")
@click.option("--no-verify", is_flag=True, help="Do not compute quoted numbers again.")
@click.pass_context
def render(context: click.Context, path: str, to: Path | None, library: str | None, no_verify: bool) -> None:
    """Write a file, or PATH (PATH@3: its version 3), as one HTML document with its citations; to TO, else NAME.html here."""
    from ..notebooks.rendering import render as rendered

    db, file = open_database(context), Path(path)
    here = file.is_file()
    bare, number = (path, None) if here else path_and_number(path)
    content = file.read_bytes() if here else db.notebooks.content(bare, number)
    folder = str(file.resolve().parent) if here else None
    text = rendered(content, db, title=Path(bare).stem, library=library, verify=not no_verify, folder=folder)
    to = to or Path(Path(bare).stem + ".html")
    to.write_text(text, encoding="utf-8")
    click.echo(f"{path} is in {to}")


@notebooks.command()
@click.argument("path")
@as_json
@click.pass_context
def log(context: click.Context, path: str, as_json: bool) -> None:
    """List the versions of PATH, the latest first."""
    table = open_database(context).notebooks.log(path)
    print_table(table if as_json else _for_people(table), as_json)


@notebooks.command()
@click.argument("path")
@click.argument("other", required=False)
@click.pass_context
def diff(context: click.Context, path: str, other: str | None) -> None:
    """Show what the latest version of PATH changed; PATH@3: that version; with OTHER: from PATH to it, a version or a file."""
    repository = open_database(context).notebooks
    bare, number = path_and_number(path)
    if other is None:
        said = repository.diff(bare, new=number)
    elif other.isdecimal():
        said = repository.diff(bare, number, int(other))
    else:
        said = repository.diff(bare, number, Path(other))
    click.echo(said or "nothing a reader sees differs", nl=not said)


@notebooks.command()
@click.argument("path")
@click.argument("version", type=int)
@_message
@_author
@click.pass_context
def restore(context: click.Context, path: str, version: int, message: str, author: str | None) -> None:
    """Make VERSION of PATH the latest again; also what was taken out comes back so."""
    click.echo(str(open_database(context).notebooks.restore(path, version, message=message, author=author)))


@notebooks.command()
@click.argument("path")
@_message
@_author
@click.pass_context
def remove(context: click.Context, path: str, message: str, author: str | None) -> None:
    """Take PATH out of the repository; its versions stay."""
    removed = open_database(context).notebooks.remove(path, message=message, author=author)
    click.echo(
        f"{path} is taken out; bring it back with: gilgamesh notebooks restore {path} {removed.number - 1}"
    )  # fmt: skip


@notebooks.command()
@click.argument("path")
@click.argument("to")
@_message
@_author
@click.pass_context
def move(context: click.Context, path: str, to: str, message: str, author: str | None) -> None:
    """Give PATH the path TO."""
    click.echo(f"{path} is {open_database(context).notebooks.move(path, to, message=message, author=author).path} now")


@notebooks.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--folder", default="", help="Only in this folder.")
@as_json
@click.pass_context
def search(context: click.Context, words: tuple[str, ...], folder: str, as_json: bool) -> None:
    """Find the cells of notebooks that hold all WORDS, in text or code; a word may be cut short."""
    print_table(open_database(context).notebooks.search(" ".join(words), folder), as_json)


@notebooks.command("list")
@click.argument("folder", default="")
@click.option("--tree", is_flag=True, help="As a tree of folders.")
@as_json
@click.pass_context
def list_notebooks(context: click.Context, folder: str, tree: bool, as_json: bool) -> None:
    """List what is in the repository, or in FOLDER."""
    repository = open_database(context).notebooks
    if tree and not as_json:
        click.echo(repository.tree(folder) or "nothing")
        return
    table = repository.list(folder)
    print_table(table if as_json else _for_people(table[["Version", "Author", "Pushed", "Message", "Size"]]), as_json)


@notebooks.command(context_settings=NEGATIVE)
@click.option("--signal", help="Notebooks that read this signal.")
@click.option("--shot", help="Notebooks that read this shot, or one of a range such as 1200:1300.")
@click.option("--calibration", help="Notebooks that read through a calibration: a component or port, or its number.")
@click.option("--every", is_flag=True, help="Every version, not only those that speak for their notebook.")
@as_json
@click.pass_context
def used(
    context: click.Context, signal: str | None, shot: str | None, calibration: str | None, every: bool, as_json: bool
) -> None:
    """Say which notebooks read what, and whether they would read the same today."""
    found = open_database(context).notebooks.uses(
        signal,
        int(shot) if shot is not None and shot.lstrip("-").isdecimal() else shot,
        int(calibration) if calibration is not None and calibration.isdecimal() else calibration,
        every=every,
    )
    print_table(found if as_json else found.drop(columns="KnownAt"), as_json)


@notebooks.command()
@click.argument("path")
@click.option("--known-at", help="Run it with what was known at this time, or at a release.")
@click.option("--push", is_flag=True, help="Store the result as a version, also when a cell fails.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the notebook with its new outputs to this file.")
@click.option("--timeout", type=float, help="Seconds a cell may take.")
@click.option(
    "--tolerance", type=float, default=0.0, help="Numbers that differ by no more than this part are the same."
)
@_message
@_author
@as_json
@click.pass_context
def run(
    context: click.Context, path: str, known_at: str | None, push: bool, output: Path | None, timeout: float | None,
    tolerance: float, message: str, author: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Run PATH (PATH@3: its version 3) again and show what comes out otherwise; exit code 1 when a cell fails."""
    done = open_database(context).notebooks.run(
        path, known_at=known_at, push=push, message=message, author=author, timeout=timeout, tolerance=tolerance
    )
    if output is not None:
        output.write_text(json.dumps(done.notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")
    if as_json:
        print_json(done.to_dict())
    else:
        click.echo(str(done))
    if done.error is not None:
        context.exit(1)


@notebooks.command()
@click.argument("to", type=click.Path(path_type=Path))
@click.option("--folder", default="", help="Only this folder of the repository.")
@click.option("--git", is_flag=True, help="Every version, as commits of a git repository.")
@click.pass_context
def export(context: click.Context, to: Path, folder: str, git: bool) -> None:
    """Write the repository to the folder TO: the latest versions, or all of them as a git repository."""
    repository = open_database(context).notebooks
    if git:
        click.echo(f"commits in {to}: {repository.export_git(to, folder)}")
    else:
        click.echo(f"notebooks written to {to}: {repository.export(to, folder)}")


def _for_people(table: pd.DataFrame) -> pd.DataFrame:
    """Times to the second, and only columns that say something."""
    shown = table.assign(Pushed=table["Pushed"].dt.floor("s")) if len(table) else table
    silent = [
        name
        for name in ("From", "Signals", "Shots", "Keys", "Problem")
        if name in shown and not any(_said(v) for v in shown[name])
    ]
    return shown.drop(columns=silent)


def _said(value: object) -> bool:
    return bool(value) and value == value  # noqa: PLR0124 - NaN is not itself
