"""The repository as files, and as a git repository."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors

Written = Callable[..., dict[str, Any]]


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def filled(db18: gilgamesh.Database, written: Written) -> gilgamesh.Database:
    push = db18.notebooks.push
    push(written("x = 1"), "a.ipynb", author="Anna Ångström", message="first\nin two lines")
    push(b'{"cells": []}\r\n', "b/odd.ipynb", author="<x>\n<y>")
    push(written("x = 2"), "a.ipynb", over=1, author="bert")
    db18.notebooks.move("b/odd.ipynb", "c/odd.ipynb", author="anna")
    return db18


def test_every_version_is_a_commit(filled: gilgamesh.Database, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert filled.notebooks.export_git(out) == 5
    assert git(out, "log", "--reverse", "--format=%an|%ae|%s") == (
        "Anna Ångström||first in two lines\nx y||version 1\nbert||version 2\nanna||moved from b/odd.ipynb\nanna||moved to c/odd.ipynb\n"
    )
    assert git(out, "status", "--porcelain") == ""
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.ipynb")) == ["a.ipynb", "c/odd.ipynb"]
    assert (out / "c/odd.ipynb").read_bytes() == b'{"cells": []}\r\n'
    pushed = filled.sql("select created_at from gilgamesh.notebook_version order by id").created_at
    stamps = [int(line) for line in git(out, "log", "--reverse", "--format=%at").split()]
    assert stamps == [int(moment.timestamp()) for moment in pushed]
    git(out, "fsck", "--strict")
    again = tmp_path / "again"
    filled.notebooks.export_git(again)
    assert git(again, "rev-parse", "HEAD") == git(out, "rev-parse", "HEAD")
    with pytest.raises(errors.ConflictError, match="not empty"):
        filled.notebooks.export_git(out)


def test_git_that_is_not_there_is_named(
    filled: gilgamesh.Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.MissingProgram, match="apt install git"):
        filled.notebooks.export_git(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_latest_as_files(filled: gilgamesh.Database, tmp_path: Path, written: Written) -> None:
    assert filled.notebooks.export(tmp_path) == 2
    assert filled.notebooks.export(tmp_path) == 2  # the same again changes nothing
    assert (tmp_path / "a.ipynb").read_bytes() == filled.notebooks.content("a.ipynb")
    assert filled.notebooks.export(tmp_path / "c", "c") == 1
    (tmp_path / "a.ipynb").write_text("work", "utf-8")
    filled.notebooks.push(written("new"), "0.ipynb")
    with pytest.raises(errors.ConflictError, match=r"a\.ipynb holds something else"):
        filled.notebooks.export(tmp_path)
    assert not (tmp_path / "0.ipynb").exists()  # whole or not at all
