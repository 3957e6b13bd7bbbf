"""What scripts and programs ask for: shots, curves, explanations."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

import gilgamesh_db as gilgamesh

from .conftest import SHOTS, Site


def arrays(content: bytes) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, str]]:
    """Read the format of safetensors, as its description says."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    said = header.pop("__metadata__")
    kinds = {"F32": "<f4", "F64": "<f8"}
    data = content[8 + length :]
    assert (8 + length) % 8 == 0
    return {
        name: np.frombuffer(data[slice(*one["data_offsets"])], kinds[one["dtype"]]).reshape(one["shape"])
        for name, one in header.items()
    }, said


@pytest.mark.parametrize(
    ("query", "window"), [("", None), ("&from=0.05&to=0.1", (0.05, 0.1)), ("&from=0.19", (0.19, np.inf))]
)
def test_a_curve_is_the_envelope(site: Site, visitors: Any, query: str, window: tuple[float, float] | None) -> None:
    answer = visitors["reader"].get(f"/api/shots/1234/signals/Lang_I/curve?points=300&type=float64{query}")
    found, said = arrays(answer.body)
    signal = site.db.signal("Lang_I", 1234)
    signal = signal.window(*window) if window else signal
    for name, expected in zip(("time", "low", "high"), signal.envelope(300), strict=True):
        np.testing.assert_array_equal(found[name], expected)
    assert said == {"signal": "Lang_I", "shot": "1234", "unit": "A", "start": "0.0"}


def test_half_as_many_bytes_are_as_good_for_a_picture(site: Site, visitors: Any) -> None:
    found, said = arrays(visitors["reader"].get("/api/shots/1234/signals/Lang_U/curve?points=500&from=0.1").body)
    time, low, high = site.db.signal("Lang_U", 1234).window(0.1, 10).envelope(500)
    assert {array.dtype for array in found.values()} == {np.dtype("<f4")}
    np.testing.assert_allclose(found["time"] + float(said["start"]), time, atol=1e-8)
    np.testing.assert_allclose(found["low"], low, rtol=1e-6)
    np.testing.assert_allclose(found["high"], high, rtol=1e-6)


def test_a_curve_that_is_still_so_is_not_sent_again(site: Site, visitors: Any) -> None:
    path = "/api/shots/838/signals/Lang_I2/curve?points=100"
    tag = visitors["reader"].get(path).headers["ETag"]
    again = visitors["reader"].get(path, If_None_Match=tag)
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert visitors["reader"].get(path + "&from=0.01", If_None_Match=tag).status == 200
    assert visitors["reader"].get(path + "&type=float64", If_None_Match=tag).status == 200
    with site.db.edit("measured again") as edit:
        edit.calibrate("shunt2", gilgamesh.Polynomial((0.0, -0.0123)), "V", "A")
    changed = visitors["reader"].get(path, If_None_Match=tag)
    assert changed.status == 200
    found, _ = arrays(changed.body)
    np.testing.assert_allclose(found["high"], site.db.signal("Lang_I2", 838).envelope(100).maximum, rtol=1e-6)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/api/shots/1234/signals/Langmiur_I/curve", 404, "did you mean"),
        ("/api/shots/999999/signals/Lang_I/curve", 404, "no shot 999999"),
        ("/api/shots/1234/signals/Lang_I/curve?points=0", 422, "points='0' is not a whole number"),
        ("/api/shots/1234/signals/Lang_I/curve?points=1e9", 422, "points"),
        ("/api/shots/1234/signals/Lang_I/curve?from=nan", 422, "from='nan' is not a number"),
        ("/api/shots/1234/signals/Lang_I/curve?from=1&to=1", 422, "window"),
        ("/api/shots/1234/signals/Lang_I/curve?type=int8", 422, "float32 or float64"),
        ("/api/shots?where=Gas+%3D%3D", 422, "cannot be read"),
        ("/api/shots?where=Gaz", 404, "Gas"),
        ("/api/shots?order=Gaz", 404, "Gas"),
        ("/api/shots?columns=Gas,Gaz", 404, "Gas"),
        ("/api/shots?rows=100000", 422, "rows"),
        ("/api/shots?where=" + quote("__import__('os').system('true')"), 422, "is not a condition"),
        ("/api/shots/1234/signals/" + quote("x'; drop table shot; --", safe="") + "/curve", 404, "no signal"),
    ],
)
def test_what_cannot_be_is_a_letter_in_json(visitors: Any, path: str, status: int, said: str) -> None:
    answer = visitors["reader"].get(path)
    assert answer.status == status
    assert said in answer.json["error"]


def test_the_table_of_shots(site: Site, visitors: Any) -> None:
    answer = visitors["reader"].get("/api/shots?columns=Gas,Date&order=Shot&where=" + quote("Shot < 1600")).json
    assert [row[0] for row in answer["rows"]] == sorted(SHOTS)
    assert [column["name"] for column in answer["columns"]] == ["Shot", "Gas", "Date"]
    assert answer["total"] == 3
    assert answer["rows"][0][2] == site.db.shots().Date[SHOTS[0]].isoformat()
    page = visitors["reader"].get("/shots?where=" + quote("Shot > 1000 and Shot < 1600")).text
    assert page.count("data-shot=") == 2
    assert 'value="Shot &gt; 1000 and Shot &lt; 1600"' in page
    wrong = visitors["reader"].get("/shots?where=" + quote("Gas == <b>"))
    assert wrong.status == 200
    assert "cannot be read" in wrong.letter
    assert "<b>" not in wrong.text


def test_operators_describe_shots_and_readers_do_not(site: Site, visitors: Any) -> None:
    seen = visitors["operator"].get("/api/shots?rows=0").json["edit"]
    said = {
        "shots": [838, 1500],
        "said": {"Comment": "looked at <again>", "Program": "Review"},
        "reason": "weekly",
        "edit": seen,
    }
    assert visitors["reader"].send("POST", "/api/shots/describe", said).status == 403
    assert visitors["operator"].send("POST", "/api/shots/describe", said).json == {"shots": 2}
    table = site.db.shots()
    assert table.Comment[[838, 1500]].tolist() == ["looked at <again>"] * 2
    assert table.Program[838] == "Review"
    who = site.db.sql("select author, role from gilgamesh.edit where reason = 'weekly'").iloc[0].tolist()
    assert who == [site.names["operator"]] * 2
    assert "&lt;again&gt;" in visitors["reader"].get("/shots").text
    late = visitors["admin"].send("POST", "/api/shots/describe", {**said, "said": {"Comment": "mine"}})
    assert late.status == 409
    assert "looked at <again>" in late.json["error"]


@pytest.mark.parametrize(
    "sent",
    [{}, {"shots": "838", "said": {"Gas": "x"}, "reason": "x"}, {"shots": [True], "said": {"Gas": "x"}, "reason": "x"},
     {"shots": [838], "said": [], "reason": "x"}, {"shots": [838], "said": {"Gas": "x"}, "reason": ""},
     {"shots": [838], "said": {"Gas": 3}, "reason": "x"}, {"shots": [838], "said": {"Nothing": "x"}, "reason": "x"},
     {"shots": [838], "said": {"Useful": {"a": 1}}, "reason": "x"}, {"shots": [-1e9], "said": {"Gas": "x"}, "reason": "x"},
     {"shots": [838], "said": {"Gas": "x"}, "reason": "x", "edit": "1"}],
)  # fmt: skip
def test_an_edit_that_cannot_be_is_refused(site: Site, visitors: Any, sent: dict[str, Any]) -> None:
    before = site.db.sql("select count(*) from gilgamesh.edit").iloc[0, 0]
    answer = visitors["operator"].send("POST", "/api/shots/describe", sent)
    assert 400 <= answer.status < 500
    assert answer.json["error"]
    assert site.db.sql("select count(*) from gilgamesh.edit").iloc[0, 0] == before


def test_what_is_no_json_is_said(visitors: Any) -> None:
    for body in (b"", b"{", b"[1]", b"\xff"):
        answer = visitors["operator"].ask("POST", "/api/shots/describe", body, X_Xsrftoken=visitors["operator"].xsrf)
        assert answer.status == 422
        assert "no JSON" in answer.json["error"]


def test_an_explanation_says_where_a_number_comes_from(site: Site, visitors: Any) -> None:
    answer = visitors["reader"].get("/api/shots/1234/signals/Langmuir_I/explain").json
    assert answer["text"] == str(site.db.signal("Lang_I", 1234).provenance)
    assert any("shunt1" in row[0] for row in answer["rows"])
    point = visitors["reader"].get("/api/shots/1234/signals/Lang_I/explain?at=0.1").json
    assert point["detail"]["value"] == site.db.signal("Lang_I", 1234).at(0.1).value


def test_signals_are_listed(site: Site, visitors: Any) -> None:
    signals = {row["signal"]: row for row in visitors["reader"].get("/api/signals").json["signals"]}
    assert signals["Lang_I"]["unit"] == "A"
    assert "Langmuir_I" in signals["Lang_I"]["aliases"]
    assert set(signals) == set(site.db.catalogue().index)


def test_a_program_without_a_token_is_told_how_to_get_one(visitors: Any) -> None:
    answer = visitors["anonymous"].get("/api/signals")
    assert answer.status == 401
    assert "Bearer" in answer.json["error"]
