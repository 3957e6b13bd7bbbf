"""A description as a file: the same description is the same text, to the byte, and pleasant to read.

Components stand in the order of the tree, channels and names in natural order. The date that most statements begin
with stands once, at the top.
"""

from __future__ import annotations

import datetime
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

from ..calibration import Step, steps_to_json
from ..timespan import Timespan
from .description import (
    Calibration,
    Connection,
    Definition,
    Description,
    Placement,
    Property,
    Timeline,
    Timing,
    Value,
)
from .planning import natural, written
from .yaml_node import MOMENT, Loader
from .yaml_reader import FORMAT, following

HEADER = """\
# The testbed: what there is, where it sits, how it is wired and calibrated, and since when. Times are UTC.
# What is stated without "since" holds since the date below; without "until", until the next entry, or still.
"""
WIDTH = 10_000  # a statement is one line


class _Line(dict[str, Any]):
    """A mapping that is written on one line."""


class _Row(list[Any]):
    """A list that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Writes YAML 1.2, and quotes what an older reader would take for something else."""

    yaml_implicit_resolvers = Loader.yaml_implicit_resolvers

    def ignore_aliases(self, _data: Any) -> bool:
        """Write everything out."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        """Indent the items of a list under their key."""
        super().increase_indent(flow, False)

    def analyze_scalar(self, scalar: str) -> Any:
        """Let a time stand without quotes also inside of braces."""
        analysis = super().analyze_scalar(scalar)
        if MOMENT.match(scalar):
            analysis.allow_flow_plain = True
        return analysis


def _represent_text(dumper: _Dumper, text: str) -> yaml.Node:
    older = yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    style = '"' if older != "tag:yaml.org,2002:str" and not MOMENT.match(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(
    _Line, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)
)
_Dumper.add_representer(
    _Row, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)
)
_Dumper.add_representer(str, _represent_text)


def write_description(description: Description) -> str:
    """The text of a description."""
    since = _usual_beginning(description)
    writer = _Writer(description, since)
    parts = [HEADER + _dump({"format": FORMAT} | ({} if since is None else {"since": _moment(since)}))]
    for section, things in writer.sections():
        body = [f"{section}:\n" + _indented(_dump(things[0]))] if things else []
        parts += body + [_indented(_dump(thing)) for thing in things[1:]]
    return "\n".join(parts)


def _usual_beginning(description: Description) -> datetime.datetime | None:
    """The beginning that more than half of all statements have."""
    beginnings = Counter(span.since for entries in description.facts.values() for span, _ in entries)
    for beginning, count in beginnings.most_common(1):
        if count * 2 > beginnings.total():
            return beginning
    return None


class _Writer:
    """Turns a description into what YAML is made of."""

    def __init__(self, description: Description, since: datetime.datetime | None) -> None:
        self.description = description
        self.since = since

    def sections(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """The sections, each as the mappings it is made of; an empty line stands between two."""
        it = self.description
        yield "components", [{name: self._component(name)} for name in in_tree_order(it)]
        devices: dict[str, dict[str, Any]] = {}
        for name in sorted(it.ports, key=natural):
            port = it.ports[name]
            devices.setdefault(port.device, {})[port.channel] = self._port(name)
        yield "ports", [{device: joined(channels)} for device, channels in devices.items()]
        yield "signals", [{name: self._signal(name)} for name in sorted(it.signals, key=natural)]
        if it.attributes:
            yield "attributes", [{name: self._attribute(name) for name in sorted(it.attributes, key=natural)}]

    def _component(self, name: str) -> dict[str, Any]:
        thing = self.description.components[name]
        said = {"class": thing.class_, "serial": thing.serial, "description": thing.description or None}
        return {key: value for key, value in said.items() if value is not None} | self._about(name, None)

    def _port(self, name: str) -> dict[str, Any]:
        port = self.description.ports[name]
        said: dict[str, Any] = {"dtype": port.dtype, "unit": port.unit}
        if port.low is not None or port.high is not None:
            said["range"] = _Row((port.low, port.high))
        if port.description:
            said["description"] = port.description
        about = self._about(name, port.device)
        simple = all(isinstance(value, _Line) for value in about.values())
        return _Line(said | about) if simple else said | about

    def _about(self, name: str, usual: str | None) -> dict[str, Any]:
        it = self.description
        said: dict[str, Any] = {}
        parents = it.parents(name)
        if parents != [(Timespan(self.since, None), usual)]:
            simple = len(parents) == 1 and parents[0][0] == Timespan(self.since, None)
            said["parent"] = parents[0][1] if simple else self._history(it.of("placement", name))
        properties = {detail: self._history(entries) for detail, entries in it.properties(name)}
        if properties:
            said["properties"] = properties
        for history in ("calibration", "timing"):
            if it.of(history, name):
                said[history] = self._history(it.of(history, name))
        return said

    def _signal(self, name: str) -> dict[str, Any]:
        signal = self.description.signals[name]
        said: dict[str, Any] = {"unit": signal.unit}
        if signal.kind != "measured":
            said["kind"] = signal.kind
        for key in ("quantity", "component", "role", "label", "description"):
            if getattr(signal, key):
                said[key] = getattr(signal, key)
        if signal.low is not None or signal.high is not None:
            said["plausible"] = _Row((signal.low, signal.high))
        if signal.aliases:
            said["aliases"] = _Row(signal.aliases)
        if signal.uncertainty_of:
            said["uncertainty of"] = signal.uncertainty_of
        for key, history in (("wiring", "connection"), ("formula", "definition")):
            if self.description.of(history, name):
                said[key] = self._history(self.description.of(history, name))
        return said

    def _attribute(self, name: str) -> dict[str, Any]:
        attribute = self.description.attributes[name]
        said = {
            "kind": attribute.kind,
            "unit": attribute.unit,
            "rule": attribute.rule,
            "description": attribute.description or None,
        }
        return _Line({key: value for key, value in said.items() if value is not None})

    def _history(self, entries: Timeline) -> Any:
        """One line for each entry; its end stands there only where the next one does not begin."""
        lines = []
        beginnings = [span.since for span, _ in entries[1:]]
        for (span, value), after in zip(entries, [*beginnings, None], strict=True):
            line = _Line(_content(value))
            if span.since != self.since:
                line["since"] = "always" if span.since is None else _moment(span.since)
            if span.until is not None and span.until != after:
                line["until"] = _moment(span.until)
            lines.append(line)
        return lines[0] if len(lines) == 1 else lines


def joined(channels: dict[str, Any]) -> dict[str, Any]:
    """Write neighbouring channels of which the same is said as one: ``ai0..ai15``.

    Examples
    --------
    >>> joined({"ai0": {"dtype": "int16"}, "ai1": {"dtype": "int16"}, "ai2": {"dtype": "int8"}})
    {'ai0..ai1': {'dtype': 'int16'}, 'ai2': {'dtype': 'int8'}}
    """
    runs: list[tuple[str, str, Any]] = []
    for name, said in channels.items():
        if runs and runs[-1][2] == said and name == following(runs[-1][1]):
            runs[-1] = (runs[-1][0], name, said)
        else:
            runs.append((name, name, said))
    return {first if first == last else f"{first}..{last}": said for first, last, said in runs}


def _content(value: Value) -> dict[str, Any]:
    match value:
        case Placement(parent):
            return {"parent": parent}
        case Property(content, unit):
            return {"value": _Row(content) if isinstance(content, list) else content} | (
                {} if unit is None else {"unit": unit}
            )
        case Calibration():
            said: dict[str, Any] = {
                "from": value.input_unit,
                "to": value.output_unit,
                "steps": _Row(map(_step, value.steps)),
            }
            for key in ("source", "quality"):
                if getattr(value, key) is not None:
                    said[key] = getattr(value, key)
            if value.covariance is not None:
                said["covariance"] = _rows(value.covariance)
            if value.fit is not None:
                said["fit"] = _Line({key: _rows(content) for key, content in json.loads(value.fit).items()})
            return said
        case Timing(start_offset, clock_rate):
            return {"start offset": start_offset} | ({} if clock_rate == 1.0 else {"clock rate": clock_rate})
        case Connection(port, chain):
            return {"port": port} | ({"chain": _Row(chain)} if chain else {})
        case Definition(formula):
            return {"formula": formula}


def _rows(content: Any) -> Any:
    return _Row(map(_rows, content)) if isinstance(content, list | tuple) else content


def _step(step: Step) -> Any:
    (document,) = steps_to_json([step])
    function = document.pop("function")
    del document["version"]
    if list(document) == ["coefficients"]:
        return _Line({function: _Row(document["coefficients"])})
    return _Line({function: _Line(document)}) if document else function


def _moment(moment: datetime.datetime) -> str:
    return f"{written(moment)}Z"


def in_tree_order(description: Description) -> list[str]:
    """Components, each after the one it was first placed in, siblings in natural order."""
    first: dict[str | None, list[str]] = {}
    for name in description.components:
        parents = description.parents(name)
        first.setdefault(parents[0][1] if parents else None, []).append(name)

    def below(parent: str | None, seen: frozenset[str]) -> Iterator[str]:
        for name in sorted(first.get(parent, []), key=natural):
            if name not in seen:
                yield name
                yield from below(name, seen | {name})

    ordered = list(dict.fromkeys(below(None, frozenset())))
    return ordered + sorted(set(description.components) - set(ordered), key=natural)


def _dump(data: dict[str, Any]) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=False)


def _indented(text: str) -> str:
    return "".join(f"  {line}" if line.strip() else line for line in text.splitlines(keepends=True))
