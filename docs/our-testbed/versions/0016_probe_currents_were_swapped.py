"""probe currents were swapped

Probe currents in each other's input since the maintenance three weeks ago; put back at 11:00.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None
author = "ilya"
schema = "0002"


def upgrade() -> None:
    op.swap("Lang_I", "Lang_I2", since="2026-01-16 14:00", until="2026-02-06 11:00")


def downgrade() -> None:
    op.take_back(revision)
