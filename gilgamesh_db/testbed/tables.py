"""The wiring as two tables, as many labs keep it: ``signals.csv`` and ``mapping.csv``.

``signals.csv``, a row for each version of a signal::

    Name;Version;Type;Path;Calibration;Processing;Description;Xaxis;Yaxis
    Lang_I;1;1D;PXI M6251/ai3;-0.01*V;;Probe current;Time (s);Probe current (A)
    Lang_I;2;1D;PXI M6251/ai12;-0.01*V;;Probe current;Time (s);Probe current (A)
    H_Pinj;1;Derived;;;H_Pfwd - H_Pref;Injected power;Time (s);Power (W)

``mapping.csv``, a row for each shot, a column for each signal, the version in the field (empty: not plugged in)::

    Shot;Lang_I;H_Pinj
    1099;1;1
    1100;2;1

What a row says of a physical item that has no name (the Calibration) becomes a component ``<Name> sensor``.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import units
from ..calibration import Polynomial, Step
from ..errors import FileRefused, GilgameshError, near_names
from ..timespan import Timespan
from .description import (
    Calibration,
    Component,
    Connection,
    Definition,
    Description,
    Placement,
    Port,
    Signal,
    Subject,
    Timeline,
    Value,
    common,
    timeline,
    without,
)
from .expression import expression_of, steps_of

COLUMNS = ("Name", "Version", "Type", "Path", "Calibration", "Processing", "Description", "Xaxis", "Yaxis")
MEASURED, DERIVED = ("1d", "measured", "raw"), ("derived",)
NOT_PLUGGED = ("", "-", "nan", "none")
AXIS = re.compile(r"(?P<label>.*?)\s*(?:[(\[](?P<unit>[^()\[\]]*)[)\]]|[/,]\s*(?P<after>[^/,()\[\]]+))\s*$")


@dataclass(frozen=True)
class Version:
    """One row of ``signals.csv``."""

    line: int
    name: str
    version: str
    derived: bool
    port: str
    steps: tuple[Step, ...]
    formula: str
    description: str
    label: str
    unit: str


@dataclass
class Tables:
    """The two tables, and what could not be understood of them.

    Attributes
    ----------
    versions : dict
        Versions of signals, by name and version.
    mapping : dict
        For each signal, the version in each shot, in the order of the shots.
    problems : list of str
        What was not understood, each with file and line.
    refused : set
        The versions of signals that were not understood.
    """

    versions: dict[tuple[str, str], Version] = field(default_factory=dict)
    mapping: dict[str, list[tuple[int, str, int]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    refused: set[tuple[str, str]] = field(default_factory=set)
    mapping_path: Path = Path("mapping.csv")
    signals_path: Path = Path("signals.csv")


def read_tables(signals: Path, mapping: Path) -> Tables:
    """Read both tables.

    Raises
    ------
    FileRefused
        A file cannot be read, or columns are missing. What is wrong in a row becomes one of the problems.
    """
    tables = Tables(mapping_path=mapping, signals_path=signals)
    for line, row in _rows(signals, COLUMNS):
        try:
            version = _version(line, row)
        except GilgameshError as error:
            tables.problems.append(f"{signals}, line {line}: {error}")
            tables.refused.add((row["Name"], row["Version"]))
            continue
        key = (version.name, version.version)
        if key in tables.versions:
            tables.problems.append(
                f"{signals}, line {line}: version {key[1]} of {key[0]} stands in line {tables.versions[key].line} already"
            )
            continue
        tables.versions[key] = version
    _read_mapping(tables, mapping)
    return tables


def _version(line: int, row: Mapping[str, str]) -> Version:
    kind = row["Type"].lower()
    if kind not in (*MEASURED, *DERIVED):
        raise FileRefused(f"the type {row['Type']!r} is not understood; known are 1D (measured) and Derived")
    derived = kind in DERIVED
    if not re.fullmatch(r"[A-Za-z_]\w*", row["Name"]):
        raise FileRefused(f"{row['Name']!r} is no name of a signal; use letters, digits and underscores")
    if not derived and "/" not in row["Path"].strip("/\\").replace("\\", "/"):
        raise FileRefused(f"the path {row['Path']!r} is not device/channel")
    if not derived and row["Processing"]:
        raise FileRefused(
            f"the processing {row['Processing']!r} of a measured signal is not understood; state it as a derived signal"
        )
    if derived and not row["Processing"]:
        raise FileRefused("a derived signal needs its formula in the column Processing")
    label, unit = axis(row["Yaxis"])
    return Version(
        line, row["Name"], row["Version"], derived, row["Path"].strip("/\\").replace("\\", "/"),
        () if derived else steps_of(row["Calibration"]), row["Processing"], row["Description"], label, unit,
    )  # fmt: skip


def axis(text: str) -> tuple[str, str]:
    """Label and unit of an axis: ``Probe current (A)``, ``I [A]``, ``I / A``, ``I, A``.

    Examples
    --------
    >>> axis("Probe current (A)"), axis("I / mA"), axis("Ratio")
    (('Probe current', 'A'), ('I', 'mA'), ('Ratio', ''))
    """
    found = AXIS.fullmatch(text.strip())
    if found is None:
        return text.strip(), ""
    unit = found["unit"] if found["unit"] is not None else found["after"]
    return found["label"].strip(), units.parse_unit(unit.strip()).symbol


def _read_mapping(tables: Tables, path: Path) -> None:
    known = {name for name, _ in (*tables.versions, *tables.refused)}
    shots: dict[int, int] = {}
    for line, row in _rows(path, ("Shot",)):
        if not row["Shot"].isdecimal():
            tables.problems.append(f"{path}, line {line}: {row['Shot']!r} is not a shot number")
            continue
        shot = int(row["Shot"])
        if shot in shots:
            tables.problems.append(f"{path}, line {line}: shot {shot} stands in line {shots[shot]} already")
            continue
        shots[shot] = line
        for name, version in row.items():
            if name in ("Shot", "Date"):
                continue
            if name not in known:
                if line == 2:
                    tables.problems.append(
                        f"{path}, line 1: there is no signal {name!r} in {tables.signals_path}{near_names(name, known)}"
                    )
                continue
            version = "" if version.lower() in NOT_PLUGGED else version  # noqa: PLW2901
            if (name, version) in tables.refused - tables.versions.keys():
                continue
            if version and (name, version) not in tables.versions:
                tables.problems.append(
                    f"{path}, line {line}: {name} has no version {version!r} in {tables.signals_path}"
                )
                continue
            tables.mapping.setdefault(name, []).append((shot, version, line))
    for entries in tables.mapping.values():
        entries.sort()


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with their lines; the columns stand in the first one."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise FileRefused(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileRefused(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    first = text.partition("\n")[0]
    delimiter = max(";,\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in needed if name not in header]
    if missing:
        raise FileRefused(
            f"{path}, line 1: the column {missing[0]!r} is missing; there must be {', '.join(needed)}, separated by ;"
        )
    if len(set(header)) < len(header):
        raise FileRefused(f"{path}, line 1: a column stands there twice")
    for row in reader:
        if any(value.strip() for value in row):
            padded = [value.strip() for value in row] + [""] * (len(header) - len(row))
            yield reader.line_num, dict(zip(header, padded, strict=False))


# -- tables → description -----------------------------------------------------------------------------------


def describe(
    tables: Tables, known: Description, shots: Mapping[int, datetime.datetime], *, create: bool = False
) -> Description:
    """What the testbed is when the tables are right from their first shot on; problems are added to the tables.

    Parameters
    ----------
    tables : Tables
        What was read.
    known : Description
        The testbed as the database knows it; what the tables do not speak of stays.
    shots : mapping
        The trigger of each shot in the database.
    create : bool
        Make ports known that are not: float64 in V, calibrated as such, under a device of the name.
    """
    making = _Making(tables, known, shots, create)
    for name in dict.fromkeys(name for name, _ in tables.versions):
        making.signal(name)
    making.check_ports()
    return replace(
        known, components=making.components, ports=making.ports, signals=making.signals,
        facts={subject: entries for subject, entries in making.facts.items() if entries},
    )  # fmt: skip


class _Making:
    """The description that grows out of the tables."""

    def __init__(
        self, tables: Tables, known: Description, shots: Mapping[int, datetime.datetime], create: bool
    ) -> None:
        self.tables, self.known, self.shots, self.create = tables, known, shots, create
        self.components, self.ports, self.signals = dict(known.components), dict(known.ports), dict(known.signals)
        self.facts = dict(known.facts)
        self.lines: dict[tuple[Subject, Timespan], int] = {}
        self.without_time: set[int] = set()

    def signal(self, name: str) -> None:
        versions = [version for (other, _), version in self.tables.versions.items() if other == name]
        last = versions[-1]
        usable = {version.version for version in versions if version.derived or self._port(version)}
        old = self.signals.get(name, Signal(last.unit))
        self.signals[name] = replace(
            old, unit=last.unit, kind="derived" if last.derived else "measured", label="" if last.label == name else last.label,
            description=last.description,
        )  # fmt: skip
        subject = Subject("definition" if last.derived else "connection", name)
        sensor = Subject("calibration", f"{name} sensor")
        stated: list[tuple[Timespan, Value]] = []
        calibrated: list[tuple[Timespan, Value]] = []
        runs = list(self._runs(name))
        for span, number, line, moments in runs:
            if self._known_already(name, number, moments):
                stated += _within(self.known.facts.get(subject, ()), span)
                calibrated += _within(self.known.facts.get(sensor, ()), span)
                continue
            if number not in usable:
                continue
            version = self.tables.versions[name, number]
            self.lines[subject, span] = line
            if last.derived:
                stated.append((span, Definition(version.formula)))
                continue
            steps, given = version.steps, self._given(version.port, span)
            if not steps and given != version.unit:
                steps = (Polynomial((0.0, 1.0)),)
            stated.append((span, Connection(version.port, (sensor.name,) if steps else ())))
            if steps:
                calibrated.append((span, Calibration(given, version.unit, steps, self.tables.signals_path.name)))
        if runs:
            self._take_over(subject, runs[0][0].since, stated)
        if any(value not in [old for _, old in self.known.facts.get(sensor, ())] for _, value in calibrated):
            self.components.setdefault(
                sensor.name, Component("Sensor", description=f"What {name} passes through, by the tables")
            )
            self.facts.setdefault(Subject("placement", sensor.name), ((Timespan(calibrated[0][0].since), Placement()),))
            self._take_over(sensor, runs[0][0].since, calibrated)

    def _known_already(self, name: str, number: str, moments: list[datetime.datetime]) -> bool:
        """Whether the database says the same in each of these shots, through whatever chain."""
        wanted = None
        if number:
            version = self.tables.versions[name, number]
            wanted = (version.port, expression_of(version.steps), version.formula)
        return name in self.known.signals and all(_said(self.known, name, moment) == wanted for moment in moments)

    def _runs(self, name: str) -> Iterator[tuple[Timespan, str, int, list[datetime.datetime]]]:
        """Shots of one version after another become one period, up to the first shot of the next."""
        entries = [(self._time(shot, line), version, line) for shot, version, line in self.tables.mapping.get(name, [])]
        known = [(since, version, line) for since, version, line in entries if since is not None]
        changes = [i for i, one in enumerate(known) if i == 0 or known[i - 1][1] != one[1]]
        for n, first in enumerate(changes):
            since, version, line = known[first]
            after = changes[n + 1] if n + 1 < len(changes) else len(known)
            until = known[after][0] if after < len(known) else None
            yield Timespan(since, until), version, line, [moment for moment, *_ in known[first:after]]

    def _time(self, shot: int, line: int) -> datetime.datetime | None:
        if shot not in self.shots and shot not in self.without_time:
            self.without_time.add(shot)
            self.tables.problems.append(
                f"{self.tables.mapping_path}, line {line}: shot {shot} is not in the database, so nobody knows when it was; load it first"
            )
        return self.shots.get(shot)

    def _take_over(
        self, subject: Subject, since: datetime.datetime | None, stated: list[tuple[Timespan, Value]]
    ) -> None:
        """What was believed before the first shot of the tables stays."""
        before = [
            (piece, value) for span, value in self.facts.get(subject, ()) for piece in without(span, [Timespan(since)])
        ]
        self.facts[subject] = timeline([*before, *stated])

    def _port(self, version: Version) -> bool:
        if version.port in self.ports:
            return True
        if not self.create:
            self.tables.problems.append(
                f"{self.tables.signals_path}, line {version.line}: there is no port {version.port!r}{near_names(version.port, self.ports)}; "
                "--create makes it known"
            )
            return False
        device, _, channel = version.port.rpartition("/")
        if device not in self.components:
            self.components[device] = Component("DAQDevice", description="from the tables")
            self.facts[Subject("placement", device)] = ((Timespan(), Placement()),)
        self.ports[version.port] = Port(device, channel, "float64", "V", description="from the tables")
        self.facts[Subject("placement", version.port)] = ((Timespan(), Placement(device)),)
        volts = Calibration("V", "V", (Polynomial((0.0, 1.0)),), self.tables.signals_path.name)
        self.facts[Subject("calibration", version.port)] = ((Timespan(), volts),)
        return True

    def _given(self, port: str, span: Timespan) -> str:
        """The unit of what the port gives, after its own calibration."""
        for held, value in self.known.of("calibration", port):
            if held.overlaps(span) and isinstance(value, Calibration):
                return value.output_unit
        return self.ports[port].unit

    def check_ports(self) -> None:
        """Two signals cannot share a port; the tables say so in the line that came later."""
        carried: dict[str, list[tuple[Timespan, Subject]]] = {}
        for subject, entries in self.facts.items():
            for span, value in entries:
                if not isinstance(value, Connection):
                    continue
                for held, other in carried.get(value.port, []):
                    shared = common(span, held)
                    if shared is not None:
                        line = self.lines.get((subject, span)) or self.lines.get((other, held))
                        where = f"{self.tables.mapping_path}, line {line}" if line else "the database"
                        self.tables.problems.append(
                            f"{where}: port {value.port!r} would carry {other.name} and {subject.name} during {shared}"
                        )
                carried.setdefault(value.port, []).append((span, subject))


def _within(entries: Timeline, span: Timespan) -> Iterator[tuple[Timespan, Value]]:
    """What a timeline says within a period."""
    for held, value in entries:
        shared = common(held, span)
        if shared is not None:
            yield shared, value


# -- description → tables -----------------------------------------------------------------------------------


def write_tables(known: Description, shots: Mapping[int, datetime.datetime]) -> tuple[str, str]:
    """The text of ``signals.csv`` and ``mapping.csv`` for these shots.

    The Calibration of a row is that of the chain, without the port's own.
    """
    rows: list[list[Any]] = []
    columns: dict[str, list[str]] = {}
    for name, signal in sorted(known.signals.items()):
        if signal.kind == "processed":
            continue
        numbers: dict[tuple[str, str, str], str] = {}
        columns[name] = []
        for moment in shots.values():
            said = _said(known, name, moment)
            if said is not None and said not in numbers:
                numbers[said] = str(len(numbers) + 1)
                label = signal.label or name
                rows.append(
                    [name, numbers[said], "Derived" if signal.kind == "derived" else "1D", *said, signal.description, "Time (s)",
                     f"{label} ({signal.unit})" if signal.unit else label]
                )  # fmt: skip
            columns[name].append("" if said is None else numbers[said])
        if not numbers:
            del columns[name]
    mapping = [[shot, *(columns[name][i] for name in columns)] for i, shot in enumerate(shots)]
    return _csv([list(COLUMNS), *rows]), _csv([["Shot", *columns], *mapping])


def _said(known: Description, name: str, moment: datetime.datetime) -> tuple[str, str, str] | None:
    """Path, calibration and processing of a signal at a moment."""
    if known.signals[name].kind == "derived":
        formula = _at(known, Subject("definition", name), moment)
        return ("", "", formula.formula) if isinstance(formula, Definition) else None
    wired = _at(known, Subject("connection", name), moment)
    if not isinstance(wired, Connection):
        return None
    steps: list[Step] = []
    port = _at(known, Subject("calibration", wired.port), moment)
    given = port.output_unit if isinstance(port, Calibration) else known.ports[wired.port].unit
    for item in wired.chain:
        calibration = _at(known, Subject("calibration", item), moment)
        if isinstance(calibration, Calibration):
            steps += [*_converted(given, calibration.input_unit), *calibration.steps]
            given = calibration.output_unit
    steps += _converted(given, known.signals[name].unit)
    return wired.port, expression_of(steps), ""


def _converted(given: str, taken: str) -> list[Step]:
    gain, offset = units.conversion(given, taken) if given != taken else (1.0, 0.0)
    return [] if (gain, offset) == (1.0, 0.0) else [Polynomial((offset, gain))]


def _at(known: Description, subject: Subject, moment: datetime.datetime) -> Value | None:
    return next((value for span, value in known.facts.get(subject, ()) if moment in span), None)


def _csv(rows: list[list[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written, delimiter=";", lineterminator="\n").writerows(rows)
    return written.getvalue()
