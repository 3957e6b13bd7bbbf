"""A testbed as a value: what there is, and what held of it when.

Things (components, ports, signals, attributes) are described for all times. What may change is a `Timeline`: half-open
periods in order, none overlapping another, each with a value. Neighbours of equal value are one period, so that equal
testbeds are equal descriptions, however often they were edited.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..calibration import Step
from ..timespan import Timespan

ALWAYS = Timespan()


@dataclass(frozen=True)
class Component:
    """A physical thing."""

    class_: str = "Component"
    serial: str | None = None
    description: str = ""


@dataclass(frozen=True)
class Port:
    """An input channel; its name is device/channel."""

    device: str
    channel: str
    dtype: str
    unit: str = "ct"
    low: float | None = None
    high: float | None = None
    description: str = ""


@dataclass(frozen=True)
class Signal:
    """A name people use."""

    unit: str
    kind: str = "measured"
    quantity: str = ""
    component: str | None = None
    role: str | None = None
    label: str = ""
    description: str = ""
    low: float | None = None
    high: float | None = None
    aliases: tuple[str, ...] = ()
    uncertainty_of: str | None = None


@dataclass(frozen=True)
class Attribute:
    """What can be said of a shot."""

    kind: str
    unit: str | None = None
    rule: str | None = None
    description: str = ""


@dataclass(frozen=True)
class Placement:
    """Under what a component is; None is the root, or outside the tree."""

    parent: str | None = None

    def __str__(self) -> str:
        return f"in {self.parent}" if self.parent else "in no other"


@dataclass(frozen=True)
class Property:
    """A value known of a component."""

    value: Any
    unit: str | None = None

    def __str__(self) -> str:
        return f"{self.value!r}{' ' + self.unit if self.unit else ''}"


@dataclass(frozen=True)
class Calibration:
    """How an item turns its input into its output; `fit` is the JSON of the measured points, where there are some."""

    input_unit: str
    output_unit: str
    steps: tuple[Step, ...]
    source: str | None = None
    quality: str | None = None
    covariance: tuple[Any, ...] | None = None
    fit: str | None = None

    def __str__(self) -> str:
        formula = "x"
        for step in self.steps:
            formula = step.formula(formula)
        return f"{formula} [{self.input_unit} → {self.output_unit}]{', ' + self.source if self.source else ''}"


@dataclass(frozen=True)
class Timing:
    """How the clock of a device runs."""

    start_offset: float = 0.0
    clock_rate: float = 1.0

    def __str__(self) -> str:
        return f"{self.start_offset:+g} s, rate {self.clock_rate:g}"


@dataclass(frozen=True)
class Connection:
    """Where a signal is plugged in."""

    port: str
    chain: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.port + (f" through {' and '.join(self.chain)}" if self.chain else "")


@dataclass(frozen=True)
class Definition:
    """The formula of a derived signal."""

    formula: str

    def __str__(self) -> str:
        return self.formula


Value = Placement | Property | Calibration | Timing | Connection | Definition


class Subject(NamedTuple):
    """What a timeline is about: the wiring of a signal, the calibration of an item, a property of a component.

    Attributes
    ----------
    history : str
        placement, property, calibration, timing, connection or definition, as the tables are called.
    name : str
        The component, port or signal.
    detail : str
        The property; empty otherwise.
    """

    history: str
    name: str
    detail: str = ""

    def __str__(self) -> str:
        what = {"placement": "place", "connection": "wiring", "definition": "formula"}.get(self.history, self.history)
        return f"{what} {self.detail!r} of {self.name}" if self.detail else f"{what} of {self.name}"


Timeline = tuple[tuple[Timespan, Value], ...]


def timeline(entries: Iterable[tuple[Timespan, Value]]) -> Timeline:
    """Put entries in order, neighbours of equal value as one.

    Examples
    --------
    >>> a, b = Timespan.of("2026-01-01", "2026-02-01"), Timespan.of("2026-02-01")
    >>> print(timeline([(b, Placement("vessel")), (a, Placement("vessel"))])[0][0])
    [2026-01-01 00:00, ∞)
    """
    merged: list[tuple[Timespan, Value]] = []
    for span, value in sorted(entries, key=lambda entry: _beginning(entry[0])):
        if merged and merged[-1][1] == value and merged[-1][0].until == span.since is not None:
            merged[-1] = (Timespan(merged[-1][0].since, span.until), value)
        else:
            merged.append((span, value))
    return tuple(merged)


def without(span: Timespan, others: Iterable[Timespan]) -> list[Timespan]:
    """What is left of a span outside of others.

    Examples
    --------
    >>> [str(left) for left in without(Timespan(), [Timespan.of("2026-01-01", "2026-02-01")])]
    ['(−∞, 2026-01-01 00:00)', '[2026-02-01 00:00, ∞)']
    """
    rest = [span]
    for other in others:
        rest = [piece for one in rest for piece in _cut(one, other)]
    return rest


def common(a: Timespan, b: Timespan) -> Timespan | None:
    """What two spans have in common."""
    if not a.overlaps(b):
        return None
    since = max((moment for moment in (a.since, b.since) if moment is not None), default=None)
    return Timespan(since, min((moment for moment in (a.until, b.until) if moment is not None), default=None))


@dataclass(frozen=True)
class Description:
    """The whole testbed.

    Attributes
    ----------
    components, ports, signals, attributes : mapping
        Things, by name.
    facts : mapping
        The timeline of each subject.
    lines : mapping
        Where in its file a thing (by kind and name) or an entry (by subject and period) stands; empty when it came from
        a database.
    """

    components: Mapping[str, Component] = field(default_factory=dict)
    ports: Mapping[str, Port] = field(default_factory=dict)
    signals: Mapping[str, Signal] = field(default_factory=dict)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    facts: Mapping[Subject, Timeline] = field(default_factory=dict)
    lines: Mapping[Any, int] = field(default_factory=dict, compare=False)

    def of(self, history: str, name: str, detail: str = "") -> Timeline:
        """The timeline of a subject; empty when nothing is stated."""
        return self.facts.get(Subject(history, name, detail), ())

    def parents(self, name: str) -> list[tuple[Timespan, str | None]]:
        """Under what a component or port was, and when."""
        return [(span, place.parent) for span, place in self.of("placement", name) if isinstance(place, Placement)]

    def properties(self, name: str) -> Iterator[tuple[str, Timeline]]:
        """The properties of a component, by name."""
        for subject in sorted(self.facts):
            if subject.history == "property" and subject.name == name:
                yield subject.detail, self.facts[subject]

    def at(self, moment: datetime.datetime) -> Description:
        """What held at a moment, as if it held always."""
        facts = {
            subject: tuple((ALWAYS, value) for span, value in entries if moment in span)
            for subject, entries in self.facts.items()
        }
        there = {subject.name for subject, entries in facts.items() if subject.history == "placement" and entries}
        return replace(
            self,
            components={name: thing for name, thing in self.components.items() if name in there},
            ports={name: thing for name, thing in self.ports.items() if name in there},
            facts={
                subject: entries
                for subject, entries in facts.items()
                if entries and (subject.name in there or subject.history in ("connection", "definition"))
            },
        )


def _beginning(span: Timespan) -> tuple[bool, datetime.datetime]:
    return span.since is not None, span.since or datetime.datetime.min.replace(tzinfo=datetime.UTC)


def _cut(span: Timespan, other: Timespan) -> Iterator[Timespan]:
    shared = common(span, other)
    if shared is None:
        yield span
        return
    if shared.since != span.since:
        yield Timespan(span.since, shared.since)
    if shared.until != span.until:
        yield Timespan(shared.until, span.until)
