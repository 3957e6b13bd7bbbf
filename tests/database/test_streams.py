"""Slow control against a few lines of pandas: late, repeated and out-of-order samples, moved cables, recalibrations."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, PowerOfTen, errors

DAY = datetime(2026, 3, 10, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Gauge:
    """A signal whose cable is moved at noon from one port to another."""

    signal: str
    before: str
    after: str


def gauge(db: gilgamesh.Database, dtype: str = "int16", *, curved: bool = False) -> Gauge:
    """A testbed of its own in the same database."""
    device = f"Gauges{next(_numbers)}"
    one = Gauge(f"{device}_P", f"{device}/ch1", f"{device}/ch2")
    with db.edit(f"gauge {device}") as edit:
        edit.add_component(device, "DAQDevice")
        for port in ("ch1", "ch2"):
            edit.add_port(device, port, dtype=dtype)
            edit.open_stream(f"{device}/{port}", pause=60.0)
        edit.calibrate(one.before, Polynomial((0.25, 0.5)), None, "V")
        edit.calibrate(one.after, Polynomial((1.0, -0.125)), None, "V")
        edit.add_component(f"{device} head", "PressureGauge")
        steps = (Polynomial((-1.0, 1e-3)), PowerOfTen()) if curved else (Polynomial((0.0, 2.0)),)
        edit.calibrate(f"{device} head", steps, "V", "Pa")
        edit.add_signal(one.signal, unit="Pa")
        edit.connect(one.signal, one.before, chain=[f"{device} head"], until=NOON)
        edit.connect(one.signal, one.after, chain=[f"{device} head"], since=NOON)
    return one


def store(db: gilgamesh.Database, samples: list[tuple[str, datetime, float]]) -> tuple[int, int, int]:
    ports = {row.port: row.port_id for row in db.sql("select port, port_id from gilgamesh.streams").itertuples()}
    with db.transaction() as connection:
        found = connection.exec_driver_sql(
            "select * from gilgamesh.store_samples(%s::bigint[], %s::timestamptz[], %s::float8[])",
            ([ports[port] for port, _, _ in samples], [at for _, at, _ in samples], [raw for _, _, raw in samples]),
        ).one()
    return tuple(found)


# -- the reference ------------------------------------------------------------------------------------------


def reference(kept: pd.DataFrame, one: Gauge, line_before: Any, line_after: Any, curve: Any) -> pd.Series:
    """Values by the time of each sample."""
    early = kept[(kept.port == one.before) & (kept["at"] < NOON)]
    late = kept[(kept.port == one.after) & (kept["at"] >= NOON)]
    volts = pd.concat([line_before(early.set_index("at").raw), line_after(late.set_index("at").raw)]).sort_index()
    return curve(volts)


def aggregated(values: pd.Series, every: str) -> pd.DataFrame:
    finite = values[np.isfinite(values)]
    return finite.groupby(finite.index.floor(every)).agg(["count", "min", "max", "mean", "last"])


# Seconds near a few places: the begin of hours, noon, the end of the day.
PLACES = st.sampled_from([0, 3599, 3600, 7230, 43199, 43200, 43201, 43230, 86399, 40000])
SAMPLE = st.tuples(
    st.sampled_from(["before", "after"]),
    st.builds(lambda place, more: min(place + more, 86399.999999), PLACES, st.integers(0, 400).map(lambda n: n / 4)),
    st.integers(-3000, 3000),
)
BATCHES = st.lists(st.tuples(st.lists(SAMPLE, min_size=1, max_size=40), st.booleans()), min_size=1, max_size=4)


@settings(
    max_examples=8, deadline=None, phases=(Phase.generate,), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    batches=BATCHES,
    curved=st.booleans(),
    moment=PLACES,
    known=st.booleans(),
    dtype=st.sampled_from(["int16", "float64", "float32"]),
)
def test_agrees_with_pandas(
    db: gilgamesh.Database, batches: Any, curved: bool, moment: int, known: bool, dtype: str
) -> None:
    one = gauge(db, dtype, curved=curved)
    rows: list[tuple[str, datetime, float]] = []
    for batch, compacted in batches:
        samples = [(getattr(one, port), DAY + timedelta(seconds=at), float(raw)) for port, at, raw in batch]
        counts = store(db, samples)
        assert sum(counts) == len(samples)
        assert store(db, samples)[0] == 0  # the same once more: nothing new
        rows += samples
        if compacted:
            db.compact_streams()
    kept = pd.DataFrame(rows, columns=["port", "at", "raw"]).drop_duplicates(["port", "at"], keep="first")
    before_edit = db.sql("select clock_timestamp() as at")["at"][0].to_pydatetime()
    recalibrated = DAY + timedelta(seconds=moment)
    with db.edit("the first divider was measured again") as edit:
        edit.calibrate(one.before, Polynomial((0.5, -0.75)), None, "V", since=recalibrated)
    db.compact_streams() if moment % 2 else None

    def line_before(raw: pd.Series) -> pd.Series:
        old = raw * 0.5 + 0.25
        return old if known else old.where(raw.index < recalibrated, raw * -0.75 + 0.5)

    expected = reference(
        kept, one, line_before, lambda raw: raw * -0.125 + 1.0,
        (lambda volts: 10.0 ** (volts * 1e-3 - 1.0)) if curved else (lambda volts: volts * 2.0),
    )  # fmt: skip
    asked = db.known_at(before_edit) if known else db
    until = DAY + timedelta(days=1)

    found = asked.slow(one.signal, DAY, until)[one.signal]
    assert list(found.index) == list(expected.index)
    np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(), rtol=1e-12)
    with asked.transaction() as connection:
        in_sql = connection.exec_driver_sql(
            "select time, value from gilgamesh.slow_samples_between(%s, %s, %s)", (one.signal, DAY, until)
        ).all()
        view = connection.exec_driver_sql(
            "select time, value from gilgamesh.slow_samples where signal = %s and hour >= %s and hour < %s order by time",
            (one.signal, DAY, until),
        ).all()
    assert in_sql == view
    assert [at for at, _ in in_sql] == list(expected.index)
    np.testing.assert_allclose([value for _, value in in_sql], found.to_numpy(), rtol=1e-12 if curved else 0)

    for every in ("1s", "90s", "1min", "1h", "1D"):
        wanted = aggregated(expected, every)
        table = asked.slow(one.signal, DAY, until, every=every)
        table = table[table.n > 0]
        assert list(table.index) == list(wanted.index)
        np.testing.assert_array_equal(table.n, wanted["count"])
        for mine, theirs in (("minimum", "min"), ("maximum", "max"), ("mean", "mean"), ("last", "last")):
            np.testing.assert_allclose(table[mine], wanted[theirs], rtol=1e-9, atol=1e-9, err_msg=f"{mine} {every}")
        with asked.transaction() as connection:
            said = connection.exec_driver_sql(
                "select * from gilgamesh.slow_aggregates(%s, %s, %s, %s::interval)",
                (one.signal, DAY, until, pd.Timedelta(every)),
            ).all()
        assert [(row[0], row[1]) for row in said] == list(zip(wanted.index, wanted["count"], strict=True))
        np.testing.assert_allclose(
            np.reshape([row[2:] for row in said], (-1, 4)),
            table[["minimum", "maximum", "mean", "last"]],
            rtol=1e-9,
            atol=1e-9,
        )

    edges = [DAY, *expected.index[expected.index < NOON], NOON, NOON, *expected.index[expected.index >= NOON], until]
    pauses = [(a, b) for a, b in itertools.pairwise(edges) if (b - a).total_seconds() > 300]
    gaps = asked.slow_gaps(one.signal, DAY, until, longer_than=300)
    assert list(zip(gaps.since, gaps.until, strict=True)) == pauses

    instant = DAY + timedelta(seconds=moment + 30)
    earlier = expected[expected.index <= instant]
    row = asked.at(instant).loc[one.signal]
    if earlier.empty:
        assert row.status == "no samples"
        assert np.isnan(row.value)
    else:
        assert (row.status, row.time) == ("ok", earlier.index[-1])
        assert row.value == pytest.approx(earlier.iloc[-1], rel=1e-12)


# -- what is refused, and what is not -----------------------------------------------------------------------


def test_what_cannot_be_is_refused_and_nothing_is_stored(db18: gilgamesh.Database) -> None:
    one = gauge(db18)
    at = DAY + timedelta(hours=1)
    ports = {row.port: row.port_id for row in db18.sql("select port, port_id from gilgamesh.streams").itertuples()}
    known = ports[one.before]
    refusals = [
        ([known, 10**6], [at, at], [1.0, 1.0], errors.SamplesNotFound, "no stream of port 1000000"),
        ([known], [at], [0.5], errors.InvalidValue, "cannot deliver 0.5: its samples are int16"),
        ([known, known], [at, at], [1.0, float("nan")], errors.InvalidValue, "sample 2 of 2"),
        ([known], [datetime.now(UTC) + timedelta(days=400)], [1.0], errors.InvalidValue, "future"),
        ([known, known], [at], [1.0], errors.InvalidValue, "do not make samples"),
        ([known, known], [at, None], [1.0, 2.0], errors.InvalidValue, "missing"),
    ]
    for ids, instants, raws, family, letter in refusals:
        with pytest.raises(family, match=letter), db18.transaction() as connection:
            connection.exec_driver_sql(
                "select gilgamesh.store_samples(%s::bigint[], %s::timestamptz[], %s::float8[])", (ids, instants, raws)
            )
    assert db18.streams().samples.sum() == 0
    with pytest.raises(errors.InvalidValue, match="int64"), db18.edit("no") as edit:
        edit.add_component("Wide", "DAQDevice")
        edit.add_port("Wide", "ch1", dtype="int64")
        edit.open_stream("Wide/ch1")


@pytest.mark.parametrize("compacted", [False, True])
def test_one_instant_has_one_value(db: gilgamesh.Database, compacted: bool) -> None:
    one = gauge(db)
    at = DAY + timedelta(hours=1)
    assert store(db, [(one.before, at, 5.0)]) == (1, 0, 0)
    if compacted:
        assert db.compact_streams() == 1
    assert store(db, [(one.before, at, 5.0)]) == (0, 1, 0)
    assert store(db, [(one.before, at, 6.0)]) == (0, 0, 1)
    assert store(db, [(one.before, at, 6.0), (one.before, at, 5.0), (one.before, at + timedelta(seconds=1), 7.0)]) == (
        1,
        1,
        1,
    )
    assert list(db.slow(one.signal, DAY, NOON)[one.signal]) == [(5 * 0.5 + 0.25) * 2, (7 * 0.5 + 0.25) * 2]


def test_every_type_comes_back_as_it_was(db: gilgamesh.Database) -> None:
    for dtype in ("int8", "uint8", "bool", "uint16", "int32", "uint32", "float32", "float64"):
        one = gauge(db, dtype)
        edges = {
            "bool": [0, 1],
            "float32": [0, -0.1, 3e38, np.nan, np.inf],
            "float64": [0, 0.1, -1e100, 1e-100, np.nan, -np.inf],
        }
        info = np.iinfo(dtype) if dtype not in edges else None
        given = np.array(edges.get(dtype) or [info.min, info.max, 0, 1], dtype)  # type: ignore[union-attr]
        store(db, [(one.before, DAY + timedelta(seconds=i), float(raw)) for i, raw in enumerate(given)])
        held = db.slow(one.signal, DAY, NOON)[one.signal].to_numpy()
        db.compact_streams()
        np.testing.assert_array_equal(db.slow(one.signal, DAY, NOON)[one.signal].to_numpy(), held)
        counts = db.sql(
            "select raw from gilgamesh.slow_samples_between(:signal, :since, :until)",
            {"signal": one.signal, "since": DAY, "until": NOON},
        )
        np.testing.assert_array_equal(counts.raw.to_numpy(dtype), given)
        assert db.slow(one.signal, DAY, NOON, every="1h").n.sum() == np.isfinite(given.astype(float)).sum()


def test_fast_streams_keep_their_seconds(db18: gilgamesh.Database) -> None:
    one = gauge(db18, "float64")
    rng = np.random.default_rng(7)
    at = np.sort(rng.choice(3_600_000_000, 20_000, replace=False))
    raw = np.round(rng.standard_normal(at.size), 3)
    store(db18, [(one.before, DAY + timedelta(microseconds=int(t)), float(x)) for t, x in zip(at, raw, strict=True)])
    before = db18.slow(one.signal, DAY, DAY + timedelta(hours=1), every="1s")
    db18.compact_streams()
    widths = db18.sql("select distinct width from gilgamesh.stream_aggregate order by 1").width
    assert list(widths) == [1, 60, 3600, 86400]
    after = db18.slow(one.signal, DAY, DAY + timedelta(hours=1), every="1s")
    pd.testing.assert_frame_equal(before, after, rtol=1e-12, atol=1e-12)


def test_a_missing_calibration_and_a_missing_cable_are_said(db18: gilgamesh.Database) -> None:
    one = gauge(db18)
    store(db18, [(one.before, DAY + timedelta(hours=1), 5.0)])
    with db18.edit("nobody knows the calibration before two") as edit:
        edit.clear("calibration", one.before, until=DAY + timedelta(hours=2))
    for ask in (
        lambda: db18.slow(one.signal, DAY, NOON),
        lambda: db18.slow(one.signal, DAY, NOON, every="1min"),
        lambda: db18.sql(f"select * from gilgamesh.slow_samples where signal = '{one.signal}'"),
        lambda: db18.sql(
            f"select * from gilgamesh.slow_aggregates('{one.signal}', '2026-03-10', '2026-03-11', '1 min')"
        ),
    ):
        with pytest.raises(errors.NotCalibrated, match="ch1"):
            ask()
    assert db18.at(NOON).loc[one.signal, "status"] == "not calibrated"
    gaps = db18.slow_gaps(one.signal, DAY, NOON, longer_than=1e6)
    assert list(gaps.gap) == ["not calibrated"]
    with db18.edit("no cable for an hour") as edit:
        edit.disconnect(one.signal, since=DAY + timedelta(hours=3), until=DAY + timedelta(hours=4))
    gaps = db18.slow_gaps(one.signal, DAY, NOON, longer_than=1e6)
    assert list(gaps.gap) == ["not calibrated", "not wired"]
    with pytest.raises(errors.NotWired, match="wired to no stream"):
        db18.slow(one.signal, DAY + timedelta(hours=3), DAY + timedelta(hours=4))
    with pytest.raises(errors.SignalNotFound, match="did you mean"):
        db18.slow(one.signal[:-1] + "Q", DAY, NOON)


# -- a shot's window ----------------------------------------------------------------------------------------


def test_the_slow_signal_of_a_shot_is_its_window(db: gilgamesh.Database) -> None:
    one = gauge(db)
    started = NOON - timedelta(seconds=5)
    with db.transaction() as connection:
        connection.exec_driver_sql(
            "insert into gilgamesh.shot (number, started_at, duration, status) values (7, %s, 10, 'complete')",
            (started,),
        )
    port = [(one.before if i < 5 else one.after, started + timedelta(seconds=i), float(i)) for i in range(-3, 14)]
    store(db, port)
    for _ in range(2):
        signal = db.signal(one.signal, 7)
        np.testing.assert_array_equal(signal.time, np.arange(10.0))
        np.testing.assert_array_equal(signal.raw, np.arange(10, dtype="int16"))
        volts = [i * 0.5 + 0.25 if i < 5 else i * -0.125 + 1.0 for i in range(10)]
        np.testing.assert_array_equal(signal.values, 2 * np.array(volts))
        assert str(signal.unit) == "Pa"
        assert signal.port == f"{one.before}, {one.after}"
        np.testing.assert_array_equal(signal.window(2, 4).values, signal.values[2:4])
        assert one.after in str(signal.provenance)
        db.compact_streams()
    assert len(signal.to_pandas()) == 10
    assert db.sql("select * from gilgamesh.gaps").empty  # it makes no records, and none is missing
    with pytest.raises(errors.SamplesNotFound, match="comes from a stream"):
        db.sql(f"select * from gilgamesh.samples_between('{one.signal}', 7, 0, 1)")


# -- retention and rights -----------------------------------------------------------------------------------


def test_what_is_older_than_it_is_kept_goes_with_its_partition(db: gilgamesh.Database) -> None:
    one = gauge(db)
    now = datetime.now(UTC)
    old, young = now - timedelta(days=300), now - timedelta(days=2)
    with db.edit("the first gauge a year back on the first port") as edit:
        edit.connect(one.signal, one.before, chain=[one.signal.replace("_P", " head")])
        edit.open_stream(one.before, pause=60, keep="30d")
    store(db, [(one.before, at, 5.0) for at in (old, young)])
    db.compact_streams()
    parts = "select relname from pg_class where relname ~ '^stream_segment_2' and relkind = 'r'"
    assert len(db.sql(parts)) == 2
    assert db.release_streams(dry_run=True).loc[one.before, "samples"] == 1
    assert db.streams().samples.sum() == 2
    assert db.release_streams().loc[one.before, "samples"] == 1
    assert len(db.sql(parts)) == 1
    assert list(db.slow(one.signal, now - timedelta(days=20), now).index) == [pd.Timestamp(young)]
    since, until = old.date().isoformat(), (now.date() + timedelta(days=1)).isoformat()
    assert db.slow(one.signal, since, until, every="1D").n.sum() == 2  # aggregates are kept for ever
    ask = {"signal": one.signal, "since": since, "until": until}
    in_sql = "select sum(n) as n from gilgamesh.slow_aggregates(:signal, cast(:since as timestamptz), cast(:until as timestamptz), '1 day')"
    assert db.sql(in_sql, ask).n[0] == 2
    # What is not there any more is not silently left out.
    for question in (
        lambda: db.slow(one.signal, since, until),
        lambda: db.slow(one.signal, old - timedelta(minutes=7), until, every="1D"),
        lambda: db.sql(in_sql, {**ask, "since": (old - timedelta(minutes=7)).isoformat()}),
        lambda: db.sql(
            "select * from gilgamesh.slow_samples_between(:signal, cast(:since as timestamptz), now())", ask
        ),
    ):
        with pytest.raises(errors.SamplesNotFound, match="released"):
            question()


def test_operators_write_and_readers_read(server: Any, database_url: str) -> None:
    import sqlalchemy as sa

    def person(role: str) -> str:
        server.execute(
            f"do $$ begin create role person_{role} login in role gilgamesh_{role}; exception when duplicate_object then null; end $$"
        )
        return sa.make_url(database_url).set(username=f"person_{role}").render_as_string(False)

    with gilgamesh.connect(database_url) as owner:
        one = gauge(owner)
    with gilgamesh.connect(person("operator")) as operator, gilgamesh.connect(person("reader")) as reader:
        with operator.producer() as producer:
            producer.put(one.before, 5, DAY)
        assert operator.compact_streams() == 1
        assert reader.slow(one.signal, DAY, NOON)[one.signal].iloc[0] == 5.5
        assert reader.slow(one.signal, DAY, NOON, every="1h").n.sum() == 1
        assert reader.at(NOON).loc[one.signal, "value"] == 5.5
        refused = (errors.UserError, sa.exc.ProgrammingError)
        with pytest.raises(refused, match="permission denied"):
            store(reader, [(one.before, DAY, 1.0)])
        for database in (reader, operator):
            with pytest.raises(refused, match=r"only the owner|permission denied"):
                database.release_streams()
            for statement in ("delete from gilgamesh.stream_tail", "insert into gilgamesh.stream_tail values (1, now(), 1)",
                              "select gilgamesh.unchecked_bytes(array[1::float8])"):  # fmt: skip
                with pytest.raises(refused, match="permission denied"):
                    database.sql(statement)


def test_writers_and_compaction_in_each_others_way(db: gilgamesh.Database) -> None:
    one = gauge(db, "float64")
    total, began, wrong = 3000, DAY + timedelta(hours=1, minutes=50), []
    finished = threading.Event()

    def write(seed: int) -> None:
        rng = np.random.default_rng(seed)
        with (
            gilgamesh.connect(db.engine.url) as mine,
            mine.producer(batch=50, flush_interval=0.01, compact_interval=None) as out,
        ):
            for i in rng.permutation(total):  # both write everything, each in an order of its own
                out.put(one.before, float(i), began + timedelta(milliseconds=400 * int(i)))

    def compact() -> None:
        with gilgamesh.connect(db.engine.url) as mine:
            while not finished.is_set():
                mine.compact_streams()

    def read() -> None:
        with gilgamesh.connect(db.engine.url) as mine:
            most = 0
            while not finished.is_set():
                found = mine.slow(one.signal, DAY, NOON)[one.signal]
                counted = int(mine.slow(one.signal, DAY, NOON, every="1h").n.sum())
                if not found.index.is_unique or len(found) < most or not len(found) <= counted <= total:
                    wrong.append((most, len(found), counted))
                most = counted

    writers = [threading.Thread(target=write, args=(seed,)) for seed in (1, 2)]
    others = [threading.Thread(target=compact), threading.Thread(target=read)]
    for thread in (*writers, *others):
        thread.start()
    for thread in writers:
        thread.join()
    finished.set()
    for thread in others:
        thread.join()
    assert not wrong
    for _ in range(2):
        counts = db.sql(
            "select raw from gilgamesh.slow_samples_between(:signal, :since, :until)",
            {"signal": one.signal, "since": DAY, "until": NOON},
        )
        np.testing.assert_array_equal(counts.raw, np.arange(total))
        assert db.slow(one.signal, DAY, NOON, every="1min").n.sum() == total
        db.compact_streams()
