-- What takes up room: records that were never finished, and the partitions that hold the samples.

-- Which shots and records were begun and never finished, and does somebody still write them?
create view gilgamesh.unfinished with (security_invoker = true) as
select sh.number as shot, sh.started_at, sh.status, port.name as port, se.dtype,
       coalesce(stored.samples, 0) as samples, coalesce(stored.bytes, 0) as bytes, writer.pid as recorded_by, se.id as series_id
  from gilgamesh.shot sh
  left join gilgamesh.series se on se.shot = sh.number and se.sha256 is null
  left join gilgamesh.component port on port.id = se.port_id
  left join lateral (
    select sum(g.n)::bigint as samples, sum(length(g.payload) + coalesce(length(g.times), 0))::bigint as bytes
      from gilgamesh.segment g
     where g.shot = se.shot and g.series_id = se.id
  ) stored on true
  left join lateral (
    select l.pid from pg_catalog.pg_locks l
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
       and ((l.classid::bigint << 32) | l.objid::bigint) = gilgamesh.recording_lock(sh.number)
     limit 1
  ) writer on true
 where sh.status = 'running' or se.id is not null;

comment on view gilgamesh.unfinished is
  'Shots that are being recorded, or whose recording was interrupted, with their unfinished records.';
comment on column gilgamesh.unfinished.shot is 'Shot number.';
comment on column gilgamesh.unfinished.started_at is 'Instant of the trigger.';
comment on column gilgamesh.unfinished.status is 'Status of the shot; running until it is finished.';
comment on column gilgamesh.unfinished.port is 'The port of an unfinished record; null when the shot has none.';
comment on column gilgamesh.unfinished.dtype is 'Type of its samples.';
comment on column gilgamesh.unfinished.samples is 'How many samples are stored.';
comment on column gilgamesh.unfinished.bytes is 'How many bytes they take.';
comment on column gilgamesh.unfinished.recorded_by is 'The server process that writes it now; null when nobody does any more.';
comment on column gilgamesh.unfinished.series_id is 'Identity of the record.';

-- Which partitions hold the samples, of which shots, and how large are they?
create view gilgamesh.chunks with (security_invoker = true) as
select part.since, part.until, count(distinct se.shot) as shots, count(se.id) as series,
       coalesce(sum(stored.samples), 0)::bigint as samples, coalesce(sum(stored.segments), 0)::bigint as segments,
       pg_total_relation_size(part.segments)
       + coalesce(pg_total_relation_size(to_regclass('gilgamesh.' || gilgamesh.partition_name('pyramid', part.since))), 0) as bytes
  from (
    select c.oid as segments,
           substring(pg_get_expr(c.relpartbound, c.oid) from 'FROM \(''(\d+)''')::bigint as since,
           substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \(''(\d+)''')::bigint as until
      from pg_catalog.pg_inherits i
      join pg_catalog.pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'gilgamesh.segment'::regclass
  ) part
  left join gilgamesh.series se on se.shot >= part.since and se.shot < part.until
  left join lateral (
    -- What a finished record has is known without looking; a growing one is counted.
    select se.n as samples, (se.n + se.segment_n - 1) / se.segment_n as segments where se.n is not null
    union all
    select sum(g.n)::bigint, count(*) from gilgamesh.segment g
     where se.n is null and g.shot = se.shot and g.series_id = se.id having se.n is null
  ) stored on true
 group by part.since, part.until, part.segments;

comment on view gilgamesh.chunks is 'The partitions that hold the samples; a whole one is released at once.';
comment on column gilgamesh.chunks.since is 'First shot it may hold.';
comment on column gilgamesh.chunks.until is 'First shot it no longer holds.';
comment on column gilgamesh.chunks.shots is 'How many shots have records in it.';
comment on column gilgamesh.chunks.series is 'How many records.';
comment on column gilgamesh.chunks.samples is 'How many samples.';
comment on column gilgamesh.chunks.segments is 'How many rows they take.';
comment on column gilgamesh.chunks.bytes is 'Size on disk in bytes, with previews and indexes.';

-- Which records of these shots (since <= shot < until, null: no limit; triggered longer ago than older_than) could be
-- released, and who needs those that cannot?
create function gilgamesh.releasable(since bigint, until bigint, older_than interval)
  returns table (series_id bigint, shot bigint, port text, samples bigint, bytes bigint, needed_by text)
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
begin atomic
  select se.id, se.shot, port.name, coalesce(se.n, 0),
         coalesce(se.n, 0) * (gilgamesh.sample_width(se.dtype) + case when se.dt is null then 8 else 0 end),
         case when se.sha256 is null then 'the shot, which is not finished'
              else coalesce((select format('run %s (%s), whose result it is', r.id, r.method) from gilgamesh.run r where r.id = se.run_id),
                            (select format('run %s (%s), which read it', r.id, r.method)
                               from gilgamesh.run_input i join gilgamesh.run r on r.id = i.run_id
                              where i.series_id = se.id order by r.id limit 1),
                            (select format('the citation %s', k.key)
                               from gilgamesh.data_citation_input i
                               join gilgamesh.data_citation c on c.id = i.citation_id
                               join gilgamesh.reference k on k.id = c.reference_id
                              where i.series_id = se.id order by c.id limit 1)) end
    from gilgamesh.series se
    join gilgamesh.shot sh on sh.number = se.shot
    left join gilgamesh.component port on port.id = se.port_id
   where (releasable.since is null or se.shot >= releasable.since) and (releasable.until is null or se.shot < releasable.until)
     and (releasable.older_than is null or sh.started_at < now() - releasable.older_than);
end;

-- What would go, partition by partition? A partition goes whole when nothing remains in it.
create function gilgamesh.release_plan(since bigint, until bigint, older_than interval)
  returns table (chunk_since bigint, chunk_until bigint, whole boolean, shots bigint, series bigint, samples bigint, bytes bigint)
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
begin atomic
  select c.since, c.until, count(r.series_id) = c.series, count(distinct r.shot), count(r.series_id), coalesce(sum(r.samples), 0)::bigint,
         case when count(r.series_id) = c.series then c.bytes else coalesce(sum(r.bytes), 0)::bigint end
    from gilgamesh.chunks c
    left join gilgamesh.releasable(release_plan.since, release_plan.until, release_plan.older_than) r
      on r.shot >= c.since and r.shot < c.until and r.needed_by is null
   group by c.since, c.until, c.series, c.bytes
  having count(r.series_id) > 0
      -- Emptied before, and still taking up room.
      or (c.series = 0 and release_plan.older_than is null
          and coalesce(release_plan.since <= c.since, true) and coalesce(release_plan.until >= c.until, true))
   order by c.since;
end;

-- Remove samples for good; shots, wiring, calibrations and attributes stay. What somebody needs is refused, or kept if
-- `keep_needed`. Only the owner may.
create function gilgamesh.release_samples(since bigint, until bigint, older_than interval, keep_needed boolean default false,
                                          reason text default null)
  returns table (chunk_since bigint, chunk_until bigint, whole boolean, shots bigint, series bigint, samples bigint, bytes bigint)
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
  set lock_timeout = '10s'
as $$
declare
  goes record;
  gone bigint[];
  refused record;
  edit_begun boolean := false;
begin
  if not pg_has_role(current_user, (select nspowner from pg_namespace where nspname = 'gilgamesh'), 'member') then
    raise exception using errcode = '42501', message = 'only the owner of the database may release samples';
  end if;
  -- Nobody begins or finishes a record meanwhile; readers go on.
  lock table gilgamesh.series in share row exclusive mode;
  select count(*) as series, count(distinct r.shot) as shots,
         (array_agg(format('shot %s by %s', r.shot, r.needed_by) order by r.shot, r.series_id))[1:3] as first
    into refused
    from releasable(release_samples.since, release_samples.until, release_samples.older_than) r where r.needed_by is not null;
  if refused.series > 0 and not keep_needed then
    raise exception using errcode = 'GG009',
      message = format('%s records of %s shots are still needed: %s%s; nothing was released', refused.series, refused.shots,
                       array_to_string(refused.first, '; '), case when refused.series > 3 then '; …' else '' end),
      hint = 'Keep these and release the others with --keep-needed (keep_needed => true).';
  end if;
  gone := array(select r.series_id from releasable(release_samples.since, release_samples.until, release_samples.older_than) r
                 where r.needed_by is null);
  for goes in select * from release_plan(release_samples.since, release_samples.until, release_samples.older_than) loop
    if not edit_begun then
      perform begin_edit(coalesce(reason, format('released the samples of %s records', cardinality(gone))));
      edit_begun := true;
    end if;
    if goes.whole then
      execute format('drop table gilgamesh.%I, gilgamesh.%I',
                     partition_name('segment', goes.chunk_since), partition_name('pyramid', goes.chunk_since));
    else
      delete from pyramid p where p.shot >= goes.chunk_since and p.shot < goes.chunk_until and p.series_id = any(gone);
      delete from segment g where g.shot >= goes.chunk_since and g.shot < goes.chunk_until and g.series_id = any(gone);
    end if;
    chunk_since := goes.chunk_since; chunk_until := goes.chunk_until; whole := goes.whole;
    shots := goes.shots; series := goes.series; samples := goes.samples; bytes := goes.bytes;
    return next;
  end loop;
  delete from series s where s.id = any(gone);
end
$$;
