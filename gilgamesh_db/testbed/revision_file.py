"""One revision as a file: who wrote it, what it is for, whether it was changed, and where in it something is wrong."""

from __future__ import annotations

import contextlib
import hashlib
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from alembic.script import Script

from ..errors import GilgameshError, InvalidValue


@dataclass(frozen=True)
class RevisionFile:
    """A file of ``versions/``.

    Attributes
    ----------
    revision : str
        As alembic numbers it.
    down_revisions : tuple of str
        Those it follows: none for the first, several for a merge.
    message : str
        The first line of its docstring.
    author : str or None
        The ``author`` it names.
    schema : str or None
        The revision of Gilgamesh's tables it was written for.
    """

    path: Path
    revision: str
    down_revisions: tuple[str, ...]
    message: str
    author: str | None
    schema: str | None
    module: ModuleType

    @classmethod
    def of(cls, script: Script) -> RevisionFile:
        """Read what alembic loaded."""
        down = script.down_revision or ()
        return cls(
            Path(script.path),
            script.revision,
            (down,) if isinstance(down, str) else tuple(down),
            script.doc or script.revision,
            getattr(script.module, "author", None),
            getattr(script.module, "schema", None),
            script.module,
        )

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, whatever the line endings of the system are."""
        return hashlib.sha256(self.path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()

    @contextlib.contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Let an error that comes out of the file say where it stands."""
        try:
            yield
        except GilgameshError as error:
            raise type(error)(f"{self.place(error)}: {error}") from error
        except (TypeError, ValueError, NameError, AttributeError) as error:
            raise InvalidValue(f"{self.place(error)}: {error}") from error

    def place(self, error: BaseException) -> str:
        """File and line the error comes from; the file alone when it only showed at the end."""
        lines = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == self.path
        ]
        return f"{self.path.name}, line {lines[-1]}" if lines else self.path.name
