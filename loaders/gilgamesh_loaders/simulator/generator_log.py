"""The log the ICRF generator would have written: its pulses by its own clock, and the truth beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from gilgamesh_loaders.simulator.devices import generator_times
from gilgamesh_loaders.simulator.plasma import FloatArray


@dataclass(frozen=True)
class Clock:
    """A clock that is `slow` seconds behind at `at`, and falls behind by `drift` s/s."""

    slow: float = 0.0
    drift: float = 0.0
    at: datetime = datetime(2025, 1, 1, tzinfo=UTC)

    def shows(self, true: FloatArray) -> FloatArray:
        """What it shows at some true times, both in s since 1970."""
        return true - self.slow - self.drift * (true - self.at.timestamp())


def write_generator_log(
    path: str | Path,
    shots: Iterable[tuple[int, datetime]],
    clock: Clock,
    *,
    missing: Iterable[int] = (),
    tests: Iterable[datetime] = (),
    duration: float = 2.0,
    seed: int = 0,
) -> dict[int, FloatArray]:
    """Write a log.

    Parameters
    ----------
    path : str or Path
    shots : iterable of (int, datetime)
        Numbers and triggers.
    clock : Clock
        Of the generator.
    missing : iterable of int
        Shots in which it did not log.
    tests : iterable of datetime
        When it was fired without a shot.
    duration : float
        Of a pulse, in s.

    Returns
    -------
    dict of int to ndarray
        The truth: when the rows of each shot were taken, in s from its trigger.
    """
    rng = np.random.default_rng(seed)
    absent, truth = set(missing), {}
    pulses = [(started_at, number) for number, started_at in shots if number not in absent]
    lines = ["Date\tTime\tFpower (W)\tRpower (W)"]
    for started_at, number in sorted([*pulses, *((moment, -1) for moment in tests)]):
        times = generator_times(duration, rng)
        forward = np.where((times > 0.2) & (times < duration - 0.3), 1200.0, 0.0) + rng.normal(0.0, 2.0, times.size)
        reflected = 0.08 * forward + rng.normal(0.0, 1.0, times.size)
        if number >= 0:
            truth[number] = times
        for shown, one, other in zip(clock.shows(started_at.timestamp() + times), forward, reflected, strict=True):
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(shown * 1e3) * 1e3)
            lines.append(f"{moment:%d.%m.%Y}\t{moment:%H:%M:%S.%f}"[:-3] + f"\t{one:.1f}\t{other:.1f}")
    Path(path).write_text("\n".join(lines) + "\n", "utf-8")
    return truth
