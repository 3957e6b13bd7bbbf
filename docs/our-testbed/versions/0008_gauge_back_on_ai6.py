"""gauge back on ai6

Multiplexer repaired, gauge back on ai6.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
author = "roman"
schema = "0002"


def upgrade() -> None:
    op.connect("Ngas_P", "PXI M6251/ai6", chain=["gas_gauge"], since="2025-06-27 12:00")


def downgrade() -> None:
    op.take_back(revision)
