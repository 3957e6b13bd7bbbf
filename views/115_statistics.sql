-- Numbers about whole records, from the moments stored with the samples.

create view gilgamesh.record_statistics with (security_invoker = true) as
select r.shot, r.signal, r.unit, found.n, found.minimum, found.maximum, found.mean, found.rms
  from gilgamesh.resolved_signal r
 cross join lateral (
    -- A straight line: exact from the moments. A negative gain turns minimum and maximum round.
    select m.n, r.gain * case when r.gain < 0 then m.high else m.low end + r."offset" as minimum,
           r.gain * case when r.gain < 0 then m.low else m.high end + r."offset" as maximum,
           r.gain * m.mean + r."offset" as mean,
           sqrt(greatest(0, r.gain * r.gain * m.square + 2 * r.gain * r."offset" * m.mean + r."offset" * r."offset")) as rms
      from (select sum(g.numbers) as n, min(g.minimum) as low, max(g.maximum) as high,
                   sum(g.total) / nullif(sum(g.numbers), 0) as mean, sum(g.squares) / nullif(sum(g.numbers), 0) as square
              from gilgamesh.segment g
             where g.shot = r.shot and g.series_id = r.series_id) m
     where r.steps is null
    union all
    -- Anything else: from the samples themselves.
    select count(*), min(v.value), max(v.value), avg(v.value), sqrt(avg(v.value * v.value))
      from (select unnest(gilgamesh.apply_steps(gilgamesh.decode_payload(g.payload, r.dtype, g.n), r.steps)) as value
              from gilgamesh.segment g
             where r.steps is not null and g.shot = r.shot and g.series_id = r.series_id) v
     where v.value > '-infinity' and v.value < 'infinity'
    having r.steps is not null
 ) found
 where r.status = 'ok';

comment on view gilgamesh.record_statistics is
  'Number, minimum, maximum, mean and rms of every stored record, that is without derived signals; always give signal or shot. Exact from stored moments where the chain is a straight line, from the samples otherwise. NaN and infinities are left out.';
comment on column gilgamesh.record_statistics.shot is 'Shot number.';
comment on column gilgamesh.record_statistics.signal is 'Name of the signal.';
comment on column gilgamesh.record_statistics.unit is 'Unit of the numbers.';
comment on column gilgamesh.record_statistics.n is 'Number of samples that are numbers.';
comment on column gilgamesh.record_statistics.minimum is 'Smallest value.';
comment on column gilgamesh.record_statistics.maximum is 'Largest value.';
comment on column gilgamesh.record_statistics.mean is 'Mean value.';
comment on column gilgamesh.record_statistics.rms is 'Root of the mean square.';

-- The same of a derived signal: from the samples.
create function gilgamesh.derived_statistics(signal_id bigint, shot bigint, out n bigint, out minimum double precision,
                                             out maximum double precision, out mean double precision, out rms double precision)
  returns setof record
  language sql stable rows 1
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
  with blocks as materialized (
    select b."values" from derived_blocks(derived_statistics.signal_id, derived_statistics.shot, strict => false) b
  )
  select count(*), min(v.value), max(v.value), avg(v.value),
         sqrt(avg(case when abs(v.value) between 1e-140 and 1e140 then v.value * v.value else ieee_product(v.value, v.value) end))
    from (select unnest(b."values") as value from blocks b) v
   where v.value > '-infinity' and v.value < 'infinity'
  having exists (select from blocks)
$$;

create view gilgamesh.statistics with (security_invoker = true) as
select t.shot, t.signal, t.unit, t.n, t.minimum, t.maximum, t.mean, t.rms from gilgamesh.record_statistics t
union all
select sh.number, s.name, s.unit, d.n, d.minimum, d.maximum, d.mean, d.rms
  from gilgamesh.shot sh
 cross join gilgamesh.signal s
 cross join lateral gilgamesh.derived_statistics(s.id, sh.number) d
 where s.kind = 'derived';

comment on view gilgamesh.statistics is
  'Number, minimum, maximum, mean and rms of every signal in every shot; always give signal or shot. Exact from stored moments where the chain is a straight line, from the samples otherwise. NaN and infinities are left out. A derived signal is computed; one that cannot be in SQL is an error.';
comment on column gilgamesh.statistics.shot is 'Shot number.';
comment on column gilgamesh.statistics.signal is 'Name of the signal.';
comment on column gilgamesh.statistics.unit is 'Unit of the numbers.';
comment on column gilgamesh.statistics.n is 'Number of samples that are numbers.';
comment on column gilgamesh.statistics.minimum is 'Smallest value.';
comment on column gilgamesh.statistics.maximum is 'Largest value.';
comment on column gilgamesh.statistics.mean is 'Mean value.';
comment on column gilgamesh.statistics.rms is 'Root of the mean square.';

-- Minimum and maximum of a signal in at most so many bins between two instants: what a plot needs. No spike is lost.
-- Long records are read from the pyramid, the ragged ends of the window and everything else from the samples.
create function gilgamesh.envelope(signal text, shot bigint, points integer,
                                   t0 double precision default '-infinity', t1 double precision default 'infinity')
  returns table ("time" double precision, minimum double precision, maximum double precision)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  named bigint := signal_named(envelope.signal);
  r resolved_signal;
  i0 bigint;
  i1 bigint;
  width integer := 1;   -- samples per block
  b0 bigint;            -- whole blocks inside the window: b0 <= block < b1
  b1 bigint;
begin
  if points is null or points < 1 then
    raise exception using errcode = 'GG008', message = format('an envelope of %s points cannot be drawn', points),
      hint = 'Give the number of bins, for example 2000.';
  end if;
  select * into r from resolved_signal v where v.signal_id = named and v.shot = envelope.shot;
  if r.shot is null then
    perform shot_time(envelope.shot);
  end if;
  if r.status <> 'a formula' then
    perform require_resolved(r.status, r.signal, r.shot);
  end if;
  if r.dt is not null and t0 < t1 and 'NaN' not in (t0, t1) then
    i0 := sample_index(t0, r.start, r.dt, r.n);
    i1 := sample_index(t1, r.start, r.dt, r.n);
    if r.steps is null and (select s.n is not null from series s where s.id = r.series_id) then
      width := case when (i1 - i0) / 4096 > points then 4096 when (i1 - i0) / 64 > points then 64 else 1 end;
    end if;
  end if;
  if width = 1 then
    return query
    select min(v.t), min(v.value), coalesce(max(v.value) filter (where v.value <> 'NaN'), min(v.value))
      from (select s."time" as t, s.value, row_number() over (order by s."time") - 1 as i, count(*) over () as n
              from samples_between(envelope.signal, envelope.shot, t0, t1) s) v
     group by v.i * least(points, v.n) / v.n
     order by 1;
    return;
  end if;
  b0 := (i0 + width - 1) / width;
  b1 := case when i1 = r.n then (r.n + width - 1) / width else i1 / width end;
  return query
  with pair as (
    select p.position * 32768::bigint + x.i / 2 as block, x.raw
      from pyramid p
     cross join lateral unnest(decode_payload(p.payload, r.dtype, 2 * p.n)) with ordinality as u(raw, ordinal)
     cross join lateral (select u.raw, u.ordinal - 1 as i) x
     where p.shot = r.shot and p.series_id = r.series_id and p.level = width
       and p.position between b0 / 32768 and (b1 - 1) / 32768
  ), binned as (
    select (pair.block - b0) * points / (b1 - b0) as bin, r.start + pair.block * width * r.dt as t, pair.raw
      from pair where pair.block >= b0 and pair.block < b1
    union all
    select 0, s."time", s.raw
      from samples_between(envelope.signal, envelope.shot, t0, least(t1, r.start + (b0 * width - 0.5) * r.dt)) s
     where b0 * width > i0
    union all
    select points - 1, s."time", s.raw
      from samples_between(envelope.signal, envelope.shot, r.start + (b1 * width - 0.5) * r.dt, t1) s
     where b1 * width < i1
  )
  select min(b.t),
         case when r.gain < 0 then max(b.raw) else min(b.raw) end * r.gain + r."offset",
         case when r.gain < 0 then min(b.raw) else max(b.raw) end * r.gain + r."offset"
    from binned b
   group by b.bin
   order by b.bin;
end
$$;

comment on function gilgamesh.envelope(text, bigint, integer, double precision, double precision) is
  'Minimum and maximum of a signal (name or alias) in at most so many bins, for plots of any length.';
