-- How the time of a device relates to the trigger of the shot.

create table gilgamesh.timing (
  id           bigint generated always as identity primary key,
  device_id    bigint not null references gilgamesh.component,
  start_offset double precision not null default 0,
  clock_rate   double precision not null default 1,
  valid        tstzrange not null,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  constraint timing_start_offset_finite check (start_offset > '-infinity' and start_offset < 'infinity'),
  constraint timing_clock_rate_near_one check (clock_rate between 0.5 and 2.0),
  constraint timing_valid_not_empty check (not isempty(valid)),
  constraint timing_valid_half_open check ((lower_inf(valid) or lower_inc(valid)) and not upper_inc(valid)),
  constraint timing_valid_finite check (isfinite(coalesce(lower(valid), 'epoch')) and isfinite(coalesce(upper(valid), 'epoch'))),
  constraint timing_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint timing_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null)),
  constraint timing_one_at_a_time exclude using gist (
    int8range(device_id, device_id, '[]') with &&, valid with &&, recorded with &&)
);

create index timing_device_idx on gilgamesh.timing (device_id, (coalesce(lower(valid), '-infinity')) desc);
create index timing_recorded_idx on gilgamesh.timing ((lower(recorded)), id);

comment on table gilgamesh.timing is
  'Correction of the clock of a device: time = start_offset + clock_rate * recorded time. A device without a row is on time.';
comment on column gilgamesh.timing.id is 'Identity of this statement.';
comment on column gilgamesh.timing.device_id is 'The device whose clock is corrected.';
comment on column gilgamesh.timing.start_offset is 'Seconds to add: 2.078 for a log that starts 2.078 s late.';
comment on column gilgamesh.timing.clock_rate is 'Seconds of the trigger''s clock per second of the device''s clock.';
comment on column gilgamesh.timing.valid is 'When it was true at the testbed, half-open.';
comment on column gilgamesh.timing.recorded is 'When the database knew it, half-open; open while it is believed.';
comment on column gilgamesh.timing.edit_id is 'The edit that stated it.';
comment on column gilgamesh.timing.closed_by_id is 'The edit that superseded or withdrew it.';
