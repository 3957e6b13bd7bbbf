"""How values are written on the pages."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

NOTHING = "–"


def number(value: Any, digits: int = 4) -> str:
    """A number as people write it.

    Examples
    --------
    >>> number(1234.5678), number(1.5e-7), number(None), number(float("nan")), number(20), number(True)
    ('1235', '1.5e-07', '–', '–', '20', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    if isinstance(value, int):
        return str(value)
    return f"{float(value):.{digits}g}" if abs(float(value)) < 10**digits else f"{float(value):.0f}"


def shown(value: Any) -> str:
    """A value of any kind.

    Examples
    --------
    >>> shown("Argon"), shown(None), shown(False), shown(2.5)
    ('Argon', '–', 'no', '2.5')
    """
    import pandas as pd

    if value is None or value is pd.NA or value is pd.NaT or value == "":
        return NOTHING
    if isinstance(value, datetime.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return number(value) if isinstance(value, bool | int | float) else str(value)


def when(moment: datetime.datetime | None) -> Markup:
    """A moment as an element that says it exactly when pointed at."""
    import pandas as pd

    if moment is None or pd.isna(moment):
        return escape(NOTHING)
    if isinstance(moment, pd.Timestamp):
        moment = moment.to_pydatetime(warn=False)
    local = moment.astimezone()
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.isoformat(), f"{local:%A %Y-%m-%d %H:%M:%S %Z}", f"{local:%Y-%m-%d %H:%M}"
    )


def size(count: float) -> str:
    """A number of bytes.

    Examples
    --------
    >>> size(512), size(20 * 1024 * 1024)
    ('512 B', '20 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"


def paragraphs(text: str) -> Markup:
    """Text with its line breaks."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())


def browser(agent: str) -> str:
    """What calls itself so, in two words.

    Examples
    --------
    >>> browser("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36")
    'Chrome on Linux'
    >>> browser("plots of the cryostat")
    'plots of the cryostat'
    """
    if not agent.startswith("Mozilla/"):
        return agent
    names = {"Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
    systems = {
        "Android": "Android",
        "iPhone": "iPhone",
        "iPad": "iPad",
        "Windows": "Windows",
        "Mac OS": "a Mac",
        "Linux": "Linux",
    }
    name = next((name for mark, name in names.items() if mark in agent), "a browser")
    return name + next((f" on {system}" for mark, system in systems.items() if mark in agent), "")


def part(text: str) -> str:
    """A text as one part of an address.

    Examples
    --------
    >>> part("DBLP:a/b")
    'DBLP%3Aa%2Fb'
    """
    return quote(text, safe="")


FILTERS: dict[str, Callable[..., Any]] = {
    "number": number, "shown": shown, "when": when, "size": size, "paragraphs": paragraphs,
    "browser": browser, "part": part,
}  # fmt: skip
