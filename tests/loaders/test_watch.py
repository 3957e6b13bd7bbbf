"""The watched folder: what comes in is loaded once, whatever happens on the way."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import installation
from gilgamesh_db.check import check_samples
from gilgamesh_db.database import open_engine
from gilgamesh_db.embedded import EmbeddedServer
from gilgamesh_loaders.settling import QUIET, Settling, writer_has_gone
from recordings import counts, shots_of, write_shot

SOAK = int(os.environ.get("GILGAMESH_TEST_SOAK", "16"))


class Watch:
    """``gilgamesh watch`` in a process of its own, and what it said so far."""

    def __init__(self, url: str, folder: Path, *options: str) -> None:
        self.said: list[dict[str, str]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "gilgamesh_db", "--url", url, "watch", str(folder), "--json", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(json.loads(line))

    def heard(self, kind: str, text: str = "") -> bool:
        return any(one["kind"] == kind and text in one["text"] for one in list(self.said))

    def kill(self) -> None:
        self._process.kill()
        self._end()

    def stop(self) -> tuple[int, str]:
        self._process.send_signal(signal.SIGTERM)
        return self._end()

    def _end(self) -> tuple[int, str]:
        code = self._process.wait(timeout=60)
        self._reader.join()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        error = self._process.stderr.read()
        self._process.stdout.close()
        self._process.stderr.close()
        return code, error


def until(true: Callable[[], Any], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def url_of(db: gilgamesh.Database) -> str:
    return db.engine.url.render_as_string(hide_password=False)


def queue(db: gilgamesh.Database) -> dict[str, str]:
    rows = db.sql("select path, state from gilgamesh.arrival")
    return {Path(row.path).name: row.state for row in rows.itertuples()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


@pytest.fixture
def watch(db18: gilgamesh.Database, folder: Path) -> Iterator[Callable[..., Watch]]:
    started: list[Watch] = []

    def start(*options: str) -> Watch:
        started.append(Watch(url_of(db18), folder, "--create", *options))
        return started[-1]

    yield start
    for one in started:
        if one._process.poll() is None:
            one.kill()


def test_what_comes_is_loaded_when_its_writer_has_finished(
    db18: gilgamesh.Database, folder: Path, watch: Any, tmp_path: Path
) -> None:
    write_shot(folder, 1)  # before it is watched
    watching = watch("--device", "Scope", "--patience", "1.5")
    assert until(lambda: watching.heard("loaded", "shot 1 loaded"))
    write_shot(folder, 2)
    (folder / "shot_90.h5").write_bytes(b"\x89HDF\r\n\x1a\n and then nothing")  # poison
    (folder / "Monday").mkdir()
    write_shot(folder / "Monday", 3)
    assert until(lambda: {1, 2, 3} <= set(shots_of(db18))), watching.said

    whole = (write_shot(tmp_path, 4, n=20_000)).read_bytes()
    with (folder / "shot_4.h5").open("wb") as writer:  # as a writer does who takes long
        for part in range(0, len(whole), len(whole) // 5 + 1):
            writer.write(whole[part : part + len(whole) // 5 + 1])
            writer.flush()
            time.sleep(3 * QUIET)
            assert 4 not in shots_of(db18)
    assert until(lambda: 4 in shots_of(db18), 5)
    assert np.array_equal(db18.signal("ai1", 4).raw, counts(4, 1, 20_000))

    assert until(lambda: watching.heard("refused", "shot_90.h5"))
    assert until(lambda: queue(db18).get("shot_90.h5") == "refused")
    assert (folder / "shot_90.h5").exists()
    (folder / "shot_90.h5").write_bytes(write_shot(tmp_path, 90).read_bytes())  # repaired
    assert until(lambda: queue(db18).get("shot_90.h5") == "loaded"), watching.said
    write_shot(folder, 2, seed=5)  # the same shot again, with other samples
    assert until(lambda: watching.heard("refused", "shot 2 has other samples of PXI/ai0 already"))
    assert watching.stop() == (0, "")
    assert shots_of(db18) == [1, 1, 2, 2, 3, 3, 4, 4, 90, 90]


def test_a_recording_and_its_sheet_find_each_other(
    db18: gilgamesh.Database, folder: Path, watch: Any, tmp_path: Path
) -> None:
    def recording(shot: int) -> None:  # a format that does not say when
        rows = "".join(f"{k * 0.001:.3f},{k * shot}\n" for k in range(50))
        path = tmp_path / "made.csv"
        path.write_text(f"time (s),U (V)\n{rows}")
        path.replace(folder / f"shot_{shot}.tsv")

    def sheet(shot: int, name: str, more: str = "") -> None:
        path = tmp_path / "made.txt"
        path.write_text(f"Date;2026-03-02 09:{shot:02}:00\nGas;Argon\n{more}")
        path.replace(folder / name)

    watching = watch("--device", "Logger", "--patience", "0.5")
    sheet(5, "shot_5.csv", "Pressure [mbar];0,0009\n")
    assert until(lambda: watching.heard("waiting", "there is no recording of it yet"))
    recording(5)
    assert until(lambda: queue(db18) == {"shot_5.csv": "loaded", "shot_5.tsv": "loaded"}), watching.said
    recording(6)
    assert until(lambda: watching.heard("refused", "does not say when it was recorded"))
    sheet(6, "shot_6_date.csv")
    assert until(lambda: set(queue(db18).values()) == {"loaded"} and len(queue(db18)) == 4), watching.said
    write_shot(folder, 7)  # says everything itself; what is written beside it later is added
    assert until(lambda: 7 in shots_of(db18))
    sheet(35, "shot_7.csv", "Useful;true\n")
    assert until(lambda: watching.heard("loaded", "shot 7 completed: Gas, Useful")), watching.said
    assert watching.stop() == (0, "")
    shots = db18.shots()
    assert shots.loc[[5, 6, 7], "Gas"].tolist() == ["Argon"] * 3
    assert shots.loc[5, "Pressure"] == 0.0009
    assert shots.loc[7, "Useful"]
    assert shots.loc[6, "Date"].isoformat() == "2026-03-02T09:06:00+00:00"
    assert shots_of(db18) == [5, 6, 7, 7]


def test_what_was_refused_is_tried_again_on_demand(db18: gilgamesh.Database, folder: Path, watch: Any) -> None:
    write_shot(folder, 1)
    watching = Watch(url_of(db18), folder)  # without --create
    try:
        assert until(lambda: watching.heard("refused", "no port 'PXI/ai0' and 1 more"))
        assert until(lambda: queue(db18) == {"shot_1.h5": "refused"})
    finally:
        assert watching.stop() == (0, "")
    watching = watch()
    write_shot(folder, 2)
    assert until(lambda: 2 in shots_of(db18))
    assert 1 not in shots_of(db18)  # what was refused stays so until somebody says
    done = subprocess.run(
        [sys.executable, "-m", "gilgamesh_db", "--url", url_of(db18), "arrivals", "retry", "--all"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "1 will be tried again\n"
    assert until(lambda: 1 in shots_of(db18), 15)
    assert watching.stop() == (0, "")


def test_a_folder_can_be_polled_and_worked_off_once(db18: gilgamesh.Database, folder: Path, watch: Any) -> None:
    watching = watch("--poll", "0.2", "--quiet", "0.2", "--jobs", "1")
    write_shot(folder, 1)
    assert until(lambda: 1 in shots_of(db18))
    assert watching.stop() == (0, "")
    write_shot(folder, 2)
    (folder / "shot_3.h5").write_bytes(b"\x89HDF\r\n\x1a\n half")
    once = watch("--once")
    assert once._end() == (0, "")
    assert shots_of(db18) == [1, 1, 2, 2]
    assert queue(db18)["shot_3.h5"] == "refused"


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that the server's own account may enter; pytest closes its own to others."""
    path = Path(tempfile.mkdtemp(prefix="gg-soak-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_a_soak_with_kills_and_restarts_ends_with_every_shot_once(open_path: Path) -> None:
    """The watcher and the database die again and again while files come, whole, slowly, broken and twice."""
    folder = open_path / "in"
    folder.mkdir()
    server = EmbeddedServer(open_path / "home")
    server.ensure_running()
    chance = random.Random(SOAK)
    watching = None
    try:
        engine = open_engine(server.url("postgres"))
        installation.create(engine)
        engine.dispose()
        url = server.url("postgres")
        writing = threading.Thread(target=_acquisition, args=(folder, open_path, SOAK, chance.random()))
        writing.start()
        watching = Watch(url, folder, "--create", "--patience", "3")
        for _ in range(max(3, SOAK // 20)):
            time.sleep(chance.uniform(1.5, 3.5))
            if chance.random() < 0.7:
                watching.kill()
                watching = Watch(url, folder, "--create", "--patience", "3")
            else:
                server.stop()
                time.sleep(0.5)
                server.ensure_running()
        server.stop()
        time.sleep(0.2)
        server.ensure_running()
        writing.join()
        with gilgamesh.connect(url) as db:
            assert until(lambda: len(shots_of(db)) >= 2 * SOAK and "waiting" not in queue(db).values(), 120), (
                watching.said[-20:], set(range(SOAK)) - set(shots_of(db)), queue(db),
            )  # fmt: skip
            assert watching.stop() == (0, "")
            assert shots_of(db) == sorted([*range(SOAK)] * 2)
            for shot in (0, SOAK // 2, SOAK - 1):
                assert np.array_equal(db.signal("ai1", shot).raw, counts(shot, 1, 3000))
            refused = {name for name, state in queue(db).items() if state == "refused"}
            assert refused == {f"broken_{shot}.h5" for shot in range(0, SOAK, 10)}
            assert set(check_samples(db)) == {""}
    finally:
        if watching is not None and watching._process.poll() is None:
            watching.kill()
        server.stop()


def _acquisition(folder: Path, aside: Path, shots: int, seed: float) -> None:
    chance = random.Random(seed)
    for shot in range(shots):
        whole = write_shot(aside, shot, n=3000).read_bytes()
        if shot % 3 == 0:  # written where it is watched, in pieces
            with (folder / f"shot_{shot}.h5").open("wb") as file:
                half = len(whole) // 2
                file.write(whole[:half])
                file.flush()
                time.sleep(chance.uniform(0.0, 0.6))
                file.write(whole[half:])
        else:
            (aside / f"shot_{shot}.h5").replace(folder / f"shot_{shot}.h5")
        if shot % 10 == 0:
            (folder / f"broken_{shot}.h5").write_bytes(whole[: len(whole) // 3])
        if shot % 7 == 0:
            (folder / f"copy of {shot}.h5").write_bytes(whole)
        time.sleep(chance.uniform(0.0, 0.3))


def test_a_writer_at_work_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "growing.csv"
    with path.open("w") as writer:
        writer.write("1,2\n")
        writer.flush()
        assert writer_has_gone(path) is not True
        settling = Settling(path)
        assert not settling.look(time.monotonic())
    if sys.platform == "linux":
        assert writer_has_gone(path) is True
    assert until(lambda: settling.look(time.monotonic()), 5)
    path.write_text("1,2\n3,4\n")
    assert not settling.look(time.monotonic())


def test_nobody_can_tell_about_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert writer_has_gone(tmp_path / "missing") is None
    with pytest.raises(OSError, match="missing"):
        Settling(tmp_path / "missing").look(0.0)
