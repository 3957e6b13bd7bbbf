"""BibTeX taken apart: every record kept as it is or listed, abbreviations and letters as another reader has them."""

from __future__ import annotations

import re
import time
import unicodedata
from pathlib import Path

import pybtex.database
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gilgamesh_db.errors import FileRefused
from gilgamesh_loaders import bibtex

FILES = ("xampl.bib", "plasmapy_bibliography.bib", "jabref_testjabref.bib")


@pytest.mark.parametrize(("name", "entries"), [*zip(FILES, (36, 55, 156), strict=True)])
def test_real_bibliographies_arrive_whole(test_data: Path, name: str, entries: int) -> None:
    content = (test_data / "bib" / name).read_bytes()
    found = bibtex.read(content)
    assert len(found.entries) == entries
    assert not found.refused
    text = content.decode("utf-8").replace("\r\n", "\n")
    for entry in found.entries:
        assert entry.raw in text
        assert text.splitlines()[entry.line - 1].lstrip().startswith("@")
    # Nothing but blank space is left when every part is taken out of the file.
    for part in sorted((p.raw for p in (*found.entries, *found.passages)), key=len, reverse=True):
        text = text.replace(part, "", 1)
    assert text.strip() == ""


def test_abbreviations_agree_with_another_reader(test_data: Path) -> None:
    content = (test_data / "bib" / "xampl.bib").read_text()
    reference = pybtex.database.parse_string(content, "bibtex")
    found = {entry.key: entry for entry in bibtex.parse(content).entries}
    assert set(found) == set(reference.entries.keys())
    compared = 0
    for key, theirs in reference.entries.items():
        for name in ("booktitle", "journal", "month", "year", "volume"):
            value = theirs.fields._dict.get(name) if name in theirs.fields._dict else None
            if value is not None and not re.search(r"[\\{}$~-]", value):
                assert found[key].fields[name] == value, (key, name)
                compared += 1
    assert compared > 40
    assert found["whole-proceedings"].fields["booktitle"].startswith("Proc. Fifteenth Annual ACM Symposium")


def test_people_agree_with_another_reader(test_data: Path) -> None:
    content = (test_data / "bib" / "plasmapy_bibliography.bib").read_text()
    reference = pybtex.database.parse_string(content, "bibtex")
    for entry in bibtex.parse(content).entries:
        theirs = reference.entries[entry.key].persons.get("author") or reference.entries[entry.key].persons.get(
            "editor", []
        )
        surnames = [[p for p in person.prelast_names + person.last_names if p != "Jr."] for person in theirs]
        assert [a.rsplit(",", 1)[0].split(" ")[-1] for a in entry.authors] == [
            bibtex.plain(" ".join(names)).split(",")[0].split(" ")[-1] for names in surnames
        ]


def test_a_damaged_record_does_not_take_the_others_with_it() -> None:
    found = bibtex.parse(
        "@article{a, title = {good}}\n@article{b, title = {unclosed, author = {x}\n@article{c, title = {good too}}\n"
        "@article{a, title = {other}}\n@article{c,   title = {good too}}\n@article{d, year = 1, year = 2}\n@misc{, title={x}}\n"
    )
    assert [entry.key for entry in found.entries] == ["a", "c"]
    assert [(part.line, part.reason) for part in found.refused] == [
        (2, "a brace or quote is not closed"),
        (4, "the key 'a' was used before, in line 1, for another text"),
        (6, "the field year is given twice"),
        (7, "the entry has no key"),
    ]
    assert (
        str(found.refused[0]) == "line 2: a brace or quote is not closed: @article{b, title = {unclosed, author = {x}"
    )


@pytest.mark.parametrize(
    ("encoding", "guessed"), [("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("gbk", True)]
)
def test_encodings_are_found_out(encoding: str, guessed: bool) -> None:
    text = (
        "@article{li, author = {李晓明 and 王芳}, title = {等离子体中的螺旋波天线耦合与离子回旋共振加热研究}, journal = {物理学报}}\n"
        * 1
    )
    found = bibtex.read(text.encode(encoding))
    assert found.guessed is guessed
    assert found.entries[0].fields["journal"] == "物理学报"


def test_a_stated_encoding_is_believed_when_it_fits() -> None:
    text = "% Encoding: ISO-8859-1\n@article{m, author = {Müller, Jörg}, title = {Über}}"
    assert bibtex.read(text.encode("latin-1")).entries[0].authors == ("Jörg Müller",)
    assert bibtex.read(text.encode("utf-8"), "utf-8").entries[0].authors == ("Jörg Müller",)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (
            "@article{a, author = {Muñoz, José and Conceição, João and Ångström, Anders}, title = {Über Højgaard}}",
            "latin-1",
        ),
        ("@article{a, title = {Исследование плазмы зондом Ленгмюра в геликонном разряде}}", "cp1251"),
        ("@article{a, title = {プラズマの研究におけるラングミュアプローブの測定}}", "shift_jis"),
    ],
)
def test_a_guess_is_good_and_owned_up_to(text: str, encoding: str) -> None:
    found = bibtex.read(text.encode(encoding))
    assert found.guessed
    assert found.entries[0].raw == text


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        (b"@misc{a,\n title = {\xff}}", "utf-8", "line 2 is not written in utf-8"),
        (b"@misc{a, title = {x}}", "klingon", "no known encoding"),
        (b"@misc{a\x00}", None, "zero bytes"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, encoding: str | None, said: str) -> None:
    with pytest.raises(FileRefused, match=said):
        bibtex.read(content, encoding)


def test_links_keep_their_letters() -> None:
    fields = bibtex.parse(r"@misc{a, url = {https://x.org/a\_b~c%20d}, doi = {10.1000/a_b}}").entries[0].fields
    assert fields == {"url": "https://x.org/a_b~c%20d", "doi": "10.1000/a_b"}


_latex = st.lists(
    st.sampled_from([
        "{ECR}", "--", "---", "-", "``", "''", "`", "'", "\\\"u", "{\\\"u}", "\\\"{u}", "\\'{\\i}", "{\\'e}", "\\^o", "\\~n", "\\.z", "\\=a",
        " ", "\n", "word", "A", "~", "\\ss ", "{\\ss}", "\\o", "é", "\\alpha ", "\\&", "\\%", "\\_", "\\c{c}", "?`", "!`", '"', "\\mu m", "x\\pm{}", "$x_1$",
    ]),
    max_size=8,
)  # fmt: skip


@given(_latex)
def test_letters_are_what_a_parser_of_latex_makes_of_them(pieces: list[str]) -> None:
    from pylatexenc.latex2text import LatexNodes2Text

    text = "".join(pieces)
    assume(not re.search(r"\\[a-z]+é", text))  # the parser takes é for a part of the name, and loses both
    decoder = LatexNodes2Text(math_mode="verbatim", keep_comments=True, strict_latex_spaces=False)
    assert bibtex.plain(text) == unicodedata.normalize("NFC", decoder.latex_to_text(text))


def test_five_thousand_records_take_less_than_two_seconds() -> None:
    records = "".join(
        f'@article{{k{i}, author = {{M{{\\"u}}ller, J. and B{i}, C. D.}}, title = {{On {{ECR}} source {i} and \\alpha particles}}, '
        f"journal = {{Plasma Sources Sci. Technol.}}, volume = {i % 40}, pages = {{1--{i}}}, year = {1950 + i % 70}, "
        f"doi = {{10.1000/x{i}}}, abstract = {{Some words about plasma number {i}.}}}}\n\n"
        for i in range(5000)
    )
    begin = time.process_time()
    found = bibtex.parse(records)
    assert time.process_time() - begin < 2  # 0.5 s alone on the machine
    assert found.entries[7].fields["title"] == "On ECR source 7 and αparticles"
    assert found.entries[7].authors == ("J. Müller", "C. D. B7")


_value = st.text(st.characters(codec="utf-8", exclude_characters="{}\\@\x00\r"), max_size=30)


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), _value, max_size=4),
    st.text("abc-:", min_size=1, max_size=9),
)
def test_what_another_writer_writes_is_read(fields: dict[str, str], key: str) -> None:
    written = "@misc{" + key + ",\n" + "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items()) + "}\n"
    found = bibtex.parse(written)
    assert not found.refused
    (entry,) = found.entries
    assert entry.key == key
    assert entry.raw == written.strip()
    assert set(entry.fields) == set(fields)


@given(st.text(st.sampled_from('@{}",=#\n aartile%\\'), max_size=120))
def test_any_text_is_taken_apart(text: str) -> None:
    found = bibtex.parse(text)
    left = text
    for part in sorted((p.raw for p in (*found.entries, *found.passages, *found.refused)), key=len, reverse=True):
        left = left.replace(part, "", 1)
    assert "@" not in left or "@article" not in left


def test_another_reader_reads_the_export_of_each_record(test_data: Path) -> None:
    for entry in bibtex.read((test_data / "bib" / "plasmapy_bibliography.bib").read_bytes()).entries:
        assert list(pybtex.database.parse_string(entry.raw, "bibtex").entries.keys()) == [entry.key]
