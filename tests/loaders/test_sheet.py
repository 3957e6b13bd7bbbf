"""The sheet beside a recording: told by its content, read in either form, and never guessed at."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_loaders import Hints
from gilgamesh_loaders.loading import Instructions, load_file
from gilgamesh_loaders.sheet import is_sheet, read_sheet, recordings_beside, sheet_beside

TOLD = Instructions(Hints(timezone=ZoneInfo("Europe/Brussels")), create=True)
AT = datetime(2026, 3, 4, 10, 30)


def written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "Date;2026-03-04 10:30:00\nShot;12\nGas;Argon\nPressure (mbar);0,0009\nUseful;yes\nProgram;Scan\n",
        "Shot;Date;Gas;Pressure (mbar);Useful;Program\n12;04.03.2026 10:30:00;Argon;0,0009;yes;Scan\n",
        "shot number,date,time,gas,pressure,useful,campaign\n12,2026/03/04,10:30:00,Argon,0.0009,true,Scan\n",
        "Date\t2026-03-04T10:30:00\nShot\t12\nGas\tArgon\nPressure\t9e-4\nUseful\tyes\nProgram\tScan\n\n",
    ],
)
def test_a_sheet_says_the_same_in_every_form(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "shot_12.csv", text)
    assert is_sheet(path)
    sheet = read_sheet(path)
    assert (sheet.number, sheet.started_at, sheet.program) == (12, AT, "Scan")
    assert {name.casefold(): value for name, value in sheet.attributes.items()} == {
        "gas": "Argon", "pressure": 0.0009, "useful": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["time (s),U (V)\n0,1\n1,2\n", "Gas;Argon\nPressure;3\n", "", "Date\n2026-03-04\n", "1,2\n3,4\n", "notes\n"]
)
def test_a_table_of_samples_is_no_sheet(tmp_path: Path, text: str) -> None:
    assert not is_sheet(written(tmp_path / "a.csv", text))


def test_what_is_no_text_is_no_sheet(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"Date;2026\0\n")
    assert not is_sheet(tmp_path / "a.csv")
    assert not is_sheet(written(tmp_path / "a.h5", "Date;2026-03-04\n"))
    assert not is_sheet(tmp_path / "missing.csv")
    (tmp_path / "folder.csv").mkdir()
    assert not is_sheet(tmp_path / "folder.csv")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Date;03/04/2026 10:30:00\nGas;Ar\n", "can be read in two ways; write it as 2026-"),
        ("Date;tomorrow\nGas;Ar\n", "'tomorrow' cannot be read"),
        ("Date;2026-03-04\nShot;twelve\n", "shot number is 'twelve'"),
        ("Date;2026-03-04\nGas;Ar", "last line has no end"),
    ],
)
def test_what_cannot_be_understood_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(errors.FileRefused, match=complaint):
        read_sheet(written(tmp_path / "shot_1.csv", text))


def test_names_say_what_belongs_together(tmp_path: Path) -> None:
    sheet = "Date;2026-03-04 10:30:00\nGas;Ar\n"
    for name in ("shot_1.csv", "shot_12_date.csv", "shot_3.csv"):
        written(tmp_path / name, sheet)
    for name in ("shot_1.tdms", "shot_12.tdms", "shot_1.tdms_index"):
        (tmp_path / name).write_bytes(b"TDSm")
    found = {name: sheet_beside(tmp_path / name) for name in ("shot_1.tdms", "shot_12.tdms", "shot_2.tdms")}
    assert found == {
        "shot_1.tdms": tmp_path / "shot_1.csv",
        "shot_12.tdms": tmp_path / "shot_12_date.csv",
        "shot_2.tdms": None,
    }
    assert recordings_beside(tmp_path / "shot_1.csv") == [tmp_path / "shot_1.tdms"]
    assert recordings_beside(tmp_path / "shot_3.csv") == []


def test_tdms_and_its_sheet_make_a_shot_in_any_order(db18: gilgamesh.Database, tmp_path: Path) -> None:
    nptdms = pytest.importorskip("nptdms")

    def tdms(shot: int) -> Path:
        path = tmp_path / f"shot_{shot}.tdms"
        said = {"wf_increment": 1e-3, "wf_start_offset": 0.0, "unit_string": "V"}
        with nptdms.TdmsWriter(path) as writer:
            writer.write_segment([nptdms.ChannelObject("PXI", "ai0", shot + np.arange(100.0), properties=said)])
        return path

    def sheet(shot: int, name: str = "") -> Path:
        return written(tmp_path / (name or f"shot_{shot}.csv"), f"Date;2026-03-04 10:{shot}:00\nGas;Argon\n")

    assert "does not say when it was recorded" in load_file(db18, tdms(11), TOLD).reason
    assert load_file(db18, sheet(11), TOLD).shots == (11,)
    assert load_file(db18, sheet(12), TOLD).status == "waiting"
    assert load_file(db18, tdms(12), TOLD).status == "loaded"
    assert load_file(db18, tmp_path / "shot_12.csv", TOLD).status == "already there"
    assert load_file(db18, tmp_path / "shot_11.tdms", TOLD).status == "already there"
    shots = db18.shots()
    assert [moment.isoformat() for moment in shots["Date"]] == [
        "2026-03-04T09:11:00+00:00",
        "2026-03-04T09:12:00+00:00",
    ]
    assert shots["Gas"].tolist() == ["Argon", "Argon"]
    assert db18.signal("ai0", 12).values[3] == 15.0
    # later news of another hour is not believed
    wrong = written(tmp_path / "shot_12_more.csv", "Date;2026-03-04 11:12:00\nProgram;Scan\n")
    outcome = load_file(db18, wrong, TOLD)
    assert outcome.status == "refused", outcome
    assert "--timezone" in outcome.reason
    more = written(tmp_path / "elsewhere.csv", "Date;2026-03-04 10:12:10\nShot;12\nProgram;Scan\n")
    assert "completed" in str(load_file(db18, more, TOLD))
    assert db18.shots().loc[12, "Program"] == "Scan"
