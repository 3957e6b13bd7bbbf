"""The fast road for reads: what it answers from, and what it remembers."""

from __future__ import annotations

import numpy as np
import pytest
import sqlalchemy as sa

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors
from gilgamesh_db.reading import FEW
from gilgamesh_db.record import AT_ONCE, on_line
from tests.records import install, record

KNOWN = "select gilgamesh.known_at() = 'infinity' as today, extract(year from nullif(gilgamesh.known_at(), 'infinity'))::integer as year"


def known_since_2020(db: gilgamesh.Database) -> gilgamesh.Database:
    with db.edit("installation", recorded_at="2020-01-01") as edit:
        edit.add_component("PXI", "Digitiser")
    return db


def test_a_connection_answers_from_the_knowledge_of_each_question(db: gilgamesh.Database) -> None:
    first, second = known_since_2020(db).known_at("2025-01-01"), db.known_at("2026-01-01")
    asked = [db, first, first, second, db, second, first, db]
    years = [one.reader.rows(KNOWN, (), one.knowledge)[0].year for one in asked]
    assert years == [None, 2025, 2025, 2026, None, 2026, 2025, None]
    assert db.reader.rows("select count(*) as n from pg_stat_activity where pid = pg_backend_pid()", ())[0].n == 1


def test_a_question_that_fails_leaves_the_next_one_alone(db: gilgamesh.Database) -> None:
    past = known_since_2020(db).known_at("2025-01-01")
    with pytest.raises(Exception, match="division by zero"):
        db.reader.rows("select 1 / %s::integer as n", (0,), past.knowledge)
    assert db.reader.rows(KNOWN, ())[0].today
    with pytest.raises(errors.ShotNotFound):
        past.reader.rows("select gilgamesh.shot_time(%s)", (99,), past.knowledge)
    assert past.reader.rows(KNOWN, (), past.knowledge)[0].year == 2025


def test_a_stream_answers_from_its_own_knowledge(db18: gilgamesh.Database) -> None:
    past = known_since_2020(db18).known_at("2025-01-01")
    assert [row[1] for row in db18.reader.stream(KNOWN, (), known_at=past.knowledge)] == [2025]
    assert [row[0] for row in db18.reader.stream(KNOWN, ())] == [True]


def test_knowledge_survives_a_server_that_hung_up(db18: gilgamesh.Database) -> None:
    past = known_since_2020(db18).known_at("2025-01-01")
    pid = db18.reader.rows("select pg_backend_pid() as pid", (), past.knowledge)[0].pid
    db18.sql(f"select pg_terminate_backend({pid}, 5000)")
    assert past.reader.rows(KNOWN, (), past.knowledge)[0].year == 2025


def test_long_and_short_answers_have_their_own_names(db18: gilgamesh.Database) -> None:
    query = "select g as a from generate_series(1, %s) g"
    for length in (1, FEW, 3 * FEW, 0, 2):
        assert [row.a for row in db18.reader.rows(query, (length,))] == list(range(1, length + 1))
        assert db18.reader.rows("select 7 as b", ())[0].b == 7


def test_a_reader_in_another_state_of_knowledge_reads_the_calibration_of_then(db: gilgamesh.Database) -> None:
    record(db, 1, install(db), np.arange(100, dtype="int16"))
    before = str(db.sql("select clock_timestamp() as now").now[0])
    with db.edit("better") as edit:
        edit.calibrate("PXI/ai0", Polynomial((0.0, 1.0)), "ct", "V")
    for _ in range(2):
        for database, gain in ((db, 1.0), (db.known_at(before), 0.001)):
            window = database.signal("U", 1).window(1e-4, 3e-4)
            assert window.values[1] - window.values[0] == pytest.approx(gain)
            assert database.signal("U", 1).values.size == 100


def test_a_shot_that_was_dropped_is_missed_by_name(db18: gilgamesh.Database) -> None:
    install(db18, shots=2)
    signal = db18.signal("U", 2)
    with db18.transaction() as connection:
        connection.execute(sa.text("delete from gilgamesh.shot where number = 2"))
    with pytest.raises(errors.ShotNotFound, match="no shot 2; there are 1, from 1 to 1"):
        signal.values  # noqa: B018 - it is read
    with pytest.raises(errors.ShotNotFound, match="no shot 2"):
        db18.signal("U", 2)
    with pytest.raises(errors.ShotNotFound, match="no shot 2"):
        signal.window(0, 1).values  # noqa: B018 - it is read


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("size", [0, 1, AT_ONCE - 1, AT_ONCE, 2 * AT_ONCE + 1])
def test_piece_by_piece_gives_the_bits_of_the_whole(dtype: str, size: int) -> None:
    raw = np.random.default_rng(size).integers(0, 100, size).astype(dtype)
    if dtype.startswith("float") and size > 2:
        raw[:3] = np.nan, np.inf, -np.inf
    expected = raw.astype(np.float64) * 0.1 + 1 / 3
    np.testing.assert_array_equal(on_line(raw, 0.1, 1 / 3).view(np.int64), expected.view(np.int64))
