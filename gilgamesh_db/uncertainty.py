"""The uncertainty of a stored signal: which part comes from where, and what remains of it in a mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .calibration import Step, covariance_factor, steps_from_json, steps_to_json
from .calibration.covariance import spread
from .calibration.propagation import Shares, known, squared, stages, tangent
from .units import conversion, conversion_step

if TYPE_CHECKING:
    from .signal import Signal

FloatArray = NDArray[np.float64]

LINKS = """
select gilgamesh.links_of(%s::bigint, %s::bigint[], %s) as links,
       gilgamesh.raw_uncertainty(p.dtype, p.resolution, p.noise) as raw_std
  from (select %s::text as dtype, p.resolution, p.noise from (values (1)) one(row)
          left join gilgamesh.port p on p.component_id = %s::bigint) p
"""
BLOCK = 65_536  # samples propagated at a time
CODES = 65_536  # as many different raw values as a table of uncertainties may have


@dataclass(frozen=True)
class Cause:
    """One independent cause of uncertainty that all samples of a shot share."""

    item: str
    shares: Shares


@dataclass(frozen=True)
class Mean:
    """A mean over samples, and how well it is known.

    Attributes
    ----------
    value : float
        The mean, in the unit of the signal.
    systematic : float
        Standard uncertainty from the calibrations: they err alike in all samples, with the sign and size of each.
    random : float
        Standard uncertainty from the samples, which err independently: it falls as 1/√n.
    n : int
        How many samples have a value.
    unstated : tuple of str
        Items of the chain that state no covariance and count as exact.
    """

    value: float
    systematic: float
    random: float
    n: int
    unstated: tuple[str, ...] = ()

    @property
    def std(self) -> float:
        """Both together."""
        return float(np.hypot(self.systematic, self.random))

    def __str__(self) -> str:
        parts = f"{self.systematic:.2g} systematic, {self.random:.2g} random, {self.n} samples"
        exact = f"; taken as exact: {', '.join(self.unstated)}" if self.unstated else ""
        return f"{self.value:.6g} ± {self.std:.2g} ({parts}{exact})"


def standard_uncertainty(signal: Signal) -> FloatArray | None:
    """One standard deviation of each value; None where nothing is known. See `Signal.uncertainty`."""
    r = signal._resolved
    if r.run_id is None:
        budget = signal.uncertainty_budget
        return None if budget.nothing_known else budget.total
    held = signal._db.reader.rows(
        "select u.name from gilgamesh.signal u join gilgamesh.signal s on s.id = u.uncertainty_of where s.name = %s",
        (signal.name,),
    )
    if not held:
        return None
    whole = type(signal._stored)(signal._db, held[0].name, signal.shot, signal._span)
    if whole._row.status != "ok" or whole._row.run_id != r.run_id:
        return None
    gain, _ = conversion(whole._stored_unit, r.unit)
    values = whole.values
    return values * gain if values.size == signal.values.size else None


class Budget:
    """Where the uncertainty of a signal comes from; made by `Signal.uncertainty_budget`.

    Every array is one standard deviation per sample, in the unit of the signal, float64, shape (n,); NaN where there is
    no value, and everywhere when nothing at all is known.

    Attributes
    ----------
    unstated : tuple of str
        Items of the chain whose calibration states no covariance; they count as exact.
    links : list of dict
        The chain, item by item, as ``gilgamesh.links_of`` gives it.
    nothing_known : bool
        Whether neither a covariance nor a resolution is stated.
    """

    def __init__(self, signal: Signal) -> None:
        r, stored_unit = signal._resolved, signal._stored_unit
        found = signal._db.reader.rows(
            LINKS, (r.connection_id, r.calibrations, stored_unit, r.dtype, r.port_id), signal._db.knowledge
        )[0]
        links: list[dict[str, Any]] = found.links if r.connection_id is not None else []
        if r.unit != stored_unit:
            links = [*links, {"steps": steps_to_json([conversion_step(stored_unit, r.unit)]), "output_unit": r.unit}]
        self.links = links
        self._signal = signal
        self._raw_std: float | None = found.raw_std if r.connection_id is not None else None
        self._steps: tuple[Step, ...] = ()
        self._causes: list[Cause] = []
        self.unstated: tuple[str, ...] = ()
        for link in links:
            own = steps_from_json(link["steps"])
            if link.get("covariance") is not None:
                factor = covariance_factor(np.array(link["covariance"], dtype=np.float64))
                before: list[tuple[float, ...] | None] = [None] * len(self._steps)
                self._causes += [Cause(link["item"], [*before, *spread(own, column)]) for column in factor.T.tolist()]
            elif "item" in link:
                self.unstated += (link["item"],)
            self._steps += own
        stated = sum("item" in link for link in links) - len(self.unstated)
        self.nothing_known = self._raw_std is None and stated == 0
        # A shift of the parameters moves nothing before its own item, and no parameter after it.
        self._causes = [
            Cause(cause.item, [*cause.shares, *[None] * (len(self._steps) - len(cause.shares))])
            for cause in self._causes
        ]

    @cached_property
    def items(self) -> dict[str, FloatArray]:
        """The part of each calibrated item whose covariance is stated, by name."""
        names = list(dict.fromkeys(cause.item for cause in self._causes))
        return {name: self._per_sample([name]) for name in names}

    @cached_property
    def systematic(self) -> FloatArray:
        """The part from the calibrations: fully correlated between the samples of a shot; it does not average out."""
        return self._per_sample(list({cause.item for cause in self._causes}))

    @cached_property
    def random(self) -> FloatArray:
        """The part from resolution and noise of the port: independent from sample to sample."""
        return self._of_codes(lambda raw: self._moved(raw, self._random))

    @cached_property
    def total(self) -> FloatArray:
        """Both parts, as the root of the sum of their squares."""
        return np.sqrt(self.systematic * self.systematic + self.random * self.random)

    def mean(self) -> Mean:
        r"""Mean of the signal with its uncertainty; of a part of it through `Signal.window`.

        Notes
        -----
        With the shift :math:`\delta_{ki}` that cause k gives sample i, and the random part :math:`u_i`:

        .. math:: u_\mathrm{sys}^2 = \sum_k \left( \frac{1}{n} \sum_i \delta_{ki} \right)^2, \qquad
                  u_\mathrm{rand}^2 = \frac{1}{n^2} \sum_i u_i^2
        """
        shifts = np.zeros(len(self._causes))
        total, squares, n = 0.0, 0.0, 0
        for raw in self._blocks():
            inputs = stages(self._steps, raw)
            there = np.isfinite(inputs[-1])
            n += int(np.count_nonzero(there))
            total += float(np.sum(inputs[-1][there]))
            squares += float(np.sum(squared(self._random(inputs))[there]))
            shifts += [np.sum(self._shift(inputs, cause)[there]) for cause in self._causes]
        if n == 0 or self.nothing_known:
            return Mean(total / n if n else np.nan, np.nan, np.nan, n, self.unstated)
        return Mean(total / n, float(np.sqrt(np.sum((shifts / n) ** 2))), float(np.sqrt(squares)) / n, n, self.unstated)

    def __str__(self) -> str:
        unit = str(self._signal.unit)
        lines = [f"uncertainty of {self._signal.name} in shot {self._signal.shot}, rms over the samples:"]
        if self.nothing_known:
            return lines[0].partition(",")[0] + ": nothing is stated of it"
        rows = [*self.items.items(), ("resolution and noise", self.random), ("total", self.total)]
        width = max(len(name) for name, _ in rows)
        for name, part in rows:
            there = part[np.isfinite(part)]
            size = np.sqrt(np.mean(there**2)) if there.size else np.nan
            lines.append(f"  {name:<{width}}  {size:.3g} {unit}".rstrip())
        if self.unstated:
            lines.append(f"  not stated, taken as exact: {', '.join(self.unstated)}")
        return "\n".join(lines)

    # -- inside ----------------------------------------------------------------------------------------

    def _per_sample(self, names: Sequence[str]) -> FloatArray:
        def root_of_squares(raw: FloatArray) -> FloatArray:
            inputs = stages(self._steps, raw)
            squares = np.zeros_like(raw)
            for cause in self._causes:
                if cause.item in names:
                    squares += squared(self._shift(inputs, cause))
            return known(inputs[-1], np.sqrt(squares))

        return self._of_codes(root_of_squares)

    def _moved(self, raw: FloatArray, move: Any) -> FloatArray:
        inputs = stages(self._steps, raw)
        return known(inputs[-1], np.abs(move(inputs)))

    def _shift(self, inputs: Sequence[FloatArray], cause: Cause) -> FloatArray:
        return tangent(self._steps, inputs, shares=cause.shares)

    def _random(self, inputs: Sequence[FloatArray]) -> FloatArray:
        return tangent(self._steps, inputs, start=np.full_like(inputs[0], self._raw_std or 0.0))

    def _of_codes(self, uncertainty: Any) -> FloatArray:
        """Uncertainty of each sample; it depends on the raw value alone, so that few whole numbers need few answers."""
        raw = self._signal.raw
        if self.nothing_known:
            return np.full(raw.size, np.nan)
        if raw.dtype.kind in "iu" and raw.size:
            low, high = int(raw.min()), int(raw.max())
            if high - low < min(CODES, raw.size):
                table = uncertainty(np.arange(low, high + 1).astype(np.float64))
                found: FloatArray = table[raw.astype(np.int64) - low]
                return found
        parts = [uncertainty(block) for block in self._blocks()]
        return np.concatenate(parts) if parts else np.empty(0)

    def _blocks(self) -> Iterator[FloatArray]:
        raw = self._signal.raw
        for first in range(0, raw.size, BLOCK):
            yield raw[first : first + BLOCK].astype(np.float64)
