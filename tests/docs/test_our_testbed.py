"""The worked example: the life of the reference testbed as a lab's repository of revisions."""

from __future__ import annotations

import contextlib
import difflib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db.cli import main
from gilgamesh_db.testbed.repository import LAB, Repository
from gilgamesh_db.testbed.snapshot import snapshot
from gilgamesh_db.testbed.yaml_writer import write_description
from gilgamesh_loaders import simulator

EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "our-testbed"
RESOLVED = """
select shot, signal, status, port, chain::text, gain, "offset", steps::text, unit, clock_rate, clock_offset
  from gilgamesh.resolved_signal order by shot, signal
"""


def fire(db: gilgamesh.Database) -> None:
    """The forty shots of the demo, without their samples."""
    with db.engine.begin() as connection:
        for number in simulator.SHOTS:
            connection.exec_driver_sql(
                "insert into gilgamesh.shot (number, started_at) values (%s, %s)", (number, simulator.shot_time(number))
            )


def described(db: gilgamesh.Database) -> str:
    with db.transaction() as connection:
        return write_description(snapshot(connection))


@pytest.fixture
def lived(db: gilgamesh.Database, server18) -> Iterator[tuple[gilgamesh.Database, gilgamesh.Database]]:
    """A database for the revisions, and one in which the simulator's testbed lived."""
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as simulated:
        simulator.install_testbed(simulated)
        simulator.live(simulated)
        fire(simulated)
        fire(db)
        yield db, simulated


def test_the_life_of_the_testbed_as_revisions(
    lived: tuple[gilgamesh.Database, gilgamesh.Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, simulated = lived
    shutil.copytree(EXAMPLE, tmp_path / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    lab = Repository(tmp_path / "lab", db.engine, tell=lambda _: None)
    lab.upgrade()
    there = db.sql(RESOLVED)
    pd.testing.assert_frame_equal(there, simulated.sql(RESOLVED))
    text = described(db)
    said, expected = text.splitlines(), described(simulated).splitlines()
    differences = "\n".join(difflib.unified_diff(said, expected, "revisions", "simulator", lineterm="", n=2))
    assert differences == ""
    # What every author said is under the author's name.
    wiring = "select signal, port, author, valid from gilgamesh.wiring where closed_by is null order by signal, valid"
    pd.testing.assert_frame_equal(db.sql(wiring).astype(str), simulated.sql(wiring).astype(str))

    lab.downgrade("0005")
    assert set(
        db.sql("select distinct port from gilgamesh.wiring where signal = 'Lang_I' and closed_by is null").port
    ) == {"PXI M6251/ai3"}
    lab.downgrade("base")
    assert "components:" not in described(db)
    lab.upgrade()
    pd.testing.assert_frame_equal(db.sql(RESOLVED), there)
    assert described(db) == text

    lab.description.write_text(text, "utf-8")
    monkeypatch.setenv(
        "GILGAMESH_DATABASE_URL", db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    )
    monkeypatch.chdir(lab.folder)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main(["testbed", "diff"])
    assert printed.getvalue() == "testbed.yaml and the database say the same\n"


def test_the_folder_is_what_init_makes() -> None:
    for template in LAB.iterdir():
        if template.is_file():
            assert (EXAMPLE / template.name).read_text("utf-8") == template.read_text("utf-8"), template.name
