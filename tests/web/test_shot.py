"""The page of a shot, and the dashboard that is told of the next one."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_hub.handlers import dashboard
from gilgamesh_loaders import simulator
from gilgamesh_loaders.commit import commit

from .conftest import PASSWORD, Site, Visitor


def test_a_shot_is_told_with_its_neighbours(site: Site, visitors: Any) -> None:
    told = visitors["reader"].get("/api/shots/1234").json
    assert (told["previous"], told["next"]) == (838, 1500)
    assert told["attributes"]["Gas"] == site.db.shots().Gas[1234]
    signals = {row["signal"]: row for row in told["signals"]}
    assert signals["Lang_I"]["port"] == site.db.signal("Lang_I", 1234).port
    assert {name for panel in told["panels"] for name in panel["signals"]} == {
        name for name, row in signals.items() if row["status"] == "ok"
    }
    page = visitors["reader"].get("/shots/1234").text
    for said in ("Shot 1234", 'rel="prev" href="/shots/838"', 'rel="next" href="/shots/1500"', "PXI M6251/ai12"):
        assert said in page
    assert visitors["reader"].get("/shots/999999").status == 404


def test_a_layout_says_which_panels(site: Site, visitors: Any) -> None:
    site.db.layouts["probe"] = [["Lang_U", "Lang_I"], {"signals": ["Bdot1"], "title": "loop", "low": 0, "high": 1}]
    told = visitors["reader"].get("/api/shots/1234?layout=probe").json
    assert [panel["title"] for panel in told["panels"]] == ["Lang_U, Lang_I", "loop"]
    assert (told["panels"][1]["low"], told["panels"][1]["high"]) == (0, 1)
    assert "<option selected>probe" in visitors["reader"].get("/shots/1234?layout=probe").text
    wrong = visitors["reader"].get("/shots/1234?layout=prob")
    assert (wrong.status, "did you mean" in wrong.text) == (422, True)


def test_without_scripts_the_server_draws(site: Site, visitors: Any) -> None:
    page = visitors["reader"].get("/shots/1234?from=0.01&to=0.02&with=838").text
    assert "/shots/1234/picture?signal=Lang_I&amp;with=838&amp;from=0.01&amp;to=0.02" in page
    drawn = visitors["reader"].get("/shots/1234/picture?signal=Lang_I&with=838&from=0.01&to=0.02")
    assert drawn.headers["Content-Type"] == "image/svg+xml"
    assert ElementTree.fromstring(drawn.body).tag.endswith("svg")  # noqa: S314 - it is ours
    for query in ("with=x", "with=" + ",".join("1" * 9), "signal=Nothing", ""):
        assert 400 <= visitors["reader"].get(f"/shots/1234/picture?{query}").status < 500


def test_the_testbed_as_it_was(site: Site, visitors: Any) -> None:
    def names(parts: list[dict[str, Any]]) -> list[str]:
        return [name for part in parts for name in (part["name"], *names(part["parts"]))]

    there = set(names(visitors["reader"].get("/api/shots/1234/testbed").json["roots"]))
    expected = site.db.sql(
        "select component from gilgamesh.components_at(1234::bigint) where class <> 'Port'"
    ).component
    assert there == set(expected)


def test_the_next_discharge_is_told_within_a_second(site: Site, visitors: Any) -> None:
    with visitors["reader"].events("/api/follow") as events:
        assert next(events)[0] == "beat"
        assert next(events) == ("told", {"shot": max(site.db.shots().index), "lost": ""})
        for number in (1601, 1602):
            plan = simulator.simulate_shot(number, duration=0.05, rate=20_000.0).plan
            commit(site.db, plan)
            began = time.monotonic()
            assert next(events) == ("told", {"shot": number, "lost": ""})
            assert time.monotonic() - began < 1.0
    with visitors["other"].events("/api/follow") as events:
        assert [next(events)[0] for _ in range(2)] == ["beat", "told"]


def test_a_screen_of_somebody_shut_out_ends(site: Site, server18: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "BEAT", 0.1)
    name = f"wall_{uuid.uuid4().hex[:6]}"
    site.db.persons.create(name)
    site.db.persons.accept(site.db.persons.invite(name).secret, PASSWORD)
    try:
        with site.visitor().log_in(name).events("/api/follow") as events:
            assert [next(events)[0] for _ in range(4)].count("beat") == 3
            site.db.persons.deactivate(name)
            assert "out" in [event for event, _ in events]
    finally:
        server18.execute(f"drop role {name}")


def test_a_lost_database_is_told_and_what_came_meanwhile(server18: Any, serve: Callable[..., Site]) -> None:
    name = f"wall_{uuid.uuid4().hex[:6]}"
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as db:
        simulator.install_testbed(db)
        db.persons.create(name)
        db.persons.accept(db.persons.invite(name).secret, PASSWORD)
        commit(db, simulator.simulate_shot(838, duration=0.05, rate=20_000.0).plan)
        site = serve(db)
        database = url.rsplit("/", 1)[1].split("?", maxsplit=1)[0]
        plan = simulator.simulate_shot(1234, duration=0.05, rate=20_000.0).plan
        with Visitor(site.address).log_in(name).events("/api/follow") as events:
            told = (data for event, data in events if event == "told")
            assert next(told)["shot"] == 838
            server18.execute(f"alter database {database} with allow_connections false")
            server18.execute(
                f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}' and application_name = 'gilgamesh follow'"
            )
            lost = next(told)
            assert lost["shot"] == 838
            assert lost["lost"]
            server18.execute(f"alter database {database} with allow_connections true")
            commit(db, plan)
            assert any(one == {"shot": 1234, "lost": ""} for one in told)
        site.application.close()
    server18.execute(f"drop role {name}")


def test_a_line_across_a_window_knows_the_samples_beside_it(site: Site) -> None:
    signal = site.db.signal("Lang_U", 1234)
    part = signal.around(0.1, 0.1004)
    assert part.time[0] <= 0.1 - signal.dt / 2
    assert part.time[-1] >= 0.1004
    assert len(part.values) <= 12
    assert len(signal.around(-5.0, 5.0).values) == len(signal.values)
    rare = site.db.signal("IC_Pfwd", 1234)
    assert rare.dt is None or rare.dt > 0.01
    middle = float(rare.time[1:3].mean())
    between = rare.around(middle, middle + 1e-6)
    assert between.time[0] < middle < between.time[-1]
    assert len(between.values) in (2, 3)
