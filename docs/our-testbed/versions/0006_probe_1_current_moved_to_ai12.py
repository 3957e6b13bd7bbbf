"""probe 1 current moved to ai12

Crosstalk from the neighbour of ai3: probe 1 current moved to ai12.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
author = "roman"
schema = "0002"


def upgrade() -> None:
    op.disconnect("Lang_I", since="2025-05-27 12:41:40")
    op.connect("Lang_I", "PXI M6251/ai12", chain=["shunt1"], since="2025-05-27 12:41:40")


def downgrade() -> None:
    op.take_back(revision)
