"""Citations are found where a reader sees them as text, and nowhere else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citation_cases import FOUND, LEFT_ALONE
from gilgamesh_db.notebooks.citing import Citing, cited_keys, citings


@pytest.mark.parametrize("source", FOUND)
def test_citations_are_found(source: str) -> None:
    found = citings(source)
    assert [citing.keys for citing in found] == FOUND[source]
    for citing in found:
        assert source[citing.start : citing.end].lstrip("\\").startswith("cite")
        assert all(key in source[citing.start : citing.end] for key in citing.keys)


@pytest.mark.parametrize("source", [*LEFT_ALONE, r"\(\citep{a}\)", r"\[\citep{a}\]"])
def test_code_formulas_and_links_are_left_alone(source: str) -> None:
    assert citings(source) == []
    assert [citing.keys for citing in citings(source + "\n\n\\citep{after}")] == [("after",)]


def test_remarks_and_their_order() -> None:
    assert citings(r"\citep[see][p. 5]{a}") == [Citing(0, 20, ("a",), before="see", note="p. 5")]
    assert citings(r"\citet[p. 5]{a}") == [Citing(0, 15, ("a",), textual=True, note="p. 5")]


_pieces = st.sampled_from(
    [*FOUND, *LEFT_ALONE, "`", "$", "\n\n", "\n", "<a>", "</a>", "> ", "- ", "**", "[", "](x)", "\\", "\\citep{k}", "\\cite{0}"]
)  # fmt: skip


@given(st.lists(_pieces, max_size=8))
def test_whatever_the_text_a_place_holds_what_was_found_there(pieces: list[str]) -> None:
    source = "".join(pieces)
    end = 0
    for citing in citings(source):
        assert end <= citing.start < citing.end <= len(source)
        end = citing.end
        assert all(key in source[citing.start : citing.end] for key in citing.keys)


def test_keys_of_a_notebook_come_once_in_order() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["\\citep{b}\n", "\\citep[a]"]},
        {"cell_type": "code", "source": "# \\citep{code}"},
        {"cell_type": "raw", "source": "\\citep{raw}"},
        {"cell_type": "markdown", "source": "\\citet{a} \\citep{c,b}"},
    ]
    assert cited_keys({"cells": cells}) == ["b", "a", "c"]
    assert cited_keys({"worksheets": [{"cells": cells}], "nbformat": 3}) == ["b", "a", "c"]


@pytest.mark.parametrize(
    "notebook",
    [
        {},
        {"cells": None},
        {"cells": [None, {"cell_type": "markdown"}, {"cell_type": "markdown", "source": [1, None]}]},
        {"worksheets": 3},
    ],
)
def test_damaged_notebooks_cite_nothing(notebook: dict[str, object]) -> None:
    assert cited_keys(notebook) == []


def test_long_texts_take_no_time() -> None:
    source = ("A paragraph about $n_e$ and `code` with \\citep{chen2015} and some *words*.\n\n" * 7000)[:500_000]
    begin = time.process_time()
    assert len(citings(source)) > 6000
    assert time.process_time() - begin < 3


@pytest.mark.parametrize(
    "piece", [r"\begin{a} ", r"\\[ ", r"\\( ", r"\end{a} \begin{b} ", "$x ", "$$ x\n", "[", "<a ", "`", r"\citep{"]
)
def test_what_is_never_closed_takes_no_time(piece: str) -> None:
    begin = time.process_time()
    citings("\\citep{k}\n\n" + piece * 5000)
    assert time.process_time() - begin < 2
