"""What the cells of a notebook read: noted in a real kernel, found again when it is pushed, and told to whoever changes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from click.testing import CliRunner

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors, noting
from gilgamesh_db.cli import gilgamesh as command
from gilgamesh_db.notebooks.magic import query
from gilgamesh_db.notebooks.reads import MEDIA_TYPE, Read, born, note, reads_of, resolve

Written = Callable[..., dict[str, Any]]


def url_of(db: gilgamesh.Database) -> str:
    return db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def with_note(notebook: dict[str, Any], said: Any, cell: int = 0) -> dict[str, Any]:
    """The notebook as a front end saves it after the cell put out a note."""
    output = {"output_type": "display_data", "metadata": {}, "data": {MEDIA_TYPE: said}}
    notebook["cells"][cell]["outputs"] = [output]
    return notebook


@pytest.fixture
def monkey_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GILGAMESH_KNOWN_AT", raising=False)


@pytest.mark.usefixtures("monkey_home")
def test_the_story_of_a_notebook_and_a_recalibration(lab: gilgamesh.Database, written: Written) -> None:
    repository = lab.notebooks
    before = lab.sql("select clock_timestamp() as now").now[0]
    repository.push(
        written("# Current of the probe", "%load_ext gilgamesh", "i = db.signal('Langmuir_I', 1234)\nprint(float(i.values.max()))",
                "print(i)", "%%gsql largest\nselect max(value) as top from gilgamesh.samples_between(:probe, 1234, 0, 1)",
                "largest"),
        "langmuir/current.ipynb", author="anna",
    )  # fmt: skip
    assert repository.uses().empty  # it was never run
    failed = repository.run("langmuir/current.ipynb", push=True)
    assert "the notebook has no 'probe'" in str(failed.error)
    assert failed.error is not None
    assert failed.error.cell == 5
    assert failed.pushed is not None
    assert failed.pushed.metadata["executed"]["error"].startswith("cell 5: ")
    assert failed.pushed.signals == ("Lang_I",)  # what ran before the failure is not lost

    notebook = repository.notebook("langmuir/current.ipynb")
    notebook["cells"][3]["source"] = "probe = 'Lang_I'"
    repository.push(notebook, "langmuir/current.ipynb", over=2)
    done = repository.run("langmuir/current.ipynb", push=True, author="anna")
    assert done.error is None
    assert done.pushed is not None
    assert (done.pushed.number, done.pushed.signals, done.pushed.shots) == (4, ("Lang_I",), (1234,))
    outputs = [cell.get("outputs") for cell in repository.notebook("langmuir/current.ipynb")["cells"]]
    printed = float(outputs[2][0]["text"])
    assert printed == lab.signal("Lang_I", 1234).values.max()
    assert [MEDIA_TYPE in output["data"] for output in outputs[2][1:]] == [True]  # beside its result
    assert outputs[4] == []  # SQL is not noted, and a named result is not shown

    with lab.what_if("measured again") as w:
        w.calibrate("shunt1", Polynomial((0.0, -0.02)), "V", "A")
    (listed,) = [d for d in w.effect.dependents if d.kind == "notebook"]
    assert (listed.name, listed.id, listed.signals) == ("langmuir/current.ipynb", done.pushed.id, ("Lang_I",))
    assert "notebook langmuir/current.ipynb: made of Lang_I, which changes by" in str(w.effect)
    assert repository.uses(calibration="shunt1").UpToDate.tolist() == [True]

    with lab.edit("measured again") as edit:
        edit.calibrate("shunt1", Polynomial((0.0, -0.02)), "V", "A")
    used = repository.uses(calibration="shunt1")
    assert used.index.tolist() == ["langmuir/current.ipynb"]
    assert (used.Version.item(), used.Shots.item(), used.UpToDate.item()) == (4, [1234], False)
    assert used.Reason.item() == "Lang_I of shot 1234 has other calibrations"
    assert len(repository.uses(signal="Langmuir_I", shot=1234, every=True)) == 3
    assert repository.uses(shot="1235:1236").empty

    today = repository.run("langmuir/current.ipynb")
    (numbers,) = [one for one in today.differences if one.cell == 3]
    assert numbers.relative == pytest.approx(0.5, rel=1e-9)  # the shunt gives twice as much
    then = repository.run("langmuir/current.ipynb", known_at=before)
    assert then.differences == ()
    assert then.known_at == before


def test_a_notebook_that_only_connects_is_noted_unless_it_says_no(
    lab: gilgamesh.Database, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GILGAMESH_DATABASE_URL", url_of(lab))
    notebook = written(
        "import gilgamesh_db\ndb = gilgamesh_db.connect()",
        "db.signals(['Lang_*'], [1234, 1235]).shape, db.known_at(db.knowledge or '2026-11-01').signal('Lang_I', 1234).values.size",
        "%load_ext gilgamesh\n%greads off\ndb.signal('Bdot1', 1234).values.size",
        "%greads on\ndb.signal('Bdot1', 1235).window(0, 0.01).values.size; db.reduce({'top': 'max(Lang_U)'}, [1235]); "
        "db.find_shots('Lang_I > -1e6')",
    )
    lab.known_at("2026-11-01")
    ran = nbformat.from_dict(notebook)
    nbclient.NotebookClient(ran, timeout=60, kernel_name="python3").execute()
    lab.notebooks.push(ran, "a.ipynb")
    used = lab.sql("select distinct signal, shot, pinned from gilgamesh.notebook_use order by signal, shot, pinned")
    found = {tuple(row) for row in used.itertuples(index=False)}
    assert ("Bdot1", 1235, False) in found
    assert ("Bdot1", 1234, False) not in found
    assert {("Lang_I", 1234, True), ("Lang_I", 1234, False), ("Lang_U", 1235, False)} <= found
    assert not [signal for signal, _, _ in found if not signal.startswith(("Lang_", "Bdot1"))]


def test_notes_are_found_again_through_the_history(lab: gilgamesh.Database, written: Written) -> None:
    first, second = (lab.sql("select recorded_at from gilgamesh.edit order by id").recorded_at.iloc[k] for k in (0, -1))
    with lab.edit("measured again") as edit:
        edit.calibrate("shunt1", Polynomial((0.0, -0.03)), "V", "A")
    third = lab.sql("select recorded_at from gilgamesh.edit order by id").recorded_at.iloc[-1]
    reads = [
        Read("Langmuir_I", 1234, second),
        Read("Lang_I", 1234, second),
        Read("Lang_I", 1234, third),
        Read("Lang_U", 1235, third),
    ]
    notebook = with_note(written("x"), note(born(lab), reads))
    assert reads_of(notebook, born(lab))[0] == sorted(reads)
    found = resolve(lab, notebook)
    shunt = lab.sql(
        "select id from gilgamesh.calibration where component_id = gilgamesh.component_named('shunt1') order by id"
    ).id.tolist()
    by_moment = {(row["signal_id"], row["known_at"]): row["calibrations"] for row in found.inputs}
    assert len(by_moment) == 3  # by name and by alias it is one
    assert sum(shunt[0] in calibrations for calibrations in by_moment.values()) == 1
    assert sum(shunt[-1] in calibrations for calibrations in by_moment.values()) == 1
    assert found.unknown == ()
    version = lab.notebooks.push(notebook, "a.ipynb")
    assert version.unknown == found.unknown
    assert lab.notebooks.uses(calibration=shunt[0]).UpToDate.tolist() == [False]
    assert first < second


def test_notes_that_are_none_are_left_out_and_those_of_another_database_said(
    lab: gilgamesh.Database, written: Written
) -> None:
    good = {"signal": "Lang_I", "shots": [1234], "known_at": "2026-11-20T00:00:00+00:00", "pinned": False}
    for odd in ("x", 3, None, [], {}, {"reads": 3}, {"reads": [3, {}, {**good, "known_at": "soon"}, {**good, "shots": 3}, {**good, "signal": "a\0"}]},
                {"database": born(lab), "reads": [{**good, "shots": ["1", -1, 2**70]}]}, ["{broken"]):  # fmt: skip
        assert resolve(lab, with_note(written("x"), odd)).inputs == ()
    elsewhere = with_note(written("x"), {"database": "1999-01-01T00:00:00+00:00", "reads": [good]})
    pushed = lab.notebooks.push(elsewhere, "a.ipynb")
    assert pushed.signals == ()
    assert "noted 1 reads this database does not know, such as 'Lang_I' of shot 1234" in str(pushed)
    early = {"database": born(lab), "reads": [{**good, "known_at": "1999-01-01T00:00:00+00:00"}]}
    assert resolve(lab, with_note(written("x"), early)).unknown == (("Lang_I", 1234),)
    as_text = json.dumps(
        note(born(lab), [Read("Lang_I", 1234, lab.sql("select max(recorded_at) as t from gilgamesh.edit").t[0])])
    )
    assert len(resolve(lab, with_note(written("x"), as_text.splitlines(keepends=True))).inputs) == 1


def test_a_version_without_outputs_lets_the_last_that_had_them_speak(lab: gilgamesh.Database, written: Written) -> None:
    known = lab.sql("select max(recorded_at) as t from gilgamesh.edit").t[0]
    lab.notebooks.push(with_note(written("x"), note(born(lab), [Read("Lang_I", 1234, known)])), "a.ipynb")
    lab.notebooks.push(written("x # a word of explanation"), "a.ipynb", over=1)

    def listed() -> list[int]:
        return lab.sql("select distinct v.number from gilgamesh.lineage l join gilgamesh.notebook_version v on v.id = l.id "
                       "where l.kind = 'notebook' and l.signal = 'Lang_I' and l.input_shot = 1234 order by 1").number.tolist() \
            if len(lab.sql("select from gilgamesh.lineage where kind = 'notebook'").index) else []  # fmt: skip

    assert listed() == [1]
    lab.notebooks.push(
        with_note(written("y"), note(born(lab), [Read("Lang_I", 1234, known)])), "a.ipynb", over=2, strip=True
    )
    assert listed() == [3]  # stripped, but it was noted before
    assert lab.notebooks.uses(signal="Lang_I", every=True).Version.tolist() == [3, 1]
    lab.notebooks.remove("a.ipynb")
    assert listed() == []
    lab.notebooks.push(written("z"), "a.ipynb")
    assert listed() == []  # what was read before it was taken out is no longer said


def test_a_derived_signal_is_noted_with_its_formula(lab: gilgamesh.Database, written: Written) -> None:
    heard: list[tuple[str, int]] = []
    noting.listen(lambda _db, read: heard.extend(read))
    try:
        _ = lab.signal("IC_Pinj", 1234).values
        assert {("IC_Pinj", 1234), ("IC_Pfwd", 1234), ("IC_Pref", 1234)} <= set(heard)
        heard.clear()
        lab.signals(["IC_Pinj"], [1235])
        assert {("IC_Pinj", 1235), ("IC_Pfwd", 1235)} <= set(heard)
        heard.clear()
        lab.find_shots("Lang_I > -1e6")
        lab.changes(lab.sql("select min(recorded_at) as t from gilgamesh.edit").t[0])
        assert heard == []  # nobody asked for these by name
    finally:
        noting.listen(None)
    known = lab.sql("select max(recorded_at) as t from gilgamesh.edit").t[0]
    lab.notebooks.push(with_note(written("x"), note(born(lab), [Read("IC_Pinj", 1234, known)])), "a.ipynb")
    with lab.edit("another formula") as edit:
        edit.define("IC_Pinj", "IC_Pfwd - 2 * IC_Pref")
    used = lab.notebooks.uses(signal="IC_Pinj")
    assert not used.UpToDate.item()
    assert "no longer" in used.Reason.item()


def test_a_statement_takes_names_of_the_notebook(lab: gilgamesh.Database) -> None:
    import numpy as np
    import pandas as pd

    names = {"signal": "Lang_I", "shots": np.array([1234, 1235]), "one": np.int64(1234), "since": pd.Timestamp("2026-01-01", tz="UTC"),
             "table": pd.DataFrame(), "function": len, "both": ("Lang_I", "Lang_U")}  # fmt: skip
    assert query(
        lab, "select number from gilgamesh.shot where number = any(:shots) order by 1;", names
    ).number.tolist() == [1234, 1235]
    assert query(lab, "select :one + 1 as n, '12:30 :one'::text as said -- :nothing", names).iloc[0].tolist() == [
        1235,
        "12:30 :one",
    ]
    assert query(
        lab,
        'select name as ":one", $$:x$$ as y, /* :z */ cast(:since as timestamptz) as t from gilgamesh.signal where name = any(:both)',
        names,
    ).shape == (2, 3)
    assert query(lab, "select 100 % 7 as rest", names).rest.item() == 2
    injected = {"signal": "x'; drop table gilgamesh.shot; --"}
    assert query(lab, "select name from gilgamesh.signal where name = :signal", injected).empty
    for statement, said in (("select :shot", "did you mean 'shots'"), ("select :function", "no value of SQL"), ("", "no statement"),
                            ("select :table", "bound|adapt|no value"), ("selekt 1", "cannot be run")):  # fmt: skip
        with pytest.raises(errors.InvalidValue, match=said):
            query(lab, statement, names)


@pytest.mark.usefixtures("monkey_home")
def test_on_the_command_line(lab: gilgamesh.Database, written: Written, tmp_path: Path) -> None:
    known = lab.sql("select max(recorded_at) as t from gilgamesh.edit").t[0]
    notebook = with_note(written("x"), note(born(lab), [Read("Lang_I", 1234, known)]))
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook), "utf-8")

    def typed(*words: str) -> str:
        done = CliRunner().invoke(command, ["--url", url_of(lab), "notebooks", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    assert "it read Lang_I of shot 1234" in typed("push", "a.ipynb", "probe/a.ipynb", "-m", "first", "--author", "anna")
    assert json.loads(typed("push", "a.ipynb", "--json"))["unchanged"] is True
    assert "a.ipynb  1, anna" in typed("list", "--tree")
    assert json.loads(typed("list", "probe", "--json"))[0]["Signals"] == ["Lang_I"]
    assert "first" in typed("log", "probe/a.ipynb")
    assert json.loads(typed("used", "--signal", "Lang_I", "--shot", "-2:", "--json"))[0]["Shots"] == [1234]
    dry = CliRunner().invoke(
        command,
        [
            "--url",
            url_of(lab),
            "calibrate",
            "shunt1",
            "V",
            "A",
            "--polynomial",
            "0,-0.02",
            "--reason",
            "x",
            "--dry-run",
        ],
    )
    assert "notebook probe/a.ipynb: made of Lang_I" in dry.output
    (tmp_path / "a.ipynb").write_text(json.dumps(written("y")), "utf-8")
    assert "version 2 now" in typed("push", "a.ipynb")
    assert "-  x" in typed("diff", "probe/a.ipynb").replace("-    ", "-  ")
    assert typed("diff", "probe/a.ipynb", "a.ipynb") == "nothing a reader sees differs\n"
    assert "version 3 now" in typed("restore", "probe/a.ipynb", "1")
    assert "holds something" not in typed("pull", "probe/a.ipynb@1", "b.ipynb")
    assert "probe/a.ipynb" in typed("search", "x")
    assert "is old/a.ipynb now" in typed("move", "probe/a.ipynb", "old/a.ipynb")
    assert "restore old/a.ipynb 1" in typed("remove", "old/a.ipynb")
    assert typed("list") == "nothing\n"
    refused = CliRunner().invoke(command, ["--url", url_of(lab), "notebooks", "log", "none.ipynb"])
    assert isinstance(refused.exception, errors.NotebookNotFound)
