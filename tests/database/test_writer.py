"""Writing records: in chunks or in one go they become the same rows, and what breaks off leaves nothing half-visible."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors, installation, payload, writer
from gilgamesh_db.check import check_samples
from gilgamesh_db.writer import open_series, write_series
from records import FIRED, driver, install, record

ROWS = {
    "segment": "select position, n, payload, times, numbers, total, squares, minimum, maximum from gilgamesh.segment "
    "where shot = %s order by position",
    "pyramid": "select level, position, n, payload from gilgamesh.pyramid where shot = %s order by level, position",
    "series": "select n, sha256, dtype, start, dt, segment_n from gilgamesh.series where shot = %s",
}


def rows(connection: psycopg.Connection[Any], shot: int) -> dict[str, list[Any]]:
    return {name: connection.execute(query, (shot,)).fetchall() for name, query in ROWS.items()}


def clock(n: int, seed: int = 0) -> NDArray[np.float64]:
    return np.cumsum(np.random.default_rng(seed).exponential(1e-3, n))


@pytest.mark.parametrize("irregular", [False, True])
def test_however_a_record_is_cut_it_becomes_the_same_rows(db18: gilgamesh.Database, irregular: bool) -> None:
    port = install(db18, shots=2)
    samples = np.random.default_rng(5).integers(-32768, 32767, 75_000, "int16", endpoint=True)
    base: dict[str, Any] = {"times": clock(samples.size)} if irregular else {"start": -0.1, "dt": 1e-5}
    opened: dict[str, Any] = {"irregular": True} if irregular else base
    with db18.engine.connect() as connection:
        raw = driver(connection)
        write_series(raw, 1, samples, port_id=port, **base)
        expected = rows(raw, 1)
        raw.commit()

        @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(st.lists(st.one_of(st.integers(0, 40_000), st.sampled_from([1, 32768, 65536])), max_size=12))
        def check(lengths: list[int]) -> None:
            with open_series(raw, 2, "int16", port_id=port, **opened) as growing:
                first = 0
                for length in [*lengths, samples.size]:
                    part = slice(first, min(first + length, samples.size))
                    growing.append(samples[part], base["times"][part] if irregular else None)
                    first = part.stop
            assert growing.n == samples.size
            assert rows(raw, 2) == expected
            raw.rollback()

        check()
    assert list(check_samples(db18)) == [""]


def test_the_checksum_is_the_one_that_is_documented(db18: gilgamesh.Database) -> None:
    port = install(db18, shots=2)
    samples, times = np.arange(5000, dtype="int16"), clock(5000)
    record(db18, 1, port, samples)
    record(db18, 2, port, samples, times=times)
    stored = db18.sql("select sha256 from gilgamesh.series order by shot").sha256
    both = hashlib.sha256(samples.tobytes()).digest() + hashlib.sha256(times.tobytes()).digest()
    assert stored[0] == hashlib.sha256(samples.tobytes()).digest()
    assert stored[1] == hashlib.sha256(both).digest() == payload.checksum(samples, times)


@pytest.mark.parametrize("dtype", payload.DTYPES)
def test_moments_and_pyramid_of_every_type(dtype: str) -> None:
    kind = np.dtype(dtype)

    @settings(max_examples=30, deadline=None, database=None)
    @given(hnp.arrays(kind, st.integers(1, 9000), elements=hnp.from_dtype(kind), fill=hnp.from_dtype(kind)))
    def check(samples: NDArray[Any]) -> None:
        numbers = samples[np.isfinite(samples)].astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            stored = payload.segment(0, samples)
            assert (stored.n, stored.numbers) == (samples.size, numbers.size)
            assert np.isclose(stored.total, numbers.sum(), rtol=1e-12, equal_nan=True)
            assert np.isclose(stored.squares, (numbers * numbers).sum(), rtol=1e-12, equal_nan=True)
        assert stored.minimum == (numbers.min() if numbers.size else None)
        assert stored.maximum == (numbers.max() if numbers.size else None)
        found = list(payload.pyramid(samples))
        assert {block.level for block in found} == {level for level in payload.PYRAMID_LEVELS if samples.size > level}
        for block in found:
            pairs = payload.decode(block.payload, dtype, 2 * block.n)
            starts = np.arange(0, samples.size, block.level)
            assert np.array_equal(pairs[0::2], np.fmin.reduceat(samples, starts), equal_nan=kind.kind == "f")
            assert np.array_equal(pairs[1::2], np.fmax.reduceat(samples, starts), equal_nan=kind.kind == "f")

    check()


def test_chunks_in_any_layout_which_are_overwritten_afterwards(db18: gilgamesh.Database) -> None:
    port = install(db18)
    samples = np.random.default_rng(1).integers(0, 1000, 30_000).astype("int16")
    with db18.engine.begin() as connection, open_series(driver(connection), 1, "int16", start=0.0, dt=1.0, port_id=port) as growing:  # fmt: skip
        for first in range(0, samples.size, 1000):
            chunk = np.empty((1000, 2), ">i2")[:, 0]
            chunk[:] = samples[first : first + 1000]
            growing.append(chunk)
            chunk[:] = -1
    assert np.array_equal(db18.signal("U", 1).raw, samples)


@pytest.mark.parametrize("base", [{"start": 0.0, "dt": 1.0}, {"irregular": True}])
def test_a_record_without_samples(db18: gilgamesh.Database, base: dict[str, Any]) -> None:
    port = install(db18)
    with db18.engine.begin() as connection, open_series(driver(connection), 1, "int16", port_id=port, **base):
        pass
    assert list(check_samples(db18)) == [""]
    assert db18.sql("select n from gilgamesh.series").n.tolist() == [0]
    assert db18.signal("U", 1).values.size == 0


def test_long_records_take_little_memory() -> None:
    """Of 100 M samples (200 MB) no more than a few segments are held: here without a database, by the cutting alone."""
    measure = """
import resource, sys
import numpy as np
from gilgamesh_db import writer

class Nowhere(writer.SeriesWriter):
    def _send(self, more=()):
        for one in [*self._segments, *more, *self._blocks]:
            self.sent = getattr(self, "sent", 0) + len(one.payload)
        self._segments.clear()
        self._blocks.clear()

chunk = np.random.default_rng(0).integers(-9, 9, 500_000).astype("int16")
growing = Nowhere(None, 1, 1, np.dtype("int16"), length=32768, irregular=False)
growing.append(chunk)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(199):
    growing.append(chunk)
growing.save()
print(growing.sent, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", measure], capture_output=True, text=True, check=True)
    sent, grown = map(int, done.stdout.split())
    assert sent > 200_000_000
    assert grown < 20


REFUSED: list[tuple[str, dict[str, Any], NDArray[Any], Any]] = [
    ("float64", {"start": 0.0, "dt": 1.0}, np.zeros(5), None),
    ("not an array of shape", {"start": 0.0, "dt": 1.0}, np.zeros((5, 2), "int16"), None),
    ("no times of its own", {"start": 0.0, "dt": 1.0}, np.zeros(5, "int16"), np.arange(5.0)),
    ("needs the times", {"irregular": True}, np.zeros(5, "int16"), None),
    ("came with 4 times", {"irregular": True}, np.zeros(5, "int16"), np.arange(4.0)),
    ("after sample 9: 8.5 s follows 9.0 s", {"irregular": True}, np.zeros(5, "int16"), np.arange(5.0) + 8.5),
    ("after sample 11", {"irregular": True}, np.zeros(3, "int16"), np.array([10.0, 12.0, 11.0])),
    ("of sample 11 is not a number", {"irregular": True}, np.zeros(2, "int16"), np.array([10.0, np.nan])),
]


def test_a_chunk_that_cannot_follow_is_refused_and_the_record_goes_on(db18: gilgamesh.Database) -> None:
    port = install(db18)
    good = np.arange(10, dtype="int16")
    with db18.engine.connect() as connection:
        for letter, base, chunk, times in REFUSED:
            irregular = "irregular" in base
            with open_series(driver(connection), 1, "int16", port_id=port, **base) as growing:
                growing.append(good, good.astype(float) if irregular else None)
                with pytest.raises(errors.InvalidValue, match=letter):
                    growing.append(chunk, times)
                growing.append(good, good + 9.0 if irregular else None)
            stored = rows(driver(connection), 1)["segment"][0][2]
            assert np.array_equal(payload.decode(stored, "int16"), np.tile(good, 2)), letter
            driver(connection).rollback()


BASES: list[dict[str, Any]] = [
    {"start": 0.0, "dt": 0.0}, {"start": 0.0, "dt": -1.0}, {"start": 0.0, "dt": np.nan}, {"start": 0.0, "dt": np.inf},
    {"start": np.nan, "dt": 1.0}, {"dt": 1.0}, {"start": 0.0}, {}, {"start": 0.0, "irregular": True},
    {"start": 0.0, "dt": 1.0, "irregular": True}, {"start": 0.0, "dt": 1.0, "segment_n": 1000},
    {"start": 0.0, "dt": 1.0, "segment_n": 0}, {"start": 0.0, "dt": 1.0, "dtype": "complex64"},
]  # fmt: skip


def test_a_record_that_cannot_be_is_refused(db18: gilgamesh.Database) -> None:
    port = install(db18)
    for base in BASES:
        with pytest.raises(errors.InvalidValue), db18.engine.begin() as connection:
            open_series(driver(connection), 1, **{"dtype": "int16", "port_id": port, **base})
    assert db18.sql("select * from gilgamesh.series").empty


def test_a_shot_that_does_not_exist_and_a_port_that_is_taken(db18: gilgamesh.Database) -> None:
    port = install(db18)
    with pytest.raises(errors.ShotNotFound, match="no shot 9"):
        record(db18, 9, port, np.arange(3, dtype="int16"))
    record(db18, 1, port, np.arange(3, dtype="int16"))
    with pytest.raises(errors.ConflictError, match="shot 1 has samples of 'PXI/ai0' already"):
        record(db18, 1, port, np.arange(3, dtype="int16"))


def test_shots_of_any_number_have_their_partition(db18: gilgamesh.Database) -> None:
    port = install(db18)
    for shot in (100_001, 1_000_001, 123_456_789_012):
        with db18.transaction() as connection:
            connection.exec_driver_sql("insert into gilgamesh.shot (number, started_at) values (%s, %s)", (shot, FIRED))
        record(db18, shot, port, np.arange(shot % 1000, dtype="int16"))
        assert db18.signal("U", shot).raw.size == shot % 1000
    assert db18.sql("select since from gilgamesh.chunks order by since").since.tolist() == [100_000, 1_000_000, 123_456_789_000]  # fmt: skip


# -- a finished record never changes -------------------------------------------------------------------------

ADDITIONS = (
    "insert into gilgamesh.segment (shot, series_id, position, n, payload, numbers, total, squares) "
    "select 1, id, 7, 1, decode(repeat('00', 22), 'hex'), 0, 0, 0 from gilgamesh.series",
    "insert into gilgamesh.pyramid (shot, series_id, level, position, n, payload) select 1, id, 64, 7, 1, '' from gilgamesh.series",
    "update gilgamesh.series set n = 5",
    "update gilgamesh.series set dt = 5",
    "update gilgamesh.series set n = null, sha256 = null",
    "select gilgamesh.finish_series(id, n, sha256) from gilgamesh.series",
)


def test_a_finished_record_never_changes(db: gilgamesh.Database) -> None:
    port = install(db)
    record(db, 1, port, np.arange(5000, dtype="int16"))
    for addition in ADDITIONS:
        with pytest.raises(errors.ConflictError, match="of shot 1 is finished and never changes"):  # noqa: SIM117
            with db.transaction() as connection:
                connection.exec_driver_sql(addition)
    assert list(check_samples(db)) == [""]


def test_an_upgrade_keeps_the_guards_of_partitions_that_are_there(db18: gilgamesh.Database) -> None:
    port = install(db18, shots=2)
    record(db18, 1, port, np.arange(5000, dtype="int16"))
    installation.upgrade(db18.engine)
    for addition in ADDITIONS[:3]:
        with pytest.raises(errors.ConflictError, match="never changes"), db18.transaction() as connection:
            connection.exec_driver_sql(addition)
    record(db18, 2, port, np.arange(5000, dtype="int16"))
    with pytest.raises(errors.DamagedData, match="payload of 5 bytes"), db18.transaction() as connection:
        connection.exec_driver_sql(ADDITIONS[0].replace("22", "5"))


def test_segments_are_stored_while_they_come(db: gilgamesh.Database) -> None:
    """Not held back by COPY until there are a thousand of them: the client would wait for the server afterwards."""
    port = install(db)
    one = payload.segment(0, np.zeros(32768, "int16"))
    with db.engine.connect() as connection, contextlib.suppress(InterruptedError):
        raw = driver(connection)
        growing = open_series(raw, 1, "int16", start=0.0, dt=1.0, port_id=port)
        raw.commit()
        with raw.cursor() as cursor, cursor.copy(writer._SEGMENT) as copy:
            copy.set_types(writer._SEGMENT_TYPES)
            for position in range(100):
                copy.write_row((1, growing.series_id, *one._replace(position=position)))
            for _ in range(500):
                if db.sql("select pg_total_relation_size('gilgamesh.segment_000000') as size").iloc[0, 0] > 3_000_000:
                    raise InterruptedError
                time.sleep(0.01)
        pytest.fail("nothing is stored before the end of the COPY")


def test_a_record_begins_empty(db18: gilgamesh.Database) -> None:
    port = install(db18)
    with pytest.raises(errors.ConflictError, match="begins empty"), db18.transaction() as connection:
        connection.exec_driver_sql(
            "insert into gilgamesh.series (shot, port_id, dtype, n, start, dt, segment_n, sha256) "
            "values (1, %s, 'int16', 5, 0, 1, 4096, sha256(''))",
            (port,),
        )


DAMAGES = (
    "delete from gilgamesh.segment where position = 0",
    "delete from gilgamesh.segment where position = 1",
    "delete from gilgamesh.pyramid where level = 64",
    "update gilgamesh.segment set n = 4000, numbers = 0 where position = 0",
)


def test_a_record_with_holes_is_not_finished(db18: gilgamesh.Database) -> None:
    port = install(db18)
    for damage in DAMAGES:
        with pytest.raises(errors.DamagedData, match="cannot be finished"), db18.engine.begin() as connection:
            growing = open_series(driver(connection), 1, "int16", start=0.0, dt=1.0, port_id=port, segment_n=4096)
            growing.append(np.arange(9000, dtype="int16"))
            growing.save()
            connection.exec_driver_sql(damage)
            growing.close()
    assert db18.sql("select * from gilgamesh.series").empty


def waiting(connection: psycopg.Connection[Any], what: str) -> None:
    """Until somebody else waits for a lock with this statement."""
    for _ in range(500):
        found = connection.execute(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like %s and datname = current_database()",
            (f"%{what}%",),
        ).fetchone()
        if found is not None and found[0]:
            return
        time.sleep(0.01)
    pytest.fail(f"nobody waits with {what}")


@pytest.fixture
def three(db18: gilgamesh.Database) -> Iterator[list[psycopg.Connection[Any]]]:
    """Three connections to one database."""
    url = db18.engine.url.set(drivername="postgresql").render_as_string(False)
    opened = [psycopg.connect(url) for _ in range(3)]
    opened[2].autocommit = True
    yield opened
    for connection in opened:
        connection.close()


def failure(action: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Do it in a thread; what it raised, or None, is put into the list."""
    ended: list[Any] = []

    def run() -> None:
        try:
            action()
            ended.append(None)
        except psycopg.Error as error:
            ended.append(error.sqlstate)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, ended


def test_whoever_finishes_waits_for_whoever_still_writes(
    db18: gilgamesh.Database, three: list[psycopg.Connection[Any]]
) -> None:
    one, other, watch = three
    port = install(db18)
    growing = open_series(one, 1, "int16", start=0.0, dt=1.0, port_id=port, segment_n=4096)
    growing.append(np.zeros(4096, "int16"))
    growing.flush()
    one.commit()
    growing.append(np.zeros(4096, "int16"))
    growing.flush()
    digest = payload.checksum(np.zeros(4096, "int16"))
    thread, ended = failure(lambda: other.execute("select gilgamesh.finish_series(%s, 4096, %s)", (growing.series_id, digest)))  # fmt: skip
    waiting(watch, "finish_series")
    one.commit()
    thread.join()
    assert ended == ["GG012"]  # there are 8192 samples now


def test_whoever_still_writes_sees_that_it_was_finished(
    db18: gilgamesh.Database, three: list[psycopg.Connection[Any]]
) -> None:
    one, other, watch = three
    port = install(db18)
    growing = open_series(one, 1, "int16", start=0.0, dt=1.0, port_id=port, segment_n=4096)
    one.commit()
    other.execute("select gilgamesh.finish_series(%s, 0, sha256(''))", (growing.series_id,))
    growing._segments = [payload.segment(0, np.zeros(4096, "int16"))]
    ended: list[BaseException] = []

    def late() -> None:
        try:
            growing.flush()
        except errors.ConflictError as error:
            ended.append(error)

    thread = threading.Thread(target=late)
    thread.start()
    waiting(watch, "copy gilgamesh.segment")
    other.commit()
    thread.join()
    assert "never changes" in str(ended[0])


# -- what breaks off -----------------------------------------------------------------------------------------


def test_a_connection_lost_in_the_middle_of_a_copy(
    db18: gilgamesh.Database, three: list[psycopg.Connection[Any]]
) -> None:
    one, _, watch = three
    port = install(db18)
    ended: list[BaseException] = []
    growing = open_series(one, 1, "int16", start=0.0, dt=1.0, port_id=port)
    growing.append(np.zeros(600_000, "int16"))

    def write() -> None:
        try:
            growing.append(np.zeros(20_000_000, "int16"))
        except errors.ServerError as error:
            ended.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    killed = 0
    while thread.is_alive() and not killed:
        row = watch.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where query ilike '%copy gilgamesh.segment%' and state = 'active' and pid <> pg_backend_pid() and datname = current_database()"
        ).fetchone()
        killed = row[0] if row else 0
    thread.join()
    assert killed
    assert "connection to the database was lost" in str(ended[0])
    with pytest.raises(errors.InvalidValue, match="could not be written"):
        growing.append(np.zeros(5, "int16"))
    assert (
        db18.sql("select (select count(*) from gilgamesh.series) + (select count(*) from gilgamesh.segment) as n").n[0]
        == 0
    )


@pytest.fixture
def small_disk(server18: Any, db18: gilgamesh.Database, tmp_path: Path) -> Iterator[Path]:
    """New partitions lie on a disk of 20 MB; gives a file there that can be removed to make some room."""
    disk = Path(os.environ["GILGAMESH_TEST_RUN"]) / f"disk-{tmp_path.name}"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        disk.rmdir()
        pytest.skip("cannot mount a small disk here")
    name = f"small_{disk.name[-12:].replace('-', '_')}"
    try:
        inside = disk / "data"
        inside.mkdir()
        owner = server18.embedded.data_directory.stat()
        os.chown(inside, owner.st_uid, owner.st_gid)
        inside.chmod(0o700)
        server18.execute(f"create tablespace {name} location '{inside}'")
        with db18.transaction() as connection:
            connection.exec_driver_sql(f"set local default_tablespace = {name}")
            connection.exec_driver_sql("select gilgamesh.ensure_partition(1)")
        filler = disk / "filler"
        filler.write_bytes(bytes(1 << 20))
        yield filler
        with db18.transaction() as connection:
            connection.exec_driver_sql("drop table gilgamesh.segment_000000, gilgamesh.pyramid_000000")
        server18.execute(f"drop tablespace {name}")
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_leaves_what_was_committed(db18: gilgamesh.Database, small_disk: Path) -> None:
    port = install(db18, shots=3)
    samples = np.random.default_rng(0).integers(-9, 9, 10_000_000).astype("int16")
    record(db18, 1, port, samples[:1_000_000])
    with pytest.raises(errors.ServerError, match="disk of the database server is full; nothing was written"):
        record(db18, 2, port, samples)
    assert db18.sql("select shot, n from gilgamesh.series").values.tolist() == [[1, 1_000_000]]
    assert db18.sql("select count(*) from gilgamesh.segment where shot = 2").iloc[0, 0] == 0
    small_disk.unlink()
    with db18.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("vacuum gilgamesh.segment")  # as the server does by itself after a while
    record(db18, 3, port, samples[:500_000])
    assert list(check_samples(db18)) == ["", ""]
