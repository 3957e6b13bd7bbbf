"""``gilgamesh bib``: the bibliography on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gilgamesh_db.citation import citations_of
from gilgamesh_db.cli.door import as_json, open_database, print_json, print_table
from gilgamesh_db.errors import FileRefused, GilgameshError
from gilgamesh_loaders import bibliography

if TYPE_CHECKING:
    import pandas as pd


@click.group()
def bib() -> None:
    """The bibliography: BibTeX in and out, searched, sorted, with its documents."""


@bib.command(name="import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--encoding", help="How the letters are written, such as latin-1; found out, if left out.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--author", help="Who states it; the database role, if left out.")
@click.pass_context
def import_(
    context: click.Context, paths: tuple[Path, ...], encoding: str | None, dry_run: bool, author: str | None
) -> None:
    """Import the BibTeX files PATHS. What cannot be read is listed with its line; the rest arrives."""
    db = open_database(context)
    refused = 0
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise FileRefused(f"{path} cannot be read: {error.strerror}") from error
        plan = bibliography.examine(db, content, path.name, encoding)
        click.echo(str(plan))
        refused += len(plan.refused)
        if not dry_run:
            bibliography.commit(db, plan, author=author)
    if refused:
        what = "part was" if refused == 1 else "parts were"
        raise GilgameshError(f"{refused} {what} not read; all else {'would be' if dry_run else 'is'} imported")


@bib.command()
@click.argument("keys", nargs=-1)
@click.pass_context
def export(context: click.Context, keys: tuple[str, ...]) -> None:
    """Print the bibliography, or the records KEYS and those they refer to, as BibTeX."""
    click.echo(bibliography.exported(open_database(context), keys or None), nl=False)


@bib.command()
@click.argument("words", nargs=-1)
@click.option("--tag", help="Only those sorted under this word.")
@as_json
@click.pass_context
def search(context: click.Context, words: tuple[str, ...], tag: str | None, as_json: bool) -> None:
    """List the records that hold all WORDS, anywhere; all of them without a word."""
    print_table(open_database(context).bibliography.search(" ".join(words), tag=tag), as_json)


@bib.command()
@click.argument("key")
@as_json
@click.pass_context
def show(context: click.Context, key: str, as_json: bool) -> None:
    """Show the record KEY: a line for people, its documents, what cites it, and its BibTeX."""
    db = open_database(context)
    quoted = citations_of(db, [key])
    uses = db.bibliography.cited_by(key)
    said: dict[str, Any]
    if quoted:
        said, raw = {"key": key, "data": quoted[key].to_dict(), "raw": quoted[key].bibtex}, quoted[key].bibtex.rstrip()
        lines = [str(quoted[key]), "", "quoted numbers: compute them again with `gilgamesh verify`"]
    else:
        found = db.bibliography[key]
        said, raw = {"key": found.key, "kind": found.kind, "authors": found.authors, "year": found.year, "url": found.url,
                     "tags": found.tags, "documents": found.documents, "fields": dict(found.fields), "raw": found.raw}, found.raw  # fmt: skip
        lines = [str(found), "", *(f"{title}: {', '.join(words)}" for title, words in
                                   (("tags", found.tags), ("documents", found.documents)) if words)]  # fmt: skip
    if as_json:
        print_json({**said, "cited_by": uses.reset_index(drop=True).to_dict("records")})
        return
    click.echo("\n".join([*lines, *_used(uses), raw]))


def _used(uses: pd.DataFrame) -> Iterator[str]:
    """Lines that say what cites it."""
    for (kind, name), every in uses.groupby(["Kind", "Name"]):
        versions = [str(version) for version in every["Version"].dropna()]
        which = f", version {', '.join(versions)}" if versions else ""
        yield f"cited by {kind} {name}{which}{'' if every['Current'].any() else ' (no longer)'}"


@bib.command()
@click.argument("key")
@click.argument("tags", nargs=-1)
@click.pass_context
def tag(context: click.Context, key: str, tags: tuple[str, ...]) -> None:
    """Sort the record KEY under these TAGS, and no others."""
    open_database(context).bibliography.tag(key, tags)


@bib.command()
@click.argument("key")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--author", help="Who states it; the database role, if left out.")
@click.pass_context
def attach(context: click.Context, key: str, path: Path, author: str | None) -> None:
    """Attach the document PATH, such as the PDF, to the record KEY."""
    bibliography.attach(open_database(context), key, path, author=author)


@bib.command()
@click.argument("key")
@click.argument("name")
@click.argument("target", type=click.Path(path_type=Path))
@click.pass_context
def fetch(context: click.Context, key: str, name: str, target: Path) -> None:
    """Write the document NAME of the record KEY to the file TARGET."""
    _, content = open_database(context).bibliography.document(key, name)
    target.write_bytes(content)


@bib.command()
@click.argument("key")
@click.option("--reason", required=True, help="Why; the next person will read it.")
@click.option("--author", help="Who states it; the database role, if left out.")
@click.pass_context
def withdraw(context: click.Context, key: str, reason: str, author: str | None) -> None:
    """Take the record KEY out of the bibliography; it stays readable with --known-at."""
    open_database(context).bibliography.withdraw(key, reason, author=author)
