"""spare divider to probe 2

Divider of probe 2 burnt out: the spare one takes its place.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
author = "anna"
schema = "0002"


def upgrade() -> None:
    op.place("divider2", "testbed", since="2025-12-15 12:34")
    op.place("divider1", "langmuir2", since="2025-12-15 12:34")
    op.disconnect("Lang_U2", since="2025-12-15 12:34")
    op.connect("Lang_U2", "PXI M6251/ai10", chain=["divider1"], since="2025-12-15 12:34")


def downgrade() -> None:
    op.take_back(revision)
