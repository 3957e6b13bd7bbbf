"""What the lab wrote down before the first shot: components, ports, signals, cables, calibrations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from gilgamesh_db.calibration import Polynomial, PowerOfTen, Step, fit
from gilgamesh_loaders.simulator.edits import Edit, Editor, Operation, do, perform
from gilgamesh_loaders.simulator.plasma import BIG_COIL, SMALL_COIL, Coil

INSTALLED = datetime(2025, 1, 20, 8, 0, tzinfo=UTC)

IDENTITY: tuple[Step, ...] = (Polynomial((0.0, 1.0)),)
LOG_DETECTOR: tuple[Step, ...] = (
    Polynomial(((-(0.02 + 2.2503) / 0.0520 + 10) / 10, 1 / (0.0520 * 10))),
    PowerOfTen(),
)

_SLOPE_VARIANCE = (0.005 / 0.520) ** 2
LOG_DETECTOR_COVARIANCE = [
    [0.02**2 + 2.2703**2 * _SLOPE_VARIANCE, -2.2703 * _SLOPE_VARIANCE],
    [-2.2703 * _SLOPE_VARIANCE, _SLOPE_VARIANCE],
]

# Read-out of the manipulator, and where it stood by a ruler, in cm.
MANIPULATOR_POINTS = (
    (1444.0, 1341.0, 1252.0, 1162.0, 1068.0, 974.0, 914.0, 868.0, 805.0, 729.0, 660.0, 600.0, 548.0, 446.0),
    (55.3, 49.4, 44.7, 39.9, 35.0, 30.1, 26.9, 24.45, 21.1, 17.1, 13.35, 10.15, 7.6, 2.2),
)

Properties = dict[str, tuple[float, str] | str]
TIP: Properties = {"tip length": (10.0, "mm"), "tip radius": (1.0, "mm")}


def times(factor: float) -> tuple[Step, ...]:
    """Return the steps of a plain factor."""
    return (Polynomial((0.0, factor)),)


def measured_factor(deviation: float) -> list[float]:
    """Return the variances of a plain factor that was measured with this standard deviation; its offset is 0."""
    return [0.0, deviation**2]


def component(
    name: str,
    kind: str,
    parent: str | None,
    description: str,
    *,
    serial: str | None = None,
    properties: Properties | None = None,
) -> Operation:
    """Add a component that was there from the first day."""
    return do(
        "add_component",
        name,
        kind,
        parent=parent,
        serial=serial,
        description=description,
        since=INSTALLED,
        properties=properties or {},
    )


def _coil(name: str, coil: Coil, description: str) -> Operation:
    return component(
        name,
        "CoilSystem",
        "testbed",
        description,
        properties={
            "turns": (coil.turns, ""),
            "radius": (coil.radius, "m"),
            "position": (coil.position, "m"),
        },
    )


COMPONENTS = (
    component("testbed", "Testbed", None, "Ion-cyclotron and helicon plasma testbed"),
    component("vessel", "Vessel", "testbed", "Vacuum vessel",
              properties={"length": (1.1161, "m"), "radius": (0.55, "m"), "position": (0.0, "m")}),
    component("plasma_source", "PlasmaSource", "testbed", "Helicon source tube",
              properties={"length": (1.063, "m"), "radius": (0.2, "m"), "position": (-1.0896, "m")}),
    _coil("big_coil", BIG_COIL, "Main field coil around the vessel"),
    _coil("small_coil", SMALL_COIL, "Field coil of the source"),
    component("big_coil_transducer", "CurrentTransducer", "big_coil", "LEM, 100 A/V", serial="LEM-1187"),
    component("small_coil_transducer", "CurrentTransducer", "small_coil", "LEM, 50 A/V", serial="LEM-1190"),
    component("helicon_generator", "RFGenerator", "testbed", "Helicon generator",
              properties={"frequency": (13.56, "MHz"), "power": (3.0, "kW")}),
    component("helicon_forward_coupler", "DirectionalCoupler", "helicon_generator", "1 kW per mW",
              serial="DC-21"),
    component("helicon_forward_detector", "PowerDetector", "helicon_forward_coupler", "0.4 mW/V",
              serial="PD-07"),
    component("helicon_reflected_coupler", "DirectionalCoupler", "helicon_generator", "1 kW per mW",
              serial="DC-22"),
    component("helicon_reflected_detector", "PowerDetector", "helicon_reflected_coupler", "0.2 mW/V",
              serial="PD-08"),
    component("icrf_generator", "RFGenerator", "testbed", "ICRF generator, logs its own powers",
              properties={"power": (2.0, "kW")}),
    component("gas_system", "GasSystem", "testbed", "Gas inlet and pumps",
              properties={"gas temperature": (293.0, "K")}),
    component("gas_gauge", "PressureGauge", "gas_system", "Full-range gauge", serial="PKR-5541"),
    component("manipulator", "Manipulator", "vessel", "Radial manipulator, carries probe 1",
              properties={"position": (0.0, "m"), "counts per volt": (1000.0, "ct / V"),
                          "position attribute": "Manip_posRaw"}),
    component("manipulator_potentiometer", "Potentiometer", "manipulator", "Position read-out"),
    component("langmuir1", "LangmuirProbe", "manipulator", "Swept probe on the manipulator",
              serial="LP-3", properties=TIP),
    component("langmuir2", "LangmuirProbe", "vessel", "Swept probe, fixed at r = 22 cm",
              serial="LP-4", properties={**TIP, "position": (0.0, "m"), "radial position": (22.0, "cm")}),
    component("divider1", "VoltageDivider", "langmuir1", "1:20", serial="VD-20-1"),
    component("divider2", "VoltageDivider", "langmuir2", "1:20", serial="VD-20-2"),
    component("shunt1", "Shunt", "langmuir1", "100 Ω, inverting amplifier", serial="SH-1"),
    component("shunt2", "Shunt", "langmuir2", "100 Ω, inverting amplifier", serial="SH-2"),
    component("bdot_array", "BdotArray", "vessel", "B-dot loops"),
    component("bdot1", "BdotProbe", "bdot_array", "B-dot loop 1",
              properties={"position": (0.18, "m"), "radial position": (45.0, "cm")}),
    component("bdot2", "BdotProbe", "bdot_array", "B-dot loop 2",
              properties={"position": (0.30, "m"), "radial position": (45.0, "cm")}),
    component("bdot_detector1", "LogDetector", "bdot1", "Logarithmic RF detector", serial="LD-1"),
    component("bdot_detector2", "LogDetector", "bdot2", "Logarithmic RF detector", serial="LD-2"),
    component("PXI M6251", "DAQDevice", "testbed", "NI PXI-6251, 16 bit"),
    component("Tektronix", "DAQDevice", "testbed", "Oscilloscope, 12 bit in int16"),
    component("S7", "DAQDevice", "testbed", "Slow control"),
    component("Generator", "DAQDevice", "testbed", "Log of the ICRF generator"),
)  # fmt: skip


@dataclass(frozen=True)
class Port:
    """A port, and what its numbers mean."""

    device: str
    channel: str
    dtype: str
    raw_unit: str
    unit: str
    low: float
    high: float
    steps: tuple[Step, ...]
    resolution: float | None = None

    @property
    def name(self) -> str:
        """Device and channel."""
        return f"{self.device}/{self.channel}"

    def add(self) -> Operation:
        """Add the port."""
        return do(
            "add_port", self.device, self.channel,
            dtype=self.dtype, unit=self.raw_unit, low=self.low, high=self.high, resolution=self.resolution,
            since=INSTALLED,
        )  # fmt: skip

    def calibrate(self) -> Operation:
        """Say what its numbers mean."""
        return do("calibrate", self.name, self.steps, self.raw_unit, self.unit, since=INSTALLED)


PORTS = (
    *(Port("PXI M6251", f"ai{n}", "int16", "ct", "V", -10.0, 10.0, times(20 / 65536)) for n in range(16)),
    *(Port("Tektronix", f"ch{n}", "int16", "ct", "V", -5.0, 5.0, times(10 / 4096)) for n in range(1, 5)),
    *(Port("Generator", channel, "float32", "W", "W", 0.0, 5000.0, IDENTITY, 0.1) for channel in ("Fpower", "Rpower")),
    *(Port("S7", f"T{n:02}", "float32", "mV", "mV", -10.0, 80.0, IDENTITY) for n in range(1, 13)),
    *(Port("S7", f"F{n:02}", "float32", "l / min", "l / min", 0.0, 60.0, IDENTITY) for n in range(1, 9)),
    *(Port("S7", f"P{n:02}", "float32", "bar", "bar", 0.0, 10.0, IDENTITY) for n in range(1, 7)),
    *(Port("S7", f"U{n:02}", "float32", "V", "V", 0.0, 10.0, IDENTITY) for n in range(1, 5)),
)


@dataclass(frozen=True)
class Measured:
    """A measured signal, and how it was first wired."""

    name: str
    unit: str
    quantity: str
    component: str
    role: str
    label: str
    plausible: tuple[float, float]
    port: str
    chain: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    def add(self) -> Operation:
        """Add the signal."""
        return do(
            "add_signal", self.name,
            unit=self.unit, quantity=self.quantity, component=self.component, role=self.role,
            label=self.label, aliases=self.aliases, plausible=self.plausible,
        )  # fmt: skip

    def connect(self, since: datetime) -> Operation:
        """Plug it in."""
        return do("connect", self.name, self.port, chain=self.chain, since=since)


SIGNALS = (
    Measured("H_Pfwd", "W", "power", "helicon_generator", "forward_power", "Helicon forward power",
             (-50.0, 4000.0), "PXI M6251/ai0", ("helicon_forward_detector", "helicon_forward_coupler")),
    Measured("H_Pref", "W", "power", "helicon_generator", "reflected_power", "Helicon reflected power",
             (-50.0, 2000.0), "PXI M6251/ai1", ("helicon_reflected_detector", "helicon_reflected_coupler")),
    Measured("IC_Pfwd", "W", "power", "icrf_generator", "forward_power", "ICRF forward power",
             (-50.0, 3000.0), "Generator/Fpower"),
    Measured("IC_Pref", "W", "power", "icrf_generator", "reflected_power", "ICRF reflected power",
             (-50.0, 3000.0), "Generator/Rpower"),
    Measured("BigCoil_I", "A", "electric current", "big_coil", "current", "Big coil current",
             (-10.0, 1000.0), "PXI M6251/ai4", ("big_coil_transducer",)),
    Measured("SmallCoil_I", "A", "electric current", "small_coil", "current", "Small coil current",
             (-10.0, 500.0), "PXI M6251/ai5", ("small_coil_transducer",)),
    Measured("Ngas_P", "mbar", "pressure", "gas_system", "pressure", "Neutral gas pressure",
             (1e-8, 1e-1), "PXI M6251/ai6", ("gas_gauge",)),
    Measured("Lang_U", "V", "voltage", "langmuir1", "voltage", "Probe voltage",
             (-110.0, 110.0), "PXI M6251/ai2", ("divider1",), ("Langmuir_U",)),
    Measured("Lang_I", "A", "electric current", "langmuir1", "current", "Probe current",
             (-0.1, 0.1), "PXI M6251/ai3", ("shunt1",), ("Langmuir_I",)),
    Measured("Lang_U2", "V", "voltage", "langmuir2", "voltage", "Probe 2 voltage",
             (-110.0, 110.0), "PXI M6251/ai10", ("divider2",)),
    Measured("Lang_I2", "A", "electric current", "langmuir2", "current", "Probe 2 current",
             (-0.1, 0.1), "PXI M6251/ai11", ("shunt2",)),
    Measured("Manip_U", "V", "voltage", "manipulator", "position_voltage", "Manipulator read-out",
             (0.0, 2.0), "PXI M6251/ai7"),
    Measured("Bdot1", "mW", "power", "bdot1", "power", "B-dot 1 power",
             (0.0, 50.0), "PXI M6251/ai8", ("bdot_detector1",)),
    Measured("Bdot2", "mW", "power", "bdot2", "power", "B-dot 2 power",
             (0.0, 50.0), "PXI M6251/ai9", ("bdot_detector2",)),
)  # fmt: skip

# Injected power and reflected part of each generator.
DERIVED = tuple(
    operation
    for prefix, component, label in (("H", "helicon_generator", "Helicon"), ("IC", "icrf_generator", "ICRF"))
    for operation in (
        do("add_signal", f"{prefix}_Pinj", unit="W", kind="derived", quantity="power", component=component,
           role="injected_power", label=f"{label} injected power"),
        do("add_signal", f"{prefix}_ratio", unit="", kind="derived", component=component, role="reflected_part",
           label=f"{label} reflected part"),
        do("define", f"{prefix}_Pinj", f"{prefix}_Pfwd - {prefix}_Pref"),
        do("define", f"{prefix}_ratio", f"{prefix}_Pref / {prefix}_Pfwd"),
    )
)  # fmt: skip

CALIBRATIONS = (
    do("calibrate", "divider1", times(20.0), "V", "V", since=INSTALLED),
    do("calibrate", "divider2", times(20.0), "V", "V", since=INSTALLED),
    *(
        do(
            "calibrate",
            shunt,
            times(-0.01),
            "V",
            "A",
            covariance=measured_factor(2e-5),
            since=INSTALLED,
            source="bench",
        )
        for shunt in ("shunt1", "shunt2")
    ),
    # The level is known to 0.2 dB, and the slope to 0.5 % about 2.27 V.
    *(
        do(
            "calibrate",
            detector,
            LOG_DETECTOR,
            "V",
            "mW",
            covariance=LOG_DETECTOR_COVARIANCE,
            since=INSTALLED,
            source="bench, signal generator",
        )
        for detector in ("bdot_detector1", "bdot_detector2")
    ),
    do(
        "calibrate",
        "manipulator_potentiometer",
        fit(*MANIPULATOR_POINTS, "poly1"),
        "ct",
        "cm",
        source="ruler, 14 positions",
        since=INSTALLED,
    ),
    do("calibrate", "gas_gauge", (Polynomial((-11.33, 1.667)), PowerOfTen()), "V", "mbar", since=INSTALLED),
    do("calibrate", "big_coil_transducer", times(100.0), "V", "A", since=INSTALLED),
    do("calibrate", "small_coil_transducer", times(50.0), "V", "A", since=INSTALLED),
    do("calibrate", "helicon_forward_detector", times(0.4), "V", "mW", since=INSTALLED),
    do("calibrate", "helicon_forward_coupler", times(1000.0), "mW", "W", since=INSTALLED),
    do("calibrate", "helicon_reflected_detector", times(0.2), "V", "mW", since=INSTALLED),
    do("calibrate", "helicon_reflected_coupler", times(1000.0), "mW", "W", since=INSTALLED),
)

ATTRIBUTES = (
    do("add_attribute", "Gas", kind="text", description="Working gas"),
    do("add_attribute", "Useful", kind="boolean", description="Worth an analysis, in the operator's opinion"),
    do("add_attribute", "Comment", kind="text", description="The operator's remark"),
    do(
        "add_attribute",
        "Manip_posRaw",
        kind="number",
        unit="ct",
        description="Raw position of the manipulator",
    ),
)

INSTALLATION = (
    Edit(INSTALLED.replace(hour=9), "anna", "the testbed as built", COMPONENTS),
    Edit(
        INSTALLED.replace(hour=11),
        "roman",
        "acquisition hardware and its data sheets",
        (*(port.add() for port in PORTS), *(port.calibrate() for port in PORTS)),
    ),
    Edit(INSTALLED.replace(hour=13), "ilya", "bench calibrations before the first campaign", CALIBRATIONS),
    Edit(
        INSTALLED.replace(hour=16),
        "roman",
        "first cabling",
        (*(signal.add() for signal in SIGNALS), *(signal.connect(INSTALLED) for signal in SIGNALS), *DERIVED),
    ),
    Edit(INSTALLED.replace(hour=17), "anna", "what operators note about a shot", ATTRIBUTES),
)
"""The edits of the first day, in order."""


def install_testbed(db: Editor) -> None:
    """Write the testbed of the first day into an empty database."""
    perform(db, INSTALLATION)
