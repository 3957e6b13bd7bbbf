"""How far a record can be trusted: five steps, said of a whole record or of a window of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidValue

if TYPE_CHECKING:
    from .database import Database

FLAGS = ("not checked", "bad", "doubtful", "good", "validated")

_SPOKEN = """
select q.flag, q.since, q.until, q.author, q.reason from gilgamesh.quality q
 where q.signal = %s and q.shot = %s order by q.since nulls first
"""


@dataclass(frozen=True)
class Judgement:
    """What somebody said of a window of a record.

    Attributes
    ----------
    flag : str
        bad, doubtful, good or validated.
    since, until : float
        In seconds from the trigger, half-open; infinite for the whole record.
    author, reason : str
    """

    flag: str
    since: float
    until: float
    author: str
    reason: str


@dataclass(frozen=True)
class Quality:
    """What is said of a record; what nothing is said of was not checked.

    Attributes
    ----------
    judgements : tuple of Judgement
        In the order of time; they do not overlap.
    """

    judgements: tuple[Judgement, ...]
    span: tuple[float, float] = (-np.inf, np.inf)

    @property
    def flag(self) -> str:
        """The lowest step within the signal's window; ``not checked`` when part of it was not."""
        checked = self.span[0]
        worst = len(FLAGS) - 1
        for one in self.judgements:
            if one.since > checked:
                return FLAGS[0]
            checked = max(checked, one.until)
            worst = min(worst, FLAGS.index(one.flag))
        return FLAGS[worst] if checked >= self.span[1] and self.judgements else FLAGS[0]

    def accepts(self, time: NDArray[np.float64], least: str) -> NDArray[np.bool_]:
        """Which samples are good enough.

        Parameters
        ----------
        time : ndarray of float64, shape (n,)
            Seconds from the trigger.
        least : str
            ``"good"`` accepts good and validated; ``"not bad"`` everything but bad, also what was not checked.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        accepted = accepted_flags(least)
        found = np.full(time.shape, FLAGS[0] in accepted)
        for one in self.judgements:
            found[(one.since <= time) & (time < one.until)] = one.flag in accepted
        return found

    def __str__(self) -> str:
        lines = [self.flag]
        for one in self.judgements:
            whole = not (np.isfinite(one.since) or np.isfinite(one.until))
            where = "whole record" if whole else f"{one.since:g} s to {one.until:g} s"
            lines.append(f"  {where}: {one.flag}, said {one.author}: {one.reason}")
        return "\n".join(lines)


def accepted_flags(least: str) -> tuple[str, ...]:
    """The flags that are good enough.

    Examples
    --------
    >>> accepted_flags("good"), accepted_flags("not bad")
    (('good', 'validated'), ('not checked', 'doubtful', 'good', 'validated'))
    """
    if least == "not bad":
        return tuple(flag for flag in FLAGS if flag != "bad")
    if least not in FLAGS:
        raise InvalidValue(f"{least!r} is not a quality; say one of: {', '.join(FLAGS)}, or 'not bad'")
    return FLAGS[FLAGS.index(least) :]


def quality_of(db: Database, signal: str, shot: int, span: tuple[float, float] | None = None) -> Quality:
    """What is said of a record, or of the window of it between two instants (s)."""
    since, until = span or (-np.inf, np.inf)
    judgements = (
        Judgement(
            row.flag,
            -np.inf if row.since is None else row.since,
            np.inf if row.until is None else row.until,
            row.author,
            row.reason,
        )
        for row in db.reader.rows(_SPOKEN, (signal, shot), db.knowledge)
    )
    return Quality(tuple(one for one in judgements if one.since < until and one.until > since), (since, until))
