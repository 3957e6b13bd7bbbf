"""Pictures: of signals, discharges, and of the one that comes next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .connection import Connected

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..layout import Layouts
    from ..shot_range import Shots
    from ..widgets import Browser, Dashboard


class Pictures(Connected):
    """What is looked at."""

    def plot(self, names: str | Sequence[str], shots: Shots, window: tuple[float, float] | None = None) -> Figure:
        """Signals of one or several shots over each other: one panel per unit, one time axis.

        In an interactive figure (``%matplotlib widget``) what is seen is read again from the database as one zooms,
        down to the single sample; no spike is ever lost.

        Parameters
        ----------
        names : str or sequence of str
            Names or aliases.
        shots : int, str, slice or iterable of int
            As for `signals`: ``1234``, ``-1``, ``[838, 1234]``, ``"1200:1300"``.
        window : (float, float), optional
            Part of the time axis, in seconds.

        Examples
        --------
        >>> db.plot(["Lang_U", "Lang_I"], [1234, 1240], window=(0.9, 0.92))  # doctest: +SKIP
        """
        from ..plot import plot_shots

        return plot_shots(
            self._whole, [names] if isinstance(names, str) else list(names), self.shot_numbers(shots), window
        )

    def overview(self, shot: int, layout: str | None = None, *, figure: Figure | None = None) -> Figure:
        """The picture of a discharge.

        Parameters
        ----------
        shot : int
            Shot number; a negative one counts from the last shot (-1).
        layout : str, optional
            One of `layouts`; when left out, the one called ``overview``, else every signal that has samples.
        figure : matplotlib Figure, optional
            Draw into this one.
        """
        from ..plot import overview

        return overview(self._whole, self.shot_number(shot), layout, figure)

    @property
    def layouts(self) -> Layouts:
        """Which signals a discharge is looked at by, in which panels: ``db.layouts["probe"] = [["Lang_U"], ["Lang_I"]]``."""
        from ..layout import Layouts

        return Layouts(self._whole)

    def follow(self, *, timeout: float | None = None) -> Iterator[int]:
        """Numbers of shots: the last one first, and then each as soon as it is committed.

        Parameters
        ----------
        timeout : float, optional
            Stop after so many seconds without a discharge; never, when left out.

        Examples
        --------
        >>> for shot in db.follow():  # doctest: +SKIP
        ...     print(shot, db.signal("IC_Pfwd", shot).values.max())
        """
        from ..follow import follow

        return follow(self._whole, timeout=timeout)

    def dashboard(self, layout: str | None = None) -> Dashboard:
        """The last discharge in a notebook; the next one appears by itself."""
        from ..widgets import Dashboard

        return Dashboard(self._whole, layout)

    def browse(self, condition: str = "") -> Browser:
        """A browser of shots in a notebook: a condition, the shots that meet it, their signals, a picture."""
        from ..widgets import Browser

        return Browser(self._whole, condition)
