"""Keep the points a calibration was fitted to, and what is known of the resolution and noise of a port."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(FORTH)


def downgrade() -> None:
    op.get_bind().exec_driver_sql(BACK)


FORTH = """
alter table gilgamesh.calibration add column fit jsonb;
alter table gilgamesh.calibration add constraint calibration_fit_object check (jsonb_typeof(fit) = 'object');
comment on column gilgamesh.calibration.fit is 'The measured points the numbers were fitted to, and how; null where they were not.';
comment on column gilgamesh.calibration.covariance is 'Covariance matrix of the parameters of the steps, one step after another, or a list of their variances; null where it is not known.';

-- Until now a matrix was written row by row in a plain list.
update gilgamesh.calibration k
   set covariance = (
     select array_agg(k.covariance[n * p.count + 1 : (n + 1) * p.count] order by n) from generate_series(0, p.count - 1) n)
 from (select id, jsonb_array_length(steps -> 0 -> 'coefficients') as count from gilgamesh.calibration) p
 where p.id = k.id and array_ndims(k.covariance) = 1 and p.count > 1 and jsonb_array_length(k.steps) = 1
   and k.steps -> 0 ->> 'function' = 'polynomial' and cardinality(k.covariance) = p.count * p.count;

alter table gilgamesh.port add column resolution double precision;
alter table gilgamesh.port add column noise double precision;
alter table gilgamesh.port add constraint port_resolution_not_negative check (resolution = 0 or resolution between 1e-100 and 1e100);
alter table gilgamesh.port add constraint port_noise_not_negative check (noise = 0 or noise between 1e-100 and 1e100);
comment on column gilgamesh.port.resolution is 'Smallest step of the raw samples, in their unit; null: 1 for whole numbers, unknown for others.';
comment on column gilgamesh.port.noise is 'Standard deviation of a raw sample at a constant input, rounding aside; null where it was not measured.';
"""

BACK = """
alter table gilgamesh.port drop column noise;
alter table gilgamesh.port drop column resolution;
update gilgamesh.calibration
   set covariance = array(select unnest(covariance)) where array_ndims(covariance) = 2;
alter table gilgamesh.calibration drop column fit;
comment on column gilgamesh.calibration.covariance is 'Covariance matrix of the coefficients of the only step, row by row, where it is known.';
"""
