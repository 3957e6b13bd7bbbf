"""probe 1 current moved to ai13

Ai12 wanted for tests: probe 1 current moved to ai13.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
author = "roman"
schema = "0002"


def upgrade() -> None:
    op.disconnect("Lang_I", since="2025-10-28 08:35:50")
    op.connect("Lang_I", "PXI M6251/ai13", chain=["shunt1"], since="2025-10-28 08:35:50")


def downgrade() -> None:
    op.take_back(revision)
