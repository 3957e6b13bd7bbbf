"""A stored notebook as an HTML document: harmless, complete in itself, with links for what it cites."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import FileRefused, MissingExtra
from .page import HEADERS, POLICY

if TYPE_CHECKING:
    from ..database import Database

__all__ = ["HEADERS", "POLICY", "render"]

_NEWEST = 4
_OUTPUTS: dict[str, dict[str, Any]] = {
    "stream": {"name": "stdout", "text": ""},
    "error": {"ename": "", "evalue": "", "traceback": []},
    "display_data": {"data": {}, "metadata": {}},
    "execute_result": {"data": {}, "metadata": {}},
}


def render(
    notebook: str | bytes | Mapping[str, Any],
    db: Database | None = None,
    *,
    title: str | None = None,
    library: str | None = None,
    verify: bool = True,
    folder: str | None = None,
) -> str:
    r"""Show a notebook as one HTML document; the notebook itself stays as it is.

    Scripts, widgets and frames are left out, and their picture or text is shown instead. Formulas are MathML. Nothing is
    fetched from elsewhere: pictures from the web become links. A server sends the document with `HEADERS`.

    Parameters
    ----------
    notebook : str, bytes or mapping
        The file's content, or the notebook as JSON gives it.
    db : Database, optional
        Whose bibliography and quoted numbers are cited; without it citations stay as they are written.
    title : str, optional
        What the window is called.
    library : str, optional
        Address of the pages of the bibliography, such as ``/bibliography``: ``library/KEY`` is a record and
        ``library/KEY/NAME`` its document. Without it links lead to the DOI or URL, else to the list of references.
    verify : bool
        Compute quoted numbers again, so that each has its check mark.
    folder : str, optional
        Where pictures are that Markdown names by a path; without it they are left out.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    FileRefused
        It is no notebook, or one of a format that is not known yet.

    Examples
    --------
    >>> print(render('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}')[:15])
    <!DOCTYPE html>
    """
    try:
        from nbformat import ValidationError

        from .exporter import HarmlessHTML
    except ImportError as error:
        raise MissingExtra("nbconvert", "notebook", "showing a notebook") from error
    exporter = HarmlessHTML(embed_images=folder is not None)
    exporter.citations.enabled = db is not None
    exporter.citations.db = db
    exporter.citations.library = library or ""
    exporter.citations.verify = verify
    metadata = {"name": title or "Notebook", "path": folder or ""}
    node = _read(notebook)
    try:
        text, _ = exporter.from_notebook_node(node, resources={"metadata": metadata})
    except (ValidationError, AttributeError, KeyError, TypeError, ValueError) as error:
        said = str(error).strip().splitlines()[0]
        raise FileRefused(f"the notebook cannot be shown; a part of it is not what it should be: {said}") from error
    return str(text)


def _read(notebook: str | bytes | Mapping[str, Any]) -> Any:
    """A notebook of today's format, whatever it was."""
    import nbformat
    from nbformat.reader import reads

    text = json.dumps(notebook) if isinstance(notebook, Mapping) else notebook
    try:
        stored = json.loads(text)
    except ValueError as error:
        raise FileRefused(f"this is no notebook: {error}") from error
    if not isinstance(stored, dict) or not isinstance(stored.get("nbformat"), int):
        raise FileRefused("this is no notebook: it does not say of which format it is (nbformat)")
    if stored["nbformat"] > _NEWEST:
        raise FileRefused(f"the notebook has format {stored['nbformat']}; {_NEWEST} is the newest this software knows")
    if stored["nbformat"] == _NEWEST:
        return _mended(nbformat.from_dict(stored))
    try:
        return _mended(nbformat.convert(reads(text), _NEWEST))
    except Exception as error:  # the readers of old formats take every part for granted
        raise FileRefused(f"the notebook cannot be read: {error!r}") from error


def _mended(node: Any) -> Any:
    """What a damaged notebook can still show: parts that lack something get it, parts that are nothing are left out."""
    _have(node, metadata={}, cells=[])
    node.cells = [cell for cell in node.cells if isinstance(cell, dict)]
    for cell in node.cells:
        _have(cell, cell_type="raw", metadata={}, source="")
        if cell.cell_type == "heading":  # of the old format
            cell.cell_type, cell.source = "markdown", "#" * int(cell.pop("level", 1)) + " " + cell.source
        elif cell.cell_type not in ("markdown", "code"):
            cell.cell_type = "raw"
        if cell.cell_type == "code":
            _have(cell, outputs=[])
            cell.setdefault("execution_count", None)
            cell.outputs = [output for output in cell.outputs if isinstance(output, dict)]
            for output in cell.outputs:
                _have(output, output_type="display_data")
                _have(output, **_OUTPUTS.get(output.output_type, _OUTPUTS["display_data"]))
                _have(output.get("data", {}), **dict.fromkeys(output.get("data", ()), ""))
                output.traceback = [str(line) for line in output.get("traceback", ())]
    return node


def _have(part: Any, **needed: Any) -> None:
    """Let a part have what it needs; text is stored as one or as its lines."""
    for name, value in needed.items():
        found = part.get(name)
        if isinstance(value, str) and isinstance(found, list) and all(isinstance(line, str) for line in found):
            part[name] = "".join(found)
        elif not isinstance(found, type(value)):
            part[name] = type(part)() if isinstance(value, dict) else type(value)(value)
