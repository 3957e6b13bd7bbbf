"""the new divider never was 1 to 10

New divider measured on the bench: 10.18, not 10, and so from its first day.
"""

from alembic import op

from gilgamesh_db.calibration import Polynomial

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
author = "ilya"
schema = "0002"


def upgrade() -> None:
    op.calibrate(
        "divider3",
        Polynomial((0.0, 10.18)),
        "V",
        "V",
        covariance=[0.0, 0.0004],
        since="2025-11-18 12:35",
        source="bench, 500 V supply",
    )


def downgrade() -> None:
    op.take_back(revision)
