"""The table of docs/langmuir.md is what its script finds today."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

NUMBER = re.compile(r"-?\d+\.\d+")


def test_the_table_is_found_again(root: Path, test_data: Path) -> None:
    spec = importlib.util.spec_from_file_location("make_langmuir_table", root / "docs" / "make_langmuir_table.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = script.PAGE.read_text("utf-8")
    written = page.split(script.BEGIN)[1].split(script.END)[0].splitlines()[2:]
    found = script.lines(test_data)
    assert [NUMBER.sub("", line) for line in found] == [NUMBER.sub("", line) for line in written]
    for now, then in zip(found, written, strict=True):
        ours, theirs = ([float(number) for number in NUMBER.findall(line)] for line in (now, then))
        assert ours == pytest.approx(theirs, rel=0.03, abs=0.11), now


def test_every_truth_is_met(root: Path) -> None:
    """Temperature within 10 %, density within 20 %, as the table says."""
    for line in (root / "docs" / "langmuir.md").read_text("utf-8").splitlines():
        if "simulated |" in line:
            cells = line.split("|")[2:4]
            for cell, tolerance in zip(cells, (0.10, 0.20), strict=True):
                truth, ours = (float(NUMBER.search(part)[0]) for part in cell.split("/")[:2])
                assert ours == pytest.approx(truth, rel=tolerance)
