"""Bibliographies into the database and out of it: what a file would change is known before anything changes."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from gilgamesh_db.citation import citations_of
from gilgamesh_db.errors import FileRefused, InvalidValue
from gilgamesh_loaders import bibtex
from gilgamesh_loaders.bibtex import Bibtex, Entry, Passage, Refused

if TYPE_CHECKING:
    from gilgamesh_db import Database

LARGEST_DOCUMENT = 100 * 1024 * 1024


@dataclass(frozen=True)
class Change:
    """A record that the database holds in another form: per field, what it says and what the file says."""

    entry: Entry
    fields: dict[str, tuple[str | None, str | None]]

    def __str__(self) -> str:
        said = [f"  {name}: {_short(old)} → {_short(new)}" for name, (old, new) in self.fields.items()]
        return "\n".join([self.entry.key, *(said or ["  (only its spelling)"])])


@dataclass(frozen=True)
class Import:
    """What a file would change."""

    origin: str
    file: Bibtex
    new: tuple[Entry, ...]
    changed: tuple[Change, ...]
    same: tuple[Entry, ...]
    passages: tuple[Passage, ...]
    redefined: Mapping[str, tuple[str, str]]

    @property
    def refused(self) -> tuple[Refused, ...]:
        """What is no record, with its line; it is not imported."""
        return self.file.refused

    def __str__(self) -> str:
        lines = [
            f"{self.origin}: {len(self.new)} new, {len(self.changed)} changed, {len(self.same)} as they are"
            + (f", {len(self.refused)} that cannot be read" if self.refused else "")
        ]
        if self.file.guessed:
            lines.append(f"read as {self.file.encoding}, which is a guess; name the encoding if letters look wrong")
        lines += [f"@string {name}: {_short(old)} → {_short(new)}" for name, (old, new) in self.redefined.items()]
        lines += [str(change) for change in self.changed]
        lines += [f"refused: {part}" for part in self.refused]
        return "\n".join(lines)


def examine(db: Database, content: bytes, origin: str, encoding: str | None = None) -> Import:
    """Read a bibliography and compare it with the database, which it leaves as it is.

    Parameters
    ----------
    content : bytes
        The ``.bib`` file.
    origin : str
        Its name, kept with each record.
    encoding : str, optional
        Found out when left out; see `bibtex.read`.

    Raises
    ------
    FileRefused
        It is not text, or there is no record in it.
    """
    with db.transaction() as connection:
        passages = connection.exec_driver_sql(
            "select kind, raw from gilgamesh.bibliography_passage where upper_inf(recorded) order by id"
        ).all()
        stored = bibtex.parse("\n".join(row.raw for row in passages if row.kind == "string")).abbreviations
        file = bibtex.read(content, encoding, stored)
        if not file.entries and not file.refused and not file.abbreviations:
            raise FileRefused(f"{origin} holds no BibTeX record such as @article{{key, title = {{…}}}}")
        redefined = [name for name, text in file.abbreviations.items() if stored.get(name, text) != text]
        known = {
            row.key: row
            for row in connection.execute(
                sa.text(
                    "select r.key, t.kind, t.raw, t.fields, t.origin, t.line from gilgamesh.reference_text t "
                    "join gilgamesh.reference r on r.id = t.reference_id "
                    "where upper_inf(t.recorded) and (r.key = any(:keys) or lower(t.raw) like any(:redefined))"
                ),
                {"keys": [entry.key for entry in file.entries], "redefined": [f"%{name}%" for name in redefined]},
            )
        }
    new, changed, same = [], [], []
    said = {entry.key: entry for entry in file.entries}
    # An abbreviation means one thing: records that are not in this file change with it.
    others = "\n".join(row.raw for key, row in known.items() if key not in said)
    elsewhere = {e.key: e for e in bibtex.parse(others, {**stored, **file.abbreviations}).entries}
    for entry in (*said.values(), *elsewhere.values()):
        row = known.get(entry.key)
        if row is None:
            new.append(entry)
        elif row.raw == entry.raw and row.fields == entry.fields:
            if entry.key in said:
                same.append(entry)
        else:
            before, after = {"type": row.kind, **row.fields}, {"type": entry.kind, **entry.fields}
            names = [name for name in {**after, **before} if before.get(name) != after.get(name)]
            changed.append(Change(entry, {name: (before.get(name), after.get(name)) for name in names}))
    there = {(row.kind, row.raw) for row in passages}
    return Import(
        origin, file, tuple(new), tuple(changed), tuple(same),
        tuple(part for part in file.passages if (part.kind, part.raw) not in there),
        {name: (stored[name], file.abbreviations[name]) for name in redefined},
    )  # fmt: skip


def commit(db: Database, plan: Import, *, author: str | None = None) -> Import:
    """Write what `examine` found, in one transaction; the records that change stay readable as of before."""
    stated = (*plan.new, *(change.entry for change in plan.changed))
    if not (stated or plan.passages):
        return plan
    records = json.dumps(
        [{"key": e.key, "kind": e.kind, "raw": e.raw, "fields": dict(e.fields), "authors": e.authors, "words": e.words,
          "origin": plan.origin, "line": e.line} for e in stated]
    )  # fmt: skip
    if "\\u0000" in records:
        raise InvalidValue("a record holds a zero character, which the database cannot keep")
    with db.transaction() as connection:
        connection.execute(
            sa.text("select gilgamesh.begin_edit(:reason, :author)"),
            {"reason": f"bibliography from {plan.origin}", "author": author},
        )
        connection.execute(sa.text("select gilgamesh.state_references(:records)"), {"records": records})
        for part in plan.passages:
            connection.execute(
                sa.text("select gilgamesh.state_passage(:kind, :name, :raw)"),
                {"kind": part.kind, "name": part.name, "raw": part.raw},
            )
    return plan


def exported(db: Database, keys: Iterable[str] | None = None) -> str:
    """The bibliography as BibTeX: preamble and abbreviations first, then the records as they were written.

    A record comes before the one it refers to (``crossref``), as BibTeX wants it.

    Parameters
    ----------
    keys : iterable of str, optional
        Only these, and those they refer to; every record when left out. Keys of quoted numbers may be among them.
    """
    quoted = {} if keys is None else citations_of(db, keys := list(keys))
    wanted = None if keys is None else [key for key in keys if key not in quoted]
    with db.transaction() as connection:
        passages = connection.exec_driver_sql(
            "select raw from gilgamesh.bibliography_passage where recorded @> gilgamesh.known_at() "
            "order by kind <> 'comment', kind <> 'preamble', id"
        ).scalars()
        head = [raw for raw in passages if wanted is None or raw.lstrip().startswith("@")]
        rows = connection.exec_driver_sql("select key, raw, fields->>'crossref' as crossref from gilgamesh.bibliography "
                                          "order by reference_id").all()  # fmt: skip
    if wanted is not None:
        db.bibliography.require(wanted)
        chosen = set(wanted)
        chosen |= {row.crossref.casefold() for row in rows if row.key in chosen and row.crossref}
        rows = [row for row in rows if row.key in chosen or row.key.casefold() in chosen]
    referred = {row.crossref.casefold() for row in rows if row.crossref}
    ordered = [row for row in rows if row.key.casefold() not in referred]
    ordered += [row for row in rows if row.key.casefold() in referred]
    records = [*(row.raw for row in ordered), *(citation.bibtex.strip() for citation in quoted.values())]
    return "\n\n".join([*head, *records]) + "\n"


def attach(db: Database, key: str, path: Path, *, author: str | None = None) -> None:
    """Attach a document, such as the PDF, to a reference; one of the same name is replaced.

    Raises
    ------
    ReferenceNotFound, FileRefused
    """
    db.bibliography.require([key])
    try:
        size = path.stat().st_size
        content = path.read_bytes() if 0 < size <= LARGEST_DOCUMENT else b""
    except OSError as error:
        raise FileRefused(f"{path} cannot be read: {error.strerror}") from error
    if not content:
        raise FileRefused(f"{path} has {size} bytes; a document has between 1 byte and 100 MB")
    attach_content(db, key, path.name, content, author=author)


def attach_content(db: Database, key: str, name: str, content: bytes, *, author: str | None = None) -> None:
    """Attach a document that is in memory already.

    Raises
    ------
    ReferenceNotFound, FileRefused
    """
    db.bibliography.require([key])
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if not content:
        raise FileRefused(f"{name} is empty")
    if media_type == "application/pdf" and not content.startswith(b"%PDF-"):
        raise FileRefused(f"{name} is called a PDF but is none")
    with db.transaction() as connection:
        connection.execute(
            sa.text("select gilgamesh.begin_edit(:reason, :author)"),
            {"reason": f"document {name} of {key}", "author": author},
        )
        connection.execute(
            sa.text("select gilgamesh.attach_document(:key, :name, :media_type, :content)"),
            {"key": key, "name": name, "media_type": media_type, "content": content},
        )


def _short(text: str | None) -> str:
    if text is None:
        return "nothing"
    return repr(text if len(text) <= 60 else text[:59] + "…")
