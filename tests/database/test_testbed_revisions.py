"""A change of the machine as a file: applied, taken back, refused when it was touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.testbed.rehearsal import rehearse
from gilgamesh_db.testbed.repository import Repository

HEAD = '"""{message}"""\nfrom alembic import op\nfrom gilgamesh_db import Polynomial\nfrom gilgamesh_db.testbed import shot\n' \
    'revision = "{name}"\ndown_revision = {down}\nbranch_labels = {label}\ndepends_on = None\nauthor = "anna"\nschema = "0001"\n\n\n' \
    "def upgrade() -> None:\n{body}\n\n\ndef downgrade() -> None:\n    op.take_back(revision)\n"  # fmt: skip

FIRST = """\
    op.add_component("testbed", "Testbed", since="2025-01-01")
    op.add_component("DAQ", "Digitiser", parent="testbed", since="2025-01-01")
    op.add_component("shunt1", "Shunt", parent="testbed", properties={"resistance": (0.1, "Ohm")}, since="2025-01-01")
    for channel in ("ai1", "ai2"):
        op.add_port("DAQ", channel, dtype="int16", low=-10.0, high=10.0, since="2025-01-01")
        op.calibrate("DAQ/" + channel, Polynomial((0.0, 0.001)), "ct", "V", since="2025-01-01")
    op.calibrate("shunt1", Polynomial((0.0, -0.01)), "V", "A", since="2025-01-01", source="data sheet")
    op.add_signal("I", unit="A", component="shunt1", role="current", aliases=["Current"], plausible=(-1.0, 1.0))
    op.connect("I", "DAQ/ai1", chain=["shunt1"], since="2025-01-01", reason="first cabling")
    op.add_attribute("Gas", kind="text")
    op.define_derived("Minus_I", "-I", unit="A")
"""
SECOND = """\
    op.connect("I", "DAQ/ai2", chain=["shunt1"], since=shot(10), reason="ai1 is noisy")
    op.calibrate("shunt1", Polynomial((0.0, -0.0101)), "V", "A", since=shot(12), source="bench")
    op.amend("signal", "I", label="Probe current", aliases=["Probe_I"])
    op.set_property("shunt1", "resistance", 0.101, "Ohm", since="2025-02-01")
"""


def write(repository: Repository, name: str, body: str, down: str | None = None, message: str = "") -> Path:
    path = repository.folder / "versions" / f"{name}.py"
    text = HEAD.format(
        name=name,
        body=body,
        down=repr(down),
        label="None" if down else '("testbed",)',
        message=message or f"what {name} says",
    )
    path.write_text(text, "utf-8")
    return path


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text("utf-8").splitlines(), 1) if text in line)


def resolved(db: gilgamesh.Database) -> pd.DataFrame:
    return db.sql(
        'select shot, signal, status, port, chain::text, gain, "offset", unit from gilgamesh.resolved_signal order by shot, signal'
    )


def stated(db: gilgamesh.Database) -> list[str]:
    """Everything that is believed today, in words."""
    return db.sql(
        "select 'wiring ' || signal || port || chain::text || valid::text as said from gilgamesh.wiring where closed_by is null "
        "union all select 'calibration ' || item || steps::text || valid::text from gilgamesh.calibrations where closed_by is null "
        "union all select 'tree ' || component || coalesce(parent, '') || properties::text || units::text from gilgamesh.components_at('2026-01-01') "
        "union all select 'signal ' || signal || label || aliases::text || unit from gilgamesh.signals order by 1"
    ).said.tolist()


@pytest.fixture
def shots(db: gilgamesh.Database) -> gilgamesh.Database:
    with db.engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into gilgamesh.shot (number, started_at) "
            "select n, '2025-01-10'::timestamptz + n * interval '1 day' from generate_series(8, 14) n"
        )
    return db


@pytest.fixture
def lab(shots: gilgamesh.Database, tmp_path: Path) -> Repository:
    repository = Repository.init(tmp_path / "lab", shots.engine)
    write(repository, "one", FIRST)
    write(repository, "two", SECOND, "one")
    return repository


def test_down_and_up_again_end_in_the_same_resolution(lab: Repository, shots: gilgamesh.Database) -> None:
    nothing = stated(shots)
    lab.upgrade("one")
    first, first_stated = resolved(shots), stated(shots)
    assert set(first.port.dropna()) == {"DAQ/ai1"}
    lab.upgrade()
    second, second_stated = resolved(shots), stated(shots)
    assert second.set_index(["shot", "signal"]).loc[(10, "I"), "port"] == "DAQ/ai2"
    assert second.set_index(["shot", "signal"]).loc[(9, "I"), "port"] == "DAQ/ai1"
    then = shots.sql("select clock_timestamp() as now").now[0].isoformat()
    lab.downgrade("one")
    assert stated(shots) == first_stated
    pd.testing.assert_frame_equal(resolved(shots), first)
    lab.downgrade("base")
    assert stated(shots) == nothing == []
    pd.testing.assert_frame_equal(resolved(shots.known_at(then)), second)  # the past stays readable
    lab.upgrade()
    assert stated(shots) == second_stated
    pd.testing.assert_frame_equal(resolved(shots), second)
    assert shots.sql("select name from gilgamesh.attribute where withdrawn_by_id is null").name.tolist() == ["Gas"]


def test_what_others_stated_since_stays_when_a_revision_is_taken_back(
    lab: Repository, shots: gilgamesh.Database
) -> None:
    lab.upgrade()
    with shots.edit("hub: moved once more", author="ilya") as edit:
        edit.connect("I", "DAQ/ai1", since=13, chain=["shunt1"])
        edit.amend("signal", "I", label="Current of the probe")
    lab.downgrade("one")
    wiring = shots.sql("select port, since, author from gilgamesh.wiring where closed_by is null order by since")
    assert wiring.author.tolist() == ["anna", "ilya"]
    assert wiring.port.tolist() == ["DAQ/ai1", "DAQ/ai1"]
    assert shots.sql("select label from gilgamesh.signals where signal = 'I'").label[0] == "Current of the probe"


def test_a_port_that_was_given_away_since_stops_the_way_back(lab: Repository, shots: gilgamesh.Database) -> None:
    lab.upgrade()
    with shots.edit("hub: another signal", author="ilya") as edit:
        edit.add_signal("J", unit="V")
        edit.connect("J", "DAQ/ai1", since=11)
    before = stated(shots)
    with pytest.raises(errors.OverlapError, match=r"'I' would return to port 'DAQ/ai1', which carries 'J'"):
        lab.downgrade("one")
    assert stated(shots) == before


def test_a_thing_that_others_need_stops_the_way_back(lab: Repository, shots: gilgamesh.Database) -> None:
    lab.upgrade("one")
    with shots.edit("hub: another signal", author="ilya") as edit:
        edit.add_signal("J", unit="V")
        edit.connect("J", "DAQ/ai2", since="2025-03-01")
    with pytest.raises(errors.ConflictError, match=r"'(DAQ|DAQ/ai2|testbed)' is still used by 'J'"):
        lab.downgrade("base")


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ('    op.connect("I", "DAQ/ai9", since="2025-03-01")', errors.ComponentNotFound, "no port 'DAQ/ai9'"),
        ('    op.connect("I", "DAQ/ai2", since="2025-03-01", until="2025-02-01")', errors.InvalidValue, "ends"),
        ('    op.connect("I", "DAQ/ai2", since=shot(99))', errors.ShotNotFound, "no shot 99"),
        ('    op.connect("I", "DAQ/ai2", sinse=shot(9))', errors.InvalidValue, "sinse"),
        ('    op.connect("Minus_I", "DAQ/ai2")', errors.InvalidValue, "not measured"),
        ('    op.calibrate("shunt1", Polynomial((0, 1)), "V", "Amps")', errors.UnitMismatch, "did you mean 'A'"),
        ('    op.place("testbed", "shunt1", since="2025-03-01")', errors.InvalidValue, "is part of"),
        ('    op.add_component("shunt1", "Shunt")', errors.ConflictError, "already"),
        ('    op.clear("calibration", "DAQ")', errors.InvalidValue, "no calibration of 'DAQ'"),
        ('    op.amend("signal", "I", wiring="?")', errors.InvalidValue, "wiring of a signal"),
    ],
)
def test_what_cannot_be_names_file_and_line_and_leaves_nothing_behind(
    lab: Repository, shots: gilgamesh.Database, body: str, error: type[Exception], words: str
) -> None:
    lab.upgrade()
    before, edits = stated(shots), len(shots.sql("select id from gilgamesh.edit"))
    path = write(lab, "three", '    op.set_property("shunt1", "colour", "red")\n' + body, "two")
    with pytest.raises(error, match=words) as caught:
        lab.upgrade()
    assert f"three.py, line {line_of(path, body.strip())}" in str(caught.value)
    assert stated(shots) == before
    assert len(shots.sql("select id from gilgamesh.edit")) == edits
    assert list(lab.applied()) == ["one", "two"]


@pytest.mark.parametrize(
    "body",
    [
        '    op.connect("I", "DAQ/ai2", chain=["shunt1"], since="2020-01-01", until="2020-02-01")',
        '    op.calibrate("shunt1", Polynomial((0.0, 1.0)), "V", "A", since="2020-01-01")',
        '    op.set_property("shunt1", "resistance", 1.0, "Ohm", since="2020-01-01")',
    ],
)
def test_nothing_goes_back_before_its_item_existed(lab: Repository, shots: gilgamesh.Database, body: str) -> None:
    lab.upgrade()
    before = stated(shots)
    write(lab, "three", body, "two")
    with pytest.raises(errors.GilgameshError, match=r"three\.py.*(shunt1|DAQ)"):
        lab.upgrade()
    assert stated(shots) == before


def test_a_chain_that_does_not_compose_is_found_in_its_own_revision(lab: Repository, shots: gilgamesh.Database) -> None:
    write(lab, "three", '    op.connect("I", "DAQ/ai2", since="2025-03-01")', "two")
    write(lab, "four", '    op.connect("I", "DAQ/ai2", chain=["shunt1"], since="2025-03-01")', "three")
    with pytest.raises(errors.UnitMismatch, match=r"three\.py"):
        lab.upgrade()
    assert lab.applied() == {}


def test_a_revision_that_was_changed_after_it_was_applied_is_refused(
    lab: Repository, shots: gilgamesh.Database
) -> None:
    lab.upgrade()
    path = lab.folder / "versions" / "one.py"
    text = path.read_text("utf-8")
    path.write_bytes(text.replace("\n", "\r\n").encode())  # another system's line endings are no change
    lab.upgrade()
    path.write_text(text.replace("0.001", "0.002"), "utf-8")
    write(lab, "three", "    pass", "two")
    for change in (lab.upgrade, lambda: lab.downgrade("one")):
        with pytest.raises(errors.ConflictError, match=r"one\.py was changed after it was applied .* by anna"):
            change()
    assert list(lab.applied()) == ["one", "two"]


def test_two_people_cannot_apply_at_once(
    lab: Repository, shots: gilgamesh.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gilgamesh_db.testbed import environment

    monkeypatch.setattr(environment, "PATIENCE", 0.2)
    with shots.engine.begin() as other:
        Repository(lab.folder, shots.engine).upgrade("one", connection=other)
        with pytest.raises(errors.ServerError, match=r"process \d+\) is applying"):
            lab.upgrade()
        other.rollback()
    lab.upgrade()
    assert list(lab.applied()) == ["one", "two"]


def test_a_folder_that_is_behind_the_database_is_refused(lab: Repository, shots: gilgamesh.Database) -> None:
    lab.upgrade()
    (lab.folder / "versions" / "two.py").unlink()
    with pytest.raises(errors.InvalidValue, match=r"revision two, which is not in .*git pull"):
        lab.upgrade()


def test_the_script_for_a_dba_gives_the_same_database(lab: Repository, shots: gilgamesh.Database) -> None:
    write(lab, "three", '    op.amend("signal", "I", description="50 %\\tof \\"it\\"; it\'s C:\\\\new :name é")', "two")
    up, down = lab.script(), lab.script("three:one", down=True)
    lab.upgrade()
    said, first = (
        stated(shots),
        shots.sql("select description from gilgamesh.signals where signal = 'I'").description[0],
    )
    assert first == '50 %\tof "it"; it\'s C:\\new :name é'
    lab.downgrade("base")
    run_script(shots, up)
    assert stated(shots) == said
    assert shots.sql("select description from gilgamesh.signals where signal = 'I'").description[0] == first
    assert list(lab.applied()) == ["one", "two", "three"]
    with pytest.raises(Exception, match="applied already"):
        run_script(shots, up)  # a script that does not fit changes nothing
    run_script(shots, down)
    assert list(lab.applied()) == ["one"]
    lab.upgrade()
    assert stated(shots) == said


def run_script(db: gilgamesh.Database, script: str) -> None:
    import psycopg

    with psycopg.connect(
        db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True
    ) as connection:
        connection.execute(script.encode())


def test_an_operator_may_apply_revisions(lab: Repository, shots: gilgamesh.Database) -> None:
    with shots.engine.begin() as connection:
        connection.exec_driver_sql("set local session authorization default")
        connection.exec_driver_sql("set local role gilgamesh_operator")
        lab.upgrade("one", connection=connection)
        lab.downgrade("base", connection=connection)
        lab.upgrade(connection=connection)
    assert list(lab.applied()) == ["one", "two"]


def test_neither_branch_runs_the_other(lab: Repository, shots: gilgamesh.Database) -> None:
    from gilgamesh_db import installation

    tables = shots.sql("select version_num from gilgamesh.alembic_version").version_num.tolist()
    lab.upgrade("one")
    assert shots.sql("select version_num from gilgamesh.alembic_version").version_num.tolist() == tables
    installation.upgrade(shots.engine)
    assert list(lab.applied()) == ["one"]
    with shots.engine.begin() as connection:
        connection.exec_driver_sql("update gilgamesh.alembic_version set version_num = '0001'")
    with pytest.raises(errors.SchemaOutOfDate, match="gilgamesh db upgrade"):
        lab.upgrade()


def test_a_revision_of_newer_software_asks_for_it(lab: Repository, shots: gilgamesh.Database) -> None:
    path = write(lab, "three", "    pass", "two")
    path.write_text(path.read_text("utf-8").replace('schema = "0001"', 'schema = "9999"'), "utf-8")
    with pytest.raises(errors.SoftwareOutOfDate, match="pip install --upgrade"):
        lab.upgrade()


def test_a_stamped_revision_has_nothing_to_take_back(lab: Repository, shots: gilgamesh.Database) -> None:
    lab.stamp("head")
    assert {row.action for row in lab.applied().values()} == {"stamp"}
    assert stated(shots) == []
    with pytest.raises(errors.InvalidValue, match="was stamped"):
        lab.downgrade("one")
    lab.stamp("base")
    lab.upgrade()
    assert len(stated(shots)) > 5


def test_ordinary_alembic_works_in_the_folder(lab: Repository, shots: gilgamesh.Database) -> None:
    url = shots.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def alembic(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "alembic", *arguments], cwd=lab.folder, capture_output=True, text=True, check=False,
            env={**os.environ, "GILGAMESH_DATABASE_URL": url},
        )  # fmt: skip

    said = alembic("upgrade", "testbed@head")
    assert said.stdout.splitlines() == ["applied one: what one says", "applied two: what two says"], said.stderr
    assert "two (head)" in alembic("current").stdout
    assert "one -> two (testbed) (head), what two says" in alembic("history").stdout
    path = lab.folder / "versions" / "two.py"
    path.write_text(path.read_text("utf-8") + "# touched\n", "utf-8")
    refused = alembic("downgrade", "base")
    assert refused.returncode != 0
    assert "two.py was changed after it was applied" in refused.stderr + refused.stdout
    assert "Traceback" not in refused.stderr
    assert list(lab.applied()) == ["one", "two"]


def test_a_dry_run_says_what_would_read_differently_and_leaves_nothing(
    lab: Repository, shots: gilgamesh.Database
) -> None:
    lab.upgrade("one")
    before, edits = stated(shots), len(shots.sql("select id from gilgamesh.edit"))
    lines, effect = rehearse(shots, lab, lab.upgrade, "head")
    assert lines == ["would apply two: what two says"]
    assert {(change.signal, change.shot) for change in effect.changes} == {("I", shot) for shot in range(10, 15)}
    assert "DAQ/ai1 → DAQ/ai2" in str(effect)
    assert (stated(shots), len(shots.sql("select id from gilgamesh.edit"))) == (before, edits)
    assert list(lab.applied()) == ["one"]
    write(lab, "three", '    op.connect("I", "DAQ/ai9")', "two")
    with pytest.raises(errors.ComponentNotFound, match=r"three\.py, line \d+: no port"):
        rehearse(shots, lab, lab.upgrade, "head")
    lab.upgrade("two")
    lines, effect = rehearse(shots, lab, lab.downgrade, "base")
    assert lines == ["would take back two: what two says", "would take back one: what one says"]
    assert "no longer wired to DAQ/ai1" in str(effect)


def test_two_revisions_of_the_same_time_are_joined(lab: Repository, shots: gilgamesh.Database) -> None:
    write(lab, "too", '    op.set_property("shunt1", "colour", "red")', "one")
    with pytest.raises(errors.InvalidValue, match=r"too, two follow the same revision.*alembic merge"):
        lab.upgrade()
    path = write(lab, "both", "    pass", "two")
    path.write_text(path.read_text("utf-8").replace("down_revision = 'two'", "down_revision = ('too', 'two')"), "utf-8")
    lab.upgrade()
    assert set(lab.applied()) == {"one", "two", "too", "both"}
    lab.downgrade("base")
    assert stated(shots) == []


def test_a_revision_that_is_no_python_names_its_line(lab: Repository, shots: gilgamesh.Database) -> None:
    path = write(lab, "three", "    op.connect(", "two")
    with pytest.raises(errors.InvalidValue, match=rf"three\.py, line {line_of(path, 'op.connect(')}: "):
        lab.upgrade()
    assert lab.applied() == {}
