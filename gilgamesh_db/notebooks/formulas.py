r"""Formulas of notebooks as MathML, which browsers draw by themselves: no script, and nothing fetched from elsewhere."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from xml.etree.ElementTree import Element, tostring

from ..errors import MissingExtra

_LONGEST = 20_000  # characters; of more it is not worth the time
_WITHOUT_MEANING = re.compile(r"\\(?:label\s*\{[^{}]*\}|nonumber\b|notag\b)")
_NUMBERED = re.compile(r"(\\(?:begin|end)\{(?:align|gather|eqnarray|multline))\}")  # each would begin again with (1)
# MathML Core without links, actions and styles: a formula is text somebody else wrote.
_ELEMENTS = {
    "math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "mfrac", "msqrt", "mroot", "mstyle", "merror", "mpadded",
    "mphantom", "menclose", "msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts", "mprescripts",
    "none", "mtable", "mtr", "mlabeledtr", "mtd",
}  # fmt: skip
_ATTRIBUTES = {
    "xmlns", "display", "displaystyle", "scriptlevel", "mathvariant", "mathcolor", "mathbackground", "mathsize",
    "stretchy", "symmetric", "fence", "separator", "form", "accent", "accentunder", "lspace", "rspace", "minsize",
    "maxsize", "movablelimits", "largeop", "linethickness", "columnalign", "rowalign", "columnlines", "rowlines",
    "columnspacing", "rowspacing", "frame", "notation", "width", "height", "depth", "columnspan", "rowspan",
}  # fmt: skip
_FORMULA = re.compile(
    r"\s*(?:\$\$(?P<display>.+)\$\$|\$(?P<inline>[^$]+)\$|\\\[(?P<bracket>.+)\\\]|\\\((?P<round>.+)\\\)"
    r"|(?P<environment>\\begin\{(?P<name>[a-z]+\*?)\}.*\\end\{(?P=name)\}))\s*",
    re.DOTALL,
)


@lru_cache(maxsize=4096)
def mathml(latex: str, *, block: bool = False) -> str:
    r"""A formula as MathML; what cannot be read is shown as it was written.

    Parameters
    ----------
    latex : str
        Without the dollars around it.
    block : bool
        On a line of its own.

    Returns
    -------
    str
        HTML in which nothing acts: no links, no styles, no scripts.

    Examples
    --------
    >>> mathml("n_e")
    '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mrow><msub><mi>n</mi><mi>e</mi></msub></mrow></math>'
    >>> mathml(r"\left(")
    '<code class="formula">\\left(</code>'
    """
    try:
        from latex2mathml.converter import convert_to_element
    except ImportError as error:
        raise MissingExtra("latex2mathml", "notebook", "showing the formulas of a notebook") from error
    text = _NUMBERED.sub(r"\1*}", _WITHOUT_MEANING.sub("", latex))
    if len(text) <= _LONGEST:
        try:
            return tostring(
                _plain(convert_to_element(text, display="block" if block else "inline")), encoding="unicode"
            )
        except Exception:  # noqa: S110 - the converter gives up in many ways on what is no formula; then its text is shown
            pass
    return f'<code class="formula">{html.escape(latex)}</code>'


def formula_of(text: str) -> tuple[str, bool] | None:
    r"""A text that is one formula: what stands between its dollars, and whether it has a line of its own; else None.

    Examples
    --------
    >>> formula_of(r"$\displaystyle n_e$")
    ('\\displaystyle n_e', False)
    >>> formula_of("no formula") is None
    True
    """
    match = _FORMULA.fullmatch(text)
    if match is None:
        return None
    inline = match["inline"] or match["round"]
    return (inline, False) if inline else (match["display"] or match["bracket"] or match["environment"], True)


def _plain(element: Element) -> Element:
    """The same without anything that acts; the converter writes signs as entities and leaves < and & as they come."""
    if element.tag not in _ELEMENTS:
        element.tag = "mrow"
    for name in set(element.attrib) - _ATTRIBUTES:
        del element.attrib[name]
    element.text, element.tail = (
        None if part is None else html.unescape(part) for part in (element.text, element.tail)
    )
    for child in element:
        _plain(child)
    return element
