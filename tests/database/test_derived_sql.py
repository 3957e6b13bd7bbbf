"""Derived signals in SQL: the numbers of the library, or a letter that names its call."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.reading import Reader
from records import install_two_rates, record

N = 40_000  # samples: more than a segment
FORMULAS = {
    "Sum": ("V", "U + 2 * W"),
    "Ratio": ("", "where(W != 0, U / W, nan)"),
    "Power": ("mW", "P * (U / W)"),
    "Nested": ("", "2 * Ratio_alias - Sum / quantity(1, 'mV')"),
    "Root": ("V", "sqrt(abs(U * W))"),
    "Level": ("", "log10(P / quantity(1, 'mW'))"),
    "Sign": ("", "U > W"),
    "Odd": ("", "Sign - Spikes / quantity(1, 'V')"),
    "Spikes": ("V", "U**3 / (U * U)"),
    "Slow": ("mA", "I"),
    "Irregular": ("V", "T * 2 + T2"),
    "Charge": ("C", "integral(I)"),
    "Rates": ("W", "U * I"),
    "Later": ("V", "1 * U"),
    "Level2": ("", "Charge / quantity(1, 'C')"),
}


@contextlib.contextmanager
def installed(server: Any) -> Iterator[gilgamesh.Database]:
    """U, W (V) and P (mW, logarithmic) sampled alike, I half as often, T and T2 irregularly; and formulas over them."""
    rng = np.random.default_rng(7)
    with server.database(server.template()) as url, gilgamesh.connect(url) as db:
        install_two_rates(db)
        with db.edit("more ports", author="anna") as edit:
            for port, signal, chain in (("w", "W", ()), ("p", "P", ("detector",)), ("t", "T", ()), ("t2", "T2", ())):
                edit.add_port("PXI", port, dtype="int16")
                edit.calibrate(f"PXI/{port}", gilgamesh.Polynomial((-0.125, 1e-4)), "ct", "V")
                if signal != "P":
                    edit.add_signal(signal, unit="V")
                edit.connect(signal, f"PXI/{port}", chain=chain)
        with db.edit("formulas", author="anna") as edit:
            for name, (unit, _) in FORMULAS.items():
                edit.add_signal(name, unit=unit, kind="derived", aliases=[f"{name}_alias"])
            for name in sorted(FORMULAS, key=["Sum", "Ratio", "Sign", "Spikes", "Charge"].__contains__, reverse=True):
                edit.define(name, FORMULAS[name][1], since="2025-02-02" if name == "Later" else None)
        with db.transaction() as connection:
            connection.exec_driver_sql(
                "insert into gilgamesh.shot (number, started_at) values (7, '2025-02-01 12:00+0')"
            )
        ports = dict(db.sql("select channel, component_id from gilgamesh.port").itertuples(index=False))
        times = np.sort(rng.uniform(0, 1, 5000))
        every = {"start": -0.1, "dt": 1e-5}
        uneven = {"times": times}
        bases = {"ai0": every, "w": every, "p": every, "ai1": {"start": -0.1, "dt": 2e-5}, "t": uneven, "t2": uneven}
        for channel, base in bases.items():
            n = 5000 if base is uneven else N if base is every else N // 2
            counts = rng.integers(-20000, 20000, n).astype(np.int16)
            counts[::1000] = 1250 if channel == "w" else 0  # zero volts on W: 0/0 and 1/0
            record(db, 7, int(ports[channel]), counts, **base)  # fmt: skip
        yield db


@pytest.fixture(scope="module")
def lab(server: Any) -> Iterator[gilgamesh.Database]:
    """A testbed to read from, on each server."""
    with installed(server) as db:
        yield db


@pytest.fixture
def own(server18: Any) -> Iterator[gilgamesh.Database]:
    """A testbed to change."""
    with installed(server18) as db:
        yield db


READABLE = ["Sum", "Ratio", "Power", "Nested", "Root", "Level", "Sign", "Odd", "Spikes", "Slow", "Irregular"]
LAST_DIGITS = {"Level", "Power", "Spikes", "Odd"}  # of log10 and powers, which two libraries round differently


def same(name: str, found: Any, expected: Any) -> None:
    if name in LAST_DIGITS:
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", READABLE)
def test_views_give_the_numbers_of_the_library(lab: gilgamesh.Database, name: str) -> None:
    s = lab.signal(name, 7)
    rows = lab.sql("select time, raw, value from gilgamesh.samples where signal = :name and shot = 7", {"name": name})
    np.testing.assert_array_equal(rows.time, s.time)
    same(name, rows.value, s.values)
    assert rows.raw.isna().all()
    for window in ((0.2, 0.2101), (-5.0, -0.09), (0.2995, 7.0), (0.22767, 0.22769)):
        part = s.window(*window)
        rows = lab.sql("select * from gilgamesh.samples_between(:name, 7, :t0, :t1)",
                       {"name": f"{name}_alias", "t0": window[0], "t1": window[1]})  # fmt: skip
        np.testing.assert_array_equal(rows.time, part.time)
        same(name, rows.value, part.values)
    bins = lab.sql("select * from gilgamesh.envelope(:name, 7, 50)", {"name": name})
    expected = s.envelope(50)
    np.testing.assert_array_equal(bins.time, expected.time)
    same(name, bins.minimum, expected.minimum)
    same(name, bins.maximum, expected.maximum)
    told = lab.sql("select * from gilgamesh.statistics where signal = :name and shot = 7", {"name": name}).iloc[0]
    numbers = s.values[np.isfinite(s.values)]
    assert (told.n, told.unit) == (numbers.size, FORMULAS[name][0])
    expected = [numbers.min(), numbers.max(), numbers.mean(), np.sqrt((numbers**2).mean())]
    np.testing.assert_allclose(told[["minimum", "maximum", "mean", "rms"]].astype(float), expected, rtol=1e-9)


def test_formulas_hold_values_that_are_no_numbers(lab: gilgamesh.Database) -> None:
    """Otherwise the comparison above would say little."""
    assert np.isnan(lab.signal("Ratio", 7).values).any()
    assert np.isinf(lab.signal("Power", 7).values).any()
    assert np.isnan(lab.signal("Spikes", 7).values).any()


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [("Charge", errors.InvalidValue, r"integral\(…\).*whole record.*db.signal\('Charge', 7\).values"),
     ("Level2", errors.InvalidValue, r"'Charge' cannot be read in SQL.*db.signal\('Level2', 7\).values"),
     ("Rates", errors.InvalidValue, r"time bases.*'U' with 40000 samples.*'I' with 20000.*db.signal\('Rates', 7\).values"),
     ("Later", errors.NotStated, r"no formula that was in force in shot 7.*gilgamesh define Later"),
     ("Nothing", errors.SignalNotFound, "no signal 'Nothing'")],
)  # fmt: skip
def test_what_sql_cannot_evaluate_is_refused(
    lab: gilgamesh.Database, name: str, error: type[Exception], words: str
) -> None:
    for query in ("samples_between(:name, 7, 0, 1)", "envelope(:name, 7, 10)"):
        with pytest.raises(error, match=words):
            lab.sql(f"select * from gilgamesh.{query}", {"name": name})
    for view in ("samples", "statistics"):
        query = f"select * from gilgamesh.{view} where signal = :name and shot = 7"
        if name in ("Later", "Nothing"):  # as a signal that was not wired
            assert lab.sql(query, {"name": name}).empty
        else:
            with pytest.raises(error, match=words.split(".*db", maxsplit=1)[0]):
                lab.sql(query, {"name": name})


def test_the_formula_is_explained_and_then_its_inputs(lab: gilgamesh.Database) -> None:
    def told(name: str) -> list[tuple[str, str, str]]:
        rows = lab.sql("select kind, item, formula from gilgamesh.explain(:name, 7) order by step", {"name": name})
        return list(rows.itertuples(index=False, name=None))

    inputs = [*told("U"), *told("W")]
    assert told("Sum_alias") == [("formula", "Sum", "U + 2 * W"), *inputs]
    assert told("Nested") == [("formula", "Nested", FORMULAS["Nested"][1]), *told("Ratio"), *told("Sum")]
    steps = lab.sql("select step, author, reason from gilgamesh.explain('Nested', 7)")
    assert steps.step.tolist() == list(range(1, len(steps) + 1))
    assert (steps.author[0], steps.reason[0]) == ("anna", "formulas")
    assert told("Later") == []


def test_tables_hold_windows_of_what_needs_the_whole_record(
    lab: gilgamesh.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it stands behind another formula; without a window in one round trip."""
    names = ["Charge", "Level2", "Slow"]
    window = lab.signals(names, shot=7, window=(0.1, 0.2))
    asked = []
    plain = Reader.rows
    monkeypatch.setattr(Reader, "rows", lambda self, query, *rest: asked.append(query) or plain(self, query, *rest))
    monkeypatch.setattr(Reader, "stream", None)
    whole = lab.signals(names, shot=7)
    assert sum("segment" in query for query in asked) == 1
    monkeypatch.undo()
    for name in names:
        np.testing.assert_array_equal(whole[name], lab.signal(name, 7).values)
        np.testing.assert_array_equal(window[name], lab.signal(name, 7).window(0.1, 0.2).values)


def test_a_window_that_is_none_and_a_shot_that_is_none(lab: gilgamesh.Database) -> None:
    with pytest.raises(errors.InvalidValue, match="empty"):
        lab.sql("select * from gilgamesh.samples_between('Sum', 7, 1, 1)")
    with pytest.raises(errors.ShotNotFound):
        lab.sql("select * from gilgamesh.samples_between('Sum', 8, 0, 1)")
    assert lab.sql("select * from gilgamesh.samples where shot = 8 and signal = 'Sum'").empty
    with pytest.raises(errors.GilgameshError, match=r"in Python: db.signal\('Sum', 7\).uncertainty"):
        lab.sql("select * from gilgamesh.uncertain_samples_between('Sum', 7, 0, 1)")


def test_a_whole_shot_without_what_cannot_be_read(lab: gilgamesh.Database) -> None:
    """The hint of the refusal works."""
    with pytest.raises(errors.InvalidValue, match=r"where signal <> '(Charge|Level2)'"):
        lab.sql("select * from gilgamesh.statistics where shot = 7 and signal <> 'Rates'")
    rest = "signal not in ('Charge', 'Level2', 'Rates')"
    listed = lab.sql(f"select signal from gilgamesh.statistics where shot = 7 and {rest}").signal
    assert set(listed) == {*READABLE, "U", "W", "P", "I", "T", "T2"}
    implausible = lab.sql("select * from gilgamesh.implausible where shot = 7")  # looks at records only
    assert implausible.empty


def test_today_and_as_known_before(own: gilgamesh.Database) -> None:
    query = "select sum(value) as v from gilgamesh.samples_between('Sum', 7, 0, 0.001)"
    before, then = own.sql(query).v[0], own.sql("select max(recorded_at) as t from gilgamesh.edit").t[0]
    with own.edit("a factor") as edit:
        edit.define("Sum", "10 * U")
    with own.edit("recalibrated") as edit:
        edit.calibrate("PXI/ai0", gilgamesh.Polynomial((0.0, 0.5)), "ct", "V")
    assert own.sql(query).v[0] == own.signal("Sum", 7).window(0, 0.001).values.sum() != before
    assert own.known_at(then).sql(query).v[0] == before
    with own.edit("another unit") as edit:
        edit.amend("signal", "U", unit="mV")  # a tree that had been stored would go on in volts
    assert own.sql(query).v[0] == pytest.approx(own.signal("Sum", 7).window(0, 0.001).values.sum(), rel=1e-12)


def test_a_missing_calibration_is_an_error(own: gilgamesh.Database) -> None:
    with own.edit("the sheet was of another box") as edit:
        edit.clear("calibration", "PXI/w")
    for query in ("samples where signal = 'Sum' and shot = 7", "samples_between('Sum', 7, 0, 1)"):
        with pytest.raises(errors.NotCalibrated, match="'W' cannot be computed in shot 7"):
            own.sql(f"select * from gilgamesh.{query}")
    with own.edit("unplugged") as edit:
        edit.disconnect("W")
    with pytest.raises(errors.NotWired, match="'W' was not wired"):
        own.sql("select * from gilgamesh.samples_between('Sum', 7, 0, 1)")
    assert own.sql("select * from gilgamesh.samples where signal = 'Sum' and shot = 7").empty


@pytest.mark.parametrize(
    ("formula", "error", "words"),
    [("U *", errors.FormulaError, "ends too early"), ("U * J", errors.FormulaError, "no signal 'J'"), ("3", errors.FormulaError, "no signal"),
     ("U + I", errors.UnitMismatch, "'A' is not of the dimension of 'V'"), ("U * W", errors.UnitMismatch, "another unit than its signal"),
     ("Sum", errors.FormulaError, "Sum → Sum"), ("Nested * U", errors.FormulaError, "Sum → Nested → Sum"), ("sqr(U)", errors.FormulaError, "sqrt")],
)  # fmt: skip
def test_the_function_define_refuses_what_cannot_be(
    lab: gilgamesh.Database, formula: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words), lab.transaction() as connection:
        connection.exec_driver_sql("select gilgamesh.begin_edit('nonsense', 'eve', null)")
        connection.execute(sa.text("select gilgamesh.define('Sum', :formula)"), {"formula": formula})
