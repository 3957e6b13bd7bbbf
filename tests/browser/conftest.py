"""A real browser, without a window."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
