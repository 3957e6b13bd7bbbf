"""Random histories against a reference that shares neither code nor SQL with the product.

Many small worlds live in one database, so that one edit and one question serve all of them. A few hundred histories
run each time, half on each server; ``GILGAMESH_TEST_HISTORIES=10000`` asks for as many on each.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors
from gilgamesh_db.edits import Edit

HISTORIES = int(os.environ.get("GILGAMESH_TEST_HISTORIES", "150"))
WORLDS = 12
START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 5
CELLS = range(-1, DAYS + 1)  # cell c is the day [c, c + 1); the first and the last one have no end
SHOTS = {
    2 * d + side: (START + timedelta(days=d, microseconds=side - 1), d - 1 + side)
    for d in range(DAYS + 1)
    for side in (0, 1)
}
PORTS = ("ai0", "ai1", "ai2")
FLAGS = ("not checked", "bad", "doubtful", "good", "validated")


class Refused(Exception):
    """The reference says that this cannot be."""


class Said(NamedTuple):
    """One statement: what, which of the things it may be about, the period in days, a number."""

    what: str
    which: int
    since: int | None
    until: int | None
    number: int


# -- the reference: what is true in each cell, one dictionary per subject; the last word counts ---------------------------

World = dict[Any, dict[int, Any]]


def state(world: World, subject: Any, cells: Iterable[int], value: Any) -> None:
    world[subject].update(dict.fromkeys(cells, value))


def days(said: Said) -> list[int]:
    return [c for c in CELLS if (said.since is None or c >= said.since) and (said.until is None or c < said.until)]


def there(world: World, said: Said, *things: str) -> list[int]:
    """The cells a statement is about: an open end lasts as long as the things; a hole or a wrong date is refused."""
    cells = days(said)
    present = {c for c in cells if all(world["place", thing].get(c) for thing in things)}
    if said.since is None:
        cells = [c for c in cells if any(p <= c for p in present)]
    if said.until is None:
        cells = [c for c in cells if any(p >= c for p in present)]
    if not cells or not present.issuperset(cells):
        raise Refused
    return cells


def connect(world: World, said: Said) -> None:
    signal, port, chain = "AB"[said.which % 2], PORTS[said.number % 3], ["item"] * (said.number // 3 % 2)
    cells = there(world, said, *chain, *["box"] * (signal == "A"))
    if any((world["wire", other].get(c) or [None])[0] == port for other in "AB" if other != signal for c in cells):
        raise Refused
    state(world, ("wire", signal), cells, (port, chain))


def disconnect(world: World, said: Said) -> None:
    signal = "AB"[said.which % 2]
    if not any(world["wire", signal].get(c) for c in days(said)):
        raise Refused
    state(world, ("wire", signal), days(said), None)


def swap(world: World, said: Said) -> None:
    a, b = world["wire", "A"], world["wire", "B"]
    wired = [c for c in days(said) if a.get(c) or b.get(c)]
    if not wired or not all(a.get(c) and b.get(c) for c in wired):
        raise Refused
    for c in wired:
        a[c], b[c] = (b[c][0], a[c][1]), (a[c][0], b[c][1])


def calibrate(world: World, said: Said) -> None:
    thing = (*PORTS, "item", "item")[said.which % 5]
    state(world, ("gain", thing), there(world, said, *["item"] * (thing == "item")), 2.0**said.number)


def place(world: World, said: Said) -> None:
    inside = said.which % 2
    state(world, ("place", "item"), there(world, said, *["box"] * inside), ("testbed", "box")[inside])


def place_box(world: World, said: Said) -> None:
    state(world, ("place", "box"), there(world, said), "testbed")


def needed(world: World, thing: str, cells: Iterable[int]) -> bool:
    if thing == "item":
        return any("item" in (world["wire", s].get(c) or ("", ()))[1] for s in "AB" for c in cells)
    return any(world["wire", "A"].get(c) or world["place", "item"].get(c) == "box" for c in cells)


def retire(world: World, said: Said) -> None:
    thing = ("item", "box")[said.which % 2]
    if needed(world, thing, days(said)) or not any(world["place", thing].get(c) for c in days(said)):
        raise Refused
    for subject in (("place", thing), ("gain", thing), ("mass", thing)):
        state(world, subject, days(said), None)


def set_property(world: World, said: Said) -> None:
    thing = ("item", "box")[said.which % 2]
    state(world, ("mass", thing), there(world, said, thing), float(said.number))


def set_timing(world: World, said: Said) -> None:
    state(world, "late", there(world, said), said.number / 8)


def define(world: World, said: Said) -> None:
    state(world, "formula", days(said), f"A * {said.number + 1}")


def clear(world: World, said: Said) -> None:
    thing = (*PORTS, "item")[said.which % 4]
    if not any(world["gain", thing].get(c) for c in days(said)):
        raise Refused
    state(world, ("gain", thing), days(said), None)


def attribute(world: World, said: Said) -> None:
    world["note"][said.which % len(SHOTS)] = None if said.number == 0 else float(said.number)


def quality(world: World, said: Said) -> None:
    """Of signal A in one shot; the cells are seconds here, the first and the last without an end."""
    flag = FLAGS[said.number % 5]
    state(world, ("flag", said.which % len(SHOTS)), days(said), None if flag == "not checked" else flag)


def withdraw(world: World, said: Said, subject: Any, cells: list[int]) -> None:
    """Rows are the product's; which one was taken back, and its period, is told."""
    if subject[0] == "place" and (
        needed(world, subject[1], cells)
        or any(world[s, subject[1]].get(c) is not None for s in ("gain", "mass") for c in cells)
    ):
        raise Refused
    state(world, subject, cells, None)


RULES: dict[str, Callable[[World, Said], None]] = {
    f.__name__: f for f in (connect, disconnect, swap, calibrate, place, place_box, retire, set_property, set_timing, define, clear, attribute, quality)
}  # fmt: skip


# -- the product: the same statements as edits ---------------------------------------------------------------------------


def day(number: int | None) -> datetime | None:
    return None if number is None else START + timedelta(days=number)


def perform(edit: Edit, w: int, said: Said) -> None:
    period: Any = {"since": day(said.since), "until": day(said.until)}
    which, number = said.which, said.number
    port = [f"D{w}/{channel}" for channel in PORTS]
    match said.what:
        case "connect":
            chain = [f"item{w}"] * (number // 3 % 2)
            edit.connect(f"{'AB'[which % 2]}{w}", port[number % 3], chain=chain, **period)
        case "disconnect":
            edit.disconnect(f"{'AB'[which % 2]}{w}", **period)
        case "swap":
            edit.swap(f"A{w}", f"B{w}", **period)
        case "calibrate":
            thing = (*port, f"item{w}", f"item{w}")[which % 5]
            edit.calibrate(
                thing, Polynomial((0.0, 2.0**number)), "V" if thing.startswith("item") else "ct", "V", **period
            )
        case "place":
            edit.place(f"item{w}", ("testbed", f"box{w}")[which % 2], **period)
        case "place_box":
            edit.place(f"box{w}", "testbed", **period)
        case "retire":
            edit.retire(f"{('item', 'box')[which % 2]}{w}", **period)
        case "set_property":
            edit.set_property(f"{('item', 'box')[which % 2]}{w}", "mass", float(number), "kg", **period)
        case "set_timing":
            edit.set_timing(f"D{w}", start_offset=number / 8, **period)
        case "define":
            edit.define(f"X{w}", f"A{w} * {number + 1}", **period)
        case "clear":
            edit.clear("calibration", (*port, f"item{w}")[which % 4], **period)
        case "attribute" | "quality":
            say_of_shot(edit, w, said)


def say_of_shot(edit: Edit, w: int, said: Said) -> None:
    """What is said of a shot, or of a window of a record of it, and not of a period."""
    shot = said.which % len(SHOTS)
    if said.what == "attribute":
        edit.set_attribute(shot, f"note{w}", None if said.number == 0 else float(said.number))
        return
    window = (-np.inf if said.since is None else said.since, np.inf if said.until is None else said.until)
    edit.set_quality(f"A{w}", FLAGS[said.number % 5], shots=shot, window=window)


BELIEVED = """
select 'connection' as history, c.id, 'wire' as kind, s.name as subject, c.valid from gilgamesh.connection c
  join gilgamesh.signal s on s.id = c.signal_id where upper_inf(c.recorded) and s.name = any(:names)
union all
select 'calibration', k.id, 'gain', i.name, k.valid from gilgamesh.calibration k
  join gilgamesh.component i on i.id = k.component_id where upper_inf(k.recorded) and i.name = any(:names)
union all
select 'placement', p.id, 'place', i.name, p.valid from gilgamesh.placement p
  join gilgamesh.component i on i.id = p.component_id where upper_inf(p.recorded) and i.name = any(:names) and i.class <> 'Port'
order by 1, 2
"""


def a_row(edit: Edit, w: int, said: Said) -> tuple[str, int, tuple[str, str], list[int]] | None:
    """Some row of this world that is believed, with its subject and cells."""
    names = [f"A{w}", f"B{w}", f"item{w}", f"box{w}", *(f"D{w}/{channel}" for channel in PORTS)]
    rows = edit._connection.execute(sa.text(BELIEVED), {"names": names}).all()
    if not rows:
        return None
    row = rows[(said.which + 5 * said.number) % len(rows)]
    subject = row.subject.split("/")[-1].removesuffix(str(w)) if "/" not in row.subject else row.subject.split("/")[1]
    cells = [
        c for c in CELLS
        if (row.valid.lower is None or (c >= 0 and day(c) >= row.valid.lower))
        and (row.valid.upper is None or (c < DAYS and day(c + 1) <= row.valid.upper))
    ]  # fmt: skip
    return row.history, row.id, (row.kind, subject), cells


def tell(edit: Edit, w: int, said: Said, world: World) -> World:
    """State it, and return the world as the reference sees it then; both must accept it, or both refuse."""
    after = deepcopy(world)
    row = a_row(edit, w, said) if said.what == "withdraw" else None
    if said.what == "withdraw" and row is None:
        return world
    try:
        if row is not None:
            withdraw(after, said, row[2], row[3])
        else:
            RULES[said.what](after, said)
        possible = True
    except Refused:
        possible = False
    attempt = edit._connection.begin_nested()
    try:
        if row is not None:
            edit.withdraw(row[0], row[1])
        else:
            perform(edit, w, said)
    except errors.UserError as error:
        attempt.rollback()
        assert not possible, f"the reference accepts {said} in world {w}, the database says: {error}"
        return world
    assert possible, f"the database accepts {said} in world {w}"
    return after


# -- what the views say, in the words of the reference -------------------------------------------------------------------


def missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def expected_signals(worlds: list[World]) -> dict[Any, Any]:
    found = {}
    for w, world in enumerate(worlds):
        for shot, (_, cell) in SHOTS.items():
            for signal in "AB":
                wire = world["wire", signal].get(cell)
                gains = [world["gain", item].get(cell) for item in (wire[0], *wire[1])] if wire else []
                gain = float(np.prod(gains)) if wire and None not in gains else None
                status = "not wired" if not wire else "not calibrated" if gain is None else "no samples"
                late = (world["late"].get(cell) or 0.0) if wire else 0.0
                port, chain = (f"D{w}/{wire[0]}", [f"item{w}"] * len(wire[1])) if wire else (None, None)
                found[shot, f"{signal}{w}"] = (status, port, chain, gain, late)
    return found


SIGNALS = "select shot, signal, status, port, chain, gain, clock_offset from gilgamesh.resolved_signal where signal ~ '^[AB]\\d+$'"
TREE = """
select sh.number as shot, c.component, c.parent, c.properties->'mass' as mass
  from gilgamesh.shot sh cross join lateral gilgamesh.components_at(sh.started_at) c where c.component ~ '^(item|box)'
"""
FORMULAS = """
select sh.number as shot, s.name as signal, d.formula from gilgamesh.shot sh
  join gilgamesh.definition d on d.valid @> sh.started_at and d.recorded @> gilgamesh.known_at()
  join gilgamesh.signal s on s.id = d.signal_id
"""
WIRING = "select signal, port, chain, valid from gilgamesh.wiring where closed_by is null"
QUALITY = "select shot, signal, flag, since, until from gilgamesh.quality"
CALIBRATIONS = "select item, gain, valid from gilgamesh.calibrations where closed_by is null"


def compare(db: gilgamesh.Database, worlds: list[World]) -> None:
    """Every view, for every shot, at one state of knowledge."""
    with db.transaction() as connection:
        ask: Callable[[str], Any] = connection.exec_driver_sql
        signals = {
            (r.shot, r.signal): (r.status, r.port, r.chain, r.gain, r.clock_offset) for r in ask(SIGNALS)
        }  # fmt: skip
        tree = {(r.shot, r.component): (r.parent, r.mass) for r in ask(TREE)}
        formulas = [(r.shot, r.signal, r.formula) for r in ask(FORMULAS)]
        notes = {
            (r.shot, name): value
            for r in ask("select shot, attributes from gilgamesh.shots")
            for name, value in r.attributes.items()
        }
        flags = [(r.shot, r.signal, r.flag, seconds(r.since, r.until)) for r in ask(QUALITY)]
        wiring = [(r.signal, r.port, r.chain, r.valid) for r in ask(WIRING)]
        calibrations = [(r.item, r.gain, r.valid) for r in ask(CALIBRATIONS) if r.item != "testbed"]
    wanted = expected_signals(worlds)
    assert {key: value for key, value in signals.items() if value != wanted[key]} == {}, wanted
    assert len(signals) == len(wanted)
    cells = [(w, world, shot, cell) for w, world in enumerate(worlds) for shot, (_, cell) in SHOTS.items()]
    assert tree == {
        (shot, f"{thing}{w}"): ("testbed" if inside == "testbed" else f"box{w}", world["mass", thing].get(cell))
        for w, world, shot, cell in cells for thing in ("item", "box") if (inside := world["place", thing].get(cell))
    }  # fmt: skip
    assert sorted(formulas) == sorted(
        (shot, f"X{w}", formula.replace("A", f"A{w}"))
        for w, world, shot, cell in cells
        if (formula := world["formula"].get(cell))
    )
    assert notes == {
        (shot, f"note{w}"): value
        for w, world in enumerate(worlds)
        for shot, value in world["note"].items()
        if value is not None
    }
    assert sorted((shot, signal, c, flag) for shot, signal, flag, cells in flags for c in cells) == sorted(
        (shot, f"A{w}", c, flag)
        for w, world in enumerate(worlds) for shot in SHOTS for c, flag in world["flag", shot].items() if flag
    )  # fmt: skip
    # What is believed stands exactly once for every instant: no hole, no overlap.
    at = {shot: instant for shot, (instant, _) in SHOTS.items()}
    assert sorted((shot, s, p) for s, p, _, valid in wiring for shot in at if holds(valid, at[shot])) == sorted(
        (shot, signal, value[1]) for (shot, signal), value in wanted.items() if value[1]
    )
    assert sorted((shot, item, gain) for item, gain, valid in calibrations for shot in at if holds(valid, at[shot])) == sorted(
        (shot, f"D{w}/{thing}" if thing in PORTS else f"{thing}{w}", gain)
        for w, world, shot, cell in cells for thing in (*PORTS, "item") if (gain := world["gain", thing].get(cell)) is not None
    )  # fmt: skip


def seconds(since: float | None, until: float | None) -> list[int]:
    """The cells of a window of a record."""
    return [
        c
        for c in CELLS
        if (since is None or (c >= 0 and c >= since)) and (until is None or (c < DAYS and c + 1 <= until))
    ]


def holds(valid: Any, instant: datetime) -> bool:
    return (valid.lower is None or valid.lower <= instant) and (valid.upper is None or instant < valid.upper)


# -- the worlds ----------------------------------------------------------------------------------------------------------

HISTORY_TABLES = (
    "connection",
    "calibration",
    "property",
    "timing",
    "definition",
    "attribute_value",
    "placement",
    "quality_flag",
)


def install(db: gilgamesh.Database) -> None:
    with db.edit("installation") as edit:
        edit.add_component("testbed", "Testbed")
        for w in range(WORLDS):
            edit.add_component(f"D{w}", "Digitiser", parent="testbed")
            edit.add_component(f"box{w}", "Box", parent="testbed")
            edit.add_component(f"item{w}", "Item", parent="testbed")
            for channel in PORTS:
                edit.add_port(f"D{w}", channel, dtype="int16")
            edit.add_signal(f"A{w}", unit="V", component=f"box{w}")
            edit.add_signal(f"B{w}", unit="V")
            edit.add_signal(f"X{w}", unit="V", kind="derived")
            edit.add_attribute(f"note{w}", kind="number")
    with db.transaction() as connection:
        for number, (instant, _) in SHOTS.items():
            connection.execute(
                sa.text("insert into gilgamesh.shot (number, started_at) values (:n, :t)"), {"n": number, "t": instant}
            )
        connection.exec_driver_sql("create table public.built as select * from gilgamesh.placement")


def begin_anew(db: gilgamesh.Database) -> None:
    with db.transaction() as connection:
        connection.exec_driver_sql(f"truncate {', '.join(f'gilgamesh.{table}' for table in HISTORY_TABLES)} cascade")
        connection.exec_driver_sql("insert into gilgamesh.placement overriding system value select * from public.built")


def built() -> World:
    world: World = defaultdict(dict)
    for thing in ("item", "box"):
        state(world, ("place", thing), CELLS, "testbed")
    return world


WHAT = (*RULES, "withdraw", "connect", "connect", "calibrate", "retire", "place")
ends = st.one_of(st.none(), st.integers(0, DAYS))
sayings = st.builds(Said, st.sampled_from(WHAT), st.integers(0, 11), ends, ends, st.integers(0, 5)).map(
    lambda said: said._replace(since=said.until, until=said.since)
    if said.since is not None and said.until is not None and said.since > said.until else said
).filter(lambda said: said.since is None or said.since != said.until)  # fmt: skip
transactions = st.lists(sayings, min_size=1, max_size=4)
histories = st.lists(transactions, min_size=1, max_size=4)


def live(db: gilgamesh.Database, told: list[list[list[Said]]]) -> None:
    """Let every world live its history, then compare every view at every state of knowledge."""
    begin_anew(db)
    worlds = [built() for _ in range(WORLDS)]
    known: list[tuple[datetime, list[World]]] = []
    for step in range(max(map(len, told))):
        with db.edit(f"step {step}") as edit:
            for w, history in enumerate(told):
                for number, said in enumerate(history[step] if step < len(history) else []):
                    if number == 2:  # another edit of the same transaction, and so of the same instant
                        edit._connection.exec_driver_sql("select gilgamesh.begin_edit('and also')")
                    worlds[w] = tell(edit, w, said, worlds[w])
            moment = edit._connection.exec_driver_sql("select max(recorded_at) from gilgamesh.edit").scalar_one()
        known.append((moment, list(worlds)))
    for moment, then in known:
        compare(db.known_at(moment), then)
    compare(db, worlds)
    before = known[-2][1] if len(known) > 1 else [built() for _ in range(WORLDS)]
    compare(db.known_at(known[-1][0] - timedelta(microseconds=1)), before)


def test_every_history_is_as_the_reference_says(db: gilgamesh.Database) -> None:
    install(db)

    @settings(
        max_examples=max(1, HISTORIES // WORLDS),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],  # the letter names the world; shrinking twelve at once takes longer than reading one
    )
    @given(st.lists(histories, min_size=WORLDS, max_size=WORLDS))
    def check(told: list[list[list[Said]]]) -> None:
        live(db, told)

    check()


def test_the_comparison_notices_a_wrong_product(db18: gilgamesh.Database) -> None:
    """One day too much in one row, stated past the functions, and every way of asking disagrees with the reference."""
    install(db18)
    live(db18, [[[Said("connect", 0, 1, 3, 3), Said("calibrate", 0, 1, None, 1), Said("calibrate", 3, None, 2, 2)]]])
    world = built()
    for said in (Said("connect", 0, 1, 3, 3), Said("calibrate", 0, 1, None, 1), Said("calibrate", 3, None, 2, 2)):
        RULES[said.what](world, said)
    with db18.transaction() as connection:
        connection.exec_driver_sql("update gilgamesh.connection set valid = tstzrange('2025-01-02Z', '2025-01-05Z')")
    with pytest.raises(AssertionError, match=r"A0.*D0/ai0"):
        compare(db18, [world, *(built() for _ in range(WORLDS - 1))])
