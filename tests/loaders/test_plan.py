"""A plan that exists is a plan that can be written."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from gilgamesh_db.calibration import Polynomial
from gilgamesh_db.errors import InvalidValue, UnitMismatch
from gilgamesh_db.payload import DTYPES
from gilgamesh_loaders import plan
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, Source, as_recorded, duration_of, spelled_unit

SOURCE = Source("shot_1.h5", "test", 10, bytes(32))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def series(**changes: Any) -> SeriesPlan:
    given: dict[str, Any] = {"device": "PXI", "channel": "ai0", "raw": np.arange(5, dtype="int16")}
    if "times" not in changes:
        given |= {"start": 0.0, "dt": 1e-3}
    return SeriesPlan(**given | changes)


def shot(**changes: Any) -> ShotPlan:
    given: dict[str, Any] = {
        "number": 1, "started_at": NOON, "duration": 2.0, "series": (series(),), "source": SOURCE,
    }  # fmt: skip
    return ShotPlan(**given | changes)


def test_the_examples_hold() -> None:
    assert doctest.testmod(plan).failed == 0


class TestSamples:
    @settings(deadline=None)
    @given(nps.arrays(st.sampled_from(DTYPES).map(np.dtype), st.integers(1, 20)))
    def test_every_type_that_can_be_stored_is_kept(self, raw: Any) -> None:
        kept = as_recorded(raw)
        assert kept.dtype == raw.dtype
        assert kept.tobytes() == raw.tobytes()
        assert series(raw=kept).raw.tobytes() == raw.tobytes()

    @settings(deadline=None)
    @given(nps.arrays(st.sampled_from(["<i2", "<i4", "<f4", "<f8"]), st.integers(1, 20)))
    def test_big_endian_is_turned_bit_by_bit(self, raw: Any) -> None:
        assert as_recorded(raw.astype(raw.dtype.newbyteorder(">"))).tobytes() == raw.tobytes()

    def test_a_stride_becomes_contiguous(self) -> None:
        assert as_recorded(np.arange(10, dtype="int16")[::2]).tolist() == [0, 2, 4, 6, 8]

    @pytest.mark.parametrize(("given", "kept"), [("float16", "float32"), ("uint64", "int64")])
    def test_what_has_no_place_is_widened(self, given: str, kept: str) -> None:
        raw = as_recorded(np.array([0, 1], dtype=given))
        assert raw.dtype == kept
        assert raw.tolist() == [0, 1]

    @pytest.mark.parametrize(
        "raw",
        [np.array([1j]), np.array(["a"]), np.array([b"a"]), np.array([None]), np.array([2**63], "uint64"),
         np.zeros(1, "M8[s]"), np.zeros(1, [("a", "i2")])],
        ids=lambda raw: raw.dtype.name,
    )  # fmt: skip
    def test_what_loses_something_is_refused(self, raw: Any) -> None:
        with pytest.raises(InvalidValue, match="cannot be stored"):
            as_recorded(raw)

    @pytest.mark.parametrize(
        "raw",
        [np.zeros((2, 2)), np.zeros(0), np.array(1.0), [1.0], np.zeros(2, ">i2"), np.zeros(4, "i2")[::2],
         np.zeros(2, "f2"), np.zeros(2, "c8")],
        ids=["2-D", "none", "0-D", "list", "big-endian", "strided", "float16", "complex"],
    )  # fmt: skip
    def test_a_series_takes_only_what_can_be_written_as_it_is(self, raw: Any) -> None:
        with pytest.raises(InvalidValue, match="PXI/ai0"):
            series(raw=raw)

    def test_they_cannot_be_changed(self) -> None:
        with pytest.raises(ValueError, match="read-only"):
            series().raw[0] = 1


class TestTimeBase:
    def test_uniform_ends_after_the_last_interval(self) -> None:
        assert series(start=-1.0, dt=0.5).end == 1.5

    def test_irregular_ends_with_the_last_sample(self) -> None:
        assert series(times=np.array([0, 1, 1, 2, 4.0])).end == 4.0

    @pytest.mark.parametrize(
        ("base", "letter"),
        [
            ({"start": None, "dt": None}, "either"),
            ({"start": 0.0, "dt": None}, "either"),
            ({"start": None, "dt": 1.0}, "either"),
            ({"start": 0.0, "dt": 1.0, "times": np.arange(5.0)}, "either"),
            ({"start": 0.0, "dt": 0.0}, "positive"),
            ({"start": 0.0, "dt": -1.0}, "positive"),
            ({"start": 0.0, "dt": np.nan}, "positive"),
            ({"start": 0.0, "dt": np.inf}, "positive"),
            ({"start": np.nan, "dt": 1.0}, "finite"),
            ({"times": np.arange(4.0)}, "5 samples have 4 times"),
            ({"times": np.array([0, 1, np.nan, 3, 4])}, "time of sample 3 is nan"),
            ({"times": np.array([0, 1, 2, 3, np.inf])}, "time of sample 5 is inf"),
            ({"times": np.array([0, 1, 3, 2.5, 4])}, "back between samples 3 and 4, from 3.0 to 2.5 s"),
            ({"times": np.zeros(5)}, "all 5 samples have the same time"),
        ],
    )
    def test_what_is_no_time_base(self, base: dict[str, Any], letter: str) -> None:
        with pytest.raises(InvalidValue, match=letter):
            series(**base)

    def test_a_shot_lasts_until_its_longest_series_ends(self) -> None:
        assert duration_of((series(start=0.0), series(times=np.arange(5.0)))) == 4.0
        assert duration_of((series(start=-1.0),)) == 0.0


class TestNames:
    @pytest.mark.parametrize("kind", ["device", "channel", "signal"])
    @pytest.mark.parametrize("name", ["", "   ", "a\nb", "a\x00", " ai0", "x" * 300, "\ud800", "\u200b"])
    def test_what_cannot_be_typed_is_no_name(self, kind: str, name: str) -> None:
        with pytest.raises(InvalidValue, match=kind):
            series(**{kind: name})

    def test_real_names_are(self) -> None:
        assert series(device="Estação de Medição", channel="test/out1").port == "Estação de Medição/test/out1"

    def test_a_device_has_no_slash(self) -> None:
        with pytest.raises(InvalidValue, match="slash"):
            series(device="a/b")

    def test_a_signal_is_a_word(self) -> None:
        assert series(signal="Lang_I").signal == "Lang_I"
        with pytest.raises(InvalidValue, match="letters, digits and underscores"):
            series(signal="Lang I")

    def test_text_can_be_stored(self) -> None:
        for text in ("a\0b", "\ud800"):
            with pytest.raises(InvalidValue, match="description of PXI/ai0"):
                series(description=text)


class TestUnits:
    @pytest.mark.parametrize(
        ("written", "unit"),
        [("V", "V"), ("Volt", "V"), ("VOLTS", "V"), ("kA", "kA"), ("Amps", "A"), ("Seconds", "s"), ("sec", "s"),
         ("µs", "us"), ("°C", "deg_C"), ("mbar", "mbar"), ("none", ""), ("", ""), (" V ", "V"), ("counts", "ct"),
         ("MVAr", None), ("10 V", None), ("Sequence", None), ("PAS", None), ("-", None)],
    )  # fmt: skip
    def test_units_are_spelled_as_in_astropy(self, written: str, unit: str | None) -> None:
        assert spelled_unit(written) == unit

    def test_prefixes_that_differ_in_case_stay_apart(self) -> None:
        assert (spelled_unit("mV"), spelled_unit("MV")) == ("mV", "MV")

    def test_an_unknown_unit_is_refused_in_a_plan(self) -> None:
        with pytest.raises(UnitMismatch, match="MVAr"):
            series(raw_unit="MVAr")
        with pytest.raises(UnitMismatch, match="MVAr"):
            Scale((Polynomial((0, 1)),), "MVAr")

    def test_a_scale_has_steps(self) -> None:
        with pytest.raises(InvalidValue, match="at least one step"):
            Scale((), "V")


class TestShot:
    def test_it_is_found_by_port(self) -> None:
        assert shot()["PXI/ai0"].channel == "ai0"
        with pytest.raises(KeyError):
            shot()["PXI/ai1"]

    @pytest.mark.parametrize(
        ("change", "letter"),
        [
            ({"number": -1}, "negative"),
            ({"number": 2**63}, "above"),
            ({"number": True}, "whole number"),
            ({"number": 1.5}, "whole number"),
            ({"started_at": datetime(2026, 3, 1)}, "no time zone"),
            ({"duration": -1.0}, "cannot be"),
            ({"duration": np.nan}, "cannot be"),
            ({"series": ()}, "no samples at all"),
            ({"series": (series(), series())}, "'PXI/ai0' appears more than once"),
            ({"program": " "}, "program"),
            ({"attributes": {"Gas": 1j}}, "Gas"),
            ({"attributes": {"P": np.nan}}, "finite"),
            ({"attributes": {"a b": 1.0}}, "letters"),
            ({"attributes": {"Gas": "a\0"}}, "stored"),
        ],
    )
    def test_what_cannot_be(self, change: dict[str, Any], letter: str) -> None:
        with pytest.raises(InvalidValue, match=letter):
            shot(**change)

    def test_attributes_are_numbers_texts_and_truths(self) -> None:
        attributes = {"Gas": "Argon", "P": 1, "Useful": True, "Comment": None}
        kept = shot(attributes=attributes, number=np.int64(7))
        assert dict(kept.attributes) == attributes
        assert (type(kept.attributes["P"]), type(kept.number)) == (float, int)
        with pytest.raises(TypeError):
            kept.attributes["Gas"] = "Helium"  # type: ignore[index]

    @pytest.mark.parametrize(
        "change", [{"name": ""}, {"format": ""}, {"size": 0}, {"sha256": b"short"}], ids=lambda change: str(*change)
    )
    def test_a_source_is_described(self, change: dict[str, Any]) -> None:
        with pytest.raises(InvalidValue):
            Source(**{"name": "a", "format": "b", "size": 1, "sha256": bytes(32)} | change)
