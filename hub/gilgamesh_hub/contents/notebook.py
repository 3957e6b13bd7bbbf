"""Notebooks as bytes and as what Jupyter works with; nothing is converted that nobody asked to convert."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import nbformat
from tornado.web import HTTPError

from .paths import Location

Errors = dict[str, Any]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Cells without an id, or with one that is there twice, get one; that is no news for the log."""
    with warnings.catch_warnings():
        for category in (nbformat.warnings.MissingIDFieldWarning, nbformat.warnings.DuplicateCellId):
            warnings.simplefilter("ignore", category)
        yield


def parse(place: Location, content: bytes) -> tuple[Any, Errors]:
    """Read a notebook of any version as version 4; what is stored stays as it is.

    Returns
    -------
    tuple
        The notebook, and under ``"ValidationError"`` what is wrong with it.

    Raises
    ------
    HTTPError
        400 where it is none, or of a version this Jupyter does not know.
    """
    errors: Errors = {}
    try:
        with _quietly():
            return nbformat.reads(content.decode("utf-8"), as_version=4, capture_validation_error=errors), errors
    except Exception as error:
        raise HTTPError(
            400,
            f"Unreadable Notebook: {place.path} {error!r}. It is kept as it is; open it as text with a right click, "
            "Open With, Editor",
        ) from error


def notebook_of(content: Any) -> Any:
    """The notebook of a request.

    Raises
    ------
    HTTPError
        400
    """
    if not isinstance(content, dict) or not isinstance(content.get("nbformat"), int):
        raise HTTPError(400, "what was sent is no notebook: a notebook is a JSON object that tells its nbformat")
    return nbformat.from_dict(content)


def write(place: Location, notebook: Any) -> tuple[bytes, Errors]:
    """Write a notebook in the version it has.

    Raises
    ------
    HTTPError
        400
    """
    errors: Errors = {}
    try:
        with _quietly():
            text = nbformat.writes(notebook, version=nbformat.NO_CONVERT, capture_validation_error=errors)
        return (text if text.endswith("\n") else text + "\n").encode("utf-8"), errors
    except Exception as error:
        version = f"{notebook.get('nbformat')}.{notebook.get('nbformat_minor', 0)}"
        raise HTTPError(400, f"{place.path} cannot be saved as a notebook of version {version}: {error!r}") from error
