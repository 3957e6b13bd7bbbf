"""Tasks about what is known: what two states of it say differently, and what an edit would change. No file has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from gilgamesh_db import Polynomial

from .arena import Arena
from .discharges import REASON, STARTED, divider_of
from .stores import gilgamesh
from .timing import Contestant, Measurement, compete
from .workload import noisy_signal

FIRST = 40_000  # number of the first of these shots
BEGAN = STARTED + timedelta(days=30)
RECORD = 100  # samples: only their moments are asked for
ROUNDS = 3

# The first discharge is written; the others are copies of it, a minute apart.
SHOTS = """
insert into gilgamesh.shot (number, started_at)
select %(first)s + g, %(began)s + g * interval '1 minute' from generate_series(1, %(shots)s - 1) g
"""
PARTITIONS = "select gilgamesh.ensure_partition(number) from gilgamesh.shot where number > %(first)s and number < %(first)s + %(shots)s"
SERIES = """
insert into gilgamesh.series (shot, port_id, dtype, start, dt, segment_n)
select sh.number, se.port_id, se.dtype, se.start, se.dt, se.segment_n
  from gilgamesh.series se, gilgamesh.shot sh
 where se.shot = %(first)s and sh.number > %(first)s and sh.number < %(first)s + %(shots)s
"""
SEGMENTS = """
insert into gilgamesh.segment (shot, series_id, position, n, payload, numbers, total, squares, minimum, maximum)
select co.shot, co.id, g.position, g.n, g.payload, g.numbers, g.total, g.squares, g.minimum, g.maximum
  from gilgamesh.series se
  join gilgamesh.segment g on g.shot = se.shot and g.series_id = se.id
  join gilgamesh.series co on co.port_id = se.port_id
 where se.shot = %(first)s and co.shot > %(first)s and co.shot < %(first)s + %(shots)s
"""
PREVIEWS = """
insert into gilgamesh.pyramid (shot, series_id, level, position, n, payload)
select co.shot, co.id, p.level, p.position, p.n, p.payload
  from gilgamesh.series se
  join gilgamesh.pyramid p on p.shot = se.shot and p.series_id = se.id
  join gilgamesh.series co on co.port_id = se.port_id
 where se.shot = %(first)s and co.shot > %(first)s and co.shot < %(first)s + %(shots)s
"""
FINISHED = """
select gilgamesh.finish_series(co.id, se.n, se.sha256)
  from gilgamesh.series se
  join gilgamesh.series co on co.port_id = se.port_id
 where se.shot = %(first)s and co.shot > %(first)s and co.shot < %(first)s + %(shots)s
"""
KNOWN = "select recorded_at from gilgamesh.edit where reason = %s"


def changes(arena: Arena) -> Iterator[Measurement]:
    """Every divider was measured anew: which signals of which shots are other numbers now, and by how much."""
    before = _lay_shots(arena)
    db, count = arena.ours.db, arena.sizes.known_shots * arena.sizes.signals
    _require(len(db.changes(before)), count)
    contestants = {gilgamesh.NAME: Contestant(lambda _: db.changes(before))}
    yield from compete("changes", contestants, min(arena.sizes.rounds, ROUNDS))


def what_if(arena: Arena) -> Iterator[Measurement]:
    """A new calibration of one divider is tried and taken back."""
    _lay_shots(arena)
    divider = divider_of(arena.discharges.names[0])

    def tried() -> int:
        with arena.ours.db.what_if("measured once more") as edit:
            edit.calibrate(divider, Polynomial((0.0, 5.2)), "V", "V", since=FIRST)
        return len(edit.effect.changes)

    _require(tried(), arena.sizes.known_shots)
    yield from compete("what_if", {gilgamesh.NAME: Contestant(lambda _: tried())}, min(arena.sizes.rounds, ROUNDS))


def _lay_shots(arena: Arena) -> datetime:
    """Lay the shots and calibrate every divider anew, once; gives a moment before the new calibrations were known."""
    ours, made = arena.ours, arena.discharges
    moment: datetime = ours.ask(KNOWN, (REASON,))[0][0]
    if ours.ask("select exists (select from gilgamesh.shot where number = %s)", (FIRST,))[0][0]:
        return moment
    made.write(FIRST, BEGAN, [noisy_signal(RECORD, number) for number in range(len(made.names))])
    values = {"first": FIRST, "began": BEGAN, "shots": arena.sizes.known_shots}
    with ours.connection.transaction():
        for statement in (SHOTS, PARTITIONS, SERIES, SEGMENTS, PREVIEWS, FINISHED):
            ours.connection.execute(statement, values)
    with ours.db.edit("dividers measured again", author="benchmark") as edit:
        for number, name in enumerate(made.names):
            edit.calibrate(divider_of(name), Polynomial((0.01 * number, 5.1 + number)), "V", "V", since=FIRST)
    ours.connection.execute("analyze")
    return moment


def _require(found: int, expected: int) -> None:
    """An answer that is not whole is not timed."""
    if found != expected:
        raise AssertionError(f"{found} changes were found of {expected}")
