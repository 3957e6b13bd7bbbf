"""Paths of the repository: the same on every system, and never a way out of a folder."""

from __future__ import annotations

import re
import unicodedata

from ..errors import InvalidValue

LONGEST = 400  # characters; with the folder it is exported to it must fit into what systems allow
_FORBIDDEN = re.compile(r'[\\<>:"|?*\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_VERSION = re.compile(r"(?P<path>.+\.ipynb)@(?P<number>[0-9]+)", re.DOTALL)


def require_path(path: object) -> str:
    """A path of the repository, in its one spelling (Unicode's composed form).

    Parameters
    ----------
    path : str
        Folders and name with ``/`` between them, such as ``langmuir/density.ipynb``.

    Raises
    ------
    InvalidValue
        It is none, with the reason.

    Examples
    --------
    >>> require_path("langmuir/density.ipynb")
    'langmuir/density.ipynb'
    >>> require_path("../density.ipynb")
    Traceback (most recent call last):
    gilgamesh_db.errors.InvalidValue: '../density.ipynb' is no path of the repository: '..' is not the name of a folder or \
notebook; write it like langmuir/density.ipynb
    """
    if not isinstance(path, str):
        raise InvalidValue(f"{path!r} is no path of the repository; write it like 'langmuir/density.ipynb'")
    spelled = unicodedata.normalize("NFC", path)
    refused = _refused(spelled)
    if refused:
        shown = repr(path if len(path) <= 80 else path[:80] + "…")
        raise InvalidValue(f"{shown} is no path of the repository: {refused}; write it like langmuir/density.ipynb")
    return spelled


def require_folder(folder: str) -> str:
    """A folder of the repository, without a slash at its end; empty for all of it.

    Raises
    ------
    InvalidValue
    """
    plain = folder.rstrip("/") if isinstance(folder, str) else folder
    return "" if plain in ("", ".") else require_path(f"{plain}/x.ipynb").removesuffix("/x.ipynb")


def path_and_number(said: str) -> tuple[str, int | None]:
    """Take ``path@3`` apart.

    Examples
    --------
    >>> path_and_number("langmuir/density.ipynb@3"), path_and_number("a.ipynb")
    (('langmuir/density.ipynb', 3), ('a.ipynb', None))
    """
    found = _VERSION.fullmatch(said)
    return (found["path"], int(found["number"][:18])) if found else (said, None)


def _refused(path: str) -> str | None:
    if not path:
        return "it is empty"
    if len(path) > LONGEST:
        return f"it has {len(path)} characters, more than {LONGEST}"
    if path.startswith("/"):
        return "it begins with a slash; paths are relative to the repository"
    if not path.endswith(".ipynb"):
        return "a notebook ends in .ipynb"
    if any("\ud800" <= letter <= "\udfff" for letter in path):
        return "it holds half a character"
    unfit = _FORBIDDEN.search(path)
    if unfit:
        return f"{unfit.group()!r} cannot be part of a name on every system"
    *folders, name = path.split("/")
    refused = (_part_refused(part, folder=part is not name) for part in (*folders, name))
    return next(filter(None, refused), None)


def _part_refused(part: str, *, folder: bool) -> str | None:
    if part in ("", ".", ".."):
        return f"{part!r} is not the name of a folder or notebook"
    if part.startswith(".") or part != part.strip() or part.endswith("."):
        return f"{part!r} begins or ends with a dot or blank"
    if _RESERVED.fullmatch(part):
        return f"{part!r} is a name that Windows keeps for itself"
    if len(part.encode()) > 255:
        return "one of its names takes more than 255 bytes"
    if folder and part.lower().endswith(".ipynb"):
        return "a folder does not end in .ipynb"
    return None
