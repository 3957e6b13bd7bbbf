-- How well is a value known? The chain of a signal with what is known of its uncertainty, and samples with theirs.


-- What does a chain do, link by link? One object per item with "item", "steps", "output_unit" and "covariance"
-- (null where it is not known), and one without an item for each conversion of units between them.
create function gilgamesh.links_of(connection_id bigint, calibrations bigint[], unit text) returns jsonb
  language plpgsql stable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
  set extra_float_digits = 1
as $$
declare
  links jsonb := '[]';
  given text;
  conversion float8[];
  link record;
begin
  for link in
    select i.name, k.steps, k.covariance, k.input_unit, k.output_unit, p.unit as raw_unit, path.pos
      from connection c
     cross join unnest(c.port_id || c.chain, links_of.calibrations) with ordinality path(component_id, calibration_id, pos)
      join component i on i.id = path.component_id
      join port p on p.component_id = c.port_id
      left join calibration k on k.id = path.calibration_id
     where c.id = links_of.connection_id
     order by path.pos
  loop
    conversion := unit_conversion(coalesce(given, link.raw_unit), link.input_unit);
    if conversion <> '{1,0}' then
      links := links || jsonb_build_object('steps', conversion_steps(conversion), 'output_unit', link.input_unit);
    end if;
    links := links || jsonb_build_object('item', link.name, 'steps', link.steps, 'covariance', to_jsonb(link.covariance),
                                         'output_unit', link.output_unit);
    given := link.output_unit;
  end loop;
  conversion := unit_conversion(given, links_of.unit);
  if conversion <> '{1,0}' then
    links := links || jsonb_build_object('steps', conversion_steps(conversion), 'output_unit', links_of.unit);
  end if;
  return links;
end
$$;

-- A conversion of units as a calibration step.
create function gilgamesh.conversion_steps(conversion double precision[]) returns jsonb
  language sql immutable strict parallel safe
  set extra_float_digits = 1
as $$
  select jsonb_build_array(jsonb_build_object('function', 'polynomial', 'version', 1,
                                              'coefficients', jsonb_build_array(conversion[2], conversion[1])))
$$;

-- What is the standard uncertainty of a raw sample? That of rounding to the resolution, and noise; null where neither is known.
create function gilgamesh.raw_uncertainty(dtype text, resolution double precision, noise double precision)
  returns double precision
  language sql immutable parallel safe
return case when coalesce(resolution, noise) is not null or dtype ~ '^u?int'
            then sqrt(coalesce(resolution, case when dtype ~ '^u?int' then 1 else 0 end) ^ 2 / 12 + coalesce(noise, 0) ^ 2) end;

-- Every sample of a signal in a shot with its uncertainty. Always give signal and shot.
create view gilgamesh.uncertain_samples with (security_invoker = true) as
select x.shot, x.signal,
       coalesce(x.irregular * x.clock_rate + x.clock_offset, x.start + (x.first + x.i) * x.dt) as time,
       x.raw,
       case when x.straight then x.raw * x.gain + x."offset" else x.curved end as value,
       sqrt(x.systematic * x.systematic + x.random * x.random) as value_std,
       x.systematic as value_std_systematic, x.random as value_std_random
  from (
    select r.shot, r.signal, r.start, r.dt, r.clock_rate, r.clock_offset, r.gain, r."offset", r.steps is null as straight,
           s.first, generate_series(0, s.n - 1) as i,
           unnest(gilgamesh.decode_payload(s.times, 'float64', s.n)) as irregular, unnest(s.counts) as raw,
           unnest((s.found).value) as curved, unnest((s.found).systematic) as systematic, unnest((s.found).random) as random
      from gilgamesh.resolved_signal r
      left join gilgamesh.port p on p.component_id = r.port_id
     cross join lateral (
        -- Once per segment: without the two barriers it would be once per sample.
        select d.*, gilgamesh.propagate(d.counts, d.links, d.raw_std) as found
          from (select g.n, g.times, g.position::bigint * r.segment_n as first,
                       gilgamesh.decode_payload(g.payload, r.dtype, g.n) as counts,
                       gilgamesh.links_of(r.connection_id, r.calibrations, r.unit) as links,
                       case when p.component_id is not null
                            then gilgamesh.raw_uncertainty(r.dtype, p.resolution, p.noise) end as raw_std
                  from gilgamesh.segment g
                 where g.shot = r.shot and g.series_id = r.series_id
                offset 0) d
        offset 0) s
     where case when r.status <> 'not calibrated' then true
                else gilgamesh.require_resolved(r.status, r.signal, r.shot) end
  ) x;

comment on view gilgamesh.uncertain_samples is
  'Calibrated samples with their standard uncertainty: where signal = … and shot = …. The systematic part is common to all samples of a shot and does not average out; the random part is each sample''s own. Null: nothing is known.';
comment on column gilgamesh.uncertain_samples.shot is 'Shot number.';
comment on column gilgamesh.uncertain_samples.signal is 'Name of the signal (not an alias).';
comment on column gilgamesh.uncertain_samples.time is 'Seconds from the trigger.';
comment on column gilgamesh.uncertain_samples.raw is 'The raw sample, as recorded.';
comment on column gilgamesh.uncertain_samples.value is 'The calibrated value, in the unit of the signal.';
comment on column gilgamesh.uncertain_samples.value_std is 'One standard deviation of the value, in the unit of the signal.';
comment on column gilgamesh.uncertain_samples.value_std_systematic is 'The part of it that comes from the calibrations.';
comment on column gilgamesh.uncertain_samples.value_std_random is 'The part of it that comes from resolution and noise of the port.';

-- The same between two instants: t0 <= time < t1.
create function gilgamesh.uncertain_samples_between(signal text, shot bigint, t0 double precision, t1 double precision)
  returns table ("time" double precision, raw double precision, value double precision, value_std double precision,
                 value_std_systematic double precision, value_std_random double precision)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  return query
  select coalesce(x.irregular * x.clock_rate + x.clock_offset, x.start + (x.first + x.i) * x.dt), x.counts,
         case when x.straight then x.counts * x.gain + x.shift else x.curved end,
         sqrt(x.systematic * x.systematic + x.random * x.random), x.systematic, x.random
    from (
      select s.start, s.dt, s.clock_rate, s.clock_offset, s.gain, s.shift, s.straight, s.first,
             generate_series(0, s.n - 1) as i, unnest(decode_bytes(s.times, 'float64', s.n)) as irregular,
             unnest(s.counts) as counts, unnest((s.found).value) as curved,
             unnest((s.found).systematic) as systematic, unnest((s.found).random) as random
        from (select d.*, propagate(d.counts, d.links, d.raw_std) as found
                from (select (b.resolved).start, (b.resolved).dt, (b.resolved).clock_rate, (b.resolved).clock_offset,
                             (b.resolved).gain, (b.resolved)."offset" as shift, (b.resolved).steps is null as straight,
                             b.first, b.n, b.times, decode_bytes(b.payload, (b.resolved).dtype, b.n) as counts,
                             links_of((b.resolved).connection_id, (b.resolved).calibrations, (b.resolved).unit) as links,
                             (select raw_uncertainty((b.resolved).dtype, p.resolution, p.noise)
                                from port p where p.component_id = (b.resolved).port_id) as raw_std
                        from segments_between(uncertain_samples_between.signal, uncertain_samples_between.shot,
                                              uncertain_samples_between.t0, uncertain_samples_between.t1) b
                      offset 0) d
              offset 0) s
    ) x;
end
$$;

comment on function gilgamesh.uncertain_samples_between(text, bigint, double precision, double precision) is
  'Calibrated samples of a signal (name or alias) in a shot with their uncertainty, for t0 <= time < t1 seconds from the trigger.';
