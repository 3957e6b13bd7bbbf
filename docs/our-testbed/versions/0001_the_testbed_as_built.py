"""the testbed as built"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = ("testbed",)
depends_on = None
author = "anna"
schema = "0002"


def upgrade() -> None:
    op.add_component(
        "testbed", "Testbed", description="Ion-cyclotron and helicon plasma testbed", since="2025-01-20 08:00"
    )
    op.add_component(
        "vessel",
        "Vessel",
        parent="testbed",
        description="Vacuum vessel",
        since="2025-01-20 08:00",
        properties={"position": (0.0, "m"), "length": (1.1161, "m"), "radius": (0.55, "m")},
    )
    op.add_component(
        "plasma_source",
        "PlasmaSource",
        parent="testbed",
        description="Helicon source tube",
        since="2025-01-20 08:00",
        properties={"position": (-1.0896, "m"), "length": (1.063, "m"), "radius": (0.2, "m")},
    )
    op.add_component(
        "big_coil",
        "CoilSystem",
        parent="testbed",
        description="Main field coil around the vessel",
        since="2025-01-20 08:00",
        properties={"turns": (120.0, ""), "radius": (0.62, "m"), "position": (0.0, "m")},
    )
    op.add_component(
        "small_coil",
        "CoilSystem",
        parent="testbed",
        description="Field coil of the source",
        since="2025-01-20 08:00",
        properties={"turns": (80.0, ""), "radius": (0.25, "m"), "position": (-0.9, "m")},
    )
    op.add_component(
        "big_coil_transducer",
        "CurrentTransducer",
        parent="big_coil",
        serial="LEM-1187",
        description="LEM, 100 A/V",
        since="2025-01-20 08:00",
    )
    op.add_component(
        "small_coil_transducer",
        "CurrentTransducer",
        parent="small_coil",
        serial="LEM-1190",
        description="LEM, 50 A/V",
        since="2025-01-20 08:00",
    )
    op.add_component(
        "helicon_generator",
        "RFGenerator",
        parent="testbed",
        description="Helicon generator",
        since="2025-01-20 08:00",
        properties={"frequency": (13.56, "MHz"), "power": (3.0, "kW")},
    )
    op.add_component(
        "helicon_forward_coupler",
        "DirectionalCoupler",
        parent="helicon_generator",
        serial="DC-21",
        description="1 kW per mW",
        since="2025-01-20 08:00",
    )
    op.add_component(
        "helicon_forward_detector",
        "PowerDetector",
        parent="helicon_forward_coupler",
        serial="PD-07",
        description="0.4 mW/V",
        since="2025-01-20 08:00",
    )
    op.add_component(
        "helicon_reflected_coupler",
        "DirectionalCoupler",
        parent="helicon_generator",
        serial="DC-22",
        description="1 kW per mW",
        since="2025-01-20 08:00",
    )
    op.add_component(
        "helicon_reflected_detector",
        "PowerDetector",
        parent="helicon_reflected_coupler",
        serial="PD-08",
        description="0.2 mW/V",
        since="2025-01-20 08:00",
    )
    op.add_component(
        "icrf_generator",
        "RFGenerator",
        parent="testbed",
        description="ICRF generator, logs its own powers",
        since="2025-01-20 08:00",
        properties={"power": (2.0, "kW")},
    )
    op.add_component(
        "gas_system",
        "GasSystem",
        parent="testbed",
        description="Gas inlet and pumps",
        since="2025-01-20 08:00",
        properties={"gas temperature": (293.0, "K")},
    )
    op.add_component(
        "gas_gauge",
        "PressureGauge",
        parent="gas_system",
        serial="PKR-5541",
        description="Full-range gauge",
        since="2025-01-20 08:00",
    )
    op.add_component(
        "manipulator",
        "Manipulator",
        parent="vessel",
        description="Radial manipulator, carries probe 1",
        since="2025-01-20 08:00",
        properties={
            "position": (0.0, "m"),
            "counts per volt": (1000.0, "ct / V"),
            "position attribute": "Manip_posRaw",
        },
    )
    op.add_component(
        "manipulator_potentiometer",
        "Potentiometer",
        parent="manipulator",
        description="Position read-out",
        since="2025-01-20 08:00",
    )
    op.add_component(
        "langmuir1",
        "LangmuirProbe",
        parent="manipulator",
        serial="LP-3",
        description="Swept probe on the manipulator",
        since="2025-01-20 08:00",
        properties={"tip length": (10.0, "mm"), "tip radius": (1.0, "mm")},
    )
    op.add_component(
        "langmuir2",
        "LangmuirProbe",
        parent="vessel",
        serial="LP-4",
        description="Swept probe, fixed at r = 22 cm",
        since="2025-01-20 08:00",
        properties={
            "position": (0.0, "m"),
            "radial position": (22.0, "cm"),
            "tip length": (10.0, "mm"),
            "tip radius": (1.0, "mm"),
        },
    )
    op.add_component(
        "divider1", "VoltageDivider", parent="langmuir1", serial="VD-20-1", description="1:20", since="2025-01-20 08:00"
    )
    op.add_component(
        "divider2", "VoltageDivider", parent="langmuir2", serial="VD-20-2", description="1:20", since="2025-01-20 08:00"
    )
    op.add_component(
        "shunt1",
        "Shunt",
        parent="langmuir1",
        serial="SH-1",
        description="100 Ω, inverting amplifier",
        since="2025-01-20 08:00",
    )
    op.add_component(
        "shunt2",
        "Shunt",
        parent="langmuir2",
        serial="SH-2",
        description="100 Ω, inverting amplifier",
        since="2025-01-20 08:00",
    )
    op.add_component("bdot_array", "BdotArray", parent="vessel", description="B-dot loops", since="2025-01-20 08:00")
    op.add_component(
        "bdot1",
        "BdotProbe",
        parent="bdot_array",
        description="B-dot loop 1",
        since="2025-01-20 08:00",
        properties={"position": (0.18, "m"), "radial position": (45.0, "cm")},
    )
    op.add_component(
        "bdot2",
        "BdotProbe",
        parent="bdot_array",
        description="B-dot loop 2",
        since="2025-01-20 08:00",
        properties={"position": (0.3, "m"), "radial position": (45.0, "cm")},
    )
    op.add_component(
        "bdot_detector1",
        "LogDetector",
        parent="bdot1",
        serial="LD-1",
        description="Logarithmic RF detector",
        since="2025-01-20 08:00",
    )
    op.add_component(
        "bdot_detector2",
        "LogDetector",
        parent="bdot2",
        serial="LD-2",
        description="Logarithmic RF detector",
        since="2025-01-20 08:00",
    )
    op.add_component(
        "PXI M6251", "DAQDevice", parent="testbed", description="NI PXI-6251, 16 bit", since="2025-01-20 08:00"
    )
    op.add_component(
        "Tektronix",
        "DAQDevice",
        parent="testbed",
        description="Oscilloscope, 12 bit in int16",
        since="2025-01-20 08:00",
    )
    op.add_component("S7", "DAQDevice", parent="testbed", description="Slow control", since="2025-01-20 08:00")
    op.add_component(
        "Generator", "DAQDevice", parent="testbed", description="Log of the ICRF generator", since="2025-01-20 08:00"
    )


def downgrade() -> None:
    op.take_back(revision)
