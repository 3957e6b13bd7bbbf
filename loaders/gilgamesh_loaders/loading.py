"""Loading files: one, and what became of it; many, in several processes, with a report.

What is wrong with one file never stops the others; what is wrong with the database stops all of them, and what was
not reached is taken up again with ``--continue``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gilgamesh_db import Database
from gilgamesh_db.errors import (
    ConflictError,
    FileRefused,
    InvalidValue,
    ServerError,
    ShotNotFound,
    SystemFault,
    UserError,
)
from gilgamesh_loaders.arrivals import Stamp, stamp_of
from gilgamesh_loaders.commit import Report, commit, complete, examine, is_loaded
from gilgamesh_loaders.formats import Hints, read_plans, shown
from gilgamesh_loaders.plan import ShotPlan
from gilgamesh_loaders.sheet import Sheet, is_sheet, read_sheet, recordings_beside, same_trigger, sheet_beside

# unfinished: it changed while it was read; waiting: for the recording it belongs to; postponed: the database cannot be
# written now; died: its reader died.
Status = Literal["loaded", "already there", "refused", "unfinished", "waiting", "postponed", "died"]

TRIES = 5  # of a file, while the database cannot be reached
_TRIES = {"postponed": TRIES, "died": 2}
PAUSE = 1.0  # s, doubled at each try


@dataclass(frozen=True)
class Instructions:
    """How files are to be read and loaded.

    Parameters
    ----------
    hints : Hints
        What the files may not say.
    format : str or None
        Name of the format, when it is not to be detected.
    create : bool
        Make unknown ports and attributes known.
    """

    hints: Hints = field(default_factory=Hints)
    format: str | None = None
    create: bool = False

    def to_json(self) -> dict[str, Any]:
        """The same as JSON; what is not given is left out.

        Examples
        --------
        >>> told = Instructions(Hints(device="Scope", timezone=ZoneInfo("Europe/Brussels")), create=True)
        >>> told.to_json()
        {'device': 'Scope', 'timezone': 'Europe/Brussels', 'create': True}
        >>> Instructions.from_json(told.to_json()) == told
        True
        """
        said: dict[str, Any] = {**vars(self.hints), "format": self.format, "create": self.create or None}
        return {
            name: value if isinstance(value, bool | int | float) else
            value.isoformat() if isinstance(value, datetime) else str(value)
            for name, value in said.items() if value is not None
        }  # fmt: skip

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Instructions:
        """What `to_json` made."""
        hints = {name: value for name, value in said.items() if name not in ("format", "create")}
        if "started_at" in hints:
            hints["started_at"] = datetime.fromisoformat(hints["started_at"])
        if "timezone" in hints:
            hints["timezone"] = zone(hints["timezone"])
        if "mapping" in hints:
            hints["mapping"] = Path(hints["mapping"])
        return cls(Hints(**hints), said.get("format"), bool(said.get("create")))


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes
    ----------
    path : Path
    status : str
        ``loaded``, ``already there``, ``refused``; ``unfinished`` when it changed while it was read, ``waiting`` for its
        recording, ``postponed`` when the database could not take it, ``died`` when its reader did.
    reason : str
        Why not.
    shots, series, samples, nbytes
        What was loaded.
    reports : tuple of str
        What there is to say about each shot.
    seconds : float
        Reading and writing together.
    stamp : Stamp or None
        Size and time of the file that was read.
    temporary : bool
        Trying again may help: the database was away, or the file could not be read and may not be whole yet.
    """

    path: Path
    status: Status
    reason: str = ""
    shots: tuple[int, ...] = ()
    series: int = 0
    samples: int = 0
    nbytes: int = 0
    reports: tuple[str, ...] = ()
    seconds: float = 0.0
    stamp: Stamp | None = None
    temporary: bool = False

    def __str__(self) -> str:
        return "\n".join(self.reports) if self.reports else f"{self.status}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """What a script may want to know."""
        said = {"file": shown(self.path), "status": self.status, "shots": list(self.shots), "series": self.series,
                "samples": self.samples, "bytes": self.nbytes, "seconds": round(self.seconds, 3)}  # fmt: skip
        return said | ({"reason": self.reason} if self.reason else {})


def load_file(db: Database, path: Path, instructions: Instructions) -> Outcome:
    """Load a file whole, each of its shots in one transaction, or say why not; nothing is raised for what it holds.

    Parameters
    ----------
    db : Database
    path : Path
    instructions : Instructions

    Returns
    -------
    Outcome
    """
    began = time.perf_counter()
    before, reading = None, True
    try:
        before = _stamp(path)
        if is_sheet(path):
            return replace(_load_sheet(db, path, instructions), stamp=before, seconds=time.perf_counter() - began)
        plans, sheet = _read(path, instructions)
        if before != _stamp(path):
            return Outcome(path, "unfinished", f"{shown(path)} changed while it was read; is it still being written?")
        reading = False
        if len(plans) > 1:
            _refuse_together(db, plans)
        beside = () if sheet is None else (sheet.source,)
        reports = [commit(db, plan, create=instructions.create, companions=beside) for plan in plans]
        if sheet is not None and reports[0].status != "loaded":
            reports.append(complete(db, sheet, plans[0].number, instructions.hints, create=instructions.create))
    except UserError as error:
        return Outcome(path, "refused", str(error), stamp=before, temporary=reading)
    except ServerError as error:
        return Outcome(path, "postponed", str(error), stamp=before, temporary=not _full(error))
    except SystemFault as error:
        return Outcome(path, "refused", str(error), stamp=before)
    except MemoryError:
        return Outcome(path, "refused", f"{shown(path)}: there is not enough memory to read it", stamp=before)
    except Exception as error:  # a reader that was not prepared for this file; the others must go on
        said = f"{shown(path)} cannot be read, and its reader did not expect that: {type(error).__name__}: {error}"
        return Outcome(path, "refused", f"{said:.1000}", stamp=before, temporary=reading)
    return _loaded(path, plans, reports, time.perf_counter() - began, before)


def load_files(
    db: Database,
    files: Iterable[Path],
    instructions: Instructions | Mapping[Path, Instructions],
    *,
    jobs: int = 0,
    told: Callable[[Outcome], None] = lambda _: None,
) -> Batch:
    """Load many files, in processes of their own.

    Parameters
    ----------
    db : Database
    files : iterable of Path
    instructions : Instructions, or mapping of Path to Instructions
    jobs : int
        Processes; 0 for none beside this one.
    told : callable
        Called with each outcome, as they come.

    Returns
    -------
    Batch
        Also when the database could not be reached any more, or Ctrl-C was pressed; `Batch.left` says what was not
        reached.
    """
    from gilgamesh_loaders.crew import Task

    each = instructions if isinstance(instructions, Mapping) else None
    tasks = [
        Task(path, each[path] if each is not None else instructions, _size(path))  # type: ignore[arg-type]
        for path in files
    ]
    batch = Batch(left=[task.path for task in tasks])
    began = time.monotonic()
    try:
        for outcome in _here(db, tasks) if jobs == 0 else _in_processes(db, tasks, jobs):
            if outcome.status == "postponed":
                batch.fault = outcome.reason
                break
            batch.add(outcome)
            told(outcome)
    except KeyboardInterrupt:
        batch.interrupted = True
    batch.seconds = time.monotonic() - began
    return batch


@dataclass
class Batch:
    """The report of a load.

    Attributes
    ----------
    outcomes : list of Outcome
        In the order in which they came.
    left : list of Path
        What was not reached.
    fault : str
        What is wrong with the database; empty when nothing is.
    interrupted : bool
        Somebody pressed Ctrl-C.
    seconds : float
        How long it took.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)
    fault: str = ""
    interrupted: bool = False
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Take note of an outcome."""
        self.outcomes.append(outcome)
        self.left.remove(outcome.path)

    def of(self, *states: Status) -> list[Outcome]:
        """The outcomes of some kinds."""
        return [one for one in self.outcomes if one.status in states]

    @property
    def refused(self) -> list[Outcome]:
        """Everything that is not in the database, and why."""
        return self.of("refused", "unfinished", "waiting", "died")

    def to_dict(self) -> dict[str, Any]:
        """The same for a script."""
        return {
            "loaded": [one.to_dict() for one in self.of("loaded")],
            "already there": [one.to_dict() for one in self.of("already there")],
            "refused": [one.to_dict() for one in self.refused],
            "not reached": [shown(path) for path in self.left],
            "fault": self.fault or None,
            "interrupted": self.interrupted,
            "seconds": round(self.seconds, 3),
        }

    def __str__(self) -> str:
        loaded, there = self.of("loaded"), self.of("already there")
        nbytes, samples = sum(one.nbytes for one in loaded), sum(one.samples for one in loaded)
        rate = f" in {self.seconds:.1f} s" + (f", {nbytes / 1e6 / self.seconds:.0f} MB/s" if nbytes > 1e6 else "")
        lines = [f"loaded        {_files(len(loaded))}"]
        if loaded:
            shots = len({shot for one in loaded for shot in one.shots})
            many = f"{samples:,}".replace(",", " ")
            lines[0] += f": {shots} shot{'s' * (shots != 1)}, {many} samples{rate}"
        lines.append(f"already there {_files(len(there))}")
        lines.append(f"refused       {_files(len(self.refused))}")
        lines += [f"  {one.reason}" for one in self.refused]
        if self.left:
            lines.append(f"not reached   {_files(len(self.left))}; go on with: gilgamesh load --continue")
        return "\n".join(lines)


def zone(name: str | None) -> ZoneInfo | None:
    """A time zone by its name.

    Raises
    ------
    InvalidValue
        There is none of this name.
    """
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InvalidValue(f"{name!r} is no time zone; write it like Europe/Brussels or UTC") from error


def _here(db: Database, tasks: list[Any]) -> Iterator[Outcome]:
    for task in tasks:
        for attempt in range(TRIES):
            outcome = load_file(db, task.path, task.instructions)
            if outcome.status != "postponed" or not outcome.temporary:
                break
            time.sleep(PAUSE * 2**attempt)
        yield outcome


def _in_processes(db: Database, tasks: list[Any], jobs: int) -> Iterator[Outcome]:
    from gilgamesh_loaders.crew import Crew

    waiting, tries, gone = deque(tasks), dict.fromkeys((task.path for task in tasks), 0), False
    with Crew(db.engine.url.render_as_string(hide_password=False), min(jobs, len(tasks))) as crew:
        while (waiting and not gone) or crew.busy:
            try:
                while waiting and not gone and crew.idle:
                    crew.give(waiting.popleft())
                for task, outcome in crew.finished(1.0):
                    tries[task.path] += 1
                    again = tries[task.path] < _TRIES.get(outcome.status, 0) and (
                        outcome.temporary or outcome.status == "died"
                    )
                    if not again:
                        yield outcome
                        continue
                    waiting.appendleft(task)
                    if outcome.status == "postponed":
                        time.sleep(PAUSE * 2 ** (tries[task.path] - 1))
            except KeyboardInterrupt:  # what is under way is finished, nothing else begins; another Ctrl-C ends it
                if gone:
                    raise
                gone = True
    if gone:
        raise KeyboardInterrupt


def _read(path: Path, instructions: Instructions) -> tuple[tuple[ShotPlan, ...], Sheet | None]:
    """Read a recording, together with the sheet beside it where there is one."""
    found = sheet_beside(path)
    hints = instructions.hints
    if found is None:
        return read_plans(path, hints, instructions.format), None
    sheet = read_sheet(found)
    told = replace(hints, shot=hints.shot if sheet.number is None else sheet.number, started_at=sheet.started_at)
    plans = read_plans(path, told, instructions.format)
    if len(plans) > 1:  # a sheet is about one shot
        return read_plans(path, hints, instructions.format), None
    plan = plans[0]
    if not same_trigger(sheet, plan.started_at, hints):
        raise FileRefused(
            f"{shown(path)} was triggered at {plan.started_at}, but {found.name} beside it says {sheet.started_at}. "
            "Is its time in another zone? Give --timezone"
        )
    attributes = {**sheet.attributes, **plan.attributes}
    return (replace(plan, attributes=attributes, program=plan.program or sheet.program),), sheet


def _load_sheet(db: Database, path: Path, instructions: Instructions) -> Outcome:
    """Load a sheet: through its recording, which may not have been complete without it, or beside the stored shot."""
    sheet = read_sheet(path)
    with db.transaction() as connection:
        if is_loaded(connection, sheet.source):
            return Outcome(path, "already there", reports=(f"{path.name}: was loaded before; nothing was changed",))
    for recording in recordings_beside(path):
        outcome = load_file(db, recording, instructions)
        if outcome.status in ("loaded", "already there") and sheet_beside(recording) != path:  # a second sheet of it
            report = complete(db, sheet, outcome.shots[0], instructions.hints, create=instructions.create)
            return Outcome(path, "loaded", shots=outcome.shots, reports=(str(report),), nbytes=sheet.source.size)
        return replace(outcome, path=path)
    shot = sheet.number if sheet.number is not None else instructions.hints.shot
    if shot is not None:
        with suppress(ShotNotFound):
            report = complete(db, sheet, shot, instructions.hints, create=instructions.create)
            return Outcome(path, "loaded", shots=(shot,), reports=(str(report),), nbytes=sheet.source.size)
    return Outcome(path, "waiting", f"{shown(path)} says when a shot was, but there is no recording of it yet")


def _loaded(
    path: Path, plans: tuple[ShotPlan, ...], reports: list[Report], seconds: float, stamp: Stamp | None
) -> Outcome:
    written = [report for report in reports if report.status == "loaded" or report.status.startswith("completed")]
    return Outcome(
        path,
        "loaded" if written else "already there",
        shots=tuple(plan.number for plan in plans),
        series=sum(report.series for report in written),
        samples=sum(report.samples for report in written),
        nbytes=plans[0].source.size if written else 0,
        reports=tuple(map(str, reports)),
        seconds=seconds,
        stamp=stamp,
    )


def _refuse_together(db: Database, plans: tuple[ShotPlan, ...]) -> None:
    """A file of several shots is loaded shot by shot: what is wrong with one is found before the first is written."""
    found = [conflict for plan in plans for conflict in examine(db, plan).conflicts]
    if found:
        raise ConflictError(f"{plans[0].source.name}: {'; '.join(found)}. Nothing was loaded")


def _stamp(path: Path) -> Stamp | None:
    try:
        return stamp_of(path)
    except OSError:  # reading it says what is wrong
        return None


def _size(path: Path) -> int:
    found = _stamp(path)
    return 0 if found is None else found.size


def _full(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "sqlstate", None) == "53100" or "No space left" in str(cause):
            return True
        cause = cause.__cause__
    return False


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
