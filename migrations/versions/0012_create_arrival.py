"""Keep what became of the files that came in."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(TABLE)


def downgrade() -> None:
    op.get_bind().exec_driver_sql("drop table gilgamesh.arrival")


TABLE = r"""
-- Files that came in: which wait, which were loaded, which were refused and why.

create table gilgamesh.arrival (
  id          bigint generated always as identity primary key,
  host        text not null,
  path        text not null,
  via         text not null,
  state       text not null default 'waiting',
  reason      text not null default '',
  size        bigint not null,
  modified_at timestamptz not null,
  shots       bigint[] not null default '{}',
  options     jsonb not null default '{}',
  noticed_at  timestamptz not null default now(),
  settled_at  timestamptz,
  role        text not null default session_user,
  unique (host, path),
  constraint arrival_via_known check (via in ('load', 'watch')),
  constraint arrival_state_known check (state in ('waiting', 'loaded', 'refused')),
  constraint arrival_refused_for_a_reason check (state <> 'refused' or btrim(reason) <> ''),
  constraint arrival_settled_or_waiting check ((state = 'waiting') = (settled_at is null)),
  constraint arrival_size_not_negative check (size >= 0)
);

create index arrival_state_idx on gilgamesh.arrival (state, host) where state <> 'loaded';

comment on table gilgamesh.arrival is
  'Files that came in: the queue of what waits, what was loaded, and what was refused with its reason. The samples do not depend on it.';
comment on column gilgamesh.arrival.id is 'Identity of the entry.';
comment on column gilgamesh.arrival.host is 'The computer that sees the file.';
comment on column gilgamesh.arrival.path is 'Where it is on that computer.';
comment on column gilgamesh.arrival.via is 'load: named in a gilgamesh load; watch: found by gilgamesh watch.';
comment on column gilgamesh.arrival.state is 'waiting, loaded or refused.';
comment on column gilgamesh.arrival.reason is 'Why it was refused, what it still waits for, or a remark about how it was loaded.';
comment on column gilgamesh.arrival.size is 'Bytes, when it was last looked at.';
comment on column gilgamesh.arrival.modified_at is 'When it was changed last, by the clock of that computer.';
comment on column gilgamesh.arrival.shots is 'The shots it belongs to, when it was loaded.';
comment on column gilgamesh.arrival.options is 'What it is to be read with, as given to load or watch.';
comment on column gilgamesh.arrival.noticed_at is 'When it was noticed first.';
comment on column gilgamesh.arrival.settled_at is 'When it was loaded or refused; null while it waits.';
comment on column gilgamesh.arrival.role is 'The database role that noticed it.';
"""
