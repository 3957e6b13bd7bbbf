"""One simulated shot: the raw counts of every port, and the truth beside them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gilgamesh_db.errors import InvalidValue
from gilgamesh_loaders.plan import SeriesPlan, ShotPlan, Source
from gilgamesh_loaders.simulator import cabling
from gilgamesh_loaders.simulator.devices import (
    ABSENT,
    BURST_BEGIN,
    BURST_RATE,
    BURST_SIZE,
    PXI,
    PXI_SCAN_LIST,
    TEKTRONIX,
    generator_delay,
    generator_times,
    potentiometer_raw,
)
from gilgamesh_loaders.simulator.plasma import FloatArray, discharge_of
from gilgamesh_loaders.simulator.shots import FIZZLED, Settings, settings_of, shot_time
from gilgamesh_loaders.simulator.waveforms import BLOCK, Waveforms

_GENERATOR_SIGNALS = {"Fpower": "IC_Pfwd", "Rpower": "IC_Pref"}


@dataclass(frozen=True)
class Truth:
    """What was put into a shot.

    All arrays stand on ``time``, the knots of the simulation, and are linear in between
    (``at`` interpolates). Plasma parameters are those at the tip of probe 1 unless they
    say otherwise.

    Attributes
    ----------
    gas : str
        'Argon', 'Helium' or 'Hydrogen'.
    ion_mass : float
        In kg.
    time : ndarray
        In s from the trigger.
    lit : ndarray of bool
        Whether there was a plasma.
    density, density2 : ndarray
        Electron density at probe 1 and 2, in m⁻³.
    electron_temperature, electron_temperature2 : ndarray
        In eV.
    plasma_potential, plasma_potential2 : ndarray
        In V.
    floating_potential, floating_potential2 : ndarray
        In V, NaN without plasma.
    probe_area, probe_area2 : float
        Collecting surface of the tips, in m².
    pressure : ndarray
        Neutral gas, in mbar.
    helicon_forward, helicon_reflected, icrf_forward, icrf_reflected : ndarray
        In W.
    big_coil_current, small_coil_current : ndarray
        In A.
    field : ndarray
        Magnetic field at the probes, in T.
    probe_position : float
        Distance of probe 1 from the axis, in cm.
    waveforms : Waveforms
        The signals as the sensors saw them, noise included; see ``signal``.
    """

    gas: str
    ion_mass: float
    time: FloatArray
    lit: npt.NDArray[np.bool_]
    density: FloatArray
    electron_temperature: FloatArray
    plasma_potential: FloatArray
    floating_potential: FloatArray
    density2: FloatArray
    electron_temperature2: FloatArray
    plasma_potential2: FloatArray
    floating_potential2: FloatArray
    probe_area: float
    probe_area2: float
    pressure: FloatArray
    helicon_forward: FloatArray
    helicon_reflected: FloatArray
    icrf_forward: FloatArray
    icrf_reflected: FloatArray
    big_coil_current: FloatArray
    small_coil_current: FloatArray
    field: FloatArray
    probe_position: float
    waveforms: Waveforms

    def at(self, quantity: str, times: npt.ArrayLike) -> FloatArray:
        """Return a quantity, named as the attribute, at these times (s from the trigger)."""
        values: FloatArray = getattr(self, quantity)
        return np.interp(np.asarray(times, dtype=np.float64), self.time, values)

    def signal(self, name: str, times: FloatArray) -> FloatArray:
        """Return a signal as its sensor saw it, in its own unit, noise included.

        Parameters
        ----------
        name : str
            Name of a measured signal, such as ``Lang_I``.
        times : ndarray
            All the sample times of its device, in s from the trigger. The noise goes sample by
            sample: with other times it is other noise.
        """
        return self.waveforms.at(name, times)


@dataclass(frozen=True)
class SimulatedShot:
    """A shot ready to be loaded, and what is true of it."""

    number: int
    settings: Settings
    plan: ShotPlan
    truth: Truth


def simulate_shot(
    number: int, *, duration: float = 2.0, rate: float = 100_000.0, seed: int | None = None
) -> SimulatedShot:
    """Simulate a shot with the testbed as it was cabled at that time.

    Parameters
    ----------
    number : int
        Shot number; any will do, the testbed of the first or last shot serves beyond the ends.
    duration : float
        Length of the shot, in s.
    rate : float
        Sampling rate of the PXI card, in Hz.
    seed : int, optional
        Start of the random streams; the shot number unless given.

    Returns
    -------
    SimulatedShot
        The same for the same arguments, to the last bit.

    Raises
    ------
    InvalidValue
        If the number is negative, or duration and rate leave no sample.

    Examples
    --------
    >>> shot = simulate_shot(1234, duration=0.1)
    >>> shot.truth.gas, len(shot.plan.series), shot.plan.series[0].raw.dtype.name
    ('Argon', 16, 'int16')
    """
    if number < 0:
        raise InvalidValue(f"there is no shot {number}; numbers start at 0, those of the demo at 838")
    if not (np.isfinite(rate) and rate > 0 and duration * rate >= 1):
        raise InvalidValue(f"{duration!r} s at {rate!r} samples/s is not a recording; give both positive")
    rng = np.random.default_rng(number if seed is None else seed)
    settings = settings_of(number, rng)
    probe1, probe2 = cabling.probes(number)
    waveforms = Waveforms(
        discharge=discharge_of(settings, duration),
        position=settings.position,
        probe1=probe1,
        probe2=probe2,
        seed=number if seed is None else seed,
    )
    series = (
        *_pxi_series(number, waveforms, 1.0 / rate, round(duration * rate)),
        *_tektronix_series(number, waveforms, BURST_BEGIN * duration),
        *_generator_series(number, waveforms, duration),
    )
    plan = ShotPlan(
        number=number,
        started_at=shot_time(number),
        duration=duration,
        series=series,
        source=_source(number, series),
        attributes=_attributes(number, settings),
        program=settings.program,
    )
    return SimulatedShot(number, settings, plan, _truth(settings, waveforms))


def _pxi_series(number: int, waveforms: Waveforms, dt: float, size: int) -> list[SeriesPlan]:
    feeds, dead = cabling.pxi_feeds(number), cabling.dead_inputs(number)
    series = []
    for channel in PXI_SCAN_LIST:
        raw = np.zeros(size, dtype=np.int16)
        if channel in dead:
            pass
        elif channel in feeds:
            feed = feeds[channel]
            for place, values in waveforms.blocks(feed.signal, 0.0, dt, size):
                raw[place] = PXI.counts(feed.item.volts(values))
        else:
            _fill_open_input(raw, dt, waveforms.random(channel))
        series.append(SeriesPlan(device=PXI.device, channel=channel, raw=raw, start=0.0, dt=dt, times=None))
    return series


def _fill_open_input(raw: npt.NDArray[np.int16], dt: float, rng: np.random.Generator) -> None:
    """Let the mains hum on an input with nothing plugged in."""
    for first in range(0, raw.size, BLOCK):
        block = raw[first : first + BLOCK]
        times = dt * np.arange(first, first + block.size)
        hum = 0.006 * np.sin(2 * np.pi * 50 * times)
        block[:] = PXI.counts(hum + 0.0015 * rng.standard_normal(block.size, dtype=np.float32))


def _tektronix_series(number: int, waveforms: Waveforms, start: float) -> list[SeriesPlan]:
    if number in ABSENT["Tektronix"]:
        return []
    dt, series = 1.0 / BURST_RATE, []
    for channel, feed in cabling.tektronix_feeds(number).items():
        raw = np.empty(BURST_SIZE, dtype=np.int16)
        for place, values in waveforms.blocks(feed.signal, start, dt, BURST_SIZE):
            raw[place] = TEKTRONIX.counts(feed.item.volts(values))
        series.append(SeriesPlan(device=TEKTRONIX.device, channel=channel, raw=raw, start=start, dt=dt, times=None))
    return series


def _generator_series(number: int, waveforms: Waveforms, duration: float) -> list[SeriesPlan]:
    if number in ABSENT["Generator"]:
        return []
    times = generator_times(duration, waveforms.random("Generator"))
    return [
        SeriesPlan(
            device="Generator",
            channel=channel,
            raw=waveforms.at(signal, times).astype(np.float32),
            start=None,
            dt=None,
            times=times - generator_delay(number),
            raw_unit="W",
        )
        for channel, signal in _GENERATOR_SIGNALS.items()
    ]


def _source(number: int, series: tuple[SeriesPlan, ...]) -> Source:
    digest, size = hashlib.sha256(), 0
    for one in series:
        for array in (one.raw, one.times):
            if array is not None:
                digest.update(array.data)
                size += array.nbytes
    return Source(name=f"simulated shot {number}", format="simulator", size=size, sha256=digest.digest())


def _attributes(number: int, settings: Settings) -> dict[str, float | str | bool | None]:
    powers = f"{settings.helicon_power:.0f} W helicon, {settings.icrf_power:.0f} W ICRF"
    comment = f"{powers}, r = {settings.position:.1f} cm"
    if number in FIZZLED:
        comment = "no breakdown"
    elif number in ABSENT["Generator"]:
        comment += "; no generator log"
    return {
        "Gas": settings.gas,
        "Useful": number not in FIZZLED,
        "Comment": comment,
        "Manip_posRaw": float(round(potentiometer_raw(settings.position))),
    }


def _truth(settings: Settings, waveforms: Waveforms) -> Truth:
    discharge, first, second = waveforms.discharge, waveforms.first, waveforms.second
    return Truth(
        gas=settings.gas,
        ion_mass=discharge.gas.mass,
        time=discharge.time,
        lit=discharge.lit,
        density=first.plasma.density,
        electron_temperature=first.plasma.temperature,
        plasma_potential=first.plasma.potential,
        floating_potential=first.characteristic.floating_potential(),
        density2=second.plasma.density,
        electron_temperature2=second.plasma.temperature,
        plasma_potential2=second.plasma.potential,
        floating_potential2=second.characteristic.floating_potential(),
        probe_area=first.probe.area,
        probe_area2=second.probe.area,
        pressure=discharge.pressure,
        helicon_forward=discharge.helicon_forward,
        helicon_reflected=discharge.helicon_reflected,
        icrf_forward=discharge.icrf_forward,
        icrf_reflected=discharge.icrf_reflected,
        big_coil_current=discharge.big_coil_current,
        small_coil_current=discharge.small_coil_current,
        field=discharge.field,
        probe_position=settings.position,
        waveforms=waveforms,
    )
