"""What Jupyter is told of a file or folder: its *model*, a dictionary."""

from __future__ import annotations

import base64
import datetime
import mimetypes
import types
from typing import Any

from tornado.web import HTTPError

from .paths import Location

Model = dict[str, Any]


def base_model(place: Location, row: Any) -> Model:
    """What the model of everything has; `row` tells kind, times and size."""
    notebook = row.kind == "file" and place.name.endswith(".ipynb")
    return {
        "name": place.name,
        "path": place.path,
        "type": "notebook" if notebook else row.kind,
        "created": row.born_at,
        "last_modified": row.saved_at,
        "content": None,
        "format": None,
        "mimetype": None if notebook or row.kind == "directory" else mimetypes.guess_type(place.name)[0],
        "size": row.size,
        "writable": True,
        "hash": None,
        "hash_algorithm": None,
    }


def decoded(place: Location, content: bytes, format_: str | None) -> tuple[str, str]:
    """A file's bytes as text, or as base64 where they are none.

    Raises
    ------
    HTTPError
        400 where text was asked for.
    """
    if format_ != "base64":
        try:
            return content.decode("utf-8"), "text"
        except UnicodeDecodeError as error:
            if format_ == "text":
                raise HTTPError(400, f"{place.path} is not UTF-8 encoded", reason="bad format") from error
    return base64.encodebytes(content).decode("ascii"), "base64"


def encoded(place: Location, content: Any, format_: str | None) -> bytes:
    """The bytes that were sent as text or base64.

    Raises
    ------
    HTTPError
        400
    """
    if format_ not in {"text", "base64"}:
        raise HTTPError(400, "Must specify format of file contents as 'text' or 'base64'")
    try:
        return content.encode("utf-8") if format_ == "text" else base64.b64decode(content.encode("ascii"))
    except Exception as error:
        raise HTTPError(400, f"Encoding error saving {place.path}: {error}") from error


def guess(place: Location) -> str | None:
    """The kind of content a name promises."""
    return mimetypes.guess_type(place.name)[0]


def arriving(place: Location, size: int) -> Model:
    """The model of a file of which pieces have come, but not the last one."""
    now = datetime.datetime.now(datetime.UTC)
    row = types.SimpleNamespace(kind="file", born_at=now, saved_at=now, size=size)
    return {**base_model(place, row), "type": "file"}
