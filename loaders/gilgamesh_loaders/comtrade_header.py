"""The header of a COMTRADE record: what the library parses, and the lines it does not keep.

The library `comtrade` fills in what a header lacks, drops the time zone and keeps microseconds; a header that
is not whole is refused here, and time stamps are read to the nanosecond with their zone.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cached_property
from itertools import pairwise
from typing import Any

from gilgamesh_db.errors import FileRefused, MissingExtra
from gilgamesh_loaders.formats import Hints

BYTES_PER_COUNT = {"BINARY": 2, "BINARY32": 4, "FLOAT32": 4}
COUNTS_LINE = re.compile(r"\s*(\d{1,6})\s*,\s*(\d{1,6})\s*A\s*,\s*(\d{1,6})\s*D\s*", re.IGNORECASE)

_REVISIONS = ("1991", "1999", "2001", "2013")
# two time stamps and the type of the data; since 1999 the time multiplier; since 2013 zone and clock quality
_LINES_AFTER_RATES = {"1991": 3, "1999": 4, "2001": 4, "2013": 6}
_STAMP_LINE = re.compile(r"\s*(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})\s*,\s*(\d{1,2}):(\d{2}):(\d{1,2})(?:\.(\d{1,12}))?\s*")
_ZONE_CODE = re.compile(r"([+-]?)(\d{1,2})(?:h(\d{2}))?t?", re.IGNORECASE)


@dataclass(frozen=True)
class Stamp:
    """A time stamp of the header: a whole second, and nanoseconds."""

    second: datetime
    nanoseconds: int

    @classmethod
    def read(cls, line: str, *, month_first: bool) -> Stamp | None:
        """Read ``dd/mm/yyyy,hh:mm:ss.ssssss`` (in 1991 ``mm/dd/yy``); None where the date was not known."""
        parsed = _STAMP_LINE.fullmatch(line)
        if parsed is None or 0 in (int(parsed[1]), int(parsed[2])) or parsed[3] == "0000":
            return None
        day, month, year = (int(parsed[group]) for group in ((2, 1, 3) if month_first else (1, 2, 3)))
        if len(parsed[3]) == 2:  # as POSIX reads two digits
            year += 1900 if year >= 69 else 2000
        second = datetime(year, month, day, int(parsed[4]), int(parsed[5]), int(parsed[6]))
        return cls(second, int((parsed[7] or "0").ljust(9, "0")[:9]))


class Header:
    """The header of a record.

    Parameters
    ----------
    name : str
        The file, for messages.
    text : str
        Its content.

    Attributes
    ----------
    cfg : comtrade.Cfg
        What the library made of it.
    total : int
        Samples promised.
    data_type : str
        ``ASCII``, ``BINARY``, ``BINARY32`` or ``FLOAT32``.
    rates : set of float
        The sampling rates in Hz; 0 when only the time stamps tell.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.lines = text.split("\n")
        analog, status = self._check_counts()
        self.cfg = self._parsed(text)
        self.total = int(self.cfg.sample_rates[-1][1])
        self.data_type = str(self.cfg.ft).upper()
        self.rates = {float(rate) for rate, _ in self.cfg.sample_rates}
        self._rates_at = 3 + analog + status
        self._stamps_at = self._rates_at + 1 + len(self.cfg.sample_rates)
        self._check_whole(analog)

    def _check_counts(self) -> tuple[int, int]:
        counts = COUNTS_LINE.fullmatch(self.lines[1]) if len(self.lines) > 1 else None
        if counts is None:
            raise self._refused("expected the numbers of channels, such as '8,4A,4D'", 2)
        total, analog, status = map(int, counts.groups())
        if total != analog + status:
            raise self._refused(f"{total} channels are not {analog} analog and {status} digital ones", 2)
        if len(self.lines) < total + 2:
            raise self._refused(f"{len(self.lines)} lines for {total} channels; the file was cut")
        return analog, status

    def _parsed(self, text: str) -> Any:
        parser = library()
        cfg = parser.Cfg(ignore_warnings=True)
        stream = io.StringIO(text)
        try:
            cfg.read(stream)
        except (parser.ComtradeError, ValueError, TypeError, IndexError, OverflowError) as error:
            line = max(1, text.count("\n", 0, stream.tell()))
            raise self._refused(f"cannot be understood, or the file was cut ({error})", line) from error
        if cfg.rev_year not in _REVISIONS:
            raise self._refused(f"revision {cfg.rev_year!r} is none of {', '.join(_REVISIONS)}", 1)
        return cfg

    def _check_whole(self, analog: int) -> None:
        """Refuse what the library would fill in: lines that are not there, numbers missing from a channel."""
        for number, line in enumerate(self.lines[2 : 2 + analog], start=3):
            fields = len(line.rstrip(", ").split(","))
            if not 10 <= fields <= 13:
                raise self._refused(f"an analog channel has 10 to 13 fields, not {fields}", number)
        if self.data_type not in (*BYTES_PER_COUNT, "ASCII"):
            raise self._refused(f"data of type {self.cfg.ft!r} is none of ASCII, {', '.join(BYTES_PER_COUNT)}")
        ends = [0, *(int(last) for _, last in self.cfg.sample_rates)]
        if any(after <= before for before, after in pairwise(ends)):
            raise self._refused(f"the last samples of the rates are {ends[1:]}; they must go up", self._stamps_at)
        wanted = self._stamps_at + _LINES_AFTER_RATES[self.cfg.rev_year]
        last_lines = [line.strip() for line in self.lines[self._stamps_at + 2 : wanted]]
        if len(self.lines) < wanted or not all(last_lines):
            raise self._refused(f"a header of {self.cfg.rev_year} has {wanted} lines; the last are missing")
        if self.cfg.rev_year == "2013" and not all(last_lines[-1].partition(",")[::2]):
            raise self._refused("expected time quality and leap second; the file was cut", wanted)

    def _refused(self, what: str, line: int | None = None) -> FileRefused:
        return FileRefused(f"{self.name}, line {line}: {what}" if line else f"{self.name}: {what}")

    @cached_property
    def stamps(self) -> tuple[Stamp, Stamp] | None:
        """Times of the first sample and of the trigger, None when the recorder did not know them."""
        texts = self.lines[self._stamps_at : self._stamps_at + 2]
        first, trigger = (Stamp.read(text, month_first=self.cfg.rev_year == "1991") for text in texts)
        return None if first is None or trigger is None else (first, trigger)

    @property
    def offset(self) -> float:
        """Seconds from the trigger to the first sample; 0 when the recorder did not know the time."""
        if self.stamps is None:
            return 0.0
        first, trigger = self.stamps
        apart = first.second - trigger.second
        nanoseconds = (apart.days * 86_400 + apart.seconds) * 10**9 + first.nanoseconds - trigger.nanoseconds
        return nanoseconds / 10**9

    def trigger_time(self, hints: Hints) -> tuple[datetime | None, str]:
        """Time of the trigger in its zone if the file knows one, and a word on the zone."""
        if self.stamps is None:
            return None, ""
        trigger = self.stamps[1]
        moment = trigger.second + timedelta(microseconds=trigger.nanoseconds // 1000)
        moment = moment.replace(tzinfo=self._zone())
        return moment, hints.zone_in_words(moment)

    def _zone(self) -> tzinfo | None:
        if self.cfg.rev_year != "2013":
            return None
        code = self.lines[self._stamps_at + 4].partition(",")[0].strip()
        if code.casefold() in ("", "x"):
            return None
        parsed = _ZONE_CODE.fullmatch(code)
        if parsed is None or int(parsed[2]) > 14:
            raise self._refused(f"{code!r} is not a time zone such as '-5h30'", self._stamps_at + 5)
        away = timedelta(hours=int(parsed[2]), minutes=int(parsed[3] or 0))
        return timezone(-away if parsed[1] == "-" else away)

    def for_counts(self) -> str:
        """Write the header with a = 1 and b = -0 in every channel, so that the library returns counts.

        Minus zero, because ``x + (-0.0)`` is x for every float, a negative zero included. A rate of 0 says
        the same as no rate, but the library uses the time stamps only for the latter.
        """
        lines = list(self.lines)
        for place in range(2, 2 + self.cfg.analog_count):
            fields = lines[place].split(",")
            fields[5:7] = ["1.0", "-0.0"]
            lines[place] = ",".join(fields)
        if self.rates == {0.0}:
            lines[self._rates_at] = "0"
            lines[self._rates_at + 1 : self._stamps_at] = [f"0,{self.total}"]
        return "\n".join(lines)


def library() -> Any:
    """Give the library `comtrade`, or say how to install it."""
    try:
        import comtrade
    except ImportError as error:
        raise MissingExtra("comtrade", "loaders", "reading COMTRADE files") from error
    return comtrade
