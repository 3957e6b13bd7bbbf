"""Pictures: the machine from the side, the field of its coils, the characteristic of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GilgameshError, InvalidValue, NotStated
from ..plot import new_figure
from .coils import Coils, CoilSystem
from .component import Component
from .langmuir import LangmuirProbe
from .parameters import place_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .machine import Machine

PROBE, FIT, IONS = "#1f6f8b", "#d1495b", "#6a994e"
ON_WHITE = {"vessel": "#5b6770", "inner": "#b07d2b", "coil": "#b5533c", "probe": PROBE, "axis": "0.6", "halo": "white"}
ON_FIELD = {
    "vessel": "#f1f3f5",
    "inner": "#f1f3f5",
    "coil": "#ff8c69",
    "probe": "#9be7ff",
    "axis": "0.7",
    "halo": "#10243f",
}
Colours = dict[str, str]
FIELD_POINTS = 200


def side_view(machine: Machine, ax: Axes | None = None, colours: Colours = ON_WHITE) -> Axes:
    """Draw everything whose place is known: see `Machine.plot`.

    A component is drawn as what its properties say it is: with ``length``, ``radius`` and ``position`` a tube, as a
    coil its windings, with ``radial position`` (or on a manipulator) a probe that comes in from outside.
    """
    if ax is None:
        ax = new_figure(10, 5.8).add_subplot()
        ax.set_title(f"testbed {machine.when}" + (f", {machine.attributes['Gas']}" if "Gas" in machine.attributes else ""),
                     loc="left", fontweight="bold")  # fmt: skip
    from matplotlib.patheffects import withStroke

    tubes = [
        part
        for part in machine
        if {"length", "radius", "position"} <= set(part.properties) and not isinstance(part, CoilSystem)
    ]
    tubes.sort(key=lambda part: -part.number("radius", "m"))
    coils = [coil for coil in machine.coils if {"radius", "position"} <= set(coil.properties)]
    places = sorted(_places(machine), key=lambda place: place[2])
    if not (tubes or coils or places):
        raise NotStated(
            f"no component has a place {machine.when}, so there is nothing to draw; state 'length', 'radius' and 'position' of the "
            "vessel and the coils, in m: with db.edit('measured') as edit: edit.set_property('vessel', 'radius', …, 'm')"
        )
    for n, part in enumerate(tubes):
        _tube(ax, part, colours["inner" if n else "vessel"])
    for coil in coils:
        _windings(ax, coil, colours["coil"])
    _sticks(ax, places, outside_of(machine), colours["probe"])
    for label in ax.texts:
        label.set_path_effects([withStroke(linewidth=2.5, foreground=colours["halo"])])
    ax.axhline(0, color=colours["axis"], linewidth=0.7, linestyle=(0, (12, 3, 2, 3)), zorder=0)
    ax.set_aspect("equal")
    ax.autoscale_view()
    ax.margins(0.06, 0.08)
    ax.set_xlabel("along the axis, z (m)")
    ax.set_ylabel("r (m)")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def outside_of(machine: Machine) -> float:
    """The largest radius of a vessel or coil, in m."""
    return max([float(part.number("radius", "m")) for part in machine if "radius" in part.properties] or [0.5])


def _tube(ax: Axes, part: Component, colour: str) -> None:
    from matplotlib.patches import Rectangle

    length, radius, middle = (part.number(name, "m") for name in ("length", "radius", "position"))
    corner = middle - length / 2, -radius
    ax.add_patch(Rectangle(corner, length, 2 * radius, facecolor=colour, alpha=0.08, zorder=1))
    ax.add_patch(Rectangle(corner, length, 2 * radius, fill=False, edgecolor=colour, linewidth=1.8, zorder=2))
    ax.annotate(part.name, corner, xytext=(5, 5), textcoords="offset points", color=colour, fontsize=9, zorder=8)


def _windings(ax: Axes, coil: CoilSystem, colour: str) -> None:
    from matplotlib.patches import Rectangle

    radius, middle = coil.number("radius", "m"), coil.number("position", "m")
    length = max(coil.number("length", "m", 0.0), 0.05)
    for sign in (1, -1):
        corner = middle - length / 2, sign * radius - 0.025
        ax.add_patch(Rectangle(corner, length, 0.05, facecolor=colour, edgecolor="white", zorder=4))
        ax.plot(middle, sign * radius, ".", color="white", markersize=4, zorder=5)
    ax.annotate(coil.name, (middle - length / 2, radius), xytext=(-5, 0), textcoords="offset points", ha="right",
                va="center", color=colour, fontsize=9, zorder=8)  # fmt: skip


def _sticks(ax: Axes, places: list[tuple[Component, float, float]], outside: float, colour: str) -> None:
    """Probes come in from above, and from below where another one is there already; labels at two heights."""
    taken: dict[int, list[float]] = {1: [], -1: []}
    for part, r, z in places:
        side = -1 if any(abs(z - other) < 0.05 for other in taken[1]) else 1
        far = any(abs(z - other) < 0.25 for other in taken[side]) and len(taken[side]) % 2
        taken[side].append(z)
        end = side * (outside + (0.21 if far else 0.1))
        ax.plot([z, z], [side * abs(r), end], color=colour, linewidth=1.6, zorder=6, solid_capstyle="round")
        ax.plot(z, side * abs(r), "o", color=colour, markersize=4.5, zorder=7)
        ax.annotate(part.name, (z, end), xytext=(0, 2 * side), textcoords="offset points", ha="center",
                    va="bottom" if side > 0 else "top", color=colour, fontsize=8.5, zorder=8)  # fmt: skip


def _places(machine: Machine) -> list[tuple[Component, float, float]]:
    found: list[tuple[Component, float, float]] = []
    for part in machine:
        if isinstance(part, LangmuirProbe):
            try:
                r, z = place_of(part)
            except GilgameshError:  # a probe nobody measured the place of is not drawn
                continue
            found.append((part, float(r.value), float(z.value)))
        elif "radial position" in part.properties and "position" in part.properties:
            found.append((part, part.number("radial position", "m"), part.number("position", "m")))
    return found


def field_map(
    coils: Coils, t: float | None = None, ax: Axes | None = None, *, points: int = FIELD_POINTS, resonance: Any = None
) -> Axes:
    """Draw strength and lines of the field in a plane through the axis: see `Coils.plot_field`.

    Parameters
    ----------
    points : int
        Grid points along each axis.
    resonance : Quantity, optional
        A frequency: where the ions of the gas gyrate with it is drawn too.
    """
    machine = coils.machine
    low, high = coils.span()
    reach = outside_of(machine) + 0.32
    z, r = np.linspace(low, high, points), np.linspace(-reach, reach, points)
    zz, rr = np.meshgrid(z, r)
    radial, axial = (part.to_value("T") for part in coils.field(rr, zz, t))
    strength = np.hypot(radial, axial) * 1e3
    if ax is None:
        ax = new_figure(10, 6.2).add_subplot()
    top = 2 * float(np.nanmax(strength[points // 2]))
    shades = ax.pcolormesh(
        zz, rr, np.minimum(strength, top), cmap="cividis", shading="gouraud", rasterized=True, zorder=-2
    )
    lines = ax.contour(
        zz, rr, strength, levels=_round_levels(top), colors="white", linewidths=0.7, alpha=0.8, zorder=-1
    )
    ax.clabel(lines, fmt="%g", fontsize=7)
    _flux(ax, coils, t, z, reach)
    if resonance is not None:
        _resonance(ax, coils, zz, rr, strength, resonance)
    side_view(machine, ax, ON_FIELD)
    ax.set_xlim(low, high)
    ax.set_ylim(-reach, reach)
    bar = ax.figure.colorbar(shades, ax=ax, pad=0.01, extend="max")
    bar.set_label("|B| (mT)")
    said = ", ".join(f"{name} {current.value:.0f} A" for name, current in coils.currents(t).items())
    when = "at the flat top" if t is None else f"at {t:g} s"
    ax.set_title(f"magnetic field {machine.when} {when}: {said}", loc="left", fontweight="bold", fontsize=10)
    return ax


def _round_levels(top: float) -> Any:
    from matplotlib.ticker import MaxNLocator

    return [level for level in MaxNLocator(8).tick_values(0, top) if 0 < level < top]


def _flux(ax: Axes, coils: Coils, t: float | None, z: Any, reach: float) -> None:
    """Field lines as contours of the flux ψ(r, z) = ∫ r·Bz dr, which is constant along each."""
    r = np.linspace(0, reach, 160)
    zz, rr = np.meshgrid(z, r)
    axial = coils.field(rr, zz, t)[1].to_value("T")
    flux = np.cumsum(0.5 * (rr[1:] * axial[1:] + rr[:-1] * axial[:-1]) * np.diff(r)[:, None], axis=0)
    flux = np.vstack([np.zeros((1, z.size)), flux])
    middle = int(np.nanargmax(np.abs(flux[r.size // 2])))
    starts = np.interp(np.linspace(0.1, 0.9, 8) * outside_of(coils.machine), r, flux[:, middle])
    for sign in (1, -1):
        ax.contour(
            zz,
            sign * rr,
            flux,
            levels=np.unique(starts),
            colors="#f4d35e",
            linewidths=0.8,
            linestyles="solid",
            alpha=0.9,
        )


def _resonance(ax: Axes, coils: Coils, zz: Any, rr: Any, strength: Any, frequency: Any) -> None:
    from astropy import units as u

    from ..physics.formulary import resonant_field

    gas = coils.machine.gas
    level = resonant_field(frequency, gas.ion_mass * u.kg).to_value("mT")
    if np.nanmin(strength) < level < np.nanmax(strength):
        found = ax.contour(zz, rr, strength, levels=[level], colors=FIT, linewidths=2.0)
        ax.clabel(found, fmt={level: f"{gas.symbol} {frequency:g}"}, fontsize=8)


def characteristic(probe: LangmuirProbe, t: float, ax: Axes | None, options: dict[str, Any]) -> Axes:
    """Draw the sweep nearest to a time with its fit: see `LangmuirProbe.plot_iv`."""
    found = probe.analysis(**options)
    if not np.isfinite(t):
        raise InvalidValue(f"{t!r} is not a time; give one in s")
    n = int(np.argmin(np.abs(found.time - t)))
    voltage, current = _sweep(probe, found, n, options)
    if ax is None:
        ax = new_figure(7.5, 4.8).add_subplot()
    ax.axhline(0, color="0.75", linewidth=0.8)
    ax.plot(voltage, current * 1e3, ".", color=PROBE, markersize=4, alpha=0.8, label="measured")
    title = f"{probe.name} {probe.machine.when} at {found.time[n]:.4f} s"
    if found.reason[n]:
        ax.set_title(f"{title}\n{found.reason[n]}", loc="left", fontsize=10)
    else:
        _fit(ax, found, n, voltage)
        ax.set_title(title, loc="left", fontweight="bold")
        ax.text(0.03, 0.95, _said(found, n), transform=ax.transAxes, va="top", fontsize=9, family="monospace",
                bbox={"facecolor": "white", "edgecolor": "0.85", "boxstyle": "round,pad=0.5"})  # fmt: skip
        _semilogarithmic(ax.inset_axes((0.10, 0.20, 0.40, 0.36)), found, n, voltage, current)
        ax.set_ylim(bottom=min(1.2 * current.min(), -0.06 * current.max()) * 1e3)
        ax.legend(loc="lower right", fontsize=8, frameon=False)
    ax.set_xlabel("probe voltage (V)")
    ax.set_ylabel("probe current (mA)")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _sweep(probe: LangmuirProbe, found: Any, n: int, options: dict[str, Any]) -> tuple[Any, Any]:
    from .langmuir import _on_one_time_base, _options

    _, volts, amperes = _on_one_time_base(*probe.inputs(_options(options)))
    part = slice(int(found.sweeps.start[n]), int(found.sweeps.stop[n]))
    return volts[part], amperes[part]


def _fit(ax: Axes, found: Any, n: int, voltage: Any) -> None:
    fits = found.characteristics
    grid = np.linspace(voltage.min(), min(voltage.max(), fits.steepest[n]), 400)
    fitted = grid <= fits.cut[n]
    ax.plot(grid, fits.ions(n, grid) * 1e3, color=IONS, linewidth=1.2, linestyle="--", label="ions")
    ax.plot(grid[fitted], fits.fitted(n, grid[fitted]) * 1e3, color=FIT, linewidth=1.8, label="fit")
    beyond = np.linspace(fits.cut[n], fits.steepest[n], 60)
    top = fits.fitted(n, beyond) * 1e3
    shown = top < 1.4 * fits.electron_current[n] * 1e3 if np.isfinite(fits.electron_current[n]) else top < np.inf
    ax.plot(beyond[shown], top[shown], color=FIT, linewidth=1.0, linestyle=":", label="continued")
    for place, label in ((found.floating[n], "Vf"), (fits.steepest[n], "Vp")):
        if voltage.min() <= place <= voltage.max():
            ax.axvline(place, color="0.5", linewidth=0.8, linestyle=(0, (4, 3)))
            ax.annotate(label, (place, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -9),
                        textcoords="offset points", fontsize=8, color="0.35")  # fmt: skip


def _semilogarithmic(ax: Axes, found: Any, n: int, voltage: Any, current: Any) -> None:
    """The electron current alone: a straight line where it is an exponential, and its bend at the plasma potential."""
    fits = found.characteristics
    electrons = (current - fits.ions(n, voltage)) * 1e3
    shown = (voltage > fits.cut[n] - 6 * fits.temperature[n]) & (electrons > 0)
    ax.semilogy(voltage[shown], electrons[shown], ".", color=PROBE, markersize=3, alpha=0.8)
    grid = np.array([fits.cut[n] - 4 * fits.temperature[n], fits.cut[n], fits.steepest[n]])
    line = fits.amplitude[n] * 1e3 * np.exp((grid - fits.cut[n]) / fits.temperature[n])
    ax.semilogy(grid[:2], line[:2], color=FIT, linewidth=1.8)
    ax.semilogy(grid[1:], line[1:], color=FIT, linewidth=1.0, linestyle=":")
    ax.axvline(fits.steepest[n], color="0.5", linewidth=0.8, linestyle=(0, (4, 3)))
    ax.set_ylim(bottom=max(2 * fits.noise[n] * 1e3, 1e-6))
    ax.tick_params(labelsize=7)
    ax.minorticks_off()
    ax.set_title("electrons alone (mA)", fontsize=8, loc="left")


def _said(found: Any, n: int) -> str:
    potential, potential_error = found.plasma_potential()
    rows = [
        ("Te", found.temperature[n], found.temperature_error[n], "eV", ".2f"),
        ("n ", found.density[n] / 1e16, found.density_error[n] / 1e16, "10¹⁶ m⁻³", ".2f"),
        ("Vf", found.floating[n], found.floating_error[n], "V", ".2f"),
        ("Vp", potential[n], potential_error[n], "V", ".2f"),
    ]
    lines = [f"{name} = {value:{form}} ± {error:{form}} {unit}" for name, value, error, unit, form in rows]
    return "\n".join([*lines, f"R² = {found.characteristics.goodness[n]:.4f}"])
