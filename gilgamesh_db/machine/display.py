"""The machine as text and as HTML."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .component import Component
    from .machine import Machine

PORT = "Port"
GENERIC = "°"


def machine_text(machine: Machine, ports: bool) -> str:
    """See `Machine.show`."""
    gas = machine.attributes.get("Gas")
    head = f"testbed {machine.when}" + (f", {machine.at:%Y-%m-%d %H:%M}" if machine.shot is not None else "")
    lines = [head + (f", {gas}" if gas else "")]
    for root in machine.roots:
        lines += _lines(root, "", "", ports)
    lines.append(f"{GENERIC} no class knows its physics: properties and signals only")
    return "\n".join(lines)


def tree_text(component: Component) -> str:
    """See `Component.show`."""
    return "\n".join(_lines(component, "", "", ports=True))


def _lines(part: Component, first: str, rest: str, ports: bool) -> Iterator[str]:
    yield first + _line(part, ports)
    children = _shown(part, ports)
    for n, child in enumerate(children):
        last = n == len(children) - 1
        yield from _lines(child, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "), ports)


def _shown(part: Component, ports: bool) -> list[Component]:
    return [child for child in part.children if ports or child.kind != PORT]


def _line(part: Component, ports: bool) -> str:
    kind = part.kind if part.known or part.kind == PORT else f"{part.kind}{GENERIC}"
    said = [f"{name} {value_text(value)}" for name, value in part.properties.items()]
    signals = [f"{role} = {name}" for role, name in sorted(part.roles.items())]
    hidden = 0 if ports else len(part.children) - len(_shown(part, ports))
    facts = [*([f"{hidden} ports"] if hidden else []), *said, *signals]
    return f"{part.name} ({kind})" + (f"  {'; '.join(facts)}" if facts else "")


def value_text(value: Any) -> str:
    """A property's value, short: of an array only how many numbers there are, and from where to where."""
    shape = np.shape(value)
    if shape:
        numbers = np.asarray(value)
        return f"{numbers.size} numbers from {numbers.min():.4g} to {numbers.max():.4g} {getattr(value, 'unit', '')}".rstrip()
    return str(value) if isinstance(value, str | bool) else f"{value:g}"


def machine_html(machine: Machine) -> str:
    """The tree to fold and unfold, in a notebook."""
    body = "".join(_details(root) for root in machine.roots)
    return f"<div><b>testbed {html.escape(machine.when)}</b>{body}</div>"


def tree_html(component: Component) -> str:
    """One component and what is below it, to fold and unfold."""
    return f"<div>{_details(component)}</div>"


def _details(part: Component) -> str:
    facts = [(name, value_text(value)) for name, value in part.properties.items()]
    facts += [(role, name) for role, name in sorted(part.roles.items())]
    table = "".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in facts)
    title = f"<b>{html.escape(part.name)}</b> <i>{html.escape(part.kind)}</i> {html.escape(part.description)}"
    inside = (f"<table>{table}</table>" if table else "") + "".join(_details(child) for child in part.children)
    if not inside:
        return f"<div style='margin-left:1.1em'>{title}</div>"
    opened = " open" if part._facts.depth == 0 else ""
    return f"<details{opened} style='margin-left:1em'><summary>{title}</summary>{inside}</details>"
