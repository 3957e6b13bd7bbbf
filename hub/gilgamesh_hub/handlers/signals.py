"""Signals: which there are, their curves as bytes, and where their numbers come from."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from gilgamesh_db import Database, Signal
from gilgamesh_db.cli.door import plain
from gilgamesh_db.errors import InvalidValue

from ..page import Api
from ..tensors import packed

POINTS = 2000
MOST_POINTS = 20_000
NAME = r"([^/]{1,200})"


class Signals(Api):
    """Every name that can be asked for."""

    async def get(self) -> None:
        """List them."""
        self.send({"signals": plain((await self.ask(Database.catalogue)).reset_index().to_dict("records"))})


class Curve(Api):
    """Minimum and maximum of a signal in bins, as arrays: what a chart draws, whatever it shows of a record.

    The tag of the answer follows from the record and all that resolves the name, so a browser that has it asks only
    whether it still holds.
    """

    async def get(self, shot: str, name: str) -> None:
        """Send the arrays ``time`` (s from ``start``), ``low`` and ``high``; see docs/api.md."""
        points = self.whole("points", POINTS, 1, MOST_POINTS)
        width = self.get_query_argument("type", "float32")
        if width not in ("float32", "float64"):
            raise InvalidValue(f"type={width!r} is not sent; say float32 or float64")
        window = self.number("from"), self.number("to")
        around = self.whole("around", 0, 0, 1) == 1
        known = self.request.headers.get("If-None-Match", "")
        tag, content = await self.ask(_curve, name, int(shot), window, points, width, known, around=around)
        self.set_header("Etag", tag)
        self.set_header("Cache-Control", "private, no-cache")
        if content is None:
            self.set_status(304)
            self.finish()
            return
        self.set_header("Content-Type", "application/octet-stream")
        self.finish(content)

    def compute_etag(self) -> None:
        """The tag is set above; Tornado need not compute one of the whole answer."""


class Explanation(Api):
    """Where the values of a signal come from; of one sample with ``at``."""

    async def get(self, shot: str, name: str) -> None:
        """Say it: rows of (what, how, who said so) for people, and everything as data."""
        self.send(await self.ask(_explanation, name, int(shot), self.number("at")))


def _curve(
    db: Database,
    name: str,
    shot: int,
    window: tuple[float | None, float | None],
    points: int,
    width: str,
    known: str,
    *,
    around: bool,
) -> tuple[str, bytes | None]:
    signal: Signal = db.signal(name, shot)
    since, until = window
    if since is not None or until is not None:
        t0, t1 = -np.inf if since is None else since, np.inf if until is None else until
        signal = signal.around(t0, t1) if around else signal.window(t0, t1)
    said = f"{signal.fingerprint} {points} {width}"
    tag = f'"{hashlib.sha256(said.encode()).hexdigest()[:32]}"'
    if tag in known:
        return tag, None
    time, low, high = signal.envelope(points)
    start = 0.0
    if width == "float32":
        start = float(time[0]) if time.size else 0.0
        time = time - start
    kind = np.dtype(width)
    with np.errstate(over="ignore"):
        arrays = {"time": time.astype(kind), "low": low.astype(kind), "high": high.astype(kind)}
    return tag, packed(
        arrays, {"signal": signal.name, "shot": str(shot), "unit": str(signal.unit), "start": repr(start)}
    )


def _explanation(db: Database, name: str, shot: int, at: float | None) -> dict[str, Any]:
    signal = db.signal(name, shot)
    if at is None:
        return {
            "text": str(signal.provenance),
            "rows": signal.provenance.rows(),
            "detail": plain(signal.provenance.to_dict()),
        }
    point = signal.at(at)
    return {"text": str(point), "rows": [], "detail": plain(point.to_dict())}


ROUTES = [
    (r"/api/signals", Signals),
    (rf"/api/shots/(\d{{1,18}})/signals/{NAME}/curve", Curve),
    (rf"/api/shots/(\d{{1,18}})/signals/{NAME}/explain", Explanation),
]
