"""Scripts of others: those files of npm packages that the pages use, and no other."""

from __future__ import annotations

import tornado.web

from ..page import Page

FILES = {"uPlot.iife.min.js": "text/javascript", "uPlot.min.css": "text/css"}


class Uplot(Page):
    """The charts."""

    needs = None

    async def get(self, name: str) -> None:
        """Send a file; it changes with its version only, which is in the address."""
        packages = self.application.packages
        if packages is None:
            raise tornado.web.HTTPError(404)
        content = await self.application.in_thread((packages / "uplot" / "dist" / name).read_bytes)
        self.set_header("Content-Type", FILES[name])
        self.set_header("Cache-Control", "public, max-age=31536000, immutable")
        self.finish(content)


ROUTES = [(rf"/packages/uplot/({'|'.join(name.replace('.', '[.]') for name in FILES)})", Uplot)]
