"""Name states of knowledge, and keep numbers that were quoted."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    op.get_bind().exec_driver_sql(
        """
        drop table gilgamesh.data_citation_input;
        drop table gilgamesh.data_citation;
        drop table gilgamesh.release;
        """
    )


TABLES = r"""
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

-- Numbers that were quoted: a key stands for them for ever.

create table gilgamesh.data_citation (
  id           bigint generated always as identity primary key,
  reference_id bigint not null unique references gilgamesh.reference,
  signal_id    bigint not null references gilgamesh.signal,
  shot         bigint not null references gilgamesh.shot,
  t0           double precision,
  t1           double precision,
  known_at     timestamptz not null,
  n            bigint not null,
  unit         text not null,
  sha256       bytea not null,
  mean         double precision,
  minimum      double precision,
  maximum      double precision,
  author       text not null,
  role         text not null default session_user,
  created_at   timestamptz not null default now(),
  constraint data_citation_window_whole check ((t0 is null) = (t1 is null) and (t0 is null or t0 < t1)),
  constraint data_citation_n_not_negative check (n >= 0),
  constraint data_citation_sha256_length check (length(sha256) = 32),
  constraint data_citation_author_said check (btrim(author) <> '')
);

create index data_citation_signal_idx on gilgamesh.data_citation (signal_id, shot);

comment on table gilgamesh.data_citation is
  'Quoted numbers: a signal of a shot, a window and a state of knowledge, with the checksum of what they gave. Never changes.';
comment on column gilgamesh.data_citation.id is 'Identity of the citation.';
comment on column gilgamesh.data_citation.reference_id is 'Its key, among all that can be cited.';
comment on column gilgamesh.data_citation.signal_id is 'The signal.';
comment on column gilgamesh.data_citation.shot is 'The shot.';
comment on column gilgamesh.data_citation.t0 is 'Begin of the window in seconds from the trigger; null for the whole signal.';
comment on column gilgamesh.data_citation.t1 is 'End of the window, not included.';
comment on column gilgamesh.data_citation.known_at is 'The instant of the last edit that was known.';
comment on column gilgamesh.data_citation.n is 'Number of samples.';
comment on column gilgamesh.data_citation.unit is 'Unit of the values.';
comment on column gilgamesh.data_citation.sha256 is
  'SHA-256 of the unit in UTF-8, a zero byte, the times and the values, both as little-endian float64; every NaN as 0x7ff8000000000000.';
comment on column gilgamesh.data_citation.mean is 'Mean of the values that are numbers.';
comment on column gilgamesh.data_citation.minimum is 'Smallest of them.';
comment on column gilgamesh.data_citation.maximum is 'Largest of them.';
comment on column gilgamesh.data_citation.author is 'Who cited it first.';
comment on column gilgamesh.data_citation.role is 'The database role that was connected.';
comment on column gilgamesh.data_citation.created_at is 'When it was cited first.';

create table gilgamesh.data_citation_input (
  citation_id bigint not null references gilgamesh.data_citation,
  signal_id   bigint not null references gilgamesh.signal,
  series_id   bigint not null references gilgamesh.series,
  primary key (citation_id, signal_id, series_id)
);

create index data_citation_input_series_idx on gilgamesh.data_citation_input (series_id);
create index data_citation_input_signal_idx on gilgamesh.data_citation_input (signal_id);

comment on table gilgamesh.data_citation_input is 'The records quoted numbers are computed from; they are kept as long as the citation is.';
comment on column gilgamesh.data_citation_input.citation_id is 'The citation.';
comment on column gilgamesh.data_citation_input.signal_id is 'The signal that was read: the cited one, or one its formula is made of.';
comment on column gilgamesh.data_citation_input.series_id is 'The record it was read from.';
"""
