"""Arithmetic on signals of a testbed, and shots by range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from astropy import units as u

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.computed import ComputedSignal
from gilgamesh_db.shot_range import shots_of
from records import install_two_rates


@pytest.fixture(scope="module")
def lab(server18: Any) -> Iterator[gilgamesh.Database]:
    """Two ports, one signal each, at different rates; shots 1, 2 and 5."""
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as db:
        install_two_rates(db)
        yield db


def test_operators_give_the_numbers_and_units_of_astropy(lab: gilgamesh.Database) -> None:
    first, second = lab.signal("U", 1), lab.signal("U", 2)
    one, two = first.values * u.V, second.values * u.V
    for found, expected in [
        (first - second, one - two), (first + second, one + two), (first * second, one * two), (first / second, one / two),
        (-first, -one), (2 * first, 2 * one), (first / 3, one / 3), (abs(first - second), abs(one - two)),
        (1 / first, 1 / one), (first**2, one**2), (np.sqrt(first * second), np.sqrt(one * two)), (+first, one),
        (first - 5 * u.mV, one - 5 * u.mV), (np.float64(2) * first, 2 * one), (np.maximum(first, second), np.maximum(one, two)),
    ]:  # fmt: skip
        assert isinstance(found, gilgamesh.Signal)
        np.testing.assert_allclose((found.values * found.unit).to_value(expected.unit), expected.value, rtol=1e-14)
        np.testing.assert_array_equal(found.time, first.time)
    assert isinstance(np.hypot(first, second), np.ndarray)


def test_nothing_is_read_before_it_is_needed_and_windows_read_only_their_part(lab: gilgamesh.Database) -> None:
    first, second = lab.signal("U", 1), lab.signal("U", 2)
    ratio = (first - second) / (first + second)
    part = ratio.window(0.1, 0.2)
    assert not {"_samples", "_row"} & (set(vars(first)) | set(vars(second)))
    assert ratio.name == "(U[1] - U[2]) / (U[1] + U[2])"
    assert ratio.shot is None
    assert len(part) == 100
    assert "_samples" not in vars(first)
    np.testing.assert_array_equal(part.values, ratio.values[100:200])
    assert str((lab.signal("U", 1) - lab.signal("U", 1)).unit) == "V"


def test_what_does_not_fit_is_refused(lab: gilgamesh.Database) -> None:
    voltage, current = lab.signal("U", 1), lab.signal("I", 1)
    with pytest.raises(
        errors.InvalidValue, match=r"different time bases \(1000 samples from 0 s every 0.001 s; 500 .*I.align\(U\)"
    ):
        _ = (voltage * current).values
    with pytest.raises(errors.UnitMismatch, match="U is in V, I in A"):
        _ = (voltage - current.align(voltage)).unit
    with pytest.raises(errors.UnitMismatch, match="quantity"):
        _ = (voltage - 3).values
    with pytest.raises(TypeError):
        _ = voltage + "3"  # type: ignore[operator]


def test_alignment_and_resampling(lab: gilgamesh.Database) -> None:
    voltage, current = lab.signal("U", 1), lab.signal("I", 1)
    power = voltage * current.align(voltage)
    np.testing.assert_array_equal(power.values, voltage.values * np.repeat(current.values, 2))
    np.testing.assert_allclose(voltage.resample(0.01).values, voltage.values.reshape(-1, 10).mean(axis=1), rtol=1e-13)
    assert voltage.resample(0.01).dt == pytest.approx(0.01)
    np.testing.assert_allclose(voltage.resample(5e-4).values[:-1:2], voltage.values[:], rtol=1e-12)
    np.testing.assert_array_equal(current.align(voltage, "nearest", tolerance=5e-4).values[::2], current.values)
    assert np.isnan(current.align(voltage, "nearest", tolerance=5e-4).values[1::2]).all()


def test_provenance_names_formula_and_inputs(lab: gilgamesh.Database) -> None:
    power = lab.signal("U", 1) * lab.signal("I", 1).align(lab.signal("U", 1))
    text = str(power.provenance)
    for word in ("U * I", "aligned onto U, previous", "PXI/ai0", "PXI/ai1", "0.001·x"):
        assert word in text
    assert power.provenance.to_dict()["inputs"][0]["signal"] == "U"
    assert "<table>" in power._repr_html_()
    series = power.to_pandas()
    assert (series.name, series.index.name, series.attrs["unit"]) == ("U * I", "Time", "A V")
    array = power.to_xarray()
    assert array.attrs["units"] == "A V"
    assert "PXI/ai1" in array.attrs["provenance"]


def test_uncertainty_of_independent_inputs_adds_in_squares() -> None:
    time = np.arange(100) * 1e-3
    a = ComputedSignal("a", time, np.linspace(1, 2, 100), "V", uncertainty=0.01)
    b = ComputedSignal("b", time, np.linspace(3, 4, 100), "A", uncertainty=np.full(100, 0.02))
    np.testing.assert_allclose((a * b).uncertainty, np.hypot(b.values * 0.01, a.values * 0.02), rtol=1e-12)
    # To first order; the half difference differs by the third power of the relative uncertainty.
    np.testing.assert_allclose(
        (a / b).uncertainty, a.values / b.values * np.hypot(0.01 / a.values, 0.02 / b.values), rtol=1e-4
    )
    assert np.abs((a - a).uncertainty).max() == 0.0
    assert (a * ComputedSignal("c", time, time, "")).uncertainty is None
    np.testing.assert_array_equal((a * b).window(0.01, 0.02).uncertainty, (a * b).uncertainty[10:20])


def test_a_computed_signal_is_a_signal() -> None:
    time = np.array([0.0, 1.0, 2.0, 4.0])
    s = ComputedSignal("T", time, [1.0, 5.0, 2.0, 3.0], u.eV, shot=7, method="by hand", label="Temperature")
    assert isinstance(s, gilgamesh.Signal)
    assert (len(s), s.dt, s.unit, s.label, s.shot) == (4, None, u.eV, "Temperature", 7)
    assert s.window(1, 4).values.tolist() == [5.0, 2.0]
    assert s.envelope(2).maximum.tolist() == [5.0, 3.0]
    assert [len(piece) for piece in s.chunks(3)] == [3, 1]
    assert np.asarray(s).tolist() == s.values.tolist()
    axes = s.plot()
    assert axes.get_ylabel() == "Temperature (eV)"
    with pytest.raises(errors.InvalidValue, match="no raw samples"):
        _ = s.raw
    with pytest.raises(errors.InvalidValue, match="one value for each time"):
        ComputedSignal("x", [0, 1], [1, 2, 3], "V")
    called = []
    lazy = ComputedSignal("y", lambda: called.append(1) or time, lambda: time, "V")
    assert not called
    assert lazy.values is lazy.values
    assert len(called) == 1


@pytest.mark.parametrize(
    ("spec", "expected"),
    [(1, [1]), (-1, [5]), ([5, -1, 1], [5, 1]), ("1:5", [1, 2]), ("2:", [2, 5]), (":", [1, 2, 5]), ("-2:", [2, 5]), (":-1", [1, 2]),
     ("5, 1:3", [5, 1, 2]), (range(0, 4), [1, 2]), (slice(2, None), [2, 5]), (np.array([2, 5]), [2, 5]), (None, [1, 2, 5]),
     ("-100:", [1, 2, 5])],
)  # fmt: skip
def test_shots_by_range(lab: gilgamesh.Database, spec: Any, expected: list[int]) -> None:
    assert shots_of(lab, spec) == expected


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [("3:5", errors.ShotNotFound, "no shot in '3:5'"), (3, errors.ShotNotFound, "there are 3, from 1 to 5"), ([], errors.InvalidValue, "no shot is asked"),
     (range(3, 5), errors.ShotNotFound, "no shot in range"), ("last", errors.InvalidValue, "'1200:1300'"), (1.5, errors.InvalidValue, "whole number"),
     (True, errors.InvalidValue, "whole number"), (slice(1, 5, 2), errors.InvalidValue, "steps")],
)  # fmt: skip
def test_shots_that_are_none(lab: gilgamesh.Database, spec: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        shots_of(lab, spec)
