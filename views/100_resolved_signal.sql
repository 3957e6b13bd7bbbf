-- From a name and a shot to port, chain, calibrations, unit and time axis: everything that reads samples stands on this.

-- The steps of a chain in one list, with the conversions of units between them.
create function gilgamesh.join_steps(links jsonb[], conversions double precision[]) returns jsonb
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
  set extra_float_digits = 1
as $$
declare
  joined jsonb := '[]';
begin
  for i in 1 .. cardinality(links) loop
    if (conversions[i][1], conversions[i][2]) <> (1::float8, 0::float8) then
      joined := joined || jsonb_build_object('function', 'polynomial', 'version', 1,
                                             'coefficients', jsonb_build_array(conversions[i][2], conversions[i][1]));
    end if;
    joined := joined || links[i];
  end loop;
  return joined;
end
$$;

-- How many samples of a record that still grows are stored? A function of its own: whoever asks for a finished record
-- need not have the executor prepare a search in every partition.
create function gilgamesh.stored_samples(shot bigint, series_id bigint) returns bigint
  language plpgsql stable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  return (select coalesce(sum(g.n), 0) from segment g
           where g.shot = stored_samples.shot and g.series_id = stored_samples.series_id);
end
$$;

-- Which record did the latest run known then save of a processed signal? A function of its own: whoever asks for a
-- measured signal, as most do, need not have the executor prepare the search among the runs.
create function gilgamesh.latest_output(signal_id bigint, shot bigint) returns bigint
  language plpgsql stable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  return (select q.id
            from series q
            join run u on u.id = q.run_id
            join edit e on e.id = u.edit_id and e.recorded_at <= (select known_at())
           where q.signal_id = latest_output.signal_id and q.shot = latest_output.shot
           order by e.id desc limit 1);
end
$$;

-- Inside every `limit 1` stands only what a btree on (id, beginning) answers; what was known is tested there and
-- hidden from the planner, the end of validity is tested outside. The exclusion constraints make the one candidate
-- the right one. (Any simpler form lets the planner scan an exclusion index: a hundred times slower.)
create view gilgamesh.resolved_signal with (security_invoker = true) as
select sh.number as shot, s.name as signal, s.kind, sh.started_at,
       case when s.kind = 'processed' then case when se.id is null then 'not computed' else 'ok' end
            when s.kind = 'derived' then 'a formula'
            when c.id is null then 'not wired'
            when chain.calibrated < chain.items then 'not calibrated'
            when se.id is null then 'no samples'
            else 'ok' end as status,
       port.name as port, device.name as device, chain.names as chain,
       s.unit,
       case when se.n is null and se.id is not null
            then gilgamesh.stored_samples(sh.number, se.id)
            else se.n end as n, se.dtype,
       case when se.dt is not null then se.start * coalesce(t.clock_rate, 1) + coalesce(t.start_offset, 0) end as start,
       se.dt * coalesce(t.clock_rate, 1) as dt,
       coalesce(t.clock_rate, 1) as clock_rate, coalesce(t.start_offset, 0) as clock_offset,
       case when s.kind = 'processed' then 1 else chain.line[1] end as gain,
       case when s.kind = 'processed' then 0 else chain.line[2] end as "offset",
       case when chain.line is null and chain.calibrated = chain.items
            then gilgamesh.join_steps(chain.steps || '[]'::jsonb, chain.conversions || array[chain.last]) end as steps,
       chain.items, chain.calibrated, chain.calibrations,
       s.id as signal_id, c.id as connection_id, c.port_id, p.device_id, se.id as series_id, se.segment_n,
       se.sha256 is not null as finished, t.id as timing_id, se.run_id
  from gilgamesh.shot sh
 cross join gilgamesh.signal s
  left join lateral (
    select w.id, w.port_id, w.chain, w.valid
      from gilgamesh.connection w
     where w.signal_id = s.id and coalesce(lower(w.valid), '-infinity') <= sh.started_at
       and (w.recorded @> (select gilgamesh.known_at())) is distinct from false
     order by w.signal_id, coalesce(lower(w.valid), '-infinity') desc limit 1
  ) c on c.valid @> sh.started_at
  left join gilgamesh.port p on p.component_id = c.port_id
  left join gilgamesh.component port on port.id = p.component_id
  left join gilgamesh.component device on device.id = p.device_id
  left join lateral (
    select q.id, q.n, q.dtype, q.start, q.dt, q.segment_n, q.sha256, q.run_id
      from gilgamesh.series q
     where q.shot = sh.number and q.port_id = c.port_id
    union all
    select q.id, q.n, q.dtype, q.start, q.dt, q.segment_n, q.sha256, q.run_id
      from gilgamesh.series q
     where s.kind = 'processed' and q.shot = sh.number and q.id = gilgamesh.latest_output(s.id, sh.number)
  ) se on true
  left join lateral (
    select link.items, link.calibrated, link.names, link.calibrations, link.steps, link.conversions, link.last,
           case when link.calibrated = link.items and link.affine and coalesce(se.dtype, p.dtype) <> 'float64'
                then gilgamesh.compose_affine(link.gains || link.last[1], link.offsets || link.last[2]) end as line
      from (
        select count(*)::integer as items, count(item.id)::integer as calibrated,
               coalesce(array_agg(item.name order by item.pos) filter (where item.pos > 1), '{}') as names,
               array_agg(item.id order by item.pos) as calibrations,
               array_agg(item.steps order by item.pos) as steps,
               array_agg(item.conversion order by item.pos) filter (where item.conversion is not null) as conversions,
               array_agg(item.gain * item.conversion[1] order by item.pos) as gains,
               array_agg(item.gain * item.conversion[2] + item."offset" order by item.pos) as offsets,
               coalesce(bool_and(item.gain is not null), false) as affine,
               gilgamesh.unit_conversion((array_agg(item.output_unit order by item.pos desc))[1], s.unit) as last
          from (
            select path.pos, i.name, k.id, k.steps, k.gain, k."offset", k.output_unit,
                   gilgamesh.unit_conversion(
                     case when path.pos = 1 then p.unit else lag(k.output_unit) over (order by path.pos) end,
                     k.input_unit) as conversion
              from unnest(c.port_id || c.chain) with ordinality path(component_id, pos)
              join gilgamesh.component i on i.id = path.component_id
              left join lateral (
                select k.id, k.steps, k.gain, k."offset", k.input_unit, k.output_unit, k.valid
                  from gilgamesh.calibration k
                 where k.component_id = path.component_id and coalesce(lower(k.valid), '-infinity') <= sh.started_at
                   and (k.recorded @> (select gilgamesh.known_at())) is distinct from false
                 order by k.component_id, coalesce(lower(k.valid), '-infinity') desc limit 1
              ) k on k.valid @> sh.started_at
          ) item
      ) link
     where c.id is not null
  ) chain on true
  left join lateral (
    select o.id, o.start_offset, o.clock_rate, o.valid
      from gilgamesh.timing o
     where o.device_id = p.device_id and coalesce(lower(o.valid), '-infinity') <= sh.started_at
       and (o.recorded @> (select gilgamesh.known_at())) is distinct from false
     order by o.device_id, coalesce(lower(o.valid), '-infinity') desc limit 1
  ) t on t.valid @> sh.started_at;

comment on view gilgamesh.resolved_signal is
  'Every signal at every shot: which port it was wired to, through which chain, and which calibrations applied, as known at gilgamesh.known_at. Always give signal or shot.';
comment on column gilgamesh.resolved_signal.shot is 'Shot number.';
comment on column gilgamesh.resolved_signal.signal is 'Name of the signal (not an alias).';
comment on column gilgamesh.resolved_signal.kind is 'measured, derived or processed.';
comment on column gilgamesh.resolved_signal.started_at is 'Trigger of the shot: the instant at which wiring and calibrations were looked up.';
comment on column gilgamesh.resolved_signal.status is 'ok, not wired, not calibrated, no samples; for a processed signal ok or not computed; for a derived one a formula.';
comment on column gilgamesh.resolved_signal.port is 'The port, as device/channel.';
comment on column gilgamesh.resolved_signal.device is 'The device of the port.';
comment on column gilgamesh.resolved_signal.chain is 'Components whose calibrations apply after the port''s own, in order.';
comment on column gilgamesh.resolved_signal.unit is 'Unit of the values.';
comment on column gilgamesh.resolved_signal.n is 'Number of samples.';
comment on column gilgamesh.resolved_signal.dtype is 'Type of the raw samples.';
comment on column gilgamesh.resolved_signal.start is 'Time of the first sample in seconds from the trigger, timing applied; null for irregular sampling.';
comment on column gilgamesh.resolved_signal.dt is 'Sampling interval in seconds, timing applied; null for irregular sampling.';
comment on column gilgamesh.resolved_signal.clock_rate is 'time = clock_rate * recorded time + clock_offset.';
comment on column gilgamesh.resolved_signal.clock_offset is 'See clock_rate.';
comment on column gilgamesh.resolved_signal.gain is 'value = gain * raw + offset, where the whole chain is a straight line; null otherwise.';
comment on column gilgamesh.resolved_signal."offset" is 'See gain.';
comment on column gilgamesh.resolved_signal.steps is 'The steps of the whole chain, where it is not a straight line; null otherwise.';
comment on column gilgamesh.resolved_signal.items is 'Number of items that must be calibrated: the port and its chain.';
comment on column gilgamesh.resolved_signal.calibrated is 'How many of them are.';
comment on column gilgamesh.resolved_signal.calibrations is 'The calibrations that apply, in order; null marks a missing one.';
comment on column gilgamesh.resolved_signal.signal_id is 'Identity of the signal.';
comment on column gilgamesh.resolved_signal.connection_id is 'The connection that chose the port.';
comment on column gilgamesh.resolved_signal.port_id is 'Identity of the port.';
comment on column gilgamesh.resolved_signal.device_id is 'Identity of the device.';
comment on column gilgamesh.resolved_signal.series_id is 'The record the samples are read from; of a processed signal, that of the latest run.';
comment on column gilgamesh.resolved_signal.segment_n is 'Samples per segment of that record.';
comment on column gilgamesh.resolved_signal.finished is 'Whether the record is complete; a record that still grows is not.';
comment on column gilgamesh.resolved_signal.timing_id is 'The timing that corrected the clock, if one did.';
comment on column gilgamesh.resolved_signal.run_id is 'The run that computed a processed signal.';
