"""How often a wrong password may be tried."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

PER_NAME = 5
PER_ADDRESS = 30
WINDOW = 15 * 60  # seconds
_MANY = 10_000  # keys; then those that are over are forgotten


class Throttle:
    """Counts failures by name and by address, within a window that moves on.

    Parameters
    ----------
    clock : callable
        Seconds; for tests.

    Examples
    --------
    >>> now = 0.0
    >>> throttle = Throttle(clock=lambda: now)
    >>> for _ in range(PER_NAME):
    ...     throttle.failed("anna", "10.0.0.1")
    >>> throttle.wait("anna", "10.0.0.1"), throttle.wait("boris", "10.0.0.1")
    (900, 0)
    >>> now = 900.0
    >>> throttle.wait("anna", "10.0.0.1")
    0
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], deque[float]] = {}

    def wait(self, name: str, address: str) -> int:
        """Seconds until it may be tried again; 0 is now."""
        return max(self._wait(("name", name), PER_NAME), self._wait(("address", address), PER_ADDRESS))

    def failed(self, name: str, address: str) -> None:
        """A password was wrong."""
        if len(self._failures) > _MANY:
            self._failures = {key: kept for key, kept in self._failures.items() if self._recent(kept)}
        for key in (("name", name), ("address", address)):
            self._failures.setdefault(key, deque(maxlen=PER_ADDRESS)).append(self._clock())

    def succeeded(self, name: str) -> None:
        """It was right: what was mistyped before does not count any more."""
        self._failures.pop(("name", name), None)

    def _wait(self, key: tuple[str, str], allowed: int) -> int:
        failures = self._failures.get(key)
        if not failures or len(self._recent(failures)) < allowed:
            return 0
        return max(1, int(failures[-allowed] + WINDOW - self._clock()))

    def _recent(self, failures: deque[float]) -> deque[float]:
        while failures and failures[0] <= self._clock() - WINDOW:
            failures.popleft()
        return failures
