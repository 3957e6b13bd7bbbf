"""I(V) of a single probe, many sweeps at once: ion saturation, electron temperature, potentials.

Electrons count positive, the voltage rises along the last axis, NaN stands where a sweep is shorter than others.
All sweeps go through each step together; a step that fails for one marks it with a reason and goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidValue

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
IonModel = Literal["linear", "sheath"]

BELOW_KNEE = (2.5, 1.5)
"""The exponential is fitted up to this many temperatures below the plasma potential: beyond, the knee bends it."""
COLDER = 0.9
"""Nearer to the knee the temperature must be less than this part of the one farther below: the knee only makes it
hotter, so it was hot electrons that made the one farther below hot."""
DEPTH = 12.0
"""The ion current is taken from this many temperatures below the end of the exponential."""
DARK = 0.01
"""A sweep that fails and whose current rises by less than this part of what it rises by in the brightest sweeps saw no
plasma: what is left is the offset and the leakage of the amplifier."""
ROUNDS = 3
STEPS = 6
FITTED = ("te", "te_error", "goodness", "near", "used", "isat", "isat_error", "isat_slope", "amplitude", "cut", "vp",
          "vp_error", "reached")  # fmt: skip


class Reason(StrEnum):
    """Why a sweep has no result; an empty one is a good sweep."""

    OK = ""
    NO_PLASMA = "no plasma: the ion current drowns in the noise or the offset"
    CLIPPED = "clipped: the current stands still at the end of its range"
    INVERTED = "inverted: the current is positive where ions should be drawn"
    NO_ZERO = "no floating potential: the current does not change its sign"
    NO_IONS = "no ion saturation: the sweep does not reach far enough below the floating potential"
    NO_KNEE = "no knee: the sweep does not reach the plasma potential"
    FEW = "too few samples within the exponential"
    POOR = "poor fit: the temperature is uncertain by more than a third, or the current is no exponential"


_OF_THE_DARK = [reason.value for reason in (Reason.NO_ZERO, Reason.NO_IONS, Reason.NO_KNEE, Reason.FEW, Reason.POOR)]


@dataclass(frozen=True)
class Characteristics:
    """What n sweeps say; every array has the shape (n,), NaN where a sweep says nothing.

    Attributes
    ----------
    reason : ndarray of str
        Why there is no result; empty for good sweeps.
    temperature, temperature_error : ndarray
        Of the electrons, in eV.
    goodness : ndarray
        R² of the electron current within three temperatures below the end of the fit.
    floating, floating_error : ndarray
        Floating potential, in V.
    ion_current, ion_current_error : ndarray
        Ion saturation current without sheath expansion (at the plasma potential), in A, positive.
    ion_slope : ndarray
        How it grows with the bias: A/V (linear), or A/V^(3/4) (sheath); positive.
    electron_current : ndarray
        Electron current at the plasma potential, in A.
    knee, steepest : ndarray
        Plasma potential by two methods: where the exponential meets the electron saturation, and where dI/dV is
        largest; in V.
    knee_error, steepest_error : ndarray
        In V.
    cut : ndarray
        Up to where the exponential was fitted, in V.
    amplitude : ndarray
        Electron current of the fit at `cut`, in A.
    noise : ndarray
        Of the current, in A.
    ion_model : str
        ``linear`` or ``sheath``.
    """

    reason: NDArray[np.str_]
    temperature: Floats
    temperature_error: Floats
    goodness: Floats
    floating: Floats
    floating_error: Floats
    ion_current: Floats
    ion_current_error: Floats
    ion_slope: Floats
    electron_current: Floats
    knee: Floats
    knee_error: Floats
    steepest: Floats
    steepest_error: Floats
    cut: Floats
    amplitude: Floats
    noise: Floats
    ion_model: IonModel

    def ions(self, n: int, voltage: Floats) -> Floats:
        """The fitted ion current of sweep `n` at these voltages, in A; negative, as it is drawn."""
        depth = self.steepest[n] - voltage
        growth = depth if self.ion_model == "linear" else np.maximum(depth, 0.0) ** 0.75
        return np.asarray(-(self.ion_current[n] + self.ion_slope[n] * growth))

    def fitted(self, n: int, voltage: Floats) -> Floats:
        """The fitted current of sweep `n` at these voltages up to its `cut`, in A."""
        electrons = self.amplitude[n] * np.exp((voltage - self.cut[n]) / self.temperature[n])
        return np.asarray(self.ions(n, voltage) + electrons)


def characteristics(
    voltage: Floats, current: Floats, *, ion_model: IonModel = "sheath", limits: tuple[float, float] | None = None
) -> Characteristics:
    """Read temperature, potentials and saturation currents from many sweeps of a single probe.

    Parameters
    ----------
    voltage, current : ndarray, shape (n, m)
        In V and A, as `sweep.as_table` lays them: the voltage rises, NaN behind the end.
    ion_model : {'sheath', 'linear'}
        How the ion current grows with the bias: as the sheath of Child and Langmuir, with the power 3/4 of the
        voltage across it, or in proportion. How much it grows is fitted.
    limits : (float, float), optional
        Smallest and largest current that can be recorded, in A; a sweep that reaches one is clipped. A current
        that stands still at its largest or smallest value counts as clipped anyway.

    Notes
    -----
    1. The floating potential Vf is where the current changes its sign: a line through the samples around it.
    2. The plasma potential comes first from the steepest point: dI/dV by lines through moving windows as wide as
       a temperature, and a parabola through its largest values.
    3. Ions and electrons are fitted together, by least squares, to the samples from 12 temperatures below to
       2.5 temperatures below the plasma potential: I(V) = −(I₀ + k·(Vp − V)) + A·exp((V − Vc)/Te), or with
       (Vp − V)^(3/4). The exponent is the only nonlinear parameter (Gauss–Newton); the range follows Te in three
       rounds. Stopping 2.5 temperatures short of the plasma potential keeps the rounding of the knee, which makes
       every straight line through the logarithm too hot, below a tenth; a light gas in a magnetic field floats
       above that point, which is why the ions must be fitted along with the electrons and not subtracted before.
    4. The second plasma potential is where the exponential, continued, meets a line through the logarithm of the
       electron current beyond the knee.

    The uncertainties are those of the fit, from its residuals.
    """
    if ion_model not in ("linear", "sheath"):
        raise InvalidValue(f"ion_model={ion_model!r} is none of 'linear', 'sheath'")
    n, width = voltage.shape
    if width < 8:
        raise InvalidValue(f"{width} samples are no characteristic; give sweeps of 16 or more")
    return _Analysis(voltage, current, ion_model, limits).result() if n else _nothing(ion_model)


def _nothing(ion_model: IonModel) -> Characteristics:
    arrays = {field.name: np.empty(0) for field in fields(Characteristics)}
    return Characteristics(**{**arrays, "reason": np.empty(0, dtype=str), "ion_model": ion_model})  # type: ignore[arg-type]


class _Analysis:
    """The sweeps on their way; one attribute per finding, one method per step."""

    def __init__(
        self, voltage: Floats, current: Floats, ion_model: IonModel, limits: tuple[float, float] | None
    ) -> None:
        self.ion_model, self.limits = ion_model, limits
        self.inside = np.isfinite(voltage) & np.isfinite(current)
        self.v, self.i = np.where(self.inside, voltage, 0.0), np.where(self.inside, current, 0.0)
        self.n, self.m = voltage.shape
        self.count = self.inside.sum(axis=1)
        self.rows = np.arange(self.n)
        self.reason = np.full(self.n, Reason.OK.value, dtype="<U100")
        self.nan = np.full(self.n, np.nan)
        self.low = np.where(self.inside, self.v, np.inf).min(axis=1)
        self.high = np.where(self.inside, self.v, -np.inf).max(axis=1)
        self.sums = _Prefix(self.v, self.i, self.inside)

    def result(self) -> Characteristics:
        """Go through the steps."""
        with np.errstate(all="ignore"):  # a sweep without plasma divides by nothing; its reason says so
            self._look()
            self._first_guess()
            self._fit_where_coldest()
            self._judge()
            self._floating()
            self._knee()
            self._dark()
        return self._findings()

    def _mark(self, bad: Bools, reason: Reason) -> None:
        self.reason[bad & (self.reason == "")] = reason.value

    # -- 1: is there anything to see? ------------------------------------------------------------------

    def _look(self) -> None:
        """Noise, ion current, sign, clipping; the first guess of the floating potential."""
        second = np.where(self.inside[:, 2:], self.i[:, 2:] - 2 * self.i[:, 1:-1] + self.i[:, :-2], np.nan)
        third = max(8, self.m // 3)
        # The mean, not the median: of a current that is finer than a count most differences are zero.
        self.noise = np.nanmean(np.abs(second[:, :third]), axis=1) * np.sqrt(np.pi / 12)
        ends = np.maximum(self.count // 6, 3)
        first = self.sums.mean(self.rows * 0, ends)
        last = self.sums.mean(self.count - ends, self.count)
        floor = np.maximum(6 * self.noise / np.sqrt(ends), 1e-30)
        swing = last - first
        self.swing = np.abs(swing)
        self._mark(np.abs(swing) <= 2 * floor, Reason.NO_PLASMA)
        self._mark((first > floor) & (last < -floor), Reason.INVERTED)
        # A few counts stand still by themselves: clipped is what does so far above the resolution.
        steps = np.abs(np.diff(self.i, axis=1))[self.inside[:, 1:]]
        resolution = steps[steps > 0].min(initial=np.inf)
        self._mark(_stuck(self.i, self.inside, self.limits, 60 * resolution), Reason.CLIPPED)
        self._mark((first > -floor) & (swing < 2 * floor), Reason.NO_PLASMA)
        # The running sum of a current that changes from negative to positive is smallest where it changes.
        total = np.cumsum(self.i, axis=1)
        self.zero = np.minimum(np.argmin(np.where(self.inside, total, np.inf), axis=1), self.count - 2)
        self._mark(total.min(axis=1) >= 0, Reason.NO_ZERO)
        self._mark(self.zero >= self.count - 3, Reason.NO_ZERO)
        self.vf = self.v[self.rows, self.zero]

    def _first_guess(self) -> None:
        """The temperature from how far the electron current needs to become e times what it is at Vf."""
        half = np.maximum(self.zero // 2, 3)
        self.isat = np.maximum(-self.sums.mean(self.rows * 0, half), 1e-30)
        smooth = self.sums.smoothed(1)
        grown = smooth + self.isat[:, None] > np.e * self.isat[:, None]
        grown &= np.arange(self.m) > self.zero[:, None]
        first = np.where(grown.any(axis=1), np.argmax(grown, axis=1), self.count - 1)
        step = (self.high - self.low) / np.maximum(self.count - 1, 1)
        guess = self.v[self.rows, first] - self.vf
        self.te = np.clip(guess, step, np.maximum((self.high - self.low) / 10, step))

    # -- 2: the steepest point ---------------------------------------------------------------------------

    def _steepest(self) -> None:
        """Plasma potential where dI/dV is largest."""
        per_volt = self.count / np.maximum(self.high - self.low, 1e-30)
        half = np.clip(np.rint(0.5 * self.te * per_volt), 2, np.maximum(self.count // 10, 2)).astype(np.int64)
        slope, error = self.sums.slopes(half, self.noise)
        column = np.arange(self.m)
        # never below the floating potential; the outermost windows would have to guess what comes after the end
        usable = (column >= self.zero[:, None]) & (column < (self.count - half)[:, None])
        slope = np.where(usable, slope, -np.inf)
        top = np.argmax(slope, axis=1)
        left, right = np.maximum(top - half, 0), np.minimum(top + half, self.m - 1)
        x = np.stack([self.v[self.rows, k] for k in (left, top, right)])
        y = np.stack([slope[self.rows, k] for k in (left, top, right)])
        self.vp, bend = _vertex(x, y)
        self.vp = np.where(np.isfinite(self.vp), np.clip(self.vp, x[0], x[2]), x[1])
        # A slope uncertain by s shifts the vertex of a parabola of curvature c by s / (c · distance).
        reach = np.maximum(0.5 * (x[2] - x[0]), 1e-30)
        self.vp_error = np.abs(error[self.rows, top] / (np.where(bend == 0, np.nan, bend) * reach)) / np.sqrt(2)
        self.reached = top < self.count - half - 1

    # -- 3: ions and electrons together -------------------------------------------------------------------

    def _fit_where_coldest(self) -> None:
        """Fit up to each distance from the knee, and keep the coldest temperature that is certain."""
        guess = self.te
        kept: dict[str, NDArray[Any]] = {}
        for below in BELOW_KNEE:
            self.te = guess
            for _ in range(ROUNDS):
                self._steepest()
                self._fit(below)
            found = {name: getattr(self, name) for name in FITTED}
            if kept:
                colder = self._usable() & ~(self.te + 2 * self.te_error > COLDER * kept["te"])
                found = {name: np.where(colder, found[name], kept[name]) for name in FITTED}
            kept = found
        for name, values in kept.items():
            setattr(self, name, values)

    def _usable(self) -> Bools:
        return np.asarray((self.near >= 4) & (self.goodness > 0.5) & (self.isat > 0) & (self.amplitude > 0))

    def _fit(self, below: float) -> None:
        """Least squares of −(I₀ + k·growth) + A·exp((V − cut)/Te)."""
        cut = np.where(self.reached, self.vp, self.high) - below * self.te
        cut = np.clip(cut, self.low, self.high)
        bottom = np.maximum(cut - DEPTH * self.te, self.low)
        used = self.inside & (self.v >= bottom[:, None]) & (self.v <= cut[:, None])
        self.cut, self.bottom = cut, bottom
        depth = self.vp[:, None] - self.v
        growth = depth if self.ion_model == "linear" else np.maximum(depth, 0.0) ** 0.75
        scale = np.maximum(np.abs(growth).max(axis=1), 1e-30)
        ions, y = np.where(used, growth / scale[:, None], 0.0), np.where(used, self.i, 0.0)
        ones = used.astype(np.float64)
        log_te = np.log(self.te)
        x = np.where(used, self.v - cut[:, None], 0.0)
        found = covariance = None
        amplitude = np.ones(self.n)
        for _ in range(STEPS):
            arg = x * np.exp(-log_te)[:, None]
            rise = np.where(used, np.exp(arg), 0.0)
            basis = (ones, ions, rise, -arg * rise * amplitude[:, None])
            normal, right = _normal_equations(basis, y)
            found, covariance = _solved(normal, right)
            # With the amplitude of the round before in the last column, its coefficient is the change of ln Te.
            change = np.clip(np.where(np.isfinite(found[:, 3]), found[:, 3], 0.0), -0.5, 0.5)
            linear, _ = _solved(normal[:, :3, :3], right[:, :3])
            amplitude = np.maximum(np.where(np.isfinite(linear[:, 2]), linear[:, 2], 0.0), 1e-30)
            log_te = np.clip(log_te + change, np.log(self.te) - 1.5, np.log(self.te) + 1.5)
        assert found is not None and covariance is not None  # noqa: S101 - there are steps
        self._keep(log_te, scale, used, growth, covariance)

    def _keep(self, log_te: Floats, scale: Floats, used: Bools, growth: Floats, covariance: Floats) -> None:
        """Keep what the fit found: the linear parameters once more at the last temperature, and the residuals."""
        self.te = np.exp(log_te)
        rise = np.where(used, np.exp(np.where(used, self.v - self.cut[:, None], 0.0) / self.te[:, None]), 0.0)
        ions, y = np.where(used, growth / scale[:, None], 0.0), np.where(used, self.i, 0.0)
        normal, right = _normal_equations((used.astype(np.float64), ions, rise), y)
        linear, _ = _solved(normal, right)
        residual = y - linear[:, :1] * used - linear[:, 1:2] * ions - linear[:, 2:3] * rise
        self.used = used.sum(axis=1)
        variance = (residual**2).sum(axis=1) / np.maximum(self.used - 4, 1)
        self.te_error = self.te * np.sqrt(np.maximum(covariance[:, 3, 3], 0) * variance)
        self.isat, self.isat_slope = -linear[:, 0], -linear[:, 1] / scale
        self.isat_error = np.sqrt(np.maximum(covariance[:, 0, 0], 0) * variance)
        self.amplitude = linear[:, 2]
        near = used & (self.v > (self.cut - 3 * self.te)[:, None])
        self.near = near.sum(axis=1)
        electrons = np.where(near, linear[:, 2:3] * rise, 0.0)
        measured = np.where(near, electrons + residual, 0.0)
        mean = measured.sum(axis=1) / np.maximum(self.near, 1)
        spread = np.where(near, (measured - mean[:, None]) ** 2, 0.0).sum(axis=1)
        self.goodness = 1 - np.where(near, residual**2, 0.0).sum(axis=1) / np.where(spread > 0, spread, np.nan)

    def _judge(self) -> None:
        """Say of which sweeps nothing can be said."""
        self._mark(~self.reached, Reason.NO_KNEE)
        self._mark((self.cut - self.low < 3 * self.te) | (self.isat <= 0), Reason.NO_IONS)
        self._mark((self.near < 4) | (self.used < 8), Reason.FEW)
        self._mark(~(self.te_error < self.te / 3) | ~(self.goodness > 0.5) | ~(self.amplitude > 0), Reason.POOR)

    # -- 4: the potentials -------------------------------------------------------------------------------

    def _floating(self) -> None:
        """A line through the samples within a third of a temperature around the change of sign."""
        per_volt = self.count / np.maximum(self.high - self.low, 1e-30)
        half = np.clip(np.rint(self.te * per_volt / 3), 1, np.maximum(self.count // 8, 1)).astype(np.int64)
        slope, error = self.sums.slopes(half, self.noise)
        slope, error = slope[self.rows, self.zero], error[self.rows, self.zero]
        first, last = np.maximum(self.zero - half, 0), np.minimum(self.zero + half + 1, self.count)
        v, i = self.sums.mean_voltage(first, last), self.sums.mean(first, last)
        self.vf = v - i / slope
        count = last - first
        self.vf_error = np.hypot(self.noise / np.sqrt(count) / slope, (self.vf - v) * error / slope)
        outside = ~(np.abs(self.vf - self.v[self.rows, self.zero]) < 2 * self.te)
        self._mark(outside, Reason.NO_ZERO)

    def _knee(self) -> None:
        """Where the exponential meets the electron saturation; and the electron current there."""
        depth = self.vp[:, None] - self.v
        growth = depth if self.ion_model == "linear" else np.maximum(depth, 0.0) ** 0.75
        electrons = self.i + np.maximum(self.isat[:, None] + self.isat_slope[:, None] * growth, 0.0)
        beyond = self.inside & (self.v > (self.vp + 1.5 * self.te)[:, None]) & (electrons > 0)
        x = np.where(beyond, self.v - self.vp[:, None], 0.0)
        y = np.where(beyond, np.log(np.where(beyond, electrons, 1.0)), 0.0)
        normal, right = _normal_equations((beyond.astype(np.float64), x), y)
        (level, slope), covariance = _solved(normal, right)[0].T, _solved(normal, right)[1]
        many = beyond.sum(axis=1)
        enough = many >= 5
        line = np.where(beyond, y - level[:, None] - slope[:, None] * x, 0.0)
        variance = (line**2).sum(axis=1) / np.maximum(many - 2, 1)
        steep = 1 / self.te - slope
        above = level - np.log(np.maximum(self.amplitude, 1e-300)) + (self.cut - self.vp) / self.te
        shift = np.where(enough & (steep > 0), above / steep, np.nan)
        self.knee = self.vp + shift
        lever = np.abs((self.knee - self.cut) * self.te_error / self.te)
        self.knee_error = np.hypot(np.sqrt(covariance[:, 0, 0] * variance) / steep, lever)
        self.electron_current = np.where(enough, np.exp(level), np.nan)

    def _dark(self) -> None:
        """Say of sweeps that fail because there is hardly a current that there was no plasma."""
        dark = self.swing < DARK * np.percentile(self.swing, 95)
        self.reason[dark & np.isin(self.reason, _OF_THE_DARK)] = Reason.NO_PLASMA.value

    def _findings(self) -> Characteristics:
        bad = self.reason != ""

        def of_good(values: Floats) -> Floats:
            return np.where(bad, np.nan, values)

        return Characteristics(
            reason=self.reason,
            temperature=of_good(self.te),
            temperature_error=of_good(self.te_error),
            goodness=of_good(self.goodness),
            floating=of_good(self.vf),
            floating_error=of_good(self.vf_error),
            ion_current=of_good(self.isat),
            ion_current_error=of_good(self.isat_error),
            ion_slope=of_good(self.isat_slope),
            electron_current=of_good(self.electron_current),
            knee=of_good(self.knee),
            knee_error=of_good(self.knee_error),
            steepest=of_good(self.vp),
            steepest_error=of_good(self.vp_error),
            cut=of_good(self.cut),
            amplitude=of_good(self.amplitude),
            noise=self.noise,
            ion_model=self.ion_model,
        )


class _Prefix:
    """Running sums along each sweep, for means and lines over any stretch of it."""

    def __init__(self, v: Floats, i: Floats, inside: Bools) -> None:
        self.rows = np.arange(v.shape[0])
        self.middle = (v.sum(axis=1) / np.maximum(inside.sum(axis=1), 1))[:, None]
        x = np.where(inside, v - self.middle, 0.0)
        self.n, self.x, self.y = _running(inside.astype(np.float64)), _running(x), _running(i)
        self.xx, self.xy = _running(x * x), _running(x * i)

    def mean(self, first: Ints, last: Ints) -> Floats:
        """Mean current from sample `first` up to but not including `last` of each sweep."""
        return self._between(self.y, first, last) / self._between(self.n, first, last)

    def mean_voltage(self, first: Ints, last: Ints) -> Floats:
        """Mean voltage of a stretch of each sweep."""
        return np.asarray(self.middle[:, 0] + self._between(self.x, first, last) / self._between(self.n, first, last))

    def _between(self, sums: Floats, first: Ints, last: Ints) -> Floats:
        return np.asarray(sums[self.rows, last] - sums[self.rows, first])

    def _windows(self, sums: Floats, half: Ints) -> Floats:
        m = sums.shape[1] - 1
        column = np.arange(m)
        first = np.clip(column - half[:, None], 0, m)
        last = np.clip(column + half[:, None] + 1, 0, m)
        return np.asarray(np.take_along_axis(sums, last, axis=1) - np.take_along_axis(sums, first, axis=1))

    def smoothed(self, half: int) -> Floats:
        """Mean current over `half` samples to either side of each."""
        window = np.full(self.rows.size, half)
        return np.asarray(self._windows(self.y, window) / self._windows(self.n, window))

    def slopes(self, half: Ints, noise: Floats) -> tuple[Floats, Floats]:
        """Slope of a line through the `half` samples to either side of each, and its uncertainty."""
        n, x, y, xx, xy = (self._windows(sums, half) for sums in (self.n, self.x, self.y, self.xx, self.xy))
        spread = xx - x * x / n
        spread = np.where(spread > 0, spread, np.nan)
        return (xy - x * y / n) / spread, noise[:, None] / np.sqrt(spread)


def _running(values: Floats) -> Floats:
    return np.concatenate([np.zeros((values.shape[0], 1)), np.cumsum(values, axis=1)], axis=1)


def _normal_equations(basis: tuple[Floats, ...], y: Floats) -> tuple[Floats, Floats]:
    """JᵀJ and Jᵀy of each sweep; shapes (n, k, k) and (n, k)."""
    k = len(basis)
    normal, right = np.empty((y.shape[0], k, k)), np.empty((y.shape[0], k))
    for a in range(k):
        right[:, a] = np.einsum("nm,nm->n", basis[a], y)
        for b in range(a, k):
            normal[:, a, b] = normal[:, b, a] = np.einsum("nm,nm->n", basis[a], basis[b])
    return normal, right


def _solved(normal: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Solutions and inverses; NaN for what has none. Scaled first: the columns have different units."""
    k = right.shape[1]
    scale = 1 / np.sqrt(np.einsum("nkk->nk", normal))
    usable = np.isfinite(scale).all(axis=1) & np.isfinite(right).all(axis=1)
    scaled = np.where(usable[:, None, None], normal * scale[:, :, None] * scale[:, None, :], np.eye(k))
    usable &= np.linalg.cond(scaled) < 1e12
    scaled[~usable] = np.eye(k)
    inverse = np.linalg.inv(scaled) * scale[:, :, None] * scale[:, None, :]
    inverse[~usable] = np.nan
    return np.einsum("nab,nb->na", inverse, right), inverse


def _vertex(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Where the parabola through three points has its top, and its second derivative; x, y of shape (3, n)."""
    a, b = (y[1] - y[0]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])
    bend = 2 * (b - a) / (x[2] - x[0])
    return 0.5 * (x[0] + x[1]) - a / bend, bend


def _stuck(i: Floats, inside: Bools, limits: tuple[float, float] | None, least: float) -> Bools:
    """Whether the current stands still at a largest or smallest value of at least `least`, or reaches a limit."""
    found = np.zeros(i.shape[0], dtype=np.bool_)
    for extreme in (np.where(inside, i, -np.inf).max(axis=1), np.where(inside, i, np.inf).min(axis=1)):
        at = inside & (i == extreme[:, None])
        still = (at[:, 4:] & at[:, 3:-1] & at[:, 2:-2] & at[:, 1:-3] & at[:, :-4]).any(axis=1)
        found |= still & (np.abs(extreme) > least)
    if limits is not None:
        found |= (inside & ((i <= limits[0]) | (i >= limits[1]))).any(axis=1)
    return found
