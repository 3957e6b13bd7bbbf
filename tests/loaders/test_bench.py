"""The benchmark: it compares everything it says, judges honestly, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import weakref
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gilgamesh_db.errors import InvalidValue, MissingExtra
from gilgamesh_loaders.bench import bench
from gilgamesh_loaders.bench.analysis import longest
from gilgamesh_loaders.bench.command import TASKS
from gilgamesh_loaders.bench.picture import draw, require_drawing
from gilgamesh_loaders.bench.report import TITLES, legend, markdown, rows_of
from gilgamesh_loaders.bench.scratch import PREFIX, file_system, scratch_folder, stopped_gently
from gilgamesh_loaders.bench.stores import REFERENCE, file_stores
from gilgamesh_loaders.bench.stores.hdf5 import HDF5
from gilgamesh_loaders.bench.targets import TARGETS
from gilgamesh_loaders.bench.timing import Contestant, Measurement, compete
from gilgamesh_loaders.bench.workload import QUICK, Sizes, noisy_signal

PACKAGES = {REFERENCE: "h5py", "h5py contiguous": "h5py", "zarr": "zarr", "parquet": "pyarrow", "duckdb": "duckdb"}
OURS = {"gilgamesh", "gilgamesh, known_at"}


def start(url: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "gilgamesh_db", "--url", url, "bench", "--quick", "--folder", str(folder),
         *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder.parent,
    )  # fmt: skip


def scratch_databases(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("select datname from pg_database") if row[0].startswith(PREFIX)]


def nothing_is_left(url: str) -> bool:
    """Whether no scratch database stays; those of a test that runs beside this one go by themselves."""
    until = time.monotonic() + 90
    while scratch_databases(url) and time.monotonic() < until:
        time.sleep(0.2)
    return not scratch_databases(url)


def test_everything_is_compared_and_nothing_is_left(server18: Any, tmp_path: Path) -> None:
    url, folder = server18.url("postgres"), tmp_path / "files"
    folder.mkdir()
    running = start(url, folder, "--json", "out.json", "--plot", "out.png", "--markdown")
    printed, errors = running.communicate(timeout=120)
    assert running.returncode == 0, errors
    found = json.loads((tmp_path / "out.json").read_text())
    rows = {(row["task"], row["store"]): row for row in found["rows"]}

    there = {store for store, package in PACKAGES.items() if find_spec(package)}
    assert set(found["left_out"]) == set(PACKAGES) - there
    assert {task for task, _ in rows} == set(TASKS)
    for task in ("write", "read", "window", "overview", "disk", "statistics", "scan"):
        assert there <= {store for other, store in rows if other == task}, task
    for task in ("search", "lasting", "reduce", "signals"):
        assert {store for store in there if PACKAGES[store] == "h5py"} <= {
            store for other, store in rows if other == task
        }
    for task in ("changes", "what_if"):
        assert [store for other, store in rows if other == task] == ["gilgamesh"], "no file has these"
    assert set(TARGETS) <= set(rows)
    for task in ("write", "scan", "between", "disk", "statistics"):
        assert (task, "row per sample") in rows
    for row in rows.values():
        assert row["met"] is None, "small sizes are not judged"
        assert (row["median_ms"] or row["bytes_per_sample"]) > 0
        assert row["ratio"] is None or row["ratio"] > 0
        assert row["median_ms"] is None or row["p95_ms"] >= row["median_ms"]
        assert row["title"] in printed
    if REFERENCE in there:
        assert rows["read", REFERENCE]["ratio"] == 1
        assert rows["read", "gilgamesh"]["ratio"] > 0
    assert "fsync" in found["facts"]["PostgreSQL"]
    assert found["facts"]["files"].startswith("on ")
    if find_spec("matplotlib"):
        assert 5_000 < (tmp_path / "out.png").stat().st_size < 150_000

    assert not list(folder.iterdir())
    assert nothing_is_left(url)


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_behind(server18: Any, tmp_path: Path, asked: signal.Signals) -> None:
    url = server18.url("postgres")
    running = start(url, tmp_path, "--only", "scan", "--samples", "3000000", "--rounds", "100")
    until = time.monotonic() + 60
    while not list(tmp_path.glob("*/*/*")) and time.monotonic() < until:
        time.sleep(0.05)
    assert running.poll() is None, running.communicate()
    running.send_signal(asked)
    running.communicate(timeout=60)
    assert running.returncode != 0
    assert not list(tmp_path.iterdir())
    assert nothing_is_left(url)


def test_ctrl_c_is_not_lost_where_nothing_can_be_raised() -> None:
    def interrupted(_gone: object) -> None:
        raise KeyboardInterrupt

    with stopped_gently(), pytest.raises(KeyboardInterrupt):
        holder = type("Holder", (), {})()
        reference = weakref.ref(holder, interrupted)
        del holder
        time.sleep(10)
    assert reference() is None


def test_mistakes_are_told_before_anything_is_made(server18: Any, tmp_path: Path) -> None:
    for arguments in (("--folder", "nowhere"), ("--json", "nowhere/rows.json"), ("--plot", "nowhere/rows.png")):
        running = start(server18.url("postgres"), tmp_path, *arguments)
        _, errors = running.communicate(timeout=60)
        assert running.returncode == 1
        assert "there is no folder" in errors
    with pytest.raises(InvalidValue, match="no folder"), scratch_folder(tmp_path / "nowhere"):
        pass


def test_without_files_to_compare_with_there_are_numbers_but_no_plot(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("gilgamesh_loaders.bench.stores.find_spec", lambda _: None)
    monkeypatch.setattr("gilgamesh_loaders.bench.picture.find_spec", lambda _: None)
    assert file_stores(tmp_path) == ([], list(PACKAGES))
    with pytest.raises(MissingExtra, match=r"gilgamesh-db\[bench\]"):
        require_drawing()
    alone = rows_of([Measurement("read", "gilgamesh", (1.0,), 10)], Sizes())
    assert alone[0].ratio is None
    with pytest.raises(InvalidValue, match="nothing to draw"):
        draw(alone, tmp_path / "rows.png")


def test_the_command_offers_every_task_and_every_task_has_a_title() -> None:
    only = next(option for option in bench.params if option.name == "only")
    assert list(only.type.choices) == list(TASKS) == list(TITLES)  # type: ignore[attr-defined]
    assert {task for task, _ in TARGETS} <= set(TASKS)


@pytest.mark.parametrize("store", [store for store, package in PACKAGES.items() if find_spec(package)])
def test_every_store_gives_back_what_it_was_given(store: str, tmp_path: Path) -> None:
    found, _ = file_stores(tmp_path)
    one = next(one for one in found if one.name == store)
    one.gain, one.offset = 0.5, -1.0
    raw = noisy_signal(300_000, seed=3)
    values = raw * 0.5 - 1.0
    one.write(1, raw)
    np.testing.assert_array_equal(one.raw(1), raw)
    for first in (0, 131_000, 299_000):
        np.testing.assert_array_equal(one.window(1, first, 1000), values[first : first + 1000])
    low, high = one.extremes(1, 300)
    np.testing.assert_array_equal(low, values.reshape(300, -1).min(axis=1))
    np.testing.assert_array_equal(high, values.reshape(300, -1).max(axis=1))
    assert one.mean(1) == pytest.approx(values.mean())
    assert one.size(1) > 500_000
    one.remove(1)
    one.fill([raw[:50_000], raw[50_000:120_000]], 7)
    expected = [(part.mean(), np.sqrt((part**2).mean())) for part in (values[:50_000], values[50_000:120_000])]
    np.testing.assert_allclose(one.statistics(range(7, 9)), expected, rtol=1e-9)


@pytest.mark.skipif(find_spec("h5py") is None, reason="h5py is not installed")
def test_a_file_of_a_shot_gives_the_signals_that_are_chosen(tmp_path: Path) -> None:
    raws = [noisy_signal(size, seed=size) for size in (100, 200, 300)]
    for store in file_stores(tmp_path)[0]:
        if isinstance(store, HDF5):
            store.write_channels(5, raws)
            first, last = store.channels(5, [2, 0])
            np.testing.assert_array_equal(first, raws[2])
            np.testing.assert_array_equal(last, raws[0])


@given(high=st.lists(st.booleans(), max_size=30))
def test_the_longest_run_is_the_longest_there_is(high: list[bool]) -> None:
    written = "".join("x" if one else " " for one in high)
    assert longest(np.array(high, dtype=bool)) == max((len(run) for run in written.split()), default=0)


@settings(max_examples=30, deadline=None)
@given(size=st.integers(1, 300_000), seed=st.integers(0, 2**32))
def test_the_signal_is_the_same_for_the_same_seed(size: int, seed: int) -> None:
    raw = noisy_signal(size, seed)
    assert raw.shape == (size,)
    assert raw.dtype == np.int16
    np.testing.assert_array_equal(raw, noisy_signal(size, seed))


def test_stores_take_turns_and_each_begins_once() -> None:
    order: list[str] = []
    contestants = {name: Contestant(lambda _, name=name: order.append(name)) for name in "abc"}  # type: ignore[misc]
    found = list(compete("write", contestants, 3, settle=lambda: order.append("|")))
    assert "".join(order) == "|a|b|c|b|c|a|c|a|b", "before each of them, and outside its time"
    assert [len(one.seconds) for one in found] == [3, 3, 3]
    order.clear()
    found = list(compete("read", contestants, 2, repeats=4))
    assert "".join(order) == "aaaaabbbbbcccccbbbbbcccccaaaaa", "the first of each row is not counted"
    assert [len(one.seconds) for one in found] == [8, 8, 8]


def test_targets_are_judged_by_what_was_measured_and_only_then() -> None:
    def verdicts(ours: float, zarr: float | None, sizes: Sizes) -> Any:
        measured = [Measurement("read", "gilgamesh", (ours,), 10), Measurement("read", REFERENCE, (1.0,), 10)]
        if zarr is not None:
            measured.append(Measurement("read", "zarr", (zarr,), 10))
        return rows_of(measured, sizes)[0]

    assert verdicts(1.2, 2.0, Sizes()).met
    assert verdicts(1.2, None, Sizes()).met
    assert verdicts(1.2, 2.0, QUICK).met is None
    slow = verdicts(1.2, 1.1, Sizes())
    assert not slow.met
    assert slow.verdict == "met but for: ahead of zarr"
    assert verdicts(1.3, 1.1, Sizes()).ratio == pytest.approx(1.3)
    assert "| gilgamesh | 1300 ms |" in markdown([verdicts(1.3, 1.1, Sizes())])
    assert legend({}, ["zarr"])[-1].startswith("left out, not installed: zarr")


def test_rows_are_compared_per_sample() -> None:
    measured = [Measurement("scan", "gilgamesh", (1.0,), 1000), Measurement("scan", "row per sample", (0.2,), 100)]
    ours, _ = rows_of(measured, Sizes())
    assert ours.met, "1 ms per sample against 2 ms"


def test_the_file_system_of_the_temporary_folder_is_known() -> None:
    assert file_system(Path(os.sep)) not in ("", "unknown")


def test_the_page_holds_a_table_that_was_made_by_the_command() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "benchmark.md").read_text("utf-8")
    for title in TITLES.values():
        assert title.split("{", maxsplit=1)[0] in page
    for task, store in TARGETS:
        assert "; ".join(target.words for target in TARGETS[task, store]) in page
