-- Reading and editing the bibliography.

-- Which records are there, with what a record takes over from the one it refers to (crossref)?
create view gilgamesh.bibliography with (security_invoker = true) as
with believed as not materialized (
  select r.id, r.key, t.kind, t.raw, t.fields, t.authors, t.words, t.origin, t.line, e.recorded_at, e.author as stated_by
    from gilgamesh.reference r
    join gilgamesh.reference_text t on t.reference_id = r.id
    join gilgamesh.edit e on e.id = t.edit_id
   where t.recorded @> (select gilgamesh.known_at())
)
select b.id as reference_id,
       b.key,
       b.kind,
       b.fields ->> 'title' as title,
       case when b.authors <> '{}' then b.authors else coalesce(parent.authors, '{}') end as authors,
       (substring(coalesce(b.fields ->> 'year', b.fields ->> 'date', parent.fields ->> 'year', parent.fields ->> 'date')
                  from '[0-9]{4}'))::int as year,
       coalesce(parent.fields, '{}') || b.fields as fields,
       coalesce((select array_agg(g.tag order by g.tag) from gilgamesh.reference_tag g where g.reference_id = b.id), '{}') as tags,
       coalesce((select array_agg(d.name order by d.id) from gilgamesh.reference_document d
                  where d.reference_id = b.id and d.recorded @> (select gilgamesh.known_at())), '{}') as documents,
       b.raw,
       b.words,
       b.origin,
       b.line,
       b.recorded_at,
       b.stated_by
  from believed b
  left join lateral (
    select p.fields, p.authors from believed p
     where lower(p.key) = lower(b.fields ->> 'crossref') and p.id <> b.id
     order by p.key = b.fields ->> 'crossref' desc, p.id limit 1
  ) parent on b.fields ? 'crossref';

comment on view gilgamesh.bibliography is 'The bibliography: one row per record that is believed, search it with words like ''%helicon%''.';
comment on column gilgamesh.bibliography.reference_id is 'Identity of the reference.';
comment on column gilgamesh.bibliography.key is 'What it is cited by.';
comment on column gilgamesh.bibliography.kind is 'article, book, inproceedings …';
comment on column gilgamesh.bibliography.title is 'Title.';
comment on column gilgamesh.bibliography.authors is 'Authors, or editors where there are none.';
comment on column gilgamesh.bibliography.year is 'Year, where there is one.';
comment on column gilgamesh.bibliography.fields is 'All fields, with those taken over by crossref.';
comment on column gilgamesh.bibliography.tags is 'Words people sort it by.';
comment on column gilgamesh.bibliography.documents is 'Names of the attached documents.';
comment on column gilgamesh.bibliography.raw is 'The BibTeX record as it was written.';
comment on column gilgamesh.bibliography.words is 'Key and fields in lower case without accents.';
comment on column gilgamesh.bibliography.origin is 'The file it came from.';
comment on column gilgamesh.bibliography.line is 'The line of that file.';
comment on column gilgamesh.bibliography.recorded_at is 'When it became known.';
comment on column gilgamesh.bibliography.stated_by is 'Who stated it.';

-- Which reference has this key?
create function gilgamesh.reference_of(key text) returns bigint
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  found bigint;
begin
  select r.id into found from reference r where r.key = reference_of.key;
  if found is null then
    raise exception using errcode = 'GG020', message = format('no reference %L', reference_of.key),
      hint = 'Search with: gilgamesh bib search WORD';
  end if;
  return found;
end
$$;

-- State records of the bibliography, many at once: a json array of objects with key, kind, raw, fields, authors, words,
-- origin and line. A record that says what is believed already changes nothing. How many changed?
create function gilgamesh.state_references(records jsonb, reason text default null) returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit(state_references.reason);
  changed bigint;
begin
  create temporary table stated on commit drop as
    select * from jsonb_to_recordset(state_references.records)
      as s(key text, kind text, raw text, fields jsonb, authors text[], words text, origin text, line bigint);
  insert into reference (key) select s.key from pg_temp.stated s on conflict do nothing;
  -- What is believed already is left alone, under the name of whoever stated it first.
  delete from pg_temp.stated s
   using reference r, reference_text t
   where r.key = s.key and t.reference_id = r.id and upper_inf(t.recorded) and t.raw = s.raw and t.fields = s.fields;
  perform close_references(array(select r.id from reference r join pg_temp.stated s on s.key = r.key), e);
  insert into reference_text (reference_id, kind, raw, fields, authors, words, origin, line, recorded, edit_id)
  select r.id, s.kind, s.raw, s.fields, coalesce(s.authors, '{}'), coalesce(s.words, ''), coalesce(s.origin, ''), s.line,
         tstzrange(e.recorded_at, null), e.id
    from pg_temp.stated s join reference r on r.key = s.key;
  get diagnostics changed = row_count;
  drop table pg_temp.stated;
  return changed;
end
$$;

comment on function gilgamesh.state_references(jsonb, text) is
  'States records of the bibliography; those that say nothing new change nothing. Returns how many changed.';

-- Stop believing what is said of these references.
create function gilgamesh.close_references(ids bigint[], edit gilgamesh.edit) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  delete from reference_text t where t.reference_id = any (ids) and upper_inf(t.recorded) and lower(t.recorded) = edit.recorded_at;
  update reference_text t set recorded = tstzrange(lower(t.recorded), edit.recorded_at), closed_by_id = edit.id
   where t.reference_id = any (ids) and upper_inf(t.recorded);
end
$$;

-- Take a record out of the bibliography. Its key is never given to anything else, and the record stays readable as of then.
create function gilgamesh.withdraw_reference(key text, reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit(withdraw_reference.reason);
  found bigint := reference_of(withdraw_reference.key);
begin
  perform close_references(array[found], e);
end
$$;

comment on function gilgamesh.withdraw_reference(text, text) is 'Takes a record out of the bibliography; what was known stays readable.';

-- State a passage between the records. A string replaces the string of that name; others are added unless they are there.
create function gilgamesh.state_passage(kind text, name text, raw text, reason text default null) returns boolean
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit(state_passage.reason);
begin
  if exists (select from bibliography_passage p
              where upper_inf(p.recorded) and p.kind = state_passage.kind and p.raw = state_passage.raw) then
    return false;
  end if;
  if state_passage.kind = 'string' then
    delete from bibliography_passage p
     where upper_inf(p.recorded) and lower(p.name) = lower(state_passage.name) and lower(p.recorded) = e.recorded_at;
    update bibliography_passage p set recorded = tstzrange(lower(p.recorded), e.recorded_at), closed_by_id = e.id
     where upper_inf(p.recorded) and lower(p.name) = lower(state_passage.name);
  end if;
  insert into bibliography_passage (kind, name, raw, recorded, edit_id)
       values (state_passage.kind, state_passage.name, state_passage.raw, tstzrange(e.recorded_at, null), e.id);
  return true;
end
$$;

comment on function gilgamesh.state_passage(text, text, text, text) is
  'States an @string, @preamble or comment of the bibliography; false when it was there already.';

-- Attach a document to a reference. One of the same name takes its place.
create function gilgamesh.attach_document(key text, name text, media_type text, content bytea, reason text default null) returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit(attach_document.reason);
  found bigint := reference_of(attach_document.key);
  written bigint;
begin
  perform detach_document(attach_document.key, attach_document.name)
    from reference_document d where d.reference_id = found and d.name = attach_document.name and upper_inf(d.recorded);
  insert into reference_document (reference_id, name, media_type, content, sha256, recorded, edit_id)
       values (found, attach_document.name, attach_document.media_type, attach_document.content,
               sha256(attach_document.content), tstzrange(e.recorded_at, null), e.id)
    returning id into written;
  return written;
end
$$;

comment on function gilgamesh.attach_document(text, text, text, bytea, text) is
  'Attaches a document, such as the PDF, to a reference; one of the same name is replaced.';

-- Take a document away from a reference.
create function gilgamesh.detach_document(key text, name text, reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit(detach_document.reason);
  owner bigint := reference_of(detach_document.key);
  here bigint;
begin
  select d.id into here from reference_document d
   where d.reference_id = owner and d.name = detach_document.name and upper_inf(d.recorded);
  if here is null then
    raise exception using errcode = 'GG020',
      message = format('reference %L has no document %L', detach_document.key, detach_document.name),
      hint = 'See what it has with: gilgamesh bib show KEY';
  end if;
  delete from reference_document d where d.id = here and lower(d.recorded) = e.recorded_at;
  update reference_document d set recorded = tstzrange(lower(d.recorded), e.recorded_at), closed_by_id = e.id where d.id = here;
end
$$;

comment on function gilgamesh.detach_document(text, text, text) is 'Takes a document away from a reference.';

-- Sort a reference under these words, and no others.
create function gilgamesh.tag_reference(key text, tags text[]) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  wanted bigint := reference_of(tag_reference.key);
begin
  delete from reference_tag g where g.reference_id = wanted and g.tag <> all (tag_reference.tags);
  insert into reference_tag (reference_id, tag)
  select wanted, btrim(t) from unnest(tag_reference.tags) t on conflict do nothing;
end
$$;

comment on function gilgamesh.tag_reference(text, text[]) is 'Sorts a reference under these words, and no others.';
