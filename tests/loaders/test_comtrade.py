"""COMTRADE: counts and rule kept apart, nothing guessed, nothing filled in."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import comtrade
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gilgamesh_db.calibration import Polynomial, evaluate
from gilgamesh_db.errors import FileRefused
from gilgamesh_loaders.comtrade import FORMAT
from gilgamesh_loaders.formats import Hints, read_plan
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan

HINTS = Hints(shot=1)
ANALOG_CODES = {"BINARY": "h", "BINARY32": "i", "FLOAT32": "f"}

data_folder = os.environ.get("GILGAMESH_TEST_DATA")
needs_recordings = pytest.mark.skipif(
    data_folder is None, reason="GILGAMESH_TEST_DATA does not say where the real recordings are"
)
RECORDINGS = Path(data_folder or ".") / "comtrade" / "sample_files"


@dataclass
class Analog:
    """An analog channel: its line of the header, and its counts."""

    name: str
    counts: Sequence[Any]
    unit: str = "A"
    a: str = "0.5"
    b: str = "-1"
    skew: str = "0"
    limits: str = "-32768,32767"

    def line(self, number: int, revision: str) -> str:
        line = f"{number},{self.name},P{number},Line7,{self.unit},{self.a},{self.b},{self.skew},{self.limits}"
        return line if revision == "1991" else f"{line},933,1,S"


@dataclass
class Digital:
    """A digital channel: its line of the header, and its states."""

    name: str
    states: Sequence[int]

    def line(self, number: int) -> str:
        return f"{number},{self.name},,,0"


@dataclass
class Record:
    """A COMTRADE record in readable pieces."""

    analog: list[Analog] = field(
        default_factory=lambda: [Analog("IA", [1, -2, 3, 4]), Analog("UB", [9, 8, 7, 6], "kV")]
    )
    digital: list[Digital] = field(default_factory=lambda: [Digital("TRIP", [0, 0, 1, 1])])
    revision: str = "1999"
    kind: str = "BINARY"
    rates: Sequence[tuple[Any, int]] = ((1000, 4),)
    nrates: int | None = None
    first: str = "01/03/2026,12:00:00.000000"
    trigger: str = "01/03/2026,12:00:00.002000"
    stamps: Sequence[int] = (0, 1000, 2000, 3000)
    multiplier: str = "1"
    zone: str = "0,0"
    station: str = "North"

    @property
    def total(self) -> int:
        return len(self.stamps)

    def header_lines(self) -> list[str]:
        analog, digital = len(self.analog), len(self.digital)
        lines = [f"{self.station},Recorder7" + ("" if self.revision == "1991" else f",{self.revision}")]
        lines += [f"{analog + digital},{analog}A,{digital}D"]
        lines += [channel.line(number, self.revision) for number, channel in enumerate(self.analog, 1)]
        lines += [channel.line(number) for number, channel in enumerate(self.digital, 1)]
        lines += ["50", str(len(self.rates) if self.nrates is None else self.nrates)]
        lines += [f"{rate},{last}" for rate, last in self.rates]
        lines += [self.first, self.trigger, self.kind]
        if self.revision != "1991":
            lines += [self.multiplier]
        if self.revision == "2013":
            lines += [self.zone, "B,3"]
        return lines

    def header(self) -> bytes:
        return ("\r\n".join(self.header_lines()) + "\r\n").encode()

    def data(self) -> bytes:
        rows = range(self.total)
        if self.kind == "ASCII":
            columns = [[*channel.counts] for channel in self.analog] + [[*channel.states] for channel in self.digital]
            cells = ([n + 1, self.stamps[n], *(column[n] for column in columns)] for n in rows)
            return "".join(",".join(map(str, row)) + "\r\n" for row in cells).encode()
        words = -(-len(self.digital) // 16)
        layout = struct.Struct(f"<II{len(self.analog)}{ANALOG_CODES[self.kind]}{words}H")
        return b"".join(
            layout.pack(
                n + 1, self.stamps[n], *(channel.counts[n] for channel in self.analog),
                *(sum(channel.states[n] << bit for bit, channel in enumerate(self.digital[16 * w : 16 * w + 16]))
                  for w in range(words)),
            )
            for n in rows
        )  # fmt: skip

    def write(self, folder: Path) -> Path:
        (folder / "record.dat").write_bytes(self.data())
        (folder / "record.cfg").write_bytes(self.header())
        return folder / "record.cfg"

    def combined(self) -> bytes:
        data = self.data()
        mark = "DAT ASCII" if self.kind == "ASCII" else f"DAT {self.kind}: {len(data)}"
        sections = [b"--- file type: CFG ---\r\n", self.header(), b"--- file type: INF ---\r\n\r\n"]
        return b"".join([*sections, b"--- file type: HDR ---\r\n\r\n", f"--- file type: {mark} ---\r\n".encode(), data])


def values(series: SeriesPlan) -> Any:
    assert series.scale is not None
    return evaluate(series.scale.steps, series.raw)


def refusal(path: Path, hints: Hints = HINTS) -> str:
    with pytest.raises(FileRefused) as refused:
        FORMAT.read(path, hints)
    assert str(path.with_suffix("")) in str(refused.value)
    return str(refused.value)


class TestCounts:
    @pytest.mark.parametrize("revision", ["1991", "1999", "2013"])
    @pytest.mark.parametrize(
        ("kind", "dtype"), [("ASCII", "int16"), ("BINARY", "int16"), ("BINARY32", "int32"), ("FLOAT32", "float32")]
    )
    def test_every_kind_keeps_its_type(self, tmp_path: Path, revision: str, kind: str, dtype: str) -> None:
        plan = FORMAT.read(Record(revision=revision, kind=kind).write(tmp_path), HINTS)
        current = plan["North/IA"]
        assert (current.raw.dtype, current.raw.tolist()) == (dtype, [1, -2, 3, 4])
        assert current.scale == Scale((Polynomial((-1.0, 0.5)),), "A")
        assert values(current).tolist() == [-0.5, -2.0, 0.5, 1.0]
        assert plan["North/UB"].scale == Scale((Polynomial((-1.0, 0.5)),), "kV")
        assert current.raw_unit == "ct"

    @pytest.mark.parametrize(
        ("limits", "counts", "dtype"),
        [("-2048,2047", [1, 2, 3, 4], "int16"), ("-99999,99998", [1, 2, 3, 4], "int32"),
         ("-2048,2047", [1, 2, 3, 40_000], "int32"), ("-3.4e38,3.4e38", [1, 2, 3, 4], "int16"),
         ("0,1", [1, 2, 3, 2**40], "float64"), ("0,1", [1, 2, 3, "0.5"], "float64")],
    )  # fmt: skip
    def test_text_takes_the_type_its_limits_and_numbers_need(
        self, tmp_path: Path, limits: str, counts: list[Any], dtype: str
    ) -> None:
        record = Record(kind="ASCII", analog=[Analog("IA", counts, limits=limits)])
        raw = FORMAT.read(record.write(tmp_path), HINTS)["North/IA"].raw
        assert (raw.dtype, raw.tolist()) == (dtype, [float(count) for count in counts])

    @settings(max_examples=25, deadline=None)
    @given(data=st.data(), kind=st.sampled_from(["ASCII", *ANALOG_CODES]), digitals=st.integers(0, 33))
    def test_any_record_comes_back(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, kind: str, digitals: int
    ) -> None:
        total = data.draw(st.integers(1, 20))
        bits = {"BINARY": 15, "ASCII": 16, "BINARY32": 31}.get(kind)
        if bits is None:
            number: st.SearchStrategy[Any] = st.floats(width=32, allow_nan=False)
        else:
            number = st.integers(-(2**bits) + 1, 2**bits - 1)
        counts = data.draw(st.lists(number, min_size=total, max_size=total))
        states = data.draw(st.lists(st.integers(0, 2**digitals - 1), min_size=total, max_size=total))
        record = Record(
            kind=kind, analog=[Analog("IA", counts)], rates=[(1000, total)], stamps=range(total),
            digital=[Digital(f"D{bit}", [state >> bit & 1 for state in states]) for bit in range(digitals)],
        )  # fmt: skip
        folder = tmp_path_factory.mktemp("record")
        combined = folder / "combined.cff"
        combined.write_bytes(record.combined())
        for path in (record.write(folder), combined):
            plan = FORMAT.read(path, HINTS)
            if kind == "FLOAT32":
                expected = np.array(counts, "<f4")
                expected[expected == np.finfo("f4").min] = np.nan  # the mark of a missing sample
                assert plan["North/IA"].raw.tobytes() == expected.tobytes()  # minus zero survives
            else:
                assert plan["North/IA"].raw.tolist() == counts
            for channel in record.digital:
                assert plan[f"North/{channel.name}"].raw.tolist() == channel.states

    def test_digital_channels_are_bits_without_a_unit(self, tmp_path: Path) -> None:
        trip = FORMAT.read(Record().write(tmp_path), HINTS)["North/TRIP"]
        assert (trip.raw.dtype, trip.raw.tolist(), trip.raw_unit) == ("uint8", [0, 0, 1, 1], "")
        assert trip.scale == Scale((Polynomial((0, 1)),), "")
        assert values(trip).tolist() == [0, 0, 1, 1]

    def test_the_ratio_is_said_and_left_alone(self, tmp_path: Path) -> None:
        plan = FORMAT.read(Record().write(tmp_path), HINTS)
        assert plan["North/IA"].description == "Line7; phase P1; secondary values, ratio 933:1"

    @pytest.mark.parametrize(
        ("written", "unit", "note"), [("none", "", False), ("Volts", "V", False), ("MVAr", "", True), ("", "", False)]
    )
    def test_an_unknown_unit_is_kept_as_a_note(self, tmp_path: Path, written: str, unit: str, note: bool) -> None:
        current = FORMAT.read(Record(analog=[Analog("IA", [1, 2, 3, 4], written)]).write(tmp_path), HINTS)["North/IA"]
        assert current.scale is not None
        assert current.scale.unit == unit
        assert ("unit in the file: 'MVAr'" in current.description) == note


class TestMissing:
    @pytest.mark.parametrize(
        ("kind", "revision", "missing", "dtype"),
        [("ASCII", "1999", 99999, "float64"), ("ASCII", "2013", "  99999", "float64"), ("ASCII", "1991", "", "float64"),
         ("BINARY", "1999", -32768, "float64"), ("BINARY", "1991", -1, "float64"),
         ("BINARY32", "2013", -(2**31), "float64"), ("FLOAT32", "2013", float(np.finfo("f4").min), "float32")],
    )  # fmt: skip
    def test_it_is_nan_and_the_other_counts_survive(
        self, tmp_path: Path, kind: str, revision: str, missing: Any, dtype: str
    ) -> None:
        channels = [Analog("IA", [1, missing, 3, 30_000]), Analog("IB", [5, 6, 7, 8])]
        plan = FORMAT.read(Record(kind=kind, revision=revision, analog=channels).write(tmp_path), HINTS)
        raw = plan["North/IA"].raw
        assert raw.dtype == dtype
        np.testing.assert_array_equal(raw, [1, np.nan, 3, 30_000])
        assert plan["North/IB"].raw.dtype == {"FLOAT32": "float32", "BINARY32": "int32"}.get(kind, "int16")
        assert plan["North/IA"].scale == plan["North/IB"].scale


class TestTime:
    def test_zero_is_the_trigger(self, tmp_path: Path) -> None:
        plan = FORMAT.read(Record().write(tmp_path), HINTS)
        current = plan["North/IA"]
        assert (current.start, current.dt, current.times) == (-0.002, 0.001, None)
        assert plan.duration == 0.002
        assert plan.started_at == datetime(2026, 3, 1, 12, 0, 0, 2000, tzinfo=UTC)

    def test_a_skew_moves_its_own_channel(self, tmp_path: Path) -> None:
        channels = [Analog("IA", [1, 2, 3, 4], skew="250"), Analog("IB", [1, 2, 3, 4])]
        plan = FORMAT.read(Record(analog=channels).write(tmp_path), HINTS)
        assert [one.start for one in plan.series] == [-0.002 + 250e-6, -0.002, -0.002]

    @pytest.mark.parametrize(("nrates", "rate"), [(0, 0), (0, 1000), (1, 0)])
    def test_without_a_rate_the_stamps_tell(self, tmp_path: Path, nrates: int, rate: int) -> None:
        record = Record(rates=[(rate, 4)], nrates=nrates, stamps=(70_000, 71_000, 75_000, 75_500), multiplier="0.5")
        current = FORMAT.read(record.write(tmp_path), HINTS)["North/IA"]
        assert current.times is not None
        np.testing.assert_allclose(current.times, [-0.002, -0.0015, 0.0005, 0.00075], rtol=0, atol=1e-12)

    def test_several_rates_are_irregular(self, tmp_path: Path) -> None:
        current = FORMAT.read(Record(rates=[(1000, 2), (500, 4)]).write(tmp_path), HINTS)["North/IA"]
        assert current.times is not None
        np.testing.assert_allclose(current.times, [-0.002, -0.001, 0.001, 0.003], rtol=0, atol=1e-12)

    def test_one_rate_said_twice_is_uniform(self, tmp_path: Path) -> None:
        assert FORMAT.read(Record(rates=[(1000, 2), (1000, 4)]).write(tmp_path), HINTS).series[0].dt == 0.001

    def test_nanoseconds_count(self, tmp_path: Path) -> None:
        record = Record(revision="2013", first="01/03/2026,12:00:00.000000001", trigger="01/03/2026,12:00:00.000001502")
        plan = FORMAT.read(record.write(tmp_path), HINTS)
        assert plan.series[0].start == -1.501e-6
        assert plan.started_at.microsecond == 1

    @pytest.mark.parametrize(
        ("zone", "hours"), [("0,0", 0), ("-5h30,-5h30", -5.5), ("+10h30,0", 10.5), ("-4,-4", -4), ("1,1", 1)]
    )
    def test_the_zone_of_2013_is_read(self, tmp_path: Path, zone: str, hours: float) -> None:
        plan = FORMAT.read(Record(revision="2013", zone=zone).write(tmp_path), HINTS)
        assert plan.started_at.utcoffset() == timedelta(hours=hours)
        assert str(plan.attributes["TimeZone"]).endswith("from the file")

    @pytest.mark.parametrize(("revision", "zone"), [("1999", "0,0"), ("2013", "x,x")])
    def test_without_a_zone_the_hint_or_utc(self, tmp_path: Path, revision: str, zone: str) -> None:
        path = Record(revision=revision, zone=zone).write(tmp_path)
        kolkata = timezone(timedelta(hours=5, minutes=30))
        plan = FORMAT.read(path, replace(HINTS, timezone=kolkata))
        assert (plan.started_at.tzinfo, plan.attributes["TimeZone"]) == (kolkata, "UTC+05:30, as told")
        plan = FORMAT.read(path, HINTS)
        assert (plan.started_at.tzinfo, plan.attributes["TimeZone"]) == (UTC, "UTC, assumed")

    @pytest.mark.parametrize("zone", ["east,0", "99,0", "5h3,0"])
    def test_a_zone_that_is_none(self, tmp_path: Path, zone: str) -> None:
        assert "is not a time zone" in refusal(Record(revision="2013", zone=zone).write(tmp_path))

    @pytest.mark.parametrize(("year", "full"), [("94", 1994), ("26", 2026), ("00", 2000), ("2001", 2001)])
    def test_1991_writes_the_month_first_and_short_years(self, tmp_path: Path, year: str, full: int) -> None:
        stamp = f"12/31/{year},01:02:03.5"
        plan = FORMAT.read(Record(revision="1991", first=stamp, trigger=stamp).write(tmp_path), HINTS)
        assert plan.started_at == datetime(full, 12, 31, 1, 2, 3, 500_000, tzinfo=UTC)

    @pytest.mark.parametrize("unknown", ["", "00/00/0000,00:00:00.000000", ","])
    def test_a_recorder_without_a_clock_needs_a_hint(self, tmp_path: Path, unknown: str) -> None:
        path = Record(first=unknown, trigger=unknown).write(tmp_path)
        assert "give --started-at" in refusal(path)
        plan = FORMAT.read(path, replace(HINTS, started_at=datetime(2026, 3, 1)))
        assert plan.started_at == datetime(2026, 3, 1, tzinfo=UTC)
        assert plan.series[0].start == 0.0


class TestSource:
    def test_any_of_the_files_leads_to_the_record(self, tmp_path: Path) -> None:
        path = Record().write(tmp_path)
        combined = tmp_path / "1.cff"
        combined.write_bytes(Record().combined())
        plans = [read_plan(one, HINTS) for one in (path, path.with_suffix(".dat"), combined)]
        assert [plan.source.name for plan in plans] == ["record.cfg", "record.cfg", "1.cff"]
        assert plans[0].source == plans[1].source
        assert {plan["North/IA"].raw.tobytes() for plan in plans} == {plans[0]["North/IA"].raw.tobytes()}

    def test_the_digest_covers_both_files(self, tmp_path: Path) -> None:
        path = Record().write(tmp_path)
        before = FORMAT.read(path, HINTS).source
        assert before.size == sum(one.stat().st_size for one in tmp_path.iterdir())
        Record(analog=[Analog("IA", [1, -2, 3, 5]), Analog("UB", [9, 8, 7, 6])]).write(tmp_path)
        assert FORMAT.read(path, HINTS).source.sha256 != before.sha256

    def test_upper_case_names(self, tmp_path: Path) -> None:
        path = Record().write(tmp_path)
        path.with_suffix(".dat").rename(tmp_path / "record.DAT")
        assert len(read_plan(path.rename(tmp_path / "record.CFG"), HINTS).series) == 3

    def test_the_device_is_the_station_or_the_hint(self, tmp_path: Path) -> None:
        plan = FORMAT.read(Record().write(tmp_path), replace(HINTS, device="Feeder 7"))
        assert {one.device for one in plan.series} == {"Feeder 7"}
        assert dict(plan.attributes) == {
            "LineFrequency": 50.0, "Station": "North", "Recorder": "Recorder7", "TimeZone": "UTC, assumed"
        }  # fmt: skip


class TestRefused:
    @pytest.mark.parametrize(
        ("line", "text", "letter"),
        [
            (1, "North,Recorder7,2042", "line 1: revision '2042'"),
            (1, "North", "line 1"),
            (1, "North,a,b,1999", "line 1"),
            (2, "3 channels", "line 2: expected the numbers of channels"),
            (2, "9,2A,1D", "line 2: 9 channels are not 2 analog and 1 digital"),
            (2, "900000,899999A,1D", "lines for 900000 channels"),
            (3, "1,IA,,,A,0.5", "line 3"),
            (3, "1,IA,,,A,0.5,0,0,x,1,1,1,S", "line 3"),
            (3, "1,IA,,,A,0.5,0,0", "line 3"),
            (3, "1,IA,,,A,nan,0,0,0,1,1,1,S", "the rule of 'IA', nan * x + 0.0"),
            (3, "1,IA,,,A,0.5,0,0,0,1,1,1,S,7,8", "10 to 13 fields, not 15"),
            (3, "1,UB,,,A,0.5,0,0,0,1,1,1,S", "'North/UB' appears more than once"),
            (3, "1,   ,,,A,0.5,0,0,0,1,1,1,S", "channel has no name"),
            (3, f"1,{'x' * 300},,,A,0.5,0,0,0,1,1,1,S", "300 characters"),
            (3, "1,a\x07b,,,A,0.5,0,0,0,1,1,1,S", "control characters"),
            (1, "A/B,Recorder7,1999", "slash"),
            (6, "fifty", "line 6"),
            (7, "many", "line 7"),
            (8, "1000", "line 8"),
            (8, "1000,0", "must go up"),
            (8, "1000,-4", "must go up"),
            (8, "-1000,4", "positive"),
            (8, "nan,4", "positive"),
            (8, "1000,5", "header promises 5 samples"),
            (8, "1000,3", "header promises 3 samples"),
            (8, "1000,1000000000000", "header promises 1000000000000 samples"),
            (9, "31/02/2026,12:00:00.0", "line 9"),
            (9, "01/03/2026,noon", "line 9"),
            (11, "MORSE", "data of type 'MORSE'"),
            (12, "", "has 12 lines; the last are missing"),
        ],
    )
    def test_a_damaged_header_names_the_line(self, tmp_path: Path, line: int, text: str, letter: str) -> None:
        path = Record().write(tmp_path)
        lines = Record().header_lines()
        lines[line - 1] = text
        path.write_text("\n".join(lines) + "\n")
        assert letter in refusal(path)

    @pytest.mark.parametrize(
        ("row", "text", "letter"),
        [
            (2, "2,1000,x,8,0", "line 2: 'x'"),
            (2, "2,1000,1,8", "line 2: 4 values where 5 belong"),
            (2, "2,1000,1,8,0,0", "line 2: 6 values where 5 belong"),
            (2, "2,1000,1,8,7", "'TRIP' is neither 0 nor 1"),
            (2, "2,1000,1,8,", "cannot be understood"),
            (2, "", "line 2"),
            (4, None, "holds 3 samples; the header promises 4"),
        ],
    )
    def test_damaged_text_names_the_line(self, tmp_path: Path, row: int, text: str | None, letter: str) -> None:
        record = Record(kind="ASCII")
        path = record.write(tmp_path)
        rows: list[str] = record.data().decode().splitlines()
        rows[row - 1 : row] = [] if text is None else [text]
        path.with_suffix(".dat").write_text("\n".join(rows) + "\n")
        assert letter in refusal(path)

    def test_stamps_that_go_back_or_stand_still(self, tmp_path: Path) -> None:
        path = Record(rates=[(0, 4)], nrates=0, stamps=(0, 2000, 1000, 3000)).write(tmp_path)
        assert "time goes back between samples 2 and 3" in refusal(path)
        assert "the same time" in refusal(Record(rates=[(0, 4)], nrates=0, stamps=(0, 0, 0, 0)).write(tmp_path))
        assert "Missing timestamp" in refusal(Record(rates=[(0, 4)], stamps=(0, 1, 2**32 - 1, 3)).write(tmp_path))

    def test_half_of_a_record(self, tmp_path: Path) -> None:
        path = Record().write(tmp_path)
        data = path.with_suffix(".dat").rename(tmp_path / "other.dat")
        assert "no .dat file next to it" in refusal(path)
        assert "no .cfg file next to it" in refusal(data)

    def test_a_combined_file_that_contradicts_itself(self, tmp_path: Path) -> None:
        path = tmp_path / "1.cff"
        path.write_bytes(Record().combined().replace(b"DAT BINARY", b"DAT BINARY32"))
        assert "is BINARY32, but the header says BINARY" in refusal(path)

    def test_more_data_than_promised(self, tmp_path: Path) -> None:
        path = Record().write(tmp_path)
        data = path.with_suffix(".dat")
        data.write_bytes(Record().data() + b"\r\n\x1a")
        assert len(FORMAT.read(path, HINTS).series) == 3
        data.write_bytes(Record().data() * 2)
        assert "holds 112 bytes; the header promises 4 samples of 14 bytes, 56 in all" in refusal(path)


class TestCut:
    """A file cut anywhere is refused, or so little is missing that the record is still whole."""

    def read_or_refuse(self, path: Path, whole: ShotPlan) -> bool:
        try:
            plan = FORMAT.read(path, HINTS)
        except FileRefused as refused:
            assert str(path.with_suffix("")) in str(refused)
            return False
        assert [(one.port, one.raw.tobytes(), one.start, one.scale) for one in plan.series] == [
            (one.port, one.raw.tobytes(), one.start, one.scale) for one in whole.series
        ]
        return True

    @pytest.mark.parametrize("revision", ["1991", "1999", "2013"])
    @pytest.mark.parametrize("kind", ["ASCII", "BINARY", "FLOAT32"])
    @pytest.mark.parametrize("digital", [[], [Digital("TRIP", [0, 1, 1, 0])]], ids=["analog", "mixed"])
    def test_header_data_and_both_in_one(
        self, tmp_path: Path, revision: str, kind: str, digital: list[Digital]
    ) -> None:
        record = Record(revision=revision, kind=kind, digital=digital)
        path = record.write(tmp_path)
        whole = FORMAT.read(path, HINTS)
        data = path.with_suffix(".dat")
        combined = tmp_path / "record.cff"
        for file, content in ((path, record.header()), (data, record.data()), (combined, record.combined())):
            least = len(content.rstrip(b"\r\n")) if kind == "ASCII" or file == path else len(content)
            for size in sorted({int(len(content) * part / 50) for part in range(50)} | {len(content) - 1}):
                file.write_bytes(content[:size])
                assert self.read_or_refuse(file, whole) <= (size >= least), (file.name, size)
            file.write_bytes(content)
            assert self.read_or_refuse(file, whole)

    def test_a_number_without_its_end_may_be_half_a_number(self, tmp_path: Path) -> None:
        record = Record(kind="ASCII", digital=[], analog=[Analog("IA", [100, 200, 300, 400])])
        path = record.write(tmp_path)
        path.with_suffix(".dat").write_bytes(record.data()[:-3])
        assert "line 4: the line does not end" in refusal(path)


@needs_recordings
class TestRecordings:
    EXPECTED: Any = json.loads((RECORDINGS.parents[1] / "expected.json").read_text()) if data_folder else {}

    @pytest.mark.parametrize("name", ["sample_ascii", "sample_bin"])
    def test_the_values_are_those_of_the_library(self, name: str) -> None:
        plan = FORMAT.read(RECORDINGS / f"{name}.cfg", HINTS)
        expected = self.EXPECTED[f"comtrade/sample_files/{name}.cfg"]
        about = expected["_"]
        assert plan.started_at.replace(tzinfo=None) == datetime.fromisoformat(about["trigger"])
        assert plan.attributes["Station"] == about["station"]
        assert [one.channel for one in plan.series[: about["analog"]]] == about["analog_ids"]
        assert len(plan.series) == about["analog"] + about["digital"]
        for number in range(1, about["analog"] + 1):
            found, wanted = values(plan.series[number - 1]), expected[f"A{number}"]
            assert found.shape == tuple(wanted["shape"])
            np.testing.assert_allclose(found[:5], wanted["first5"], rtol=1e-6)
            np.testing.assert_allclose(found[-2:], wanted["last2"], rtol=1e-6)
            np.testing.assert_allclose(
                [found.min(), found.max(), found.mean(), found.std()],
                [wanted[key] for key in ("min", "max", "mean", "std")], rtol=1e-6,
            )  # fmt: skip

    @pytest.mark.parametrize("name", ["sample_iso8859-1", "sample_iso8859-1_bin"])
    def test_what_the_library_alone_cannot_read(self, name: str) -> None:
        path = RECORDINGS / f"{name}.cfg"
        assert "UnicodeDecodeError" in self.EXPECTED[f"comtrade/sample_files/{name}.cfg"]["ERROR"]
        plan = FORMAT.read(path, HINTS)
        assert plan.series[0].device == "Estação de Medição"
        helped = comtrade.Comtrade(use_double_precision=True, use_numpy_arrays=True)
        helped.load(str(path), encoding="iso8859-1")
        for series, wanted in zip(plan.series, [*helped.analog, *helped.status], strict=True):
            np.testing.assert_allclose(values(series), wanted, rtol=1e-6)

    @pytest.mark.parametrize("name", ["sample_ascii.cff", "sample_float32.cff"])
    def test_combined_files(self, name: str) -> None:
        plan = FORMAT.read(RECORDINGS / name, HINTS)
        library = comtrade.load(str(RECORDINGS / name), ignore_warnings=True, use_double_precision=True)
        for series, wanted in zip(plan.series, [*library.analog, *library.status], strict=True):
            np.testing.assert_allclose(values(series), wanted, rtol=1e-6)
        if name == "sample_float32.cff":
            assert plan.series[0].raw.dtype == "float32"
            assert plan.series[0].start == pytest.approx(-1.5 + 1e-6)  # the channel's skew is 1 µs

    @pytest.mark.parametrize(
        ("header", "data", "missing"),
        [("sample_ascii.cfg", "sample_ascii_missing.dat", [(0, 1), (1, 2), (2, 3), (3, 4)]),
         ("sample_bin.cfg", "sample_bin_missing.dat", [(0, 0), (1, 1), (2, 2), (3, 3)])],
    )  # fmt: skip
    def test_missing_values(self, tmp_path: Path, header: str, data: str, missing: list[tuple[int, int]]) -> None:
        shutil.copy(RECORDINGS / header, tmp_path / "r.cfg")
        shutil.copy(RECORDINGS / data, tmp_path / "r.dat")
        plan = FORMAT.read(tmp_path / "r.cfg", HINTS)
        whole = FORMAT.read(RECORDINGS / header, HINTS)
        holes = [(n, int(k)) for n, one in enumerate(plan.series) for k in np.flatnonzero(np.isnan(one.raw))]
        assert holes == missing
        for one, other in zip(plan.series, whole.series, strict=True):
            np.testing.assert_array_equal(np.where(np.isnan(one.raw), other.raw, one.raw), other.raw)

    @pytest.mark.parametrize("name", ["sample_ascii_utf-8.cfg", "sample_sub_char.cfg"])
    def test_odd_headers(self, tmp_path: Path, name: str) -> None:
        shutil.copy(RECORDINGS / name, tmp_path / "r.cfg")
        shutil.copy(RECORDINGS / "sample_ascii.dat", tmp_path / "r.dat")
        plan = FORMAT.read(tmp_path / "r.cfg", HINTS)
        assert plan.started_at.utcoffset() == -timedelta(hours=5, minutes=30)
        assert plan.series[0].device.startswith("SMARTSTATION")
