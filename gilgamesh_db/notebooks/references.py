"""What the keys in a text stand for: papers of the bibliography and quoted numbers, each with its link."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..errors import ServerError
from .citing import Citing

if TYPE_CHECKING:
    from ..bibliography import Reference
    from ..citation import Citation, Verification
    from ..database import Database

# Signs that mean something in Markdown or HTML: these are written as numbers.
_SIGN = re.compile(r"[^\w\s.,;:()/-]|_")


@dataclass(frozen=True)
class Check:
    """Whether quoted numbers can be had again.

    Attributes
    ----------
    verified : bool
    said : str
        What a reader should know.
    """

    verified: bool
    said: str

    @property
    def mark(self) -> str:
        """✓ or ✗."""
        return "✓" if self.verified else "✗"

    def to_html(self) -> str:
        """The mark; what was found stands in its title."""
        kind = "citation-verified" if self.verified else "citation-refuted"
        return f'<span class="{kind}" title="{_harmless(self.said)}">{self.mark}</span>'


@dataclass(frozen=True)
class Cited:
    """What a key stands for.

    Attributes
    ----------
    key, kind : str
        ``kind`` is ``"reference"`` or ``"data"``.
    names, year : str
        How a text calls it; for quoted numbers, and where nobody is named, `names` is the key.
    line, html : str
        Its line in a list of references, for the eye and as HTML in which everything is escaped.
    address : str or None
        Where the document is: attached to the record, else its DOI, else its URL, else its page of the bibliography.
    check : Check or None
        Of quoted numbers.
    """

    key: str
    kind: str
    names: str
    year: str
    line: str
    html: str
    address: str | None
    check: Check | None = None

    @property
    def label(self) -> str:
        """How a text calls it in brackets."""
        return f"{self.names} {self.year}".strip()


def look_up(db: Database, keys: Sequence[str], *, library: str | None = None, verify: bool = True) -> dict[str, Cited]:
    """What these keys stand for, those that stand for something.

    Parameters
    ----------
    db : Database
    keys : sequence of str
    library : str, optional
        Address of the pages of the bibliography: ``library/KEY`` is a record, ``library/KEY/NAME`` a document of it.
        Without it, links lead to the DOI or URL only.
    verify : bool
        Compute quoted numbers again, so that each has its check mark.

    Examples
    --------
    >>> look_up(db, ["chen2015"])["chen2015"].label  # doctest: +SKIP
    'Chen 2015'
    """
    from ..citation import citations_of

    papers = db.bibliography.find(keys)
    numbers = citations_of(db, [key for key in keys if key not in papers])
    found = {key: paper(reference, library) for key, reference in papers.items()}
    for key, citation in numbers.items():
        found[key] = quoted(citation, check(db.verify(key)) if verify else None, library)
    return {key: found[key] for key in keys if key in found}


def open_library(url: str | None = None) -> Database:
    """Connect to look references up; that somebody typed a citation is no reason to make a database.

    Parameters
    ----------
    url : str, optional
        See `gilgamesh_db.connect`.

    Raises
    ------
    ServerError
        There is no database, or it cannot be reached.
    """
    from ..database import connect, embedded
    from ..embedded import EmbeddedServer

    if embedded(url) and EmbeddedServer().status().version is None:
        raise ServerError("there is no database yet; set GILGAMESH_DATABASE_URL, or make one with `gilgamesh demo`")
    return connect(url)


def paper(reference: Reference, library: str | None = None) -> Cited:
    """A record of the bibliography, as something cited."""
    return Cited(
        reference.key, "reference", reference.surnames or reference.key,
        str(reference.year or "") if reference.surnames else "",
        str(reference), reference.to_html(), address(reference, library),
    )  # fmt: skip


def quoted(citation: Citation, checked: Check | None = None, library: str | None = None) -> Cited:
    """Quoted numbers, as something cited."""
    line = str(citation)
    shown = html.escape(line) + (f" {checked.to_html()}" if checked else "")
    where = page(library, citation.key) if library is not None else None
    return Cited(citation.key, "data", citation.key, "", line, shown, where, checked)


def check(verification: Verification) -> Check:
    """The outcome of `Database.verify`, for a check mark."""
    return Check(verification.verified, " ".join(str(verification).split()))


def address(reference: Reference, library: str | None = None) -> str | None:
    """Where the document of a reference is: attached, else DOI, else URL, else its page; None is nowhere."""
    if library is not None and reference.documents:
        papers = [name for name in reference.documents if PurePosixPath(name).suffix.lower() == ".pdf"]
        return page(library, reference.key, (papers or reference.documents)[0])
    return reference.url or (page(library, reference.key) if library is not None else None)


def page(library: str, *parts: str) -> str:
    """Address of a record (key) or a document of it (key, name).

    Examples
    --------
    >>> page("/bibliography", "DBLP:a/b", "paper 1.pdf")
    '/bibliography/DBLP%3Aa%2Fb/paper%201.pdf'
    """
    return "/".join([library.rstrip("/"), *(quote(part, safe="") for part in parts)])


def written(citing: Citing, found: Mapping[str, Cited]) -> str:
    r"""A citation as HTML that may stand in Markdown: links for the keys that were found, marks for the others.

    Parameters
    ----------
    citing : Citing
    found : mapping of str to Cited
        See `look_up`. What has no address is linked to the list of references, see `listed`.

    Examples
    --------
    >>> written(Citing(0, 9, ("chen_",)), {})
    '(<span class="citation-unknown" title="no reference chen&#95; in the bibliography">chen&#95;&#63;</span>)'
    """
    parts = [_one(key, found.get(key), textual=citing.textual) for key in citing.keys]
    before = _harmless(citing.before) + " " if citing.before else ""
    note = ", " + _harmless(citing.note) if citing.note else ""
    inside = f"{before}{'; '.join(parts)}{note}"
    return inside if citing.textual else f"({inside})"


def listed(keys: Sequence[str], found: Mapping[str, Cited]) -> str:
    """The list of references as HTML: papers first by name, then quoted numbers; keys that stand for nothing last.

    Examples
    --------
    >>> listed([], {})
    ''
    """
    known = sorted(
        (found[key] for key in keys if key in found), key=lambda c: (c.kind == "data", c.label.casefold(), c.key)
    )
    lines = [f'<li id="{anchor(cited.key)}">{cited.html}</li>' for cited in known]
    lines += [
        f'<li class="citation-unknown">no reference <code>{html.escape(key)}</code> in the bibliography</li>'
        for key in keys
        if key not in found
    ]
    return '<ol class="references">\n' + "\n".join(lines) + "\n</ol>" if lines else ""


def anchor(key: str) -> str:
    """The place of a reference in the list.

    Examples
    --------
    >>> anchor("a b")
    'reference-a%20b'
    """
    return "reference-" + quote(key, safe="")


def _one(key: str, cited: Cited | None, *, textual: bool) -> str:
    if cited is None:
        said = f"no reference {key} in the bibliography"
        return f'<span class="citation-unknown" title="{_harmless(said)}">{_harmless(key + "?")}</span>'
    label = f"{cited.names} ({cited.year})" if textual and cited.year else cited.label
    # The anchor is written into an address, where a per cent sign is one itself.
    where = cited.address or "#" + quote(anchor(key), safe="")
    window = "_blank" if cited.address else "_self"
    said = f'href="{_harmless(where)}" target="{window}" title="{_harmless(cited.line)}"'
    link = f'<a class="citation" {said}>{_harmless(label)}</a>'
    return link + (cited.check.to_html() if cited.check else "")


def _harmless(text: str) -> str:
    """Text that neither Markdown nor HTML reads as anything else, in an attribute or between tags."""
    return _SIGN.sub(lambda sign: f"&#{ord(sign.group())};", " ".join(text.split()))
