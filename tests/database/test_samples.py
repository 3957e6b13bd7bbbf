"""Samples: what goes in comes out, bit for bit in numpy, number for number in SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors, installation, payload
from records import driver, install, record


@pytest.fixture(params=["fast", "portable"])
def decoder(request: pytest.FixtureRequest, db: gilgamesh.Database) -> gilgamesh.Database:
    """Both bodies of the decoder, under the same tests."""
    if request.param == "portable":
        with db.transaction() as connection:
            name = connection.exec_driver_sql("select quote_ident(current_database())").scalar_one()
            connection.exec_driver_sql(f"alter database {name} set gilgamesh.decoder = 'portable'")
        db.engine.dispose()  # the setting holds for new connections
        installation.upgrade(db.engine)
    with db.transaction() as connection:
        unchecked = connection.exec_driver_sql(
            "select count(*) from pg_proc where proname like 'unchecked%%'"
        ).scalar_one()
        assert (unchecked > 0) == (request.param == "fast")
    return db


@pytest.mark.parametrize("dtype", payload.DTYPES)
def test_sql_decodes_what_numpy_encoded(decoder: gilgamesh.Database, dtype: str) -> None:
    db = decoder
    kind = np.dtype(dtype)
    elements = (
        st.floats(width=kind.itemsize * 8, allow_nan=True, allow_infinity=True)  # type: ignore[call-overload]
        if kind.kind == "f"
        else hnp.from_dtype(kind)
    )

    with db.engine.connect() as connection:
        raw = driver(connection)

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(hnp.arrays(kind, st.integers(1, 300), elements=elements))
        def check(samples: NDArray[Any]) -> None:
            row = raw.execute(
                "select gilgamesh.decode_payload(%s, %s, %s)",
                (payload.encode(samples), dtype, samples.size),
                binary=True,
            ).fetchone()
            assert row is not None
            decoded = np.array(row[0], dtype=np.float64)
            expected = samples.astype(np.float64)
            assert np.array_equal(decoded, expected, equal_nan=True)
            assert np.array_equal(np.signbit(decoded[decoded == 0]), np.signbit(expected[expected == 0]))
            assert payload.decode(payload.encode(samples), dtype).tobytes() == samples.tobytes()

        check()


def test_a_payload_that_lies_is_refused_and_the_server_lives(decoder: gilgamesh.Database) -> None:
    db = decoder
    good = payload.encode(np.arange(5, dtype="int16"))
    lies = [b"", good[:19], good[:-1], good + b"x", good[:8] + b"\xff\xff\xff\x7f" + good[12:], b"\x02" + good[1:],
            payload.encode(np.arange(5, dtype="int32")), payload.encode(np.arange(4, dtype="int16"))]  # fmt: skip
    rng = np.random.default_rng(1)
    lies += [rng.bytes(int(rng.integers(0, 60))) for _ in range(200)]
    lies += [good[:k] + bytes([good[k] ^ (1 << bit)]) + good[k + 1 :] for k in range(20) for bit in range(8)]
    with db.engine.connect() as connection:
        raw = driver(connection)
        for lie in lies:
            with pytest.raises(psycopg.Error) as caught:
                raw.execute("select gilgamesh.decode_payload(%s, 'int16', 5)", (lie,))
            assert caught.value.sqlstate == "GG012"
            raw.rollback()
            with pytest.raises(errors.DamagedData):
                payload.decode(lie, "int16", 5)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 4096, 32768, 32769, 200_001])
def test_python_and_sql_agree_to_the_last_bit(db: gilgamesh.Database, n: int) -> None:
    port = install(db)
    samples = np.random.default_rng(n).integers(-32768, 32767, n, "int16", endpoint=True)
    record(db, 1, port, samples, start=-0.1, dt=1e-5)
    signal = db.signal("Voltage", 1)
    assert signal.raw.tobytes() == samples.tobytes()
    assert np.array_equal(signal.values, samples * 0.001 + 0.25)
    assert np.array_equal(signal.time, -0.1 + np.arange(n) * 1e-5)
    if n <= 40_000:
        rows = db.sql("select time, raw, value from gilgamesh.samples where signal = 'U' and shot = 1")
        assert np.array_equal(rows.value, signal.values)
        assert np.array_equal(rows.time, signal.time)
        assert np.array_equal(rows.raw, samples)


def test_windows_are_half_open_and_the_same_in_sql(db: gilgamesh.Database) -> None:
    port = install(db)
    n = 100_000
    record(db, 1, port, np.arange(n).astype("int16"), start=-0.1, dt=1e-5)
    signal = db.signal("U", 1)
    whole = signal.time
    windows = [(0.0, 0.001), (0.5, 0.501), (-0.1, -0.09999), (-5.0, -0.0999), (0.8999, 7.0), (0.22767, 0.22769),
               (0.1234567, 0.1235), (0.3, 0.300001), (-np.inf, -0.0995), (0.8995, np.inf)]  # fmt: skip
    for t0, t1 in windows:
        part = signal.window(t0, t1)
        rows = db.sql("select time, value from gilgamesh.samples_between('U', 1, :t0, :t1)", {"t0": t0, "t1": t1})
        tolerance = 1e-11
        expected = np.flatnonzero((whole >= t0 - tolerance) & (whole < t1 - tolerance))
        assert np.array_equal(part.time, whole[expected]), (t0, t1)
        assert np.array_equal(rows.time, part.time)
        assert np.array_equal(rows.value, part.values)
    assert len(signal.window(0.5, 0.501)) == 100
    for outside in ((2.0, 3.0), (-3.0, -2.0)):
        assert signal.window(*outside).values.size == 0
    with pytest.raises(errors.InvalidValue, match="empty"):
        signal.window(0.5, 0.5)
    with pytest.raises(errors.InvalidValue, match="empty"):
        db.sql("select * from gilgamesh.samples_between('U', 1, 0.5, 'nan')")


def test_irregular_sampling_keeps_its_times(db: gilgamesh.Database) -> None:
    port = install(db, "float32")
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.exponential(0.03, 40_000)) - 0.4
    samples = rng.normal(size=times.size).astype("float32")
    record(db, 1, port, samples, times=times)
    with db.edit("its clock starts late") as edit:
        edit.set_timing("PXI", start_offset=2.078, clock_rate=1.0001)
    signal = db.signal("U", 1)
    assert signal.dt is None
    assert np.array_equal(signal.time, times * 1.0001 + 2.078)
    part = signal.window(10.0, 11.0)
    inside = (signal.time >= 10.0) & (signal.time < 11.0)
    rows = db.sql("select * from gilgamesh.samples_between('Voltage', 1, 10.0, 11.0)")
    assert np.array_equal(part.time, signal.time[inside])
    assert np.array_equal(rows.time, part.time)
    assert np.array_equal(rows.value, part.values)


def test_timing_moves_the_time_axis_and_leaves_the_samples(db: gilgamesh.Database) -> None:
    port = install(db)
    record(db, 1, port, np.arange(1000, dtype="int16"), start=0.0, dt=1e-3)
    before = datetime.now(UTC)
    with db.edit("late") as edit:
        edit.set_timing("PXI", start_offset=0.5)
    assert db.signal("U", 1).time[0] == 0.5
    assert db.known_at(before).signal("U", 1).time[0] == 0.0
    assert np.array_equal(db.signal("U", 1).window(0.6, 0.601).raw, [100])


def test_chains_that_are_no_straight_line(db: gilgamesh.Database) -> None:
    port = install(db)
    samples = np.arange(-2000, 2000, dtype="int16")
    record(db, 1, port, samples, start=0.0, dt=1e-3)
    with db.edit("through the detector") as edit:
        edit.disconnect("U")
        edit.connect("P", "PXI/ai0", chain=["detector"])
    expected = 10.0 ** (2.0 * (samples * 0.001 + 0.25) - 1.0)
    np.testing.assert_allclose(db.signal("P", 1).values, expected, rtol=1e-13)
    rows = db.sql("select value from gilgamesh.samples where signal = 'P' and shot = 1")
    np.testing.assert_allclose(rows.value, expected, rtol=1e-13)


@pytest.mark.parametrize("extreme", [1e308, -1e308, np.inf, -np.inf, np.nan, 5e-324, -0.0])
def test_no_sample_kills_a_query(db: gilgamesh.Database, extreme: float) -> None:
    port = install(db, "float64")
    with db.edit("large gain") as edit:
        edit.calibrate("PXI/ai0", Polynomial((0.0, 1e20)), "ct", "V")
    samples = np.array([1.0, extreme, -2.0])
    record(db, 1, port, samples, start=0.0, dt=1.0)
    values = db.signal("U", 1).values
    rows = db.sql("select value from gilgamesh.samples where signal = 'U' and shot = 1")
    assert np.array_equal(np.array(rows.value, dtype=np.float64), values, equal_nan=True)
    with np.errstate(over="ignore"):
        assert np.array_equal(values, samples * 1e20, equal_nan=True)


def test_a_missing_calibration_is_an_error_that_names_the_item(db: gilgamesh.Database) -> None:
    port = install(db)
    record(db, 1, port, np.arange(10, dtype="int16"))
    with db.edit("an amplifier nobody calibrated") as edit:
        edit.add_component("amplifier", "Amplifier")
        edit.connect("U", "PXI/ai0", chain=["amplifier"])
    with pytest.raises(errors.NotCalibrated, match="'amplifier'"):
        _ = db.signal("U", 1).values
    for query in ("samples where signal = 'U' and shot = 1", "samples_between('U', 1, 0, 1)"):
        with pytest.raises(errors.NotCalibrated, match="'U'"):
            db.sql(f"select * from gilgamesh.{query}")
    assert db.sql("select * from gilgamesh.gaps").detail.tolist() == ["no calibration of 'amplifier' then"]


def test_a_signal_without_wiring_or_samples_says_which(db: gilgamesh.Database) -> None:
    install(db)
    with pytest.raises(errors.NotWired, match="'P' was not wired"):
        _ = db.signal("P", 1).values
    with pytest.raises(errors.SamplesNotFound, match="PXI/ai0"):
        _ = db.signal("U", 1).values
    with pytest.raises(errors.NotWired):
        db.sql("select * from gilgamesh.samples_between('P', 1, 0, 1)")
    with pytest.raises(errors.ShotNotFound, match="no shot 9"):
        db.sql("select * from gilgamesh.samples_between('U', 9, 0, 1)")
    assert db.sql("select * from gilgamesh.samples where signal = 'P' and shot = 1").empty


@pytest.mark.parametrize(
    "base",
    [{"start": 0.0, "dt": 0.0}, {"start": 0.0, "dt": -1e-5}, {"start": 0.0, "dt": np.nan}, {"start": np.nan, "dt": 1e-5},
     {"times": np.array([0.0, 2.0, 1.0])}, {"times": np.array([0.0, np.nan, 1.0])}, {"times": np.array([0.0, 1.0])},
     {"start": 0.0}, {"start": 0.0, "dt": 1.0, "times": np.arange(3.0)}],
)  # fmt: skip
def test_a_time_base_that_is_none_is_refused(db18: gilgamesh.Database, base: dict[str, Any]) -> None:
    port = install(db18)
    with pytest.raises(errors.InvalidValue):
        record(db18, 1, port, np.arange(3, dtype="int16"), **base)
    assert db18.sql("select * from gilgamesh.series").empty


def test_the_pyramid_shows_every_spike(db18: gilgamesh.Database) -> None:
    samples = np.zeros(300_000, "int16")
    samples[123_456], samples[299_999] = 777, -888
    for level in payload.PYRAMID_LEVELS:
        pairs = np.concatenate(
            [payload.decode(b.payload, "int16") for b in payload.pyramid(samples) if b.level == level]
        )
        assert pairs.size == 2 * -(-samples.size // level)
        assert pairs[1::2][123_456 // level] == 777
        assert pairs[0::2][-1] == -888


def test_moments_are_those_of_the_samples(db18: gilgamesh.Database) -> None:
    port = install(db18, "float32")
    samples = np.random.default_rng(0).normal(size=70_000).astype("float32")
    samples[10], samples[20] = np.nan, np.inf
    record(db18, 1, port, samples)
    got = db18.sql("select sum(total) as total, sum(squares) as squares, min(minimum) as low, max(maximum) as high, sum(n) as n "
                   "from gilgamesh.segment").iloc[0]  # fmt: skip
    numbers = samples[np.isfinite(samples)].astype("float64")
    assert got.total == pytest.approx(numbers.sum())
    assert got.squares == pytest.approx((numbers**2).sum())
    assert (got.low, got.high, got.n) == (numbers.min(), numbers.max(), samples.size)


def test_damaged_samples_are_found(db18: gilgamesh.Database) -> None:
    from gilgamesh_db.check import check_samples

    port = install(db18, shots=3)
    for shot in (1, 2, 3):
        record(db18, shot, port, np.arange(40_000, dtype="int32").astype("int16"))
    assert list(check_samples(db18)) == ["", "", ""]
    with db18.transaction() as connection:
        connection.exec_driver_sql(
            "update gilgamesh.segment set payload = set_byte(payload, 25, 99) where shot = 2 and position = 1"
        )
        connection.exec_driver_sql("delete from gilgamesh.segment where shot = 3 and position = 1")
    found = list(check_samples(db18))
    assert found[0] == ""
    assert "not those that were recorded" in found[1]
    assert "32768 are stored" in found[2]


def test_a_window_is_of_one_state_of_knowledge(db18: gilgamesh.Database) -> None:
    port = install(db18)
    record(db18, 1, port, np.arange(1000, dtype="int16"), start=0.0, dt=1e-3)
    window = db18.signal("U", 1).window(0.1, 0.103)
    assert window.dt == 1e-3
    with db18.edit("moved to a port without samples") as edit:
        edit.add_port("PXI", "ai1", dtype="int16")
        edit.calibrate("PXI/ai1", Polynomial((0.0, 1.0)), "ct", "V")
        edit.connect("U", "PXI/ai1")
    assert window.raw.tolist() == [100, 101, 102]
    with pytest.raises(errors.SamplesNotFound):
        _ = db18.signal("U", 1).window(0.1, 0.103).raw


def test_a_lost_segment_is_an_error_in_every_way_of_reading(db18: gilgamesh.Database) -> None:
    port = install(db18)
    record(db18, 1, port, np.zeros(100_000, "int16"), start=0.0, dt=1e-3)
    with db18.transaction() as connection:
        connection.exec_driver_sql("delete from gilgamesh.segment where position = 1")
    signal = db18.signal("U", 1)
    with pytest.raises(errors.DamagedData):
        _ = signal.window(30.0, 70.0).values
    with pytest.raises(errors.DamagedData):
        _ = signal.values
    with pytest.raises(errors.DamagedData):
        list(signal.chunks(40_000))


def test_other_signals_can_be_read_between_pieces(db18: gilgamesh.Database) -> None:
    port = install(db18)
    record(db18, 1, port, np.arange(30_000, dtype="int16"), start=0.0, dt=1e-3)
    for piece in db18.signal("U", 1).chunks(10_000):
        assert db18.signal("U", 1).window(0.0, 0.001).raw.size == 1
        assert piece.raw.size == 10_000


@pytest.mark.parametrize(("start", "dt"), [(10.0, 8e-10), (0.0, 8e-10), (-0.3, 1e-5), (1e6, 1e-6)])
def test_an_instant_computed_by_the_user_finds_its_sample(db18: gilgamesh.Database, start: float, dt: float) -> None:
    from types import SimpleNamespace

    from gilgamesh_db.record import index_of

    n = 20_000_000
    asked = np.random.default_rng(0).integers(0, n, 3000)
    instants = start + asked * dt
    distinct = np.abs(start + (asked + 1) * dt - instants) > 0
    resolved = SimpleNamespace(start=start, dt=dt, n=n)
    found = np.array([index_of(float(t), resolved) for t in instants])
    rows = db18.sql(
        "select gilgamesh.sample_index(t, :start, :dt, :n) as i from unnest(cast(:t as float8[])) with ordinality u(t, k) order by k",
        {"t": instants.tolist(), "start": start, "dt": dt, "n": n},
    )
    assert np.array_equal(found, rows.i)
    assert np.array_equal(found[distinct], asked[distinct])


def test_far_instants_are_the_ends_of_the_record(db18: gilgamesh.Database) -> None:
    port = install(db18)
    record(db18, 1, port, np.arange(10, dtype="int16"), start=0.0, dt=1.0)
    for t0, t1, n in ((-2e300, -1e300, 0), (1e300, 2e300, 0), (-1e300, 1e300, 10)):
        assert db18.signal("U", 1).window(t0, t1).raw.size == n
        assert len(db18.sql("select * from gilgamesh.samples_between('U', 1, :a, :b)", {"a": t0, "b": t1})) == n


def test_shots_with_long_numbers_have_partitions(db18: gilgamesh.Database) -> None:
    import sqlalchemy as sa

    port = install(db18, shots=1)
    for shot in (100_000, 1_000_000, 20_250_101_001):
        with db18.transaction() as connection:
            connection.execute(
                sa.text("insert into gilgamesh.shot (number, started_at) values (:n, now())"), {"n": shot}
            )
        record(db18, shot, port, np.arange(5, dtype="int16"))
        assert db18.signal("U", shot).raw.tolist() == [0, 1, 2, 3, 4]


def test_many_short_threads_and_a_closed_database(db18: gilgamesh.Database) -> None:
    import threading

    port = install(db18)
    record(db18, 1, port, np.arange(10, dtype="int16"))
    sums: list[int] = []
    for _ in range(120):
        thread = threading.Thread(target=lambda: sums.append(int(db18.signal("U", 1).window(-1, 1).raw.sum())))
        thread.start()
        thread.join()
    assert sums == [45] * 120
    signal = db18.signal("U", 1)
    db18.close()
    for read in (lambda: signal.values, db18.shots, lambda: db18.sql("select 1")):
        with pytest.raises(errors.InvalidValue, match="was closed"):
            read()


@pytest.mark.parametrize("shot", [True, "5", None, 1.5])
def test_what_is_no_shot_number_is_said_to_be_none(db18: gilgamesh.Database, shot: Any) -> None:
    with pytest.raises(errors.InvalidValue, match="not a shot number"):
        db18.signal("U", shot)
