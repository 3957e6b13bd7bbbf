"""From one description of a testbed to another: the operations, in an order in which each can be performed."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from typing import Any

from ..calibration.fit import fit_from_dict
from ..timespan import Timespan
from .description import (
    Calibration,
    Connection,
    Definition,
    Description,
    Placement,
    Port,
    Property,
    Subject,
    Timing,
    Value,
    common,
    timeline,
    without,
)
from .operations import STATEMENTS, Statement


def plan(before: Description, after: Description) -> list[Statement]:
    """Say what turns one testbed into the other.

    What is new is made known first, parents before what is in them; then cables leave their ports, things are moved,
    described, calibrated and plugged in; what is gone goes last.
    """
    made = list(_make_known(before, after))
    start = _with_new(before, after)
    sets, clears = _changes(start, after)
    said = [*made, *_amend(before, after)]
    said += [_clear(subject, span) for subject, span in clears if subject.history == "connection"]
    said += _make_room(start, after, sets)
    for history in ("placement", "property", "calibration", "timing", "connection", "definition"):
        chosen = [(subject, span, value) for subject, span, value in sets if subject.history == history]
        if history == "placement":
            chosen.sort(key=lambda one: _depth(after, one[0].name))
        said += [_set(subject, span, value) for subject, span, value in chosen]
    for history in ("definition", "calibration", "timing", "property", "placement"):
        gone = [(subject, span) for subject, span in clears if subject.history == history]
        if history == "placement":
            gone.sort(key=lambda one: -_depth(before, one[0].name))
        said += [_clear(subject, span) for subject, span in gone]
    for kind in ("signal", "attribute"):
        old, new = (getattr(one, f"{kind}s") for one in (before, after))
        said += [_say("drop_name", kind, name) for name in sorted(set(old) - set(new))]
    return said


def written(moment: datetime.datetime | None) -> str | None:
    """A moment as it stands in a revision, in UTC.

    Examples
    --------
    >>> written(datetime.datetime(2026, 3, 1, 9, 30, tzinfo=datetime.UTC))
    '2026-03-01 09:30'
    """
    if moment is None:
        return None
    text = moment.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(sep=" ")
    return text.removesuffix(":00") if text.count(":") == 2 and "." not in text else text


def _say(method: str, *positional: Any, **keywords: Any) -> Statement:
    return STATEMENTS[method](positional, {key: value for key, value in keywords.items() if value is not None})


def _period(span: Timespan) -> dict[str, str | None]:
    return {"since": written(span.since), "until": written(span.until)}


# -- what is new ------------------------------------------------------------------------------------------


def _make_known(before: Description, after: Description) -> Iterator[Statement]:
    for name in sorted(set(after.components) - set(before.components), key=lambda name: (_depth(after, name), name)):
        thing, (span, parent) = after.components[name], after.parents(name)[0]
        words = {"description": thing.description} if thing.description else {}
        yield _say("add_component", name, thing.class_, parent=parent, serial=thing.serial,
                   since=written(span.since), **words)  # fmt: skip
    for name in sorted(set(after.ports) - set(before.ports), key=natural):
        port, (span, _) = after.ports[name], after.parents(name)[0]
        words = {"description": port.description} if port.description else {}
        yield _say("add_port", port.device, port.channel, dtype=port.dtype, unit=port.unit, low=port.low, high=port.high,
                   since=written(span.since), **words)  # fmt: skip
    new = sorted(set(after.signals) - set(before.signals))
    for name in sorted(new, key=lambda name: after.signals[name].uncertainty_of is not None):
        signal = after.signals[name]
        words = {key: value for key, value in asdict(signal).items() if key == "unit" or value not in ("", None, ())}
        low, high = words.pop("low", None), words.pop("high", None)
        plausible = None if low is None or high is None else (low, high)
        if words["kind"] == "measured":
            del words["kind"]
        yield _say("add_signal", name, plausible=plausible, **words)
        if plausible is None and (low is not None or high is not None):
            yield _say("amend", "signal", name, low=low, high=high)
    for name in sorted(set(after.attributes) - set(before.attributes)):
        attribute = after.attributes[name]
        yield _say("add_attribute", name, kind=attribute.kind, unit=attribute.unit,
                   description=attribute.description or None, rule=attribute.rule)  # fmt: skip


def _with_new(before: Description, after: Description) -> Description:
    """What is believed once the new things are known: each placed since its beginning, for ever."""
    facts = dict(before.facts)
    for name in {**after.components, **after.ports}:
        if name not in before.components and name not in before.ports:
            span, parent = after.parents(name)[0]
            place = after.ports[name].device if name in after.ports else parent
            facts[Subject("placement", name)] = ((Timespan(span.since, None), Placement(place)),)
    return replace(before, facts=facts)


def _amend(before: Description, after: Description) -> Iterator[Statement]:
    for kind in ("component", "port", "signal", "attribute"):
        old, new = (getattr(one, f"{kind}s") for one in (before, after))
        for name in sorted(set(old) & set(new), key=natural):
            changed = {
                field.name: getattr(new[name], field.name)
                for field in fields(new[name])
                if getattr(new[name], field.name) != getattr(old[name], field.name)
            }
            if changed:
                words = {key: list(value) if isinstance(value, tuple) else value for key, value in changed.items()}
                yield STATEMENTS["amend"]((kind, name), words)


# -- what changed -----------------------------------------------------------------------------------------


def _changes(
    before: Description, after: Description
) -> tuple[list[tuple[Subject, Timespan, Value]], list[tuple[Subject, Timespan]]]:
    """What must be stated anew, and what is not known any more."""
    sets, clears = [], []
    for subject in sorted({*before.facts, *after.facts}, key=lambda one: (one.history, natural(one.name), one.detail)):
        old, new = before.facts.get(subject, ()), after.facts.get(subject, ())
        for span, value in new:
            same = [known for known, believed in old if believed == value]
            sets += [(subject, piece, value) for piece in without(span, same)]
        for span, _ in old:
            clears += [(subject, piece) for piece in without(span, [covered for covered, _ in new])]
    merged: dict[Subject, list[tuple[Timespan, Value]]] = {}
    for subject, span in clears:
        merged.setdefault(subject, []).append((span, Placement()))
    return sets, [(subject, span) for subject, spans in merged.items() for span, _ in timeline(spans)]


def _make_room(
    before: Description, after: Description, sets: list[tuple[Subject, Timespan, Value]]
) -> Iterator[Statement]:
    """Unplug what is in the way of a cable, where it goes to another port itself."""
    on_port: dict[str, list[tuple[str, Timespan]]] = {}
    for subject, entries in before.facts.items():
        for span, value in entries:
            if isinstance(value, Connection):
                on_port.setdefault(value.port, []).append((subject.name, span))
    asked: set[tuple[str, Timespan]] = set()
    for subject, span, value in sets:
        for other, held in on_port.get(value.port, []) if isinstance(value, Connection) else []:
            shared = common(span, held)
            if other == subject.name or shared is None:
                continue
            for known, _ in after.of("connection", other):
                moved = common(shared, known)
                if moved is not None and (other, moved) not in asked:
                    asked.add((other, moved))
                    yield _say("disconnect", other, **_period(moved))


def _set(subject: Subject, span: Timespan, value: Value) -> Statement:
    period = _period(span)
    match value:
        case Placement(parent):
            return STATEMENTS["place"]((subject.name, parent), {k: v for k, v in period.items() if v is not None})
        case Property(content, unit):
            return _say("set_property", subject.name, subject.detail, content, unit, **period)
        case Calibration(input_unit, output_unit, steps, source, quality, covariance, fit):
            only: Any = steps[0] if len(steps) == 1 else steps
            if fit is not None:
                only, covariance = fit_from_dict(json.loads(fit), steps, covariance), None
            return _say("calibrate", subject.name, only, input_unit, output_unit, source=source, quality=quality,
                        covariance=covariance, **period)  # fmt: skip
        case Timing(start_offset, clock_rate):
            return _say("set_timing", subject.name, start_offset=start_offset, clock_rate=clock_rate, **period)
        case Connection(port, chain):
            return _say("connect", subject.name, port, chain=list(chain) or None, **period)
        case Definition(formula):
            return _say("define", subject.name, formula, **period)


def _clear(subject: Subject, span: Timespan) -> Statement:
    period = {key: value for key, value in _period(span).items() if value is not None}
    match subject.history:
        case "connection":
            return _say("disconnect", subject.name, **period)
        case "placement":
            return STATEMENTS["retire"]((subject.name,), {"since": None} | period)
        case _:
            return _say("clear", subject.history, subject.name, name=subject.detail or None, **period)


# -- order ------------------------------------------------------------------------------------------------


def _depth(description: Description, name: str) -> int:
    """How deep a thing ever sat; a circle, which is refused elsewhere, ends somewhere."""
    return len(_above(description, name, frozenset()))


def _above(description: Description, name: str, seen: frozenset[str]) -> list[str]:
    longest: list[str] = []
    port: Port | None = description.ports.get(name)
    parents = [port.device] if port is not None else []
    parents += [parent for _, parent in description.parents(name) if parent is not None]
    for parent in parents:
        if parent not in seen:
            found = [parent, *_above(description, parent, seen | {name})]
            longest = max(longest, found, key=len)
    return longest


def natural(name: str) -> tuple[tuple[int, int | str], ...]:
    """A key that sorts ai2 before ai10.

    Examples
    --------
    >>> sorted(["ai10", "ai2"], key=natural)
    ['ai2', 'ai10']
    """
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in re.findall(r"\d+|\D+", name))
