"""The bibliography: records found by key or by words, each with a link to the document and a line for people."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import sqlalchemy as sa

from .errors import ReferenceNotFound, near_names

if TYPE_CHECKING:
    import pandas as pd

    from .database import Database

_ONE = "select key, kind, title, authors, year, fields, tags, documents, raw from gilgamesh.bibliography"
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_MANY = 8  # authors; of more, the first is named


@dataclass(frozen=True)
class Reference:
    """A record of the bibliography.

    Attributes
    ----------
    key, kind : str
        What it is cited by; ``article``, ``book`` …
    title : str or None
    authors : tuple of str
        First name first.
    year : int or None
    fields : mapping of str to str
        All fields in plain letters, with those taken over from the record it refers to (``crossref``).
    tags, documents : tuple of str
        Words it is sorted by, and names of the documents attached to it.
    raw : str
        The BibTeX record as it was written.
    """

    key: str
    kind: str
    title: str | None
    authors: tuple[str, ...]
    year: int | None
    fields: Mapping[str, str]
    tags: tuple[str, ...]
    documents: tuple[str, ...]
    raw: str

    @property
    def doi(self) -> str | None:
        """The DOI, without the address in front."""
        found = _DOI.search(self.fields.get("doi", "")) or _DOI.search(self.fields.get("url", ""))
        return found.group(0).rstrip(".,;") if found else None

    @property
    def url(self) -> str | None:
        """Where the document is on the web: its DOI, else its URL; only addresses a browser may follow."""
        if self.doi:
            return "https://doi.org/" + quote(self.doi, safe="/:;()._-")
        address = self.fields.get("url", "").strip()
        return address if urlsplit_safe(address) else None

    @property
    def people(self) -> str:
        """The authors in a line.

        Examples
        --------
        >>> reference(authors=("A. Aamport", "B. Bee", "C. Cee")).people  # doctest: +SKIP
        'A. Aamport, B. Bee and C. Cee'
        """
        names = [name for name in self.authors if name != "others"]
        if len(names) > _MANY:
            return f"{names[0]} et al."
        shown = " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
        return f"{shown} et al." if len(names) < len(self.authors) and names else shown

    @property
    def surnames(self) -> str:
        """Whom the text names: ``Aamport and Bee``, ``Aamport et al.``; empty where nobody is named."""
        last = [name.rsplit(",", 1)[0].split(" ")[-1] for name in self.authors if name != "others"]
        return last[0] + " et al." if last and len(self.authors) > 2 else " and ".join(last)

    @property
    def label(self) -> str:
        """How the text calls it: ``Aamport and Bee 1986``; the key where nobody is named."""
        return f"{self.surnames} {self.year or ''}".strip() if self.surnames else self.key

    def __str__(self) -> str:
        return _plain(self)

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self) -> str:
        """The record as a line of HTML, everything in it escaped."""
        said = [html.escape(part) for part in (self.people, f"“{self.title}”" if self.title else "") if part]
        place = self.fields.get("journal") or self.fields.get("journaltitle") or self.fields.get("booktitle")
        if place:
            said.append(f"<i>{html.escape(place)}</i>")
        said += [html.escape(part) for part in _place(self)]
        line = ", ".join(said) + (f" ({self.year})" if self.year else "") + "."
        if self.url:
            shown = f"doi:{self.doi}" if self.doi else self.url
            line += f' <a href="{html.escape(self.url)}" rel="noopener noreferrer">{html.escape(shown)}</a>'
        return f'<span class="reference" id="{html.escape(self.key)}">{line}</span>'


class Bibliography:
    """The records of a database; reached as ``db.bibliography``.

    Examples
    --------
    >>> db.bibliography["chen2003"].title  # doctest: +SKIP
    >>> db.bibliography.search("helicon antenna")  # doctest: +SKIP
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def __getitem__(self, key: str) -> Reference:
        with self._db.transaction() as connection:
            row = connection.execute(sa.text(_ONE + " where key = :key"), {"key": key}).first()
            if row is None:
                known = connection.exec_driver_sql("select key from gilgamesh.bibliography").scalars().all()
                near = near_names(key, known) or ";"
                raise ReferenceNotFound(f"no reference {key!r}{near} search with `gilgamesh bib search WORD`")
        return _reference(row)

    def __contains__(self, key: object) -> bool:
        try:
            self[str(key)]
        except ReferenceNotFound:
            return False
        return True

    def __iter__(self) -> Iterator[Reference]:
        with self._db.transaction() as connection:
            rows = connection.exec_driver_sql(_ONE + " order by reference_id").all()
        return map(_reference, rows)

    def __len__(self) -> int:
        with self._db.transaction() as connection:
            return int(connection.exec_driver_sql("select count(*) from gilgamesh.bibliography").scalar_one())

    def require(self, keys: Sequence[str]) -> None:
        """Make sure that there are all these keys.

        Raises
        ------
        ReferenceNotFound
            Naming the first that there is not.
        """
        found = self.find(keys)
        for key in keys:
            if key not in found:
                self[key]

    def find(self, keys: Sequence[str]) -> dict[str, Reference]:
        """The records of these keys, those that there are."""
        with self._db.transaction() as connection:
            rows = connection.execute(sa.text(_ONE + " where key = any(:keys)"), {"keys": list(keys)}).all()
        return {row.key: _reference(row) for row in rows}

    def search(self, words: str = "", *, tag: str | None = None) -> pd.DataFrame:
        """Records that hold every one of these words, anywhere; capitals and accents make no difference.

        Parameters
        ----------
        words : str
            Parts of words, separated by blanks; all records when empty.
        tag : str, optional
            Only those sorted under this word.

        Returns
        -------
        DataFrame
            Index ``Key``; Kind, Authors, Title, Year, Tags, Documents.
        """
        import pandas as pd

        looked_for = [f"%{_literal(word)}%" for word in folded(words).split()]
        with self._db.transaction() as connection:
            rows = connection.execute(
                sa.text(
                    "select key, kind, authors, title, year, tags, documents from gilgamesh.bibliography "
                    "where words like all(:words) and (cast(:tag as text) is null or :tag = any(tags)) order by key"
                ),
                {"words": looked_for, "tag": tag},
            ).all()
        table = pd.DataFrame(
            [(r.key, r.kind, ", ".join(r.authors), r.title, r.year, ", ".join(r.tags), ", ".join(r.documents))
             for r in rows],
            columns=["Key", "Kind", "Authors", "Title", "Year", "Tags", "Documents"],
        )  # fmt: skip
        table["Year"] = table["Year"].astype("Int64")
        return table.set_index("Key")

    def tag(self, key: str, tags: Sequence[str]) -> None:
        """Sort a record under these words, and no others."""
        with self._db.transaction() as connection:
            connection.execute(sa.text("select gilgamesh.tag_reference(:key, :tags)"), {"key": key, "tags": list(tags)})

    def withdraw(self, key: str, reason: str, *, author: str | None = None) -> None:
        """Take a record out of the bibliography; as of earlier it stays readable."""
        with self._db.transaction() as connection:
            connection.execute(
                sa.text("select gilgamesh.begin_edit(:reason, :author)"), {"reason": reason, "author": author}
            )
            connection.execute(sa.text("select gilgamesh.withdraw_reference(:key)"), {"key": key})

    def cited_by(self, key: str | None = None) -> pd.DataFrame:
        """Where a reference, or quoted numbers, are used: notebooks that cite them, calibrations and runs they are the source of.

        Parameters
        ----------
        key : str, optional
            Everything that is used, when left out; also keys that stand for nothing.

        Returns
        -------
        DataFrame
            Index ``Key``; Kind, Name, Version (of a notebook), Author, At, Current (the latest version of the notebook, a
            calibration that is believed), Known (whether the key stands for something).
        """
        table = self._db.sql(
            "select key, kind, name, version, author, stated_at, current, known from gilgamesh.bibliography_use "
            "where cast(:key as text) is null or key = :key order by key, kind, name, version, stated_at",
            {"key": key},
        )
        table.columns = ["Key", "Kind", "Name", "Version", "Author", "At", "Current", "Known"]
        table["Version"] = table["Version"].astype("Int64")
        return table.set_index("Key")

    def document(self, key: str, name: str) -> tuple[str, bytes]:
        """An attached document: its media type and its content.

        Raises
        ------
        ReferenceNotFound
            No such reference, or it has no such document.
        """
        reference = self[key]
        with self._db.transaction() as connection:
            row = connection.execute(
                sa.text(
                    "select d.media_type, d.content from gilgamesh.reference_document d "
                    "join gilgamesh.reference r on r.id = d.reference_id "
                    "where r.key = :key and d.name = :name and d.recorded @> gilgamesh.known_at() order by d.id desc"
                ),
                {"key": key, "name": name},
            ).first()
        if row is None:
            has = ", ".join(map(repr, reference.documents)) or "no documents"
            raise ReferenceNotFound(f"reference {key!r} has no document {name!r}; it has {has}")
        return row.media_type, bytes(row.content)


def folded(text: str) -> str:
    """Lower case without accents, so that ``Muller`` finds ``Müller``.

    Examples
    --------
    >>> folded("Müller")
    'muller'
    """
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()


def urlsplit_safe(address: str) -> bool:
    """Whether a browser may be sent there; ``javascript:`` and its like may not.

    Examples
    --------
    >>> urlsplit_safe("https://example.org/a.pdf"), urlsplit_safe("javascript:alert(1)")
    (True, False)
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https", "ftp") and bool(parts.netloc)


def _reference(row: sa.Row[tuple[object, ...]]) -> Reference:
    return Reference(
        row.key, row.kind, row.title, tuple(row.authors), row.year, row.fields, tuple(row.tags), tuple(row.documents), row.raw
    )  # fmt: skip


def _literal(word: str) -> str:
    """A word in which ``%`` and ``_`` mean themselves."""
    return re.sub(r"([\\%_])", r"\\\1", word)


def _place(reference: Reference) -> list[str]:
    """Volume, pages, publisher: where in the journal, or who printed it."""
    get = reference.fields.get
    volume = " ".join(part for part in (get("volume", ""), f"({get('number')})" if get("number") else "") if part)
    pages = re.sub(r"\s*-+\s*", "–", get("pages", "").replace("–", "-"))
    publisher = (
        get("publisher") or get("school") or get("institution") or get("organization") or get("howpublished") or ""
    )
    return [part for part in (volume, pages, publisher) if part]


def _plain(reference: Reference) -> str:
    return html.unescape(re.sub(r"<[^<>]+>", "", reference.to_html()))
