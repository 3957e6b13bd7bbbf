"""Where two descriptions of a testbed differ, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from ..timespan import Timespan
from .description import Description, Timeline, common, without
from .planning import natural


def differences(
    known: Description, wanted: Description, names: tuple[str, str] = ("the database", "the file")
) -> list[str]:
    """Say where two descriptions differ.

    Parameters
    ----------
    known, wanted : Description
        What is compared.
    names : tuple of str
        What they are called.

    Returns
    -------
    list of str
        A line for each thing that is in one only, each word that differs, and each period in which something differs;
        empty when they say the same.

    Examples
    --------
    >>> from gilgamesh_db.testbed.description import Component
    >>> differences(Description({"shunt1": Component("Shunt")}), Description({"shunt1": Component("Resistor")}))
    ["component shunt1: class is 'Shunt' in the database, 'Resistor' in the file"]
    """
    found = []
    for kind in ("component", "port", "signal", "attribute"):
        old, new = (getattr(one, f"{kind}s") for one in (known, wanted))
        for name in sorted({*old, *new}, key=natural):
            if name not in old or name not in new:
                found.append(f"{kind} {name}: only in {names[name not in old]}")
                continue
            for field in fields(old[name]):
                was, is_ = getattr(old[name], field.name), getattr(new[name], field.name)
                if was != is_:
                    found.append(
                        f"{kind} {name}: {field.name.rstrip('_')} is {was!r} in {names[0]}, {is_!r} in {names[1]}"
                    )
    in_both = {
        *(known.components.keys() & wanted.components.keys()),
        *(known.ports.keys() & wanted.ports.keys()),
        *(known.signals.keys() & wanted.signals.keys()),
    }
    for subject in sorted({*known.facts, *wanted.facts}, key=lambda one: (natural(one.name), one.history, one.detail)):
        if subject.name in in_both:
            for span, was, said in _periods(known.facts.get(subject, ()), wanted.facts.get(subject, ())):
                found.append(f"{subject}, {span}: {was} in {names[0]}, {said} in {names[1]}")
    return found


def _periods(old: Timeline, new: Timeline) -> Iterator[tuple[Timespan, str, str]]:
    """The periods in which two timelines differ, with what each says."""
    for span, value in new:
        for held, other in old:
            shared = common(span, held)
            if shared is not None and other != value:
                yield shared, str(other), str(value)
        for piece in without(span, [held for held, _ in old]):
            yield piece, "nothing", str(value)
    for span, value in old:
        for piece in without(span, [held for held, _ in new]):
            yield piece, str(value), "nothing"
