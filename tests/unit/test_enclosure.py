"""Intervals of formulas: what the formula gives must lie in them, whatever the samples."""

from __future__ import annotations

import numpy as np
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from gilgamesh_db import errors
from gilgamesh_db.formula import compile_formula, parse_formula
from gilgamesh_db.formula.enclosure import enclose

TIME = np.arange(5.0)
number = st.floats(-50, 50).map(lambda x: round(x, 2))
formula = st.recursive(
    st.sampled_from(["x", "y", "0", "1.5", "-2"]),
    lambda part: st.one_of(
        st.builds("({} {} {})".format, part, st.sampled_from("+-*/"), part),
        st.builds(
            "{}({})".format, st.sampled_from(["abs", "sqrt", "exp", "log", "log10", "sin", "cos", "tan", "-"]), part
        ),
        st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), part, part),
        st.builds("({}) ** {}".format, part, st.sampled_from(["2", "3", "0", "0.5", "-1", "-2", "-0.5"])),
        st.builds("clip({}, -1, {})".format, part, part),
        st.builds("where({} > {}, {}, {})".format, part, part, part, part),
        st.builds("{}({})".format, st.sampled_from(["diff", "integral", "mean"]), part),
        st.builds("smooth({}, 2)".format, part),
    ),
    max_leaves=5,
)
samples = st.lists(number, min_size=5, max_size=5).map(np.array)


@settings(max_examples=1000, deadline=None)
@given(text=formula, x=samples, y=samples, gap=st.booleans())
def test_every_value_lies_within(text: str, x: np.ndarray, y: np.ndarray, gap: bool) -> None:
    try:
        compiled = compile_formula(parse_formula(text), {"x": "", "y": ""})
    except errors.InvalidValue:  # such as x + diff(x)
        reject()
    known = {"x": (np.array([x.min()]), np.array([x.max()])), "y": (np.array([y.min()]), np.array([y.max()]))}
    if gap:
        x = np.where(TIME == 2, np.nan, x)
    values = compiled(TIME, {"x": x, "y": y})
    values = values[~np.isnan(values)]
    low, high = enclose(compiled.tree, known)
    if values.size:
        assert low <= values.min()
        assert values.max() <= high


def test_what_has_no_value_has_no_interval() -> None:
    low, high = enclose(["sqrt", ["load", "x"]], {"x": (np.array([-3.0, np.nan, 1.0]), np.array([-1.0, np.nan, 4.0]))})
    np.testing.assert_array_equal(np.isnan(low), [True, True, False])
    assert 0.9 < low[2] <= 1.0
    assert 2.0 <= high[2] < 2.1
