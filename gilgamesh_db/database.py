"""The door: connect to a database of the testbed and ask it things."""

from __future__ import annotations

import contextlib
import datetime
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from . import installation, translation
from .embedded import EmbeddedServer
from .errors import ConflictError, InvalidValue, ShotNotFound, SignalNotFound, near_names
from .reading import Cache, Reader
from .timespan import instant

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure
    from sqlalchemy.orm import Session

    from .alignment import Alignment
    from .bibliography import Bibliography
    from .changes import Changes
    from .changes import Shots as ChangedShots
    from .citation import Citation, Verification
    from .dry_run import WhatIf
    from .edits import Edit
    from .layout import Layouts
    from .machine import Machine
    from .recording import Recording
    from .refresh import Refreshed
    from .release import Release
    from .run import Run
    from .shot import Shot
    from .shot_range import Shots
    from .signal import Signal
    from .widgets import Browser, Dashboard
    from .workers import ShotResults

Knowledge = datetime.datetime | datetime.date | str


def connect(url: str | sa.URL | None = None, *, known_at: Knowledge | None = None) -> Database:
    """Open the database of the testbed.

    Parameters
    ----------
    url : str, optional
        ``postgresql://user@host/database`` of the lab's own server (PostgreSQL 15 or newer). Without it
        the environment variable ``GILGAMESH_DATABASE_URL`` is used; without that, the embedded server,
        which is created and started when needed.
    known_at : datetime or str, optional
        Answer from what was known then.

    Returns
    -------
    Database
        Also a context manager that closes its connections.

    Raises
    ------
    ServerError
        The server cannot be reached or started.
    DatabaseEmpty, DatabaseForeign, SchemaOutOfDate, SoftwareOutOfDate
        It can, but the database is not one this software can use; the message says what to type.

    Examples
    --------
    >>> import gilgamesh_db as gilgamesh
    >>> with gilgamesh.connect() as db:  # doctest: +SKIP
    ...     db.signal("Langmuir_I", shot=1234).values
    """
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            if embedded(url) and installation.state(connection) is installation.State.EMPTY:
                connection.rollback()
                installation.create(engine)
            installation.require_current(connection)
    except BaseException:
        engine.dispose()
        raise
    database = Database(engine)
    try:
        return database if known_at is None else database.known_at(known_at)
    except BaseException:
        database.close()
        raise


def embedded(url: str | sa.URL | None) -> bool:
    """Whether this would be the embedded server."""
    return not (url or os.environ.get("GILGAMESH_DATABASE_URL"))


def open_engine(url: str | sa.URL | None = None) -> sa.Engine:
    """Build the engine behind `connect`, whatever state the database is in."""
    if embedded(url):
        server = EmbeddedServer()
        server.ensure_running()
        url = server.url("postgres")
        admin = _engine(url)
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            exists = connection.exec_driver_sql("select 1 from pg_database where datname = 'gilgamesh'").scalar()
            if not exists:
                with contextlib.suppress(ConflictError, sa.exc.ProgrammingError):  # somebody was faster
                    connection.exec_driver_sql("create database gilgamesh")
        admin.dispose()
        url = server.url("gilgamesh")
    return _engine(url or os.environ["GILGAMESH_DATABASE_URL"])


def _engine(url: str | sa.URL) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise InvalidValue("the database URL cannot be read; write it as postgresql://user@host/database") from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise InvalidValue(
            f"{parsed.get_backend_name()!r} is not PostgreSQL; write the URL as postgresql://user@host/database"
        )
    engine = sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        connect_args={"application_name": "gilgamesh", "connect_timeout": 10},
    )
    translation.install(engine)
    return engine


class Database:
    """A connected database of the testbed; made by `connect`.

    Attributes
    ----------
    engine : sqlalchemy.Engine
        For those who want SQLAlchemy.
    knowledge : datetime or None
        The moment it answers from; None is today's knowledge.
    """

    def __init__(self, engine: sa.Engine, known_at: Knowledge | None = None) -> None:
        self.engine = engine
        self.knowledge = instant(known_at)
        self.reader = Reader(engine)
        self.cache: Cache[Any] = Cache()
        self._closed = False
        self._names: dict[str, str] = {}
        self._derived: set[str] = set()
        self._shots: set[int] = set()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        then = f", known_at={self.knowledge.isoformat()!r}" if self.knowledge else ""
        return f"<Database {translation.shown(self.engine.url)}{then}>"

    def close(self) -> None:
        """Close the connections; the embedded server keeps running for others."""
        self._closed = True
        self.reader.close()
        self.engine.dispose()

    def known_at(self, moment: Knowledge) -> Database:
        """The same database, answering from what was known at an earlier moment, or at that of a release.

        Examples
        --------
        >>> db.known_at("2026-03-01").signal("Langmuir_I", shot=1234)  # doctest: +SKIP
        """
        then = Database(self.engine, self._moment(moment))
        then.reader, then.cache = self.reader, self.cache  # what is immutable is shared
        return then

    def today(self) -> Database:
        """The same database, answering from today's knowledge."""
        now = Database(self.engine)
        now.reader, now.cache = self.reader, self.cache
        return now

    def release(self, name: str) -> Database:
        """The same database, answering from the knowledge a release pinned.

        Raises
        ------
        ReleaseNotFound

        Examples
        --------
        >>> db.release("paper-2026").signal("Langmuir_I", shot=1234)  # doctest: +SKIP
        """
        from .release import release_named

        return self.known_at(release_named(self, name).known_at)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """One transaction in which every view answers from this database's state of knowledge."""
        if self._closed:
            raise InvalidValue("this database was closed; connect again with gilgamesh.connect()")
        with self.engine.begin() as connection:
            if self.knowledge is not None:
                connection.execute(
                    sa.text("select set_config('gilgamesh.known_at', :moment, true)"),
                    {"moment": self.knowledge.isoformat()},
                )
            yield connection

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """A SQLAlchemy session for the models of `gilgamesh_db.models`, in one transaction."""
        from sqlalchemy.orm import Session

        with self.transaction() as connection, Session(bind=connection) as session:
            yield session
            session.flush()

    def sql(self, statement: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Run one SQL statement and return its rows.

        Parameters
        ----------
        statement : str
            Values are written ``:name``; tables and views are in the schema ``gilgamesh``.
        parameters : mapping, optional
            The values.

        Examples
        --------
        >>> db.sql("select signal, unit from gilgamesh.signals where unit = :unit", {"unit": "A"})  # doctest: +SKIP
        """
        import pandas as pd

        with self.transaction() as connection:
            try:
                # Without parameters the statement is sent as it stands, whatever colons and percents it holds.
                found = (
                    connection.execute(sa.text(statement), dict(parameters))
                    if parameters
                    else connection.exec_driver_sql(statement.replace("%", "%%"))
                )
            except (sa.exc.ProgrammingError, sa.exc.StatementError) as error:
                raise InvalidValue(f"the SQL statement cannot be run: {str(error.orig or error).strip()}") from error
            if not found.returns_rows:
                return pd.DataFrame()
            return pd.DataFrame([tuple(row) for row in found], columns=list(found.keys()))

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
        from .signal import Signal

        if not isinstance(name, str):
            raise SignalNotFound(f"{name!r} is not the name of a signal; list them with `gilgamesh signals`")
        number = _whole(shot)
        if name not in self._names or number not in self._shots:
            self._find(name, number)
        name, number = self._names[name], self.shot_number(number) if number < 0 else number
        if name in self._derived:
            from .derived import DerivedSignal

            return DerivedSignal(self, name, number, quality)
        if run is not None:
            from .run import knowledge_of

            return Signal(self.known_at(knowledge_of(self, run, name, number)), name, number, None, quality)
        return Signal(self, name, number, None, quality)

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
        from .refresh import refresh

        return refresh(self, self.shot_numbers(shots), dry_run=dry_run, progress=progress)

    def shot_numbers(self, shots: Shots) -> list[int]:
        """Numbers of the shots that are meant, for example by ``"1200:1300"`` (half-open), ``"-10:"`` or ``[1234, -1]``.

        Raises
        ------
        ShotNotFound
            A single shot does not exist, or a range holds none.
        """
        from .shot_range import shots_of

        return shots_of(self, shots)

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
        from .frames import request, table

        return table(self, request(self, names, shot, window, where, align, on, missing, tolerance, quality))

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
        from .frames import chunks, request

        yield from chunks(self, request(self, names, shot, **options), rows)

    def dataset(self, names: str | Sequence[str], shot: Shots, **options: Any) -> xr.Dataset:
        """The table of `signals` as an xarray Dataset with units, long names and provenance; needs the extra ``xarray``.

        Shots that share their time base make the dimensions (Shot, Time); others follow each other along ``sample``,
        with Shot and Time as coordinates. ``to_netcdf`` writes it with the attributes of the CF conventions.
        """
        from .dataset import dataset_of
        from .frames import request

        return dataset_of(self, request(self, names, shot, **options))

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
        from .shots import table_of_shots

        with self.transaction() as connection:
            return table_of_shots(connection, condition, columns, stale)

    def shot(self, number: int) -> Shot:
        """One discharge with what is said of it; ``db.shot(1234)["Langmuir_I"]`` is a signal of it.

        Parameters
        ----------
        number : int
            Shot number; a negative one counts from the last shot (-1).
        """
        from .shot import shot_of

        return shot_of(self, self.shot_number(number))

    def plot(
        self, names: str | Sequence[str], shots: int | Iterable[int], window: tuple[float, float] | None = None
    ) -> Figure:
        """Signals of one or several shots over each other: one panel per unit, one time axis.

        In an interactive figure (``%matplotlib widget``) what is seen is read again from the database as one zooms,
        down to the single sample; no spike is ever lost.

        Parameters
        ----------
        names : str or sequence of str
            Names or aliases.
        shots : int or iterable of int
        window : (float, float), optional
            Part of the time axis, in seconds.

        Examples
        --------
        >>> db.plot(["Lang_U", "Lang_I"], [1234, 1240], window=(0.9, 0.92))  # doctest: +SKIP
        """
        from .plot import plot_shots

        chosen = [shots] if isinstance(shots, int) else list(shots)
        return plot_shots(
            self, [names] if isinstance(names, str) else list(names), map(self.shot_number, chosen), window
        )

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
        from .gaps import gaps

        return gaps(self, shot, signal)

    def overview(self, shot: int, layout: str | None = None, *, figure: Figure | None = None) -> Figure:
        """The picture of a discharge.

        Parameters
        ----------
        shot : int
            Shot number; a negative one counts from the last shot (-1).
        layout : str, optional
            One of `layouts`; when left out, the one called ``overview``, else every signal that has samples.
        figure : matplotlib Figure, optional
            Draw into this one.
        """
        from .plot import overview

        return overview(self, self.shot_number(shot), layout, figure)

    @property
    def layouts(self) -> Layouts:
        """Which signals a discharge is looked at by, in which panels: ``db.layouts["probe"] = [["Lang_U"], ["Lang_I"]]``."""
        from .layout import Layouts

        return Layouts(self)

    def follow(self, *, timeout: float | None = None) -> Iterator[int]:
        """Numbers of shots: the last one first, and then each as soon as it is committed.

        Parameters
        ----------
        timeout : float, optional
            Stop after so many seconds without a discharge; never, when left out.

        Examples
        --------
        >>> for shot in db.follow():  # doctest: +SKIP
        ...     print(shot, db.signal("IC_Pfwd", shot).values.max())
        """
        from .follow import follow

        return follow(self, timeout=timeout)

    def dashboard(self, layout: str | None = None) -> Dashboard:
        """The last discharge in a notebook; the next one appears by itself."""
        from .widgets import Dashboard

        return Dashboard(self, layout)

    def browse(self, condition: str = "") -> Browser:
        """A browser of shots in a notebook: a condition, the shots that meet it, their signals, a picture."""
        from .widgets import Browser

        return Browser(self, condition)

    @property
    def bibliography(self) -> Bibliography:
        """What the lab has read and cites: ``db.bibliography["chen2003"]``, ``db.bibliography.search("helicon")``."""
        from .bibliography import Bibliography

        return Bibliography(self)

    def shot_number(self, shot: int) -> int:
        """The number of a shot that exists; a negative one counts from the last shot (-1).

        Raises
        ------
        ShotNotFound
        """
        with self.transaction() as connection:
            return self._shot_number(connection, _whole(shot))

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
        from .machine.machine import machine

        return machine(self, shot, at, known_at)

    def edit(
        self, reason: str, *, author: str | None = None, recorded_at: datetime.datetime | str | None = None
    ) -> contextlib.AbstractContextManager[Edit]:
        """Change the history of the testbed: everything inside is one transaction, and keeps what was known before.

        Parameters
        ----------
        reason : str
            Why; the next person will read it.
        author : str, optional
            Who states it; the database role by default.
        recorded_at : datetime or str, optional
            Only for imports by the owner: when it became known.

        Examples
        --------
        >>> with db.edit("cable found on ai5", author="anna") as edit:  # doctest: +SKIP
        ...     edit.connect("Langmuir_I", "PXI M6251/ai5", chain=["shunt1"], since="2026-03-01")
        """
        from .edits import edit

        return edit(self, reason, author, instant(recorded_at))

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
        from .run import run

        return run(self, method, version=version, parameters=parameters, inputs=inputs, shot=shot, author=author)

    def runs(self, signal: str | None = None, *, shot: int | None = None, method: str | None = None) -> pd.DataFrame:
        """Stored analyses as a table, and whether what they read is still what one would read today.

        Returns
        -------
        DataFrame
            Index ``Run``; Method, Version, Shot, Signals, Parameters, Author, Recorded, UpToDate, Reason (what changed
            where it is not), Superseded.
        """
        from .run import table_of_runs

        return table_of_runs(self, signal, shot, method)

    def what_if(
        self, reason: str, *, author: str | None = None, exact: bool = True
    ) -> contextlib.AbstractContextManager[WhatIf]:
        """Try an edit: everything inside is taken back, and what it would have changed is told afterwards.

        Until the block ends nobody else can edit, so keep it short; readers notice nothing.

        Parameters
        ----------
        reason, author
            As for `edit`.
        exact : bool
            Read samples where stored moments do not tell the size of a change; otherwise it is only enclosed.

        Examples
        --------
        >>> with db.what_if("shunt measured again") as w:  # doctest: +SKIP
        ...     w.calibrate("shunt1", gilgamesh.Polynomial((0.0, -0.0101)), "V", "A")
        >>> print(w.effect)  # doctest: +SKIP
        """
        from .dry_run import what_if

        return what_if(self, reason, author, exact)

    def changes(
        self,
        known_at_1: Knowledge,
        known_at_2: Knowledge | None = None,
        *,
        shots: ChangedShots = None,
        signals: Sequence[str] | str | None = None,
        tolerance: float = 0.0,
        exact: bool = True,
    ) -> Changes:
        """Which signals of which shots two states of knowledge say differently, by how much, and who made the difference.

        Differences along one record through two straight lines follow exactly from stored moments; for all others
        the samples are read.

        Parameters
        ----------
        known_at_1, known_at_2 : datetime or str
            Two moments of knowledge; the second is today when left out.
        shots : int, str or sequence of int, optional
            One shot, ``"1600:1700"`` (the last not included), or several; all by default.
        signals : str or sequence of str, optional
            Names or aliases; all by default.
        tolerance : float
            Leave out what differs by no more than this part of its largest value. Where previews show it, no sample is read.
        exact : bool
            False never reads samples: where moments do not tell the size of a change, previews enclose it.

        Raises
        ------
        InvalidValue
            A moment lies in the future or before the first edit of the database.

        Examples
        --------
        >>> print(db.changes("2026-02-05", "2026-02-07", signals="Lang_I"))  # doctest: +SKIP
        """
        from .changes import changes

        return changes(self, self._moment(known_at_1), self._moment(known_at_2), shots, signals, tolerance, exact)

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
        from .search import find_shots

        return find_shots(self, condition, shots, for_at_least)

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
        from .reduction import reduce

        return reduce(self, what, shots, how, window, missing)

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
        from .workers import map_shots

        return map_shots(self, function, shots, workers, scheduler, progress)

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
        from .logbook import table_of_log

        return table_of_log(self, search, shots)

    def create_release(
        self, name: str, description: str = "", *, known_at: Knowledge | None = None, author: str | None = None
    ) -> Release:
        """Give a state of knowledge a name; it never changes, whatever is found out later.

        Parameters
        ----------
        name : str
            Letters, digits, dots, dashes and underscores, beginning with a letter. It can be said wherever a moment of
            knowledge is asked for.
        description : str
            What it is for.
        known_at : datetime or str, optional
            The moment; today's knowledge (or that of this database) when left out. What is pinned is the last edit
            before it.
        author : str, optional
            Who makes it; the database role by default.

        Raises
        ------
        ConflictError
            There is a release of this name.
        InvalidValue
            The moment lies in the future or before the first edit.
        """
        from .release import create_release

        return create_release(self, name, description, self._moment(known_at) or self.knowledge, author)

    def releases(self) -> pd.DataFrame:
        """All releases: index ``Release``; KnownAt, Description, Author, Created."""
        from .release import table_of_releases

        return table_of_releases(self)

    def cite(self, signal: Signal, *, author: str | None = None) -> Citation:
        """Quote the numbers of a signal: a key that stands for them for ever, and a BibTeX entry.

        Citing the same numbers again returns the same key.

        Parameters
        ----------
        signal : Signal
            A stored signal or a window of it, as known today or at the moment its database answers from.
        author : str, optional
            Who cites it; the database role by default.

        Raises
        ------
        InvalidValue
            The database does not give the same numbers again by this name.

        Examples
        --------
        >>> c = db.cite(db.signal("Langmuir_I", shot=1234).window(0.5, 0.6))  # doctest: +SKIP
        >>> print(c.bibtex)  # doctest: +SKIP
        """
        from .citation import cite

        return cite(self, signal, author)

    def cited(self, key: str) -> Signal:
        """The signal a key stands for, as it was known when it was cited.

        Raises
        ------
        ReferenceNotFound
        """
        from .citation import cited

        return cited(self, key)

    def citations(self) -> pd.DataFrame:
        """All quoted numbers: index ``Key``; Signal, Shot, T0, T1 (s), KnownAt, N, Unit, Mean, Author, Created."""
        from .citation import table_of_citations

        return table_of_citations(self)

    def verify(self, key: str) -> Verification:
        """Compute quoted numbers again, compare them, and say what today's knowledge says otherwise.

        Raises
        ------
        ReferenceNotFound
        """
        from .citation import verify

        return verify(self, key)

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
        from .recording import recording

        return recording(self, _whole(shot), instant(started_at), program)

    def _moment(self, moment: Knowledge | None) -> datetime.datetime | None:
        """A moment of knowledge that can be asked for, by itself or by the name of a release; None is today."""
        from .release import NAME, release_named

        if isinstance(moment, str) and NAME.match(moment):
            return release_named(self, moment).known_at
        asked = instant(moment)
        if asked is not None:
            self.reader.rows("select gilgamesh.knowable(%s)", (asked,))
        return asked

    def find_again(self, name: str, shot: int) -> None:
        """Look up anew what was found before: an interrupted shot may have been dropped since.

        Raises
        ------
        SignalNotFound, ShotNotFound
        """
        self._names.pop(name, None)
        self._shots.discard(shot)
        self._find(name, shot)

    def _find(self, name: str, shot: int) -> None:
        """Look a name and a shot up in one round trip; both are remembered, because they hardly ever go."""
        found = self.reader.rows(
            "select s.name, s.kind = 'derived' as derived, exists (select from gilgamesh.shot where number = %s) as fired "
            "from (select 1) one left join gilgamesh.signal s on s.id = "
            "(select id from gilgamesh.signal where name = %s union all select signal_id from gilgamesh.alias where name = %s)",
            (shot, name, name),
        )[0]
        if found.name is None:
            known = self.reader.rows("select name from gilgamesh.signal union select name from gilgamesh.alias", ())
            near = near_names(name, [row.name for row in known]) or ";"
            raise SignalNotFound(f"no signal {name!r}{near} list them with `gilgamesh signals`")
        if found.fired:
            self._shots.add(shot)
        else:
            self.shot_number(shot)
        self._names[name] = found.name
        if found.derived:
            self._derived.add(found.name)

    def _shot_number(self, connection: sa.Connection, shot: int) -> int:
        if shot < 0:
            row = connection.execute(
                sa.text("select number from gilgamesh.shot order by number desc offset :back limit 1"),
                {"back": -shot - 1},
            ).scalar()
        else:
            row = connection.execute(
                sa.text("select number from gilgamesh.shot where number = :shot"), {"shot": shot}
            ).scalar()
        if row is None:
            first, last, count = connection.exec_driver_sql(
                "select min(number), max(number), count(*) from gilgamesh.shot"
            ).one()
            there = f"there are {count}, from {first} to {last}" if count else "none has been loaded yet"
            raise ShotNotFound(f"no shot {shot}; {there}; list them with `gilgamesh shots`")
        return int(row)


def _whole(shot: int) -> int:
    """A shot number as an int, whatever integer type it came in."""
    try:
        if isinstance(shot, bool):
            raise TypeError
        return operator.index(shot)
    except TypeError as error:
        raise InvalidValue(
            f"{shot!r} is not a shot number; give a whole number such as 1234, or -1 for the last"
        ) from error
