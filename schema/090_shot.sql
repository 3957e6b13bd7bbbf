-- The discharges, and the single numbers and words that describe each of them.

create table gilgamesh.program (
  id          bigint generated always as identity primary key,
  name        text not null unique,
  description text not null default '',
  constraint program_name_readable check (name = btrim(name) and length(name) between 1 and 200 and name !~ '[[:cntrl:]]')
);

comment on table gilgamesh.program is 'Experimental programs and campaigns that shots belong to.';
comment on column gilgamesh.program.id is 'Identity of the program.';
comment on column gilgamesh.program.name is 'What people call it; unique.';
comment on column gilgamesh.program.description is 'One sentence for people.';

create table gilgamesh.shot (
  number     bigint primary key,
  started_at timestamptz not null,
  duration   double precision not null default 0,
  program_id bigint references gilgamesh.program,
  status     text not null default 'complete',
  constraint shot_number_not_negative check (number >= 0),
  constraint shot_started_at_finite check (isfinite(started_at)),
  constraint shot_duration_finite check (duration >= 0 and duration < 'infinity'),
  constraint shot_status_known check (status in ('running', 'complete', 'interrupted'))
);

create index shot_started_at_idx on gilgamesh.shot (started_at);
create index shot_program_idx on gilgamesh.shot (program_id);

comment on table gilgamesh.shot is 'One discharge of the testbed. Time zero of its signals is the trigger.';
comment on column gilgamesh.shot.number is 'Shot number.';
comment on column gilgamesh.shot.started_at is 'Instant of the trigger; it decides which wiring and calibrations apply.';
comment on column gilgamesh.shot.duration is 'Length of the record, in seconds.';
comment on column gilgamesh.shot.program_id is 'The program it belongs to.';
comment on column gilgamesh.shot.status is 'running, complete or interrupted.';

create table gilgamesh.attribute (
  id          bigint generated always as identity primary key,
  name        text not null unique,
  kind        text not null,
  unit        text references gilgamesh.unit (symbol),
  rule        text,
  description text not null default '',
  withdrawn_by_id bigint references gilgamesh.edit,
  constraint attribute_name_identifier check (name ~ '^[A-Za-z_][A-Za-z0-9_]*$' and length(name) <= 100),
  constraint attribute_kind_known check (kind in ('number', 'text', 'boolean')),
  constraint attribute_unit_of_numbers check (unit is null or kind = 'number'),
  constraint attribute_rule_of_numbers check (rule is null or kind = 'number')
);

comment on table gilgamesh.attribute is 'What can be said of a shot in one number or word (0D): Gas, Useful, Comment, MaxH_Pinj …';
comment on column gilgamesh.attribute.id is 'Identity of the attribute.';
comment on column gilgamesh.attribute.name is 'Name, as used in conditions such as Gas == ''Argon''.';
comment on column gilgamesh.attribute.kind is 'number, text or boolean.';
comment on column gilgamesh.attribute.unit is 'Unit of a number.';
comment on column gilgamesh.attribute.rule is 'How it is computed from signals, for example max(IC_Pinj); null when people or files state it.';
comment on column gilgamesh.attribute.description is 'One sentence for people.';
comment on column gilgamesh.attribute.withdrawn_by_id is 'The edit that took the name back; null while it is in use.';

create table gilgamesh.attribute_value (
  id           bigint generated always as identity primary key,
  attribute_id bigint not null references gilgamesh.attribute,
  shot         bigint not null references gilgamesh.shot,
  number       double precision,
  text         text,
  boolean      boolean,
  stale        boolean not null default false,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  stale_by_id  bigint references gilgamesh.edit,
  constraint attribute_value_exactly_one check (num_nonnulls(number, text, boolean) = 1),
  constraint attribute_value_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint attribute_value_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null)),
  constraint attribute_value_one_at_a_time exclude using gist (
    int8range(attribute_id, attribute_id, '[]') with &&, int8range(shot, shot, '[]') with &&, recorded with &&),
  constraint attribute_value_stale_by_someone check (stale or stale_by_id is null)
);

create index attribute_value_shot_idx on gilgamesh.attribute_value (shot, attribute_id);
create index attribute_value_number_idx on gilgamesh.attribute_value (attribute_id, number);

comment on table gilgamesh.attribute_value is 'Values of attributes; a corrected value closes the old one, so the old one can still be read.';
comment on column gilgamesh.attribute_value.id is 'Identity of this statement.';
comment on column gilgamesh.attribute_value.attribute_id is 'The attribute.';
comment on column gilgamesh.attribute_value.shot is 'The shot it describes.';
comment on column gilgamesh.attribute_value.number is 'Value of an attribute of kind number.';
comment on column gilgamesh.attribute_value.text is 'Value of an attribute of kind text.';
comment on column gilgamesh.attribute_value.boolean is 'Value of an attribute of kind boolean.';
comment on column gilgamesh.attribute_value.stale is 'A computed value whose wiring or calibration changed since it was computed.';
comment on column gilgamesh.attribute_value.recorded is 'When the database knew it, half-open; open while it is believed.';
comment on column gilgamesh.attribute_value.edit_id is 'The edit that stated it.';
comment on column gilgamesh.attribute_value.closed_by_id is 'The edit that superseded or withdrew it.';
comment on column gilgamesh.attribute_value.stale_by_id is 'The edit that made it stale.';
