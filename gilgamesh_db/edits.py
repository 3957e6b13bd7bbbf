"""Changing the history of the testbed from Python; every change goes through the SQL functions of ``views/``."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import ArrayLike
from psycopg.types.range import TimestamptzRange

from . import units
from .calibration import Fit, Step, checked_covariance, steps_to_json
from .errors import InvalidValue, UnitMismatch
from .formula import parse_formula
from .timespan import Timespan, instant

if TYPE_CHECKING:
    from .database import Database
    from .shot_range import Shots

When = datetime.datetime | datetime.date | str | int | None
Value = float | int | str | bool | Sequence[float] | None


@contextlib.contextmanager
def edit(db: Database, reason: str, author: str | None, recorded_at: datetime.datetime | None) -> Iterator[Edit]:
    """One transaction of changes with one reason; see `Database.edit`."""
    with db.transaction() as connection:
        connection.execute(
            sa.text("select gilgamesh.begin_edit(:reason, :author, :recorded_at)"),
            {"reason": reason, "author": author, "recorded_at": recorded_at},
        )
        yield Edit(connection, db)


class Edit:
    """Changes of the history; made by `Database.edit`.

    Everywhere `since` and `until` are a time (a naive one is UTC), a text such as ``"2026-03-01"``, the number of
    a shot (from its trigger on), or None for without end. Periods are half-open.
    """

    def __init__(self, connection: sa.Connection, db: Database | None = None) -> None:
        self._connection = connection
        self._db = db

    # -- things ----------------------------------------------------------------------------------------

    def add_component(
        self,
        name: str,
        class_: str = "Component",
        *,
        parent: str | None = None,
        serial: str | None = None,
        description: str = "",
        since: When = None,
        properties: Mapping[str, Value | tuple[float, str]] | None = None,
    ) -> None:
        """Make a physical thing known and place it under `parent`.

        Parameters
        ----------
        properties : mapping, optional
            Values, or ``(number, unit)`` pairs: ``{"tip length": (10.0, "mm")}``.
        """
        self._call("add_component", name=name, class_arg=class_, parent=parent, serial=serial,
                   description=description, valid=self._period(since, None))  # fmt: skip
        for key, value in (properties or {}).items():
            number, unit = value if isinstance(value, tuple) else (value, None)
            self.set_property(name, key, number, unit, since=since)

    def place(self, component: str, parent: str | None, *, since: When = None, until: When = None) -> None:
        """Move a component under another for a period."""
        self._call("place", component=component, parent=parent, valid=self._period(since, until))

    def retire(self, component: str, *, since: When, until: When = None) -> None:
        """Take a component out of the testbed, with its ports; what is said of it ends with it.

        Raises
        ------
        ConflictError
            A signal is wired to it or through it then, or another component is part of it; the message says which,
            and since when.
        NotInTestbed
            It was not there anyway.
        """
        self._call("retire", component=component, valid=self._period(since, until))

    def set_property(
        self,
        component: str,
        name: str,
        value: Value,
        unit: str | None = None,
        *,
        since: When = None,
        until: When = None,
    ) -> None:
        """State a property of a component for a period."""
        self._call("set_property", component=component, name=name, value=_json(value),
                   unit=self._unit(unit), valid=self._period(since, until))  # fmt: skip

    def add_port(
        self,
        device: str,
        channel: str,
        *,
        dtype: str,
        unit: str = "ct",
        low: float | None = None,
        high: float | None = None,
        description: str = "",
        resolution: float | None = None,
        noise: float | None = None,
        since: When = None,
    ) -> None:
        """Make an input channel of a device known; its name is ``device/channel``.

        Parameters
        ----------
        resolution, noise : float, optional
            Smallest step and standard deviation of a raw sample, in `unit`. Without a resolution it is 1 for whole
            numbers and unknown for others.
        """
        self._call("add_port", device=device, channel=channel, dtype=dtype, unit=self._unit(unit), low=low, high=high,
                   description=description, resolution=resolution, noise=noise, valid=self._period(since, None))  # fmt: skip

    def open_stream(
        self,
        port: str,
        *,
        pause: float | None = None,
        keep: str | datetime.timedelta | None = None,
        keep_aggregates: str | datetime.timedelta | None = None,
    ) -> None:
        """Let a port deliver samples day and night; again with other words, it says anew how long they are kept.

        Parameters
        ----------
        pause : float, optional
            Longest pause between two samples that is expected, in s; a longer one is a gap.
        keep, keep_aggregates : str or timedelta, optional
            How long samples and aggregates are kept, like ``"400d"``; for ever by default.
        """
        from .streams.upkeep import kept

        self._call("open_stream", port=port, pause=pause, keep=kept(keep), keep_aggregates=kept(keep_aggregates))

    def amend(self, kind: str, name: str, **words: Any) -> None:
        """Correct how a component, port, signal or attribute is described; what is not given stays.

        Parameters
        ----------
        kind : {'component', 'port', 'signal', 'attribute'}
            What it is. Descriptions have no validity: they are corrected for all times.
        **words
            ``class_``, serial, description of a component; low, high, resolution, noise, description of a port; unit, quantity,
            component, role, label, description, low, high, aliases of a signal; unit, rule, description of an attribute.
        """
        given = {key.removesuffix("_"): value for key, value in words.items()}
        if given.get("unit") is not None:
            given["unit"] = self._unit(given["unit"])
        self._call("amend", kind=kind, name=name, words=json.dumps(given, allow_nan=False))

    def clear(
        self, history: str, subject: str, *, name: str | None = None, since: When = None, until: When = None
    ) -> None:
        """Say that nothing is known for a period.

        Parameters
        ----------
        history : {'calibration', 'timing', 'property', 'definition'}
            What is not known: the calibration of an item, the timing of a device, a property of a component,
            the definition of a derived signal.
        subject : str
            The component or signal.
        name : str, optional
            The property.
        """
        self._call("clear", history=history, subject=subject, name=name, valid=self._period(since, until))

    def drop_name(self, kind: str, name: str) -> None:
        """Say that nobody uses a signal or attribute any more: it is not listed any more, its past stays readable."""
        self._call("drop_name", kind=kind, name=name)

    # -- signals ---------------------------------------------------------------------------------------

    def add_signal(
        self,
        name: str,
        *,
        unit: str,
        kind: str = "measured",
        quantity: str = "",
        component: str | None = None,
        role: str | None = None,
        label: str = "",
        description: str = "",
        aliases: Sequence[str] = (),
        plausible: tuple[float, float] | None = None,
        uncertainty_of: str | None = None,
    ) -> None:
        """Make a name for a quantity known. Values are given in `unit`, whatever the chain ends in.

        Parameters
        ----------
        kind : str
            ``measured``: from a port; ``derived``: by a formula; ``processed``: the output of a run.
        uncertainty_of : str, optional
            The processed signal whose standard uncertainty this one holds; runs add it when they save one.
        """
        low, high = plausible or (None, None)
        self._call("add_signal", name=name, unit=self._unit(unit), kind=kind, quantity=quantity, component=component,
                   role=role, label=label, description=description, low=low, high=high, aliases=list(aliases),
                   uncertainty_of=uncertainty_of)  # fmt: skip

    def define(self, signal: str, formula: str, *, since: When = None, until: When = None) -> None:
        """State the formula of a derived signal for a period.

        Parameters
        ----------
        formula : str
            Over names of signals, for example ``"IC_Pfwd - IC_Pref"``; docs/signals.md lists what it may use.

        Raises
        ------
        FormulaError
            It cannot be read, names an unknown signal, or needs the signal itself.
        UnitMismatch
            Its dimensions do not agree, or what it gives is not of the dimension of the signal.
        """
        period = self._period(since, until)
        self._check_definition(signal, formula, period)
        for unit in parse_formula(formula).units():
            self._unit(unit)
        self._call("define", signal=signal, formula=formula, valid=period)

    def connect(
        self, signal: str, port: str, *, chain: Sequence[str] = (), since: When = None, until: When = None
    ) -> None:
        """Wire a signal to a port for a period.

        Parameters
        ----------
        chain : sequence of str
            Components whose calibrations apply after the port's own, in this order.

        Raises
        ------
        OverlapError
            The port carries another signal then.
        UnitMismatch
            The units along the chain do not compose; raised when the edit ends.
        """
        self._call("connect", signal=signal, port=port, chain=list(chain), valid=self._period(since, until))

    def disconnect(self, signal: str, *, since: When = None, until: When = None) -> None:
        """Unplug a signal for a period."""
        self._call("disconnect", signal=signal, valid=self._period(since, until))

    def swap(self, signal_a: str, signal_b: str, *, since: When, until: When = None) -> None:
        """Two cables were found swapped: each signal was in truth on the other's port for the period."""
        self._call("swap", signal_a=signal_a, signal_b=signal_b, valid=self._period(since, until))

    # -- numbers ---------------------------------------------------------------------------------------

    def calibrate(
        self,
        item: str,
        steps: Step | Sequence[Step] | Fit,
        input_unit: str | None,
        output_unit: str,
        *,
        covariance: ArrayLike | None = None,
        since: When = None,
        until: When = None,
        source: str | None = None,
        quality: str | None = None,
    ) -> None:
        """State how a component or port turns its input into its output for a period.

        Parameters
        ----------
        steps : Step, sequence of Step, or Fit
            A `Fit` brings its covariance and its measured points along.
        input_unit : str or None
            None for a port: what it delivers.
        covariance : array_like, optional
            Of the parameters of the steps, shape (p, p), or their variances, shape (p,).
        """
        stored = None
        if isinstance(steps, Fit):
            if covariance is not None:
                raise InvalidValue("a fit has a covariance of its own; leave the other one out")
            stored, covariance, steps = json.dumps(steps.to_dict(), allow_nan=False), steps.covariance, steps.steps
        chain = steps if isinstance(steps, Sequence) else (steps,)
        known = None if covariance is None else checked_covariance(chain, covariance).tolist()
        self._call("calibrate", item=item, steps=json.dumps(steps_to_json(chain), allow_nan=False),
                   input_unit=self._unit(input_unit), output_unit=self._unit(output_unit), covariance=known, fit=stored,
                   valid=self._period(since, until), source=source, quality=quality)  # fmt: skip

    def set_timing(
        self, device: str, *, start_offset: float = 0.0, clock_rate: float = 1.0, since: When = None, until: When = None
    ) -> None:
        """State how the clock of a device runs: time = start_offset + clock_rate × recorded time (s)."""
        self._call("set_timing", device=device, start_offset=start_offset, clock_rate=clock_rate,
                   valid=self._period(since, until))  # fmt: skip

    def withdraw(self, history: str, identity: int) -> None:
        """It was never true: take back one row of a history (connection, calibration, placement …)."""
        self._call("withdraw", history=history, id=identity)

    # -- shots -----------------------------------------------------------------------------------------

    def add_attribute(
        self,
        name: str,
        *,
        kind: str = "number",
        unit: str | None = None,
        description: str = "",
        rule: str | None = None,
    ) -> None:
        """Make an attribute of shots known.

        Parameters
        ----------
        kind : {'number', 'text', 'boolean'}
        unit : str, optional
            Of a number; that of the result where there is a rule.
        rule : str, optional
            How it is computed from signals, for example ``"max(IC_Pinj)"`` or ``"mean(Ngas_P, 0.5, 1.0)"``; the values
            come with each load and with `Database.refresh`.
        """
        if rule is not None:
            from .rules import checked_rule

            rule, unit = checked_rule(self._connection, rule, self._unit(unit))
        self._call("add_attribute", name=name, kind=kind, unit=self._unit(unit), description=description, rule=rule)

    def set_attribute(self, shot: int, name: str, value: float | str | bool | None) -> None:
        """State the value of an attribute of a shot; None takes it back."""
        self._call("set_attribute", shot=shot, name=name, value=_json(value))

    def set_attributes(self, name: str, value: float | str | bool | None, *, shots: Shots) -> None:
        """State the value of an attribute for many shots, such as ``shots="1200:1300"``; None takes it back."""
        from .shot_range import shots_of

        self._call("set_attributes", name=name, value=_json(value), shots=shots_of(self._database(), shots))

    def set_program(self, program: str | None, *, shots: Shots) -> None:
        """Say to which program shots belong; None: to none. One nobody named before is made known."""
        from .shot_range import shots_of

        self._call("set_program", shots=shots_of(self._database(), shots), program=program)

    # -- records ---------------------------------------------------------------------------------------

    def set_quality(
        self,
        signals: str | Sequence[str],
        flag: str,
        *,
        shots: Shots,
        window: tuple[float, float] | None = None,
    ) -> None:
        """State how far records can be trusted.

        Parameters
        ----------
        signals : str or sequence of str
        flag : {'not checked', 'bad', 'doubtful', 'good', 'validated'}
            It replaces what was said of the window before; ``not checked`` takes it back.
        shots : int, str or iterable of int
            Such as ``1234``, ``"1200:1300"`` or ``-1``.
        window : tuple of float, optional
            From, and up to but not including, in seconds from the trigger; the whole record by default.
        """
        from .shot_range import shots_of

        since, until = window or (-np.inf, np.inf)
        self._call("set_quality", signals=[signals] if isinstance(signals, str) else list(signals),
                   shots=shots_of(self._database(), shots), flag=flag, since=since, until=until)  # fmt: skip

    def write_log(self, text: str, *, shot: int | None = None) -> None:
        """Write into the logbook, beside a shot or without one."""
        self._call("write_log", shot=shot, text=text)

    def strike_log(self, entry: int) -> None:
        """Strike an entry of the logbook out; who asks what was known before still reads it."""
        self._call("strike_log", entry=entry)

    # -- inside ----------------------------------------------------------------------------------------

    def _call(self, function: str, **arguments: Any) -> None:
        """Call one of our SQL functions; names are ours, values are bound."""
        named = ", ".join(
            f"{key.removesuffix('_arg')} => {_BOUND.get(key, '{}').format(':' + key)}" for key in arguments
        )
        self._connection.execute(sa.text(f"select gilgamesh.{function}({named})"), arguments)

    def _database(self) -> Database:
        if self._db is None:
            raise InvalidValue("ranges of shots can be given to an edit made by db.edit(…) only")
        return self._db

    def _check_definition(self, signal: str, formula: str, period: TimestamptzRange) -> None:
        from .derived import check_definition

        check_definition(self._connection, signal, formula, period)

    def _period(self, since: When, until: When) -> TimestamptzRange:
        span = Timespan(self._moment(since), self._moment(until))
        return TimestamptzRange(span.since, span.until, "[)")

    def _moment(self, when: When) -> datetime.datetime | None:
        if isinstance(when, bool):
            raise InvalidValue(f"{when} is neither a time nor a shot")
        if isinstance(when, np.integer):
            when = int(when)
        if isinstance(when, int):
            fired = self._connection.execute(sa.text("select gilgamesh.shot_time(:shot)"), {"shot": when}).scalar_one()
            return instant(fired)
        return instant(when)

    def _unit(self, symbol: str | None) -> str | None:
        """The canonical symbol; a unit the database does not know yet is registered."""
        if symbol is None:
            return None
        unit = units.parse_unit(symbol)
        known = self._connection.execute(
            sa.text(
                'with added as (insert into gilgamesh.unit (symbol, dimension, factor, "offset") '
                "values (:symbol, :dimension, :factor, :offset) on conflict do nothing) "
                'select dimension, factor, "offset" from gilgamesh.unit where symbol = :symbol'
            ),
            {"symbol": unit.symbol, "dimension": unit.dimension, "factor": unit.factor, "offset": unit.offset},
        ).one_or_none()
        if known is not None and tuple(known) != (unit.dimension, unit.factor, unit.offset):
            raise UnitMismatch(
                f"the database says that {unit.symbol!r} is {known.factor!r} {known.dimension} + {known.offset!r}, astropy says "
                f"{unit.factor!r} {unit.dimension} + {unit.offset!r}; correct the table gilgamesh.unit"
            )
        return str(unit.symbol)


_BOUND = {
    "value": "cast({} as jsonb)",
    "steps": "cast({} as jsonb)",
    "words": "cast({} as jsonb)",
    "fit": "cast({} as jsonb)",
    "covariance": "cast({} as double precision[])",
    "valid": "cast({} as tstzrange)",
    "chain": "cast({} as text[])",
    "aliases": "cast({} as text[])",
    "pause": "cast({} as double precision)",
    "keep": "cast({} as interval)",
    "keep_aggregates": "cast({} as interval)",
    "signals": "cast({} as text[])",
    "shots": "cast({} as bigint[])",
    "shot": "cast({} as bigint)",
    "id": "cast({} as bigint)",
}


def _json(value: Value) -> str:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"{value!r} cannot be stored; give a finite number, a text or a truth value") from error
