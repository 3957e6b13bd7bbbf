"""Notebooks as documents: what they cite is linked, what they do is left out, and nothing is fetched."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from click.testing import CliRunner

import gilgamesh_db as gilgamesh
from gilgamesh_db.cli import gilgamesh as command
from gilgamesh_db.errors import FileRefused
from gilgamesh_db.notebooks.formulas import mathml
from gilgamesh_db.notebooks.harmless import harmless
from gilgamesh_db.notebooks.references import look_up, page
from gilgamesh_db.notebooks.rendering import HEADERS, POLICY, render
from gilgamesh_loaders import bibliography
from records import install, record

BIB = r"""
@article{chen2015, author = {Chen, Francis F.}, title = {Helicon discharges}, year = 2015, doi = {10.1088/0963-0252/24/1/014001}}
@book{stangeby, author = {Stangeby, Peter}, title = {The Plasma Boundary}, year = 2000}
@misc{web, title = {A page}, url = {https://example.org/a_b}}
@misc{evil, author = {<img src=x onerror=alert(1)>}, title = {<script>alert(1)</script> | * ` $x$}, url = {javascript:alert(1)}}
@article{pdf, author = {A and B and C}, title = {With a PDF}, year = 1999, doi = {10.1000/x}}
"""


def _markdown(*sources: str, **more: Any) -> dict[str, Any]:
    cells = [{"cell_type": "markdown", "metadata": {}, "source": source, **more} for source in sources]
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}


def _output(**output: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": "", "outputs": [output]}
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]}


def _shown(**data: str) -> str:
    kinds = {name.replace("_", "/"): value for name, value in data.items()}
    return render(_output(output_type="display_data", metadata={}, data=kinds)).split("<main>")[1]


class _Parts(HTMLParser):
    """What a browser would act upon."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    @property
    def links(self) -> list[str]:
        return [value for tag, name, value in self.attributes if (tag, name) == ("a", "href")]


@pytest.fixture
def lab(db18: gilgamesh.Database, tmp_path: Path) -> gilgamesh.Database:
    bibliography.commit(db18, bibliography.examine(db18, BIB.encode(), "lab.bib"))
    paper = tmp_path / "paper 1.pdf"
    paper.write_bytes(b"%PDF-1.7 x")
    bibliography.attach(db18, "pdf", paper)
    return db18


def test_citations_become_links_and_a_list(lab: gilgamesh.Database) -> None:
    notebook = _markdown(r"As \citet{chen2015} and \citep[see][p. 5]{stangeby,nobody}.", r"`\citep{web}` \citep[web]")
    before = copy.deepcopy(notebook)
    text = render(notebook, lab)
    assert notebook == before
    found = _Parts(text)
    assert found.links[0] == "https://doi.org/10.1088/0963-0252/24/1/014001"
    assert found.links[1] == "#reference-stangeby"
    assert 'id="reference-stangeby"' in text
    assert found.links[2] == "https://example.org/a_b"
    said = re.sub(r"<[^>]*>", "", text.split("<main>")[1])
    assert "As Chen (2015) and (see Stangeby 2000; nobody?, p. 5)." in said
    assert "\\citep{web}" in said
    assert said.index("no reference nobody") > said.index("Peter Stangeby, “The Plasma Boundary” (2000).")
    assert text.count("<li ") == 4


def test_what_stands_in_a_link_stays_in_it(lab: gilgamesh.Database, tmp_path: Path) -> None:
    notebook = _markdown(r"\citep{web} <b>bold</b> <img src='f.png'>", "<div>\n\n*x*\n\n</div>")
    (tmp_path / "f.png").write_bytes(b"\x89PNG")
    for folder in (None, str(tmp_path)):
        text = render(notebook, lab, folder=folder)
        assert re.search(r'<a class="citation" href="https://example.org/a_b"[^>]*>web</a>\) <b>bold</b>', text)
        assert ("data:image/png;base64,iVBORw==" in text) is (folder is not None)
        assert "<em>x</em>" in text


def test_without_a_database_citations_stay_as_they_are() -> None:
    text = render(_markdown(r"\citep{chen2015}"))
    assert "\\citep{chen2015}" in text
    assert "References" not in text


def test_links_lead_to_the_document_of_the_library(lab: gilgamesh.Database) -> None:
    found = look_up(lab, ["pdf", "chen2015", "stangeby", "nobody"], library="/bibliography/")
    assert {key: cited.address for key, cited in found.items()} == {
        "pdf": "/bibliography/pdf/paper%201.pdf",
        "chen2015": "https://doi.org/10.1088/0963-0252/24/1/014001",
        "stangeby": "/bibliography/stangeby",
    }
    assert found["pdf"].label == "A et al. 1999"
    assert look_up(lab, ["pdf"])["pdf"].address == "https://doi.org/10.1000/x"
    assert page("https://lab/x", "a?b#c") == "https://lab/x/a%3Fb%23c"


def test_fields_and_keys_are_text_and_nothing_else(lab: gilgamesh.Database) -> None:
    text = render(_markdown("| a | b |\n|---|---|\n| \\citep{evil} | \\citep{no<b>*|x} |", r"*\citet{evil}*"), lab)
    parts = _Parts(text)
    assert "script" not in parts.tags
    assert "img" not in parts.tags
    assert not any(name.startswith("on") for _, name, _ in parts.attributes)
    assert not any("javascript" in link for link in parts.links)
    assert text.count("<td>") == 2


def test_quoted_numbers_carry_a_check_mark(db18: gilgamesh.Database) -> None:
    record(db18, 1, install(db18), np.arange(1000, dtype=np.int16))
    citation = db18.cite(db18.signal("U", 1))
    text = render(_markdown(f"\\citep[{citation.key}]"), db18)
    assert f'<span class="citation-verified" title="{citation.key}: verified' in text
    db18.sql("update gilgamesh.segment set payload = set_byte(payload, 400, 77) where shot = 1")
    text = render(_markdown(f"\\citep[{citation.key}]"), db18)
    assert f'<span class="citation-refuted" title="{citation.key}: NOT as quoted mean was' in text
    assert "✗" in text


NASTY = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<a href='javascript:alert(1)'>x</a><a href='java\nscript:alert(1)'>x</a><a href='data:text/html,x'>x</a>",
    "<iframe src='https://example.org'></iframe><object data='x'></object><embed src='x'>",
    "<form action='https://example.org'><button>x</button></form>",
    "<meta http-equiv='refresh' content='0;url=https://example.org'><link rel='stylesheet' href='https://example.org'>",
    "<style>@import url(https://example.org)</style><div style='background-color:url(https://example.org)'>x</div>",
    "<img src='https://example.org/spy.png'><img srcset='https://example.org/spy.png'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "![x](https://example.org/spy.png)",
    "[x](javascript:alert(1))",
    r"$\text{<script>alert(1)</script>}$ $\href{javascript:alert(1)}{x}$",
    "# <b title='$x$'>$\\text{<img src=x onerror=alert(1)>}$</b>",
    "[$x$](https://example.org '$\\text{\" onclick=alert(1)}$')",
    "<div title='$\\text{<script>alert(1)</script>}$'>$x$</div>",
]


@pytest.mark.parametrize("source", NASTY)
def test_nothing_acts_and_nothing_is_fetched(source: str) -> None:
    for text in (
        render(_markdown(source)),
        render(_output(output_type="display_data", metadata={}, data={"text/html": source})),
        render(_output(output_type="display_data", metadata={}, data={"text/markdown": source})),
        render(_output(output_type="display_data", metadata={}, data={"text/latex": source})),
        render(_output(output_type="stream", name="stdout", text=source)),
        render(_output(output_type="error", ename=source, evalue=source, traceback=[source])),
        render({**_markdown("x"), "metadata": {"title": source}}),
    ):
        parts = _Parts(text)
        assert not {"script", "iframe", "object", "embed", "form", "link", "svg", "button"} & set(parts.tags)
        assert parts.tags.count("meta") == 4
        assert parts.tags.count("style") == 1
        for tag, name, value in parts.attributes:
            assert not name.startswith("on"), (tag, name, value)
            assert name not in ("srcset", "action", "formaction", "background", "poster")
            if name == "src":
                assert value.startswith("data:image/")
            if name == "href":
                assert re.match(r"https?:|#|[^:]*$", value), value
            if name == "style":
                assert "url" not in value


def test_the_document_says_itself_what_it_may_do() -> None:
    text = render(_markdown("x"))
    assert f'content="{POLICY}"'.replace("'", "&#x27;") in text
    assert "script-src" not in POLICY
    assert POLICY.startswith("default-src 'none'")
    assert HEADERS["Content-Security-Policy"].startswith("sandbox allow-popups")
    assert "allow-same-origin" not in HEADERS["Content-Security-Policy"]
    assert "allow-scripts" not in HEADERS["Content-Security-Policy"]


def test_of_an_output_that_was_all_script_the_picture_or_the_text_is_shown() -> None:
    assert "<pre>Plot()</pre>" in _shown(text_html="<script>draw()</script><div id='p'></div>", text_plain="Plot()")
    assert "data:image/png;base64,iVBO" in _shown(text_html="<script>draw()</script>", image_png="iVBO")
    assert "<pre>VBox()</pre>" in _shown(**{"application_vnd.jupyter.widget-view+json": "{}", "text_plain": "VBox()"})
    assert "<td>1</td>" in _shown(text_html="<table><tr><td>1</td></tr></table>", text_plain="no")
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in _shown(text_latex=r"$\displaystyle x^2$", text_plain="x**2")
    assert "data:image/svg+xml;base64," in _shown(**{"image_svg+xml": "<svg onload='x()'></svg>"})


def test_formulas_are_drawn_by_the_browser() -> None:
    text = render(
        _markdown("$n_e$ and $$T_e$$\n\n\\begin{align}a &= b\\label{x}\\end{align}\n\n`$code$`\n\n# Title $x$")
    )
    text = text.split("<main>")[1]
    assert text.count("<math") == 4
    assert text.count('display="block"') == 2
    assert "<code>$code$</code>" in text
    assert '<h1 id="Title">' in text
    assert "label" not in text


def test_pictures_of_a_notebook_are_in_the_document(tmp_path: Path) -> None:
    (tmp_path / "figure.png").write_bytes(b"\x89PNG")
    attached = _markdown(
        "![a](attachment:a.png) ![gone](attachment:gone.png)", attachments={"a.png": {"image/png": "AAAA"}}
    )
    assert "data:image/png;base64,AAAA" in render(attached)
    assert "gone" in render(attached)
    assert "data:image/png;base64,iVBORw==" in render(_markdown("![f](figure.png)"), folder=str(tmp_path))
    assert '<img alt="f">' in render(_markdown("![f](figure.png)"))
    assert "base64" not in render(_markdown("![f](../../etc/passwd)"), folder=str(tmp_path)).split("<main>")[1]


def test_real_notebooks_are_shown_also_old_and_invalid_ones(test_data: Path) -> None:
    for path in sorted((test_data / "notebooks").glob("*.ipynb")):
        content = path.read_bytes()
        notebook = json.loads(content)
        text = render(content, title=path.stem)
        said = re.sub(r"<[^>]*>|\s", "", harmless(text.split("<main>")[1]))
        holders = notebook.get("cells") or notebook["worksheets"][0]["cells"]
        for cell in holders:
            source = "".join(cell.get("source") or cell.get("input") or [])
            if cell["cell_type"] == "code":
                assert re.sub(r"\s", "", source).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no notebook"),
        (b"[]", "does not say"),
        (b'{"cells": []}', "does not say"),
        (b'{"nbformat": 7, "cells": []}', "format 7; 4 is the newest"),
        (b"\xff\xfe\x00", "no notebook"),
        (b'{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{}]}', "cannot be read"),
    ],
)
def test_what_is_no_notebook_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(FileRefused, match=said):
        render(content)


def test_a_damaged_notebook_shows_what_it_has() -> None:
    cells = [
        None, {}, {"cell_type": "markdown"}, {"cell_type": "new", "source": "odd"}, {"cell_type": "heading", "level": 2, "source": "H"},
        {"cell_type": "code", "source": "kept", "outputs": [None, {}, {"output_type": "stream"}, {"output_type": "error", "traceback": [3]}]},
        {"cell_type": "markdown", "source": "also kept", "metadata": None},
    ]  # fmt: skip
    text = render({"nbformat": 4, "nbformat_minor": 4, "metadata": None, "cells": cells})
    assert all(word in text for word in ("odd", ">H</h2>", "kept", "also kept"))


def test_a_notebook_of_half_a_megabyte_takes_less_than_a_second(test_data: Path) -> None:
    model = json.loads((test_data / "notebooks" / "langmuir_analysis.ipynb").read_text())["cells"]
    cells: list[dict[str, Any]] = []
    while len(json.dumps(cells)) < 500_000:  # no two alike
        for cell in copy.deepcopy(model):
            cell["source"] = "".join(cell["source"]) + f"\n# {len(cells)}"
            cells.append(cell)
    notebook = {"nbformat": 4, "nbformat_minor": 4, "metadata": {"language_info": {"name": "python"}}, "cells": cells}
    render(_markdown("$x$"))
    taken = []
    for _ in range(3):
        begin = time.process_time()
        render(notebook)
        taken.append(time.process_time() - begin)
    assert min(taken) < 1.5  # 0.7 s alone on the machine


def test_jupyter_nbconvert_knows_the_way(lab: gilgamesh.Database, tmp_path: Path) -> None:
    from nbconvert.exporters import get_exporter
    from traitlets.config import Config

    notebook = nbformat.from_dict(_markdown(r"\citep{chen2015}"))
    url = lab.engine.url.render_as_string(hide_password=False)
    exporter = get_exporter("gilgamesh_db.notebooks.exporter.HarmlessHTML")(
        config=Config({"Citations": {"database_url": url}})
    )
    assert "https://doi.org/10.1088" in exporter.from_notebook_node(notebook)[0]
    assert notebook.cells[0].source == r"\citep{chen2015}"
    away = get_exporter("gilgamesh_db.notebooks.exporter.HarmlessHTML")(
        config=Config({"Citations": {"database_url": "postgresql://localhost:1/x"}})
    )
    assert "\\citep{chen2015}" in away.from_notebook_node(notebook)[0]


def test_on_the_command_line(lab: gilgamesh.Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "density.ipynb").write_text(json.dumps(_markdown(r"\citep{stangeby}")))
    url = lab.engine.url.render_as_string(hide_password=False)

    def run(*words: str) -> str:
        found = CliRunner().invoke(command, ["--url", url, "notebooks", *words])
        return found.output + str(found.exception or "")

    assert "density.ipynb is in density.html" in run("render", "density.ipynb")
    assert "Peter Stangeby, “The Plasma Boundary” (2000)." in Path("density.html").read_text()
    run("push", "density.ipynb", "edge/shared.ipynb", "-m", "first")
    assert "edge/shared.ipynb@1 is in page.html" in run("render", "edge/shared.ipynb@1", "page.html", "--library", "/b")
    assert 'href="/b/stangeby"' in Path("page.html").read_text()
    assert "none.ipynb" in run("render", "none.ipynb")
    assert "cited by notebook edge/shared.ipynb, version 1" in CliRunner().invoke(
        command, ["--url", url, "bib", "show", "stangeby"]
    ).output  # fmt: skip


def test_importing_the_library_brings_no_jupyter() -> None:
    code = "import sys, gilgamesh_db.notebooks.rendering, gilgamesh_db.notebooks.citing as c; c.citings('x'); " + (
        "print([m for m in ('nbconvert', 'nbformat', 'mistune', 'nh3', 'latex2mathml', 'pygments') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_formulas_nobody_can_read_are_shown_as_written() -> None:
    assert mathml(r"\left( <b>") == r'<code class="formula">\left( &lt;b&gt;</code>'
    assert mathml("x" * 30_000).startswith("<code")
    assert mathml("{" * 5000 + "x" + "}" * 5000).startswith("<code")
