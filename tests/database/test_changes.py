"""What two states of knowledge say differently, against a reference that reads everything at both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, PowerOfTen, errors
from gilgamesh_db.changes import Change
from gilgamesh_db.writer import write_series
from records import driver

START = datetime(2025, 1, 1, tzinfo=UTC)
SHOTS = 4
SIGNALS = ("A", "B")
PORTS = ("PXI/ai0", "PXI/ai1", "Slow/in")
CURVED = (Polynomial((0.0, 0.001)), PowerOfTen())


def day(number: int | None) -> datetime | None:
    return None if number is None else START + timedelta(days=number)


def install(db: gilgamesh.Database) -> None:
    """Two signals, two ports on one time base and one on a slower, a shot a day."""
    rng = np.random.default_rng(1)
    with db.edit("installation", author="anna") as edit:
        for device, channels in (("PXI", ("ai0", "ai1")), ("Slow", ("in",))):
            edit.add_component(device, "Digitiser")
            for channel in channels:
                edit.add_port(device, channel, dtype="int16")
                edit.calibrate(f"{device}/{channel}", Polynomial((0.1, 0.001)), "ct", "V")
        for item in ("divider", "detector"):
            edit.add_component(item, "Item")
            edit.calibrate(item, Polynomial((0.0, 20.0)), "V", "V")
        for signal in SIGNALS:
            edit.add_signal(signal, unit="V")
        edit.connect("A", "PXI/ai0", chain=["divider"])
        edit.connect("B", "PXI/ai1", chain=["detector"])
    with db.transaction() as connection:
        named = connection.exec_driver_sql(
            "select c.name, p.component_id from gilgamesh.port p join gilgamesh.component c on c.id = p.component_id"
        )
        ports = {row.name: row.component_id for row in named}
        for shot in range(SHOTS):
            connection.execute(sa.text("insert into gilgamesh.shot (number, started_at) values (:n, :t)"),
                               {"n": shot, "t": day(shot)})  # fmt: skip
            for port, (n, dt) in {"PXI/ai0": (300, 1e-3), "PXI/ai1": (300, 1e-3), "Slow/in": (40, 1e-2)}.items():
                raw = rng.integers(-3000, 3000, n).astype("int16")
                write_series(driver(connection), shot, raw, port_id=ports[port], start=0.0, dt=dt)


def latest(db: gilgamesh.Database) -> datetime:
    moment = db.sql("select max(recorded_at) as t from gilgamesh.edit").t[0]
    return datetime.fromisoformat(str(moment))


def reading(db: gilgamesh.Database, signal: str, shot: int) -> Any:
    """Everything there is to know of a signal: times and values, or the error that says why not."""
    s = db.signal(signal, shot)
    try:
        time, values = s.time, s.values
    except (errors.NotWired, errors.NotCalibrated, errors.SamplesNotFound) as error:
        return type(error)
    return time, values


def reference(db: gilgamesh.Database, k1: datetime, k2: datetime) -> dict[tuple[str, int], Any]:
    """Ten lines that read both states of knowledge fully: who differs, and by how much."""
    found: dict[tuple[str, int], Any] = {}
    first, second = db.known_at(k1), db.known_at(k2)
    for shot in range(SHOTS):
        for name in SIGNALS:
            old, new = (reading(known, name, shot) for known in (first, second))
            if isinstance(old, type) or isinstance(new, type):
                if old is not new:
                    found[name, shot] = None
            elif old[1].size != new[1].size:
                found[name, shot] = None
            elif not (np.array_equal(old[0], new[0]) and np.array_equal(old[1], new[1])):
                d = new[1] - old[1]
                found[name, shot] = (np.abs(d).max(), np.sqrt(np.mean(d**2)), np.std(old[1]), old[1].mean(), new[1].mean(),
                                     np.abs(new[0] - old[0]).max())  # fmt: skip
    return found


def agrees(change: Change, expected: Any) -> None:
    if expected is None:
        assert change.maximum is None
        return
    largest, rms, deviation, before, after, shift = expected
    for mean, right in ((change.mean_before, before), (change.mean_after, after)):
        # Moments tell the mean of a straight line only; the samples are not read for what did not change the values.
        assert mean == pytest.approx(right, rel=1e-9, abs=1e-12) or (mean is None and change.compared != "samples")
    if set(change.what) & {"port"} and shift > 1e-6:
        assert change.maximum is None  # another record at other times: no sample belongs to another
        return
    assert change.maximum == pytest.approx(largest, rel=1e-9, abs=1e-12)
    assert change.rms == pytest.approx(rms, rel=1e-9, abs=1e-12)
    if deviation > 1e-9:
        assert change.sigma == pytest.approx(rms / deviation, rel=1e-6, abs=1e-12)
    else:
        assert not change.sigma
    assert (change.shift or 0.0) == pytest.approx(shift, abs=1e-9)


days = st.one_of(st.none(), st.integers(0, SHOTS))
periods = st.tuples(days, days).filter(lambda p: p[0] is None or p[1] is None or p[0] < p[1])
calibrations = st.one_of(
    st.tuples(st.floats(-2, 2).map(lambda x: round(x, 3)), st.floats(-30, 30).map(lambda x: round(x, 3))).map(
        lambda c: (Polynomial(c),)
    ),
    st.just(CURVED),
    st.just((Polynomial((0.0, 20.0)),)),
)
acts = st.one_of(
    st.tuples(st.just("calibrate"), st.sampled_from(("divider", "detector")), calibrations, periods),
    st.tuples(st.just("connect"), st.sampled_from(SIGNALS), st.sampled_from(PORTS),
              st.sampled_from(((), ("divider",), ("detector",), ("divider", "detector"))), periods),
    st.tuples(st.just("swap"), periods),
    st.tuples(st.just("disconnect"), st.sampled_from(SIGNALS), periods),
    st.tuples(st.just("timing"), st.sampled_from(("PXI", "Slow")), st.sampled_from((0.0, 0.0105, 2.0)), periods),
)  # fmt: skip


def act(edit: Any, said: Any) -> None:
    since, until = (day(number) for number in said[-1])
    match said:
        case ("calibrate", item, steps, _):
            edit.calibrate(item, steps, "V", "V", since=since, until=until)
        case ("connect", signal, port, chain, _):
            edit.connect(signal, port, chain=chain, since=since, until=until)
        case ("swap", _):
            edit.swap("A", "B", since=since, until=until)
        case ("disconnect", signal, _):
            edit.disconnect(signal, since=since, until=until)
        case ("timing", device, offset, _):
            edit.set_timing(device, start_offset=offset, since=since, until=until)


def test_changes_are_what_reading_everything_twice_says(db: gilgamesh.Database) -> None:
    install(db)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(acts, min_size=1, max_size=4), st.integers(0, 59), st.integers(0, 59))
    def check(story: list[Any], one: int, other: int) -> None:
        moments = [latest(db)]
        for said in story:
            try:
                with db.edit(f"said {said[0]}", author="ilya") as edit:
                    act(edit, said)
            except (errors.OverlapError, errors.NotWired):
                continue
            moments.append(latest(db))
        k1, k2 = moments[one % len(moments)], moments[other % len(moments)]
        expected = reference(db, k1, k2)
        # A chain of other items with the same numbers is told as well, with a difference of zero.
        found = {(c.signal, c.shot): c for c in db.changes(k1, k2) if c.maximum != 0 or c.shift}
        assert {pair for pair, c in found.items() if c.what != ("chain",) or c.maximum} == set(expected)
        for pair, change in found.items():
            agrees(change, expected[pair])
            made_between = {cause.recorded_at for cause in change.causes}
            assert made_between
            assert all(min(k1, k2) < moment <= max(k1, k2) for moment in made_between)

    check()


def test_a_dry_run_says_what_the_edit_then_does(db: gilgamesh.Database) -> None:
    install(db)

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(acts, min_size=1, max_size=3))
    def check(story: list[Any]) -> None:
        before = latest(db)
        try:
            with db.what_if("tried", author="ilya") as tried:
                for said in story:
                    act(tried, said)
        except (errors.OverlapError, errors.NotWired):
            assert latest(db) == before
            return
        assert latest(db) == before
        with db.edit("tried", author="ilya") as edit:
            for said in story:
                act(edit, said)
        done = db.changes(before)
        assert [without_causes(c) for c in tried.effect.changes] == [without_causes(c) for c in done]
        assert tried.effect.changes.known_at_2 is None

    check()


def without_causes(change: Change) -> dict[str, Any]:
    """The number of an edit that was taken back is not given again."""
    return {key: value for key, value in change.to_dict().items() if key != "causes"}


def test_only_the_edits_that_made_the_difference_are_named(db18: gilgamesh.Database) -> None:
    install(db18)
    before = latest(db18)
    with db18.edit("A was on ai0 only until day 2", author="one") as edit:
        edit.disconnect("A", since=day(2))
    with db18.edit("and not on day 0 either", author="two") as edit:
        edit.disconnect("A", until=day(1))
    with db18.edit("the same again", author="three") as edit:
        edit.calibrate("detector", Polynomial((0.0, 20.0)), "V", "V", source="another bench")
    named = {(c.signal, c.shot): [cause.author for cause in c.causes] for c in db18.changes(before)}
    assert named == {("A", 0): ["two"], ("A", 2): ["one"], ("A", 3): ["one"]}


def test_what_bounds_decide_is_not_read(db18: gilgamesh.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    install(db18)
    with db18.edit("curved") as edit:
        edit.calibrate("divider", CURVED, "V", "V")
    before = latest(db18)
    with db18.edit("a trifle, and half a volt") as edit:
        edit.calibrate("divider", (Polynomial((0.0, 0.001 * (1 + 1e-9))), PowerOfTen()), "V", "V", until=2)
        edit.calibrate("divider", (Polynomial((0.0, 0.01)), PowerOfTen()), "V", "V", since=2)
    exact = {c.shot: c for c in db18.changes(before)}
    assert set(exact) == {0, 1, 2, 3}
    assert {c.compared for c in exact.values()} == {"samples"}

    def refuse(*_: Any) -> None:
        raise AssertionError("samples were read")

    monkeypatch.setattr("gilgamesh_db.changes.from_samples", refuse)
    with pytest.raises(AssertionError, match="samples were read"):
        db18.changes(before)
    quick = {c.shot: c for c in db18.changes(before, exact=False)}
    assert all(quick[shot].maximum >= exact[shot].maximum > 0 and quick[shot].compared == "bounds" for shot in exact)
    assert {c.shot for c in db18.changes(before, exact=False, tolerance=0.01)} == {2, 3}
    assert not db18.changes(before, shots="0:2", tolerance=0.01)


def test_changes_can_be_asked_of_some_shots_and_signals(db18: gilgamesh.Database) -> None:
    install(db18)
    before = latest(db18)
    with db18.edit("measured again") as edit:
        for item in ("divider", "detector"):
            edit.calibrate(item, Polynomial((0.0, 21.0)), "V", "V")

    def asked(**only: Any) -> list[tuple[str, int]]:
        return [(c.signal, c.shot) for c in db18.changes(before, **only)]

    assert asked(signals="A", shots="1:3") == [("A", 1), ("A", 2)]
    assert asked(signals=["B"], shots=[3, 0]) == [("B", 0), ("B", 3)]
    assert asked(shots=2) == [("A", 2), ("B", 2)]
    table = db18.changes(before).table
    assert table.index.names == ["Signal", "Shot"]
    assert table.loc[("A", 1), "because"].endswith("measured again")
    html = db18.changes(before)._repr_html_()
    assert "another calibration" in html
    assert "4 shots, 0 to 3" in html
    with pytest.raises(errors.SignalNotFound, match="'C'"):
        asked(signals="C")
    with pytest.raises(errors.InvalidValue, match="tolerance"):
        asked(tolerance=-1)
    with pytest.raises(errors.InvalidValue, match="no shot"):
        asked(shots=[])


def test_a_moment_nobody_can_know_is_refused(db: gilgamesh.Database) -> None:
    with pytest.raises(errors.InvalidValue, match="nothing has been stated"):
        db.known_at("2025-01-01")
    install(db)
    now = latest(db)
    for moment, letter in (("2025-01-01", "nothing was known"), ("2999-01-01", "nobody knows")):
        for ask in (
            db.known_at,
            db.changes,
            lambda k: db.changes(now, k),
            lambda k: gilgamesh.connect(db.engine.url, known_at=k),
        ):
            with pytest.raises(errors.InvalidValue, match=letter):
                ask(moment)
        with pytest.raises(errors.InvalidValue, match=letter):
            db.sql("select * from gilgamesh.changes(cast(:k as timestamptz))", {"k": moment})
    with pytest.raises(errors.ReleaseNotFound, match="none has been made"):
        db.known_at("yesterday")


def test_the_dry_run_of_sql(db: gilgamesh.Database) -> None:
    install(db)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("select gilgamesh.begin_edit('tried')")
        connection.exec_driver_sql("select gilgamesh.swap('A', 'B', tstzrange('2025-01-02', '2025-01-03'))")
        found = connection.exec_driver_sql("select * from gilgamesh.changes(gilgamesh.before_this_edit())").all()
        connection.rollback()
    assert [(row.signal, row.shot, row.what, row.because[-5:]) for row in found] == [
        ("A", 1, ["port"], "tried"),
        ("B", 1, ["port"], "tried"),
    ]
    assert db.sql("select * from gilgamesh.changes(gilgamesh.before_this_edit())").empty


def test_a_dry_run_refuses_what_the_edit_would_refuse_and_leaves_nothing(db18: gilgamesh.Database) -> None:
    install(db18)
    before = latest(db18)
    with pytest.raises(errors.UnitMismatch, match="does not compose"), db18.what_if("wrong") as w:
        w.calibrate("divider", Polynomial((0.0, 1.0)), "V", "A")
    with pytest.raises(errors.InvalidValue, match="when the block"), db18.what_if("too early") as w:
        w.calibrate("divider", Polynomial((0.0, 1.0)), "V", "V")
        _ = w.effect
    with db18.what_if("nothing that anybody measures") as w:
        w.add_component("spare", "Item")
    assert str(w.effect) == "no signal of any shot would change"
    assert latest(db18) == before
    with db18.edit("the lock is free again") as edit:
        edit.add_component("spare", "Item")


def test_a_dry_run_names_what_was_made_from_what_changes(db18: gilgamesh.Database) -> None:
    install(db18)
    source = db18.signal("A", 2)
    with db18.run("sweep", version="1", inputs=[source]) as run:
        run.save("A_smooth", source.time, source.values, "V", create=True)
    with db18.edit("rules") as edit:
        edit.add_attribute("MaxA", rule="max(A)")
    db18.refresh([1, 2])
    with db18.what_if("divider measured", author="ilya") as w:
        w.calibrate("divider", Polynomial((0.0, 21.0)), "V", "V", since=day(2))
    dependents = [(d.kind, d.name, d.shot, d.signals) for d in w.effect.dependents]
    assert dependents == [("attribute", "MaxA", 2, ("A",)), ("run", "sweep", 2, ("A",))]
    assert all(d.relative == pytest.approx(0.05) and d.sigma > 0 for d in w.effect.dependents)
    assert "run sweep, shot 2: made of A" in str(w.effect)
    assert "MaxA" in w.effect._repr_html_()
    assert w.effect.to_dict()["dependents"][0]["kind"] == "attribute"
    lineage = db18.sql("select kind, name, shot, input_shot, signal from gilgamesh.lineage order by kind, shot")
    assert len(lineage) == 3


def define(db: gilgamesh.Database) -> None:
    """Formulas over A and B, one over another, one under another name, one that needs the whole record."""
    with db.edit("formulas", author="anna") as edit:
        for name, unit in (("Sum", "V"), ("Twice", "V"), ("Flat", ""), ("Charge", "V s")):
            edit.add_signal(name, unit=unit, kind="derived", aliases=[f"{name}_alias"])
        edit.define("Sum", "A + B")
        edit.define("Twice", "2 * Sum_alias", since=day(1))
        edit.define("Flat", "where(A > quantity(1, 'MV'), 1, 0)")
        edit.define("Charge", "integral(B)")


def read(db: gilgamesh.Database, signal: str, shot: int) -> Any:
    """Times and values of a derived signal; None where it cannot be read."""
    s = db.signal(signal, shot)
    try:
        return s.time, s.values
    except errors.GilgameshError:
        return None


def derived_reference(db: gilgamesh.Database, k1: datetime, k2: datetime) -> dict[tuple[str, int], Any]:
    """Read every derived signal fully at both moments: which differ, and by how much at most."""
    found: dict[tuple[str, int], Any] = {}
    for shot in range(SHOTS):
        for name in ("Sum", "Twice", "Flat", "Charge"):
            old, new = (read(db.known_at(k), name, shot) for k in (k1, k2))
            if old is None or new is None:
                if old is not new:
                    found[name, shot] = None
            elif not all(np.array_equal(x, y, equal_nan=True) for x, y in zip(old, new, strict=True)):
                found[name, shot] = ...
                if np.array_equal(old[0], new[0]):
                    numbers = np.isfinite(old[1]) & np.isfinite(new[1])
                    found[name, shot] = np.abs(new[1] - old[1])[numbers].max() if numbers.any() else np.nan
    return found


formula_acts = st.one_of(
    acts,
    st.tuples(st.just("define"), st.sampled_from(("Sum", "Charge")), st.sampled_from(("A - B", "A + B", "A")), periods),
)


def test_derived_signals_change_as_reading_everything_twice_says(db: gilgamesh.Database) -> None:
    install(db)
    define(db)

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.lists(formula_acts, min_size=1, max_size=3), st.integers(0, 59), st.integers(0, 59))
    def check(story: list[Any], one: int, other: int) -> None:
        moments = [latest(db)]
        for said in story:
            try:
                with db.edit(f"said {said[0]}", author="ilya") as edit:
                    if said[0] == "define":
                        unit = "" if said[1] == "Sum" else " * quantity(1, 's')"
                        since, until = (day(number) for number in said[-1])
                        edit.define(said[1], f"({said[2]}){unit}", since=since, until=until)
                    else:
                        act(edit, said)
            except (errors.OverlapError, errors.NotWired):
                continue
            moments.append(latest(db))
        k1, k2 = moments[one % len(moments)], moments[other % len(moments)]
        expected = derived_reference(db, k1, k2)
        told = {(c.signal, c.shot): c for c in db.changes(k1, k2) if c.signal not in SIGNALS}
        assert set(expected) <= set(told)
        # Another formula that gives the same numbers is told as well, with a difference of zero.
        for pair in set(told) - set(expected):
            assert "definition" in told[pair].what
            assert not told[pair].shift
            assert told[pair].maximum == 0 or np.isnan(told[pair].maximum)
        for pair, largest in expected.items():
            change = told[pair]
            assert change.causes
            assert all(min(k1, k2) < cause.recorded_at <= max(k1, k2) for cause in change.causes)
            assert "input" not in change.what or set(change.inputs) <= {"A", "B", "Sum"}
            if largest is None:
                assert "ok" in (change.status_before, change.status_after)
                assert change.status_before != change.status_after
                assert change.maximum is None
            elif largest is not ...:
                assert change.maximum == pytest.approx(largest, rel=1e-12, nan_ok=True)
        for name in ("Sum", "Twice_alias"):
            alone = list(db.changes(k1, k2, signals=name))
            assert repr(alone) == repr([c for pair, c in told.items() if pair[0] == name.removesuffix("_alias")])

    check()


def test_a_dry_run_tells_of_derived_signals_after_the_lock_is_free(
    db18: gilgamesh.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gilgamesh_db.derived_changes import Formulas

    install(db18)
    define(db18)
    cited = db18.cite(db18.signal("Sum", 1))
    before = latest(db18)
    evaluated = Formulas.compare

    def while_others_edit(*given: Any) -> Any:
        with db18.engine.connect() as other:  # would wait for the lock of edits
            other.exec_driver_sql("set lock_timeout = '2s'")
            other.exec_driver_sql("select gilgamesh.begin_edit('meanwhile')")
            other.rollback()
        return evaluated(*given)

    monkeypatch.setattr(Formulas, "compare", while_others_edit)
    with db18.what_if("tried", author="ilya") as tried:
        tried.calibrate("divider", Polynomial((0.0, 21.0)), "V", "V", since=day(2))
        tried.define("Sum", "A - B", until=day(2))
    monkeypatch.undo()
    assert latest(db18) == before
    with db18.edit("tried", author="ilya") as edit:
        edit.calibrate("divider", Polynomial((0.0, 21.0)), "V", "V", since=day(2))
        edit.define("Sum", "A - B", until=day(2))
    done = db18.changes(before)
    assert [without_causes(c) for c in tried.effect.changes] == [without_causes(c) for c in done]
    found = {(c.signal, c.shot): (c.what, c.inputs) for c in done if c.signal not in SIGNALS}
    assert found == {
        ("Sum", 0): (("definition",), ()), ("Sum", 1): (("definition",), ()),
        ("Sum", 2): (("input",), ("A",)), ("Sum", 3): (("input",), ("A",)),
        ("Twice", 1): (("input",), ("Sum",)), ("Twice", 2): (("input",), ("Sum",)), ("Twice", 3): (("input",), ("Sum",)),
    }  # fmt: skip
    change = next(c for c in done if (c.signal, c.shot) == ("Twice", 1))
    b = db18.signal("B", 1).values
    assert change.maximum == pytest.approx(4 * np.abs(b).max(), rel=1e-12)
    assert change.rms == pytest.approx(4 * np.sqrt(np.mean(b**2)), rel=1e-12)
    assert [(d.kind, d.name, d.shot, d.signals) for d in tried.effect.dependents] == [
        ("citation", cited.key, 1, ("Sum",))
    ]
    said = str(done)
    assert "Sum, 2 shots, 0 to 1: another formula" in said
    assert "Twice, 3 shots, 1 to 3: made of Sum" in said
    assert done.table.loc[("Sum", 2), "inputs"] == "A"


def test_what_is_too_much_to_read_is_listed_without_amounts(
    db18: gilgamesh.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(db18)
    define(db18)
    before = latest(db18)
    with db18.edit("measured again", author="ilya") as edit:
        edit.calibrate("detector", Polynomial((0.0, 21.0)), "V", "V")
    exact = db18.changes(before, signals="Charge")
    assert [c.compared for c in exact] == ["samples"] * SHOTS
    assert [c.compared for c in db18.changes(before, signals="Charge", exact=False)] == ["not read"] * SHOTS
    assert len(db18.changes(before, signals="Charge", tolerance=0.04)) == SHOTS
    assert not db18.changes(before, signals="Charge", tolerance=0.06)
    for bound, room in (("RESOLVED", 2), ("SAMPLES", 300 * 2 * 2)):
        with monkeypatch.context() as bounded:
            bounded.setattr(f"gilgamesh_db.derived_changes.{bound}", room)
            found = db18.changes(before, signals="Charge")
            assert [c.compared for c in found] == ["samples", "samples", "not read", "not read"]
            assert found[0] == exact[0]
            assert "2 shots not computed" in str(found)
            assert [c.maximum for c in db18.changes(before, shots=[2, 3], signals="Charge")] == [
                c.maximum for c in exact[2:]
            ]


def test_a_formula_that_sql_let_in_is_told_of_and_hinders_nothing(db18: gilgamesh.Database) -> None:
    install(db18)
    define(db18)
    before = latest(db18)
    # As it was before the database read formulas itself.
    with db18.engine.begin() as owner:
        owner.exec_driver_sql("alter function gilgamesh.check_formula rename to check_formula_of_today")
        owner.exec_driver_sql(
            "create function gilgamesh.check_formula(bigint, text, tstzrange) returns void language sql as 'select'"
        )
    for name, formula in (("Sum", "A +"), ("Flat", "Nobody / A"), ("Charge", "2 * Charge")):
        db18.sql(f"select gilgamesh.define('{name}', '{formula}', reason => 'stated in SQL')")
    found = db18.changes(before, shots=2)
    assert [(c.signal, c.what, c.status_before, c.status_after) for c in found] == [
        ("Charge", ("definition",), "ok", "cannot be computed"),
        ("Flat", ("definition",), "ok", "cannot be computed"),
        ("Sum", ("definition",), "ok", "cannot be computed"),
        ("Twice", ("input",), "ok", "cannot be computed"),
    ]
    assert "another formula" in str(found)
    assert "cannot be computed" in str(found)
