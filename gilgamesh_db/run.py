"""Stored analyses: what was computed, by which method, from what; read back like anything measured."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import sqlalchemy as sa
from numpy.typing import ArrayLike, NDArray

from . import units
from .edits import Edit
from .errors import InvalidValue, ShotNotFound, SignalNotFound, near_names
from .lineage import inputs_of
from .translation import translated
from .writer import check_time_base, write_series

if TYPE_CHECKING:
    import pandas as pd
    from astropy.units import UnitBase

    from .database import Database
    from .signal import Signal

FloatArray = NDArray[np.float64]

_OPEN = """
select gilgamesh.open_run(:method, :version, cast(:parameters as jsonb), cast(:shot as bigint), :known_at, :author,
                          cast(:inputs as jsonb))
"""


@dataclass(frozen=True)
class _Output:
    """One processed signal, checked and ready to be written."""

    name: str
    time: FloatArray
    values: FloatArray
    unit: str
    uncertainty: FloatArray | None
    create: bool


class Run:
    """An analysis that is being stored; made by `Database.run`.

    Attributes
    ----------
    method, version : str
    parameters : dict
    shot : int
        The shot its outputs belong to.
    inputs : tuple of Signal
    id : int or None
        Its number, once it is stored.
    """

    def __init__(
        self, method: str, version: str, parameters: Mapping[str, Any], shot: int, inputs: Sequence[Signal]
    ) -> None:
        self.method = method
        self.version = version
        self.parameters = dict(parameters)
        self.shot = shot
        self.inputs = tuple(inputs)
        self.id: int | None = None
        self._outputs: dict[str, _Output] = {}

    def save(
        self,
        name: str,
        time: ArrayLike,
        values: ArrayLike,
        unit: str | UnitBase,
        uncertainty: ArrayLike | None = None,
        *,
        create: bool = False,
    ) -> None:
        """Store one output; it is written when the run ends, together with the others.

        Parameters
        ----------
        name : str
            The processed signal.
        time : array_like of float, shape (n,)
            Seconds from the trigger, rising. Evenly spaced times are stored as start and interval.
        values : array_like of float, shape (n,)
            In `unit`; stored in the unit of the signal. NaN marks what could not be computed.
        unit : str or astropy unit
        uncertainty : array_like of float, shape (n,), optional
            Standard uncertainty of each value, in `unit`.
        create : bool
            Make the signal known, in `unit`, when there is none of this name.

        Raises
        ------
        InvalidValue
            Arrays of other shapes, times that run backwards or are no numbers, a negative uncertainty.
        """
        at, numbers = (np.ascontiguousarray(part, dtype=np.float64) for part in (time, values))
        if at.ndim != 1 or at.shape != numbers.shape:
            raise InvalidValue(
                f"{name!r} came with times of shape {at.shape} and values of shape {numbers.shape}; give one of each per sample"
            )
        if at.size == 0:
            raise InvalidValue(f"{name!r} has no samples, so there is nothing to store; leave it out of this run")
        check_time_base(numbers, None, None, at)
        error = None if uncertainty is None else np.ascontiguousarray(uncertainty, dtype=np.float64)
        if error is not None and (error.shape != numbers.shape or bool((error < 0).any())):
            raise InvalidValue(f"the uncertainty of {name!r} must be one number per value, none of them negative")
        if self.id is not None:
            raise InvalidValue(f"run {self.id} is stored and never changes; begin another to save {name!r}")
        if name in self._outputs:
            raise InvalidValue(f"this run has saved {name!r} already; give the second output a name of its own")
        self._outputs[name] = _Output(name, at, numbers, units.parse_unit(str(unit)).symbol, error, create)

    def __repr__(self) -> str:
        state = "being computed" if self.id is None else f"stored as run {self.id}"
        return f"<Run of {self.method} {self.version} on shot {self.shot}, {state}>"

    def _write(self, db: Database, author: str | None, known_at: datetime.datetime) -> None:
        """Everything in one transaction; the lock on edits is taken at its end only."""
        inputs = inputs_of(self.inputs)
        with db.transaction() as connection:
            # In a transaction of its own: making a partition locks out readers until it commits.
            connection.execute(sa.text("select gilgamesh.ensure_partition(:shot)"), {"shot": self.shot})
        with db.transaction() as connection:
            identity = connection.execute(
                sa.text(_OPEN),
                {
                    "method": self.method, "version": self.version, "parameters": _json(self.parameters),
                    "shot": self.shot, "known_at": known_at, "author": author, "inputs": json.dumps(inputs),
                },
            ).scalar_one()  # fmt: skip
            for output in self._outputs.values():
                self._write_output(connection, identity, output, author)
            connection.execute(sa.text("select gilgamesh.finish_run(:run)"), {"run": identity})
        self.id = int(identity)

    def _write_output(self, connection: sa.Connection, run: int, output: _Output, author: str | None) -> None:
        signal_id, unit = self._signal(connection, output, author)
        gain, offset = connection.execute(
            sa.text("select gilgamesh.unit_conversion(:given, :wanted)"), {"given": output.unit, "wanted": unit}
        ).scalar_one()
        self._write_series(connection, run, signal_id, output.time, _line(output.values, gain, offset))
        if output.uncertainty is not None:
            beside = self._uncertainty_signal(connection, output, unit, author)
            self._write_series(connection, run, beside, output.time, _line(output.uncertainty, abs(gain), 0.0))

    def _write_series(
        self, connection: sa.Connection, run: int, signal_id: int, time: FloatArray, values: FloatArray
    ) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine is made by connect()
        with translated():
            write_series(driver, self.shot, values, **time_base(time), signal_id=signal_id, run_id=run)

    def _signal(self, connection: sa.Connection, output: _Output, author: str | None) -> tuple[int, str]:
        found = _find(connection, output.name)
        if found is None and output.create:
            edit = self._begin_edit(connection, author)
            edit.add_signal(output.name, unit=output.unit, kind="processed", description=f"output of {self.method}")
            found = _find(connection, output.name)
        if found is None:
            known = connection.exec_driver_sql("select name from gilgamesh.signal").scalars().all()
            raise SignalNotFound(
                f"no signal {output.name!r}{near_names(output.name, known) or ';'} nothing of this run was stored. Make it known "
                f"with save(…, create=True), or: gilgamesh add signal {output.name} --kind processed --unit '{output.unit}' --reason …"
            )
        return found

    def _uncertainty_signal(self, connection: sa.Connection, output: _Output, unit: str, author: str | None) -> int:
        beside = connection.execute(
            sa.text("select u.id, u.unit from gilgamesh.signal u join gilgamesh.signal s on s.id = u.uncertainty_of "
                    "where s.name = :name"), {"name": output.name},
        ).one_or_none()  # fmt: skip
        if beside is not None:
            return int(beside.id)
        name = f"{output.name}_uncertainty"
        self._begin_edit(connection, author).add_signal(
            name, unit=unit, kind="processed", description=f"standard uncertainty of {output.name}",
            uncertainty_of=output.name,
        )  # fmt: skip
        found = _find(connection, name)
        assert found is not None  # noqa: S101 - it was added
        return found[0]

    def _begin_edit(self, connection: sa.Connection, author: str | None) -> Edit:
        connection.execute(
            sa.text("select gilgamesh.begin_edit(:reason, :author)"),
            {"reason": f"output of {self.method} {self.version}", "author": author},
        )
        return Edit(connection)


@contextlib.contextmanager
def run(
    db: Database,
    method: str,
    *,
    version: str,
    parameters: Mapping[str, Any] | None,
    inputs: Sequence[Signal],
    shot: int | None,
    author: str | None,
) -> Iterator[Run]:
    """See `Database.run`."""
    _json(parameters or {})
    # Before the inputs are looked up: what becomes known later was not used.
    known_at = db.knowledge or db.reader.rows("select clock_timestamp() as now", ())[0].now
    shots = {row["shot"] for row in inputs_of(inputs)}
    if shot is None and len(shots) != 1:
        raise InvalidValue(
            f"the inputs are of {len(shots)} shots, so say to which one the results belong: db.run({method!r}, …, shot=…)"
        )
    number = db.shot_number(shot) if shot is not None else shots.pop()
    making = Run(method, str(version), parameters or {}, number, inputs)
    yield making
    if not making._outputs:
        raise InvalidValue(
            f"the run of {method!r} saved nothing; save at least one output: r.save(name, time, values, unit)"
        )
    making._write(db, author, known_at)


def table_of_runs(
    db: Database, signal: str | None = None, shot: int | None = None, method: str | None = None
) -> pd.DataFrame:
    """See `Database.runs`."""
    statement = """
    select run as "Run", method as "Method", version as "Version", shot as "Shot", signals as "Signals",
           parameters as "Parameters", author as "Author", recorded_at as "Recorded", up_to_date as "UpToDate",
           reason as "Reason", superseded as "Superseded"
      from gilgamesh.runs
     where (cast(:shot as bigint) is null or shot = :shot) and (cast(:method as text) is null or method = :method)
       and (cast(:signal as text) is null or (select s.name from gilgamesh.signal s where s.id = gilgamesh.signal_named(:signal))
                                             = any(signals))
     order by run
    """
    number = None if shot is None else db.shot_number(shot)
    table = db.sql(statement, {"shot": number, "method": method, "signal": signal}).set_index("Run")
    table["UpToDate"] = table["UpToDate"].astype("boolean")
    return table


def knowledge_of(db: Database, run_id: int, signal: str, shot: int) -> datetime.datetime:
    """The instant at which a run was the latest, so that reading at it reads what this run saved."""
    found = db.reader.rows(
        "select e.recorded_at, u.method, se.id from gilgamesh.run u join gilgamesh.edit e on e.id = u.edit_id "
        "left join (gilgamesh.series se join gilgamesh.signal s on s.id = se.signal_id and s.name = %s) "
        "on se.run_id = u.id and se.shot = %s where u.id = %s",
        (signal, shot, run_id),
    )
    if not found or found[0].id is None:
        what = f"run {run_id} ({found[0].method}) saved no {signal!r} in shot {shot}" if found else f"no run {run_id}"
        raise ShotNotFound(f"{what}; see what was run with: db.runs({signal!r}, shot={shot})")
    stamp = found[0].recorded_at
    assert isinstance(stamp, datetime.datetime)  # noqa: S101 - a column of times
    return stamp


def time_base(time: FloatArray) -> dict[str, Any]:
    """Start and interval that give these times, or the times themselves where none does.

    Examples
    --------
    >>> time_base(0.5 + 1e-3 * np.arange(4))
    {'start': 0.5, 'dt': 0.001}
    >>> sorted(time_base(np.array([0.0, 1.0, 3.0])))
    ['times']
    """
    n = time.size
    if n < 2 or not time[-1] > time[0]:
        return {"times": time}
    mean = float((time[-1] - time[0]) / (n - 1))
    start, counted = float(time[0]), np.arange(n, dtype=np.float64)
    # The interval people meant has few digits; tried first because it gives the very same times.
    for dt in (float(f"{mean:.6g}"), float(f"{mean:.12g}"), mean):
        if np.array_equal(start + counted * dt, time):
            return {"start": start, "dt": dt}
    # Up to rounding of the times themselves.
    if bool((np.abs(start + counted * mean - time) <= 4 * np.spacing(np.abs(time).max())).all()):
        return {"start": start, "dt": mean}
    return {"times": time}


def _find(connection: sa.Connection, name: str) -> tuple[int, str] | None:
    row = connection.execute(
        sa.text("select s.id, s.unit from gilgamesh.signal s left join gilgamesh.alias a on a.signal_id = s.id "
                "where s.name = :name or a.name = :name limit 1"), {"name": name},
    ).one_or_none()  # fmt: skip
    return None if row is None else (int(row.id), str(row.unit))


def _line(values: FloatArray, gain: float, offset: float) -> FloatArray:
    return values if (gain, offset) == (1.0, 0.0) else values * gain + offset


def _json(parameters: Mapping[str, Any]) -> str:
    try:
        return json.dumps(parameters, allow_nan=False, default=lambda value: value.tolist())
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidValue(
            f"the parameters {dict(parameters)!r} cannot be stored ({error}); give numbers, texts, truth values and lists of them"
        ) from error
