"""Alignment beside pandas and numpy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gilgamesh_db.alignment import align, interval, regular
from gilgamesh_db.errors import InvalidValue

whole_times = st.lists(st.integers(0, 200), min_size=1, max_size=40, unique=True).map(
    lambda found: np.array(sorted(found), np.float64)
)


@given(whole_times, whole_times, st.sampled_from(["previous", "nearest"]), st.sampled_from([None, 3.0]))
def test_previous_and_nearest_are_those_of_pandas(
    time: np.ndarray, onto: np.ndarray, how: str, tolerance: float
) -> None:
    values = np.arange(time.size) + 0.5
    direction = {"previous": "backward", "nearest": "nearest"}[how]
    expected = pd.merge_asof(
        pd.DataFrame({"t": onto}),
        pd.DataFrame({"t": time, "v": values}),
        on="t",
        direction=direction,
        tolerance=tolerance,
    ).v.to_numpy(copy=True)
    if how == "nearest":  # pandas goes beyond the ends
        expected[(onto < time[0]) | (onto > time[-1])] = np.nan
    np.testing.assert_array_equal(align(time, values, onto, how, tolerance=tolerance), expected)


@given(whole_times, whole_times)
def test_lines_are_those_of_numpy(time: np.ndarray, onto: np.ndarray) -> None:
    values = np.sin(time)
    expected = np.interp(onto, time, values, left=np.nan, right=np.nan)
    np.testing.assert_array_equal(align(time, values, onto, "linear"), expected)


@given(whole_times, whole_times.filter(lambda t: t.size > 1))
def test_means_are_those_of_pandas(time: np.ndarray, onto: np.ndarray) -> None:
    values = np.cos(time)
    values[::7] = np.nan
    edges = np.append(onto, 2 * onto[-1] - onto[-2])
    bins = pd.cut(pd.Series(time), edges, right=False, labels=False)
    expected = pd.Series(values).groupby(bins).mean().reindex(range(onto.size)).to_numpy()
    np.testing.assert_allclose(align(time, values, onto, "mean"), expected, rtol=1e-12, atol=1e-15)


def test_a_uniform_record_ends_one_interval_after_its_last_sample() -> None:
    time = 0.1 * np.arange(10)
    onto = np.array([-0.1, 0.3, 0.95, 1.0, 1.1])  # 3 · 0.1 is a little more than 0.3
    found = align(time, np.arange(10.0), onto, dt=0.1)
    np.testing.assert_array_equal(found, [np.nan, 3.0, 9.0, np.nan, np.nan])


def test_regular_and_interval() -> None:
    assert regular(0.0, 0.3, 0.1).size == 3
    assert interval(0.1 * np.arange(1000)) == pytest.approx(0.1)
    assert interval(np.array([0.0, 1.0, 2.1])) is None
    assert interval(1e9 + np.arange(100) * 1e-3) == pytest.approx(1e-3)
    with pytest.raises(InvalidValue, match="interval of 0"):
        regular(0.0, 1.0, 0.0)
    with pytest.raises(InvalidValue, match="choose one of: previous, nearest"):
        align(np.arange(2.0), np.arange(2.0), np.arange(2.0), "next")  # type: ignore[arg-type]
