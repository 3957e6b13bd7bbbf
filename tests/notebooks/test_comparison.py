"""Outputs compared: numbers as numbers, and nothing that is another each time."""

from __future__ import annotations

from typing import Any

import pytest

from gilgamesh_db.notebooks.comparison import compare
from gilgamesh_db.notebooks.reads import MEDIA_TYPE


def ran(*outputs: Any) -> dict[str, Any]:
    return {
        "cells": [
            {"cell_type": "markdown", "source": "x"},
            {"cell_type": "code", "source": "x", "outputs": list(outputs)},
        ]
    }


def printed(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data: str) -> dict[str, Any]:
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {key.replace("_", "/"): value for key, value in data.items()},
    }


@pytest.mark.parametrize(
    ("was", "is_", "kind", "relative"),
    [
        ("n = 1.20e17 m^-3", "n = 1.26e17 m^-3", "numbers", 0.06 / 1.26),
        ("a  1\nb 2.0", "a 1\nb   2.5", "numbers", 0.2),
        ("[1, -2, .5]", "[1, 2, .5]", "numbers", 2.0),
        ("0", "3", "numbers", 1.0),
        ("nan", "1.5", "numbers", float("inf")),
        ("Lang_I1 is good", "Lang_I2 is good", "text", None),
        ("one", "two", "text", None),
    ],
)
def test_text(was: str, is_: str, kind: str, relative: float | None) -> None:
    (found,) = compare(ran(printed(was)), ran(printed(is_)))
    assert (found.cell, found.kind) == (2, kind)
    assert found.relative == (None if relative is None else pytest.approx(relative))
    assert compare(ran(printed(was)), ran(printed(was))) == ()


def test_what_is_another_each_time_is_no_difference() -> None:
    assert compare(ran(printed("<Signal at 0x7f31a0>")), ran(printed("<Signal at 0x7f9999>"))) == ()
    assert compare(ran(printed("1.0000001")), ran(printed("1.0000002")), tolerance=1e-6) == ()
    assert compare(ran(printed("x"), printed("warning 1", "stderr")), ran(printed("x"))) == ()
    assert compare(ran(printed("a"), printed("b")), ran(printed("ab"))) == ()
    assert compare(ran(printed("1.50")), ran(printed("1.5"))) == ()
    note = {"output_type": "display_data", "metadata": {}, "data": {MEDIA_TYPE: {}}}
    assert compare(ran(note, printed("a")), ran(printed("a"))) == ()
    table = {"text_plain": "1 2", "text_html": "<td>1</td>"}
    assert compare(ran(shown(**table)), ran(shown(**{**table, "text_html": "<td>x</td>"}))) == ()


def test_pictures_errors_and_more_or_less() -> None:
    picture, other = shown(image_png="aaaa", text_plain="<Figure>"), shown(image_png="bbbb", text_plain="<Figure>")
    error = {"output_type": "error", "ename": "NotWired", "evalue": "no cable", "traceback": []}
    assert [d.kind for d in compare(ran(picture), ran(other))] == ["picture"]
    assert [str(d) for d in compare(ran(printed("x")), ran(error))] == ["cell 2: fails now: NotWired: no cable"]
    assert [str(d) for d in compare(ran(printed("x"), picture), ran(picture))] == [
        "cell 2: gave text, picture, and gives picture now"
    ]
    assert [d.kind for d in compare(ran(), ran(picture))] == ["outputs"]
