"""Records of one shot written together are what they would be one by one, and are refused for the same reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import psycopg
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.translation import translated
from gilgamesh_db.writer import Record, write_records, write_series

RECORDS: tuple[dict[str, Any], ...] = (
    {"samples": np.arange(100_000, dtype="int16"), "start": -0.5, "dt": 1e-6},
    {"samples": np.arange(65_536, dtype="float32"), "start": 0.0, "dt": 1e-3},  # whole segments
    {"samples": np.array([1, 2, 3], "uint8"), "times": np.array([0.0, 0.5, 2.0])},
    {"samples": np.array([], "int32"), "start": 0.0, "dt": 1.0},
    {"samples": np.array([7.5]), "start": 0.0, "dt": 1.0},
    {"samples": np.array([np.nan, 1.0, np.inf] * 2000), "start": 0.0, "dt": 1e-4},
    {"samples": np.arange(70_000, dtype=">i4"), "start": 0.0, "dt": 1e-7},
)


@pytest.fixture
def ports(db: gilgamesh.Database) -> list[int]:
    with db.edit("a device") as edit:
        edit.add_component("PXI", "Digitiser")
        for k, one in enumerate(RECORDS):
            edit.add_port("PXI", f"ai{k}", dtype=one["samples"].dtype.name)
    with db.transaction() as connection:
        connection.exec_driver_sql(
            "insert into gilgamesh.shot (number, started_at) values (1, '2026-01-01'), (2, '2026-01-02')"
        )
    found: list[int] = db.sql("select component_id from gilgamesh.port order by component_id")["component_id"].tolist()
    return found


def stored(db: gilgamesh.Database, shot: int) -> Any:
    tables = (
        "select port_id, dtype, n, start, dt, segment_n, sha256 from gilgamesh.series where shot = :shot order by port_id",
        "select s.port_id, g.position, g.n, g.payload, g.times, g.numbers, g.total, g.squares, g.minimum, g.maximum "
        "from gilgamesh.segment g join gilgamesh.series s on s.id = g.series_id where s.shot = :shot order by 1, 2",
        "select s.port_id, g.level, g.position, g.n, g.payload from gilgamesh.pyramid g "
        "join gilgamesh.series s on s.id = g.series_id where s.shot = :shot order by 1, 2, 3",
    )
    return [db.sql(table, {"shot": shot}) for table in tables]


def test_together_is_the_same_as_one_by_one(db: gilgamesh.Database, ports: list[int]) -> None:
    with psycopg.connect(db.engine.url.set(drivername="postgresql").render_as_string(False)) as connection:
        for port, one in zip(ports, RECORDS, strict=True):
            write_series(connection, 1, port_id=port, **one)
        write_records(connection, 2, [Record(port, **one) for port, one in zip(ports, RECORDS, strict=True)])
        write_records(connection, 2, [])
    for first, second in zip(stored(db, 1), stored(db, 2), strict=True):
        assert len(first)
        assert first.to_dict("records").__repr__() == second.to_dict("records").__repr__()


def test_a_port_that_has_samples_refuses_all_of_them(db: gilgamesh.Database, ports: list[int]) -> None:
    url = db.engine.url.set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(url) as connection:
        write_records(connection, 1, [Record(ports[0], **RECORDS[0])])
    with (
        pytest.raises(errors.ConflictError, match="shot 1 has samples of 'PXI/ai0' already"),
        psycopg.connect(url) as connection,
    ):
        write_records(connection, 1, [Record(ports[1], **RECORDS[1]), Record(ports[0], **RECORDS[0])])
    with pytest.raises(errors.InvalidValue, match="give either start and dt"), psycopg.connect(url) as connection:
        write_records(connection, 1, [Record(ports[1], RECORDS[1]["samples"])])
    assert len(stored(db, 1)[0]) == 1


@pytest.mark.parametrize("lie", ["one sample more", "one segment less", "another segment", "no preview"])
def test_what_is_not_whole_is_not_finished(db: gilgamesh.Database, ports: list[int], lie: str) -> None:
    url = db.engine.url.set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(url) as connection:
        write_series(connection, 1, port_id=ports[0], **RECORDS[0])
        (good,) = connection.execute("select id from gilgamesh.series").fetchone() or (0,)
        (bad,) = connection.execute(
            "select gilgamesh.open_series(1, 'int16', 0, 1e-6, 4096, %s)", (ports[1],)
        ).fetchone() or (0,)
        places = {"one segment less": (0,), "another segment": (0, 2)}.get(lie, (0, 1))
        for place in places:
            connection.execute(
                "insert into gilgamesh.segment (shot, series_id, position, n, payload, numbers, total, squares) "
                "values (1, %s, %s, 4096, decode(repeat('00', 8212), 'hex'), 0, 0, 0)", (bad, place),
            )  # fmt: skip
        connection.commit()
        n = 8192 + (lie == "one sample more")
        with pytest.raises(errors.DamagedData, match=f"series {bad} of shot 1 cannot be finished"), translated():
            connection.execute("select gilgamesh.finish_records(1, %s, %s, %s)", ([bad], [n], [bytes(32)]))
        connection.rollback()
        # what is finished already stays as it is
        with pytest.raises(errors.ConflictError, match="is finished and never changes"), translated():
            connection.execute("select gilgamesh.finish_records(1, %s, %s, %s)", ([good], [100_000], [bytes(32)]))
