"""The last discharge in a notebook; the next one appears by itself."""

from __future__ import annotations

import html
import threading
from typing import TYPE_CHECKING, Any

from ..follow import follow
from .picture import rendered, toolkit

if TYPE_CHECKING:
    from ..database import Database


class Dashboard:
    """A picture of the last discharge that follows the testbed; made by `Database.dashboard`.

    Attributes
    ----------
    shot : int or None
        The discharge that is shown.
    """

    def __init__(self, db: Database, layout: str | None = None) -> None:
        widgets = toolkit()
        self._db = db
        self._layout = layout
        self.shot: int | None = None
        self.drawn = threading.Event()
        self._banner = widgets.HTML()
        self._picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self.widget = widgets.VBox([self._banner, self._picture])
        self._wanted = True
        self._thread = threading.Thread(target=self._follow, name="gilgamesh dashboard", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer; what is shown stays."""
        self._wanted = False
        self._thread.join(timeout=3)

    def _follow(self) -> None:
        for shot in follow(self._db, lost=self._lost, wanted=lambda: self._wanted):
            self._show(shot)

    def _show(self, shot: int) -> None:
        png, wrong = rendered(lambda figure: self._db.overview(shot, self._layout, figure=figure), 12, 8)
        self._banner.value = f"<b>{html.escape(wrong)}</b>" if wrong else ""
        if png:
            self._picture.value = png
        self.shot = shot
        self.drawn.set()

    def _lost(self, wrong: str) -> None:
        self._banner.value = f"<b>not connected, trying again: {html.escape(wrong)}</b>" if wrong else ""

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)
