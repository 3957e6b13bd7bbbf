"""Samples that go: what is listed, what is refused, and what stays."""

from __future__ import annotations

import datetime
import io
import json
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.cli import main
from gilgamesh_db.retention import age, chunks, release, shots_between
from gilgamesh_db.writer import open_series, write_series
from records import FIRED, driver, install

COUNTS = np.arange(10_000, dtype="int16")


def filled(db: gilgamesh.Database) -> gilgamesh.Database:
    """Shots 0, 100, …, 1900 with one record each, a day apart; 0 to 499 make the first partition."""
    port = install(db, shots=0)
    with db.transaction() as connection:
        for number in range(0, 2000, 100):
            connection.execute(sa.text("insert into gilgamesh.shot (number, started_at) values (:n, :t)"),
                               {"n": number, "t": FIRED + datetime.timedelta(days=number // 100)})  # fmt: skip
            write_series(driver(connection), number, COUNTS, port_id=port, start=0.0, dt=1e-3)
    return db


@pytest.fixture
def archive(db18: gilgamesh.Database) -> gilgamesh.Database:
    return filled(db18)


@pytest.fixture
def archives(db: gilgamesh.Database) -> gilgamesh.Database:
    """The same on each server."""
    return filled(db)


def shots_with_samples(db: gilgamesh.Database) -> list[int]:
    found = [db.sql(f"select distinct shot from gilgamesh.{table}").shot for table in ("series", "segment", "pyramid")]
    assert sorted(found[0]) == sorted(found[1]) == sorted(found[2])
    return [int(shot) for shot in sorted(found[0])]


def analysed(db: gilgamesh.Database, shot: int, method: str, *, result: bool = False) -> None:
    """A run that read the record of a shot, and perhaps stored a result."""
    with db.transaction() as connection:
        run = connection.execute(
            sa.text("insert into gilgamesh.run (method, version, shot, known_at, author) values (:m, '1', :shot, now(), 'anna') returning id"),
            {"m": method, "shot": shot},
        ).scalar_one()  # fmt: skip
        signal = connection.exec_driver_sql("select id from gilgamesh.signal where name = 'U'").scalar_one()
        if result:
            saved = connection.exec_driver_sql(
                "select gilgamesh.add_signal('Result', 'V', kind => 'processed', reason => 'a result')"
            )
            write_series(
                driver(connection),
                shot,
                COUNTS.astype(float),
                run_id=run,
                signal_id=saved.scalar_one(),
                start=0.0,
                dt=1.0,
            )
            return
        connection.execute(
            sa.text("insert into gilgamesh.run_input (run_id, series_id, signal_id, shot) "
                    "select :run, id, :signal, shot from gilgamesh.series where shot = :shot and port_id is not null"),
            {"run": run, "signal": signal, "shot": shot},
        )  # fmt: skip


def test_partitions_are_listed_with_what_they_hold(archives: gilgamesh.Database) -> None:
    found = chunks(archives)
    assert found[["since", "until", "shots", "series", "samples", "segments"]].values.tolist() == [
        [first, first + 500, 5, 5, 50_000, 5] for first in (0, 500, 1000, 1500)
    ]
    assert (found.bytes > 100_000).all()
    assert (found.bytes < 500_000).all()


def test_a_whole_partition_and_parts_of_others_go(archives: gilgamesh.Database) -> None:
    said = release(archives, since=400, until=1100, dry_run=True)
    assert not said.done
    assert shots_with_samples(archives) == list(range(0, 2000, 100))
    done = release(archives, since=400, until=1100, reason="moved to tape")
    assert done.done
    assert done.chunks.values.tolist() == said.chunks.values.tolist()
    assert done.chunks.drop(columns="bytes").values.tolist() == [
        [0, 500, False, 1, 1, 10_000], [500, 1000, True, 5, 5, 50_000], [1000, 1500, False, 1, 1, 10_000],
    ]  # fmt: skip
    assert shots_with_samples(archives) == [0, 100, 200, 300, *range(1100, 2000, 100)]
    assert chunks(archives).since.tolist() == [0, 1000, 1500]
    assert archives.sql("select reason from gilgamesh.edit order by id desc limit 1").reason[0] == "moved to tape"


def test_the_shot_and_its_history_stay(archive: gilgamesh.Database) -> None:
    with archive.edit("a note") as edit:
        edit.add_attribute("Comment", kind="text")
        edit.set_attribute(700, "Comment", "arc")
    before = archive.signal("U", 700).provenance
    release(archive, since=700, until=701)
    assert archive.shots("Comment == 'arc'").index.tolist() == [700]
    assert len(archive.shots()) == 20
    assert (
        archive.sql("select status from gilgamesh.resolved_signal where signal = 'U' and shot = 700").status[0]
        == "no samples"
    )
    with pytest.raises(errors.SamplesNotFound):
        _ = archive.signal("U", 700).values
    assert len(archive.signal("U", 800).values) == COUNTS.size
    assert "PXI/ai0" in str(before)


def test_samples_can_be_written_again_where_a_partition_went(archive: gilgamesh.Database) -> None:
    release(archive, since=500, until=1000)
    with archive.transaction() as connection:
        port = connection.exec_driver_sql("select component_id from gilgamesh.port").scalar_one()
        write_series(driver(connection), 700, COUNTS, port_id=port, start=0.0, dt=1e-3)
    assert np.array_equal(archive.signal("U", 700).raw, COUNTS)
    release(archive, since=500, until=1000)
    assert chunks(archive).since.tolist() == [0, 1000, 1500]


def test_only_what_is_old_goes(archive: gilgamesh.Database) -> None:
    now = archive.sql("select now() as now").now[0]
    days = (now - FIRED).days - 7  # shots up to 700 are older
    release(archive, since=300, older_than=datetime.timedelta(days=days))
    left = shots_with_samples(archive)
    assert left == [0, 100, 200, *range(left[3], 2000, 100)]
    assert left[3] in (700, 800)
    assert release(archive, older_than=datetime.timedelta(days=100_000)).chunks.empty


def test_what_a_run_needs_is_refused(archives: gilgamesh.Database) -> None:
    analysed(archives, 600, "langmuir-sweep")
    analysed(archives, 800, "smoothing", result=True)
    said = release(archives, since=500, until=1000, dry_run=True)
    assert said.needed.shot.tolist() == [600, 800]
    assert [text.split(" (")[1] for text in said.needed.needed_by] == [
        "langmuir-sweep), which read it", "smoothing), whose result it is",
    ]  # fmt: skip
    with pytest.raises(
        errors.ConflictError, match=r"2 records of 2 shots are still needed: shot 600 by run 1 \(langmuir-sweep\)"
    ):
        release(archives, since=500, until=1000)
    assert len(shots_with_samples(archives)) == 20
    done = release(archives, since=500, until=1000, keep_needed=True)
    assert done.chunks.whole.tolist() == [False]
    assert archives.sql(
        "select shot from gilgamesh.series where shot between 500 and 999 order by shot"
    ).shot.tolist() == [600, 800]
    assert np.array_equal(archives.signal("U", 600).raw, COUNTS)


def test_what_is_not_finished_is_refused(archive: gilgamesh.Database) -> None:
    with archive.recording(650) as running:
        running.port("PXI/ai0", dt=1e-3).append(COUNTS)
        with pytest.raises(errors.ConflictError, match="shot 650 by the shot, which is not finished"):
            release(archive, since=500, until=1000)
        release(archive, since=500, until=1000, keep_needed=True)
    assert np.array_equal(archive.signal("U", 650).raw, COUNTS)


def test_a_release_waits_for_a_load_and_the_load_for_a_release(archive: gilgamesh.Database) -> None:
    with archive.transaction() as connection:
        connection.exec_driver_sql("insert into gilgamesh.shot (number, started_at) values (650, now()), (651, now())")
        port = connection.exec_driver_sql("select component_id from gilgamesh.port").scalar_one()

    def until_somebody_waits() -> None:
        for _ in range(500):
            if archive.sql("select count(*) as n from pg_locks l join pg_database d on d.oid = l.database "
                           "where not l.granted and d.datname = current_database()").n[0]:  # fmt: skip
                return
            time.sleep(0.01)
        pytest.fail("nobody waits")

    ended: list[Any] = []

    def releasing() -> None:
        try:
            ended.append(release(archive, since=500, until=1000))
        except errors.ConflictError as error:
            ended.append(error)

    with archive.engine.connect() as connection:
        growing = open_series(driver(connection), 650, "int16", start=0.0, dt=1e-3, port_id=port)
        thread = threading.Thread(target=releasing)
        thread.start()
        until_somebody_waits()
        growing.append(COUNTS)
        growing.save()
        driver(connection).commit()
        thread.join()
        assert "shot 650 by the shot, which is not finished" in str(ended[0])
        growing.close()
        driver(connection).commit()

    with archive.engine.connect() as connection:
        connection.exec_driver_sql("select * from gilgamesh.release_samples(500, 1000, null)")

        def load() -> None:
            with archive.transaction() as other:
                ended.append(write_series(driver(other), 651, COUNTS, port_id=port, start=0.0, dt=1e-3))

        thread = threading.Thread(target=load)
        thread.start()
        until_somebody_waits()
        connection.commit()
        thread.join()
    assert np.array_equal(archive.signal("U", 651).raw, COUNTS)
    assert 650 not in shots_with_samples(archive)


def test_many_records_go_without_looking_through_the_others(archive: gilgamesh.Database) -> None:
    with archive.transaction() as connection:
        plan = connection.exec_driver_sql(
            "explain (costs off) select 1 from gilgamesh.segment x where x.shot = 700 and x.series_id = 5 for key share of x"
        ).scalars()
        assert "segment_000500" in "".join(plan)
        key = connection.exec_driver_sql(
            "select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'gilgamesh.segment'::regclass and contype = 'f'"
        ).scalar_one()
    assert key == "FOREIGN KEY (shot, series_id) REFERENCES gilgamesh.series(shot, id)"


def test_nobody_but_the_owner_releases(archive: gilgamesh.Database, server18: Any) -> None:
    server18.execute(
        "do $$ begin create role releasing_operator login in role gilgamesh_operator; exception when duplicate_object then null; end $$"
    )
    with gilgamesh.connect(archive.engine.url.set(username="releasing_operator").render_as_string(False)) as operator:
        assert release(operator, since=500, until=1000, dry_run=True).chunks.series.tolist() == [5]
        with pytest.raises(errors.UserError, match=r"only the owner of the database may release samples$"):
            release(operator, since=500, until=1000)
    assert len(shots_with_samples(archive)) == 20


def test_nothing_goes_unless_it_is_said_what(archive: gilgamesh.Database) -> None:
    with pytest.raises(errors.InvalidValue, match="say what to release"):
        release(archive)


def typed(capsys: pytest.CaptureFixture[str], db: gilgamesh.Database, words: Sequence[str]) -> tuple[int, str]:
    try:
        main(["--url", db.engine.url.set(drivername="postgresql").render_as_string(False), "storage", *words])
        code = 0
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    out, err = capsys.readouterr()
    return code, out + err


def test_commands(
    archive: gilgamesh.Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = typed(capsys, archive, ["chunks"])
    assert code == 0
    assert "500:1000" in said
    code, said = typed(capsys, archive, ["chunks", "--json"])
    assert [row["since"] for row in json.loads(said)] == [0, 500, 1000, 1500]
    code, said = typed(capsys, archive, ["release", "--shots", "500:700", "--dry-run"])
    assert (code, "would release 20000 samples" in said) == (0, True)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, said = typed(capsys, archive, ["release", "--shots", "500:700"])  # asked, and nobody answers
    assert (code, "Aborted" in said) == (1, True)
    assert len(shots_with_samples(archive)) == 20
    code, said = typed(capsys, archive, ["release", "--shots", "500:700", "--older-than", "1d", "--yes"])
    assert (code, "released 20000 samples" in said) == (0, True)
    assert len(shots_with_samples(archive)) == 18
    analysed(archive, 700, "langmuir-sweep")
    code, said = typed(capsys, archive, ["release", "--shots", "700", "--yes"])
    assert (code, "--keep-needed" in said) == (1, True)
    code, said = typed(capsys, archive, ["release", "--shots", "700:900", "--yes", "--keep-needed"])
    assert (code, "shot 700 PXI/ai0: needed by run 1 (langmuir-sweep), which read it" in said) == (0, True)
    code, said = typed(capsys, archive, ["release", "--shots", "500:800", "--dry-run", "--json"])
    assert json.loads(said)["needed"][0]["shot"] == 700
    for words in (["--shots", "9:3"], ["--older-than", "6m"], ["--shots", "x"], []):
        code, said = typed(capsys, archive, ["release", *words, "--yes"])
        assert code == 1, said


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_ranges_of_shots(first: int, count: int) -> None:
    assert shots_between(f"{first}:{first + count}") == (first, first + count)
    assert shots_between(f"{first}:") == (first, None)
    assert shots_between(f":{first}") == (None, first)
    assert shots_between(str(first)) == (first, first + 1)
    with pytest.raises(errors.InvalidValue, match="empty"):
        shots_between(f"{first + count}:{first}")


@pytest.mark.parametrize("text", ["", ":", "a:b", "1-5", "1:2:3", "-5:3", "1.5:3"])
def test_what_is_no_range_of_shots(text: str) -> None:
    with pytest.raises(errors.InvalidValue, match="no range of shots"):
        shots_between(text)


@given(st.integers(1, 5000))
def test_ages(count: int) -> None:
    assert age(f"{count}d") == datetime.timedelta(days=count)
    assert age(f"{count} w") == datetime.timedelta(weeks=count)


@pytest.mark.parametrize("text", ["", "5", "6m", "0d", "-3d", "1.5y", "d", "999999d"])
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(errors.InvalidValue, match="no age"):
        age(text)
