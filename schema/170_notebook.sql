-- Notebooks the lab shares: every version anybody pushed, what it read, and what it cites.

create table gilgamesh.notebook_blob (
  sha256   bytea primary key,
  content  bytea not null,
  nbformat text,
  problem  text,
  constraint notebook_blob_not_too_large check (octet_length(content) between 1 and 67108864),
  constraint notebook_blob_sha256_of_content check (sha256 = pg_catalog.sha256(content)),
  constraint notebook_blob_problem_said check (btrim(problem) <> '')
);

-- Most of a large notebook are pictures, which are compressed already.
alter table gilgamesh.notebook_blob alter column content set storage external;

comment on table gilgamesh.notebook_blob is 'Contents of notebooks, byte by byte as they were pushed; the same content is stored once.';
comment on column gilgamesh.notebook_blob.sha256 is 'SHA-256 of the content.';
comment on column gilgamesh.notebook_blob.content is 'The file; 64 MB at most.';
comment on column gilgamesh.notebook_blob.nbformat is 'Version of the notebook format it says it is in, such as 4.5.';
comment on column gilgamesh.notebook_blob.problem is 'Why it is not a notebook of today''s format; null when it is one.';

create table gilgamesh.notebook_cell (
  sha256   bytea not null references gilgamesh.notebook_blob,
  position integer not null,
  kind     text not null,
  source   text not null,
  words    tsvector not null,
  primary key (sha256, position),
  constraint notebook_cell_position_not_negative check (position >= 0)
);

create index notebook_cell_words_idx on gilgamesh.notebook_cell using gin (words);

comment on table gilgamesh.notebook_cell is 'Text and code of notebooks, cell by cell, for searching; outputs are not in it.';
comment on column gilgamesh.notebook_cell.sha256 is 'The content it stands in.';
comment on column gilgamesh.notebook_cell.position is 'Cells are numbered from 0.';
comment on column gilgamesh.notebook_cell.kind is 'markdown, code or raw.';
comment on column gilgamesh.notebook_cell.source is 'What was typed into it.';
comment on column gilgamesh.notebook_cell.words is 'Its words in lower case without accents, names taken apart at underscores; the first 16 000.';

create table gilgamesh.notebook_version (
  id         bigint generated always as identity primary key,
  path       text not null,
  number     bigint not null,
  sha256     bytea references gilgamesh.notebook_blob,
  parent_id  bigint references gilgamesh.notebook_version,
  message    text not null default '',
  author     text not null,
  role       text not null default session_user,
  created_at timestamptz not null default clock_timestamp(),
  metadata   jsonb not null default '{}',
  constraint notebook_version_path_number_key unique (path, number),
  constraint notebook_version_number_positive check (number > 0),
  constraint notebook_version_author_said check (btrim(author) <> ''),
  constraint notebook_version_metadata_object check (jsonb_typeof(metadata) = 'object'),
  -- A path is the same on every system: relative, nothing hidden, nothing that climbs, no name that Windows keeps for itself.
  constraint notebook_version_path_plain check (
    length(path) <= 400 and path ~ '[^/]\.ipynb$' and path !~ '[\\<>:"|?*[:cntrl:]]'
    and path !~ '(^|/)([. ]|/|$)' and path !~ '[. ](/|$)' and path !~* '\.ipynb/'
    and path !~* '(^|/)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|/)')
);

-- Where capitals make no difference, two paths that differ in nothing else are one file.
create unique index notebook_version_lower_path_idx on gilgamesh.notebook_version (lower(path), number);
create index notebook_version_sha256_idx on gilgamesh.notebook_version (sha256);
create index notebook_version_parent_idx on gilgamesh.notebook_version (parent_id);

comment on table gilgamesh.notebook_version is 'Every version of every notebook the lab shares; a version never changes.';
comment on column gilgamesh.notebook_version.id is 'Versions are numbered in the order in which they were pushed.';
comment on column gilgamesh.notebook_version.path is 'Where it stands in the repository, for example langmuir/density.ipynb.';
comment on column gilgamesh.notebook_version.number is 'Versions of a path are counted from 1.';
comment on column gilgamesh.notebook_version.sha256 is 'Its content; null where the notebook was taken out of the repository.';
comment on column gilgamesh.notebook_version.parent_id is 'The version it was made from; of another path where it was moved or copied.';
comment on column gilgamesh.notebook_version.message is 'What was done, in the author''s words.';
comment on column gilgamesh.notebook_version.author is 'Who pushed it.';
comment on column gilgamesh.notebook_version.role is 'The database role that was connected.';
comment on column gilgamesh.notebook_version.created_at is 'When it was pushed.';
comment on column gilgamesh.notebook_version.metadata is 'What else is known of it, such as restored (a number) or executed (known_at, seconds, error).';

create table gilgamesh.notebook_input (
  id            bigint generated always as identity primary key,
  version_id    bigint not null references gilgamesh.notebook_version,
  series_id     bigint,
  signal_id     bigint not null references gilgamesh.signal,
  connection_id bigint references gilgamesh.connection,
  calibrations  bigint[] not null default '{}',
  timing_id     bigint references gilgamesh.timing,
  definition_id bigint references gilgamesh.definition,
  shot          bigint not null,
  known_at      timestamptz not null,
  pinned        boolean not null default false,
  constraint notebook_input_record_or_formula check (num_nonnulls(series_id, definition_id) = 1),
  constraint notebook_input_known_at_finite check (isfinite(known_at))
);

create index notebook_input_version_idx on gilgamesh.notebook_input (version_id);
create index notebook_input_signal_idx on gilgamesh.notebook_input (signal_id, shot);
create index notebook_input_series_idx on gilgamesh.notebook_input (series_id);

comment on table gilgamesh.notebook_input is
  'What the cells of a version read, where their outputs tell: records, wiring, calibrations and formulas, as in run_input.';
comment on column gilgamesh.notebook_input.id is 'Identity of the row.';
comment on column gilgamesh.notebook_input.version_id is 'The version.';
comment on column gilgamesh.notebook_input.series_id is 'The record that was read, which may have been released since; null for the formula of a derived signal.';
comment on column gilgamesh.notebook_input.signal_id is 'The signal it was read as.';
comment on column gilgamesh.notebook_input.connection_id is 'The connection that led from the signal to the record; null for the output of a run.';
comment on column gilgamesh.notebook_input.calibrations is 'The calibrations that were applied, in order.';
comment on column gilgamesh.notebook_input.timing_id is 'The timing that corrected the clock, if one did.';
comment on column gilgamesh.notebook_input.definition_id is 'The formula of a derived signal.';
comment on column gilgamesh.notebook_input.shot is 'The shot it was read in.';
comment on column gilgamesh.notebook_input.known_at is 'The knowledge it was read with.';
comment on column gilgamesh.notebook_input.pinned is 'Whether the notebook asked for that state of knowledge, rather than for what was known when it ran.';

create table gilgamesh.notebook_citation (
  version_id bigint not null references gilgamesh.notebook_version,
  key        text not null,
  primary key (version_id, key),
  constraint notebook_citation_key_readable check (key ~ '^[^[:space:][:cntrl:],{}]{1,200}$')
);

create index notebook_citation_key_idx on gilgamesh.notebook_citation (key);

comment on table gilgamesh.notebook_citation is 'The keys a version cites, whether or not the bibliography knows them.';
comment on column gilgamesh.notebook_citation.version_id is 'The version.';
comment on column gilgamesh.notebook_citation.key is 'What stands in \citep[key].';
