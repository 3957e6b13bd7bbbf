"""The pages as people use them: in Chromium, with a mouse, a keyboard and a phone."""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from gilgamesh_loaders import simulator
from gilgamesh_loaders.commit import commit


def test_an_admin_invites_somebody_who_then_looks_at_a_shot(site: Any, visit: Any, server18: Any) -> None:
    admin = visit("admin", "/persons")
    admin.fill("input[name=name]", "newcomer")
    admin.get_by_role("button", name="Add and invite").click()
    link = admin.get_by_label("Link of the invitation").input_value()
    someone = visit(path=link)
    someone.get_by_label("Password", exact=True).fill(visit.password)
    someone.get_by_label("Once more").fill(visit.password)
    someone.keyboard.press("Enter")
    someone.wait_for_url("**/")
    someone.get_by_role("link", name="Shots", exact=True).click()
    someone.get_by_role("link", name="1234").click()
    expect(someone.get_by_role("heading", name="Shot 1234")).to_be_visible()
    someone.get_by_role("button", name="Log out").click()
    someone.wait_for_url("**/login")
    someone.get_by_label("Name").fill("newcomer")
    someone.get_by_label("Password").fill("not the password")
    someone.keyboard.press("Enter")
    expect(someone.get_by_role("alert")).to_contain_text("do not belong together")
    visit.complaints.clear()  # the browser notes the status 401
    site.db.persons.deactivate("newcomer")
    server18.execute("drop role newcomer")


def test_the_table_answers_as_one_types_and_says_what_is_wrong(visit: Any) -> None:
    page = visit("reader", "/shots")
    rows = page.locator("#shots tbody tr")
    expect(rows).to_have_count(3)
    page.get_by_label("Shots where").press_sequentially("Shot > 1000", delay=5)
    expect(rows).to_have_count(2)
    assert "where=Shot+%3E+1000" in page.url
    page.get_by_label("Shots where").press_sequentially(" and Gaz")
    expect(page.get_by_role("alert")).to_contain_text("no attribute 'Gaz'")
    expect(rows).to_have_count(2)  # what was found stays
    visit.complaints.clear()  # the browser notes the status 404
    page.get_by_label("Shots where").fill("")
    page.get_by_role("link", name="Date").click()
    expect(page.locator("th[data-name=Date]")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("link", name="Date").click()
    expect(rows.first).to_contain_text("838")
    page.locator("summary").click()
    page.get_by_label("Comment").uncheck()
    expect(page.locator("th[data-name=Comment]")).to_have_count(0)
    page.reload()
    expect(rows.first).to_contain_text("838")
    assert page.locator("#describe").count() == 0


def test_two_operators_describe_the_same_shot(site: Any, visit: Any) -> None:
    first, second = visit("operator", "/shots"), visit("admin", "/shots")
    for page, value in ((first, "seen first"), (second, "seen second")):
        page.get_by_label("Choose shot 838").check()
        page.get_by_label("What to state").select_option("Comment")
        page.get_by_label("Value").fill(value)
        page.get_by_label("Reason").fill("looked at it")
        page.get_by_role("button", name="State it").click()
        expect(page.locator("#done")).not_to_be_empty()
    expect(first.locator("#done")).to_have_text("Stated for 1 shot.")
    expect(second.locator("#done")).to_contain_text("said meanwhile that Comment of shot 838 is 'seen first'")
    expect(second.locator("tr[data-shot='838']")).to_contain_text("seen first")
    visit.complaints.clear()  # the browser notes the status 409
    assert site.db.shots().Comment[838] == "seen first"


def test_curves_refine_as_one_zooms_and_miss_no_spike(site: Any, visit: Any) -> None:
    page = visit("reader", "/shots/1234")
    page.wait_for_selector("body[data-drawn]")
    of_lang_i = "panels.panels.find((p) => p.told.signals[0] === 'Lang_I')"
    signal = site.db.signal("Lang_I", 1234)
    top = page.evaluate(f"Math.max(...{of_lang_i}.data[2])")
    assert top == pytest.approx(signal.values.max(), rel=1e-6)
    for since, until in ((0.9, 1.0), (0.95001, 0.95901), (0.95021, 0.95121)):
        began = time.monotonic()
        page.evaluate(f"panels.zoom({since}, {until})")
        took = time.monotonic() - began
        data = np.array(page.evaluate(f"{of_lang_i}.data"), dtype=float)
        seen = signal.window(since, until)
        inside = (data[0] >= since) & (data[0] < until)
        assert np.nanmax(data[2]) >= np.float32(seen.values.max()) * (1 - 1e-6)
        if len(seen.values) < 100:  # single samples now
            np.testing.assert_allclose(data[0][inside], seen.time, atol=1e-9)
            np.testing.assert_allclose(data[1][inside], seen.values, rtol=1e-6)
        assert took < 3.0
    assert "from=0.95021" in page.url
    page.keyboard.press("0")
    page.wait_for_function("!location.search.includes('from')")
    area = page.locator(".u-over").first.bounding_box()
    assert area is not None
    middle = area["y"] + area["height"] / 2
    page.mouse.move(area["x"] + 0.3 * area["width"], middle)
    page.mouse.down()
    page.mouse.move(area["x"] + 0.5 * area["width"], middle, steps=4)
    page.mouse.up()
    page.wait_for_function("location.search.includes('from')")
    since, until = page.evaluate("panels.seen()")
    whole = page.evaluate("panels.whole")
    assert (until - since) / (whole[1] - whole[0]) == pytest.approx(0.2, abs=0.02)


def test_a_click_on_a_curve_says_where_the_number_comes_from(visit: Any) -> None:
    page = visit("reader", "/shots/1234")
    page.wait_for_selector("body[data-drawn]")
    page.locator(".u-over").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Bdot1 in shot 1234 at")
    expect(page.get_by_role("dialog").locator("pre")).to_contain_text("ct")
    page.keyboard.press("Escape")
    page.locator("[data-explain=Lang_I]").click()
    expect(page.get_by_role("dialog")).to_contain_text("shunt1")
    page.keyboard.press("Escape")
    page.get_by_text("The testbed as it was").click()
    expect(page.locator(".tree")).to_contain_text("langmuir1", timeout=20_000)  # the physics is imported the first time
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/shots/838")


def test_the_next_discharge_appears_on_the_wall(site: Any, visit: Any, server18: Any) -> None:
    wall = visit("reader", "/dashboard", width=1920, height=1080)
    last = max(site.db.shots().index)
    wall.wait_for_selector(f"body[data-drawn='{last}']")
    took = []
    for number in (1601, 1602, 1603):
        plan = simulator.simulate_shot(number, duration=2.0, rate=50_000.0).plan
        commit(site.db, plan)
        began = time.monotonic()
        wall.wait_for_selector(f"body[data-drawn='{number}']")
        took.append(time.monotonic() - began)
        expect(wall.locator("#number")).to_have_text(str(number))
    assert min(took) < 1.0, took
    assert wall.locator("canvas").count() == wall.locator(".panel").count()  # drawn into the same charts
    assert wall.evaluate("document.documentElement.scrollHeight <= innerHeight + 1")
    wall.keyboard.press("ArrowLeft")
    wall.wait_for_selector("body[data-drawn='1602']")
    expect(wall.get_by_role("button", name="Follow again")).to_be_visible()
    commit(site.db, simulator.simulate_shot(1604, duration=0.2, rate=20_000.0).plan)
    expect(wall.get_by_role("alert")).to_have_text("Shot 1604 is there; this is 1602")
    wall.keyboard.press("End")
    wall.wait_for_selector("body[data-drawn='1604']")
    expect(wall.get_by_role("alert")).to_be_hidden()


def test_a_lost_database_is_said_on_the_wall(site: Any, visit: Any, server18: Any) -> None:
    wall = visit("reader", "/dashboard")
    wall.wait_for_selector("body[data-drawn]")
    database = site.db.engine.url.database
    server18.execute(f"alter database {database} with allow_connections false")
    try:
        server18.execute(
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{database}' and application_name = 'gilgamesh follow'"
        )
        expect(wall.get_by_role("alert")).to_contain_text("The database is away since")
    finally:
        server18.execute(f"alter database {database} with allow_connections true")
    expect(wall.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(2560, 1440), (390, 844)])
def test_no_page_is_wider_than_its_screen(visit: Any, theme: Any, size: tuple[int, int]) -> None:
    page = visit("admin", "/", width=size[0], height=size[1], color_scheme=theme)
    for path in ("/", "/shots", "/shots/1234", "/account", "/persons", "/dashboard", "/bibliography", "/search?q=lang"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        shade = sum(map(int, re.findall(r"\d+", ground)[:3]))
        assert (shade > 600) == (theme == "light")
