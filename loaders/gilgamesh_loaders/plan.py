"""What a file says about one shot, before anything is written.

A format makes a `ShotPlan` out of bytes; one module writes plans into the database. Between the two
stand these values: they are immutable, and a plan that exists is a plan that can be written.
Everything refused here is refused with `InvalidValue`; `gilgamesh_loaders.formats` adds the file's name.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from gilgamesh_db.errors import InvalidValue, UnitMismatch
from gilgamesh_db.payload import DTYPES

if TYPE_CHECKING:
    import numpy.typing as npt

    from gilgamesh_db.calibration import Step

    Samples: TypeAlias = npt.NDArray[Any]

AttributeValue: TypeAlias = float | str | bool | None

LONGEST_NAME = {"device": 200, "channel": 100, "signal": 100, "attribute": 100, "program": 200}
IDENTIFIERS = ("signal", "attribute")

_WIDENED = {"float16": "float32"}
_WORDS_FOR_UNITS = {"none": "", "sec": "s", "secs": "s"}


@dataclass(frozen=True)
class Scale:
    """What the file itself says about its counts: value = steps(raw), in a unit.

    Parameters
    ----------
    steps : tuple of Step
        Calibration steps, applied in order.
    unit : str
        Unit of the result in astropy's spelling (``"V"``, ``"A"``, ``""``).
    """

    steps: tuple[Step, ...]
    unit: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        if not self.steps:
            raise InvalidValue("a scale needs at least one step; without a scale, give None")
        _check_unit(self.unit)


@dataclass(frozen=True, eq=False)
class SeriesPlan:
    """The samples one port recorded, on a uniform or an irregular time base.

    Parameters
    ----------
    device, channel : str
        Together the port, ``device/channel``.
    raw : ndarray, shape (n,)
        Exactly as recorded, of a type that can be stored, little-endian, contiguous; kept read-only.
    start, dt : float or None
        Uniform sampling: sample k was taken at ``start + k * dt`` seconds after the trigger.
    times : ndarray of float64, shape (n,), or None
        Irregular sampling: seconds after the trigger, never going back. Either this, or start and dt.
    raw_unit : str
        ``"ct"`` for the counts of a converter, otherwise the physical unit recorded.
    scale : Scale or None
        What the file says about value = f(raw).
    quantity, description : str
        Free text of the file.
    signal : str or None
        Name the file suggests for a signal.

    Examples
    --------
    >>> ramp = SeriesPlan("PXI M6251", "ai0", np.arange(4, dtype="int16"), start=-0.5, dt=0.25)
    >>> ramp.port, ramp.end
    ('PXI M6251/ai0', 0.5)
    """

    device: str
    channel: str
    raw: Samples
    start: float | None = None
    dt: float | None = None
    times: Samples | None = None
    raw_unit: str = "ct"
    scale: Scale | None = None
    quantity: str = ""
    description: str = ""
    signal: str | None = None

    def __post_init__(self) -> None:
        check_name("device", self.device)
        check_name("channel", self.channel)
        if "/" in self.device:
            raise InvalidValue(
                f"device {self.device!r}: a slash separates device and channel, so a device has none; "
                "give the device another name"
            )
        if self.signal is not None:
            check_name("signal", self.signal)
        check_text(f"quantity of {self.port}", self.quantity)
        check_text(f"description of {self.port}", self.description)
        _check_unit(self.raw_unit)
        self._check_raw()
        self._check_time_base()

    @property
    def port(self) -> str:
        """The port's full name."""
        return f"{self.device}/{self.channel}"

    @property
    def end(self) -> float:
        """Seconds from the trigger to the end: half-open when uniform, otherwise the last sample."""
        if self.start is not None and self.dt is not None:
            return self.start + self.raw.size * self.dt
        return math.nan if self.times is None else float(self.times[-1])

    def _check_raw(self) -> None:
        raw = self.raw
        if not isinstance(raw, np.ndarray) or raw.ndim != 1:
            found = f"{raw.ndim} dimensions" if isinstance(raw, np.ndarray) else type(raw).__name__
            raise InvalidValue(f"{self.port}: samples are a one-dimensional array, not {found}")
        if raw.dtype.name not in DTYPES:
            raise InvalidValue(f"{self.port}: samples of type {raw.dtype} cannot be stored; one of {DTYPES} can")
        if raw.dtype != raw.dtype.newbyteorder("<") or not raw.flags.c_contiguous:
            raise InvalidValue(f"{self.port}: samples must be little-endian and contiguous; see plan.as_recorded")
        if raw.size == 0:
            raise InvalidValue(f"{self.port}: there are no samples")
        object.__setattr__(self, "raw", _read_only(raw))

    def _check_time_base(self) -> None:
        if self.times is not None and self.start is None and self.dt is None:
            object.__setattr__(self, "times", _read_only(_checked_times(self.port, self.times, self.raw.size)))
        elif self.times is None and self.start is not None and self.dt is not None:
            object.__setattr__(self, "start", float(self.start))
            object.__setattr__(self, "dt", float(self.dt))
            if not math.isfinite(self.start):
                raise InvalidValue(f"{self.port}: a record starts at a finite number of seconds, not {self.start}")
            if not (math.isfinite(self.dt) and self.dt > 0):
                raise InvalidValue(f"{self.port}: the sampling interval is a positive number of s, not {self.dt}")
        else:
            raise InvalidValue(f"{self.port}: give either times, or start and dt")


@dataclass(frozen=True)
class Source:
    """Where a plan was read from.

    Parameters
    ----------
    name : str
        Name of the file (of the header, where a record has several).
    format : str
        Name of the format that read it.
    size : int
        Bytes, over all files that make the record.
    sha256 : bytes
        Digest over all files that make the record; 32 bytes.
    shots : tuple of int
        All the shots it holds, when these are several; otherwise empty.
    """

    name: str
    format: str
    size: int
    sha256: bytes
    shots: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or not self.format:
            raise InvalidValue("a source has a name and a format")
        if self.size < 1:
            raise InvalidValue(f"the source {self.name!r} is empty")
        if len(self.sha256) != 32:
            raise InvalidValue(f"a SHA-256 digest has 32 bytes, not {len(self.sha256)}")


@dataclass(frozen=True, eq=False)
class ShotPlan:
    """All that one record says about one shot.

    Parameters
    ----------
    number : int
        Shot number.
    started_at : datetime
        Time of the trigger, with its time zone.
    duration : float
        Seconds from the trigger to the end of the longest series; 0 when all ended before it.
    series : tuple of SeriesPlan
        At least one; every port once.
    source : Source
        The file or files.
    attributes : mapping of str to float, str, bool or None
        What else the file says about the shot.
    program : str or None
        Campaign the shot belongs to.
    notes : tuple of str
        What the file holds and the plan does not, or what was assumed; said when it is loaded.
    """

    number: int
    started_at: datetime
    duration: float
    series: tuple[SeriesPlan, ...]
    source: Source
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    program: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.number, bool) or not isinstance(self.number, int | np.integer):
            raise InvalidValue(f"a shot number is a whole number, not {self.number!r}")
        if not 0 <= self.number < 2**63:
            raise InvalidValue(f"a shot number is neither negative nor above 2^63, as {self.number} is")
        if self.started_at.utcoffset() is None:
            raise InvalidValue(f"shot {self.number} started at {self.started_at}, in no time zone; give it one")
        if not (math.isfinite(self.duration) and self.duration >= 0):
            raise InvalidValue(f"the duration of shot {self.number} is {self.duration} s; it cannot be")
        if self.program is not None:
            check_name("program", self.program)
        object.__setattr__(self, "number", int(self.number))
        object.__setattr__(self, "duration", float(self.duration))
        object.__setattr__(self, "series", tuple(self.series))
        object.__setattr__(self, "notes", tuple(self.notes))
        object.__setattr__(self, "attributes", _checked_attributes(self.attributes))
        self._check_ports()

    def __getitem__(self, port: str) -> SeriesPlan:
        for series in self.series:
            if series.port == port:
                return series
        raise KeyError(port)

    def _check_ports(self) -> None:
        if not self.series:
            raise InvalidValue(f"shot {self.number} has no samples at all")
        twice = [port for port, count in Counter(series.port for series in self.series).items() if count > 1]
        if twice:
            raise InvalidValue(f"the port {twice[0]!r} appears more than once; which one is meant is not to be guessed")


def duration_of(series: tuple[SeriesPlan, ...]) -> float:
    """Seconds from the trigger to the end of the longest series, at least 0."""
    return max(0.0, *(one.end for one in series))


def as_recorded(samples: npt.ArrayLike) -> Samples:
    """Bring samples into a type that can be stored, little-endian and contiguous, losing nothing.

    Parameters
    ----------
    samples : array_like, shape (n,)
        Any integers or floats. ``float16``, ``bool`` and ``uint64`` below 2^63 are widened.

    Raises
    ------
    InvalidValue
        For anything else: complex numbers, strings, objects, records, larger ``uint64``, ``longdouble``.

    Examples
    --------
    >>> as_recorded(np.array([1, -2], dtype=">i2"))
    array([ 1, -2], dtype=int16)
    """
    raw = np.asarray(samples)
    name = _WIDENED.get(raw.dtype.name, raw.dtype.name)
    if name == "uint64":
        if raw.size and raw.max() >= 2**63:
            raise InvalidValue("samples of type uint64 above 2^63 cannot be stored")
        name = "int64"
    if name not in DTYPES:
        raise InvalidValue(f"samples of type {raw.dtype} cannot be stored; integers and floats of up to 64 bits can")
    return np.ascontiguousarray(raw, dtype=np.dtype(name).newbyteorder("<"))


@functools.lru_cache(maxsize=1024)
def spelled_unit(text: str) -> str | None:
    """Give a unit in astropy's spelling, or None when it is not a unit.

    Parameters
    ----------
    text : str
        As written in a file: a symbol, or a word in any case and number.

    Examples
    --------
    >>> spelled_unit("Volts"), spelled_unit("kA"), spelled_unit("none"), spelled_unit("MVAr")
    ('V', 'kA', '', None)
    """
    from astropy import units

    text = text.strip()
    word = text.casefold()
    # symbols differ in case alone (mV, MV), so only what is long enough to be a word is read in lower case
    words = [one for one in (word, word.removesuffix("s")) if len(one) >= 3]
    for candidate in [_WORDS_FOR_UNITS.get(word, text), *words]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", units.UnitsWarning)
                unit = units.Unit(candidate)
        except (ValueError, TypeError):
            continue
        if unit.scale == 1:  # "10 V" is a value, not a unit
            return str(unit.to_string())
    return None


def unit_or_note(text: str) -> tuple[str, str]:
    """Give the unit written in a file, or no unit and a note that keeps what was written.

    Examples
    --------
    >>> unit_or_note("Amps")
    ('A', '')
    >>> unit_or_note("MVAr")
    ('', "unit in the file: 'MVAr'")
    """
    unit = spelled_unit(text)
    return ("", f"unit in the file: {text!r}") if unit is None else (unit, "")


def check_name(kind: str, name: str) -> None:
    """Refuse what cannot be typed, shown or looked up as a name (of a device, a channel, a signal)."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidValue(f"the {kind} has no name (found {name!r})")
    longest = LONGEST_NAME[kind]
    if len(name) > longest:
        raise InvalidValue(f"the {kind} {name[:20]!r}… has {len(name)} characters; {longest} are allowed")
    if name != name.strip() or not name.isprintable():
        raise InvalidValue(f"the {kind} {name!r} has control characters, or spaces at an end")
    if kind in IDENTIFIERS and not (name.isascii() and name.isidentifier()):
        raise InvalidValue(f"the {kind} {name!r} is not a word of letters, digits and underscores")


def check_text(kind: str, text: str) -> None:
    """Refuse text that no database can keep."""
    if not isinstance(text, str) or "\0" in text or not _encodable(text):
        raise InvalidValue(f"the {kind} is not text that can be stored (found {text!r:.60})")


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _check_unit(unit: str) -> None:
    if spelled_unit(unit) is None:
        raise UnitMismatch(f"{unit!r} is not a unit astropy knows; write it as in astropy ('V', 'A', 'ct', '')")


def _read_only(values: Samples) -> Samples:
    view = values.view()
    view.flags.writeable = False
    return view


def _checked_times(port: str, times: Samples, samples: int) -> Samples:
    checked = np.ascontiguousarray(times, dtype="<f8")
    if checked.shape != (samples,):
        raise InvalidValue(f"{port}: {samples} samples have {checked.size} times (shape {checked.shape})")
    if not np.isfinite(checked).all():
        where = int(np.flatnonzero(~np.isfinite(checked))[0])
        raise InvalidValue(f"{port}: the time of sample {where + 1} is {checked[where]}")
    late = np.flatnonzero(np.diff(checked) < 0)
    if late.size:
        where = int(late[0])
        before, after = float(checked[where]), float(checked[where + 1])
        raise InvalidValue(
            f"{port}: time goes back between samples {where + 1} and {where + 2}, from {before!r} to {after!r} s"
        )
    if samples > 1 and checked[0] == checked[-1]:
        raise InvalidValue(f"{port}: all {samples} samples have the same time, {float(checked[0])!r} s")
    return checked


def _checked_attributes(attributes: Mapping[str, AttributeValue]) -> Mapping[str, AttributeValue]:
    checked: dict[str, AttributeValue] = {}
    for name, value in attributes.items():
        check_name("attribute", name)
        if value is None or isinstance(value, bool):
            checked[name] = value
        elif isinstance(value, str):
            check_text(f"attribute {name!r}", value)
            checked[name] = value
        elif isinstance(value, int | float) and math.isfinite(value):
            checked[name] = float(value)
        else:
            raise InvalidValue(f"the attribute {name!r} is a finite number, a text, true, false or None, not {value!r}")
    return MappingProxyType(checked)
