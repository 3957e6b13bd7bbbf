"""A notebook run again: as known today or then, with what comes out otherwise, and nothing of it lost."""

from __future__ import annotations

import os
import re
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..database.connection import KNOWN_AT
from ..errors import InvalidValue
from .comparison import Difference, compare
from .document import Notebook, library, read_document, today
from .version import Version

if TYPE_CHECKING:
    from ..database import Database, Knowledge


SKIPPED = "skip-execution"  # a tag of cells, as Jupyter's own tools have it


@dataclass(frozen=True)
class Failure:
    """Which cell failed (counted from 1), and how."""

    cell: int
    said: str

    def __str__(self) -> str:
        return f"cell {self.cell}: {self.said}"


@dataclass(frozen=True)
class Execution:
    """What came of running a notebook; prints as text.

    Attributes
    ----------
    version : Version
        What was run.
    known_at : datetime or None
        The knowledge it was run with; None is today's.
    seconds : float
    differences : tuple of Difference
        What comes out otherwise, cell by cell.
    error : Failure or None
        The cell that failed, and how. Cells after it were not run.
    notebook : dict
        The notebook with its new outputs.
    pushed : Version or None
        The version it was stored as.
    """

    version: Version
    known_at: datetime | None
    seconds: float
    differences: tuple[Difference, ...]
    error: Failure | None
    notebook: Notebook
    pushed: Version | None = None

    def __str__(self) -> str:
        then = f" with what was known on {self.known_at:%Y-%m-%d %H:%M:%S}" if self.known_at else ""
        lines = [f"{self.version.name} ran{then} in {self.seconds:.1f} s"]
        if self.error:
            lines.append(f"it failed: {self.error}")
        if not self.differences:
            lines.append("every output is the same" if not self.error else "up to there every output is the same")
        lines += map(str, self.differences)
        if self.pushed is not None:
            lines.append(
                "the outputs were stored already" if self.pushed.unchanged else f"stored as {self.pushed.name}"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The same for a script, without the notebook."""
        return {
            "ran": self.version.name, "known_at": self.known_at, "seconds": self.seconds, "error": self.error and str(self.error),
            "differences": [vars(one) for one in self.differences], "pushed": self.pushed and self.pushed.name,
        }  # fmt: skip


def run(
    db: Database, version: Version, known_at: Knowledge | None, push: bool, message: str, author: str | None,
    timeout: float | None, tolerance: float,
) -> Execution:  # fmt: skip
    """See `Notebooks.run`."""
    then = db._moment(known_at) if known_at is not None else db.knowledge
    before = today(read_document(db.notebooks.content(version.path, version.number)).notebook)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gilgamesh-") as folder:
        after, error = execute(before, _environment(db, then, Path(folder)), timeout)
    seconds = time.monotonic() - began
    pushed = None
    if push:
        executed = {
            "version": version.number,
            "known_at": then and then.isoformat(),
            "seconds": round(seconds, 3),
            "error": error and str(error),
        }
        as_known = f" with what was known on {then:%Y-%m-%d %H:%M}" if then else ""
        latest = db.notebooks.version(version.path).number
        pushed = db.notebooks.push(
            after, version.path, message=message or f"version {version.number} run{as_known}", author=author, over=latest,
            metadata={"executed": executed},
        )  # fmt: skip
    ran = None if error is None else error.cell - 1
    differences = compare({"cells": before["cells"][:ran]}, {"cells": after["cells"][:ran]}, tolerance)
    return Execution(version, then, seconds, differences, error, after, pushed)


def execute(notebook: Notebook, environment: dict[str, str], timeout: float | None) -> tuple[Notebook, Failure | None]:
    """Run all cells of a notebook of today's format in a kernel of its own, in the current folder.

    Returns
    -------
    dict, Failure or None
        The notebook with its outputs, up to the cell that failed; and which that was, and how.
    """
    nbformat = library("nbformat", "running a notebook")
    nbclient = library("nbclient", "running a notebook")
    clients = library("nbclient.exceptions", "running a notebook")
    kernels = library("jupyter_client.kernelspec", "running a notebook")
    running = nbformat.from_dict(notebook)
    for cell in running.cells:
        if cell.cell_type == "code" and SKIPPED not in cell.metadata.get("tags", ()):
            cell.outputs, cell.execution_count = [], None  # what is not run must not look as if it had been
    at = 0

    def reached(cell_index: int, **_: Any) -> None:
        nonlocal at
        at = cell_index + 1

    client = nbclient.NotebookClient(
        running, timeout=timeout, kernel_name=_kernel(notebook, kernels), resources={"metadata": {"path": str(Path.cwd())}},
        extra_arguments=["--log-level=ERROR"] if _is_python(notebook) else [],
        record_timing=False, on_cell_execute=reached, skip_cells_with_tag=SKIPPED,
    )  # fmt: skip
    error = None
    try:
        client.execute(env={**os.environ, **environment})
    except clients.CellExecutionError as failed:
        error = f"{failed.ename}: {failed.evalue}"
    except clients.CellTimeoutError:
        error = f"it took longer than {timeout:g} s"
    except clients.DeadKernelError:
        error = "the kernel died"
    except KeyboardInterrupt:
        error = "it was interrupted"
    return running, None if error is None else Failure(at, error)


def _environment(db: Database, known_at: datetime | None, folder: Path) -> dict[str, str]:
    """What tells the kernel where to connect; the password in a file of libpq, since a notebook may print its environment."""
    url = db.engine.url.set(drivername="postgresql")
    told = {KNOWN_AT: "" if known_at is None else known_at.isoformat()}
    if url.password is not None:
        parts = (url.host or "*", url.port or "*", url.database or "*", url.username or "*", url.password)
        file = folder / "pgpass"
        file.touch(0o600)
        file.write_text(":".join(re.sub(r"([\\:])", r"\\\1", str(part)) for part in parts) + "\n", "utf-8")
        told["PGPASSFILE"] = str(file)
    return {**told, "GILGAMESH_DATABASE_URL": url._replace(password=None).render_as_string(hide_password=False)}


def _kernel(notebook: Notebook, kernels: Any) -> str:
    """The kernel the notebook names; Python's own where that one has another name on this machine."""
    named = str(notebook.get("metadata", {}).get("kernelspec", {}).get("name") or "python3")
    known = kernels.KernelSpecManager().find_kernel_specs()
    if named in known:
        return named
    if _is_python(notebook) and "python3" in known:
        return "python3"
    raise InvalidValue(
        f"the notebook asks for the kernel {named!r}, which is not installed here; there are: {', '.join(known) or 'none'}"
    )


def _is_python(notebook: Notebook) -> bool:
    metadata = notebook.get("metadata", {})
    said = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name") or "python"
    return str(said).lower().startswith(("python", "ipython"))
