"""A picture in a notebook, drawn without touching the figures the notebook itself has open."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import GilgameshError, MissingExtra

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def toolkit() -> Any:
    """The module ipywidgets, or the advice to install it."""
    try:
        import ipywidgets
    except ImportError as error:
        raise MissingExtra("ipywidgets", "notebook", "a widget in a notebook") from error
    return ipywidgets


def rendered(draw: Callable[[Figure], object], width: float, height: float) -> tuple[bytes, str]:
    """PNG of what `draw` draws, and what is wrong when it could not; never both."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "plot", "drawing a picture") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    try:
        draw(figure)
    except GilgameshError as error:
        return b"", str(error)
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=100)
    return target.getvalue(), ""
