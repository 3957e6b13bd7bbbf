"""Store notebooks as they are: trying to compress their pictures took most of the time of a push."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table gilgamesh.notebook_blob alter column content set storage external")


def downgrade() -> None:
    op.execute("alter table gilgamesh.notebook_blob alter column content set storage extended")
