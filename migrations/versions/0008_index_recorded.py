"""Find what was stated at an instant: an edit is judged as a whole when it commits."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(INDEXES)


def downgrade() -> None:
    op.get_bind().exec_driver_sql(NO_INDEXES)


INDEXES = """
create index placement_recorded_idx on gilgamesh.placement ((lower(recorded)), id);
create index property_recorded_idx on gilgamesh.property ((lower(recorded)), id);
create index connection_recorded_idx on gilgamesh.connection ((lower(recorded)), id);
create index calibration_recorded_idx on gilgamesh.calibration ((lower(recorded)), id);
create index timing_recorded_idx on gilgamesh.timing ((lower(recorded)), id);
"""

NO_INDEXES = """
drop index gilgamesh.timing_recorded_idx;
drop index gilgamesh.calibration_recorded_idx;
drop index gilgamesh.connection_recorded_idx;
drop index gilgamesh.property_recorded_idx;
drop index gilgamesh.placement_recorded_idx;
"""
