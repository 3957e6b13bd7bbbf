"""The repository of notebooks: listed, searched, read, compared, pushed and pulled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from gilgamesh_db import Database
from gilgamesh_db.errors import ConflictError, FileRefused, InvalidValue, UserError
from gilgamesh_db.notebooks.rendering import HEADERS, render

from .. import desk
from ..page import POLICY, Page

PATH = r"(.{1,600}[.]ipynb)"


class Notebooks(Page):
    """What is in the repository; more is pushed here."""

    async def get(self) -> None:
        """List it, or the cells that hold the words."""
        await self.show_list()

    async def post(self) -> None:
        """Push a file, or a notebook of one's own."""
        path, message = self.get_body_argument("path", ""), self.get_body_argument("message", "")
        own, over = self.get_body_argument("own", ""), self.get_body_argument("over", "")
        files = self.request.files.get("file") or []
        try:
            if files and files[0].body:
                content, name = files[0].body, files[0].filename.replace("\\", "/").rsplit("/", 1)[-1]
            elif own:
                content, name = await self.ask(desk.read_own, own), own
            else:
                raise InvalidValue("choose a notebook to push")
            if over and not over.isdecimal():
                raise InvalidValue(f"{over!r} is no number of a version")
            version = await self.ask(_pushed, content, path or name, message, int(over) if over else None)
        except (ConflictError, FileRefused, UserError) as error:
            await self.show_list(error=f"{error}", status=409 if isinstance(error, ConflictError) else 422)
            return
        self.redirect(_address(self, version.path), status=303)

    async def show_list(self, error: str = "", status: int = 200) -> None:
        """The page."""
        words = self.get_query_argument("q", "")
        jupyter = self.application.identity.jupyter_url()
        own = await self.ask(desk.own_notebooks) if jupyter and self.person and self.person.may("operator") else []
        table = await self.ask(_listed, words)
        self.set_status(status)
        self.show("notebooks.html", words=words, table=table, own=own, error=error, found=bool(words))


class Notebook(Page):
    """One notebook: as a document, its versions, what it read and cites."""

    needs_to_write = "reader"
    policy: ClassVar[Mapping[str, str]] = {**POLICY, "frame-src": "'self'"}

    async def get(self, path: str) -> None:
        """Show a version; the latest unless ``version`` says another."""
        await self._show(path)

    async def post(self, path: str) -> None:
        """Lay it among one's own and go there, or make an earlier version the latest again."""
        number, do = _number(self), self.get_body_argument("do", "")
        try:
            if do == "mine":
                jupyter = self.application.identity.jupyter_url()
                if jupyter is None:
                    raise InvalidValue("these pages start no Jupyter; download the notebook instead")
                laid = await self.ask(_laid, path, number)
                self.redirect(f"{jupyter}/tree/{quote(laid)}", status=303)
                return
            if do != "restore" or number is None:
                raise InvalidValue(f"{do!r} cannot be done with a notebook")
            await self.ask(_restored, path, number)
        except UserError as error:
            await self._show(path, f"{error}", 422)
            return
        self.redirect(_address(self, path), status=303)

    async def _show(self, path: str, error: str = "", status: int = 200) -> None:
        told = await self.ask(_told, path, _number(self))
        self.set_status(status)
        self.show("notebook.html", path=path, error=error, address=_address(self, path), **told)


class Document(Page):
    """The notebook itself, in an origin of its own: what is in it can do nothing here."""

    async def get(self, path: str) -> None:
        """Send it: rendered, or with ``raw`` as the file it is."""
        number = _number(self)
        if self.get_query_argument("raw", ""):
            content = await self.ask(_content, path, number)
            name = quote(path.rsplit("/", 1)[-1])
            self.set_header("Content-Type", "application/octet-stream")
            self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{name}")
            self.finish(content)
            return
        text = await self.ask(_rendered, path, number, self.url("/bibliography"))
        for name, value in HEADERS.items():
            self.set_header(name, value)
        # Our own page may hold it in a frame; nobody else's.
        self.set_header("Content-Security-Policy", f"{HEADERS['Content-Security-Policy']}; frame-ancestors 'self'")
        self.finish(text)


def _number(page: Page) -> int | None:
    said = page.get_argument("version", "")
    if said and not (said.isdecimal() and len(said) < 10):
        raise InvalidValue(f"{said!r} is no number of a version")
    return int(said) if said else None


def _address(page: Page, path: str) -> str:
    return page.url("/notebooks/" + quote(path))


def _listed(db: Database, words: str) -> Any:
    return db.notebooks.search(words) if words else db.notebooks.list()


def _pushed(db: Database, content: bytes, path: str, message: str, over: int | None) -> Any:
    return db.notebooks.push(content, path, message=message, over=over)


def _restored(db: Database, path: str, number: int) -> None:
    db.notebooks.restore(path, number)


def _content(db: Database, path: str, number: int | None) -> bytes:
    return db.notebooks.content(path, number)


def _rendered(db: Database, path: str, number: int | None, library: str) -> str:
    return render(db.notebooks.content(path, number), db, title=path, library=library)


def _laid(db: Database, path: str, number: int | None) -> str:
    return desk.lay_own(db, path, db.notebooks.content(path, number))


def _told(db: Database, path: str, number: int | None) -> dict[str, Any]:
    version = db.notebooks.version(path, number)
    log = db.notebooks.log(path)
    earlier = version.number > 1 and not version.removed
    return {
        "version": version,
        "log": log,
        "latest": version.latest,
        "difference": db.notebooks.diff(path, version.number - 1, version.number)
        if earlier and _kept(log, version.number - 1)
        else "",
    }


def _kept(log: Any, number: int) -> bool:
    return number in log.index and bool(log.Size.notna()[number])


# The document before the page: its address begins the same.
ROUTES = [
    (r"/notebooks", Notebooks),
    (rf"/notebooks/document/{PATH}", Document),
    (rf"/notebooks/{PATH}", Notebook),
]
