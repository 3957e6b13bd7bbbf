"""Discharges: chosen, reduced, mapped over, recorded."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..timespan import instant
from .connection import Connected, whole_number

if TYPE_CHECKING:
    import pandas as pd

    from ..quality_check import Findings
    from ..recording import Recording
    from ..shot import Shot
    from ..shot_range import Shots
    from ..signal import Signal
    from ..workers import ShotResults
    from . import Database


class Discharges(Connected):
    """What is asked of shots."""

    def shot(self, number: int) -> Shot:
        """One discharge with what is said of it; ``db.shot(1234)["Langmuir_I"]`` is a signal of it.

        Parameters
        ----------
        number : int
            Shot number; a negative one counts from the last shot (-1).
        """
        from ..shot import shot_of

        return shot_of(self._whole, self.shot_number(number))

    def shots(
        self, condition: str | None = None, columns: Sequence[str] | None = None, *, stale: str = "hide"
    ) -> pd.DataFrame:
        """Shots as a table, filtered by what is said of them.

        Parameters
        ----------
        condition : str, optional
            For example ``"Gas == 'Argon' and MaxH_Pinj > 500"``; it becomes SQL and is never evaluated as Python.
        columns : sequence of str, optional
            Which attributes to show; all by default.
        stale : {'hide', 'show'}
            What to do with computed values that are out of date: hide them (NaN, meeting no condition) and warn, or show
            the old numbers. Either way ``table.attrs["stale"]`` names the shots by attribute.

        Returns
        -------
        DataFrame
            Index ``Shot``; Date (of the trigger), Duration (s), Program, Status, then the attributes.
        """
        from ..shots import table_of_shots

        with self.transaction() as connection:
            return table_of_shots(connection, condition, columns, stale)

    def find_shots(self, condition: str, *, for_at_least: float | str | None = None, shots: Shots = ":") -> list[int]:
        """Shots in which signals have these values, as calibrated today (or at `known_at`).

        Stored extremes decide most shots, and most of a long record; samples are read only where those cannot, so the
        answer is exact.

        Parameters
        ----------
        condition : str
            Comparisons of signals and formulas, with ``and``, ``or`` and ``not``: ``"IC_Pinj > 1.5 kW or Lang_dens > 5e16"``,
            ``"IC_Pfwd - IC_Pref > 500 W"``. A number without a unit is in the unit of what it is compared with.
        for_at_least : float or str, optional
            How long it must hold without a break: seconds, or a text such as ``"5 ms"``. At one sample by default.
            Each sample stands for the time until the next one.
        shots : int, str or iterable of int
            Where to look; everywhere by default.

        Returns
        -------
        list of int
            In rising order. What cannot be read in a shot, or is NaN, meets no condition, nor its opposite.

        Examples
        --------
        >>> db.find_shots("IC_Pinj > 1.5 kW or Lang_dens > 5e16", for_at_least="5 ms")  # doctest: +SKIP
        """
        from ..noting import unnoted
        from ..search import find_shots

        with unnoted():
            return find_shots(self._whole, condition, shots, for_at_least)

    def check_quality(self, names: str | Sequence[str], shots: Shots = -1, **thresholds: float) -> Findings:
        """Look for saturation, dead channels, noise and values that cannot be; nothing is stated yet.

        Parameters
        ----------
        names : str or sequence of str
            Names, aliases, or patterns such as ``"Lang_*"``.
        shots : int, str or iterable of int
            The last by default. From five shots on, the noise of a signal is compared with what is usual for it.
        **thresholds
            `saturated`, `flat`, `noisy`, `implausible`: see `gilgamesh_db.quality_check.Thresholds`.

        Returns
        -------
        Findings
            Prints as text; `Findings.table` and `Findings.numbers` are DataFrames, `Findings.state` states the findings
            as quality flags, beside what people said.

        Examples
        --------
        >>> print(db.check_quality("Lang_*", "1200:1300"))  # doctest: +SKIP
        """
        from ..frame_request import request
        from ..quality_check import Thresholds, check_signals

        asked = request(self._whole, names, shots)
        return check_signals(self._whole, asked.names, asked.shots, Thresholds(**thresholds))  # type: ignore[arg-type]

    def reduce(
        self,
        what: str | Sequence[str] | Mapping[str, str],
        shots: Shots,
        how: str | Callable[[Signal], float] = "max",
        *,
        window: tuple[float, float] | None = None,
        missing: str = "raise",
    ) -> pd.DataFrame:
        """One number per signal and shot: the table scikit-learn and others begin with.

        Parameters
        ----------
        what : str, sequence of str, or mapping
            Names of signals, each reduced by `how`; or column → rule, for example ``{"top": "max(Lang_I)"}``.
        shots : int, str or iterable of int
        how : str or callable
            max, min, mean, rms, first or last, or a function of the signal. The first four come from stored moments for
            all shots at once, where the chain is a straight line and no window is given.
        window : tuple of float, optional
            Only this part, in seconds.
        missing : {'raise', 'nan'}
            What to do where a signal cannot be read.

        Returns
        -------
        DataFrame
            Index ``Shot``, float64, in the units of the signals.
        """
        from ..reduction import reduce

        return reduce(self._whole, what, shots, how, window, missing)

    def map_shots(
        self,
        function: Callable[[Database, int], Any],
        shots: Shots,
        *,
        workers: int | None = None,
        scheduler: Any = None,
        progress: bool = True,
    ) -> ShotResults:
        """Call ``function(db, shot)`` for many shots, in other processes; results come as they are ready.

        Each worker opens its own connection. A shot that fails is kept with its error and does not stop the others.
        Ctrl-C lets the shots under way end, and stops.

        Parameters
        ----------
        function : callable
            Functions of a notebook work too. A script needs ``if __name__ == "__main__":`` around what starts it.
        shots : int, str or iterable of int
        workers : int, optional
            Processes; one per processor by default, 0 works in this one.
        scheduler : dask.distributed.Client, optional
            Work on a Dask cluster instead; its workers must reach the database by its URL.
        progress : bool
            Show a progress bar and failures as they come.

        Returns
        -------
        ShotResults
            Iterate over ``(shot, result)``, or ``.collect()`` into a dict; ``.failures`` has the rest.

        Examples
        --------
        >>> def top(db, shot):
        ...     return db.signal("Lang_I", shot).values.max()
        >>> db.map_shots(top, "1200:1300").collect()  # doctest: +SKIP
        """
        from ..workers import map_shots

        return map_shots(self._whole, function, shots, workers, scheduler, progress)

    def log(self, search: str | None = None, *, shots: Shots | None = None) -> pd.DataFrame:
        """The logbook, or the entries with some words.

        Parameters
        ----------
        search : str, optional
            Words in any form (``arcing`` finds ``arc``); ``"a phrase"``, ``or`` and ``-not`` work as in a web search.
        shots : int, str or iterable of int, optional
            Only entries beside these shots.

        Returns
        -------
        DataFrame
            Index ``Entry``; Shot, Written, Author, Text.
        """
        from ..logbook import table_of_log

        return table_of_log(self._whole, search, shots)

    def gaps(self, shot: int | None = None, signal: str | None = None) -> pd.DataFrame:
        """What is missing: wiring, calibrations, items, samples, devices.

        Parameters
        ----------
        shot : int, optional
            Only this shot; a negative number counts from the last one.
        signal : str, optional
            Only this signal, by name or alias.

        Returns
        -------
        DataFrame
            shot, signal, port, gap, detail. Values outside the plausible range are looked for when a shot or a
            signal is given.
        """
        from ..gaps import gaps

        return gaps(self._whole, shot, signal)

    def recording(
        self, shot: int, *, started_at: datetime.datetime | str | None = None, program: str | None = None
    ) -> contextlib.AbstractContextManager[Recording]:
        """Record a shot while it runs: what is appended can be read at once, and stays when the recording breaks off.

        Parameters
        ----------
        shot : int
            Its number; there must be no such shot yet.
        started_at : datetime or str, optional
            The trigger; now when left out.
        program : str, optional
            The program it belongs to; made known if it is not.

        Raises
        ------
        ConflictError
            There is such a shot, or somebody else is recording it.

        Examples
        --------
        >>> with db.recording(1300) as recording:  # doctest: +SKIP
        ...     current = recording.port("PXI M6251/ai5", dt=1e-6)
        ...     for chunk in device:
        ...         current.append(chunk)
        """
        from ..recording import recording

        return recording(self._whole, whole_number(shot), instant(started_at), program)
