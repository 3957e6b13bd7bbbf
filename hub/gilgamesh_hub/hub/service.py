"""The pages as a service of JupyterHub, which starts this process, tells it who it is, and starts it again when it ends."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from pathlib import Path
from urllib.parse import urlsplit

from tornado.httpserver import HTTPServer

from ..application import UPLOAD_LIMIT, Application
from .lifeline import follow_parent
from .login import ROUTES, HubLogin
from .owner import owner
from .settings import Settings


async def serve() -> None:
    """Serve until told to stop."""
    settings = Settings.handed_over()
    application = Application(
        owner(),
        HubLogin(settings.base_url),
        prefix=os.environ["JUPYTERHUB_SERVICE_PREFIX"],
        packages=Path(settings.packages),
    )
    application.settings["cookie_secret"] = secrets.token_bytes(32)  # for a login that is under way, no longer
    application.add_handlers(r".*", [(application.prefix + pattern, handler) for pattern, handler in ROUTES])
    address = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    server = HTTPServer(application, xheaders=True, max_body_size=UPLOAD_LIMIT)
    server.listen(address.port or 0, address.hostname or "127.0.0.1")
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    await stop.wait()
    server.stop()
    application.close()


if __name__ == "__main__":
    follow_parent()
    asyncio.run(serve())
