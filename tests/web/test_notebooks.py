"""The repository of notebooks on the pages: pushed, read, compared, found; and harmless."""

from __future__ import annotations

import uuid
from typing import Any

import nbformat
import pytest
from nbformat import v4

from .conftest import Site


def notebook(*cells: str) -> bytes:
    """A notebook of code cells below a heading with something nasty in it."""
    made = v4.new_notebook(cells=[v4.new_markdown_cell("# Density <script>alert(1)</script>")])
    for number, source in enumerate(cells):
        made.cells.append(v4.new_code_cell(source, id=f"c{number}"))
    made.cells[0].id = "title"
    return nbformat.writes(made).encode()


@pytest.fixture
def path() -> str:
    """A place in the repository no other test knows."""
    return f"langmuir/{uuid.uuid4().hex[:8]}.ipynb"


def push(visitor: Any, content: bytes, path: str, **fields: str) -> Any:
    """Send the form with a file."""
    visitor.get("/notebooks")
    edge = uuid.uuid4().hex
    words = {"_xsrf": visitor.xsrf, "path": path, "do": "push", **fields}
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in words.items()
    ]
    parts.append(
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="a.ipynb"\r\n'
        "Content-Type: application/json\r\n\r\n".encode()
        + content
        + f"\r\n--{edge}--\r\n".encode()
    )
    return visitor.ask("POST", "/notebooks", b"".join(parts), Content_Type=f"multipart/form-data; boundary={edge}")


def test_pushed_by_one_and_read_by_another(site: Site, path: str) -> None:
    operator, reader = site.visitor("operator"), site.visitor("reader")
    answer = push(operator, notebook("db.signal('Lang_I', 1234).mean()"), path, message="first look")
    assert (answer.status, answer.headers["Location"]) == (303, f"/notebooks/{path}")
    assert path in reader.get("/notebooks").text
    page = reader.get(f"/notebooks/{path}")
    assert "first look" in page.text
    assert site.names["operator"] in page.text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    document = reader.get(f"/notebooks/document/{path}?version=1")
    assert document.status == 200
    assert "<script" not in document.text
    assert document.headers["Content-Security-Policy"].startswith("sandbox ")
    raw = reader.get(f"/notebooks/document/{path}?raw=1")
    assert raw.body == site.db.notebooks.content(path)
    assert "attachment" in raw.headers["Content-Disposition"]


def test_what_was_not_seen_is_not_replaced(site: Site, path: str) -> None:
    operator = site.visitor("operator")
    push(operator, notebook("1"), path)
    answer = push(operator, notebook("2"), path)
    assert answer.status == 409
    assert "version" in answer.letter
    assert push(operator, notebook("2"), path, over="1").status == 303
    page = operator.get(f"/notebooks/{path}")
    assert "What changed from version 1" in page.text
    assert operator.get(f"/notebooks/{path}?version=1").text.count("not the latest") == 1
    assert operator.post(f"/notebooks/{path}", do="restore", version="1").status == 303
    assert site.db.notebooks.version(path).number == 3


def test_found_by_words(site: Site, path: str) -> None:
    push(site.visitor("operator"), notebook("floating = 'Xylophone'"), path)
    assert path in site.visitor("reader").get("/notebooks?q=xylophone").text


@pytest.mark.parametrize(
    ("fields", "content", "said"),
    [
        ({"path": "../up.ipynb"}, notebook("1"), "up.ipynb"),
        ({"path": "a.ipynb"}, b"this is no notebook", "JSON"),
        ({"path": "a.ipynb", "over": "many"}, notebook("1"), "many"),
    ],
)
def test_refused_with_a_letter(site: Site, fields: dict[str, str], content: bytes, said: str) -> None:
    answer = push(site.visitor("operator"), content, **fields)
    assert answer.status == 422
    assert said in answer.letter


def test_a_reader_pushes_nothing(site: Site, path: str) -> None:
    assert push(site.visitor("reader"), notebook("1"), path).status == 403
    assert site.visitor("reader").get(f"/notebooks/{path}").status == 404
    assert site.visitor("reader").get("/notebooks/a.ipynb?version=x").status == 422
