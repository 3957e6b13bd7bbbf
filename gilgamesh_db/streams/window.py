"""The part of slow control that belongs to a shot: a signal like any other, resolved at the time of each sample."""

from __future__ import annotations

import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..calibration import formula, steps_from_json
from ..calibration.steps import Polynomial
from ..computed import ComputedProvenance, ComputedSignal
from ..errors import SamplesNotFound
from ..quality import Quality, quality_of
from .reading import Floats, Named, Samples, named, pieces, samples, values

if TYPE_CHECKING:
    from ..database import Database
    from ..signal import Signal

# Is the port at the trigger, or one later in the shot, a stream, and was nothing of the signal recorded as a series?
_SHOT = """
select sh.started_at, sh.duration, r.status,
       exists (select from gilgamesh.connection c join gilgamesh.stream st on st.port_id = c.port_id
                where c.signal_id = s.id and c.recorded @> (select gilgamesh.known_at())
                  and c.valid && tstzrange(sh.started_at, coalesce(sh.started_at + sh.duration * interval '1 second', now()), '[]')) as streamed
  from gilgamesh.shot sh
  join gilgamesh.signal s on s.name = %s
  join gilgamesh.resolved_signal r on r.shot = sh.number and r.signal_id = s.id
 where sh.number = %s
"""


def signal_of_stream(db: Database, name: str, shot: int, quality: str | None) -> Signal | None:
    """The window of a stream, where the signal comes from one in this shot; None where it does not."""
    row = db.reader.rows(_SHOT, (name, shot), db.knowledge)[0]
    if not row.streamed or row.status == "ok":
        return None
    length = (
        datetime.datetime.now(datetime.UTC) - row.started_at  # it runs
        if row.duration is None
        else datetime.timedelta(seconds=float(row.duration))
    )
    return SlowSignal(db, name, shot, row.started_at, row.started_at + length, quality)


class SlowSignal(ComputedSignal):
    """A signal of slow control during a shot; made by `Database.signal`.

    Its `time` is in seconds from the trigger and irregular as its samples are. Each sample went through the wiring and the
    calibrations in force when it was taken, which may change within the shot.
    """

    def __init__(
        self,
        db: Database,
        name: str,
        shot: int,
        since: datetime.datetime,
        until: datetime.datetime,
        quality: str | None,
    ) -> None:
        self._db = db
        self.name = name
        self.shot = shot
        self._span = None
        self._least = quality
        self._since, self._until = since, until
        self.inputs = ()
        self.method = "the samples of slow control between begin and end of the shot"
        self._given = self._times, self._values, None
        self._given_label = ""

    @property
    def raw(self) -> NDArray[Any]:
        """Samples exactly as delivered; shape (n,)."""
        parts = [part.raw for _, part in self._parts]
        return (
            np.concatenate(parts)
            if len({part.dtype for part in parts}) == 1
            else np.concatenate([part.astype(np.float64) for part in parts])
        )

    @cached_property
    def port(self) -> str:
        """The port it came from; several, where a cable was moved during the shot."""
        return ", ".join(dict.fromkeys(piece.port for piece, _ in self._parts))

    @cached_property
    def label(self) -> str:
        """What to write on the axis of a plot."""
        return self._named.label

    @cached_property
    def quality(self) -> Quality:
        """How far people trust it; prints as text."""
        return quality_of(self._db, self.name, self.shot, self._span)

    @cached_property
    def provenance(self) -> ComputedProvenance:  # type: ignore[override] # it says the same of something else
        """The stretches of wiring and calibration it went through; prints as text."""
        said = "; ".join(
            f"{' ← '.join([self.name, piece.port, *piece.chain])} from {piece.since:%Y-%m-%d %H:%M:%S} on: {_formula(piece)}"
            for piece, _ in self._parts
        )
        return ComputedProvenance(self.name, self.shot, self._symbol, f"{self.method}: {said}", ())

    @property
    def _symbol(self) -> str:
        return self._named.unit

    @property
    def _given_unit(self) -> str:  # type: ignore[override] # asked when it is needed
        return self._named.unit

    @cached_property
    def _named(self) -> Named:
        return named(self._db, [self.name])[0]

    @cached_property
    def _parts(self) -> list[tuple[Any, Samples]]:
        stretches = pieces(self._db, [self._named], self._since, self._until)
        return list(zip(stretches, samples(self._db, stretches), strict=True))

    def _times(self) -> Floats:
        at = np.concatenate([part.at for _, part in self._parts])
        if not at.size:
            raise SamplesNotFound(
                f"{self.name!r} was wired to {self.port} in shot {self.shot}, a stream, but nothing came between "
                f"{self._since:%Y-%m-%d %H:%M:%S} and {self._until:%H:%M:%S}; see what came before with: db.at(…)"
            )
        started = (self._since - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(
            microseconds=1
        )
        return np.asarray((at - started) / 1e6)

    def _values(self) -> Floats:
        found = np.concatenate([values(piece, part.raw) for piece, part in self._parts])
        if self._least is not None:
            found[~self.quality.accepts(self.time, self._least)] = np.nan
        return found


def _formula(piece: Any) -> str:
    steps = [Polynomial((piece.offset, piece.gain))] if piece.gain is not None else steps_from_json(piece.steps)
    return formula(steps)
