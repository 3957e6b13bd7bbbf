-- Who works with the testbed, and the secrets by which they are recognised.

-- The name is also the name of a PostgreSQL role; what a person may do follows from that role, everywhere.
create table gilgamesh.person (
  name          text primary key,
  level         text not null,
  full_name     text not null default '',
  active        boolean not null default true,
  created_at    timestamptz not null default now(),
  password_hash text,
  constraint person_name_plain check (name ~ '^[a-z][a-z0-9_-]{0,31}$' and name !~ '^(pg_|gilgamesh)'),
  constraint person_level_known check (level in ('reader', 'operator', 'admin'))
);

comment on table gilgamesh.person is
  'People who log in. Each is a PostgreSQL role of the same name, a member of gilgamesh_reader, gilgamesh_operator or gilgamesh_admin.';
comment on column gilgamesh.person.name is 'Name of the person and of the role.';
comment on column gilgamesh.person.level is 'reader, operator or admin; each may do what the one before may.';
comment on column gilgamesh.person.full_name is 'As it is written in a letter.';
comment on column gilgamesh.person.active is 'False: may not log in any more. Persons are never deleted, the history names them.';
comment on column gilgamesh.person.created_at is 'When the person became known.';
comment on column gilgamesh.person.password_hash is 'Argon2id hash of the password; null until an invitation is accepted. Only the owner of the database reads it.';

-- Invitations, logins and tokens are the same thing: a random secret somebody holds. Only its hash is kept.
create table gilgamesh.credential (
  id         bigint generated always as identity primary key,
  kind       text not null,
  person     text not null references gilgamesh.person,
  sha256     bytea not null unique,
  label      text not null default '',
  created_at timestamptz not null default now(),
  created_by text not null,
  expires_at timestamptz not null,
  used_at    timestamptz,
  ended_at   timestamptz,
  constraint credential_kind_known check (kind in ('invitation', 'session', 'token')),
  constraint credential_sha256_length check (length(sha256) = 32),
  constraint credential_expires_later check (isfinite(expires_at) and expires_at > created_at)
);

create index credential_person_idx on gilgamesh.credential (person, kind);

comment on table gilgamesh.credential is 'Invitations, logins and tokens: random secrets in the hands of people, kept as hashes.';
comment on column gilgamesh.credential.id is 'Identity of the secret.';
comment on column gilgamesh.credential.kind is 'invitation (sets a password, once), session (a login in a browser) or token (of a program).';
comment on column gilgamesh.credential.person is 'Whose it is.';
comment on column gilgamesh.credential.sha256 is 'SHA-256 of the secret. Only the owner of the database reads it.';
comment on column gilgamesh.credential.label is 'What it is for: the browser of a session, the program of a token.';
comment on column gilgamesh.credential.created_at is 'When it was handed out.';
comment on column gilgamesh.credential.created_by is 'By whom.';
comment on column gilgamesh.credential.expires_at is 'When it stops to work.';
comment on column gilgamesh.credential.used_at is 'When it was used last.';
comment on column gilgamesh.credential.ended_at is 'When it was taken back, or an invitation was accepted.';

create table gilgamesh.audit (
  id      bigint generated always as identity primary key,
  at      timestamptz not null default clock_timestamp(),
  actor   text not null,
  action  text not null,
  person  text,
  detail  text not null default '',
  address text
);

create index audit_at_idx on gilgamesh.audit (at);

comment on table gilgamesh.audit is
  'What concerned persons: invitations, logins that worked and that did not, passwords, levels. Edits of the testbed are in the table edit.';
comment on column gilgamesh.audit.id is 'Identity of the entry.';
comment on column gilgamesh.audit.at is 'When it happened.';
comment on column gilgamesh.audit.actor is 'Who did it: the role that acted.';
comment on column gilgamesh.audit.action is 'What was done, in a word or two.';
comment on column gilgamesh.audit.person is 'Whom it concerned, as written; perhaps nobody we know.';
comment on column gilgamesh.audit.detail is 'More about it.';
comment on column gilgamesh.audit.address is 'Network address it came from, if it came by one.';
