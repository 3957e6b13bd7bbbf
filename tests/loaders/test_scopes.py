"""Oscilloscopes: real recordings against reference numbers, and records made byte by byte after the published layouts."""

from __future__ import annotations

import json
import os
import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from gilgamesh_db.calibration import evaluate
from gilgamesh_db.errors import FileRefused
from gilgamesh_loaders import Hints, SeriesPlan, ShotPlan, read_plan

HINTS = Hints(shot=1, started_at=datetime(2026, 3, 1, tzinfo=UTC))

data_folder = os.environ.get("GILGAMESH_TEST_DATA")
needs_recordings = pytest.mark.skipif(
    data_folder is None, reason="GILGAMESH_TEST_DATA does not say where the real recordings are"
)
RECORDINGS = Path(data_folder or ".")


def values(series: SeriesPlan) -> Any:
    raw = series.raw.astype(np.float64)
    return raw if series.scale is None else evaluate(series.scale.steps, raw)


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(FileRefused) as refused:
        read_plan(path, HINTS)
    assert path.name in str(refused.value)
    return str(refused.value)


@needs_recordings
@pytest.mark.parametrize(
    ("name", "channel", "port", "format_"),
    [
        ("scope/agilent_1.bin", "CH 1", "DSO-X 1102G CN00000000/CH1", "keysight"),
        ("scope/rs_rtp_01.bin", "CH 1", "Rohde & Schwarz/CH1", "rohde-schwarz"),
        ("scope/lecroy_3.trc", "CH 2", "LECROYWR64Xi-A 50699/C2", "lecroy"),
    ],
)
def test_real_recordings_agree_with_the_reference(name: str, channel: str, port: str, format_: str) -> None:
    expected = json.loads((RECORDINGS / "expected.json").read_text())[name][channel]
    plan = read_plan(RECORDINGS / name, HINTS)
    (series,) = plan.series
    assert (plan.source.format, series.port, series.raw.size) == (format_, port, expected["n"])
    volts = values(series)
    single = 2e-7 * max(abs(expected["min"]), abs(expected["max"]))  # the reference was reckoned in float32
    assert volts[:5] == pytest.approx(expected["first5"], abs=single)
    assert volts[-2:] == pytest.approx(expected["last2"], abs=single)
    found = [volts.min(), volts.max(), volts.mean(), volts.std()]
    assert found == pytest.approx([expected[one] for one in ("min", "max", "mean", "std")], abs=single)
    dt = series.dt if series.times is None else series.times[1] - series.times[0]
    assert dt == pytest.approx(expected["dt_s"], rel=1e-6)


@needs_recordings
class TestRecordings:
    def test_a_sequence_keeps_the_time_of_each_segment(self) -> None:
        plan = read_plan(RECORDINGS / "scope/lecroy_3.trc", replace(HINTS, device="scope"))
        (series,) = plan.series
        assert (series.port, series.raw.dtype, series.raw_unit) == ("scope/C2", "int16", "ct")
        assert series.times is not None
        starts = series.times[::502]
        assert starts.size == 20
        assert starts[:2] == pytest.approx([-3.645793679e-07, 7.4580333e-03], rel=1e-6)
        assert plan.started_at == datetime(2022, 11, 9, 9, 26, 40, 329165, UTC)
        assert plan.attributes["TimeZone"] == "UTC, assumed"

    def test_the_samples_of_rohde_schwarz_find_their_header(self) -> None:
        by_header, by_samples = (read_plan(RECORDINGS / f"scope/rs_rtp_01{end}", HINTS) for end in (".bin", ".Wfm.bin"))
        assert by_header.source == by_samples.source
        written = np.loadtxt(RECORDINGS / "scope/rs_rtp_01.Wfm.csv")
        assert np.array_equal(by_samples.series[0].raw, written.astype(np.float32))

    @pytest.mark.parametrize("name", ["agilent_1.bin", "rs_rtp_01.bin", "rs_rtp_01.Wfm.bin", "lecroy_3.trc"])
    def test_cut_anywhere_they_are_refused(self, name: str, tmp_path: Path) -> None:
        source = RECORDINGS / "scope" / name
        for beside in source.parent.glob("rs_rtp_01*.bin"):
            (tmp_path / beside.name).write_bytes(beside.read_bytes())
        content = source.read_bytes()
        for size in {len(content) * k // 50 for k in range(50)} | {len(content) - 1}:
            refusal(tmp_path / name, content[:size])


def trace(
    raw: Any, *, gain: float = 0.5, offset: float = 0.25, order: str = "<", mark: bytes = b"", segments: Any = None,
    template: bytes = b"LECROY_2_3", ris: Any = None, unit: bytes = b"V",
) -> bytes:  # fmt: skip
    """A LeCroy trace, field by field after its template."""
    fields = bytearray(346)

    def put(offset: int, kind: str, *found: Any) -> None:
        struct.pack_into(order + kind, fields, offset, *found)

    put(0, "16s16s", b"WAVEDESC", template)
    put(32, "hh", raw.dtype.itemsize - 1, 1 if order == "<" else 0)
    triggers = b"" if segments is None else np.asarray(segments, f"{order}f8").tobytes()
    offsets = b"" if ris is None else np.asarray(ris, f"{order}f8").tobytes()
    put(36, "10i", 346, 0, 0, len(triggers), len(offsets), 0, raw.nbytes, 0, 0, 0)
    put(76, "16si16s", b"LECROYX", 77, b"")
    put(116, "i", raw.size)
    put(144, "i", 1 if segments is None else len(segments))
    put(156, "ff", gain, offset)
    put(176, "fd", 1e-9, -2.5e-7)
    put(196, "48s48s", unit, b"S")
    put(296, "d4bh", 7.25, 30, 14, 5, 4, 2024)
    put(322, "h", 1 if ris is None else len(ris))
    put(344, "h", 2)
    content = bytes(fields) + triggers + offsets + raw.astype(raw.dtype.newbyteorder(order)).tobytes()
    return mark + content


class TestLeCroy:
    @settings(max_examples=40, deadline=None)
    @given(
        raw=nps.arrays(st.sampled_from(["i1", "i2"]).map(np.dtype), st.integers(1, 60)), order=st.sampled_from("<>"),
        gain=st.floats(2**-20, 1024, width=32), offset=st.floats(-100, 100, width=32), marked=st.booleans(),
    )  # fmt: skip
    def test_every_count_comes_back(
        self, tmp_path_factory: pytest.TempPathFactory, raw: Any, order: str, gain: float, offset: float, marked: bool
    ) -> None:
        path = tmp_path_factory.mktemp("trc") / "1.trc"
        content = trace(raw, gain=gain, offset=offset, order=order)
        path.write_bytes((b"#9%09d" % len(content) if marked else b"") + content + b"\n" * marked)
        (series,) = read_plan(path, HINTS).series
        assert (series.raw.dtype, series.raw.tolist()) == (raw.dtype, raw.tolist())
        assert (series.port, series.start, series.dt) == ("LECROYX 77/C3", -2.5e-7, 1e-9)
        assert series.scale is not None
        assert series.scale.unit == "V"
        np.testing.assert_allclose(values(series), gain * raw.astype(float) - offset, rtol=1e-12, atol=1e-12)

    def test_the_trigger_is_the_time_of_the_instrument(self, tmp_path: Path) -> None:
        path = tmp_path / "1.trc"
        path.write_bytes(trace(np.zeros(3, "i2")))
        assert read_plan(path, Hints(shot=1)).started_at == datetime(2024, 4, 5, 14, 30, 7, 250000, UTC)

    def test_interleaved_sweeps(self, tmp_path: Path) -> None:
        path = tmp_path / "1.trc"
        path.write_bytes(trace(np.zeros(6, "i2"), ris=[0.0, 0.4e-9, 0.7e-9]))
        times = read_plan(path, HINTS).series[0].times
        assert times is not None
        assert times == pytest.approx([0, 0.4e-9, 0.7e-9, 3e-9, 3.4e-9, 3.7e-9])

    @pytest.mark.parametrize(
        ("content", "letter"),
        [
            (trace(np.zeros(3, "i2"), template=b"LECROY_1_0"), "of the template 'LECROY_1_0'"),
            (trace(np.zeros(3, "i2")) + b"rest", "where its header promises"),
            (trace(np.zeros(4, "i2"), segments=[[0.0, 0.0]] * 3), "are not 3 segments"),
            (trace(np.zeros(4, "i2"), gain=float("nan")), "finite"),
            (trace(np.zeros(0, "i2")), "no samples"),
        ],
    )
    def test_refused(self, tmp_path: Path, content: bytes, letter: str) -> None:
        assert letter in refusal(tmp_path / "1.trc", content)


def waveform(
    samples: Any, *, label: bytes = b"CH1", kind: int = 1, tag: float = 0.0, segment: int = 0, points: int | None = None,
    x_unit: int = 2, long: bool = False, more: tuple[Any, ...] = (),
) -> bytes:  # fmt: skip
    """One waveform of a Keysight file with its buffers."""
    header = struct.pack(
        "<5If3d2I16s16s24s16sdI", 140, 1, 1 + len(more), len(samples) if points is None else points, 1, 1e-3, 0.0, 5e-7,
        -1e-3, x_unit, 1, b"12 MAR 2024", b"10:11:12", b"DSO-X:MY123", label, tag, segment,
    )  # fmt: skip
    content = header
    for place, one in enumerate((samples, *more)):
        width = one.dtype.itemsize
        content += struct.pack("<IHHQ" if long else "<IHHI", 16 if long else 12, kind + place, width, one.nbytes)
        content += one.tobytes()
    return content


def keysight(*waveforms: bytes, mark: bytes = b"AG10") -> bytes:
    long = mark in (b"AG03", b"RG03")
    body = struct.pack("<I", len(waveforms)) + b"".join(waveforms)
    size = 4 + (8 if long else 4) + len(body)
    return mark + size.to_bytes(8 if long else 4, "little") + body


class TestKeysight:
    @settings(max_examples=40, deadline=None)
    @given(
        samples=nps.arrays(np.dtype("<f4"), st.integers(1, 60)), mark=st.sampled_from([b"AG01", b"AG10", b"AG03", b"RG01", b"RG03"])
    )  # fmt: skip
    def test_every_sample_comes_back(self, tmp_path_factory: pytest.TempPathFactory, samples: Any, mark: bytes) -> None:
        path = tmp_path_factory.mktemp("bin") / "1.bin"
        path.write_bytes(keysight(waveform(samples, long=mark.endswith(b"03")), mark=mark))
        plan = read_plan(path, HINTS)
        (series,) = plan.series
        assert series.raw.tobytes() == samples.tobytes()
        assert (series.port, series.raw_unit, series.scale, series.dt) == ("DSO-X MY123/CH1", "V", None, 5e-7)
        assert series.start == (1e-3 if mark.startswith(b"RG") else -1e-3)
        assert plan.started_at == datetime(2024, 3, 12, 10, 11, 12, tzinfo=UTC)

    def read(self, path: Path, content: bytes) -> ShotPlan:
        path.write_bytes(content)
        return read_plan(path, replace(HINTS, device="scope"))

    def test_channels_and_pods(self, tmp_path: Path) -> None:
        pod = np.array([0, 255, 3], "u1")
        plan = self.read(
            tmp_path / "1.bin", keysight(waveform(np.ones(3, "<f4"), label=b"2"), waveform(pod, label=b"POD1", kind=6))
        )
        assert [(one.port, one.raw_unit, one.raw.tolist()) for one in plan.series] == [
            ("scope/CH2", "V", [1, 1, 1]), ("scope/POD1", "", [0, 255, 3])
        ]  # fmt: skip

    def test_minima_and_maxima_are_two_channels(self, tmp_path: Path) -> None:
        low, high = np.zeros(2, "<f4"), np.ones(2, "<f4")
        plan = self.read(tmp_path / "1.bin", keysight(waveform(high, kind=2, more=(low,))))
        assert [(one.channel, one.raw.tolist()) for one in plan.series] == [("CH1 max", [1, 1]), ("CH1 min", [0, 0])]

    def test_segments_become_one_series(self, tmp_path: Path) -> None:
        parts = [waveform(np.full(2, k, "<f4"), tag=k * 0.5, segment=k + 1) for k in range(3)]
        (series,) = self.read(tmp_path / "1.bin", keysight(*parts)).series
        assert series.raw.tolist() == [0, 0, 1, 1, 2, 2]
        assert series.times is not None
        assert series.times[::2] == pytest.approx([-1e-3, 0.499, 0.999])

    @pytest.mark.parametrize(
        ("content", "letter"),
        [
            (keysight(waveform(np.ones(2, "<f4"), points=3)), "has 2 samples; its header promises 3"),
            (keysight(waveform(np.ones(2, "<f4"), x_unit=6)), "stands over Hz instead of time"),
            (keysight(waveform(np.ones(2, "<f4")), waveform(np.ones(2, "<f4"))), "'CH1' appears 2 times"),
            (keysight(waveform(np.ones(2, "<f4"))) + b"x", "1 bytes follow"),
            (keysight(), "no waveform"),
            (keysight(waveform(np.ones(2, "<f8"))), "that is not known"),
        ],
    )
    def test_refused(self, tmp_path: Path, content: bytes, letter: str) -> None:
        assert letter in refusal(tmp_path / "1.bin", content)

    def test_cut_anywhere_it_is_refused(self, tmp_path: Path) -> None:
        content = keysight(waveform(np.arange(50, dtype="<f4")), waveform(np.arange(50, dtype="<f4"), label=b"CH2"))
        for size in {len(content) * k // 50 for k in range(50)} | {len(content) - 1}:
            refusal(tmp_path / "1.bin", content[:size])


def rohde_schwarz(folder: Path, table: Any, kind: str, code: int, **changes: str) -> Path:
    """A header and samples, with what a reader needs."""
    rows = len(table)
    settings_ = {
        "SignalFormat": f"eRS_SIGNAL_FORMAT_{kind}", "TraceType": "eRS_TRACE_TYPE_NORMAL", "NumberOfAcquisitions": "1",
        "SignalHardwareRecordLength": str(rows), "RecordLength": str(rows - 2), "LeadingSettlingSamples": "1",
        "XStart": "-0.5", "XStop": "0.5", "NofQuantisationLevels": "200", "MultiChannelExport": "eRS_ONOFF_OFF",
        "Source": "eRS_SIGNAL_SOURCE_CH3_TR1", "VerticalOffset": "0.5", "VerticalPosition": "2",
    } | changes  # fmt: skip
    lines = [f'<Prop Name="{name}" Value="{value}"/>' for name, value in settings_.items()]
    lines.append('<Prop Name="VerticalScale" Value="0.1" StepFactor="10"/>')
    (folder / "1.bin").write_text(f'<?xml version="1.0"?><Database SaveItemType="Data">{"".join(lines)}</Database>')
    (folder / "1.Wfm.bin").write_bytes(struct.pack("<2I", code, rows) + table.tobytes())
    return folder / "1.bin"


class TestRohdeSchwarz:
    @pytest.mark.parametrize(
        ("kind", "code", "dtype"), [("INT8BIT", 0, "i1"), ("INT16BIT", 1, "<i2"), ("FLOAT", 4, "<f4")]
    )
    def test_every_way_to_save_samples(self, tmp_path: Path, kind: str, code: int, dtype: str) -> None:
        table = np.arange(-3, 5).astype(dtype)
        (series,) = read_plan(rohde_schwarz(tmp_path, table, kind, code), HINTS).series
        assert (series.channel, series.raw.tolist()) == ("CH3", table[1:-1].tolist())
        assert (series.start, series.dt) == (-0.5, pytest.approx(1 / 6))
        if kind == "FLOAT":
            assert (series.raw_unit, series.scale) == ("V", None)
        else:
            assert values(series) == pytest.approx(table[1:-1] * 10 * 0.1 / 200 + 0.5 - 0.2)

    def test_times_beside_the_samples(self, tmp_path: Path) -> None:
        table = np.zeros(5, [("time", "<f8"), ("samples", "<f4", (1,))])
        table["time"] = 1e-9 * np.arange(5)
        (series,) = read_plan(rohde_schwarz(tmp_path, table, "XYDOUBLEFLOAT", 6), HINTS).series
        assert (series.start, series.dt) == (1e-9, 1e-9)

    @pytest.mark.parametrize(
        ("changes", "letter"),
        [
            ({"NumberOfAcquisitions": "3"}, "3 acquisitions"),
            ({"TraceType": "eRS_TRACE_TYPE_ENVELOPE"}, "of the type ENVELOPE"),
            ({"SignalFormat": "eRS_SIGNAL_FORMAT_TEXT"}, "saved as TEXT"),
            ({"RecordLength": "many"}, "'many', no number"),
            ({"SignalHardwareRecordLength": "9"}, "where its header promises"),
        ],
    )
    def test_refused(self, tmp_path: Path, changes: dict[str, str], letter: str) -> None:
        path = rohde_schwarz(tmp_path, np.zeros(5, "<f4"), "FLOAT", 4, **changes)
        with pytest.raises(FileRefused, match=letter):
            read_plan(path, HINTS)

    def test_a_header_that_would_expand_is_refused(self, tmp_path: Path) -> None:
        path = rohde_schwarz(tmp_path, np.zeros(5, "<f4"), "FLOAT", 4)
        bomb = (
            '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Database>&b;</Database>'
        )
        assert "declares entities" in refusal(path, bomb.encode())

    def test_one_without_the_other(self, tmp_path: Path) -> None:
        path = rohde_schwarz(tmp_path, np.zeros(5, "<f4"), "FLOAT", 4)
        path.with_name("1.Wfm.bin").unlink()
        with pytest.raises(FileRefused, match=r"has no 1\.Wfm\.bin beside it"):
            read_plan(path, HINTS)


def ds1000e(first: Any, second: Any, *, rate: float = 1e6, scale: int = 2_000_000, shift: int = 10) -> bytes:
    """A Rigol DS1000E file after the layout the library knows, two channels."""
    channel = struct.pack("<HihBBfBBBBih", 0, scale, shift, 0, 0, 1.0, 0, 1, 0, 0, scale, shift)
    times = struct.pack("<qqfqq", 10**6, 0, rate, 10**6, 0)
    logic = bytes(22)
    trigger = bytes(40)
    head = b"\xa5\xa5\x00\x00" + bytes(12) + bytes(4) + bytes(4) + bytes(4) + struct.pack("<IBB", len(first), 1, 0)
    head += channel + channel + bytes(2) + times + logic + bytes(1) + trigger + trigger + bytes(9)
    head += struct.pack("<I", len(second)) + times + struct.pack("<f", 0.0)
    return head.ljust(276, b"\0") + first.tobytes() + second.tobytes()


class TestRigol:
    @settings(max_examples=30, deadline=None)
    @given(raw=nps.arrays(np.dtype("u1"), st.tuples(st.just(2), st.integers(8, 60))), shift=st.integers(-50, 50))
    def test_every_count_comes_back(self, tmp_path_factory: pytest.TempPathFactory, raw: Any, shift: int) -> None:
        path = tmp_path_factory.mktemp("wfm") / "1.wfm"
        path.write_bytes(ds1000e(*raw, shift=shift))
        plan = read_plan(path, HINTS)
        assert (plan.source.format, [one.port for one in plan.series]) == ("rigol", ["Rigol DS1000E/CH1", "Rigol DS1000E/CH2"])  # fmt: skip
        for one, counts in zip(plan.series, raw, strict=True):
            assert (one.raw.dtype, one.raw.tolist()) == ("uint8", counts.tolist())
            assert (one.start, one.dt) == (pytest.approx(-counts.size * 5e-7), 1e-6)
            per_count = 2_000_000 * 1e-6 / 25
            assert values(one) == pytest.approx(per_count * (125.0 - counts) - shift * per_count, abs=1e-9)

    def test_cut_anywhere_it_is_refused(self, tmp_path: Path) -> None:
        content = ds1000e(np.arange(100, dtype="u1"), np.arange(100, dtype="u1"))
        for size in {len(content) * k // 50 for k in range(50)} | {len(content) - 1}:
            refusal(tmp_path / "1.wfm", content[:size])

    def test_a_dho_is_sent_back(self, tmp_path: Path) -> None:
        assert "save it there as .bin" in refusal(tmp_path / "1.wfm", b"\x02\0\0\0" + bytes(3000))


def siglent(raw: Any, *, order: int = 0, volts: float = 0.5, offset: float = 0.125) -> bytes:
    """A Siglent file of revision 3, channels 1 and 3 on, after its published layout."""
    content = bytearray(0x800)

    def quantity(place: int, value: float, unit: int = 0) -> None:
        struct.pack_into("<dI7I", content, place, value, 8, unit, 1, 1, 0, 1, 0, 1)

    struct.pack_into("<I4I", content, 0, 3, 1, 0, 1, 0)
    for channel in range(4):
        quantity(0x14 + 40 * channel, volts)
        quantity(0xB4 + 40 * channel, offset)
        struct.pack_into("<d", content, 0x240 + 8 * channel, 10.0)
        struct.pack_into("<i", content, 0x26C + 4 * channel, 30)
    quantity(0x198, 1e-3)
    quantity(0x1C0, 0.0)
    struct.pack_into("<I", content, 0x1E8, raw.shape[1])
    quantity(0x1EC, 1e6)
    content[0x260], content[0x261] = int(raw.dtype.itemsize == 2), order
    struct.pack_into("<I", content, 0x268, 10)
    return bytes(content) + raw.astype(raw.dtype.newbyteorder("<>"[order])).tobytes()


class TestSiglent:
    @settings(max_examples=30, deadline=None)
    @given(
        raw=nps.arrays(st.sampled_from(["u1", "u2"]).map(np.dtype), st.tuples(st.just(2), st.integers(1, 60))),
        order=st.integers(0, 1),
    )  # fmt: skip
    def test_every_count_comes_back(self, tmp_path_factory: pytest.TempPathFactory, raw: Any, order: int) -> None:
        path = tmp_path_factory.mktemp("bin") / "1.bin"
        path.write_bytes(siglent(raw, order=order))
        plan = read_plan(path, HINTS)
        assert (plan.source.format, [one.port for one in plan.series]) == ("siglent", ["Siglent/CH1", "Siglent/CH3"])
        middle = 128 if raw.dtype.itemsize == 1 else 32768
        for one, counts in zip(plan.series, raw, strict=True):
            assert (one.raw.dtype, one.raw.tolist()) == (raw.dtype, counts.tolist())
            assert (one.start, one.dt) == (-5e-3, 1e-6)
            assert values(one) == pytest.approx((counts.astype(float) - middle) * 0.5 / 30 + 0.125, abs=1e-9)

    def test_the_library_makes_the_same_volts_of_it(self, tmp_path: Path) -> None:
        from RigolWFM import siglent as library

        path = tmp_path / "1.bin"
        path.write_bytes(siglent(np.arange(200, dtype="u1").reshape(2, 100)))
        with path.open("rb") as file:
            head = file.read()
        assert library.detect_revision_from_bytes(head, len(head)) == "v3"
        fields = library._SiglentV3.from_bytes(head)
        volts = library._normalize_v3(fields).header.channel_data
        ours = read_plan(path, HINTS)
        assert values(ours["Siglent/CH1"]) == pytest.approx(volts[0], abs=1e-6)
        assert values(ours["Siglent/CH3"]) == pytest.approx(volts[2], abs=1e-6)

    def test_cut_anywhere_it_is_refused(self, tmp_path: Path) -> None:
        content = siglent(np.zeros((2, 500), "u1"))
        for size in {len(content) * k // 50 for k in range(50)} | {len(content) - 1}:
            refusal(tmp_path / "1.bin", content[:size])
