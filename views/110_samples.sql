-- Calibrated samples as rows.

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
  ) x
union all
select x.shot, x.signal, coalesce(x.irregular, x.start + x.i * x.dt), null, x.value
  from (
    select sh.number as shot, s.name as signal, b.start, b.dt, generate_series(b.first, b.first + b.n - 1) as i,
           unnest(b.times) as irregular, unnest(b."values") as value
      from gilgamesh.shot sh
     cross join gilgamesh.signal s
     cross join lateral gilgamesh.derived_blocks(s.id, sh.number, strict => false) b
     where s.kind = 'derived'
  ) x;

comment on view gilgamesh.samples is
  'Calibrated samples as rows: where signal = … and shot = …; raw counts beside the value. Signals without wiring or samples have no rows; a missing calibration is an error, and so is a derived signal whose formula needs the whole record or signals with different time bases.';
comment on column gilgamesh.samples.shot is 'Shot number.';
comment on column gilgamesh.samples.signal is 'Name of the signal (not an alias).';
comment on column gilgamesh.samples.time is 'Seconds from the trigger.';
comment on column gilgamesh.samples.raw is 'The raw sample, as recorded; null for a derived signal.';
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

-- Refuse a window that is none.
create function gilgamesh.require_window(t0 double precision, t1 double precision) returns void
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if t0 is null or t1 is null or t0 >= t1 or 'NaN' in (t0, t1) then
    raise exception using errcode = 'GG008', message = format('the window from %s s to %s s is empty', t0, t1),
      hint = 'Windows are half-open: from t0, up to but not including t1.';
  end if;
end
$$;

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
  perform require_window(t0, t1);
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
  if exists (select from signal s where s.id = signal_named(samples_between.signal) and s.kind = 'derived') then
    perform require_window(t0, t1);
    perform shot_time(samples_between.shot);
    return query
    select coalesce(x.irregular, x.start + x.i * x.dt), null::float8, x.value
      from (select b.start, b.dt, generate_series(b.first, b.first + b.n - 1) as i, unnest(b.times) as irregular, unnest(b."values") as value
              from derived_blocks(signal_named(samples_between.signal), samples_between.shot, t0, t1) b) x;
    return;
  end if;
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
