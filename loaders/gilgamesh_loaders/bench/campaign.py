"""Tasks about many records: statistics over shots, and a whole discharge that comes in."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from gilgamesh_db import Polynomial
from gilgamesh_db.errors import ServerError
from gilgamesh_loaders.commit import commit
from gilgamesh_loaders.crew import Crew, Task
from gilgamesh_loaders.loading import Instructions
from gilgamesh_loaders.plan import Scale, SeriesPlan, ShotPlan, Source
from gilgamesh_loaders.testbed_hdf5 import write_testbed_hdf5

from .arena import Arena
from .stores import gilgamesh, row_table
from .stores.bare_copy import NAME as BARE
from .stores.bare_copy import BareCopy
from .stores.hdf5 import HDF5
from .timing import Contestant, Measurement, compete
from .workload import DT, Raw, noisy_signal

SHOTS = 10_000  # number of the first of many shots
DISCHARGES = 20_000
CAMPAIGN = 50_000
FILES = 60_000
LOADERS = 2
VOLTS = Scale((Polynomial((0.0, 20 / 65536)),), "V")


def statistics(arena: Arena) -> Iterator[Measurement]:
    """Mean and rms of one signal in many shots."""
    assert arena.record  # noqa: S101 - the calibration is known
    sizes = arena.sizes
    shots = range(SHOTS, SHOTS + sizes.shots)
    records = [noisy_signal(sizes.shot_samples, number) for number in shots]
    samples = sizes.shots * sizes.shot_samples
    arena.ours.fill(records, SHOTS)
    arena.rows.fill([raw[: sizes.row_shot_samples] for raw in records], SHOTS)
    arena.rows.analyze()
    arena.ours.analyze()
    contestants = {
        gilgamesh.NAME: Contestant(lambda _: arena.ours.statistics(shots), samples),
        gilgamesh.MOMENTS: Contestant(lambda _: arena.ours.moments(shots), samples),
        row_table.NAME: Contestant(lambda _: arena.rows.statistics(shots), sizes.shots * sizes.row_shot_samples),
    }
    expected = arena.ours.statistics(shots)
    for store in arena.files:
        store.fill(records, SHOTS)
        np.testing.assert_allclose(store.statistics(shots), expected, rtol=1e-9, err_msg=store.name)
        contestants[store.name] = Contestant(lambda _, store=store: store.statistics(shots), samples)  # type: ignore[misc]
    yield from compete("statistics", contestants, sizes.rounds)


def load(arena: Arena) -> Iterator[Measurement]:
    """A discharge of many channels, from the plan its loader made to the commit."""
    sizes = arena.sizes
    channels = [noisy_signal(sizes.channel_samples, number) for number in range(sizes.channels)]
    commit(arena.ours.db, _discharge(DISCHARGES, [raw[:100] for raw in channels]), create=True)
    samples = sizes.channels * sizes.channel_samples

    def ours(number: int) -> None:
        commit(arena.ours.db, _discharge(DISCHARGES + 1 + number, channels))

    contestants = {gilgamesh.NAME: Contestant(ours, samples)}
    for store in arena.files:
        if isinstance(store, HDF5):
            contestants[store.name] = Contestant(
                lambda number, store=store: store.write_channels(DISCHARGES + number, channels),  # type: ignore[misc]
                samples,
                after=lambda number, store=store: store.remove(DISCHARGES + number),  # type: ignore[misc]
            )
    yield from compete("load", contestants, min(sizes.rounds, 5), settle=arena.settle)


def campaign(arena: Arena) -> Iterator[Measurement]:
    """Many discharges, from the plan to the commit; as files, in the processes of `gilgamesh load`; and their bare bytes."""
    sizes = arena.sizes
    rounds = min(sizes.rounds, 5)
    channels = [noisy_signal(sizes.campaign_samples, number) for number in range(sizes.channels)]
    samples = sizes.campaign * sizes.channels * sizes.campaign_samples
    commit(arena.ours.db, _discharge(CAMPAIGN, [raw[:100] for raw in channels]), create=True)
    bare = BareCopy(arena.ours.connection)
    files = {number: _file(arena, number, channels) for number in _numbers(FILES, rounds * sizes.campaign)}

    def ours(number: int) -> None:
        for shot in _numbers(CAMPAIGN + 1 + number * sizes.campaign, sizes.campaign):
            commit(arena.ours.db, _discharge(shot, channels))

    def copied(number: int) -> None:
        for shot in _numbers(number * sizes.campaign, sizes.campaign):
            bare.write(shot, channels)

    with Crew(arena.ours.db.engine.url.render_as_string(hide_password=False), LOADERS) as crew:

        def loaded(number: int) -> None:
            _load(crew, [files[shot] for shot in _numbers(FILES + number * sizes.campaign, sizes.campaign)])

        _load(crew, [_file(arena, FILES - 1 - one, [raw[:100] for raw in channels]) for one in range(LOADERS)])
        contestants = {
            gilgamesh.NAME: Contestant(ours, samples),
            gilgamesh.PAIR: Contestant(loaded, samples),
            BARE: Contestant(copied, samples),
        }
        yield from compete("campaign", contestants, rounds, settle=arena.settle)


def _numbers(first: int, count: int) -> range:
    return range(first, first + count)


def _file(arena: Arena, number: int, channels: list[Raw]) -> Path:
    path = arena.folder / f"shot_{number}.h5"
    write_testbed_hdf5(path, _discharge(number, channels))
    return path


def _load(crew: Crew, paths: list[Path]) -> None:
    """Let the crew load files; a benchmark of what was not loaded is none."""
    waiting = deque(paths)
    while waiting or crew.busy:
        while waiting and crew.idle:
            crew.give(Task(waiting.popleft(), Instructions(create=True)))
        for _, outcome in crew.finished(1.0):
            if outcome.status != "loaded":
                raise ServerError(f"the benchmark could not load {outcome.path.name}: {outcome.reason}")


def _discharge(number: int, channels: list[Raw]) -> ShotPlan:
    series = tuple(
        SeriesPlan("Digitiser", f"ai{channel}", raw, start=0.0, dt=DT, scale=VOLTS)
        for channel, raw in enumerate(channels)
    )
    name = f"discharge {number}"
    source = Source(name, "benchmark", sum(raw.nbytes for raw in channels), hashlib.sha256(name.encode()).digest())
    return ShotPlan(number, datetime(2026, 1, 1, tzinfo=UTC), DT * channels[0].size, series, source, {})
