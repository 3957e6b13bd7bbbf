"""How much is measured, and on what: a signal with drift, oscillations, bursts and the noise of its converter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Raw = NDArray[np.int16]
Values = NDArray[np.float64]

DT = 1e-6  # s
BLOCK = 1 << 18  # samples made at a time


@dataclass(frozen=True)
class Sizes:
    """How much of everything.

    Attributes
    ----------
    samples : int
        Samples of the long record.
    rounds : int
        Rounds in which the stores take turns.
    repeats : int
        Short questions per round.
    wirings : int
        Rows of the channel-to-port history.
    shots, shot_samples : int
        Records of the statistics, and samples in each.
    channels, channel_samples : int
        The discharge that is loaded whole.
    campaign, campaign_samples : int
        Discharges that are loaded one after the other in a round, and samples of each channel.
    discharges, signals, signal_samples : int
        Shots of the analysis, signals in each, samples of each.
    tabled : int
        How many of them become one table.
    known_shots : int
        Shots, with as many signals, of which two states of knowledge are compared.
    slow_channels : int
        Channels of slow control.
    seed : int
        Start of the random numbers.
    """

    samples: int = 10_000_000
    rounds: int = 9
    repeats: int = 30
    wirings: int = 1_000_000
    shots: int = 200
    shot_samples: int = 100_000
    channels: int = 32
    channel_samples: int = 1_000_000
    campaign: int = 20
    campaign_samples: int = 100_000
    discharges: int = 200
    signals: int = 20
    signal_samples: int = 20_000
    tabled: int = 10
    known_shots: int = 1000
    slow_channels: int = 300
    seed: int = 0

    @property
    def rows(self) -> int:
        """Samples in the table with a row for each, which is too slow for all of them."""
        return max(1000, self.samples // 10)

    @property
    def row_shot_samples(self) -> int:
        """The same, per record of the statistics."""
        return max(100, self.shot_samples // 10)


QUICK = Sizes(samples=200_000, rounds=2, repeats=3, wirings=20_000, shots=20, shot_samples=5_000,
              channels=4, channel_samples=20_000, campaign=3, campaign_samples=5_000,
              discharges=12, signals=4, signal_samples=5_000, tabled=3, known_shots=20, slow_channels=10)  # fmt: skip


def noisy_signal(size: int, seed: int) -> Raw:
    """Counts of a 16-bit converter at 1 MHz.

    Parameters
    ----------
    size : int
        Number of samples.
    seed : int
        The same seed gives the same samples.

    Returns
    -------
    ndarray of int16, shape (size,)

    Examples
    --------
    >>> noisy_signal(3, seed=1).dtype
    dtype('int16')
    """
    rng = np.random.default_rng(seed)
    raw = np.empty(size, "<i2")
    for first in range(0, size, BLOCK):
        t = DT * np.arange(first, min(first + BLOCK, size))
        pulse = 1 - np.exp(-t / 0.05)
        wave = 9000 * pulse + 2500 * np.sin(2 * np.pi * 300 * t) + 800 * pulse * np.sin(2 * np.pi * 21e3 * t)
        raw[first : first + t.size] = wave + 60 * rng.standard_normal(t.size)
    spikes = rng.integers(0, size, max(1, size // 100_000))
    raw[spikes] = rng.integers(-30_000, 30_000, spikes.size)
    return raw
