"""Working gases and their ions."""

from __future__ import annotations

import contextlib
import functools
import io
from dataclasses import dataclass

from ..errors import InvalidValue, MissingExtra, near_names

ATOMIC_MASS = 1.66053906892e-27
"""Atomic mass constant in kg, CODATA 2022."""
ELECTRON_IN_U = 5.485799090441e-4
"""Mass of the electron in atomic mass units, CODATA 2022."""


@dataclass(frozen=True)
class Gas:
    """A gas and the ion its discharge is made of.

    Attributes
    ----------
    name : str
        As people write it, lower case.
    symbol : str
        Of the ion, for example ``Ar+``.
    atom_mass : float
        Relative mass of one atom, in atomic mass units.
    atoms : int
        Atoms per molecule of the neutral gas.
    charge : int
        Charges of the ion.
    viscosity : float
        Of the neutral gas at 300 K, in Pa·s; NaN where it is not known here.
    polarisability : float
        Of a molecule, in Å³; NaN where it is not known here.

    Examples
    --------
    What is not known here can be added:

    >>> from dataclasses import replace
    >>> replace(gas("neon"), viscosity=32.0e-6).viscosity
    3.2e-05
    """

    name: str
    symbol: str
    atom_mass: float
    atoms: int
    charge: int = 1
    viscosity: float = float("nan")
    polarisability: float = float("nan")

    @property
    def ion_mass(self) -> float:
        """Mass of the ion, in kg.

        Examples
        --------
        >>> f"{gas('argon').ion_mass:.4e}"
        '6.6334e-26'
        """
        return (self.atom_mass - self.charge * ELECTRON_IN_U) * ATOMIC_MASS

    @property
    def molecule_mass(self) -> float:
        """Mass of a molecule of the neutral gas, in kg."""
        return self.atoms * self.atom_mass * ATOMIC_MASS


# Conventional atomic weights of CIAAW 2021 (natural isotopes), the atom of deuterium from AME2020. Viscosities at
# 300 K: M. L. Huber and A. H. Harvey, "Viscosity of gases", CRC Handbook of Chemistry and Physics (95th edition and
# later), within 3 %. Polarisabilities of atoms: P. Schwerdtfeger and J. K. Nagle, Mol. Phys. 117 (2019) 1200, tables of
# 2018 and later; of N₂: "Atomic and molecular polarizabilities", CRC Handbook, 100th edition; of H₂ and D₂, in the
# rotational states most of them are in at room temperature (J = 1 and 2), from the wave functions and the ab initio
# polarisabilities of A. Raj, H. Hamaguchi and H. A. Witek, J. Chem. Phys. 148 (2018) 104308.
GASES = {
    found.name: found
    for found in (
        Gas("hydrogen", "H+", 1.008, 2, viscosity=8.9e-6, polarisability=0.804),
        Gas("deuterium", "D+", 2.01410177785, 2, viscosity=12.6e-6, polarisability=0.795),
        Gas("helium", "He+", 4.002602, 1, viscosity=19.9e-6, polarisability=0.20505),
        Gas("nitrogen", "N+", 14.007, 2, viscosity=17.9e-6, polarisability=1.7403),
        Gas("neon", "Ne+", 20.1797, 1, viscosity=31.9e-6, polarisability=0.39433),
        Gas("argon", "Ar+", 39.948, 1, viscosity=22.7e-6, polarisability=1.6423),
    )
}
_SYMBOLS = {"h": "hydrogen", "h2": "hydrogen", "d": "deuterium", "d2": "deuterium", "he": "helium", "n": "nitrogen",
            "n2": "nitrogen", "ne": "neon", "ar": "argon"}  # fmt: skip


@functools.lru_cache(maxsize=64)
def gas(name: str) -> Gas:
    """Find a gas by name or symbol.

    The six gases every small testbed uses are known here; any other element is taken from PlasmaPy's particle
    library (extra ``physics``), as a gas of single atoms that are ionised once.

    Parameters
    ----------
    name : str
        For example ``"Argon"``, ``"He"``, ``"krypton"``.

    Raises
    ------
    InvalidValue
        It is no gas.
    MissingExtra
        It is none of the six and PlasmaPy is not installed.

    Examples
    --------
    >>> gas("Argon").symbol, gas("H2").name
    ('Ar+', 'hydrogen')
    """
    plain = name.strip().rstrip("+").casefold()
    plain = _SYMBOLS.get(plain, plain)
    return GASES[plain] if plain in GASES else _of_the_library(name)


def _of_the_library(name: str) -> Gas:
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # without a network, PlasmaPy says so when it is imported
            from plasmapy.particles.exceptions import ParticleError
            from plasmapy.particles.particle_class import Particle
            from plasmapy.particles.symbols import atomic_symbol
    except ImportError as error:
        raise MissingExtra("plasmapy", "physics", f"a gas other than {', '.join(GASES)} ({name!r})") from error
    try:
        element = atomic_symbol(name.strip().rstrip("+"))
        weight = float(Particle(element).mass.to_value("u"))
    except ParticleError as error:
        near = near_names(name, GASES)
        raise InvalidValue(
            f"{name!r} is not a gas{near or ';'} write its name or symbol, such as Argon or He"
        ) from error
    return Gas(name.strip().casefold(), f"{element}+", weight, 1)
