"""What a physicist sees of a signal and of shots."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

import gilgamesh_db as gilgamesh
from gilgamesh_db import errors
from gilgamesh_loaders import simulator
from gilgamesh_loaders.commit import commit

SHOTS = (838, 1234, 1650)


@pytest.fixture(scope="module")
def lab(server18: object) -> object:
    """The reference testbed with three short discharges."""
    with server18.database(server18.template()) as url, gilgamesh.connect(url) as db:  # type: ignore[attr-defined]
        simulator.install_testbed(db)
        simulator.live(db)
        for shot in SHOTS:
            commit(db, simulator.simulate_shot(shot, duration=0.2, rate=20_000.0).plan)
        yield db


def test_a_name_finds_its_port_at_every_shot(lab: gilgamesh.Database) -> None:
    assert [lab.signal("Langmuir_I", shot).port for shot in SHOTS[:2]] == ["PXI M6251/ai3", "PXI M6251/ai12"]


def test_a_mistyped_name_gets_a_suggestion(lab: gilgamesh.Database) -> None:
    with pytest.raises(errors.SignalNotFound, match="did you mean 'Langmuir_I'"):
        lab.signal("Langmiur_I", shot=838)
    with pytest.raises(KeyError):
        lab.signal("nonsense", shot=838)
    with pytest.raises(errors.ShotNotFound, match="there are 3, from 838 to 1650"):
        lab.signal("Langmuir_I", shot=2)
    assert lab.signal("Lang_I", shot=-1).shot == 1650


def test_a_corrected_swap_gives_both_numbers(lab: gilgamesh.Database) -> None:
    story = simulator.STORY
    before = lab.known_at(story.before_swap_known)
    first, second = story.swapped_signals
    assert np.array_equal(before.signal(first, 1650).raw, lab.signal(second, 1650).raw)
    assert before.signal(first, 1650).port == lab.signal(second, 1650).port
    assert not np.array_equal(before.signal(first, 1650).values, lab.signal(first, 1650).values)


def test_values_are_what_the_plasma_gave(lab: gilgamesh.Database) -> None:
    shot = simulator.simulate_shot(1234, duration=0.2, rate=20_000.0)
    current = lab.signal("Langmuir_I", 1234)
    truth = shot.truth.signal("Lang_I", current.time)
    assert np.abs(current.values - truth).max() <= 0.51 * abs(lab.signal("Lang_I", 1234)._resolved.gain)


def test_a_signal_is_lazy_and_knows_itself(lab: gilgamesh.Database) -> None:
    signal = lab.signal("Langmuir_U", 1234)
    assert repr(signal) == "<Signal Lang_U of shot 1234>"
    assert len(signal) == 4000
    assert "_samples" not in vars(signal)
    assert signal.unit == "V"
    assert signal.dt == 5e-5
    series = signal.to_pandas()
    assert series.index.name == "Time"
    assert series.name == "Lang_U"
    assert series.attrs["unit"] == "V"
    assert np.array_equal(np.asarray(signal), signal.values)
    assert "PXI M6251/ai2" in signal._repr_html_()
    window = signal.window(0.05, 0.1)
    assert len(window) == 1000
    assert np.array_equal(window.values, signal.values[1000:2000])
    assert np.array_equal(window.window(0.06, 5.0).time, signal.time[1200:2000])
    with pytest.raises(errors.InvalidValue, match="outside"):
        window.window(0.15, 0.2)


def test_provenance_names_port_chain_people_and_reasons(lab: gilgamesh.Database) -> None:
    provenance = lab.signal("Langmuir_I", 1234).provenance
    assert provenance.port == "PXI M6251/ai12"
    assert [item.item for item in provenance.chain] == ["PXI M6251/ai12", "shunt1"]
    assert provenance.chain[1].output_unit == "A"
    text = str(provenance)
    assert "roman" in text
    assert "−0.01·x  [V → A]" in text
    assert provenance.to_dict()["chain"][0]["item"] == "PXI M6251/ai12"
    assert "<table>" in provenance._repr_html_()
    missing = lab.signal("Bdot3", 838).provenance
    assert missing.status == "not wired"
    assert "not wired" in str(missing)


def test_a_plot_shows_unit_and_shot(lab: gilgamesh.Database) -> None:
    from matplotlib import pyplot

    axes = lab.signal("BigCoil_I", 1234).plot()
    assert axes.get_ylabel() == "Big coil current (A)"
    assert axes.get_xlabel() == "time (s)"
    figure = lab.overview(1234)
    assert len(figure.axes) == 14
    pyplot.close("all")


def test_shots_are_a_table(lab: gilgamesh.Database) -> None:
    shots = lab.shots()
    assert shots.index.name == "Shot"
    assert shots.index.tolist() == list(SHOTS)
    assert {"Date", "Duration", "Program", "Status", "Gas", "Useful", "Comment"} <= set(shots.columns)
    assert lab.shots(columns=["Gas"]).columns.tolist() == ["Gas"]
    gas = shots.Gas[1234]
    assert 1234 in lab.shots(f"Gas == '{gas}'").index
    assert lab.shots(f"Gas != '{gas}' and Gas == '{gas}'").empty


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("Shot > 900", [1234, 1650]), ("838 <= Shot < 1650", [838, 1234]), ("not (Shot == 838 or Shot == 1234)", [1650]),
     ("Shot in [838, 1650]", [838, 1650]), ("Shot not in (838,)", [1234, 1650]), ("Date < '2025-06-01'", [838]),
     ("900 < Shot", [1234, 1650]), ("Useful == True and Useful", list(SHOTS)), ("Duration > 0.1", list(SHOTS)),
     ("Manip_posRaw > -1e9", list(SHOTS)), ("Gas == 'x'' or 1=1 --'", [])],
)  # fmt: skip
def test_conditions(lab: gilgamesh.Database, condition: str, expected: list[int]) -> None:
    assert lab.shots(condition).index.tolist() == expected


@pytest.mark.parametrize(
    ("condition", "said"),
    [("Gas == ", "cannot be read"), ("Gaz == 'Argon'", "did you mean 'Gas'"), ("Gas > 3", "is a text"),
     ("Shot", "not a condition"), ("__import__('os')", "not a condition"), ("Gas == __import__('os')", "not a value"),
     ("Gas.x == 1", "not the name"), ("Shot == 1 if Gas else 2", "not a condition"), ("lambda: 1", "not a condition"),
     ("Gas in 'Argon'", "not a list"), ("Gas is None", "not a comparison"), ("Shot == 'a'", "is a number"),
     ("", "cannot be read"), ("Date > 'soon'", "not a time"), ("Shot == Gas", "cannot be compared"),
     ("(" * 300 + "Shot == 1" + ")" * 300, "cannot be read")],
)  # fmt: skip
def test_conditions_that_are_none(lab: gilgamesh.Database, condition: str, said: str) -> None:
    with pytest.raises(errors.UserError, match=said):
        lab.shots(condition)


def test_the_models_read_the_same_database(lab: gilgamesh.Database) -> None:
    from sqlalchemy import select

    from gilgamesh_db.models import Connection, Signal

    with lab.session() as session:
        signal = session.scalars(select(Signal).where(Signal.name == "Lang_I")).one()
        assert [alias.name for alias in signal.aliases] == ["Langmuir_I"]
        ports = {connection.port.component.name for connection in signal.connections}
        assert "PXI M6251/ai12" in ports
        assert session.scalars(select(Connection).limit(1)).one().edit.author
        assert signal.component is not None
        assert signal.component.class_ == "LangmuirProbe"


def test_known_at_does_not_leak_into_the_next_transaction(lab: gilgamesh.Database) -> None:
    past = lab.known_at(datetime(2025, 1, 20, 9, tzinfo=UTC))  # the first edit: nothing was wired yet
    assert past.sql("select * from gilgamesh.wiring").empty
    assert not lab.sql("select * from gilgamesh.wiring").empty
    assert lab.sql("select gilgamesh.known_at() = 'infinity' as today").today[0]
