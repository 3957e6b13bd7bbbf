"""ai6 is dead

Ai6 reads zero since Monday: dead.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
author = "anna"
schema = "0002"


def upgrade() -> None:
    op.disconnect("Ngas_P", since="2025-06-23 07:00")


def downgrade() -> None:
    op.take_back(revision)
