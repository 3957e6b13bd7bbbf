"""Plans become rows: whole or not at all, once, and never over what is there."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors
from gilgamesh_loaders import simulator
from gilgamesh_loaders.commit import commit, examine
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, Source

FIRED = datetime(2025, 3, 4, 10, 30, tzinfo=UTC)


def counts(n: int = 1000, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(-100, 100, n).astype("int16")


def plan(number: int = 7, seed: int = 0, channels: tuple[str, ...] = ("1", "2"), **changes: Any) -> ShotPlan:
    scale = Scale((Polynomial((0.5, 0.01)),), "V")
    series = tuple(
        SeriesPlan("scope", channel, counts(seed=seed + k), start=-0.1, dt=1e-4, scale=scale, signal=f"CH{channel}")
        for k, channel in enumerate(channels)
    )
    digest = bytes([seed]) * 32
    made = ShotPlan(
        number,
        FIRED,
        0.1,
        series,
        Source(f"file{seed}.csv", "csv", 10, digest),
        {"Gas": "Argon", "Power": 3.5, "Good": True},
    )
    return replace(made, **changes)


def tables(db: gilgamesh.Database) -> Any:
    return db.sql(
        "select (select count(*) from gilgamesh.shot) as shots, (select count(*) from gilgamesh.series) as series, "
        "(select count(*) from gilgamesh.segment) as segments, (select count(*) from gilgamesh.source) as sources, "
        "(select count(*) from gilgamesh.component) as components, (select count(*) from gilgamesh.edit) as edits"
    ).iloc[0].to_dict()  # fmt: skip


NOTHING = {"shots": 0, "series": 0, "segments": 0, "sources": 0, "components": 0, "edits": 0}


def test_unknown_ports_are_created_only_when_asked(db: gilgamesh.Database) -> None:
    with pytest.raises(errors.ComponentNotFound, match=r"no port 'scope/1' and 1 more.*--create"):
        commit(db, plan())
    assert tables(db) == NOTHING
    report = commit(db, plan(), create=True)
    assert report.created == ("CH1 on scope/1", "CH2 on scope/2")
    assert (report.series, report.samples) == (2, 2000)
    signal = db.signal("CH1", 7)
    assert np.array_equal(signal.values, counts() * 0.01 + 0.5)
    assert signal.time[0] == -0.1
    assert db.shots().loc[7, ["Gas", "Power", "Good"]].tolist() == ["Argon", 3.5, True]


def test_loading_twice_is_the_same_as_once(db: gilgamesh.Database) -> None:
    commit(db, plan(), create=True)
    before = tables(db)
    assert "loaded before" in str(commit(db, plan(), create=True))
    assert tables(db) == before


def test_the_same_samples_from_another_file_are_not_stored_twice(db: gilgamesh.Database) -> None:
    commit(db, plan(), create=True)
    copy = plan(source=Source("copy.csv", "csv", 11, b"c" * 32))
    assert examine(db, copy).repeated == {"scope/1", "scope/2"}
    assert commit(db, copy).series == 0
    assert tables(db)["series"] == 2


def test_a_shot_that_exists_with_other_samples_is_refused(db: gilgamesh.Database) -> None:
    commit(db, plan(), create=True)
    before = tables(db)
    with pytest.raises(errors.ConflictError, match=r"shot 7 has other samples of scope/1.*Nothing was loaded"):
        commit(db, plan(seed=5))
    with pytest.raises(errors.ConflictError, match="was triggered at"):
        commit(db, plan(seed=6, started_at=datetime(2025, 3, 5, tzinfo=UTC)))
    with pytest.raises(errors.ConflictError, match="loaded as shot 7, not 8"):
        commit(db, plan(number=8))
    assert tables(db) == before


def test_a_companion_file_completes_the_shot(db: gilgamesh.Database) -> None:
    commit(db, plan(channels=("1",)), create=True)
    commit(db, plan(seed=9, channels=("3",)), create=True)
    assert db.sql(
        "select signal from gilgamesh.resolved_signal where shot = 7 and status = 'ok' order by 1"
    ).signal.tolist() == ["CH1", "CH3"]


def test_samples_of_another_kind_are_refused(db: gilgamesh.Database) -> None:
    commit(db, plan(channels=("1",)), create=True)
    wrong = plan(number=8, seed=3, series=(SeriesPlan("scope", "1", np.full(4, 0.5), start=0.0, dt=1.0),))
    with pytest.raises(errors.ConflictError, match="delivers int16, but the file has float64"):
        commit(db, wrong)


def test_the_databases_calibration_stays_when_the_file_says_another(db: gilgamesh.Database) -> None:
    commit(db, plan(channels=("1",)), create=True)
    other = SeriesPlan("scope", "1", counts(seed=4), start=0.0, dt=1e-4, scale=Scale((Polynomial((0.0, 0.02)),), "V"))
    report = commit(db, plan(number=8, seed=4, series=(other,)))
    assert "is not the calibration in force, which stays" in report.notes[0]
    assert np.array_equal(db.signal("CH1", 8).values, counts(seed=4) * 0.01 + 0.5)


def test_counts_without_a_scale_are_kept_and_called_uncalibrated(db: gilgamesh.Database) -> None:
    bare = SeriesPlan("scope", "1", counts(), start=0.0, dt=1e-4)
    report = commit(db, plan(series=(bare,)), create=True)
    assert "calibrate it before use" in report.notes[0]
    with pytest.raises(errors.NotCalibrated, match="scope/1"):
        _ = db.signal("_1", 7).values
    with db.edit("data sheet") as edit:
        edit.calibrate("scope/1", Polynomial((0.0, 1.0)), "ct", "ct")
    assert np.array_equal(db.signal("_1", 7).values, counts())


def test_a_failure_in_the_middle_leaves_nothing(db: gilgamesh.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from gilgamesh_db import payload

    written = []

    def fails_at_the_second(*args: Any, **kwargs: Any) -> Any:
        written.append(1)
        if len(written) == 2:
            raise ConnectionAbortedError("the cable was pulled")
        return segment(*args, **kwargs)

    segment = payload.segment
    monkeypatch.setattr(payload, "segment", fails_at_the_second)
    with pytest.raises(ConnectionAbortedError):
        commit(db, plan(), create=True)
    assert tables(db) == NOTHING


def test_a_connection_killed_while_copying_leaves_nothing(db: gilgamesh.Database) -> None:
    install = plan(channels=("1",), number=1, seed=1)
    commit(db, install, create=True)
    before = tables(db)
    big = SeriesPlan("scope", "1", counts(20_000_000, 3), start=0.0, dt=1e-6)
    done: list[BaseException] = []

    def load() -> None:
        try:
            commit(db, plan(number=2, seed=3, series=(big,)))
        except BaseException as error:
            done.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    killed = 0
    while thread.is_alive() and not killed:
        with db.engine.connect() as connection:
            killed = connection.exec_driver_sql(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where query ilike '%%copy gilgamesh.segment%%' "
                "and pid <> pg_backend_pid() and datname = current_database()"
            ).scalar_one()
    thread.join()
    assert killed
    assert len(done) == 1
    assert tables(db) == before


def test_two_loaders_of_one_file_store_it_once(db: gilgamesh.Database) -> None:
    simulator.install_testbed(db)
    shot = simulator.simulate_shot(1234, duration=0.05, rate=20_000.0).plan
    reports: list[Any] = []
    threads = [threading.Thread(target=lambda: reports.append(commit(db, shot))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.series > 0 for report in reports) == [False, False, True]
    assert tables(db)["shots"] == 1


def test_a_commit_tells_whoever_listens(db: gilgamesh.Database) -> None:
    import psycopg

    with psycopg.connect(
        db.engine.url.set(drivername="postgresql").render_as_string(False), autocommit=True
    ) as listener:
        listener.execute("listen gilgamesh_shot")
        commit(db, plan(), create=True)
        assert [note.payload for note in listener.notifies(timeout=5, stop_after=1)] == ["7"]


def test_the_plan_can_be_read_before(db: gilgamesh.Database) -> None:
    text = str(examine(db, plan()))
    assert "shot 7" in text
    assert "unknown port" in text
    assert "unknown attributes: Gas, Good, Power" in text
    assert tables(db) == NOTHING


def test_two_files_of_one_new_shot_can_be_loaded_at_once(db: gilgamesh.Database) -> None:
    commit(db, plan(number=1, channels=("1", "2"), seed=30), create=True)
    failures: list[BaseException] = []

    def load(channel: str, seed: int) -> None:
        try:
            commit(db, plan(number=600, seed=seed, channels=(channel,)))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=load, args=made) for made in (("1", 31), ("2", 32))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(db.sql("select * from gilgamesh.series where shot = 600")) == 2


def test_a_file_that_brought_nothing_new_stays_loaded(db: gilgamesh.Database) -> None:
    commit(db, plan(), create=True)
    copy = plan(source=Source("copy.csv", "csv", 11, b"c" * 32))
    commit(db, copy)
    assert "loaded before" in str(commit(db, copy))


def test_missing_samples_of_a_counting_port_are_kept_as_nan(db: gilgamesh.Database) -> None:
    commit(db, plan(channels=("1",)), create=True)
    holed = counts(seed=8).astype("float64")
    holed[5] = np.nan
    series = SeriesPlan("scope", "1", holed, start=0.0, dt=1e-4)
    commit(db, plan(number=9, seed=8, series=(series,)))
    assert np.isnan(db.signal("CH1", 9).values[5])


def test_one_file_may_hold_several_shots(db: gilgamesh.Database) -> None:
    source = Source("scan.h5", "hdf5", 10, bytes([9]) * 32, shots=(7, 8))
    first, second = (replace(plan(number), source=source, notes=("texts are left out",)) for number in source.shots)
    commit(db, first, create=True)
    assert not examine(db, second).already_there
    assert commit(db, second).notes[0] == "texts are left out"
    assert (examine(db, first).already_there, examine(db, second).already_there) == (True, True)
    assert commit(db, first).status == "was loaded before; nothing was changed"
    assert (tables(db)["shots"], tables(db)["sources"]) == (2, 1)
    assert np.array_equal(db.signal("CH1", 8).values, db.signal("CH1", 7).values)
