"""Slow control: what came day and night, apart from shots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .connection import Connected, Knowledge

if TYPE_CHECKING:
    import pandas as pd

    from ..streams.producer import Producer


class SlowControl(Connected):
    """Streams: written, read, looked after."""

    def slow(
        self,
        names: str | Sequence[str],
        since: Knowledge,
        until: Knowledge | None = None,
        *,
        every: str | float | None = None,
    ) -> pd.DataFrame:
        """Slow control as a table, with the wiring and the calibrations in force at the time of each sample.

        Parameters
        ----------
        names : str or sequence of str
            Names or aliases.
        since, until : datetime or str
            Half-open; what has no zone is UTC. Until now by default.
        every : str or float, optional
            Aggregates in intervals such as ``"1s"``, ``"1min"``, ``"1h"`` or ``"1D"``, or of so many seconds, aligned to
            1970-01-01 in UTC; the samples themselves by default.

        Returns
        -------
        DataFrame
            Index Time (UTC). Samples: one column per signal, NaN where another one was sampled. Aggregates: columns
            (Statistic, Signal), or Statistic alone for a single name, with n, minimum, maximum, mean and last of the
            samples whose value is a number; NaN where there is none. ``attrs`` hold ``units`` and ``labels``.

        Raises
        ------
        NotWired, NotCalibrated
            A signal was wired to no stream in the period, or has no calibration in a part of it.

        Examples
        --------
        >>> db.slow(["Vacuum_P", "Water_T"], "2026-03-01", "2026-03-02", every="1min")["mean"].plot()  # doctest: +SKIP
        """
        from ..streams.frames import slow

        return slow(self._whole, names, since, until, every)

    def at(self, moment: Knowledge) -> pd.DataFrame:
        """All channels of slow control at an instant: the latest sample of each, calibrated as of that sample.

        Returns
        -------
        DataFrame
            Index signal; value, unit, time of the sample, raw, port, and a status other than ``ok`` where there is none.
        """
        from ..streams.frames import at

        return at(self._whole, moment)

    def slow_gaps(
        self, name: str, since: Knowledge, until: Knowledge | None = None, *, longer_than: float | None = None
    ) -> pd.DataFrame:
        """When a signal of slow control said nothing.

        Parameters
        ----------
        longer_than : float, optional
            Seconds; the pause stated for the stream by default.

        Returns
        -------
        DataFrame
            since, until, gap (``no samples``, ``not wired`` or ``not calibrated``), port, seconds.
        """
        from ..streams.frames import gaps

        return gaps(self._whole, name, since, until, longer_than)

    def producer(
        self,
        *,
        batch: int = 5000,
        flush_interval: float = 1.0,
        buffer: int = 500_000,
        compact_interval: float | None = 600.0,
    ) -> Producer:
        """Store samples of streams from a program that runs for months.

        Parameters
        ----------
        batch : int
            Samples sent at once, at most.
        flush_interval : float
            Seconds a sample waits in memory, at most, while the database can be reached.
        buffer : int
            Samples held in memory, at most; then `put` waits.
        compact_interval : float, optional
            Seconds after which what was stored is moved into segments; None leaves it to `compact_streams`.

        Examples
        --------
        >>> with db.producer() as producer:  # doctest: +SKIP
        ...     producer.put("S7/pressure", 21763)
        """
        from ..streams.producer import Producer

        return Producer(
            self._whole, batch=batch, flush_interval=flush_interval, buffer=buffer, compact_interval=compact_interval
        )

    def streams(self) -> pd.DataFrame:
        """The ports that deliver samples day and night: the signal wired now, what is stored, the latest sample."""
        from ..streams.upkeep import streams

        return streams(self._whole)

    def compact_streams(self, at_least: int = 1) -> int:
        """Move late and latest samples into segments and bring the aggregates up to date; returns how many.

        Parameters
        ----------
        at_least : int
            Leave the running hour of a stream alone while fewer samples wait.
        """
        from ..streams.upkeep import compact

        return compact(self._whole, at_least)

    def release_streams(self, *, reason: str | None = None, dry_run: bool = False) -> pd.DataFrame:
        """Remove samples and aggregates that are older than their stream keeps them; only the owner may.

        Returns
        -------
        DataFrame
            Index port: segments, samples and bytes that went, or would go, and blocks of aggregates.
        """
        from ..streams.upkeep import release

        return release(self._whole, reason=reason, dry_run=dry_run)
