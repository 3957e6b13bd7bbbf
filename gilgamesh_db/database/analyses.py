"""Analyses: stored, listed, done again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .connection import Connected

if TYPE_CHECKING:
    import pandas as pd

    from ..notebooks.repository import Notebooks
    from ..refresh import Refreshed
    from ..run import Run
    from ..shot_range import Shots
    from ..signal import Signal


class Analyses(Connected):
    """What is kept of computations."""

    def run(
        self,
        method: str,
        *,
        version: str,
        inputs: Sequence[Signal],
        parameters: Mapping[str, Any] | None = None,
        shot: int | None = None,
        author: str | None = None,
    ) -> contextlib.AbstractContextManager[Run]:
        """Store an analysis with what it was made from; its outputs are read like anything measured.

        Everything that is saved becomes known at once when the block ends; after an error nothing does.

        Parameters
        ----------
        method, version : str
            What computed it.
        inputs : sequence of Signal
            What was read.
        parameters : mapping, optional
            Every parameter the method was given.
        shot : int, optional
            The shot the results belong to; that of the inputs by default.
        author : str, optional
            Who ran it; the database role by default.

        Examples
        --------
        >>> voltage = db.signal("Lang_U", shot=1234)  # doctest: +SKIP
        >>> with db.run("smoothing", version="1", inputs=[voltage], parameters={"width": 1e-3}) as r:  # doctest: +SKIP
        ...     r.save("Lang_U_smooth", voltage.time, smoothed, "V", create=True)
        """
        from ..run import run

        return run(self._whole, method, version=version, parameters=parameters, inputs=inputs, shot=shot, author=author)

    def runs(self, signal: str | None = None, *, shot: int | None = None, method: str | None = None) -> pd.DataFrame:
        """Stored analyses as a table, and whether what they read is still what one would read today.

        Returns
        -------
        DataFrame
            Index ``Run``; Method, Version, Shot, Signals, Parameters, Author, Recorded, UpToDate, Reason (what changed
            where it is not), Superseded.
        """
        from ..run import table_of_runs

        return table_of_runs(self._whole, signal, shot, method)

    def refresh(
        self,
        shots: Shots = ":",
        *,
        dry_run: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Refreshed:
        """Compute again what is out of date: runs of known methods, then computed attributes.

        Parameters
        ----------
        shots : int, str or iterable of int
            Such as ``"1200:1300"`` or ``-1``; all by default.
        dry_run : bool
            Only say what would be computed.
        progress : callable, optional
            Told how many steps are done, and of how many.
        """
        from ..noting import unnoted
        from ..refresh import refresh

        with unnoted():
            return refresh(self._whole, self.shot_numbers(shots), dry_run=dry_run, progress=progress)

    @property
    def notebooks(self) -> Notebooks:
        """The notebooks the lab shares: ``db.notebooks.push(...)``, ``db.notebooks.uses(signal="Lang_I")``."""
        from ..notebooks.repository import Notebooks

        return Notebooks(self._whole)
