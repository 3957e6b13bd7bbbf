r"""MDSplus: signals of a tree on an mdsip server, named in a small YAML file that is loaded like a recording.

::

    mdsplus: mdsip.lab.example:8000       # tcp, ssh:// or sshp://
    tree: rf
    started_at: \RF::TOP:DATE             # an expression, or left to --started-at
    ports:
      RF/Pfwd: \RF::TOP:PFWD              # data, units and times of a signal
      PXI/ai0:
        data: RAW_OF(\RF::TOP:PFWD)       # any expression; here the counts
        times: DIM_OF(\RF::TOP:PFWD)
        scale: [0.0, 3.05e-4]             # offset, gain
        unit: V

The shot is ``--shot`` (or the number in the file's name), which is also the tree's. What the server answers is the
record: its digest is over every value, so that an unchanged tree is loaded once, and one that was changed is found to
contradict what is stored. Expressions run on the server with the reader's rights; load only files you trust.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from gilgamesh_db.calibration import Polynomial
from gilgamesh_db.errors import FileRefused, InvalidValue, MissingExtra, near_names
from gilgamesh_loaders.formats import Hints, planned, refusing, shown
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, Source, as_recorded, unit_or_note
from gilgamesh_loaders.time_column import seconds_in, time_base

if TYPE_CHECKING:
    from gilgamesh_loaders.plan import Samples

_FILE = ("mdsplus", "tree", "started_at", "device", "ports")
_PORT = ("data", "times", "time_unit", "unit", "scale", "quantity", "description", "signal")
_SERVER = re.compile(r"(?:(?:tcp|tcp6|ssh|sshp)://)?(?:\w[\w.-]*@)?[\w\[][\w.:\]-]*(?::\d+)?")
_TIMEOUT = 30.0  # s
_VMS = datetime(1858, 11, 17, tzinfo=UTC)  # VMS counts 100 ns since then
_LEAST_VMS = 1e15
_DATES = ("%d-%b-%Y %H:%M:%S.%f", "%d-%b-%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")


class MdsPlus:
    """The format ``mdsplus``."""

    name = "mdsplus"
    extensions = (".yaml", ".yml")
    description = "signals of an MDSplus tree on a server, named in a YAML file"

    def recognises(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """Tell it by the line that names the server."""
        return re.search(rb"^mdsplus:", head, re.MULTILINE) is not None

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Ask the server for every signal of the shot."""
        with refusing(path):
            said = _document(path.read_bytes())
            library = _library()
            shot = hints.shot_number(path)
            server, tree = str(said["mdsplus"]), str(said["tree"])
            with _answering(path, server, tree, shot), library.Connection(server, timeout=_TIMEOUT) as connection:
                connection.openTree(tree, shot)
                answers = _Answers(connection)
                moment = None if "started_at" not in said else _moment(answers.get(str(said["started_at"])))
                series = list(_series(said, answers, hints))
            source = Source(f"{path.name}: {server} {tree} {shot}", self.name, answers.bytes, answers.digest())
            return planned(path, hints, series, source, moment)


FORMAT = MdsPlus()


class _Answers:
    """What the server says to expressions, and the digest over all of it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._sha256 = hashlib.sha256()
        self.bytes = 0

    def get(self, expression: str) -> Any:
        """Ask for one value: a number, a text or an array of numbers."""
        value = self._connection.get(expression).data()
        array = np.asarray(value)
        told = f"{expression}\0{array.dtype.str}\0{array.shape}\0".encode()
        for part in (told, np.ascontiguousarray(array).tobytes() if array.dtype != object else str(value).encode()):
            self._sha256.update(part)
            self.bytes += len(part)
        return value

    def digest(self) -> bytes:
        """Digest over everything that was answered."""
        return self._sha256.digest()


@contextmanager
def _answering(path: Path, server: str, tree: str, shot: int) -> Iterator[None]:
    """Turn what server and tree do not give into a refusal that names them."""
    asked = f"{shown(path)}: shot {shot} of the tree {tree!r} on {server}"
    try:
        yield
    except (FileRefused, InvalidValue):
        raise
    except (OSError, EOFError) as error:
        raise FileRefused(
            f"{asked} cannot be had; the server does not answer: {error or type(error).__name__}"
        ) from error
    except Exception as error:  # the library has one class for each status of MDSplus, and others for damaged answers
        raise FileRefused(f"{asked} cannot be read: {error or type(error).__name__}") from error


def _series(said: Mapping[str, Any], answers: _Answers, hints: Hints) -> Iterator[SeriesPlan]:
    for name, port in said["ports"].items():
        device, slash, channel = str(name).partition("/")
        if not slash:
            device, channel = str(hints.device or said.get("device") or ""), str(name)
        if not device:
            raise InvalidValue(f"ports, {name}: whose port is it? write DEVICE/{name}, or 'device:' at the top")
        yield _one(device, channel, {"data": port} if isinstance(port, str) else port, answers)


def _one(device: str, channel: str, port: Mapping[str, Any], answers: _Answers) -> SeriesPlan:
    data = str(port["data"])
    raw = as_recorded(_row(f"{device}/{channel}", data, answers.get(f"DATA({data})")))
    times = str(port.get("times", f"DIM_OF({data})"))
    second = seconds_in(str(port.get("time_unit", "s")))
    if second is None:
        raise InvalidValue(f"{device}/{channel}: {port['time_unit']!r} is no unit of time")
    axis = _row(f"{device}/{channel}", times, answers.get(f"DATA({times})")).astype(np.float64) * second
    if axis.size != raw.size:
        raise InvalidValue(f"{device}/{channel}: {axis.size} times for {raw.size} samples")
    unit, note = unit_or_note(str(port["unit"]) if "unit" in port else str(answers.get(f"UNITS({data})")).strip("\0 "))
    scale = None
    if "scale" in port:
        line = port["scale"]
        if not isinstance(line, list) or len(line) != 2 or not all(isinstance(one, int | float) for one in line):
            raise InvalidValue(f"{device}/{channel}: scale is two numbers, offset and gain, not {line!r}")
        scale = Scale((Polynomial((float(line[0]), float(line[1]))),), unit)
    described = str(port.get("description", ""))
    return SeriesPlan(
        device=device, channel=channel, raw=raw, scale=scale, quantity=str(port.get("quantity", "")),
        raw_unit="ct" if scale is not None or (not unit and raw.dtype.kind in "iu") else unit,
        description="; ".join(filter(None, [described, note])), signal=port.get("signal"), **time_base(axis),
    )  # fmt: skip


def _row(port: str, expression: str, value: Any) -> Samples:
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype.kind not in "iufb":
        raise InvalidValue(f"{port}: {expression} is {array.dtype} of the shape {array.shape}, no row of numbers")
    return array


def _moment(value: Any) -> datetime:
    """Read a date as MDSplus writes it, ISO 8601, seconds since 1970 or VMS's 100 ns since 1858."""
    if isinstance(value, str | np.str_ | bytes):
        text = value.decode() if isinstance(value, bytes) else str(value)
        for form in _DATES:
            try:
                return datetime.strptime(text.strip("\0 "), form)
            except ValueError:
                continue
    try:
        number = float(value)
        if number >= _LEAST_VMS:
            return _VMS + timedelta(microseconds=int(value) // 10)
        return datetime.fromtimestamp(number, UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise InvalidValue(f"started_at: {value!r:.60} is no date") from error


def _document(text: bytes) -> dict[str, Any]:
    try:
        said = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeError) as error:
        raise InvalidValue(f"it is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(said, dict) or not said.get("mdsplus") or not said.get("tree"):
        raise InvalidValue("it does not name a server ('mdsplus:') and a 'tree:'")
    _check_keys("it", said, _FILE)
    if not isinstance(said.get("ports"), dict) or not said["ports"]:
        raise InvalidValue("it names no ports; write 'ports:' and below it 'DEVICE/CHANNEL: EXPRESSION'")
    for name, port in said["ports"].items():
        if not isinstance(port, str):
            _check_keys(f"ports, {name}", port, _PORT)
            if "data" not in port:
                raise InvalidValue(f"ports, {name}: 'data' is missing; it is the expression")
    if not _SERVER.fullmatch(str(said["mdsplus"])):  # parts of it reach the command line of ssh
        raise InvalidValue(f"{said['mdsplus']!r} is no server; write it like mdsip.lab.example:8000 or ssh://host")
    return said


def _check_keys(place: str, said: Any, known: tuple[str, ...]) -> None:
    if not isinstance(said, dict):
        raise InvalidValue(f"{place} says {said!r:.60}; it says what is what, as 'key: value'")
    for key in said:
        if key not in known:
            raise InvalidValue(
                f"{place} has no {key!r}{near_names(str(key), known) or ';'} known are {', '.join(known)}"
            )


def _library() -> Any:
    try:
        import mdsthin
    except ImportError as error:
        raise MissingExtra("mdsthin", "mdsplus", "reading MDSplus trees") from error
    return mdsthin
