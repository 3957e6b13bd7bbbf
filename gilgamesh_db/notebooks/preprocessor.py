"""Citations for nbconvert: a preprocessor that puts links and a list of references into the copy that is exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbconvert.preprocessors import Preprocessor
from traitlets import Bool, Unicode

from ..errors import GilgameshError
from .citing import cited_keys, citings
from .references import listed as list_of_references
from .references import look_up, open_library, written

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from ..database import Database
    from .references import Cited


class Citations(Preprocessor):
    r"""Links for ``\citep`` and ``\citet`` in Markdown cells, and the list of references as a last cell.

    The notebook itself stays as it is: nbconvert hands over a copy. Where the database cannot be reached, the text stays
    as it is, too, and a warning says so.
    """

    enabled = Bool(True).tag(config=True)
    database_url = Unicode("", help="The database; GILGAMESH_DATABASE_URL when empty, else the embedded one.").tag(
        config=True
    )
    library = Unicode(
        "", help="Address of the pages of the bibliography; without it links lead to the DOI or URL only."
    ).tag(config=True)
    verify = Bool(True, help="Compute quoted numbers again, for their check marks.").tag(config=True)
    heading = Unicode("References", help="What stands above the list of references.").tag(config=True)

    db: Database | None = None

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Put the links in."""
        keys = cited_keys(nb)
        if not keys:
            return nb, resources
        try:
            found = self._found(keys)
        except GilgameshError as error:
            self.log.warning("citations stay as they are written: %s", error)
            return nb, resources
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                cell.source = linked(cell.source, found)
        nb.cells.append(_list(keys, found, self.heading, with_id=(nb.nbformat, nb.nbformat_minor) >= (4, 5)))
        return nb, resources

    def _found(self, keys: list[str]) -> dict[str, Cited]:
        library = self.library or None
        if self.db is not None:
            return look_up(self.db, keys, library=library, verify=self.verify)
        with open_library(self.database_url or None) as db:
            return look_up(db, keys, library=library, verify=self.verify)


def linked(source: str, found: dict[str, Cited]) -> str:
    """A Markdown text with its citations as HTML."""
    parts, at = [], 0
    for citing in citings(source):
        parts += [source[at : citing.start], written(citing, found)]
        at = citing.end
    return "".join([*parts, source[at:]])


def _list(keys: list[str], found: dict[str, Cited], heading: str, *, with_id: bool) -> NotebookNode:
    from nbformat.v4 import new_markdown_cell

    cell = new_markdown_cell(f"## {heading}\n\n{list_of_references(keys, found)}\n")
    if not with_id:
        del cell["id"]
    return cell
