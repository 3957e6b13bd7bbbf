"""Derived signals: formulas in the database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from records import install_two_rates


@contextlib.contextmanager
def installed(server: Any) -> Iterator[gilgamesh.Database]:
    """U every 1 ms (V), I every 2 ms (A), and formulas over them."""
    with server.database(server.template()) as url, gilgamesh.connect(url) as db:
        install_two_rates(db)
        with db.edit("formulas", author="anna") as edit:
            for name, unit in (("Power", "mW"), ("Ratio", ""), ("Twice", "W"), ("Charge", "C"), ("Empty", "V")):
                edit.add_signal(name, unit=unit, kind="derived", label=f"{name} label", aliases=[f"{name}_alias"])
            edit.define("Power", "U * I")
            edit.define("Ratio", "(U - mean(U)) / U")
            edit.define("Twice", "2 * Power_alias")
            edit.define("Charge", "integral(I)")
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


def test_a_name_is_enough(lab: gilgamesh.Database) -> None:
    power = lab.signal("Power", 1)
    assert "definition" not in vars(power)  # nothing is read before it is needed
    voltage, current = lab.signal("U", 1), lab.signal("I", 1)
    assert power.unit == "mW"
    np.testing.assert_array_equal(power.time, voltage.time)
    np.testing.assert_allclose(power.values, 1e3 * voltage.values * np.repeat(current.values, 2), rtol=1e-14)
    np.testing.assert_allclose(lab.signal("Twice_alias", 1).values, 2e-3 * power.values, rtol=1e-14)
    assert (power.name, power.shot, power.label, power.dt, len(power)) == ("Power", 1, "Power label", 1e-3, 1000)
    for window in ((0.101, 0.2), (0.1, 0.2), (-1.0, 0.003)):
        part = power.window(*window)
        held = (power.time >= window[0] - 1e-9) & (power.time < window[1] - 1e-9)
        np.testing.assert_array_equal(part.values, power.values[held])
        np.testing.assert_array_equal(part.time, power.time[held])
    np.testing.assert_array_equal(power.envelope(10).maximum, power.values.reshape(10, 100).max(axis=1))
    ratio = lab.signal("Ratio", 1)
    np.testing.assert_allclose(ratio.values, (voltage.values - voltage.values.mean()) / voltage.values, rtol=1e-12)
    np.testing.assert_array_equal(ratio.window(0.1, 0.2).values, ratio.values[100:200])
    expected = np.concatenate(([0], np.cumsum((current.values[1:] + current.values[:-1]) * 1e-3)))
    np.testing.assert_allclose(lab.signal("Charge", 1).values, expected, rtol=1e-12)
    assert (power - power).values.max() == 0.0
    assert len(list(power.chunks(300))) == 4


def test_provenance_and_pictures(lab: gilgamesh.Database) -> None:
    text = str(lab.signal("Twice", 1).provenance)
    for word in ("2 * Power_alias", "said anna", "from Power", "U * I", "PXI/ai0", "PXI/ai1"):
        assert word in text
    assert "U * I" in lab.signal("Power", 1)._repr_html_()
    assert lab.signal("Power", 1).plot().get_ylabel() == "Power label (mW)"


def test_versions_by_validity_and_knowledge(own: gilgamesh.Database) -> None:
    with own.transaction() as connection:
        connection.exec_driver_sql("update gilgamesh.shot set started_at = '2025-03-01' where number = 2")
    before = own.signal("Power", 1).values
    with own.edit("the divider was forgotten") as edit:
        edit.define("Power", "10 * U * I", since="2025-02-15")
    then = own.sql("select max(recorded_at) as t from gilgamesh.edit").t[0]
    np.testing.assert_array_equal(own.signal("Power", 1).values, before)
    late = own.signal("Power", 2)
    assert late.definition.formula == "10 * U * I"
    with own.edit("no, twenty") as edit:
        edit.define("Power", "20 * U * I", since="2025-02-15")
    np.testing.assert_allclose(own.signal("Power", 2).values, 2 * late.values, rtol=1e-14)
    np.testing.assert_array_equal(own.known_at(then).signal("Power", 2).values, late.values)


def test_tables_hold_derived_signals_in_the_same_round_trip(
    lab: gilgamesh.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gilgamesh_db.reading import Reader

    asked = []
    plain = Reader.rows
    monkeypatch.setattr(Reader, "rows", lambda self, query, *rest: asked.append(query) or plain(self, query, *rest))
    table = lab.signals(["Power", "U"], shot=[1, 2], where="Twice > 0.5")
    assert sum("segment" in query for query in asked) == 2
    whole = lab.signals(["Power", "U", "Charge"], shot=[1, 2])
    np.testing.assert_array_equal(whole.Power[2], lab.signal("Power", 2).values)
    pd.testing.assert_frame_equal(table, whole[["Power", "U"]][2e-3 * whole.Power > 0.5])
    window = lab.signals(["Power", "U", "Charge"], shot=[1, 2], window=(0.101, 0.2))
    time = whole.index.get_level_values("Time")
    pd.testing.assert_frame_equal(window, whole[(time > 0.1005) & (time < 0.1995)], rtol=1e-12)
    with pytest.raises(LookupError, match=r"'Empty' \(no formula in force"):
        lab.signals(["U", "Empty"], shot=1)
    assert lab.signals(["U", "Empty"], shot=1, missing="nan").attrs["missing"] == {(1, "Empty"): "no formula in force"}


@pytest.mark.parametrize(
    ("signal", "formula", "error", "words"),
    [("Power", "U *", errors.FormulaError, "cannot be read"), ("Power", "U * J", errors.FormulaError, "no signal 'J'"),
     ("Power", "U + I", errors.UnitMismatch, "U is in V, I in A"), ("Power", "U", errors.UnitMismatch, "the formula gives V, not mW"),
     ("Power", "Power", errors.FormulaError, "Power → Power"), ("Power", "Twice", errors.FormulaError, "Power → Twice → Power"),
     ("Power", "0 * Twice_alias", errors.FormulaError, "needs itself"), ("Ratio", "3", errors.FormulaError, "names no signal"),
     ("Powr", "U", errors.SignalNotFound, "did you mean 'Power'"), ("U", "1 * U", errors.InvalidValue, "not a derived signal|needs itself"),
     ("Power", "__import__('os').remove('x')", errors.FormulaError, "no meaning")],
)  # fmt: skip
def test_formulas_that_cannot_be_are_refused_when_stated(
    lab: gilgamesh.Database, signal: str, formula: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words), lab.edit("nonsense") as edit:
        edit.define(signal, formula)


def test_holes_are_said(own: gilgamesh.Database) -> None:
    with pytest.raises(errors.NotStated, match=r"'Empty' has no formula.*gilgamesh define Empty"):
        _ = own.signal("Empty", 1).values
    with own.edit("unplugged") as edit:
        edit.disconnect("I")
    with pytest.raises(errors.NotWired, match="'I' was not wired"):
        _ = own.signal("Twice", 1).values
    with own.transaction() as connection:  # past all checks
        connection.exec_driver_sql("update gilgamesh.definition set formula = 'Twice * 1' where formula = 'U * I'")
    with pytest.raises(errors.FormulaError, match=r"needs itself: (Power|Twice) → "):
        _ = own.signal("Power", 1).values
