"""Two loaders at once: two processes, each with a connection of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import Any

import psycopg

from ..workload import Raw
from .gilgamesh import write_shot


class Loader:
    """One of the two, in its own process; made there, once."""

    here: Loader

    def __init__(self, connection: psycopg.Connection[Any], port: int, raw: Raw) -> None:
        self._connection = connection
        self._port = port
        self._raw = raw

    def write(self, number: int) -> None:
        """Write the record of a new shot; committed when this returns."""
        with self._connection.transaction():
            write_shot(self._connection, number, self._raw, self._port)


class Pair:
    """Both of them, as the benchmark sees them."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def write(self, number: int) -> None:
        """Write two records, shots `number` and the one after it."""
        for done in [self._pool.submit(_write, number + one) for one in (0, 1)]:
            done.result()


@contextmanager
def pair(address: str, port: int, raw: Raw) -> Iterator[Pair]:
    """Two loaders that are ready to write this record."""
    context = get_context("spawn")
    barrier = context.Barrier(2)
    with ProcessPoolExecutor(2, context, initializer=_start, initargs=(address, port, raw, barrier)) as pool:
        for ready in [pool.submit(_ready) for _ in (0, 1)]:
            ready.result()
        yield Pair(pool)


def _start(address: str, port: int, raw: Raw, barrier: Barrier) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started us clears away
    Loader.here = Loader(psycopg.connect(address, autocommit=True), port, raw)
    barrier.wait(60)  # so that each process really has one job


def _ready() -> None:
    """The first job of a process waits for its start."""


def _write(number: int) -> None:
    Loader.here.write(number)
