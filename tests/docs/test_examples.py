"""Every example of the documentation runs, in the order of its page, and prints what the page says it prints.

========  ==========================================================================================
fence     what is done with it
========  ==========================================================================================
python    run; the blocks of a page share their names, as in one session
pycon     run as a doctest
console   lines after ``$`` are typed, the others are what must be printed (``...`` stands for anything)
sh        typed; each command must succeed
sql       run; it must answer with at least one row
========  ==========================================================================================

A fence that names a file (``python versions/0001.py``) is what that file holds: it is written. ``cd`` goes to a folder.
Other fences are text. A block under ``<!-- not run: reason -->`` is left out.
"""

from __future__ import annotations

import contextlib
import doctest
import gc
import io
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db.cli import main

FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NOT_RUN = re.compile(r"<!-- not run: .+ -->\n\Z")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """One fenced piece of a page."""

    language: str
    text: str
    line: int
    file: str | None = None


def blocks_of(page: str) -> Iterator[Block]:
    """Every block that is to be run."""
    for found in FENCE.finditer(page):
        if not NOT_RUN.search(page[: found.start()]):
            yield Block(found[1], found[3], page[: found.start(3)].count("\n"), found[2])


class Reader:
    """Somebody who types what a page says, in a folder and a Python session of their own."""

    def __init__(self, page: Path, url: str) -> None:
        self.page = page
        self.url = url
        self.names: dict[str, Any] = {"__name__": "__main__"}

    def follow(self, block: Block) -> None:
        """Do what the block says; a fence that is no example is only read."""
        if block.file is not None:
            Path(block.file).write_text(block.text, "utf-8")
            return
        follow = getattr(self, f"_{block.language}", None)
        if follow is not None:
            follow(block)

    def close(self) -> None:
        """Close what the page left open."""
        for value in self.names.values():
            if isinstance(value, gilgamesh.Database):
                value.close()
        self.names.clear()
        gc.collect()  # what a command forgot to close is blamed on this page, not on a later test

    def _python(self, block: Block) -> None:
        code = compile("\n" * block.line + block.text, str(self.page), "exec", dont_inherit=True)
        exec(code, self.names)  # noqa: S102

    def _pycon(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(block.text, {}, self.page.name, str(self.page), block.line)
        test.globs = self.names
        said = io.StringIO()
        doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.write, clear_globs=False)
        assert not said.getvalue(), said.getvalue()

    def _console(self, block: Block) -> None:
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, expected = re.sub(r"\\\n", "", part).partition("\n")
            printed, _ = typed(command)
            same = doctest.OutputChecker().check_output(expected, printed, FLAGS)
            assert same, f"{self.page}, line {block.line}: {command!r} printed\n{printed}\nnot\n{expected}"

    def _sh(self, block: Block) -> None:
        for command in re.sub(r"\\\n", "", block.text).splitlines():
            if command.strip() and not command.startswith("#"):
                printed, code = typed(command)
                assert code == 0, f"{self.page}, line {block.line}: {command!r} failed with {code}:\n{printed}"

    def _sql(self, block: Block) -> None:
        rows = 0
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(block.text)  # type: ignore[call-overload]
            while True:
                rows += len(cursor.fetchall()) if cursor.description else 0
                if not cursor.nextset():
                    break
        assert rows or "select" not in block.text, f"{self.page}, line {block.line}: no row was found"


def typed(command: str) -> tuple[str, int]:
    """Run a command; ours in this process, which is twenty times faster. Returns what it printed, and its exit code."""
    if command.startswith("cd "):
        os.chdir(command.removeprefix("cd "))
        return "", 0
    if not command.startswith("gilgamesh "):
        done = subprocess.run(command, shell=True, check=False, capture_output=True, text=True)  # noqa: S602
        return done.stdout + done.stderr, done.returncode
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            main(shlex.split(command, comments=True)[1:])
            code = 0
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    return printed.getvalue(), code


def test_examples(examples: Path, documented_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GILGAMESH_DATABASE_URL", documented_url)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    reader = Reader(examples, documented_url)
    try:
        for block in blocks_of(examples.read_text("utf-8")):
            reader.follow(block)
    finally:
        reader.close()


def test_a_page_that_says_something_wrong_is_noticed(documented_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GILGAMESH_DATABASE_URL", documented_url)
    reader = Reader(Path("wrong.md"), documented_url)
    for wrong in (
        Block("python", "assert 1 == 2", 3),
        Block("pycon", ">>> 1 + 1\n3\n", 3),
        Block("console", "$ gilgamesh --version\ngilgamesh, version zero\n", 3),
        Block("sh", "gilgamesh show 1\n", 3),
        Block("sql", "select 1 where false", 3),
    ):
        with pytest.raises(AssertionError):
            reader.follow(wrong)
    left_out = "<!-- not run: it would take a day -->\n```python\n1 / 0\n```\n\n```python\n1 + 1\n```\n"
    assert [block.text for block in blocks_of(left_out)] == ["1 + 1\n"]
