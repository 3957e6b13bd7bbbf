"""The testbed as objects: access, properties, differences, editing; and what each says when something is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import fasteners
import numpy as np
import psycopg
import pytest
from astropy import constants
from astropy import units as u
from PIL import Image

import gilgamesh_db as gilgamesh
from gilgamesh_db import installation
from gilgamesh_db.calibration import Polynomial
from gilgamesh_db.cli import main
from gilgamesh_db.database import open_engine
from gilgamesh_db.errors import (
    ComponentNotFound,
    InvalidValue,
    NotAnalysable,
    NotCalibrated,
    NotStated,
    SignalNotFound,
    UnitMismatch,
)
from gilgamesh_db.machine import Component, class_of, registry
from gilgamesh_db.machine.coils import CoilSystem
from gilgamesh_db.machine.langmuir import METHOD, LangmuirProbe, probe
from gilgamesh_db.machine.machine import Machine
from gilgamesh_db.machine.manipulator import Manipulator
from gilgamesh_db.physics.coils import axis_field
from gilgamesh_db.physics.langmuir import METHOD_VERSION
from gilgamesh_loaders import simulator
from gilgamesh_loaders.commit import commit

SHOTS = (838, 1234, 1366, 1500)
TEMPLATE = "machines"


@pytest.fixture(scope="session")
def template(server18) -> str:
    """The demo's testbed with a few of its discharges, made once per run."""
    with (
        fasteners.InterProcessLock(Path(os.environ["GILGAMESH_TEST_RUN"]) / f"{TEMPLATE}.lock"),
        psycopg.connect(server18.url("postgres"), autocommit=True) as connection,
    ):
        if connection.execute("select 1 from pg_database where datname = %s", (TEMPLATE,)).fetchone():
            return TEMPLATE
        connection.execute("create database machines_being_made")
        engine = open_engine(server18.url("machines_being_made"))
        installation.create(engine)
        engine.dispose()
        with gilgamesh.connect(server18.url("machines_being_made")) as db:
            simulator.install_testbed(db)
            simulator.live(db)
            for shot in SHOTS:
                commit(db, simulator.simulate_shot(shot, duration=0.5).plan)
        connection.execute(f"alter database machines_being_made rename to {TEMPLATE}")
    return TEMPLATE


@pytest.fixture
def url(server18, template: str) -> Iterator[str]:
    with server18.database(template) as url:
        yield url


@pytest.fixture
def lab(url: str) -> Iterator[gilgamesh.Database]:
    """A testbed of one's own, to edit."""
    with gilgamesh.connect(url) as db:
        yield db


@pytest.fixture(scope="module")
def shared_url(server18, template: str) -> Iterator[str]:
    with server18.database(template) as url:
        yield url


@pytest.fixture(scope="module")
def shared(shared_url: str) -> Iterator[gilgamesh.Database]:
    """The testbed as it is, for tests that only read."""
    with gilgamesh.connect(shared_url) as db:
        yield db


@pytest.fixture(scope="module")
def machine(shared: gilgamesh.Database) -> Machine:
    """The testbed in shot 1234."""
    return shared.machine(shot=1234)


class TestTree:
    def test_one_component_by_many_names(self, machine: Machine) -> None:
        found = machine["langmuir1"]
        assert isinstance(found, LangmuirProbe)
        for same in (
            machine.langmuir1, machine["vessel/langmuir1"], machine["testbed/vessel/manipulator/langmuir1"],
            machine.vessel.manipulator.langmuir1, machine.find("langmuir1")[0],
        ):  # fmt: skip
            assert same is found
        assert found.path == "testbed/vessel/manipulator/langmuir1"
        assert found.parent is machine.manipulator
        assert machine["PXI M6251/ai0"] is machine.PXI_M6251_ai0
        assert len(machine) == len(list(machine))

    def test_find(self, machine: Machine) -> None:
        assert {part.name for part in machine.find("LangmuirProbe")} == {"langmuir1", "langmuir2"}
        assert machine.find(LangmuirProbe) == machine.find("LangmuirProbe")
        assert {part.name for part in machine.find("bdot?")} == {"bdot1", "bdot2"}
        assert machine.find("nothing like it") == []

    def test_what_is_not_there(self, machine: Machine) -> None:
        with pytest.raises(ComponentNotFound, match="did you mean 'langmuir1'"):
            machine["langmiur1"]
        with pytest.raises(ComponentNotFound):
            machine["plasma_source/langmuir1"]
        with pytest.raises(AttributeError, match="did you mean"):
            _ = machine.langmiur1
        with pytest.raises(
            SignalNotFound, match="gilgamesh add signal NAME --unit UNIT --component vessel --role pressure"
        ):
            machine.vessel.signal("pressure")
        with pytest.raises(AttributeError, match="did you mean 'voltage'"):
            _ = machine.langmuir1.volage

    def test_the_tree_is_that_of_the_time(self, shared: gilgamesh.Database, machine: Machine) -> None:
        assert "bdot3" not in machine
        assert "bdot3" in shared.machine(shot=1500)
        assert machine.langmuir2.number("tip length", "mm") == 10.0
        assert shared.machine(shot=1500).langmuir2.number("tip length", "mm") == 8.0
        then = shared.machine(at="2025-07-24 12:00")
        assert then.shot is None
        assert "bdot3" not in then
        with pytest.raises(InvalidValue, match=r"db\.machine\(shot=…\)"):
            _ = then.langmuir1.current
        with pytest.raises(InvalidValue, match="either"):
            shared.machine(1234, at="2025-07-24")

    def test_the_past_as_it_was_known(self, shared: gilgamesh.Database) -> None:
        before = shared.machine(1500, known_at=simulator.STORY.before_recalibration)
        after = shared.machine(1500, known_at=simulator.STORY.after_recalibration)
        rows = before.diff(after)
        assert rows.to_numpy().tolist() == [["divider3", "calibration", "10·x [V → V]", "10.18·x [V → V]"]]

    def test_differences(self, shared: gilgamesh.Database, machine: Machine) -> None:
        rows = machine.diff(shared.machine(1500)).set_index(["Component", "What"])
        assert tuple(rows.loc[("langmuir2", "tip length")]) == ("10.0 mm", "8.0 mm")
        assert tuple(rows.loc[("divider1", "placed in")]) == ("langmuir1", "testbed")
        assert tuple(rows.loc[("bdot3", "placed in")]) == ("not there", "bdot_array")
        assert rows.loc[("Lang_I", "wired to"), "After"] == "PXI M6251/ai13 → shunt1"
        assert machine.diff(machine).empty

    def test_properties_have_units(self, machine: Machine) -> None:
        assert machine.vessel.properties["radius"] == 0.55 * u.m
        assert machine.langmuir1.number("tip radius", "m") == pytest.approx(1e-3)
        with pytest.raises(UnitMismatch):
            machine.vessel.number("radius", "s")
        with pytest.raises(NotStated, match="set_property"):
            machine.vessel.number("colour", "")

    def test_text_and_html(self, machine: Machine) -> None:
        text = machine.show()
        assert "langmuir1 (LangmuirProbe)  tip length 10 mm; tip radius 1 mm; current = Lang_I" in text
        assert "16 ports" in text
        assert "PXI M6251/ai3 (Port)" in machine.show(ports=True)
        html = machine._repr_html_()
        assert html.count("<details") == html.count("</details>") > 5
        assert "10 mm" in machine.langmuir1._repr_html_()

    def test_a_class_of_the_lab(self, shared: gilgamesh.Database, monkeypatch: pytest.MonkeyPatch) -> None:
        before = shared.machine(1234).shunt1
        assert not before.known
        assert "generic" in repr(before)
        monkeypatch.setitem(registry._registered, "Shunt", type("Shunt", (Component,), {"ohms": lambda self: 100}))
        machine = shared.machine(1234)
        assert machine.shunt1.known
        assert machine.shunt1.ohms() == 100
        assert class_of("NobodyKnows") is Component


class TestEditing:
    def test_move(self, lab: gilgamesh.Database) -> None:
        machine = lab.machine(shot=1500)
        machine.move("langmuir1", to="vessel", since=1500, reason="for the profile", author="anna")
        assert machine.langmuir1.path == "testbed/vessel/langmuir1"
        assert lab.machine(1234).langmuir1.parent.name == "manipulator"
        row = lab.sql("select author, reason from gilgamesh.edit order by id desc limit 1").iloc[0]
        assert tuple(row) == ("anna", "for the profile")

    def test_set_property_and_recalibrate(self, lab: gilgamesh.Database) -> None:
        machine = lab.machine(shot=1500)
        before = machine.langmuir1.current.values.max()
        machine.set_property("langmuir1", "tip length", 9.0, "mm", since=1500, reason="measured")
        machine.recalibrate("shunt1", Polynomial((0.0, -0.02)), since=1500, reason="bench", source="bench")
        assert machine.langmuir1.number("tip length", "mm") == 9.0
        assert machine.langmuir1.current.values.max() == pytest.approx(2 * before)
        assert lab.machine(1234).shunt1.calibration()(1.0) == pytest.approx(-0.01)


class TestLangmuir:
    @pytest.mark.parametrize(
        ("shot", "name", "truth"),
        [(1234, "langmuir1", ""), (838, "langmuir2", "2"), (1366, "langmuir1", ""), (1500, "langmuir2", "2")],
    )
    def test_the_truth_of_a_shot_comes_out(self, shared: gilgamesh.Database, shot: int, name: str, truth: str) -> None:
        """Argon and hydrogen; cables moved, dividers replaced, a tip that got shorter: nobody needs to know."""
        true = simulator.simulate_shot(shot, duration=0.5).truth
        asked = probe(shared.machine(shot), name)
        density, temperature = asked.density(), asked.temperature()
        steady = (density.time > 0.17) & (density.time < 0.4)
        at = density.time[steady]
        for found, quantity, tolerance in (
            (density, "density", 0.20), (temperature, "electron_temperature", 0.10),
            (asked.floating_potential(), "floating_potential", 0.05), (asked.plasma_potential(), "plasma_potential", 0.10),
        ):  # fmt: skip
            ratio = found.values[steady] / true.at(quantity + truth, at)
            assert np.isfinite(ratio).mean() > 0.9
            assert np.nanmedian(ratio) == pytest.approx(1, abs=tolerance), quantity
        assert str(density.unit) == "1 / m3"
        assert density.uncertainty is not None
        assert {signal.name for signal in density.inputs} == {asked.roles[role] for role in ("voltage", "current")}
        assert "swept Langmuir probe" in str(density.provenance)

    def test_the_uncertainty_of_a_calibration_arrives(self, lab: gilgamesh.Database) -> None:
        plain = probe(lab.machine(1500), "langmuir1").density(window=(0.2, 0.3))
        with lab.edit("shunt with a tolerance of 5 %") as edit:
            edit.calibrate(
                "shunt1", Polynomial((0.0, -0.01)), "V", "A", since=1500, covariance=[[0.0, 0.0], [0.0, 0.0005**2]]
            )
        worse = probe(lab.machine(1500), "langmuir1").density(window=(0.2, 0.3))
        assert plain.uncertainty is not None
        assert worse.uncertainty is not None
        assert np.nanmedian(plain.uncertainty / plain.values) < 0.03
        assert np.nanmedian(worse.uncertainty / worse.values) == pytest.approx(0.05, abs=0.01)
        np.testing.assert_array_equal(worse.values, plain.values)

    def test_options_and_windows(self, machine: Machine) -> None:
        asked = probe(machine, "langmuir1")
        part = asked.density(window=(0.2, 0.3), which="up")
        assert 18 <= part.time.size <= 20
        assert part.time.min() > 0.2
        electrons = asked.density("electrons", window=(0.2, 0.3))
        assert np.nanmedian(electrons.values) < np.nanmedian(part.values)
        for wrong in ({"wich": "up"}, {"which": "sideways"}, {"ion_model": "cubic"}):
            with pytest.raises(InvalidValue):
                asked.density(**wrong)
        with pytest.raises(InvalidValue, match="'ions', 'electrons'"):
            asked.density("protons")

    def test_parameters_of_the_plasma(self, machine: Machine) -> None:
        table = probe(machine, "langmuir1").parameters(window=(0.2, 0.4))
        field = table.loc["magnetic field", "Value"]
        true = simulator.simulate_shot(1234, duration=0.5).truth
        assert field == pytest.approx(float(true.field.max()), rel=0.05)
        expected = (constants.e.si * field * u.T / constants.m_e).to_value("1 / s")
        assert table.loc["electron cyclotron frequency", "Value"] == pytest.approx(expected)

    def test_saved_and_up_to_date_until_something_changes(
        self, lab: gilgamesh.Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        options = {"window": (0.2, 0.3)}
        asked = probe(lab.machine(1500), "langmuir2")
        assert asked.stored_run(**options) is None
        number = asked.save(**options)
        again = probe(lab.machine(1500), "langmuir2")
        assert again.stored_run(**options) == number
        assert again.stored_run() is None
        stored = again.signal("density")
        assert stored.name == "langmuir2_density"
        np.testing.assert_array_equal(stored.values, asked.density(**options).values)
        runs = lab.runs(shot=1500, method=METHOD)
        assert runs["Parameters"].iloc[0]["gas"] == "argon"
        assert runs["Version"].iloc[0] == METHOD_VERSION
        monkeypatch.setattr("gilgamesh_db.machine.langmuir.METHOD_VERSION", "0")
        assert again.stored_run(**options) is None, "a run of another version of the analysis"
        monkeypatch.undo()
        assert again.stored_run(**options) == number
        with lab.edit("measured again") as edit:
            edit.set_property("langmuir2", "tip length", 7.0, "mm", since=1500)
        assert probe(lab.machine(1500), "langmuir2").stored_run(**options) is None


class TestMissing:
    def test_a_probe_without_area(self, lab: gilgamesh.Database) -> None:
        with lab.edit("a probe nobody measured") as edit:
            edit.add_component("langmuir9", "LangmuirProbe", parent="vessel")
        with pytest.raises(
            NotStated,
            match=r"'langmuir9' has no 'tip length' in shot 1234.*set_property\('langmuir9', 'tip length', …, 'mm'\)",
        ):
            lab.machine(1234).langmuir9.density()

    def test_other_shapes_and_a_measured_area(self, lab: gilgamesh.Database) -> None:
        with lab.edit("other probes") as edit:
            edit.add_component(
                "disc", "LangmuirProbe", parent="vessel", properties={"tip shape": "plane", "tip radius": (2.0, "mm")}
            )
            edit.add_component(
                "ball", "LangmuirProbe", parent="vessel", properties={"tip shape": "sphere", "tip radius": (2.0, "mm")}
            )
            edit.add_component(
                "known",
                "LangmuirProbe",
                parent="vessel",
                properties={"tip area": (3.0, "mm2"), "tip area uncertainty": 0.1},
            )
            edit.add_component("odd", "LangmuirProbe", parent="vessel", properties={"tip shape": "banana"})
        machine = lab.machine(1234)
        assert machine.disc.tip.area == pytest.approx(4e-6 * np.pi)
        assert machine.ball.tip.area == pytest.approx(16e-6 * np.pi)
        assert (machine.known.tip.area, machine.known.tip.area_error) == (pytest.approx(3e-6), 0.1)
        with pytest.raises(InvalidValue, match="banana"):
            _ = machine.odd.tip

    def test_a_shot_without_gas(self, lab: gilgamesh.Database) -> None:
        with lab.edit("nobody noted it") as edit:
            edit.set_attribute(1234, "Gas", None)
        with pytest.raises(NotStated, match=r"edit.set_attribute\(1234, 'Gas', 'Argon'\)"):
            lab.machine(1234).langmuir1.density()

    def test_no_sweep_in_the_window(self, machine: Machine) -> None:
        with pytest.raises(NotAnalysable, match="'langmuir1' cannot be analysed in shot 1234: no sweep"):
            machine.langmuir1.density(window=(0.3, 0.3005))

    def test_an_inverted_current_and_a_saturated_amplifier(self, lab: gilgamesh.Database) -> None:
        with lab.edit("wrong sign") as edit:
            edit.calibrate("shunt1", Polynomial((0.0, 0.01)), "V", "A", since=1500)
        with pytest.raises(NotAnalysable, match=r"inverted.*gilgamesh calibrate"):
            lab.machine(1500).langmuir1.density(window=(0.2, 0.3))

    def test_a_coil_without_a_map(self, lab: gilgamesh.Database) -> None:
        with lab.edit("a new coil") as edit:
            edit.add_component("trim_coil", "CoilSystem", parent="vessel")
        with pytest.raises(NotStated, match=r"'trim_coil' has neither a map .*'map z'"):
            lab.machine(1234).coils.field(0.0, 0.0)

    def test_only_probes_are_analysed(self, machine: Machine) -> None:
        with pytest.raises(InvalidValue, match="langmuir1"):
            probe(machine, "big_coil")


class TestOthers:
    def test_field_of_the_coils(self, machine: Machine) -> None:
        true = simulator.simulate_shot(1234, duration=0.5).truth
        z = np.linspace(-1, 0.5, 7)
        analytic = sum(
            coil.current_at()
            * axis_field(coil.number("turns", ""), coil.number("radius", "m"), z - coil.number("position", "m"))
            for coil in machine.coils
        )
        np.testing.assert_allclose(machine.coils.field(0.0, z)[1].to_value("T"), analytic, rtol=1e-6)
        assert machine.coils.field(0.0, 0.0, t=0.25)[1].to_value("T") == pytest.approx(
            float(true.at("field", 0.25)), rel=2e-3
        )
        places = machine.coils.resonances(30 * u.kHz)
        field = machine.coils.field(0.0, places.value)[1]
        np.testing.assert_allclose(
            (constants.e.si * field / (machine.gas.ion_mass * u.kg) / (2 * np.pi)).to_value("1 / s"), 30e3, rtol=1e-3
        )

    def test_a_measured_map_replaces_the_dimensions(self, lab: gilgamesh.Database) -> None:
        z = np.linspace(-2, 2, 81)
        with lab.edit("field of the big coil measured with a Hall probe") as edit:
            edit.set_property("big_coil", "map z", z.tolist(), "m", since=1500)
            edit.set_property("big_coil", "map field", (axis_field(120, 0.62, z) * 1e6).tolist(), "uT / A", since=1500)
        measured = lab.machine(1500)
        assert isinstance(measured.big_coil, CoilSystem)
        assert "81 numbers from -2 to 2 m" in measured.show()
        after = measured.big_coil.source().per_ampere(0.0, 0.33)[1]
        assert float(after) == pytest.approx(float(axis_field(120, 0.62, 0.33)), rel=1e-5)

    def test_position_of_the_manipulator(self, lab: gilgamesh.Database) -> None:
        machine = lab.machine(1234)
        moved = machine.manipulator
        assert isinstance(moved, Manipulator)
        true = simulator.simulate_shot(1234, duration=0.5).truth.probe_position
        assert moved.position("voltage").to_value("cm") == pytest.approx(true, abs=0.1)
        assert moved.position("entered").to_value("cm") == pytest.approx(true, abs=0.1)
        assert moved.position() == moved.position("entered")
        with lab.edit("forgotten") as edit:
            edit.set_attribute(1234, "Manip_posRaw", None)
        machine = lab.machine(1234)
        assert machine.manipulator.position() == machine.manipulator.position("voltage")
        with pytest.raises(NotStated, match="set_attribute"):
            machine.manipulator.position("entered")
        with lab.edit("a second one") as edit:
            edit.add_component("drive", "Manipulator", parent="vessel")
        with pytest.raises(NotCalibrated):
            _ = lab.machine(1234).drive.read_out

    def test_gas(self, machine: Machine) -> None:
        density = machine.gas_system.neutral_density()
        pressure = machine.gas_system.pressure
        np.testing.assert_allclose(density.values, pressure.values * 100 / (constants.k_B.value * 293.0), rtol=1e-12)
        assert machine.gas_gauge.mean_free_path().unit == u.m
        rate = machine.gas_system.ionisation_frequency(4 * u.eV)
        np.testing.assert_allclose(rate.values / density.values, 1.2e-15, rtol=0.05)
        assert (machine.gas_system.excitation_frequency(4 * u.eV).values > rate.values).all()
        assert machine.gas_system.ion_neutral_frequency().unit == 1 / u.s
        mine = machine.gas_system.ionisation_frequency(4 * u.eV, rate=2e-9 * u.cm**3 / u.s)
        np.testing.assert_allclose(mine.values, 2e-15 * density.values, rtol=1e-12)
        assert "own" in str(mine.provenance)

    def test_molecules_have_no_rate_of_their_own(self, shared: gilgamesh.Database) -> None:
        system = shared.machine(1366).gas_system
        assert system.machine.gas.name == "hydrogen"
        for what in ("ionisation", "excitation"):
            with pytest.raises(InvalidValue, match=rf"molecules of hydrogen.*{what}_frequency\(Te, rate=…"):
                getattr(system, f"{what}_frequency")(4 * u.eV)
        given = system.ionisation_frequency(4 * u.eV, rate=1e-15 * u.m**3 / u.s)
        np.testing.assert_allclose(given.values, 1e-15 * system.neutral_density().values, rtol=1e-12)

    def test_generator(self, machine: Machine) -> None:
        generator = machine.helicon_generator
        true = simulator.simulate_shot(1234, duration=0.5).truth
        injected = generator.injected()
        expected = true.at("helicon_forward", injected.time) - true.at("helicon_reflected", injected.time)
        assert np.median(np.abs(injected.values - expected)) < 10
        [[begin, end]] = generator.on_times()
        assert (begin, end) == (pytest.approx(0.1, abs=0.02), pytest.approx(0.43, abs=0.02))
        ratio = generator.ratio()
        assert np.isnan(ratio.values[0])
        assert np.nanmedian(ratio.values) == pytest.approx(0.06, abs=0.01)

    def test_bdot_array(self, machine: Machine) -> None:
        table = machine.bdot_array.profile((0.2, 0.3))
        assert list(table.index) == ["bdot1", "bdot2"]
        assert table.loc["bdot2", "RelativeLevel"] == pytest.approx(10 * np.log10(2.5 / 4.0), abs=0.05)
        assert table.attrs["unit"] == "mW"


class TestPictures:
    @pytest.fixture(autouse=True)
    def quiet(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MPLBACKEND", "Agg")

    def test_pictures(self, machine: Machine, tmp_path: Path) -> None:
        for name, axes in (
            ("side", machine.plot()),
            ("field", machine.coils.plot_field(0.25, points=60, resonance=30 * u.kHz)),
            ("iv", machine.langmuir1.plot_iv(0.25)),
            ("dark", machine.langmuir1.plot_iv(0.01)),
        ):
            axes.figure.savefig(tmp_path / f"{name}.png")
            colours = np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB")).reshape(-1, 3)
            assert len(np.unique(colours, axis=0)) > 30
        assert {text.get_text() for text in machine.plot().texts} >= {
            "vessel",
            "plasma_source",
            "big_coil",
            "langmuir1",
        }
        assert "no plasma" in machine.langmuir1.plot_iv(0.01).get_title(loc="left")

    def test_nothing_to_draw(self, db18: gilgamesh.Database) -> None:
        with db18.edit("one thing") as edit:
            edit.add_component("thing")
        with pytest.raises(NotStated, match="set_property"):
            db18.machine().plot()


class TestCommands:
    def test_machine(self, shared_url: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        for arguments, expected in (
            (["show", "--shot", "1234"], "langmuir1 (LangmuirProbe)"),
            (["show", "--shot", "1234", "--component", "manipulator"], "manipulator (Manipulator)"),
            (["diff", "1234", "1500"], "PXI M6251/ai13 → shunt1"),
            (["plot", "--shot", "1234", "--to", str(tmp_path / "side.png")], "side.png"),
        ):
            with pytest.raises(SystemExit) as done:
                main(["--url", shared_url, "machine", *arguments])
            assert not done.value.code
            assert expected in capsys.readouterr().out

    def test_analyse_saves_and_goes_on_where_it_stopped(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        def analyse(*arguments: str) -> list[str]:
            with pytest.raises(SystemExit) as done:
                main(["--url", url, "analyse", "langmuir1", "--window", "0.2", "0.3", *arguments])
            assert not done.value.code
            return capsys.readouterr().out.splitlines()

        [line] = analyse("--shots", "1234")
        assert "analysed" in line
        assert "Te 5" in line
        [line] = analyse("--shots", "1234", "--save")
        assert "run 1:" in line
        lines = analyse("--shots", "1200:1501", "--save", "--jobs", "2")
        assert [line.split()[0] for line in lines] == ["1234", "1366", "1500"]
        assert "up to date" in lines[0]
        assert "saved" in lines[1]
        assert all("up to date" in line for line in analyse("--shots", "1200:1501", "--save"))
        assert "saved" in analyse("--shots", "1234", "--save", "--again")[0]

    def test_what_cannot_be_analysed_is_told(self, shared_url: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as done:
            main(["--url", shared_url, "analyse", "langmuir1", "--shots", "1234", "--window", "0.3", "0.3004"])
        assert done.value.code == 1
        said = capsys.readouterr()
        assert "no sweep" in said.out
        assert "could be analysed" in said.err
