"""Quoting numbers: a key that stands for a signal, a shot, a window, a state of knowledge, and what they gave."""

from __future__ import annotations

import hashlib
import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from .computed import ComputedSignal
from .errors import GilgameshError, InvalidValue, ReferenceNotFound, near_names
from .lineage import Input, inputs_of
from .reading import Cache

if TYPE_CHECKING:
    import pandas as pd

    from .changes import Changes
    from .database import Database
    from .signal import Signal

_CITED = """
select key, signal, shot, t0, t1, known_at, n, unit, sha256, mean, minimum, maximum, author, created_at, inputs
  from gilgamesh.citations
"""
# The records a signal is read from: its own, or those of the signals its formula is made of.
_INPUTS = """
insert into gilgamesh.data_citation_input (citation_id, signal_id, series_id)
values (:citation_id, :signal_id, :series_id)
"""
_WRITE = """
insert into gilgamesh.data_citation
       (reference_id, signal_id, shot, t0, t1, known_at, n, unit, sha256, mean, minimum, maximum, author)
select k.id, s.id, :shot, :t0, :t1, :known_at, :n, :unit, :sha256, :mean, :minimum, :maximum,
       coalesce(nullif(btrim(:author), ''), gilgamesh.acting_role())
  from gilgamesh.signal s, gilgamesh.reference k
 where s.name = :signal and k.key = :key
returning id
"""
_ROUNDING = 1e-12  # relative; what processors disagree on in powers and logarithms


@dataclass(frozen=True)
class Numbers:
    """What was quoted, reduced to what can be compared."""

    n: int
    unit: str
    sha256: str
    mean: float | None
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True)
class Citation:
    """Quoted numbers and the key that stands for them; made by `Database.cite`.

    Attributes
    ----------
    key : str
    signal : str
    shot : int
    window : tuple of float or None
        In seconds from the trigger, half-open; None is the whole signal.
    known_at : datetime
        The instant of the last edit that was known.
    numbers : Numbers
        n, unit, mean, minimum, maximum, and the SHA-256 of: the unit in UTF-8, a zero byte, the times and the values,
        both as little-endian float64, every NaN as 0x7ff8000000000000.
    author : str
    created_at : datetime
    inputs : tuple of str
        The signals it is computed from.
    """

    key: str
    signal: str
    shot: int
    window: tuple[float, float] | None
    known_at: datetime
    numbers: Numbers
    author: str
    created_at: datetime
    inputs: tuple[str, ...]

    @property
    def title(self) -> str:
        """What was quoted, in a line."""
        part = "" if self.window is None else f", {self.window[0]:g} s to {self.window[1]:g} s"
        return f"{self.signal} of shot {self.shot}{part}"

    @property
    def bibtex(self) -> str:
        """The BibTeX entry for the list of references."""
        made, said = self.created_at.astimezone(UTC), self.numbers
        mean = "" if said.mean is None else f", mean {said.mean:.6g} {said.unit}".rstrip()
        fields = {
            "author": "{" + _latex(self.author) + "}", "title": "{" + _latex(self.title) + "}", "year": f"{made:%Y}",
            "month": f"{made:%b}".lower(), "howpublished": "Data of the testbed, kept by Gilgamesh",
            "note": _latex(f"{said.n} values{mean}; as known on {self.known_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
                           f"; verify with: gilgamesh verify {self.key}; sha256 {said.sha256}"),
        }  # fmt: skip
        body = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if name != "month")
        return f"@misc{{{self.key},\n{body}  month = {fields['month']},\n}}\n"

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries."""
        return {**vars(self), "numbers": vars(self.numbers)}

    def __str__(self) -> str:
        said = self.numbers
        mean = "" if said.mean is None else f", mean {said.mean:.6g} {said.unit}".rstrip()
        return f"{self.key}: {self.title}, {said.n} values{mean}, as known on {_day(self.known_at)}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(str(self))}</p><pre>{html.escape(self.bibtex)}</pre>"


@dataclass(frozen=True)
class Verification:
    """Whether quoted numbers can be had again.

    Attributes
    ----------
    citation : Citation
    differences : tuple of str
        What is not as it was quoted; empty when everything is.
    remark : str
        What a reader should know although nothing differs.
    today : Changes or None
        What today's knowledge says otherwise about the signal.
    mean_today : float or None
        The mean as of today's knowledge; None when it cannot be computed any more.
    """

    citation: Citation
    differences: tuple[str, ...]
    remark: str
    today: Changes | None
    mean_today: float | None

    @property
    def verified(self) -> bool:
        """Whether the same knowledge gives the quoted numbers again."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dictionaries."""
        today = None if self.today is None else self.today.to_dict()
        return {**vars(self), "verified": self.verified, "citation": self.citation.to_dict(), "today": today}

    def __str__(self) -> str:
        c = self.citation
        if self.differences:
            return "\n    ".join([f"{c.key}: NOT as quoted", *self.differences])
        lines = [f"{c.key}: verified, {c.numbers.n} values of {c.title} as known on {_day(c.known_at)}"]
        lines += [self.remark] if self.remark else []
        if self.today:
            now = (
                "cannot be computed any more"
                if self.mean_today is None
                else f"{self.mean_today:.6g} {c.numbers.unit}".rstrip()
            )
            then = "" if c.numbers.mean is None else f"mean {c.numbers.mean:.6g} {c.numbers.unit}".rstrip()
            lines.append(f"today's knowledge gives other numbers: {then}, today {now}")
            lines += [f"because {cause}" for cause in self.today.causes]
        return "\n    ".join(lines)


def cite(db: Database, signal: Signal, author: str | None) -> Citation:
    """See `Database.cite`."""
    knowledge = getattr(getattr(signal, "_db", db), "knowledge", None)
    moment = db.reader.rows("select gilgamesh.last_edit_at(%s::timestamptz) as t", (knowledge,))[0].t
    window: tuple[float, float] | None = getattr(signal, "_span", None)
    try:
        shot = int(signal.shot)
        source = _source(db.known_at(moment), signal.name, shot, window)
        quoted, again = numbers_of(signal), numbers_of(source)
    except (TypeError, AttributeError, LookupError) as error:
        raise _not_again(signal) from error
    if quoted != again:
        raise _not_again(signal)
    text = "|".join([signal.name, str(shot), *(repr(end) for end in window or ()), quoted.sha256])
    digest = hashlib.sha256(text.encode()).hexdigest()
    for length in range(6, 65, 2):
        key = f"{signal.name}-{shot}-{digest[:length]}"
        found = _keep(db, key, signal.name, shot, window, moment, quoted, author, inputs_of([source]))
        if found is not None:
            return found
    raise InvalidValue(f"every key for {signal.name!r} of shot {shot} is taken")


def cited(db: Database, key: str) -> Signal:
    """See `Database.cited`."""
    c = citation(db, key)
    return _source(db.known_at(c.known_at), c.signal, c.shot, c.window)


def citation(db: Database, key: str) -> Citation:
    """What a key stands for.

    Raises
    ------
    ReferenceNotFound
        With near keys.
    """
    rows = db.reader.rows(f"{_CITED} where key = %s", (key,))
    if not rows:
        known = [row.key for row in db.reader.rows("select key from gilgamesh.citations", ())]
        near = near_names(str(key), known) or ";"
        raise ReferenceNotFound(f"no data were cited as {key!r}{near} list the citations with `gilgamesh verify --all`")
    return _citation(rows[0])


def citations_of(db: Database, keys: Sequence[str]) -> dict[str, Citation]:
    """What these keys stand for, those that stand for quoted numbers."""
    return {row.key: _citation(row) for row in db.reader.rows(f"{_CITED} where key = any(%s)", (list(keys),))}


def table_of_citations(db: Database) -> pd.DataFrame:
    """All citations, index ``Key``, the latest last."""
    table = db.sql("select key, signal, shot, t0, t1, known_at, n, unit, mean, author, created_at from gilgamesh.citations "
                   "order by created_at, key")  # fmt: skip
    table.columns = ["Key", "Signal", "Shot", "T0", "T1", "KnownAt", "N", "Unit", "Mean", "Author", "Created"]
    return table.set_index("Key")


def verify(db: Database, key: str) -> Verification:
    """See `Database.verify`."""
    c = citation(db, key)
    differences, remark = _compared(db, c)
    today, mean = None, None
    if not differences:
        today = db.changes(c.known_at, shots=c.shot, signals=c.signal)
        try:
            mean = numbers_of(_source(db.today(), c.signal, c.shot, c.window)).mean
        except GilgameshError:
            mean = None  # it is told: today's knowledge has no number
    return Verification(c, differences, remark, today, mean)


def numbers_of(signal: Signal) -> Numbers:
    """Reduce a signal to what is quoted of it."""
    time = np.asarray(signal.time, dtype="<f8")
    values = np.asarray(signal.values, dtype="<f8")
    unit = str(signal.unit)
    digest = hashlib.sha256(unit.encode() + b"\0")
    for part in (time, values):
        digest.update(np.where(np.isnan(part), np.nan, part).tobytes())
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Numbers(values.size, unit, digest.hexdigest(), None, None, None)
    return Numbers(
        values.size, unit, digest.hexdigest(), float(finite.mean()), float(finite.min()), float(finite.max())
    )  # fmt: skip


def _source(db: Database, signal: str, shot: int, window: tuple[float, float] | None) -> Signal:
    found = db.signal(signal, shot)
    return found if window is None else found.window(*window)


def _compared(db: Database, c: Citation) -> tuple[tuple[str, ...], str]:
    """What is not as it was quoted, and a remark."""
    try:
        stored = db.known_at(c.known_at)
        stored.cache = Cache(0)  # read again what is stored, not what was read before
        source = _source(stored, c.signal, c.shot, c.window)
        found = numbers_of(source)
    except GilgameshError as error:
        return (f"it cannot be computed any more: {error}",), ""
    if found == c.numbers:
        return (), ""
    told = [
        f"{name} was {was!r} and is {is_now!r}"
        for name in ("n", "unit", "mean", "minimum", "maximum")
        if not _close(was := getattr(c.numbers, name), is_now := getattr(found, name))
    ]
    rounded = isinstance(source, ComputedSignal) or getattr(getattr(source, "_row", None), "steps", ()) is not None
    if not told and rounded:
        return (), "the last digits differ: another processor or numpy computed powers, logarithms or sums"
    return (*told, f"the checksum was {c.numbers.sha256[:12]}… and is {found.sha256[:12]}…"), ""


def _close(was: Any, is_now: Any) -> bool:
    if isinstance(was, float) and isinstance(is_now, float):
        return math.isclose(was, is_now, rel_tol=_ROUNDING)
    return bool(was == is_now)


def _keep(
    db: Database, key: str, signal: str, shot: int, window: tuple[float, float] | None, moment: datetime,
    quoted: Numbers, author: str | None, inputs: Sequence[Input],
) -> Citation | None:  # fmt: skip
    """Write the citation, or find it; None when the key stands for something else."""
    t0, t1 = window or (None, None)
    with db.known_at(moment).transaction() as connection:
        new = connection.execute(
            sa.text("insert into gilgamesh.reference (key) values (:key) on conflict do nothing returning id"),
            {"key": key},
        ).one_or_none()
        if new is not None:
            written = connection.execute(
                sa.text(_WRITE),
                {"key": key, "signal": signal, "shot": shot, "t0": t0, "t1": t1, "known_at": moment, "author": author,
                 **vars(quoted), "sha256": bytes.fromhex(quoted.sha256)},
            ).one()  # fmt: skip
            connection.execute(
                sa.text(_INPUTS),
                [
                    {"citation_id": written.id, "signal_id": one["signal_id"], "series_id": one["series_id"]}
                    for one in inputs
                    if one["series_id"] is not None  # a formula has a history of its own
                ],
            )
    rows = db.reader.rows(f"{_CITED} where key = %s", (key,))
    found = _citation(rows[0]) if rows else None
    same = found is not None and (found.signal, found.shot, found.window, found.numbers) == (
        signal,
        shot,
        window,
        quoted,
    )
    return found if same else None


def _citation(row: Any) -> Citation:
    window = None if row.t0 is None else (row.t0, row.t1)
    said = Numbers(row.n, row.unit, bytes(row.sha256).hex(), row.mean, row.minimum, row.maximum)
    return Citation(
        row.key, row.signal, row.shot, window, row.known_at, said, row.author, row.created_at, tuple(row.inputs)
    )  # fmt: skip


def _not_again(signal: Signal) -> InvalidValue:
    return InvalidValue(
        f"{signal!r} cannot be cited: the database does not give the same numbers again by the name {signal.name!r}; cite the "
        "signals it was computed from, or store it first with db.run(…) or as a derived signal"
    )


def _latex(text: str) -> str:
    return "".join("\\" + letter if letter in "_%&#$" else letter for letter in text if letter not in "{}\\")


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def keys_of(db: Database, keys: Sequence[str], every: bool) -> list[str]:
    """The keys that were asked for; all of them if `every`."""
    if every == bool(keys):
        raise InvalidValue("say what to verify: keys, or --all")
    return (
        [row.key for row in db.reader.rows("select key from gilgamesh.citations order by created_at, key", ())]
        if every
        else list(keys)
    )
