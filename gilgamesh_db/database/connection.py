"""A connection to the database: transactions, states of knowledge, names and shots."""

from __future__ import annotations

import contextlib
import datetime
import operator
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import sqlalchemy as sa

from .. import translation
from ..errors import InvalidValue, ShotNotFound, SignalNotFound, near_names
from ..reading import Cache, Reader
from ..timespan import instant
from .engine import ROLE

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from sqlalchemy.orm import Session

    from ..shot_range import Shots
    from . import Database


Knowledge = datetime.datetime | datetime.date | str
KNOWN_AT = "GILGAMESH_KNOWN_AT"  # the environment variable a re-run notebook answers from


class Connected:
    """The ground the rest stands on; see `Database`."""

    def __init__(self, engine: sa.Engine, known_at: Knowledge | None = None) -> None:
        self.engine = engine
        self.role: str | None = engine.get_execution_options().get(ROLE)
        self.knowledge = instant(known_at)
        self.reader = Reader(engine)
        self.cache: Cache[Any] = Cache()
        self._closed = False
        self._names: dict[str, str] = {}
        self._derived: set[str] = set()
        self._streamed: set[str] = set()
        self._shots: set[int] = set()

    def __enter__(self) -> Self:
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

    def known_at(self, moment: Knowledge) -> Self:
        """The same database, answering from what was known at an earlier moment, or at that of a release.

        Examples
        --------
        >>> db.known_at("2026-03-01").signal("Langmuir_I", shot=1234)  # doctest: +SKIP
        """
        then = type(self)(self.engine, self._moment(moment))
        then.reader, then.cache = self.reader, self.cache  # what is immutable is shared
        return then

    def today(self) -> Self:
        """The same database, answering from today's knowledge."""
        now = type(self)(self.engine)
        now.reader, now.cache = self.reader, self.cache
        return now

    def acting_as(self, role: str) -> Self:
        """The same database, asked with the rights of a person: what they may not do is refused, and is done in their name.

        Parameters
        ----------
        role : str
            Name of the person, or of another role this connection may take on.

        Raises
        ------
        NotPermitted
            At the first question: this connection may not take on the role.

        Examples
        --------
        >>> db.acting_as("anna").edit("cable found")  # doctest: +SKIP
        """
        then = type(self)(self.engine.execution_options(**{ROLE: role}), self.knowledge)
        then.reader, then.cache = self.reader.acting_as(role), self.cache
        return then

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

    def arrow(self, statement: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        """Run one SQL question and return its rows as an Arrow table; needs the extra ``arrow``.

        Columns of numbers, truth values and times come without a Python object per value: several times as fast as `sql`.

        Parameters
        ----------
        statement, parameters
            As for `sql`.

        Examples
        --------
        >>> db.arrow("select time, value from gilgamesh.samples_between('Lang_I', 1234, 0, 1)").to_pandas()  # doctest: +SKIP
        """
        from ..columns import arrow

        return arrow(self._whole, statement, parameters)

    def shot_number(self, shot: int) -> int:
        """The number of a shot that exists; a negative one counts from the last shot (-1).

        Raises
        ------
        ShotNotFound
        """
        with self.transaction() as connection:
            return self._shot_number(connection, whole_number(shot))

    def shot_numbers(self, shots: Shots) -> list[int]:
        """Numbers of the shots that are meant, for example by ``"1200:1300"`` (half-open), ``"-10:"`` or ``[1234, -1]``.

        Raises
        ------
        ShotNotFound
            A single shot does not exist, or a range holds none.
        """
        from ..shot_range import shots_of

        return shots_of(self._whole, shots)

    def find_again(self, name: str, shot: int) -> None:
        """Look up anew what was found before: an interrupted shot may have been dropped since.

        Raises
        ------
        SignalNotFound, ShotNotFound
        """
        self._names.pop(name, None)
        self._shots.discard(shot)
        self._find(name, shot)

    def _moment(self, moment: Knowledge | None) -> datetime.datetime | None:
        """A moment of knowledge that can be asked for, by itself or by the name of a release; None is today."""
        from ..release import NAME, release_named

        if isinstance(moment, str) and NAME.match(moment):
            return release_named(self._whole, moment).known_at
        asked = instant(moment)
        if asked is not None:
            self.reader.rows("select gilgamesh.knowable(%s)", (asked,))
        return asked

    def _find(self, name: str, shot: int) -> None:
        """Look a name and a shot up in one round trip; both are remembered, because they hardly ever go."""
        found = self.reader.rows(
            "select s.name, s.kind = 'derived' as derived, exists (select from gilgamesh.shot where number = %s) as fired, "
            "exists (select from gilgamesh.connection c join gilgamesh.stream t on t.port_id = c.port_id where c.signal_id = s.id) as streamed "
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
        if found.streamed:
            self._streamed.add(found.name)

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

    @property
    def _whole(self) -> Database:
        """The database with all that can be asked of it."""
        return cast("Database", self)


def whole_number(shot: int) -> int:
    """A shot number as an int, whatever integer type it came in."""
    try:
        if isinstance(shot, bool):
            raise TypeError
        return operator.index(shot)
    except TypeError as error:
        raise InvalidValue(
            f"{shot!r} is not a shot number; give a whole number such as 1234, or -1 for the last"
        ) from error
