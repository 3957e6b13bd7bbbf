"""The testbed's own layout: bit by bit what was recorded, and every promise of the file checked."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from gilgamesh_db.calibration import Polynomial, PowerOfTen
from gilgamesh_db.errors import FileRefused, InvalidValue
from gilgamesh_db.payload import DTYPES
from gilgamesh_loaders.formats import Hints, read_plan
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, Source
from gilgamesh_loaders.testbed_hdf5 import FORMAT, write_testbed_hdf5

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COUNTS = np.array([-32768, 0, 1, 32767], dtype="int16")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shot_1234.h5"


def write(path: Path, channels: dict[str, Any], *, file: dict[str, Any] | None = None, **group: Any) -> Path:
    """Write one device with some channels; attributes given as None are left out."""
    attributes = {"Nchannel": len(channels), "sampling": 1e5, "Tstart": -0.5} | group
    with h5py.File(path, "w") as opened:
        for name, value in ({"shot": 1234, "date": NOON.isoformat()} if file is None else file).items():
            opened.attrs[name] = value
        device = opened.create_group("PXI")
        device.attrs.update({name: value for name, value in attributes.items() if value is not None})
        for name, counts in channels.items():
            device.create_dataset(name, data=counts)
    return path


def describe(path: Path, channel: str = "ai0", **attributes: Any) -> Path:
    with h5py.File(path, "r+") as opened:
        opened["PXI"][channel].attrs.update(attributes)
    return path


def refusal(path: Path, hints: Hints | None = None) -> str:
    with pytest.raises(FileRefused) as refused:
        FORMAT.read(path, hints or Hints())
    assert str(path) in str(refused.value)
    return str(refused.value)


def plan_of(*series: SeriesPlan, **changes: Any) -> ShotPlan:
    given: dict[str, Any] = {
        "number": 1234, "started_at": NOON, "duration": 2.0, "series": series,
        "source": Source("-", "-", 1, bytes(32)),
    }  # fmt: skip
    return ShotPlan(**given | changes)


def content(plan: ShotPlan) -> Any:
    """Everything a plan says but where it came from."""
    ports = {
        one.port: (one.raw.dtype, one.raw.tobytes(), one.start, one.dt, one.raw_unit, one.scale, one.quantity,
                   one.description, one.signal)
        for one in plan.series
    }  # fmt: skip
    return plan.number, plan.started_at, plan.duration, ports, dict(plan.attributes), plan.program


class TestSamples:
    @settings(max_examples=60, deadline=None)
    @given(raw=nps.arrays(st.sampled_from(DTYPES).map(np.dtype), st.integers(1, 50)), big=st.booleans())
    def test_every_type_comes_back_bit_by_bit(
        self, tmp_path_factory: pytest.TempPathFactory, raw: Any, big: bool
    ) -> None:
        written = raw.astype(raw.dtype.newbyteorder(">")) if big else raw
        plan = FORMAT.read(write(tmp_path_factory.mktemp("h5") / "1234.h5", {"ai0": written}), Hints())
        read = plan["PXI/ai0"].raw
        assert (read.dtype, read.tobytes()) == (raw.dtype, raw.tobytes())
        assert read.dtype.newbyteorder("<") == read.dtype

    @pytest.mark.parametrize(("given", "kept"), [("float16", "float32"), ("uint64", "int64")])
    def test_what_has_no_place_is_widened(self, path: Path, given: str, kept: str) -> None:
        raw = FORMAT.read(write(path, {"ai0": np.array([0, 1], given)}), Hints())["PXI/ai0"].raw
        assert (raw.dtype, raw.tolist()) == (kept, [0, 1])

    @pytest.mark.parametrize("options", [{"chunks": (3,)}, {"compression": "gzip"}, {"shuffle": True, "chunks": (2,)}])
    def test_storage_makes_no_difference(self, path: Path, options: dict[str, Any]) -> None:
        write(path, {"ai0": COUNTS}, Nchannel=2)
        with h5py.File(path, "r+") as opened:
            opened["PXI"].create_dataset("ai1", data=COUNTS, **options)
        assert FORMAT.read(path, Hints())["PXI/ai1"].raw.tolist() == COUNTS.tolist()

    @pytest.mark.parametrize(
        ("samples", "letter"),
        [
            (np.array([1j]), "complex128"),
            (np.array([b"abc"]), "|S3"),
            (["text"], "object"),
            (np.zeros(1, [("a", "i2")]), "('a', '<i2')"),
            (np.zeros((2, 2), "i2"), "shape (2, 2)"),
            (np.int16(1), "shape ()"),
            (h5py.Empty("i2"), "shape None"),
            (np.zeros(0, "i2"), "no samples"),
            (np.array([2**63], "uint64"), "cannot be stored"),
            (np.zeros(2, "longdouble"), "cannot be stored"),
        ],
    )
    def test_what_is_no_series(self, path: Path, samples: Any, letter: str) -> None:
        assert letter in refusal(write(path, {"ai0": samples}))

    def test_a_module_has_one_length(self, path: Path) -> None:
        assert "differ in length: {'ai0': 4, 'ai1': 3}" in refusal(write(path, {"ai0": COUNTS, "ai1": COUNTS[1:]}))


class TestTimeBase:
    def test_start_and_interval(self, path: Path) -> None:
        channel = FORMAT.read(write(path, {"ai0": COUNTS}), Hints())["PXI/ai0"]
        assert (channel.start, channel.dt, channel.times) == (-0.5, 1e-5, None)

    def test_the_start_defaults_to_the_trigger(self, path: Path) -> None:
        assert FORMAT.read(write(path, {"ai0": COUNTS}, Tstart=None), Hints()).series[0].start == 0.0

    def test_matlab_writes_numbers_as_arrays(self, path: Path) -> None:
        arrays = {"Nchannel": np.array([[1.0]]), "sampling": np.array([1e3]), "Tstart": np.array([[2.0]])}
        channel = FORMAT.read(write(path, {"ai0": COUNTS}, **arrays), Hints()).series[0]
        assert (channel.start, channel.dt) == (2.0, 1e-3)

    @pytest.mark.parametrize(
        ("attributes", "letter"),
        [
            ({"sampling": None}, "no attribute 'sampling'"),
            ({"sampling": 0.0}, "above 0"),
            ({"sampling": -1.0}, "above 0"),
            ({"sampling": math.nan}, "finite number"),
            ({"sampling": 5e-324}, "sampling interval"),
            ({"sampling": "fast"}, "sampling is 'fast'"),
            ({"sampling": [1.0, 2.0]}, "'sampling'"),
            ({"Tstart": math.inf}, "Tstart is inf"),
            ({"Nchannel": None}, "no attribute 'Nchannel'"),
            ({"Nchannel": 3}, "promises 3 channels, there are 2"),
            ({"Nchannel": 1}, "promises 1 channels, there are 2"),
            ({"Nchannel": 1.5}, "whole number"),
            ({"Nchannel": True}, "True"),
        ],
    )
    def test_what_is_none(self, path: Path, attributes: dict[str, Any], letter: str) -> None:
        assert letter in refusal(write(path, {"ai0": COUNTS, "ai1": COUNTS}, **attributes))


class TestMeaning:
    def test_counts_by_default(self, path: Path) -> None:
        channel = FORMAT.read(write(path, {"ai0": COUNTS}), Hints()).series[0]
        assert (channel.raw_unit, channel.scale, channel.description) == ("ct", None, "")

    def test_a_unit_alone_is_that_of_the_samples(self, path: Path) -> None:
        channel = FORMAT.read(describe(write(path, {"ai0": COUNTS}), unit="Volts"), Hints()).series[0]
        assert (channel.raw_unit, channel.scale) == ("V", None)

    def test_a_scale_is_offset_and_gain(self, path: Path) -> None:
        write(path, {"ai0": COUNTS})
        channel = FORMAT.read(describe(path, unit=b"V", scale=[0.5, 20 / 2**16]), Hints()).series[0]
        assert (channel.raw_unit, channel.scale) == ("ct", Scale((Polynomial((0.5, 20 / 2**16)),), "V"))

    def test_an_unknown_unit_is_kept_as_a_note(self, path: Path) -> None:
        channel = FORMAT.read(describe(write(path, {"ai0": COUNTS}), unit="sccm", description="gas"), Hints()).series[0]
        assert (channel.raw_unit, channel.description) == ("", "gas; unit in the file: 'sccm'")

    @pytest.mark.parametrize(
        ("attributes", "letter"),
        [
            ({"scale": [0.0, 1.0]}, "a scale but no unit"),
            ({"scale": [1.0], "unit": "V"}, "offset and gain"),
            ({"scale": "1", "unit": "V"}, "offset and gain"),
            ({"scale": [0.0, math.nan], "unit": "V"}, "finite"),
            ({"unit": "V", "raw_unit": "A"}, "turns 'A' into 'V' without a scale"),
            ({"signal": "Lang I"}, "letters, digits and underscores"),
        ],
    )
    def test_what_means_nothing(self, path: Path, attributes: dict[str, Any], letter: str) -> None:
        assert letter in refusal(describe(write(path, {"ai0": COUNTS}), **attributes))


class TestShot:
    def test_number_and_date_of_the_file(self, path: Path) -> None:
        plan = FORMAT.read(write(path, {"ai0": COUNTS}, file={"shot": 99, "date": NOON.isoformat()}), Hints())
        assert (plan.number, plan.started_at) == (99, NOON)
        assert "says it is shot 99; shot 5" in refusal(path, Hints(shot=5))

    def test_else_of_the_name_and_the_hint(self, path: Path) -> None:
        write(path, {"ai0": COUNTS}, file={})
        assert "give --started-at" in refusal(path)
        assert FORMAT.read(path, Hints(started_at=NOON)).number == 1234
        assert FORMAT.read(path, Hints(shot=5, started_at=NOON)).number == 5

    @pytest.mark.parametrize(
        ("date", "started_at"),
        [(NOON.timestamp(), NOON), (int(NOON.timestamp()), NOON), ("2026-03-01T12:00:00Z", NOON),
         ("2026-03-01T13:00:00+01:00", NOON), ("2026-03-01 12:00", NOON), (b"2026-03-01T12:00:00", NOON)],
    )  # fmt: skip
    def test_dates(self, path: Path, date: Any, started_at: datetime) -> None:
        assert FORMAT.read(write(path, {"ai0": COUNTS}, file={"date": date}), Hints()).started_at == started_at

    def test_a_date_without_zone_says_which_was_taken(self, path: Path) -> None:
        write(path, {"ai0": COUNTS}, file={"date": "2026-03-01T12:00:00"})
        assert FORMAT.read(path, Hints()).attributes["TimeZone"] == "UTC, assumed"
        plan = FORMAT.read(path, Hints(timezone=timezone(timedelta(hours=1))))
        assert (plan.started_at, plan.attributes["TimeZone"]) == (NOON - timedelta(hours=1), "UTC+01:00, as told")

    @pytest.mark.parametrize("date", ["yesterday", math.nan, 1e300, "", [1, 2]])
    def test_what_is_no_date(self, path: Path, date: Any) -> None:
        assert "date" in refusal(write(path, {"ai0": COUNTS}, file={"date": date}))

    @pytest.mark.parametrize("shot", ["twelve", 1.5, -1, [1, 2]])
    def test_what_is_no_number(self, path: Path, shot: Any) -> None:
        assert "shot" in refusal(write(path, {"ai0": COUNTS}, file={"shot": shot, "date": NOON.isoformat()}))

    def test_other_attributes_belong_to_the_shot(self, path: Path) -> None:
        said = {"date": NOON.isoformat(), "Gas": "Argon", "Pressure": 9e-4, "Useful": True, "Comment": h5py.Empty("S1")}
        plan = FORMAT.read(write(path, {"ai0": COUNTS}, file=said), Hints())
        assert dict(plan.attributes) == {"Gas": "Argon", "Pressure": 9e-4, "Useful": True, "Comment": None}

    def test_none_is_dropped_silently(self, path: Path) -> None:
        said = {"date": NOON.isoformat(), "Ramp": [1.0, 2.0]}
        assert "'Ramp' of / is not one number or text" in refusal(write(path, {"ai0": COUNTS}, file=said))


class TestLayout:
    @pytest.mark.parametrize("name", ["   ", "a\nb", "x" * 300, " ai0"])
    def test_odd_names(self, path: Path, name: str) -> None:
        assert "channel" in refusal(write(path, {name: COUNTS}))

    def test_a_name_in_no_encoding(self, path: Path) -> None:
        with h5py.File(write(path, {"ai0": COUNTS}, Nchannel=2), "r+") as opened:
            h5py.h5d.create(opened["PXI"].id, b"\xff\xfe", h5py.h5t.NATIVE_INT16, h5py.h5s.create_simple((4,)))
            opened["PXI"][b"\xff\xfe"][:] = COUNTS
        assert "can't decode byte 0xff" in refusal(path)

    def test_samples_outside_any_device(self, path: Path) -> None:
        with h5py.File(write(path, {"ai0": COUNTS}), "r+") as opened:
            opened["loose"] = COUNTS
        assert "'loose' lies outside any device" in refusal(path)

    def test_a_group_inside_a_device(self, path: Path) -> None:
        with h5py.File(write(path, {"ai0": COUNTS}, Nchannel=2), "r+") as opened:
            opened["PXI"].create_group("more")
        assert "'PXI/more' is a group" in refusal(path)

    def test_a_file_of_something_else(self, path: Path) -> None:
        with h5py.File(path, "w") as opened:
            opened.create_group("table")
        assert "'table' has no attribute 'sampling'; is this the testbed's layout?" in refusal(path)

    def test_no_device(self, path: Path) -> None:
        h5py.File(path, "w").close()
        assert "no device" in refusal(path)

    @pytest.mark.parametrize(
        "link", [h5py.SoftLink("/PXI/ai0"), h5py.SoftLink("/gone"), h5py.ExternalLink("b.h5", "/x")]
    )
    def test_links(self, path: Path, link: Any) -> None:
        with h5py.File(write(path, {"ai0": COUNTS}, Nchannel=2), "r+") as opened:
            opened["PXI"]["ai1"] = link
        assert "'ai1' is a link" in refusal(path)

    def test_samples_in_another_file(self, path: Path, tmp_path: Path) -> None:
        (tmp_path / "samples.bin").write_bytes(COUNTS.tobytes())
        with h5py.File(write(path, {"ai0": COUNTS}, Nchannel=2), "r+") as opened:
            place = [(str(tmp_path / "samples.bin"), 0, COUNTS.nbytes)]
            opened["PXI"].create_dataset("ai1", shape=(4,), dtype="i2", external=place)
        assert "'PXI/ai1' are in another file" in refusal(path)
        virtual = h5py.VirtualLayout(shape=(4,), dtype="i2")
        virtual[:] = h5py.VirtualSource(str(path), "PXI/ai0", shape=(4,))
        with h5py.File(write(path, {"ai0": COUNTS}, Nchannel=2), "r+") as opened:
            opened["PXI"].create_virtual_dataset("ai1", virtual)
        assert "'PXI/ai1' are in another file" in refusal(path)

    @pytest.mark.parametrize("chunks", [None, (100,)])
    def test_samples_that_were_promised_and_never_written(self, path: Path, chunks: Any) -> None:
        with h5py.File(write(path, {}, Nchannel=1), "r+") as opened:
            channel = opened["PXI"].create_dataset("ai0", shape=(1000,), dtype="i2", chunks=chunks)
            if chunks:
                channel[:250] = 1
        written = 300 if chunks else 0
        assert f"'PXI/ai0' promises 1000 samples, {written} were written" in refusal(path)


class TestCut:
    @pytest.mark.parametrize("options", [{}, {"chunks": (64,), "compression": "gzip"}], ids=["plain", "compressed"])
    def test_a_file_cut_anywhere_is_refused(self, path: Path, options: dict[str, Any]) -> None:
        write(path, {}, Nchannel=1)
        with h5py.File(path, "r+") as opened:
            opened["PXI"].create_dataset("ai0", data=np.arange(2000, dtype="i4") ** 2, **options)
        whole = path.read_bytes()
        for size in sorted({len(whole) * part // 50 for part in range(1, 50)} | {1, 8, 100, len(whole) - 1}):
            path.write_bytes(whole[:size])
            refusal(path)

    @pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(2000), b"text\n"])
    def test_what_is_no_hdf5(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        assert "cannot be read as HDF5" in refusal(path)


class TestWriting:
    DIVIDED = SeriesPlan(
        "PXI", "ai5", COUNTS, -0.5, 1e-5, scale=Scale((Polynomial((0.1, 3e-4)),), "V"),
        quantity="voltage", description="probe, divided", signal="Lang_U",
    )  # fmt: skip
    PLAIN = SeriesPlan("PXI", "ai6", COUNTS, -0.5, 1e-5)
    BARE = SeriesPlan("Scope", "ch 1", np.array([0.5, math.nan], "f4"), 0.0, 8e-10, raw_unit="")

    def test_what_is_written_is_read(self, path: Path) -> None:
        said = {"Gas": "Argon", "Pressure": 9e-4, "Useful": False, "Comment": None}
        plan = plan_of(self.DIVIDED, self.PLAIN, self.BARE, attributes=said, program="Helicon")
        write_testbed_hdf5(path, plan)
        assert content(read_plan(path)) == content(plan)
        assert list(path.parent.iterdir()) == [path]

    def test_the_same_plan_makes_the_same_file(self, path: Path, tmp_path: Path) -> None:
        for name in (path, tmp_path / "again.h5"):
            write_testbed_hdf5(name, plan_of(self.DIVIDED, self.BARE))
        assert path.read_bytes() == (tmp_path / "again.h5").read_bytes()

    @settings(max_examples=60, deadline=None)
    @given(st.floats(1e-3, 1e10), st.floats(-1e3, 1e3), st.integers(1, 20))
    def test_the_time_base_survives_to_the_last_bit(
        self, tmp_path_factory: pytest.TempPathFactory, frequency: float, start: float, n: int
    ) -> None:
        path = tmp_path_factory.mktemp("h5") / "1.h5"
        written = SeriesPlan("PXI", "ai0", np.zeros(n, "u1"), start, 1 / frequency)
        write_testbed_hdf5(path, plan_of(written, number=1))
        read = FORMAT.read(path, Hints()).series[0]
        assert (read.start, read.dt) == (written.start, written.dt)

    @pytest.mark.parametrize(("dt", "sampling"), [(1e-5, 1e5), (8e-10, 1.25e9), (1e-3, 1e3), (0.5, 2.0)])
    def test_round_frequencies_stay_round(self, path: Path, dt: float, sampling: float) -> None:
        write_testbed_hdf5(path, plan_of(SeriesPlan("PXI", "ai0", COUNTS, 0.0, dt)))
        with h5py.File(path) as opened:
            assert opened["PXI"].attrs["sampling"] == sampling

    @pytest.mark.parametrize(
        ("series", "letter"),
        [
            ([SeriesPlan("S7", "t", COUNTS, times=np.arange(4.0))], "sampled irregularly"),
            ([PLAIN, SeriesPlan("PXI", "ai7", COUNTS, 0.0, 1e-5)], "differ in start, interval or length"),
            ([PLAIN, SeriesPlan("PXI", "ai7", COUNTS[1:], -0.5, 1e-5)], "differ in start, interval or length"),
            ([SeriesPlan("PXI", "a/b", COUNTS, 0.0, 1.0)], "no slash"),
            ([SeriesPlan("..", "a", COUNTS, 0.0, 1.0)], "no dots"),
            ([SeriesPlan("PXI", "a", COUNTS, 0.0, 1.0, scale=Scale((PowerOfTen(),), "mW"))], "not a straight line"),
        ],
    )
    def test_what_the_layout_cannot_say(self, path: Path, series: list[SeriesPlan], letter: str) -> None:
        with pytest.raises(InvalidValue, match=letter):
            write_testbed_hdf5(path, plan_of(*series))
        assert list(path.parent.iterdir()) == []

    def test_attributes_with_a_fixed_meaning(self, path: Path) -> None:
        with pytest.raises(InvalidValue, match="'shot'"):
            write_testbed_hdf5(path, plan_of(self.PLAIN, attributes={"shot": 3.0}))

    def test_an_old_file_stays_when_the_new_one_cannot_be_written(self, path: Path) -> None:
        write_testbed_hdf5(path, plan_of(self.PLAIN))
        before = path.read_bytes()
        with pytest.raises(InvalidValue):
            write_testbed_hdf5(path, plan_of(replace(self.PLAIN, channel="a/b")))
        assert path.read_bytes() == before
