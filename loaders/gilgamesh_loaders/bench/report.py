"""What was measured, as rows: for a terminal, for a page, for a script."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.table import Table

from .scratch import file_system
from .stores import REFERENCE
from .stores.gilgamesh import Gilgamesh
from .targets import by_key, missed, promised
from .timing import Measurement
from .workload import Sizes

TITLES = {
    "write": "write {samples} int16 samples to a new record, on disk",
    "read": "read {samples} samples as calibrated float64",
    "window": "read 1 000 samples out of {samples}",
    "overview": "minimum and maximum in 2 000 bins of {samples} samples",
    "disk": "bytes on disk per int16 sample",
    "statistics": "mean and rms of {shots} records of {shot_samples} samples",
    "load": "load a discharge of {channels} channels × {channel_samples} samples",
    "campaign": "load {campaign} discharges of {channels} channels × {campaign_samples} samples, one after the other",
    "scan": "mean of {samples} calibrated samples, one by one",
    "between": "mean of 1 ms (1 000 samples) in SQL",
    "search": "which of {discharges} shots: one of two signals above a level ({signal_samples} samples each)",
    "lasting": "which of {discharges} shots: the same for 1 ms without a break",
    "reduce": "maximum of {signals} signals in {discharges} shots, as a table",
    "signals": "{signals} signals of {tabled} shots, {signal_samples} samples each, as one table",
    "changes": "what differs between two states of knowledge: {signals} signals of {known_shots} shots",
    "what_if": "dry run of a recalibration that reaches {known_shots} shots",
    "resolution": "resolve a name at {wirings} wirings",
    "names": "resolve 256 names at {wirings} wirings in one round trip",
    "batches": "store 5 000 samples of {slow_channels} channels of slow control, committed",
    "singles": "store 100 samples of slow control one by one, each committed",
    "day": "a day of {slow_channels} channels at 1 Hz, in minutes, as a table",
}
BY_RATE = ("write", "read", "load", "campaign", "scan", "signals", "batches", "singles", "day")
OF_DISCHARGES = ("search", "lasting", "reduce", "signals", "changes", "what_if")
OF_HISTORY = ("resolution", "names")
OF_STREAMS = ("batches", "singles", "day")
PACKAGES = ("h5py", "zarr", "pyarrow", "duckdb", "numpy", "psycopg")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    ratio : float or None
        Time per sample (or bytes per sample) over that of chunked h5py in the same task.
    target : str
        What was promised, if anything.
    met : bool or None
        None where nothing was promised, or the sizes are too small to tell.
    missed : str
        The part of the promise that was not kept.
    """

    task: str
    title: str
    store: str
    median_ms: float | None
    p95_ms: float | None
    samples: int
    samples_per_second: float | None
    bytes_per_sample: float | None
    ratio: float | None
    target: str
    met: bool | None
    missed: str

    @property
    def verdict(self) -> str:
        """In a word, or in the words of what was missed."""
        if self.met is None:
            return ""
        return "met" if self.met else "met but for: " + self.missed if self.missed != self.target else "missed"


def rows_of(measurements: Iterable[Measurement], sizes: Sizes) -> list[Row]:
    """Compare and judge."""
    results = by_key(measurements)
    rows = []
    for one in results.values():
        reference = results.get((one.task, REFERENCE))
        targets, failed = promised(one), missed(one, results)
        timed = bool(one.seconds)
        rows.append(
            Row(
                one.task,
                TITLES[one.task].format(**{name: _spaced(number) for name, number in asdict(sizes).items()}),
                one.store,
                1e3 * one.median if timed else None,
                1e3 * one.p95 if timed else None,
                one.samples,
                one.samples / one.median if timed and one.task in BY_RATE else None,
                one.bytes_per_sample,
                one.cost / reference.cost if reference is not None else None,
                "; ".join(target.words for target in targets),
                not failed if targets and _big_enough(one.task, sizes) else None,
                "; ".join(target.words for target in failed),
            )
        )
    return rows


def _big_enough(task: str, sizes: Sizes) -> bool:
    full = Sizes()
    if task in OF_HISTORY:
        return sizes.wirings >= full.wirings
    if task in OF_STREAMS:
        return sizes.slow_channels >= full.slow_channels
    if task in OF_DISCHARGES:
        return sizes.discharges >= full.discharges
    return sizes.samples >= full.samples and sizes.shot_samples >= full.shot_samples


def facts(ours: Gilgamesh, folder: Path, load_before: float) -> dict[str, str]:
    """What one must know to read the numbers; `load_before` is the load average before the first of them."""
    names = ("server_version", "fsync", "synchronous_commit", "wal_level", "shared_buffers")
    found = {name: str(ours.ask("select current_setting(%s)", (name,))[0][0]) for name in names}
    decoder = ours.ask("select prosecdef from pg_proc where oid = 'gilgamesh.decode_payload'::regproc")[0][0]
    data = ours.ask("select current_setting('data_directory')")[0][0] if _owner(ours) else ""
    return {
        "PostgreSQL": f"{found['server_version']}, fsync {found['fsync']}, synchronous_commit {found['synchronous_commit']}, "
        f"wal_level {found['wal_level']}, shared_buffers {found['shared_buffers']}, {'fast' if decoder else 'portable'} decoder",
        "files": f"on {file_system(folder)}, every file and its folder brought to disk with fsync",
        "database": f"on {file_system(Path(data))}" if data and Path(data).exists() else "on the server",
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "load": f"{load_before:.1f} before, {os.getloadavg()[0]:.1f} at the end, of which up to 2 is the benchmark itself",
        "packages": ", ".join(f"{name} {installed}" for name in PACKAGES if (installed := _version(name))),
    }


def table(rows: list[Row]) -> Table:
    """For people at a terminal."""
    printed = Table("", "median", "95 %", "rate", "÷ h5py", "target", "")
    task = ""
    for row in rows:
        if row.task != task:
            if task:
                printed.add_section()
            printed.add_row(f"[bold]{row.title}[/]")
            task = row.task
        colour = {True: "green", False: "red", None: ""}[row.met]
        verdict = f"[{colour}]{row.verdict}[/]" if colour else ""
        printed.add_row(f"  {row.store}", *_numbers(row), row.target, verdict)
    return printed


def markdown(rows: list[Row]) -> str:
    """For a page of the documentation."""
    lines = []
    task = ""
    for row in rows:
        if row.task != task:
            task = row.task
            lines += ["", f"**{row.title}**", "", "| | median | 95 % | rate | ÷ h5py | target | |", "|---|--:|--:|--:|--:|---|---|"]  # fmt: skip
        lines.append("| " + " | ".join((row.store, *_numbers(row), row.target, row.verdict)) + " |")
    return "\n".join(lines[1:])


def as_json(rows: list[Row], sizes: Sizes, known: dict[str, str], left_out: list[str]) -> dict[str, Any]:
    """For scripts."""
    return {"facts": known, "sizes": asdict(sizes), "left_out": left_out, "rows": [asdict(row) for row in rows]}


def legend(known: dict[str, str], left_out: list[str]) -> list[str]:
    """What stands under the table."""
    lines = [f"{name}: {text}" for name, text in known.items()]
    lines.append(
        "÷ h5py: time (or bytes) per sample over that of h5py with chunks; below 1 is better. Files are read from memory."
    )
    if left_out:
        lines.append(f"left out, not installed: {', '.join(left_out)}; pip install 'gilgamesh-db[bench]'")
    return lines


def _numbers(row: Row) -> tuple[str, str, str, str]:
    ratio = "" if row.ratio is None else f"{row.ratio:.{3 if row.ratio < 0.1 else 2 if row.ratio < 100 else 0}f}"
    if row.median_ms is None or row.p95_ms is None:
        return f"{row.bytes_per_sample:.2f} B", "", "", ratio
    rate = "" if row.samples_per_second is None else f"{row.samples_per_second / 1e6:.3g} M/s"
    return _milliseconds(row.median_ms), _milliseconds(row.p95_ms), rate, ratio


def _milliseconds(number: float) -> str:
    return f"{number:.3f} ms" if number < 1 else f"{number:.2f} ms" if number < 100 else f"{number:.0f} ms"


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _owner(ours: Gilgamesh) -> bool:
    """Whether this role may ask where the data are."""
    return bool(ours.ask("select pg_has_role('pg_read_all_settings', 'usage')")[0][0])
