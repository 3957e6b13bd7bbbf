-- Calibrated samples as rows.

-- A chain with a hole gives no value: say which signal of which shot, and what is missing.
create function gilgamesh.require_resolved(status text, signal text, shot bigint, missing text default null) returns boolean
  language plpgsql stable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  if status = 'ok' then
    return true;
  end if;
  raise exception using
    errcode = case status when 'not wired' then 'GG004' when 'not calibrated' then 'GG005' else 'GG011' end,
    message = case status
      when 'not wired' then format('%L was not wired to any port in shot %s', signal, shot)
      when 'a formula' then format('%L is a derived signal: its formula is evaluated by the library, not in SQL', signal)
      when 'not computed' then format('%L was not computed in shot %s: no run has saved it', signal, shot)
      when 'not calibrated' then format('%L cannot be computed in shot %s: %s', signal, shot, coalesce(missing, 'an item of its chain has no calibration then'))
      else format('%L was wired in shot %s, but no samples of its port are stored: it recorded nothing, or they were released', signal, shot) end,
    hint = case status
      when 'not wired' then format('See where it was wired: select * from gilgamesh.wiring where signal = %L', signal)
      when 'a formula' then format('In Python: db.signal(%L, %s).values; in SQL, read the signals of its formula: select formula from gilgamesh.definition', signal, shot)
      when 'not computed' then format('See what was run: select * from gilgamesh.runs where shot = %s', shot)
      when 'not calibrated' then format('See the chain: gilgamesh explain %s %s', signal, shot)
      else format('See what was recorded: select * from gilgamesh.gaps where shot = %s', shot) end;
end
$$;

-- Every sample of a signal in a shot. Always give signal and shot; a window is faster with samples_between.
-- Whatever stands beside the samples is evaluated once per sample: `offset 0` keeps the resolution below it, so that
-- only columns remain, and those few. (Twice as fast as the plain join; a lateral join of the samples is slower.)
create view gilgamesh.samples with (security_invoker = true) as
select x.shot, x.signal, coalesce(x.irregular, x.start + x.i * x.dt) as time, x.raw,
       case when x.gain is not null then x.raw * x.gain + x.shift else x.curved end as value
  from (
    select r.shot, r.signal, k.start, k.dt, k.gain, k.shift,
           generate_series(k.first, k.first + k.n - 1) as i,
           unnest(case when k.times is not null
                       then array(select t * k.clock_rate + k.clock_offset
                                    from unnest(gilgamesh.decode_payload(k.times, 'float64', k.n)) t) end) as irregular,
           unnest(gilgamesh.decode_payload(k.payload, k.dtype, k.n)) as raw,
           unnest(case when k.steps is not null
                       then gilgamesh.apply_steps(gilgamesh.decode_payload(k.payload, k.dtype, k.n), k.steps) end) as curved
      from gilgamesh.resolved_signal r
      join gilgamesh.segment g on g.shot = r.shot and g.series_id = r.series_id
     cross join lateral (
       select r.start, r.dt, r.clock_rate, r.clock_offset, r.gain, r."offset" as shift, r.steps, r.dtype,
              g.position::bigint * r.segment_n as first, g.n, g.payload, g.times offset 0) k
     where case when r.status <> 'not calibrated' then true
                else gilgamesh.require_resolved(r.status, r.signal, r.shot) end
  ) x;

comment on view gilgamesh.samples is
  'Calibrated samples as rows: where signal = … and shot = …; raw counts beside the value. Signals without wiring or samples have no rows; a missing calibration is an error.';
comment on column gilgamesh.samples.shot is 'Shot number.';
comment on column gilgamesh.samples.signal is 'Name of the signal (not an alias).';
comment on column gilgamesh.samples.time is 'Seconds from the trigger.';
comment on column gilgamesh.samples.raw is 'The raw sample, as recorded.';
comment on column gilgamesh.samples.value is 'The calibrated value, in the unit of the signal.';

-- Which sample of n is the first at or after this instant? An instant that is a sample up to rounding is that sample:
-- a millionth of dt, or four roundings of the instant itself where dt is that small.
create function gilgamesh.sample_index(instant double precision, start double precision, dt double precision, n bigint) returns bigint
  language sql immutable strict parallel safe
return case when instant <= start then 0
            when instant >= start + n * dt then n
            when abs((instant - start) / dt - round((instant - start) / dt))
                 < greatest(1e-6::double precision, 1e-15::double precision * greatest(abs(instant), abs(start)) / dt)
            then round((instant - start) / dt) else ceil((instant - start) / dt) end::bigint;

-- The stored pieces of a signal between two instants (t0 <= time < t1), resolved, sliced, still raw.
create function gilgamesh.segments_between(signal text, shot bigint, t0 double precision, t1 double precision)
  returns table (first bigint, n integer, payload bytea, times bytea, resolved gilgamesh.resolved_signal)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  named bigint := signal_named(signal);
  r resolved_signal;
  i0 bigint;
  i1 bigint;
  width integer;
begin
  if t0 is null or t1 is null or t0 >= t1 or 'NaN' in (t0, t1) then
    raise exception using errcode = 'GG008', message = format('the window from %s s to %s s is empty', t0, t1),
      hint = 'Windows are half-open: from t0, up to but not including t1.';
  end if;
  select * into r from resolved_signal v where v.signal_id = named and v.shot = segments_between.shot;
  if r.shot is null then
    perform shot_time(segments_between.shot);
  end if;
  perform require_resolved(r.status, r.signal, r.shot);
  width := sample_width(r.dtype);
  if r.dt is not null then
    i0 := sample_index(t0, r.start, r.dt, r.n);
    i1 := sample_index(t1, r.start, r.dt, r.n);
    return query
      select greatest(i0, s.first), (least(i1, s.first + s.n) - greatest(i0, s.first))::integer,
             substring(s.payload from (21 + width * (greatest(i0, s.first) - s.first))::integer
                                  for (width * (least(i1, s.first + s.n) - greatest(i0, s.first)))::integer),
             null::bytea, r
        from (select g.position::bigint * r.segment_n as first, g.n, g.payload
                from segment g
               where g.shot = r.shot and g.series_id = r.series_id
                 and g.position between i0 / r.segment_n and (i1 - 1) / r.segment_n) s
       where i0 < i1
       order by s.first;
  else
    return query
      select g.position::bigint * r.segment_n + f.i0, (f.i1 - f.i0)::integer,
             substring(g.payload from 21 + width * f.i0 for width * (f.i1 - f.i0)),
             substring(g.times from 21 + 8 * f.i0 for 8 * (f.i1 - f.i0)), r
        from segment g
       cross join lateral (
          select count(*) filter (where t * r.clock_rate + r.clock_offset < t0)::integer as i0,
                 count(*) filter (where t * r.clock_rate + r.clock_offset < t1)::integer as i1
            from unnest(decode_payload(g.times, 'float64', g.n)) t
       ) f
       where g.shot = r.shot and g.series_id = r.series_id and f.i0 < f.i1
       order by g.position;
  end if;
end
$$;

-- Calibrated samples of a signal between two instants: t0 <= time < t1.
create function gilgamesh.samples_between(signal text, shot bigint, t0 double precision, t1 double precision)
  returns table ("time" double precision, raw double precision, value double precision)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  return query
  select coalesce(x.irregular, x.start + x.i * x.dt), x.counts,
         case when x.gain is not null then x.counts * x.gain + x.shift else x.curved end
    from (
      select s.start, s.dt, s.gain, s.shift,
             generate_series(s.first, s.first + s.n - 1) as i,
             unnest(case when s.times is not null
                         then array(select t * s.clock_rate + s.clock_offset
                                      from unnest(decode_bytes(s.times, 'float64', s.n)) t) end) as irregular,
             unnest(s.counts) as counts,
             unnest(case when s.steps is not null then apply_steps(s.counts, s.steps) end) as curved
        -- Unpacked here, once per segment: above, it would be once per sample.
        from (select (b.resolved).start, (b.resolved).dt, (b.resolved).clock_rate, (b.resolved).clock_offset,
                     (b.resolved).gain, (b.resolved)."offset" as shift, (b.resolved).steps, b.first, b.n, b.times,
                     decode_bytes(b.payload, (b.resolved).dtype, b.n) as counts
                from segments_between(samples_between.signal, samples_between.shot, samples_between.t0, samples_between.t1) b
              offset 0) s
    ) x;
end
$$;

comment on function gilgamesh.samples_between(text, bigint, double precision, double precision) is
  'Calibrated samples of a signal (name or alias) in a shot, for t0 <= time < t1 seconds from the trigger.';
