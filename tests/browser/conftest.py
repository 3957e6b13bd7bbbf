"""A real browser, without a window, and the pages of a small testbed to look at; one of each for all tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fasteners
import pytest

from gilgamesh_hub import npm
from web.conftest import PASSWORD, Site, people, quick_hashes, serve, testbed

__all__ = ["quick_hashes", "serve"]

CALM = ("--disable-background-networking", "--disable-component-update", "--no-first-run", "--disable-gpu")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser, started once."""
    from playwright.sync_api import sync_playwright

    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*CALM, *root])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A new page of a person of its own; what it looked like at the end is kept beside the test's files."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True)
    made = context.new_page()
    made.set_default_timeout(45_000)
    yield made
    made.screenshot(path=tmp_path / "page.png")
    context.close()


@pytest.fixture(scope="session")
def node_modules() -> Iterator[Path]:
    """What comes from npm, installed once per run."""
    home = Path(os.environ["GILGAMESH_TEST_RUN"]) / "npm"
    with pytest.MonkeyPatch.context() as patch, fasteners.InterProcessLock(f"{home}.lock"):
        patch.setenv("GILGAMESH_HOME", str(home))
        yield npm.install()


@pytest.fixture(scope="session")
def site(server18: Any, serve: Callable[..., Site], node_modules: Path) -> Iterator[Site]:
    """The pages with their charts."""
    with testbed(server18, duration=2.0, rate=50_000.0) as db:
        made = serve(db, packages=node_modules)
        with people(made, server18):
            yield made


@pytest.fixture
def visit(site: Site, chromium: Any) -> Iterator[Callable[..., Any]]:
    """Somebody in front of a screen; complaints of the browser about a page of ours fail the test."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def come(who: str | None = None, path: str = "/", *, width: int = 1366, height: int = 768, **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": height}, base_url=site.address, **options)
        contexts.append(context)
        if who is not None:
            for cookie in site.visitor(who).cookies:
                context.add_cookies([{"name": cookie.name, "value": cookie.value or "", "url": site.address}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(path)
        return page

    come.password = PASSWORD  # type: ignore[attr-defined]
    come.complaints = complaints  # type: ignore[attr-defined]
    yield come
    for context in contexts:
        context.close()
    assert complaints == []
