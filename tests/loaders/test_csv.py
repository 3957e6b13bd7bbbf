"""Tables of scopes and loggers: any dialect, the time as it was, and the line of whatever is wrong."""

from __future__ import annotations

import doctest
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gilgamesh_db.errors import FileRefused
from gilgamesh_loaders import time_column
from gilgamesh_loaders.csv import FORMAT
from gilgamesh_loaders.formats import Hints, read_plan
from gilgamesh_loaders.plan import ShotPlan
from gilgamesh_loaders.time_column import uniform_axis

HINTS = Hints(shot=1, started_at=datetime(2026, 3, 1, tzinfo=UTC), device="scope")

data_folder = os.environ.get("GILGAMESH_TEST_DATA")
needs_recordings = pytest.mark.skipif(
    data_folder is None, reason="GILGAMESH_TEST_DATA does not say where the real recordings are"
)
RECORDINGS = Path(data_folder or ".") / "scope"


@pytest.fixture
def table(tmp_path: Path) -> Any:
    """Write a table and read it."""

    def read(text: str | bytes, hints: Hints = HINTS) -> ShotPlan:
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return FORMAT.read(path, hints)

    return read


@pytest.fixture
def refusal(table: Any, tmp_path: Path) -> Any:
    """Write a table and hear why it is refused."""

    def hear(text: str | bytes, hints: Hints = HINTS) -> str:
        with pytest.raises(FileRefused) as refused:
            table(text, hints)
        assert str(tmp_path / "table.csv") in str(refused.value)
        return str(refused.value)

    return hear


class TestDialect:
    @pytest.mark.parametrize(
        "text",
        [
            "Time (s),CH1 (V)\n0,1.5\n0.1,-2\n0.2,3e1\n",
            "Time (s);CH1 (V)\n0;1.5\n0.1;-2\n0.2;3e1\n",
            "Time (s);CH1 (V)\n0;1,5\n0,1;-2\n0,2;3e1\n",
            "Time (s)\tCH1 (V)\n0\t1.5\n0.1\t-2\n0.2\t3e1\n",
            "Time (s)\tCH1 (V)\n0\t1,5\n0,1\t-2\n0,2\t3e1\n",
            "Time,CH1\r\ns,V\r\n0,1.5\r\n0.1,-2\r\n0.2,3e1\r\n",
            "X,CH1,\nSecond,Volt,\n0,1.5\n0.1,-2\n0.2,3e1\n",
            "X,CH1,\nSecond,Volt,\n0,1.5,\n0.1,-2,\n0.2,3e1,\n",
            'Time [s],"CH1 [V]"\n"0","1.5"\n"0.1","-2"\n"0.2","3e1"\n',
            "\n\nt (ms), CH1 (V)\n 0 , 1.5\n 100 , -2\n 200 , 3e1\n\n\n",
            "t;CH1\nms;V\n0;1,5\n100;-2,0\n200;3,0E+1\n",
            "\ufeffTime (µs),CH1 (Volts)\n0,+1.5\n1e5,-2.\n2e5,30\n",
        ],
    )
    def test_each_way_to_write_the_same_table(self, table: Any, text: str) -> None:
        (channel,) = table(text).series
        assert (channel.channel, channel.raw_unit, channel.raw.dtype) == ("CH1", "V", "float64")
        assert channel.raw.tolist() == [1.5, -2.0, 30.0]
        assert (channel.start, channel.dt, channel.scale) == (0.0, 0.1, None)

    def test_several_channels_share_the_time(self, table: Any) -> None:
        plan = table("Time (s),a (V),b (A),c\n0,1,2,3\n1,4,5,6\n")
        assert [(one.port, one.raw_unit, one.raw.tolist()) for one in plan.series] == [
            ("scope/a", "V", [1, 4]), ("scope/b", "A", [2, 5]), ("scope/c", "", [3, 6])
        ]  # fmt: skip
        assert plan.duration == 2.0

    def test_brackets_around_no_unit_belong_to_the_name(self, table: Any) -> None:
        (channel,) = table("Time (s),Temperature (left)\n0,1\n1,2\n").series
        assert (channel.channel, channel.raw_unit) == ("Temperature (left)", "")

    def test_an_unknown_unit_is_kept_as_a_note(self, table: Any) -> None:
        (channel,) = table("Time,Q\ns,MVAr\n0,1\n1,2\n").series
        assert (channel.raw_unit, channel.description) == ("", "unit in the file: 'MVAr'")

    def test_latin_1_of_old_loggers(self, table: Any) -> None:
        (channel,) = table("Zeit (µs);Spannung für Prüfung (mV)\n0;1\n5;2\n".encode("latin-1")).series
        assert (channel.channel, channel.raw_unit, channel.dt) == ("Spannung für Prüfung", "mV", 5e-6)

    def test_missing_values_are_nan(self, table: Any) -> None:
        plan = table("Time (s),a,b\n0,,1\n1,NaN,\n2,nan,3\n")
        np.testing.assert_array_equal(plan["scope/a"].raw, [np.nan] * 3)
        np.testing.assert_array_equal(plan["scope/b"].raw, [1, np.nan, 3])

    def test_without_a_header_columns_are_counted(self, table: Any) -> None:
        plan = table("0.5,1,2\n0.6,3,4\n")
        assert [one.channel for one in plan.series] == ["column 2", "column 3"]
        assert (plan.series[0].start, plan.series[0].dt) == (0.5, 0.1)

    @settings(max_examples=60, deadline=None)
    @given(
        st.data(), st.integers(1, 30), st.integers(1, 4), st.sampled_from([",", ";", "\t"]), st.booleans(),
        st.floats(-1e6, 1e6), st.floats(1e-9, 1e3),
    )  # fmt: skip
    def test_every_number_comes_back_to_the_last_bit(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, n: int, width: int,
        separator: str, comma: bool, start: float, dt: float,
    ) -> None:  # fmt: skip
        numbers = st.floats(width=64)
        columns = data.draw(st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=width, max_size=width))
        times = [start + k * dt for k in range(n)]
        rows = [separator.join(map(repr, row)) for row in zip(times, *columns, strict=True)]
        if comma and separator != ",":
            rows = [row.replace(".", ",") for row in rows]
        header = separator.join(["Time (s)", *(f"c{k} (V)" for k in range(width))])
        path = tmp_path_factory.mktemp("csv") / "t.csv"
        path.write_text("\n".join([header, *rows, ""]))
        plan = FORMAT.read(path, HINTS)
        for k, column in enumerate(columns):
            np.testing.assert_array_equal(plan[f"scope/c{k}"].raw, column)
        first = plan.series[0]
        found: Any = first.times
        if first.start is not None and first.dt is not None:
            found = first.start + first.dt * np.arange(n)
        np.testing.assert_allclose(found, times, rtol=0, atol=1e-15 * n * max(map(abs, times)) + 1e-300)


class TestPreamble:
    TEKTRONIX = "Model,DPO4034\nFirmware Version,2.48\n\nPoint Format,Y,\nSample Interval,1e-06,s\nRecord Length,3\nTIME,CH1,CH2\n"
    SIGLENT = (
        "Record Length,Analog:3\nSample Interval,Analog:1.0E-6\nVertical Units,CH1:V,CH2:V\nSecond,Value,Value 2\n"
    )
    LECROY = "LECROYWS432,1234,Waveform\nSegments,1,SegmentSize,3\n#1,01-Jan-2020,0\nTime;Ampl;Other\n"

    @pytest.mark.parametrize("above", [TEKTRONIX, SIGLENT, LECROY])
    def test_settings_above_the_table_are_passed_over(self, table: Any, above: str) -> None:
        rows = "0,1,5\n1e-6,2,6\n2e-6,3,7\n"
        plan = table(above + (rows.replace(",", ";") if ";" in above else rows))
        assert [one.raw.tolist() for one in plan.series] == [[1, 2, 3], [5, 6, 7]]
        assert (plan.series[0].start, plan.series[0].dt) == (0.0, 1e-6)
        assert (
            f"lines above the table were not read; they begin with {above.split(chr(10), maxsplit=1)[0]!r}"
            in plan.notes[0]
        )

    def test_a_damaged_row_is_no_preamble(self, refusal: Any) -> None:
        assert "is not a number" in refusal("Time (s),U\n0,1\nt,oops\n" + "1,2\n" * 5)
        assert "is not a number" in refusal("Time (s),U\n0,1\n0.1,abc\n0.2,3\n0.3,4\n")


class TestTime:
    @pytest.mark.parametrize("name", ["Time", "t", "TIME", "Zeit", "X", "anything (ms)", "whatever (s)"])
    def test_it_is_named_or_has_a_unit_of_time(self, table: Any, name: str) -> None:
        assert [one.channel for one in table(f"{name},U\n0.5,1\n1.5,2\n").series] == ["U"]

    def test_a_column_without_unit_that_increases_is_one(self, table: Any) -> None:
        assert len(table("when,U\n0.5,1\n0.7,1\n1.5,2\n").series) == 1

    def test_a_swept_voltage_is_none(self, table: Any, refusal: Any) -> None:
        text = "Bias (V),I (A)\n-80,1\n-79,2\n"
        assert "no column is a time; give the sampling interval with --dt" in refusal(text)
        plan = table(text, replace(HINTS, start=-1.0, dt=1e-3))
        assert [one.channel for one in plan.series] == ["Bias", "I"]
        assert (plan.series[0].start, plan.series[0].dt) == (-1.0, 1e-3)

    def test_an_unknown_unit_of_time_is_not_guessed(self, refusal: Any) -> None:
        assert "unit of column 1, 'Time (min:s)', is not known" in refusal("Time (min:s),U\n0,1\n1,2\n")
        assert "unit of column 1" in refusal("Time,U\nticks,V\n0,1\n1,2\n")

    @pytest.mark.parametrize("header", ["X,CH1\nSequence,Volt\n", ",CH1\n", "n,CH1\n", "index,CH1\n", ""])
    def test_a_column_that_counts_is_none(self, table: Any, refusal: Any, header: str) -> None:
        text = header + "0,1.5\n1,2.5\n2,3.5\n"
        assert "only counts the samples" in refusal(text)
        assert table(text, replace(HINTS, dt=1e-6)).series[0].dt == 1e-6

    def test_rigol_gives_start_and_increment_in_the_header(self, table: Any, refusal: Any) -> None:
        head = "X,CH1,CH2,Start,Increment,\nSequence,Volt,Volt,-6.0e-05,1.0e-07,\n"
        plan = table(head + "0,1.5,1,\n1,2.5,2,\n2,3.5,3,\n")
        assert [(one.channel, one.raw_unit, one.start, one.dt) for one in plan.series] == [
            ("CH1", "V", -6e-5, 1e-7), ("CH2", "V", -6e-5, 1e-7)
        ]  # fmt: skip
        assert plan.series[1].raw.tolist() == [1, 2, 3]
        assert "numbers under Start and Increment" in refusal(head + "0,1.5,1,7,\n1,2.5,2,7,\n")
        assert "does not count the samples" in refusal(head + "0,1.5,1,\n2,2.5,2,\n")
        assert "Start and Increment are" in refusal(head.replace("-6.0e-05", "soon") + "0,1.5,1,\n1,2.5,2,\n")

    def test_irregular_times_stay_as_they_are(self, table: Any) -> None:
        (channel,) = table("Time (ms),U\n0,1\n0.3,2\n5,3\n9,4\n").series
        assert channel.times.tolist() == [0.0, 0.0003, 0.005, 0.009]

    def test_one_sample(self, table: Any) -> None:
        assert table("Time (s),U\n0.5,1\n").series[0].times.tolist() == [0.5]


class TestUniformAxis:
    def test_the_examples_hold(self) -> None:
        assert doctest.testmod(time_column).failed == 0

    @settings(max_examples=200, deadline=None)
    @given(
        st.integers(4, 300), st.integers(-10**6, 10**6), st.integers(1, 10**4),
        st.integers(-12, 3), st.sampled_from(["{:.9g}", "{:.12g}", "{:.8e}", "{!r}"]),
    )  # fmt: skip
    def test_rounding_is_undone(self, n: int, first: int, step: int, exponent: int, form: str) -> None:
        times = [float(f"{first + k * step}e{exponent}") for k in range(n)]
        found = uniform_axis([form.format(time) for time in times])
        assert found is not None
        start, dt = found
        span = max(map(abs, times))
        assert abs(start - times[0]) <= 1e-8 * span
        assert abs(dt * (n - 1) - (times[-1] - times[0])) <= 2e-8 * span

    @settings(max_examples=100, deadline=None)
    @given(st.integers(4, 200), st.floats(-1e-3, 1e-3), st.sampled_from([1e-9, 2e-8, 1e-5]))
    def test_float32_arithmetic_is_undone(self, n: int, start: float, dt: float) -> None:
        times = np.float32(start) + np.arange(n, dtype="f4") * np.float32(dt)
        noise = float(np.spacing(np.abs(times).max()))
        found = uniform_axis([f"{float(time):.8e}" for time in times])
        if dt > 8 * noise:
            assert found is not None
            assert found[1] == pytest.approx(dt, abs=4 * noise)

    @settings(max_examples=200, deadline=None)
    @given(st.data(), st.integers(5, 100), st.integers(3, 50))
    def test_a_missing_sample_is_never_smoothed_over(self, data: st.DataObject, n: int, step: int) -> None:
        gap = data.draw(st.integers(1, n - 2))
        assert uniform_axis([f"{k * step * 1e-3:.3f}" for k in range(n) if k != gap]) is None

    @settings(deadline=None)
    @given(st.lists(st.integers(0, 10**6), min_size=2, max_size=50))
    def test_no_printed_number_is_contradicted(self, ticks: list[int]) -> None:
        texts = [f"{tick / 1000:.3f}" for tick in sorted(ticks)]
        found = uniform_axis(texts)
        if found is not None:
            start, dt = found
            axis = start + dt * np.arange(len(texts))
            assert np.abs(axis - np.array(texts, float)).max() <= 0.0005 * (1 + 1e-3) + 1e-4  # float32 at 1000 s

    @pytest.mark.parametrize(
        "texts", [[], ["1"], ["1", "1"], ["2", "1"], ["0", "nan"], ["0", "inf"], ["0", "1", "0.5"]]
    )
    def test_what_is_no_axis(self, texts: list[str]) -> None:
        assert uniform_axis(texts) is None


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "letter"),
        [
            ("Time (s),U\n0,1\n0.1,abc\n", "line 3: 'abc' is not a number"),
            ("Time (s),U\n0,1\n0.1,True\n", "line 3: 'True' is not a number"),
            ("Time (s),U\n0,1\n0.1,0x10\n", "line 3: '0x10' is not a number"),
            ("Time (s),U\n0,1\n0.1,1_0\n", "line 3: '1_0' is not a number"),
            ("Time (s),U\n" + "0,1\n" * 30 + "0,1 2\n", "line 32: '1 2' is not a number"),
            ("Time (s),U\n" + "0,1\n" * 30 + "0,1,2\n", "line 32: 3 values where 2 belong"),
            ("Time (s),U\n" + "0,1\n" * 30 + "0\n", "line 32: 1 values where 2 belong"),
            ("Time (s),U\n" + "0,1\n" * 30 + "\n1,1\n", "line 32 is empty"),
            ("Time (s);U\n" + "0;1,5\n" * 30 + "1;1.5\n", "line 32: a point among decimal commas"),
            ("U\n1\n\n2\n", "line 3 is empty"),
            ("Time (s),U\n0,1\n,2\n3,4\n", "line 3: there is no time"),
            ("Time (s),U\n0,1\nnan,2\n3,4\n", "line 3: there is no time"),
            ("Time (s),U\n0,1\ninf,2\n3,4\n", "line 3: there is no time"),
            ("Time (s),U\n0,1\n2,2\n1,4\n", "line 4: time goes back, to 1.0 after 2.0"),
            ("Time (s),U\n0,1\n0,2\n0,4\n", "same time"),
            ("Time (s),U,U\n0,1,1\n1,2,2\n", "'scope/U' appears more than once"),
            ("Time (s),U,I\n0,1\n1,2\n", "line 1: 3 names for 2 columns"),
            ("Time (s),,I\n0,1,2\n1,2,3\n", "channel has no name"),
            ("Time (s),a\x07\n0,1\n1,2\n", "control characters"),
            (f"Time (s),{'x' * 300}\n0,1\n1,2\n", "300 characters"),
            ("a\nb\nc\nd\n", "line 3: 'c' is not a number"),
            ("Time (s),U\n", "no numbers"),
            ("Time (s),U\ns,V\n", "no numbers"),
            ("\n\n", "no numbers"),
            (b"Time (s),U\n0,1\n1,\xff\n", "line 3: 'ÿ' is not a number"),
            ("Time (s),U\n0,1\n".encode("utf-16"), "save it as UTF-8"),
            ("Time (s),U\n0,1\n1,2.34", "line 3: the last line does not end"),
        ],
    )
    def test_the_line_is_named(self, refusal: Any, text: str | bytes, letter: str) -> None:
        assert letter in refusal(text)

    def test_what_the_file_does_not_say_is_asked_for(self, refusal: Any) -> None:
        text = "Time (s),U\n0,1\n1,2\n"
        assert "give --device" in refusal(text, replace(HINTS, device=None))
        assert "give --started-at" in refusal(text, replace(HINTS, started_at=None))
        assert "give --shot" in refusal(text, replace(HINTS, shot=None))


def test_cut_anywhere_it_is_refused_or_ends_with_a_whole_line(tmp_path: Path) -> None:
    rows = [f"{k * 1e-3:.3f};{k * 0.37:.4f};{-k}" for k in range(40)]
    content = "\n".join(["Time (s);U (V);I (A)", *rows, ""]).replace(".", ",").encode()
    path = tmp_path / "1.csv"
    for size in range(0, len(content), len(content) // 50):
        path.write_bytes(content[:size])
        try:
            plan = read_plan(path, HINTS, "csv")
        except FileRefused as refused:
            assert str(path) in str(refused)
        else:
            assert content[size - 1 : size] == b"\n"
            lines = content[:size].count(b"\n") - 1
            assert [one.raw.size for one in plan.series] == [lines, lines]


@needs_recordings
class TestRecordings:
    def test_rounded_times_of_a_rigol_are_rebuilt(self) -> None:
        plan = read_plan(RECORDINGS / "DS1102E-B.csv", HINTS)
        assert plan.source.format == "csv"
        (channel,) = plan.series
        assert (channel.port, channel.raw_unit, channel.raw.size) == ("scope/CH1", "V", 600)
        assert (channel.start, channel.dt) == (-6e-6, 2e-8)
        assert channel.raw[:3].tolist() == [4.4, 4.32, 4.32]
        assert channel.raw[-1] == -1.36

    def test_values_alone_need_the_interval(self) -> None:
        path = RECORDINGS / "rs_rtp_01.Wfm.csv"
        with pytest.raises(FileRefused, match="give the sampling interval"):
            read_plan(path, HINTS)
        (channel,) = read_plan(path, replace(HINTS, dt=1.25e-6)).series
        assert channel.raw.size == 4000
        assert channel.raw.min() == pytest.approx(-0.06324110925197601)
        assert channel.raw.max() == pytest.approx(1.0750988721847534)
