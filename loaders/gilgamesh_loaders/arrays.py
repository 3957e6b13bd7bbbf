"""Arrays with names, in one container or another: what HDF5, netCDF, NumPy and MATLAB files have in common.

A container gives its arrays by name, each with its attributes, and reads one only when it is asked for. What they
mean is said by a mapping file (`mapping`), or by the conventions that `channels` knows: arrays of one length beside
an array of times, or beside a start and an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders.formats import Hints
from gilgamesh_loaders.plan import SeriesPlan, as_recorded
from gilgamesh_loaders.time_column import TIME_NAMES, time_base

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

_INTERVALS = ("dt", "tinterval", "delta_t", "increment", "xincrement")
_RATES = ("fs", "rate", "samplerate", "sample_rate", "sampling", "sampling_rate", "frequency")
_STARTS = ("t0", "tstart", "start", "xorigin")


@dataclass(frozen=True)
class Array:
    """One array of a container.

    Parameters
    ----------
    name : str
        Its full name, ``group/dataset``.
    shape : tuple of int
        As the file declares it.
    dtype : numpy.dtype
        As the file declares it.
    load : callable
        Reads it whole.
    attributes : mapping of str to object
        What the file says about it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[], Samples]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_numbers(self) -> bool:
        """Whether it holds numbers that could be samples."""
        return self.dtype.kind in "iufb"

    @property
    def bytes(self) -> int:
        """Bytes it takes when read."""
        size = int(self.dtype.itemsize)
        for length in self.shape:
            size *= int(length)
        return size


@dataclass(frozen=True)
class Container:
    """All arrays of a file by their full names, and what the file says about itself.

    Parameters
    ----------
    kind : str
        Name of the format.
    arrays : mapping of str to Array
    attributes : mapping of str to object
        Of the file.
    groups : mapping of str to mapping of str to object
        Attributes of its groups by their full names.
    """

    kind: str
    arrays: Mapping[str, Array]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def check_expansion(name: str, promised: int, stored: int) -> None:
    """Refuse what would not fit into memory when it is read.

    Parameters
    ----------
    name : str
        Of the array.
    promised : int
        Bytes of the array once read.
    stored : int
        Bytes of the file.
    """
    free = int(psutil.virtual_memory().available)
    if promised > max(free, stored):
        raise InvalidValue(
            f"{name!r} promises {promised / 1e9:.3g} GB in a file of {stored / 1e6:.3g} MB; "
            f"{free / 1e9:.3g} GB of memory are free. It is damaged, or made to do harm"
        )


def channels(arrays: Mapping[str, Array], device: str, hints: Hints) -> tuple[list[SeriesPlan], list[str]]:
    """Make series of arrays that say no more than their names: one time, and channels of its length.

    A channel is an array of one dimension (``(n, 1)`` and ``(1, n)`` of MATLAB are), or each column of a table with
    as many rows as there are times. The time is an array called ``time``, ``t`` …; or ``dt`` or a rate, with ``t0``
    or without; or the caller's.

    Returns
    -------
    series : list of SeriesPlan
    notes : list of str
        What was left out.
    """
    vectors = {name: array for name, array in arrays.items() if array.is_numbers and array.bytes > 0}
    notes = [f"{name!r} is no array of numbers and was left out" for name in arrays.keys() - vectors.keys()]
    base, samples, used = _time(vectors, hints)
    series = []
    for name, array in vectors.items():
        if name in used:
            continue
        if max(array.shape, default=1) == 1:
            notes.append(f"{name!r} is a single number and was left out")
            continue
        for channel, column in _columns(name, array, samples):
            raw = as_recorded(column)
            series.append(SeriesPlan(device, channel, raw, raw_unit="ct" if raw.dtype.kind in "iu" else "", **base))
    return series, sorted(notes)


def _columns(name: str, array: Array, samples: int | None) -> Iterator[tuple[str, Samples]]:
    """Name and samples of each channel in an array."""
    shape = array.shape
    if len(shape) == 1 or (len(shape) == 2 and 1 in shape):
        if samples not in (None, max(shape)):
            raise InvalidValue(f"{name!r} has {max(shape)} samples, there are {samples} times")
        yield name, array.load().ravel()
        return
    if len(shape) != 2 or samples not in (None, shape[0]):
        times = "" if samples is None else f", and there are {samples} times"
        raise InvalidValue(f"{name!r} has the shape {shape}{times}; say what it is in a mapping file (--mapping)")
    if shape[1] > shape[0]:
        raise InvalidValue(f"{name!r} has {shape[0]} rows and {shape[1]} columns; a row is a sample. Say what it is in a mapping file (--mapping)")  # fmt: skip
    table = array.load()
    for place in range(shape[1]):
        yield f"{name} {place + 1}".strip(), table[:, place]


def _time(arrays: Mapping[str, Array], hints: Hints) -> tuple[dict[str, Any], int | None, set[str]]:
    """Time base as keywords of a `SeriesPlan`, the number of times, and the arrays that say it."""
    plain = {name.rsplit("/", 1)[-1].casefold(): name for name in arrays}
    for word, name in plain.items():
        if word in TIME_NAMES and max(arrays[name].shape, default=1) > 1:
            times = np.asarray(arrays[name].load(), np.float64).ravel()
            return time_base(times), times.size, {name}
    used = set()
    said: dict[str, float] = {}
    for meaning, words in (("dt", _INTERVALS), ("rate", _RATES), ("start", _STARTS)):
        for word in words:
            name = plain.get(word, "")
            if name and meaning not in said and max(arrays[name].shape, default=1) == 1:
                said[meaning] = float(arrays[name].load().ravel()[0])
                used.add(name)
    if "dt" not in said and said.get("rate", 0.0) > 0:
        said["dt"] = 1.0 / said["rate"]
    dt = said.get("dt", hints.dt)
    if dt is None:
        raise InvalidValue("no array in it is a time, a 'dt' or a rate; give the sampling interval with --dt (dt=)")
    return {"start": said.get("start", hints.start or 0.0), "dt": dt}, None, used
