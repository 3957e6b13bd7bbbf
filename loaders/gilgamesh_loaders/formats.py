"""Which formats there are, which one a file is in, and what the caller knows that the file does not say.

Formats are found through the entry points of the group ``gilgamesh.formats``, so a lab's own package adds
one by declaring it. A file is told by its content first; its extension decides only what content leaves open.

Everything wrong with a file is a `FileRefused` that names the file and the place: a format raises it itself,
and what the plan refuses (`InvalidValue`) or the system (`OSError`) is turned into one by `refusing`.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from importlib.metadata import EntryPoint, entry_points
from mmap import mmap
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np

from gilgamesh_db.errors import FileRefused, GilgameshError, InvalidValue, SystemFault, near_names
from gilgamesh_loaders.plan import AttributeValue, SeriesPlan, ShotPlan, Source, duration_of

GROUP = "gilgamesh.formats"
HEAD_BYTES = 8192

_NUMBERED = re.compile(r"(?:shot)?[ _-]?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Hints:
    """What the caller knows and a file may not say. What the file says itself comes first.

    Parameters
    ----------
    shot : int or None
        Shot number. A file that names another shot is refused.
    started_at : datetime or None
        Time of the trigger; read in `timezone` when it has none of its own.
    device : str or None
        Device that recorded the file; here the hint comes before the file.
    timezone : tzinfo or None
        Zone of the times a file gives without one. Without a hint they are UTC, and the plan says so.
    start, dt : float or None
        Time base in seconds, for files without one.
    mapping : Path or None
        Mapping file that says which array of a container (HDF5, netCDF, NumPy, MATLAB) is which port.
    """

    shot: int | None = None
    started_at: datetime | None = None
    device: str | None = None
    timezone: tzinfo | None = None
    start: float | None = None
    dt: float | None = None
    mapping: Path | None = None

    def shot_number(self, path: Path, in_file: int | None = None) -> int:
        """Shot number from the file, else from the hint, else from a name such as ``shot_1234.h5``."""
        if in_file is not None:
            if self.shot not in (None, in_file):
                raise FileRefused(f"{shown(path)} says it is shot {in_file}; shot {self.shot} was asked for")
            return in_file
        if self.shot is not None:
            return self.shot
        numbered = _NUMBERED.fullmatch(path.stem)
        if numbered is None:
            raise FileRefused(
                f"{shown(path)} says no shot number, nor does its name; "
                f"give --shot (shot=), or a name like 'shot_1234{path.suffix}'"
            )
        return int(numbered[1])

    def trigger_time(self, path: Path, in_file: datetime | None = None) -> datetime:
        """Time of the trigger from the file, else from the hint, in a zone."""
        moment = in_file or self.started_at
        if moment is None:
            raise FileRefused(f"{shown(path)} does not say when it was recorded; give --started-at (started_at=)")
        return moment if moment.utcoffset() is not None else moment.replace(tzinfo=self.timezone or UTC)

    def zone_in_words(self, moment: datetime) -> str:
        """Say which zone a time of the file was read in, and why."""
        if moment.utcoffset() is not None:
            return f"{moment.tzinfo}, from the file"
        return "UTC, assumed" if self.timezone is None else f"{self.timezone}, as told"


@runtime_checkable
class Format(Protocol):
    """One file format: bytes in, a plan out. It never touches the database.

    Attributes
    ----------
    name : str
        Short name, as in ``format="comtrade"``.
    extensions : tuple of str
        In lower case, with the dot.
    description : str
        One line for a list of formats.
    """

    name: str
    extensions: tuple[str, ...]
    description: str

    def recognises(self, path: Path, head: bytes) -> bool:
        """Tell whether the first `HEAD_BYTES` bytes of a file look like this format."""
        ...

    def read(self, path: Path, hints: Hints) -> ShotPlan:
        """Read the whole record, or raise `FileRefused` naming the file and the place."""
        ...


@runtime_checkable
class SeveralShots(Format, Protocol):
    """A format whose files may hold several shots; `read` is then only for a file that holds one."""

    def read_all(self, path: Path, hints: Hints) -> tuple[ShotPlan, ...]:
        """Read every shot of the file, or the one that is asked for; or raise `FileRefused`."""
        ...


@functools.cache
def known_formats() -> Mapping[str, Format]:
    """All installed formats by name.

    Raises
    ------
    SystemFault
        When a declared format cannot be imported, is none, or two packages declare the same name.
    """
    found: dict[str, Format] = {}
    for entry in entry_points(group=GROUP):
        format_ = _loaded(entry)
        if found.get(format_.name, format_) is not format_:
            raise SystemFault(f"two packages declare the format {format_.name!r}; uninstall one ({_origin(entry)})")
        found[format_.name] = format_
    return MappingProxyType(dict(sorted(found.items())))


def read_plan(path: str | Path, hints: Hints | None = None, format: str | None = None) -> ShotPlan:  # noqa: A002
    """Read a file of one shot, in whichever known format it is.

    Parameters
    ----------
    path : str or Path
        The file; of a record in several files, any of them.
    hints : Hints, optional
        What the file may not say.
    format : str, optional
        Name of the format, when it is not to be detected.

    Returns
    -------
    ShotPlan
        Everything the record says; nothing has been written anywhere.

    Raises
    ------
    FileRefused
        The file is missing, unreadable, empty, in no known format, or damaged; or it holds several shots.
    """
    plans = read_plans(path, hints, format)
    if len(plans) > 1:
        first, last = plans[0].number, plans[-1].number
        raise FileRefused(
            f"{shown(Path(path))} holds {len(plans)} shots, {first} to {last}; say which with --shot (shot=), "
            "or take all of them with read_plans"
        )
    return plans[0]


def read_plans(path: str | Path, hints: Hints | None = None, format: str | None = None) -> tuple[ShotPlan, ...]:  # noqa: A002
    """Read all shots of a file, in whichever known format it is; most files hold one.

    Parameters, errors
        As for `read_plan`.

    Returns
    -------
    tuple of ShotPlan
        At least one; all of the same source. Either all can be read, or the file is refused.
    """
    path = Path(path)
    hints = hints or Hints()
    with refusing(path):
        head = _head(path)
        chosen = _format_called(format) if format is not None else _format_of(path, head, hints)
        return chosen.read_all(path, hints) if isinstance(chosen, SeveralShots) else (chosen.read(path, hints),)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn what is wrong with a file's content, or with reading it, into `FileRefused` naming the file."""
    try:
        yield
    except (FileRefused, SystemFault):
        raise
    except OSError as error:
        raise FileRefused(f"{shown(path)} cannot be read: {error.strerror or error}") from error
    except (InvalidValue, UnicodeError) as error:
        raise FileRefused(f"{shown(path)}: {error}") from error


@contextmanager
def parsing(path: Path, what: str) -> Iterator[None]:
    """Turn whatever somebody else's parser makes of damaged bytes into `FileRefused`; only its calls belong inside."""
    try:
        yield
    except GilgameshError:
        raise
    except Exception as error:  # a parser of hostile bytes may raise anything; the letter keeps what it said
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise FileRefused(f"{shown(path)} cannot be read as {what}, it is damaged or was cut ({said:.200})") from error


def shown(path: Path) -> str:
    """Path as text that any terminal and log can take, whatever bytes the name is made of."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def planned(
    path: Path,
    hints: Hints,
    series: Iterable[SeriesPlan],
    source: Source,
    moment: datetime | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    notes: Iterable[str] = (),
    shot: int | None = None,
) -> ShotPlan:
    """Put the plan of one shot together, out of what a file says and what its caller knows.

    Parameters
    ----------
    moment : datetime or None
        Time of the trigger the file says. One without a zone is read in the hinted one; ``TimeZone`` says which.
    shot : int or None
        Shot number the file says.
    """
    series = tuple(series)
    if not series:
        raise InvalidValue("there are no samples in it")
    said = dict(attributes or {})
    if moment is not None and moment.utcoffset() is None:
        said["TimeZone"] = hints.zone_in_words(moment)
    return ShotPlan(
        number=hints.shot_number(path, shot),
        started_at=hints.trigger_time(path, moment),
        duration=duration_of(series),
        series=series,
        source=source,
        attributes=said,
        notes=tuple(notes),
    )


def plain_name(text: str) -> str:
    r"""Make a device's name out of what a file says: no slash, no control characters, no spaces at the ends.

    Examples
    --------
    >>> plain_name("MSO/DPO 4034\0\0")
    'MSO-DPO 4034'
    """
    return "".join(letter if letter.isprintable() else " " for letter in text.replace("/", "-")).strip()


def plain_attributes(said: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """Make attributes of a shot out of a file's properties: names as identifiers, values that can be stored.

    Examples
    --------
    >>> plain_attributes({"Gas type": "Ar", "p (Pa)": np.float32(0.5), "hole": float("nan"), "list": [1, 2], "": 1})
    {'Gas_type': 'Ar', 'p_Pa': 0.5}
    """
    attributes: dict[str, AttributeValue] = {}
    for name, value in said.items():
        plain = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")[:90]
        plain = f"_{plain}" if plain[:1].isdigit() else plain
        kept = value.item() if isinstance(value, np.generic) else value
        kept = kept.isoformat() if isinstance(kept, datetime) else kept
        if not plain or plain in attributes or not isinstance(kept, bool | int | float | str):
            continue
        if isinstance(kept, str):
            kept = kept.replace("\0", "").strip()
        if kept == "" or (isinstance(kept, int | float) and not math.isfinite(kept)):
            continue
        attributes[plain] = kept
    return attributes


def source_of(path: Path, format_name: str, *parts: bytes | mmap) -> Source:
    """Describe the file or files a plan was read from, their digest over all bytes in order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    name = path.name.encode("utf-8", "backslashreplace").decode()
    return Source(name, format_name, sum(map(len, parts)), digest.digest())


def decoded(content: bytes) -> str:
    """Decode text of unknown encoding: UTF-8 if it is, else what western Windows and instruments write.

    Line ends become newlines, and the end-of-file mark of DOS is dropped.
    """
    for encoding in ("utf-8-sig", "cp1252", "latin-1"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        break
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x1a", "")


def _head(path: Path) -> bytes:
    if path.is_dir():
        raise FileRefused(f"{shown(path)} is a directory; give the files in it")
    if not path.exists():
        raise FileRefused(f"there is no file {shown(path)}")
    if not path.is_file():
        raise FileRefused(f"{shown(path)} is not a regular file")
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise FileRefused(f"{shown(path)} is empty (0 bytes); was it still being written?")
    return head


def _format_called(name: str) -> Format:
    formats = known_formats()
    if name not in formats:
        raise FileRefused(f"no format {name!r}{near_names(name, formats) or ';'} known are {', '.join(formats)}")
    return formats[name]


def _format_of(path: Path, head: bytes, hints: Hints) -> Format:
    formats = known_formats().values()
    suffix = path.suffix.casefold()
    by_extension = _meant([one for one in formats if suffix in one.extensions], hints)
    by_content = _meant([one for one in formats if one.recognises(path, head)], hints)
    for candidates in (by_content, [one for one in by_content if one in by_extension]):
        if len(candidates) == 1:
            return candidates[0]
    if not by_content and len(by_extension) == 1:  # its reader says best what is wrong
        return by_extension[0]
    several = by_content or by_extension
    if several:
        names = " or ".join(repr(one.name) for one in several)
        raise FileRefused(f"{shown(path)} may be in the format {names}; say which with --format (format=)")
    listing = "".join(f"\n  {one.name}: {one.description} ({' '.join(one.extensions)})" for one in formats)
    raise FileRefused(f"{shown(path)} is in no known format; it begins with {head[:16]!r}. Known are:{listing}")


def _meant(candidates: Iterable[Format], hints: Hints) -> list[Format]:
    """With a mapping file, those that read by one, if there are any; without, those that need none."""
    if hints.mapping is None:
        return [one for one in candidates if not getattr(one, "needs_mapping", False)]
    candidates = list(candidates)
    by_mapping = ("takes_mapping", "needs_mapping")
    return [one for one in candidates if any(getattr(one, name, False) for name in by_mapping)] or candidates


def _loaded(entry: EntryPoint) -> Format:
    try:
        format_ = entry.load()
    except (ImportError, AttributeError) as error:
        raise SystemFault(
            f"the format {entry.name!r} of {_origin(entry)} cannot be imported: {error}; repair it"
        ) from error
    if not isinstance(format_, Format):
        raise SystemFault(f"{entry.value} of {_origin(entry)} is no format; see gilgamesh_loaders.Format")
    return format_


def _origin(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value
