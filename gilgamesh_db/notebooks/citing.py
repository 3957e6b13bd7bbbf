r"""Citations in the Markdown of a notebook: ``\citep[key]``, ``\citep{a,b}``, ``\citet{key}``.

Code, formulas and links are left alone. What is code and what is a link, the Markdown parser says, not this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from ..errors import MissingExtra

if TYPE_CHECKING:
    from mistune import Markdown

# \citep[key], \citep{a,b}, \citep[p. 5]{key}, \citep[see][p. 5]{key}; a backslash escaped for Markdown is one, too.
_COMMAND = re.compile(
    r"(?<!\\)\\{1,2}cite(?P<form>[pt]?)\*?"
    r"(?:(?P<before>\[[^\[\]\n]*\])?(?P<note>\[[^\[\]\n]*\])?\{(?P<keys>[^{}]*)\}|\[(?P<bracketed>[^\[\]{}]*)\])"
)
_KEY = re.compile(r"[^\s\x00-\x1f\x7f,{}]{1,200}")
# What Jupyter hands to MathJax: $…$, $$…$$, \\(…\\), \\[…\\], environments; and the two spellings without Markdown's escape.
_FORMULA = (
    r"(?<!\\)\$\$(?s:.*?)(?<!\\)\$\$"
    r"|\\{1,2}\[(?s:.*?)\\{1,2}\]"
    r"|\\begin\{(?P<environment>[a-z]*\*?)\}(?s:.*?)\\end\{(?P=environment)\}"
)
_INLINE_FORMULA = _FORMULA + r"|(?<![$\\])\$(?s:.+?)(?<![$\\])\$|\\{1,2}\((?s:.*?)\\{1,2}\)"
_OPENING = re.compile(r"\\begin\{(?P<name>[a-z]*\*?)\}|\\{1,2}[\[(]")
_CLOSING = str.maketrans("[(", "])")
_FEW = 50  # a text somebody means well with has no more
_NUMBERED = re.compile(r"\\cite\{(\d+)\s*\}")
_NO_TEXT = frozenset(("a", "code", "pre", "script", "style", "textarea", "title", "kbd", "samp", "math", "svg"))


@dataclass(frozen=True)
class Citing:
    r"""A place in a text where something is cited.

    Attributes
    ----------
    start, end : int
        Where it stands in the text.
    keys : tuple of str
        What is cited, in this order.
    textual : bool
        ``\citet``: the names belong to the sentence. Else all of it stands in brackets.
    before, note : str
        What ``\citep[see][p. 5]{key}`` says besides.
    """

    start: int
    end: int
    keys: tuple[str, ...]
    textual: bool = False
    before: str = ""
    note: str = ""


def citings(source: str) -> list[Citing]:
    r"""Where a Markdown text cites something.

    Parameters
    ----------
    source : str
        Markdown, as it stands in a cell.

    Returns
    -------
    list of Citing
        In the order of the text.

    Raises
    ------
    MissingExtra
        The Markdown parser is not installed.

    Examples
    --------
    >>> [cited.keys for cited in citings(r"As \citet{chen2015} says \citep[boswell1970], not `\citep{code}` or $\citep{x}$.")]
    [('chen2015',), ('boswell1970',)]
    """
    if "\\cite" not in source:
        return []
    found = [citing for match in _COMMAND.finditer(source) if (citing := _citing(match)) is not None]
    if not found:
        return []
    # Each is replaced by its number, and the numbers that arrive as text in the page are citations.
    parts, at = [], 0
    for number, citing in enumerate(found):
        end_of_line = "\n" if "\n" in source[citing.start : citing.end] else ""
        parts += [source[at : citing.start], f"\\cite{{{number}{end_of_line}}}"]
        at = citing.end
    text = _Text()
    text.feed(str(_markdown()(calmed("".join([*parts, source[at:]])))))
    text.close()
    return [found[number] for number in sorted(text.numbers) if number < len(found)]


def cited_keys(notebook: Mapping[str, Any]) -> list[str]:
    r"""What a notebook cites, each key once, in the order of the first time.

    Parameters
    ----------
    notebook : mapping
        A notebook as it is stored, of whatever version; what is no Markdown cell cites nothing.

    Returns
    -------
    list of str

    Examples
    --------
    >>> cited_keys({"cells": [{"cell_type": "markdown", "source": ["Helicons ", r"\\citep{chen2015,boswell1970}"]}]})
    ['chen2015', 'boswell1970']
    """
    keys = (key for source in _markdown_cells(notebook) for citing in citings(source) for key in citing.keys)
    return list(dict.fromkeys(keys))


def calmed(source: str) -> str:
    r"""Markdown whose many unclosed formulas, which would be looked for to the end of the text each, are plain text.

    Examples
    --------
    >>> calmed(r"\\begin{a} x")
    '\\\\begin{a} x'
    """
    last: dict[str, int] = {}

    def unclosed(match: re.Match[str]) -> bool:
        closing = match[0].replace("begin", "end") if match["name"] is not None else match[0].translate(_CLOSING)
        if closing not in last:
            last[closing] = source.rfind(closing)
        return last[closing] < match.start()

    if sum(map(unclosed, _OPENING.finditer(source))) <= _FEW:
        return source
    return _OPENING.sub(lambda match: "&#92;" + match[0].lstrip("\\") if unclosed(match) else match[0], source)


def _citing(match: re.Match[str]) -> Citing | None:
    listed = match["keys"] if match["keys"] is not None else match["bracketed"]
    keys = tuple(key.strip() for key in listed.split(","))
    if listed.count("\n") > 1 or not all(_KEY.fullmatch(key) for key in keys):
        return None
    first, second = ((match[name] or "")[1:-1].strip() for name in ("before", "note"))
    # One remark alone stands behind: \citep[p. 5]{key}
    before, note = (first, second) if match["note"] else ("", first)
    return Citing(match.start(), match.end(), keys, match["form"] == "t", before, note)


class _Text(HTMLParser):
    """Numbers of the citations that stand in the text of a page; not in code, in a link, or in an attribute."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.numbers: set[int] = set()
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _NO_TEXT:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.numbers.update(int(number) for number in _NUMBERED.findall(data))


@lru_cache(maxsize=1)
def _markdown() -> Markdown:
    try:
        import mistune
    except ImportError as error:
        raise MissingExtra("mistune", "notebook", "finding the citations of a notebook") from error
    plugins = ("strikethrough", "table", "url", "task_lists", "def_list")
    return mistune.create_markdown(escape=False, plugins=[*plugins, _without_formulas])


def _without_formulas(markdown: Markdown) -> None:
    """A plugin of mistune: formulas, which Jupyter takes out before Markdown is read, leave nothing."""
    markdown.block.register("formula", f"^ {{0,3}}(?:{_FORMULA})", lambda _, match, __: match.end(), before="list")
    markdown.inline.register(
        "formula", _INLINE_FORMULA.replace("environment", "inline_environment"), lambda _, match, __: match.end(), before="escape"
    )  # fmt: skip


def _markdown_cells(notebook: Mapping[str, Any]) -> Iterator[str]:
    """The text of Markdown cells, in notebooks of every version, also damaged ones."""
    worksheets = notebook.get("worksheets")
    holders = [notebook, *(worksheets if isinstance(worksheets, list) else [])]
    for holder in holders:
        cells = holder.get("cells") if isinstance(holder, Mapping) else None
        for cell in cells if isinstance(cells, list) else []:
            if isinstance(cell, Mapping) and cell.get("cell_type") == "markdown":
                source = cell.get("source")
                if isinstance(source, Sequence) and not isinstance(source, str):
                    source = "".join(line for line in source if isinstance(line, str))
                if isinstance(source, str):
                    yield source
