"""Our own way: a signal behind four calibrations, asked for by its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

import gilgamesh_db as gilgamesh
from gilgamesh_db import Database, Polynomial
from gilgamesh_db.reading import Cache
from gilgamesh_db.writer import write_series

from ..workload import DT, Raw, Values
from .record import Extremes

NAME = "gilgamesh"
THEN = "gilgamesh, known_at"
PAIR = "gilgamesh, 2 loaders"
FIRST = "gilgamesh, connecting first"
MOMENTS = "gilgamesh, moments only"

SIGNAL = "Long"
STATED = "2020-01-01"  # when the testbed became known
EARLIER = "2025-01-01"  # a moment to answer from

CHAIN = {"divider": (0.0, 20.1), "amplifier": (0.01, 0.5), "attenuator": (0.0, 2.0)}


def connection_of(db: Database) -> psycopg.Connection[Any]:
    """A connection of one's own, not shared with the reader."""
    pooled = db.engine.raw_connection()
    connection = pooled.driver_connection
    pooled.detach()
    assert isinstance(connection, psycopg.Connection)  # noqa: S101 - the engine is made by connect()
    connection.autocommit = True
    return connection


def write_shot(connection: psycopg.Connection[Any], number: int, raw: Raw, port: int) -> None:
    """Write a shot with one record, inside the caller's transaction."""
    connection.execute("insert into gilgamesh.shot (number, started_at) values (%s, '2026-01-01')", (number,))
    write_series(connection, number, raw, start=0.0, dt=DT, port_id=port)


class Gilgamesh:
    """The database. The client's cache is switched off, so that every answer comes from the server."""

    def __init__(self, db: Database) -> None:
        db.cache = Cache(0)
        self.db = db
        self.connection = connection_of(db)
        with db.edit("benchmark", recorded_at=STATED) as edit:
            edit.add_component("PXI", "Digitiser")
            edit.add_port("PXI", "long", dtype="int16")
            edit.calibrate("PXI/long", Polynomial((0.0, 20 / 65536)), "ct", "V")
            for item, coefficients in CHAIN.items():
                edit.add_component(item, "Item")
                edit.calibrate(item, Polynomial(coefficients), "V", "V")
            edit.add_signal(SIGNAL, unit="V")
            edit.connect(SIGNAL, "PXI/long", chain=list(CHAIN))
        self.then = db.known_at(EARLIER)
        self.port = int(self.ask("select component_id from gilgamesh.port")[0][0])

    def ask(self, query: str, parameters: Iterable[Any] = ()) -> list[Any]:
        """Rows of a query, on a connection of our own, prepared."""
        with self.connection.cursor(binary=True) as cursor:
            return cursor.execute(query, tuple(parameters), prepare=True).fetchall()

    def write(self, number: int, raw: Raw) -> None:
        """Write the record of a new shot, moments and previews included; committed when this returns."""
        self.fill([raw], number)

    def fill(self, records: Iterable[Raw], first: int) -> None:
        """Write the records of new shots in one transaction."""
        with self.connection.transaction():
            for number, raw in enumerate(records, first):
                write_shot(self.connection, number, raw, self.port)

    def address(self) -> str:
        """Where another process finds this database."""
        return self.db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def analyze(self) -> None:
        """Let the planner know what is there, as autovacuum would."""
        self.connection.execute("analyze gilgamesh.series, gilgamesh.segment, gilgamesh.shot")

    def line(self, number: int) -> tuple[float, float]:
        """Gain and offset of the whole chain."""
        query = 'select gain, "offset" from gilgamesh.resolved_signal where signal = %s and shot = %s'
        gain, offset = self.ask(query, (SIGNAL, number))[0]
        return gain, offset

    def values(self, number: int, db: Database | None = None) -> Values:
        """A whole record, calibrated."""
        return (db or self.db).signal(SIGNAL, number).values

    def window(self, number: int, first: int, size: int, db: Database | None = None) -> Values:
        """Some consecutive samples, calibrated; resolved and read in one round trip."""
        return (db or self.db).signal(SIGNAL, number).window(first * DT, (first + size) * DT).values

    def window_after_connecting(self, number: int, first: int, size: int) -> Values:
        """The same as the first question anybody asks."""
        with gilgamesh.connect(self.db.engine.url) as db:
            return self.window(number, first, size, db)

    def extremes(self, number: int, points: int) -> Extremes:
        """Minimum and maximum in bins, calibrated."""
        envelope = self.db.signal(SIGNAL, number).envelope(points)
        return envelope.minimum, envelope.maximum

    def statistics(self, numbers: range) -> list[tuple[float, float]]:
        """Mean and rms of each record, every shot resolved."""
        query = "select mean, rms from gilgamesh.statistics where signal = %s and shot between %s and %s order by shot"
        return self.ask(query, (SIGNAL, numbers[0], numbers[-1]))

    def moments(self, numbers: range) -> list[tuple[float, float]]:
        """Mean and rms of the raw counts of each record."""
        query = """
            select sum(g.total) / sum(g.numbers), sqrt(sum(g.squares) / sum(g.numbers))
              from gilgamesh.series se join gilgamesh.segment g on g.shot = se.shot and g.series_id = se.id
             where se.port_id = %s and se.shot between %s and %s group by g.shot order by g.shot
        """
        return self.ask(query, (self.port, numbers[0], numbers[-1]))

    def mean(self, number: int) -> float:
        """The mean of a record, sample by sample in SQL."""
        query = "select avg(value) from gilgamesh.samples where signal = %s and shot = %s"
        return float(self.ask(query, (SIGNAL, number))[0][0])

    def mean_between(self, number: int, t0: float, t1: float) -> float:
        """The mean of a window in SQL."""
        query = "select avg(value) from gilgamesh.samples_between(%s, %s, %s, %s)"
        return float(self.ask(query, (SIGNAL, number, t0, t1))[0][0])

    def bytes_per_sample(self) -> float:
        """On disk, with moments, previews and indexes."""
        query = """
            select (select sum(pg_total_relation_size(part.relid))::float8
                      from unnest(array['gilgamesh.segment', 'gilgamesh.pyramid']::regclass[]) whole,
                           pg_partition_tree(whole) part) / (select sum(n) from gilgamesh.segment)::float8
        """
        return float(self.ask(query)[0][0])

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()
