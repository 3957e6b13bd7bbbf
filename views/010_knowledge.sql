-- What does the reader want to know: today's knowledge, or that of an earlier day?

-- Which state of knowledge do the views answer from? Set it for one transaction with
--   set local gilgamesh.known_at = '2026-03-01 12:00+00';
create function gilgamesh.known_at() returns timestamptz
  language plpgsql stable parallel safe
as $$
begin
  return coalesce(nullif(pg_catalog.current_setting('gilgamesh.known_at', true), '')::timestamptz, 'infinity');
end
$$;

comment on function gilgamesh.known_at() is
  'The instant of knowledge the views answer from: infinity (today''s) unless the transaction set gilgamesh.known_at.';

-- Which signal is called this, by its name or one of its aliases?
create function gilgamesh.signal_named(name text) returns bigint
  language plpgsql stable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  found_id bigint;
begin
  select s.id into found_id from signal s where s.name = signal_named.name;
  if found_id is null then
    select a.signal_id into found_id from alias a where a.name = signal_named.name;
  end if;
  if found_id is null then
    raise exception using errcode = 'GG001', message = format('no signal %L', name),
      hint = 'List them with: select signal from gilgamesh.signals, or: gilgamesh signals';
  end if;
  return found_id;
end
$$;

-- Which component (or port) is called this?
create function gilgamesh.component_named(name text) returns bigint
  language plpgsql stable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  found_id bigint;
begin
  select c.id into found_id from component c where c.name = component_named.name;
  if found_id is null then
    raise exception using errcode = 'GG002', message = format('no component %L', name),
      hint = 'List them with: select component, class from gilgamesh.components_at(now())';
  end if;
  return found_id;
end
$$;

-- Which port is called this, in the form device/channel?
create function gilgamesh.port_named(name text) returns bigint
  language plpgsql stable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  found_id bigint;
begin
  select p.component_id into found_id from port p join component c on c.id = p.component_id
   where c.name = port_named.name;
  if found_id is null then
    raise exception using errcode = 'GG002', message = format('no port %L', name),
      hint = 'Ports are named device/channel. List them with: select port from gilgamesh.ports';
  end if;
  return found_id;
end
$$;

-- When was this shot fired?
create function gilgamesh.shot_time(shot bigint) returns timestamptz
  language plpgsql stable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  fired timestamptz;
begin
  select s.started_at into fired from shot s where s.number = shot_time.shot;
  if fired is null then
    raise exception using errcode = 'GG003', message = format('no shot %s', shot),
      hint = 'List them with: select shot from gilgamesh.shots, or: gilgamesh shots';
  end if;
  return fired;
end
$$;

-- How does a value in one unit become a value in another? {gain, offset}
create function gilgamesh.unit_conversion(from_unit text, to_unit text) returns double precision[]
  language plpgsql stable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  a unit; b unit;
begin
  if from_unit = to_unit then
    return array[1.0, 0.0]::float8[];
  end if;
  select * into strict a from unit where symbol = from_unit;
  select * into strict b from unit where symbol = to_unit;
  if a.dimension <> b.dimension then
    raise exception using errcode = 'GG006',
      message = format('%L cannot become %L: the one is %s, the other %s', from_unit, to_unit, a.dimension, b.dimension);
  end if;
  return array[a.factor / b.factor, (a."offset" - b."offset") / b.factor];
end
$$;
