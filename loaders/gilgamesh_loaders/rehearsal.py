"""A dry run: what loading some files would do, each seen after those before it, and nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gilgamesh_db import Database
from gilgamesh_db.payload import checksum
from gilgamesh_loaders.commit import Examination, examine
from gilgamesh_loaders.plan import ShotPlan


@dataclass
class Rehearsal:
    """Plans that would be loaded one after the other.

    Attributes
    ----------
    create : bool
        Unknown ports would be made known.
    """

    db: Database
    create: bool = False
    _sources: dict[bytes, str] = field(default_factory=dict)
    _shots: dict[int, tuple[datetime, str]] = field(default_factory=dict)
    _records: dict[tuple[int, str], tuple[bytes, str]] = field(default_factory=dict)

    def examine(self, plan: ShotPlan) -> Examination:
        """What loading a plan would do, after the database and the plans that were examined before."""
        found = examine(self.db, plan)
        name = plan.source.name
        if plan.source.sha256 in self._sources and self._sources[plan.source.sha256] != name:
            found.already_there = True
            found.notes.append(f"it is the same file as {self._sources[plan.source.sha256]}")
        if not found.already_there:
            self._compare(plan, found)
        if not found.conflicts:
            self._sources.setdefault(plan.source.sha256, name)
            self._shots.setdefault(plan.number, (plan.started_at, name))
        return found

    def refused(self, found: Examination) -> bool:
        """Whether the plan could not be loaded as it is."""
        return bool(found.conflicts) or (bool(found.unknown_ports) and not self.create and not found.already_there)

    def _compare(self, plan: ShotPlan, found: Examination) -> None:
        before = self._shots.get(plan.number)
        if before is not None and abs((before[0] - plan.started_at).total_seconds()) > 1:
            found.conflicts.append(
                f"shot {plan.number} is of {before[0]} in {before[1]}, but of {plan.started_at} here"
            )
        for series in plan.series:
            said = checksum(series.raw, series.times)
            held, name = self._records.setdefault((plan.number, series.port), (said, plan.source.name))
            if held != said:
                found.conflicts.append(f"{name} has other samples of {series.port} for shot {plan.number}")
            elif name != plan.source.name:
                found.repeated.add(series.port)


def as_dict(found: Examination) -> dict[str, Any]:
    """An examination for a script."""
    plan = found.plan
    unknown = {series.port for series in found.unknown_ports}
    return {
        "file": plan.source.name, "format": plan.source.format, "shot": plan.number,
        "started_at": plan.started_at.isoformat(), "already_there": found.already_there, "shot_exists": found.shot_exists,
        "ports": [
            {"port": one.port, "samples": int(one.raw.size), "dtype": one.raw.dtype.name, "start": one.start, "dt": one.dt,
             "state": "unknown" if one.port in unknown else "already there" if one.port in found.repeated else "ready"}
            for one in plan.series
        ],
        "conflicts": found.conflicts, "notes": found.notes,
    }  # fmt: skip
