"""Signals as tables: beside pandas.merge_asof, numpy and xarray."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors, frames
from gilgamesh_db.reading import Reader
from records import install_two_rates, record


@pytest.fixture(scope="module")
def lab(server: Any) -> Iterator[gilgamesh.Database]:
    """Two signals at two rates, one irregular, one recorded long after; on each server."""
    with server.database(server.template()) as url, gilgamesh.connect(url) as db:
        install_two_rates(db)
        with db.edit("more") as edit:
            for channel, name in (("ai2", "Slow"), ("ai3", "Late"), ("ai4", "Nothing")):
                edit.add_port("PXI", channel, dtype="int16")
                edit.calibrate(f"PXI/{channel}", gilgamesh.Polynomial((0.0, 1.0)), "ct", "V")
                edit.add_signal(name, unit="V", label=f"{name} voltage")
                edit.connect(name, f"PXI/{channel}")
            edit.add_signal("Unwired", unit="W")
        ports = dict(db.sql("select name, id from gilgamesh.component").itertuples(index=False))
        record(db, 1, ports["PXI/ai2"], np.array([1, 2, 3, 4], np.int16), times=np.array([0.1, 0.25, 0.2505, 0.9]))
        record(db, 1, ports["PXI/ai3"], np.array([1, 2, 3], np.int16), start=10.0, dt=1.0)
        yield db


def asof(base: gilgamesh.Signal, other: gilgamesh.Signal) -> np.ndarray:
    """The other signal at the instants of the base, by pandas; exact because the instants are whole milliseconds."""
    left, right = (pd.DataFrame({"t": np.round(s.time * 1e6).astype("int64"), "v": s.values}) for s in (base, other))
    return pd.merge_asof(left, right, on="t", suffixes=("_base", "")).v.to_numpy()


def test_a_table_holds_what_its_signals_hold(lab: gilgamesh.Database) -> None:
    table = lab.signals(["U", "I", "Slow"], shot=1)
    assert table.index.names == ["Shot", "Time"]
    voltage = lab.signal("U", 1)
    np.testing.assert_array_equal(table.loc[1].index, voltage.time)
    np.testing.assert_array_equal(table.U, voltage.values)
    np.testing.assert_array_equal(table.I, asof(voltage, lab.signal("I", 1)))
    np.testing.assert_array_equal(table.Slow, asof(voltage, lab.signal("Slow", 1)))
    assert table.attrs["units"] == {"U": "V", "I": "A", "Slow": "V"}
    assert table.attrs["labels"]["Slow"] == "Slow voltage"
    assert table.attrs["missing"] == {}


@pytest.mark.parametrize("align", ["previous", "nearest", "linear", "mean"])
@pytest.mark.parametrize("names", [["U", "I"], ["I", "U"]])
@pytest.mark.parametrize("window", [(0.1, 0.3), (0.1005, 0.1995), (0.9, 5.0), (-1.0, 0.01)])
def test_a_window_is_cut_from_the_whole(lab: gilgamesh.Database, names: list[str], align: Any, window: Any) -> None:
    whole = lab.signals(names, shot=[1, 2], align=align)
    time = whole.index.get_level_values("Time")
    expected = whole[(time >= window[0]) & (time < window[1])]
    found = lab.signals(names, shot=[1, 2], align=align, window=window)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-13)


def test_means_and_other_bases(lab: gilgamesh.Database) -> None:
    voltage = lab.signal("U", 1)
    by_number = lab.signals(["U", "I"], shot=1, on=0.01, align="mean")
    np.testing.assert_allclose(by_number.U, voltage.values.reshape(-1, 10).mean(axis=1), rtol=1e-13)
    by_name = lab.signals(["U"], shot=1, on="I", align="mean")
    np.testing.assert_allclose(by_name.U, voltage.values.reshape(-1, 2).mean(axis=1), rtol=1e-13)
    lines = lab.signals("Voltage", shot=1, on=5e-4, align="linear", window=(0.1, 0.2))
    np.testing.assert_allclose(
        lines.U, np.interp(0.1 + 5e-4 * np.arange(200), voltage.time, voltage.values), rtol=1e-12
    )
    assert np.isnan(lab.signals(["U", "Slow"], shot=1).Slow[:100]).all()  # before the first sample there is nothing
    held = lab.signals(["U", "Slow"], shot=1, tolerance=0.0015).Slow.notna()
    assert held.sum() == 2 + 1 + 2 + 1  # at each of the four samples and a millisecond later


def test_where_selects_samples(lab: gilgamesh.Database) -> None:
    whole = lab.signals(["U", "I"], shot=[1, 2])
    expected = whole[(whole.U > 0.5) & ~(whole.I >= 1.0)]
    pd.testing.assert_frame_equal(lab.signals(["U", "I"], shot=[1, 2], where="U > 0.5 and not I >= 1"), expected)
    pd.testing.assert_frame_equal(
        lab.signals("U", shot="1:3", where="0.5 < Voltage and I < quantity(1000, 'mA')"), expected[["U"]]
    )
    assert lab.signals("U", shot=1, where="U > 1e9").empty
    assert len(lab.signals("U", shot=1, where="Slow > 0")) == 900  # a comparison with NaN is false


def test_patterns_ranges_and_knowledge(lab: gilgamesh.Database) -> None:
    assert lab.signals("[UI]", shot="1:", window=(0, 0.005)).columns.tolist() == ["I", "U"]
    assert lab.signals("U", shot="1:3").index.unique("Shot").tolist() == [1, 2]
    assert lab.signals("U", shot=-1).index.unique("Shot").tolist() == [5]
    then = lab.sql("select max(recorded_at) as t from gilgamesh.edit").t[0]
    with lab.edit("twice as much", author="anna") as edit:
        edit.calibrate("PXI/ai1", gilgamesh.Polynomial((0.0, 4.0)), "ct", "mA")
    old = lab.known_at(then).signals("I", shot=1)
    pd.testing.assert_frame_equal(lab.signals("I", shot=1), 2 * old)


def test_one_round_trip_per_shot(lab: gilgamesh.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.signals("U", shot=1)
    asked = []
    plain = Reader.rows
    monkeypatch.setattr(Reader, "rows", lambda self, query, *rest: asked.append(query) or plain(self, query, *rest))
    monkeypatch.setattr(Reader, "stream", lambda *_: pytest.fail("a second question"))
    table = lab.signals(["U", "I"], shot=[1, 2, 5], window=(0.0, 0.005), where="I >= 0", align="mean")
    assert len(table) == 9  # every other bin of a millisecond holds no sample of I
    assert sum("segment" in query for query in asked) == 3
    assert len(asked) == 5, asked  # names and shots are looked up once


def test_a_missing_signal_is_an_error_or_a_stated_gap(lab: gilgamesh.Database) -> None:
    with pytest.raises(
        errors.SamplesNotFound, match=r"'Nothing' \(no samples\) in shots 1, 2; 'Slow' \(no samples\) in shot 2; leave"
    ):
        lab.signals(["U", "Nothing", "Slow"], shot=[1, 2])
    with pytest.raises(errors.NotWired, match="'Unwired'"):
        lab.signals(["U", "Unwired"], shot=1)
    with pytest.raises(errors.Unresolved, match=r"'Nothing'.*'Unwired'"):
        lab.signals(["U", "Unwired", "Nothing"], shot=1)
    table = lab.signals(["Nothing", "U", "Slow"], shot=[1, 2], missing="nan")
    assert table.attrs["missing"] == {
        (1, "Nothing"): "no samples",
        (2, "Nothing"): "no samples",
        (2, "Slow"): "no samples",
    }
    assert table.Nothing.isna().all()
    assert table.Slow[2].isna().all()
    np.testing.assert_array_equal(table.U[2], lab.signal("U", 2).values)
    assert lab.signals("Nothing", shot=[1, 2], missing="nan").empty


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [({"names": ["U", "Current", "Foo"]}, errors.SignalNotFound, "'Current' and 'Foo'"), ({"names": "X*"}, errors.SignalNotFound, r"'X\*'"),
     ({"names": []}, errors.InvalidValue, "no signal is asked for"), ({"shot": "7:9"}, errors.ShotNotFound, "7:9"),
     ({"window": (1, 0)}, errors.InvalidValue, "half-open"), ({"window": (5, 6)}, errors.InvalidValue, "holds no sample of 'U' in shot 1"),
     ({"window": 3}, errors.InvalidValue, "two times"), ({"align": "next"}, errors.InvalidValue, "choose one of"),
     ({"missing": "skip"}, errors.InvalidValue, "neither"), ({"on": 0.0}, errors.InvalidValue, "no time base"), ({"on": "Foo"}, errors.SignalNotFound, "Foo"),
     ({"where": "U"}, errors.ConditionError, "U > 0"), ({"where": "Foo > 1"}, errors.ConditionError, "no signal 'Foo'"),
     ({"where": "U > quantity(1, 'A')"}, errors.UnitMismatch, "U is in V"), ({"names": ["U", "Late"]}, errors.InvalidValue, "no overlap in time"),
     ({"where": "__import__('os').system('true')"}, errors.ConditionError, "no meaning")],
)  # fmt: skip
def test_what_cannot_be_answered_is_said(
    lab: gilgamesh.Database, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        lab.signals(**{"names": ["U"], "shot": 1, **arguments})


def test_no_overlap_can_be_a_stated_gap(lab: gilgamesh.Database) -> None:
    table = lab.signals(["U", "Late"], shot=1, missing="nan")
    assert "no overlap in time with 'U'" in table.attrs["missing"][1, "Late"]


def test_what_is_too_large_says_its_size(lab: gilgamesh.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "LARGEST", 10_000.0)
    with pytest.raises(errors.InvalidValue, match=r"2 signals of 1 shots would take about 0.0 GB.*signals_chunks"):
        lab.signals(["U", "I"], shot=1)
    with pytest.raises(errors.InvalidValue, match="2 shots"):
        lab.signals("U", shot=[1, 2])


@pytest.mark.parametrize(
    "options", [{}, {"window": (0.1005, 0.7)}, {"on": 3e-3, "align": "mean"}, {"where": "U > 0.3"}]
)
def test_pieces_make_the_whole(lab: gilgamesh.Database, options: dict[str, Any]) -> None:
    pieces = list(lab.signals_chunks(["U", "I"], shot=[1, 2], rows=128, **options))
    assert max(map(len, pieces)) <= 129
    pd.testing.assert_frame_equal(pd.concat(pieces), lab.signals(["U", "I"], shot=[1, 2], **options), rtol=1e-12)


def test_a_dataset_opens_elsewhere(lab: gilgamesh.Database, tmp_path: Path) -> None:
    import xarray

    even = lab.dataset(["U", "I"], shot=[1, 2])
    assert even.sizes == {"Shot": 2, "Time": 1000}
    ragged = lab.dataset(["U", "Slow"], shot=[1, 5], missing="nan")
    assert ragged.sizes == {"sample": 1010}
    for number, dataset in enumerate((even, ragged)):
        path = tmp_path / f"{number}.nc"
        dataset.to_netcdf(path)
        with xarray.open_dataset(path) as found:
            xarray.testing.assert_identical(found.load(), dataset)
            assert found.attrs["Conventions"].startswith("CF-")
            assert (found.U.attrs["units"], found.Time.attrs["units"]) == ("V", "s")
            assert "PXI/ai0" in found.U.attrs["provenance"]
    assert even.I.attrs["long_name"] == "I"
    assert "Slow in shot 5: no samples" in ragged.attrs["missing"]
    np.testing.assert_array_equal(even.U.sel(Shot=2), lab.signal("U", 2).values)
