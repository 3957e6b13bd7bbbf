"""Resolution in SQL against ten lines of Python that share nothing with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 12
PORTS = ("PXI/ai0", "PXI/ai1", "PXI/ai2")
SIGNALS = ("A", "B")


class Said(NamedTuple):
    """One edit: from `since` to `until` the signal was on the port (None: on none)."""

    signal: str
    port: str | None
    since: int | None
    until: int | None


def believed(story: list[tuple[datetime, Said]], signal: str, day: int, known: datetime) -> str | None:
    """What was true on a day, as known at an instant: the last word said about that day counts."""
    port = None
    for moment, said in story:
        covers = (said.since is None or said.since <= day) and (said.until is None or day < said.until)
        if moment <= known and said.signal == signal and covers:
            port = said.port
    return port


def day(number: int | None) -> datetime | None:
    return None if number is None else START + timedelta(days=number)


days = st.one_of(st.none(), st.integers(0, DAYS))
edits = st.builds(Said, st.sampled_from(SIGNALS), st.sampled_from((*PORTS, None)), days, days).filter(
    lambda said: said.since is None or said.until is None or said.since < said.until
)


def tell(db: gilgamesh.Database, stories: list[Said]) -> list[tuple[datetime, Said]]:
    """Say everything that the database accepts, and remember when it was learned."""
    accepted = []
    for said in stories:
        try:
            with db.edit("said so") as edit:
                if said.port is None:
                    edit.disconnect(said.signal, since=day(said.since), until=day(said.until))
                else:
                    edit.connect(said.signal, said.port, since=day(said.since), until=day(said.until))
        except errors.OverlapError:
            continue  # the port carries the other signal then: the reference has no opinion on that
        except errors.NotWired:
            continue  # nothing to unplug
        learned = db.sql("select max(recorded_at) as t from gilgamesh.edit").t[0].to_pydatetime()
        accepted.append((learned, said))
    return accepted


def first_edit(db: gilgamesh.Database) -> datetime:
    found: datetime = db.sql("select min(recorded_at) as t from gilgamesh.edit").t[0].to_pydatetime()
    return found


def forget(db: gilgamesh.Database) -> None:
    with db.transaction() as connection:
        connection.exec_driver_sql("truncate gilgamesh.connection cascade")


def install(db: gilgamesh.Database) -> None:
    with db.edit("installation") as edit:
        edit.add_component("PXI", "Digitiser")
        for port in PORTS:
            edit.add_port("PXI", port.split("/")[1], dtype="int16")
            edit.calibrate(port, Polynomial((0.0, 1.0)), "ct", "V")
        for signal in SIGNALS:
            edit.add_signal(signal, unit="V")
    with db.transaction() as connection:
        for number in range(-1, DAYS + 1):
            connection.execute(sa.text("insert into gilgamesh.shot (number, started_at) values (:n, :t)"),
                               {"n": number + 1, "t": day(number)})  # fmt: skip


RESOLVED = "select shot, signal, port from gilgamesh.resolved_signal"


def compare(db: gilgamesh.Database, story: list[tuple[datetime, Said]]) -> int:
    """Compare every signal on every day (the boundaries included) at every state of knowledge."""
    compared = 0
    moments = [first_edit(db), *(moment for moment, _ in story), datetime.now(UTC)]
    for known in moments:
        found: dict[tuple[int, str], Any] = {
            (row.shot, row.signal): row.port if isinstance(row.port, str) else None
            for row in db.known_at(known).sql(RESOLVED).itertuples()
        }
        for (shot, signal), port in found.items():
            assert port == believed(story, signal, shot - 1, known), (signal, shot, known)
            compared += 1
    return compared


def test_every_history_resolves_as_the_reference_says(db: gilgamesh.Database) -> None:
    install(db)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(edits, min_size=1, max_size=6))
    def check(stories: list[Said]) -> None:
        forget(db)
        assert compare(db, tell(db, stories)) > 0

    check()


def test_a_history_never_overlaps_itself(db: gilgamesh.Database) -> None:
    install(db)
    tell(
        db,
        [
            Said("A", "PXI/ai0", None, None),
            Said("A", "PXI/ai1", 2, 5),
            Said("A", "PXI/ai2", 4, 8),
            Said("A", None, 5, 6),
        ],
    )
    overlapping = db.sql(
        "select count(*) as n from gilgamesh.connection a join gilgamesh.connection b "
        "on a.id < b.id and a.signal_id = b.signal_id and a.valid && b.valid and a.recorded && b.recorded"
    )
    assert overlapping.n[0] == 0


def test_current_and_known_at_reads_use_the_same_plan(db: gilgamesh.Database) -> None:
    """No state of knowledge may make the planner scan an exclusion index: that costs a factor of a hundred."""
    install(db)
    for known in (db, db.known_at(first_edit(db))):
        with known.transaction() as connection:
            connection.exec_driver_sql("set local enable_seqscan = off")
            plan = "\n".join(
                connection.exec_driver_sql(
                    "explain select * from gilgamesh.resolved_signal where signal = 'A' and shot = 3"
                ).scalars()
            )
        assert "connection_signal_idx" in plan
        assert "calibration_component_idx" in plan
        assert "_at_a_time" not in plan
        assert "one_port" not in plan


def test_a_resolution_prepares_no_search_it_does_not_need(db: gilgamesh.Database) -> None:
    """Every table in the plan is prepared for each question, every partition of one too: a lab has dozens."""
    install(db)
    with db.transaction() as connection:
        for shot in (3, 600, 1100):
            connection.exec_driver_sql(f"select gilgamesh.ensure_partition({shot})")
        plan = "\n".join(
            connection.exec_driver_sql(
                "explain select * from gilgamesh.resolved_signal where signal = 'A' and shot = 3"
            ).scalars()
        )
    assert "series" in plan
    for unneeded in ("segment_0", " run ", " edit "):
        assert unneeded not in plan, unneeded
