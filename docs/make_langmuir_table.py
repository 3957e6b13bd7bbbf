"""Write the table of docs/langmuir.md: what is true, what this project finds, what PlasmaPy finds.

Run: ``python docs/make_langmuir_table.py``, with GILGAMESH_TEST_DATA for the measured characteristics.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from pathlib import Path

import numpy as np

from gilgamesh_db.physics.gases import gas
from gilgamesh_db.physics.geometry import Tip
from gilgamesh_db.physics.langmuir import analyse

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
PAGE = HERE / "langmuir.md"
BEGIN, END = "<!-- table: make_langmuir_table.py -->\n", "<!-- end of table -->"
SIMULATED = [
    ("Argon", 3.0, 1e16), ("Argon", 4.0, 3e16), ("Argon", 7.0, 1e17),
    ("Helium", 3.0, 1e16), ("Helium", 5.0, 3e16), ("Helium", 7.0, 1e17),
    ("Hydrogen", 3.0, 1e16), ("Hydrogen", 5.0, 3e16), ("Hydrogen", 7.0, 1e17),
]  # fmt: skip
IONS = {"Argon": "Ar+", "Helium": "He+", "Hydrogen": "p+"}
REAL = ("Beckers2017.npy", "Beckers2017_noisy.npy")
AREA = 7.583411966684062e-06  # m², of the probe of the measured characteristics
Row = tuple[float, float, float, float]  # Te (eV), n (m⁻³), Vf, Vp (V)


def simulated_row(name: str, temperature: float, density: float) -> str:
    """One line of the table for a simulated probe: medians of 100 sweeps; PlasmaPy gets the rising ones."""
    from probes import recorded

    probe = recorded(name, temperature, density)
    ours = analyse(probe.time, probe.voltage, probe.current, probe.tip, gas(name).ion_mass)
    theirs = np.array([
        plasmapy_row(probe.voltage[part], probe.current[part], probe.tip.area, IONS[name])
        for part in (slice(500 * n, 500 * n + 250) for n in range(10))
    ])  # fmt: skip
    truth = (temperature, density, probe.floating, probe.potential)
    return line(
        f"{name.lower()}, simulated",
        truth,
        medians(ours),
        tuple(np.nanmedian(theirs, axis=0)) if np.isfinite(theirs).any() else (np.nan,) * 4,
    )


def real_row(path: Path) -> str:
    """One line of the table for a measured characteristic."""
    voltage, current = np.load(path)
    order = np.argsort(voltage)
    voltage, current = voltage[order], current[order]
    ours = analyse(np.arange(voltage.size) * 1e-5, voltage, current, Tip("plane", AREA), gas("helium").ion_mass)
    theirs = plasmapy_row(voltage, current, AREA, "He-4 1+")
    return line(f"helium, {path.stem}", None, medians(ours), theirs)


def medians(found: object) -> Row:
    """Median of the good sweeps."""
    potential, _ = found.plasma_potential()  # type: ignore[attr-defined]
    values = (found.temperature, found.density, found.floating, potential)  # type: ignore[attr-defined]
    return tuple(float(np.nanmedian(part)) for part in values)  # type: ignore[return-value]


def plasmapy_row(voltage: np.ndarray, current: np.ndarray, area: float, ion: str) -> Row:
    """What PlasmaPy's swept_probe_analysis says, with its density from the ions."""
    from astropy import units as u

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from plasmapy.diagnostics import langmuir

        sweep = langmuir.Characteristic(voltage * u.V, current * u.A)
        try:
            found = langmuir.swept_probe_analysis(sweep, area * u.m**2, ion)
        except (ValueError, TypeError):  # it finds too few samples in the range it wants to fit
            return (np.nan,) * 4
    return tuple(float(np.ravel(found[name].value)[0]) for name in ("T_e", "n_i", "V_F", "V_P"))  # type: ignore[return-value]


def line(name: str, truth: Row | None, ours: Row, theirs: Row) -> str:
    """One line of the table: truth / this project / PlasmaPy for each quantity."""
    cells = [name]
    for n, form in enumerate(("{:.2f}", "{:.2f}", "{:.1f}", "{:.1f}")):
        scale = 1e16 if n == 1 else 1.0
        parts = [
            "?" if row is None else "–" if np.isnan(row[n]) else form.format(row[n] / scale)
            for row in (truth, ours, theirs)
        ]
        cells.append(f"{parts[0]} / **{parts[1]}** / {parts[2]}")
    return "| " + " | ".join(cells) + " |"


def lines(data: Path | None) -> list[str]:
    """The lines of the table, of measured characteristics only where the data are."""
    found = [simulated_row(*case) for case in SIMULATED]
    return found + ([real_row(data / "plasmapy" / name) for name in REAL] if data else [])


def main() -> None:
    """Write the table into the page."""
    folder = os.environ.get("GILGAMESH_TEST_DATA")
    page = PAGE.read_text("utf-8")
    head, rest = page.split(BEGIN)
    table = [
        "| | Te (eV) | n (10¹⁶ m⁻³) | Vf (V) | Vp (V) |",
        "|---|---|---|---|---|",
        *lines(Path(folder) if folder else None),
    ]
    PAGE.write_text(head + BEGIN + "\n".join(table) + "\n" + END + rest.split(END)[1], "utf-8")


if __name__ == "__main__":
    main()
