"""The testbed as the database knows it."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from ..calibration import steps_from_json
from ..timespan import Timespan
from .description import (
    Attribute,
    Calibration,
    Component,
    Connection,
    Definition,
    Description,
    Placement,
    Port,
    Property,
    Signal,
    Subject,
    Timing,
    Value,
    timeline,
)

# What is believed, of what is in use: a component that is placed nowhere and a name that was taken back are not.
_COMPONENTS = """
select c.name, c.class, c.serial, c.description, d.name as device, p.channel, p.dtype, p.unit, p.low, p.high
  from gilgamesh.component c
  left join gilgamesh.port p on p.component_id = c.id
  left join gilgamesh.component d on d.id = p.device_id
 where exists (select from gilgamesh.placement l where l.component_id = c.id and l.recorded @> gilgamesh.known_at())
"""
# Was this name made known only after the moment of knowledge?
_LATER = """
exists (select from gilgamesh.amendment m join gilgamesh.edit said on said.id = m.edit_id
         where m.kind = '{kind}' and m.before is null and m.after ->> 'name' = {name} and said.recorded_at > gilgamesh.known_at())
"""
_SIGNALS = f"select s.*, of.name as uncertainty_of from gilgamesh.signals s join gilgamesh.signal i on i.name = s.signal left join gilgamesh.signal of on of.id = i.uncertainty_of where not {_LATER.format(kind='signal', name='s.signal')}"  # noqa: S608 - our own text
_ATTRIBUTES = f"""
select a.name, a.kind, a.unit, a.rule, a.description
  from gilgamesh.attribute a left join gilgamesh.edit e on e.id = a.withdrawn_by_id
 where (a.withdrawn_by_id is null or e.recorded_at > gilgamesh.known_at())
   and not {_LATER.format(kind="attribute", name="a.name")}
"""  # noqa: S608
_FACTS = {
    "placement": "select c.name, p.name as parent, {period} from gilgamesh.placement h "
    "join gilgamesh.component c on c.id = h.component_id left join gilgamesh.component p on p.id = h.parent_id",
    "property": "select c.name, h.name as detail, h.value, h.unit, {period} from gilgamesh.property h "
    "join gilgamesh.component c on c.id = h.component_id",
    "calibration": "select c.name, h.input_unit, h.output_unit, h.steps, h.source, h.quality, h.covariance, h.fit, {period} "
    "from gilgamesh.calibration h join gilgamesh.component c on c.id = h.component_id",
    "timing": "select c.name, h.start_offset, h.clock_rate, {period} from gilgamesh.timing h "
    "join gilgamesh.component c on c.id = h.device_id",
    "connection": "select s.name, p.name as port, array(select i.name from unnest(h.chain) with ordinality item(id, pos) "
    "join gilgamesh.component i on i.id = item.id order by item.pos) as chain, {period} from gilgamesh.connection h "
    "join gilgamesh.signal s on s.id = h.signal_id join gilgamesh.component p on p.id = h.port_id",
    "definition": "select s.name, h.formula, {period} from gilgamesh.definition h "
    "join gilgamesh.signal s on s.id = h.signal_id",
}
_PERIOD = "lower(h.valid) as since, upper(h.valid) as until"


def snapshot(connection: sa.Connection) -> Description:
    """Describe the testbed as it is known (at ``gilgamesh.known_at``), with its whole history.

    What is superseded, who said what and why, and when it became known stays in the database.
    """
    components: dict[str, Component] = {}
    ports: dict[str, Port] = {}
    for row in connection.execute(sa.text(_COMPONENTS)):
        if row.device is None:
            components[row.name] = Component(row._mapping["class"], row.serial, row.description)
        else:
            ports[row.name] = Port(row.device, row.channel, row.dtype, row.unit, row.low, row.high, row.description)
    signals = {
        row.signal: Signal(
            row.unit, row.kind, row.quantity, row.component, row.role, "" if row.label == row.signal else row.label,
            row.description, row.low, row.high, tuple(row.aliases), row.uncertainty_of,
        )
        for row in connection.execute(sa.text(_SIGNALS))
    }  # fmt: skip
    attributes = {
        row.name: Attribute(row.kind, row.unit, row.rule, row.description)
        for row in connection.execute(sa.text(_ATTRIBUTES))
    }
    found: dict[Subject, list[tuple[Timespan, Value]]] = defaultdict(list)
    for history, query in _FACTS.items():
        believed = f"{query.format(period=_PERIOD)} where h.recorded @> gilgamesh.known_at()"
        for row in connection.execute(sa.text(believed)):
            subject = Subject(history, row.name, row.detail if history == "property" else "")
            found[subject].append((Timespan(row.since, row.until), _value(history, row)))
    known = {*components, *ports, *signals}
    facts = {subject: timeline(entries) for subject, entries in found.items() if subject.name in known}
    return Description(components, ports, signals, attributes, facts)


def _value(history: str, row: Any) -> Value:
    match history:
        case "placement":
            return Placement(row.parent)
        case "property":
            return Property(row.value, row.unit)
        case "calibration":
            covariance = None if row.covariance is None else _tuple(row.covariance)
            return Calibration(
                row.input_unit, row.output_unit, steps_from_json(row.steps), row.source, row.quality, covariance,
                None if row.fit is None else json.dumps(row.fit, sort_keys=True),
            )  # fmt: skip
        case "timing":
            return Timing(row.start_offset, row.clock_rate)
        case "connection":
            return Connection(row.port, tuple(row.chain))
        case _:
            return Definition(row.formula)


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value
