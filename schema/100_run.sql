-- Stored analyses: what was computed, how, and from what.

create table gilgamesh.run (
  id         bigint generated always as identity primary key,
  method     text not null,
  version    text not null,
  parameters jsonb not null default '{}',
  shot       bigint references gilgamesh.shot,
  known_at   timestamptz not null,
  author     text not null,
  started_at timestamptz not null default now(),
  edit_id    bigint references gilgamesh.edit,
  constraint run_method_readable check (method = btrim(method) and length(method) between 1 and 200 and method !~ '[[:cntrl:]]'),
  constraint run_known_at_finite check (isfinite(known_at))
);

create index run_shot_idx on gilgamesh.run (shot);
create index run_method_idx on gilgamesh.run (method, shot);

comment on table gilgamesh.run is 'One stored analysis of one shot; its outputs are series of processed signals.';
comment on column gilgamesh.run.id is 'Identity of the run.';
comment on column gilgamesh.run.method is 'Name of the method, for example langmuir-sweep.';
comment on column gilgamesh.run.version is 'Version of the method.';
comment on column gilgamesh.run.parameters is 'Every parameter the method was given.';
comment on column gilgamesh.run.shot is 'The shot it analysed.';
comment on column gilgamesh.run.known_at is 'The knowledge of wiring and calibrations it used.';
comment on column gilgamesh.run.author is 'Who ran it.';
comment on column gilgamesh.run.started_at is 'When it was run.';
comment on column gilgamesh.run.edit_id is 'The edit by which its results became known; null while they are written.';
