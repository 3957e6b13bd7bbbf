"""TDMS: raw data as recorded and scales beside them, whatever the library's own writer wrote; nothing of a cut file."""

from __future__ import annotations

import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nptdms
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from nptdms import ChannelObject, GroupObject, RootObject, TdmsWriter

from gilgamesh_db.calibration import Polynomial, Table, evaluate
from gilgamesh_db.errors import FileRefused
from gilgamesh_loaders import Hints, ShotPlan, read_plan

HINTS = Hints(shot=1, started_at=datetime(2026, 3, 1, tzinfo=UTC))
WAVEFORM = {"wf_increment": 1e-3, "wf_start_offset": -0.5}
DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64")


def write(path: Path, *objects: Any, more: Any = ()) -> Path:
    with TdmsWriter(path) as writer:
        writer.write_segment(list(objects))
        for segment in more:
            writer.write_segment(segment)
    return path


def channel(raw: Any, name: str = "ai0", group: str = "PXI", **properties: Any) -> Any:
    return ChannelObject(group, name, raw, properties=WAVEFORM | properties)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "1.tdms"


def refusal(path: Path, hints: Hints = HINTS) -> str:
    with pytest.raises(FileRefused) as refused:
        read_plan(path, hints)
    assert path.name in str(refused.value)
    return str(refused.value)


class TestSamples:
    @settings(max_examples=60, deadline=None)
    @given(
        raw=nps.arrays(st.sampled_from(DTYPES).map(np.dtype), st.integers(1, 50)), cuts=st.integers(1, 4),
        start=st.floats(-10, 10), dt=st.sampled_from([1e-9, 1e-6, 1e-3, 2.0]),
    )  # fmt: skip
    def test_every_type_comes_back_bit_by_bit(
        self, tmp_path_factory: pytest.TempPathFactory, raw: Any, cuts: int, start: float, dt: float
    ) -> None:
        path = tmp_path_factory.mktemp("tdms") / "1.tdms"
        parts = [part for part in np.array_split(raw, cuts) if part.size]
        said = {"wf_increment": dt, "wf_start_offset": start}
        write(path, channel(parts[0], **said), more=[[ChannelObject("PXI", "ai0", part)] for part in parts[1:]])
        (series,) = read_plan(path, HINTS).series
        assert (series.raw.dtype, series.raw.tobytes()) == (raw.dtype, raw.tobytes())
        assert (series.port, series.start, series.dt) == ("PXI/ai0", start, dt)
        assert series.raw_unit == ("ct" if raw.dtype.kind in "iu" else "")

    def test_names_units_and_texts(self, path: Path) -> None:
        write(
            path,
            RootObject({"Gas type": "Ar", "Pressure": 0.5, "shot": 77, "Ready": True}),
            GroupObject("cDAQ1/Mod1", {}),
            channel(np.ones(3), "Druck µ", "cDAQ1/Mod1", unit_string="Volts", description="behind the gauge"),
            channel(np.ones(3), "loss", "cDAQ1/Mod1", unit_string="MVAr"),
        )
        plan = read_plan(path, replace(HINTS, shot=None))
        assert (plan.number, plan.attributes) == (77, {"Gas_type": "Ar", "Pressure": 0.5, "Ready": True})
        pressure, loss = plan.series
        assert (pressure.port, pressure.raw_unit, pressure.description) == (
            "cDAQ1-Mod1/Druck µ",
            "V",
            "behind the gauge",
        )
        assert (loss.raw_unit, loss.description) == ("", "unit in the file: 'MVAr'")

    def test_several_devices_take_the_hint_as_a_prefix(self, path: Path) -> None:
        write(path, channel(np.ones(2), group="a"), channel(np.ones(2), group="b"))
        assert [one.device for one in read_plan(path, replace(HINTS, device="PXI")).series] == ["PXI a", "PXI b"]

    def test_text_is_left_out_and_said_so(self, path: Path) -> None:
        write(path, channel(np.ones(2)), channel(["a", "b"], "remarks"))
        plan = read_plan(path, HINTS)
        assert ([one.channel for one in plan.series], plan.notes) == (
            ["ai0"],
            ("the text in PXI/remarks was left out",),
        )

    def test_10_000_channels(self, path: Path) -> None:
        write(path, *(channel(np.array([k, k + 1], "int16"), f"ai{k}") for k in range(10_000)))
        plan = read_plan(path, HINTS)
        assert len(plan.series) == 10_000
        assert plan["PXI/ai9999"].raw.tolist() == [9999, 10000]

    def test_the_index_beside_it_is_not_looked_at(self, path: Path) -> None:
        write(path, channel(np.arange(3)))
        path.with_name("1.tdms_index").write_bytes(b"TDSh rubbish of another day")
        assert read_plan(path, HINTS).series[0].raw.tolist() == [0, 1, 2]


def scaled(*scales: dict[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"NI_Number_Of_Scales": len(scales), "NI_Scaling_Status": "unscaled"}
    for place, scale in enumerate(scales):
        kind = scale["Scale_Type"]
        for name, value in scale.items():
            said[f"NI_Scale[{place}]_{name}" if name == "Scale_Type" else f"NI_Scale[{place}]_{kind}_{name}"] = value
    return said


LINEAR = {"Scale_Type": "Linear", "Slope": 0.5, "Y_Intercept": -3.0, "Input_Source": 0xFFFFFFFF}
POLYNOMIAL = {
    "Scale_Type": "Polynomial", "Coefficients_Size": 3, "Coefficients[0]": 1.0, "Coefficients[1]": 2.0,
    "Coefficients[2]": 0.25, "Input_Source": 0,
}  # fmt: skip
TABLE = {
    "Scale_Type": "Table", "Pre_Scaled_Values_Size": 3, "Scaled_Values_Size": 3, "Pre_Scaled_Values[0]": 10.0,
    "Pre_Scaled_Values[1]": 0.0, "Pre_Scaled_Values[2]": -5.0, "Scaled_Values[0]": 7.0, "Scaled_Values[1]": 1.0,
    "Scaled_Values[2]": 4.0, "Input_Source": 0,
}  # fmt: skip


class TestScales:
    @pytest.mark.parametrize(
        ("scales", "steps"),
        [
            ((LINEAR,), (Polynomial((-3.0, 0.5)),)),
            ((LINEAR, POLYNOMIAL), (Polynomial((-3.0, 0.5)), Polynomial((1.0, 2.0, 0.25)))),
            ((LINEAR, TABLE), (Polynomial((-3.0, 0.5)), Table((-5.0, 0.0, 10.0), (4.0, 1.0, 7.0), "clamp"))),
        ],
    )
    def test_they_stand_beside_the_counts_and_agree_with_the_library(
        self, path: Path, scales: Any, steps: tuple[Any, ...]
    ) -> None:
        counts = np.arange(-40, 40, dtype="int16")
        write(path, channel(counts, unit_string="V", **scaled(*scales)))
        (series,) = read_plan(path, HINTS).series
        assert (series.raw.dtype, series.raw.tolist(), series.raw_unit) == ("int16", counts.tolist(), "ct")
        assert series.scale is not None
        assert (series.scale.steps, series.scale.unit) == (steps, "V")
        library = nptdms.TdmsFile.read(path)["PXI"]["ai0"][:]
        np.testing.assert_allclose(evaluate(series.scale.steps, series.raw), library, rtol=1e-14)

    def test_data_that_are_scaled_already_have_none(self, path: Path) -> None:
        write(path, channel(np.ones(2), unit_string="V", **(scaled(LINEAR) | {"NI_Scaling_Status": "scaled"})))
        (series,) = read_plan(path, HINTS).series
        assert (series.scale, series.raw_unit) == (None, "V")

    def test_what_is_no_step_of_ours_is_named(self, path: Path) -> None:
        write(path, channel(np.ones(2, "int16"), **scaled({"Scale_Type": "Thermocouple", "Thermocouple_Type": 10073})))
        plan = read_plan(path, HINTS)
        assert (plan.series[0].scale, plan.series[0].raw_unit) == (None, "ct")
        assert plan.notes == ("the scale of PXI/ai0 (Thermocouple) was not taken over; calibrate the port",)


def daqmx(name: str, n: int, width: int, offset: int, *, digital: bool = False, scale: int = 0, slope: float | None = None) -> bytes:  # fmt: skip
    """Metadata of a DAQmx channel of I16 counts, or of one digital line."""
    path = f"/'Group'/'{name}'".encode()
    said = b""
    if slope is not None:
        numbers = {f"NI_Scale[1]_Linear_{k}": v for k, v in (("Slope", slope), ("Y_Intercept", 0.5))}
        properties = {"wf_increment": 0.25, **numbers}
        said += b"".join(
            struct.pack("<I", len(k)) + k.encode() + struct.pack("<Id", 10, v) for k, v in properties.items()
        )
        kind = b"NI_Scale[1]_Scale_Type"
        said += struct.pack("<I", len(kind)) + kind + struct.pack("<II", 0x20, 6) + b"Linear"
        for word, value in ((b"NI_Number_Of_Scales", 2), (b"NI_Scale[1]_Linear_Input_Source", 0)):
            said += struct.pack("<I", len(word)) + word + struct.pack("<II", 7, value)
        said = struct.pack("<I", len(properties) + 3) + said
    else:
        word = b"wf_increment"
        said = struct.pack("<II", 1, len(word)) + word + struct.pack("<Id", 10, 0.25)
    scaler = struct.pack("<IIIBI", 0, 0, offset, 0, scale) if digital else struct.pack("<IIIII", 3, 0, offset, 0, scale)
    return (
        struct.pack("<I", len(path)) + path + struct.pack("<I", 0x126A if digital else 0x1269)
        + struct.pack("<IIQI", 0xFFFFFFFF, 1, n, 1) + scaler + struct.pack("<II", 1, width) + said
    )  # fmt: skip


def daqmx_file(channels: list[bytes], data: bytes) -> bytes:
    objects = struct.pack("<I", len(channels)) + b"".join(channels)
    return b"TDSm" + struct.pack("<IIQQ", 0b10001110, 4713, len(objects) + len(data), len(objects)) + objects + data


class TestDaqMx:
    def test_interleaved_counts_stay_counts(self, path: Path) -> None:
        table = np.arange(-6, 6, dtype="<i2").reshape(6, 2)
        path.write_bytes(
            daqmx_file([daqmx("ai0", 6, 4, 0, slope=0.01), daqmx("ai1", 6, 4, 2, slope=-2.0)], table.tobytes())
        )
        plan = read_plan(path, HINTS)
        library = nptdms.TdmsFile.read(path)["Group"]
        for place, (one, slope) in enumerate(zip(plan.series, (0.01, -2.0), strict=True)):
            assert (one.raw.dtype, one.raw.tolist(), one.dt) == ("int16", table[:, place].tolist(), 0.25)
            assert one.scale is not None
            assert one.scale.steps == (Polynomial((0.5, slope)),)
            np.testing.assert_allclose(evaluate(one.scale.steps, one.raw), library[one.channel][:], rtol=1e-14)

    def test_digital_lines_are_0_and_1(self, path: Path) -> None:
        ports = np.arange(8, dtype="<u4")
        path.write_bytes(
            daqmx_file([daqmx(f"line{bit}", 8, 4, bit, digital=True) for bit in range(3)], ports.tobytes())
        )
        plan = read_plan(path, HINTS)
        assert [(one.raw.dtype.name, one.raw_unit, one.raw.tolist()) for one in plan.series] == [
            ("uint8", "", [(port >> bit) & 1 for port in range(8)]) for bit in range(3)
        ]  # fmt: skip


class TestTime:
    START = np.datetime64("2026-03-01T12:00:00.250000")

    def test_the_start_of_the_waveform_is_the_trigger(self, path: Path) -> None:
        write(path, channel(np.ones(2), wf_start_time=self.START))
        plan = read_plan(path, Hints(shot=1))
        assert plan.started_at == datetime(2026, 3, 1, 12, 0, 0, 250000, UTC)
        assert (plan.series[0].start, plan.series[0].dt) == (-0.5, 1e-3)

    def test_a_group_that_began_later_starts_later(self, path: Path) -> None:
        later = self.START + np.timedelta64(1500, "ms")
        write(path, channel(np.ones(2), group="a", wf_start_time=later), channel(np.ones(2), wf_start_time=self.START))
        plan = read_plan(path, Hints(shot=1))
        assert plan.started_at.microsecond == 250000
        assert {one.device: one.start for one in plan.series} == {"a": pytest.approx(1.0), "PXI": -0.5}

    def test_a_channel_of_timestamps_is_the_time_of_its_group(self, path: Path) -> None:
        stamps = self.START + np.array([0, 10, 20, 35], "timedelta64[ms]")
        write(path, ChannelObject("g", "clock", stamps), ChannelObject("g", "p", np.arange(4.0)))
        plan = read_plan(path, Hints(shot=1))
        (series,) = plan.series
        assert plan.started_at.microsecond == 250000
        assert series.times == pytest.approx([0, 0.01, 0.02, 0.035])

    def test_a_column_of_seconds_is_the_time_of_its_group(self, path: Path) -> None:
        write(path, ChannelObject("g", "Time", np.arange(4) * 0.1), ChannelObject("g", "p", np.arange(4.0)))
        (series,) = read_plan(path, HINTS).series
        assert (series.channel, series.start, series.dt) == ("p", 0.0, 0.1)

    def test_without_times_the_interval_is_asked_for(self, path: Path) -> None:
        write(path, ChannelObject("g", "p", np.arange(4.0)))
        assert "PXI" not in refusal(path)
        assert "give --dt" in refusal(path)
        assert read_plan(path, replace(HINTS, dt=0.5, start=1.0)).series[0].start == 1.0

    @pytest.mark.parametrize(
        ("stamps", "letter"),
        [([0, 10, 5], "time goes back between samples 2 and 3"), ([5, 5, 5], "have the same time")],
    )
    def test_a_clock_that_goes_backwards(self, path: Path, stamps: list[int], letter: str) -> None:
        clock = self.START + np.array(stamps, "timedelta64[ms]")
        write(path, ChannelObject("g", "clock", clock), ChannelObject("g", "p", np.arange(3.0)))
        assert letter in refusal(path)

    @pytest.mark.parametrize(
        ("said", "letter"),
        [
            ({"wf_increment": 0.0}, "sampling interval is a positive number"),
            ({"wf_increment": float("nan")}, "sampling interval is a positive number"),
            ({"wf_start_offset": float("inf")}, "finite number of seconds"),
            ({"wf_xunit_string": "Hz"}, "stands over 'Hz' instead of time"),
        ],
    )
    def test_a_waveform_that_is_none(self, path: Path, said: dict[str, Any], letter: str) -> None:
        write(path, channel(np.ones(2), **said))
        assert letter in refusal(path)


class TestDamage:
    def test_cut_anywhere_it_is_refused_or_ends_with_a_whole_segment(self, path: Path) -> None:
        parts = [np.arange(k * 100, k * 100 + 100, dtype="int32") for k in range(3)]
        write(path, channel(parts[0]), more=[[ChannelObject("PXI", "ai0", part)] for part in parts[1:]])
        content = path.read_bytes()
        ends = [place for place in range(1, len(content)) if content[place : place + 4] == b"TDSm"]
        for size in (
            {len(content) * k // 50 for k in range(50)} | set(range(len(content) - 8, len(content))) | set(ends)
        ):
            path.write_bytes(content[:size])
            if size in ends:
                raw: ShotPlan = read_plan(path, HINTS)
                assert raw.series[0].raw.tolist() == list(range(100 * (ends.index(size) + 1)))
            else:
                refusal(path)

    def test_one_that_is_still_being_written(self, path: Path) -> None:
        write(path, channel(np.arange(10)))
        content = bytearray(path.read_bytes())
        content[12:20] = b"\xff" * 8
        path.write_bytes(content)
        assert "segment 1 at byte 0 was never finished; was its writer still at work?" in refusal(path)

    def test_a_segment_of_something_else(self, path: Path) -> None:
        write(path, channel(np.arange(10)))
        end = path.stat().st_size
        path.write_bytes(path.read_bytes() + b"rubbish" * 10)
        assert f"at byte {end} a segment begins with b'rubb' instead of TDSm" in refusal(path)

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_any_flipped_byte_is_read_or_refused(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        path = write(tmp_path_factory.mktemp("tdms") / "1.tdms", channel(np.arange(20, dtype="int16"), unit_string="V"))
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            read_plan(path, HINTS, "tdms")
        except FileRefused as refused:
            assert path.name in str(refused)

    def test_names_that_are_no_utf_8(self, path: Path) -> None:
        write(path, channel(np.arange(3), "Druck"))
        path.write_bytes(path.read_bytes().replace(b"Druck", b"Dr\xfcck"))
        assert "not written in UTF-8" in refusal(path)
