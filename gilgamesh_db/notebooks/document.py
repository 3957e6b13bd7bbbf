"""A notebook as a file: its bytes are kept as they are; what can be said of it is said beside them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import FileRefused, InvalidValue, MissingExtra

LARGEST = 64 * 1024 * 1024  # bytes; the tables refuse more

Notebook: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """What was typed into a cell: ``markdown``, ``code`` or ``raw``."""

    position: int
    kind: str
    source: str


@dataclass(frozen=True)
class Document:
    """A notebook and its bytes.

    Attributes
    ----------
    content : bytes
        The file, letter by letter.
    notebook : dict
        What its JSON says.
    nbformat : str or None
        The version of the format it says it is in.
    problem : str or None
        Why it is not a notebook of today's format.
    """

    content: bytes
    notebook: Notebook
    nbformat: str | None
    problem: str | None

    def cells(self) -> Iterator[Cell]:
        """Text and code, whatever the version of the format."""
        for position, cell in enumerate(cells_of(self.notebook)):
            kind = str(cell.get("cell_type", "raw"))
            source = text_of(cell.get("source", cell.get("input", "")))
            yield Cell(position, "markdown" if kind == "heading" else kind[:20], source)


def read_document(source: bytes | bytearray | memoryview | Mapping[str, Any] | Path) -> Document:
    """Read a notebook from its bytes, its JSON or a file.

    Raises
    ------
    FileRefused
        It is empty, too large, or not JSON; nothing that is JSON is refused, however odd a notebook it is.
    """
    content = _bytes(source)
    if not content.strip():
        raise FileRefused("the notebook is empty (0 bytes of JSON); save it in Jupyter before it is pushed")
    if len(content) > LARGEST:
        raise FileRefused(
            f"the notebook takes {len(content) / 2**20:.0f} MB, more than {LARGEST // 2**20} MB; push it without its outputs "
            "(strip=True, on the command line --strip), and keep data in the database rather than in cells"
        )
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FileRefused(
            f"this is no notebook: it cannot be read as JSON ({error}); if it was merged by hand, look for '<<<<<<<' in it"
        ) from error
    if not isinstance(notebook, dict):
        raise FileRefused("this is no notebook: its JSON is not an object with cells")
    said = notebook.get("nbformat"), notebook.get("nbformat_minor", 0)
    version = f"{said[0]}.{said[1]}"[:40] if isinstance(said[0], int) and isinstance(said[1], int) else None
    return Document(content, notebook, version, _problem(notebook, version))


def without_outputs(document: Document) -> Document:
    """The same notebook as if it had never been run."""
    notebook = json.loads(document.content)
    for cell in cells_of(notebook):
        if "outputs" in cell:
            cell["outputs"] = []
        if "execution_count" in cell:
            cell["execution_count"] = None
        cell.pop("prompt_number", None)
        if isinstance(cell.get("metadata"), dict):
            for noted in ("execution", "ExecuteTime"):
                cell["metadata"].pop(noted, None)
    return read_document(notebook)


def cells_of(notebook: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Cells of a notebook of whatever version, also of a damaged one."""
    sheets = notebook.get("worksheets")
    for holder in (notebook, *(sheets if isinstance(sheets, list) else ())):
        cells = holder.get("cells") if isinstance(holder, Mapping) else None
        yield from (cell for cell in (cells if isinstance(cells, list) else ()) if isinstance(cell, dict))


def text_of(source: Any) -> str:
    """Text that may be kept as a list of lines."""
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def today(notebook: Notebook) -> Any:
    """The notebook in today's format, as nbformat has it; the one given is left as it is.

    Raises
    ------
    InvalidValue
        It cannot be converted.
    """
    nbformat = library("nbformat", "working with notebooks")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return nbformat.convert(nbformat.reader.reads(json.dumps(notebook)), nbformat.current_nbformat)
        except Exception as error:  # of a damaged notebook anything may be missing
            raise InvalidValue(f"the notebook cannot be brought to today's format ({error!r})") from error


def library(name: str, purpose: str) -> Any:
    """A library of Jupyter, imported when it is needed.

    Raises
    ------
    MissingExtra
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(name.split(".", maxsplit=1)[0], "notebook", purpose) from error


def _bytes(source: bytes | bytearray | memoryview | Mapping[str, Any] | Path) -> bytes:
    if isinstance(source, Path):
        try:
            if source.stat().st_size > LARGEST * 2:  # it would only be read to be refused
                raise FileRefused(f"{source.name} takes {source.stat().st_size / 2**20:.0f} MB; that is no notebook")
            return source.read_bytes()
        except OSError as error:
            raise FileRefused(f"{source} cannot be read: {error.strerror or error}") from error
    if isinstance(source, Mapping):
        try:
            written = json.dumps(source, ensure_ascii=False, indent=1, sort_keys=True)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidValue(f"the notebook is not made of what JSON knows ({error})") from error
        try:
            return f"{written}\n".encode()
        except UnicodeEncodeError:  # half a character
            return f"{json.dumps(source, indent=1, sort_keys=True)}\n".encode()
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    raise InvalidValue(f"a {type(source).__name__} is no notebook; give a Path, its bytes, or its JSON as a dict")


def _problem(notebook: Notebook, version: str | None) -> str | None:
    nbformat = library("nbformat", "pushing a notebook")
    if version is None:
        return "it does not say which version of the notebook format it is in"
    major, minor = notebook["nbformat"], notebook.get("nbformat_minor", 0)
    if (major, minor) > (nbformat.current_nbformat, nbformat.current_nbformat_minor):
        return f"format {version} is newer than this Jupyter knows ({nbformat.current_nbformat}.{nbformat.current_nbformat_minor})"
    if major < nbformat.current_nbformat:
        return f"format {version} is old; Jupyter converts it when it opens it"
    from nbformat.validator import iter_validate

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            error = next(iter(iter_validate(notebook)), None)
        except Exception as fault:  # whatever a damaged notebook makes a validator stumble over
            return f"it cannot be validated ({fault!r})"[:400]
    return None if error is None else f"it is not valid: {str(error).strip().splitlines()[0]}"[:400]
