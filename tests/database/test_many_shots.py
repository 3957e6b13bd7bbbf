"""The same for many shots: reduced to a table, and mapped over processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors
from gilgamesh_db.workers import ShotsFailed
from records import install, record


def samples(shot: int) -> np.ndarray:
    return (np.random.default_rng(shot).normal(0, 100, 500) * shot).astype(np.int16)


@pytest.fixture
def lab(db18: gilgamesh.Database) -> gilgamesh.Database:
    port = install(db18, shots=8)
    for shot in range(1, 8):
        record(db18, shot, port, samples(shot))
    return db18


def test_reduce_gives_a_table(lab: gilgamesh.Database) -> None:
    table = lab.reduce("U", "1:8")
    assert table.index.name == "Shot"
    assert table.U.to_dict() == pytest.approx(
        {shot: lab.signal("U", shot).values.max() for shot in range(1, 8)}, rel=1e-13
    )
    window = lab.reduce(["Voltage"], [5, 3], "mean", window=(0.001, 0.002))
    assert window.index.tolist() == [5, 3]
    assert window.Voltage[5] == pytest.approx(lab.signal("U", 5).values[100:200].mean(), rel=1e-13)
    both = lab.reduce({"top": "max(U)", "end": "at(U, 0.004)", "long": "duration_above(U, '100 mV')"}, "1:4")
    assert both.columns.tolist() == ["top", "end", "long"]
    assert both.end[2] == lab.signal("U", 2).values[400]
    spread = lab.reduce("U", "1:4", lambda s: np.ptp(s.values))
    assert spread.U[3] == np.ptp(lab.signal("U", 3).values)
    with pytest.raises(errors.SamplesNotFound):
        lab.reduce("U", "1:9")
    assert np.isnan(lab.reduce("U", "1:9", missing="nan").U[8])
    for wrong, said in (({"how": "median"}, "no way to reduce"), ({"missing": "drop"}, "cannot be done")):
        with pytest.raises(errors.InvalidValue, match=said):
            lab.reduce("U", "1:4", **wrong)
    with pytest.raises(errors.SignalNotFound, match="no signal 'V'"):
        lab.reduce("V", "1:4", missing="nan")


def test_the_past_is_reduced_as_it_was_known(lab: gilgamesh.Database) -> None:
    before = lab.sql("select clock_timestamp() as t").t[0].to_pydatetime()
    old = lab.reduce("U", "1:8")
    with lab.edit("wrong") as edit:
        edit.calibrate("PXI/ai0", Polynomial((0.0, -0.001)), "ct", "V")
    assert not lab.reduce("U", "1:8").equals(old)
    assert lab.known_at(before).reduce("U", "1:8").equals(old)


def test_workers_have_their_own_connections_and_failures_are_kept(lab: gilgamesh.Database) -> None:
    def work(db, shot):  # type: ignore[no-untyped-def]
        if shot == 3:
            raise ZeroDivisionError("nothing there")
        return os.getpid(), float(db.signal("U", shot).values.max())

    results = lab.map_shots(work, "1:9", workers=2, progress=False)
    with pytest.warns(
        ShotsFailed, match="2 of 8 shots failed, the first with shot 3: ZeroDivisionError: nothing there"
    ):
        found = results.collect()
    assert list(found) == [1, 2, 4, 5, 6, 7]
    assert {shot: top for shot, (_, top) in found.items()} == pytest.approx(
        {shot: lab.signal("U", shot).values.max() for shot in found}
    )
    assert os.getpid() not in {process for process, _ in found.values()}
    assert set(results.failures) == {3, 8}
    assert "SamplesNotFound" in results.failures[8].error
    assert "nothing there" in results.failures[3].where
    here = lab.map_shots(lambda db, shot: shot**2, [2, 1], workers=0, progress=False)
    assert here.collect() == {2: 4, 1: 1}


def test_a_worker_that_dies_does_not_hang_the_rest(lab: gilgamesh.Database) -> None:
    results = lab.map_shots(lambda db, shot: os._exit(1), "1:3", workers=1, progress=False)
    with pytest.warns(ShotsFailed, match="the worker did not answer"):
        assert results.collect() == {}


def test_work_that_cannot_be_sent(lab: gilgamesh.Database) -> None:
    handle = sys._getframe()
    with pytest.raises(errors.InvalidValue, match="cannot be sent"):
        lab.map_shots(lambda db, shot: handle, "1:3")
    with pytest.raises(errors.InvalidValue, match="-1 workers"):
        lab.map_shots(len, "1:3", workers=-1)


SCRIPT = """
import sys, time
import gilgamesh_db as gilgamesh

def slow(db, shot):
    time.sleep(0.2)
    return shot

if __name__ == "__main__":
    with gilgamesh.connect(sys.argv[1]) as db:
        try:
            for shot, _ in db.map_shots(slow, range(1, 9), workers=1, progress=False):
                print(shot, flush=True)
                time.sleep(0.1)
        except KeyboardInterrupt:
            print("stopped", flush=True)
"""


def test_ctrl_c_stops_cleanly(lab: gilgamesh.Database, tmp_path) -> None:  # type: ignore[no-untyped-def]
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, script, lab.engine.url.render_as_string(hide_password=False)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"
    os.killpg(process.pid, signal.SIGINT)
    start = time.monotonic()
    out, err = process.communicate(timeout=20)
    assert out.splitlines()[-1] == "stopped"
    assert len(out.splitlines()) < 7
    assert "Traceback" not in err
    assert process.returncode == 0
    assert time.monotonic() - start < 10


@pytest.mark.filterwarnings("ignore")
def test_on_a_dask_cluster(lab: gilgamesh.Database) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        results = lab.map_shots(
            lambda db, shot: float(db.signal("U", shot).values.max()), "1:9", scheduler=client, progress=False
        )
        found = results.collect()
    assert found == pytest.approx({shot: lab.signal("U", shot).values.max() for shot in range(1, 8)})
    assert set(results.failures) == {8}


def test_features_feed_scikit_learn(lab: gilgamesh.Database) -> None:
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = lab.reduce({"top": "max(U)", "noise": "rms(U)"}, "1:8")
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(features, features.index)
    assert model.score(features, features.index) > 0.9
    assert model.feature_names_in_.tolist() == ["top", "noise"]
