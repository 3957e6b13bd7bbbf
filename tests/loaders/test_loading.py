"""Many files: each once, whole or not at all, in several processes, and taken up again where it stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_loaders.arrivals import Arrivals
from gilgamesh_loaders.folder import files_of
from gilgamesh_loaders.loading import Instructions, load_file, load_files
from recordings import counts, shots_of, write_shot

CREATE = Instructions(create=True)

POISON = """
import os
import signal

from gilgamesh_db.errors import FileRefused


class Poison:
    name = "poison"
    extensions = (".poison",)
    description = "kills whoever reads it, hangs, or raises what nobody expects"

    def recognises(self, path, head):
        return head.startswith(b"POISON")

    def read(self, path, hints):
        if b"raise" in path.read_bytes():
            raise ZeroDivisionError("what a parser does to itself")
        os.kill(os.getpid(), signal.SIGSEGV)


FORMAT = Poison()
"""


@pytest.fixture
def poison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A format of another package, installed for the processes that are started."""
    package = tmp_path / "site"
    (package / "poison-1.0.dist-info").mkdir(parents=True)
    (package / "poison.py").write_text(POISON)
    (package / "poison-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: poison\nVersion: 1.0\n")
    (package / "poison-1.0.dist-info/entry_points.txt").write_text("[gilgamesh.formats]\npoison = poison:FORMAT\n")
    monkeypatch.setenv("PYTHONPATH", str(package))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


def start(url: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "gilgamesh_db", "--url", url, "load", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(url: str, *arguments: str) -> tuple[int, str, str]:
    process = start(url, *arguments)
    out, error = process.communicate(timeout=120)
    return process.returncode, out, error


def url_of(db: gilgamesh.Database) -> str:
    return db.engine.url.render_as_string(hide_password=False)


def test_a_folder_is_loaded_once_and_what_is_wrong_stops_nothing(db18: gilgamesh.Database, folder: Path) -> None:
    for shot in range(1, 6):
        write_shot(folder, shot)
    (folder / "shot_2.h5").write_bytes((folder / "shot_2.h5").read_bytes()[:3000])
    (folder / "notes.pdf").write_bytes(b"%PDF-1.7 no recording")
    (folder / "copy of 3.h5").write_bytes((folder / "shot_3.h5").read_bytes())
    (folder / ".shot_9.h5.part").write_bytes(b"\x89HDF half of it")
    code, out, _ = run(url_of(db18), str(folder), "--create", "--json", "--jobs", "2")
    report = json.loads(out)
    assert code == 1
    assert sorted(shot for one in report["loaded"] for shot in one["shots"]) == [1, 3, 4, 5]
    assert [one["shots"] for one in report["already there"]] == [[3]]
    assert {Path(one["file"]).name for one in report["refused"]} == {"shot_2.h5", "notes.pdf"}
    assert all(one["file"] in one["reason"] for one in report["refused"])
    assert report["not reached"] == []
    assert shots_of(db18) == [1, 1, 3, 3, 4, 4, 5, 5]
    assert np.array_equal(db18.signal("ai1", 5).raw, counts(5, 1))
    refused = Arrivals(db18, "load").known("refused")
    assert sorted(one.path.name for one in refused) == ["notes.pdf", "shot_2.h5"]
    write_shot(folder, 2)
    (folder / "notes.pdf").unlink()
    code, out, error = run(url_of(db18), str(folder), "--create")
    assert (code, error) == (0, "")
    assert "loaded        1 file: 1 shot, 1 000 samples" in out
    assert "already there 5 files" in out
    assert shots_of(db18) == sorted([*range(1, 6)] * 2)
    assert [one.path.name for one in Arrivals(db18, "load").known("refused")] == ["notes.pdf"]


def test_a_load_that_was_killed_goes_on_where_it_stopped(db18: gilgamesh.Database, folder: Path) -> None:
    for shot in range(1, 9):
        write_shot(folder, shot, n=400_000, channels=3)
    process = start(url_of(db18), str(folder), "--create", "--jobs", "1")
    while len(set(shots_of(db18))) < 2 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    loaded = shots_of(db18)
    assert 6 <= len(loaded) < 24
    left = {one.path.name for one in Arrivals(db18, "load").known("waiting")}
    assert left
    code, out, error = run(url_of(db18), "--continue", "--jobs", "2")
    assert (code, error) == (0, ""), out
    assert f"loaded        {8 - len(set(loaded))} files" in out or "already there 1 file" in out
    assert shots_of(db18) == sorted([*range(1, 9)] * 3)
    assert run(url_of(db18), "--continue")[1] == "there is nothing to go on with\n"


def test_ctrl_c_finishes_what_is_under_way_and_says_what_is_left(db18: gilgamesh.Database, folder: Path) -> None:
    for shot in range(1, 7):
        write_shot(folder, shot, n=400_000, channels=3)
    process = start(url_of(db18), str(folder), "--create", "--jobs", "1")
    while not shots_of(db18) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "go on with: gilgamesh load --continue" in out
    count = len(shots_of(db18))
    assert count % 3 == 0
    assert count < 18
    assert f"not reached   {6 - count // 3} file" in out


def test_a_reader_that_dies_takes_nobody_with_it(db18: gilgamesh.Database, folder: Path, poison: None) -> None:
    for shot in range(1, 4):
        write_shot(folder, shot)
    (folder / "a.poison").write_bytes(b"POISON kill")
    (folder / "b.poison").write_bytes(b"POISON raise")
    code, out, error = run(url_of(db18), str(folder), "--create", "--jobs", "2")
    assert code == 1
    assert "signal SIGSEGV" in error
    assert "ZeroDivisionError: what a parser does to itself" in error
    assert "refused       2 files" in out
    assert shots_of(db18) == [1, 1, 2, 2, 3, 3]


def test_a_new_device_is_made_known_once_by_many(db18: gilgamesh.Database, folder: Path) -> None:
    for shot in range(1, 9):
        write_shot(folder, shot, channels=4, n=20_000)
    batch = load_files(db18, files_of([folder]), CREATE, jobs=3)
    assert [one.reason for one in batch.refused] == []
    assert len(batch.of("loaded")) == 8
    assert len(db18.sql("select * from gilgamesh.ports")) == 4
    assert len(shots_of(db18)) == 32


def test_a_connection_that_is_lost_while_loading_is_made_again(db18: gilgamesh.Database, folder: Path) -> None:
    path = write_shot(folder, 1, n=8_000_000, channels=2)
    process = start(url_of(db18), str(folder), "--create", "--json")
    killed = 0
    while process.poll() is None and not killed:
        killed = db18.sql(
            "select count(pg_terminate_backend(pid)) as n from pg_stat_activity where query ilike '%%copy gilgamesh.segment%%' "
            "and pid <> pg_backend_pid() and datname = current_database()"
        )["n"][0]
    out, _ = process.communicate(timeout=60)
    assert killed
    assert process.returncode == 0
    assert [one["file"] for one in json.loads(out)["loaded"]] == [str(path)]
    assert shots_of(db18) == [1, 1]


def test_without_a_database_nothing_is_lost(server18: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gilgamesh_loaders import loading

    monkeypatch.setattr(loading, "TRIES", 2)
    monkeypatch.setattr(loading, "PAUSE", 0.05)
    for shot in (1, 2, 3):
        write_shot(folder, shot)
    name = "away"
    server18.execute(f"create database {name} template {server18.template()}")
    try:
        with gilgamesh.connect(server18.url(name)) as db:
            assert load_file(db, folder / "shot_1.h5", CREATE).status == "loaded"
            server18.execute(f"alter database {name} with allow_connections false")
            server18.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'")
            batch = load_files(db, files_of([folder]), CREATE)
            assert batch.fault
            assert len(batch.left) == 3
            assert "go on with: gilgamesh load --continue" in str(batch)
            server18.execute(f"alter database {name} with allow_connections true")
            batch = load_files(db, batch.left, CREATE)
            assert (len(batch.of("loaded")), len(batch.of("already there"))) == (2, 1)
            assert shots_of(db) == [1, 1, 2, 2, 3, 3]
    finally:
        server18.execute(f"drop database {name} with (force)")


def test_a_dry_run_sees_conflicts_between_the_files(db18: gilgamesh.Database, folder: Path) -> None:
    write_shot(folder, 1)
    (folder / "other").mkdir()
    write_shot(folder / "other", 1, seed=7)
    write_shot(folder, 2)
    code, out, error = run(url_of(db18), str(folder), "--create", "--dry-run")
    assert code == 1
    assert "has other samples of PXI/ai0 for shot 1" in out
    assert "would load 2 of 3 files; 0 are there already, 1 would be refused" in out
    assert "Nothing was changed" in error
    assert shots_of(db18) == []
    code, out, _ = run(url_of(db18), str(folder / "shot_2.h5"), "--create", "--dry-run", "--json")
    assert code == 0
    planned = json.loads(out)[0]
    assert (planned["shot"], planned["conflicts"]) == (2, [])
    assert [(one["port"], one["samples"], one["state"]) for one in planned["ports"]] == [
        ("PXI/ai0", 500, "unknown"), ("PXI/ai1", 500, "unknown"),
    ]  # fmt: skip
    code, out, error = run(url_of(db18), str(folder), "--create")
    assert code == 1
    assert "shot 1 has other samples of PXI/ai0 already" in error
    assert shots_of(db18) == [1, 1, 2, 2]


def test_a_file_that_grows_while_it_is_read_is_not_loaded(
    db18: gilgamesh.Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gilgamesh_loaders import csv

    path = folder / "shot_1.csv"
    path.write_text("time (s),U (V)\n" + "".join(f"{k * 0.001:.3f},{k}\n" for k in range(100)))
    told = Instructions(gilgamesh_hints(), create=True)
    read = csv.FORMAT.read

    def while_somebody_writes(*arguments: Any) -> Any:
        plan = read(*arguments)
        with path.open("a") as file:
            file.write("0.100,100\n")
        return plan

    with monkeypatch.context() as patch:
        patch.setattr(csv.FORMAT, "read", while_somebody_writes, raising=False)
        outcome = load_file(db18, path, told)
    assert (outcome.status, shots_of(db18)) == ("unfinished", [])
    assert "changed while it was read" in outcome.reason
    assert load_file(db18, path, told).samples == 101


def gilgamesh_hints() -> Any:
    from datetime import UTC, datetime

    from gilgamesh_loaders import Hints

    return Hints(device="Scope", started_at=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_leaves_the_database_as_it_was(server18: Any, folder: Path) -> None:
    disk = Path(tempfile.mkdtemp(prefix="gg-disk-"))
    disk.chmod(0o711)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("this root may not mount")
    try:
        subprocess.run(["chown", "--reference", str(server18.embedded.data_directory), str(disk)], check=True)
        server18.execute(f"create tablespace small location '{disk}'")
        server18.execute(f"create database small template {server18.template()} tablespace small")
        with gilgamesh.connect(server18.url("small")) as db:
            assert load_files(db, [write_shot(folder, 1)], CREATE).of("loaded")
            before = db.sql("select (select count(*) from gilgamesh.source) as files, "
                            "(select count(*) from gilgamesh.segment) as segments").iloc[0].to_dict()  # fmt: skip
            big, small = write_shot(folder, 2, n=8_000_000, channels=4), write_shot(folder, 3)
            batch = load_files(db, [big, small], CREATE, jobs=1)
            assert "is full; nothing was written" in batch.fault
            assert batch.left == [big, small]
            assert db.sql("select (select count(*) from gilgamesh.source) as files, "
                          "(select count(*) from gilgamesh.segment) as segments").iloc[0].to_dict() == before  # fmt: skip
            assert load_files(db, [small], CREATE).of("loaded")
            assert shots_of(db) == [1, 1, 3, 3]
    finally:
        server18.execute("drop database if exists small with (force)")
        server18.execute("drop tablespace if exists small")
        subprocess.run(["umount", str(disk)], check=True)
        disk.rmdir()
