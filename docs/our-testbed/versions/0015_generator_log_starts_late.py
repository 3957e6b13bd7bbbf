"""generator log starts late

New trigger unit: the generator's log starts 2.078 s late.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None
author = "anna"
schema = "0002"


def upgrade() -> None:
    op.set_timing("Generator", start_offset=2.078, since="2025-12-31 14:45:19")


def downgrade() -> None:
    op.take_back(revision)
