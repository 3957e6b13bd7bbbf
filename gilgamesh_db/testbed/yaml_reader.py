"""A description as it stands in a file: read, checked against itself, refused with the line.

What is checked here needs no database: keys, units, names that are used but not described, periods that overlap, a
component inside itself, two cables in one port.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..calibration import steps_from_json
from ..errors import FileRefused, InvalidValue, OverlapError, near_names
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
    common,
    timeline,
)
from .yaml_node import Node

FORMAT = 1
PERIOD = ("since", "until")
ABOUT = ("parent", "properties", "calibration", "timing")


def read_description(path: Path) -> Description:
    """Read a description of a testbed.

    Raises
    ------
    FileRefused
        It is no YAML, or no description.
    InvalidValue, UnitMismatch, OverlapError
        Something in it cannot be; the message names the line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise FileRefused(
            f"{path} cannot be read: {error.strerror}; write one with: gilgamesh testbed export {path}"
        ) from error
    except UnicodeDecodeError as error:
        raise FileRefused(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    return parse(path, text)


def parse(path: Path, text: str) -> Description:
    """Read the text of a description; `path` stands in messages."""
    top = Node.read(path, text).mapping(
        ("format", "since", "components", "ports", "signals", "attributes"), needed=("format",)
    )
    if top["format"].plain() != FORMAT:
        top["format"].refuse(
            f"this is format {top['format'].plain()!r}; this software reads format {FORMAT}", FileRefused
        )
    reading = _Reading(since=_moment(top.get("since"), None))
    for name, node in top["components"].items().items() if "components" in top else ():
        reading.component(name, node)
    for device, channels in top["ports"].items().items() if "ports" in top else ():
        for channel, node in channels.items().items():
            for one in channels_in(channel, node):
                reading.port(device, one, node)
    for name, node in top["signals"].items().items() if "signals" in top else ():
        reading.signal(name, node)
    for name, node in top["attributes"].items().items() if "attributes" in top else ():
        reading.attribute(name, node)
    reading.check(path)
    facts = {subject: timeline(entries) for subject, entries in reading.facts.items()}
    return Description(reading.components, reading.ports, reading.signals, reading.attributes, facts, reading.lines)


def following(channel: str) -> str | None:
    """The next channel: ``ai9`` → ``ai10``, ``T09`` → ``T10``; None without a number at the end.

    Examples
    --------
    >>> following("ai9"), following("T09"), following("Fpower")
    ('ai10', 'T10', None)
    """
    found = re.fullmatch(r"(.*?)(\d+)", channel)
    if found is None:
        return None
    width = len(found[2]) if found[2].startswith("0") else 0
    return f"{found[1]}{int(found[2]) + 1:0{width}}"


def channels_in(name: str, node: Node) -> list[str]:
    """The channels a name stands for: one, or ``ai0..ai15``."""
    first, dots, last = name.partition("..")
    channels = [first]
    while dots and channels[-1] != last:
        after = following(channels[-1])
        if after is None or len(channels) > 4096:
            node.refuse(f"{name!r} is not a row of channels; write it like ai0..ai15")
        channels.append(after)
    return channels


@dataclass
class _Reading:
    """What has been read so far."""

    since: datetime.datetime | None
    components: dict[str, Component] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    signals: dict[str, Signal] = field(default_factory=dict)
    attributes: dict[str, Attribute] = field(default_factory=dict)
    facts: dict[Subject, list[tuple[Timespan, Value]]] = field(default_factory=dict)
    lines: dict[Any, int] = field(default_factory=dict)
    nodes: dict[tuple[Subject, Timespan], Node] = field(default_factory=dict)

    # -- things ---------------------------------------------------------------------------------------------

    def component(self, name: str, node: Node) -> None:
        """``name: {class, serial, description, parent, properties, calibration, timing}``."""
        found = node.mapping(("class", "serial", "description", *ABOUT))
        self.lines["component", name] = node.key_line
        self.components[name] = Component(
            _text(found, "class", "Component"), _text(found, "serial", None), _text(found, "description", "")
        )
        self._about(name, node, found, None)

    def port(self, device: str, channel: str, node: Node) -> None:
        """``channel: {dtype, unit, range, description, …}`` under the name of its device."""
        found = node.mapping(("dtype", "unit", "range", "description", *ABOUT), needed=("dtype",))
        name = f"{device}/{channel}"
        low, high = _range(found.get("range"))
        if name in self.ports:
            node.refuse(f"port {name!r} is described a second time; the first is in line {self.lines['port', name]}")
        self.lines["port", name] = node.key_line
        if device not in self.components:
            node.refuse(f"the device {device!r} is not among the components{near_names(device, self.components)}")
        self.ports[name] = Port(
            device, channel, found["dtype"].text(), found["unit"].unit() if "unit" in found else "ct", low, high,
            _text(found, "description", ""),
        )  # fmt: skip
        self._about(name, node, found, device)

    def _about(self, name: str, node: Node, found: dict[str, Node], usual: str | None) -> None:
        """What may change of a component or port."""
        parent = Subject("placement", name)
        if "parent" not in found:
            self._state(parent, Timespan(self.since, None), Placement(usual), node)
        elif found["parent"].is_list or found["parent"].is_mapping:
            self._history(parent, found["parent"], ("parent",), lambda one: Placement(_parent(one.get("parent"))))
        else:
            self._state(parent, Timespan(self.since, None), Placement(_parent(found["parent"])), found["parent"])
        for detail, stated in found["properties"].items().items() if "properties" in found else ():
            self._history(Subject("property", name, detail), stated, ("value", "unit"), _property)
        if "calibration" in found:
            self._history(
                Subject("calibration", name), found["calibration"],
                ("from", "to", "steps", "source", "quality", "covariance", "fit"), _calibration,
            )  # fmt: skip
        if "timing" in found:
            self._history(Subject("timing", name), found["timing"], ("start offset", "clock rate"), _timing)

    def signal(self, name: str, node: Node) -> None:
        """``name: {unit, kind, quantity, component, role, label, plausible, aliases, wiring, formula}``."""
        found = node.mapping(
            (
                "unit",
                "kind",
                "quantity",
                "component",
                "role",
                "label",
                "description",
                "plausible",
                "aliases",
                "uncertainty of",
                "wiring",
                "formula",
            ),
            needed=("unit",),
        )
        self.lines["signal", name] = node.key_line
        low, high = _range(found.get("plausible"))
        component = _text(found, "component", None)
        if component is not None and component not in self.components:
            found["component"].refuse(f"there is no component {component!r}{near_names(component, self.components)}")
        self.signals[name] = Signal(
            found["unit"].unit(), _text(found, "kind", "measured"), _text(found, "quantity", ""), component,
            _text(found, "role", None), _text(found, "label", ""), _text(found, "description", ""), low, high,
            tuple(sorted(found["aliases"].texts())) if "aliases" in found else (), _text(found, "uncertainty of", None),
        )  # fmt: skip
        if "wiring" in found:
            self._history(Subject("connection", name), found["wiring"], ("port", "chain"), self._connection)
        if "formula" in found:
            formula, subject = found["formula"], Subject("definition", name)
            if formula.is_list or formula.is_mapping:
                self._history(subject, formula, ("formula",), lambda one: Definition(one["formula"].text()))
            else:
                self._state(subject, Timespan(self.since, None), Definition(formula.text()), formula)

    def _connection(self, one: dict[str, Node]) -> Connection:
        if "port" not in one:
            raise KeyError("port")
        port, chain = one["port"].text(), one["chain"].texts() if "chain" in one else ()
        if port not in self.ports:
            one["port"].refuse(f"there is no port {port!r}{near_names(port, self.ports)}")
        for item in chain:
            if item not in self.components and item not in self.ports:
                one["chain"].refuse(f"there is no component {item!r}{near_names(item, self.components)}")
        return Connection(port, chain)

    def attribute(self, name: str, node: Node) -> None:
        """``name: {kind, unit, rule, description}``."""
        found = node.mapping(("kind", "unit", "rule", "description"), needed=("kind",))
        self.lines["attribute", name] = node.key_line
        self.attributes[name] = Attribute(
            found["kind"].text(), found["unit"].unit() if "unit" in found else None, _text(found, "rule", None),
            _text(found, "description", ""),
        )  # fmt: skip

    # -- histories ------------------------------------------------------------------------------------------

    def _history(
        self, subject: Subject, node: Node, keys: Iterable[str], value: Callable[[dict[str, Node]], Value]
    ) -> None:
        """One entry, or a list of them; an entry without an end holds until the next one begins."""
        stated = []
        for entry in node.sequence() if node.is_list else [node]:
            found = entry.mapping((*keys, *PERIOD))
            with _naming(entry):
                since, until = _moment(found.get("since"), self.since), _moment(found.get("until"), None)
                stated.append((since, until, value(found), entry))
        beginnings = sorted({since for since, *_ in stated if since is not None})
        for since, until, content, entry in stated:
            after = next((later for later in beginnings if since is None or later > since), None)
            with _naming(entry):
                span = Timespan(since, until or after)
            self._state(subject, span, content, entry)

    def _state(self, subject: Subject, span: Timespan, value: Value, node: Node) -> None:
        entries = self.facts.setdefault(subject, [])
        for other, _ in entries:
            if other.overlaps(span):
                line = self.nodes[subject, other].line
                node.refuse(f"the {subject} is stated twice for {common(span, other)}; see line {line}", OverlapError)
        entries.append((span, value))
        self.nodes[subject, span] = node
        self.lines[subject, span] = node.line

    # -- everything together ----------------------------------------------------------------------------------

    def check(self, path: Path) -> None:
        """What only shows when everything is read."""
        self._check_parents()
        self._check_ports()
        names: dict[str, str] = {}
        for name, signal in self.signals.items():
            for one in (name, *signal.aliases):
                if one in names:
                    raise InvalidValue(
                        f"{path}, line {self.lines['signal', name]}: the name {one!r} is taken by {names[one]} (line "
                        f"{self.lines['signal', names[one]]})"
                    )
                names[one] = name

    def _check_parents(self) -> None:
        for subject, entries in self.facts.items():
            for span, value in entries:
                if not isinstance(value, Placement):
                    continue
                node = self.nodes[subject, span]
                if value.parent is not None and value.parent not in self.components:
                    node.refuse(f"there is no component {value.parent!r}{near_names(value.parent, self.components)}")
                circle = self._circle(subject.name, value.parent, span, (subject.name,))
                if circle:
                    node.refuse(f"a component cannot be part of itself: {' in '.join(circle)}")

    def _circle(self, start: str, above: str | None, span: Timespan, way: tuple[str, ...]) -> tuple[str, ...]:
        if above is None:
            return ()
        if above == start:
            return (*way, above)
        if above in way:
            return ()  # a circle further up, which is told where it begins
        for held, value in self.facts.get(Subject("placement", above), []):
            shared = common(span, held)
            if shared is not None and isinstance(value, Placement):
                found = self._circle(start, value.parent, shared, (*way, above))
                if found:
                    return found
        return ()

    def _check_ports(self) -> None:
        carried: dict[str, list[tuple[Timespan, Subject]]] = {}
        for subject, entries in self.facts.items():
            for span, value in entries:
                if not isinstance(value, Connection):
                    continue
                for held, other in carried.get(value.port, []):
                    shared = common(span, held)
                    if shared is not None:
                        line = self.nodes[other, held].line
                        self.nodes[subject, span].refuse(
                            f"port {value.port!r} carries {other.name} already during {shared} (line {line})",
                            OverlapError,
                        )
                carried.setdefault(value.port, []).append((span, subject))


@contextlib.contextmanager
def _naming(entry: Node) -> Iterator[None]:
    """Let what an entry lacks, or what is wrong in it, name its line."""
    try:
        yield
    except KeyError as missing:
        entry.refuse(f"{missing.args[0]!r} is missing")
    except InvalidValue as error:
        if str(error).startswith(f"{entry.path}, line "):
            raise
        entry.refuse(str(error), type(error))


def _text(found: dict[str, Node], key: str, default: Any) -> Any:
    return found[key].text() if key in found else default


def _parent(node: Node | None) -> str | None:
    return None if node is None or node.is_null else node.text()


def _moment(node: Node | None, default: datetime.datetime | None) -> datetime.datetime | None:
    if node is None:
        return default
    return None if node.text() == "always" else node.moment()


def _range(node: Node | None) -> tuple[float | None, float | None]:
    if node is None:
        return None, None
    ends = node.sequence()
    if len(ends) != 2:
        node.refuse("a range is [low, high]; null for an end that is open")
    low, high = (None if end.is_null else end.number() for end in ends)
    if low is not None and high is not None and low >= high:
        node.refuse(f"the range ends ({high:g}) before it begins ({low:g})")
    return low, high


def _property(one: dict[str, Node]) -> Property:
    if "value" not in one:
        raise KeyError("value")
    return Property(one["value"].plain(), one["unit"].unit() if "unit" in one else None)


def _calibration(one: dict[str, Node]) -> Calibration:
    for key in ("from", "to", "steps"):
        if key not in one:
            raise KeyError(key)
    document = [_step(node) for node in one["steps"].sequence()]
    try:
        steps = steps_from_json(document)
    except InvalidValue as error:
        one["steps"].refuse(str(error))
    covariance = _tuple(one["covariance"].plain()) if "covariance" in one else None
    fit = json.dumps(one["fit"].plain(), sort_keys=True) if "fit" in one else None
    return Calibration(
        one["from"].unit(),
        one["to"].unit(),
        steps,
        _text(one, "source", None),
        _text(one, "quality", None),
        covariance,
        fit,
    )


def _step(node: Node) -> dict[str, Any]:
    """``polynomial: [0, 20]``, ``power_of_ten``, or ``table: {x: …, y: …}``."""
    if not node.is_mapping:
        return {"function": node.text(), "version": 1}
    ((name, parameters),) = (
        node.items().items() if len(node.items()) == 1 else node.refuse("a step is function: parameters")
    )
    if parameters.is_list:
        return {"function": name, "version": 1, "coefficients": parameters.plain()}
    return {"function": name, "version": 1} | (parameters.plain() or {})


def _timing(one: dict[str, Node]) -> Timing:
    return Timing(
        one["start offset"].number() if "start offset" in one else 0.0,
        one["clock rate"].number() if "clock rate" in one else 1.0,
    )


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value
