"""The wiring as two tables: consecutive shots are periods, what is not understood is reported, and back again."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_db.calibration import PowerLaw, PowerOfTen, evaluate, steps_from_json
from gilgamesh_db.cli import main
from gilgamesh_db.testbed.expression import expression_of, steps_of
from gilgamesh_db.testbed.planning import plan
from gilgamesh_db.testbed.snapshot import snapshot
from gilgamesh_db.testbed.tables import describe, read_tables, write_tables
from gilgamesh_loaders import simulator

HEAD = "Name;Version;Type;Path;Calibration;Processing;Description;Xaxis;Yaxis\n"
SIGNALS = (
    HEAD
    + """\
Lang_I;1;1D;PXI/ai3;-0.01*V;;Probe current;Time (s);Probe current (A)
Lang_I;2;1D;/PXI/ai12;-0.01*V;;Probe current;Time (s);Probe current (A)
Lang_U;1;1D;PXI/ai2;20;;Probe voltage;Time (s);U [V]
Bdot1;1;1D;Scope/ch1;10^(((V - 0.02 - 2.2503)/0.0520 + 10)/10);;;Time (s);Power, mW
H_Pinj;1;Derived;;;Lang_U * Lang_I;;Time (s);Power (W)
"""
)
MAPPING = """\
Shot;Lang_I;Lang_U;Bdot1;H_Pinj
1;1;1;;1
2;1;1;1;1
3;2;;1;1
4;2;1;1;1
"""


def typed(*words: str) -> tuple[int, str]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            main(list(words))
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
    return code, printed.getvalue()


@pytest.fixture
def fired(db: gilgamesh.Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> gilgamesh.Database:
    """A database with four shots, and a folder with the two tables."""
    with db.engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into gilgamesh.shot (number, started_at) select n, '2025-01-01'::timestamptz + n * interval '1 day' "
            "from generate_series(1, 4) n"
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "GILGAMESH_DATABASE_URL", db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    )
    Path("signals.csv").write_text(SIGNALS, "utf-8")
    Path("mapping.csv").write_text(MAPPING, "utf-8")
    return db


def test_consecutive_shots_become_periods(fired: gilgamesh.Database) -> None:
    code, said = typed("testbed", "import-tables", "signals.csv", "mapping.csv", "--create", "--author", "anna")
    assert (code, said.startswith("5 versions of 4 signals")) == (0, True), said
    wiring = fired.sql(
        "select signal, port, since::date::text, coalesce(until::date::text, 'still') from gilgamesh.wiring where closed_by is null order by signal, since"
    )
    assert [tuple(row) for row in wiring.itertuples(index=False)] == [
        ("Bdot1", "Scope/ch1", "2025-01-03", "still"),
        ("Lang_I", "PXI/ai3", "2025-01-02", "2025-01-04"),
        ("Lang_I", "PXI/ai12", "2025-01-04", "still"),
        ("Lang_U", "PXI/ai2", "2025-01-02", "2025-01-04"),
        ("Lang_U", "PXI/ai2", "2025-01-05", "still"),
    ]
    resolved = fired.sql(
        "select signal, unit, gain, steps from gilgamesh.resolved_signal where shot = 2 and status <> 'not wired'"
    )
    by_name = resolved.set_index("signal")
    volts = np.array([-1.0, 2.0])
    np.testing.assert_allclose(evaluate(steps_from_json(by_name.steps["Lang_I"]), volts), -0.01 * volts)
    np.testing.assert_allclose(evaluate(steps_from_json(by_name.steps["Lang_U"]), volts), 20 * volts)
    np.testing.assert_allclose(
        evaluate(steps_from_json(by_name.steps["Bdot1"]), np.array([2.2703, 2.0])), [10.0, 3.0213], rtol=1e-4
    )
    assert by_name.unit["Bdot1"] == "mW"
    assert typed("testbed", "import-tables", "signals.csv", "mapping.csv", "--create")[1].endswith(
        "0 statements were needed\n"
    )
    typed("testbed", "export-tables", "s.csv", "m.csv")
    assert [line.split(";") for line in Path("m.csv").read_text("utf-8").splitlines()] == [
        ["Shot", "Bdot1", "H_Pinj", "Lang_I", "Lang_U"],
        ["1", "", "1", "1", "1"],
        ["2", "1", "1", "1", "1"],
        ["3", "1", "1", "2", ""],
        ["4", "1", "1", "2", "1"],
    ]
    assert "Lang_I;2;1D;PXI/ai12;-0.01*x;;Probe current;Time (s);Probe current (A)" in Path("s.csv").read_text("utf-8")


def test_what_is_not_understood_is_reported_and_nothing_is_applied(fired: gilgamesh.Database) -> None:
    Path("signals.csv").write_text(
        SIGNALS
        + "Odd;1;1D;PXI/ai5;V*U;;;;U (V)\nOdd;2;2D;PXI/ai5;;;;;U (V)\nOdd;3;1D;ai5;;;;;U (V)\nOdd;4;1D;PXI/ai6;;smooth(5);;;U (V)\n"
        "Odd;5;1D;PXI/ai6;;;;;U (Volts)\nOdd;6;1D;PXI/ai6;[1];;;;U (V)\nLang_I;2;1D;PXI/ai1;;;;;A\n",
        "utf-8",
    )
    Path("mapping.csv").write_text(
        "Shot;Lang_I;Lang_U;Bdot1;Langu_U\n1;1;1;;1\n2;9;1;1;\nthree;2;;;\n99;2;;;\n2;1;1;;\n", "utf-8"
    )
    edits = len(fired.sql("select id from gilgamesh.edit"))
    code, said = typed("testbed", "import-tables", "signals.csv", "mapping.csv", "--create")
    assert code == 1
    for place, words in [
        ("signals.csv, line 7", "it has two variables, V and U"),
        ("signals.csv, line 8", "the type '2D' is not understood"),
        ("signals.csv, line 9", "the path 'ai5' is not device/channel"),
        ("signals.csv, line 10", "the processing 'smooth(5)'"),
        ("signals.csv, line 11", "'Volts' is not a unit; did you mean 'V'"),
        ("signals.csv, line 12", "step 1"),
        ("signals.csv, line 13", "version 2 of Lang_I stands in line 3 already"),
        ("mapping.csv, line 1", "there is no signal 'Langu_U' in signals.csv; did you mean 'Lang_U'"),
        ("mapping.csv, line 3", "Lang_I has no version '9'"),
        ("mapping.csv, line 4", "'three' is not a shot number"),
        ("mapping.csv, line 5", "shot 99 is not in the database"),
        ("mapping.csv, line 6", "shot 2 stands in line 3 already"),
    ]:
        assert any(line.startswith(place) and words in line for line in said.splitlines()), (place, said)
    assert "12 things were not understood; nothing was imported" in said
    assert len(fired.sql("select id from gilgamesh.edit")) == edits
    code, said = typed("testbed", "import-tables", "signals.csv", "mapping.csv", "--create", "--leave-out")
    assert code == 0
    assert len(fired.sql("select id from gilgamesh.edit")) == edits + 1


def test_a_missing_column_is_refused(fired: gilgamesh.Database) -> None:
    Path("signals.csv").write_text(SIGNALS.replace("Calibration;", "Calib;", 1), "utf-8")
    assert typed("testbed", "import-tables", "signals.csv", "mapping.csv") == (
        1, "gilgamesh: signals.csv, line 1: the column 'Calibration' is missing; there must be Name, Version, Type, Path, "
        "Calibration, Processing, Description, Xaxis, Yaxis, separated by ;\n"
    )  # fmt: skip
    with pytest.raises(errors.FileRefused, match=r"none\.csv cannot be read"):
        read_tables(Path("none.csv"), Path("mapping.csv"))


def test_an_unknown_port_and_a_port_used_twice_are_reported(fired: gilgamesh.Database) -> None:
    Path("signals.csv").write_text(SIGNALS.replace("PXI/ai2;", "PXI/ai3;"), "utf-8")
    said = typed("testbed", "import-tables", "signals.csv", "mapping.csv")[1]
    assert "signals.csv, line 2: there is no port 'PXI/ai3'; --create makes it known" in said
    said = typed("testbed", "import-tables", "signals.csv", "mapping.csv", "--create")[1]
    assert (
        "mapping.csv, line 2: port 'PXI/ai3' would carry Lang_I and Lang_U during [2025-01-02 00:00, 2025-01-04 00:00)"
        in said
    )


def test_the_tables_of_a_testbed_give_the_same_values_elsewhere(
    db18: gilgamesh.Database, server18: Any, tmp_path: Path
) -> None:
    simulator.install_testbed(db18)
    simulator.live(db18)
    shots = {number: simulator.shot_time(number) for number in simulator.SHOTS}
    known = _known(db18)
    for name, text in zip(("signals.csv", "mapping.csv"), write_tables(known, shots), strict=True):
        (tmp_path / name).write_text(text, "utf-8")
    tables = read_tables(tmp_path / "signals.csv", tmp_path / "mapping.csv")
    assert tables.problems == []
    assert plan(known, describe(tables, known, shots)) == []  # what is known already stays as it is
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as other:
        for database in (db18, other):
            with database.engine.begin() as connection:
                for number, moment in shots.items():
                    connection.exec_driver_sql(
                        "insert into gilgamesh.shot (number, started_at) values (%s, %s)", (number, moment)
                    )
        first_day = _known(db18.known_at("2025-01-20 12:00"))  # components and ports, nothing wired yet
        with other.edit("the hardware") as edit:
            for statement in plan(_known(other), first_day):
                statement.perform(edit)
        with other.edit("the tables") as edit:
            for statement in plan(_known(other), describe(tables, _known(other), shots)):
                statement.perform(edit)
        assert tables.problems == []
        a, b = (database.sql(_RESOLVED).set_index(["shot", "signal"]) for database in (db18, other))
        assert len(a) == len(b) > 500
        assert a.port.equals(b.port)
        x = np.linspace(-3000.0, 3000.0, 7)
        for key in a.index:
            np.testing.assert_allclose(_values(a.loc[key], x), _values(b.loc[key], x), rtol=1e-12, err_msg=str(key))


_RESOLVED = """
select shot, signal, port, gain, "offset", steps from gilgamesh.resolved_signal where status in ('ok', 'no samples') order by 1, 2
"""


def _known(db: gilgamesh.Database) -> Any:
    with db.transaction() as connection:
        return snapshot(connection)


def _values(row: Any, x: Any) -> Any:
    if row.steps is None:
        return row.gain * x + row.offset
    return evaluate(steps_from_json(row.steps), x)


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("", lambda x: x),
        ("1", lambda x: x),
        ("20", lambda x: 20 * x),
        ("0,5", lambda x: 0.5 * x),
        ("-0.01*V", lambda x: -0.01 * x),
        ("V/20 + 1", lambda x: x / 20 + 1),
        ("-(2 - U)*3", lambda x: -(2 - x) * 3),
        ("1 + 2*x - 0.5*x^2", lambda x: 1 + 2 * x - 0.5 * x**2),
        ("(x - 1)*(x + 2)", lambda x: (x - 1) * (x + 2)),
        ("10**(((V - 0.02 - 2.2503)/0.0520 + 10)/10)", lambda x: 10 ** (((x - 0.02 - 2.2503) / 0.0520 + 10) / 10)),
        ("1000*exp(x/2) + 3", lambda x: 1000 * np.exp(x / 2) + 3),
        ("2*log10(x) + log10(x)**2", lambda x: 2 * np.log10(x) + np.log10(x) ** 2),
        ("3*sqrt(x)", lambda x: 3 * np.sqrt(x)),
        ("x**1.5", lambda x: x**1.5),
        ("ln(x)", np.log),
    ],
)
def test_an_expression_is_the_steps_it_says(text: str, function: Any) -> None:
    x = np.linspace(0.5, 3.0, 11)
    steps = steps_of(text)
    np.testing.assert_allclose(evaluate(steps, x) if steps else x, function(x), rtol=1e-12)
    again = steps_of(expression_of(steps))
    np.testing.assert_allclose(evaluate(again, x) if again else x, function(x), rtol=1e-12)


@pytest.mark.parametrize(
    "text",
    ["V*U", "V +", "__import__('os')", "sin(x)", "2**x", "x/x", "exp(x) + log(x)", "x if x else 1", "1/0", "x.real"],
)
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidValue, match="is not a calibration that is understood"):
        steps_of(text)


def test_what_no_expression_says_is_json() -> None:
    assert steps_of("10**(10**x)") == (PowerOfTen(), PowerOfTen())
    steps = (PowerLaw(2.0, 0.5),)
    assert steps_of(expression_of(steps)) == steps
