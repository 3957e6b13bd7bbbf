"""The page around a notebook: its looks, and what a browser may do with it."""

from __future__ import annotations

import html
from functools import lru_cache
from pathlib import Path

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; form-action 'none'"
)
"""What the document may do: show itself. It stands in the document, so that it holds for a file on a disk as well."""

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": f"sandbox allow-popups allow-popups-to-escape-sandbox; {POLICY}",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""What a server sends with the document. ``sandbox`` gives it an origin of its own: without the cookies of the site, even
where somebody opens the address by itself. An ``<iframe sandbox="allow-popups allow-popups-to-escape-sandbox">`` may hold
it; links open in a new window."""


def page(title: str, body: str) -> str:
    """A document around HTML that is harmless already."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY)}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<base target="_blank">
<title>{html.escape(title)}</title>
<style>
{_style()}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


@lru_cache(maxsize=1)
def _style() -> str:
    from pygments.formatters import HtmlFormatter

    code = HtmlFormatter(style="default").get_style_defs(".highlight")
    return "\n".join((code, (Path(__file__).parent / "templates" / "page.css").read_text(encoding="utf-8")))
