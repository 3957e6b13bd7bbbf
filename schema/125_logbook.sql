-- What people think of the records, and what they noted beside the shots.

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
