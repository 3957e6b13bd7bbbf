"""The whole testbed as a file: the same bytes after a detour through another database, and every mistake with its line."""

from __future__ import annotations

import contextlib
import datetime
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.calibration import Logarithm, Polynomial, Table, fit
from gilgamesh_db.cli import main
from gilgamesh_db.testbed.description import (
    Calibration,
    Component,
    Connection,
    Definition,
    Description,
    Placement,
    Port,
    Property,
    Signal,
    Subject,
    timeline,
)
from gilgamesh_db.testbed.difference import differences
from gilgamesh_db.testbed.planning import plan
from gilgamesh_db.testbed.repository import Repository
from gilgamesh_db.testbed.snapshot import snapshot
from gilgamesh_db.testbed.yaml_reader import parse
from gilgamesh_db.testbed.yaml_writer import write_description
from gilgamesh_db.timespan import Timespan
from gilgamesh_loaders import simulator

SMALL = """\
format: 1
since: 2025-01-01
components:
  testbed: {class: Testbed}
  DAQ: {class: Digitiser, parent: testbed}
  shunt1:
    class: Shunt
    parent: testbed
    properties:
      resistance: {value: 0.1, unit: Ohm}
    calibration: {from: V, to: A, steps: [{polynomial: [0, -0.01]}]}
ports:
  DAQ:
    ai1..ai2: {dtype: int16, calibration: {from: ct, to: V, steps: [{polynomial: [0, 0.001]}]}}
signals:
  I:
    unit: A
    component: shunt1
    aliases: [Current]
    wiring:
      - {port: DAQ/ai1, chain: [shunt1], until: 2025-03-01}
      - {port: DAQ/ai2, chain: [shunt1], since: 2025-03-01}
  U:
    unit: V
attributes:
  Gas: {kind: text}
"""


def known(db: gilgamesh.Database) -> Description:
    with db.transaction() as connection:
        return snapshot(connection)


def perform(db: gilgamesh.Database, wanted: Description, reason: str = "as the file says") -> None:
    with db.edit(reason) as edit:
        for statement in plan(known(db), wanted):
            statement.perform(edit)


def described(text: str) -> Description:
    return parse(Path("testbed.yaml"), text)


def test_export_import_export_is_the_same_to_the_byte(db: gilgamesh.Database, server18: Any, tmp_path: Path) -> None:
    simulator.install_testbed(db)
    simulator.live(db)
    with db.edit("what the demo has not") as edit:
        edit.add_signal("H_lost", unit="W", kind="derived")
        edit.define("H_lost", "H_Pfwd - H_Pref", since="2025-02-01")
        edit.calibrate(
            "Generator/Fpower",
            (Table((0.0, 1.0), (0.0, 1.1), outside="clamp"), Logarithm(base="e")),
            "W",
            "W",
            quality="poor",
        )
        edit.calibrate(
            "shunt2", fit([0.0, 1.0, 2.0, 4.0], [0.0, -0.0101, -0.0199, -0.04], "poly1"), "V", "A", source="bench"
        )
        edit.calibrate(
            "shunt1", Polynomial((0.0, -0.01)), "V", "A", covariance=[[1e-12, 0.0], [0.0, 1e-10]], since=None
        )
        edit.add_signal("Lang_dens", unit="1 / m3", kind="processed")
        edit.add_signal("Lang_dens_error", unit="1 / m3", kind="processed", uncertainty_of="Lang_dens")
        edit.set_property("vessel", "ports", [1.0, 2.5], since="2025-03-01 10:00:00.25")
        edit.set_property("vessel", "colour", "no")
        edit.set_property("vessel", "leaky", True)
        edit.add_component(
            "odd 'one' #1: 1e3", "Thing", parent="vessel", serial="0012", description='é\n"two" lines: 50 %'
        )
    text = write_description(known(db))
    assert described(text) == known(db)
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as other:
        perform(other, described(text))
        assert write_description(known(other)) == text
        assert differences(known(other), known(db)) == []
    assert plan(known(db), described(text)) == []
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as third:
        repository = Repository.init(tmp_path / "lab", third.engine)
        repository.auto_revision("all of it", list(plan(Description(), described(text))))
        repository.upgrade()
        assert write_description(known(third)) == text


def test_the_past_can_be_described_too(db18: gilgamesh.Database) -> None:
    simulator.install_testbed(db18)
    simulator.live(db18)
    first_day = known(db18.known_at("2025-01-21"))
    assert "bdot3" not in first_day.components
    assert len(first_day.of("connection", "Lang_I")) == 1


def test_a_revision_written_by_auto_makes_the_database_agree(db: gilgamesh.Database, tmp_path: Path) -> None:
    perform(db, described(SMALL))
    repository = Repository.init(tmp_path / "lab", db.engine)
    before = known(db)
    wanted = described(
        SMALL.replace("DAQ/ai1, chain: [shunt1], until", "DAQ/ai2, chain: [shunt1], until")
        .replace("DAQ/ai2, chain: [shunt1], since", "DAQ/ai1, chain: [shunt1], since")
        .replace("aliases: [Current]", "aliases: [Probe_I]\n    plausible: [-1, 1]")
        .replace("  U:\n    unit: V\n", "  Double: {unit: A, kind: derived, formula: 2 * I}\n")
        .replace("value: 0.1, unit: Ohm}", "value: 0.11, unit: Ohm, since: 2025-04-01}")
        .replace("  shunt1:\n", "  divider1: {class: Divider, parent: box, calibration: {from: V, to: V, steps: [power_of_ten]}}\n  box: {parent: testbed}\n  shunt1:\n", 1)
        .replace("  Gas: {kind: text}", "  Useful: {kind: boolean}")
    )  # fmt: skip
    path = repository.auto_revision("as the file says", list(plan(before, wanted)))
    repository.upgrade()
    assert differences(known(db), wanted) == []
    assert known(db) == wanted
    repository.downgrade("base")
    assert known(db) == before
    repository.upgrade()
    assert known(db) == wanted
    assert "from gilgamesh_db.calibration import PowerOfTen\n" in path.read_text("utf-8")


def test_what_was_edited_past_the_repository_is_adopted(
    db18: gilgamesh.Database, server18: Any, tmp_path: Path
) -> None:
    lab = Repository.init(tmp_path / "lab", db18.engine)
    lab.description.write_text(SMALL, "utf-8")
    lab.auto_revision("as built", list(plan(Description(), described(SMALL))))
    lab.upgrade()
    assert lab.adopt("nothing") is None
    with db18.edit("in a hurry", author="ilya") as edit:
        edit.connect("U", "DAQ/ai1", since="2025-05-01")
        edit.amend("signal", "U", label="Voltage")
    path = lab.adopt("in a hurry")
    assert path is not None
    assert 'op.connect("U", "DAQ/ai1", since="2025-05-01 00:00")' in path.read_text("utf-8")
    assert [row.action for row in lab.applied().values()] == ["upgrade", "stamp"]
    assert described(lab.description.read_text("utf-8")) == known(db18)
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as other:
        Repository(lab.folder, other.engine).upgrade()
        assert known(other) == known(db18)


def test_a_comparison_at_a_date_looks_at_that_date_only() -> None:
    old, new = described(SMALL), described(SMALL.replace("since: 2025-03-01}", "since: 2025-04-01}"))
    at = [differences(old.at(moment), new.at(moment)) for moment in (day(2, 1), day(3, 15), day(5, 1))]
    assert at == [[], ["wiring of I, always: DAQ/ai2 through shunt1 in the database, nothing in the file"], []]


def day(month: int, number: int) -> datetime.datetime:
    return datetime.datetime(2025, month, number, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        ("  testbed: {class: Testbed}\n", "  testbed: {class: Testbed}\n  testbed: {class: Vessel}\n", errors.InvalidValue, "line 5: 'testbed' is here a second time; the first is in line 4"),
        ("unit: Ohm", "unit: Ohms", errors.UnitMismatch, "line 10: 'Ohms' is not a unit; did you mean 'Ohm'"),
        ("to: A,", "to: Banana,", errors.UnitMismatch, "line 11: 'Banana'"),
        ("  testbed: {class: Testbed}", "  testbed: {class: Testbed, parent: shunt1}", errors.InvalidValue, "line 4: a component cannot be part of itself: testbed in shunt1 in testbed"),
        ("parent: testbed}", "parent: testbad}", errors.InvalidValue, "line 5: there is no component 'testbad'; did you mean 'testbed'"),
        ("DAQ/ai1, chain", "DAQ/ai9, chain", errors.InvalidValue, "line 21: there is no port 'DAQ/ai9'; did you mean"),
        ("chain: [shunt1], until", "chain: [shant1], until", errors.InvalidValue, "line 21: there is no component 'shant1'; did you mean 'shunt1'"),
        ("DAQ/ai2, chain: [shunt1], since: 2025-03-01", "DAQ/ai2, chain: [shunt1]", errors.OverlapError, "line 22: the wiring of I is stated twice for .*; see line 21"),
        ("until: 2025-03-01", "until: 2025-03-02", errors.OverlapError, "line 22: the wiring of I is stated twice for .*; see line 21"),
        ("until: 2025-03-01", "until: 2024-03-01", errors.InvalidValue, "line 21: the period ends"),
        ("until: 2025-03-01", "until: yesterday", errors.InvalidValue, "line 21: 'yesterday' is not a time"),
        ("    unit: V\n", "    unit: V\n    wiring: {port: DAQ/ai2, since: 2025-06-01}\n", errors.OverlapError, "line 25: port 'DAQ/ai2' carries I already"),
        ("    unit: V\n", "    unit: V\n    aliases: [I]\n", errors.InvalidValue, "line 23: the name 'I' is taken by I"),
        ("{polynomial: [0, -0.01]}", "{polynomal: [0, -0.01]}", errors.InvalidValue, 'line 11: step 1: unknown function "polynomal"'),
        ("{polynomial: [0, -0.01]}", "{polynomial: [0, x]}", errors.InvalidValue, "line 11: step 1: polynomial: item 2"),
        ("component: shunt1", "compnent: shunt1", errors.InvalidValue, "line 18: nothing is called 'compnent' here; did you mean 'component'"),
        ("dtype: int16, ", "", errors.InvalidValue, "line 14: 'dtype' is missing"),
        ("ai1..ai2", "ai1..bi2", errors.InvalidValue, "line 14: 'ai1..bi2' is not a row of channels"),
        ("format: 1", "format: 7", errors.FileRefused, "line 1: this is format 7"),
        ("  DAQ: {class: Digitiser, parent: testbed}", "  DAQ: {class: Digitiser, parent: testbed", errors.FileRefused, r"line 6: "),
        ("kind: text", "kind: true", errors.InvalidValue, "line 26: a text is wanted here; put it in quotes"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_named_with_its_line(old: str, new: str, error: type[Exception], words: str) -> None:
    assert SMALL.count(old) >= 1
    with pytest.raises(error, match="testbed.yaml, " + words.removeprefix("testbed.yaml, ")):
        described(SMALL.replace(old, new, 1))


def test_an_entry_ends_where_the_next_begins() -> None:
    short = SMALL.replace(", until: 2025-03-01", "")
    assert described(short) == described(SMALL)
    assert "until:" not in write_description(described(SMALL))
    assert "until: 2025-02-01" in write_description(described(SMALL.replace("until: 2025-03-01", "until: 2025-02-01")))


def test_what_an_older_yaml_would_take_for_something_else_stays_a_text() -> None:
    read = described("format: 1\ncomponents:\n  no: {class: Divider, description: 1:20}\n  2025-01-01: {serial: 007}\n")
    assert read.components == {"no": Component("Divider", description="1:20"), "2025-01-01": Component(serial="007")}
    assert described(write_description(read)) == read


MOMENTS = [datetime.datetime(2025, month, 1, tzinfo=datetime.UTC) for month in range(1, 7)]
SPANS = st.tuples(st.integers(-1, 5), st.integers(1, 7)).map(
    lambda ends: Timespan(None if ends[0] < 0 else MOMENTS[ends[0]], None if sum(ends) > 5 else MOMENTS[sum(ends)])
)


@st.composite
def timelines(draw: Any, values: Any) -> Any:
    entries: list[Any] = []
    for span in draw(st.lists(SPANS, max_size=4)):
        if not any(span.overlaps(held) for held, _ in entries):
            entries.append((span, draw(values)))
    return timeline(entries)


@st.composite
def small_testbeds(draw: Any) -> Description:
    """A small testbed, wired somehow: three signals that compete for two ports."""
    facts: dict[Subject, Any] = {Subject("placement", name): ((Timespan(), Placement(parent)),) for name, parent in
                                 [("top", None), ("DAQ", "top"), ("item", "top"), ("DAQ/a", "DAQ"), ("DAQ/b", "DAQ")]}  # fmt: skip
    carried: dict[str, list[Timespan]] = {"DAQ/a": [], "DAQ/b": []}
    for signal in ("S", "T", "V"):
        kept = []
        for span, value in draw(
            timelines(st.sampled_from([Connection("DAQ/a"), Connection("DAQ/b"), Connection("DAQ/a", ("item",))]))
        ):
            if not any(span.overlaps(held) for held in carried[value.port]):
                carried[value.port].append(span)
                kept.append((span, value))
        facts[Subject("connection", signal)] = timeline(kept)
    facts[Subject("calibration", "item")] = draw(
        timelines(st.sampled_from([Calibration("V", "V", (Polynomial((0.0, k)),)) for k in (1.0, 2.0)]))
    )
    facts[Subject("property", "item", "size")] = draw(timelines(st.sampled_from([Property(1.0, "m"), Property("big")])))
    facts[Subject("definition", "D")] = draw(timelines(st.sampled_from([Definition("S + T"), Definition("S")])))
    return Description(
        {"top": Component("Testbed"), "DAQ": Component("Digitiser"), "item": Component(draw(st.sampled_from(["Shunt", "Divider"])))},
        {f"DAQ/{channel}": Port("DAQ", channel, "int16", "V") for channel in "ab"},
        {name: Signal("V", "derived" if name == "D" else "measured", label=draw(st.sampled_from(["", "x"]))) for name in "STVD"},
        {}, {subject: entries for subject, entries in facts.items() if entries},
    )  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(first=small_testbeds(), second=small_testbeds())
def test_any_testbed_can_become_any_other(
    template18: str, server18: Any, first: Description, second: Description
) -> None:
    assert described(write_description(first)) == first
    with server18.database(template18) as url, gilgamesh.connect(url) as db:
        perform(db, first)
        assert known(db) == first
        perform(db, second)
        assert known(db) == second


@pytest.fixture(scope="module")
def template18(server18: Any) -> str:
    return str(server18.template())


def typed(*words: str) -> tuple[int, str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            main(list(words))
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
    return code, printed.getvalue()


def test_the_commands_say_what_they_found(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GILGAMESH_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    Path("testbed.yaml").write_text(SMALL, "utf-8")
    assert typed("testbed", "import", "testbed.yaml", "--author", "anna") == (
        0,
        "3 components, 2 ports, 2 signals, 1 attributes\n",
    )
    code, said = typed("testbed", "import", "testbed.yaml")
    assert (code, "revision --auto" in said) == (1, True)
    assert typed("testbed", "diff") == (0, "testbed.yaml and the database say the same\n")
    typed("testbed", "export", "again.yaml")
    assert typed("testbed", "export")[1] == Path("again.yaml").read_text("utf-8")
    Path("testbed.yaml").write_text(SMALL.replace("2025-03-01", "2025-04-01"), "utf-8")
    code, said = typed("testbed", "diff")
    assert code == 1
    assert said == (
        "wiring of I, [2025-03-01 00:00, 2025-04-01 00:00): DAQ/ai2 through shunt1 in the database, "
        "DAQ/ai1 through shunt1 in the file\n"
    )
    assert typed("testbed", "diff", "--at", "2025-02-01")[0] == 0
    assert typed("testbed", "diff", "missing.yaml") == (
        1, "gilgamesh: missing.yaml cannot be read: No such file or directory; write one with: gilgamesh testbed export missing.yaml\n"
    )  # fmt: skip
    with gilgamesh.connect(database_url) as db:
        assert set(db.sql("select author from gilgamesh.wiring").author) == {"anna"}
