-- Samples come and go: a record is opened, grows, is finished once, and is released when nobody needs it any more.

-- Begin a record in a shot, of a port or as the output of a run. Until finish_series it may grow, and be read.
create function gilgamesh.open_series(shot bigint, dtype text, start double precision, dt double precision, segment_n integer,
                                      port_id bigint default null, signal_id bigint default null,
                                      run_id bigint default null, source_id bigint default null) returns bigint
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  opened bigint;
begin
  perform shot_time(open_series.shot);
  if segment_n is null or segment_n < 4096 or segment_n % 4096 <> 0 then
    raise exception using errcode = 'GG008', message = format('segments of %s samples cannot be stored', segment_n),
      hint = 'Give a multiple of 4096, so that the previews of a segment are whole.';
  end if;
  perform ensure_partition(open_series.shot);
  insert into series (shot, port_id, signal_id, run_id, source_id, dtype, start, dt, segment_n)
       values (open_series.shot, open_series.port_id, open_series.signal_id, open_series.run_id, open_series.source_id,
               open_series.dtype, open_series.start, open_series.dt, open_series.segment_n)
  on conflict do nothing returning id into opened;
  if opened is null then
    raise exception using errcode = 'GG009',
      message = format('shot %s has samples of %L already', shot,
                       coalesce((select c.name from component c where c.id = open_series.port_id),
                                (select s.name from signal s where s.id = open_series.signal_id))),
      hint = 'A record is written once. See what is stored: gilgamesh show, and what is unfinished: gilgamesh storage unfinished.';
  end if;
  -- Again: it may have been released before we wrote into series, which keeps it from then on.
  perform ensure_partition(open_series.shot);
  return opened;
end
$$;

-- Nothing more will come: from now on the record never changes. What is stored must be whole.
create function gilgamesh.finish_series(series_id bigint, n bigint, sha256 bytea) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  growing series;
  stored record;
  drawn bigint;
  step integer;
begin
  -- Waits for whoever is adding a segment: the foreign key of a segment holds this row.
  select * into growing from series s where s.id = finish_series.series_id for update;
  if growing.id is null then
    raise exception using errcode = 'GG011', message = format('no series %s', series_id);
  end if;
  select count(*) as segments, coalesce(sum(g.n), 0) as n, coalesce(max(g.position), -1) as last,
         count(*) filter (where g.n < growing.segment_n) as short, count(*) filter (where g.n > growing.segment_n) as long,
         (array_agg(g.n order by g.position desc))[1] as tail
    into stored
    from segment g where g.shot = growing.shot and g.series_id = growing.id;
  if stored.n is distinct from finish_series.n or stored.last <> stored.segments - 1 or stored.long > 0
     or stored.short > (stored.tail < growing.segment_n)::integer then
    raise exception using errcode = 'GG012',
      message = format('series %s of shot %s cannot be finished: it should have %s samples, but %s are stored in %s segments, the last one at %s',
                       series_id, growing.shot, n, stored.n, stored.segments, stored.last),
      hint = format('Finish it from what is stored: gilgamesh storage finish %s', growing.shot);
  end if;
  foreach step in array array[64, 4096] loop
    select coalesce(sum(p.n), 0) into drawn from pyramid p
     where p.shot = growing.shot and p.series_id = growing.id and p.level = step;
    if drawn <> (case when n > step then (n + step - 1) / step else 0 end) then
      raise exception using errcode = 'GG012',
        message = format('series %s of shot %s cannot be finished: its preview of every %s samples has %s points for %s samples',
                         series_id, growing.shot, step, drawn, n),
        hint = format('Finish it from what is stored: gilgamesh storage finish %s', growing.shot);
    end if;
  end loop;
  update series s set n = finish_series.n, sha256 = finish_series.sha256 where s.id = growing.id;
end
$$;

-- Nothing more will come of many records of a shot. Those that are whole are finished at once; any other is left to
-- finish_series, which says what is wrong with it.
create function gilgamesh.finish_records(shot bigint, ids bigint[], n bigint[], sha256 bytea[]) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  -- Waits for whoever is adding a segment, as finish_series does.
  perform from series s where s.id = any(finish_records.ids) order by s.id for update;
  with promised as (
    select * from unnest(finish_records.ids, finish_records.n, finish_records.sha256) p (id, n, sha256)
  ), stored as (
    select g.series_id, sum(g.n) as n, count(*) - 1 - max(g.position) as missing,
           count(*) filter (where g.n <> s.segment_n and g.position < (p.n - 1) / s.segment_n) as odd
      from segment g join series s on s.id = g.series_id join promised p on p.id = g.series_id
     where g.shot = finish_records.shot and g.series_id = any(finish_records.ids)
     group by g.series_id
  ), drawn as (
    select d.series_id, sum(d.n) filter (where d.level = 64) as fine, sum(d.n) filter (where d.level = 4096) as coarse
      from pyramid d
     where d.shot = finish_records.shot and d.series_id = any(finish_records.ids)
     group by d.series_id
  )
  update series s set n = p.n, sha256 = p.sha256
    from promised p
    join stored on stored.series_id = p.id
    left join drawn on drawn.series_id = p.id
   where s.id = p.id and s.shot = finish_records.shot and s.sha256 is null
     and stored.n = p.n and stored.missing = 0 and stored.odd = 0
     and coalesce(drawn.fine, 0) = case when p.n > 64 then (p.n + 63) / 64 else 0 end
     and coalesce(drawn.coarse, 0) = case when p.n > 4096 then (p.n + 4095) / 4096 else 0 end;
  perform finish_series(p.id, p.n, p.sha256)
     from unnest(finish_records.ids, finish_records.n, finish_records.sha256) p (id, n, sha256)
    where not exists (select from series s where s.id = p.id and s.sha256 = p.sha256 and s.n = p.n);
end
$$;

-- A finished record never changes, and only finish_series and finish_records finish one.
create function gilgamesh.guard_finished() returns trigger
  language plpgsql
as $$
begin
  if tg_op = 'INSERT' then
    raise exception using errcode = 'GG009', message = format('a record begins empty; this one of shot %s says it has %s samples', new.shot, new.n),
      hint = 'Begin it with gilgamesh.open_series, and end it with gilgamesh.finish_series.';
  end if;
  raise exception using errcode = 'GG009', message = format('series %s of shot %s is finished and never changes', old.id, old.shot);
end
$$;

create trigger series_begins_empty before insert on gilgamesh.series
  for each row when (new.n is not null or new.sha256 is not null) execute function gilgamesh.guard_finished();
create trigger series_finished_stays before update on gilgamesh.series
  for each row when (old.sha256 is not null) execute function gilgamesh.guard_finished();

-- Nothing is added to a finished record. (After the row, so after its foreign key took hold of the series: whoever
-- finishes it waits for us, and if they were first, we see it. No `set search_path`: it would cost more than the check.)
create function gilgamesh.guard_growing() returns trigger
  language plpgsql
as $$
begin
  if not exists (select from gilgamesh.series s where s.shot = new.shot and s.id = new.series_id and s.sha256 is null) then
    raise exception using errcode = 'GG009', message = pg_catalog.format('series %s of shot %s is finished and never changes', new.series_id, new.shot);
  end if;
  return null;
end
$$;

create trigger segment_of_growing_series after insert on gilgamesh.segment
  for each row execute function gilgamesh.guard_growing();
create trigger pyramid_of_growing_series after insert on gilgamesh.pyramid
  for each row execute function gilgamesh.guard_growing();

-- A payload is longer than its header. This also makes COPY store each segment when it comes: without a trigger before
-- the row it would hold a thousand of them back, 64 MB and more, and only then begin to work.
create function gilgamesh.guard_payload() returns trigger
  language plpgsql
as $$
begin
  raise exception using errcode = 'GG012',
    message = pg_catalog.format('a payload of %s bytes does not hold %s samples', pg_catalog.length(new.payload), new.n);
end
$$;

create trigger segment_has_payload before insert on gilgamesh.segment
  for each row when (length(new.payload) < 20 + new.n) execute function gilgamesh.guard_payload();

-- Which advisory lock does the session hold that records this shot? While it is held, the shot is being written.
create function gilgamesh.recording_lock(shot bigint) returns bigint
  language sql immutable strict parallel safe
return pg_catalog.hashtextextended('gilgamesh.recording', shot);

-- Let nobody record this shot until the end of the transaction; refuse when somebody does.
create function gilgamesh.hold_shot(shot bigint) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  perform shot_time(hold_shot.shot);
  if not pg_try_advisory_xact_lock(recording_lock(hold_shot.shot)) then
    raise exception using errcode = 'GG009', message = format('shot %s is being recorded by another process', shot),
      hint = 'Let it end first. Who it is: select recorded_by from gilgamesh.unfinished';
  end if;
end
$$;

-- The shot is over: state how it ended and how long it was, and tell whoever listens.
create function gilgamesh.finish_shot(shot bigint, status text) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  ended double precision;
begin
  perform shot_time(finish_shot.shot);
  if exists (select from series s where s.shot = finish_shot.shot and s.sha256 is null) then
    raise exception using errcode = 'GG009', message = format('shot %s has unfinished records', shot),
      hint = format('Finish or drop them: gilgamesh storage finish %s, gilgamesh storage drop %s', shot, shot);
  end if;
  select max(coalesce(
           s.start + s.n * s.dt,
           (select (decode_bytes(substring(g.times from length(g.times) - 7), 'float64', 1))[1]
              from segment g where g.shot = s.shot and g.series_id = s.id order by g.position desc limit 1)))
    into ended
    from series s where s.shot = finish_shot.shot;
  update shot set status = finish_shot.status, duration = greatest(0, ended) where number = finish_shot.shot;
  perform pg_notify('gilgamesh_shot', finish_shot.shot::text);
end
$$;

-- Remove the records of a shot that were never finished, and the shot itself when nothing else is known of it.
create function gilgamesh.drop_unfinished(shot bigint, out series bigint, out samples bigint, out shot_dropped boolean)
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  unfinished bigint[];
begin
  perform hold_shot(drop_unfinished.shot);
  unfinished := array(select s.id from series s where s.shot = drop_unfinished.shot and s.sha256 is null for update);
  if unfinished = '{}' and not exists (select from shot s where s.number = drop_unfinished.shot and s.status = 'running') then
    raise exception using errcode = 'GG008', message = format('nothing of shot %s is unfinished', shot),
      hint = 'See what is: gilgamesh storage unfinished';
  end if;
  series := cardinality(unfinished);
  samples := coalesce((select sum(g.n) from segment g
                        where g.shot = drop_unfinished.shot and g.series_id = any(unfinished)), 0);
  delete from pyramid p where p.shot = drop_unfinished.shot and p.series_id = any(unfinished);
  delete from segment g where g.shot = drop_unfinished.shot and g.series_id = any(unfinished);
  delete from series s where s.id = any(unfinished);
  shot_dropped := false;
  if exists (select from shot s where s.number = drop_unfinished.shot and s.status = 'running') then
    begin
      delete from shot s where s.number = drop_unfinished.shot;
      shot_dropped := true;
    exception when foreign_key_violation then
      perform finish_shot(drop_unfinished.shot, 'interrupted');
    end;
  end if;
end
$$;
