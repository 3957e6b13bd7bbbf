"""LabVIEW measurement files: every way to write the same numbers, and the line of whatever is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gilgamesh_db.errors import FileRefused
from gilgamesh_loaders import Hints, read_plan

HINTS = Hints(shot=1, device="lab")


def lvm(
    segments: list[Any], *, names: tuple[str, ...] = ("U", "I"), units: tuple[str, ...] = ("Volts", "A"), x: str = "One",
    separator: str = "\t", decimal: str = ".", start: float = -0.5, dt: float = 0.25, head: str = "", comment: bool = True,
) -> str:  # fmt: skip
    """A file as LabVIEW writes it; each segment is a table of one row per sample."""
    word = {"\t": "Tab", ",": "Comma"}[separator]
    text = [
        "LabVIEW Measurement", separator.join(("Writer_Version", "2")), separator.join(("Separator", word)),
        separator.join(("Decimal_Separator", decimal)), separator.join(("X_Columns", x)), "Operator" + separator + "me",
        head or separator.join(("Date", "2026/03/01")), separator.join(("Time", f"12:30:15{decimal}5")), "***End_of_Header***", "",
    ]  # fmt: skip
    n = len(names)

    def row(*cells: Any) -> str:
        return separator.join(repr(c).replace(".", decimal) if isinstance(c, float) else str(c) for c in cells)

    begin = start
    for table in segments:
        rows = len(table)
        text += [
            row("Channels", n), row("Samples", *[rows] * n), row("Date", *["2026/03/01"] * n),
            row("Time", *[f"12:30:16{decimal}2500000"] * n), row("Y_Unit_Label", *units), row("X_Dimension", *["Time"] * n),
            row("X0", *[begin] * n), row("Delta_X", *[dt] * n), "***End_of_Header***",
        ]  # fmt: skip
        titles = [t for name in names for t in ("X_Value", name)] if x == "Multi" else ["X_Value", *names]
        text.append(row(*titles, *(["Comment"] if comment else [])))
        for place, numbers in enumerate(table):
            time = begin + place * dt
            if x == "Multi":
                text.append(row(*[cell for number in numbers for cell in (time, float(number))]))
            else:
                text.append(row("" if x == "No" else time, *map(float, numbers)))
        begin += rows * dt
    return "\r\n".join([*text, ""])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "1.lvm"


def refusal(path: Path, text: str) -> str:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileRefused) as refused:
        read_plan(path, HINTS)
    assert path.name in str(refused.value)
    return str(refused.value)


TABLE = np.array([[1.5, -2], [2.5, 3e-3], [3.5, 4]])


class TestNumbers:
    @pytest.mark.parametrize("x", ["One", "Multi", "No"])
    @pytest.mark.parametrize(("separator", "decimal"), [("\t", "."), ("\t", ","), (",", ".")])
    @pytest.mark.parametrize("comment", [True, False])
    def test_each_way_to_write_them(self, path: Path, x: str, separator: str, decimal: str, comment: bool) -> None:
        path.write_bytes(lvm([TABLE], x=x, separator=separator, decimal=decimal, comment=comment).encode())
        plan = read_plan(path, HINTS)
        assert plan.source.format == "lvm"
        assert plan.started_at == datetime(2026, 3, 1, 12, 30, 16, 250000, UTC)
        assert plan.attributes == {"Operator": "me", "TimeZone": "UTC, assumed"}
        voltage, current = plan.series
        assert (voltage.port, voltage.raw_unit, voltage.raw.tolist()) == ("lab/U", "V", [1.5, 2.5, 3.5])
        assert (current.raw_unit, current.raw.tolist()) == ("A", [-2.0, 0.003, 4.0])
        assert (voltage.start, voltage.dt) == (-0.5, 0.25)

    def test_segments_follow_one_another(self, path: Path) -> None:
        path.write_text(lvm([TABLE, TABLE[:2], TABLE]))
        series = read_plan(path, HINTS).series[0]
        assert series.raw.tolist() == [1.5, 2.5, 3.5, 1.5, 2.5, 1.5, 2.5, 3.5]
        assert (series.start, series.dt) == (-0.5, 0.25)

    @settings(max_examples=40, deadline=None)
    @given(st.data(), st.integers(1, 20), st.sampled_from(["One", "Multi", "No"]), st.sampled_from([".", ","]))
    def test_every_number_comes_back_to_the_last_bit(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, n: int, x: str, decimal: str
    ) -> None:
        path = tmp_path_factory.mktemp("lvm") / "1.lvm"
        table = data.draw(st.lists(st.tuples(*[st.floats(allow_nan=True, width=64)] * 2), min_size=n, max_size=n))
        path.write_text(lvm([np.array(table)], x=x, decimal=decimal))
        for place, one in enumerate(read_plan(path, HINTS).series):
            np.testing.assert_array_equal(one.raw, [row[place] for row in table])

    def test_notes_between_are_skipped(self, path: Path) -> None:
        special = "***Start_Special***\tWriter\r\nanything at all\r\n***End_Special***\r\n"
        path.write_bytes(lvm([TABLE]).replace("\r\nChannels", f"\r\n{special}Channels", 1).encode())
        assert read_plan(path, HINTS).series[0].raw.size == 3

    def test_names_in_latin_1(self, path: Path) -> None:
        path.write_bytes(lvm([TABLE], names=("Druckänderung", "I")).encode("latin-1"))
        assert read_plan(path, HINTS).series[0].channel == "Druckänderung"


class TestRefused:
    @pytest.mark.parametrize(
        ("old", "new", "letter"),
        [
            ("Samples\t3\t3", "Samples\t4\t4", "promises 4 samples, 3 follow"),
            ("Samples\t3\t3", "Samples\tmany\t3", "does not say its Channels and Samples"),
            ("Samples\t3\t3", "Samples\t3", "2 channels with the samples [3]"),
            ("Channels\t2", "Channels\t7", "7 channels with the samples"),
            ("2.5\t0.003", "2.5\tabc", "'abc' in column 3 is not a number"),
            ("2.5\t0.003", "2.5", "nothing in column 3 is not a number"),
            ("X0\t-0.5", "X0\tsoon", "X0 is 'soon', no number"),
            ("X_Dimension\tTime", "X_Dimension\tFrequency", "stands over 'Frequency' instead of time"),
            ("X_Value\tU\tI", "X_Value\tU\tU", "'lab/U' appears more than once"),
            ("X_Value\tU\tI", "X_Value", "titles for 2 channels"),
            ("12:30:16", "25:30:16", "date and time"),
        ],
    )
    def test_the_place_is_named(self, path: Path, old: str, new: str, letter: str) -> None:
        text = lvm([TABLE])
        assert old in text
        assert letter in refusal(path, text.replace(old, new))

    def test_times_that_go_back(self, path: Path) -> None:
        text = lvm([TABLE, TABLE])
        assert "time goes back" in refusal(path, text.replace("X0\t0.25\t0.25", "X0\t-2.0\t-2.0"))

    def test_the_device_is_asked_for(self, path: Path) -> None:
        path.write_text(lvm([TABLE]))
        with pytest.raises(FileRefused, match="give --device"):
            read_plan(path, replace(HINTS, device=None))

    def test_cut_anywhere_it_is_refused_or_ends_with_a_whole_segment(self, path: Path) -> None:
        content = lvm([TABLE, TABLE + 1]).encode()
        read = 0
        for size in range(0, len(content), max(1, len(content) // 200)):
            path.write_bytes(content[:size])
            try:
                plan = read_plan(path, HINTS)
            except FileRefused as refused:
                assert path.name in str(refused)
            else:
                read += 1
                assert plan.series[0].raw.tolist() == [1.5, 2.5, 3.5]
                assert plan.series[1].raw.tolist() == [-2.0, 0.003, 4.0]
                assert content[size - 1 : size] in b"\r\n"
        assert read <= 2
