"""The bibliography: found, read, cited, imported with a preview, exported."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from gilgamesh_db import Database
from gilgamesh_db.citation import citations_of
from gilgamesh_db.errors import FileRefused, InvalidValue, UserError
from gilgamesh_loaders import bibliography

from ..page import Page

KEY = r"([^/]{1,400})"
LARGEST_IMPORT = 5 * 1024 * 1024  # bytes of BibTeX


class Bibliography(Page):
    """Every record; more are imported here."""

    async def get(self) -> None:
        """List those that hold the words."""
        await self.show_list()

    async def post(self) -> None:
        """Say what a file or pasted text would change; then, if it is confirmed, change it."""
        origin, content = self._sent()
        try:
            if self.get_body_argument("do", "") == "import":
                done = await self.ask(_imported, content, origin)
                await self.show_list(done=f"{len(done.new)} new, {len(done.changed)} changed")
                return
            plan = await self.ask(bibliography.examine, content, origin)
        except UserError as error:
            await self.show_list(error=f"{error}", status=422)
            return
        self.show("bibliography_import.html", plan=plan, content=base64.b64encode(content).decode())

    async def show_list(self, error: str = "", done: str = "", status: int = 200) -> None:
        """The page."""
        words, tag = self.get_query_argument("q", ""), self.get_query_argument("tag", "") or None
        table = await self.ask(_found, words, tag)
        self.set_status(status)
        self.show("bibliography.html", words=words, tag=tag, table=table, error=error, done=done)

    def _sent(self) -> tuple[str, bytes]:
        files = self.request.files.get("file") or []
        kept = self.get_body_argument("content", "")
        if files and files[0].body:
            origin, content = files[0].filename.replace("\\", "/").rsplit("/", 1)[-1], files[0].body
        elif kept:
            try:
                origin, content = self.get_body_argument("origin", "pasted"), base64.b64decode(kept, validate=True)
            except binascii.Error as error:
                raise InvalidValue("what was sent is not what the preview showed; begin again") from error
        else:
            origin, content = "pasted", self.get_body_argument("text", "", strip=False).encode()
        if len(content) > LARGEST_IMPORT:
            raise FileRefused(
                f"{origin} has {len(content) / 1e6:.1f} MB; import at most 5 MB at once, or type: gilgamesh bib import"
            )
        return origin[:200], content


class Export(Page):
    """The bibliography as a BibTeX file."""

    async def get(self) -> None:
        """Send all records, or those asked for by ``key``."""
        keys = self.get_query_arguments("key")
        text = await self.ask(bibliography.exported, keys or None)
        self.set_header("Content-Type", "application/x-bibtex; charset=utf-8")
        self.set_header("Content-Disposition", 'attachment; filename="bibliography.bib"')
        self.finish(text)


class Entry(Page):
    """One record, or quoted numbers: all fields, documents, what cites it, and its BibTeX."""

    async def get(self, key: str) -> None:
        """Show it."""
        await self._entry(key)

    async def post(self, key: str) -> None:
        """Sort it under words, attach a document, or take it out."""
        do = self.get_body_argument("do", "")
        try:
            if do == "tag":
                tags = [tag.strip() for tag in self.get_body_argument("tags", "").split(",") if tag.strip()]
                await self.ask(_tagged, key, tags)
            elif do == "attach":
                files = self.request.files.get("file") or []
                if not files:
                    raise InvalidValue("choose a file to attach")
                name = files[0].filename.replace("\\", "/").rsplit("/", 1)[-1]
                await self.ask(bibliography.attach_content, key, name, files[0].body)
            elif do == "withdraw":
                await self.ask(_withdrawn, key, self.get_body_argument("reason", ""))
                self.go("/bibliography")
                return
            else:
                raise InvalidValue(f"{do!r} cannot be done with a record")
        except UserError as error:
            await self._entry(key, f"{error}", 422)
            return
        self.redirect(self.request.uri or "", status=303)

    async def _entry(self, key: str, error: str = "", status: int = 200) -> None:
        told = await self.ask(_record, key)
        self.set_status(status)
        self.show("bibliography_entry.html", key=key, error=error, **told)


class Document(Page):
    """A document of a record."""

    async def get(self, key: str, name: str) -> None:
        """Send it; a PDF is shown, anything else is saved. What is in it can do nothing here."""
        media_type, content = await self.ask(_document, key, name)
        shown = media_type == "application/pdf"
        quoted = name.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "/")
        self.set_header("Content-Type", media_type if shown else "application/octet-stream")
        self.set_header("Content-Disposition", f'{"inline" if shown else "attachment"}; filename="{quoted}"')
        self.set_header("Content-Security-Policy", "sandbox; default-src 'none'")
        self.finish(content)


def _found(db: Database, words: str, tag: str | None) -> Any:
    return db.bibliography.search(words, tag=tag)


def _imported(db: Database, content: bytes, origin: str) -> bibliography.Import:
    return bibliography.commit(db, bibliography.examine(db, content, origin))


def _record(db: Database, key: str) -> dict[str, Any]:
    quoted = citations_of(db, [key]).get(key)
    return {
        "record": None if quoted else db.bibliography[key],
        "quoted": quoted,
        "uses": db.bibliography.cited_by(key),
    }


def _tagged(db: Database, key: str, tags: list[str]) -> None:
    db.bibliography.tag(key, tags)


def _withdrawn(db: Database, key: str, reason: str) -> None:
    db.bibliography.withdraw(key, reason)


def _document(db: Database, key: str, name: str) -> tuple[str, bytes]:
    return db.bibliography.document(key, name)


ROUTES = [
    (r"/bibliography", Bibliography),
    (r"/bibliography[.]bib", Export),
    (rf"/bibliography/{KEY}", Entry),
    (rf"/bibliography/{KEY}/{KEY}", Document),
]
