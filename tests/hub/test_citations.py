"""What the extension for citations answers, and what its links open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_loaders import bibliography
from jupyter_folder import Folder, jupyter_on
from records import install, record

BIB = rb"""
@article{chen2015, author = {Chen, Francis F.}, title = {Helicon}, year = 2015, doi = {10.1088/0963-0252/24/1/014001}}
@book{DBLP:a/b, author = {Stangeby, Peter}, title = {Edge <b>}, year = 2000, abstract = {<script>alert(1)</script>}}
@article{pdf, author = {A and B}, title = {With a PDF}, year = 1999}
"""


@pytest.fixture(scope="module")
def server(server18: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    folder = tmp_path_factory.mktemp("jupyter")
    with server18.database(server18.template()) as url:
        with gilgamesh.connect(url) as db:
            bibliography.commit(db, bibliography.examine(db, BIB, "lab.bib"))
            for name, content in (("a paper.pdf", b"%PDF-1.7 x"), ("page.html", b"<script>alert(1)</script>")):
                (folder / name).write_bytes(content)
                bibliography.attach(db, "pdf", folder / name)
            record(db, 1, install(db), np.arange(1000, dtype=np.int16))
            (folder / "key").write_text(db.cite(db.signal("U", 1)).key)
        with jupyter_on(folder, url) as running:
            yield running


def test_keys_are_answered(server: Folder) -> None:
    quoted = (server.folder.parent / "key").read_text()
    code, body, headers = server.get(f"gilgamesh/citations?key=chen2015&key=pdf&key=DBLP%3Aa/b&key=nobody&key={quoted}")
    found = json.loads(body)
    assert code == 200
    assert headers["Cache-Control"] == "no-store"
    assert {key: cited["address"] for key, cited in found.items()} == {
        "chen2015": "https://doi.org/10.1088/0963-0252/24/1/014001",
        "pdf": "/gilgamesh/bibliography/pdf/a%20paper.pdf",
        "DBLP:a/b": "/gilgamesh/bibliography/DBLP%3Aa%2Fb",
        quoted: f"/gilgamesh/bibliography/{quoted}",
    }
    assert (found["pdf"]["names"], found["pdf"]["year"], found[quoted]["kind"]) == ("A and B", "1999", "data")
    code, body, _ = server.get(f"gilgamesh/citations/check?key={quoted}")
    assert json.loads(body)[quoted]["verified"] is True
    assert server.get("gilgamesh/citations/check?key=chen2015")[0] == 404
    assert server.get("gilgamesh/citations?" + "&".join(f"key=k{n}" for n in range(101)))[0] == 400


def test_strangers_get_nothing(server: Folder) -> None:
    for path in (
        "citations?key=chen2015",
        "citations/check?key=x",
        "bibliography/pdf",
        "bibliography/pdf/a%20paper.pdf",
    ):
        code, body, _ = server.get(f"gilgamesh/{path}", token="wrong")  # noqa: S106
        assert code in (200, 302, 403)
        assert b"Chen" not in body
        assert b"With a PDF" not in body
        assert not body.startswith(b"%PDF")


def test_documents_come_as_they_are_and_pages_run_nothing(server: Folder) -> None:
    code, body, headers = server.get("gilgamesh/bibliography/pdf/a%20paper.pdf")
    assert (code, body, headers["Content-Type"]) == (200, b"%PDF-1.7 x", "application/pdf")
    assert headers["Content-Disposition"].startswith("inline; filename*=UTF-8''a%20paper.pdf")
    _, _, headers = server.get("gilgamesh/bibliography/pdf/page.html")
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    code, body, headers = server.get("gilgamesh/bibliography/DBLP%3Aa%2Fb")
    assert code == 200
    assert b"<script" not in body
    assert b"&lt;script&gt;alert(1)" in body
    assert headers["Content-Security-Policy"].startswith("sandbox")
    code, body, _ = server.get("gilgamesh/bibliography/chen2051")
    assert code == 404
    assert b"did you mean &#x27;chen2015&#x27;" in body
    assert (
        b"verified, 1000 values"
        in server.get(f"gilgamesh/bibliography/{(server.folder.parent / 'key').read_text()}")[1]
    )


def test_lab_exports_html_with_links(server: Folder) -> None:
    cell = {"cell_type": "markdown", "metadata": {}, "source": r"\citep{chen2015}"}
    notebook = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]}
    (server.folder / "n.ipynb").write_text(json.dumps(notebook))
    code, body, _ = server.get("nbconvert/gilgamesh/n.ipynb")
    assert code == 200
    assert b"https://doi.org/10.1088" in body
    assert json.loads((server.folder / "n.ipynb").read_text()) == notebook


def test_without_a_database_it_says_so_and_makes_none(tmp_path: Path) -> None:
    with jupyter_on(tmp_path, None) as running:
        code, body, _ = running.get("gilgamesh/citations?key=chen2015")
        assert code == 503
        assert "no database yet" in json.loads(body)["message"]
        assert not (tmp_path / "no-database").exists()
