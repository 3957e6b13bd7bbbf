"""Half-open spans of time: when something was true."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from .errors import InvalidValue

Instant = datetime.datetime


@dataclass(frozen=True, order=False)
class Timespan:
    """From `since`, up to but not including `until`; ``None`` is without end.

    Laws: ``a.overlaps(b) == b.overlaps(a)``; two spans that touch do not overlap;
    ``t in a`` exactly when ``since <= t < until``. An empty span cannot be made.

    Parameters
    ----------
    since, until : datetime or None
        With their time zone; `of` also reads dates and texts.

    Raises
    ------
    InvalidValue
        When the span would end before it begins, or a text is no time.

    Examples
    --------
    >>> span = Timespan.of("2026-03-01", "2026-04-01")
    >>> print(span)
    [2026-03-01 00:00, 2026-04-01 00:00)
    >>> Timespan.of("2026-04-01", None).overlaps(span)
    False
    >>> print(Timespan())
    always
    """

    since: Instant | None = None
    until: Instant | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidValue(
                f"the period ends ({_show(self.until)}) before it begins ({_show(self.since)}); "
                "periods are half-open: from since, up to but not including until"
            )

    @classmethod
    def of(cls, since: Instant | str | None = None, until: Instant | str | None = None) -> Timespan:
        """Build a span from times or ISO 8601 texts."""
        return cls(instant(since), instant(until))

    def __contains__(self, moment: Instant) -> bool:
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)

    def overlaps(self, other: Timespan) -> bool:
        """Whether some instant lies in both."""
        return (self.since is None or other.until is None or self.since < other.until) and (
            other.since is None or self.until is None or other.since < self.until
        )

    def __str__(self) -> str:
        if self.since is None and self.until is None:
            return "always"
        beginning = "(−∞" if self.since is None else f"[{_show(self.since)}"
        return f"{beginning}, {'∞' if self.until is None else _show(self.until)})"


def instant(moment: Instant | datetime.date | str | None) -> Instant | None:
    """Read a time; what has no zone is UTC.

    Examples
    --------
    >>> instant("2026-03-01").isoformat()
    '2026-03-01T00:00:00+00:00'
    """
    if moment is None:
        return None
    if isinstance(moment, str):
        try:
            moment = datetime.datetime.fromisoformat(moment)
        except ValueError as error:
            raise InvalidValue(f"{moment!r} is not a time; write it as 2026-03-01 or 2026-03-01T14:30+01:00") from error
    if not isinstance(moment, datetime.datetime):
        if not isinstance(moment, datetime.date):
            raise InvalidValue(f"{moment!r} is not a time; give a datetime or a text such as 2026-03-01")
        moment = datetime.datetime(moment.year, moment.month, moment.day)
    return moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment


def _show(moment: Instant) -> str:
    text = moment.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return text.removesuffix(".000000").removesuffix(":00")
