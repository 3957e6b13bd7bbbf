"""What holds for every format: it is told by its content whatever its name, and its extras are asked for by name."""

from __future__ import annotations

import importlib
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import scipy.io.wavfile
import xarray
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nptdms import ChannelObject, TdmsWriter

from gilgamesh_db.errors import FileRefused, MissingExtra
from gilgamesh_loaders import Hints, known_formats, read_plan
from tests.loaders.test_labview import TABLE, lvm

from .test_scopes import ds1000e, keysight, trace, waveform

HINTS = Hints(shot=1, started_at=datetime(2026, 3, 1, tzinfo=UTC), device="lab", dt=1e-3)


def examples(folder: Path) -> dict[str, Path]:
    """One small whole file of every format that is one file and needs no mapping."""
    raw = np.arange(20, dtype="int16")
    files = {name: folder / f"1.{name}" for name in (
        "csv", "keysight", "lecroy", "lvm", "matlab", "netcdf", "numpy", "rigol", "tdms", "testbed-hdf5", "wav", "npz"
    )}  # fmt: skip
    files["csv"].write_text("t (s),U (V)\n0,1\n1,2\n2,3\n")
    files["keysight"].write_bytes(keysight(waveform(raw.astype("<f4"))))
    files["lecroy"].write_bytes(trace(raw))
    files["lvm"].write_text(lvm([TABLE]))
    scipy.io.savemat(files["matlab"].with_suffix(".mat"), {"U": raw})
    files["matlab"] = files["matlab"].with_suffix(".mat").rename(files["matlab"])
    times = xarray.DataArray(np.arange(20.0), dims="time", attrs={"units": "s"})
    xarray.Dataset({"U": ("time", raw)}, coords={"time": times}).to_netcdf(files["netcdf"], engine="h5netcdf")
    for name, save in (("numpy", np.save), ("npz", np.savez)):
        with files[name].open("wb") as file:
            save(file, raw)
    files["rigol"].write_bytes(ds1000e(raw.astype("u1"), raw.astype("u1")))
    with TdmsWriter(files["tdms"]) as writer:
        writer.write_segment([ChannelObject("lab", "U", raw, properties={"wf_increment": 1.0})])
    with h5py.File(files["testbed-hdf5"], "w") as file:
        file["lab/U"] = raw
        file["lab"].attrs.update({"Nchannel": 1, "sampling": 1.0})
    with files["wav"].open("wb") as file:
        scipy.io.wavfile.write(file, 1000, raw)
    return files


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return examples(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("extension", [".txt", ".h5", ".csv", ".bin", ""])
def test_a_wrong_extension_changes_nothing(tmp_path: Path, extension: str) -> None:
    for name, path in examples(tmp_path).items():
        renamed = path.rename(path.with_name(f"{name}_renamed{extension}"))
        plan = read_plan(renamed, HINTS)
        assert plan.source.format == {"npz": "numpy"}.get(name, name)
        assert plan.series[0].raw.size in (2, 3, 20)


def test_no_file_is_taken_for_two_formats(tmp_path: Path) -> None:
    for name, path in examples(tmp_path).items():
        head = path.read_bytes()[:8192]
        taken = [one.name for one in known_formats().values() if one.recognises(path, head)]
        assert [one for one in taken if one != "hdf5"] == [{"npz": "numpy"}.get(name, name)]


@pytest.mark.parametrize("content", [b"\0" * 5000, b"\xff" * 5000, b"PK\x03\x04" + bytes(300), b"RIFF\0\0\0\0WAVE", b"TDSm", b"CDF\x01", b"\x89HDF\r\n\x1a\n", b"MATLAB 5.0 MAT-file", b"\x93NUMPY", b"AG10", b"WAVEDESC", b"LabVIEW Measurement\n", b"\xa5\xa5\x38\x00", b"<?xml <Database"])  # fmt: skip
def test_a_mark_with_nothing_behind_it_is_refused_by_every_reader(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "1.dat"
    path.write_bytes(content)
    for name in [None, *known_formats()]:
        if name == "mdsplus":
            continue
        with pytest.raises(FileRefused, match=r"1\.dat"):
            read_plan(path, HINTS, name)


@pytest.mark.parametrize(
    ("format_", "module", "package"),
    [
        ("tdms", "nptdms", "npTDMS"), ("rigol", "RigolWFM", "RigolWFM"), ("wav", "scipy.io", "scipy"),
        ("netcdf", "h5py", "h5py"), ("testbed-hdf5", "h5py", "h5py"),
    ],
)  # fmt: skip
def test_without_its_library_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str, module: str, package: str
) -> None:
    path = examples(tmp_path)[format_]
    monkeypatch.setitem(sys.modules, module, None)
    if format_ == "rigol":
        monkeypatch.setitem(sys.modules, "RigolWFM.wfm", None)
    with pytest.raises(MissingExtra, match=rf"{package}; install it with: pip install 'gilgamesh-db\[loaders\]'"):
        read_plan(path, HINTS, format_)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_is_read_or_refused(whole: dict[str, Path], data: st.DataObject) -> None:
    # HDF5's own library may hang on damage in its innards (docs/decisions/0023), so its files are left out here
    name = data.draw(st.sampled_from(sorted(set(whole) - {"netcdf", "testbed-hdf5"})))
    content = bytearray(whole[name].read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = whole[name].with_name("damaged.dat")
    damaged.write_bytes(content)
    try:
        read_plan(damaged, HINTS, {"npz": "numpy"}.get(name, name))
    except FileRefused as refused:
        assert "damaged.dat" in str(refused)


def test_every_format_of_ours_keeps_off_the_database() -> None:
    import tomllib

    project: Any = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    held = next(
        one["source_modules"] for one in project["tool"]["importlinter"]["contracts"] if "Formats" in one["name"]
    )
    ours = {entry.module for entry in entry_points(group="gilgamesh.formats") if entry.module.startswith("gilgamesh_")}
    assert ours <= set(held)
    assert all(importlib.import_module(name) for name in ours)


def test_listing_the_formats_needs_none_of_their_libraries() -> None:
    heavy = ("h5py", "scipy", "nptdms", "RigolWFM", "matplotlib", "mdsthin", "xarray", "comtrade")
    code = f"import sys; from gilgamesh_loaders import known_formats; known_formats(); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
