-- What the database refuses, whoever writes and by whatever road.

-- A chain may only lead through components that exist.
create function gilgamesh.guard_chain() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  missing bigint;
begin
  select item into missing from unnest(new.chain) item where not exists (select from component c where c.id = item) limit 1;
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

-- Do the units along a connection compose, with every calibration believed today? The port's raw unit into its
-- calibration, each output into the next input, the last output into the unit of the signal.
create function gilgamesh.check_composition(connection_id bigint) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  clash record;
begin
  with wired as (
    select c.id, c.signal_id, c.valid, c.port_id || c.chain as path
      from connection c where c.id = check_composition.connection_id and upper_inf(c.recorded)
  ), calibrated_item as (
    select item.pos, i.name, k.input_unit, k.output_unit, k.valid * wired.valid as during, cardinality(wired.path) as items
      from wired
     cross join unnest(wired.path) with ordinality item(component_id, pos)
      join component i on i.id = item.component_id
      join calibration k on k.component_id = item.component_id and upper_inf(k.recorded) and k.valid && wired.valid
  ), link as (
    select port.name as giver, p.unit as given, a.name as taker, a.input_unit as taken, a.during
      from wired join port p on p.component_id = wired.path[1] join component port on port.id = p.component_id
      join calibrated_item a on a.pos = 1
    union all
    select a.name, a.output_unit, b.name, b.input_unit, a.during * b.during
      from calibrated_item a join calibrated_item b on b.pos = a.pos + 1 and a.during && b.during
    union all
    select a.name, a.output_unit, s.name, s.unit, a.during
      from wired join signal s on s.id = wired.signal_id join calibrated_item a on a.pos = a.items
  )
  select link.*, s.name as signal into clash
    from link
    join unit given_unit on given_unit.symbol = link.given
    join unit taken_unit on taken_unit.symbol = link.taken
   cross join wired join signal s on s.id = wired.signal_id
   where given_unit.dimension <> taken_unit.dimension
   limit 1;
  if found then
    raise exception using errcode = 'GG006',
      message = format('the chain of %L does not compose: %L gives %s, but %L takes %s (during %s)',
                       clash.signal, clash.giver, coalesce(nullif(clash.given, ''), 'a pure number'),
                       clash.taker, coalesce(nullif(clash.taken, ''), 'a pure number'), clash.during),
      hint = 'Correct the units of the calibration, the order of the chain, or the unit of the signal.';
  end if;
end
$$;

-- Checked when the transaction commits, so that a chain can be rewired and recalibrated in one edit.
create function gilgamesh.guard_composition_of_connection() returns trigger
  language plpgsql
as $$
begin
  perform gilgamesh.check_composition(new.id);
  return null;
end
$$;

create function gilgamesh.guard_composition_of_calibration() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  perform check_composition(c.id) from connection c
    where upper_inf(c.recorded) and c.valid && new.valid
      and (c.port_id = new.component_id or c.chain @> array[new.component_id]);
  return null;
end
$$;

create constraint trigger connection_composes after insert on gilgamesh.connection
  deferrable initially deferred
  for each row execute function gilgamesh.guard_composition_of_connection();
create constraint trigger calibration_composes after insert on gilgamesh.calibration
  deferrable initially deferred
  for each row execute function gilgamesh.guard_composition_of_calibration();
