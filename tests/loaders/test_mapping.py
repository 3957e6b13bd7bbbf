"""The mapping file: any container of arrays becomes ports and shots, and whatever it says wrong is named by its key."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import xarray
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from gilgamesh_db import Database, Polynomial
from gilgamesh_db.errors import FileRefused
from gilgamesh_loaders import Hints, ShotPlan, read_plan, read_plans
from gilgamesh_loaders.commit import commit, examine

DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

data_folder = os.environ.get("GILGAMESH_TEST_DATA")

ONE = {
    "device": "Interferometer",
    "shot": "@shot",
    "started_at": "@date",
    "time": {"start": "@Tstart", "rate": "raw@sampling"},
    "attributes": {"Gas": "@gas", "Pressure": 0.5},
    "ports": {
        "phase": {"data": "raw/phase", "unit": "rad", "scale": [0.5, 0.25], "description": "at {here}"},
        "PXI/ai0": "raw/voltage",
    },
}
SCAN = {
    "shots": "/scan/number",
    "started_at": "/scan/date",
    "attributes": {"Power": "/scan/power"},
    "time": {"times": "scan/t", "unit": "ms"},
    "ports": {"Probe/r{position}": {"data": "scan/current", "axes": ["shot", "position", "time"], "unit": "A"}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file of one shot and a file of a scan, each with its mapping."""
    with h5py.File(tmp_path / "one.h5", "w") as file:
        file.attrs.update({"shot": 77, "date": "2026-03-01T12:00:00+00:00", "Tstart": -0.5, "gas": "Ar"})
        file["raw/phase"] = np.arange(5, dtype=">i2")
        file["raw/voltage"] = np.arange(5, dtype="f4")
        file["raw"].attrs["sampling"] = 1e4
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["scan/number"] = [101, 102, 103]
        file["scan/date"] = NOON.timestamp() + np.arange(3) * 60
        file["scan/power"] = [100.0, 200.0, 300.0]
        file["scan/t"] = np.arange(4) * 0.5
        file["scan/current"] = np.arange(24.0).reshape(3, 2, 4)
    for name, said in (("one", ONE), ("scan", SCAN)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(said, sort_keys=False))
    return tmp_path


def hints(folder: Path, name: str, **said: Any) -> Hints:
    return Hints(mapping=folder / f"{name}.yaml", **said)


def test_one_shot(folder: Path) -> None:
    plan = read_plan(folder / "one.h5", hints(folder, "one"))
    assert (plan.number, plan.started_at, plan.source.format) == (77, NOON, "hdf5")
    assert plan.attributes == {"Gas": "Ar", "Pressure": 0.5}
    phase, voltage = plan.series
    assert (phase.port, phase.raw.dtype, phase.raw_unit, phase.start, phase.dt) == ("Interferometer/phase", "int16", "ct", -0.5, 1e-4)  # fmt: skip
    assert phase.scale is not None
    assert (phase.scale.steps, phase.scale.unit) == ((Polynomial((0.5, 0.25)),), "rad")
    assert (voltage.port, voltage.raw.tolist(), voltage.raw_unit) == ("PXI/ai0", [0, 1, 2, 3, 4], "")


def test_many_shots_and_positions(folder: Path) -> None:
    plans = read_plans(folder / "scan.h5", hints(folder, "scan"))
    assert [one.number for one in plans] == [101, 102, 103]
    assert {one.source for one in plans} == {plans[0].source}
    assert plans[0].source.shots == (101, 102, 103)
    for place, plan in enumerate(plans):
        assert plan.attributes["Power"] == 100.0 * (place + 1)
        assert (plan.started_at - NOON).total_seconds() == 60 * place
        assert [one.port for one in plan.series] == ["Probe/r1", "Probe/r2"]
        assert plan["Probe/r2"].raw.tolist() == [8 * place + 4 + k for k in range(4)]
        assert (plan["Probe/r2"].start, plan["Probe/r2"].dt, plan["Probe/r2"].raw_unit) == (0.0, 5e-4, "A")
    (second,) = read_plans(folder / "scan.h5", hints(folder, "scan", shot=102))
    assert second.series[0].raw.tolist() == plans[1].series[0].raw.tolist()
    with pytest.raises(FileRefused, match="there is no shot 200 in it; it holds 101 to 103"):
        read_plans(folder / "scan.h5", hints(folder, "scan", shot=200))
    with pytest.raises(FileRefused, match="holds 3 shots, 101 to 103; say which with --shot"):
        read_plan(folder / "scan.h5", hints(folder, "scan"))


def test_they_are_loaded_once(db: Database, folder: Path) -> None:
    for plan in read_plans(folder / "scan.h5", hints(folder, "scan")):
        commit(db, plan, create=True)
    assert db.signal("r2", 103).values.tolist() == [20, 21, 22, 23]
    assert all(examine(db, plan).already_there for plan in read_plans(folder / "scan.h5", hints(folder, "scan")))
    more = {**SCAN, "ports": {**SCAN["ports"], "Probe/t": {"data": "scan/t", "unit": "ms"}}}  # type: ignore[dict-item]
    (folder / "scan.yaml").write_text(yaml.safe_dump(more))
    corrected = read_plans(folder / "scan.h5", hints(folder, "scan"))[0]
    assert not examine(db, corrected).already_there
    assert commit(db, corrected, create=True).series == 1


@settings(max_examples=40, deadline=None)
@given(
    raw=nps.arrays(st.sampled_from(DTYPES).map(np.dtype), st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(2, 6))),
    order=st.permutations(["shot", "position", "time"]), packed=st.booleans(),
)  # fmt: skip
def test_every_sample_finds_its_shot_and_port(
    tmp_path_factory: pytest.TempPathFactory, raw: Any, order: list[str], packed: bool
) -> None:
    folder = tmp_path_factory.mktemp("h5")
    names = ["shot", "position", "time"]
    with h5py.File(folder / "1.h5", "w") as file:
        turned = raw.transpose([names.index(one) for one in order])
        file.create_dataset("U", data=turned, chunks=tuple(1 for _ in raw.shape) if packed else None, compression="gzip" if packed else None)  # fmt: skip
    said = {
        "shots": list(range(raw.shape[0])), "started_at": "2026-03-01T12:00:00Z", "time": {"dt": 1e-3},
        "ports": {"d/{position}": {"data": "U", "axes": list(order)}},
    }  # fmt: skip
    (folder / "m.yaml").write_text(yaml.safe_dump(said, sort_keys=False))
    plans = read_plans(folder / "1.h5", Hints(mapping=folder / "m.yaml"))
    for shot, plan in enumerate(plans):
        for position in range(raw.shape[1]):
            found = plan[f"d/{position + 1}"].raw
            assert (found.dtype, found.tobytes()) == (raw.dtype, raw[shot, position].tobytes())


class TestContainers:
    SAID = {"started_at": NOON.isoformat(), "time": {"dt": 0.5}, "ports": {"d/U": {"data": "U", "unit": "V"}}}  # noqa: RUF012

    @pytest.mark.parametrize("name", ["1.npz", "1.mat", "1.nc", "1.classic.nc"])
    def test_other_files_are_read_the_same_way(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        raw = np.arange(4.0)
        if name.endswith("npz"):
            np.savez(path, U=raw)
        elif name.endswith("mat"):
            scipy.io.savemat(path, {"U": raw}, oned_as="row")
        else:
            engine = "scipy" if "classic" in name else "h5netcdf"
            xarray.Dataset({"U": ("x", raw)}).to_netcdf(path, engine=engine)  # type: ignore[arg-type]
        said = json.loads(json.dumps(self.SAID))
        if name.endswith("mat"):
            said["ports"]["d/U"] |= {"axes": ["row", "time"], "at": {"row": 1}}
        (tmp_path / "m.yaml").write_text(yaml.safe_dump(said, sort_keys=False))
        plan = read_plan(path, Hints(shot=1, mapping=tmp_path / "m.yaml"))
        assert plan.source.format == {"1.npz": "numpy", "1.mat": "matlab"}.get(name, "netcdf")
        assert (plan["d/U"].raw.tolist(), plan["d/U"].raw_unit) == ([0, 1, 2, 3], "V")

    def test_files_that_are_no_containers_are_read_as_ever(self, tmp_path: Path) -> None:
        (tmp_path / "m.yaml").write_text(yaml.safe_dump(self.SAID))
        (tmp_path / "1.csv").write_text("t (s),U (V)\n0,1\n1,2\n")
        plan = read_plan(tmp_path / "1.csv", Hints(started_at=NOON, device="d", mapping=tmp_path / "m.yaml"))
        assert plan.source.format == "csv"

    def test_without_a_mapping_hdf5_is_the_testbeds_own(self, folder: Path) -> None:
        with pytest.raises(FileRefused, match="Any other needs a mapping file"):
            read_plan(folder / "one.h5", Hints())

    @pytest.mark.skipif(data_folder is None, reason="GILGAMESH_TEST_DATA does not say where the real recordings are")
    @pytest.mark.parametrize("name", ["plasmapy/Beckers2017.npy", "plasmapy/Beckers2017_noisy.npy"])
    def test_a_real_characteristic(self, tmp_path: Path, name: str) -> None:
        rows = {"bias_V": {"at": {"row": 1}, "unit": "V"}, "current_A": {"at": {"row": 2}, "unit": "A"}}
        ports = {f"probe/{row}": {"data": "array", "axes": ["row", "time"], **said} for row, said in rows.items()}
        (tmp_path / "m.yaml").write_text(yaml.safe_dump({"time": {"dt": 1e-3}, "ports": ports}))
        recordings = Path(data_folder or ".")
        plan = read_plan(recordings / name, Hints(shot=1, started_at=NOON, mapping=tmp_path / "m.yaml"))
        for row, expected in json.loads((recordings / "expected.json").read_text())[name].items():
            raw = plan[f"probe/{row}"].raw
            assert (raw.size, raw.dtype.name, raw[:5].tolist(), raw[-2:].tolist()) == (
                expected["n"], expected["dtype"], expected["first5"], expected["last2"]
            )  # fmt: skip
            assert [raw.min(), raw.max(), raw.mean(), raw.std()] == pytest.approx(
                [expected[one] for one in ("min", "max", "mean", "std")], rel=1e-13
            )


def changed(*keys: str, to: Any, of: Any = ONE) -> Any:
    said = json.loads(json.dumps(of))
    place = said
    for key in keys[:-1]:
        place = place[key]
    if to is None:
        del place[keys[-1]]
    else:
        place[keys[-1]] = to
    return said


class TestRefused:
    @pytest.mark.parametrize(
        ("said", "letter"),
        [
            ([1, 2], "names no ports"),
            (changed("ports", to=None), "names no ports"),
            (changed("shoot", to=3), "has no 'shoot'; did you mean 'shot'"),
            (changed("ports", "phase", "datum", to=3), "ports, phase has no 'datum'; did you mean 'data'"),
            (changed("ports", "phase", "data", to=None), "ports, phase: 'data' is missing"),
            (
                changed("ports", "phase", "data", to="raw/phases"),
                "no array 'raw/phases' in it; did you mean 'raw/phase'",
            ),
            (changed("ports", "phase", "scale", to=[1]), "it is two numbers, offset and gain"),
            (changed("ports", "phase", "scale", to=["a", "b"]), "it is two numbers, offset and gain"),
            (changed("shot", to="@shoot"), "shot: no attribute 'shoot' of the file; did you mean 'shot'"),
            (changed("shot", to="@date"), "shot: '2026-03-01T12:00:00+00:00' is no whole number"),
            (changed("started_at", to="@gas"), "started_at: 'Ar' is no time"),
            (changed("started_at", to=1e30), "are no seconds since 1970"),
            (changed("timezone", to="Mars"), "shot 77"),
            (changed("time", "rate", to="raw@speed"), "time, rate: no attribute 'speed' of 'raw'"),
            (changed("time", "rate", to=0), "0.0 Hz is no rate"),
            (changed("time", "rate", to="@gas"), "'Ar' is no number"),
            (changed("time", "unit", to="V"), "'V' is no unit of time"),
            (changed("time", to={"start": 0}), "say 'dt', 'rate' or 'times'"),
            (changed("time", to=5), "time says 5"),
            (changed("device", to=None), "whose port is it?"),
            (changed("ports", "phase", "axes", to=["shot", "time"]), "name its axes"),
            (changed("ports", "phase", "axes", to=["position"]), "one of them 'time'"),
            (changed("ports", "phase", "unit", to="MVAr"), "'MVAr'"),
            (changed("shots", to=[1, 1], of=SCAN), "2 shots with 1 different numbers"),
            (changed("shots", to=[1, 2], of=SCAN), "3 rows along 'shot' for 2 shots"),
            (changed("time", "times", to="scan/power", of=SCAN), "3 times for 4 samples"),
            (changed("ports", to={"Probe/r": SCAN["ports"]["Probe/r{position}"]}, of=SCAN), "write {position} into it"),  # type: ignore[index]
        ],
    )
    def test_the_key_is_named(self, folder: Path, said: Any, letter: str) -> None:
        name = "scan" if isinstance(said, dict) and "shots" in said else "one"
        (folder / "m.yaml").write_text(yaml.safe_dump(said, sort_keys=False))
        if letter in ("'MVAr'", "shot 77"):  # an odd unit is a note; a zone does not matter beside a time with its own
            plan = read_plan(folder / "one.h5", Hints(mapping=folder / "m.yaml"))
            assert letter in f"{plan.series[0].description} shot {plan.number}"
            return
        with pytest.raises(FileRefused) as refused:
            read_plans(folder / f"{name}.h5", Hints(mapping=folder / "m.yaml"))
        assert letter in str(refused.value)
        assert f"{name}.h5, read through {folder / 'm.yaml'}" in str(refused.value)

    def test_a_zone_that_is_none(self, folder: Path) -> None:
        (folder / "m.yaml").write_text(
            yaml.safe_dump(changed("timezone", to="Mars") | {"started_at": "2026-03-01 12:00"})
        )
        with pytest.raises(FileRefused, match="timezone: 'Mars' is no time zone"):
            read_plan(folder / "one.h5", Hints(mapping=folder / "m.yaml"))

    def test_no_mapping_file(self, folder: Path) -> None:
        with pytest.raises(FileRefused, match=r"the mapping file .*none\.yaml cannot be read: No such file"):
            read_plan(folder / "one.h5", hints(folder, "none"))

    @pytest.mark.parametrize("text", ["a: b: c", "\xff\xfe", "!!python/object:os.system {}", "- [", "ports: {a: 1}"])
    def test_no_yaml(self, folder: Path, text: str) -> None:
        (folder / "m.yaml").write_text(text, encoding="latin-1")
        with pytest.raises(FileRefused, match=r"mapping file|ports, a"):
            read_plan(folder / "one.h5", Hints(shot=1, mapping=folder / "m.yaml"))

    def test_a_dataset_that_was_never_written(self, folder: Path) -> None:
        with h5py.File(folder / "one.h5", "r+") as file:
            del file["raw/phase"]
            file.create_dataset("raw/phase", shape=(10**14,), dtype="i2", chunks=(10**6,))
        with pytest.raises(FileRefused, match="'raw/phase' promises 100000000 chunks of samples, 0 were written"):
            read_plan(folder / "one.h5", hints(folder, "one"))

    def test_a_dataset_elsewhere(self, folder: Path) -> None:
        with h5py.File(folder / "one.h5", "r+") as file:
            del file["raw/phase"]
            file["raw/phase"] = h5py.ExternalLink("other.h5", "/phase")
        with pytest.raises(FileRefused, match="'raw/phase' is a link to another file"):
            read_plan(folder / "one.h5", hints(folder, "one"))

    def test_cut_anywhere_it_is_refused(self, folder: Path) -> None:
        path = folder / "one.h5"
        content = path.read_bytes()
        for size in {len(content) * k // 50 for k in range(50)}:
            path.write_bytes(content[:size])
            with pytest.raises(FileRefused, match=r"one\.h5"):
                read_plan(path, hints(folder, "one"))

    def test_a_bomb_of_zeros(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with h5py.File(folder / "one.h5", "r+") as file:
            del file["raw/phase"]
            file.create_dataset("raw/phase", data=np.zeros(10**6, "i2"), chunks=(10**6,), compression="gzip")
        plenty = read_plan(folder / "one.h5", replace(hints(folder, "one"), start=0.0))
        assert isinstance(plenty, ShotPlan)
        import psutil

        memory = psutil.virtual_memory()
        monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(available=10**6))
        with pytest.raises(FileRefused, match=r"promises 0\.002 GB in a file of .*made to do harm"):
            read_plan(folder / "one.h5", hints(folder, "one"))
