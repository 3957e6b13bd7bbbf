"""The lab's folder of revisions: made once, then one file per change of the machine."""

from __future__ import annotations

import contextlib
import getpass
import io
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from .. import installation
from ..errors import ConflictError, InvalidValue
from . import environment
from .revision_file import RevisionFile

LAB = Path(__file__).parent / "lab"
DESCRIPTION = "testbed.yaml"


class Repository:
    """A folder with ``alembic.ini``, ``env.py`` and ``versions/``.

    Parameters
    ----------
    folder : Path
        The folder, as made by `init`.
    engine : sqlalchemy.Engine, optional
        The database; by default the one of ``GILGAMESH_DATABASE_URL``, or the embedded one.
    tell : callable, optional
        Receives a line for each revision that was applied or taken back; they are printed by default.

    Raises
    ------
    InvalidValue
        It is not such a folder.
    """

    def __init__(
        self, folder: Path | str, engine: sa.Engine | None = None, *, tell: Callable[[str], None] | None = None
    ) -> None:
        self.folder = Path(folder)
        self.engine = engine
        self.tell = tell
        if not (self.folder / "alembic.ini").is_file():
            raise InvalidValue(
                f"{self.folder.resolve()} is not a repository of a testbed (it has no alembic.ini); go to its folder, name it "
                "with --folder, or make one with: gilgamesh testbed init FOLDER"
            )

    @classmethod
    def init(cls, folder: Path | str, engine: sa.Engine | None = None) -> Repository:
        """Make the folder; an existing one must be empty, except for what git keeps."""
        folder = Path(folder)
        there = [path.name for path in folder.iterdir() if path.name != ".git"] if folder.exists() else []
        if there:
            raise ConflictError(f"{folder} is not empty ({sorted(there)[0]} is in it); name a new folder")
        (folder / "versions").mkdir(parents=True)
        for template in LAB.iterdir():
            if template.is_file():
                (folder / template.name).write_text(template.read_text("utf-8"), "utf-8")
        (folder / "versions" / ".gitkeep").touch()
        return cls(folder, engine)

    @property
    def description(self) -> Path:
        """The file that describes the whole testbed."""
        return self.folder / DESCRIPTION

    # -- revisions ------------------------------------------------------------------------------------------

    def revision(self, message: str, *, rev_id: str | None = None) -> Path:
        """Make the file of a new revision, to be filled in; return its path.

        Parameters
        ----------
        message : str
            What changed, in a few words.
        rev_id : str, optional
            Its name; the next number (``0007``) by default, so that the folder reads like a book.
        """
        if not message.strip():
            raise InvalidValue('a revision needs a message: what changed, in a few words (-m "probe 1 moved to ai5")')
        with self._letters(), contextlib.redirect_stdout(io.StringIO()):  # our callers tell what was done
            made = command.revision(self._config(), message.strip(), rev_id=rev_id or self._next())
        return self._beside(made)

    def auto_revision(self, message: str, statements: list[Any], *, rev_id: str | None = None) -> Path:
        """Make the file of a revision that says these statements; return its path."""
        from alembic.operations import ops

        def fill(_context: Any, _revision: Any, directives: list[Any]) -> None:
            directives[0].upgrade_ops = ops.UpgradeOps(ops=statements)
            directives[0].imports |= imports_of(statements)

        with self._letters(), self._connection() as connection:
            config = self._config(connection)
            config.attributes["process_revision_directives"] = fill
            with contextlib.redirect_stdout(io.StringIO()):
                made = command.revision(config, message.strip(), autogenerate=True, rev_id=rev_id or self._next())
        return self._beside(made)

    def adopt(self, message: str, *, rev_id: str | None = None) -> Path | None:
        """Write down as a revision what was edited past the repository; return its path, None when nothing was.

        The revision says what the database knows and ``testbed.yaml`` does not. It is stamped, not applied: here it is
        known already; other databases learn it. The description is written anew.
        """
        from .description import Description
        from .planning import plan
        from .snapshot import snapshot
        from .yaml_reader import read_description
        from .yaml_writer import write_description

        with self._connection() as connection:
            known = snapshot(connection)
        before = read_description(self.description) if self.description.exists() else Description()
        statements = plan(before, known)
        if not statements:
            return None
        path = self.auto_revision(message, list(statements), rev_id=rev_id)
        self.stamp("head")
        self.description.write_text(write_description(known), "utf-8")
        return path

    def upgrade(self, target: str = "head", *, connection: sa.Connection | None = None) -> None:
        """Apply the revisions up to `target`, all or none."""
        self._move(command.upgrade, target, connection)

    def downgrade(self, target: str, *, connection: sa.Connection | None = None) -> None:
        """Take revisions back, down to `target` (which stays applied; ``base`` for all)."""
        self._move(command.downgrade, target, connection)

    def _move(self, move: Callable[[Config, str], None], target: str, connection: sa.Connection | None) -> None:
        config = self._config()
        with self._letters(), self._connection(connection) as ours:
            config.attributes["connection"] = ours
            move(config, target)
        for line in environment.told(config):
            (self.tell or print)(line)

    def stamp(self, target: str) -> None:
        """Declare the revisions up to `target` as applied without running them."""
        with self._letters(), self._connection() as ours:
            command.stamp(self._config(ours), target)

    def script(self, target: str = "head", *, down: bool = False) -> str:
        """The SQL of an upgrade (``from:to`` or from the beginning) or downgrade (``from:to``), for a DBA."""
        written = io.StringIO()
        config = self._config()
        config.output_buffer = written
        with self._letters():
            (command.downgrade if down else command.upgrade)(config, target, sql=True)
        return written.getvalue()

    def files(self) -> list[RevisionFile]:
        """Every revision of the folder, the first one first."""
        with self._letters():
            scripts = list(ScriptDirectory.from_config(self._config()).walk_revisions())
            return [RevisionFile.of(script) for script in reversed(scripts)]

    def applied(self) -> dict[str, sa.Row[Any]]:
        """What is applied today, in the order in which it was; each row with revision, recorded_at, author, role, checksum."""
        with self._connection() as connection:
            return {row.revision: row for row in connection.execute(sa.text(environment.APPLIED))}

    # -- inside ---------------------------------------------------------------------------------------------

    def _beside(self, made: Any) -> Path:
        """The path of a new file, seen from where we are."""
        return self.folder / Path(made.path).relative_to(self.folder.resolve())

    def _next(self) -> str:
        numbers = [int(file.revision) for file in self.files() if file.revision.isdecimal()]
        return f"{max(numbers, default=0) + 1:04}"

    def _config(self, connection: sa.Connection | None = None) -> Config:
        config = Config(str(self.folder / "alembic.ini"), stdout=io.StringIO())
        config.attributes["connection"] = connection
        return config

    @contextlib.contextmanager
    def _connection(self, given: sa.Connection | None = None) -> Iterator[sa.Connection]:
        if given is not None:
            yield given
            return
        from ..database import open_engine

        engine = self.engine or open_engine()
        try:
            with engine.begin() as connection:
                installation.require_current(connection)
                yield connection
        finally:
            if self.engine is None:
                engine.dispose()

    @contextlib.contextmanager
    def _letters(self) -> Iterator[None]:
        """What alembic refuses, as an error of ours; a file that is no Python names its line."""
        try:
            yield
        except CommandError as error:
            if "not up to date" in str(error):
                raise InvalidValue(
                    "there are revisions that are not applied yet; apply them first: gilgamesh testbed upgrade"
                ) from error
            if "Multiple head" in str(error):
                heads = ", ".join(sorted(ScriptDirectory.from_config(self._config()).get_heads()))
                raise InvalidValue(
                    f"{heads} follow the same revision: two people worked at the same time. Join them with: alembic merge -m "
                    '"both" heads, and upgrade again; or apply both as they are: gilgamesh testbed upgrade heads'
                ) from error
            raise InvalidValue(f"{error} (the folder is {self.folder})") from error
        except SyntaxError as error:
            raise InvalidValue(f"{Path(error.filename or '').name}, line {error.lineno}: {error.msg}") from error


def imports_of(statements: list[Any]) -> set[str]:
    """The import lines a revision needs for these statements."""
    from .. import calibration

    text = "\n".join(map(str, statements))
    steps = sorted(name for name in calibration.__all__ if name[0].isupper() and re.search(rf"\b{name}\(", text))
    found = {f"from gilgamesh_db.calibration import {', '.join(steps)}"} if steps else set()
    if "fit_from_dict(" in text:
        found.add("from gilgamesh_db.calibration.fit import fit_from_dict")
    return found or {""}


def author() -> str:
    """Who writes a revision: the name git knows, or that of the account."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        name = subprocess.run(
            ["git", "config", "user.name"], capture_output=True, text=True, check=True, timeout=5
        ).stdout.strip()
        if name:
            return name
    return getpass.getuser()


def schema() -> str:
    """The revision of Gilgamesh's tables a revision of the testbed is written for."""
    return installation.head()
