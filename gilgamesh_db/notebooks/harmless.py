"""HTML that somebody else wrote, without anything that acts or fetches."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ..errors import MissingExtra

_TAGS = {
    "a", "abbr", "b", "bdi", "bdo", "blockquote", "br", "caption", "center", "cite", "code", "col", "colgroup", "dd",
    "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "i", "img", "input", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section",
    "small", "span", "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead",
    "time", "tr", "tt", "u", "ul", "var", "wbr",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"class", "dir", "id", "lang", "style", "tabindex", "title"},
    "a": {"href", "target"},
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
    "details": {"open"},
    "img": {"alt", "height", "src", "width"},
    "input": {"checked"},
    "ol": {"reversed", "start", "type"},
    "table": {"align", "border", "cellpadding", "cellspacing", "width"},
    "td": {"align", "colspan", "rowspan", "valign", "width"},
    "th": {"align", "colspan", "rowspan", "scope", "valign", "width"},
    "time": {"datetime"},
}
# Nothing that lays one thing over another, or fetches: positions and addresses are not among them.
_STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-radius",
    "border-right", "border-spacing", "border-style", "border-top", "border-width", "color", "font", "font-family",
    "font-size", "font-style", "font-variant", "font-weight", "height", "line-height", "list-style-type", "margin",
    "margin-bottom", "margin-left", "margin-right", "margin-top", "max-height", "max-width", "min-height", "min-width",
    "overflow", "overflow-x", "overflow-y", "padding", "padding-bottom", "padding-left", "padding-right", "padding-top",
    "text-align", "text-decoration", "text-indent", "vertical-align", "white-space", "width", "word-break",
}  # fmt: skip
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,", re.IGNORECASE)
_LINK = re.compile(r"(?:https?:|mailto:|[#/?]|[^:/?#]*(?:[/?#]|$))", re.IGNORECASE)
_FETCHES = re.compile(r"url\s*\(|image|expression|[\\@]", re.IGNORECASE)
_SEEN = re.compile(r"<img\b|[^\s<>]")


def harmless(text: str) -> str:
    """HTML without scripts, styles of the page, forms, frames, and addresses a browser would fetch by itself.

    Parameters
    ----------
    text : str
        HTML from anywhere.

    Returns
    -------
    str
        HTML whose tags are balanced; pictures only as ``data:``, links only to the web, to mail and within the site.

    Raises
    ------
    MissingExtra
        The package nh3 is not installed.

    Examples
    --------
    >>> harmless('<b onclick="x()">bold</b><script>x()</script><img src="https://example.org/spy.png" alt="spy">')
    '<b>bold</b><img alt="spy">'
    """
    return str(_cleaner().clean(text))


def something_to_see(text: str) -> bool:
    """Whether a reader sees anything of this harmless HTML.

    Examples
    --------
    >>> something_to_see("<div><br></div>"), something_to_see("<p>words</p>")
    (False, True)
    """
    return bool(_SEEN.search(re.sub(r"<(?!img\b)[^>]*>|&nbsp;", "", text)))


@lru_cache(maxsize=1)
def _cleaner() -> Any:
    try:
        import nh3
    except ImportError as error:
        raise MissingExtra("nh3", "notebook", "showing a notebook") from error
    return nh3.Cleaner(
        tags=_TAGS,
        clean_content_tags={"script", "style", "title", "template", "iframe", "object", "noscript", "textarea"},
        attributes=_ATTRIBUTES,
        set_tag_attribute_values={"input": {"type": "checkbox", "disabled": ""}},  # of lists of tasks
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "data"},
        filter_style_properties=_STYLES,
        link_rel="noopener noreferrer",
    )


def _attribute(_tag: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if _PICTURE.match(value) else None
    if name == "href":
        return value if _LINK.match(value.strip()) else None
    if name == "target":
        return value if value in ("_blank", "_self") else None
    return None if name == "style" and _FETCHES.search(value) else value
