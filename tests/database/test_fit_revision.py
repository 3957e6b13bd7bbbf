"""Revision 0005 keeps what an older database says of covariances, forth and back."""

from __future__ import annotations

import importlib.util

import pytest
import sqlalchemy as sa

from gilgamesh_db import installation
from gilgamesh_db.database import open_engine

TABLE = """
create schema gilgamesh;
create table gilgamesh.port (id integer);
create table gilgamesh.calibration (id integer, steps jsonb, covariance double precision[]);
insert into gilgamesh.calibration values
  (1, '[{"function": "polynomial", "version": 1, "coefficients": [1, 2]}]', '{1,0.5,0.5,4}'),
  (2, '[{"function": "polynomial", "version": 1, "coefficients": [1]}]', '{9}'),
  (3, '[{"function": "polynomial", "version": 1, "coefficients": [1, 2]}]', null),
  (4, '[{"function": "power_of_ten", "version": 1}]', null);
"""


def covariances(connection: sa.Connection) -> list[object]:
    found = connection.exec_driver_sql("select covariance from gilgamesh.calibration order by id")
    return list(found.scalars())


def test_forth_and_back(empty_database_url: str) -> None:
    path = next((installation.folder("migrations") / "versions").glob("*_keep_fits.py"))
    spec = importlib.util.spec_from_file_location("keep_fits", path)
    assert spec is not None
    assert spec.loader is not None
    revision = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(revision)
    engine = open_engine(empty_database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(TABLE)
        connection.exec_driver_sql(revision.FORTH)
        assert covariances(connection) == [[[1.0, 0.5], [0.5, 4.0]], [9.0], None, None]
        connection.exec_driver_sql("update gilgamesh.port set noise = 0.5")
        connection.exec_driver_sql(revision.BACK)
        assert covariances(connection) == [[1.0, 0.5, 0.5, 4.0], [9.0], None, None]
        with pytest.raises(sa.exc.ProgrammingError, match="noise"):
            connection.exec_driver_sql("select noise from gilgamesh.port")
    engine.dispose()
