"""TDMS: what LabVIEW and the DAQmx driver of National Instruments write. A group is a device, a channel a port.

`npTDMS` reads the bytes. Raw data stay raw: counts of DAQmx channels and of any other channel with scales are
stored as recorded, and the scales in the file (linear, polynomial, table, one after the other) become the port's
scale. Scales that are no step of ours (thermocouple, RTD, strain, sum …) are named in a note; calibrate such a
port. Digital lines are 0 and 1; channels of text are left out, and a note says so.

Time: `wf_start_time` is the trigger (the earliest, when groups differ; the others start later), `wf_start_offset`
and `wf_increment` the time base. A channel of timestamps in a group without increments is the time of the others.

A file whose last segment is not whole was cut, or its writer is not done: refused. A file cut exactly between two
segments is a whole file to the format, and a shorter record to us. The ``.tdms_index`` beside it is not looked at.
"""

from __future__ import annotations

import io
import logging
import re
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from gilgamesh_db.calibration import Polynomial, Step, Table
from gilgamesh_db.errors import InvalidValue, MissingExtra
from gilgamesh_loaders.formats import Hints, parsing, plain_attributes, plain_name, planned, refusing, source_of
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, as_recorded, unit_or_note
from gilgamesh_loaders.time_column import TIME_NAMES, time_base

_LEAD_IN = struct.Struct("<4sII2Q")
_LEAD_IN_BIG = struct.Struct(">4sII2Q")
_BIG_ENDIAN = 0x40
_RAW = 0xFFFFFFFF  # the input of a scale that takes the raw data
_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
_UNFINISHED = 0xFFFFFFFFFFFFFFFF
_FIRST_DAY = 86400  # a clock that was never set says the epoch of LabVIEW, or its first day
_SAME = 1e-12  # s; starts that differ by less come from one float64 and its rounding
_SHOT_NAMES = ("shot", "shotnumber", "shot_number", "shot number")


class Tdms:
    """The format ``tdms``."""

    name = "tdms"
    extensions = (".tdms",)
    description = "LabVIEW and DAQmx of National Instruments, raw counts with their scales"

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """Tell it by the mark of its first segment."""
        return head.startswith(b"TDSm")

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read all channels of all groups."""
        nptdms = _library()
        with refusing(path):
            content = path.read_bytes()
            _check_segments(content)
            with parsing(path, "TDMS"), _quiet(nptdms):
                file = nptdms.TdmsFile(io.BytesIO(content), raw_timestamps=True)
                status = file.file_status
                channels = [_Channel.of(one, file, group) for group in file.groups() for one in group.channels()]
            if status.incomplete_final_segment or status.channel_statuses is not None:
                raise InvalidValue(
                    "its last segment holds less than it promises; it was cut, or its writer is not done"
                )
            record = _Record([one for one in channels if one.size], hints)
            said = dict(file.properties)
            shots = [int(value) for name, value in said.items() if name.casefold() in _SHOT_NAMES and _whole(value)]
            return planned(
                path,
                hints,
                record.series(),
                source_of(path, self.name, content),
                moment=record.moment(),
                attributes=plain_attributes(
                    {k: v for k, v in said.items() if k.casefold() not in (*_SHOT_NAMES, "name")}
                ),
                notes=record.notes,
                shot=shots[0] if shots else None,
            )


FORMAT = Tdms()


def _whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) or (isinstance(value, str) and value.strip().isdigit())


def _check_segments(content: bytes) -> None:
    """Refuse a file that is not exactly a row of whole segments."""
    begin, number = 0, 0
    while begin < len(content):
        number += 1
        if len(content) - begin < _LEAD_IN.size:
            raise InvalidValue(f"it ends at byte {len(content)}, within the lead-in of segment {number}; it was cut")
        mark, contents, _, length, _ = _LEAD_IN.unpack_from(content, begin)
        if mark != b"TDSm":
            raise InvalidValue(f"at byte {begin} a segment begins with {mark!r} instead of TDSm; it is damaged")
        if contents & _BIG_ENDIAN:
            length = _LEAD_IN_BIG.unpack_from(content, begin)[3]
        if length == _UNFINISHED:
            raise InvalidValue(f"segment {number} at byte {begin} was never finished; was its writer still at work?")
        begin += _LEAD_IN.size + length
        if begin > len(content):
            raise InvalidValue(f"segment {number} ends at byte {begin}, the file at {len(content)}; it was cut")


@dataclass(frozen=True)
class _Channel:
    """Raw data of a channel, and what is said about it (by itself, its group or the file)."""

    group: str
    name: str
    said: Mapping[str, Any]
    inherited: Sequence[Mapping[str, Any]]
    raw: Mapping[int, Any]

    @classmethod
    def of(cls, channel: Any, file: Any, group: Any) -> _Channel:
        """Take over the raw data, by the number of the DAQmx scaler they come from."""
        data = channel._raw_data  # its public face cannot tell plain raw data from scaler 0
        scalers = {} if data is None else data.scaler_data
        plain = channel.raw_data if data is not None and not scalers else None
        raw = dict(scalers) if scalers else {_RAW: plain} if plain is not None else {}
        return cls(group.name, channel.name, channel.properties, (group.properties, file.properties), raw)

    @property
    def size(self) -> int:
        """Number of samples."""
        return max((len(one) for one in self.raw.values()), default=0)

    @property
    def is_text(self) -> bool:
        """Whether it holds no numbers."""
        return self.raw.keys() == {_RAW} and not self.is_stamps and np.asarray(self.raw[_RAW]).dtype.kind not in "iufbc"

    @property
    def is_digital(self) -> bool:
        """Whether it is a digital line: it says so, or it is one byte of DAQmx without a scale, as no voltage is."""
        unscaled = _RAW not in self.raw and not _scales(self.said)
        bytewise = all(np.asarray(one).dtype == np.uint8 for one in self.raw.values())
        return (unscaled and bytewise) or "NI_LineNames" in self.said or "LineNumber" in self.said

    @property
    def is_stamps(self) -> bool:
        """Whether it holds times of a clock."""
        return hasattr(self.raw.get(_RAW), "second_fractions")


class _Record:
    """All channels of a file on one time, which begins at the first start."""

    def __init__(self, channels: list[_Channel], hints: Hints) -> None:
        self._channels, self._hints = channels, hints
        self.notes: list[str] = []
        self._clocks = {one.group: one for one in channels if one.is_stamps}
        starts = [one.said["wf_start_time"] for one in channels if _is_stamp(one.said.get("wf_start_time"))]
        starts += [one.raw[_RAW][0] for one in self._clocks.values()]
        self.first: Any = min(starts, key=lambda one: (one.seconds, one.second_fractions), default=None)

    def moment(self) -> datetime | None:
        """The first start as a time."""
        if self.first is None:
            return None
        microseconds = int(self.first.seconds) * 10**6 + (int(self.first.second_fractions) * 10**6 >> 64)
        try:
            return _EPOCH + timedelta(microseconds=microseconds)
        except OverflowError as error:
            raise InvalidValue(f"it begins {self.first.seconds} s after 1904, which is no date") from error

    def series(self) -> Iterator[SeriesPlan]:
        """All channels of numbers."""
        columns = self._time_columns()
        groups = {one.group for one in self._channels}
        for channel in self._channels:
            place = f"{channel.group}/{channel.name}"
            if "\ufffd" in place:  # the library reads others alike, and would join two channels into one
                raise InvalidValue(f"the name {place!r} is not written in UTF-8; give the channel another name")
            if channel.is_text:
                self.notes.append(f"the text in {place} was left out")
            elif not channel.is_stamps and columns.get(channel.group) is not channel:
                device = plain_name(channel.group)
                if self._hints.device is not None:
                    device = self._hints.device if len(groups) == 1 else f"{self._hints.device} {device}"
                yield self._one(device, channel, place, self._base(channel, columns, place))

    def _one(self, device: str, channel: _Channel, place: str, base: dict[str, Any]) -> SeriesPlan:
        steps, source, odd = _steps(channel)
        if source not in channel.raw and len(channel.raw) > 1:
            raise InvalidValue(f"{place} is made of {len(channel.raw)} raw channels ({odd or 'no scale'}); it cannot be stored as one")  # fmt: skip
        raw = as_recorded(channel.raw.get(source, next(iter(channel.raw.values()))))
        if odd:
            self.notes.append(f"the scale of {place} ({odd}) was not taken over; calibrate the port")
        unit, note = unit_or_note(str(channel.said.get("unit_string", "")))
        scale = Scale(steps, unit) if steps and not odd else None
        counts = scale is not None or odd or (not unit and raw.dtype.kind in "iu" and not channel.is_digital)
        said = [str(channel.said.get(name, "")).strip() for name in ("description", "NI_ChannelDescription")]
        return SeriesPlan(
            device=device, channel=channel.name.strip(), raw=raw, raw_unit="ct" if counts else unit, scale=scale,
            description="; ".join(dict.fromkeys(filter(None, [*said, note]))), **base,
        )  # fmt: skip

    def _time_columns(self) -> dict[str, _Channel]:
        """Channels that hold the time of their group in seconds, where increments do not say it."""
        members = defaultdict(list)
        for channel in self._channels:
            members[channel.group].append(channel)
        return {
            group: one
            for group, channels in members.items()
            for one in channels
            if one.name.strip().casefold() in TIME_NAMES and len(channels) > 1 and _is_float(one)
            and not any("wf_increment" in other.said for other in channels)
        }  # fmt: skip

    def _base(self, channel: _Channel, columns: Mapping[str, _Channel], place: str) -> dict[str, Any]:
        """Time base as keywords of a `SeriesPlan`."""
        said = channel.said
        if "wf_increment" in said:
            if str(said.get("wf_xunit_string", "")).strip().casefold() not in ("", "s", "sec", "seconds", "time"):
                raise InvalidValue(f"{place} stands over {said['wf_xunit_string']!r} instead of time")
            return {"start": self._after_first(said) + float(said.get("wf_start_offset", 0.0)), "dt": float(said["wf_increment"])}  # fmt: skip
        clock, column = self._clocks.get(channel.group), columns.get(channel.group)
        if clock is not None and clock.size == channel.size:
            return time_base(self._since_first(clock.raw[_RAW]))
        if column is not None and column.size == channel.size:
            return time_base(np.asarray(column.raw[_RAW], np.float64) + self._after_first(said))
        if self._hints.dt is None:
            raise InvalidValue(f"{place} has no wf_increment and no times beside it; give --dt (dt=)")
        return {"start": self._hints.start or 0.0, "dt": self._hints.dt}

    def _after_first(self, said: Mapping[str, Any]) -> float:
        start = said.get("wf_start_time")
        later = float(self._since_first(start)) if _is_stamp(start) else 0.0
        return later if later > _SAME else 0.0

    def _since_first(self, stamps: Any) -> Any:
        """Seconds since the first start; seconds and their binary fractions apart, so that nothing is lost."""
        seconds = np.asarray(stamps.seconds, np.int64) - int(self.first.seconds)
        fractions = np.asarray(stamps.second_fractions, np.uint64).astype(np.float64) - float(
            self.first.second_fractions
        )
        return seconds + fractions * 2.0**-64


def _is_stamp(value: Any) -> bool:
    return hasattr(value, "second_fractions") and value.seconds > _FIRST_DAY


def _is_float(channel: _Channel) -> bool:
    return _RAW in channel.raw and np.asarray(channel.raw[_RAW]).dtype.kind == "f"


def _steps(channel: _Channel) -> tuple[tuple[Step, ...], int, str]:
    """Steps from raw data to values, the scaler they begin with, and what is no step of ours."""
    said = next((one for one in (channel.said, *channel.inherited) if _scales(one)), {})
    if not said or said.get("NI_Scaling_Status", "unscaled") == "scaled":
        return (), next(iter(channel.raw)) if len(channel.raw) == 1 else _RAW, ""
    steps: list[Step] = []
    source = _scales(said) - 1
    for _ in range(_scales(said) + 1):
        kind = said.get(f"NI_Scale[{source}]_Scale_Type")
        if source == _RAW or kind is None:
            break
        prefix = f"NI_Scale[{source}]_{kind}"
        try:
            if kind == "Linear":
                steps.append(Polynomial((float(said[f"{prefix}_Y_Intercept"]), float(said[f"{prefix}_Slope"]))))
            elif kind == "Polynomial":
                steps.append(Polynomial(_listed(said, f"{prefix}_Coefficients", 4)))
            elif kind == "Table":
                ends = _listed(said, f"{prefix}_Pre_Scaled_Values"), _listed(said, f"{prefix}_Scaled_Values")
                points = sorted(zip(*ends, strict=True))
                steps.append(Table(tuple(x for x, _ in points), tuple(y for _, y in points), outside="clamp"))
            elif kind != "AdvancedAPI":
                return (), next(iter(channel.raw)), kind
        except (KeyError, ValueError, TypeError) as error:
            return (), next(iter(channel.raw)), f"{kind}, damaged: {error}"
        source = int(said.get(f"{prefix}_Input_Source", _RAW))
    return tuple(reversed(steps)), source, ""


def _scales(said: Mapping[str, Any]) -> int:
    if "NI_Number_Of_Scales" in said:
        return int(said["NI_Number_Of_Scales"])
    numbered = (re.fullmatch(r"NI_Scale\[(\d+)\]_Scale_Type", name) for name in said)
    return max((int(one[1]) + 1 for one in numbered if one), default=0)


def _listed(said: Mapping[str, Any], name: str, otherwise: int | None = None) -> tuple[float, ...]:
    size = int(said[f"{name}_Size"] if otherwise is None else said.get(f"{name}_Size", otherwise))
    return tuple(float(said[f"{name}[{place}]"]) for place in range(size))


@contextmanager
def _quiet(nptdms: Any) -> Iterator[None]:
    """Keep the library from warning on the terminal of what is refused here."""
    manager = nptdms.log.log_manager
    level = manager.log_level
    manager.set_level(logging.CRITICAL)
    try:
        yield
    finally:
        manager.set_level(level)


def _library() -> Any:
    try:
        import nptdms
        import nptdms.log
    except ImportError as error:
        raise MissingExtra("npTDMS", "loaders", "reading TDMS files") from error
    return nptdms
