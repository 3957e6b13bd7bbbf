"""``gilgamesh bench``: how long the main things take, in a scratch database that is dropped afterwards."""

from __future__ import annotations

import json
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import numpy as np
import psycopg
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table as PrintedTable

from gilgamesh_db import Database, Polynomial, installation
from gilgamesh_db.database import open_engine
from gilgamesh_db.writer import write_series

RESOLVE = (
    'select gain, "offset", series_id from gilgamesh.resolved_signal '
    "where signal_id = (select id from gilgamesh.signal where name = %s) and shot = %s"
)

Row = dict[str, str | float]


@click.command()
@click.option("--wirings", default=100_000, show_default=True, help="Rows in the channel-to-port history.")
@click.option("--samples", default=10_000_000, show_default=True, help="Samples of the long record.")
@click.option("--rounds", default=5, show_default=True, help="Rounds; medians are shown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@click.pass_context
def bench(context: click.Context, wirings: int, samples: int, rounds: int, as_json: bool) -> None:
    """Measure resolution, ingest and reading. Nothing of yours is touched."""
    with scratch(context.obj["url"]) as db:
        _testbed(db)
        rows = [*_samples(db, samples, rounds), *_resolution(db, wirings)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = PrintedTable("what", "median", "95 %", "rate")
    for row in rows:
        table.add_row(
            str(row["what"]), f"{row['median_ms']:.2f} ms", f"{row['p95_ms']:.2f} ms", str(row.get("rate", ""))
        )
    Console().print(table)


@contextmanager
def scratch(url: str | None) -> Iterator[Database]:
    """A database of our own on the same server."""
    home = open_engine(url)
    name = f"gilgamesh_bench_{uuid.uuid4().hex[:8]}"
    with home.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"create database {name}")
        engine = open_engine(home.url.set(database=name))
        try:
            installation.create(engine)
            yield Database(engine)
        finally:
            engine.dispose()
            connection.exec_driver_sql(f"drop database {name} with (force)")
    home.dispose()


def _testbed(db: Database) -> None:
    with db.edit("benchmark") as edit:
        edit.add_component("PXI", "Digitiser")
        edit.add_port("PXI", "long", dtype="int16")
        edit.calibrate("PXI/long", Polynomial((0.0, 20 / 65536)), "ct", "V")
        edit.add_signal("Long", unit="V")
        edit.connect("Long", "PXI/long")
        for item in ("divider", "amplifier", "attenuator"):
            edit.add_component(item, "Item")
            edit.calibrate(item, Polynomial((0.01, 2.0)), "V", "V")


def _samples(db: Database, n: int, rounds: int) -> list[Row]:
    raw = np.random.default_rng(0).normal(0, 3000, n).astype("int16")
    megabytes = raw.nbytes / 1e6
    with db.transaction() as connection:
        port = connection.exec_driver_sql("select component_id from gilgamesh.port").scalar_one()
        connection.execute(sa.text("insert into gilgamesh.shot (number, started_at) select g, now() from generate_series(1, :n) g"),
                           {"n": rounds})  # fmt: skip

    def write(shot: int) -> None:
        with db.transaction() as connection:
            write_series(_driver(connection), shot, raw, start=0.0, dt=1e-6, port_id=port)

    def window(shot: int) -> None:
        middle = n * 0.5e-6
        _ = db.signal("Long", shot).window(middle, middle + 1000e-6).values

    def sql(shot: int) -> None:
        db.sql("select count(value) from gilgamesh.samples where signal = 'Long' and shot = :shot", {"shot": shot})

    written = _timed(write, range(1, rounds + 1))
    read = _timed(lambda shot: db.signal("Long", shot).values, range(1, rounds + 1))
    scanned = _timed(sql, [1])
    return [
        _row(f"write {n:,} int16 samples, committed", written, f"{megabytes / statistics.median(written):.0f} MB/s"),
        _row("read them as calibrated float64", read, f"{megabytes / statistics.median(read):.0f} MB/s"),
        _row("window of 1 000 samples, name to values", _timed(window, list(range(1, rounds + 1)) * 20)),
        _row("scan them calibrated in SQL", scanned, f"{n / 1e6 / statistics.median(scanned):.1f} M rows/s"),
    ]


def _resolution(db: Database, wirings: int) -> list[Row]:
    """Many signals, each re-plugged a hundred times, through a chain of three items."""
    signals = max(1, wirings // 100)
    with db.transaction() as connection:
        run: Callable[..., Any] = lambda text: connection.execute(sa.text(text), {"signals": signals})  # noqa: E731
        run(
            "insert into gilgamesh.component (name, class) select 'PXI/' || g, 'Port' from generate_series(1, :signals) g"
        )
        run("insert into gilgamesh.port (component_id, device_id, channel, dtype) select c.id, d.id, substr(c.name, 5), 'int16' "
            "from gilgamesh.component c, gilgamesh.component d where d.name = 'PXI' and c.name ~ '^PXI/[0-9]+$'")  # fmt: skip
        run("insert into gilgamesh.calibration (component_id, steps, input_unit, output_unit, gain, \"offset\", valid, recorded, "
            "edit_id) select component_id, '[{\"function\": \"polynomial\", \"version\": 1, \"coefficients\": [0, 0.001]}]', 'ct', "
            "'V', 0.001, 0, '(,)', tstzrange('2020-01-01', null), 1 from gilgamesh.port where channel <> 'long'")  # fmt: skip
        run("insert into gilgamesh.signal (name, unit) select 'S' || g, 'V' from generate_series(1, :signals) g")
        run("insert into gilgamesh.connection (signal_id, port_id, chain, valid, recorded, edit_id) "
            "select s.id, p.component_id, (select array_agg(id) from gilgamesh.component where class = 'Item'), "
            "tstzrange('2021-01-01'::timestamptz + k * interval '10 days', '2021-01-01'::timestamptz + (k + 1) * interval '10 days'), "
            "tstzrange('2021-01-01', null), 1 from gilgamesh.signal s join gilgamesh.port p on 'S' || p.channel = s.name, "
            "generate_series(0, 99) k")  # fmt: skip
        run("insert into gilgamesh.shot (number, started_at) select 1000 + g, '2021-01-01'::timestamptz + g * interval '1 day' "
            "from generate_series(0, 990) g where :signals > 0")  # fmt: skip
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("analyze")
    rng = np.random.default_rng(1)
    asked = [(f"S{rng.integers(1, signals + 1)}", int(rng.integers(1000, 1990))) for _ in range(500)]
    rows = []
    for title, known in (("as known today", None), ("as known at an earlier time", "2025-01-01Z")):
        with db.transaction() as connection:
            driver = _driver(connection)
            if known:
                driver.execute("select set_config('gilgamesh.known_at', %s, true)", (known,))

            def resolve(one: tuple[str, int], driver: psycopg.Connection[Any] = driver) -> None:
                driver.execute(RESOLVE, one, prepare=True).fetchone()

            _timed(resolve, asked[:20])
            rows.append(_row(f"resolve a name at {signals * 100:,} wirings, {title}", _timed(resolve, asked)))
    with db.transaction() as connection:
        driver = _driver(connection)
        many = [f"S{k}" for k in range(1, min(signals, 256) + 1)]
        all_at_once = RESOLVE.replace("= (select id from gilgamesh.signal where name = %s)",
                                      "in (select id from gilgamesh.signal where name = any(%s))")  # fmt: skip
        rows.append(_row(f"resolve {len(many)} names in one round trip",
                         _timed(lambda shot: driver.execute(all_at_once, (many, shot), prepare=True).fetchall(),
                                [1100, 1200, 1300, 1400, 1500, 1600])))  # fmt: skip
    return rows


def _driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - the engine is made by connect()
    return driver


def _timed(action: Callable[[Any], Any], arguments: Any) -> list[float]:
    seconds = []
    for argument in arguments:
        began = time.perf_counter()
        action(argument)
        seconds.append(time.perf_counter() - began)
    return seconds


def _row(what: str, seconds: list[float], rate: str = "") -> Row:
    return {
        "what": what,
        "median_ms": 1e3 * statistics.median(seconds),
        "p95_ms": 1e3 * float(np.percentile(seconds, 95)),
        "rate": rate,
    }
