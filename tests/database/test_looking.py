"""Pictures: curves that get finer as one zooms, shots over each other, layouts, and what follows the testbed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from matplotlib import pyplot
from matplotlib.figure import Figure
from numpy.typing import NDArray

import gilgamesh_db as gilgamesh
from gilgamesh_db.cli import gilgamesh as command
from gilgamesh_db.curve import draw
from gilgamesh_db.errors import InvalidValue, SamplesNotFound, ShotNotFound, SignalNotFound
from gilgamesh_db.layout import Panel
from records import FIRED, record

N = 1_000_000
SPIKE = 654_321


def load_record(db: gilgamesh.Database, shot: int, samples: dict[str, NDArray[Any]], dt: float) -> None:
    with db.transaction() as connection:
        connection.execute(
            sa.text("insert into gilgamesh.shot (number, started_at) values (:n, :t)"), {"n": shot, "t": FIRED}
        )
        ports = dict(connection.exec_driver_sql(
            "select c.name, c.id from gilgamesh.component c join gilgamesh.port p on p.component_id = c.id").all()
        )  # fmt: skip
    for port, counts in samples.items():
        record(db, shot, ports[port], counts, start=0.0, dt=dt)


@pytest.fixture
def lab(db18: gilgamesh.Database) -> Iterator[gilgamesh.Database]:
    """Two shots of one signal in V and one in A; the first has a spike of a single sample."""
    with db18.edit("a lab for pictures") as edit:
        edit.add_component("scope", "DAQDevice")
        for channel, signal, unit in (("ch1", "U", "V"), ("ch2", "I", "A"), ("ch3", "dead", "V")):
            edit.add_port("scope", channel, dtype="int16")
            edit.add_signal(signal, unit=unit, label=f"{signal} of <b>it</b>")
            edit.connect(signal, f"scope/{channel}")
            edit.calibrate(f"scope/{channel}", [gilgamesh.Polynomial((0.0, 0.001))], "ct", unit)
    rng = np.random.default_rng(1)
    for shot in (10, 11):
        counts = rng.integers(-50, 50, N, dtype=np.int16)
        if shot == 10:
            counts[SPIKE] = 20_000
        load_record(db18, shot, {"scope/ch1": counts, "scope/ch2": counts[::-1].copy()}, dt=1e-6)
    yield db18
    pyplot.close("all")


def test_a_curve_gets_finer_as_one_zooms(lab: gilgamesh.Database) -> None:
    signal = lab.signal("U", 10)
    ax = Figure().add_subplot()
    line = draw(signal, ax, points=1000)
    assert len(line.get_xdata()) <= 2000
    assert np.max(line.get_ydata()) == 20.0  # the spike is in the picture of the whole record
    at = SPIKE * 1e-6
    ax.set_xlim(at - 1e-4, at + 1e-4)
    seen = np.asarray(line.get_xdata())
    assert seen.size >= 200  # every sample, once they fit
    assert np.all(np.diff(seen) < 1.5e-6)
    assert np.max(line.get_ydata()) == 20.0
    ax.set_xlim(0.0, 0.1)
    assert np.max(line.get_ydata()) < 0.1
    ax.set_xlim(5.0, 6.0)  # nothing was sampled there
    ax.set_xlim(-1.0, 2.0)
    assert np.max(line.get_ydata()) == 20.0


def test_shots_over_each_other_one_panel_per_unit(lab: gilgamesh.Database) -> None:
    figure = lab.plot(["U", "I"], [10, -1])
    assert [ax.get_ylabel() for ax in figure.axes] == ["U of <b>it</b> (V)", "I of <b>it</b> (A)"]
    assert [line.get_label() for line in figure.axes[0].get_lines()] == ["10", "11"]
    figure.axes[0].set_xlim(0.2, 0.3)
    assert figure.axes[1].get_xlim() == (0.2, 0.3)
    assert len(lab.plot("U", 10, window=(0.1, 0.2)).axes) == 1
    figure = lab.plot(["U", "dead"], [10, 11])
    assert figure.axes[0].get_title(loc="right") == "no dead in 10, 11"
    with pytest.raises(SamplesNotFound, match="'dead'"):
        lab.plot("dead", 10)
    with pytest.raises(InvalidValue, match="nothing to plot"):
        lab.plot([], 10)
    with pytest.raises(InvalidValue, match="400 curves"):
        lab.plot(["U"] * 200, [10, 11])
    with pytest.raises(SignalNotFound):
        lab.plot("V", 10)


def test_a_layout_is_kept_for_everybody(lab: gilgamesh.Database) -> None:
    lab.layouts["probe"] = ["U", {"signals": ["U", "I"], "title": "both", "low": -1, "high": 1}]
    assert lab.layouts["probe"] == (Panel(("U",)), Panel(("U", "I"), "both", -1, 1))
    figure = lab.overview(10, layout="probe")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["U", "both"]
    assert figure.axes[1].get_ylim() == (-1, 1)
    lab.layouts["overview"] = [["I"]]
    assert len(lab.overview(10).axes) == 1
    assert list(lab.layouts) == ["overview", "probe"]
    del lab.layouts["overview"]
    assert len(lab.overview(10).axes) == 2
    with pytest.raises(InvalidValue, match=r"no layout 'prob'; did you mean 'probe'\? there are: probe"):
        lab.overview(10, layout="prob")


def test_a_signal_that_is_missing_is_named_in_its_panel(lab: gilgamesh.Database) -> None:
    lab.layouts["all"] = [["dead", "U"]]
    (ax,) = lab.overview(10, layout="all").axes
    assert [text.get_text() for text in ax.texts] == ["no dead"]
    assert len(ax.get_lines()) == 1


@pytest.mark.parametrize(
    ("panels", "said"),
    [([], "rule 'layout_panels_listed'"), (["Q"], "no signal 'Q'"), ([{"signals": []}], "names no signals"), ("U", "no list of panels"),
     ([{"signals": ["U"], "low": 2, "high": 1}], "cannot be drawn"), ([{"title": "x"}], "is no panel"), ([{"signals": ["U"], "colour": "red"}], "is no panel")],
)  # fmt: skip
def test_a_layout_that_cannot_be_drawn_is_refused(lab: gilgamesh.Database, panels: object, said: str) -> None:
    with pytest.raises((InvalidValue, SignalNotFound), match=said):
        lab.layouts["x"] = panels  # type: ignore[assignment]
    assert len(lab.layouts) == 0


def test_a_shot_says_what_it_is(lab: gilgamesh.Database) -> None:
    with lab.edit("gas bottle changed") as edit:
        edit.add_attribute("Gas", kind="text")
        edit.set_attribute(10, "Gas", "<Argon>")
    shot = lab.shot(10)
    assert shot.attributes == {"Gas": "<Argon>"}
    assert "&lt;Argon&gt;" in shot._repr_html_()
    assert "Gas: <Argon>" in str(shot)
    assert shot["U"].values.size == N
    assert shot.signals().loc["dead", "status"] != "ok"
    assert lab.shot(-1).number == 11
    with pytest.raises(ShotNotFound):
        lab.shot(12)


def test_following_tells_each_shot_as_it_comes(lab: gilgamesh.Database) -> None:
    heard: list[int] = []

    def listen() -> None:
        heard.extend(lab.follow(timeout=4))

    listener = threading.Thread(target=listen)
    listener.start()
    while not heard and listener.is_alive():
        time.sleep(0.05)
    for shot in (12, 13):
        load_record(lab, shot, {"scope/ch1": np.zeros(10, np.int16)}, dt=1e-6)
        with lab.transaction() as connection:
            connection.exec_driver_sql(f"select pg_notify('gilgamesh_shot', '{shot}')")
    listener.join()
    assert heard == [11, 12, 13]


def test_the_dashboard_follows_and_survives_a_lost_connection(lab: gilgamesh.Database) -> None:
    dashboard = lab.dashboard()
    assert dashboard.drawn.wait(20)
    assert dashboard.shot == 11
    first = bytes(dashboard._picture.value)
    assert first.startswith(b"\x89PNG")
    dashboard.drawn.clear()
    # As when PostgreSQL is started anew.
    ended = lab.sql(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = 'gilgamesh follow' and datname = current_database()"
    )
    assert len(ended) == 1
    load_record(lab, 12, {"scope/ch1": np.zeros(10, np.int16)}, dt=1e-6)
    assert dashboard.drawn.wait(20)
    assert dashboard.shot == 12
    assert bytes(dashboard._picture.value) != first
    assert dashboard._banner.value == ""
    dashboard.stop()
    assert not dashboard._thread.is_alive()


def test_the_browser_finds_and_draws(lab: gilgamesh.Database) -> None:
    browser = lab.browse()
    assert [number for _, number in browser.shot_list.options] == [11, 10]
    browser.shot_list.value = (10, 11)
    assert browser.signal_list.options == ("I", "U")
    browser.signal_list.value = ("U",)
    assert bytes(browser.picture.value).startswith(b"\x89PNG")
    browser.condition.value = "Gaz == 'x'"
    assert "Gaz" in browser.message.value
    browser.condition.value = "Shot == 10"
    assert [number for _, number in browser.shot_list.options] == [10]
    assert browser.signals == ()


def test_on_the_command_line(lab: gilgamesh.Database, tmp_path: object) -> None:
    def run(*words: str) -> str:
        found = CliRunner().invoke(command, ["--url", lab.engine.url.render_as_string(hide_password=False), *words])
        assert found.exit_code == 0, found.output + str(found.exception)
        return found.output

    assert run("layout", "list") == "nothing\n"
    run("layout", "set", "probe", "U,I", "I")
    assert run("layout", "list") == "probe: U, I | I\n"
    assert run("overview", "10", "--layout", "probe", "--to", f"{tmp_path}/x.png") == f"{tmp_path}/x.png: shot 10\n"
    run("layout", "drop", "probe")
