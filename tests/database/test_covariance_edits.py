"""Calibrations with a covariance, and calibrations from measured points."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import Polynomial, errors
from gilgamesh_db.calibration import fit
from gilgamesh_db.calibration.fit import fit_from_dict
from gilgamesh_db.cli import main


def install(db: gilgamesh.Database) -> None:
    with db.edit("installation") as edit:
        edit.add_component("PXI", "Digitiser")
        edit.add_port("PXI", "ai0", dtype="int16", resolution=16, noise=0.9)
        edit.add_component("pot", "Potentiometer")


def stored(db: gilgamesh.Database) -> list[tuple[object, object]]:
    rows = db.sql("select covariance, fit from gilgamesh.calibration where upper_inf(recorded) order by lower(valid)")
    return list(rows.itertuples(index=False, name=None))


def test_a_covariance_is_kept_through_every_correction(db: gilgamesh.Database) -> None:
    install(db)
    line = fit([1.0, 2.0, 3.0, 4.0], [2.1, 3.9, 6.1, 7.9], "poly1")
    with db.edit("measured") as edit:
        edit.calibrate("pot", line, "ct", "cm", since="2026-01-01", source="ruler")
    with db.edit("a week by hand") as edit:
        edit.calibrate(
            "pot", Polynomial([0, 2]), "ct", "cm", covariance=[0, 0.01], since="2026-02-01", until="2026-02-08"
        )
    before, week, after = stored(db)
    assert before == after
    assert np.array_equal(before[0], line.covariance)
    again = fit_from_dict(before[1], line.steps, before[0])  # type: ignore[arg-type]
    assert again.summary() == line.summary()
    assert week == ([0.0, 0.01], None)
    ports = db.sql("select resolution, noise from gilgamesh.port")
    assert ports.iloc[0].tolist() == [16.0, 0.9]


@pytest.mark.parametrize("covariance", [[[1, 2], [2, 1]], [1, 2, 3], [[1, 0], [0, -1]], [[np.nan, 0.0], [0.0, 1.0]]])
def test_no_road_leads_past_the_check(db18: gilgamesh.Database, covariance: list[object]) -> None:
    install(db18)
    with pytest.raises(errors.InvalidValue, match="variance"), db18.edit("wrong") as edit:
        edit.calibrate("pot", Polynomial([0, 2]), "ct", "cm", covariance=covariance)
    with pytest.raises(errors.InvalidValue, match="variance"), db18.transaction() as connection:
        connection.exec_driver_sql("select gilgamesh.begin_edit('by the owner')")
        connection.exec_driver_sql(
            "insert into gilgamesh.calibration (component_id, steps, input_unit, output_unit, covariance, valid, recorded, "
            "edit_id) select id, %s, 'ct', 'cm', %s::float8[], '(,)', tstzrange(now(), null), 1 from gilgamesh.component "
            "where name = 'pot'",
            ('[{"function": "polynomial", "version": 1, "coefficients": [0, 2]}]', covariance),
        )
    assert stored(db18) == []


def test_a_fit_brings_its_own_covariance(db18: gilgamesh.Database) -> None:
    install(db18)
    with pytest.raises(errors.InvalidValue, match="covariance of its own"), db18.edit("wrong") as edit:
        edit.calibrate("pot", fit([1, 2, 3], [1, 2, 3.1]), "ct", "cm", covariance=[1, 1])
    with pytest.raises(errors.InvalidValue, match="resolution_not_negative"), db18.edit("wrong") as edit:
        edit.add_port("PXI", "ai1", dtype="int16", resolution=-1)


def test_a_port_takes_what_it_delivers(db: gilgamesh.Database) -> None:
    install(db)
    with db.edit("its own unit is known") as edit:
        edit.calibrate("PXI/ai0", Polynomial([0, 2]), None, "V")
    assert db.sql("select input_unit from gilgamesh.calibrations").iloc[0, 0] == "ct"
    # Refused at once, although no signal is wired to it yet.
    letter = "port 'PXI/ai0' gives ct, so its calibration cannot take mA"
    with pytest.raises(errors.UnitMismatch, match=letter), db.edit("wrong") as edit:
        edit.calibrate("PXI/ai0", Polynomial([0, 2]), "mA", "V")
    with pytest.raises(errors.UnitMismatch, match="gives V, so"), db.transaction() as connection:
        connection.exec_driver_sql("update gilgamesh.port set unit = 'V'")
    with db.edit("noise measured") as edit:
        edit.amend("port", "PXI/ai0", noise=1.1)
    assert db.sql("select resolution, noise from gilgamesh.port").iloc[0].tolist() == [16.0, 1.1]
    with pytest.raises(errors.InvalidValue, match="in which unit the input of 'pot' is"), db.edit("wrong") as edit:
        edit.calibrate("pot", Polynomial([0, 2]), None, "V")


def command(url: str, *words: str) -> int:
    try:
        main(["--url", url, *words])
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def test_the_command_fits(
    db18: gilgamesh.Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(db18)
    url = db18.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.chdir(tmp_path)
    Path("points.csv").write_text("raw,cm\n1,2.1\n2,3.9\n3,6.1\n4,7.9\n")
    Path("sigmas.csv").write_text("1,2.1,0.1\n2,3.9,0.1\n3,6.1,0.1\n")
    words = ("calibrate", "pot", "ct", "cm", "--reason", "measured")
    assert command(url, *words, "--from", "points.csv", "--fit", "poly1") == 0
    assert "pot is calibrated\npoly1 through 4 points: y = 1.96·x + 0.1" in capsys.readouterr().out
    assert db18.sql("select source from gilgamesh.calibrations").iloc[0, 0] == "points.csv"
    assert command(url, *words, "--from", "sigmas.csv", "--fit", "table") == 0
    assert command(url, *words, "--from", "points.csv", "--fit", "piecewise1", "--edges", "0,5", "--sigma", "0.1") == 0
    assert command(url, *words, "--polynomial=0,2", "--covariance", "[0, 0.01]") == 0
    capsys.readouterr()
    known = stored(db18)
    for wrong, letter in (
        (("--from", "points.csv", "--polynomial=0,1"), "give one of"),
        (("--polynomial=0,1", "--fit", "poly1"), "need measured points"),
        (("--from", "sigmas.csv", "--sigma", "1"), "leave --sigma out"),
        (("--from", "nothing.csv"), "cannot be read"),
        (("--from", "points.csv", "--fit", "poly5"), "poly5 needs 7 points or more"),
        (("--from", "points.csv", "--fit", "piecewise1", "--edges", "0,x"), "cannot be read"),
        (("--polynomial=0,1", "--covariance", "[[1,2],[2,1]]"), "not positive"),
        (("--polynomial=0,1", "--covariance", "[1"), "cannot be read"),
    ):
        assert command(url, *words, *wrong) == 1
        assert letter in capsys.readouterr().err
    assert stored(db18) == known
    assert json.loads(json.dumps(known[0][0])) == [0.0, 0.01]
