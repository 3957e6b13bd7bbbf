-- When was a thing in the testbed? Nothing can be said of it for another time.

-- When was this component in the testbed, as believed today? While it was placed, wherever it was.
create function gilgamesh.presence(component_id bigint) returns tstzmultirange
  language sql stable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
return (
  select coalesce(range_agg(p.valid), '{}')
    from gilgamesh.placement p
   where p.component_id = presence.component_id and upper_inf(p.recorded));

-- A period the way a letter says it.
create function gilgamesh.in_words(period tstzrange) returns text
  language sql immutable parallel safe
return case
  when lower_inf(period) and upper_inf(period) then 'always'
  when upper_inf(period) then 'since ' || pg_catalog.timezone('UTC', lower(period)) || ' UTC'
  when lower_inf(period) then 'until ' || pg_catalog.timezone('UTC', upper(period)) || ' UTC'
  else 'from ' || pg_catalog.timezone('UTC', lower(period)) || ' until ' || pg_catalog.timezone('UTC', upper(period)) || ' UTC' end;

-- Several periods in one sentence.
create function gilgamesh.in_words(periods tstzmultirange) returns text
  language sql immutable parallel safe
return coalesce((select string_agg(gilgamesh.in_words(period), ' and ' order by period) from unnest(periods) period), 'at no time');

-- Say that a thing was not there.
create function gilgamesh.refuse_absent(thing bigint, missing tstzmultirange) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  name text := (select c.name from component c where c.id = thing);
  there tstzmultirange := presence(thing);
begin
  raise exception using errcode = 'GG013',
    message = format('%L was not in the testbed %s', name, replace(in_words(missing), 'always', 'at any time')),
    hint = format(case when isempty(there) then 'Place it first, for example: gilgamesh place %s PARENT --since TIME --reason "…"'
                       else 'It was there ' || in_words(there) || '. Give a period within that, or say that it was there at other '
                            'times too: gilgamesh place %s PARENT --since TIME --reason "…"' end,
                  case when name ~ '[^[:alnum:]_./-]' then quote_literal(name) else name end);
end
$$;

-- The period for which something can be said of these things. An open end lasts as long as all of them are there; a
-- beginning or end that was given must lie within, and there must be no hole between.
create function gilgamesh.during_presence(period tstzrange, things bigint[]) returns tstzrange
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  together tstzmultirange := tstzmultirange(period);
  thing bigint;
begin
  foreach thing in array things loop
    if thing is not null then
      together := together * presence(thing);
    end if;
  end loop;
  if together = tstzmultirange(period) then
    return period;
  end if;
  if not isempty(together) then
    period := tstzrange(case when lower_inf(period) then lower(together) else lower(period) end,
                        case when upper_inf(period) then upper(together) else upper(period) end);
  end if;
  foreach thing in array things loop
    if thing is not null and not presence(thing) @> period then
      perform refuse_absent(thing, tstzmultirange(period) - presence(thing));
    end if;
  end loop;
  return period;
end
$$;

-- What stands on a component today: wiring, parts, and what is said of it.
create function gilgamesh.uses_of(thing bigint)
  returns table (history text, use text, name text, valid tstzrange, id bigint)
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
begin atomic
  select 'connection', case when c.port_id = thing then 'wired to it' else 'wired through it' end, s.name, c.valid, c.id
    from gilgamesh.connection c join gilgamesh.signal s on s.id = c.signal_id
   where upper_inf(c.recorded) and (c.port_id = thing or c.chain @> array[thing])
  union all
  select 'connection', 'tells about it', s.name, c.valid, c.id
    from gilgamesh.signal s join gilgamesh.connection c on c.signal_id = s.id
   where upper_inf(c.recorded) and s.component_id = thing
  union all
  select 'placement', 'part of it', i.name, p.valid, p.id
    from gilgamesh.placement p join gilgamesh.component i on i.id = p.component_id
   where upper_inf(p.recorded) and p.parent_id = thing
  union all
  select 'calibration', 'its calibration', k.input_unit || ' → ' || k.output_unit, k.valid, k.id
    from gilgamesh.calibration k where upper_inf(k.recorded) and k.component_id = thing
  union all
  select 'property', 'its property', y.name, y.valid, y.id
    from gilgamesh.property y where upper_inf(y.recorded) and y.component_id = thing
  union all
  select 'timing', 'its timing', t.start_offset || ' s', t.valid, t.id
    from gilgamesh.timing t where upper_inf(t.recorded) and t.device_id = thing;
end;

-- The same for people.
create function gilgamesh.uses(component text)
  returns table (history text, use text, name text, since timestamptz, until timestamptz, id bigint)
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
begin atomic
  select u.history, u.use, u.name, lower(u.valid), upper(u.valid), u.id
    from gilgamesh.uses_of(gilgamesh.component_named(component)) u
   order by u.history, u.name, lower(u.valid) nulls first;
end;

comment on function gilgamesh.uses(text) is
  'What stands on a component today: signals wired to it, through it or telling about it, its parts, calibrations, properties and timing.';

-- Say who still needs these things in the period: wiring and parts always, what is said of the things themselves if asked.
create function gilgamesh.refuse_if_used(things bigint[], period tstzrange, statements_too boolean) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  named text := (select c.name from component c where c.id = things[1]);
  users text;
  others bigint;
  first_wired text;
  from_then text := case when lower_inf(period) then '' else format(' --since "%s"', timezone('UTC', lower(period))) end;
begin
  select string_agg(found.line, '; ' order by found.rank) filter (where found.rank <= 3), nullif(greatest(count(*) - 3, 0), 0),
         (array_agg(found.name order by found.rank) filter (where found.history = 'connection'))[1]
    into users, others, first_wired
    from (
      select u.history, u.name,
             format(case when u.history in ('connection', 'placement') then '%L (%s %s)' else '%s (%s %s)' end, u.name, u.use, in_words(u.valid)) as line,
             row_number() over (order by array_position(array['connection', 'placement'], u.history), u.valid, u.name) as rank
        from unnest(things) thing, uses_of(thing) u
       where u.valid && period and (statements_too or u.history in ('connection', 'placement'))
         -- Ports go with their device.
         and not (u.history = 'placement' and exists (select from placement p where p.id = u.id and p.component_id = any(things)))
    ) found;
  if users is not null then
    raise exception using errcode = 'GG009',
      message = format('%L is still used by %s', named, users || coalesce(' and ' || others || ' more', '')),
      hint = format('%s All of them: select * from gilgamesh.uses(%L)',
                    case when first_wired is not null
                         then format('Disconnect or rewire that first, for example: gilgamesh disconnect %s%s --reason "…".', first_wired, from_then)
                         when statements_too then 'Use retire to end what is said of it with it, or place it elsewhere for that time.'
                         else 'Move or retire its parts first.' end, named);
  end if;
end
$$;
