<%!
    from gilgamesh_db.testbed.operations import python
    from gilgamesh_db.testbed.repository import author, schema
%>\
"""${message}"""

from alembic import op
${imports if imports else "from gilgamesh_db.calibration import Polynomial\nfrom gilgamesh_db.testbed import shot"}

revision = ${python(up_revision)}
down_revision = ${python(down_revision)}
branch_labels = ${python(branch_labels or (None if down_revision else ("testbed",)))}
depends_on = ${python(depends_on)}
author = ${python(author())}
schema = ${python(schema())}  # the tables of Gilgamesh this was written for


def upgrade() -> None:
    ${upgrades if upgrades else '# op.connect("Lang_I", "PXI M6251/ai5", chain=["shunt1"], since="2026-03-01 09:30", reason="ai3 is noisy")\n    # op.calibrate("shunt1", Polynomial((0.0, -0.0101)), "V", "A", since=shot(1500), source="bench")\n    pass'}


def downgrade() -> None:
    op.take_back(revision)
