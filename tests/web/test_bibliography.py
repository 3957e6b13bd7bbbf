"""The bibliography in the browser, the search, and the landing page."""

from __future__ import annotations

import re
import uuid
from typing import Any
from urllib.parse import quote

import pytest

from .conftest import Site, Visitor

CHEN = "@article{chen2003,\n  author = {Chen, Francis F. and <b>Bold</b>, Ann},\n  title = {Langmuir {P}robe Diagnostics},\n  year = 2003\n}"


def upload(visitor: Visitor, path: str, files: dict[str, tuple[str, bytes]], **fields: str) -> Any:
    """Send a form with files."""
    if not visitor.xsrf:
        visitor.get("/login")
    boundary = uuid.uuid4().hex
    parts = b""
    for name, value in {"_xsrf": visitor.xsrf, **fields}.items():
        parts += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    for name, (filename, content) in files.items():
        parts += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'.encode()
        )
        parts += content + b"\r\n"
    parts += f"--{boundary}--\r\n".encode()
    return visitor.ask("POST", path, parts, Content_Type=f"multipart/form-data; boundary={boundary}")


def confirmed(page: Any) -> dict[str, str]:
    """What the form of a preview sends."""
    return {name: re.search(rf'name="{name}" value="([^"]*)"', page.text)[1] for name in ("origin", "content")}  # type: ignore[index]


@pytest.fixture
def imported(site: Site, visitors: Any) -> Visitor:
    """An operator, after one record was imported by its preview."""
    operator: Visitor = visitors["operator"]
    preview = operator.post("/bibliography", text=CHEN, do="preview")
    if "1 as they are" not in preview.text:
        operator.post("/bibliography", do="import", **confirmed(preview))
    return operator


def test_nothing_is_imported_before_it_was_seen(site: Site, visitors: Any) -> None:
    operator, key = visitors["operator"], f"new{uuid.uuid4().hex[:6]}"
    record = CHEN.replace("chen2003", key)
    preview = operator.post("/bibliography", text=record + "\n@article{broken, title = {", do="preview")
    assert preview.status == 200
    assert "1 new" in preview.text
    assert "Cannot be read" in preview.text
    assert "<b>Bold</b>" not in preview.text
    assert key not in site.db.bibliography
    done = operator.post("/bibliography", do="import", **confirmed(preview))
    assert "Imported: 1 new, 0 changed" in done.text
    assert site.db.bibliography[key].raw == record
    changed = upload(
        operator,
        "/bibliography",
        {"file": ("C:\\papers\\new.bib", record.replace("2003\n", "2004\n").encode())},
        do="preview",
    )
    assert "What new.bib would change" in changed.text
    assert re.search(r"<del>2003</del>.*<ins>2004</ins>", changed.text)
    operator.post("/bibliography", do="import", **confirmed(changed))
    assert site.db.bibliography[key].year == 2004
    assert site.db.sql("select author from gilgamesh.edit order by id desc limit 1").author[0] == site.names["operator"]
    assert visitors["reader"].post("/bibliography", text=record, do="preview").status == 403


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": ""}, "no BibTeX record"),
        ({"text": "hello"}, "no BibTeX record"),
        ({"content": "%%%", "do": "import"}, "begin again"),
    ],
)
def test_what_is_no_bibtex_is_said(visitors: Any, fields: dict[str, str], said: str) -> None:
    answer = visitors["operator"].post("/bibliography", **fields)
    assert answer.status == 422
    assert said in answer.letter


def test_a_record_is_found_read_and_exported(site: Site, visitors: Any, imported: Visitor) -> None:
    reader = visitors["reader"]
    assert "chen2003" in reader.get("/bibliography?q=langmuir+chen").text
    assert "chen2003" not in reader.get("/bibliography?q=tokamak").text
    page = reader.get("/bibliography/chen2003")
    assert "\\citep[chen2003]" in page.text
    assert "<b>Bold" not in page.text
    assert CHEN in reader.get("/bibliography.bib").text
    assert reader.get("/bibliography.bib?key=chen2003").headers["Content-Disposition"].endswith('"bibliography.bib"')
    assert reader.get("/bibliography/chen2004").status == 404
    assert reader.get("/bibliography.bib?key=nobody").status == 404


def test_documents_do_nothing_on_our_pages(site: Site, visitors: Any, imported: Visitor) -> None:
    pdf = b"%PDF-1.7\nnot much of one"
    assert upload(imported, "/bibliography/chen2003", {"file": ("../../paper 1.pdf", pdf)}, do="attach").status == 303
    assert (
        upload(
            imported, "/bibliography/chen2003", {"file": ("evil.html", b"<script>alert(1)</script>")}, do="attach"
        ).status
        == 303
    )
    assert "is none" in upload(imported, "/bibliography/chen2003", {"file": ("x.pdf", b"hello")}, do="attach").letter
    reader = visitors["reader"]
    found = reader.get("/bibliography/chen2003/" + quote("paper 1.pdf"))
    assert (found.body, found.headers["Content-Type"]) == (pdf, "application/pdf")
    evil = reader.get("/bibliography/chen2003/evil.html")
    assert evil.headers["Content-Type"] == "application/octet-stream"
    assert evil.headers["Content-Disposition"].startswith("attachment")
    for answer in (found, evil):
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert reader.get("/bibliography/chen2003/" + quote("../../../etc/passwd", safe="")).status == 404
    assert upload(reader, "/bibliography/chen2003", {"file": ("y.pdf", pdf)}, do="attach").status == 403


def test_a_record_is_sorted_and_taken_out(site: Site, visitors: Any) -> None:
    operator, key = visitors["operator"], f"DBLP:a/{uuid.uuid4().hex[:6]}"
    path = "/bibliography/" + quote(key, safe="")
    preview = operator.post("/bibliography", text=CHEN.replace("chen2003", key))
    operator.post("/bibliography", do="import", **confirmed(preview))
    assert operator.post(path, do="tag", tags="probes, to read").status == 303
    assert site.db.bibliography[key].tags == ("probes", "to read")
    assert key in operator.get("/bibliography?tag=" + quote("to read")).text
    assert operator.post(path, do="withdraw", reason="").status == 422
    assert operator.post(path, do="withdraw", reason="twice there").status == 303
    assert key not in site.db.bibliography
    assert operator.post(path, do="dance").status in (404, 422)


def test_words_are_looked_for_everywhere(site: Site, visitors: Any, imported: Visitor) -> None:
    with site.db.edit("for the search") as edit:
        edit.write_log("langmuir probe cleaned with a 100% glow_discharge", shot=838)
    reader = visitors["reader"]
    text = reader.get("/search?q=langmuir").text
    for title in ("Signals", "Logbook", "Bibliography"):
        assert f"<h2>{title} " in text
    assert 'href="/bibliography/chen2003"' in text
    assert reader.get("/search?q=1234").headers["Location"] == "/shots/1234"
    assert "Nothing holds" in reader.get("/search?q=" + quote("l_ngmuir zz")).text
    assert "&lt;script&gt;" in reader.get("/search?q=" + quote("<script>")).text
    assert [hit.kind for hit in site.db.find("100% glow")] == ["log"]
    assert site.db.find("  ") == []
    comment = site.db.shots().Comment[838]
    assert ("shot", "838") in {(hit.kind, hit.name) for hit in site.db.find(comment)}


def test_the_landing_page_says_what_happened_last(site: Site, visitors: Any) -> None:
    with site.db.edit("cable of the landing page found") as edit:
        edit.write_log("<i>noted</i> beside it", shot=1234)
    text = visitors["reader"].get("/").text
    assert "cable of the landing page found" in text
    assert "&lt;i&gt;noted" in text
    assert 'href="/shots/1500"' in text or 'href="/shots/160' in text
