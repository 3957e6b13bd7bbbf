"""Swept single Langmuir probes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..computed import ComputedSignal
from ..errors import InvalidValue, NotAnalysable
from ..physics import geometry
from ..physics.characteristic import IonModel
from ..physics.geometry import SHAPES, Tip
from ..physics.langmuir import METHOD_VERSION, PotentialMethod, ProbeResult, analyse
from ..physics.sweep import Which
from .component import Component
from .registry import register

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..signal import Signal
    from .machine import Machine

Floats = NDArray[np.float64]
DensityMethod = Literal["ions", "electrons"]

METHOD = "swept Langmuir probe"
OUTPUTS = {
    "density": ("1 / m3", "Plasma density"),
    "temperature": ("eV", "Electron temperature"),
    "floating_potential": ("V", "Floating potential"),
    "plasma_potential": ("V", "Plasma potential"),
}
"""Roles of the processed signals of a probe: unit and label."""


@dataclass(frozen=True)
class Options:
    """How the sweeps are analysed.

    Attributes
    ----------
    window : (float, float) or None
        Only this part of the shot, in s.
    which : {'both', 'up', 'down'}
        Which ramps.
    ion_model : {'sheath', 'linear'}
        How the ion current grows with the bias; see `gilgamesh_db.physics.characteristic`.
    """

    window: tuple[float, float] | None = None
    which: Which = "both"
    ion_model: IonModel = "sheath"


@register("LangmuirProbe")
class LangmuirProbe(Component):
    """A single Langmuir probe with a swept voltage.

    Signals by role: ``voltage`` (V) and ``current`` (A, electrons positive). Properties: ``tip shape`` (cylinder
    unless stated; plane or sphere), ``tip length``, ``tip radius``, or ``tip area`` where it was measured;
    ``tip area uncertainty`` (relative). The gas is that of the shot.
    """

    @cached_property
    def tip(self) -> Tip:
        """Shape and collecting surface of the tip.

        Raises
        ------
        NotStated
            The properties that give the surface were never stated.
        """
        shape = str(self.properties.get("tip shape", "cylinder"))
        if shape not in SHAPES:
            raise InvalidValue(
                f"the 'tip shape' of {self.name!r} is {shape!r}; it can be {', '.join(SHAPES)}: state it again with set_property"
            )
        error = self.number("tip area uncertainty", "", 0.0)
        if "tip area" in self.properties:
            return Tip(shape, self.number("tip area", "m2"), self.number("tip radius", "m", float("nan")), error)
        for name in SHAPES[shape]:
            if name not in self.properties:
                raise self.missing(name, "mm", why=", so the surface of its tip is not known")
        sizes = [self.number(name, "m") for name in SHAPES[shape]]
        shapes: dict[str, Callable[..., Tip]] = {
            "cylinder": geometry.cylinder, "plane": geometry.plane, "sphere": geometry.sphere,
        }  # fmt: skip
        made = shapes[shape](*sizes)
        return Tip(shape, made.area, made.radius, error)

    # -- results -----------------------------------------------------------------------------------------

    def analysis(self, **options: Any) -> ProbeResult:
        """Everything the sweeps of the shot say; computed once.

        Parameters
        ----------
        **options
            Those of `Options`: ``window``, ``which``, ``ion_model``.

        Raises
        ------
        NotStated
            No surface of the tip, or no gas.
        NotAnalysable
            No sweep in the window, a saturated amplifier, an inverted current.
        """
        chosen = _options(options)
        if chosen not in self._analyses:
            self._analyses[chosen] = self._analyse(chosen)
        return self._analyses[chosen]

    @cached_property
    def _analyses(self) -> dict[Options, ProbeResult]:
        return {}

    def _analyse(self, options: Options) -> ProbeResult:
        tip, ion_mass = self.tip, self.machine.gas.ion_mass
        voltage, current = self.inputs(options)
        time, volts, amperes = _on_one_time_base(voltage, current)
        try:
            return analyse(
                time, volts, amperes, tip, ion_mass,
                which=options.which, ion_model=options.ion_model, limits=_limits(current),
                voltage_error=_scale_error(voltage), current_error=_scale_error(current),
            )  # fmt: skip
        except NotAnalysable as error:
            raise NotAnalysable(f"{self.name!r} cannot be analysed {self.machine.when}: {error}") from error

    def inputs(self, options: Options) -> tuple[Signal, Signal]:
        """The signals of voltage and current that are read."""
        found = self.signal("voltage"), self.signal("current")
        if options.window is None:
            return found
        return found[0].window(*options.window), found[1].window(*options.window)

    def density(self, method: DensityMethod = "ions", **options: Any) -> ComputedSignal:
        """Plasma density at the probe, one value per sweep, in 1/m³.

        Parameters
        ----------
        method : {'ions', 'electrons'}
            From the ion saturation current, with the Bohm speed; or from the electron current at the plasma
            potential, which a magnetic field makes too small.
        **options
            See `analysis`.

        Returns
        -------
        ComputedSignal
            NaN where a sweep says nothing; `analysis` knows why.
        """
        found = self.analysis(**options)
        if method == "ions":
            return self._computed("density", found.time, found.density, found.density_error, options)
        if method == "electrons":
            return self._computed("density", found.time, found.electron_density, None, options, "from electrons")
        raise InvalidValue(f"method={method!r} is none of 'ions', 'electrons'")

    def temperature(self, **options: Any) -> ComputedSignal:
        """Temperature of the electrons, one value per sweep, in eV; options as of `analysis`."""
        found = self.analysis(**options)
        return self._computed("temperature", found.time, found.temperature, found.temperature_error, options)

    def floating_potential(self, **options: Any) -> ComputedSignal:
        """Floating potential, one value per sweep, in V; options as of `analysis`."""
        found = self.analysis(**options)
        return self._computed("floating_potential", found.time, found.floating, found.floating_error, options)

    def plasma_potential(self, method: PotentialMethod = "steepest", **options: Any) -> ComputedSignal:
        """Plasma potential, one value per sweep, in V; options as of `analysis`.

        Parameters
        ----------
        method : {'steepest', 'knee'}
            Where dI/dV is largest, or where the exponential meets the electron saturation.
        """
        found = self.analysis(**options)
        value, error = found.plasma_potential(method)
        return self._computed("plasma_potential", found.time, value, error, options, f"by the {method} point")

    def _computed(
        self, role: str, time: Floats, values: Floats, error: Floats | None, options: dict[str, Any], how: str = ""
    ) -> ComputedSignal:
        unit, label = OUTPUTS[role]
        said = ", ".join(f"{key}={value}" for key, value in options.items())
        return ComputedSignal(
            f"{self.name}_{role}", time, values, unit, shot=self.machine.shot, uncertainty=error,
            inputs=self.inputs(_options(options)), label=f"{label}, {self.name}",
            method=" ".join(part for part in (METHOD, how, f"({said})" if said else "") if part),
        )  # fmt: skip

    def parameters(self, **options: Any) -> pd.DataFrame:
        """Frequencies, radii, lengths and speeds of the plasma at the probe, at the medians of the shot."""
        from .parameters import at_probe

        return at_probe(self, options)

    # -- storing -----------------------------------------------------------------------------------------

    def run_parameters(self, **options: Any) -> dict[str, Any]:
        """Everything the result depends on besides its signals: what a stored run is compared by."""
        plain = {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(_options(options)).items()
        }
        tip = self.tip
        return {**plain, "probe": self.name, "gas": self.machine.gas.name, "tip": tip.shape, "tip area": tip.area,
                "tip area uncertainty": tip.area_error}  # fmt: skip

    def output_name(self, role: str) -> str:
        """Name of the processed signal of a role: the one that is known, or the probe's name and the role."""
        return self.roles.get(role, f"{''.join(c if c.isalnum() else '_' for c in self.name)}_{role}")

    def save(self, *, author: str | None = None, **options: Any) -> int:
        """Analyse the shot and store the results as a run; the processed signals are made known if they are not.

        Returns
        -------
        int
            Number of the run.
        """
        found = self.analysis(**options)
        inputs, parameters = self.inputs(_options(options)), self.run_parameters(**options)
        self.make_outputs_known(author=author)
        potential, potential_error = found.plasma_potential()
        saved = {
            "density": (found.density, found.density_error),
            "temperature": (found.temperature, found.temperature_error),
            "floating_potential": (found.floating, found.floating_error),
            "plasma_potential": (potential, potential_error),
        }
        with self.machine.db.run(
            METHOD, version=METHOD_VERSION, inputs=inputs, parameters=parameters, author=author
        ) as run:
            for role, (values, error) in saved.items():
                run.save(self.output_name(role), found.time, values, OUTPUTS[role][0], uncertainty=error)
        assert run.id is not None  # noqa: S101 - it was stored
        return run.id

    def stored_run(self, **options: Any) -> int | None:
        """Number of the stored run that is up to date and was made with these options by this version of the analysis."""
        runs = self.machine.db.runs(shot=self.machine.shot, method=METHOD).reset_index()
        wanted = self.run_parameters(**options)
        current = runs[runs["UpToDate"].fillna(False) & ~runs["Superseded"] & (runs["Version"] == METHOD_VERSION)]
        same = [run for run, said in zip(current["Run"], current["Parameters"], strict=True) if said == wanted]
        return int(same[-1]) if same else None

    def make_outputs_known(self, *, author: str | None = None) -> None:
        """Make the processed signals of this probe known, as far as they are not."""
        missing = [role for role in OUTPUTS if role not in self.roles]
        if not missing:
            return
        with self.machine.db.edit(f"outputs of the analysis of {self.name}", author=author) as edit:
            for role in missing:
                unit, label = OUTPUTS[role]
                edit.add_signal(self.output_name(role), unit=unit, kind="processed", component=self.name, role=role,
                                label=label, description=f"output of {METHOD}")  # fmt: skip
        self.machine._load()

    # -- pictures ----------------------------------------------------------------------------------------

    def plot_iv(self, t: float, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the characteristic of the sweep nearest to a time (s), with its fit."""
        from .plot import characteristic

        return characteristic(self, t, ax, options)


def _options(options: dict[str, Any]) -> Options:
    try:
        return Options(**options)
    except TypeError as error:
        raise InvalidValue(f"unknown option ({error}); there are {', '.join(Options.__dataclass_fields__)}") from error


def _on_one_time_base(voltage: Signal, current: Signal) -> tuple[Floats, Floats, Floats]:
    """Voltage and current at the times of the current; a voltage sampled by another device is interpolated."""
    time, volts, amperes = current.time, np.asarray(voltage), np.asarray(current)
    if volts.size == time.size and np.array_equal(voltage.time, time):
        return time, volts, amperes
    other = voltage.time
    inside = (time >= other[0]) & (time <= other[-1]) if other.size else np.zeros(time.size, dtype=np.bool_)
    return time[inside], np.interp(time[inside], other, volts), amperes[inside]


def _limits(current: Signal) -> tuple[float, float] | None:
    """The currents that the ends of the digitiser's range stand for; None where it has no ends."""
    if isinstance(current, ComputedSignal):
        return None
    raw = current.raw
    if raw.dtype.kind not in "iu" or not raw.size:
        return None
    ends = np.iinfo(raw.dtype)
    values = np.asarray(current)
    low, high = int(np.argmin(raw)), int(np.argmax(raw))
    touched = [float(values[place]) for place, end in ((low, ends.min), (high, ends.max)) if raw[place] == end]
    lowest = min(touched) if touched and min(touched) <= values.min() else -np.inf
    highest = max(touched) if touched and max(touched) >= values.max() else np.inf
    return lowest, highest


def _scale_error(signal: Signal) -> float:
    """Relative uncertainty of the calibrations where the signal is large; 0 where none states any.

    The resolution of the port is left out: it differs from sample to sample, so the residuals of the fit hold it.
    """
    values = np.abs(np.asarray(signal))
    if not values.size:
        return 0.0
    if isinstance(signal, ComputedSignal):
        error = signal.uncertainty
    else:
        error = None if signal.uncertainty_budget.nothing_known else signal.uncertainty_budget.systematic
    if error is None:
        return 0.0
    large = values > 0.5 * np.nanmax(values)
    ratio = error[large] / values[large]
    return float(np.nanmedian(ratio)) if np.isfinite(ratio).any() else 0.0


def probe(machine: Machine, name: str) -> LangmuirProbe:
    """The Langmuir probe of this name.

    Raises
    ------
    InvalidValue
        It is something else.
    """
    found = machine[name]
    if not isinstance(found, LangmuirProbe):
        there = ", ".join(part.name for part in machine.among(LangmuirProbe)) or "none"
        raise InvalidValue(f"{name!r} is a {found.kind}, and only Langmuir probes can be analysed; there are: {there}")
    return found
