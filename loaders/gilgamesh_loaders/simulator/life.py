"""The eventful life of the testbed, in the order the lab learned it, and the story the demo tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gilgamesh_loaders.simulator.edits import Edit, Editor, do, perform
from gilgamesh_loaders.simulator.installation import LOG_DETECTOR, LOG_DETECTOR_COVARIANCE, measured_factor, times
from gilgamesh_loaders.simulator.shots import FIRST_MONDAY, shot_time


def before(number: int) -> datetime:
    """Return the moment, ten minutes before a shot, at which its cables had been changed."""
    return shot_time(number) - timedelta(minutes=10)


def evening(number: int) -> datetime:
    """Return 18:00 on the day of a shot, when the logbook is written."""
    return shot_time(number).replace(hour=18, minute=0, second=0)


def day(week: int, weekday: int, hour: int) -> datetime:
    """Return an hour of a day (Monday is 0) of a week counted from the first shot's."""
    return (FIRST_MONDAY + timedelta(weeks=week, days=weekday)).replace(hour=hour, minute=0)


FRIDAY = 4
_SWAP = Edit(
    day(52, FRIDAY, 16),
    "ilya",
    "probe currents in each other's input since the maintenance three weeks ago; put back at 11:00",
    (do("swap", "Lang_I", "Lang_I2", since=day(49, FRIDAY, 14), until=day(52, FRIDAY, 11)),),
)
_DATA_SHEET_WAS_WRONG = Edit(
    day(43, FRIDAY, 15),
    "ilya",
    "new divider measured on the bench: 10.18, not 10, and so from its first day",
    (
        do(
            "calibrate",
            "divider3",
            times(10.18),
            "V",
            "V",
            covariance=measured_factor(0.02),
            since=before(1500),
            source="bench, 500 V supply",
        ),
    ),
)

LIFE = (
    Edit(
        evening(1100),
        "roman",
        "crosstalk from the neighbour of ai3: probe 1 current moved to ai12",
        (
            do("disconnect", "Lang_I", since=before(1100)),
            do("connect", "Lang_I", "PXI M6251/ai12", chain=("shunt1",), since=before(1100)),
        ),
    ),
    Edit(
        day(20, 2, 17),
        "anna",
        "ai6 reads zero since Monday: dead",
        (do("disconnect", "Ngas_P", since=day(20, 0, 7)),),
    ),
    Edit(
        day(20, FRIDAY, 13),
        "roman",
        "multiplexer repaired, gauge back on ai6",
        (do("connect", "Ngas_P", "PXI M6251/ai6", chain=("gas_gauge",), since=day(20, FRIDAY, 12)),),
    ),
    Edit(
        evening(1300),
        "ilya",
        "third B-dot loop, on the oscilloscope",
        (
            do(
                "add_component",
                "bdot3",
                "BdotProbe",
                parent="bdot_array",
                description="B-dot loop 3",
                since=before(1300),
                properties={"position": (0.42, "m"), "radial position": (45.0, "cm")},
            ),
            do(
                "add_component",
                "bdot_detector3",
                "LogDetector",
                parent="bdot3",
                serial="LD-5",
                description="Logarithmic RF detector",
                since=before(1300),
            ),
            do(
                "calibrate",
                "bdot_detector3",
                LOG_DETECTOR,
                "V",
                "mW",
                covariance=LOG_DETECTOR_COVARIANCE,
                since=before(1300),
            ),
            do(
                "add_signal",
                "Bdot3",
                unit="mW",
                quantity="power",
                component="bdot3",
                role="power",
                label="B-dot 3 power",
                plausible=(0.0, 50.0),
            ),
            do("connect", "Bdot3", "Tektronix/ch1", chain=("bdot_detector3",), since=before(1300)),
        ),
    ),
    Edit(
        day(35, FRIDAY, 10),
        "anna",
        "an arc before shot 1400 took 2 mm off the tip of probe 2; seen when the vessel was opened",
        (do("set_property", "langmuir2", "tip length", 8.0, "mm", since=before(1400)),),
    ),
    Edit(
        evening(1450),
        "roman",
        "ai12 wanted for tests: probe 1 current moved to ai13",
        (
            do("disconnect", "Lang_I", since=before(1450)),
            do("connect", "Lang_I", "PXI M6251/ai13", chain=("shunt1",), since=before(1450)),
        ),
    ),
    Edit(
        evening(1500),
        "roman",
        "divider of probe 1 replaced, 20 → 10 by its data sheet; the old one is a spare now",
        (
            do(
                "add_component",
                "divider3",
                "VoltageDivider",
                parent="langmuir1",
                serial="VD-10-1",
                description="1:10",
                since=before(1500),
            ),
            do("calibrate", "divider3", times(10.0), "V", "V", since=before(1500), source="data sheet"),
            do("place", "divider1", "testbed", since=before(1500)),
            do("disconnect", "Lang_U", since=before(1500)),
            do("connect", "Lang_U", "PXI M6251/ai2", chain=("divider3",), since=before(1500)),
        ),
    ),
    _DATA_SHEET_WAS_WRONG,
    Edit(
        evening(1560),
        "anna",
        "divider of probe 2 burnt out: the spare one takes its place",
        (
            do("place", "divider2", "testbed", since=before(1560)),
            do("place", "divider1", "langmuir2", since=before(1560)),
            do("disconnect", "Lang_U2", since=before(1560)),
            do("connect", "Lang_U2", "PXI M6251/ai10", chain=("divider1",), since=before(1560)),
        ),
    ),
    Edit(
        evening(1610),
        "anna",
        "new trigger unit: the generator's log starts 2.078 s late",
        (do("set_timing", "Generator", start_offset=2.078, clock_rate=1.0, since=before(1601)),),
    ),
    _SWAP,
    Edit(
        day(54, FRIDAY, 17),
        "ilya",
        "resistor of the divider replaced, ratio measured again",
        (
            do(
                "calibrate",
                "divider3",
                times(10.06),
                "V",
                "V",
                covariance=measured_factor(0.02),
                since=day(54, FRIDAY, 12),
                source="bench, 500 V supply",
            ),
        ),
    ),
    Edit(
        day(66, FRIDAY, 12),
        "anna",
        "trigger of the generator's log repaired after shot 1896",
        (do("set_timing", "Generator", start_offset=0.0, clock_rate=1.0, since=before(1897)),),
    ),
)
"""All later edits, in the order of their recording."""


def live(db: Editor, until: datetime | None = None, *, since: datetime | None = None) -> None:
    """Let the installed testbed live: perform the edits recorded in ``[since, until)``.

    Parameters
    ----------
    db : Editor
        A database on which ``install_testbed`` was called.
    until : datetime, optional
        Recorded time to stop before; everything unless given.
    since : datetime, optional
        Recorded time to begin at: the ``until`` of an earlier call, to go on from there.
    """
    perform(
        db,
        (
            edit
            for edit in LIFE
            if (since is None or since <= edit.recorded_at) and (until is None or edit.recorded_at < until)
        ),
    )


@dataclass(frozen=True)
class Story:
    """The facts the demo tells, all of which stand in the database afterwards.

    Attributes
    ----------
    moved_signal, moved_shots
        A signal, and three shots with three different ports of it.
    swapped_signals, swapped_shot, before_swap_known, after_swap_known
        Two signals whose cables were exchanged, a shot of that period, and knowledge times
        before and after the correction.
    recalibrated_signal, recalibrated_item, recalibrated_shot, before_recalibration, after_recalibration
        A signal whose chain item was recalibrated retroactively, a shot that changed by it,
        and knowledge times before and after.
    dead_signal, dead_port, dead_shot
        A port that gave nothing but zeros, and the signal that should have been on it.
    added_signal, added_shot
        A diagnostic and its first shot.
    spare_item, spare_signals, spare_shots
        An item that moved from one signal's chain to another's, and a shot of each period.
    absent
        Signals that are wired but were not recorded: their device was missing in that shot.
    late_device, late_shot
        A device whose log starts late, and a shot in which it does.
    """

    moved_signal: str
    moved_shots: tuple[int, int, int]
    swapped_signals: tuple[str, str]
    swapped_shot: int
    before_swap_known: datetime
    after_swap_known: datetime
    recalibrated_signal: str
    recalibrated_item: str
    recalibrated_shot: int
    before_recalibration: datetime
    after_recalibration: datetime
    dead_signal: str
    dead_port: str
    dead_shot: int
    added_signal: str
    added_shot: int
    spare_item: str
    spare_signals: tuple[str, str]
    spare_shots: tuple[int, int]
    absent: tuple[tuple[str, int], ...]
    late_device: str
    late_shot: int


STORY = Story(
    moved_signal="Langmuir_I",
    moved_shots=(838, 1234, 1896),
    swapped_signals=("Lang_I", "Lang_I2"),
    swapped_shot=1650,
    before_swap_known=_SWAP.recorded_at - timedelta(days=1),
    after_swap_known=_SWAP.recorded_at + timedelta(days=1),
    recalibrated_signal="Lang_U",
    recalibrated_item="divider3",
    recalibrated_shot=1500,
    before_recalibration=_DATA_SHEET_WAS_WRONG.recorded_at - timedelta(hours=1),
    after_recalibration=_DATA_SHEET_WAS_WRONG.recorded_at + timedelta(hours=1),
    dead_signal="Ngas_P",
    dead_port="PXI M6251/ai6",
    dead_shot=1165,
    added_signal="Bdot3",
    added_shot=1300,
    spare_item="divider1",
    spare_signals=("Lang_U", "Lang_U2"),
    spare_shots=(1499, 1564),
    absent=(("Bdot3", 1564), ("IC_Pfwd", 1024)),
    late_device="Generator",
    late_shot=1602,
)
