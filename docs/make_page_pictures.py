"""Photograph two pages of the demo's testbed for the README.

Run the demo first, then: ``python docs/make_page_pictures.py`` (needs Playwright, Chromium and npm).
"""

from __future__ import annotations

import asyncio
import datetime
import secrets
import shutil
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

import gilgamesh_db as gilgamesh
from gilgamesh_hub import npm
from gilgamesh_hub.application import Application
from gilgamesh_hub.identity import COOKIE, OwnLogin

HERE = Path(__file__).parent
PAGES = {"page-shot": ("/shots/1234", "light"), "page-dashboard": ("/dashboard", "dark")}


def main() -> None:
    """Serve the pages in a thread, look at them as a guest, and let the guest out again."""
    loop, listening = asyncio.new_event_loop(), bind_sockets(0, "127.0.0.1")
    threading.Thread(target=loop.run_forever, daemon=True).start()
    guest = f"guest{secrets.token_hex(4)}"
    with gilgamesh.connect() as db:

        async def serve() -> Application:
            application = Application(db, OwnLogin(), packages=npm.install())
            HTTPServer(application).add_sockets(listening)
            return application

        application = asyncio.run_coroutine_threadsafe(serve(), loop).result()
        db.persons.create(guest)
        try:
            login = db.persons.open(guest, "session", "pictures", datetime.timedelta(hours=1))
            photograph(f"http://127.0.0.1:{listening[0].getsockname()[1]}", login)
        finally:
            db.persons.deactivate(guest)
            application.close()


def photograph(address: str, login: str) -> None:
    """Write ``page-shot.png`` and ``page-dashboard.png``."""
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for name, (path, theme) in PAGES.items():
            context = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme=theme)
            context.add_cookies([{"name": COOKIE, "value": login, "url": address}])
            page = context.new_page()
            page.goto(address + path)
            page.wait_for_selector("body[data-drawn]")
            page.screenshot(path=HERE / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
