"""trigger of the generator log repaired

Trigger of the generator's log repaired after shot 1896.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None
author = "anna"
schema = "0002"


def upgrade() -> None:
    op.set_timing("Generator", start_offset=0.0, since="2026-05-11 14:32:23")


def downgrade() -> None:
    op.take_back(revision)
