-- Slow control read: calibrated by the wiring and the calibrations in force at the time of each sample.

-- Through which ports and calibrations did these signals come in a period? One row for each stretch of time in which
-- nothing of it changed, as known at gilgamesh.known_at; only where the port is a stream. The chain is collapsed as in
-- resolved_signal; raw samples of streams are never so large that a straight line would leave the range of a float8.
create function gilgamesh.slow_pieces(signals bigint[], t0 timestamptz, t1 timestamptz)
  returns table (signal_id bigint, signal text, since timestamptz, until timestamptz, status text, port_id bigint, port text,
                 dtype text, unit text, gain double precision, "offset" double precision, steps jsonb,
                 connection_id bigint, chain text[], calibrations bigint[], pause double precision,
                 released_until timestamptz, aggregates_released_until timestamptz)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  with wired as materialized (
    select c.id, c.signal_id, c.port_id, c.port_id || c.chain as path, s.name, s.unit, st.dtype, st.pause, st.released_until, st.aggregates_released_until, p.unit as raw_unit, port.name as port,
           greatest(coalesce(lower(c.valid), '-infinity'), slow_pieces.t0) as w0,
           least(coalesce(upper(c.valid), 'infinity'), slow_pieces.t1) as w1
      from unnest(slow_pieces.signals) x(id)
      join signal s on s.id = x.id
      join connection c on c.signal_id = s.id and c.recorded @> (select known_at())
      join stream st on st.port_id = c.port_id
      join port p on p.component_id = c.port_id
      join component port on port.id = c.port_id
     where coalesce(lower(c.valid), '-infinity') < slow_pieces.t1 and coalesce(upper(c.valid), 'infinity') > slow_pieces.t0
  ), edge as (
    select w.id, w.w0 as at from wired w
    union
    select w.id, e.at
      from wired w
     cross join unnest(w.path) item
      join calibration k on k.component_id = item and k.recorded @> (select known_at())
     cross join lateral (values (lower(k.valid)), (upper(k.valid))) e(at)
     where e.at > w.w0 and e.at < w.w1
  ), piece as (
    select w.*, e.at as p0, lead(e.at, 1, w.w1) over (partition by e.id order by e.at) as p1
      from edge e join wired w on w.id = e.id
  )
  select p.signal_id, p.name, p.p0, p.p1, case when k.calibrated < k.items then 'not calibrated' else 'ok' end,
         p.port_id, p.port, p.dtype, p.unit, k.line[1], k.line[2],
         case when k.line is null and k.calibrated = k.items then join_steps(k.steps || '[]'::jsonb, k.conversions || array[k.last]) end,
         p.id, k.names, k.calibrations, p.pause, p.released_until, p.aggregates_released_until
    from piece p
   cross join lateral (
     select l.items, l.calibrated, l.names, l.calibrations, l.steps, l.conversions, l.last,
            case when l.calibrated = l.items and l.affine then compose_affine(l.gains || l.last[1], l.offsets || l.last[2]) end as line
       from (
         select count(*)::integer as items, count(i.id)::integer as calibrated,
                coalesce(array_agg(i.name order by i.pos) filter (where i.pos > 1), '{}') as names,
                array_agg(i.id order by i.pos) as calibrations,
                array_agg(i.steps order by i.pos) as steps,
                array_agg(i.conversion order by i.pos) filter (where i.conversion is not null) as conversions,
                array_agg(i.gain * i.conversion[1] order by i.pos) as gains,
                array_agg(i.gain * i.conversion[2] + i."offset" order by i.pos) as offsets,
                coalesce(bool_and(i.gain is not null), false) as affine,
                unit_conversion((array_agg(i.output_unit order by i.pos desc))[1], p.unit) as last
           from (
             select path.pos, c.name, k.id, k.steps, k.gain, k."offset", k.output_unit,
                    unit_conversion(case when path.pos = 1 then p.raw_unit else lag(k.output_unit) over (order by path.pos) end,
                                    k.input_unit) as conversion
               from unnest(p.path) with ordinality path(component_id, pos)
               join component c on c.id = path.component_id
               left join lateral (
                 select k.id, k.steps, k.gain, k."offset", k.input_unit, k.output_unit, k.valid
                   from calibration k
                  where k.component_id = path.component_id and coalesce(lower(k.valid), '-infinity') <= p.p0
                    and (k.recorded @> (select known_at())) is distinct from false
                  order by k.component_id, coalesce(lower(k.valid), '-infinity') desc limit 1
               ) k on k.valid @> p.p0
           ) i
       ) l
   ) k
   order by p.name, p.p0;
end
$$;

comment on function gilgamesh.slow_pieces(bigint[], timestamptz, timestamptz) is
  'Which ports, chains and calibrations brought signals from streams in a period, stretch by stretch.';

-- A stretch without a calibration gives no value: say which signal, since when, and what to type.
create function gilgamesh.require_slow(status text, signal text, port text, since timestamptz) returns boolean
  language plpgsql stable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  if status = 'ok' then
    return true;
  end if;
  raise exception using errcode = 'GG005',
    message = format('%L cannot be computed from %s on: an item between it and %L has no calibration then', signal, since, port),
    hint = format('See which: select * from gilgamesh.slow_pieces(array[gilgamesh.signal_named(%L)], ''-infinity'', ''infinity'')', signal);
end
$$;

-- What was released gives no value either.
create function gilgamesh.require_kept(signal text, port text, since timestamptz, released_until timestamptz, what text) returns boolean
  language plpgsql stable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  if released_until is null or since >= released_until then
    return true;
  end if;
  raise exception using errcode = 'GG011',
    message = format('%L cannot be had from %s on: the %s of %L before %s were released', signal, since, what, port, released_until),
    hint = case what when 'samples' then 'Begin later, or ask for aggregates of a straight line in intervals that begin and end with the period.'
                     else 'Begin later.' end;
end
$$;

-- The samples of a stream by the hour, as two arrays: segments, and what the tail holds of the hour beside them.
create function gilgamesh.slow_blocks(port_id bigint) returns table (hour timestamptz, micros double precision[], raws double precision[])
  language sql stable
begin atomic
  select g.hour, gilgamesh.decode_payload(g.times, 'uint32', g.n), gilgamesh.decode_payload(g.payload, s.dtype, g.n)
    from gilgamesh.stream_segment g
    join gilgamesh.stream s on s.port_id = g.port_id
   where g.port_id = slow_blocks.port_id
  union all
  select gilgamesh.hour_of(t.at), array_agg((extract(epoch from t.at - gilgamesh.hour_of(t.at)) * 1000000)::float8 order by t.at),
         array_agg(t.raw order by t.at)
    from gilgamesh.stream_tail t
   where t.port_id = slow_blocks.port_id
   group by 1;
end;

-- Every sample of the signals that come from streams. Always give the signal and hours of UTC; a period is faster with
-- slow_samples_between.
create view gilgamesh.slow_samples with (security_invoker = true) as
select x.signal, x.hour, x.hour + x.micros * interval '1 microsecond' as time, x.raw,
       case when x.gain is not null then x.raw * x.gain + x.shift else x.curved end as value
  from (
    select s.name as signal, b.hour, p.since, p.until, p.gain, p."offset" as shift,
           unnest(b.micros) as micros, unnest(b.raws) as raw,
           unnest(case when p.steps is not null then gilgamesh.apply_steps(b.raws, p.steps) end) as curved
      from gilgamesh.signal s
     cross join lateral gilgamesh.slow_pieces(array[s.id], '-infinity', 'infinity') p
     cross join lateral gilgamesh.slow_blocks(p.port_id) b
     where b.hour > p.since - interval '1 hour' and b.hour < p.until
       and case when p.status = 'ok' then true else gilgamesh.require_slow(p.status, p.signal, p.port, p.since) end
  ) x
 where x.hour + x.micros * interval '1 microsecond' >= x.since and x.hour + x.micros * interval '1 microsecond' < x.until;

comment on view gilgamesh.slow_samples is
  'Calibrated samples of slow control as rows: where signal = … and hour >= … and hour < …. Wiring and calibrations are those in force at the time of each sample. A missing calibration is an error.';
comment on column gilgamesh.slow_samples.signal is 'Name of the signal (not an alias).';
comment on column gilgamesh.slow_samples.hour is 'Begin of the hour of UTC the sample lies in: conditions on it read those hours only.';
comment on column gilgamesh.slow_samples.time is 'Instant of the sample.';
comment on column gilgamesh.slow_samples.raw is 'The raw sample, as delivered.';
comment on column gilgamesh.slow_samples.value is 'The calibrated value, in the unit of the signal.';

-- Calibrated samples of a signal from streams between two instants: since <= time < until, in order of time.
create function gilgamesh.slow_samples_between(signal text, since timestamptz, until timestamptz)
  returns table ("time" timestamptz, raw double precision, value double precision)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  named constant bigint := signal_named(signal);
begin
  perform slow_period(slow_samples_between.since, slow_samples_between.until);
  perform require_kept(p.signal, p.port, p.since, p.released_until, 'samples')
     from slow_pieces(array[named], slow_samples_between.since, slow_samples_between.until) p;
  return query
  select x.at, x.counts, case when x.gain is not null then x.counts * x.gain + x.shift else x.curved end
    from (
      select b.hour + y.micros * interval '1 microsecond' as at, y.counts, y.curved, p.gain, p."offset" as shift, p.since as p0, p.until as p1
        from slow_pieces(array[named], slow_samples_between.since, slow_samples_between.until) p
       cross join lateral slow_blocks(p.port_id) b
       cross join lateral (select unnest(b.micros) as micros, unnest(b.raws) as counts,
                                  unnest(case when p.steps is not null then apply_steps(b.raws, p.steps) end) as curved) y
       where b.hour > greatest(p.since, slow_samples_between.since) - interval '1 hour' and b.hour < p.until
         and b.hour > slow_samples_between.since - interval '1 hour' and b.hour < slow_samples_between.until
         and case when p.status = 'ok' then true else require_slow(p.status, p.signal, p.port, p.since) end) x
   where x.at >= x.p0 and x.at < x.p1
   order by x.at;
end
$$;

comment on function gilgamesh.slow_samples_between(text, timestamptz, timestamptz) is
  'Calibrated samples of a signal (name or alias) of slow control, for since <= time < until, in order of time.';

-- Is this a period?
create function gilgamesh.slow_period(since timestamptz, until timestamptz) returns void
  language plpgsql immutable parallel safe
as $$
begin
  if since is null or until is null or since >= until then
    raise exception using errcode = 'GG008', message = pg_catalog.format('the period from %s to %s is empty', since, until),
      hint = 'Periods are half-open: from since, up to but not including until.';
  end if;
end
$$;

-- Number, minimum, maximum, mean and last value of a signal from streams in intervals of a period, aligned to 1970 in UTC.
-- Straight lines: from the stored aggregates that lie whole within a stretch, the samples at its ragged ends, and the tail.
-- Anything else: from the samples. Either way of the samples whose value is a number.
create function gilgamesh.slow_aggregates(signal text, since timestamptz, until timestamptz, every interval)
  returns table ("time" timestamptz, n bigint, minimum double precision, maximum double precision, mean double precision, last double precision)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  named constant bigint := signal_named(signal);
  seconds constant double precision := extract(epoch from slow_aggregates.every);
  origin constant timestamptz := '1970-01-01 00:00:00+00';
  stored integer;
begin
  perform slow_period(slow_aggregates.since, slow_aggregates.until);
  if seconds is null or seconds <= 0 or extract(month from slow_aggregates.every) <> 0 or extract(year from slow_aggregates.every) <> 0 then
    raise exception using errcode = 'GG008', message = format('there are no aggregates for every %s', slow_aggregates.every),
      hint = 'Give seconds, minutes, hours or days, for example ''1 minute''.';
  end if;
  -- The widest stored aggregates of which intervals are made. (Seconds are not stored everywhere: those are read from the samples.)
  stored := (select max(w) from unnest(array[60, 3600, 86400]) w where (seconds / w) = trunc(seconds / w));
  return query
  with piece as materialized (
    select p.*, case when p.gain is not null and stored is not null and isfinite(p.since)
                     then origin + ceil(extract(epoch from p.since - origin) / stored) * stored * interval '1 second' end as whole0,
           case when p.gain is not null and stored is not null and isfinite(p.until)
                     then origin + floor(extract(epoch from p.until - origin) / stored) * stored * interval '1 second' end as whole1
      from slow_pieces(array[named], slow_aggregates.since, slow_aggregates.until) p
     where case when p.status = 'ok' then true else require_slow(p.status, p.signal, p.port, p.since) end
  ), kept as materialized (
    select bool_and(case when p.whole0 < p.whole1
                         then require_kept(p.signal, p.port, p.whole0, p.aggregates_released_until, 'aggregates')
                              and (p.whole0 = p.since or require_kept(p.signal, p.port, p.since, p.released_until, 'samples'))
                              and (p.whole1 = p.until or require_kept(p.signal, p.port, p.whole1, p.released_until, 'samples'))
                         else require_kept(p.signal, p.port, p.since, p.released_until, 'samples') end) as all_of_it from piece p
  ), part as (
    -- Stored.
    select a.at, a.n, p.gain * a.total + p."offset" * a.n as total,
           p.gain * case when p.gain < 0 then a.high else a.low end + p."offset" as low,
           p.gain * case when p.gain < 0 then a.low else a.high end + p."offset" as high,
           p.gain * a.last + p."offset" as last, a.last_at
      from piece p cross join lateral stored_aggregates(p.port_id, stored, p.whole0, p.whole1) a
     where p.whole0 < p.whole1
    union all
    -- Samples in segments outside the whole intervals.
    select x.at, 1, x.value, x.value, x.value, x.value, x.at
      from (select g.hour + y.micros * interval '1 microsecond' as at, p.since as p0, p.until as p1, p.whole0, p.whole1,
                   case when p.gain is not null then y.raw * p.gain + p."offset" else y.curved end as value
              from piece p
              join stream_segment g on g.port_id = p.port_id
             cross join lateral (select decode_payload(g.times, 'uint32', g.n) as micros, decode_payload(g.payload, p.dtype, g.n) as raws offset 0) b
             cross join lateral (select unnest(b.micros) as micros, unnest(b.raws) as raw,
                                        unnest(case when p.steps is not null then apply_steps(b.raws, p.steps) end) as curved) y
             where g.hour > p.since - interval '1 hour' and g.hour < p.until
               and (p.whole0 < p.whole1 and g.hour >= p.whole0 and g.hour + interval '1 hour' <= p.whole1) is not true) x
     where x.at >= x.p0 and x.at < x.p1 and (x.whole0 < x.whole1 and x.at >= x.whole0 and x.at < x.whole1) is not true
       and x.value > '-infinity' and x.value < 'infinity'
    union all
    -- The tail.
    select t.at, 1, v.value, v.value, v.value, v.value, t.at
      from piece p
      join stream_tail t on t.port_id = p.port_id and t.at >= p.since and t.at < p.until
     cross join lateral (select case when p.gain is not null then t.raw * p.gain + p."offset" else (apply_steps(array[t.raw], p.steps))[1] end as value) v
     where v.value > '-infinity' and v.value < 'infinity'
  )
  select origin + floor(extract(epoch from q.at - origin) / seconds) * seconds * interval '1 second', sum(q.n)::bigint, min(q.low), max(q.high),
         sum(q.total) / sum(q.n), (array_agg(q.last order by q.last_at desc))[1]
    from kept k join part q on k.all_of_it
   group by 1
   order by 1;
end
$$;

comment on function gilgamesh.slow_aggregates(text, timestamptz, timestamptz, interval) is
  'Number, minimum, maximum, mean and last value of a signal (name or alias) of slow control in intervals, aligned to 1970-01-01 in UTC; intervals without a number are left out.';

-- The latest sample of a stream in a period.
create function gilgamesh.latest_sample(port_id bigint, since timestamptz, until timestamptz, out at timestamptz, out raw double precision)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
#variable_conflict use_column
declare
  held record;
  g record;
begin
  select t.at, t.raw into held from stream_tail t
   where t.port_id = latest_sample.port_id and t.at >= latest_sample.since and t.at < latest_sample.until order by t.at desc limit 1;
  at := held.at; raw := held.raw;
  for g in select x.hour, x.n, x.times, x.payload, x.last_at, x.last, s.dtype
             from stream_segment x join stream s on s.port_id = x.port_id
            where x.port_id = latest_sample.port_id and x.hour < latest_sample.until and x.hour > latest_sample.since - interval '1 hour'
            order by x.hour desc
  loop
    if g.last_at < latest_sample.until then
      select g.last_at as at, g.last as raw into held;
    else
      select g.hour + u.micros * interval '1 microsecond' as at, u.raw into held
        from unnest(decode_payload(g.times, 'uint32', g.n), decode_payload(g.payload, g.dtype, g.n)) u(micros, raw)
       where g.hour + u.micros * interval '1 microsecond' < latest_sample.until
       order by u.micros desc limit 1;
    end if;
    continue when held.at is null;
    if held.at >= latest_sample.since and (at is null or held.at > at) then
      at := held.at; raw := held.raw;
    end if;
    exit;
  end loop;
end
$$;

-- What did all channels of slow control say at an instant? The latest sample of each signal, calibrated as of that sample.
create function gilgamesh.slow_at(instant timestamptz)
  returns table (signal text, value double precision, unit text, "time" timestamptz, raw double precision, port text, status text)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
#variable_conflict use_column
begin
  if instant is null or not isfinite(instant) then
    raise exception using errcode = 'GG008', message = format('%s is no instant', coalesce(instant::text, 'nothing'));
  end if;
  return query
  with latest as materialized (
    select distinct on (s.id) s.id, s.name, s.unit, port.name as port, x.at, x.raw
      from connection c
      join stream st on st.port_id = c.port_id
      join signal s on s.id = c.signal_id
      join component port on port.id = c.port_id
     cross join lateral latest_sample(c.port_id, coalesce(lower(c.valid), '-infinity'),
                                      least(coalesce(upper(c.valid), 'infinity'), slow_at.instant + interval '1 microsecond')) x
     where c.recorded @> (select known_at()) and coalesce(lower(c.valid), '-infinity') <= slow_at.instant
     order by s.id, x.at desc nulls last, coalesce(lower(c.valid), '-infinity') desc
  )
  select l.name,
         case when p.gain is not null then l.raw * p.gain + p."offset" when p.steps is not null then (apply_steps(array[l.raw], p.steps))[1] end,
         l.unit, l.at, l.raw, l.port, case when l.at is null then 'no samples' else p.status end
    from latest l
    left join lateral slow_pieces(array[l.id], l.at, l.at + interval '1 microsecond') p on l.at is not null
   order by l.name;
end
$$;

comment on function gilgamesh.slow_at(timestamptz) is
  'The latest sample of every signal of slow control at or before an instant: value, unit, when it was taken, and a status other than ok where there is no value.';

-- When did a signal of slow control say nothing? Stretches without a wire to a stream or without a calibration, and within
-- each stretch of wiring the pauses longer than so many seconds (else than the stream's own). Nothing is missing that is to come.
create function gilgamesh.slow_gaps(signal text, t0 timestamptz, t1 timestamptz, longer_than double precision default null)
  returns table (since timestamptz, until timestamptz, gap text, port text)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
#variable_conflict use_column
declare
  named constant bigint := signal_named(signal);
  ended constant timestamptz := least(t1, now());
begin
  perform slow_period(t0, t1);
  if not isfinite(t0) then
    raise exception using errcode = 'GG008', message = 'gaps are sought in a period that has a begin';
  end if;
  if slow_gaps.longer_than is null and exists (select from slow_pieces(array[named], t0, ended) p where p.pause is null) then
    raise exception using errcode = 'GG008', message = format('nobody said which pause of the stream of %L is a gap', signal),
      hint = 'Give it in seconds (longer_than), or state it once: gilgamesh stream open PORT --pause SECONDS';
  end if;
  return query
  with piece as materialized (
    select * from slow_pieces(array[named], t0, ended)
  ), wired as (
    select p.connection_id, p.port_id, p.port, coalesce(slow_gaps.longer_than, p.pause) as allowed, min(p.since) as since, max(p.until) as until
      from piece p group by 1, 2, 3, 4
  ), instants as (
    select w.connection_id, w.port, w.allowed, x.at
      from wired w
     cross join lateral (
       select w.since as at union all select w.until
       union all
       select b.hour + u.micros * interval '1 microsecond' from slow_blocks(w.port_id) b cross join lateral unnest(b.micros) u(micros)
        where b.hour > w.since - interval '1 hour' and b.hour < w.until
          and b.hour + u.micros * interval '1 microsecond' > w.since and b.hour + u.micros * interval '1 microsecond' < w.until) x
  ), following as (
    select i.port, i.allowed, i.at, lead(i.at) over (partition by i.connection_id order by i.at) as next from instants i
  )
  select f.at, f.next, 'no samples', f.port from following f where f.next - f.at > f.allowed * interval '1 second'
  union all
  select p.since, p.until, p.status, p.port from piece p where p.status <> 'ok'
  union all
  select lower(u.span), upper(u.span), 'not wired', null
    from unnest(tstzmultirange(tstzrange(t0, ended)) - coalesce((select range_agg(tstzrange(w.since, w.until)) from wired w), '{}')) u(span)
   where t0 < ended
   order by 1, 2;
end
$$;

comment on function gilgamesh.slow_gaps(text, timestamptz, timestamptz, double precision) is
  'When a signal of slow control said nothing: pauses longer than so many seconds, stretches without wiring to a stream or without a calibration.';

-- Which ports deliver samples day and night, how much is stored, and how long is it kept?
create view gilgamesh.streams with (security_invoker = true) as
select c.name as port, s.dtype, s.pause, s.keep, s.keep_aggregates,
       (select sig.name from gilgamesh.connection w join gilgamesh.signal sig on sig.id = w.signal_id
         where w.port_id = s.port_id and w.valid @> now() and w.recorded @> (select gilgamesh.known_at())) as signal,
       coalesce(g.samples, 0) + t.samples as samples, t.samples as in_tail, coalesce(g.bytes, 0) as bytes,
       greatest(g.last_at, t.last_at) as last_at, s.port_id
  from gilgamesh.stream s
  join gilgamesh.component c on c.id = s.port_id
 cross join lateral (select sum(x.n)::bigint as samples, sum(20 + 20 + x.n * (4 + gilgamesh.sample_width(s.dtype)))::bigint as bytes,
                            max(x.last_at) as last_at from gilgamesh.stream_segment x where x.port_id = s.port_id) g
 cross join lateral (select count(*) as samples, max(x.at) as last_at from gilgamesh.stream_tail x where x.port_id = s.port_id) t;

comment on view gilgamesh.streams is 'The ports that deliver samples day and night: how much is stored, since when nothing came, how long it is kept.';
comment on column gilgamesh.streams.port is 'The port, as device/channel.';
comment on column gilgamesh.streams.dtype is 'Type of its samples.';
comment on column gilgamesh.streams.pause is 'Longest pause between two samples that is no gap, in seconds.';
comment on column gilgamesh.streams.keep is 'How long samples are kept; null: for ever.';
comment on column gilgamesh.streams.keep_aggregates is 'How long aggregates are kept; null: for ever.';
comment on column gilgamesh.streams.signal is 'The signal that is wired to it now.';
comment on column gilgamesh.streams.samples is 'Number of samples.';
comment on column gilgamesh.streams.in_tail is 'How many of them wait to be moved into segments.';
comment on column gilgamesh.streams.bytes is 'What the segments take.';
comment on column gilgamesh.streams.last_at is 'Instant of the latest sample.';
comment on column gilgamesh.streams.port_id is 'Identity of the port.';

-- What waits in the tail?
create view gilgamesh.stream_backlog with (security_invoker = true) as
select t.port_id, gilgamesh.hour_of(t.at) as hour, count(*) as samples
  from gilgamesh.stream_tail t
 group by 1, 2;

comment on view gilgamesh.stream_backlog is 'The samples that wait to be moved into segments, by stream and hour.';
comment on column gilgamesh.stream_backlog.port_id is 'Identity of the port.';
comment on column gilgamesh.stream_backlog.hour is 'Begin of the hour of UTC.';
comment on column gilgamesh.stream_backlog.samples is 'How many.';
