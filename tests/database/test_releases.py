"""States of knowledge with a name, and numbers that were quoted."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import bibtexparser
import numpy as np
import pytest
import sqlalchemy as sa

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors, retention
from gilgamesh_db.cli import main
from records import install, record


def recalibrate(db: gilgamesh.Database, gain: float, author: str = "ilya") -> datetime:
    with db.edit("measured again", author=author) as edit:
        edit.calibrate("PXI/ai0", Polynomial((0.25, gain)), "ct", "V")
    return latest(db)


def latest(db: gilgamesh.Database) -> datetime:
    found: datetime = db.sql("select max(recorded_at) as t from gilgamesh.edit").t[0].to_pydatetime()
    return found


def person(server: Any, url: str, role: str) -> str:
    """A person with one role; returns the URL they connect with."""
    name = f"person_{role}"
    server.execute(
        f"do $$ begin create role {name} login in role gilgamesh_{role}; exception when duplicate_object then null; end $$"
    )
    return sa.make_url(url).set(username=name).render_as_string(False)


@pytest.fixture
def lab(db: gilgamesh.Database) -> gilgamesh.Database:
    port = install(db, shots=2)
    for shot in (1, 2):
        record(db, shot, port, (np.arange(1000) * shot).astype("int16"), start=0.0, dt=1e-3)
    return db


def test_a_release_answers_as_known_then(lab: gilgamesh.Database) -> None:
    then = lab.signal("U", 1).values.copy()
    made = lab.create_release("paper-2026", "density scan", author="anna")
    assert made.known_at == latest(lab)
    recalibrate(lab, 0.002)
    assert np.array_equal(lab.release("paper-2026").signal("U", 1).values, then)
    assert np.array_equal(lab.known_at("paper-2026").signal("U", 1).values, then)
    assert not np.array_equal(lab.signal("U", 1).values, then)
    assert [c.what for c in lab.changes("paper-2026", signals="U")] == [("calibration",)] * 2
    table = lab.releases()
    assert table.loc["paper-2026", "Description"] == "density scan"
    assert table.loc["paper-2026", "Author"] == "anna"
    with gilgamesh.connect(lab.engine.url, known_at="paper-2026") as past:
        assert np.array_equal(past.signal("U", 1).values, then)
        assert np.array_equal(past.today().signal("U", 1).values, lab.signal("U", 1).values)


def test_a_release_of_an_earlier_moment_pins_its_last_edit(lab: gilgamesh.Database) -> None:
    first = latest(lab)
    second = recalibrate(lab, 0.002)
    between = first + (second - first) / 2
    assert lab.create_release("before", known_at=between).known_at == first
    assert lab.known_at(between).create_release("also_before").known_at == first


@pytest.mark.parametrize(
    ("name", "moment", "kind", "letter"),
    [
        ("taken", None, errors.ConflictError, "a release 'taken' already, by .* never changes"),
        ("2026", None, errors.InvalidValue, "is not a name for a release.*beginning with a letter"),
        ("a b", None, errors.InvalidValue, "is not a name"),
        ("future", "2999-01-01", errors.InvalidValue, "nobody knows"),
        ("past", "1999-01-01", errors.InvalidValue, "nothing was known"),
    ],
)
def test_what_is_refused(
    lab: gilgamesh.Database, name: str, moment: str | None, kind: type[Exception], letter: str
) -> None:
    lab.create_release("taken")
    with pytest.raises(kind, match=letter):
        lab.create_release(name, known_at=moment)
    assert list(lab.releases().index) == ["taken"]


def test_sql_takes_any_moment_and_refuses_what_nobody_knows_when_asked_to(lab: gilgamesh.Database) -> None:
    recalibrate(lab, 0.002)
    ask = "select status, gain from gilgamesh.resolved_signal where signal = 'U' and shot = 1"
    with lab.transaction() as connection:
        today = connection.exec_driver_sql(ask).one()
        connection.exec_driver_sql("set local gilgamesh.known_at = '2999-01-01'")
        assert connection.exec_driver_sql(ask).one() == today
        connection.exec_driver_sql("set local gilgamesh.known_at = '1999-01-01'")
        assert connection.exec_driver_sql(ask).one() == ("not wired", None)
    for moment, letter in (("2999-01-01", "nobody knows"), ("1999-01-01", "nothing was known")):
        with pytest.raises(errors.InvalidValue, match=letter):
            lab.sql(f"select set_config('gilgamesh.known_at', gilgamesh.knowable('{moment}')::text, true)")


def test_an_unknown_release_is_answered_with_near_ones(lab: gilgamesh.Database) -> None:
    with pytest.raises(errors.ReleaseNotFound, match="none has been made"):
        lab.release("paper")
    lab.create_release("paper-2026")
    for ask in (lab.release, lab.known_at, lab.changes):
        with pytest.raises(errors.ReleaseNotFound, match="did you mean 'paper-2026'"):
            ask("papre-2026")


def test_what_is_pinned_never_changes(lab: gilgamesh.Database) -> None:
    lab.create_release("paper")
    lab.cite(lab.signal("U", 1))
    for statement in (
        "update gilgamesh.release set known_at = now()", "delete from gilgamesh.release",
        "update gilgamesh.data_citation set n = 0", "delete from gilgamesh.data_citation_input",
    ):  # fmt: skip
        with pytest.raises(errors.ConflictError, match="never changes"):
            lab.sql(statement)
    with pytest.raises(errors.InvalidValue, match="no edit was made"):
        lab.sql("insert into gilgamesh.release (name, known_at, author) values ('x', now(), 'x')")


def test_an_edit_that_is_not_committed_cannot_be_pinned(lab: gilgamesh.Database) -> None:
    with pytest.raises(errors.InvalidValue, match="not committed yet"), lab.transaction() as connection:
        connection.exec_driver_sql("select gilgamesh.begin_edit('tried')")
        connection.exec_driver_sql("select gilgamesh.create_release('too-early')")


def test_a_citation_gives_its_numbers_again(lab: gilgamesh.Database) -> None:
    quoted = lab.signal("Voltage", 1).window(0.1, 0.2)
    c = lab.cite(quoted, author="Anna Ålund")
    then = quoted.values.copy()
    # What is hashed, written out: the unit, a zero byte, times and values as little-endian float64.
    said = b"V\0" + quoted.time.astype("<f8").tobytes() + then.astype("<f8").tobytes()
    assert c.numbers.sha256 == hashlib.sha256(said).hexdigest()
    assert re.fullmatch(r"U-1-[0-9a-f]{6}", c.key)
    assert (c.numbers.n, c.numbers.mean, c.numbers.unit) == (100, pytest.approx(then.mean()), "V")
    assert lab.cite(lab.signal("U", 1).window(0.1, 0.2)) == c
    assert lab.cite(lab.signal("U", 1)).key != c.key
    assert lab.verify(c.key).verified
    assert not lab.verify(c.key).today

    recalibrate(lab, 0.002)
    assert np.array_equal(lab.cited(c.key).values, then)
    again = lab.verify(c.key)
    assert again.verified
    assert again.mean_today == pytest.approx(lab.signal("U", 1).window(0.1, 0.2).values.mean())
    assert "ilya" in str(again)
    assert "today's knowledge gives other numbers" in str(again)
    new = lab.cite(lab.signal("U", 1).window(0.1, 0.2))
    assert new.key != c.key
    assert lab.cite(lab.cited(c.key)) == c
    assert list(lab.citations().Signal) == ["U", "U", "U"]
    with lab.edit("unplugged") as edit:
        edit.disconnect("U")
    assert lab.verify(c.key).mean_today is None
    assert "cannot be computed any more" in str(lab.verify(c.key))


def test_the_bibtex_entry_is_one(lab: gilgamesh.Database) -> None:
    c = lab.cite(lab.signal("U", 1).window(0.1, 0.2), author="Anna & Bo_50%")
    library = bibtexparser.parse_string(c.bibtex)
    assert not library.failed_blocks
    (entry,) = library.entries
    fields = {field.key: field.value for field in entry.fields}
    assert (entry.key, entry.entry_type) == (c.key, "misc")
    assert fields["title"] == "{U of shot 1, 0.1 s to 0.2 s}"
    assert fields["author"] == r"{Anna \& Bo\_50\%}"
    assert c.numbers.sha256 in fields["note"]
    assert fields["year"] == str(datetime.now(UTC).year)


def test_a_damaged_record_is_noticed(lab: gilgamesh.Database) -> None:
    c = lab.cite(lab.signal("U", 1))
    lab.sql("update gilgamesh.segment set payload = set_byte(payload, 400, 77) where shot = 1")
    found = lab.verify(c.key)
    assert not found.verified
    assert "NOT as quoted" in str(found)
    assert "checksum" in str(found)
    assert any(told.startswith("mean was") for told in found.differences)


def test_only_what_the_database_can_compute_again_is_cited(lab: gilgamesh.Database) -> None:
    with pytest.raises(errors.InvalidValue, match=r"cannot be cited.*store it first"):
        lab.cite(2 * lab.signal("U", 1))
    stale = lab.signal("U", 1)
    assert stale.values.size
    recalibrate(lab, 0.003)
    with pytest.raises(errors.InvalidValue, match="does not give the same numbers"):
        lab.cite(stale)
    with pytest.raises(errors.ReferenceNotFound, match="verify --all"):
        lab.verify("U-1-abcdef")
    source = lab.signal("U", 1)
    with lab.run("halved", version="1", inputs=[source]) as run:
        run.save("U_half", source.time, source.values / 2, "V", create=True)
    c = lab.cite(lab.signal("U_half", 1))
    assert c.inputs == ("U_half",)
    assert lab.verify(c.key).verified


def test_samples_that_are_cited_are_not_released(lab: gilgamesh.Database) -> None:
    c = lab.cite(lab.signal("U", 1))
    with pytest.raises(errors.ConflictError, match=f"shot 1 by the citation {c.key}"):
        retention.release(lab, until=3)
    retention.release(lab, until=3, keep_needed=True)
    assert lab.verify(c.key).verified
    with pytest.raises(errors.SamplesNotFound):
        _ = lab.signal("U", 2).values


def test_a_dry_run_names_the_citations_it_touches(lab: gilgamesh.Database) -> None:
    c = lab.cite(lab.signal("U", 1))
    with lab.what_if("tried") as w:
        w.calibrate("PXI/ai0", Polynomial((0.25, 0.00101)), "ct", "V")
    assert [(d.kind, d.name, d.shot) for d in w.effect.dependents] == [("citation", c.key, 1)]
    assert f"citation {c.key}, shot 1: made of U" in str(w.effect)


def test_operators_pin_and_readers_verify(server: Any, database_url: str) -> None:
    with gilgamesh.connect(database_url) as owner:
        record(owner, 1, install(owner), np.arange(100, dtype="int16"))
        with gilgamesh.connect(person(server, database_url, "operator")) as operator:
            operator.create_release("paper")
            key = operator.cite(operator.signal("U", 1)).key
            with pytest.raises(errors.UserError, match="permission denied"):
                operator.sql("delete from gilgamesh.release")
        with gilgamesh.connect(person(server, database_url, "reader")) as reader:
            assert reader.verify(key).verified
            assert reader.release("paper").signal("U", 1).values.size == 100
            assert len(reader.changes("paper")) == 0
            for refused in (
                lambda: reader.create_release("mine"),
                lambda: reader.cite(reader.signal("U", 1).window(0, 1e-4)),
            ):
                with pytest.raises(errors.UserError, match="permission denied"):
                    refused()


def test_the_commands(
    lab: gilgamesh.Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = lab.engine.url.set(drivername="postgresql").render_as_string(False)
    monkeypatch.setenv("GILGAMESH_DATABASE_URL", url)

    def typed(*words: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    assert typed("release", "create", "paper", "--description", "scan", "--author", "anna")[0] == 0
    code, said = typed("release", "create", "paper")
    assert code == 1
    assert "never changes" in said
    code, said = typed("cite", "U", "1", "--window", "0.1", "0.2", "--json")
    key = json.loads(said)["key"]
    assert "@misc{" + key in typed("cite", "U", "1", "--window", "0.1", "0.2")[1]
    recalibrate(lab, 0.002)
    code, said = typed("verify", "--all")
    assert code == 0
    assert "today's knowledge gives other numbers" in said
    assert "1 later edit\n" in typed("release", "show", "paper")[1]
    assert json.loads(typed("release", "list", "--json")[1])[0]["Release"] == "paper"
    assert typed("verify")[0] == 1
    lab.sql("update gilgamesh.segment set payload = set_byte(payload, 400, 77) where shot = 1")
    code, said = typed("verify", key, "--json")
    assert code == 1
    assert json.loads(said)[0]["verified"] is False


def test_what_cites_can_be_read_with_the_orm(lab: gilgamesh.Database) -> None:
    from gilgamesh_db.models import DataCitation, Release

    lab.cite(lab.signal("U", 1))
    lab.create_release("paper")
    with lab.session() as session:
        assert session.scalars(sa.select(DataCitation)).one().unit == "V"
        assert session.scalars(sa.select(Release)).one().name == "paper"


def test_a_derived_signal_is_cited_with_what_it_is_made_of(lab: gilgamesh.Database) -> None:
    with lab.edit("formulas", author="anna") as edit:
        edit.add_signal("Double", unit="mV", kind="derived")
        edit.add_signal("Rest", unit="V", kind="derived")
        edit.define("Double", "2 * U")
        edit.define("Rest", "Double - mean(Double)")
    quoted = lab.signal("Rest", 1).window(0.1, 0.2)
    c = lab.cite(quoted, author="Anna")
    whole = lab.cite(lab.signal("Double", 1))
    then = quoted.values.copy()
    u = lab.signal("U", 1).values
    np.testing.assert_allclose(then, (2 * u - (2 * u).mean())[100:200], rtol=1e-12, atol=1e-12)
    assert (c.window, c.inputs, whole.inputs) == ((0.1, 0.2), ("U",), ("U",))
    assert lab.cite(lab.cited(c.key)) == c
    assert lab.verify(c.key).verified
    assert not lab.verify(c.key).today

    with pytest.raises(errors.ConflictError, match=f"shot 1 by the citation.* {c.key}"):
        retention.release(lab, until=3)
    retention.release(lab, until=3, keep_needed=True)

    with lab.edit("three times", author="ilya") as edit:
        edit.define("Double", "3 * U")
    again = lab.verify(c.key)
    assert again.verified
    assert np.array_equal(lab.cited(c.key).values, then)
    assert again.mean_today == pytest.approx(1.5 * c.numbers.mean)
    assert [(change.signal, change.inputs) for change in again.today] == [("Rest", ("Double",))]
    assert "because ilya" in str(again)

    with lab.what_if("gone") as tried:
        tried.define("Rest", "U - U")
    assert [(d.kind, d.name, d.signals) for d in tried.effect.dependents] == [("citation", c.key, ("Rest",))]
    lab.sql("update gilgamesh.segment set payload = set_byte(payload, 400, 77) where shot = 1")
    assert not lab.verify(c.key).verified
    assert not lab.verify(whole.key).verified
