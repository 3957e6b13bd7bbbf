"""Shots found by value: the stored extremes must never decide otherwise than the samples."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors
from records import install, record

SHOTS = 12
DT = 1e-3


@pytest.fixture(scope="module")
def lab(server18: Any) -> Any:
    """Two signals on different time bases; the second is no straight line."""
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as db:
        port = install(db, shots=SHOTS)
        with db.edit("a second port") as edit:
            edit.add_port("PXI", "ai1", dtype="float32")
            edit.calibrate("PXI/ai1", Polynomial((0.0, 0.0, 1.0)), "ct", "V")
            edit.add_signal("Q", unit="V")
            edit.connect("Q", "PXI/ai1")
        second = int(db.sql("select component_id from gilgamesh.port order by 1 desc limit 1").iloc[0, 0])
        for shot in range(1, SHOTS + 1):
            random = np.random.default_rng(shot)
            raw = (np.cumsum(random.normal(0, 20, 200)) + 40 * shot).astype(np.int16)
            record(db, shot, port, raw, start=0.0, dt=DT)
            if shot != 5:
                other = random.normal(0, 0.1 * shot, 130).astype(np.float32)
                other[random.integers(0, 130, 2)] = np.nan
                record(db, shot, second, other, start=0.05, dt=1.3e-3)
        yield db


def held(signal: Any, grid: np.ndarray) -> np.ndarray:
    """The value each sample holds until the next; NaN outside. Written as plainly as possible."""
    found = np.full(grid.size, np.nan)
    for i, (t, v) in enumerate(zip(signal.time, signal.values, strict=True)):
        until = signal.time[i + 1] if i + 1 < len(signal) else t + signal.dt
        found[(grid >= t) & (grid < until)] = v
    return found


def brute_force(db: gilgamesh.Database, condition: str, lasting: float) -> list[int]:
    found = []
    for shot in range(1, SHOTS + 1):
        signals = {}
        for name in ("U", "Q"):
            try:
                _ = db.signal(name, shot).values
                signals[name] = db.signal(name, shot)
            except LookupError:
                pass
        grid = np.unique(np.concatenate([np.append(s.time, s.time[-1] + s.dt) for s in signals.values()]))
        U, Q = (held(signals[n], grid) if n in signals else np.full(grid.size, np.nan) for n in ("U", "Q"))  # noqa: N806
        true = eval(condition.replace(" and ", " & ").replace(" or ", " | "), {"U": U, "Q": Q})  # noqa: S307
        longest, since = 0.0, None
        for t, holds in zip(grid, true, strict=True):
            if holds and since is None:
                since = t
            if not holds and since is not None:
                longest, since = max(longest, t - since), None
        if true.any() if lasting == 0 else longest >= lasting * (1 - 1e-9):
            found.append(shot)
    return found


leaf = st.builds(
    "({} {} {})".format, st.sampled_from(["U", "Q"]), st.sampled_from(["<", "<=", ">", ">="]),
    st.floats(-0.5, 1.5).map(lambda x: round(x, 3)),
)  # fmt: skip
tree = st.recursive(
    leaf, lambda part: st.builds("({} {} {})".format, part, st.sampled_from(["and", "or"]), part), max_leaves=3
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(condition=tree, lasting=st.sampled_from([0.0, 0.001, 0.005, 0.02, 0.1, 0.2]))
def test_the_answer_is_that_of_the_samples(lab: gilgamesh.Database, condition: str, lasting: float) -> None:
    assert lab.find_shots(condition, for_at_least=lasting or None) == brute_force(lab, condition, lasting)


def test_units_names_and_shots(lab: gilgamesh.Database) -> None:
    every = lab.find_shots("U > 0.6")
    assert (
        lab.find_shots("Voltage > 600 mV")
        == every
        == lab.find_shots("0.6 < U")
        == lab.find_shots("quantity(600, 'mV') < U")
    )
    assert lab.find_shots("U > 600 mV or U < -10 V", for_at_least="1 ms") == every
    assert lab.find_shots("U > 0.6", shots="1:8") == [shot for shot in every if shot < 8]
    assert lab.find_shots("0.3 < U < 0.31") == brute_force(lab, "(U > 0.3) and (U < 0.31)", 0)
    # Not known is neither true nor false.
    assert 5 not in lab.find_shots("Q > -1")
    assert 5 not in lab.find_shots("not Q > -1")
    assert lab.find_shots("not U > 0.6", for_at_least=0.2) == brute_force(lab, "(U <= 0.6)", 0.2)


def test_a_recalibration_changes_the_answer_at_once(server18: Any) -> None:
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as db:
        port = install(db, shots=2)
        for shot in (1, 2):
            record(db, shot, port, np.full(100, 100 * shot, np.int16))
        before = db.sql("select clock_timestamp() as t").t[0].to_pydatetime()
        assert db.find_shots("U > 400 mV") == [2]
        with db.edit("inverted") as edit:
            edit.calibrate("PXI/ai0", Polynomial((0.6, -0.001)), "ct", "V")
        assert db.find_shots("U > 400 mV") == [1]
        assert db.known_at(before).find_shots("U > 400 mV") == [2]


@pytest.mark.parametrize(
    ("condition", "said"),
    [("U >", "cannot be read"), ("U", "not a condition"), ("V > 3", "no signal 'V'"), ("U > 3 A", "cannot become"),
     ("U > Q", "one signal with a number"), ("U - Q > 3", "one signal with a number"), ("__import__('os') > 1", "no function"), ("", "empty")],
)  # fmt: skip
def test_conditions_that_are_none(lab: gilgamesh.Database, condition: str, said: str) -> None:
    with pytest.raises(errors.UserError, match=said):
        lab.find_shots(condition)
    with pytest.raises(errors.ConditionError, match="no time"):
        lab.find_shots("U > 1", for_at_least=-1)
    with pytest.raises(errors.UnitMismatch):
        lab.find_shots("U > 1", for_at_least="5 V")


def test_a_thousand_shots_are_searched_without_samples(server18: Any) -> None:
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as db:
        port = install(db, shots=1000)
        for shot in range(1, 1001):
            record(db, shot, port, np.arange(shot, shot + 50, dtype=np.int16))
        db.find_shots("U > 1.2005")
        start = time.perf_counter()
        assert db.find_shots("U > 1.2005") == list(range(902, 1001))
        took = time.perf_counter() - start
        assert took < 3
