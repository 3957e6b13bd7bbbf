"""tip of probe 2 shortened by an arc

An arc before shot 1400 took 2 mm off the tip of probe 2; seen when the vessel was opened.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
author = "anna"
schema = "0002"


def upgrade() -> None:
    op.set_property("langmuir2", "tip length", 8.0, "mm", since="2025-10-06 12:36:40")


def downgrade() -> None:
    op.take_back(revision)
