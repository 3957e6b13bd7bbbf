"""Bibliographies in the database: merged, searched, corrected without forgetting, and out again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pybtex.database
import pytest
from click.testing import CliRunner

import gilgamesh_db as gilgamesh
from gilgamesh_db.cli import gilgamesh as command
from gilgamesh_db.errors import FileRefused, ReferenceNotFound
from gilgamesh_loaders import bibliography, bibtex
from records import install, record


def _import(db: gilgamesh.Database, text: str | bytes, origin: str = "lab.bib") -> bibliography.Import:
    content = text.encode() if isinstance(text, str) else text
    return bibliography.commit(db, bibliography.examine(db, content, origin), author="anna")


def test_real_bibliographies_round_trip(db: gilgamesh.Database, test_data: Path) -> None:
    raw = {}
    for path in sorted((test_data / "bib").glob("*.bib")):
        plan = _import(db, path.read_bytes(), path.name)
        raw |= {entry.key: entry.raw for entry in plan.new}
        assert not bibliography.examine(db, path.read_bytes(), path.name).new
    assert len(db.bibliography) == len(raw) == 36 + 55 + 156
    text = bibliography.exported(db)
    again = bibtex.parse(text)
    assert not again.refused
    assert {entry.key: entry.raw for entry in again.entries} == raw
    assert set(pybtex.database.parse_string(text, "bibtex").entries.keys()) == set(raw)
    # Importing our own export says nothing new.
    plan = bibliography.examine(db, text.encode(), "export.bib")
    assert (plan.new, plan.changed) == ((), ())


def test_crossref_takes_over_what_is_missing(db18: gilgamesh.Database, test_data: Path) -> None:
    _import(db18, (test_data / "bib" / "xampl.bib").read_bytes())
    found = db18.bibliography["inproceedings-crossref"]
    assert found.year == 1983
    assert found.fields["booktitle"].startswith("Proc. Fifteenth")
    assert "booktitle" not in found.raw
    text = bibliography.exported(db18, ["inproceedings-crossref"])
    assert [entry.key for entry in bibtex.parse(text).entries] == ["inproceedings-crossref", "whole-proceedings"]


def test_a_newer_file_shows_what_changes_and_forgets_nothing(db: gilgamesh.Database) -> None:
    _import(db, '@string{prl = "Phys. Rev. Lett."}\n@article{chen, journal = prl, year = 2003}\n@misc{b, note = prl}')
    before = db.sql("select max(recorded_at) as t from gilgamesh.edit")["t"].iloc[0]
    plan = bibliography.examine(
        db, b'@string{PRL = "Physical Review Letters"}\n@article{chen, journal = prl, year = 2004}', "new.bib"
    )
    assert str(plan) == (
        "new.bib: 0 new, 2 changed, 0 as they are\n@string prl: 'Phys. Rev. Lett.' → 'Physical Review Letters'\n"
        "chen\n  journal: 'Phys. Rev. Lett.' → 'Physical Review Letters'\n  year: '2003' → '2004'\n"
        "b\n  note: 'Phys. Rev. Lett.' → 'Physical Review Letters'"
    )
    assert db.bibliography["chen"].year == 2003
    bibliography.commit(db, plan)
    assert db.bibliography["chen"].year == 2004
    assert db.known_at(before).bibliography["chen"].fields["journal"] == "Phys. Rev. Lett."
    assert (
        pybtex.database.parse_string(bibliography.exported(db), "bibtex").entries["b"].fields["note"]
        == "Physical Review Letters"
    )


def test_a_pasted_record_may_use_the_abbreviations_of_the_lab(db18: gilgamesh.Database) -> None:
    _import(db18, "@string{prl = {Phys. Rev. Lett.}}")
    _import(db18, "@article{pasted, journal = prl}", "paste")
    assert db18.bibliography["pasted"].fields["journal"] == "Phys. Rev. Lett."


def test_search_finds_words_whatever_accents_and_wildcards(db: gilgamesh.Database) -> None:
    _import(
        db, r"@article{m1, author = {M{\"u}ller, J{\"o}rg}, title = {50\% of a_b}} @article{m2, title = {50 of axb}}"
    )
    assert list(db.bibliography.search("muller").index) == ["m1"]
    assert list(db.bibliography.search("a_b").index) == ["m1"]
    assert list(db.bibliography.search("50%").index) == ["m1"]
    assert list(db.bibliography.search("OF 50").index) == ["m1", "m2"]
    db.bibliography.tag("m2", ["to read"])
    assert list(db.bibliography.search(tag="to read").index) == ["m2"]
    db.bibliography.tag("m2", [])
    assert db.bibliography.search(tag="to read").empty


def test_html_is_escaped_and_follows_no_script(db18: gilgamesh.Database) -> None:
    _import(
        db18, "@misc{x<b, title = {<script>alert(1)</script>}, url = {javascript:alert(1)}, author = {<img src=x>}}"
    )
    line = db18.bibliography["x<b"].to_html()
    assert "<script" not in line
    assert "<img" not in line
    assert "javascript:" not in line
    _import(db18, "@misc{d, doi = {https://doi.org/10.1063/1.5009787}, url = {https://example.org/paper.pdf}}")
    assert db18.bibliography["d"].url == "https://doi.org/10.1063/1.5009787"
    _import(db18, "@misc{u, url = {https://example.org/a_b.pdf}}")
    assert db18.bibliography["u"].url == "https://example.org/a_b.pdf"


def test_long_abstracts_and_many_records(db18: gilgamesh.Database) -> None:
    abstract = " ".join(f"word{i}" for i in range(25_000))
    assert len(abstract) > 200_000
    _import(db18, "@article{long, abstract = {" + abstract + "}}")
    assert list(db18.bibliography.search("word24999").index) == ["long"]


def test_documents_come_back_byte_for_byte(db: gilgamesh.Database, tmp_path: Path) -> None:
    _import(db, "@article{p, title = {With a PDF}}")
    pdf = tmp_path / "paper.pdf"
    pdf.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 100)
    bibliography.attach(db, "p", pdf)
    assert db.bibliography["p"].documents == ("paper.pdf",)
    assert db.bibliography.document("p", "paper.pdf") == ("application/pdf", pdf.read_bytes())
    pdf.write_bytes(b"%PDF-1.7 newer")
    bibliography.attach(db, "p", pdf)
    assert db.bibliography["p"].documents == ("paper.pdf",)
    assert db.bibliography.document("p", "paper.pdf")[1] == b"%PDF-1.7 newer"
    pdf.write_bytes(b"no pdf at all")
    with pytest.raises(FileRefused, match="called a PDF"):
        bibliography.attach(db, "p", pdf)
    with pytest.raises(ReferenceNotFound, match=r"has no document 'x'; it has 'paper\.pdf'"):
        db.bibliography.document("p", "x")


def test_withdrawn_is_not_forgotten(db: gilgamesh.Database) -> None:
    _import(db, "@article{gone, title = {Retracted}}")
    before = db.sql("select max(recorded_at) as t from gilgamesh.edit")["t"].iloc[0]
    db.bibliography.withdraw("gone", "retracted")
    assert "gone" not in db.bibliography
    assert db.known_at(before).bibliography["gone"].title == "Retracted"
    _import(db, "@article{gone, title = {Retracted}}")
    assert "gone" in db.bibliography


def test_an_unknown_key_suggests(db18: gilgamesh.Database) -> None:
    _import(db18, "@article{chen2003}")
    with pytest.raises(ReferenceNotFound, match="did you mean 'chen2003'"):
        db18.bibliography["chen2030"]
    with pytest.raises(ReferenceNotFound, match="no reference 'nobody'"):
        db18.bibliography.tag("nobody", ["x"])


def test_what_holds_no_record_is_refused(db18: gilgamesh.Database) -> None:
    with pytest.raises(FileRefused, match="holds no BibTeX record"):
        bibliography.examine(db18, b"just words", "words.txt")
    assert db18.sql("select 1 from gilgamesh.edit").empty


def test_what_cites_a_reference_is_known(db: gilgamesh.Database) -> None:
    _import(db, "@article{chen, title = {Helicon}}")
    install(db)
    record(db, 1, int(db.sql("select component_id from gilgamesh.port").iloc[0, 0]), np.arange(100, dtype=np.int16))
    quoted = db.cite(db.signal("U", 1)).key
    push = "select gilgamesh.push_notebook('a/b.ipynb', cast(:content as bytea), :over, citations => :keys)"
    db.sql(push, {"content": b"{}", "over": None, "keys": ["chen", quoted]})
    db.sql(push, {"content": b"{ }", "over": 1, "keys": ["chen", "nobody"]})
    with db.edit("from the paper") as edit:
        edit.calibrate("PXI/ai0", gilgamesh.Polynomial((0.0, 1.0)), "ct", "V", source="chen")
    with db.run("fit", version="1", inputs=[db.signal("U", 1)], parameters={"source": "chen"}) as run:
        run.save("U_fit", db.signal("U", 1).time, db.signal("U", 1).values, "V", create=True)
    uses = db.bibliography.cited_by()
    assert list(zip(uses.index, uses["Kind"], uses["Name"], uses["Version"].fillna(0), uses["Current"], uses["Known"], strict=True)) == [
        (quoted, "notebook", "a/b.ipynb", 1, False, True),
        ("chen", "calibration", "PXI/ai0", 0, True, True),
        ("chen", "notebook", "a/b.ipynb", 1, False, True),
        ("chen", "notebook", "a/b.ipynb", 2, True, True),
        ("chen", "run", "fit", 0, True, True),
        ("nobody", "notebook", "a/b.ipynb", 2, True, False),
    ]  # fmt: skip
    assert list(db.bibliography.cited_by(quoted)["Name"]) == ["a/b.ipynb"]
    url = db.engine.url.render_as_string(hide_password=False)
    said = CliRunner().invoke(command, ["--url", url, "bib", "show", "chen"]).output
    assert "cited by calibration PXI/ai0\ncited by notebook a/b.ipynb, version 1, 2\ncited by run fit\n@article" in said
    said = CliRunner().invoke(command, ["--url", url, "bib", "show", quoted]).output
    assert said.startswith(f"{quoted}: U of shot 1")
    assert "cited by notebook a/b.ipynb, version 1 (no longer)" in said
    assert (
        json.loads(CliRunner().invoke(command, ["--url", url, "bib", "show", "chen", "--json"]).output)["cited_by"][2][
            "Version"
        ]
        == 2
    )
    assert set(pybtex.database.parse_string(bibliography.exported(db, ["chen", quoted]), "bibtex").entries) == {
        "chen",
        quoted,
    }


def test_on_the_command_line(db18: gilgamesh.Database, tmp_path: Path) -> None:
    path = tmp_path / "lab.bib"
    path.write_text("@article{a1, title = {Helicon}, year = 1999}\n@article{broken, title = {\n@article{a2}")

    def run(*words: str) -> tuple[int, str]:
        found = CliRunner().invoke(
            command, ["--url", db18.engine.url.render_as_string(hide_password=False), "bib", *words]
        )
        return found.exit_code, found.output + (str(found.exception) if found.exit_code else "")

    code, said = run("import", "--dry-run", str(path))
    assert code == 1
    assert "2 new" in said
    assert "line 2: a brace or quote is not closed" in said
    assert len(db18.bibliography) == 0
    assert "1 part was not read; all else is imported" in run("import", str(path))[1]
    assert "Helicon" in run("search", "helicon")[1]
    assert "“Helicon” (1999)." in run("show", "a1")[1]
    assert run("export", "a1")[1] == "@article{a1, title = {Helicon}, year = 1999}\n"
    assert run("tag", "a1", "rf", "source")[0] == 0
    assert "tags: rf, source" in run("show", "a1")[1]
