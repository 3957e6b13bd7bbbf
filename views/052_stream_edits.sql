-- Slow control comes in: streams are opened, samples stored, the tail moved into segments, what is old released.

-- Which months hold what belongs to this instant? (Days, hours and months are those of UTC.)
create function gilgamesh.month_of(at timestamptz) returns timestamptz
  language sql immutable strict parallel safe
return pg_catalog.date_trunc('month', at, 'UTC');

create function gilgamesh.hour_of(at timestamptz) returns timestamptz
  language sql immutable strict parallel safe
return pg_catalog.date_bin('1 hour', at, '2000-01-01 00:00:00+00');

-- Let a port deliver samples day and night, or say anew how long they are kept and which pause is a gap.
create function gilgamesh.open_stream(port text, pause double precision default null, keep interval default null,
                                      keep_aggregates interval default null, reason text default null) returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  named bigint := port_named(open_stream.port);
  delivers text := (select p.dtype from port p where p.component_id = named);
  e edit;
begin
  if delivers = 'int64' then
    raise exception using errcode = 'GG008', message = format('the stream of %L cannot be opened: its samples are int64', port),
      hint = 'Slow control stores whole numbers of at most 32 bits, or floats.';
  end if;
  e := current_edit(coalesce(open_stream.reason, format('slow control of %s', port)));
  insert into stream (port_id, dtype, pause, keep, keep_aggregates, edit_id)
       values (named, delivers, open_stream.pause, open_stream.keep, open_stream.keep_aggregates, e.id)
  on conflict (port_id) do update
     set pause = excluded.pause, keep = excluded.keep, keep_aggregates = excluded.keep_aggregates, edit_id = excluded.edit_id;
  return named;
end
$$;

comment on function gilgamesh.open_stream(text, double precision, interval, interval, text) is
  'Lets a port deliver samples day and night; again with other words, it says anew how long they are kept.';

-- Can a port of this type deliver this number? (Beyond 1e100 sums of samples would leave the range of a float8.)
create function gilgamesh.is_raw(raw double precision, dtype text) returns boolean
  language sql immutable parallel safe
return case dtype
         when 'int16' then raw between -32768 and 32767 and raw = trunc(raw)
         when 'int32' then raw between -2147483648 and 2147483647 and raw = trunc(raw)
         when 'uint16' then raw between 0 and 65535 and raw = trunc(raw)
         when 'uint32' then raw between 0 and 4294967295 and raw = trunc(raw)
         when 'int8' then raw between -128 and 127 and raw = trunc(raw)
         when 'uint8' then raw between 0 and 255 and raw = trunc(raw)
         when 'bool' then raw in (0, 1)
         when 'float32' then raw in (0, 'NaN', 'infinity', '-infinity')
                             or case when abs(raw) between 1e-37 and 3.4e38 then raw::real::double precision = raw else false end
         else raw in (0, 'NaN', 'infinity', '-infinity') or abs(raw) between 1e-100 and 1e100 end;

-- Who stores samples of a stream holds this lock together with others; who compacts it holds it alone.
create function gilgamesh.stream_lock(port_id bigint) returns bigint
  language sql immutable strict parallel safe
return pg_catalog.hashtextextended('gilgamesh.stream', port_id % 64);

-- Store samples of any streams, in any order. The same sample twice is one sample; another value for an instant that has
-- one already is not stored, and counted.
create function gilgamesh.store_samples(ports bigint[], instants timestamptz[], raws double precision[],
                                        out stored bigint, out repeated bigint, out contradicted bigint)
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  given constant bigint := cardinality(ports);
  its stream;
  wrong record;
  late boolean;
begin
  -- One sample, as a simple producer sends it, and none of what follows for many: three times as fast.
  if given = 1 and cardinality(instants) = 1 and cardinality(raws) = 1 and ports[1] is not null
     and current_setting('transaction_isolation') = 'read committed' then
    perform pg_advisory_xact_lock_shared(stream_lock(ports[1]));
    select * into its from stream x where x.port_id = ports[1];
    if instants[1] < clock_timestamp() + interval '1 day' and instants[1] >= coalesce(its.compacted_until, '4713-01-01 00:00:00+00 BC')
       and isfinite(instants[1]) and is_raw(raws[1], its.dtype) then
      insert into stream_tail as t (port_id, at, raw) values (ports[1], instants[1], raws[1]) on conflict do nothing;
      get diagnostics stored = row_count;
      contradicted := case when stored = 1 then 0
                           else (select (t.raw is distinct from raws[1])::integer from stream_tail t where t.port_id = ports[1] and t.at = instants[1]) end;
      repeated := 1 - stored - contradicted;
      return;
    end if;
  end if;
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using errcode = 'GG008', message = 'samples of streams are stored in transactions that are read committed';
  end if;
  if cardinality(instants) is distinct from given or cardinality(raws) is distinct from given then
    raise exception using errcode = 'GG008',
      message = format('%s ports, %s instants and %s samples do not make samples', given, cardinality(instants), cardinality(raws));
  end if;
  perform pg_advisory_xact_lock_shared(l.lock)
     from (select distinct stream_lock(p) as lock from unnest(ports) p where p is not null order by 1) l;
  select count(*) as samples,
         min(g.pos) filter (where s.port_id is null or g.at is null or not isfinite(g.at) or g.at > clock_timestamp() + interval '1 day'
                                  or is_raw(g.raw, s.dtype) is not true) as pos,
         coalesce(bool_or(g.at < s.compacted_until), false) as late
    into wrong
    from unnest(ports, instants, raws) with ordinality g(port_id, at, raw, pos)
    left join stream s on s.port_id = g.port_id;
  if wrong.pos is not null then
    perform refuse_sample(ports[wrong.pos], instants[wrong.pos], raws[wrong.pos], wrong.pos, given);
  end if;
  late := wrong.late;
  if not late then
    insert into stream_tail as t (port_id, at, raw)
    select g.port_id, g.at, g.raw from unnest(ports, instants, raws) with ordinality g(port_id, at, raw, pos) order by g.port_id, g.at, g.pos
    on conflict do nothing;
    get diagnostics stored = row_count;
  else
    -- Only the hours that were compacted can hold one of them already.
    insert into stream_tail as t (port_id, at, raw)
    select g.port_id, g.at, g.raw
      from unnest(ports, instants, raws) with ordinality g(port_id, at, raw, pos)
      left join compacted_among(ports, instants) c on c.port_id = g.port_id and c.at = g.at
     where c.at is null
     order by g.port_id, g.at, g.pos
    on conflict do nothing;
    get diagnostics stored = row_count;
  end if;
  contradicted := 0;
  if stored < given then
    select count(*) into contradicted
      from unnest(ports, instants, raws) g(port_id, at, raw)
      left join stream_tail t on t.port_id = g.port_id and t.at = g.at
      left join compacted_among(ports, instants) c on late and c.port_id = g.port_id and c.at = g.at
     where g.raw is distinct from coalesce(t.raw, c.raw);
  end if;
  repeated := given - stored - contradicted;
end
$$;

comment on function gilgamesh.store_samples(bigint[], timestamptz[], double precision[]) is
  'Stores samples of streams: identities of their ports, instants, raw samples. Late and repeated ones are welcome. Says how many were new, there already, and refused because their instant has another value.';

-- The compacted samples of the hours that these fall into.
create function gilgamesh.compacted_among(ports bigint[], instants timestamptz[])
  returns table (port_id bigint, at timestamptz, raw double precision)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  return query
  select g.port_id, g.hour + u.micros * interval '1 microsecond', u.raw
    from (select distinct x.port_id, hour_of(x.at) as hour from unnest(ports, instants) x(port_id, at)) h
    join stream s on s.port_id = h.port_id and h.hour < s.compacted_until
    join stream_segment g on g.port_id = h.port_id and g.hour = h.hour
   cross join lateral unnest(decode_payload(g.times, 'uint32', g.n), decode_payload(g.payload, s.dtype, g.n)) u(micros, raw);
end
$$;

-- Say what is wrong with a sample.
create function gilgamesh.refuse_sample(port_id bigint, at timestamptz, raw double precision, pos bigint, given bigint) returns void
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
  set extra_float_digits = 1
as $$
declare
  s stream;
  named text := (select c.name from component c where c.id = refuse_sample.port_id);
  which text := case when given > 1 then format('sample %s of %s: ', pos, given) else '' end;
begin
  select * into s from stream x where x.port_id = refuse_sample.port_id;
  if s.port_id is null then
    raise exception using errcode = 'GG011',
      message = format('%sno stream of port %s; nothing was stored', which, coalesce(quote_literal(named), coalesce(refuse_sample.port_id::text, 'null'))),
      hint = format('Open it with: select gilgamesh.open_stream(%L), or: gilgamesh stream open', coalesce(named, 'device/channel'));
  elsif at is null or not isfinite(at) then
    raise exception using errcode = 'GG008', message = format('%sits instant is %s; nothing was stored', which, coalesce(at::text, 'missing'));
  elsif at > clock_timestamp() + interval '1 day' then
    raise exception using errcode = 'GG008',
      message = format('%s%s lies in the future: it is %s here; nothing was stored', which, at, date_trunc('second', clock_timestamp())),
      hint = 'Set the clock of the producer.';
  end if;
  raise exception using errcode = 'GG008',
    message = format('%s%L cannot deliver %s: its samples are %s; nothing was stored', which, named, coalesce(raw::text, 'nothing'), s.dtype);
end
$$;

-- Make the partitions that hold this month.
create function gilgamesh.ensure_stream_partition(at timestamptz) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  month constant timestamptz := month_of(ensure_stream_partition.at);
  parent text;
  child text;
begin
  foreach parent in array array['stream_segment', 'stream_aggregate'] loop
    child := parent || to_char(month at time zone 'UTC', '_YYYY_MM');
    if to_regclass(format('gilgamesh.%I', child)) is null then
      perform pg_advisory_xact_lock(hashtextextended('gilgamesh.partition', 0));
      if not exists (select from pg_class where relname = child and relnamespace = 'gilgamesh'::regnamespace) then
        execute format('create table gilgamesh.%I partition of gilgamesh.%I for values from (%L) to (%L)',
                       child, parent, month, month_of(month + interval '32 days'));
      end if;
    end if;
  end loop;
end
$$;

-- How many aggregates of this width make a block, and where does the block of an instant begin?
create function gilgamesh.aggregates_in_block(width integer) returns integer
  language sql immutable strict parallel safe
return case width when 1 then 3600 when 60 then 1440 when 3600 then 744 when 86400 then 31 end;

create function gilgamesh.block_of(width integer, at timestamptz) returns timestamptz
  language sql immutable strict parallel safe
return case width when 1 then gilgamesh.hour_of(at)
                  when 60 then pg_catalog.date_bin('1 day', at, '2000-01-01 00:00:00+00')
                  else gilgamesh.month_of(at) end;

-- In which type is the instant of the last sample of an interval kept, in microseconds from its begin?
create function gilgamesh.latest_type(width integer) returns text
  language sql immutable strict parallel safe
return case when width > 3600 then 'float64' else 'uint32' end;

-- Lay consecutive aggregates into the block they belong to.
create function gilgamesh.lay_aggregates(port_id bigint, dtype text, width integer, since timestamptz,
                                         counts double precision[], totals double precision[], extremes double precision[],
                                         latest double precision[]) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  block constant timestamptz := block_of(width, since);
  size constant integer := aggregates_in_block(width);
  first constant integer := extract(epoch from lay_aggregates.since - block)::bigint / width;
  wide constant integer := sample_width(dtype);
  clock constant text := latest_type(width);
begin
  insert into stream_aggregate (port_id, width, since, counts, totals, extremes, latest)
       values (lay_aggregates.port_id, lay_aggregates.width, block,
               encode_payload(array_fill(0::float8, array[size]), 'int32'), encode_payload(array_fill(0::float8, array[size]), 'float64'),
               encode_payload(array_fill(0::float8, array[3 * size]), dtype), encode_payload(array_fill(0::float8, array[size]), clock))
  on conflict do nothing;
  update stream_aggregate a
     set counts = overlay(a.counts placing substring(encode_payload(lay_aggregates.counts, 'int32') from 21) from 21 + 4 * first),
         totals = overlay(a.totals placing substring(encode_payload(lay_aggregates.totals, 'float64') from 21) from 21 + 8 * first),
         extremes = overlay(a.extremes placing substring(encode_payload(lay_aggregates.extremes, dtype) from 21) from 21 + 3 * wide * first),
         latest = overlay(a.latest placing substring(encode_payload(lay_aggregates.latest, clock) from 21) from 21 + sample_width(clock) * first)
   where a.port_id = lay_aggregates.port_id and a.width = lay_aggregates.width and a.since = block;
end
$$;

-- Number, sum, minimum, maximum and last of the samples of an hour, in intervals of this width. (The samples are in order.)
create function gilgamesh.aggregates_of(micros double precision[], raws double precision[], width integer,
                                        out counts double precision[], out totals double precision[], out extremes double precision[],
                                        out latest double precision[])
  language sql immutable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
  with bucket as (
    select floor(u.micros / (width * 1e6::float8))::integer as i, count(*)::float8 as n, sum(u.raw) as total,
           min(u.raw) as low, max(u.raw) as high, max(u.pos) as latest
      from unnest(micros, raws) with ordinality u(micros, raw, pos)
     where u.raw > '-infinity' and u.raw < 'infinity'
     group by 1
  ), every as (
    select i, coalesce(b.n, 0) as n, coalesce(b.total, 0) as total,
           array[coalesce(b.low, 0), coalesce(b.high, 0), coalesce(raws[b.latest], 0)] as three,
           coalesce(micros[b.latest] - i * width * 1e6::float8, 0) as came
      from generate_series(0, 3600 / width - 1) i left join bucket b using (i)
  )
  select array_agg(e.n order by e.i), array_agg(e.total order by e.i),
         (select array_agg(x.number order by f.i, x.pos) from every f cross join lateral unnest(f.three) with ordinality x(number, pos)),
         array_agg(e.came order by e.i)
    from every e
$$;

-- The stored aggregates of a stream that begin in a period; those without a number are left out.
create function gilgamesh.stored_aggregates(port_id bigint, width integer, since timestamptz, until timestamptz)
  returns table (at timestamptz, n double precision, total double precision, low double precision, high double precision, last double precision,
                 last_at timestamptz)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  return query
  select b.at, b.n, b.total, b.three[3 * b.i - 2], b.three[3 * b.i - 1], b.three[3 * b.i],
         b.at + b.came * interval '1 microsecond'
    from (select a.since + (x.i - 1) * a.width * interval '1 second' as at, x.i, x.n, x.total, x.came, k.three
            from stream_aggregate a
            join stream s on s.port_id = a.port_id
           cross join lateral (select aggregates_in_block(a.width) as size,
                                      decode_payload(a.extremes, s.dtype, 3 * aggregates_in_block(a.width)) as three offset 0) k
           cross join lateral unnest(decode_payload(a.counts, 'int32', k.size), decode_payload(a.totals, 'float64', k.size),
                                     decode_payload(a.latest, latest_type(a.width), k.size))
                              with ordinality x(n, total, came, i)
           where a.port_id = stored_aggregates.port_id and a.width = stored_aggregates.width
             and a.since >= block_of(stored_aggregates.width, stored_aggregates.since) and a.since < stored_aggregates.until
             and x.n > 0) b
   where b.at >= stored_aggregates.since and b.at < stored_aggregates.until
   order by b.at;
end
$$;

-- Move what the tail holds of one hour of a stream into its segment, and bring the aggregates up to date. Readers see
-- the samples once, before and after.
create function gilgamesh.compact_stream(port_id bigint, hour timestamptz) returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
  set lock_timeout = '2s'
as $$
declare
  s stream;
  h constant timestamptz := hour_of(compact_stream.hour);
  moved bigint;
  micros double precision[];
  raws double precision[];
  width integer;
begin
  perform pg_advisory_xact_lock(stream_lock(compact_stream.port_id));
  select * into s from stream x where x.port_id = compact_stream.port_id;
  if not exists (select from stream_tail t where t.port_id = s.port_id and t.at >= h and t.at < h + interval '1 hour') then
    return 0;
  end if;
  perform ensure_stream_partition(h);
  with moved as (
    delete from stream_tail t where t.port_id = s.port_id and t.at >= h and t.at < h + interval '1 hour' returning t.at, t.raw
  ), every as (
    select (extract(epoch from m.at - h) * 1000000)::float8 as micros, m.raw, 1 as fresh from moved m
    union all
    select u.micros, u.raw, 0 from stream_segment g
     cross join lateral unnest(decode_payload(g.times, 'uint32', g.n), decode_payload(g.payload, s.dtype, g.n)) u(micros, raw)
     where g.port_id = s.port_id and g.hour = h
  )
  select array_agg(e.micros order by e.micros), array_agg(e.raw order by e.micros), sum(e.fresh) into micros, raws, moved from every e;

  insert into stream_segment as g (port_id, hour, n, payload, times, last_at, last)
       values (s.port_id, h, cardinality(raws), encode_payload(raws, s.dtype), encode_payload(micros, 'uint32'),
               h + micros[cardinality(micros)] * interval '1 microsecond', raws[cardinality(raws)])
  on conflict on constraint stream_segment_pkey do update
     set n = excluded.n, payload = excluded.payload, times = excluded.times, last_at = excluded.last_at, last = excluded.last;
  update stream x set compacted_until = greatest(x.compacted_until, h + (micros[cardinality(micros)] + 1) * interval '1 microsecond')
   where x.port_id = s.port_id and (x.compacted_until is null or x.compacted_until <= h + micros[cardinality(micros)] * interval '1 microsecond');

  foreach width in array case when cardinality(raws) > 4 * 3600 then array[1, 60, 3600] else array[60, 3600] end loop
    perform lay_aggregates(s.port_id, s.dtype, width, h, a.counts, a.totals, a.extremes, a.latest) from aggregates_of(micros, raws, width) a;
  end loop;
  -- A day is made of its hours.
  perform lay_aggregates(s.port_id, s.dtype, 86400, block_of(60, h), array[coalesce(d.n, 0)::float8], array[coalesce(d.total, 0)],
                         array[coalesce(d.low, 0), coalesce(d.high, 0), coalesce(d.last, 0)],
                         array[coalesce((extract(epoch from d.last_at - block_of(60, h)) * 1000000)::float8, 0)])
     from (select sum(b.n) as n, sum(b.total) as total, min(b.low) as low, max(b.high) as high,
                  (array_agg(b.last order by b.at desc))[1] as last, max(b.last_at) as last_at
             from stored_aggregates(s.port_id, 3600, block_of(60, h), block_of(60, h) + interval '24 hours') b) d;
  return moved;
end
$$;

comment on function gilgamesh.compact_stream(bigint, timestamptz) is
  'Moves the samples of one hour of a stream out of the tail into its segment and brings the aggregates up to date; says how many. What waits is in stream_backlog.';

-- What would go of each stream that is not kept for ever? What begins within the time it is kept, stays.
create function gilgamesh.stream_release_plan()
  returns table (port_id bigint, port text, samples_until timestamptz, aggregates_until timestamptz, segments bigint, samples bigint, bytes bigint, blocks bigint)
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
begin atomic
  select s.port_id, c.name, gilgamesh.hour_of(now() - s.keep), gilgamesh.month_of(now() - s.keep_aggregates),
         g.segments, g.samples, g.bytes, a.blocks
    from gilgamesh.stream s
    join gilgamesh.component c on c.id = s.port_id
   cross join lateral (select count(*) as segments, coalesce(sum(x.n), 0)::bigint as samples,
                              coalesce(sum(length(x.payload) + length(x.times)), 0)::bigint as bytes
                         from gilgamesh.stream_segment x
                        where x.port_id = s.port_id and x.hour < gilgamesh.hour_of(now() - s.keep)) g
   cross join lateral (select count(*) as blocks from gilgamesh.stream_aggregate x
                        where x.port_id = s.port_id and x.since < gilgamesh.month_of(now() - s.keep_aggregates)) a
   where g.segments > 0 or a.blocks > 0;
end;

-- Remove samples and aggregates that are older than their stream keeps them. A month of which nothing remains is detached
-- and dropped, which frees its room at once. Only the owner may.
create function gilgamesh.release_streams(reason text default null)
  returns table (port text, segments bigint, samples bigint, bytes bigint, blocks bigint)
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
  set lock_timeout = '10s'
as $$
declare
  goes record;
  part record;
  left_over boolean;
begin
  if not pg_has_role(current_user, (select nspowner from pg_namespace where nspname = 'gilgamesh'), 'member') then
    raise exception using errcode = '42501', message = 'only the owner of the database may release samples';
  end if;
  for goes in select * from stream_release_plan() loop
    perform pg_advisory_xact_lock(stream_lock(goes.port_id));
    perform current_edit(coalesce(reason, 'released samples of streams that are older than they are kept'));
    delete from stream_segment g where g.port_id = goes.port_id and g.hour < goes.samples_until;
    delete from stream_aggregate a where a.port_id = goes.port_id and a.since < goes.aggregates_until;
    update stream s set released_until = greatest(s.released_until, goes.samples_until),
                        aggregates_released_until = greatest(s.aggregates_released_until, goes.aggregates_until)
     where s.port_id = goes.port_id;
    port := goes.port; segments := goes.segments; samples := goes.samples; bytes := goes.bytes; blocks := goes.blocks;
    return next;
  end loop;
  for part in
    select c.relname, p.relname as parent from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
     where i.inhparent in ('gilgamesh.stream_segment'::regclass, 'gilgamesh.stream_aggregate'::regclass)
       and right(c.relname, 7) < to_char(now() at time zone 'UTC', 'YYYY_MM')
  loop
    execute format('select exists (select from gilgamesh.%I)', part.relname) into left_over;
    if not left_over then
      execute format('alter table gilgamesh.%I detach partition gilgamesh.%I', part.parent, part.relname);
      execute format('drop table gilgamesh.%I', part.relname);
    end if;
  end loop;
end
$$;
