"""The repository: what is pushed comes back letter by letter, versions never change, and nobody overwrites what he has not seen."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.notebooks.version import Version

Written = Callable[..., dict[str, Any]]


def test_every_real_notebook_comes_back_letter_by_letter(
    db: gilgamesh.Database, test_data: Path, tmp_path: Path
) -> None:
    files = sorted((test_data / "notebooks").glob("*.ipynb"))
    assert len(files) >= 4
    for file in files:
        pushed = db.notebooks.push(file.read_bytes(), f"data/{file.name}")
        assert db.notebooks.content(pushed.path) == file.read_bytes()
        assert db.notebooks.pull(pushed.path, tmp_path / file.name).read_bytes() == file.read_bytes()
    problems = db.notebooks.list("data").Problem.dropna().to_dict()
    assert problems.keys() == {"data/invalid.ipynb", "data/test3.ipynb"}
    assert "'source' is a required property" in problems["data/invalid.ipynb"]
    assert "format 3.0 is old" in problems["data/test3.ipynb"]
    assert "data/test3.ipynb" in db.notebooks.search("nbconvert latex").index  # text of old notebooks is found, too


def test_the_same_content_is_stored_once(db18: gilgamesh.Database, written: Written) -> None:
    notebook = written("x = 1")
    for path in ("a.ipynb", "b.ipynb"):
        db18.notebooks.push(notebook, path)
    again = db18.notebooks.push(notebook, "a.ipynb")
    assert again.unchanged
    assert again.number == 1
    counted = db18.sql(
        "select (select count(*) from gilgamesh.notebook_blob) as blobs, (select count(*) from gilgamesh.notebook_cell) as cells"
    )
    assert counted.to_dict("records") == [{"blobs": 1, "cells": 1}]


def test_a_push_over_what_one_has_not_seen_is_refused_with_the_difference(
    db18: gilgamesh.Database, written: Written, tmp_path: Path
) -> None:
    repository = db18.notebooks
    repository.push(written("width = 1"), "a.ipynb", author="anna")
    mine = repository.pull("a.ipynb", tmp_path)
    repository.push(written("width = 2"), "a.ipynb", author="bert", over=1, message="wider")
    mine.write_text(json.dumps(written("width = 1", "height = 3")), "utf-8")
    with pytest.raises(errors.ConflictError) as refused:
        repository.push(mine, author="anna")
    letter = str(refused.value)
    assert "version 2 of a.ipynb, by bert" in letter
    assert "--over 2" in letter
    assert "-  width = 1" in letter
    assert "+  width = 2" in letter
    assert repository.push(mine, over=2).number == 3
    assert repository.push(mine).unchanged
    mine.write_text(json.dumps(written("width = 9")), "utf-8")
    assert repository.push(mine).number == 4  # the file remembers what it was pushed as
    with pytest.raises(errors.ConflictError, match=r"there is no version 3 of new\.ipynb"):
        repository.push(written("x"), "new.ipynb", over=3)
    with pytest.raises(
        errors.ConflictError, match=r"\+ +height = 7"
    ):  # somebody who has seen nothing sees what he would change
        repository.push(written("width = 9", "height = 7"), "a.ipynb")


def test_of_two_pushes_at_the_same_time_one_wins_and_the_other_is_told(
    db: gilgamesh.Database, written: Written
) -> None:
    db.notebooks.push(written("start"), "a.ipynb")
    done: list[Version] = []
    told: list[str] = []
    ready = threading.Barrier(6)

    def push(number: int) -> None:
        ready.wait()
        try:
            done.append(db.notebooks.push(written(f"x = {number}"), "a.ipynb", over=1))
        except errors.ConflictError as error:
            told.append(str(error))

    threads = [threading.Thread(target=push, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [version.number for version in done] == [2]
    assert len(told) == 5
    assert all("version 2 of a.ipynb" in letter for letter in told)


def test_versions_never_change(db: gilgamesh.Database, written: Written) -> None:
    db.notebooks.push(written(r"# \citep[chen2003]", "x = 1"), "a.ipynb")
    for table in ("notebook_version", "notebook_blob", "notebook_cell", "notebook_citation"):
        column = {"notebook_blob": "problem", "notebook_cell": "source", "notebook_citation": "key"}.get(
            table, "message"
        )
        for statement in (f"update gilgamesh.{table} set {column} = 'other'", f"delete from gilgamesh.{table}"):
            with pytest.raises(errors.ConflictError, match="never changes"):
                db.sql(statement)


def test_restored_moved_and_taken_out(db18: gilgamesh.Database, written: Written) -> None:
    repository = db18.notebooks
    first, second = written("x = 1"), written("x = 2")
    repository.push(first, "a.ipynb")
    repository.push(second, "a.ipynb", over=1)
    assert repository.restore("a.ipynb", 1).number == 3
    assert repository.restore("a.ipynb", 1).unchanged
    assert repository.notebook("a.ipynb") == first
    moved = repository.move("a.ipynb", "old/a.ipynb")
    assert (moved.path, moved.number, moved.parent) == ("old/a.ipynb", 1, ("a.ipynb", 3))
    assert repository.list().index.tolist() == ["old/a.ipynb"]
    with pytest.raises(errors.NotebookNotFound, match=r"notebooks restore a\.ipynb 3"):
        repository.content("a.ipynb")
    assert repository.notebook("a.ipynb", 2) == second
    repository.remove("old/a.ipynb", author="anna")
    assert repository.list().empty
    assert repository.log("old/a.ipynb").Message.tolist() == ["taken out", "moved from a.ipynb"]
    assert repository.push(second, "old/a.ipynb").number == 3  # a new beginning needs to have seen nothing
    with pytest.raises(errors.NotebookNotFound, match="has no version 9"):
        repository.version("old/a.ipynb", 9)
    with pytest.raises(errors.NotebookNotFound, match=r"did you mean .old/a\.ipynb"):
        repository.version("old/b.ipynb")


def test_stripped_on_demand(db18: gilgamesh.Database, written: Written, tmp_path: Path) -> None:
    notebook = written("1 + 1")
    notebook["cells"][0] |= {
        "execution_count": 7,
        "outputs": [
            {"output_type": "execute_result", "execution_count": 7, "metadata": {}, "data": {"text/plain": "2"}}
        ],
    }
    file = tmp_path / "a.ipynb"
    file.write_text(json.dumps(notebook), "utf-8")
    assert db18.notebooks.push(file, strip=True).problem is None
    stored = db18.notebooks.notebook("a.ipynb")["cells"][0]
    assert (stored["outputs"], stored["execution_count"], stored["source"]) == ([], None, "1 + 1")
    assert json.loads(file.read_text("utf-8")) == notebook  # the file is left as it is


NO_PATHS = (
    "../x.ipynb", "a/../x.ipynb", "/x.ipynb", "C:/x.ipynb", "a\\x.ipynb", "", "x", "x.ipynb/", "a//x.ipynb", "./x.ipynb", ".git/x.ipynb",
    "a\nb.ipynb", "a\x00.ipynb", "a\x7f.ipynb", "con.ipynb", "a/NUL.ipynb", "aux/x.ipynb", "a /x.ipynb", "a./x.ipynb", " x.ipynb", ".ipynb",
    "a.ipynb/x.ipynb", "\ud800.ipynb", "a\u202ebpyni.ipynb", "x" * 400 + ".ipynb", "é" * 130 + ".ipynb", 3, ["a.ipynb"],
)  # fmt: skip


def test_paths_that_are_none(db18: gilgamesh.Database, written: Written) -> None:
    for path in NO_PATHS:
        with pytest.raises(errors.InvalidValue, match=r"no path of the repository"):
            db18.notebooks.push(written("x"), path)  # type: ignore[arg-type]
        if isinstance(path, str) and path.isprintable() and "é" not in path:  # the database itself refuses it, too
            with pytest.raises(errors.InvalidValue), db18.transaction() as connection:
                connection.execute(sa.text("select gilgamesh.push_notebook(:path, '{}')"), {"path": path})
    assert db18.sql("select from gilgamesh.notebook_version").empty


def test_awkward_paths_that_are_some(db18: gilgamesh.Database, written: Written, tmp_path: Path) -> None:
    for path in ("離子/密度 (1).ipynb", "a%b_c'd#e&f.ipynb", "Ω🙂.ipynb", "con tact/aux1.ipynb", "x" * 200 + ".ipynb"):
        assert db18.notebooks.push(written(path), path).path == path
    decomposed = "Mu\u0308ller.ipynb"
    assert db18.notebooks.push(written("x"), decomposed).path == "Müller.ipynb"
    with pytest.raises(errors.ConflictError, match="capitals only"):
        db18.notebooks.push(written("x"), "A%B_c'd#e&f.ipynb")
    assert db18.notebooks.export(tmp_path) == 6
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.ipynb")) == sorted(
        db18.notebooks.list().index
    )


def test_odd_content_is_kept_and_reported_and_no_notebook_is_refused(
    db18: gilgamesh.Database, written: Written
) -> None:
    push = db18.notebooks.push
    assert "newer than this Jupyter knows" in str(push({**written("x"), "nbformat": 5}, "future.ipynb").problem)
    assert "newer than this Jupyter knows" in str(push({**written("x"), "nbformat_minor": 99}, "minor.ipynb").problem)
    old = {
        "nbformat": 2,
        "nbformat_minor": 0,
        "metadata": {},
        "worksheets": [{"cells": [{"cell_type": "code", "input": "helicon()"}]}],
    }
    assert "format 2.0 is old" in str(push(old, "v2.ipynb").problem)
    assert db18.notebooks.search("helicon").index.tolist() == ["v2.ipynb"]
    assert "does not say which version" in str(push({"cells": "none", "worksheets": 3}, "odd.ipynb").problem)
    assert push(b"\xef\xbb\xbf" + json.dumps(written("x")).encode(), "bom.ipynb").problem is None
    assert db18.notebooks.content("bom.ipynb").startswith(b"\xef\xbb\xbf")
    strange = written("zero \x00 byte and half \ud800 a character")
    assert push(strange, "strange.ipynb").problem is None
    assert db18.notebooks.notebook("strange.ipynb") == strange
    for refused in (b"", b"  \n", b"\x89PNG", b'{"cells": [', b"[]", b"<<<<<<< HEAD\n{}", b"[" * 200_000):
        with pytest.raises(errors.FileRefused):
            push(refused, "none.ipynb")
    for odd in ({"cells": object()}, 3, None):
        with pytest.raises(errors.InvalidValue):
            push(odd, "none.ipynb")
    with pytest.raises(errors.FileRefused, match="No such file"):
        push(Path("not-there.ipynb"))


def test_fifty_megabytes_are_kept_and_the_limit_is_said(db18: gilgamesh.Database, written: Written) -> None:
    notebook = written("x = 1")
    notebook["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "y" * 50_000_000}]
    assert (db18.notebooks.push(notebook, "large.ipynb").size or 0) > 50_000_000
    notebook["cells"][0]["outputs"] *= 2
    with pytest.raises(errors.FileRefused, match=r"95 MB, more than 64 MB.*--strip"):
        db18.notebooks.push(notebook, "larger.ipynb")


def test_words_are_found_in_text_and_code(db18: gilgamesh.Database, written: Written) -> None:
    push = db18.notebooks.push
    push(written("# Müller's *Helicon* antenna", "i = db.signal('Lang_I', shot=1234)"), "a/one.ipynb")
    push(written("# 离子温度", "i = lang"), "two.ipynb")
    push(written("helicon = 1"), "three.ipynb")
    push(written("nothing = 1"), "three.ipynb", over=1)  # what an older version said is not found

    def found(words: str, folder: str = "") -> list[str]:
        return sorted(set(db18.notebooks.search(words, folder).index))

    assert found("lang_i") == ["a/one.ipynb"]
    assert found("muller HELI") == ["a/one.ipynb"]
    assert found("helicon signal") == ["a/one.ipynb"]  # words of different cells
    assert found("helicon", "b") == []
    assert found("子温") == ["two.ipynb"]
    assert found("lang") == ["a/one.ipynb", "two.ipynb"]
    line = db18.notebooks.search("lang_i").iloc[0]
    assert (line.Cell, line.Kind, line.Line) == (2, "code", "i = db.signal('Lang_I', shot=1234)")
    for hostile in ("' | 'x", "a:* & b", "\\", "') or true --"):
        if any(letter.isalnum() for letter in hostile):
            assert isinstance(found(hostile), list)
        else:
            with pytest.raises(errors.InvalidValue):
                found(hostile)


def test_what_a_version_cites_is_kept_with_it(db18: gilgamesh.Database, written: Written) -> None:
    notebook = written(r"# As \citep{chen2003,boswell1970} say", r"print('\citep{not this}')")
    assert db18.notebooks.push(notebook, "a.ipynb").keys == ("boswell1970", "chen2003")
    notebook = written(r"# As \citet{chen2003} says")
    assert db18.notebooks.push(notebook, "a.ipynb", over=1).keys == ("chen2003",)
    assert db18.sql("select key from gilgamesh.notebook_citation order by 1").key.tolist() == [
        "boswell1970",
        "chen2003",
        "chen2003",
    ]


def test_a_difference_of_damaged_notebooks_is_shown_by_lines(db18: gilgamesh.Database) -> None:
    db18.notebooks.push({"cells": [{"source": "x"}]}, "a.ipynb")
    db18.notebooks.push({"cells": [{"source": "y"}]}, "a.ipynb", over=1)
    assert '-   "source": "x"' in db18.notebooks.diff("a.ipynb")
    assert db18.notebooks.diff("a.ipynb", 1, 1) == ""


def test_pulling_does_not_overwrite_work(db18: gilgamesh.Database, written: Written, tmp_path: Path) -> None:
    db18.notebooks.push(written("x = 1"), "a.ipynb")
    db18.notebooks.push(written("x = 2"), "a.ipynb", over=1)
    file = db18.notebooks.pull("a.ipynb@1", tmp_path / "mine.ipynb")
    assert json.loads(file.read_text("utf-8")) == written("x = 1")
    db18.notebooks.pull("a.ipynb", file)  # what was there is a version
    file.write_text("work", "utf-8")
    with pytest.raises(errors.ConflictError, match="holds something else"):
        db18.notebooks.pull("a.ipynb", file)
    assert file.read_text("utf-8") == "work"
    db18.notebooks.pull("a.ipynb", file, force=True)
    (tmp_path / ".gilgamesh-notebooks.json").write_text("{broken", "utf-8")
    file.write_text(json.dumps(written("x = 3")), "utf-8")
    with pytest.raises(errors.ConflictError):  # who remembers nothing is asked
        db18.notebooks.push(file, "a.ipynb")
