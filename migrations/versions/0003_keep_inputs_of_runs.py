"""Keep what a run read in full: timing, formulas, the shot; and the edit by which its results became known."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(UPGRADE)


def downgrade() -> None:
    op.get_bind().exec_driver_sql(DOWNGRADE)


UPGRADE = """
alter table gilgamesh.signal
  add column uncertainty_of bigint references gilgamesh.signal,
  add constraint signal_uncertainty_computed check (uncertainty_of is null or kind = 'processed');
create unique index signal_uncertainty_idx on gilgamesh.signal (uncertainty_of) where uncertainty_of is not null;
comment on column gilgamesh.signal.uncertainty_of is 'The processed signal whose standard uncertainty this one holds.';

alter table gilgamesh.run add column edit_id bigint references gilgamesh.edit;
create index run_method_idx on gilgamesh.run (method, shot);
comment on column gilgamesh.run.edit_id is 'The edit by which its results became known; null while they are written.';

alter table gilgamesh.run_input
  add column timing_id bigint references gilgamesh.timing,
  add column definition_id bigint references gilgamesh.definition,
  add column shot bigint references gilgamesh.shot;
update gilgamesh.run_input i set shot = s.shot from gilgamesh.series s where s.id = i.series_id;
alter table gilgamesh.run_input drop constraint run_input_pkey;
alter table gilgamesh.run_input
  alter column shot set not null,
  alter column series_id drop not null,
  add primary key (run_id, signal_id, shot),
  add constraint run_input_record_or_formula check (num_nonnulls(series_id, definition_id) = 1);
create index run_input_signal_idx on gilgamesh.run_input (signal_id, shot);
comment on table gilgamesh.run_input is
  'What a run read: which records, through which wiring and calibrations. A derived signal has a row with its formula, and one for each signal its formula names.';
comment on column gilgamesh.run_input.series_id is 'The record it read; null for the formula of a derived signal.';
comment on column gilgamesh.run_input.connection_id is 'The connection that led from the signal to the record; null for the output of another run.';
comment on column gilgamesh.run_input.timing_id is 'The timing that corrected the clock, if one did.';
comment on column gilgamesh.run_input.definition_id is 'The formula of a derived signal.';
comment on column gilgamesh.run_input.shot is 'The shot it was read in.';
"""

DOWNGRADE = """
drop index gilgamesh.run_input_signal_idx;
alter table gilgamesh.run_input drop constraint run_input_pkey;
delete from gilgamesh.run_input where series_id is null;
alter table gilgamesh.run_input
  drop constraint run_input_record_or_formula,
  drop column timing_id,
  drop column definition_id,
  drop column shot,
  alter column series_id set not null,
  add primary key (run_id, signal_id, series_id);
comment on table gilgamesh.run_input is 'What a run read: which records, through which wiring and calibrations.';
comment on column gilgamesh.run_input.series_id is 'The record it read.';
comment on column gilgamesh.run_input.connection_id is 'The connection that led from the signal to the record.';
drop index gilgamesh.run_method_idx;
alter table gilgamesh.run drop column edit_id;
drop index gilgamesh.signal_uncertainty_idx;
alter table gilgamesh.signal drop column uncertainty_of;
"""
