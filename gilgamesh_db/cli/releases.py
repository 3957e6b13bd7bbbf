"""``gilgamesh release``, ``cite`` and ``verify``: states of knowledge and numbers that others stand on."""

from __future__ import annotations

from dataclasses import asdict

import click

from .door import NEGATIVE, as_json, open_database, print_json, print_table


@click.group()
def release() -> None:
    """Name states of knowledge; a release never changes."""


@release.command("create")
@click.argument("name")
@click.option("--description", default="", help="What it is for.")
@click.option("--at", "known_at", help="The moment of knowledge; today's, if left out.")
@click.option("--author", help="Who makes it; the database role, if left out.")
@click.pass_context
def create_release(
    context: click.Context, name: str, description: str, known_at: str | None, author: str | None
) -> None:
    """Pin what is known as NAME."""
    made = open_database(context).create_release(name, description, known_at=known_at, author=author)
    click.echo(
        f"{made.name} pins what was known on {made.known_at:%Y-%m-%d %H:%M:%S %Z}; ask it with: gilgamesh --known-at {made.name} …"
    )


@release.command("list")
@as_json
@click.pass_context
def list_releases(context: click.Context, as_json: bool) -> None:
    """List the releases."""
    print_table(open_database(context).releases(), as_json)


@release.command("show")
@click.argument("name")
@as_json
@click.pass_context
def show_release(context: click.Context, name: str, as_json: bool) -> None:
    """Show what NAME pins, and what was learned since."""
    from ..release import release_named

    database = open_database(context)
    found = release_named(database, name)
    since = database.sql(
        "select recorded_at, author, reason from gilgamesh.edit where recorded_at > :t order by id",
        {"t": found.known_at},
    )
    if as_json:
        print_json({**asdict(found), "edits_since": since.to_dict("records")})
        return
    click.echo(
        f"{found.name}: {found.description or 'no description'}\nby {found.author} on {found.created_at:%Y-%m-%d}"
    )
    later = "1 later edit" if len(since) == 1 else f"{len(since)} later edits"
    click.echo(f"knowledge of {found.known_at:%Y-%m-%d %H:%M:%S %Z}; {later}")
    click.echo(str(database.changes(found.known_at, exact=False)))


@click.command(context_settings=NEGATIVE)
@click.argument("signal")
@click.argument("shot", type=int)
@click.option("--window", nargs=2, type=float, metavar="T0 T1", help="Only this part, in seconds.")
@click.option("--author", help="Who cites it; the database role, if left out.")
@as_json
@click.pass_context
def cite(
    context: click.Context,
    signal: str,
    shot: int,
    window: tuple[float, float] | None,
    author: str | None,
    as_json: bool,
) -> None:
    """Quote SIGNAL of SHOT: print the key that stands for its numbers, and the BibTeX entry."""
    database = open_database(context)
    whole = database.signal(signal, shot)
    made = database.cite(whole.window(*window) if window else whole, author=author)
    if as_json:
        print_json({**made.to_dict(), "bibtex": made.bibtex})
    else:
        click.echo(f"{made}\n\n{made.bibtex}", nl=False)


@click.command()
@click.argument("keys", metavar="KEY…", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Everything that was cited.")
@as_json
@click.pass_context
def verify(context: click.Context, keys: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Compute cited numbers again; exit code 1 when some are not as quoted."""
    from ..citation import keys_of

    database = open_database(context)
    found = []
    for key in keys_of(database, keys, every):
        found.append(database.verify(key))
        if not as_json:
            click.echo(str(found[-1]))
    if as_json:
        print_json([verification.to_dict() for verification in found])
    elif not found:
        click.echo("nothing was cited yet")
    if not all(verification.verified for verification in found):
        context.exit(1)
