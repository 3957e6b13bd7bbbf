"""Shots found by value: the stored extremes must never decide otherwise than the samples."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors, narrowing, search
from gilgamesh_db.formula.functions import smoothed
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
            edit.add_signal("D", unit="V", kind="derived")
            edit.define("D", "U - 0.5 * Q")
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


FORMULAS = {
    "U": ("U",), "Q": ("Q",), "U - Q": ("U", "Q"), "2 * U + abs(Q)": ("U", "Q"), "Q * U": ("Q", "U"), "max(Q, U)": ("Q", "U"),
    "where(Q > 0, U, -U)": ("Q", "U"), "U / Q": ("U", "Q"), "sqrt(U)": ("U",), "smooth(U, 0.01)": ("U",), "U**2": ("U",),
    "1 / U": ("U",), "D": ("D",), "D - U": ("D", "U"), "exp(-abs(D / Q))": ("D", "Q"),
}  # fmt: skip
NUMPY = {"abs": np.abs, "max": np.maximum, "where": np.where, "sqrt": np.sqrt, "smooth": None, "exp": np.exp}
OPERATIONS = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


class Plain:
    """A formula on the times of its first signal, the others by what they hold then."""

    def __init__(self, db: gilgamesh.Database, formula: str, shot: int) -> None:
        base, *others = (db.signal(name, shot) for name in FORMULAS[formula])
        self.time, self.dt = base.time, base.dt
        known = {base.name: base.values} | {one.name: held(one, self.time + 1e-9) for one in others}
        names = NUMPY | {"smooth": lambda x, seconds: smoothed(self.time, x, seconds)}
        with np.errstate(all="ignore"):
            self.values = eval(formula, names | known)  # noqa: S307

    def __len__(self) -> int:
        return len(self.time)


def text(tree: Any) -> str:
    match tree:
        case ("not", part):
            return f"(not {text(part)})"
        case ("and" | "or" as word, one, other):
            return f"({text(one)} {word} {text(other)})"
    formula, operation, number = tree
    return f"({formula} {operation} {number})"


def truth(db: gilgamesh.Database, tree: Any, shot: int, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    match tree:
        case ("not", part):
            return truth(db, part, shot, grid)[::-1]
        case ("and" | "or" as word, one, other):
            (t, f), (u, g) = (truth(db, part, shot, grid) for part in (one, other))
            return (t & u, f | g) if word == "and" else (t | u, f & g)
    formula, operation, number = tree
    try:
        values = held(Plain(db, formula, shot), grid)
    except LookupError:
        return np.zeros(grid.size, bool), np.zeros(grid.size, bool)
    true = OPERATIONS[operation](values, number)
    return true, ~true & ~np.isnan(values)


def brute_force(db: gilgamesh.Database, tree: Any, lasting: float) -> list[int]:
    found = []
    for shot in range(1, SHOTS + 1):
        signals = [db.signal(name, shot) for name in ("U", "Q")[: 1 if shot == 5 else 2]]
        grid = np.unique(np.concatenate([np.append(s.time, s.time[-1] + s.dt) for s in signals]))
        true = truth(db, tree, shot, grid)[0]
        longest, since = 0.0, None
        for t, holds in zip(grid, true, strict=True):
            if holds and since is None:
                since = t
            if not holds and since is not None:
                longest, since = max(longest, t - since), None
        if true.any() if lasting == 0 else longest >= lasting * (1 - 1e-9):
            found.append(shot)
    return found


leaf = st.tuples(
    st.one_of(st.sampled_from(["U", "Q"]), st.sampled_from(list(FORMULAS))), st.sampled_from(list(OPERATIONS)),
    st.floats(-0.5, 1.5).map(lambda x: round(x, 3)),
)  # fmt: skip
tree = st.recursive(
    leaf,
    lambda part: st.one_of(st.tuples(st.sampled_from(["and", "or"]), part, part), st.tuples(st.just("not"), part)),
    max_leaves=3,
)


@pytest.mark.parametrize("pieces", [None, 40])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(condition=tree, lasting=st.sampled_from([0.0, 0.001, 0.005, 0.02, 0.1, 0.2]))
def test_the_answer_is_that_of_the_samples(
    lab: gilgamesh.Database, condition: Any, lasting: float, pieces: int | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if pieces is not None:  # these short records are taken as long ones
            patch.setattr(narrowing, "BINS", pieces)
            patch.setattr(search, "is_long", lambda signals: all(one._grid for one in signals.values()))
        assert lab.find_shots(text(condition), for_at_least=lasting or None) == brute_force(lab, condition, lasting)


def test_of_a_long_record_only_pieces_are_read(server18: Any) -> None:
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as db:
        port = install(db, shots=2)
        raw = np.random.default_rng(1).integers(-100, 100, 2_000_000).astype(np.int16)
        raw[1_234_567:1_234_600] = 3000
        raw[1_500_000:1_500_010] = -3000
        for shot in (1, 2):
            record(db, shot, port, raw if shot == 2 else np.roll(raw, 700_000), start=0.0, dt=1e-6)
        count = [0]
        real = db.reader.rows

        def counted(*arguments: Any) -> list[Any]:
            found = real(*arguments)
            count[0] += sum(len(row.payload) for row in found if getattr(row, "payload", None))
            return found

        db.reader.rows = counted  # type: ignore[method-assign]
        u = 0.25 + 0.001 * raw.astype(float)
        for condition, lasting, expected in (
            ("U > 3 and U < 4", None, ((u > 3) & (u < 4)).any()), ("U > 3 and U < 4", "33 us", True), ("U > 3 and U < 4", "34 us", False),
            ("U * U > 10", "33 us", True), ("U * U > 10", "34 us", False), ("U < -2 or U * U > 10.5", "10 us", True),
            ("U < -2 or U * U > 10.5", "34 us", False), ("U < -2.5 and U > 3", None, False),
        ):  # fmt: skip
            count[0] = 0
            assert db.find_shots(condition, for_at_least=lasting) == ([1, 2] if expected else []), condition
            assert count[0] < 0.15 * 2 * raw.nbytes, (condition, count)


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
    assert lab.find_shots("0.3 < U < 0.31") == brute_force(lab, ("and", ("U", ">", 0.3), ("U", "<", 0.31)), 0)
    # Not known is neither true nor false.
    assert 5 not in lab.find_shots("Q > -1")
    assert 5 not in lab.find_shots("not Q > -1")
    assert lab.find_shots("not U > 0.6", for_at_least=0.2) == brute_force(lab, ("U", "<=", 0.6), 0.2)
    assert lab.find_shots("D > 600 mV") == lab.find_shots("U - 0.5 * Q > 0.6") == lab.find_shots("U > 600 mV + 0.5 * Q")


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
     ("3 > 2", "names a signal"), ("U * Q > 3 V", "cannot become"), ("U > (Q > 3)", "computes with a condition"), ("__import__('os') > 1", "no function"), ("", "empty")],
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
