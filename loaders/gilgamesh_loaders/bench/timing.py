"""Measuring: the contestants take turns, so that a slow minute of the machine is everybody's."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Measurement:
    """How long one store took for one task.

    Attributes
    ----------
    task, store : str
    seconds : tuple of float
        One per round and repetition.
    samples : int
        Samples each of them dealt with; 0 where the task is not about samples.
    bytes_per_sample : float or None
        For the task that measures no time.
    """

    task: str
    store: str
    seconds: tuple[float, ...]
    samples: int = 0
    bytes_per_sample: float | None = None

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """Seconds within which 95 % were done."""
        return float(np.percentile(self.seconds, 95))

    @property
    def cost(self) -> float:
        """What is compared: seconds per sample, bytes per sample, or seconds."""
        if self.bytes_per_sample is not None:
            return self.bytes_per_sample
        return self.median / (self.samples or 1)


@dataclass(frozen=True)
class Contestant:
    """One store's way to do a task; action, and what is cleared away after it, get the number of the round."""

    action: Callable[[int], Any]
    samples: int = 0
    after: Callable[[int], Any] | None = None


def compete(
    task: str,
    contestants: Mapping[str, Contestant],
    rounds: int,
    *,
    repeats: int = 1,
    settle: Callable[[], object] | None = None,
) -> Iterator[Measurement]:
    """Let everybody do the task once a round, each round beginning with another.

    Parameters
    ----------
    task : str
    contestants : mapping
        By the name of the store.
    rounds : int
        Rounds that count.
    repeats : int
        Times in a row within a round.
    settle : callable, optional
        For what cannot be done twice: writes what others left in memory to disk first, so that nobody pays for another's
        writes. Otherwise everybody begins with a call that is not counted: while others were busy the machine took
        memory away, and fetching it back takes longer than reading a record.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    with _no_collection():
        for number in range(rounds):
            for name in order[number % len(order) :] + order[: number % len(order)]:
                action, after = contestants[name].action, contestants[name].after
                gc.collect()
                if settle is not None:
                    settle()
                else:
                    action(number)
                for _ in range(repeats):
                    began = time.perf_counter()
                    action(number)
                    seconds[name].append(time.perf_counter() - began)
                if after is not None:
                    after(number)
    for name, contestant in contestants.items():
        yield Measurement(task, name, tuple(seconds[name]), contestant.samples)


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage is collected but when we say so, and then only what is new: that is quick."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
