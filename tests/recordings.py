"""Small recordings of a testbed as files, for the tests of what loads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from gilgamesh_db import Polynomial
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, Source
from gilgamesh_loaders.testbed_hdf5 import write_testbed_hdf5

FIRST = datetime(2026, 3, 2, 9, tzinfo=UTC)
VOLTS = Scale((Polynomial((0.0, 1e-3)),), "V")


def counts(shot: int, channel: int, n: int = 500, seed: int = 0) -> Any:
    return np.random.default_rng([shot, channel, seed]).integers(-1000, 1000, n).astype("int16")


def shot_plan(shot: int, channels: int = 2, n: int = 500, seed: int = 0, device: str = "PXI") -> ShotPlan:
    series = tuple(
        SeriesPlan(device, f"ai{k}", counts(shot, k, n, seed), start=0.0, dt=1e-4, scale=VOLTS) for k in range(channels)
    )
    return ShotPlan(shot, FIRST + timedelta(minutes=5 * shot), n * 1e-4, series, Source("made", "test", 1, bytes(32)))


def write_shot(folder: Path, shot: int, **content: Any) -> Path:
    """A file of the testbed, as its acquisition writes it: under its name when it is whole."""
    path = folder / f"shot_{shot}.h5"
    write_testbed_hdf5(path, shot_plan(shot, **content))
    return path


def shots_of(db: Any) -> list[int]:
    """Every shot with all its records whole, once for each record; so a shot that is loaded twice shows."""
    return db.sql("select shot from gilgamesh.series where sha256 is not null order by shot, id")["shot"].tolist()
