"""first cabling"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
author = "roman"
schema = "0002"


def upgrade() -> None:
    op.add_signal(
        "H_Pfwd",
        unit="W",
        quantity="power",
        component="helicon_generator",
        role="forward_power",
        label="Helicon forward power",
        plausible=(-50.0, 4000.0),
    )
    op.add_signal(
        "H_Pref",
        unit="W",
        quantity="power",
        component="helicon_generator",
        role="reflected_power",
        label="Helicon reflected power",
        plausible=(-50.0, 2000.0),
    )
    op.add_signal(
        "IC_Pfwd",
        unit="W",
        quantity="power",
        component="icrf_generator",
        role="forward_power",
        label="ICRF forward power",
        plausible=(-50.0, 3000.0),
    )
    op.add_signal(
        "IC_Pref",
        unit="W",
        quantity="power",
        component="icrf_generator",
        role="reflected_power",
        label="ICRF reflected power",
        plausible=(-50.0, 3000.0),
    )
    op.add_signal(
        "BigCoil_I",
        unit="A",
        quantity="electric current",
        component="big_coil",
        role="current",
        label="Big coil current",
        plausible=(-10.0, 1000.0),
    )
    op.add_signal(
        "SmallCoil_I",
        unit="A",
        quantity="electric current",
        component="small_coil",
        role="current",
        label="Small coil current",
        plausible=(-10.0, 500.0),
    )
    op.add_signal(
        "Ngas_P",
        unit="mbar",
        quantity="pressure",
        component="gas_system",
        role="pressure",
        label="Neutral gas pressure",
        plausible=(1e-08, 0.1),
    )
    op.add_signal(
        "Lang_U",
        unit="V",
        quantity="voltage",
        component="langmuir1",
        role="voltage",
        label="Probe voltage",
        aliases=["Langmuir_U"],
        plausible=(-110.0, 110.0),
    )
    op.add_signal(
        "Lang_I",
        unit="A",
        quantity="electric current",
        component="langmuir1",
        role="current",
        label="Probe current",
        aliases=["Langmuir_I"],
        plausible=(-0.1, 0.1),
    )
    op.add_signal(
        "Lang_U2",
        unit="V",
        quantity="voltage",
        component="langmuir2",
        role="voltage",
        label="Probe 2 voltage",
        plausible=(-110.0, 110.0),
    )
    op.add_signal(
        "Lang_I2",
        unit="A",
        quantity="electric current",
        component="langmuir2",
        role="current",
        label="Probe 2 current",
        plausible=(-0.1, 0.1),
    )
    op.add_signal(
        "Manip_U",
        unit="V",
        quantity="voltage",
        component="manipulator",
        role="position_voltage",
        label="Manipulator read-out",
        plausible=(0.0, 2.0),
    )
    op.add_signal(
        "Bdot1",
        unit="mW",
        quantity="power",
        component="bdot1",
        role="power",
        label="B-dot 1 power",
        plausible=(0.0, 50.0),
    )
    op.add_signal(
        "Bdot2",
        unit="mW",
        quantity="power",
        component="bdot2",
        role="power",
        label="B-dot 2 power",
        plausible=(0.0, 50.0),
    )
    op.connect(
        "H_Pfwd",
        "PXI M6251/ai0",
        chain=["helicon_forward_detector", "helicon_forward_coupler"],
        since="2025-01-20 08:00",
    )
    op.connect(
        "H_Pref",
        "PXI M6251/ai1",
        chain=["helicon_reflected_detector", "helicon_reflected_coupler"],
        since="2025-01-20 08:00",
    )
    op.connect("IC_Pfwd", "Generator/Fpower", since="2025-01-20 08:00")
    op.connect("IC_Pref", "Generator/Rpower", since="2025-01-20 08:00")
    op.connect("BigCoil_I", "PXI M6251/ai4", chain=["big_coil_transducer"], since="2025-01-20 08:00")
    op.connect("SmallCoil_I", "PXI M6251/ai5", chain=["small_coil_transducer"], since="2025-01-20 08:00")
    op.connect("Ngas_P", "PXI M6251/ai6", chain=["gas_gauge"], since="2025-01-20 08:00")
    op.connect("Lang_U", "PXI M6251/ai2", chain=["divider1"], since="2025-01-20 08:00")
    op.connect("Lang_I", "PXI M6251/ai3", chain=["shunt1"], since="2025-01-20 08:00")
    op.connect("Lang_U2", "PXI M6251/ai10", chain=["divider2"], since="2025-01-20 08:00")
    op.connect("Lang_I2", "PXI M6251/ai11", chain=["shunt2"], since="2025-01-20 08:00")
    op.connect("Manip_U", "PXI M6251/ai7", since="2025-01-20 08:00")
    op.connect("Bdot1", "PXI M6251/ai8", chain=["bdot_detector1"], since="2025-01-20 08:00")
    op.connect("Bdot2", "PXI M6251/ai9", chain=["bdot_detector2"], since="2025-01-20 08:00")
    op.add_signal(
        "H_Pinj",
        unit="W",
        kind="derived",
        quantity="power",
        component="helicon_generator",
        role="injected_power",
        label="Helicon injected power",
    )
    op.add_signal(
        "H_ratio",
        unit="",
        kind="derived",
        component="helicon_generator",
        role="reflected_part",
        label="Helicon reflected part",
    )
    op.define_derived("H_Pinj", "H_Pfwd - H_Pref")
    op.define_derived("H_ratio", "H_Pref / H_Pfwd")
    op.add_signal(
        "IC_Pinj",
        unit="W",
        kind="derived",
        quantity="power",
        component="icrf_generator",
        role="injected_power",
        label="ICRF injected power",
    )
    op.add_signal(
        "IC_ratio",
        unit="",
        kind="derived",
        component="icrf_generator",
        role="reflected_part",
        label="ICRF reflected part",
    )
    op.define_derived("IC_Pinj", "IC_Pfwd - IC_Pref")
    op.define_derived("IC_ratio", "IC_Pref / IC_Pfwd")


def downgrade() -> None:
    op.take_back(revision)
