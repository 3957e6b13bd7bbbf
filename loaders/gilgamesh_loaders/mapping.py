"""The mapping file: which array of a container is which port, said once in YAML for all files of a kind.

::

    device: Interferometer          # of ports without a device of their own
    shot: "@shot"                   # an attribute of the file; or an array, or a number
    started_at: "@date"
    time: {start: "@Tstart", rate: "raw@sampling"}
    attributes: {Gas: "@gas"}
    ports:
      phase:
        data: raw/phase
        unit: rad
        scale: [0.0, 3.05e-4]       # offset, gain

    shots: scan/number              # several shots: their numbers, along the axis 'shot'
    ports:
      "Probe/r{position}":
        data: scan/current
        axes: [shot, position, time]
        unit: A

An axis that is neither the shot nor the time is counted from 1: ``{position}`` in a name is replaced by the number, or
``at: {position: 2}`` takes one of them. A value is what it is, a text that begins with ``@`` an attribute of the file, ``name@attribute`` one of an array or a
group, ``/name`` the content of an array. Along the axis ``shot`` an array gives each shot its own value.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import product
from mmap import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import yaml

from gilgamesh_db.calibration import Polynomial
from gilgamesh_db.errors import FileRefused, InvalidValue, near_names
from gilgamesh_loaders.arrays import Array, Container
from gilgamesh_loaders.formats import Hints, plain_attributes, planned, shown, source_of
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, as_recorded, unit_or_note
from gilgamesh_loaders.time_column import seconds_in, time_base

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

_FILE = ("device", "shot", "shots", "started_at", "timezone", "time", "attributes", "ports")
_PORT = ("data", "axes", "at", "time", "unit", "raw_unit", "scale", "quantity", "description", "signal")
_TIME = ("start", "dt", "rate", "times", "axes", "unit")
_SHOT, _SAMPLE = "shot", "time"


def plans(path: Path, mapping: Path, container: Container, hints: Hints, content: bytes | mmap) -> tuple[ShotPlan, ...]:
    """Read a container as a mapping file says.

    Parameters
    ----------
    path : Path
        The container's file.
    mapping : Path
        The mapping file.
    container : Container
    hints : Hints
        Their shot chooses one of several.
    content : bytes or mmap
        The container's bytes; its digest and that of the mapping file make the source, so that a file read through
        a corrected mapping is read again.

    Raises
    ------
    FileRefused
        The mapping file is missing or wrong, at the named key, or the container does not hold what it names.
    """
    try:
        text = mapping.read_bytes()
    except OSError as error:
        raise FileRefused(f"the mapping file {shown(mapping)} cannot be read: {error.strerror or error}") from error
    try:
        reading = _Reading(_document(text), container)
        numbers = reading.shots(path, hints)
        source = source_of(path, container.kind, content, text)
        if len(numbers) > 1:
            source = replace(source, shots=tuple(numbers))
        wanted = [number for number in numbers if hints.shot in (None, number)]
        if not wanted:
            raise InvalidValue(f"there is no shot {hints.shot} in it; it holds {numbers[0]} to {numbers[-1]}")
        found = []
        for number in wanted:
            place = numbers.index(number) if reading.several else None
            moment = reading.moment(place, hints)
            series = list(reading.series(place, hints))
            found.append(
                planned(
                    path, replace(hints, shot=number), series, source, moment, reading.attributes(place), shot=number
                )
            )
    except InvalidValue as error:
        raise FileRefused(f"{shown(path)}, read through {shown(mapping)}: {error}") from error
    return tuple(found)


def _document(text: bytes) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeError) as error:
        raise InvalidValue(f"the mapping file is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or not isinstance(document.get("ports"), dict) or not document["ports"]:
        raise InvalidValue("the mapping file names no ports; write 'ports:' and below it 'DEVICE/CHANNEL: ARRAY'")
    _check_keys("the mapping file", document, _FILE)
    return document


def _check_keys(place: str, said: Any, known: Sequence[str]) -> None:
    if not isinstance(said, dict):
        raise InvalidValue(f"{place} says {said!r:.60}; it says what is what, as 'key: value'")
    for key in said:
        if key not in known:
            raise InvalidValue(
                f"{place} has no {key!r}{near_names(str(key), known) or ';'} known are {', '.join(known)}"
            )


@dataclass(frozen=True)
class _Reading:
    """A mapping beside the container it is read on."""

    said: Mapping[str, Any]
    container: Container
    loaded: dict[str, Samples] = field(default_factory=dict)

    @property
    def several(self) -> bool:
        """Whether the container holds a row of shots."""
        return "shots" in self.said

    def shots(self, path: Path, hints: Hints) -> list[int]:
        """Numbers of the shots in the container."""
        if not self.several:
            said = self.value(self.said.get("shot"), "shot")
            return [hints.shot_number(path, None if said is None else _whole("shot", said))]
        said = self.value(self.said["shots"], "shots")
        numbers = [_whole("shots", one) for one in np.atleast_1d(np.asarray(said, dtype=object)).ravel()]
        if len(set(numbers)) < len(numbers) or not numbers:
            raise InvalidValue(f"shots: {len(numbers)} shots with {len(set(numbers))} different numbers")
        return numbers

    def moment(self, place: int | None, hints: Hints) -> datetime | None:
        """Time of the trigger, where the file says it."""
        said = self.value(self.said.get("started_at"), "started_at", place)
        if said is None or isinstance(said, datetime):
            moment = said
        elif isinstance(said, str):
            try:
                moment = datetime.fromisoformat(said.strip())
            except ValueError as error:
                raise InvalidValue(f"started_at: {said!r} is no time in ISO 8601") from error
        else:
            try:
                moment = datetime.fromtimestamp(float(said), UTC)
            except (ValueError, OverflowError, OSError, TypeError) as error:
                raise InvalidValue(f"started_at: {said!r} are no seconds since 1970") from error
        zone = self.said.get("timezone")
        if moment is not None and moment.utcoffset() is None and zone is not None and hints.timezone is None:
            try:
                moment = moment.replace(tzinfo=ZoneInfo(str(zone)))
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise InvalidValue(f"timezone: {zone!r} is no time zone; write it like Europe/Brussels") from error
        return moment

    def attributes(self, place: int | None) -> dict[str, Any]:
        """Attributes of the shot."""
        said = self.said.get("attributes", {})
        if not isinstance(said, dict):
            raise InvalidValue("attributes: write 'NAME: value' below it")
        return plain_attributes({str(k): self.value(v, f"attributes, {k}", place) for k, v in said.items()})

    def series(self, place: int | None, hints: Hints) -> Iterator[SeriesPlan]:
        """Every port's samples in one shot."""
        for name, said in self.said["ports"].items():
            port = {"data": said} if isinstance(said, str) else said
            _check_keys(f"ports, {name}", port, _PORT)
            if "data" not in port:
                raise InvalidValue(f"ports, {name}: 'data' is missing; it names the array")
            yield from self._port(str(name), port, place, hints)

    def value(self, said: Any, key: str, place: int | None = None) -> Any:
        """What a value of the mapping means in this container; along a row of shots, the shot's own."""
        if not isinstance(said, str) or not ("@" in said or said.startswith("/")):
            found = said
        elif said.startswith("/"):
            found = self.samples(said, key)
        else:
            name, _, attribute = said.rpartition("@")
            holder = self._attributes_of(name.strip("/"), key)
            if attribute not in holder:
                of = f"of {name!r}" if name else "of the file"
                raise InvalidValue(f"{key}: no attribute {attribute!r} {of}{near_names(attribute, holder) or ';'} there are {_listed(holder)}")  # fmt: skip
            found = holder[attribute]
        if place is not None and isinstance(found, np.ndarray | list) and np.ndim(found) == 1 and len(found) > 1:
            if place >= len(found):
                raise InvalidValue(f"{key}: {len(found)} values for more shots")
            found = found[place]
        if isinstance(found, np.ndarray) and found.size == 1:
            found = found.reshape(())[()]
        if isinstance(found, np.generic):
            found = found.item()
        return found.decode("utf-8") if isinstance(found, bytes) else found

    def samples(self, name: str, key: str) -> Samples:
        """Content of an array, read once."""
        name = name.strip("/")
        if name not in self.loaded:
            self.loaded[name] = np.asarray(self._array(name, key).load())
        return self.loaded[name]

    def _array(self, name: str, key: str) -> Array:
        arrays = self.container.arrays
        if name not in arrays:
            raise InvalidValue(
                f"{key}: no array {name!r} in it{near_names(name, arrays) or ';'} there are {_listed(arrays)}"
            )
        return arrays[name]

    def _attributes_of(self, name: str, key: str) -> Mapping[str, Any]:
        if not name:
            return self.container.attributes
        if name in self.container.groups:
            return self.container.groups[name]
        return self._array(name, key).attributes

    def _port(self, name: str, port: Mapping[str, Any], place: int | None, hints: Hints) -> Iterator[SeriesPlan]:
        key = f"ports, {name}"
        array = self._array(str(port["data"]).strip("/"), key)
        if not array.is_numbers:
            raise InvalidValue(f"{key}: {array.name!r} holds {array.dtype}; samples are integers or floats")
        axes = self._axes(key, port.get("axes", [_SAMPLE]), array.shape)
        samples = self._of_shot(key, self.samples(array.name, key), axes, place)
        axes = [axis for axis in axes if axis != _SHOT]
        samples, axes = self._at(key, port.get("at", {}), samples, axes)
        others = [axis for axis in axes if axis != _SAMPLE]
        samples = np.moveaxis(samples, axes.index(_SAMPLE), -1)
        missing = [axis for axis in others if f"{{{axis}}}" not in name]
        if missing:
            raise InvalidValue(f"{key}: the name must tell its {missing[0]!r} apart; write {{{missing[0]}}} into it")
        base = self._time(key, port.get("time", self.said.get("time", {})), samples.shape[-1], place, hints)
        for position in product(*(range(length) for length in samples.shape[:-1])):
            counted = {axis: index + 1 for axis, index in zip(others, position, strict=True)}
            yield self._series(_filled(name, counted), port, samples[position], base, key, place, counted, hints)

    def _series(
        self, name: str, port: Mapping[str, Any], samples: Samples, base: dict[str, Any], key: str, place: int | None,
        counted: Mapping[str, int], hints: Hints,
    ) -> SeriesPlan:  # fmt: skip
        device, slash, channel = name.partition("/")
        if not slash:
            device, channel = str(hints.device or self.said.get("device") or ""), name
        if not device:
            raise InvalidValue(f"{key}: whose port is it? write DEVICE/{name}, or 'device:' at the top")
        raw = as_recorded(samples)
        texts = {
            word: _filled(str(self.value(port[word], f"{key}, {word}", place)), counted)
            for word in ("unit", "raw_unit", "quantity", "description", "signal")
            if port.get(word) is not None
        }
        line = self.value(port.get("scale"), f"{key}, scale")
        unit, note = unit_or_note(texts.get("unit", ""))
        scale = None
        if line is not None:
            if np.shape(line) != (2,) or not all(isinstance(one, int | float | np.number) for one in line):
                raise InvalidValue(f"{key}, scale: it is two numbers, offset and gain, not {line!r:.60}")
            scale = Scale((Polynomial((float(line[0]), float(line[1]))),), unit)
        recorded = "ct" if scale is not None or ("unit" not in texts and raw.dtype.kind in "iu") else unit
        if "raw_unit" in texts:
            recorded, other = unit_or_note(texts["raw_unit"])
            note = "; ".join(filter(None, [note, other]))
        return SeriesPlan(
            device=device.strip(), channel=channel.strip(), raw=raw, raw_unit=recorded, scale=scale,
            quantity=texts.get("quantity", ""), signal=texts.get("signal"),
            description="; ".join(filter(None, [texts.get("description", ""), note])), **base,
        )  # fmt: skip

    def _axes(self, key: str, said: Any, shape: tuple[int, ...]) -> list[str]:
        axes = [str(axis) for axis in said] if isinstance(said, list) else [str(said)]
        if len(axes) != len(shape):
            raise InvalidValue(
                f"{key}: the array has the shape {shape}; name its axes, as 'axes: [shot, position, time]'"
            )
        if axes.count(_SAMPLE) != 1 or len(set(axes)) < len(axes):
            raise InvalidValue(f"{key}, axes: each once and one of them {_SAMPLE!r}, not {axes}")
        if (_SHOT in axes) and not self.several:
            raise InvalidValue(f"{key}: it has an axis 'shot'; say the numbers along it with 'shots:'")
        return axes

    def _of_shot(self, key: str, samples: Samples, axes: Sequence[str], place: int | None) -> Samples:
        if _SHOT not in axes:
            return samples
        shots = len(np.atleast_1d(np.asarray(self.value(self.said["shots"], "shots"), dtype=object)))
        along = samples.shape[axes.index(_SHOT)]
        if along != shots or place is None:
            raise InvalidValue(f"{key}: {along} rows along 'shot' for {shots} shots")
        taken: Samples = np.take(samples, place, axis=axes.index(_SHOT))
        return taken

    def _at(self, key: str, said: Any, samples: Samples, axes: list[str]) -> tuple[Samples, list[str]]:
        """Samples at the named places, counted from 1, and the axes that are left."""
        _check_keys(f"{key}, at", said, [axis for axis in axes if axis != _SAMPLE])
        for axis, index in said.items():
            length = samples.shape[axes.index(axis)]
            if not isinstance(index, int) or not 1 <= index <= length:
                raise InvalidValue(f"{key}, at: {axis} {index!r} of {length}; count from 1")
            samples = np.take(samples, index - 1, axis=axes.index(axis))
            axes = [one for one in axes if one != axis]
        return samples, axes

    def _time(self, key: str, said: Any, samples: int, place: int | None, hints: Hints) -> dict[str, Any]:
        """Time base as keywords of a `SeriesPlan`, in s."""
        key = f"{key}, time"
        _check_keys(key, said, _TIME)
        second = seconds_in(str(self.value(said.get("unit", "s"), f"{key}, unit")))
        if second is None:
            raise InvalidValue(f"{key}: {said['unit']!r} is no unit of time; write s, ms, us or ns")
        if "times" in said:
            name = str(said["times"])
            axes = self._axes(key, said.get("axes", [_SAMPLE]), self._array(name.strip("/"), key).shape)
            times = np.asarray(self._of_shot(key, self.samples(name, key), axes, place), np.float64)
            if times.shape != (samples,):
                raise InvalidValue(f"{key}: {times.size} times for {samples} samples")
            return time_base(times * second)
        start = self._number(said.get("start", hints.start or 0.0), f"{key}, start", place)
        if "dt" in said:
            return {"start": start * second, "dt": self._number(said["dt"], f"{key}, dt", place) * second}
        if "rate" in said:
            rate = self._number(said["rate"], f"{key}, rate", place)
            if not rate > 0:
                raise InvalidValue(f"{key}, rate: {rate} Hz is no rate")
            return {"start": start * second, "dt": 1.0 / rate}
        if hints.dt is None:
            raise InvalidValue(f"{key}: say 'dt', 'rate' or 'times', or give --dt (dt=)")
        return {"start": start * second, "dt": hints.dt}

    def _number(self, said: Any, key: str, place: int | None) -> float:
        value = self.value(said, key, place)
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise InvalidValue(f"{key}: {value!r:.60} is no number") from error
        if not math.isfinite(number):
            raise InvalidValue(f"{key}: {number} is no finite number")
        return number


def _filled(text: str, counted: Mapping[str, int]) -> str:
    for axis, index in counted.items():
        text = text.replace(f"{{{axis}}}", str(index))
    return text


def _whole(key: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValue(f"{key}: {value!r:.60} is no whole number") from error
    if isinstance(value, float) and value != number:
        raise InvalidValue(f"{key}: {value!r} is no whole number")
    return number


def _listed(names: Mapping[str, Any]) -> str:
    shown_names = ", ".join(list(names)[:20])
    return f"{shown_names} …" if len(names) > 20 else shown_names or "none"
