"""Keep what computed attributes were computed from, how far records can be trusted, and the logbook."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(UPGRADE)


def downgrade() -> None:
    op.get_bind().exec_driver_sql(DOWNGRADE)


UPGRADE = """
alter table gilgamesh.attribute_value
  add column stale_by_id bigint references gilgamesh.edit,
  add constraint attribute_value_stale_by_someone check (stale or stale_by_id is null);
comment on column gilgamesh.attribute_value.stale_by_id is 'The edit that made it stale.';

create table gilgamesh.attribute_input (
  value_id       bigint not null references gilgamesh.attribute_value on delete cascade,
  series_id      bigint references gilgamesh.series,
  signal_id      bigint not null references gilgamesh.signal,
  connection_id  bigint references gilgamesh.connection,
  calibrations   bigint[] not null default '{}',
  timing_id      bigint references gilgamesh.timing,
  definition_id  bigint references gilgamesh.definition,
  shot           bigint not null references gilgamesh.shot,
  primary key (value_id, signal_id, shot),
  constraint attribute_input_record_or_formula check (num_nonnulls(series_id, definition_id) = 1)
);

create index attribute_input_series_idx on gilgamesh.attribute_input (series_id);
create index attribute_input_signal_idx on gilgamesh.attribute_input (signal_id, shot);

comment on table gilgamesh.attribute_input is 'What a computed value of an attribute was computed from: records, wiring, calibrations and formulas, as in run_input.';
comment on column gilgamesh.attribute_input.value_id is 'The value.';
comment on column gilgamesh.attribute_input.series_id is 'The record that was read; null for the formula of a derived signal.';
comment on column gilgamesh.attribute_input.signal_id is 'The signal it was read as.';
comment on column gilgamesh.attribute_input.connection_id is 'The connection that led from the signal to the record; null for the output of a run.';
comment on column gilgamesh.attribute_input.calibrations is 'The calibrations that were applied, in order.';
comment on column gilgamesh.attribute_input.timing_id is 'The timing that corrected the clock, if one did.';
comment on column gilgamesh.attribute_input.definition_id is 'The formula of a derived signal.';
comment on column gilgamesh.attribute_input.shot is 'The shot it was read in.';

create table gilgamesh.quality_flag (
  id           bigint generated always as identity primary key,
  signal_id    bigint not null references gilgamesh.signal,
  shot         bigint not null references gilgamesh.shot,
  flag         text not null,
  since        double precision not null default '-infinity',
  until        double precision not null default 'infinity',
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  constraint quality_flag_known check (flag in ('bad', 'doubtful', 'good', 'validated')),
  constraint quality_flag_window_not_empty check (since < until and until <> 'NaN'),
  constraint quality_flag_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint quality_flag_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null)),
  constraint quality_flag_one_at_a_time exclude using gist (
    int8range(signal_id, signal_id, '[]') with &&, int8range(shot, shot, '[]') with &&,
    numrange(since::numeric, until::numeric) with &&, recorded with &&)
);

create index quality_flag_signal_idx on gilgamesh.quality_flag (signal_id, shot);
create index quality_flag_shot_idx on gilgamesh.quality_flag (shot);

comment on table gilgamesh.quality_flag is 'How far a record, or a window of it, can be trusted. What has no row was not checked.';
comment on column gilgamesh.quality_flag.id is 'Identity of this statement.';
comment on column gilgamesh.quality_flag.signal_id is 'The signal.';
comment on column gilgamesh.quality_flag.shot is 'The shot.';
comment on column gilgamesh.quality_flag.flag is 'bad, doubtful, good or validated.';
comment on column gilgamesh.quality_flag.since is 'Beginning of the window, in seconds from the trigger; -infinity for the whole record.';
comment on column gilgamesh.quality_flag.until is 'End of the window, not included; infinity for the whole record.';
comment on column gilgamesh.quality_flag.recorded is 'When the database knew it, half-open; open while it is believed.';
comment on column gilgamesh.quality_flag.edit_id is 'The edit that stated it.';
comment on column gilgamesh.quality_flag.closed_by_id is 'The edit that superseded or withdrew it.';

create table gilgamesh.log_entry (
  id           bigint generated always as identity primary key,
  shot         bigint references gilgamesh.shot,
  text         text not null,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  words        tsvector generated always as (to_tsvector('simple', text) || to_tsvector('english', text)) stored,
  constraint log_entry_text_said check (btrim(text) <> ''),
  constraint log_entry_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint log_entry_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null))
);

create index log_entry_shot_idx on gilgamesh.log_entry (shot);
create index log_entry_words_idx on gilgamesh.log_entry using gin (words);

comment on table gilgamesh.log_entry is 'The logbook: what people noted beside a shot, or without one.';
comment on column gilgamesh.log_entry.id is 'Identity of the entry.';
comment on column gilgamesh.log_entry.shot is 'The shot it tells about, if it is about one.';
comment on column gilgamesh.log_entry.text is 'What was noted.';
comment on column gilgamesh.log_entry.recorded is 'When the database knew it, half-open; open while it stands.';
comment on column gilgamesh.log_entry.edit_id is 'The edit that wrote it; it names the author.';
comment on column gilgamesh.log_entry.closed_by_id is 'The edit that struck it out.';
comment on column gilgamesh.log_entry.words is 'Its words as written and their English stems, for searching.';
"""

DOWNGRADE = """
drop table gilgamesh.log_entry;
drop table gilgamesh.quality_flag;
drop table gilgamesh.attribute_input;
alter table gilgamesh.attribute_value drop column stale_by_id;
"""
