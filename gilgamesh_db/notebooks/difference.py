"""What differs between two notebooks, as text for people."""

from __future__ import annotations

import difflib
import io
import json
from typing import Any

from ..errors import InvalidValue
from .document import Document, cells_of, library, today
from .reads import is_note

PURPOSE = "comparing notebooks"


def difference(old: Document, new: Document, names: tuple[str, str] = ("old", "new")) -> str:
    """What changed from one notebook to another, cell by cell; empty when nothing a reader sees did.

    Parameters
    ----------
    old, new : Document
    names : (str, str)
        What to call them.

    Raises
    ------
    MissingExtra
        nbdime is not installed.
    """
    if old.content == new.content:
        return ""
    try:
        before, after = (_shown(document) for document in (old, new))
        return _by_cells(before, after, names)
    except (InvalidValue, AssertionError, AttributeError, KeyError, TypeError):  # damaged: nbdime needs whole cells
        return _by_lines(old, new, names)


def _by_cells(before: Any, after: Any, names: tuple[str, str]) -> str:
    nbdime = library("nbdime", PURPOSE)
    printing = library("nbdime.prettyprint", PURPOSE)
    found = nbdime.diff_notebooks(before, after)
    if not found:
        return ""
    said = io.StringIO()
    plain = printing.PrettyPrintConfig(out=said, use_color=False, use_git=False, use_diff=False)
    printing.pretty_print_notebook_diff(*names, before, found, plain)
    lines = [line.rstrip() for line in said.getvalue().splitlines()]
    # Its heading names a program and files that are not there.
    body = [line for line in lines if not line.startswith(("nbdiff ", "--- ", "+++ "))]
    return "\n".join([f"--- {names[0]}", f"+++ {names[1]}", *body]).rstrip() + "\n"


def _by_lines(old: Document, new: Document, names: tuple[str, str]) -> str:
    before, after = (json.dumps(each.notebook, indent=1, ensure_ascii=False).splitlines() for each in (old, new))
    return "\n".join(difflib.unified_diff(before, after, *names, lineterm="", n=2)).rstrip() + "\n"


def _shown(document: Document) -> Any:
    """What a reader sees of a notebook: without notes, identities and counters, and tables as text only."""
    notebook = today(document.notebook)
    for cell in cells_of(notebook):
        cell.pop("id", None)
        if cell.get("cell_type") == "code":
            cell["execution_count"] = None
            cell["outputs"] = [_plain(output) for output in cell.get("outputs", ()) if not is_note(output)]
    return notebook


def _plain(output: Any) -> Any:
    data = output.get("data")
    if isinstance(data, dict) and "text/plain" in data:
        data.pop("text/html", None)
    if "execution_count" in output:
        output["execution_count"] = None
    return output
