-- What the database refuses, whoever writes and by whatever road.

-- A chain may only lead through components that exist.
create function gilgamesh.guard_chain() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  missing bigint;
begin
  select item into missing from unnest(new.chain) item where (select c.id from component c where c.id = item) is null limit 1;
  if missing is not null then
    raise exception using errcode = '23503', message = format('the chain of connection %s leads through component %s, which does not exist', new.id, missing);
  end if;
  return new;
end
$$;

create trigger connection_chain_exists before insert or update of chain on gilgamesh.connection
  for each row when (cardinality(new.chain) > 0) execute function gilgamesh.guard_chain();

-- A name means one signal, whether it is the name or an alias.
create function gilgamesh.guard_alias() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  if exists (select from signal s join alias a on a.name = s.name where s.name = new.name) then
    perform refuse_existing('signal', new.name);
  end if;
  return null;
end
$$;

create constraint trigger alias_is_no_signal after insert or update of name on gilgamesh.alias
  for each row execute function gilgamesh.guard_alias();
create constraint trigger signal_is_no_alias after insert or update of name on gilgamesh.signal
  for each row execute function gilgamesh.guard_alias();

-- Do the units along these connections compose, with every calibration believed today? The port's raw unit into its
-- calibration, each output into the next input, the last output into the unit of the signal. Connections along the same
-- path are judged together, so that a long history of few paths costs little.
-- (Here and below no sequential scans: a plan may have been made when the table was small, and is kept while it grows.)
create function gilgamesh.check_composition(connections bigint[]) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  clash record;
begin
  with wired as (
    select s.name as signal, s.unit, c.port_id || c.chain as path, range_agg(c.valid) as valid
      from unnest(check_composition.connections) given(id)
      join connection c on c.id = given.id join signal s on s.id = c.signal_id
     where upper_inf(c.recorded)
     group by s.name, s.unit, c.port_id || c.chain
  )
  select wired.signal, giver.name as giver, giver.unit as given, taker.name as taker, taker.unit as taken,
         giver.during * taker.during as during
    into clash
    from wired
   cross join generate_series(0, cardinality(wired.path)) link
   cross join lateral (
     select i.name, p.unit, wired.valid as during
       from port p join component i on i.id = p.component_id where link = 0 and p.component_id = wired.path[1]
     union all
     select i.name, k.output_unit, wired.valid * tstzmultirange(k.valid)
       from calibration k join component i on i.id = k.component_id
      where k.component_id = wired.path[link] and upper_inf(k.recorded) and (wired.valid && k.valid) is true
   ) giver
   cross join lateral (
     select wired.signal as name, wired.unit, wired.valid as during where link = cardinality(wired.path)
     union all
     select i.name, k.input_unit, wired.valid * tstzmultirange(k.valid)
       from calibration k join component i on i.id = k.component_id
      where k.component_id = wired.path[link + 1] and upper_inf(k.recorded) and (wired.valid && k.valid) is true
   ) taker
   cross join lateral (select u.dimension from unit u where u.symbol = giver.unit) given
   cross join lateral (select u.dimension from unit u where u.symbol = taker.unit) taken
   where giver.during && taker.during and given.dimension <> taken.dimension
   order by wired.signal, lower(giver.during * taker.during) nulls first
   limit 1;
  if found then
    raise exception using errcode = 'GG006',
      message = format('the chain of %L does not compose: %L gives %s, but %L takes %s (%s)',
                       clash.signal, clash.giver, coalesce(nullif(clash.given, ''), 'a pure number'),
                       clash.taker, coalesce(nullif(clash.taken, ''), 'a pure number'), in_words(clash.during)),
      hint = 'Correct the units of the calibration, the order of the chain, or the unit of the signal.';
  end if;
end
$$;

-- Were all these things in the testbed for the time something is said of them?
create function gilgamesh.check_presence(things bigint[], periods tstzrange[]) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  absent record;
begin
  with said as (
    select thing, range_agg(period) as during from unnest(things, periods) u(thing, period) where thing is not null group by thing
  ), there as (
    select p.component_id as thing, range_agg(p.valid) as during
      from placement p join said on said.thing = p.component_id where upper_inf(p.recorded) group by p.component_id
  )
  select said.thing, said.during - coalesce(there.during, '{}') as missing into absent
    from said left join there using (thing)
   where not said.during <@ coalesce(there.during, '{}')
   order by said.thing limit 1;
  if found then
    perform refuse_absent(absent.thing, absent.missing);
  end if;
end
$$;

-- What an edit states is judged when the transaction commits, so that a chain can be rewired and recalibrated in one edit,
-- and all at once: the youngest row of an instant answers for every row of that instant. The others only look whether there
-- is a younger one.
create function gilgamesh.guard_connections() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  stated bigint[];
  things bigint[];
  periods tstzrange[];
begin
  if exists (select from connection c where lower(c.recorded) = lower(new.recorded) and c.id > new.id) then
    return null;
  end if;
  select array_agg(c.id) into stated from connection c where lower(c.recorded) = lower(new.recorded) and upper_inf(c.recorded);
  select array_agg(item), array_agg(c.valid) into things, periods
    from connection c join signal s on s.id = c.signal_id cross join unnest(array[s.component_id, c.port_id] || c.chain) item
   where c.id = any(stated);
  perform check_presence(things, periods), check_composition(stated);
  return null;
end
$$;

create function gilgamesh.guard_calibrations() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  stated bigint[];
  things bigint[];
  periods tstzrange[];
  users bigint[];
begin
  if exists (select from calibration k where lower(k.recorded) = lower(new.recorded) and k.id > new.id) then
    return null;
  end if;
  select array_agg(k.id), array_agg(k.component_id), array_agg(k.valid) into stated, things, periods
    from calibration k where lower(k.recorded) = lower(new.recorded) and upper_inf(k.recorded);
  perform check_presence(things, periods);
  -- Who is wired to them or through them? The index of chains finds a few; for many it is quicker to look at every chain.
  if cardinality(stated) <= 100 then
    users := array(select c.id from connection c where upper_inf(c.recorded) and (c.port_id = any(things) or c.chain && things));
  else
    users := array(select c.id from connection c where upper_inf(c.recorded) and c.port_id = any(things)
                   union
                   select c.id from connection c cross join unnest(c.chain) item join unnest(things) thing on thing = item
                    where upper_inf(c.recorded));
  end if;
  perform check_composition(users);
  return null;
end
$$;

create function gilgamesh.guard_properties() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
begin
  if not exists (select from property p where lower(p.recorded) = lower(new.recorded) and p.id > new.id) then
    perform check_presence(array_agg(p.component_id), array_agg(p.valid))
       from property p where lower(p.recorded) = lower(new.recorded) and upper_inf(p.recorded);
  end if;
  return null;
end
$$;

create function gilgamesh.guard_timings() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
begin
  if not exists (select from timing t where lower(t.recorded) = lower(new.recorded) and t.id > new.id) then
    perform check_presence(array_agg(t.device_id), array_agg(t.valid))
       from timing t where lower(t.recorded) = lower(new.recorded) and upper_inf(t.recorded);
  end if;
  return null;
end
$$;

-- A part needs the whole it is part of.
create function gilgamesh.guard_placements() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
begin
  if not exists (select from placement p where lower(p.recorded) = lower(new.recorded) and p.id > new.id) then
    perform check_presence(array_agg(p.parent_id), array_agg(p.valid))
       from placement p where lower(p.recorded) = lower(new.recorded) and upper_inf(p.recorded);
  end if;
  return null;
end
$$;

-- What is taken back must not leave anything standing on nothing. What was amiss before is not judged here.
create function gilgamesh.guard_absence() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  missing tstzmultirange := tstzmultirange(old.valid) - presence(old.component_id);
begin
  if exists (select from uses_of(old.component_id) u where missing && u.valid) then
    perform refuse_if_used(array[old.component_id], period, statements_too => true) from unnest(missing) period;
  end if;
  return null;
end
$$;

create constraint trigger connection_holds after insert on gilgamesh.connection
  deferrable initially deferred for each row execute function gilgamesh.guard_connections();
create constraint trigger calibration_holds after insert on gilgamesh.calibration
  deferrable initially deferred for each row execute function gilgamesh.guard_calibrations();
create constraint trigger property_holds after insert on gilgamesh.property
  deferrable initially deferred for each row execute function gilgamesh.guard_properties();
create constraint trigger timing_holds after insert on gilgamesh.timing
  deferrable initially deferred for each row execute function gilgamesh.guard_timings();
create constraint trigger placement_holds after insert on gilgamesh.placement
  deferrable initially deferred for each row execute function gilgamesh.guard_placements();
create constraint trigger placement_leaves_nothing after update or delete on gilgamesh.placement
  deferrable initially deferred for each row execute function gilgamesh.guard_absence();
