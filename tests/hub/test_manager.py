"""The contents manager does with rows what jupyter_server's own managers do with files."""

from __future__ import annotations

import base64
import datetime
import hashlib
import itertools
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest
import sqlalchemy as sa
from nbformat import v4

from gilgamesh_db import errors
from gilgamesh_hub.contents import engine, tree
from gilgamesh_hub.contents.compatibility import pgcontents
from gilgamesh_hub.contents.manager import GilgameshContentsManager
from hub_files import manager_of, text

AWKWARD = [
    "a_b", "100%", "back\\slash", "it's", 'say "hi"', "#1 & ?x=y", "å b", "nb √.ipynb", "🙂" * 50, "x" * 200, "..hidden not",
    " leading and trailing ", "semi;colon--", "%s %(x)s :name", "new\nline", "{braces}", "C:", "тест", "e\u0301 é",
]  # fmt: skip


def notebook(*sources: str) -> dict[str, Any]:
    return {
        "type": "notebook",
        "format": "json",
        "content": v4.new_notebook(cells=[v4.new_code_cell(s) for s in sources]),
    }


def names(manager: GilgameshContentsManager, path: str = "") -> list[str]:
    return [entry["name"] for entry in manager.get(path)["content"]]


# Files and folders


@pytest.mark.parametrize("name", AWKWARD)
def test_a_name_is_a_name(manager: Any, name: str) -> None:
    manager.allow_hidden = True
    manager.save({"type": "directory"}, name)
    manager.save(text("α"), f"{name}/{name}")
    manager.rename(f"{name}/{name}", f"{name}/moved {name}")
    manager.rename(name, f"moved {name}")
    manager.copy(f"moved {name}/moved {name}")
    found = manager.get(f"moved {name}/moved {name}", type="file")
    assert (found["content"], found["name"]) == ("α", f"moved {name}")
    assert names(manager) == [f"moved {name}"]
    assert len(names(manager, f"moved {name}")) == 2


def test_no_name_is_a_pattern(manager: Any) -> None:
    for folder in ("a_b", "axb", "a%", "ab", "shots", "shots2"):
        manager.save({"type": "directory"}, folder)
        manager.save({"type": "directory"}, f"{folder}/sub")
        manager.save(text(folder), f"{folder}/sub/f.txt")
        manager.create_checkpoint(f"{folder}/sub/f.txt")
    manager.rename("a_b", "A")
    manager.rename("a%", "B")
    manager.rename("shots", "runs")
    assert names(manager) == ["A", "B", "ab", "axb", "runs", "shots2"]
    for folder, content in (
        ("A", "a_b"),
        ("B", "a%"),
        ("ab", "ab"),
        ("axb", "axb"),
        ("runs", "shots"),
        ("shots2", "shots2"),
    ):
        assert manager.get(f"{folder}/sub/f.txt")["content"] == content
        assert len(manager.list_checkpoints(f"{folder}/sub/f.txt")) == 1
    manager.delete_to_trash, manager.always_delete_dir = False, True
    manager.save({"type": "directory"}, "a_b")
    manager.delete("a_b")
    assert len(manager.list_checkpoints("axb/sub/f.txt")) == 1
    assert names(manager) == ["A", "B", "ab", "axb", "runs", "shots2"]


def test_a_model_has_what_jupyter_expects(manager: Any) -> None:
    before = datetime.datetime.now(datetime.UTC)
    manager.save({"type": "directory"}, "d")
    manager.save(text("hello\n"), "d/f.txt")
    model = manager.get("d/f.txt", require_hash=True)
    assert before - datetime.timedelta(seconds=5) < model.pop("created") <= model["last_modified"]
    assert model.pop("last_modified").utcoffset() == datetime.timedelta(0)
    assert model == {
        "name": "f.txt", "path": "d/f.txt", "type": "file", "content": "hello\n", "format": "text", "mimetype": "text/plain",
        "size": 6, "writable": True, "hash": hashlib.sha256(b"hello\n").hexdigest(), "hash_algorithm": "sha256",
    }  # fmt: skip
    bare = manager.get("d/f.txt", content=False)
    assert (bare["content"], bare["format"], bare["hash"], bare["hash_algorithm"]) == (None,) * 4
    assert manager.get("d/f.txt", content=False, require_hash=True)["hash"] == hashlib.sha256(b"hello\n").hexdigest()
    listed = manager.get("d")
    assert listed["content"] == [bare]
    assert (listed["type"], listed["format"], listed["size"]) == ("directory", "json", None)
    assert manager.get("")["content"][0] == {**manager.get("d", content=False)}
    assert listed["last_modified"] == bare["last_modified"]
    unknown = manager.save(text("x"), "d/README")
    assert unknown["mimetype"] is None
    assert manager.get("d/README")["mimetype"] == "text/plain"


def test_times_tell_when(manager: Any) -> None:
    first = manager.save(text("1"), "f.txt")
    second = manager.save(text("2"), "f.txt")
    assert second["last_modified"] > first["last_modified"]
    assert second["created"] == first["created"]
    manager.rename("f.txt", "g.txt")
    assert manager.get("g.txt")["last_modified"] == second["last_modified"]


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff\x89PNG", os.urandom(100_001), "Grüße\r\n".encode(), b"\xef\xbb\xbfBOM"]
)
def test_bytes_come_back(manager: Any, content: bytes) -> None:
    manager.save({"type": "file", "format": "base64", "content": base64.b64encode(content).decode()}, "f.bin")
    found = manager.get("f.bin", format="base64", require_hash=True)
    assert base64.b64decode(found["content"]) == content
    assert (found["size"], found["hash"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert manager.get("", content=True)["content"][0]["size"] == len(content)
    guessed = manager.get("f.bin")
    assert guessed["format"] == ("base64" if b"\xff" in content[:2] or len(content) == 100_001 else "text")


def test_text_that_is_none(manager: Any, refused: Any) -> None:
    manager.save({"type": "file", "format": "base64", "content": "/w=="}, "latin")
    with refused(400, "not UTF-8"):
        manager.get("latin", format="text")
    assert manager.get("latin")["format"] == "base64"
    assert manager.get("latin")["mimetype"] == "application/octet-stream"


def test_what_is_wrong_with_a_request_is_answered(manager: Any, refused: Any) -> None:
    manager.save({"type": "directory"}, "d")
    manager.save(text("x"), "f.txt")
    for code, path, model in (
        (400, "g", {"content": "x"}), (400, "g", {"type": "file"}), (400, "g", {"type": "file", "content": "x"}),
        (400, "g", {"type": "file", "content": "a", "format": "base64"}), (400, "g", {"type": "symlink", "content": ""}),
        (400, "g", {"type": "file", "content": 5, "format": "text"}), (400, "d", text("x")), (400, "", text("x")),
        (400, "f.txt", {"type": "directory"}), (404, "none/g", text("x")), (404, "f.txt/g", text("x")),
        (404, "../g", text("x")), (404, "d/../../g", text("x")), (404, "nul\0", text("x")), (404, "half \ud83d", text("x")),
        (400, ".hidden", text("x")), (400, "d/.hidden/x", text("x")), (400, ".d", {"type": "directory"}),
        (400, "n.ipynb", {"type": "notebook", "content": "no notebook"}), (400, "n.ipynb", {"type": "notebook", "content": {}}),
        (400, "y" * 2001, text("x")), (400, "g", {"type": "notebook", "content": {}, "chunk": 1}),
    ):  # fmt: skip
        with refused(code):
            manager.save(model, path)
    for code, call in (
        (404, lambda: manager.get("none")), (404, lambda: manager.get("none", type="directory")),
        (400, lambda: manager.get("d", type="file")), (400, lambda: manager.get("d", type="notebook")),
        (400, lambda: manager.get("f.txt", type="directory")), (400, lambda: manager.get("f.txt", type="notebook")),
        (404, lambda: manager.get(".hidden")), (404, lambda: manager.get("../x")),
        (404, lambda: manager.delete("none")), (400, lambda: manager.delete("")), (400, lambda: manager.delete(".hidden")),
        (404, lambda: manager.rename("none", "other")), (409, lambda: manager.rename("f.txt", "d")),
        (409, lambda: manager.rename("d", "f.txt")), (404, lambda: manager.rename("f.txt", "none/f.txt")),
        (400, lambda: manager.rename("d", "d/e")), (400, lambda: manager.rename("", "x")),
        (400, lambda: manager.rename("f.txt", ".f")), (404, lambda: manager.copy("none")),
        (404, lambda: manager.copy("f.txt", "none/f.txt")), (400, lambda: manager.copy("f.txt", ".hidden.txt")),
        (404, lambda: manager.new_untitled("none")), (404, lambda: manager.create_checkpoint("none")),
        (404, lambda: manager.restore_checkpoint("17", "f.txt")), (404, lambda: manager.delete_checkpoint("x", "f.txt")),
    ):  # fmt: skip
        with refused(code):
            call()
    assert names(manager) == ["d", "f.txt"]


def test_hidden_files(manager: Any, refused: Any) -> None:
    manager.allow_hidden = True
    manager.save({"type": "directory"}, ".config")
    manager.save(text("x"), ".config/f.txt")
    manager.save(text("x"), ".hidden.txt")
    assert names(manager) == [".config", ".hidden.txt"]
    manager.allow_hidden = False
    assert names(manager) == []
    for path in (".config", ".config/f.txt", ".hidden.txt"):
        assert manager.is_hidden(path)
        with refused(404):
            manager.get(path)
    assert not manager.is_hidden("")
    for name in ("__pycache__", "a.pyc", "b~"):
        manager.save(text("x"), name)
    assert names(manager) == []


def test_new_things_get_new_names(manager: Any) -> None:
    assert manager.new_untitled(type="notebook")["path"] == "Untitled.ipynb"
    assert manager.new_untitled(ext=".ipynb")["path"] == "Untitled1.ipynb"
    assert manager.new_untitled(type="directory")["path"] == "Untitled Folder"
    assert manager.new_untitled(type="directory")["path"] == "Untitled Folder 1"
    assert (
        manager.new_untitled("Untitled Folder", type="file", ext=".foo.bar")["path"]
        == "Untitled Folder/untitled.foo.bar"
    )
    assert manager.new_untitled("Untitled Folder", type="file", ext=".foo.bar")["name"] == "untitled1.foo.bar"
    assert manager.resolve_path("Untitled.ipynb") == "Untitled.ipynb"
    assert manager.resolve_path("nothing") is None
    assert manager.resolve_path("../x") is None
    assert manager.get_kernel_path(path="Untitled Folder/x.ipynb") == ""


def test_folders_are_renamed_with_all_they_hold(manager: Any, refused: Any) -> None:
    folders = ["foo", "bar", "foo/bar", "foo/bar/foo", "foo/bar/foo/bar"]
    for folder in folders:
        manager.save({"type": "directory"}, folder)
        manager.save(notebook(folder), f"{folder}/nb.ipynb")
        manager.save(text(folder), f"{folder}/file.txt")
    for old, new in itertools.combinations(folders, 2):
        with refused(400 if new.startswith(old + "/") and not manager.exists(new) else 409):
            manager.rename(old, new)
    manager.rename("foo/bar", "foo/bar_diff")
    manager.rename("foo/bar_diff/foo", "bar/deep")
    for old, new in (("foo", "foo"), ("bar", "bar"), ("foo/bar", "foo/bar_diff"), ("foo/bar/foo", "bar/deep"),
                     ("foo/bar/foo/bar", "bar/deep/bar")):  # fmt: skip
        assert manager.get(f"{new}/file.txt")["content"] == old
        assert manager.get(f"{new}/nb.ipynb")["content"].cells[0].source == old
        assert len(manager.list_checkpoints(f"{new}/nb.ipynb")) == 1
    with refused(404):
        manager.get("foo/bar")
    model = manager.update({"path": "bar/deeper"}, "bar/deep")
    assert (model["path"], model["type"]) == ("bar/deeper", "directory")


def test_copies(manager: Any, refused: Any) -> None:
    manager.save({"type": "directory"}, "å b")
    manager.save(notebook("1"), "å b/nb √.ipynb")
    assert manager.copy("å b/nb √.ipynb")["path"] == "å b/nb √-Copy1.ipynb"
    assert manager.copy("å b/nb √-Copy1.ipynb")["path"] == "å b/nb √-Copy2.ipynb"
    assert manager.copy("å b/nb √.ipynb", "å b/copy 2.ipynb")["path"] == "å b/copy 2.ipynb"
    assert manager.copy("å b/nb √.ipynb", "/")["path"] == "nb √.ipynb"
    assert manager.copy("å b")["path"] == "å b-Copy1"
    assert manager.copy("å b", "new/er")["path"] == "new/er/å b"
    assert names(manager, "new/er/å b") == names(manager, "å b") == names(manager, "å b-Copy1")
    assert manager.get("new/er/å b/copy 2.ipynb")["content"].cells[0].source == "1"
    assert manager.copy("å b", "å b")["path"] == "å b/å b"
    assert names(manager, "å b/å b") == names(manager, "å b-Copy1")
    manager.save(text("x" * 2_000_000), "å b/large.txt")
    manager.max_copy_folder_size_mb = 1
    with refused(400, "larger"):
        manager.copy("å b", "other")
    with refused(400):
        manager.copy("")


def test_what_is_deleted_can_be_had_again_from_the_trash(manager: Any, refused: Any) -> None:
    manager.save({"type": "directory"}, "d")
    manager.save(notebook("mine"), "d/n.ipynb")
    manager.delete("d/n.ipynb")
    manager.save(notebook("mine 2"), "d/n.ipynb")
    manager.delete("d")
    assert names(manager) == []
    manager.allow_hidden = True
    bags = [entry["path"] for entry in manager.get(".Trash")["content"]]
    assert len(bags) == 2
    manager.rename(f"{bags[0]}/n.ipynb", "n.ipynb")
    manager.rename(f"{bags[1]}/d", "d")
    assert manager.get("n.ipynb")["content"].cells[0].source == "mine"
    assert manager.get("d/n.ipynb")["content"].cells[0].source == "mine 2"
    manager.delete(bags[0])
    with refused(404):
        manager.get(bags[0])
    with manager.engine.begin() as connection:
        connection.exec_driver_sql("update pgcontents.directories set created_at = now() - interval '31 days'")
    manager.delete("d")
    assert len(manager.get(".Trash")["content"]) == 1
    manager.delete(".Trash")
    assert names(manager) == ["n.ipynb"]


def test_without_trash_a_filled_folder_is_kept(manager: Any, refused: Any) -> None:
    manager.delete_to_trash = False
    manager.save({"type": "directory"}, "d")
    manager.save({"type": "directory"}, "d/e")
    manager.save(text("x"), "d/e/f.txt")
    for folder in ("d", "d/e"):
        with refused(400, "not empty"):
            manager.delete(folder)
    manager.delete("d/e/f.txt")
    manager.delete("d/e")
    manager.save(text("x"), "d/f.txt")
    manager.always_delete_dir = True
    manager.delete("d")
    assert names(manager) == []


# Notebooks


def test_a_notebook_of_another_version_stays_as_it_is(manager: Any, refused: Any) -> None:
    version3 = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [
        {"cells": [{"cell_type": "code", "input": "1+1", "language": "python", "outputs": []}]}]}  # fmt: skip
    version2 = {
        "nbformat": 2,
        "metadata": {},
        "worksheets": [{"cells": [{"cell_type": "code", "input": "2+2", "outputs": []}]}],
    }
    future = {**v4.new_notebook(), "nbformat": 5, "nbformat_minor": 2}
    for name, content, readable in (
        ("3", version3, True),
        ("2", version2, True),
        ("5", future, False),
        ("no", [1], False),
    ):
        raw = json.dumps(content)
        manager.save(text(raw), f"{name}.ipynb")
        if readable:
            assert manager.get(f"{name}.ipynb")["content"].nbformat == 4
            assert manager.get(f"{name}.ipynb")["content"].cells[0].source in {"1+1", "2+2"}
        else:
            with refused(400, "Unreadable Notebook"):
                manager.get(f"{name}.ipynb")
        manager.copy(f"{name}.ipynb")
        manager.create_checkpoint(f"{name}.ipynb")
        assert manager.get(f"{name}.ipynb", type="file")["content"] == raw
        assert manager.get(f"{name}-Copy1.ipynb", type="file")["content"] == raw
    manager.save({"type": "notebook", "content": version3}, "3.ipynb")
    assert json.loads(manager.get("3.ipynb", type="file")["content"])["nbformat"] == 3
    with refused(400, "5.2"):
        manager.save({"type": "notebook", "content": future}, "5b.ipynb")


def test_an_invalid_notebook_is_kept_and_reported(manager: Any, refused: Any) -> None:
    broken = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "wrong", "metadata": {}}]}
    saved = manager.save({"type": "notebook", "content": broken}, "n.ipynb")
    assert "Notebook validation failed" in saved["message"]
    found = manager.get("n.ipynb")
    assert "Notebook validation failed" in found["message"]
    assert found["content"].cells[0].cell_type == "wrong"
    assert "message" not in manager.save(notebook("fine"), "m.ipynb")
    bare = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": "1"}]}
    with refused(400, "4.4"):
        manager.save({"type": "notebook", "content": bare}, "bare.ipynb")
    manager.save(text(json.dumps(bare)), "bare.ipynb")
    with refused(400, "missing an expected key: metadata"):
        manager.get("bare.ipynb")
    assert json.loads(manager.get("bare.ipynb", type="file")["content"]) == bare
    manager.save(text(""), "empty.ipynb")
    with refused(400, "kept as it is"):
        manager.get("empty.ipynb")
    assert manager.get("empty.ipynb", type="file")["size"] == 0


def test_notebooks_of_the_real_data(manager: Any, test_data: Path) -> None:
    for path in sorted((test_data / "notebooks").glob("*.ipynb")):
        raw = path.read_bytes()
        manager.save({"type": "file", "format": "base64", "content": base64.b64encode(raw).decode()}, path.name)
        model = manager.get(path.name)
        assert (model["content"].nbformat, "message" in model) == (4, path.name == "invalid.ipynb")
        assert manager.get(path.name, type="file")["content"].encode() == raw


def test_trust(manager: Any) -> None:
    cell = v4.new_code_cell("1", outputs=[v4.new_output("display_data", {"text/html": "<script>alert(1)</script>"})])
    foreign = v4.new_notebook(cells=[cell])
    manager.save(text(nbformat.writes(foreign)), "n.ipynb")
    assert not manager.get("n.ipynb")["content"].cells[0].metadata.trusted
    manager.trust_notebook("n.ipynb")
    model = manager.get("n.ipynb")
    assert model["content"].cells[0].metadata.trusted
    manager.save(model, "n.ipynb")
    assert "trusted" not in manager.get("n.ipynb", type="file")["content"]
    manager.rename("n.ipynb", "m.ipynb")
    assert manager.get("m.ipynb")["content"].cells[0].metadata.trusted
    model["content"].cells[0].outputs[0].data["text/html"] = "<script>alert(2)</script>"
    model["content"].cells[0].metadata.trusted = False
    manager.save(model, "m.ipynb")
    assert not manager.get("m.ipynb")["content"].cells[0].metadata.trusted


def test_hooks_are_called(manager: Any) -> None:
    heard: list[tuple[str, str]] = []
    manager.register_pre_save_hook(lambda model, path, contents_manager: heard.append(("before", path)))
    manager.register_post_save_hook(lambda model, os_path, contents_manager: heard.append(("after", os_path)))
    manager.save(notebook("1"), "/n.ipynb")
    assert heard == [("before", "n.ipynb"), ("after", "n.ipynb")]


# Checkpoints


def test_checkpoints_are_followed_and_pruned(manager: Any, refused: Any) -> None:
    manager.save(notebook("0"), "n.ipynb")
    (first,) = manager.list_checkpoints("n.ipynb")
    same = manager.create_checkpoint("n.ipynb")
    assert same["id"] == first["id"]
    assert same["last_modified"] > first["last_modified"]
    for turn in range(1, 8):
        manager.save(notebook(str(turn)), "n.ipynb")
        manager.create_checkpoint("n.ipynb")
    kept = manager.list_checkpoints("n.ipynb")
    assert len(kept) == manager.checkpoints.keep == 5
    assert [one["last_modified"] for one in kept] == sorted(one["last_modified"] for one in kept)
    manager.restore_checkpoint(kept[0]["id"], "n.ipynb")
    assert manager.get("n.ipynb")["content"].cells[0].source == "3"
    assert (
        manager.get("n.ipynb", require_hash=True)["hash"]
        == hashlib.sha256(manager.get("n.ipynb", type="file")["content"].encode()).hexdigest()
    )
    manager.delete_checkpoint(kept[0]["id"], "n.ipynb")
    with refused(404):
        manager.restore_checkpoint(kept[0]["id"], "n.ipynb")
    manager.rename("n.ipynb", "m.ipynb")
    assert manager.list_checkpoints("m.ipynb") == kept[1:]
    assert manager.list_checkpoints("n.ipynb") == []
    manager.delete_to_trash = False
    manager.delete("m.ipynb")
    assert manager.list_checkpoints("m.ipynb") == []


def test_checkpoints_keep_bytes(manager: Any) -> None:
    raw = json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}, indent=7)
    manager.save(text(raw), "old.ipynb")
    made = manager.create_checkpoint("old.ipynb")
    manager.save(notebook("new"), "old.ipynb")
    assert manager.checkpoints.get_notebook_checkpoint(made["id"], "old.ipynb")["content"].nbformat == 4
    manager.restore_checkpoint(made["id"], "old.ipynb")
    assert manager.get("old.ipynb", type="file")["content"] == raw
    manager.save(text("plain"), "f.txt")
    kept = manager.create_checkpoint("f.txt")
    assert manager.checkpoints.get_file_checkpoint(kept["id"], "f.txt")["content"] == "plain"


# Large files


def upload(manager: Any, path: str, content: bytes, size: int = 1024 * 1024) -> dict[str, Any]:
    """Upload in pieces, as JupyterLab does."""
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    for number, piece in enumerate(pieces, 1):
        chunk = -1 if number == len(pieces) else number
        model = manager.save(
            {"type": "file", "format": "base64", "content": base64.b64encode(piece).decode(), "chunk": chunk}, path
        )
    return model


@pytest.mark.parametrize(("length", "size"), [(5_242_880, 1024 * 1024), (1000, 7), (9, 3), (10, 1), (4, 3)])
def test_an_upload_in_pieces_is_whole(manager: Any, length: int, size: int) -> None:
    content = os.urandom(length)
    model = upload(manager, "data.bin", content, size)
    assert model["size"] == length
    found = manager.get("data.bin", format="base64", require_hash=True)
    assert base64.b64decode(found["content"]) == content
    assert found["hash"] == hashlib.sha256(content).hexdigest()
    with manager.engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from pgcontents.uploads").scalar() == 0


def test_a_file_is_whole_or_what_it_was(manager: Any, refused: Any) -> None:
    manager.save(text("old"), "f.txt")

    def piece(number: int, content: str = "abcd") -> Any:
        return manager.save({**text(content), "chunk": number}, "f.txt")

    for number in (2, -1):
        with refused(409, "none came before"):
            piece(number)
    assert piece(1)["size"] == 4
    with refused(409, "already"):
        piece(1)
    with refused(409, "piece 1"):
        piece(3)
    assert piece(2)["size"] == 8
    assert manager.get("f.txt")["content"] == "old"
    for number in (0, -2, "3"):
        with refused(400):
            piece(number)
    piece(-1, "é")
    assert manager.get("f.txt")["content"] == "abcdabcdé"
    piece(1)
    with manager.engine.begin() as connection:
        connection.exec_driver_sql("update pgcontents.uploads set received_at = now() - interval '11 s'")
    piece(1, "new")
    piece(-1)
    assert manager.get("f.txt")["content"] == "newabcd"
    with refused(404):
        manager.save({**text("x"), "chunk": 1}, "none/f.txt")


def test_the_limit_is_a_limit(manager: Any, refused: Any) -> None:
    manager.max_file_size_bytes = 1000
    manager.save(text("x" * 1000), "f.txt")
    with refused(413, "0.0 MB"):
        manager.save(text("x" * 1001), "f.txt")
    with refused(413):
        manager.save(text("é" * 501), "f.txt")
    with refused(413):
        manager.save(notebook("x" * 1000), "n.ipynb")
    assert upload(manager, "g.bin", b"x" * 1000, 100)["size"] == 1000
    with refused(413):
        upload(manager, "h.bin", b"x" * 1001, 100)
    assert names(manager) == ["f.txt", "g.bin"]
    assert upload(manager, "h.bin", b"x" * 10, 5)["size"] == 10


# Others


def test_two_at_the_same_time(server18: Any, manager: Any, tmp_path: Path) -> None:
    url = manager.engine.url.render_as_string(hide_password=False)
    others = [manager_of(url, tmp_path) for _ in range(4)]

    def save(turn: int) -> None:
        other = others[turn % 4]
        other.save(notebook(f"{turn}" * 1000), "same.ipynb")
        other.save(text(str(turn)), f"{turn}.txt")
        other.create_checkpoint("same.ipynb")
        if turn % 5 == 0:
            other.rename(f"{turn}.txt", f"moved {turn}.txt")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, range(40)))
    assert len(names(manager)) == 41
    source = manager.get("same.ipynb", require_hash=True)
    assert len(set(source["content"].cells[0].source)) <= 2
    assert source["hash"] == hashlib.sha256(manager.get("same.ipynb", type="file")["content"].encode()).hexdigest()
    for other in others:
        other.engine.dispose()


def test_two_tabs_see_that_the_other_saved(manager: Any) -> None:
    manager.save(notebook("1"), "n.ipynb")
    mine = manager.get("n.ipynb", require_hash=True)
    assert manager.get("n.ipynb", content=False, require_hash=True)["hash"] == mine["hash"]
    manager.save(notebook("2"), "n.ipynb")
    assert manager.get("n.ipynb", content=False, require_hash=True)["hash"] != mine["hash"]


def test_what_another_program_wrote_is_read(manager: Any) -> None:
    with manager.engine.begin() as connection:
        for number, raw in enumerate((b"", b"a", b"ab", b"abc", b"abcd")):
            connection.execute(
                sa.text("insert into pgcontents.files (user_id, parent_name, name, content) values (:u, '/', :n, :c)"),
                {"u": manager.user_id, "n": f"{number}.txt", "c": base64.b64encode(raw)},
            )
    assert [entry["size"] for entry in manager.get("")["content"]] == [0, 1, 2, 3, 4]
    assert [manager.get(f"{n}.txt", content=False)["size"] for n in range(5)] == [0, 1, 2, 3, 4]
    assert manager.get("4.txt", content=False, require_hash=True)["hash"] == hashlib.sha256(b"abcd").hexdigest()


def test_pgcontents_tables_are_ours(manager: Any) -> None:
    metadata = pgcontents.query.files.metadata
    assert {table.name for table in metadata.sorted_tables} == {"users", "directories", "files", "remote_checkpoints"}
    inspector = sa.inspect(manager.engine)
    for table in metadata.sorted_tables:
        there = {column["name"] for column in inspector.get_columns(table.name, "pgcontents")}
        assert {column.name for column in table.columns} <= there


def test_a_lost_database_is_told(manager: Any, refused: Any, server18: Any) -> None:
    manager.save(text("x"), "f.txt")
    name = manager.engine.url.database
    server18.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
    assert manager.get("f.txt")["content"] == "x"
    server18.execute(f"alter database {name} allow_connections false")
    server18.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
    with refused(503, "not saved"):
        manager.save(text("y"), "f.txt")
    server18.execute(f"alter database {name} allow_connections true")
    assert manager.get("f.txt")["content"] == "x"


def test_somebody_who_does_not_finish_is_not_waited_for(manager: Any, refused: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(engine.PATIENCE, "lock_timeout", "100ms")
    hasty = GilgameshContentsManager(db_url=manager.engine.url.render_as_string(hide_password=False))
    with manager.engine.begin() as connection:
        tree.take_turns(connection, manager.user_id)
        with refused(503, "somebody else"):
            hasty.save(text("y"), "f.txt")
    hasty.save(text("y"), "f.txt")
    hasty.engine.dispose()


def test_pgcontents_own_encryption_is_refused(manager: Any) -> None:
    with pytest.raises(errors.InvalidValue, match="crypto"):
        GilgameshContentsManager(engine=manager.engine, crypto=object())


def test_a_folder_of_a_thousand_is_one_question(manager: Any) -> None:
    with manager.engine.begin() as connection:
        connection.execute(
            sa.text(
                "insert into pgcontents.files (user_id, parent_name, name, content, size) "
                "select :person, '/', format('nb %s.ipynb', i), '', 0 from generate_series(1, 1000) i"
            ),
            {"person": manager.user_id},
        )
    asked: list[str] = []
    sa.event.listen(manager.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    assert len(manager.get("")["content"]) == 1000
    assert len(asked) == 2
