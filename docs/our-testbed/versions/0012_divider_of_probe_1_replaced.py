"""divider of probe 1 replaced

Divider of probe 1 replaced, 20 → 10 by its data sheet; the old one is a spare now.
"""

from alembic import op

from gilgamesh_db.calibration import Polynomial

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
author = "roman"
schema = "0002"


def upgrade() -> None:
    op.add_component(
        "divider3", "VoltageDivider", parent="langmuir1", serial="VD-10-1", description="1:10", since="2025-11-18 12:35"
    )
    op.calibrate("divider3", Polynomial((0.0, 10.0)), "V", "V", since="2025-11-18 12:35", source="data sheet")
    op.place("divider1", "testbed", since="2025-11-18 12:35")
    op.disconnect("Lang_U", since="2025-11-18 12:35")
    op.connect("Lang_U", "PXI M6251/ai2", chain=["divider3"], since="2025-11-18 12:35")


def downgrade() -> None:
    op.take_back(revision)
