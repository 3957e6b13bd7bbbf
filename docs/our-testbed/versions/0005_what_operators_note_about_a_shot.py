"""what operators note about a shot"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
author = "anna"
schema = "0002"


def upgrade() -> None:
    op.add_attribute("Gas", kind="text", description="Working gas")
    op.add_attribute("Useful", kind="boolean", description="Worth an analysis, in the operator's opinion")
    op.add_attribute("Comment", kind="text", description="The operator's remark")
    op.add_attribute("Manip_posRaw", kind="number", unit="ct", description="Raw position of the manipulator")


def downgrade() -> None:
    op.take_back(revision)
