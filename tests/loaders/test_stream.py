"""Lines of slow control, and the command that stores them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors
from gilgamesh_loaders.stream_lines import LineReader, Sample

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read(text: str, **options: Any) -> list[Sample]:
    reader = LineReader(**options)
    return [one for line in text.splitlines(keepends=True) for one in reader.samples(line)]


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T12:00:00Z,G/a,5\n2026-03-01T12:00:00Z,G/b,6\n",
        "time,port,raw\n2026-03-01T13:00:00+01:00;G/a;5\n# a note\n\n1772366400 ; G/b; 6\n",
        "time\tG/a\tG/b\n2026-03-01 12:00:00\t5\t6\n",
        'Timestamp,"G/a","G/b"\n1772366400.0,5,\n1772366400.0,,6\n',
    ],
)
def test_one_meaning_in_many_spellings(text: str) -> None:
    assert read(text) == [Sample("G/a", 5.0, NOON), Sample("G/b", 6.0, NOON)]


def test_times_without_a_zone_are_of_the_zone_that_is_named() -> None:
    assert read("2026-07-01T12:00:00,G/a,5\n", zone=ZoneInfo("Europe/Brussels"))[0].at == datetime(
        2026, 7, 1, 10, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("2026-03-01T12:00:00Z,G/a,5", "no end"),
        ("nan,G/a,5\n", "the time is nan"),
        ("noon,G/a,5\n", "'noon' is not a time"),
        ("1e300,G/a,5\n", "the time is 1e300"),
        ("1,G/a,five\n", "'five' of 'G/a' is not a number"),
        ("1,G/a\n", "2 cells"),
        ("just words\n", "one cell"),
        ("time,G/a,G/a\n", "twice"),
        ("time,G/a,G/b\n1,2\n", "2 cells, but the header has 3"),
        ("5,G/a,1\n6,G/b,1\n4,G/a,1\n", "clock went backwards"),
        ("5,G\0a,1\n", "no text"),
    ],
)
def test_what_a_line_cannot_be_is_said(text: str, letter: str) -> None:
    with pytest.raises(errors.InvalidValue, match=letter):
        read(text)


def test_late_samples_that_are_meant() -> None:
    assert len(read("5,G/a,1\n4,G/a,1\n", in_order=False)) == 2


@pytest.fixture
def run(server18: Any, tmp_path: Path) -> Any:
    """Run ``gilgamesh`` on a testbed with a gauge; returns (exit code, output, errors)."""
    with server18.database(server18.template()) as url:
        with gilgamesh.connect(url) as db, db.edit("a gauge") as edit:
            edit.add_component("Gauge", "DAQDevice")
            edit.add_port("Gauge", "ch1", dtype="int16")
            edit.calibrate("Gauge/ch1", Polynomial((0.0, 0.5)), None, "Pa")
            edit.add_signal("Vacuum_P", unit="Pa")
            edit.connect("Vacuum_P", "Gauge/ch1")

        def command(*arguments: str, given: str | bytes = "") -> tuple[int, str, str]:
            done = subprocess.run(
                [sys.executable, "-W", "error", "-m", "gilgamesh_db", "--url", url, *arguments],
                input=given.encode() if isinstance(given, str) else given, capture_output=True, cwd=tmp_path, check=False,
            )  # fmt: skip
            return done.returncode, done.stdout.decode(), done.stderr.decode()

        yield command


def test_the_command_from_opening_to_gaps(run: Any, tmp_path: Path) -> None:
    code, _, error = run("stream", "load", given="1772366400,Gauge/ch1,5\n")
    assert (code, "line 1: no stream of port 'Gauge/ch1'" in error) == (1, True)
    assert run("stream", "open", "Gauge/ch1", "--pause", "10", "--keep", "400d")[0] == 0
    lines = "".join(f"{1772366400 + i},Gauge/ch1,{i}\n" for i in range(60) if not 20 <= i < 40)
    code, _, error = run("stream", "load", given=lines)
    assert (code, error.strip()) == (0, "40 samples stored, 0 were there already")
    (tmp_path / "again.csv").write_text(f"time,Gauge/ch1\n{1772366459},59\n{1772366460},60\n")
    assert run("stream", "load", "again.csv")[2].strip() == "1 samples stored, 1 were there already"
    code, _, error = run(
        "stream", "load", given="1772366470,Gauge/ch1,1\n1772366471,Gauge/ch1,1.5\n1772366472,Gauge/ch1,1\n"
    )
    assert code == 1
    assert (
        "<stdin>, line 2: 'Gauge/ch1' cannot deliver 1.5: its samples are int16; what came before it is stored" in error
    )
    assert "1 samples stored" in error
    code, _, error = run(
        "stream", "load", "--skip", given="1772366470,Gauge/ch1,1\nx,Gauge/ch1,1\n1772366472,Gauge/ch1,1\n"
    )
    assert code == 1
    assert "line 2: 'x' is not a time" in error
    assert "1 samples stored, 1 were there already" in error
    code, _, error = run("stream", "load", given=b"1772366480,Gauge/ch1,1\n\xff\xfe\n")
    assert (code, "no UTF-8 text" in error) == (1, True)
    assert "moved" in run("stream", "compact")[1]
    out = run("stream", "gaps", "Vacuum_P", "--since", "2026-03-01T12:00", "--until", "2026-03-01T12:01")[1]
    assert "no samples" in out
    assert "21.0" in out
    assert "Gauge/ch1" in run("stream", "list")[1]
    assert "Vacuum_P" in run("stream", "at", "2026-03-01T12:00:19.5")[1]
    assert "9.5" in run("stream", "at", "2026-03-01T12:00:19.5")[1]
    assert (
        "mean"
        in run(
            "stream",
            "show",
            "Vacuum_P",
            "--since",
            "2026-03-01T12:00",
            "--until",
            "2026-03-01T12:02",
            "--every",
            "1min",
        )[1]
    )
    assert "nothing" in run("stream", "release", "--dry-run")[1]
