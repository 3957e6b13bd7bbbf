-- Where does a number come from? Every step from the recorded count to the value, and who said so.

create function gilgamesh.explain(signal text, shot bigint)
  returns table (step integer, kind text, item text, formula text, input_unit text, output_unit text,
                 author text, recorded_at timestamptz, reason text, source text, since timestamptz, until timestamptz, rule text,
                 replaced text, replaced_author text, replaced_at timestamptz, replaced_reason text,
                 row_id bigint, parameters jsonb, covariance jsonb, fit jsonb)
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
  set extra_float_digits = 1
as $$
declare
  named bigint := signal_named(explain.signal);
  fired timestamptz := shot_time(explain.shot);
  r resolved_signal;
  steps integer;
  input text;
begin
  select * into r from resolved_signal v where v.signal_id = named and v.shot = explain.shot;
  if r.kind = 'derived' then
    -- The formula in force, then its inputs one after the other, as they are explained themselves.
    return query
    select 1, 'formula', r.signal, d.formula, null::text, r.unit, e.author, e.recorded_at, e.reason, null::text, lower(d.valid), upper(d.valid),
           format('in force at the trigger, %s', to_char(fired at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')),
           b.formula, be.author, be.recorded_at, be.reason, d.id, null::jsonb, null::jsonb, null::jsonb
      from definition d
      join edit e on e.id = d.edit_id
      left join lateral (select o.formula, o.edit_id from definition o
                          where o.signal_id = named and o.valid @> fired and upper(o.recorded) <= least(e.recorded_at, known_at())
                          order by upper(o.recorded) desc limit 1) b on true
      left join edit be on be.id = b.edit_id
     where d.signal_id = named and d.valid @> fired and d.recorded @> known_at();
    steps := 1;
    for input in
      select distinct on (n.k) n.name from definition d
       cross join lateral unnest(formula_names(parse_formula(d.formula))) with ordinality n(name, k)
       where d.signal_id = named and d.valid @> fired and d.recorded @> known_at()
       order by n.k
    loop
      return query
      select x.step + steps, x.kind, x.item, x.formula, x.input_unit, x.output_unit, x.author, x.recorded_at, x.reason, x.source,
             x.since, x.until, x.rule, x.replaced, x.replaced_author, x.replaced_at, x.replaced_reason, x.row_id, x.parameters,
             x.covariance, x.fit
        from explain(input, explain.shot) x;
      steps := steps + (select count(*)::integer from explain(input, explain.shot));
    end loop;
    return;
  end if;
  return query
  with stated as (
    -- The wiring: where the signal was plugged in.
    select 1 as place, 0::bigint as pos, 'wiring' as what, 'connection' as history, c.id, port.name as thing,
           array_to_string(array[s.name || ' ← ' || port.name] || r.chain, ' ← ') as how, null::text as given,
           p.unit as gives, c.valid, c.edit_id, null::text as origin, null::jsonb as numbers, null::jsonb as spread, null::jsonb as points,
           (select o.id from connection o
             where o.signal_id = named and o.valid @> fired and upper(o.recorded) <= least(e.recorded_at, known_at())
             order by upper(o.recorded) desc limit 1) as before
      from connection c
      join edit e on e.id = c.edit_id
      join signal s on s.id = c.signal_id
      join component port on port.id = c.port_id
      join port p on p.component_id = c.port_id
     where c.id = r.connection_id
    union all
    -- The calibration of each item, or its absence.
    select 2, path.pos * 2, 'calibration', 'calibration', k.id, i.name, gilgamesh.formula(k.steps), k.input_unit, k.output_unit, k.valid, k.edit_id,
           k.source, k.steps, to_jsonb(k.covariance), k.fit,
           (select o.id from calibration o
             where o.component_id = path.component_id and o.valid @> fired and upper(o.recorded) <= least(e.recorded_at, known_at())
             order by upper(o.recorded) desc limit 1)
      from connection c
     cross join unnest(c.port_id || c.chain, r.calibrations) with ordinality path(component_id, calibration_id, pos)
      join component i on i.id = path.component_id
      left join calibration k on k.id = path.calibration_id
      left join edit e on e.id = k.edit_id
     where c.id = r.connection_id
    union all
    -- The clock of the device.
    select 4, 0, 'timing', 'timing', t.id, device.name,
           format('time = %s·recorded + %s s', shown_number(t.clock_rate), shown_number(t.start_offset)), 's', 's', t.valid, t.edit_id,
           null, jsonb_build_object('start_offset', t.start_offset, 'clock_rate', t.clock_rate), null, null,
           (select o.id from timing o
             where o.device_id = t.device_id and o.valid @> fired and upper(o.recorded) <= least(e.recorded_at, known_at())
             order by upper(o.recorded) desc limit 1)
      from timing t join edit e on e.id = t.edit_id join component device on device.id = t.device_id
     where t.id = r.timing_id
  ), converted as (
    -- Between two items a unit may change.
    select 2 as place, u.pos - 1 as pos, u.gives_before as given, u.takes as gives,
           unit_conversion(u.gives_before, u.takes) as line
      from (select q.pos, q.given as takes,
                   coalesce(lag(q.gives) over (order by q.pos), (select w.gives from stated w where w.place = 1)) as gives_before
              from stated q where q.place = 2
            union all
            select max(q.pos) + 2, r.unit, (array_agg(q.gives order by q.pos desc))[1] from stated q where q.place = 2) u
     where u.gives_before <> u.takes
  ), everything as (
    select w.place, w.pos, w.what, w.history, w.id, w.thing, w.how, w.given, w.gives, w.valid, w.edit_id, w.origin, w.numbers,
           w.spread, w.points, w.before from stated w
    union all
    select 1, 1, 'record', null, r.series_id, r.port,
           format('%s samples of %s', r.n, r.dtype), null, p.unit, null, null,
           (select o.name from series se join source o on o.id = se.source_id where se.id = r.series_id), null, null, null, null
      from port p where p.component_id = r.port_id and r.series_id is not null
    union all
    select v.place, v.pos, 'unit', null, null, null, shown_sum(v.line, array['x', '']), v.given, v.gives, null, null, null,
           conversion_steps(v.line), null, null, null from converted v
  )
  select (row_number() over (order by v.place, v.pos))::integer, v.what, v.thing, v.how, v.given, v.gives,
         e.author, e.recorded_at, e.reason, v.origin, lower(v.valid), upper(v.valid),
         case when v.id is not null and v.valid is not null then format('in force at the trigger, %s', to_char(fired at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'))
              when v.what = 'calibration' then 'no calibration was in force at the trigger' end,
         coalesce(kb.how, cb.how, tb.how), eb.author, eb.recorded_at, eb.reason,
         v.id, v.numbers, v.spread, v.points
    from everything v
    left join edit e on e.id = v.edit_id
    left join lateral (select gilgamesh.formula(o.steps) || format('  [%s → %s]', coalesce(nullif(o.input_unit, ''), '1'), coalesce(nullif(o.output_unit, ''), '1')) as how, o.edit_id
                         from calibration o where v.history = 'calibration' and o.id = v.before) kb on true
    left join lateral (select array_to_string(array[r.signal, i.name] || array(
                                select x.name from unnest(o.chain) with ordinality l(id, n) join component x on x.id = l.id order by l.n), ' ← ') as how, o.edit_id
                         from connection o join component i on i.id = o.port_id
                        where v.history = 'connection' and o.id = v.before) cb on true
    left join lateral (select format('time = %s·recorded + %s s', shown_number(o.clock_rate), shown_number(o.start_offset)) as how, o.edit_id
                         from timing o where v.history = 'timing' and o.id = v.before) tb on true
    left join edit eb on eb.id = coalesce(kb.edit_id, cb.edit_id, tb.edit_id)
   order by v.place, v.pos;
end
$$;

comment on function gilgamesh.explain(text, bigint) is
  'Every step from the recorded count of a signal (name or alias) in a shot to its value, one row each: formula, units, who stated it, when, why, for which period, and what it replaced. Of a derived signal: its formula, then the steps of each input.';
