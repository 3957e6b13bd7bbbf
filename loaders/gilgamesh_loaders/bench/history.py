"""Tasks about names: who was wired where, behind which calibrations, in a history of a million re-pluggings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import numpy as np

from gilgamesh_db.writer import write_series

from .arena import Arena
from .stores import gilgamesh
from .timing import Contestant, Measurement, compete
from .workload import DT

TURNS = 100  # times every signal was plugged in anew, ten days apart
SHOTS = 100_000  # number of the first shot of that time, one a day
NAMES = 256
ASKED = 500

RESOLVE = """
select r.* from gilgamesh.resolved_signal r
 where r.signal_id = (select id from gilgamesh.signal where name = %s) and r.shot = %s
"""
RESOLVE_MANY = """
select r.* from gilgamesh.resolved_signal r
 where r.signal = any(%s) and r.shot = %s
"""

# The exclusion constraints and the checks of units belong to single edits: a million rows are laid without, and the
# constraints, whose indexes a lookup could stumble over, are built afterwards.
EXCLUSIONS = {"connection_one_port_per_signal": "signal_id", "connection_one_signal_per_port": "port_id"}
WITHOUT = (
    "alter table gilgamesh.connection disable trigger user",
    "alter table gilgamesh.calibration disable trigger user",
    *(f"alter table gilgamesh.connection drop constraint {name}" for name in EXCLUSIONS),
)
WITH = (
    *(
        f"alter table gilgamesh.connection add constraint {name} exclude using gist "
        f"(int8range({column}, {column}, '[]') with &&, valid with &&, recorded with &&)"
        for name, column in EXCLUSIONS.items()
    ),
    "alter table gilgamesh.connection enable trigger user",
    "alter table gilgamesh.calibration enable trigger user",
)
COMPONENTS = (
    "insert into gilgamesh.component (name, class) select 'PXI/' || g, 'Port' from generate_series(1, %(signals)s) g"
)
PORTS = """
insert into gilgamesh.port (component_id, device_id, channel, dtype)
select c.id, d.id, substr(c.name, 5), 'int16' from gilgamesh.component c, gilgamesh.component d
 where d.name = 'PXI' and c.name ~ '^PXI/[0-9]+$'
"""
CALIBRATIONS = """
insert into gilgamesh.calibration (component_id, steps, input_unit, output_unit, gain, "offset", valid, recorded, edit_id)
select p.component_id, '[{"function": "polynomial", "version": 1, "coefficients": [0, 0.001]}]', 'ct', 'V', 0.001, 0, '(,)',
       tstzrange('2020-01-01Z', null), e.id
  from gilgamesh.port p, (select min(id) as id from gilgamesh.edit) e where p.channel ~ '^[0-9]+$'
"""
SIGNALS = "insert into gilgamesh.signal (name, unit) select 'S' || g, 'V' from generate_series(1, %(signals)s) g"
# Every tenth statement corrected an earlier one, in 2023, which had forgotten the chain.
WIRINGS = """
insert into gilgamesh.connection (signal_id, port_id, chain, valid, recorded, edit_id, closed_by_id)
select s.id, p.component_id, case when belief.closed is null then items.ids else '{}' end,
       tstzrange('2021-01-01Z'::timestamptz + k * interval '10 days', '2021-01-01Z'::timestamptz + (k + 1) * interval '10 days'),
       tstzrange(belief.stated::timestamptz, belief.closed::timestamptz), e.id, case when belief.closed is not null then e.id end
  from gilgamesh.signal s
  join gilgamesh.component c on c.name = 'PXI/' || substr(s.name, 2)
  join gilgamesh.port p on p.component_id = c.id
 cross join (select array_agg(id) as ids from gilgamesh.component where class = 'Item') items
 cross join (select min(id) as id from gilgamesh.edit) e
 cross join generate_series(0, %(turns)s - 1) k
 cross join lateral (
   select '2021-01-01Z' as stated, null as closed where k %% 10 <> 0
   union all select '2021-01-01Z', '2023-01-01Z' where k %% 10 = 0
   union all select '2023-01-01Z', null where k %% 10 = 0
 ) belief
 where s.name ~ '^S[0-9]+$'
"""
DAYS = """
insert into gilgamesh.shot (number, started_at)
select %(first)s + g, '2021-01-01Z'::timestamptz + g * interval '1 day' from generate_series(0, %(turns)s * 10 - 1) g
"""
PORT_OF = """
select p.component_id from gilgamesh.port p join gilgamesh.component c on c.id = p.component_id
 where c.name = 'PXI/' || substr(%s, 2)
"""


def resolution(arena: Arena) -> Iterator[Measurement]:
    """From one name and one shot to port, chain, calibrations, unit and time base."""
    asked = _lay_wirings(arena)
    reader, earlier = arena.ours.db.reader, arena.ours.then.knowledge
    now, then = cycle(asked), cycle(asked)
    contestants = {
        gilgamesh.NAME: Contestant(lambda _: reader.rows(RESOLVE, next(now))),
        gilgamesh.THEN: Contestant(lambda _: reader.rows(RESOLVE, next(then), earlier)),
    }
    yield from compete("resolution", contestants, arena.sizes.rounds, repeats=2 * arena.sizes.repeats)


def names(arena: Arena) -> Iterator[Measurement]:
    """The same for many names of one shot, in one round trip."""
    asked = _lay_wirings(arena)
    many = [f"S{number}" for number in range(1, NAMES + 1)]
    shots = cycle(shot for _, shot in asked)
    contestants = {gilgamesh.NAME: Contestant(lambda _: arena.ours.db.reader.rows(RESOLVE_MANY, (many, next(shots))))}
    yield from compete("names", contestants, arena.sizes.rounds, repeats=5)


def _lay_wirings(arena: Arena) -> list[tuple[str, int]]:
    """Lay the history, once; give names and shots to ask for."""
    signals = max(1, arena.sizes.wirings // TURNS)
    count = min(ASKED, signals)
    rng = np.random.default_rng(arena.sizes.seed)
    chosen = zip(rng.integers(1, signals + 1, count).tolist(), rng.integers(0, 10 * TURNS, count).tolist(), strict=True)
    asked = [(f"S{signal}", SHOTS + day) for signal, day in chosen]
    ours = arena.ours
    if ours.ask("select exists (select from gilgamesh.signal where name = 'S1')")[0][0]:
        return asked
    values = {"signals": signals, "turns": TURNS, "first": SHOTS}
    connection = ours.connection
    with connection.transaction():
        for statement in WITHOUT:
            connection.execute(statement)
        for statement in (COMPONENTS, PORTS, CALIBRATIONS, SIGNALS, WIRINGS, DAYS):
            connection.execute(statement, values)
        for statement in WITH:
            connection.execute(statement)
    with connection.transaction():
        for name, shot in set(asked):
            write_series(
                connection, shot, np.zeros(1, np.int16), start=0.0, dt=DT, port_id=ours.ask(PORT_OF, (name,))[0][0]
            )
    connection.execute("vacuum (analyze) gilgamesh.connection")
    connection.execute("analyze")
    return asked
