"""The testbed's own HDF5 layout: one group per device, one dataset of raw counts per channel.

::

    /                      shot, date (ISO 8601, or seconds since 1970), program, duration; others of the shot
    /<device>              Nchannel, sampling (Hz), Tstart (s after the trigger, default 0)
    /<device>/<channel>    counts, 1-D, any integers or floats
                           unit; scale = (offset, gain); raw_unit, quantity, description, signal

Everything but ``Nchannel``, ``sampling`` and the counts may be missing. With ``scale``, ``unit`` is the unit
of offset + gain * count; without, it is the unit of what was recorded.

A file whose meaning lies outside it (external links and storage, virtual datasets) is refused: its digest
would not cover what was read. So is a dataset of which not every sample was written: HDF5 would fill it up
with zeros.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gilgamesh_db.calibration import Polynomial, affine
from gilgamesh_db.errors import FileRefused, GilgameshError, InvalidValue, MissingExtra
from gilgamesh_loaders.formats import Hints, refusing, shown, source_of
from gilgamesh_loaders.hdf5 import SIGNATURE, is_netcdf4
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, as_recorded, duration_of, unit_or_note

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import AttributeValue, Samples, Source

_OF_THE_LAYOUT = ("shot", "date", "program", "duration")


class TestbedHdf5:
    """The format ``testbed-hdf5``."""

    name = "testbed-hdf5"
    extensions = (".h5", ".hdf5")
    description = "one group of raw counts per device, as the testbed's acquisition writes it"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Tell HDF5 by its signature, and by not being netCDF."""
        return head.startswith(SIGNATURE) and not is_netcdf4(path)

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read all devices of a file."""
        with refusing(path), _opened(path) as file:
            series = tuple(one for device, group in _members(file) for one in _device(device, group))
            if not series:
                raise InvalidValue("there is no device in it")
            shot = _attribute(file, "shot")
            moment = _date(_attribute(file, "date"))
            duration = _attribute(file, "duration")
            program = _attribute(file, "program")
            return ShotPlan(
                number=hints.shot_number(path, None if shot is None else _whole("shot", shot)),
                started_at=hints.trigger_time(path, moment),
                duration=duration_of(series) if duration is None else _number("duration", duration),
                series=series,
                source=_source(path, self.name),
                attributes=_shot_attributes(file) | _zone_attribute(moment, hints),
                program=None if program is None else str(program),
            )


FORMAT = TestbedHdf5()


def write_testbed_hdf5(path: str | Path, plan: ShotPlan) -> None:
    """Write a plan as a file of the testbed; reading it gives the same plan.

    The file appears under its name only when it is whole, so a watched folder never shows half of it.

    Parameters
    ----------
    path : str or Path
        File to write; replaced if it exists.
    plan : ShotPlan
        Every device on one uniform time base, every scale affine, every series of a device equally long.

    Raises
    ------
    InvalidValue
        The layout cannot say what the plan says.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with _library().File(unfinished, "w") as file:
            _write(file, plan)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file; what HDF5 finds wrong in it while reading is said as a refusal."""
    try:
        with _library().File(path, "r") as file:
            yield file
    except GilgameshError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise FileRefused(f"{shown(path)} cannot be read as HDF5, it is damaged or was cut: {error}") from error


def _members(group: Any) -> Iterator[tuple[str, Any]]:
    """Name and object of everything in a group, links out of the file refused."""
    h5py = _library()
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise InvalidValue(f"{group.name}: {name!r} is a link; the samples must be in the file itself")
        yield name, group[name]


def _source(path: Path, format_name: str) -> Source:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return source_of(path, format_name, content)


def _device(device: str, group: Any) -> Iterator[SeriesPlan]:
    if not isinstance(group, _library().Group):
        raise InvalidValue(
            f"{device!r} lies outside any device; this is not the testbed's layout. Say what is what in a mapping file (--mapping)"
        )
    sampling = _number(f"{device!r}: sampling", _needed(device, group, "sampling"))
    channels = _whole(f"{device!r}: Nchannel", _needed(device, group, "Nchannel"))
    start = _attribute(group, "Tstart")
    if not sampling > 0:
        raise InvalidValue(f"{device!r}: sampling is {sampling} Hz; it must be above 0")
    if channels != len(group):
        raise InvalidValue(f"{device!r}: Nchannel promises {channels} channels, there are {len(group)}")
    lengths = {}
    for channel, dataset in _members(group):
        raw = _counts(f"{device}/{channel}", dataset)
        lengths[channel] = raw.size
        if len(set(lengths.values())) > 1:
            raise InvalidValue(f"{device!r}: channels of one device differ in length: {lengths}")
        yield SeriesPlan(
            device=device,
            channel=channel,
            raw=raw,
            start=0.0 if start is None else _number(f"{device!r}: Tstart", start),
            dt=1.0 / sampling,
            **_meaning(dataset),
        )


def _counts(port: str, dataset: Any) -> Samples:
    if not isinstance(dataset, _library().Dataset):
        raise InvalidValue(f"{port!r} is a group; a channel is a dataset")
    if dataset.shape is None or len(dataset.shape) != 1:
        raise InvalidValue(f"{port!r} has the shape {dataset.shape}; samples are one-dimensional")
    if dataset.dtype.kind not in "iufb":
        raise InvalidValue(f"{port!r} holds {dataset.dtype}; samples are integers or floats")
    if dataset.external or dataset.is_virtual:
        raise InvalidValue(f"the samples of {port!r} are in another file; they must be in this one")
    written = _samples_written(dataset)
    if written < dataset.size:
        raise InvalidValue(f"{port!r} promises {dataset.size} samples, {written} were written")
    return as_recorded(dataset[()])


def _samples_written(dataset: Any) -> int:
    if dataset.chunks is not None:
        return min(int(dataset.size), int(dataset.id.get_num_chunks()) * int(dataset.chunks[0]))
    return int(dataset.id.get_storage_size()) // int(dataset.dtype.itemsize)


def _meaning(dataset: Any) -> dict[str, Any]:
    """Units, scale and texts of a channel, as keywords of a `SeriesPlan`."""
    texts = {name: _attribute(dataset, name) for name in ("quantity", "description", "signal")}
    meaning: dict[str, Any] = {name: str(text) for name, text in texts.items() if text is not None}
    unit, raw_unit = (_attribute(dataset, name) for name in ("unit", "raw_unit"))
    line = _line(dataset)
    if line is not None and unit is None:
        raise InvalidValue(f"{dataset.name} has a scale but no unit; the values would mean nothing")
    if line is None:
        if None not in (unit, raw_unit) and unit != raw_unit:
            raise InvalidValue(f"{dataset.name} turns {raw_unit!r} into {unit!r} without a scale")
        unit, raw_unit = None, raw_unit if unit is None else unit
    notes = [meaning.get("description", "")]
    if raw_unit is not None:
        meaning["raw_unit"], note = unit_or_note(str(raw_unit))
        notes.append(note)
    if line is not None:
        value_unit, note = unit_or_note(str(unit))
        meaning["scale"] = Scale((Polynomial(line),), value_unit)
        notes.append(note)
    return meaning | {"description": "; ".join(filter(None, notes))}


def _line(dataset: Any) -> tuple[float, float] | None:
    if "scale" not in dataset.attrs:
        return None
    scale = np.asarray(dataset.attrs["scale"])
    if scale.shape != (2,) or scale.dtype.kind not in "iuf":
        raise InvalidValue(f"{dataset.name}: scale is two numbers, offset and gain, not {scale!r}")
    return float(scale[0]), float(scale[1])


def _shot_attributes(file: Any) -> dict[str, AttributeValue]:
    return {name: _attribute(file, name) for name in file.attrs if name not in _OF_THE_LAYOUT}


def _zone_attribute(moment: datetime | None, hints: Hints) -> dict[str, AttributeValue]:
    if moment is None or moment.utcoffset() is not None:
        return {}
    return {"TimeZone": hints.zone_in_words(moment)}


def _attribute(item: Any, name: str) -> AttributeValue:
    """Read one number, text or truth value; None when there is none, or when it is empty."""
    value = item.attrs.get(name)
    if value is None or isinstance(value, _library().Empty):
        return None
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(())[()]
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, bool | int | float | str):
        raise InvalidValue(f"the attribute {name!r} of {item.name} is not one number or text: {value!r:.60}")
    return value


def _needed(device: str, group: Any, name: str) -> AttributeValue:
    value = _attribute(group, name)
    if value is None:
        raise InvalidValue(
            f"{device!r} has no attribute {name!r}; is this the testbed's layout? Any other needs a mapping file (--mapping)"
        )
    return value


def _number(what: str, value: AttributeValue) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise InvalidValue(f"{what} is {value!r}; it must be a finite number")


def _whole(what: str, value: AttributeValue) -> int:
    number = value if isinstance(value, int) and not isinstance(value, bool) else _number(what, value)
    if number != int(number):
        raise InvalidValue(f"{what} is {value!r}; it must be a whole number")
    return int(number)


def _date(date: AttributeValue) -> datetime | None:
    if date is None:
        return None
    try:
        if isinstance(date, str):
            return datetime.fromisoformat(date)
        return datetime.fromtimestamp(_number("date", date), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidValue(f"date is {date!r}, neither ISO 8601 nor seconds since 1970") from error


def _write(file: Any, plan: ShotPlan) -> None:
    clash = set(_OF_THE_LAYOUT) & set(plan.attributes)
    if clash:
        raise InvalidValue(f"the attributes {sorted(clash)} of shot {plan.number} have a fixed meaning in the layout")
    own: Mapping[str, Any] = {
        "shot": plan.number,
        "date": plan.started_at.isoformat(),
        "duration": plan.duration,
        "program": plan.program,
    }
    for name, value in {**own, **plan.attributes}.items():
        file.attrs[name] = _library().Empty("f8") if value is None else value
    for device in dict.fromkeys(one.device for one in plan.series):
        _check_hdf5_name(device)
        _write_device(file.create_group(device), [one for one in plan.series if one.device == device])


def _write_device(group: Any, series: list[SeriesPlan]) -> None:
    first = series[0]
    for one in series:
        _check_hdf5_name(one.channel)
        if one.start is None or one.dt is None:
            raise InvalidValue(f"{one.port} is sampled irregularly; the layout has no place for its times")
        if (one.start, one.dt, one.raw.size) != (first.start, first.dt, first.raw.size):
            raise InvalidValue(
                f"{one.port} and {first.port} differ in start, interval or length; a device has one of each"
            )
        dataset = group.create_dataset(one.channel, data=one.raw)
        for name, value in _said(one).items():
            dataset.attrs[name] = value
    group.attrs["Nchannel"] = len(series)
    group.attrs["Tstart"] = first.start
    group.attrs["sampling"] = _frequency(first.dt or math.nan)


def _check_hdf5_name(name: str) -> None:
    if "/" in name or name in (".", ".."):
        raise InvalidValue(f"HDF5 has no place for the name {name!r}; a name there has no slash and is no dots")


def _said(series: SeriesPlan) -> dict[str, Any]:
    said: dict[str, Any] = {
        "quantity": series.quantity,
        "description": series.description,
        "signal": series.signal,
    }
    said = {name: text for name, text in said.items() if text}
    if series.scale is None:
        return said | {"unit": series.raw_unit}
    line = affine(series.scale.steps)
    if line is None:
        raise InvalidValue(f"the scale of {series.port} is not a straight line; the layout knows offset and gain only")
    gain, offset = line
    return said | {"unit": series.scale.unit, "scale": [offset, gain], "raw_unit": series.raw_unit}


def _frequency(dt: float) -> float:
    """Give the frequency whose reciprocal is `dt` to the last bit; the nearest when no float is that."""
    guess = 1.0 / dt
    candidates = (float(round(guess)), guess, math.nextafter(guess, 0.0), math.nextafter(guess, math.inf))
    return next((one for one in candidates if one > 0 and 1.0 / one == dt), guess)


def _library() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("h5py", "loaders", "reading and writing HDF5 files") from error
    return h5py
