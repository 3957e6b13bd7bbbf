"""Signals as xarray: units, long names and provenance in the attributes CF conventions know."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import GilgameshError, MissingExtra
from .frame_request import Request
from .frames import table
from .signal import Signal

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from .database import Database


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


def dataset_of(db: Database, asked: Request) -> xr.Dataset:
    """See `Database.dataset`."""
    xarray = require_xarray()
    frame = table(db, asked)
    shots = frame.index.unique("Shot")
    times = [frame.loc[shot].index.to_numpy() for shot in shots]
    if shots.size and all(np.array_equal(times[0], other) for other in times[1:]):
        dims: tuple[str, ...] = ("Shot", "Time")
        coordinates: dict[str, Any] = {"Shot": ("Shot", shots.to_numpy(), _SHOT), "Time": ("Time", times[0], TIME)}
        shape: tuple[int, ...] = (shots.size, times[0].size)
    else:
        dims, shape = ("sample",), (len(frame),)
        coordinates = {
            "Shot": ("sample", frame.index.get_level_values("Shot").to_numpy(), _SHOT),
            "Time": ("sample", frame.index.get_level_values("Time").to_numpy(), TIME),
        }
    columns = {
        name: (dims, frame[name].to_numpy().reshape(shape), _attributes(db, frame, name, shots))
        for name in frame.columns
    }
    found: xr.Dataset = xarray.Dataset(columns, coordinates, _about(db, asked, frame))
    return found


def _attributes(db: Database, frame: pd.DataFrame, name: str, shots: Any) -> dict[str, str]:
    """Unit, long name, and where the numbers of each shot come from."""
    origins = []
    for shot in shots:
        try:
            origins.append(str(db.signal(name, int(shot)).provenance))
        except GilgameshError as error:
            origins.append(f"{name} of shot {shot}: {error}")
    return {
        "units": frame.attrs["units"][name] or "1", "long_name": frame.attrs["labels"][name],
        "provenance": "\n\n".join(origins),
    }  # fmt: skip


def _about(db: Database, asked: Request, frame: pd.DataFrame) -> dict[str, str]:
    found = {
        "Conventions": "CF-1.11",
        "title": f"{', '.join(asked.names)} of {len(asked.shots)} shot{'s'[: len(asked.shots) != 1]}",
        "source": f"Gilgamesh {version('gilgamesh-db')}",
        "history": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} read, aligned by: {asked.align}",
    }
    if db.knowledge is not None:
        found["known_at"] = db.knowledge.isoformat()
    if frame.attrs["missing"]:
        found["missing"] = "; ".join(
            f"{name} in shot {shot}: {why}" for (shot, name), why in frame.attrs["missing"].items()
        )
    return found


TIME = {"units": "s", "long_name": "time from the trigger", "axis": "T"}
_SHOT = {"long_name": "shot number", "units": "1"}
