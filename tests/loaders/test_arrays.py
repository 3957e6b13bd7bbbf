"""NumPy, MATLAB, netCDF and WAV: what each library wrote comes back sample for sample, and bombs are not opened."""

from __future__ import annotations

import io
import struct
import wave
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pytest
import scipy.io
import scipy.io.wavfile
import xarray
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from gilgamesh_db.calibration import Polynomial
from gilgamesh_db.errors import FileRefused
from gilgamesh_loaders import Hints, read_plan
from gilgamesh_loaders.matlab_elements import variables

HINTS = Hints(shot=1, started_at=datetime(2026, 3, 1, tzinfo=UTC), device="lab", dt=1e-3)
DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64")


def refusal(path: Path, hints: Hints = HINTS, format: str | None = None) -> str:  # noqa: A002
    with pytest.raises(FileRefused) as refused:
        read_plan(path, hints, format)
    assert path.name in str(refused.value)
    return str(refused.value)


def cuts(content: bytes) -> set[int]:
    return {len(content) * k // 50 for k in range(50)} | {len(content) - k for k in range(1, 4)}


any_samples = nps.arrays(st.sampled_from(DTYPES).map(np.dtype), st.integers(2, 50))


class TestNumpy:
    @settings(max_examples=40, deadline=None)
    @given(raw=any_samples, big=st.booleans(), version=st.sampled_from([(1, 0), (2, 0), (3, 0)]))
    def test_npy(self, tmp_path_factory: pytest.TempPathFactory, raw: Any, big: bool, version: tuple[int, int]) -> None:
        path = tmp_path_factory.mktemp("npy") / "1.npy"
        with path.open("wb") as file:
            np.lib.format.write_array(file, raw.astype(raw.dtype.newbyteorder(">")) if big else raw, version)
        (series,) = read_plan(path, HINTS).series
        assert (series.raw.dtype, series.raw.tobytes()) == (raw.dtype, raw.tobytes())
        assert (series.port, series.start, series.dt) == ("lab/array", 0.0, 1e-3)

    @settings(max_examples=40, deadline=None)
    @given(raw=any_samples, start=st.floats(-10, 10), dt=st.sampled_from([1e-9, 1e-3, 0.1, 7.0]), packed=st.booleans())
    def test_npz_with_times(
        self, tmp_path_factory: pytest.TempPathFactory, raw: Any, start: float, dt: float, packed: bool
    ) -> None:
        path = tmp_path_factory.mktemp("npz") / "1.npz"
        times = start + dt * np.arange(raw.size)
        (np.savez_compressed if packed else np.savez)(path, t=times, U=raw)
        (series,) = read_plan(path, replace(HINTS, dt=None)).series
        assert (series.channel, series.raw.dtype, series.raw.tobytes()) == ("U", raw.dtype, raw.tobytes())
        found = times if series.times is None else series.times
        if series.start is not None and series.dt is not None:
            found = series.start + series.dt * np.arange(raw.size)
        np.testing.assert_allclose(found, times, rtol=0, atol=4e-15 * raw.size * np.abs(times).max() + 1e-300)

    def test_columns_records_and_an_interval(self, tmp_path: Path) -> None:
        np.save(tmp_path / "1.npy", np.arange(12.0).reshape(6, 2))
        assert [(one.channel, one.raw.tolist()[:2]) for one in read_plan(tmp_path / "1.npy", HINTS).series] == [
            ("array 1", [0, 2]), ("array 2", [1, 3])
        ]  # fmt: skip
        np.save(tmp_path / "2.npy", np.array([(0.0, 5), (0.1, 6), (0.2, 7)], [("time", "f8"), ("U", "i2")]))
        (series,) = read_plan(tmp_path / "2.npy", HINTS).series
        assert (series.channel, series.dt, series.raw.tolist()) == ("U", 0.1, [5, 6, 7])
        np.savez(tmp_path / "3.npz", fs=2e6, t0=-0.25, U=np.arange(3.0), note="hello", one=np.array(5))
        plan = read_plan(tmp_path / "3.npz", HINTS)
        assert (plan.series[0].start, plan.series[0].dt) == (-0.25, 5e-7)
        assert plan.notes == (
            "'note' is no array of numbers and was left out", "'one' is a single number and was left out"
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("arrays", "letter"),
        [
            ({"t": np.arange(3.0), "U": np.arange(4.0)}, "'U' has 4 samples, there are 3 times"),
            ({"t": np.array([0, np.nan, 2]), "U": np.arange(3.0)}, "time of sample 2 is nan"),
            ({"t": np.array([0.0, 2, 1]), "U": np.arange(3.0)}, "time goes back between samples 2 and 3"),
            ({"U": np.zeros((2, 5))}, "2 rows and 5 columns; a row is a sample"),
            ({"U": np.zeros((2, 5, 3))}, "say what it is in a mapping file"),
            ({"U": np.array([1j, 2])}, "no samples in it"),
            ({"U": np.array([{}, 1], object)}, "Python objects, which are code"),
            ({"a/../b\n": np.arange(3)}, "control characters"),
        ],
    )
    def test_refused(self, tmp_path: Path, arrays: dict[str, Any], letter: str) -> None:
        np.savez(tmp_path / "1.npz", **arrays)
        assert letter in refusal(tmp_path / "1.npz")

    @pytest.mark.parametrize("name", ["1.npy", "1.npz"])
    def test_cut_anywhere_it_is_refused(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        (np.save if name.endswith("npy") else np.savez)(path, np.arange(300, dtype="int16"))
        content = path.read_bytes()
        for size in cuts(content):
            path.write_bytes(content[:size])
            refusal(path)

    def header(self, shape: str, descr: str = "<f8") -> bytes:
        text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()

    @pytest.mark.parametrize("shape", ["(10**15,)", "(1000000000000,)", "(1000000, 1000000)", "(-5,)", "(2.5,)"])
    def test_a_bomb_is_not_opened(self, tmp_path: Path, shape: str) -> None:
        (tmp_path / "1.npy").write_bytes(self.header(shape))
        refusal(tmp_path / "1.npy")
        with zipfile.ZipFile(tmp_path / "2.npz", "w") as archive:
            archive.writestr("U.npy", self.header(shape))
        refusal(tmp_path / "2.npz")

    def test_an_archive_that_unpacks_to_more_than_memory(self, tmp_path: Path) -> None:
        path = tmp_path / "1.npz"
        np.savez_compressed(path, U=np.zeros(1000))
        content = bytearray(path.read_bytes())
        place = content.rindex(b"PK\x01\x02")
        content[place + 24 : place + 28] = struct.pack("<I", 0xFFFFFFFE)
        path.write_bytes(content)
        refusal(path)

    def test_the_same_name_twice(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        np.save(buffer, np.arange(3))
        with zipfile.ZipFile(tmp_path / "1.npz", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("U.npy", buffer.getvalue())
            archive.writestr("U.npy", buffer.getvalue())
        assert "'U' is in it twice" in refusal(tmp_path / "1.npz")


class TestMatlab:
    @settings(max_examples=40, deadline=None)
    @given(raw=any_samples, packed=st.booleans(), fourth=st.booleans())
    def test_what_scipy_wrote(
        self, tmp_path_factory: pytest.TempPathFactory, raw: Any, packed: bool, fourth: bool
    ) -> None:
        if fourth:
            raw = raw.astype(raw.dtype if raw.dtype.name in ("int16", "int32", "float32", "float64") else "float64")
        path = tmp_path_factory.mktemp("mat") / "1.mat"
        said = {"t": np.arange(raw.size) * 1e-4, "U": raw}
        scipy.io.savemat(path, said, format="4" if fourth else "5", do_compression=packed and not fourth)
        (series,) = read_plan(path, HINTS).series
        assert (series.channel, series.start, series.dt) == ("U", 0.0, 1e-4)
        np.testing.assert_array_equal(series.raw, raw)
        if not fourth:
            assert series.raw.dtype == raw.dtype

    def test_fields_of_structures_and_what_is_left_out(self, tmp_path: Path) -> None:
        path = tmp_path / "1.mat"
        scipy.io.savemat(path, {"probe": {"U": np.arange(4.0), "I": np.arange(4.0)}, "fs": 1e6, "who": "me"})
        plan = read_plan(path, HINTS)
        assert [(one.port, one.dt) for one in plan.series] == [("lab/probe/U", 1e-6), ("lab/probe/I", 1e-6)]
        assert plan.notes == ("'who' is no array of numbers and was left out",)

    def test_version_7_3_is_hdf5(self, tmp_path: Path) -> None:
        path = tmp_path / "1.mat"
        with h5py.File(path, "w", userblock_size=512) as file:
            file["U"] = np.arange(5, dtype="int16")[None, :]
            file["t"] = np.arange(5)[None, :] * 0.5
        with path.open("r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
        plan = read_plan(path, HINTS)
        assert (plan.source.format, plan.series[0].channel, plan.series[0].dt) == ("matlab", "U", 0.5)
        assert plan.series[0].raw.tolist() == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize("packed", [True, False])
    def test_cut_anywhere_it_is_refused_or_ends_with_a_whole_variable(self, tmp_path: Path, packed: bool) -> None:
        path = tmp_path / "1.mat"
        noise = np.random.default_rng(1).normal(size=200)
        scipy.io.savemat(path, {"a": noise, "b": noise + 1}, do_compression=packed)
        content = path.read_bytes()
        for size in cuts(content):
            path.write_bytes(content[:size])
            try:
                plan = read_plan(path, HINTS)
            except FileRefused as refused:
                assert path.name in str(refused)
            else:
                assert [one.raw.tolist() for one in plan.series] == [noise.tolist()]

    def test_a_variable_larger_than_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "1.mat"
        scipy.io.savemat(path, {"U": np.zeros((3, 2))})
        content = path.read_bytes()
        assert content.count(struct.pack("<2i", 3, 2)) == 1
        path.write_bytes(content.replace(struct.pack("<2i", 3, 2), struct.pack("<2i", 2_000_000_000, 2_000_000_000)))
        assert "'U' of the shape (2000000000, 2000000000) has 48 bytes" in refusal(path)

    def test_a_bomb_of_zeros(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "1.mat"
        scipy.io.savemat(path, {"U": np.zeros(10**6)}, do_compression=True)
        assert read_plan(path, HINTS).series[0].raw.size == 10**6
        memory = psutil.virtual_memory()
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=10**6))
        assert "promises 0.008 GB in a file of 0.00" in refusal(path)

    def test_it_gives_what_scipy_gives(self, tmp_path: Path) -> None:
        path = tmp_path / "1.mat"
        rng = np.random.default_rng(3)
        said = {"a": rng.normal(size=(4, 3)), "b": np.arange(12, dtype="uint16").reshape(3, 4), "s": {"x": np.arange(5.0), "d": {"y": [1, 2]}},
                "flag": np.array([True, False]), "text": "hello", "z": np.array([1 + 2j, 3]), "cell": np.array([1, "a"], object)}  # fmt: skip
        scipy.io.savemat(path, said, do_compression=True)
        found = {one.name: one for one in variables(path.read_bytes())}
        read = scipy.io.loadmat(path)
        for name in ("a", "b"):
            np.testing.assert_array_equal(found[name].load(), read[name])
        np.testing.assert_array_equal(found["s/x"].load(), read["s"]["x"][0, 0])
        np.testing.assert_array_equal(found["s/d/y"].load(), read["s"]["d"][0, 0]["y"][0, 0])
        assert found["flag"].load().tolist() == [[True, False]]
        assert [name for name in ("text", "z", "cell") if found[name].is_numbers] == []

    def test_the_same_name_twice(self, tmp_path: Path) -> None:
        path = tmp_path / "1.mat"
        scipy.io.savemat(path, {"U": np.arange(3.0)})
        content = path.read_bytes()
        path.write_bytes(content + content[128:])
        assert "'U' is in it twice" in refusal(path)


def to_netcdf(
    path: Path, raw: Any, *, over: str = "s", engine: str = "h5netcdf", encoding: Any = None, **said: Any
) -> Path:
    """What xarray writes."""
    times = xarray.DataArray(np.arange(raw.size) * 0.5 - 1.0, dims="time", attrs={"units": over})
    data = xarray.Dataset({"U": ("time", raw, said)}, coords={"time": times}, attrs={"Gas": "Ar"})
    data.to_netcdf(path, engine=engine, encoding={"U": encoding or {}})  # type: ignore[arg-type]
    return path


class TestNetCdf:
    @settings(max_examples=25, deadline=None)
    @given(
        raw=nps.arrays(st.sampled_from(["int8", "int16", "int32", "float32", "float64"]).map(np.dtype), st.integers(2, 40)),
        engine=st.sampled_from(["h5netcdf", "scipy"]),
    )  # fmt: skip
    def test_what_xarray_wrote(self, tmp_path_factory: pytest.TempPathFactory, raw: Any, engine: str) -> None:
        path = to_netcdf(
            tmp_path_factory.mktemp("nc") / "1.nc", raw, engine=engine, over="ms", encoding={"_FillValue": None}
        )
        plan = read_plan(path, HINTS)
        (series,) = plan.series
        assert (plan.source.format, plan.attributes) == ("netcdf", {"Gas": "Ar"})
        assert (series.raw.dtype, series.raw.tobytes()) == (raw.dtype, raw.tobytes())
        assert (series.port, series.start, series.dt) == ("lab/U", -1e-3, 5e-4)

    def test_content_comes_before_the_extension(self, tmp_path: Path) -> None:
        path = to_netcdf(tmp_path / "1.h5", np.arange(4.0))
        assert read_plan(path, HINTS).source.format == "netcdf"

    def test_units_and_a_scale(self, tmp_path: Path) -> None:
        said = {"units": "V", "long_name": "floating potential", "scale_factor": 0.5, "add_offset": -2.0}
        path = to_netcdf(tmp_path / "1.nc", np.arange(4, dtype="int16"), **said)
        (series,) = read_plan(path, HINTS).series
        assert (series.raw.tolist(), series.raw_unit, series.description) == ([0, 1, 2, 3], "ct", "floating potential")
        assert series.scale is not None
        assert (series.scale.steps, series.scale.unit) == ((Polynomial((-2.0, 0.5)),), "V")

    def test_missing_counts_are_nan(self, tmp_path: Path) -> None:
        path = to_netcdf(tmp_path / "1.nc", np.array([5, -9, 6], "int16"), encoding={"_FillValue": -9})
        raw = read_plan(path, HINTS).series[0].raw
        assert raw.dtype == np.float64
        np.testing.assert_array_equal(raw, [5, np.nan, 6])

    @pytest.mark.parametrize("unit", ["seconds", "s", "sec"])
    def test_a_date_within_a_day_is_the_trigger(self, tmp_path: Path, unit: str) -> None:
        path = to_netcdf(tmp_path / "1.nc", np.arange(4.0), over=f"{unit} since 2026-05-01 12:00:00.5")
        plan = read_plan(path, Hints(shot=1, device="lab"))
        assert (plan.started_at, plan.series[0].start) == (datetime(2026, 5, 1, 12, 0, 0, 500000, UTC), -1.0)

    def test_a_date_long_before_is_only_an_epoch(self, tmp_path: Path) -> None:
        seconds = 1.8e9 + np.arange(4) * 0.25
        data = xarray.Dataset({"U": ("time", np.arange(4.0))}, coords={"time": ("time", seconds, {"units": "seconds since 1970-01-01T00:00:00Z"})})  # fmt: skip
        data.to_netcdf(tmp_path / "1.nc", engine="h5netcdf")
        plan = read_plan(tmp_path / "1.nc", Hints(shot=1, device="lab"))
        assert plan.started_at == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=1.8e9)
        assert (plan.series[0].start, plan.series[0].dt) == (0.0, 0.25)

    def test_more_dimensions_need_a_mapping_file(self, tmp_path: Path) -> None:
        data = xarray.Dataset({"U": (("time", "probe"), np.zeros((4, 2)))}, coords={"time": ("time", np.arange(4.0), {"units": "s"})})  # fmt: skip
        data.to_netcdf(tmp_path / "1.nc", engine="h5netcdf")
        assert "say what is what in a mapping file (--mapping)" in refusal(tmp_path / "1.nc")

    @pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
    def test_cut_anywhere_it_is_refused(self, tmp_path: Path, engine: str) -> None:
        path = to_netcdf(tmp_path / "1.nc", np.arange(300.0), engine=engine)
        content = path.read_bytes()
        for size in cuts(content):
            path.write_bytes(content[:size])
            refusal(path)


class TestWav:
    @settings(max_examples=40, deadline=None)
    @given(
        sound=nps.arrays(
            st.sampled_from(["uint8", "int16", "int32", "float32", "float64"]).map(np.dtype),
            st.tuples(st.integers(1, 40), st.integers(1, 4)),
        ),
        rate=st.sampled_from([8000, 44100, 1_000_000]),
    )  # fmt: skip
    def test_what_scipy_wrote(self, tmp_path_factory: pytest.TempPathFactory, sound: Any, rate: int) -> None:
        path = tmp_path_factory.mktemp("wav") / "1.wav"
        scipy.io.wavfile.write(path, rate, sound)
        plan = read_plan(path, HINTS)
        assert [one.channel for one in plan.series] == [f"ch{k + 1}" for k in range(sound.shape[1])]
        for place, one in enumerate(plan.series):
            assert (one.raw.dtype, one.raw.tobytes(), one.dt) == (sound.dtype, sound[:, place].tobytes(), 1 / rate)

    def test_24_bits_of_the_standard_library(self, tmp_path: Path) -> None:
        counts = [-(2**23), -1, 0, 1, 2**23 - 1]
        with wave.open(str(tmp_path / "1.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(3)
            file.setframerate(1000)
            file.writeframes(b"".join(one.to_bytes(3, "little", signed=True) for one in counts))
        (series,) = read_plan(tmp_path / "1.wav", HINTS).series
        assert (series.raw.dtype, series.raw.tolist(), series.raw_unit) == ("int32", counts, "ct")

    def test_cut_anywhere_it_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "1.wav"
        scipy.io.wavfile.write(path, 1000, np.arange(300, dtype="int16"))
        content = path.read_bytes()
        for size in cuts(content):
            path.write_bytes(content[:size])
            refusal(path)

    @pytest.mark.parametrize(
        ("place", "found", "letter"),
        [
            (20, struct.pack("<H", 2), "ADPCM"),
            (22, struct.pack("<H", 0), "damaged or was cut"),
            (24, struct.pack("<I", 0), "damaged or was cut"),
            (40, struct.pack("<I", 10**9), "chunk b'data' ends at byte 1000000044, the file at 104"),
        ],
    )
    def test_refused(self, tmp_path: Path, place: int, found: bytes, letter: str) -> None:
        path = tmp_path / "1.wav"
        scipy.io.wavfile.write(path, 1000, np.arange(30, dtype="int16"))
        content = bytearray(path.read_bytes())
        content[place : place + len(found)] = found
        path.write_bytes(content)
        assert letter in refusal(path)
