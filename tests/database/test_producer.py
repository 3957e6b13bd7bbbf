"""Producers: batches, late confirmations, lost connections, a database that is restarted."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors, installation
from gilgamesh_db.database import open_engine
from gilgamesh_db.embedded import EmbeddedServer

DAY = datetime(2026, 3, 10, tzinfo=UTC)


def streams(db: gilgamesh.Database, dtype: str = "int16") -> None:
    with db.edit("a gauge") as edit:
        edit.add_component("Gauge", "DAQDevice")
        for channel in ("ch1", "ch2"):
            edit.add_port("Gauge", channel, dtype=dtype)
            edit.open_stream(f"Gauge/{channel}")


def count(db: gilgamesh.Database) -> int:
    return int(db.sql("select count(*) as n from gilgamesh.stream_tail").n[0])


def test_what_was_accepted_is_stored(db: gilgamesh.Database) -> None:
    streams(db)
    with db.producer(batch=100, flush_interval=0.05) as producer:
        for i in range(1000):
            producer.put_all({"Gauge/ch1": i, "Gauge/ch2": -i}, DAY + timedelta(seconds=i))
        producer.put("Gauge/ch1", 0, DAY.timestamp())  # once more, as seconds since 1970
        producer.put("Gauge/ch1", 17, DAY)  # another value
    assert (producer.stored, producer.repeated, producer.contradicted, producer.waiting) == (2000, 1, 1, 0)
    assert count(db) == 2000
    with pytest.raises(errors.InvalidValue, match="closed"):
        producer.put("Gauge/ch1", 1)


def test_a_sample_alone_is_stored_within_the_interval(db18: gilgamesh.Database) -> None:
    streams(db18)
    with db18.producer(flush_interval=0.1, compact_interval=None) as producer:
        producer.put("Gauge/ch1", 1)
        deadline = time.monotonic() + 5
        while producer.waiting and time.monotonic() < deadline:
            time.sleep(0.01)
        assert count(db18) == 1


def test_what_cannot_be_is_refused_at_once(db18: gilgamesh.Database) -> None:
    streams(db18)
    cases: list[tuple[str, Any, Any, type[Exception], str]] = [
        ("Gauge/ch3", 1, DAY, errors.ComponentNotFound, "did you mean 'Gauge/ch"),
        ("Gauge/ch1", 0.5, DAY, errors.InvalidValue, r"cannot deliver 0\.5"),
        ("Gauge/ch1", float("nan"), DAY, errors.InvalidValue, "cannot deliver nan"),
        ("Gauge/ch1", 40000, DAY, errors.InvalidValue, "int16"),
        ("Gauge/ch1", "x", DAY, errors.InvalidValue, "not a number"),
        ("Gauge/ch1", 1, float("nan"), errors.InvalidValue, "no instant"),
        ("Gauge/ch1", 1, "noon", errors.InvalidValue, "no instant"),
        ("Gauge/ch1", 1, datetime(2999, 1, 1, tzinfo=UTC), errors.InvalidValue, "future"),
    ]
    with db18.producer() as producer:
        for port, raw, at, family, letter in cases:
            with pytest.raises(family, match=letter):
                producer.put_many([("Gauge/ch1", 2, DAY), (port, raw, at)])
    assert count(db18) == 0


def test_a_lost_connection_loses_nothing(db: gilgamesh.Database) -> None:
    streams(db)
    with db.producer(batch=10, flush_interval=0.02) as producer:
        for i in range(300):
            producer.put("Gauge/ch1", i, DAY + timedelta(seconds=i))
            if i % 60 == 30:
                db.sql(
                    "select pg_terminate_backend(pid) from pg_stat_activity where query ~ 'store_samples' and pid <> pg_backend_pid()"
                )
    assert count(db) == 300


def test_a_refused_batch_stores_the_others(db18: gilgamesh.Database) -> None:
    streams(db18)
    with db18.producer(batch=50, flush_interval=60, buffer=50) as producer:
        # What only the database knows: the stream was narrowed behind our back.
        producer._ports["Gauge/ch1"] = (producer._ports["Gauge/ch1"][0], "int32")
        producer.put_many([("Gauge/ch1", 7 if i != 20 else 100_000, DAY + timedelta(seconds=i)) for i in range(40)])
        producer.flush(timeout=30)
        assert producer.stored == 39
        assert "cannot deliver 100000" in producer.refused[0]


@pytest.fixture
def own_server() -> Iterator[EmbeddedServer]:
    folder = Path(tempfile.mkdtemp(prefix="g-", dir="/tmp"))
    folder.chmod(0o711)
    server = EmbeddedServer(folder / "pg")
    try:
        server.ensure_running()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_restarted_database_loses_nothing_and_memory_is_bounded(own_server: EmbeddedServer) -> None:
    engine = open_engine(own_server.url("postgres"))
    installation.create(engine)
    engine.dispose()
    with gilgamesh.connect(own_server.url("postgres")) as db:
        streams(db)
        with db.producer(batch=20, flush_interval=0.05, buffer=100) as producer:
            producer.put("Gauge/ch1", 0, DAY)
            producer.flush(timeout=30)
            own_server.stop()
            for i in range(1, 101):
                producer.put("Gauge/ch1", i, DAY + timedelta(seconds=i))
            with pytest.raises(errors.ServerError, match="buffer is full"):
                producer.put("Gauge/ch1", 101, DAY + timedelta(seconds=101), timeout=0.2)
            with pytest.raises(errors.ServerError, match="100 samples still wait"):
                producer.flush(timeout=0.2)
            own_server.ensure_running()
            producer.flush(timeout=60)
            assert producer.stored == 101
        assert count(db) == 101
