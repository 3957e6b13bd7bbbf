"""Signals as xarray: units, long names and provenance in the attributes CF conventions know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import MissingExtra
from .signal import Signal

if TYPE_CHECKING:
    import xarray as xr


def require_xarray() -> Any:
    """Import xarray or say how to get it."""
    try:
        import xarray
    except ImportError as error:
        raise MissingExtra("xarray", "xarray", "a DataArray") from error
    return xarray


def array_of(signal: Signal) -> xr.DataArray:
    """See `Signal.to_xarray`."""
    xarray = require_xarray()
    attributes: dict[str, Any] = {
        "units": signal._symbol or "1",
        "long_name": signal.label,
        "provenance": str(signal.provenance),
    }
    if signal.shot is not None:
        attributes["shot"] = signal.shot
    found: xr.DataArray = xarray.DataArray(
        signal.values, {"Time": ("Time", signal.time, TIME)}, dims="Time", name=signal.name, attrs=attributes
    )
    return found


TIME = {"units": "s", "long_name": "time from the trigger", "axis": "T"}
