"""resistor of the divider replaced

Resistor of the divider replaced, ratio measured again.
"""

from alembic import op

from gilgamesh_db.calibration import Polynomial

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
author = "ilya"
schema = "0002"


def upgrade() -> None:
    op.calibrate(
        "divider3",
        Polynomial((0.0, 10.06)),
        "V",
        "V",
        covariance=[0.0, 0.0004],
        since="2026-02-20 12:00",
        source="bench, 500 V supply",
    )


def downgrade() -> None:
    op.take_back(revision)
