"""Citations in JupyterLab and Notebook 7, as somebody reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from nbformat import v4

import gilgamesh_db as gilgamesh
from citation_cases import FOUND, LEFT_ALONE
from gilgamesh_loaders import bibliography
from jupyter_folder import TOKEN, Folder, jupyter_on
from records import install, record

BIB = rb"""
@article{chen2015, author = {Chen, Francis F.}, title = {Helicon}, year = 2015, doi = {10.1088/0963-0252/24/1/014001}}
@book{stangeby, author = {Stangeby, Peter}, title = {Edge}, year = 2000}
@misc{evil, author = {<img src=x onerror=alert(1)>}, title = {<script>alert(1)</script>}, url = {javascript:alert(1)}}
@article{pdf, author = {A and B}, title = {With a PDF}, year = 1999}
"""
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


@pytest.fixture(scope="module", params=["jupyterlab", "notebook"])
def jupyter(
    request: pytest.FixtureRequest, server18: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Folder]:
    folder = tmp_path_factory.mktemp(request.param)
    with server18.database(server18.template()) as url:
        with gilgamesh.connect(url) as db:
            bibliography.commit(db, bibliography.examine(db, BIB, "lab.bib"))
            (folder / "paper.pdf").write_bytes(b"%PDF-1.7 x")
            bibliography.attach(db, "pdf", folder / "paper.pdf")
            record(db, 1, install(db), np.arange(1000, dtype=np.int16))
            (folder / "key").write_text(db.cite(db.signal("U", 1)).key)
        with jupyter_on(folder, url, request.param) as running:
            yield running


def shown(page: Any, jupyter: Folder, *sources: str) -> Any:
    """Open a notebook of these Markdown cells; returns what is rendered of them."""
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(source) for source in sources], metadata=KERNEL)
    (jupyter.folder / "n.ipynb").write_text(json.dumps(notebook))
    lab = "jupyterlab" in jupyter.folder.parent.name
    page.goto(f"{jupyter.url}/{'lab/tree' if lab else 'notebooks'}/n.ipynb?token={TOKEN}{'&reset' if lab else ''}")
    rendered = page.locator(".jp-MarkdownCell .jp-RenderedMarkdown")
    rendered.nth(len(sources) - 1).wait_for()
    return rendered


def test_a_citation_is_a_link_that_opens_the_document(page: Any, jupyter: Folder) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    quoted = (jupyter.folder.parent / "key").read_text()
    cells = shown(
        page, jupyter, r"As \citet{pdf} says \citep[see][p. 5]{chen2015,stangeby,nobody}. `\citep{chen2015}` $n_e$",
        rf"\citep{{evil}} \citep[{quoted}]",
    )  # fmt: skip
    cells.nth(1).locator(".gilgamesh-verified").wait_for()
    assert (
        cells.nth(0)
        .inner_text()
        .startswith("As A and B (1999) says (see Chen 2015; Stangeby 2000; nobody?, p. 5). \\citep{chen2015}")
    )
    links = cells.nth(0).locator("a.gilgamesh-citation")
    assert [link.get_attribute("href") for link in links.all()] == [
        "/gilgamesh/bibliography/pdf/paper.pdf", "https://doi.org/10.1088/0963-0252/24/1/014001", "/gilgamesh/bibliography/stangeby",
    ]  # fmt: skip
    assert (
        cells.nth(0).locator(".gilgamesh-unknown").get_attribute("title") == "no reference nobody in the bibliography"
    )
    with page.context.expect_page() as opened:
        links.nth(2).click()
    assert "Peter Stangeby, “Edge” (2000)." in opened.value.locator("main").inner_text()
    with page.context.expect_event("response", lambda answer: answer.url.endswith("/paper.pdf")) as answer:
        links.nth(0).click()
    assert answer.value.headers["content-type"] == "application/pdf"
    assert page.context.request.get(f"{jupyter.url}/gilgamesh/bibliography/pdf/paper.pdf").body() == b"%PDF-1.7 x"
    assert cells.nth(1).locator("img, script").count() == 0
    assert cells.nth(1).locator("a").nth(0).get_attribute("href") == "/gilgamesh/bibliography/evil"
    assert "verified, 1000 values of U of shot 1" in cells.nth(1).locator(".gilgamesh-verified").get_attribute("title")
    # The notebook itself stays as it was typed.
    assert "\\\\citet{pdf}" in (jupyter.folder / "n.ipynb").read_text()


@pytest.mark.parametrize("jupyter", ["jupyterlab"], indirect=True)
def test_the_browser_finds_what_the_library_finds(page: Any, jupyter: Folder) -> None:
    cases = [*FOUND.items(), *((source, []) for source in LEFT_ALONE if source)]
    cells = shown(page, jupyter, *(source for source, _ in cases))
    count = sum(len(keys) for _, places in cases for keys in places)
    page.wait_for_function("count => document.querySelectorAll('.gilgamesh-unknown').length >= count", arg=count)
    for number, (source, places) in enumerate(cases):
        found = cells.nth(number).locator("[class^=gilgamesh-place]").all()
        keys = [
            tuple(key.inner_text().rstrip("?") for key in place.locator(".gilgamesh-unknown").all()) for place in found
        ]
        assert keys == places, source


@pytest.mark.parametrize("jupyter", ["jupyterlab"], indirect=True)
def test_text_stays_as_it_is_while_the_database_is_away(page: Any, jupyter: Folder) -> None:
    page.route("**/gilgamesh/citations*", lambda route: route.fulfill(status=503, json={"message": "away"}))
    cells = shown(page, jupyter, r"As \citet{chen2015} says.")
    page.wait_for_timeout(1000)
    assert cells.nth(0).inner_text() == "As \\citet{chen2015} says."
    assert cells.locator("a.gilgamesh-citation").count() == 0
