"""The formulary against the check values of the literature, and against PlasmaPy; coils against the analytic loop."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from scipy.special import exp1

from gilgamesh_db.errors import InvalidValue, UnitMismatch
from gilgamesh_db.physics import coils, formulary, neutral, power
from gilgamesh_db.physics.gases import GASES, gas

B, N, T = 0.2 * u.T, 1e17 / u.m**3, 4 * u.eV
ARGON = gas("argon").ion_mass * u.kg


def test_check_values() -> None:
    assert f"{formulary.gyrofrequency(B, ARGON).value:.3e}" == "4.831e+05"
    assert f"{formulary.gyrofrequency(B).value:.4e}" == "3.5176e+10"
    assert f"{formulary.plasma_frequency(N).value:.5e}" == "1.78399e+10"
    assert f"{neutral.neutral_density(1e-4 * u.mbar).value:.3e}" == "2.472e+18"


def test_plasmapy_says_the_same() -> None:
    theirs = pytest.importorskip("plasmapy.formulary", exc_type=ImportError)
    # PlasmaPy takes astropy's constants too, but its ions from its own table: hence a tolerance for argon.
    cases = [
        (formulary.gyrofrequency(B), theirs.gyrofrequency(B, "e-"), 1e-9),
        (formulary.gyrofrequency(B, ARGON), theirs.gyrofrequency(B, "Ar+"), 1e-4),
        (formulary.plasma_frequency(N), theirs.plasma_frequency(N, "e-"), 1e-9),
        (formulary.debye_length(N, T), theirs.Debye_length(T, N), 1e-9),
        (formulary.thermal_speed(T), theirs.thermal_speed(T, "e-"), 1e-9),
        (formulary.gyroradius(B, T), theirs.gyroradius(B, "e-", T=T), 1e-4),  # theirs is relativistic
        (formulary.ion_sound_speed(T, ARGON), theirs.ion_sound_speed(T, 0 * u.eV, "Ar+", gamma_e=1), 1e-4),
    ]
    for ours, other, tolerance in cases:
        assert ours.to_value(other.unit, equivalencies=u.dimensionless_angles()) == pytest.approx(
            other.value, rel=tolerance
        )


def test_masses_of_the_particle_library() -> None:
    particles = pytest.importorskip("plasmapy.particles.particle_class", exc_type=ImportError)
    for found in GASES.values():
        assert found.ion_mass == pytest.approx(particles.Particle(found.symbol).mass.si.value, rel=2e-4)
    krypton = gas("krypton")
    assert (krypton.symbol, round(krypton.atom_mass, 2)) == ("Kr+", 83.8)
    with pytest.raises(InvalidValue, match="did you mean 'argon'"):
        gas("argonn")


def test_wrong_units_are_refused() -> None:
    with pytest.raises(UnitMismatch, match="a field is wanted in T"):
        formulary.gyrofrequency(3 * u.m)
    with pytest.raises(UnitMismatch):
        neutral.neutral_density(3.0)


def test_temperatures_may_be_kelvins() -> None:
    assert formulary.thermal_speed((4 * u.eV).to(u.K, u.temperature_energy())).value == pytest.approx(
        formulary.thermal_speed(T).value
    )


def test_resonances_turn_gyration_around() -> None:
    field = formulary.resonant_field(4.0 * u.MHz, ARGON, harmonic=2)
    assert 2 * formulary.gyrofrequency(field, ARGON).value == pytest.approx(2 * np.pi * 4e6)


def test_collisions() -> None:
    argon = gas("argon")
    density = neutral.neutral_density(1e-3 * u.mbar)
    # Langevin's rate of Ar⁺ in Ar is 6.7e-16 m³/s in every textbook.
    assert (neutral.ion_neutral_frequency(argon, density) / density).value == pytest.approx(6.7e-16, rel=0.02)
    # The free path of nitrogen at 1e-3 mbar, in tables 6.5 to 7 cm.
    assert 6 < neutral.mean_free_path(gas("nitrogen"), 1e-3 * u.mbar).to_value("cm") < 7
    # NRL: 1e17 m⁻³, 4 eV, λ = 11.5
    lam = formulary.coulomb_logarithm(N, T)
    assert lam == pytest.approx(23 - np.log(np.sqrt(1e11) * 4**-1.5))
    assert formulary.electron_ion_frequency(N, T).value == pytest.approx(2.91e-6 * 1e11 * lam / 8)


ATOMS = {"hydrogen": 1, "deuterium": 1, "helium": 2, "nitrogen": 3, "neon": 6, "argon": 6}
"""Electrons of the outer shell."""


@pytest.mark.parametrize("name", ATOMS)
def test_ionisation_against_lotz(name: str) -> None:
    """W. Lotz, Z. Phys. 216 (1968) 241, for any atom: 3.0e-6·ξ·E₁(E/T)/(E·√T) cm³/s.

    It is good within a factor of two for ions; without its correction for neutral atoms, which would need numbers of
    each of them, it lies above their rates, most at low temperatures. Inner electrons, left out here, add to the rate
    where it is hot.
    """
    fit = neutral._IONISATION[name]
    ratios = []
    for t in np.geomspace(0.2, 20, 9) * fit.energy:
        lotz = 3.0e-6 * ATOMS[name] * exp1(fit.energy / t) / (fit.energy * np.sqrt(t)) * 1e-6
        ratios.append(neutral.ionisation_rate(gas(name), t * u.eV).value / lotz)
    assert min(ratios) > 0.25
    assert max(ratios) < 1.3
    assert np.all(np.abs(np.diff(np.log(ratios))) < 0.5), "a rate that bends where no rate does"


def test_energies_of_the_particle_library() -> None:
    particles = pytest.importorskip("plasmapy.particles.particle_class", exc_type=ImportError)
    for name, fit in neutral._IONISATION.items():
        atom = particles.Particle(GASES[name].symbol.rstrip("+").replace("D", "H") + " 0+")
        assert fit.energy == pytest.approx(atom.ionization_energy.to_value("eV"), abs=0.06)
        if name in neutral._RESONANCE:
            assert 0.5 * fit.energy < neutral._RESONANCE[name].energy < fit.energy
    rydberg = 13.598434599702
    assert neutral._RESONANCE["hydrogen"].energy == pytest.approx(0.75 * rydberg, abs=1e-3)
    # Lyman α analytically: f = 2^13 / 3^9
    assert neutral._RESONANCE["hydrogen"].strength == pytest.approx(2**13 / 3**9, rel=1e-3)


def test_isotopes_are_of_one_size() -> None:
    # The viscosities are as the roots of their masses, the polarisabilities nearly the same.
    assert gas("deuterium").viscosity / gas("hydrogen").viscosity == pytest.approx(np.sqrt(2), rel=0.02)
    assert gas("deuterium").polarisability == pytest.approx(gas("hydrogen").polarisability, rel=0.02)


def test_polarisability_gives_the_refraction_of_light() -> None:
    # n − 1 = 2π·α·N at 0 °C and 1 atm, against refractive indices of gases (visible light: a little larger)
    loschmidt = 2.686780111e25
    for name, refraction in (
        ("hydrogen", 132e-6),
        ("helium", 35e-6),
        ("nitrogen", 298e-6),
        ("neon", 67e-6),
        ("argon", 281e-6),
    ):
        assert 2 * np.pi * gas(name).polarisability * 1e-30 * loschmidt == pytest.approx(refraction, rel=0.04), name


def test_what_is_not_known_is_said_and_can_be_given() -> None:
    krypton = gas("krypton")
    one = neutral.Ionisation(14.0, 1, 6e-8, 0.1, 0.3)
    line = neutral.Resonance(16.848, 0.15)
    pressure, density = 1e-3 * u.mbar, 1e19 / u.m**3
    for ask, how in (
        (lambda: neutral.mean_free_path(krypton, pressure), r"replace\(gas, viscosity=…\)"),
        (lambda: neutral.ion_neutral_frequency(krypton, density), r"replace\(gas, polarisability=…\)"),
        (lambda: neutral.ionisation_rate(krypton, T), r"krypton.*fit=Ionisation"),
        (lambda: neutral.excitation_rate(gas("neon"), T), r"neon.*line=Resonance"),
    ):
        with pytest.raises(InvalidValue, match=how):
            ask()
    given = replace(krypton, viscosity=25.5e-6, polarisability=2.484)
    assert neutral.mean_free_path(given, pressure) > 0 * u.m
    assert neutral.ion_neutral_frequency(given, density) > 0 / u.s
    assert neutral.ionisation_rate(krypton, T, one) > 0 * u.m**3 / u.s
    twice = neutral.excitation_rate(gas("neon"), T, line, gaunt=0.4) / neutral.excitation_rate(gas("neon"), T, line)
    assert float(twice) == pytest.approx(2)


def test_rates_of_ionisation() -> None:
    # Voronov's fit for hydrogen at 10 eV and helium at 10 eV; Lieberman and Lichtenberg give 2.34e-14·T^0.59·
    # exp(−17.44/T) m³/s for argon, from other cross sections: within a factor of 2.5.
    assert neutral.ionisation_rate(gas("hydrogen"), 10 * u.eV).value == pytest.approx(5.3e-15, rel=0.01)
    for t in (3.0, 5.0, 7.0):
        textbook = 2.34e-14 * t**0.59 * np.exp(-17.44 / t)
        assert 0.4 < neutral.ionisation_rate(gas("argon"), t * u.eV).value / textbook < 2.5
        assert neutral.excitation_rate(gas("argon"), t * u.eV) > 0.2 * neutral.ionisation_rate(gas("argon"), t * u.eV)


@pytest.mark.parametrize(("name", "wavelength"), [("hydrogen", 121.567), ("helium", 58.4334), ("argon", 104.82199)])
def test_energies_of_resonance_lines(name: str, wavelength: float) -> None:
    energy = (wavelength * u.nm).to_value(u.eV, equivalencies=u.spectral())
    assert neutral._RESONANCE[name].energy == pytest.approx(energy, abs=1e-3)


class TestCoils:
    big = coils.Coil(120, 0.62, 0.0)
    small = coils.Coil(80, 0.25, -0.9)

    def test_a_loop_on_its_axis(self) -> None:
        z = np.linspace(-2, 2, 101)
        _, axial = self.big.per_ampere(0.0, z)
        np.testing.assert_allclose(axial, coils.axis_field(120, 0.62, z), rtol=1e-6)

    def test_a_solenoid_on_its_axis(self) -> None:
        z, length, radius = np.linspace(-1, 1, 41), 0.3, 0.62
        ends = [(z + s * length / 2) / np.hypot(radius, z + s * length / 2) for s in (1, -1)]
        analytic = coils.MU0 * 120 / (2 * length) * (ends[0] - ends[1])
        _, axial = coils.Coil(120, radius, 0.0, length).per_ampere(0.0, z)
        np.testing.assert_allclose(axial, analytic, rtol=1e-6)

    def test_no_field_comes_from_nowhere(self) -> None:
        r, h = np.linspace(0.02, 0.3, 30), 1e-4

        def at(dr: float, dz: float) -> tuple[np.ndarray, np.ndarray]:
            return coils.superposed([(self.big, 750.0), (self.small, 220.0)], r + dr, np.full(r.size, -0.4 + dz))

        divergence = ((r + h) * at(h, 0)[0] - (r - h) * at(-h, 0)[0]) / (2 * h * r) + (at(0, h)[1] - at(0, -h)[1]) / (
            2 * h
        )
        assert np.abs(divergence).max() < 1e-6

    def test_a_map_is_quick(self) -> None:
        r, z = np.meshgrid(np.linspace(0, 0.55, 200), np.linspace(-1, 1, 200), indexing="ij")
        begin = time.process_time()
        coils.superposed([(self.big, 750.0), (self.small, 220.0)], r, z)
        assert time.process_time() - begin < 0.5

    def test_a_measured_map_gives_what_was_measured_and_between(self) -> None:
        z = np.linspace(-1, 1, 41)
        measured = coils.AxisMap(z, coils.axis_field(120, 0.62, z))
        between = np.linspace(-0.9, 0.9, 33)
        np.testing.assert_allclose(
            measured.per_ampere(0.0, between)[1], self.big.per_ampere(0.0, between)[1], rtol=1e-4
        )
        np.testing.assert_allclose(measured.per_ampere(0.1, between), self.big.per_ampere(0.1, between), atol=2e-6)
        assert np.isnan(measured.per_ampere(0.0, 1.5)[1])

    def test_a_map_on_a_plane(self) -> None:
        r, z = np.linspace(0, 0.5, 51), np.linspace(-1, 1, 101)
        field = self.big.per_ampere(r[:, None], z[None, :])
        measured = coils.PlaneMap(r, z, *field)
        for ours, true in zip(measured.per_ampere(-0.123, 0.234), self.big.per_ampere(-0.123, 0.234), strict=True):
            assert ours == pytest.approx(float(true), rel=1e-3)
        with pytest.raises(InvalidValue):
            coils.PlaneMap(r, z, field[0].T, field[1])

    def test_resonances_lie_where_the_field_is_theirs(self) -> None:
        z = np.linspace(-1, 1, 2001)
        field = coils.superposed([(self.big, 750.0)], 0.0, z)[1]
        places = coils.crossings(z, field, 0.06)
        assert places.size == 2
        np.testing.assert_allclose(coils.superposed([(self.big, 750.0)], 0.0, places)[1], 0.06, rtol=1e-5)

    def test_no_coil(self) -> None:
        with pytest.raises(InvalidValue):
            coils.superposed([], 0.0, 0.0)
        with pytest.raises(InvalidValue):
            coils.Coil(120, -1.0, 0.0)


class TestPower:
    def test_on_times_have_hysteresis(self) -> None:
        t = np.arange(12.0)
        p = np.array([0, 0, 6, 4, 6, 5, 1, 0, 8, 9, 0, 7])
        assert power.on_times(t, p, least=5.0).tolist() == [[2.0, 6.0], [8.0, 10.0], [11.0, 11.0]]
        assert power.on_times(t, p, least=5.0, shortest=3.0).tolist() == [[2.0, 6.0]]
        assert power.on_times(t, np.zeros(12)).shape == (0, 2)

    def test_ratio_is_nothing_while_off(self) -> None:
        ratio = power.reflected_ratio([0.0, 100.0, 1000.0], [1.0, 50.0, 60.0])
        assert np.isnan(ratio[0])
        np.testing.assert_allclose(ratio[1:], [0.5, 0.06])
        assert power.injected([100.0], [20.0]).tolist() == [80.0]
