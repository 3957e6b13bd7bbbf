"""netCDF: classic (through scipy) and version 4 (which is HDF5), as the CF conventions say or through a mapping file.

Every variable over one dimension whose coordinate is a time becomes a port: ``units`` is its unit, ``scale_factor`` and
``add_offset`` its scale, ``long_name`` its description. Times in ``s``, ``ms`` … count from the trigger; in ``seconds
since DATE`` the date is the trigger if the record begins within a day of it, otherwise the first sample is. Missing
counts (``_FillValue``) make a channel float64 with NaN in their place, exact for every count of up to 53 bits.
Variables over more dimensions need a mapping file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gilgamesh_db.calibration import Polynomial
from gilgamesh_db.errors import InvalidValue, MissingExtra
from gilgamesh_loaders import hdf5, mapping
from gilgamesh_loaders.arrays import Array, Container, check_expansion
from gilgamesh_loaders.formats import Hints, parsing, plain_attributes, planned, refusing, source_of
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, as_recorded, unit_or_note
from gilgamesh_loaders.time_column import seconds_in, time_base

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

_CLASSIC = (b"CDF\x01", b"CDF\x02")
_SINCE = re.compile(r"\s*(\w+)\s+since\s+(\d{1,4})-(\d{1,2})-(\d{1,2})(?:[T\s]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d*)?))?)?\s*(Z|UTC|[+-]\d{1,2}:?\d{2})?\s*")  # fmt: skip
_CALENDARS = ("standard", "gregorian", "proleptic_gregorian")
_DAY = 86400.0


class NetCdf:
    """The format ``netcdf``."""

    name = "netcdf"
    extensions = (".nc", ".cdf", ".nc4")
    description = "netCDF, variables over a time as the CF conventions say, or through a mapping file"
    takes_mapping = True

    def recognises(self, path: Path, head: bytes) -> bool:
        """Tell the classic format by its mark, version 4 by what it leaves in HDF5."""
        return head.startswith(_CLASSIC) or (head.startswith(hdf5.SIGNATURE) and hdf5.is_netcdf4(path))

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read the one shot of a file."""
        return self.read_all(path, hints)[0]

    def read_all(self, path: Path, hints: Hints) -> tuple[ShotPlan, ...]:
        """Read every shot of a file."""
        with refusing(path):
            content = path.read_bytes()
            container, dimensions = _container(path, content)
            if hints.mapping is not None:
                return mapping.plans(path, hints.mapping, container, hints, content)
            if hints.device is None:
                raise InvalidValue("the file does not say which device recorded it; give --device (device=)")
            variables = _Variables(container, dimensions)
            series = variables.series(hints.device)
            return (
                planned(
                    path, hints, series, source_of(path, self.name, content), moment=variables.moment,
                    attributes=plain_attributes({k: v for k, v in container.attributes.items() if not k.startswith("_")}),
                    notes=variables.notes,
                ),
            )  # fmt: skip


FORMAT = NetCdf()


def _container(path: Path, content: bytes) -> tuple[Container, dict[str, tuple[str, ...]]]:
    """Variables of a file, and the names of their dimensions."""
    if content.startswith(hdf5.SIGNATURE):
        found = hdf5.arrays_of(path)
        return Container("netcdf", found.arrays, found.attributes, found.groups), _dimensions(path)
    if not content.startswith(_CLASSIC):
        raise InvalidValue(f"it begins with {content[:4]!r}; of netCDF, CDF-1, CDF-2 and version 4 can be read")
    try:
        from scipy.io import netcdf_file
    except ImportError as error:
        raise MissingExtra("scipy", "loaders", "reading classic netCDF files") from error
    arrays, dimensions = {}, {}
    with parsing(path, "netCDF"), netcdf_file(io.BytesIO(content), "r", mmap=False) as file:
        attributes = _texts(file._attributes)
        for name, variable in file.variables.items():
            shape = tuple(int(length) for length in variable.shape)
            data = np.array(variable.data)
            check_expansion(name, data.nbytes, len(content))
            if data.shape != shape:
                raise InvalidValue(f"{name!r} has the shape {shape} and {data.size} values; it was cut")
            arrays[name] = Array(name, shape, data.dtype, _given(data), _texts(variable._attributes))
            dimensions[name] = tuple(variable.dimensions)
    return Container("netcdf", arrays, attributes), dimensions


def _given(data: Samples) -> Any:
    return lambda: data


def _texts(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.decode("utf-8") if isinstance(value, bytes) else value for name, value in said.items()}


def _dimensions(path: Path) -> dict[str, tuple[str, ...]]:
    """Names of the dimensions of each variable of version 4: its scales, or itself."""
    h5py = hdf5.library()
    found: dict[str, tuple[str, ...]] = {}

    def visit(name: str, item: Any) -> None:
        if not isinstance(item, h5py.Dataset) or item.shape is None:
            return
        scales = [item.dims[place] for place in range(len(item.shape))]
        names = [scale[0].name.strip("/") if len(scale) else "" for scale in scales]
        found[name] = (name,) if len(item.shape) == 1 and not names[0] else tuple(names)

    with parsing(path, "netCDF"), h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


class _Variables:
    """Variables over a time, on the time of the first of them."""

    def __init__(self, container: Container, dimensions: Mapping[str, tuple[str, ...]]) -> None:
        self._arrays, self._dimensions = container.arrays, dimensions
        self.moment: datetime | None = None
        self.notes: list[str] = []
        self._times = {name: self._read_times(array) for name, array in self._arrays.items() if self._is_time(array)}
        starts = [date + timedelta(seconds=float(times[0])) for times, date in self._times.values() if date is not None]
        if starts:
            dates = {date for _, date in self._times.values() if date is not None}
            near = len(dates) == 1 and abs((min(starts) - min(dates)).total_seconds()) < _DAY
            self.moment = min(dates) if near else min(starts)

    def series(self, device: str) -> list[SeriesPlan]:
        """Every variable over one time."""
        found = []
        for name, array in self._arrays.items():
            over = self._dimensions.get(name, ())
            if name in self._times or over == (name,):
                continue
            if len(over) == 1 and over[0] in self._times and array.is_numbers:
                found.append(self._one(device, name, array, over[0]))
            elif array.shape:
                self.notes.append(
                    f"{name!r} over {', '.join(over) or 'no dimension'} was left out; a mapping file can name it"
                )
        if not found:
            raise InvalidValue(
                "no variable in it stands over a time alone; say what is what in a mapping file (--mapping)"
            )
        return found

    def _one(self, device: str, name: str, array: Array, time: str) -> SeriesPlan:
        said = array.attributes
        raw = as_recorded(_with_holes(np.asarray(array.load()), said))
        unit, note = unit_or_note(str(said.get("units", "")))
        line = (float(said.get("add_offset", 0.0)), float(said.get("scale_factor", 1.0)))
        scaled = "add_offset" in said or "scale_factor" in said
        counts = scaled or ("units" not in said and array.dtype.kind in "iu")
        times, date = self._times[time]
        if date is not None and self.moment is not None:
            times = times + (date - self.moment).total_seconds()
        described = str(said.get("long_name", said.get("description", "")))
        return SeriesPlan(
            device=device, channel=name, raw=raw, raw_unit="ct" if counts else unit,
            scale=Scale((Polynomial(line),), unit) if scaled else None,
            quantity=str(said.get("standard_name", "")), description="; ".join(filter(None, [described, note])),
            **time_base(times),
        )  # fmt: skip

    def _is_time(self, array: Array) -> bool:
        if len(array.shape) != 1 or not array.is_numbers or self._dimensions.get(array.name) != (array.name,):
            return False
        unit = str(array.attributes.get("units", ""))
        since = _SINCE.fullmatch(unit)
        return seconds_in(since[1] if since else unit) is not None

    def _read_times(self, array: Array) -> tuple[Samples, datetime | None]:
        """Times in s since a date, or since the trigger."""
        unit = str(array.attributes.get("units", ""))
        since = _SINCE.fullmatch(unit)
        second = seconds_in(since[1] if since else unit) or 1.0
        times = np.asarray(array.load(), np.float64) * second
        if times.size == 0:
            raise InvalidValue(f"there are no times in {array.name!r}")
        if since is None:
            return times, None
        if str(array.attributes.get("calendar", "standard")) not in _CALENDARS:
            raise InvalidValue(
                f"the calendar of {array.name!r} is {array.attributes['calendar']!r}; no shot has that date"
            )
        year, month, day, hour, minute = (int(since[place] or 0) for place in range(2, 7))
        zone = since[8] or "+00:00"
        try:
            date = datetime.fromisoformat(
                f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00{'+00:00' if zone in ('Z', 'UTC') else zone}"
            ) + timedelta(seconds=float(since[7] or 0.0))
        except ValueError as error:
            raise InvalidValue(f"the units of {array.name!r}, {unit!r}, name no date") from error
        return times, date.astimezone(UTC)


def _with_holes(values: Samples, said: Mapping[str, Any]) -> Samples:
    """Put NaN where values are missing."""
    holes = np.zeros(values.shape, bool)
    for name in ("_FillValue", "missing_value"):
        if name in said and np.size(said[name]) == 1:
            holes |= values == np.asarray(said[name]).reshape(())
    if not holes.any():
        return values
    if values.dtype.kind == "f":
        return np.where(holes, np.array(np.nan, values.dtype), values)
    return np.where(holes, np.nan, values.astype(np.float64))
