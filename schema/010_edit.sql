-- Who changed the history of the testbed, when and why.
--
-- Everything that may turn out to be wrong (wiring, calibrations, the tree, properties, timing,
-- definitions, attributes) is kept with two times:
--   valid     when it was true at the testbed,
--   recorded  when this database knew it.
-- A correction closes `recorded` of the old row and inserts a new one. Nothing is overwritten.

create schema if not exists gilgamesh;

comment on schema gilgamesh is
  'Everything a testbed knows: raw samples, wiring, calibrations, components, shots. Start with the views signals, shots, resolved_signal and samples.';

create table gilgamesh.edit (
  id             bigint generated always as identity primary key,
  recorded_at    timestamptz not null,
  author         text not null,
  reason         text not null,
  role           text not null default session_user,
  transaction_id xid8 not null default pg_current_xact_id(),
  constraint edit_recorded_at_finite check (isfinite(recorded_at)),
  constraint edit_author_said check (btrim(author) <> ''),
  constraint edit_reason_said check (btrim(reason) <> '')
);

create index edit_recorded_at_idx on gilgamesh.edit (recorded_at);

comment on table gilgamesh.edit is
  'One act of changing the history: every row of every history table names the edit that stated it and, once superseded, the edit that closed it.';
comment on column gilgamesh.edit.id is 'Edits are numbered in the order in which they became known.';
comment on column gilgamesh.edit.recorded_at is 'When the database learned it; never runs backwards from one edit to the next.';
comment on column gilgamesh.edit.author is 'The person who states it.';
comment on column gilgamesh.edit.reason is 'Why, in the author''s words.';
comment on column gilgamesh.edit.role is 'The database role that was connected.';
comment on column gilgamesh.edit.transaction_id is 'The transaction that made the edit; edits of one transaction share their instant.';
