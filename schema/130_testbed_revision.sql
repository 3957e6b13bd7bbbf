-- Which revisions of the lab's testbed repository were applied, and how a thing without a history was described before.

create table gilgamesh.testbed_version (
  version_num character varying(32) not null,
  constraint testbed_version_pkc primary key (version_num)
);

comment on table gilgamesh.testbed_version is
  'The revision of the lab''s testbed repository the database is at; alembic keeps it, apart from the version of the tables.';
comment on column gilgamesh.testbed_version.version_num is 'The revision; several rows while branches were not merged yet.';

create table gilgamesh.testbed_revision (
  id             bigint generated always as identity primary key,
  revision       text not null,
  down_revisions text[] not null,
  message        text not null,
  checksum       text not null,
  action         text not null,
  edit_id        bigint not null references gilgamesh.edit,
  constraint testbed_revision_action_known check (action in ('upgrade', 'downgrade', 'stamp'))
);

create index testbed_revision_revision_idx on gilgamesh.testbed_revision (revision, id desc);
create index testbed_revision_edit_idx on gilgamesh.testbed_revision (edit_id);

comment on table gilgamesh.testbed_revision is
  'Each time a revision of the lab''s testbed repository was applied or taken back. The edits of a revision are those that share its instant.';
comment on column gilgamesh.testbed_revision.id is 'Identity of this act; the latest one of a revision says whether it is applied.';
comment on column gilgamesh.testbed_revision.revision is 'The revision, as its file names it.';
comment on column gilgamesh.testbed_revision.down_revisions is 'The revisions it follows.';
comment on column gilgamesh.testbed_revision.message is 'What it is for: the first line of its file.';
comment on column gilgamesh.testbed_revision.checksum is 'SHA-256 of its file when it was applied; a file that was changed since is refused.';
comment on column gilgamesh.testbed_revision.action is 'upgrade, downgrade, or stamp: declared as applied without running it.';
comment on column gilgamesh.testbed_revision.edit_id is 'The edit it began with: when, who, and under which database role.';

create table gilgamesh.amendment (
  id      bigint generated always as identity primary key,
  edit_id bigint references gilgamesh.edit,
  kind    text not null,
  before  jsonb,
  after   jsonb,
  constraint amendment_kind_known check (kind in ('component', 'port', 'signal', 'alias', 'attribute', 'shot')),
  constraint amendment_changes_something check (before is distinct from after)
);

create index amendment_edit_idx on gilgamesh.amendment (edit_id);

comment on table gilgamesh.amendment is
  'How a component, port, signal, alias or attribute was described before and after each change of the description, and when it was made known; and to which program a shot belonged.';
comment on column gilgamesh.amendment.id is 'Identity of the change, in order.';
comment on column gilgamesh.amendment.edit_id is 'The edit that made it; null for what the owner wrote without one.';
comment on column gilgamesh.amendment.kind is 'The table that holds it.';
comment on column gilgamesh.amendment.before is 'The row before; null when it was made known.';
comment on column gilgamesh.amendment.after is 'The row after; null when an alias was dropped.';
