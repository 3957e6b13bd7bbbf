-- What people do to the testbed: add, place, describe, wire, calibrate, time; and take back what was wrong.
-- Each function takes effect for `valid` and returns the id of the row it wrote. An open end of `valid`, or null for both,
-- lasts as long as the things it speaks of are in the testbed.
--
-- A session keeps the plans of these functions while the tables grow, in one transaction even from nothing to millions.
-- Therefore they never scan sequentially, and `is true` hides the overlap of periods from the indexes of the exclusions:
-- what is left are the indexes on (thing, beginning).

-- A name nobody could read is no name.
create function gilgamesh.readable_name(kind text, name text) returns text
  language plpgsql immutable parallel safe
as $$
begin
  if name is null or name <> btrim(name) or length(name) not between 1 and 200 or name ~ '[[:cntrl:]]' then
    raise exception using errcode = 'GG008',
      message = format('%L is not a name for a %s', left(name, 60) || case when length(name) > 60 then '…' else '' end, kind),
      hint = 'Use 1 to 200 printable characters without space at either end.';
  end if;
  return name;
end
$$;

-- A name that stands in formulas must be an identifier.
create function gilgamesh.identifier(kind text, name text) returns text
  language plpgsql immutable parallel safe
as $$
begin
  if name is null or name !~ '^[A-Za-z_][A-Za-z0-9_]*$' or length(name) > 100 then
    raise exception using errcode = 'GG008',
      message = format('%L is not a name for a %s', left(name, 60) || case when length(name) > 60 then '…' else '' end, kind),
      hint = 'Use up to 100 letters, digits and underscores, beginning with a letter, for example Langmuir_I.';
  end if;
  return name;
end
$$;

-- Is this a period something can hold for? Null is always; bounds other than [since, until) would leave holes.
create function gilgamesh.half_open(valid tstzrange) returns tstzrange
  language plpgsql immutable parallel safe
as $$
begin
  if isempty(valid) or upper_inc(valid) or not (lower_inf(valid) or lower_inc(valid)) then
    raise exception using errcode = 'GG008', message = format('the period %s is empty or not half-open', valid),
      hint = 'Write tstzrange(since, until): from since, up to but not including until, null for without end.';
  end if;
  return coalesce(valid, tstzrange(null, null));
end
$$;

-- Is this a unit the database can convert?
create function gilgamesh.known_unit(symbol text) returns text
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  if not exists (select from unit u where u.symbol = known_unit.symbol) then
    raise exception using errcode = 'GG006', message = format('no unit %L', symbol),
      hint = 'Known units: select symbol from gilgamesh.unit. Python registers any unit astropy can parse.';
  end if;
  return symbol;
end
$$;

-- Say that a name is taken.
create function gilgamesh.refuse_existing(kind text, name text) returns void
  language plpgsql
as $$
begin
  raise exception using errcode = 'GG009', message = format('there is a %s %L already', kind, name),
    hint = 'Choose another name, or edit the one that is there.';
end
$$;

-- Put a component under a parent (null: the root, or outside the tree) for a period.
create function gilgamesh.place(component text, parent text, valid tstzrange default null, reason text default null)
  returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  e edit := current_edit(place.reason);
  thing bigint := component_named(place.component);
  whole bigint := case when place.parent is not null then component_named(place.parent) end;
  period tstzrange := during_presence(half_open(place.valid), array[whole]);
  device text := (select c.name from port p join component c on c.id = p.device_id where p.component_id = thing and c.id is distinct from whole);
  circle text;
  written bigint;
begin
  if device is not null then
    raise exception using errcode = 'GG008', message = format('port %L is part of %L and cannot be placed elsewhere', place.component, device);
  end if;
  -- Would the component come to sit inside itself at any time of the period?
  with recursive above as (
    select whole as id, period as during
    union
    select p.parent_id, p.valid * above.during
      from above join placement p on p.component_id = above.id and upper_inf(p.recorded) and p.valid && above.during
     where p.parent_id is not null
  )
  select c.name into circle from above join component c on c.id = above.id where above.id = thing limit 1;
  if circle is not null then
    raise exception using errcode = 'GG008',
      message = format('%L cannot be placed in %L: %2$L is part of %1$L', place.component, place.parent);
  end if;
  perform clear_period('placement', array(select p.id from placement p
      where p.component_id = thing and upper_inf(p.recorded) and (p.valid && period) is true), period, e);
  insert into placement (component_id, parent_id, valid, recorded, edit_id)
       values (thing, whole, period, tstzrange(e.recorded_at, null), e.id) returning id into written;
  return written;
end
$$;

-- Make a thing known, and place it.
create function gilgamesh.add_component(name text, class text, parent text default null, serial text default null,
                                        description text default '', valid tstzrange default null, reason text default null)
  returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  written bigint;
begin
  perform current_edit(add_component.reason);
  -- A component that is placed nowhere was taken back: it is made known again, under its old identity.
  insert into component as known (name, class, serial, description)
       values (readable_name('component', add_component.name), identifier('class', add_component.class),
               add_component.serial, add_component.description)
  on conflict on constraint component_name_key do update
      set class = excluded.class, serial = excluded.serial, description = excluded.description
    where not exists (select from placement p where p.component_id = known.id and upper_inf(p.recorded))
      and (excluded.class = 'Port') = exists (select from port p where p.component_id = known.id)
  returning id into written;
  if written is null then
    perform refuse_existing('component', add_component.name);
  end if;
  perform place(add_component.name, add_component.parent, add_component.valid);
  return written;
end
$$;

-- Take a component out of the testbed for a period, with its ports. Refused while a signal or another component needs
-- it; what is said of the thing itself (calibrations, properties, timing) ends with it.
create function gilgamesh.retire(component text, valid tstzrange, reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  e edit := current_edit(retire.reason);
  thing bigint := component_named(retire.component);
  things bigint[] := thing || array(select p.component_id from port p where p.device_id = thing);
  period tstzrange := half_open(retire.valid);
begin
  if not presence(thing) && period then
    perform refuse_absent(thing, tstzmultirange(period));
  end if;
  perform refuse_if_used(things, period, statements_too => false);
  perform clear_period('calibration', array(select c.id from calibration c
      where c.component_id = any(things) and upper_inf(c.recorded) and (c.valid && period) is true), period, e);
  perform clear_period('property', array(select p.id from property p
      where p.component_id = any(things) and upper_inf(p.recorded) and (p.valid && period) is true), period, e);
  perform clear_period('timing', array(select t.id from timing t
      where t.device_id = any(things) and upper_inf(t.recorded) and (t.valid && period) is true), period, e);
  perform clear_period('placement', array(select p.id from placement p
      where p.component_id = any(things) and upper_inf(p.recorded) and (p.valid && period) is true), period, e);
end
$$;

-- State a property of a component for a period.
create function gilgamesh.set_property(component text, name text, value jsonb, unit text default null,
                                       valid tstzrange default null, reason text default null)
  returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  e edit := current_edit(set_property.reason);
  thing bigint := component_named(set_property.component);
  period tstzrange := during_presence(half_open(set_property.valid), array[thing]);
  written bigint;
begin
  perform known_unit(set_property.unit) where set_property.unit is not null;
  perform clear_period('property', array(select p.id from property p
      where p.component_id = thing and p.name = set_property.name and upper_inf(p.recorded) and (p.valid && period) is true), period, e);
  insert into property (component_id, name, value, unit, valid, recorded, edit_id)
       values (thing, readable_name('property', set_property.name), set_property.value, set_property.unit, period,
               tstzrange(e.recorded_at, null), e.id) returning id into written;
  return written;
end
$$;

-- Make a port of a device known. Its name is device/channel.
create function gilgamesh.add_port(device text, channel text, dtype text, unit text default 'ct',
                                   low double precision default null, high double precision default null,
                                   description text default '', valid tstzrange default null, reason text default null,
                                   resolution double precision default null, noise double precision default null)
  returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  owner bigint := component_named(add_port.device);
  written bigint;
begin
  perform readable_name('channel', add_port.channel);
  written := add_component(add_port.device || '/' || add_port.channel, 'Port', add_port.device, null,
                           add_port.description, add_port.valid, add_port.reason);
  perform known_unit(add_port.unit);
  insert into port (component_id, device_id, channel, dtype, unit, low, high, resolution, noise)
       values (written, owner, add_port.channel, add_port.dtype, add_port.unit, add_port.low, add_port.high,
               add_port.resolution, add_port.noise)
  on conflict (component_id) do update
      set dtype = excluded.dtype, unit = excluded.unit, low = excluded.low, high = excluded.high,
          resolution = excluded.resolution, noise = excluded.noise;
  return written;
end
$$;

-- Make a name for a measured quantity known, with its other names.
create function gilgamesh.add_signal(name text, unit text, kind text default 'measured', quantity text default '',
                                     component text default null, role text default null, label text default '',
                                     description text default '', low double precision default null,
                                     high double precision default null, aliases text[] default '{}',
                                     uncertainty_of text default null, reason text default null)
  returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  written bigint;
  other text;
begin
  perform current_edit(add_signal.reason);
  foreach other in array add_signal.aliases || add_signal.name loop
    perform identifier('signal', other);
    if exists (select from signal s where s.name = other and (s.withdrawn_by_id is null or other <> add_signal.name))
       or exists (select from alias a where a.name = other) then
      perform refuse_existing('signal', other);
    end if;
  end loop;
  perform known_unit(add_signal.unit);
  -- A name that was taken back is made known again, under its old identity.
  insert into signal (name, kind, unit, quantity, component_id, role, label, description, low, high, uncertainty_of)
       values (add_signal.name, add_signal.kind, add_signal.unit, add_signal.quantity,
               case when add_signal.component is not null then component_named(add_signal.component) end,
               case when add_signal.role is not null then identifier('role', add_signal.role) end, add_signal.label, add_signal.description, add_signal.low, add_signal.high,
               case when add_signal.uncertainty_of is not null then signal_named(add_signal.uncertainty_of) end)
  on conflict on constraint signal_name_key do update
      set kind = excluded.kind, unit = excluded.unit, quantity = excluded.quantity, component_id = excluded.component_id,
          role = excluded.role, label = excluded.label, description = excluded.description, low = excluded.low,
          high = excluded.high, uncertainty_of = excluded.uncertainty_of, withdrawn_by_id = null
    returning id into written;
  insert into alias (name, signal_id) select unnest(add_signal.aliases), written;
  return written;
end
$$;

-- Wire a signal to a port through a chain of components for a period.
-- The signal leaves the port it had. A port that carries another signal then is refused, not taken over.
create function gilgamesh.connect(signal text, port text, chain text[] default '{}', valid tstzrange default null,
                                  reason text default null)
  returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  e edit := current_edit(connect.reason);
  named bigint := signal_named(connect.signal);
  input bigint := port_named(connect.port);
  items bigint[] := array(select component_named(item) from unnest(connect.chain) with ordinality u(item, pos) order by pos);
  period tstzrange := during_presence(half_open(connect.valid), (select array[s.component_id, input] || items from signal s where s.id = named));
  other record;
  written bigint;
begin
  if (select s.kind from signal s where s.id = named) <> 'measured' then
    raise exception using errcode = 'GG008', message = format('%L is not measured, so it cannot be wired to a port', connect.signal);
  end if;
  select s.name, c.valid into other
    from connection c join signal s on s.id = c.signal_id
   where c.port_id = input and c.signal_id <> named and upper_inf(c.recorded) and (c.valid && period) is true
   order by c.valid limit 1;
  if found then
    raise exception using errcode = 'GG007',
      message = format('port %L carries %L during %s', connect.port, other.name, other.valid * period),
      hint = 'Disconnect that signal for the period first, or use swap when two cables changed places.';
  end if;
  perform clear_period('connection', array(select c.id from connection c
      where c.signal_id = named and upper_inf(c.recorded) and (c.valid && period) is true), period, e);
  insert into connection (signal_id, port_id, chain, valid, recorded, edit_id)
       values (named, input, items, period, tstzrange(e.recorded_at, null), e.id) returning id into written;
  return written;
end
$$;

-- Unplug a signal for a period.
create function gilgamesh.disconnect(signal text, valid tstzrange default null, reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  e edit := current_edit(disconnect.reason);
  named bigint := signal_named(disconnect.signal);
  period tstzrange := half_open(disconnect.valid);
  ids bigint[] := array(select c.id from connection c
      where c.signal_id = named and upper_inf(c.recorded) and (c.valid && period) is true);
begin
  if cardinality(ids) = 0 then
    raise exception using errcode = 'GG004', message = format('%L is not connected during %s, so it cannot be disconnected', disconnect.signal, period),
      hint = format('See its history: select * from gilgamesh.wiring where signal = %L', disconnect.signal);
  end if;
  perform clear_period('connection', ids, period, e);
end
$$;

-- Two cables were found swapped: each signal was in truth on the other's port for the period. The samples stay
-- where they are; what is between port and plasma (the chain) stays with its signal.
create function gilgamesh.swap(signal_a text, signal_b text, valid tstzrange, reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  e edit := current_edit(swap.reason);
  a bigint := signal_named(swap.signal_a);
  b bigint := signal_named(swap.signal_b);
  during tstzrange := half_open(swap.valid);
  ids bigint[];
  exchanged jsonb;
  both_connected tstzmultirange;
begin
  if a = b then
    raise exception using errcode = 'GG008', message = 'a signal cannot be swapped with itself';
  end if;
  ids := array(select c.id from connection c
      where c.signal_id in (a, b) and upper_inf(c.recorded) and (c.valid && during) is true);
  -- Where both were connected, each gets the other's port.
  select jsonb_agg(jsonb_build_object('signal', mine.signal_id, 'port', theirs.port_id, 'chain', mine.chain,
                                      'valid', mine.valid * theirs.valid * during))
    into exchanged
    from connection mine join connection theirs on mine.valid && theirs.valid and mine.signal_id <> theirs.signal_id
   where mine.id = any(ids) and theirs.id = any(ids) and not isempty(mine.valid * theirs.valid * during);
  if exchanged is null then
    raise exception using errcode = 'GG004',
      message = format('%L and %L are not both connected during %s', swap.signal_a, swap.signal_b, during),
      hint = 'Use connect and disconnect where only one of them was plugged in.';
  end if;
  select range_agg(x.valid) into both_connected from jsonb_to_recordset(exchanged) as x(valid tstzrange);
  if both_connected <> tstzmultirange(during) * (select range_agg(c.valid) from connection c where c.id = any(ids)) then
    raise exception using errcode = 'GG004',
      message = format('%L and %L are both connected only during %s of %s',
                       swap.signal_a, swap.signal_b, both_connected, during),
      hint = 'Swap them for that period, and use connect and disconnect for the rest.';
  end if;
  perform clear_period('connection', ids, during, e);
  insert into connection (signal_id, port_id, chain, valid, recorded, edit_id)
  select x.signal, x.port, x.chain, x.valid, tstzrange(e.recorded_at, null), e.id
    from jsonb_to_recordset(exchanged) as x(signal bigint, port bigint, chain bigint[], valid tstzrange);
end
$$;

-- State how an item turns its input into its output for a period.
create function gilgamesh.calibrate(item text, steps jsonb, input_unit text, output_unit text, valid tstzrange default null,
                                    source text default null, quality text default null,
                                    covariance double precision[] default null, reason text default null,
                                    fit jsonb default null)
  returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  e edit := current_edit(calibrate.reason);
  thing bigint := component_named(calibrate.item);
  period tstzrange := during_presence(half_open(calibrate.valid), array[thing]);
  -- A port takes what it delivers, unless the same is said in another unit.
  taken text := coalesce(calibrate.input_unit, (select p.unit from port p where p.component_id = thing));
  written bigint;
begin
  perform check_steps(calibrate.steps);
  if taken is null then
    raise exception using errcode = 'GG008', message = format('say in which unit the input of %L is', calibrate.item),
      hint = 'Only a port has an input unit of its own.';
  end if;
  perform known_unit(taken), known_unit(calibrate.output_unit);
  perform clear_period('calibration', array(select c.id from calibration c
      where c.component_id = thing and upper_inf(c.recorded) and (c.valid && period) is true), period, e);
  insert into calibration (component_id, steps, input_unit, output_unit, gain, "offset", covariance, source, quality,
                           fit, valid, recorded, edit_id)
       values (thing, calibrate.steps, taken, calibrate.output_unit, affine_gain(calibrate.steps),
               affine_offset(calibrate.steps), calibrate.covariance, calibrate.source, calibrate.quality,
               calibrate.fit, period, tstzrange(e.recorded_at, null), e.id) returning id into written;
  return written;
end
$$;

-- State how the clock of a device runs for a period: time = start_offset + clock_rate * recorded time.
create function gilgamesh.set_timing(device text, start_offset double precision, clock_rate double precision default 1,
                                     valid tstzrange default null, reason text default null)
  returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  e edit := current_edit(set_timing.reason);
  thing bigint := component_named(set_timing.device);
  period tstzrange := during_presence(half_open(set_timing.valid), array[thing]);
  written bigint;
begin
  if exists (select from port p where p.component_id = thing) then
    raise exception using errcode = 'GG008', message = format('%L is a port; the clock belongs to its device', set_timing.device);
  end if;
  perform clear_period('timing', array(select t.id from timing t
      where t.device_id = thing and upper_inf(t.recorded) and (t.valid && period) is true), period, e);
  insert into timing (device_id, start_offset, clock_rate, valid, recorded, edit_id)
       values (thing, set_timing.start_offset, set_timing.clock_rate, period, tstzrange(e.recorded_at, null), e.id)
    returning id into written;
  return written;
end
$$;

-- State the formula of a derived signal for a period.
create function gilgamesh.define(signal text, formula text, valid tstzrange default null, reason text default null)
  returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = off
as $$
declare
  e edit := current_edit(define.reason);
  named bigint := signal_named(define.signal);
  period tstzrange := half_open(define.valid);
  written bigint;
begin
  if (select s.kind from signal s where s.id = named) <> 'derived' then
    raise exception using errcode = 'GG008', message = format('%L is not a derived signal, so it has no formula', define.signal);
  end if;
  perform check_formula(named, define.formula, period);
  perform clear_period('definition', array(select d.id from definition d
      where d.signal_id = named and upper_inf(d.recorded) and (d.valid && period) is true), period, e);
  insert into definition (signal_id, formula, valid, recorded, edit_id)
       values (named, define.formula, period, tstzrange(e.recorded_at, null), e.id) returning id into written;
  return written;
end
$$;

-- It was never true: withdraw one statement of a history (connection, calibration, placement, property, timing, definition).
create function gilgamesh.withdraw(history text, id bigint, reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit(withdraw.reason);
  believed tstzrange;
begin
  if withdraw.history not in ('connection', 'calibration', 'placement', 'property', 'timing', 'definition') then
    raise exception using errcode = 'GG008', message = format('%L is not a history', withdraw.history),
      hint = 'Say one of: connection, calibration, placement, property, timing, definition.';
  end if;
  execute format('select valid from %I where id = $1 and upper_inf(recorded)', withdraw.history) into believed using withdraw.id;
  if believed is null then
    raise exception using errcode = 'GG008', message = format('there is no %s %s that is believed today', withdraw.history, withdraw.id),
      hint = 'Rows that were superseded or withdrawn before cannot be withdrawn again.';
  end if;
  if withdraw.history = 'placement' then
    perform refuse_if_used(p.component_id || array(select port.component_id from port where port.device_id = p.component_id),
                           believed, statements_too => true)
       from placement p where p.id = withdraw.id;
  end if;
  perform clear_period(withdraw.history::regclass, array[withdraw.id], believed, e);
end
$$;
