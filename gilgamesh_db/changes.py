"""What two states of knowledge say differently: which signals of which shots, by how much, and who made the difference."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from . import noting
from .derived_changes import Compared, Difference, Formulas
from .difference import Amount, from_previews, from_samples, moved
from .errors import InvalidValue
from .retention import shots_between

if TYPE_CHECKING:
    import pandas as pd

    from .database import Database

Shots = int | str | Sequence[int] | None

_CHANGED = """
select (c.after).shot, (c.after).signal, (c.after).unit, c.what, c.edits, c.n, c.maximum, c.rms, c.deviation, c.peak,
       c.mean_before, c.mean_after, c.shift, (c.before).status as status_before, (c.after).status as status_after,
       (c.before).port as port_before, (c.after).port as port_after,
       -- What is needed to read the samples, where moments do not tell.
       case when c.maximum is null or (c.shift is null and 'timing' = any(c.what)) then to_jsonb(c.before) end as before,
       case when c.maximum is null or (c.shift is null and 'timing' = any(c.what)) then to_jsonb(c.after) end as after
  from gilgamesh.changed_signals(:known_at_1, :known_at_2, :signals, :since, :until) c
 order by (c.after).signal, (c.after).shot
"""
_CAUSES = "select id, author, recorded_at, reason from gilgamesh.edit where id = any(:edits) order by id"


@dataclass(frozen=True)
class Cause:
    """The edit that made a difference: who, when and why."""

    edit: int
    author: str
    recorded_at: datetime
    reason: str

    def __str__(self) -> str:
        return f"{self.author}, {self.recorded_at.astimezone(UTC):%Y-%m-%d}: {self.reason}"


@dataclass(frozen=True)
class Change:
    """One signal of one shot that two states of knowledge say differently.

    Attributes
    ----------
    shot, signal, unit
        Which signal, and the unit of all numbers but `shift` and `sigma`.
    what : tuple of str
        What differs: wired, unwired, port, chain, calibrated, uncalibrated, calibration,
        timing; of a processed signal computed, run; of a derived signal defined, undefined, definition, input.
    maximum, rms : float or None
        Largest and root-mean-square difference of samples taken at the same time; None where there are no two
        numbers to compare. With ``compared == "bounds"``, `maximum` is an upper bound.
    sigma : float or None
        `rms` in standard deviations of the signal as it was known first.
    relative : float or None
        `maximum` as a part of the largest magnitude as it was known first.
    mean_before, mean_after : float or None
        Mean values.
    n : int or None
        How many samples were compared.
    shift : float or None
        By how much the samples moved in time, at most, in seconds.
    compared : str
        moments: exactly, from stored moments; samples: sample by sample; bounds: only enclosed, from previews;
        "": there are no two readings, or their time bases do not agree; "not read": of a derived signal, when too many
        samples would have to be read, or none were to be.
    causes : tuple of Cause
        The edits that made the difference.
    inputs : tuple of str
        Of a derived signal: the signals its formula names that differ.
    """

    shot: int
    signal: str
    unit: str
    what: tuple[str, ...]
    status_before: str
    status_after: str
    port_before: str | None
    port_after: str | None
    maximum: float | None
    rms: float | None
    sigma: float | None
    relative: float | None
    mean_before: float | None
    mean_after: float | None
    n: int | None
    shift: float | None
    compared: str
    causes: tuple[Cause, ...]
    inputs: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same as a dictionary, the causes as a list of dictionaries."""
        causes = [dict(vars(cause)) for cause in self.causes]
        return {**vars(self), "what": list(self.what), "causes": causes, "inputs": list(self.inputs)}


class Changes(Sequence[Change]):
    """What differs between two states of knowledge; a sequence of `Change`, by signal and shot, derived signals last.

    Attributes
    ----------
    known_at_1, known_at_2 : datetime or None
        The two moments; None is today.
    """

    def __init__(self, found: Iterable[Change], known_at_1: datetime | None, known_at_2: datetime | None) -> None:
        self._found = tuple(found)
        self.known_at_1 = known_at_1
        self.known_at_2 = known_at_2

    def __getitem__(self, index: Any) -> Any:
        return self._found[index]

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Change]:
        return iter(self._found)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """All edits that made a difference, in the order in which they became known."""
        return tuple(sorted({c for change in self for c in change.causes}, key=lambda cause: cause.edit))

    @property
    def table(self) -> pd.DataFrame:
        """One row per signal and shot, index (Signal, Shot)."""
        import pandas as pd

        columns = [name for name in Change.__dataclass_fields__ if name not in ("causes", "what", "inputs")]
        rows = [
            [
                ", ".join(c.what),
                *(getattr(c, name) for name in columns),
                ", ".join(c.inputs),
                "; ".join(map(str, c.causes)),
            ]
            for c in self
        ]
        table = pd.DataFrame(rows, columns=["what", *columns, "inputs", "because"])
        return table.rename(columns={"signal": "Signal", "shot": "Shot"}).set_index(["Signal", "Shot"])

    def groups(self) -> list[tuple[Change, list[Change]]]:
        """Changes of one signal with the same kind, ports and causes, each with its largest one first."""
        together: dict[tuple[Any, ...], list[Change]] = {}
        for c in self:
            ports = (c.port_before, c.port_after) if {"port", "wired", "unwired"} & set(c.what) else ()
            key = (c.signal, c.what, ports, c.status_before, c.status_after, c.inputs, c.causes)
            together.setdefault(key, []).append(c)
        return [(max(members, key=lambda c: _size(c.maximum)), members) for members in together.values()]

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """What people read: signal, shots, what differs, by how much, and why."""
        return [
            (
                largest.signal,
                _shots(members),
                _what(largest),
                _how_much(largest, members),
                "; ".join(map(str, largest.causes)),
            )
            for largest, members in self.groups()
        ]

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries."""
        return {
            "known_at_1": self.known_at_1, "known_at_2": self.known_at_2, "changes": [c.to_dict() for c in self],
        }  # fmt: skip

    def __str__(self) -> str:
        if not self._found:
            return f"nothing differs between {self._between()}"
        lines = [f"{self._count()} between {self._between()}"]
        for signal, shots, what, how_much, why in self.rows():
            lines += [f"{signal}, {shots}: {what}", *([f"    {how_much}"] if how_much else []), f"    {why}"]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Changes: {self._count()}>"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("signal", "shots", "what", "by how much", "because"))
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows()
        )
        caption = html.escape(f"{self._count()} between {self._between()}")
        return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"

    def _count(self) -> str:
        signals, shots = len({c.signal for c in self}), len({c.shot for c in self})
        return f"{_many(signals, 'signal')} of {_many(shots, 'shot')} {'differs' if signals == 1 else 'differ'}"

    def _between(self) -> str:
        return f"what was known on {_moment(self.known_at_1)} and {_moment(self.known_at_2)}"


def changes(
    db: Database, known_at_1: datetime | None, known_at_2: datetime | None, shots: Shots = None,
    signals: Sequence[str] | str | None = None, tolerance: float = 0.0, exact: bool = True,
) -> Changes:  # fmt: skip
    """See `Database.changes`."""
    with db.transaction() as connection:
        if known_at_1 is not None:  # today's knowledge can be compared with itself, even of an empty database
            connection.execute(sa.text("select gilgamesh.knowable(:moment)"), {"moment": known_at_1})
        found = Found(connection, known_at_1, known_at_2, shots, signals)
    return found.weigh(db, tolerance, exact)


class Found:
    """What differs, read within a transaction; by how much is computed by `weigh` after it has ended."""

    def __init__(
        self, connection: sa.Connection, known_at_1: datetime | None, known_at_2: datetime | None, shots: Shots = None,
        signals: Sequence[str] | str | None = None,
    ) -> None:  # fmt: skip
        self._moments = known_at_1, known_at_2
        since, until, self._only = _chosen(shots)
        asked: dict[str, Any] = {
            "known_at_1": known_at_1 or "infinity", "known_at_2": known_at_2 or "infinity", "since": since, "until": until,
            "signals": [signals] if isinstance(signals, str) else None if signals is None else list(signals),
        }  # fmt: skip
        self._formulas = Formulas(connection, asked)
        # Stored signals that nobody asked for are needed where a derived one is made of them.
        named = None if asked["signals"] is None else self._formulas.meant(asked["signals"])
        rows = connection.execute(_BOUND, {**asked, "signals": self._reaching(asked["signals"])}).all()
        self._rows = [row for row in rows if named is None or row.signal in named]
        self._derived = self._formulas.differing(connection, rows, asked, self._only)
        self._formulas.resolve(connection, self._derived)
        edits = sorted({edit for found in self._all for edit in found.edits})
        causes = connection.execute(sa.text(_CAUSES), {"edits": edits})
        self._causes = {row.id: Cause(*row) for row in causes}

    @property
    def pairs(self) -> list[tuple[str, int]]:
        """Signal and shot of everything that differs."""
        return [(found.signal, found.shot) for found in self._all]

    @property
    def _all(self) -> list[Any]:
        return [*self._rows, *self._derived]

    def _reaching(self, signals: list[str] | None) -> list[str] | None:
        return None if signals is None else sorted({*signals, *self._formulas.with_inputs(signals)})

    def weigh(self, db: Database, tolerance: float = 0.0, exact: bool = True) -> Changes:
        """Say by how much each differs, and leave out what differs by no more than a part of its largest value."""
        if not 0 <= tolerance < math.inf:
            raise InvalidValue(
                f"a tolerance of {tolerance} is none; give a part of the largest value, for example 1e-6"
            )
        kept = []
        with noting.unnoted():
            for row in self._rows:
                if self._only is None or row.shot in self._only:
                    change = _weighed(db, row, tuple(self._causes[edit] for edit in row.edits), tolerance, exact)
                    if change is not None:
                        kept.append(change)
            return Changes((*kept, *self._weigh_derived(db, tolerance, exact)), *self._moments)

    def _weigh_derived(self, db: Database, tolerance: float, exact: bool) -> list[Change]:
        """Derived signals, in the order of their names; those that come out the same are left out."""
        compared = {one: self._formulas.compare(db, one, exact) for one in self._formulas.reading_order(self._derived)}
        found = (_derived(one, compared.get(one), tuple(self._causes[e] for e in one.edits)) for one in self._derived)
        return [
            change
            for change in found
            if change is not None
            and not (
                tolerance
                and change.what == ("input",)
                and not change.shift
                and change.relative is not None
                and change.relative <= tolerance
            )
        ]


_BOUND = sa.text(_CHANGED).bindparams(
    sa.bindparam("known_at_1", type_=sa.TIMESTAMP(timezone=True)),
    sa.bindparam("known_at_2", type_=sa.TIMESTAMP(timezone=True)),
    sa.bindparam("signals", type_=sa.ARRAY(sa.Text)),
    sa.bindparam("since", type_=sa.BigInteger),
    sa.bindparam("until", type_=sa.BigInteger),
)


def _weighed(db: Database, row: Any, causes: tuple[Cause, ...], tolerance: float, exact: bool) -> Change | None:
    """One row as a change; None when it lies within the tolerance."""
    change = Change(
        row.shot, row.signal, row.unit, tuple(row.what), row.status_before, row.status_after, row.port_before,
        row.port_after, None, None, None, None, row.mean_before, row.mean_after, None, row.shift, "", causes,
    )  # fmt: skip
    if (row.status_before, row.status_after) != ("ok", "ok"):
        return change
    readings = None if row.before is None else (SimpleNamespace(**row.before), SimpleNamespace(**row.after))
    one_record = readings is None or readings[0].series_id == readings[1].series_id
    if readings and one_record and "timing" in row.what and row.shift is None:
        change = replace(change, shift=moved(db.reader, db.cache, *readings))
    if row.maximum is not None:
        amount = Amount(row.maximum, row.rms, row.deviation, row.peak, row.mean_before, row.mean_after, int(row.n))
        change = _with(change, amount, "moments")
    elif one_record and "calibration" not in row.what:
        change = replace(change, maximum=0.0, rms=0.0, sigma=0.0, relative=0.0, compared="moments")
    elif readings is not None:
        enclosed = from_previews(db.reader, *readings) if tolerance or not exact else None
        within = enclosed is not None and enclosed[0] <= tolerance * enclosed[1]
        if enclosed is not None and (within or not exact):
            largest, peak = enclosed
            change = replace(change, maximum=largest, relative=_part(largest, peak), compared="bounds")
        elif exact and (found := from_samples(db.reader, db.cache, *readings)) is not None:
            change = _with(change, found, "samples")
    moved_only = not change.shift and set(change.what) <= {"port", "chain", "calibration", "run"}
    if tolerance and moved_only and change.relative is not None and change.relative <= tolerance:
        return None
    return change


def _derived(one: Difference, compared: Compared | None, causes: tuple[Cause, ...]) -> Change | None:
    """A derived signal as a change; None when it cannot be read at either moment, or comes out the same."""
    change = Change(
        one.shot, one.signal, one.unit, one.what, "not defined" if "defined" in one.what else "ok",
        "not defined" if "undefined" in one.what else "ok", None, None, None, None, None, None, None, None, None, None,
        "not read", causes, one.inputs,
    )  # fmt: skip
    if compared is None:
        return change
    if compared.same and one.what == ("input",):
        return None
    statuses = compared.status_before, compared.status_after
    if "ok" not in statuses:
        return None
    change = replace(
        change, status_before=statuses[0], status_after=statuses[1], shift=compared.shift, compared=""
    )  # fmt: skip
    return change if compared.amount is None else _with(change, compared.amount, "samples")


def _with(change: Change, amount: Amount, compared: str) -> Change:
    scattered = amount.deviation > 1e-12 * amount.peak  # otherwise it is constant, but for rounding
    return replace(
        change, maximum=amount.maximum, rms=amount.rms, sigma=_part(amount.rms, amount.deviation if scattered else 0.0),
        relative=_part(amount.maximum, amount.peak), mean_before=amount.mean_before, mean_after=amount.mean_after,
        n=amount.n, compared=compared,
    )  # fmt: skip


def _part(size: float, whole: float) -> float | None:
    return size / whole if whole else 0.0 if size == 0 else None


def _chosen(shots: Shots) -> tuple[int | None, int | None, frozenset[int] | None]:
    """Since, until, and the shots themselves when they are not all between."""
    if shots is None:
        return None, None, None
    if isinstance(shots, str):
        return *shots_between(shots), None
    if isinstance(shots, Iterable):
        numbers = frozenset(int(shot) for shot in shots)
        if not numbers:
            raise InvalidValue("no shot was given; leave shots out for all of them")
        return min(numbers), max(numbers) + 1, numbers
    return int(shots), int(shots) + 1, None


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _moment(moment: datetime | None) -> str:
    return "today" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}".removesuffix(" 00:00")


def _size(maximum: float | None) -> float:
    return -1.0 if maximum is None or math.isnan(maximum) else maximum


def _shots(members: list[Change]) -> str:
    numbers = sorted(c.shot for c in members)
    if len(numbers) == 1:
        return f"shot {numbers[0]}"
    return f"{len(numbers)} shots, {numbers[0]} to {numbers[-1]}"


def _what(c: Change) -> str:
    told = {
        "wired": f"now wired to {c.port_after}", "unwired": f"no longer wired to {c.port_before}",
        "port": f"{c.port_before} → {c.port_after}", "chain": "another chain", "calibrated": "now calibrated",
        "computed": "now computed", "run": "computed again", "uncalibrated": "no longer calibrated", "calibration": "another calibration", "timing": "another timing",
        "defined": "now defined", "undefined": "no longer defined", "definition": "another formula",
        "input": f"made of {' and '.join(c.inputs)}",
    }  # fmt: skip
    said = ", ".join(told[what] for what in c.what)
    if {"definition", "input"} & set(c.what) and c.status_after != c.status_before:
        return said + (f" (now {c.status_after})" if c.status_after != "ok" else " (can be computed now)")
    return said + (f" (still {c.status_after})" if c.status_after == c.status_before != "ok" else "")


def _how_much(largest: Change, members: list[Change]) -> str:
    said = []
    if largest.maximum == 0:
        said.append("the values stay the same")
    elif largest.maximum is not None:
        at_most = "at most " if largest.compared == "bounds" else ""
        said.append(f"by {at_most}{largest.maximum:.4g} {largest.unit}".rstrip())
        if largest.rms is not None and largest.sigma is not None:
            said.append(f"rms {largest.rms:.4g} {largest.unit} ({largest.sigma:.3g} σ)")
        if largest.mean_before is not None and largest.mean_after is not None:
            said.append(f"mean {largest.mean_before:.4g} → {largest.mean_after:.4g} {largest.unit}".rstrip())
        if len(members) > 1:
            said[-1] += f" in shot {largest.shot}"
        if unread := sum(c.compared == "not read" for c in members):
            said.append(f"{_many(unread, 'shot')} not computed")
    elif largest.compared == "not read":
        said.append("by how much was not computed")
    elif (largest.status_before, largest.status_after) == ("ok", "ok"):
        said.append("the records have different time bases and cannot be compared")
    shift = max((c.shift for c in members if c.shift is not None), default=0.0)
    if shift:
        said.append(f"moved by {shift:.4g} s")
    return ", ".join(said)
