"""A browser of shots in a notebook: a condition, the shots that meet it, their signals, a picture."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from ..errors import GilgameshError
from .picture import rendered, toolkit

if TYPE_CHECKING:
    from ..database import Database

MOST = 500  # shots in the list


class Browser:
    """Choose shots by a condition and look at their signals; made by `Database.browse`.

    Attributes
    ----------
    shots : tuple of int
        The shots chosen.
    signals : tuple of str
        The signals chosen.
    """

    def __init__(self, db: Database, condition: str = "") -> None:
        widgets = toolkit()
        self._db = db
        self.condition = widgets.Text(value=condition, placeholder="Gas == 'Argon' and Useful", description="shots",
                                      continuous_update=False, layout=widgets.Layout(width="95%"))  # fmt: skip
        self.shot_list = widgets.SelectMultiple(rows=14, layout=widgets.Layout(width="20em"))
        self.signal_list = widgets.SelectMultiple(rows=14, layout=widgets.Layout(width="14em"))
        self.message = widgets.HTML()
        self.picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        lists = widgets.HBox([self.shot_list, self.signal_list])
        self.widget = widgets.VBox([self.condition, self.message, lists, self.picture])
        self.condition.observe(lambda _: self._find(), names="value")
        self.shot_list.observe(lambda _: self._choose(), names="value")
        self.signal_list.observe(lambda _: self._draw(), names="value")
        self._find()

    @property
    def shots(self) -> tuple[int, ...]:
        """The shots chosen."""
        return tuple(self.shot_list.value)

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals chosen."""
        return tuple(self.signal_list.value)

    def _find(self) -> None:
        self.message.value = ""
        try:
            table = self._db.shots(self.condition.value or None, columns=["Date", "Program"])
        except GilgameshError as error:
            self.message.value = f"<b>{html.escape(str(error))}</b>"
            return
        newest = table.iloc[::-1][:MOST]
        self.shot_list.options = [
            (f"{shot}  {date:%Y-%m-%d}  {program or ''}", int(shot))
            for shot, date, program in zip(newest.index, newest["Date"], newest["Program"], strict=True)
        ]
        if len(table) > MOST:
            self.message.value = f"{len(table)} shots; the last {MOST} are listed"

    def _choose(self) -> None:
        names = sorted({name for shot in self.shots for name in self._there(shot)})
        kept = [name for name in self.signals if name in names]
        self.signal_list.options = names
        self.signal_list.value = kept
        if not kept:
            self._draw()

    def _there(self, shot: int) -> list[str]:
        found = self._db.sql(
            "select signal from gilgamesh.resolved_signal where shot = :shot and status = 'ok'", {"shot": shot}
        )
        return [str(name) for name in found["signal"]]

    def _draw(self) -> None:
        if not (self.shots and self.signals):
            self.picture.value = b""
            return
        from ..plot import plot_shots

        png, wrong = rendered(
            lambda figure: plot_shots(self._db, self.signals, self.shots, figure=figure),
            10,
            1.5 + 1.8 * len(self.signals),
        )
        self.message.value = f"<b>{html.escape(wrong)}</b>" if wrong else ""
        self.picture.value = png

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.widget._repr_mimebundle_(**options)
