"""An entry of the bibliography as HTML: what it is, its documents, who cites it, and its BibTeX."""

from __future__ import annotations

from html import escape

from gilgamesh_db import Database
from gilgamesh_db.citation import citations_of
from gilgamesh_db.notebooks.references import check
from gilgamesh_db.notebooks.references import page as address_of


def entry(db: Database, key: str, library: str) -> str:
    """A record of the bibliography, or quoted numbers, everything in it escaped.

    Parameters
    ----------
    db : Database
    key : str
    library : str
        Address of the pages of the bibliography; see `gilgamesh_db.notebooks.references.look_up`.

    Raises
    ------
    ReferenceNotFound
    """
    quoted = citations_of(db, [key]).get(key)
    if quoted is not None:
        found = check(db.verify(key))
        parts = [f"<p>{escape(str(quoted))} {found.to_html()}</p>", f"<p>{escape(found.said)}</p>"]
        raw = quoted.bibtex
    else:
        reference = db.bibliography[key]
        documents = [
            f'<li><a href="{escape(address_of(library, key, name))}">{escape(name)}</a></li>'
            for name in reference.documents
        ]
        parts = [f"<p>{reference.to_html()}</p>"]
        parts += [f"<ul>{''.join(documents)}</ul>"] if documents else []
        parts += [f"<p>{escape(', '.join(reference.tags))}</p>"] if reference.tags else []
        parts += [f"<p>{escape(abstract)}</p>"] if (abstract := reference.fields.get("abstract")) else []
        raw = reference.raw
    uses = db.bibliography.cited_by(key)
    uses = uses[uses["Current"]]
    if len(uses):
        cited = "".join(
            f"<li>{escape(f'{kind} {name}')}</li>" for kind, name in zip(uses["Kind"], uses["Name"], strict=True)
        )
        parts.append(f"<h2>Cited by</h2><ul>{cited}</ul>")
    return "\n".join([f"<h1>{escape(key)}</h1>", *parts, f"<h2>BibTeX</h2><pre>{escape(raw)}</pre>"])
