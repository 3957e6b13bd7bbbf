"""Create the tables of the bibliography."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(BIBLIOGRAPHY.replace("%", "%%"))


def downgrade() -> None:
    op.get_bind().exec_driver_sql(
        "drop table gilgamesh.reference_tag, gilgamesh.reference_document, gilgamesh.bibliography_passage, "
        "gilgamesh.reference_text, gilgamesh.reference"
    )


BIBLIOGRAPHY = r"""
-- What the lab has read and cites: BibTeX records, nothing of them lost.

create table gilgamesh.reference (
  id  bigint generated always as identity primary key,
  key text not null unique,
  constraint reference_key_readable check (key ~ '^[^[:space:][:cntrl:],{}]{1,200}$')
);

-- A record refers to another (crossref) whatever the case of its letters.
create index reference_lower_key_idx on gilgamesh.reference (lower(key));

comment on table gilgamesh.reference is 'Everything that can be cited by a key. A key stands for one thing for ever.';
comment on column gilgamesh.reference.id is 'Identity of the reference.';
comment on column gilgamesh.reference.key is 'What it is cited by: \citep[key].';

create table gilgamesh.reference_text (
  id           bigint generated always as identity primary key,
  reference_id bigint not null references gilgamesh.reference,
  kind         text not null,
  raw          text not null,
  fields       jsonb not null,
  authors      text[] not null default '{}',
  words        text not null default '',
  origin       text not null default '',
  line         bigint,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  constraint reference_text_kind_word check (kind ~ '^[^[:space:][:cntrl:],{}@]{1,100}$'),
  constraint reference_text_raw_said check (btrim(raw) <> '' and length(raw) <= 1000000),
  constraint reference_text_fields_object check (jsonb_typeof(fields) = 'object'),
  constraint reference_text_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint reference_text_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null)),
  constraint reference_text_one_at_a_time exclude using gist (
    int8range(reference_id, reference_id, '[]') with &&, recorded with &&)
);

create index reference_text_reference_idx on gilgamesh.reference_text (reference_id);

comment on table gilgamesh.reference_text is 'The records themselves; a newer one closes the older, which can still be read.';
comment on column gilgamesh.reference_text.id is 'Identity of this record.';
comment on column gilgamesh.reference_text.reference_id is 'What it describes.';
comment on column gilgamesh.reference_text.kind is 'article, book, inproceedings …';
comment on column gilgamesh.reference_text.raw is 'The BibTeX record as it was written, letter by letter.';
comment on column gilgamesh.reference_text.fields is 'Its fields for people: abbreviations put in, LaTeX turned into plain letters, names in lower case.';
comment on column gilgamesh.reference_text.authors is 'Authors, or editors where there are none: first name first.';
comment on column gilgamesh.reference_text.words is 'What a search looks through: key and fields in lower case without accents.';
comment on column gilgamesh.reference_text.origin is 'The file it came from.';
comment on column gilgamesh.reference_text.line is 'Where it began in that file, counted from 1.';
comment on column gilgamesh.reference_text.recorded is 'When the database knew it, half-open; open while it is today''s.';
comment on column gilgamesh.reference_text.edit_id is 'The edit that stated it.';
comment on column gilgamesh.reference_text.closed_by_id is 'The edit that superseded or withdrew it.';

create table gilgamesh.bibliography_passage (
  id           bigint generated always as identity primary key,
  kind         text not null,
  name         text,
  raw          text not null,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  constraint bibliography_passage_kind_known check (kind in ('string', 'preamble', 'comment')),
  constraint bibliography_passage_string_named check ((kind = 'string') = (name is not null)),
  constraint bibliography_passage_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint bibliography_passage_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null))
);

comment on table gilgamesh.bibliography_passage is 'What stands between the records of a bibliography: @string abbreviations, @preamble, comments.';
comment on column gilgamesh.bibliography_passage.id is 'Passages are kept in this order.';
comment on column gilgamesh.bibliography_passage.kind is 'string, preamble or comment.';
comment on column gilgamesh.bibliography_passage.name is 'What a string abbreviates; upper and lower case are the same.';
comment on column gilgamesh.bibliography_passage.raw is 'The passage as it was written.';
comment on column gilgamesh.bibliography_passage.recorded is 'When the database knew it, half-open; open while it is today''s.';
comment on column gilgamesh.bibliography_passage.edit_id is 'The edit that stated it.';
comment on column gilgamesh.bibliography_passage.closed_by_id is 'The edit that superseded it.';

create table gilgamesh.reference_document (
  id           bigint generated always as identity primary key,
  reference_id bigint not null references gilgamesh.reference,
  name         text not null,
  media_type   text not null,
  content      bytea not null,
  sha256       bytea not null,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  constraint reference_document_name_plain check (name ~ '^[^/\\[:cntrl:]]{1,200}$'),
  constraint reference_document_media_type_plain check (media_type ~ '^[a-z0-9.+-]+/[a-z0-9.+-]+$'),
  constraint reference_document_not_too_large check (octet_length(content) between 1 and 104857600),
  constraint reference_document_sha256_full check (octet_length(sha256) = 32),
  constraint reference_document_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint reference_document_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null))
);

alter table gilgamesh.reference_document alter column content set storage external;

create index reference_document_reference_idx on gilgamesh.reference_document (reference_id);

comment on table gilgamesh.reference_document is 'The documents themselves: the PDF of a paper, a scanned data sheet.';
comment on column gilgamesh.reference_document.id is 'Identity of the document.';
comment on column gilgamesh.reference_document.reference_id is 'The reference it belongs to.';
comment on column gilgamesh.reference_document.name is 'File name.';
comment on column gilgamesh.reference_document.media_type is 'What it is, such as application/pdf.';
comment on column gilgamesh.reference_document.content is 'The file; 100 MB at most.';
comment on column gilgamesh.reference_document.sha256 is 'Checksum of the content.';
comment on column gilgamesh.reference_document.recorded is 'When it was attached and taken away again, half-open.';
comment on column gilgamesh.reference_document.edit_id is 'The edit that attached it.';
comment on column gilgamesh.reference_document.closed_by_id is 'The edit that took it away.';

create table gilgamesh.reference_tag (
  reference_id bigint not null references gilgamesh.reference,
  tag          text not null,
  primary key (reference_id, tag),
  constraint reference_tag_plain check (tag ~ '^[^[:cntrl:],]{1,100}$' and tag = btrim(tag))
);

comment on table gilgamesh.reference_tag is 'Words people sort references by.';
comment on column gilgamesh.reference_tag.reference_id is 'The reference.';
comment on column gilgamesh.reference_tag.tag is 'The word.';
"""
