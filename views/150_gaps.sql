-- What is missing, so that nobody has to find out from a wrong number.
--
-- Everything is reckoned in periods first (a connection less the calibrations of its items, less the presence of its items
-- …) and only what is left over is looked up among the shots: a history without holes costs nothing per shot.
create view gilgamesh.gaps with (security_invoker = true) as
with wired as materialized (
  select c.id, c.valid, c.port_id, c.chain, s.name as signal, port.name as port, p.device_id, device.name as device
    from gilgamesh.connection c
    join gilgamesh.signal s on s.id = c.signal_id
    join gilgamesh.port p on p.component_id = c.port_id
    join gilgamesh.component port on port.id = c.port_id
    join gilgamesh.component device on device.id = p.device_id
   where c.recorded @> (select gilgamesh.known_at())
), item as (
  select w.id, w.signal, w.port, w.valid, path.pos, i.id as item_id, i.name as item, case when path.pos = 1 then w.device_id end as device_id
    from wired w cross join unnest(w.port_id || w.chain) with ordinality path(id, pos) join gilgamesh.component i on i.id = path.id
), calibrated as (
  select k.component_id, range_agg(k.valid) as during
    from gilgamesh.calibration k where k.recorded @> (select gilgamesh.known_at()) group by k.component_id
), present as (
  select p.component_id, range_agg(p.valid) as during
    from gilgamesh.placement p where p.recorded @> (select gilgamesh.known_at()) group by p.component_id
), overdue as (
  -- A calibration cut in two by a later one is as old as its first piece.
  select k.component_id, y.value::float8 * u.factor as seconds, begun.at, asked.component_id as asked_of,
         y.valid * k.valid * tstzrange(nullif(begun.at + make_interval(secs => y.value::float8 * u.factor), '-infinity'), null) as during
    from gilgamesh.property y
    join gilgamesh.unit u on u.symbol = y.unit and u.dimension = 's'
   cross join lateral (select y.component_id union all select p.component_id from gilgamesh.port p where p.device_id = y.component_id) asked
    join gilgamesh.calibration k on k.component_id = asked.component_id and k.recorded @> (select gilgamesh.known_at())
   cross join lateral (
     select min(coalesce(lower(o.valid), '-infinity')) as at from gilgamesh.calibration o
      where o.component_id = k.component_id and o.edit_id = k.edit_id and o.steps = k.steps
        and o.recorded @> (select gilgamesh.known_at())) begun
   where y.name = 'recalibrate after' and jsonb_typeof(y.value) = 'number' and y.recorded @> (select gilgamesh.known_at())
), hole as (
  select item.signal, item.port, 'not calibrated' as gap, item.pos, quote_literal(item.item) as item, null as said, hole
    from item left join calibrated on calibrated.component_id = item.item_id
   cross join unnest(tstzmultirange(item.valid) - coalesce(calibrated.during, '{}')) hole
  union all
  select item.signal, item.port, 'not there', item.pos, quote_literal(item.item), null, hole
    from item left join present on present.component_id = item.item_id
   cross join unnest(tstzmultirange(item.valid) - coalesce(present.during, '{}')) hole
  union all
  select item.signal, item.port, 'calibration overdue', item.pos,
         format('%L (of %s, to be repeated after %s days)', item.item, coalesce(nullif(o.at, '-infinity')::date::text, 'an unknown day'),
                round((o.seconds / 86400)::numeric, 1)::float8), null, item.valid * o.during
    from item join overdue o on o.component_id = item.item_id and o.during && item.valid
), unexpected as (
  select y.component_id, range_agg(y.valid) as during
    from gilgamesh.property y
   where y.name = 'expected' and y.value = 'false' and y.recorded @> (select gilgamesh.known_at()) group by y.component_id
), expected as (
  -- Streams make no records of shots: slow_gaps tells when they said nothing.
  select w.*, silent
    from (select * from wired where port_id not in (select st.port_id from gilgamesh.stream st)) w
    left join unexpected a on a.component_id = w.port_id
    left join unexpected b on b.component_id = w.device_id
   cross join unnest(tstzmultirange(w.valid) - coalesce(a.during, '{}') - coalesce(b.during, '{}')) silent
)
select sh.number as shot, hole.signal, hole.port, hole.gap,
       format(case hole.gap when 'not calibrated' then 'no calibration of %s then'
                            when 'not there' then '%s was not in the testbed then'
                            else 'calibration of %s' end, string_agg(hole.item, ' and ' order by hole.pos)) as detail
  from hole
  join gilgamesh.shot sh on sh.started_at >= coalesce(lower(hole.hole), '-infinity') and sh.started_at < coalesce(upper(hole.hole), 'infinity')
 group by sh.number, hole.signal, hole.port, hole.gap
union all
select sh.number, e.signal, e.port,
       case silence.of_what when 'device' then 'device missing' else 'no samples' end,
       case silence.of_what when 'port' then format('no samples of %s are stored: it recorded nothing, or they were released', e.port)
                            when 'device' then format('%s recorded nothing in this shot', e.device)
                            else 'nothing was stored of this shot, or its samples were released' end
  from expected e
  join gilgamesh.shot sh on sh.started_at >= coalesce(lower(e.silent), '-infinity') and sh.started_at < coalesce(upper(e.silent), 'infinity')
 cross join lateral (
   select case when not exists (select from gilgamesh.series o where o.shot = sh.number and o.port_id is not null) then 'shot'
               when not exists (select from gilgamesh.series o join gilgamesh.port p on p.component_id = o.port_id
                                 where o.shot = sh.number and p.device_id = e.device_id) then 'device'
               else 'port' end as of_what) silence
 where (select se.id from gilgamesh.series se where se.shot = sh.number and se.port_id = e.port_id) is null
union all
select se.shot, null, port.name, 'not wired', format('%s samples, but no signal was wired to %s then', se.n, port.name)
  from gilgamesh.series se
  join gilgamesh.shot sh on sh.number = se.shot
  join gilgamesh.component port on port.id = se.port_id
 where not exists (
   select from (
     select c.valid from gilgamesh.connection c
      where c.port_id = se.port_id and coalesce(lower(c.valid), '-infinity') <= sh.started_at
        and (c.recorded @> (select gilgamesh.known_at())) is distinct from false
      order by c.port_id, coalesce(lower(c.valid), '-infinity') desc limit 1) c
    where c.valid @> sh.started_at);

comment on view gilgamesh.gaps is
  'What is missing in each shot: wiring of recorded samples, calibrations, items, samples of wired signals, whole devices; and calibrations that should have been repeated. What need not be recorded has the property expected = false.';
comment on column gilgamesh.gaps.shot is 'Shot number.';
comment on column gilgamesh.gaps.signal is 'The signal that suffers; null for samples nobody is wired to.';
comment on column gilgamesh.gaps.port is 'The port.';
comment on column gilgamesh.gaps.gap is 'not wired, not calibrated, not there, calibration overdue, no samples or device missing.';
comment on column gilgamesh.gaps.detail is 'What is missing, in words.';

-- Which records leave the range their signal is believed to stay in?
create view gilgamesh.implausible with (security_invoker = true) as
select t.shot, t.signal, t.minimum, t.maximum, s.low, s.high, t.unit
  from gilgamesh.record_statistics t
  join gilgamesh.signal s on s.name = t.signal
 where t.minimum < s.low or t.maximum > s.high;

comment on view gilgamesh.implausible is
  'Records whose values leave the plausible range of their signal, from stored minima and maxima where the chain is a straight line; always give signal or shot.';
comment on column gilgamesh.implausible.shot is 'Shot number.';
comment on column gilgamesh.implausible.signal is 'Name of the signal.';
comment on column gilgamesh.implausible.minimum is 'Smallest value.';
comment on column gilgamesh.implausible.maximum is 'Largest value.';
comment on column gilgamesh.implausible.low is 'Lower end of the plausible range.';
comment on column gilgamesh.implausible.high is 'Upper end of the plausible range.';
comment on column gilgamesh.implausible.unit is 'Unit of all four.';
