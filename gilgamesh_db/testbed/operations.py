"""What a revision of the testbed can say, for example ``op.connect`` or ``op.calibrate``.

Each operation is the method of the same name of `gilgamesh_db.edits.Edit`, with ``reason=`` beside it, registered
with alembic. It becomes one call of an SQL function, so that ``--sql`` writes the very same calls for a DBA.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar, cast

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from sqlalchemy.engine import Dialect

from .. import units
from ..calibration import Fit, Step
from ..edits import _BOUND, Edit
from .moment import Moment, bound

NAMES = (
    "add_component", "place", "retire", "set_property", "add_port", "add_signal", "define", "connect", "disconnect",
    "swap", "calibrate", "set_timing", "clear", "amend", "drop_name", "add_attribute",
)  # fmt: skip
"""The methods of `Edit` that a revision may use; rows are never named by their number there."""


class _Text(sa.types.UserDefinedType[str]):
    """Text that survives being written into a script: control characters are spelled out."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "text"

    def literal_processor(self, dialect: Dialect) -> Callable[[str], str]:  # noqa: ARG002
        def write(value: str) -> str:
            plain = value.replace("'", "''")
            if not re.search(r"[\x00-\x1f]", value):
                return f"'{plain}'"
            spelled = plain.replace("\\", "\\\\")
            return "E'" + re.sub(r"[\x00-\x1f]", lambda found: f"\\x{ord(found.group()):02x}", spelled) + "'"

        return write


class ScriptedEdit(Edit):
    """An edit whose calls go through alembic: to the database, or into a script for a DBA."""

    def __init__(self, operations: Operations, reason: str | None) -> None:
        self._operations = operations
        self._reason = reason

    def define_derived(
        self,
        signal: str,
        formula: str,
        *,
        unit: str | None = None,
        since: Moment = None,
        until: Moment = None,
        **words: Any,
    ) -> None:
        """State the formula of a derived signal; with `unit` the signal is made known first (words as in add_signal)."""
        if unit is not None:
            self.add_signal(signal, unit=unit, kind="derived", **words)
        self.define(signal, formula, since=since, until=until)  # type: ignore[arg-type]

    def _call(self, function: str, **arguments: Any) -> None:
        parts: list[str] = []
        values: dict[str, Any] = {}
        for key, value in (arguments | {"reason": self._reason}).items():
            name = key.removesuffix("_arg")
            if isinstance(value, Period):
                parts.append(f"{name} => {value.sql}")
                values |= value.values
            else:
                parts.append(f"{name} => {_BOUND.get(key, '{}').format(':' + key)}")
                values[key] = value
        self._operations.execute(statement(f"select gilgamesh.{function}({', '.join(parts)})", values))

    def _check_definition(self, signal: str, formula: str, period: Any) -> None:
        from ..derived import check_definition
        from ..formula import parse_formula

        if self._operations.migration_context.as_sql:  # no database to ask yet
            parse_formula(formula)
            return
        connection = self._operations.get_bind()
        valid = connection.execute(statement(f"select {period.sql}", period.values)).scalar_one()
        check_definition(connection, signal, formula, valid)

    def _period(self, since: Any, until: Any) -> Any:
        return Period(since, until)

    def _unit(self, symbol: str | None) -> str | None:
        if symbol is None:
            return None
        unit = units.parse_unit(symbol)
        seen = self._operations.migration_context.opts.setdefault("gilgamesh_units", set())
        if unit.symbol not in seen:
            seen.add(unit.symbol)
            self._operations.execute(
                statement(
                    'insert into gilgamesh.unit (symbol, dimension, factor, "offset") '
                    "values (:symbol, :dimension, :factor, :offset) on conflict do nothing",
                    {"symbol": unit.symbol, "dimension": unit.dimension, "factor": unit.factor, "offset": unit.offset},
                )
            )
        return unit.symbol


class Period:
    """From since to until, as SQL; the database itself looks up the times of shots."""

    def __init__(self, since: Moment, until: Moment) -> None:
        beginning, first = bound(since, "since")
        end, last = bound(until, "until")
        self.sql = f"gilgamesh.period({beginning}, {end})"
        self.values = {"since": first, "until": last}


def statement(sql: str, values: Mapping[str, Any]) -> sa.TextClause:
    """Text with typed parameters: bound by the driver, or written out by the compiler."""
    return sa.text(sql).bindparams(*(sa.bindparam(key, value, _type(value)) for key, value in values.items()))


def _type(value: Any) -> sa.types.TypeEngine[Any] | None:
    if isinstance(value, str):
        return _Text()
    if isinstance(value, Sequence):
        depth, item = 1, value[0] if value else ""
        while isinstance(item, Sequence) and not isinstance(item, str):
            depth, item = depth + 1, item[0]
        return sa.ARRAY(_Text() if isinstance(item, str) else sa.Float(53), dimensions=depth)
    return None


class Statement(MigrateOperation):
    """One operation of a revision, with its arguments as they were written."""

    method: ClassVar[str]

    def __init__(self, positional: tuple[Any, ...], keywords: Mapping[str, Any], reason: str | None = None) -> None:
        self.positional = positional
        self.keywords = dict(keywords)
        self.reason = reason

    def perform(self, edit: Edit) -> None:
        """Make the call on any edit."""
        getattr(edit, self.method)(*self.positional, **self.keywords)

    def __str__(self) -> str:
        """The call as Python."""
        reason = {"reason": self.reason} if self.reason is not None else {}
        parts = [python(one) for one in self.positional]
        parts += [f"{key}={python(value)}" for key, value in (self.keywords | reason).items()]
        short = f"op.{self.method}({', '.join(parts)})"
        return short if len(short) <= 100 else f"op.{self.method}(\n    " + ",\n    ".join(parts) + ",\n)"


def python(value: Any) -> str:
    """A value as people write it, with double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(python, value))}]"
    if isinstance(value, Step):
        return f"{type(value).__name__}({', '.join(python(getattr(value, one.name)) for one in fields(value))})"
    if isinstance(value, Fit):
        covariance = None if value.covariance is None else value.covariance.tolist()
        return f"fit_from_dict({value.to_dict()!r}, {python(value.steps)}, {covariance!r})"
    if isinstance(value, tuple):
        return f"({', '.join(map(python, value))}{',' * (len(value) == 1)})"
    return repr(value)


class TakeBack(MigrateOperation):
    """Take the edits of a revision back."""

    @classmethod
    def take_back(cls, operations: Operations, revision: str) -> None:
        """Take the revision back: what it stated is closed, what it superseded is believed again.

        Nothing is deleted; `known_at` still answers as before. This is what ``downgrade()`` calls.
        """
        operations.invoke(cls(revision))

    def __init__(self, revision: str) -> None:
        self.revision = revision


def _register(method: str) -> type[Statement]:
    """Give alembic's ``op`` a function of this name."""

    def write(
        cls: type[Statement], operations: Operations, *positional: Any, reason: str | None = None, **keywords: Any
    ) -> None:
        operations.invoke(cls(positional, keywords, reason))

    write.__name__ = method
    write.__doc__ = getattr(ScriptedEdit, method).__doc__
    made = type(method, (Statement,), {"method": method, method: classmethod(cast(Any, write))})
    return Operations.register_operation(method)(made)


STATEMENTS = {name: _register(name) for name in (*NAMES, "define_derived")}
Operations.register_operation("take_back")(TakeBack)


@Operations.implementation_for(Statement)
def _perform(operations: Operations, said: Statement) -> None:
    options = operations.migration_context.opts
    said.perform(ScriptedEdit(operations, said.reason or options.get("gilgamesh_reason")))


@Operations.implementation_for(TakeBack)
def _take_back(operations: Operations, said: TakeBack) -> None:
    operations.execute(
        statement(
            "select gilgamesh.take_back_revision(revision => :revision, author => :author)",
            {"revision": said.revision, "author": operations.migration_context.opts.get("gilgamesh_author")},
        )
    )


@renderers.dispatch_for(Statement)
def _render(_context: AutogenContext, said: Statement) -> str:
    return str(said)


@renderers.dispatch_for(TakeBack)
def _render_take_back(_context: AutogenContext, _said: TakeBack) -> str:
    return "op.take_back(revision)"
