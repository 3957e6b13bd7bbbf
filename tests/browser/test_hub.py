"""Three people and the hub, in a real browser: invitations, logins, a Jupyter of one's own, kills, and the stop."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_loaders import simulator
from gilgamesh_loaders.commit import commit
from hub_process import RunningHub, free, hub, until

PASSWORD = "correct horse battery"  # noqa: S105
SUFFIX = uuid.uuid4().hex[:6]  # roles belong to the server, which other tests use, too
ANNA, BORIS = f"anna_{SUFFIX}", f"boris_{SUFFIX}"
SHOT = 1234


@pytest.fixture(scope="module")
def running(server18: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """A hub on a small testbed."""
    server18.execute("drop role if exists admin")
    with server18.database(server18.template()) as url:
        with gilgamesh.connect(url) as db:
            simulator.install_testbed(db)
            simulator.live(db)
            commit(db, simulator.simulate_shot(SHOT, duration=0.2, rate=20_000.0).plan)
        with hub(url, tmp_path_factory.mktemp("hub")) as started:
            yield started
    for name in ("admin", ANNA, BORIS):
        server18.execute(f"drop role if exists {name}")


@pytest.fixture
def people(chromium: Any) -> Iterator[Any]:
    """New browsers, one per person."""
    made: list[Any] = []

    def person() -> Any:
        context = chromium.new_context(viewport={"width": 1400, "height": 900})
        made.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        return page

    yield person
    for context in made:
        context.close()


def accept(page: Any, link: str) -> None:
    """Choose a password."""
    page.goto(link)
    page.fill("input[name=password]", PASSWORD)
    page.fill("input[name=again]", PASSWORD)
    page.press("input[name=again]", "Enter")
    page.wait_for_url("**/services/gilgamesh/")


def log_in(page: Any, name: str, password: str = PASSWORD) -> None:
    page.fill("#username_input", name)
    page.fill("#password_input", password)
    page.click("#login_submit")


def test_three_people(running: RunningHub, people: Any, tmp_path: Path) -> None:
    admin, anna, boris = people(), people(), people()
    accept(admin, running.invitation)
    links = []
    for name in (ANNA, BORIS):
        admin.goto(f"{running.address}services/gilgamesh/persons")
        admin.fill("input[name=name]", name)
        admin.get_by_role("button", name="Add and invite").click()
        links.append(admin.locator(".copied input").input_value())
    accept(anna, links[0])
    # Through the front door, by the login of the hub.
    accept(boris, links[1])
    boris.context.clear_cookies()
    boris.goto(running.address)
    assert "/hub/login" in boris.url
    log_in(boris, BORIS, "wrong password")
    assert "do not belong together" in boris.locator("[role=alert]").inner_text()
    log_in(boris, BORIS)
    boris.wait_for_url(f"{running.address}services/gilgamesh/")
    assert BORIS in boris.locator("header").inner_text()
    assert boris.get_by_role("link", name="Jupyter").get_attribute("href") == "/hub/user-redirect/lab"
    # Anna starts her Jupyter and reads a signal in her own role.
    began = time.monotonic()
    anna.goto(f"{running.address}hub/user-redirect/lab?reset")
    log_in(anna, ANNA)
    anna.wait_for_url(f"**/user/{ANNA}/lab**")
    anna.locator(".jp-Launcher").wait_for()
    print(f"login to Lab: {time.monotonic() - began:.1f} s")
    anna.locator(".jp-LauncherCard", has_text="Python 3").first.click()
    anna.get_by_text("| Idle").wait_for()
    anna.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
    anna.keyboard.type(
        "import gilgamesh_db as g, os; db = g.connect(); "
        f"print(db.sql('select session_user as me').me[0], len(db.signal('Lang_I', {SHOT}).values), "
        "[v for v in os.environ.values() if 'postgresql://' in v and ':' in v.split('@')[0][13:]])"
    )
    anna.keyboard.press("Shift+Enter")
    anna.locator(".jp-OutputArea-output").first.wait_for()
    assert anna.locator(".jp-OutputArea-output").first.inner_text().strip() == f"{ANNA} 4000 []"
    # Boris cannot get in there.
    answer = boris.goto(f"{running.address}user/{ANNA}/lab")
    assert answer.status in (403, 404)
    anna.screenshot(path=tmp_path / "anna.png")
    # The hub is killed: it comes again, and Anna's kernel has not noticed.
    kernel = running.child("ipykernel_launcher")
    os.kill(running.child("-m jupyterhub", "jupyterhub_config").pid, signal.SIGKILL)
    until("the hub comes again", lambda: "starting it again" in running.said.read_text())
    until("it answers", lambda: answers(f"{running.address}services/gilgamesh/health"), 60)
    assert kernel.is_running()
    anna.locator(".jp-Notebook .jp-Cell .cm-content").nth(1).click()
    anna.keyboard.type("6 * 7")
    anna.keyboard.press("Shift+Enter")
    anna.locator(".jp-OutputArea-output", has_text="42").wait_for()
    # So do the proxy and the pages.
    for words in (("configurable-http-proxy",), ("gilgamesh_hub.hub.service",)):
        os.kill(running.child(*words).pid, signal.SIGKILL)
        until("it stops answering", lambda: not answers(f"{running.address}services/gilgamesh/health"))
        until("it answers again", lambda: answers(f"{running.address}services/gilgamesh/health"), 60)
    # Somebody who is shut out is out, of the hub too.
    admin.goto(f"{running.address}services/gilgamesh/persons")
    admin.locator("tr", has_text=BORIS).get_by_role("button", name="Shut out").click()
    boris.goto(f"{running.address}services/gilgamesh/")
    assert "/hub/login" in boris.url or "may not" in boris.content() or "no person" in boris.content()
    # The stop leaves nothing behind.
    began = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    running.process.wait(40)
    print(f"stopped in {time.monotonic() - began:.1f} s")
    assert "stopped" in running.said.read_text()
    until("the kernel ended", lambda: not kernel.is_running(), 10)
    assert all(free(running.port + more) for more in range(4))


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False
