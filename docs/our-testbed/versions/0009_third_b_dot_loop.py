"""third B-dot loop

Third B-dot loop, on the oscilloscope.
"""

from alembic import op

from gilgamesh_db.calibration import Polynomial, PowerOfTen

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
author = "ilya"
schema = "0002"


def upgrade() -> None:
    op.add_component(
        "bdot3",
        "BdotProbe",
        parent="bdot_array",
        description="B-dot loop 3",
        since="2025-08-21 12:38:20",
        properties={"position": (0.42, "m"), "radial position": (45.0, "cm")},
    )
    op.add_component(
        "bdot_detector3",
        "LogDetector",
        parent="bdot3",
        serial="LD-5",
        description="Logarithmic RF detector",
        since="2025-08-21 12:38:20",
    )
    op.calibrate(
        "bdot_detector3",
        (Polynomial((-3.3659615384615393, 1.923076923076923)), PowerOfTen()),
        "V",
        "mW",
        covariance=[[0.0008765405038831363, -0.00020990199704142015], [-0.00020990199704142015, 9.245562130177516e-05]],
        since="2025-08-21 12:38:20",
    )
    op.add_signal(
        "Bdot3",
        unit="mW",
        quantity="power",
        component="bdot3",
        role="power",
        label="B-dot 3 power",
        plausible=(0.0, 50.0),
    )
    op.connect("Bdot3", "Tektronix/ch1", chain=["bdot_detector3"], since="2025-08-21 12:38:20")


def downgrade() -> None:
    op.take_back(revision)
