"""Asking for signals: one, many at once, or the testbed itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ..errors import SignalNotFound
from .connection import Connected, Knowledge, whole_number

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from ..alignment import Alignment
    from ..finding import Hit
    from ..machine import Machine
    from ..shot_range import Shots
    from ..signal import Signal


class Asking(Connected):
    """What is asked by the name of a signal or component."""

    def signal(self, name: str, shot: int, *, run: int | None = None, quality: str | None = None) -> Signal:
        """A signal of a shot, by the name people use; nothing is read before it is needed.

        Parameters
        ----------
        name : str
            Name or alias.
        shot : int
            Shot number; a negative one counts from the last shot (-1).
        run : int, optional
            The run that computed a processed signal; the latest by default.
        quality : str, optional
            Values of which less is said are NaN: ``"good"`` leaves good and validated ones, ``"not bad"`` also those
            that are doubtful or were not checked. By default all values are there; `Signal.quality` says what to think.

        Raises
        ------
        SignalNotFound, ShotNotFound
            The first with suggestions.
        """
        from ..signal import Signal

        if not isinstance(name, str):
            raise SignalNotFound(f"{name!r} is not the name of a signal; list them with `gilgamesh signals`")
        number = whole_number(shot)
        if name not in self._names or number not in self._shots:
            self._find(name, number)
        name, number = self._names[name], self.shot_number(number) if number < 0 else number
        if name in self._derived:
            from ..derived import DerivedSignal

            return DerivedSignal(self._whole, name, number, quality)
        if name in self._streamed:
            from ..streams.window import signal_of_stream

            slow = signal_of_stream(self._whole, name, number, quality)
            if slow is not None:
                return slow
        if run is not None:
            from ..run import knowledge_of

            return Signal(
                self._whole.known_at(knowledge_of(self._whole, run, name, number)), name, number, None, quality
            )
        return Signal(self._whole, name, number, None, quality)

    def catalogue(self) -> pd.DataFrame:
        """Every name that can be asked for: index ``signal``; kind, unit, label, quantity, component, role, description, aliases."""
        return self.sql(
            "select signal, kind, unit, label, quantity, component, role, description, aliases "
            "from gilgamesh.signals order by signal"
        ).set_index("signal")

    def find(self, text: str) -> list[Hit]:
        """Look for words everywhere: signals, shots, the logbook, the bibliography and notebooks.

        Returns
        -------
        list of Hit
            With kind, name and what is said of it; at most twenty of each kind.

        Examples
        --------
        >>> db.find("langmuir")  # doctest: +SKIP
        """
        from ..finding import find

        return find(self._whole, text)

    def signals(
        self,
        names: str | Sequence[str],
        shot: Shots,
        *,
        window: tuple[float, float] | None = None,
        where: str | None = None,
        align: Alignment = "previous",
        on: str | float | None = None,
        missing: Literal["raise", "nan"] = "raise",
        tolerance: float | None = None,
        quality: str | None = None,
    ) -> pd.DataFrame:
        """Signals of shots as one table, on one time base per shot.

        Parameters
        ----------
        names : str or sequence of str
            Names, aliases, or patterns such as ``"Lang_*"``.
        shot : int, str, slice, sequence of int, or None
            A number (-1 for the last), several, a range such as ``"1200:1300"``; None for all.
        window : (float, float), optional
            Seconds from the trigger, half-open.
        where : str, optional
            Only the samples for which this holds, for example ``"Lang_U > 0 and Ngas_P < 1e-3"``; numbers are in the
            unit of the signal they are compared with. Its signals need not be in `names`. It is never evaluated as Python.
        align : {"previous", "nearest", "linear", "mean"}
            How signals on other time bases come onto that of the table; see `gilgamesh_db.alignment.align`.
        on : str or float, optional
            The time base: that of this signal, or an interval in s; that of the first name otherwise.
        missing : {"raise", "nan"}
            What a signal that cannot be read in a shot is: an error that names all of them, or a column of NaN and an
            entry in ``frame.attrs["missing"]``.
        tolerance : float, optional
            Samples farther away than this, in s, are not used for alignment.
        quality : str, optional
            Values of which less is said are NaN, as in `signal`: ``"good"``, or ``"not bad"``.

        Returns
        -------
        DataFrame
            Index (Shot, Time), Time in s; one column of float64 per name. ``attrs`` hold ``units``, ``labels``,
            ``align`` and ``missing``.

        Raises
        ------
        SignalNotFound, ShotNotFound
            A name or shot does not exist.
        NotWired, NotCalibrated, SamplesNotFound
            A signal cannot be read in a shot.
        ConditionError
            `where` is not a condition on signals.
        InvalidValue
            The window lies outside the record, signals have no instant in common, or the table would be larger than 4 GB.

        Examples
        --------
        >>> db.signals(["Lang_U", "Lang_I"], shot=[1234, 1235], window=(0, 1), where="Lang_U > 0")  # doctest: +SKIP
        """
        from ..frame_request import request
        from ..frames import table

        return table(
            self._whole, request(self._whole, names, shot, window, where, align, on, missing, tolerance, quality)
        )

    def signals_chunks(
        self, names: str | Sequence[str], shot: Shots, *, rows: int = 1_000_000, **options: Any
    ) -> Iterator[pd.DataFrame]:
        """The table of `signals` in consecutive pieces, for what is larger than memory.

        Parameters
        ----------
        rows : int
            Rows per piece, about; a piece never holds more than one shot.
        **options
            Those of `signals`.

        Yields
        ------
        DataFrame
        """
        from ..frame_request import request
        from ..frames import chunks

        yield from chunks(self._whole, request(self._whole, names, shot, **options), rows)

    def dataset(self, names: str | Sequence[str], shot: Shots, **options: Any) -> xr.Dataset:
        """The table of `signals` as an xarray Dataset with units, long names and provenance; needs the extra ``xarray``.

        Shots that share their time base make the dimensions (Shot, Time); others follow each other along ``sample``,
        with Shot and Time as coordinates. ``to_netcdf`` writes it with the attributes of the CF conventions.
        """
        from ..dataset import dataset_of
        from ..frame_request import request

        return dataset_of(self._whole, request(self._whole, names, shot, **options))

    def machine(
        self, shot: int | None = None, *, at: Knowledge | None = None, known_at: Knowledge | None = None
    ) -> Machine:
        """The testbed in a shot, or at a time, as objects that know their physics.

        Parameters
        ----------
        shot : int, optional
            A negative one counts from the last shot (-1).
        at : datetime or str, optional
            A time; now when neither is given.
        known_at : datetime or str, optional
            As known then.

        Examples
        --------
        >>> db.machine(shot=1234)["langmuir1"].density()  # doctest: +SKIP
        <Signal langmuir1_density of shot 1234>
        """
        from ..machine.machine import machine

        return machine(self._whole, shot, at, known_at)
