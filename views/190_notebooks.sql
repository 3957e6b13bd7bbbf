-- The repository of notebooks: pushed as versions, never changed, and asked what they read.

-- What was pushed stays as it is, whoever asks.
create function gilgamesh.guard_notebook() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  raise exception using errcode = 'GG009', message = 'a version of a notebook never changes',
    hint = 'Push a new version; the old one stays readable.';
end
$$;

create trigger notebook_version_stays before update or delete on gilgamesh.notebook_version
  for each row execute function gilgamesh.guard_notebook();
create trigger notebook_blob_stays before update or delete on gilgamesh.notebook_blob
  for each row execute function gilgamesh.guard_notebook();
create trigger notebook_cell_stays before update or delete on gilgamesh.notebook_cell
  for each row execute function gilgamesh.guard_notebook();
create trigger notebook_input_stays before update or delete on gilgamesh.notebook_input
  for each row execute function gilgamesh.guard_notebook();
create trigger notebook_citation_stays before update or delete on gilgamesh.notebook_citation
  for each row execute function gilgamesh.guard_notebook();

-- Push the next version of a notebook. `over` is the version its author has seen: it must be the latest. Without content the
-- notebook is taken out of the repository. Cells are rows of notebook_cell, inputs rows of notebook_input, as JSON.
create function gilgamesh.push_notebook(
    path text, content bytea, over bigint default null, message text default '', author text default null,
    nbformat text default null, problem text default null, cells jsonb default '[]', inputs jsonb default '[]',
    citations text[] default '{}', metadata jsonb default '{}', parent bigint default null)
  returns gilgamesh.notebook_version
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  digest bytea := sha256(push_notebook.content);
  latest notebook_version;
  other text;
  pushed notebook_version;
begin
  if current_setting('lock_timeout') = '0' then
    perform set_config('lock_timeout', '30s', true);
  end if;
  if push_notebook.content is not null then
    insert into notebook_blob (sha256, content, nbformat, problem)
         values (digest, push_notebook.content, push_notebook.nbformat, push_notebook.problem) on conflict do nothing;
    if found then
      insert into notebook_cell (sha256, position, kind, source, words)
      select digest, c.position, c.kind, c.source, c.words::tsvector
        from jsonb_to_recordset(push_notebook.cells) c(position integer, kind text, source text, words text);
    end if;
  end if;
  -- Of two pushes at the same time one waits here, and then sees the version of the other.
  perform pg_advisory_xact_lock(hashtextextended('gilgamesh.notebook', 0));
  select * into latest from notebook_version v where v.path = push_notebook.path order by v.number desc limit 1;
  if latest.number is distinct from push_notebook.over and not (latest.sha256 is null and push_notebook.over is null) then
    raise exception using errcode = 'GG009',
      message = case when latest.id is null then format('there is no version %s of %s', push_notebook.over, push_notebook.path)
                     else format('version %s of %s, by %s on %s, is not the one this was made from', latest.number, latest.path,
                                 latest.author, to_char(latest.created_at, 'YYYY-MM-DD HH24:MI')) end,
      hint = case when latest.id is null then 'Push it as a new notebook, without naming a version.'
                  else format('Look at it first; then push over it with --over %s (in Python over=%s).', latest.number, latest.number) end;
  end if;
  select v.path into other from notebook_version v
   where lower(v.path) = lower(push_notebook.path) and v.path <> push_notebook.path limit 1;
  if other is not null then
    raise exception using errcode = 'GG009', message = format('there is a notebook %s; %s differs from it in capitals only', other, push_notebook.path),
      hint = 'On Windows both would be the same file. Use its name, or another one.';
  end if;
  insert into notebook_version (path, number, sha256, parent_id, message, author, role, metadata)
       values (push_notebook.path, coalesce(latest.number, 0) + 1, digest, coalesce(push_notebook.parent, latest.id),
               btrim(coalesce(push_notebook.message, '')), coalesce(nullif(btrim(push_notebook.author), ''), acting_role()),
               acting_role(), push_notebook.metadata)
    returning * into pushed;
  insert into notebook_input (version_id, series_id, signal_id, connection_id, calibrations, timing_id, definition_id, shot, known_at, pinned)
  select pushed.id, i.series_id, i.signal_id, i.connection_id, coalesce(i.calibrations, '{}'), i.timing_id, i.definition_id, i.shot,
         i.known_at, coalesce(i.pinned, false)
    from jsonb_populate_recordset(null::notebook_input, push_notebook.inputs) i;
  insert into notebook_citation (version_id, key) select distinct pushed.id, k from unnest(push_notebook.citations) k;
  return pushed;
end
$$;

comment on function gilgamesh.push_notebook(text, bytea, bigint, text, text, text, text, jsonb, jsonb, text[], jsonb, bigint) is
  'Pushes the next version of a notebook; refused where somebody else pushed one meanwhile. Called by db.notebooks.push.';

-- Every version anybody pushed.
create view gilgamesh.notebook_versions with (security_invoker = true) as
select v.path, v.number as version, v.author, v.created_at, v.message,
       not exists (select from gilgamesh.notebook_version w where w.path = v.path and w.number > v.number) as latest,
       v.sha256 is null as removed, octet_length(b.content)::bigint as size, b.nbformat, b.problem,
       nullif(p.path, v.path) as parent_path, p.number as parent_version,
       array(select distinct s.name from gilgamesh.notebook_input i join gilgamesh.signal s on s.id = i.signal_id
              where i.version_id = v.id order by s.name) as signals,
       array(select distinct i.shot from gilgamesh.notebook_input i where i.version_id = v.id order by i.shot) as shots,
       array(select c.key from gilgamesh.notebook_citation c where c.version_id = v.id order by c.key) as keys,
       v.metadata, v.sha256, v.id as version_id
  from gilgamesh.notebook_version v
  left join gilgamesh.notebook_blob b on b.sha256 = v.sha256
  left join gilgamesh.notebook_version p on p.id = v.parent_id;

comment on view gilgamesh.notebook_versions is 'Every version of every notebook of the repository.';
comment on column gilgamesh.notebook_versions.path is 'Where it stands.';
comment on column gilgamesh.notebook_versions.version is 'Its number, counted from 1 for each path.';
comment on column gilgamesh.notebook_versions.author is 'Who pushed it.';
comment on column gilgamesh.notebook_versions.created_at is 'When it was pushed.';
comment on column gilgamesh.notebook_versions.message is 'What was done, in the author''s words.';
comment on column gilgamesh.notebook_versions.latest is 'Whether it is the latest of its path.';
comment on column gilgamesh.notebook_versions.removed is 'Whether it says that the notebook was taken out of the repository.';
comment on column gilgamesh.notebook_versions.size is 'Bytes.';
comment on column gilgamesh.notebook_versions.nbformat is 'Version of the notebook format.';
comment on column gilgamesh.notebook_versions.problem is 'Why it is not a notebook of today''s format; null when it is one.';
comment on column gilgamesh.notebook_versions.parent_path is 'The path it was moved or copied from; null when it is its own.';
comment on column gilgamesh.notebook_versions.parent_version is 'The version it was made from.';
comment on column gilgamesh.notebook_versions.signals is 'The signals its cells read, where they noted it.';
comment on column gilgamesh.notebook_versions.shots is 'The shots they read them in.';
comment on column gilgamesh.notebook_versions.keys is 'The keys it cites.';
comment on column gilgamesh.notebook_versions.metadata is 'What else is known of it.';
comment on column gilgamesh.notebook_versions.sha256 is 'SHA-256 of the content.';
comment on column gilgamesh.notebook_versions.version_id is 'Identity of the version.';

-- What is in the repository today?
create view gilgamesh.notebooks with (security_invoker = true) as
select v.path, v.version, v.author, v.created_at, v.message, v.size, v.nbformat, v.problem, v.signals, v.shots, v.keys, v.version_id
  from gilgamesh.notebook_versions v
 where v.latest and not v.removed;

comment on view gilgamesh.notebooks is 'The notebooks of the repository: the latest version of each.';
comment on column gilgamesh.notebooks.path is 'Where it stands.';
comment on column gilgamesh.notebooks.version is 'Number of its latest version.';
comment on column gilgamesh.notebooks.author is 'Who pushed that.';
comment on column gilgamesh.notebooks.created_at is 'When.';
comment on column gilgamesh.notebooks.message is 'What was done, in the author''s words.';
comment on column gilgamesh.notebooks.size is 'Bytes.';
comment on column gilgamesh.notebooks.nbformat is 'Version of the notebook format.';
comment on column gilgamesh.notebooks.problem is 'Why it is not a notebook of today''s format; null when it is one.';
comment on column gilgamesh.notebooks.signals is 'The signals its cells read, where they noted it.';
comment on column gilgamesh.notebooks.shots is 'The shots they read them in.';
comment on column gilgamesh.notebooks.keys is 'The keys it cites.';
comment on column gilgamesh.notebooks.version_id is 'Identity of the version.';

-- Which notebooks read this signal, this shot, through this calibration, and would they read the same today?
create view gilgamesh.notebook_use with (security_invoker = true) as
select v.path, v.number as version,
       not exists (
         select from gilgamesh.notebook_version w
          where w.path = v.path and w.number > v.number
            and (w.sha256 is null or exists (select from gilgamesh.notebook_input j where j.version_id = w.id))) as speaks,
       s.name as signal, i.shot, i.known_at, i.pinned, judged.why is null as up_to_date, judged.why as reason,
       v.author, v.created_at, i.series_id, i.connection_id, i.calibrations, i.timing_id, i.definition_id, i.signal_id,
       v.id as version_id
  from gilgamesh.notebook_input i
  join gilgamesh.notebook_version v on v.id = i.version_id
  join gilgamesh.signal s on s.id = i.signal_id
 cross join lateral (
   -- offset 0: judged once, and only where it is asked for.
   select gilgamesh.input_change(row(null, i.series_id, i.signal_id, i.connection_id, i.calibrations, i.timing_id, i.definition_id,
                                     i.shot)::gilgamesh.run_input) as why offset 0
 ) judged;

comment on view gilgamesh.notebook_use is
  'What versions of notebooks read, as far as their cells noted it, and whether it would be read the same now (at gilgamesh.known_at).';
comment on column gilgamesh.notebook_use.path is 'The notebook.';
comment on column gilgamesh.notebook_use.version is 'Its version.';
comment on column gilgamesh.notebook_use.speaks is
  'Whether this version tells what the notebook reads: the latest of its path, or where that noted nothing, the last one that did.';
comment on column gilgamesh.notebook_use.signal is 'The signal it read.';
comment on column gilgamesh.notebook_use.shot is 'The shot.';
comment on column gilgamesh.notebook_use.known_at is 'The knowledge it was read with.';
comment on column gilgamesh.notebook_use.pinned is 'Whether the notebook asked for that state of knowledge.';
comment on column gilgamesh.notebook_use.up_to_date is 'Whether it would be read the same now.';
comment on column gilgamesh.notebook_use.reason is 'What changed, where it would not.';
comment on column gilgamesh.notebook_use.author is 'Who pushed the version.';
comment on column gilgamesh.notebook_use.created_at is 'When.';
comment on column gilgamesh.notebook_use.series_id is 'The record that was read.';
comment on column gilgamesh.notebook_use.connection_id is 'The connection it was read through.';
comment on column gilgamesh.notebook_use.calibrations is 'The calibrations that were applied.';
comment on column gilgamesh.notebook_use.timing_id is 'The timing that corrected the clock.';
comment on column gilgamesh.notebook_use.definition_id is 'The formula of a derived signal.';
comment on column gilgamesh.notebook_use.signal_id is 'Identity of the signal.';
comment on column gilgamesh.notebook_use.version_id is 'Identity of the version.';
