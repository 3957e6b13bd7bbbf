"""The command line as people use it: what it prints, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gilgamesh_db as gilgamesh


@pytest.fixture
def run(server18: Any, tmp_path: Path) -> Any:
    """Run ``gilgamesh`` in a process of its own, on a fresh database; returns (exit code, output, errors)."""
    with server18.database(server18.template()) as url:

        def command(*arguments: str) -> tuple[int, str, str]:
            done = subprocess.run(
                [sys.executable, "-W", "error", "-m", "gilgamesh_db", "--url", url, *arguments],
                capture_output=True, text=True, cwd=tmp_path, check=False,
            )  # fmt: skip
            return done.returncode, done.stdout, done.stderr

        command.url = url  # type: ignore[attr-defined]
        yield command


def test_a_real_recording_gives_the_numbers_of_its_reference(run: Any, test_data: Path, tmp_path: Path) -> None:
    sample = str(test_data / "comtrade/sample_files/sample_ascii.cfg")
    expected = json.loads((test_data / "expected.json").read_text())["comtrade/sample_files/sample_ascii.cfg"]

    code, _, error = run("load", sample)
    assert code == 1
    assert "--shot" in error
    code, out, error = run("load", "--dry-run", "--shot", "1", sample)
    assert code == 1
    assert "unknown port" in out
    assert "--create" in error
    assert run("load", "--dry-run", "--shot", "1", "--create", sample)[0] == 0
    code, _, error = run("load", "--shot", "1", sample)
    assert code == 1
    assert "--create" in error
    code, out, _ = run("load", "--shot", "1", "--create", sample)
    assert code == 0
    assert "8 ports, 320 samples" in out
    code, out, _ = run("load", "--shot", "1", "--create", sample)
    assert code == 0
    assert "loaded before" in out

    with gilgamesh.connect(run.url) as db:
        for channel, name in (("A1", "IA"), ("A2", "IB"), ("A3", "IC"), ("A4", "_3I0")):
            values, reference = db.signal(name, 1).values, expected[channel]
            assert values.size == reference["n"]
            np.testing.assert_allclose(values[:5], reference["first5"], rtol=1e-6)
            np.testing.assert_allclose(values[-2:], reference["last2"], rtol=1e-6)
            np.testing.assert_allclose(
                [values.min(), values.max(), values.mean()],
                [reference["min"], reference["max"], reference["mean"]],
                rtol=1e-5,
            )
    code, out, _ = run("explain", "IA", "1")
    assert code == 0
    assert "value = 0.1138916015625 · raw + 0.05694580078125  [A]" in out
    code, out, _ = run("plot", "IA", "1")
    assert code == 0
    assert "min -23.6325, max 30.9216, mean 3.095 A" in out
    assert (tmp_path / "IA_1.png").stat().st_size > 5000
    code, out, _ = run("explain", "IA", "1", "--json")
    assert json.loads(out)["chain"][0]["item"] == "SMARTSTATION/IA"


def test_the_testbed_can_be_built_from_the_command_line(run: Any) -> None:
    steps = (
        ("add", "component", "PXI", "Digitiser", "--reason", "new"),
        ("add", "port", "PXI", "ai0", "--dtype", "int16", "--reason", "new"),
        ("add", "port", "PXI", "ai1", "--dtype", "int16", "--reason", "new"),
        ("add", "component", "shunt", "Shunt", "--parent", "PXI", "--reason", "new"),
        ("add", "signal", "Lang_I", "--unit", "A", "--alias", "Langmuir_I", "--reason", "new"),
        ("calibrate", "PXI/ai0", "ct", "V", "--polynomial", "0,0.001", "--reason", "data sheet"),
        ("calibrate", "shunt", "V", "A", "--polynomial", "0,-0.01", "--reason", "bench"),
        ("connect", "Lang_I", "PXI/ai0", "--through", "shunt", "--since", "2025-01-01", "--reason", "cabling"),
        ("disconnect", "Lang_I", "--since", "2025-02-01", "--until", "2025-03-01", "--reason", "repair"),
        ("place", "shunt", "PXI", "--reason", "moved", "--author", "anna"),
    )
    for step in steps:
        code, _, error = run(*step)
        assert (code, error) == (0, ""), step
    code, out, _ = run("signals", "--json")
    assert [(row["signal"], row["aliases"]) for row in json.loads(out)] == [("Lang_I", "Langmuir_I")]
    code, out, _ = run("sql", "select port, since, until from gilgamesh.wiring where closed_by is null order by since")
    assert out.count("PXI/ai0") == 2
    code, _, error = run("connect", "Lang_I", "PXI/ai7", "--reason", "odd")
    assert code == 1
    assert error.startswith("gilgamesh: no port 'PXI/ai7'")
    code, _, error = run("connect", "Lang_I", "PXI/ai1")
    assert code == 2
    assert "--reason" in error


def test_mistakes_end_with_their_exit_codes(run: Any) -> None:
    assert run("signls")[0] == 2
    assert "did you mean 'signals'" in run("signls")[2]
    assert run("explain", "Nothing", "1")[0] == 1
    assert run("--url", "postgresql://nobody@127.0.0.1:1/x", "signals")[0] == 3
    assert run("db", "stop")[0] == 1
    code, out, _ = run("db", "check", "--samples")
    assert code == 0
    assert "0 series read, 0 damaged" in out
    assert run("shots", "Gas ==")[0] == 1
    assert run("shots")[1] == "nothing\n"


def test_the_demo_tells_its_story_and_can_be_told_again(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, error = run("demo")
    assert (code, error) == (0, "")
    assert "demo finished after" in out.splitlines()[-1]
    assert (tmp_path / "gilgamesh_demo_1896.png").stat().st_size > 20_000
    with gilgamesh.connect(run.url) as db:
        assert len(db.shots()) == 40
        for shot in (838, 1234, 1896):
            signal = db.signal("Langmuir_I", shot)
            assert f"port {signal.port:<15} largest current {signal.values.max() * 1e3:7.3f} mA" in out
    code, again, _ = run("demo")
    assert code == 0
    assert "all loaded before" in again
