"""What comes out otherwise when a notebook is run again: outputs compared cell by cell, numbers as numbers."""

from __future__ import annotations

import difflib
import html
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .document import Notebook, cells_of, text_of
from .reads import is_note

_NUMBER = re.compile(r"(?<![\w.])[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w])|(?<![\w.])[+-]?(?:nan|inf)\b")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MOST = 8  # numbers of a cell that are shown


@dataclass(frozen=True)
class Difference:
    """What one cell gives otherwise.

    Attributes
    ----------
    cell : int
        Counted from 1, as the notebook shows its cells from top to bottom.
    kind : str
        ``numbers``, ``text``, ``picture``, ``error`` or ``outputs`` (more or fewer of them).
    said : str
        What it was and is, for people.
    relative : float or None
        Of numbers: the largest change, as a part of the larger of the two.
    """

    cell: int
    kind: str
    said: str
    relative: float | None = None

    def __str__(self) -> str:
        return f"cell {self.cell}: {self.said}"


def compare(before: Notebook, after: Notebook, tolerance: float = 0.0) -> tuple[Difference, ...]:
    """Compare the outputs of the same notebook, run twice.

    Parameters
    ----------
    before, after : dict
        Notebooks in today's format, with the same cells.
    tolerance : float
        Numbers that differ by no more than this part of the larger are the same.

    Examples
    --------
    >>> def printed(text): return {"cells": [{"cell_type": "code", "outputs": [{"output_type": "stream", "name": "stdout", "text": text}]}]}
    >>> print(*compare(printed("n = 1.20e17"), printed("n = 1.26e17")))
    cell 1: 1.20e17 → 1.26e17 (+5 %)
    """
    found: list[Difference] = []
    pairs = zip(cells_of(before), cells_of(after), strict=False)
    for position, (old, new) in enumerate(pairs, start=1):
        if old.get("cell_type") == "code":
            found += _cell(position, list(_outputs(old)), list(_outputs(new)), tolerance)
    return tuple(found)


def _cell(cell: int, old: list[tuple[str, str]], new: list[tuple[str, str]], tolerance: float) -> Iterator[Difference]:
    if [kind for kind, _ in old] != [kind for kind, _ in new]:
        failed = next((said for kind, said in new if kind == "error"), None)
        if failed is not None:
            yield Difference(cell, "error", f"fails now: {failed}")
        elif not old:
            yield Difference(cell, "outputs", "gives something now, and gave nothing")
        else:
            yield Difference(cell, "outputs", f"gave {_kinds(old)}, and gives {_kinds(new)} now")
        return
    for (kind, was), (_, is_) in zip(old, new, strict=True):
        if was == is_:
            continue
        if kind == "picture":
            yield Difference(cell, "picture", "the picture differs")
            continue
        numbers = _numbers(was, is_, tolerance)
        if numbers is None:
            yield Difference(cell, "error" if kind == "error" else "text", _text(was, is_))
        elif numbers:
            shown = "; ".join(f"{a} → {b}{_part(float(a), float(b))}" for a, b, _ in numbers[:_MOST])
            more = f"; and {len(numbers) - _MOST} more" if len(numbers) > _MOST else ""
            largest = max(abs(change) for *_, change in numbers)
            yield Difference(cell, "numbers", shown + more, largest)


def _numbers(was: str, is_: str, tolerance: float) -> list[tuple[str, str, float]] | None:
    """Numbers that differ, in texts that differ in nothing else; None where they differ otherwise."""
    if _skeleton(was) != _skeleton(is_):
        return None
    pairs = zip(_NUMBER.findall(was), _NUMBER.findall(is_), strict=True)
    found = [(a, b, _change(float(a), float(b))) for a, b in pairs if a != b]
    return [one for one in found if not abs(one[2]) <= tolerance]


def _change(a: float, b: float) -> float:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    larger = max(abs(a), abs(b))
    return (b - a) / larger if math.isfinite(larger) else math.inf


def _part(was: float, is_: float) -> str:
    """How much that is of what it was, where that can be said."""
    change = (is_ - was) / abs(was) if was else math.nan
    return f" ({100 * change:+.3g} %)" if abs(change) < 10 else ""


def _skeleton(text: str) -> list[str]:
    return _NUMBER.sub(" # ", text).split()


def _text(was: str, is_: str) -> str:
    lines = [
        line
        for line in difflib.unified_diff(was.splitlines(), is_.splitlines(), lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
    shown = [line[:160] for line in lines[: 2 * _MOST]]
    return "\n    ".join(["the text differs", *shown, *(["…"] if len(lines) > len(shown) else [])])


def _kinds(outputs: list[tuple[str, str]]) -> str:
    return ", ".join(dict.fromkeys(kind for kind, _ in outputs)) or "nothing"


def _outputs(cell: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a cell shows: (text, …), (picture, …) or (error, …); text that is printed piece by piece is one."""
    printed: list[str] = []
    for output in cell.get("outputs") or ():
        if is_note(output):
            continue
        kind = output.get("output_type")
        if kind == "stream":
            if output.get("name") == "stdout":  # what libraries grumble on stderr is no result
                printed.append(text_of(output.get("text")))
            continue
        if printed:
            yield "text", _plain("".join(printed))
            printed = []
        if kind == "error":
            yield "error", _plain(f"{output.get('ename')}: {output.get('evalue')}")
        else:
            yield from _data(output.get("data") or {})
    if printed:
        yield "text", _plain("".join(printed))


def _data(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    pictures = [media for media in data if media.startswith("image/")]
    if "application/vnd.jupyter.widget-view+json" in data:
        return  # a widget is another one each time
    if pictures:
        yield "picture", text_of(data[pictures[0]])
    elif "text/plain" in data:
        yield "text", _plain(text_of(data["text/plain"]))
    elif "text/html" in data:
        yield "text", _plain(html.unescape(re.sub(r"<[^<>]*>", " ", text_of(data["text/html"]))))


def _plain(text: str) -> str:
    return _ADDRESS.sub("0x…", _COLOUR.sub("", text))
