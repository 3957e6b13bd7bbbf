"""The testbed as it was in one shot, or at one time: a tree of components that know their physics."""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from ..calibration import Step
from ..errors import ComponentNotFound, InvalidValue, NotStated, near_names
from ..timespan import instant
from .component import Among, Component, Facts, attribute_name
from .registry import class_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..database import Database, Knowledge
    from ..edits import Value, When
    from ..physics.gases import Gas
    from ..signal import Signal
    from .coils import Coils

Found = TypeVar("Found", bound=Component)

_COMPONENTS = "select * from gilgamesh.components_at(cast(:moment as timestamptz)) order by path"
_ROLES = """
select s.name as signal, s.role, c.name as component
  from gilgamesh.signal s join gilgamesh.component c on c.id = s.component_id
 where s.role is not null and s.withdrawn_by_id is null order by s.name
"""
_WIRING = """
select signal, port, chain from gilgamesh.wiring
 where valid @> cast(:moment as timestamptz) and recorded @> least(gilgamesh.known_at(), clock_timestamp()) order by signal
"""
_CALIBRATIONS = """
select component_id, steps, input_unit, output_unit from gilgamesh.calibration
 where valid @> cast(:moment as timestamptz) and (recorded @> (select gilgamesh.known_at())) is distinct from false
"""


class Machine:
    """The testbed in a shot or at a time; made by `Database.machine`.

    ``machine["langmuir1"]``, ``machine["vessel/langmuir1"]`` and ``machine.langmuir1`` are one component.

    Attributes
    ----------
    shot : int or None
    at : datetime
        The trigger of the shot, or the time.
    """

    def __init__(self, db: Database, shot: int | None = None, at: datetime.datetime | None = None) -> None:
        self.db = db
        self.shot = shot
        self._asked_for = at
        self._load()

    def _load(self) -> None:
        with self.db.transaction() as connection:
            if self.shot is not None:
                moment = connection.execute(
                    sa.text("select gilgamesh.shot_time(:shot)"), {"shot": self.shot}
                ).scalar_one()
            else:
                moment = self._asked_for or connection.execute(sa.text("select now()")).scalar_one()
            self.at: datetime.datetime = moment
            rows = connection.execute(sa.text(_COMPONENTS), {"moment": moment}).all()
            roles = connection.execute(sa.text(_ROLES)).all()
        self._components: dict[str, Component] = {}
        self._below: dict[str | None, list[str]] = {}
        for row in rows:
            facts = Facts(row.component_id, row.component, row.class_ if hasattr(row, "class_") else row[1], row.parent,
                          row.path, row.depth, row.serial, row.description, row.properties, row.units)  # fmt: skip
            self._components[facts.name] = class_of(facts.kind)(self, facts)
            self._below.setdefault(facts.parent, []).append(facts.name)
        self._signals_of: dict[str, dict[str, str]] = {}
        for role in roles:
            self._signals_of.setdefault(role.component, {})[role.role] = role.signal
        for name in ("attributes", "_calibrations", "wiring"):
            vars(self).pop(name, None)

    # -- access ----------------------------------------------------------------------------------------

    def __getitem__(self, path: str) -> Component:
        """The component of this name, or at the end of this path (with slashes; steps may be left out)."""
        if path in self._components:
            return self._components[path]
        steps = [step.strip() for step in str(path).split("/")]
        for split in range(len(steps)):  # a port's name has a slash in it
            found = self._components.get("/".join(steps[split:]))
            if found is not None and _in_order(steps[:split], found.path.split("/")):
                return found
        near = near_names(str(path), self._components) or ";"
        raise ComponentNotFound(
            f"no component {path!r} in the testbed {self.when}{near} list them with: gilgamesh machine show"
            + ("" if self.shot is None else f" --shot {self.shot}")
        )

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            for component in vars(self).get("_components", {}):
                if attribute_name(component) == name:
                    return self._components[component]
        raise AttributeError(f"the testbed {self.when if 'at' in vars(self) else ''} has no component {name!r}"
                             + near_names(name, vars(self).get("_components", {})))  # fmt: skip

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *map(attribute_name, self._components)]

    def __iter__(self) -> Iterator[Component]:
        """All components, from the top down."""
        return iter(self._components.values())

    def __len__(self) -> int:
        return len(self._components)

    def __contains__(self, name: object) -> bool:
        return name in self._components

    def find(self, what: str | type[Found]) -> list[Any]:
        """Components by the name of their class, by part of their name (with ``*``), or by Python class.

        Examples
        --------
        >>> machine.find("LangmuirProbe")  # doctest: +SKIP
        [<LangmuirProbe langmuir1 in shot 1234>, <LangmuirProbe langmuir2 in shot 1234>]
        """
        if isinstance(what, type):
            return self.among(what)
        pattern = what.casefold()
        return [
            part
            for part in self
            if part.kind.casefold() == pattern or fnmatch.fnmatchcase(part.name.casefold(), pattern)
        ]

    def among(self, kind: type[Among]) -> list[Among]:
        """All components of a Python class."""
        return [part for part in self if isinstance(part, kind)]

    @property
    def roots(self) -> list[Component]:
        """What is part of nothing else."""
        return self._children(None)

    @property
    def when(self) -> str:
        """The shot or the time, in words."""
        return f"in shot {self.shot}" if self.shot is not None else f"on {self.at:%Y-%m-%d %H:%M}"

    def _children(self, name: str | None) -> list[Component]:
        return [self._components[child] for child in self._below.get(name, ())]

    def _roles(self, name: str) -> dict[str, str]:
        return self._signals_of.get(name, {})

    # -- the shot --------------------------------------------------------------------------------------

    def signal(self, name: str) -> Signal:
        """A signal of the machine's shot."""
        if self.shot is None:
            raise InvalidValue(
                f"the testbed {self.when} has no signals: they belong to shots; ask for one: db.machine(shot=…)"
            )
        return self.db.signal(name, self.shot)

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """What is said of the shot; empty for the machine at a time."""
        if self.shot is None:
            return {}
        with self.db.transaction() as connection:
            statement = sa.text("select attributes from gilgamesh.shots where shot = :shot")
            return dict(connection.execute(statement, {"shot": self.shot}).scalar_one() or {})

    @property
    def gas(self) -> Gas:
        """The working gas: the shot's attribute ``Gas``, or a property ``gas`` of a component.

        Raises
        ------
        NotStated
            Nobody said which gas it was.
        """
        from ..physics.gases import gas

        stated = self.attributes.get("Gas")
        if stated is None:
            stated = next((part.properties["gas"] for part in self if "gas" in part.properties), None)
        if stated is None:
            how = (
                f"with db.edit('logbook') as edit: edit.set_attribute({self.shot}, 'Gas', 'Argon')"
                if self.shot is not None
                else "as the property 'gas' of a component"
            )
            raise NotStated(
                f"nobody said which gas was used {self.when}, and the mass of its ions is needed; state it: {how}"
            )
        return gas(str(stated))

    @property
    def coils(self) -> Coils:
        """All coils together, with the currents of the shot."""
        from .coils import Coils, CoilSystem

        return Coils(self, self.among(CoilSystem))

    @cached_property
    def wiring(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Port and chain of every signal that was plugged in then."""
        with self.db.transaction() as connection:
            rows = connection.execute(sa.text(_WIRING), {"moment": self.at}).all()
        return {row.signal: (row.port, tuple(row.chain)) for row in rows}

    @cached_property
    def _calibrations(self) -> dict[int, Any]:
        with self.db.transaction() as connection:
            rows = connection.execute(sa.text(_CALIBRATIONS), {"moment": self.at}).all()
        return {row.component_id: row for row in rows}

    def _calibration(self, component_id: int) -> Any:
        return self._calibrations.get(component_id)

    # -- display ---------------------------------------------------------------------------------------

    def show(self, *, ports: bool = False) -> str:
        """The tree as text, with properties and signals; the ports of devices too when asked for."""
        from .display import machine_text

        return machine_text(self, ports)

    def _repr_html_(self) -> str:
        from .display import machine_html

        return machine_html(self)

    def __repr__(self) -> str:
        return f"<Machine {self.when}: {len(self)} components>"

    def diff(self, other: Machine) -> pd.DataFrame:
        """What is different in another machine: places, properties, wiring, calibrations.

        Returns
        -------
        DataFrame
            Columns Component, What, Before (here), After (there).
        """
        from .diff import differences

        return differences(self, other)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the machine from the side: vessel, source, coils and probes at their places."""
        from .plot import side_view

        return side_view(self, ax)

    # -- editing ---------------------------------------------------------------------------------------

    def move(
        self, component: str, to: str | None, *, since: When, reason: str, until: When = None, author: str | None = None
    ) -> None:
        """Place a component under another; `since` is a time or the first shot.

        Examples
        --------
        >>> machine.move("langmuir1", to="vessel", since=1500, reason="for the profile")  # doctest: +SKIP
        """
        with self.db.edit(reason, author=author) as edit:
            edit.place(self[component].name, None if to is None else self[to].name, since=since, until=until)
        self._load()

    def set_property(
        self, component: str, name: str, value: Value, unit: str | None = None, *,
        since: When, reason: str, until: When = None, author: str | None = None,
    ) -> None:  # fmt: skip
        """State a property of a component."""
        with self.db.edit(reason, author=author) as edit:
            edit.set_property(self[component].name, name, value, unit, since=since, until=until)
        self._load()

    def recalibrate(
        self, component: str, steps: Step | Sequence[Step], *, since: When, reason: str, until: When = None,
        input_unit: str | None = None, output_unit: str | None = None, source: str | None = None,
        author: str | None = None,
    ) -> None:  # fmt: skip
        """State how a component turns its input into its output; the units are those of the calibration before."""
        item = self[component]
        if input_unit is None or output_unit is None:
            before = item.calibration()
            input_unit, output_unit = input_unit or before.input_unit, output_unit or before.output_unit
        with self.db.edit(reason, author=author) as edit:
            edit.calibrate(item.name, steps, input_unit, output_unit, since=since, until=until, source=source)
        self._load()


def machine(db: Database, shot: int | None, at: Knowledge | None, known_at: Knowledge | None) -> Machine:
    """See `Database.machine`."""
    if shot is not None and at is not None:
        raise InvalidValue(f"shot {shot} has its own time; give either shot= or at=")
    then = db if known_at is None else db.known_at(known_at)
    number = None if shot is None else then.shot_number(shot)
    return Machine(then, number, instant(at))


def _in_order(steps: list[str], path: list[str]) -> bool:
    """Whether these steps come on the path one after the other; others may lie between."""
    way = iter(path)
    return all(step in way for step in steps)
