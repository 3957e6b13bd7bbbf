"""The reference pages leave nothing out, and name nothing that is not there."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import psycopg
import pytest

from gilgamesh_db import errors
from gilgamesh_db.cli import gilgamesh
from gilgamesh_db.edits import Edit

WORD = re.compile(r"`([^`\n]+)`")
# What serves the edit functions and the loaders, and nobody calls by hand.
NOT_STATED = {
    "begin_edit", "current_edit", "ensure_partition", "finish_series", "finish_records", "drop_unfinished", "finish_run", "store_attribute", "mark_stale", "mark_stale_by_rule",
    "begin_revision", "stamp_revision", "take_back_revision",
    "state_references", "state_passage", "withdraw_reference", "attach_document", "detach_document", "tag_reference",
    "set_layout", "drop_layout", "push_notebook",
    "create_person", "set_level", "set_active", "invite_person", "lay_person_role", "note_audit",
    "ensure_stream_partition", "store_samples", "compact_stream",
}  # fmt: skip
# What changes something in the name of the owner.
EDITS = """
    select distinct proname from pg_proc
     where pronamespace = 'gilgamesh'::regnamespace and prosecdef and provolatile = 'v'
"""


def commands(command: click.Command, path: tuple[str, ...] = ("gilgamesh",)) -> Iterator[tuple[str, click.Command]]:
    """Every command and group, by the words that are typed."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, (*path, name))


def words(page: Path) -> set[str]:
    """Everything a page writes as code, without arguments."""
    return {word.split("(")[0] for word in WORD.findall(page.read_text("utf-8"))}


@pytest.fixture
def sections(root: Path) -> dict[str, str]:
    """What commands.md says of each command, by its heading."""
    page = (root / "docs" / "commands.md").read_text("utf-8")
    parts = re.split(r"^#+ (.+)$", page, flags=re.MULTILINE)
    return {heading.strip("`"): text for heading, text in zip(parts[1::2], parts[2::2], strict=True) if "`" in heading}


def test_every_command_has_its_section(sections: dict[str, str]) -> None:
    assert set(sections) == {path for path, _ in commands(gilgamesh)}


def test_every_option_is_explained_with_its_command(sections: dict[str, str]) -> None:
    missing = [
        f"{path} {option}"
        for path, command in commands(gilgamesh)
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--") and not re.search(rf"{option}\b", sections.get(path, ""))
    ]
    assert not missing


def test_no_option_is_explained_that_is_not_there(sections: dict[str, str]) -> None:
    real = {path: {name for one in command.params for name in one.opts} for path, command in commands(gilgamesh)}
    for path, text in sections.items():
        claimed = {option for word in WORD.findall(text) for option in re.findall(r"(?<!\S)--[a-z-]{2,}", word)}
        assert claimed <= real[path] | {"--help"}, path


def test_every_error_is_in_the_family_and_on_its_page(root: Path) -> None:
    family = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.GilgameshError) and kind.__module__ == errors.__name__
    }
    drawn = set(re.findall(r"^[\s│├└─]*([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE)) & family
    assert drawn == family
    page = (root / "docs" / "errors.md").read_text("utf-8")
    for name, also in re.findall(r"^\| `([A-Z][a-z]\w+)` \| (?:`(\w+)`)? ?\|", page, re.MULTILINE):
        bases = {base.__name__ for base in getattr(errors, name).__mro__}
        assert not also or also in bases, name
        family.discard(name)
    assert not family


def test_every_code_of_ours_is_on_the_page_of_errors(root: Path) -> None:
    views = "".join(path.read_text("utf-8") for path in (root / "views").glob("*.sql"))
    raised = set(re.findall(r"'(GG\d{3})'", views))
    assert raised
    assert raised == {word for word in words(root / "docs" / "errors.md") if word.startswith("GG")}


def test_every_table_view_and_function_for_people_is_explained(root: Path, documented_url: str) -> None:
    with psycopg.connect(documented_url) as connection:
        tables = connection.execute(
            "select c.relname from pg_class c where c.relnamespace = 'gilgamesh'::regnamespace "
            "and c.relkind in ('r', 'p') and not c.relispartition"
        ).fetchall()
        views = connection.execute(
            "select relname from pg_class where relnamespace = 'gilgamesh'::regnamespace and relkind = 'v'"
        ).fetchall()
        # A function with a comment is one for people.
        queries = connection.execute(
            "select distinct proname from pg_proc where pronamespace = 'gilgamesh'::regnamespace "
            "and provolatile <> 'v' and obj_description(oid) is not null"
        ).fetchall()
        edits = connection.execute(EDITS).fetchall()
    assert {name for (name,) in tables} <= words(root / "docs" / "data-model.md")
    assert {name for (name,) in views} <= words(root / "docs" / "views.md")
    assert {name for (name,) in queries} <= {
        word.removeprefix("gilgamesh.") for word in words(root / "docs" / "views.md")
    }
    assert {name for (name,) in edits} <= words(root / "docs" / "edits.md")


def test_python_states_what_sql_states(documented_url: str) -> None:
    with psycopg.connect(documented_url) as connection:
        stated = connection.execute(EDITS).fetchall()
    methods = {name for name, _ in inspect.getmembers(Edit, inspect.isfunction) if not name.startswith("_")}
    assert methods == {name for (name,) in stated} - NOT_STATED


def test_the_changelog_and_the_picture_are_of_today(root: Path) -> None:
    assert version("gilgamesh-db") in (root / "CHANGELOG.md").read_text("utf-8")
    assert (root / "docs" / "overview.png").stat().st_size < 150_000


def test_every_link_leads_somewhere(root: Path, document: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        page = (document.parent / path).resolve() if path else document
        assert page.exists(), target
        assert page.is_relative_to(root), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


def test_every_page_can_be_reached(root: Path) -> None:
    linked = "".join((root / page).read_text("utf-8") for page in ("README.md", "docs/index.md"))
    for page in (root / "docs").glob("*.md"):
        assert f"({page.name})" in linked or f"(docs/{page.name})" in linked, page.name


def test_decisions_are_numbered_one_by_one() -> None:
    pages = sorted((Path(__file__).parents[2] / "docs" / "decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04d}" for number in range(1, len(pages) + 1)]
    for number, page in enumerate(pages, 1):
        assert page.read_text("utf-8").startswith(f"# {number}. "), page.name
