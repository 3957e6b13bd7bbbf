"""Shots that can be read while they run, and what becomes of those that break off."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.check import check_samples
from gilgamesh_db.cli import main
from gilgamesh_db.recording import drop, finish
from records import install

RNG = np.random.default_rng(7)
COUNTS = RNG.integers(-3000, 3000, 50_000).astype("int16")


@pytest.fixture
def lab(db18: gilgamesh.Database) -> gilgamesh.Database:
    """A port with a signal, and a second port of its own kind."""
    install(db18)
    with db18.edit("a slow channel") as edit:
        edit.add_port("PXI", "slow", dtype="float32")
    return db18


def url_of(db: gilgamesh.Database) -> str:
    return db.engine.url.set(drivername="postgresql").render_as_string(False)


def until_nobody_records(db: gilgamesh.Database) -> None:
    """Until the server has noticed that the recorder is gone."""
    while db.sql("select recorded_by is not null as held from gilgamesh.unfinished").held.any():
        time.sleep(0.01)


def status(db: gilgamesh.Database, shot: int) -> str:
    return str(db.sql("select status from gilgamesh.shot where number = :shot", {"shot": shot}).iloc[0, 0])


def test_a_running_shot_is_read_while_it_grows(lab: gilgamesh.Database) -> None:
    with (
        gilgamesh.connect(url_of(lab)) as reader,
        lab.recording(5, started_at="2026-01-01", program="growth") as running,
    ):
        port = running.port("PXI/ai0", dt=1e-4)
        for first in range(0, 40_000, 3_000):
            port.append(COUNTS[first : first + 3_000])
            there = first + 3_000
            whole = there // 8192 * 8192  # half a second
            live = reader.signal("U", 5)
            assert len(live) == whole
            assert np.array_equal(live.raw, COUNTS[:whole])
            if whole:
                assert np.array_equal(live.window(0.1, 0.2).raw, COUNTS[1000:2000])
        rows = reader.sql("select raw, value from gilgamesh.samples where signal = 'U' and shot = 5")
        assert np.array_equal(rows.raw, COUNTS[:whole])
        seen = reader.sql("select status, samples, recorded_by is not null as held from gilgamesh.unfinished").iloc[0]
        assert (seen.status, seen.samples, seen.held) == ("running", whole, True)
        port.append(COUNTS[42_000:])
    assert np.array_equal(lab.signal("U", 5).raw, COUNTS)
    shot = lab.sql("select * from gilgamesh.shots where shot = 5").iloc[0]
    assert (shot.status, shot.duration, shot.program) == ("complete", 5.0, "growth")
    assert lab.sql("select * from gilgamesh.unfinished").empty
    assert list(check_samples(lab)) == [""]


def test_a_reader_never_sees_half_a_segment(lab: gilgamesh.Database) -> None:
    seen: list[int] = []
    wrong: list[Any] = []
    over = threading.Event()

    def read() -> None:
        with gilgamesh.connect(url_of(lab)) as reader:
            while not over.is_set():
                try:
                    raw = reader.signal("U", 5).raw
                except (errors.SamplesNotFound, errors.ShotNotFound):
                    continue
                seen.append(raw.size)
                if (raw.size % 4096 and raw.size != COUNTS.size) or not np.array_equal(raw, COUNTS[: raw.size]):
                    wrong.append(raw.size)

    thread = threading.Thread(target=read)
    thread.start()
    with lab.recording(5) as running:
        port = running.port("PXI/ai0", dt=1e-3)
        for first in range(0, COUNTS.size, 500):
            port.append(COUNTS[first : first + 500])
            reads = len(seen)
            while first % 10_000 == 0 and first and len(seen) == reads and thread.is_alive():
                time.sleep(0.001)
    over.set()
    thread.join()
    assert not wrong
    assert len(set(seen)) > 2


def test_the_end_of_a_shot_is_told(lab: gilgamesh.Database) -> None:
    with psycopg.connect(url_of(lab), autocommit=True) as listener:
        listener.execute("listen gilgamesh_shot")
        with lab.recording(5) as running:
            running.port("PXI/ai0", dt=1e-3).append(COUNTS)
            assert not list(listener.notifies(timeout=0))
        assert [note.payload for note in listener.notifies(timeout=5, stop_after=1)] == ["5"]


def test_several_ports_are_appended_together_or_not_at_all(lab: gilgamesh.Database) -> None:
    times = np.sort(RNG.uniform(0, 9, 10_000))
    slow = RNG.normal(size=times.size).astype("float32")
    with lab.recording(5) as running:
        running.port("PXI/ai0", dt=1e-3)
        running.port("PXI/slow", irregular=True)
        for letter, chunks in (
            ("holds float32", {"PXI/ai0": COUNTS[:9000], "PXI/slow": (times, times)}),
            ("needs the times", {"PXI/ai0": COUNTS[:9000], "PXI/slow": slow}),
            ("'PXI/ai9' is not being recorded", {"PXI/ai0": COUNTS[:9000], "PXI/ai9": slow}),
        ):
            with pytest.raises(errors.InvalidValue, match=letter):
                running.append(chunks)
        running.append({"PXI/ai0": COUNTS[:9000], "PXI/slow": (slow[:5000], times[:5000])})
        running.append({"PXI/ai0": COUNTS[9000:], "PXI/slow": (slow[5000:], times[5000:])})
    assert np.array_equal(lab.signal("U", 5).raw, COUNTS)
    assert lab.sql("select n from gilgamesh.series order by id").n.tolist() == [COUNTS.size, times.size]
    assert lab.sql("select duration from gilgamesh.shot where number = 5").duration[0] == 50.0
    assert list(check_samples(lab)) == ["", ""]


def test_threads_may_share_a_recording(lab: gilgamesh.Database) -> None:
    slow = RNG.normal(size=COUNTS.size).astype("float32")
    with lab.recording(5) as running:
        ports = [(running.port("PXI/ai0", dt=1e-3), COUNTS), (running.port("PXI/slow", dt=1e-3), slow)]

        def feed(port: Any, samples: Any) -> None:
            for first in range(0, samples.size, 1500):
                port.append(samples[first : first + 1500])

        threads = [threading.Thread(target=feed, args=one) for one in ports]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert np.array_equal(lab.signal("U", 5).raw, COUNTS)
    assert list(check_samples(lab)) == ["", ""]


def test_what_cannot_be_recorded(lab: gilgamesh.Database) -> None:
    with pytest.raises(errors.ConflictError, match="there is a shot 1 already"), lab.recording(1):
        pass
    with lab.recording(5) as running:
        with pytest.raises(errors.ComponentNotFound, match=r"no port 'PXI/ai1'; did you mean 'PXI/ai0'\? list them"):
            running.port("PXI/ai1", dt=1e-3)
        with pytest.raises(errors.InvalidValue, match="delivers int16, so it cannot be recorded as float32"):
            running.port("PXI/ai0", dt=1e-3, dtype="float32")
        for base in ({"dt": 0.0}, {"dt": -1.0}, {"dt": np.nan}, {}, {"dt": 1.0, "irregular": True}, {"start": 0.0}):
            with pytest.raises(errors.InvalidValue):
                running.port("PXI/ai0", **base)
        running.port("PXI/ai0", dt=1e-3)
        with pytest.raises(errors.ConflictError, match="has samples of 'PXI/ai0' already"):
            running.port("PXI/ai0", dt=1e-3)
        with pytest.raises(errors.ConflictError, match="shot 5 is being recorded by somebody else"), lab.recording(5):
            pass
        for refused in (finish, drop):
            with pytest.raises(errors.ConflictError, match="shot 5 is being recorded by another process"):
                refused(lab, 5)
    for refused in (finish, drop):
        with pytest.raises(errors.InvalidValue, match="nothing of shot 5 is unfinished"):
            refused(lab, 5)
        with pytest.raises(errors.ShotNotFound):
            refused(lab, 9)


@pytest.fixture
def interrupted(lab: gilgamesh.Database) -> gilgamesh.Database:
    """Shot 5 broke off after 20 000 samples."""
    with pytest.raises(ZeroDivisionError) as caught, lab.recording(5) as running:
        running.port("PXI/ai0", dt=1e-3).append(COUNTS[:20_000])
        running.port("PXI/slow", dt=1e-3)
        _ = 1 / 0
    assert "gilgamesh storage finish 5" in caught.value.__notes__[0]
    return lab


def test_an_exception_leaves_the_shot_unfinished_with_every_sample(interrupted: gilgamesh.Database) -> None:
    assert status(interrupted, 5) == "running"
    assert len(interrupted.signal("U", 5)) == 20_000
    left = interrupted.sql("select port, samples, recorded_by from gilgamesh.unfinished order by port")
    assert left.port.tolist() == ["PXI/ai0", "PXI/slow"]
    assert left.samples.tolist() == [20_000, 0]
    assert left.recorded_by.isna().all()


def test_an_interrupted_shot_is_finished_from_what_is_stored(interrupted: gilgamesh.Database) -> None:
    with psycopg.connect(url_of(interrupted), autocommit=True) as listener:
        listener.execute("listen gilgamesh_shot")
        done = finish(interrupted, 5)
        assert [note.payload for note in listener.notifies(timeout=5, stop_after=1)] == ["5"]
    assert (done.series, done.samples) == (2, 20_000)
    assert status(interrupted, 5) == "interrupted"
    assert np.array_equal(interrupted.signal("U", 5).raw, COUNTS[:20_000])
    assert interrupted.sql("select duration from gilgamesh.shot where number = 5").duration[0] == 20.0
    assert list(check_samples(interrupted)) == ["", ""]


def test_an_interrupted_shot_is_dropped(interrupted: gilgamesh.Database) -> None:
    done = drop(interrupted, 5)
    assert (done.series, done.samples, done.with_shot) == (2, 20_000, True)
    for table in ("series", "segment", "pyramid", "shot where number = 5"):
        assert interrupted.sql(f"select * from gilgamesh.{table}").empty


def test_a_shot_of_which_more_is_known_stays(interrupted: gilgamesh.Database) -> None:
    with interrupted.edit("a note") as edit:
        edit.add_attribute("Comment", kind="text")
        edit.set_attribute(5, "Comment", "arc at the end")
    assert not drop(interrupted, 5).with_shot
    assert status(interrupted, 5) == "interrupted"
    assert interrupted.sql("select * from gilgamesh.series").empty


def test_a_hole_is_found_when_finishing(interrupted: gilgamesh.Database) -> None:
    with interrupted.transaction() as connection:
        connection.exec_driver_sql("delete from gilgamesh.segment where position = 1")
    with pytest.raises(errors.DamagedData, match=r"hole before its segment 2.*storage drop 5"):
        finish(interrupted, 5)
    assert status(interrupted, 5) == "running"
    drop(interrupted, 5)


RECORD_FOR_EVER = """
    import itertools, sys
    import numpy as np
    import gilgamesh_db as gilgamesh
    counts = (np.arange(3_000_000) % 7919).astype("int16")
    with gilgamesh.connect(sys.argv[1]) as db, db.recording(6) as running:
        port = running.port("PXI/ai0", dt=1e-5)
        for first in range(0, counts.size, 300_000):
            port.append(counts[first : first + 300_000])
        print("there", flush=True)
        sys.stdin.read()
"""


def test_a_killed_recorder_leaves_whole_segments(lab: gilgamesh.Database) -> None:
    recorder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(RECORD_FOR_EVER), url_of(lab)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with recorder:
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == "there\n"
        with pytest.raises(errors.ConflictError, match="being recorded"):
            finish(lab, 6)
        recorder.send_signal(signal.SIGKILL)
    until_nobody_records(lab)
    assert status(lab, 6) == "running"
    whole = 3_000_000 // 32768 * 32768
    assert len(lab.signal("U", 6)) == whole
    assert finish(lab, 6).samples == whole
    assert np.array_equal(lab.signal("U", 6).raw, (np.arange(whole) % 7919).astype("int16"))
    # The previews that were not written yet came from the samples.
    counts = lab.sql("select level, sum(n)::bigint as n from gilgamesh.pyramid group by level order by level")
    assert counts.n.tolist() == [-(-whole // 64), -(-whole // 4096)]
    assert list(check_samples(lab)) == [""]


def test_a_lost_connection_is_said_and_what_was_committed_stays(lab: gilgamesh.Database) -> None:
    with pytest.raises(errors.ServerError, match="connection") as caught, lab.recording(5) as running:
        port = running.port("PXI/ai0", dt=1e-3)
        port.append(COUNTS[:10_000])
        lab.sql("select pg_terminate_backend(recorded_by) from gilgamesh.unfinished")
        port.append(COUNTS[10_000:])
    assert "latest samples of PXI/ai0 could not be stored" in caught.value.__notes__[0]
    until_nobody_records(lab)
    assert finish(lab, 5).samples == 8192
    assert np.array_equal(lab.signal("U", 5).raw, COUNTS[:8192])


def test_after_an_error_of_the_database_a_shot_is_never_called_complete(lab: gilgamesh.Database) -> None:
    """Somebody swallows the error and goes on: the samples that are lost must not be passed over in silence."""
    with pytest.raises(errors.InvalidValue, match="could not be written"), lab.recording(5) as running:
        port = running.port("PXI/ai0", dt=1e-3)
        port.append(COUNTS[:10_000])
        with lab.transaction() as connection:
            connection.exec_driver_sql(
                "alter table gilgamesh.segment add constraint full_up check (position < 3) not valid"
            )
        with pytest.raises(errors.InvalidValue, match="full_up"):
            port.append(COUNTS[10_000:30_000])
        with pytest.raises(errors.InvalidValue, match="nothing can be added"):
            port.append(COUNTS[30_000:])
    assert status(lab, 5) == "running"
    assert len(lab.signal("U", 5)) == 8192


@pytest.fixture
def operator(server18: Any, lab: gilgamesh.Database) -> Iterator[gilgamesh.Database]:
    """The same database, as an operator sees it."""
    server18.execute(
        "do $$ begin create role recording_operator login in role gilgamesh_operator; exception when duplicate_object then null; end $$"
    )
    with gilgamesh.connect(lab.engine.url.set(username="recording_operator").render_as_string(False)) as database:
        yield database


def test_an_operator_records_finishes_and_drops(operator: gilgamesh.Database) -> None:
    with operator.recording(5, program="acquisition") as running:
        running.port("PXI/ai0", dt=1e-3).append(COUNTS)
    for action in (finish, drop):
        with pytest.raises(ZeroDivisionError), operator.recording(6) as running:
            running.port("PXI/ai0", dt=1e-3).append(COUNTS)
            _ = 1 / 0
        action(operator, 6)
        if action is finish:
            with pytest.raises(errors.UserError, match="only the owner"):
                operator.sql("select * from gilgamesh.release_samples(6, 7, null)")
            with pytest.raises((errors.UserError, sa.exc.ProgrammingError)):
                operator.sql("delete from gilgamesh.series")
            return


def test_a_reader_records_nothing(server18: Any, lab: gilgamesh.Database) -> None:
    server18.execute(
        "do $$ begin create role recording_reader login in role gilgamesh_reader; exception when duplicate_object then null; end $$"
    )
    with gilgamesh.connect(lab.engine.url.set(username="recording_reader").render_as_string(False)) as reader:
        with pytest.raises(errors.UserError, match="permission denied"), reader.recording(5):
            pass
        for statement in ("finish_series(1, 0, '')", "drop_unfinished(1)", "open_series(1, 'int16', 0, 1, 4096, 1)"):
            with pytest.raises(errors.UserError, match="permission denied"):
                reader.sql(f"select gilgamesh.{statement}")


def typed(capsys: pytest.CaptureFixture[str], db: gilgamesh.Database, *words: str) -> tuple[int, str]:
    try:
        main(["--url", url_of(db), "storage", *words])
        code = 0
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    out, err = capsys.readouterr()
    return code, out + err


def test_commands_for_what_broke_off(interrupted: gilgamesh.Database, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = typed(capsys, interrupted, "unfinished")
    assert code == 0
    assert "PXI/ai0" in said
    assert "nobody" in said
    assert typed(capsys, interrupted, "finish", "5") == (
        0,
        "shot 5 is finished as interrupted: 2 records, 20000 samples\n",
    )
    assert typed(capsys, interrupted, "unfinished") == (0, "nothing\n")
    code, said = typed(capsys, interrupted, "finish", "5")
    assert (code, "nothing of shot 5 is unfinished" in said) == (1, True)
    with pytest.raises(ZeroDivisionError), interrupted.recording(6) as running:
        running.port("PXI/ai0", dt=1e-3).append(COUNTS)
        _ = 1 / 0
    assert typed(capsys, interrupted, "drop", "6", "--yes") == (
        0, "removed 1 records of shot 6 with 50000 samples, and the shot\n"
    )  # fmt: skip


def test_attributes_come_with_the_end_of_a_recording(lab: gilgamesh.Database) -> None:
    with lab.edit("rules") as edit:
        edit.add_attribute("TopU", rule="max(2 * U)")
    with lab.recording(5) as running:
        running.port("PXI/ai0", dt=1e-4).append(COUNTS)
        assert lab.sql("select * from gilgamesh.attribute_value").empty
    assert lab.shots().TopU[5] == pytest.approx(2 * lab.signal("U", 5).values.max(), rel=1e-12)
    with pytest.raises(RuntimeError, match="broke off"), lab.recording(6) as running:
        running.port("PXI/ai0", dt=1e-4).append(COUNTS[:9000])
        raise RuntimeError("broke off")
    finish(lab, 6)
    assert lab.shots().TopU[6] == pytest.approx(2 * lab.signal("U", 6).values.max(), rel=1e-12)
