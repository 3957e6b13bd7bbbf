-- Named states of knowledge: what a paper or a talk stands on.

create table gilgamesh.release (
  name        text primary key,
  known_at    timestamptz not null,
  description text not null default '',
  author      text not null,
  role        text not null default session_user,
  created_at  timestamptz not null default now(),
  constraint release_name_plain check (name ~ '^[A-Za-z][A-Za-z0-9._-]{0,99}$'),
  constraint release_author_said check (btrim(author) <> '')
);

comment on table gilgamesh.release is 'Names for states of knowledge. A release never changes: no later edit reaches it.';
comment on column gilgamesh.release.name is 'The name, for example paper-2026; it begins with a letter, so that it is never taken for a time.';
comment on column gilgamesh.release.known_at is 'The instant of the last edit it includes.';
comment on column gilgamesh.release.description is 'What it is for.';
comment on column gilgamesh.release.author is 'Who made it.';
comment on column gilgamesh.release.role is 'The database role that was connected.';
comment on column gilgamesh.release.created_at is 'When it was made.';
