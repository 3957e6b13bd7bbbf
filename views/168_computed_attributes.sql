-- Computed attributes: stored with what they were computed from, and marked stale by the edit that changes it.

-- Would this value be computed from the same today?
create function gilgamesh.attribute_change(value_id bigint) returns text
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
begin atomic
  select min(gilgamesh.input_change(row(null::bigint, i.series_id, i.signal_id, i.connection_id, i.calibrations, i.timing_id,
                                        i.definition_id, i.shot)::gilgamesh.run_input))
    from gilgamesh.attribute_input i where i.value_id = attribute_change.value_id;
end;

-- Store what was computed, set-wise, as [{"shot": 1234, "value": 3.5, "inputs": [rows of attribute_input]}]. A null takes
-- back a value that cannot be computed any more. What is there already, and not stale, stays.
create function gilgamesh.store_attribute(attribute bigint, computed jsonb) returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit();
  stored bigint;
begin
  if not exists (select from attribute a where a.id = store_attribute.attribute and a.rule is not null) then
    raise exception using errcode = 'GG008', message = format('attribute %s is not a computed one', store_attribute.attribute);
  end if;
  with given as (
    select (c ->> 'shot')::bigint as shot, (c ->> 'value')::float8 as number, c -> 'inputs' as inputs
      from jsonb_array_elements(store_attribute.computed) c
  ), believed as (
    select v.* from attribute_value v join given g on g.shot = v.shot
     where v.attribute_id = store_attribute.attribute and upper_inf(v.recorded)
  ), wanted as (
    select g.* from given g left join believed b on b.shot = g.shot
     where b.id is null and g.number is not null or b.stale or b.number is distinct from g.number
  ), dropped as (
    delete from attribute_value v using believed b, wanted w
     where v.id = b.id and w.shot = b.shot and lower(b.recorded) = e.recorded_at
  ), closed as (
    update attribute_value v set recorded = tstzrange(lower(v.recorded), e.recorded_at), closed_by_id = e.id
      from believed b, wanted w where v.id = b.id and w.shot = b.shot and lower(b.recorded) < e.recorded_at
    returning v.id
  )
  select count(*) into stored from wanted;
  -- In a second statement: the exclusion must see that the old values are closed.
  with given as (
    select (c ->> 'shot')::bigint as shot, (c ->> 'value')::float8 as number, c -> 'inputs' as inputs
      from jsonb_array_elements(store_attribute.computed) c
     where (c ->> 'value') is not null
  ), written as (
    insert into attribute_value (attribute_id, shot, number, recorded, edit_id)
    select store_attribute.attribute, g.shot, g.number, tstzrange(e.recorded_at, null), e.id
      from given g
     where not exists (select from attribute_value v where v.attribute_id = store_attribute.attribute and v.shot = g.shot
                          and upper_inf(v.recorded))
    returning id, shot
  ), read as (
    insert into attribute_input (value_id, series_id, signal_id, connection_id, calibrations, timing_id, definition_id, shot)
    select w.id, i.series_id, i.signal_id, i.connection_id, coalesce(i.calibrations, '{}'), i.timing_id, i.definition_id, i.shot
      from written w join given g on g.shot = w.shot
     cross join lateral jsonb_populate_recordset(null::attribute_input, g.inputs) i
    returning value_id
  )
  select count(*) + 0 * (select count(*) from read) into stored from written;
  -- Somebody may have edited between reading and our turn.
  update attribute_value v set stale = true
   where v.attribute_id = store_attribute.attribute and v.edit_id = e.id and upper_inf(v.recorded) and attribute_change(v.id) is not null;
  return stored;
end
$$;

-- Mark what was computed from these signals in this period and would come out otherwise now; directly, or through the
-- outputs of runs that read them.
create function gilgamesh.mark_stale(signals bigint[], period tstzrange) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  made bigint;
begin
  if not exists (select from attribute_input) then
    return;
  end if;
  select id into made from edit order by id desc limit 1;
  with recursive touched as (
    select i.signal_id, i.shot
      from (select a.signal_id, a.shot from attribute_input a where a.signal_id = any(signals)
            union select r.signal_id, r.shot from run_input r where r.signal_id = any(signals)) i
      join shot sh on sh.number = i.shot and sh.started_at <@ period
    union
    select se.signal_id, se.shot
      from touched t join run_input r on r.signal_id = t.signal_id and r.shot = t.shot join series se on se.run_id = r.run_id
  ), candidate as (
    select distinct v.id
      from touched t
      join attribute_input i on i.signal_id = t.signal_id and i.shot = t.shot
      join attribute_value v on v.id = i.value_id and upper_inf(v.recorded) and not v.stale
  )
  update attribute_value v set stale = true, stale_by_id = made
    from candidate c where v.id = c.id and attribute_change(c.id) is not null;
end
$$;

-- Checked when the transaction commits, so that a row that is split in time, or stated again, marks nothing.
create function gilgamesh.mark_stale_by_connection() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  perform mark_stale(array[new.signal_id], new.valid);
  return null;
end
$$;

create function gilgamesh.mark_stale_by_calibration() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  perform mark_stale(array(
    select c.signal_id from connection c where c.port_id = new.component_id and upper_inf(c.recorded) and c.valid && new.valid
    union
    select c.signal_id from connection c where c.chain @> array[new.component_id] and upper_inf(c.recorded) and c.valid && new.valid), new.valid);
  return null;
end
$$;

create function gilgamesh.mark_stale_by_timing() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  perform mark_stale(array(
    select c.signal_id from connection c join port p on p.component_id = c.port_id
     where p.device_id = new.device_id and upper_inf(c.recorded) and c.valid && new.valid), new.valid);
  return null;
end
$$;

create function gilgamesh.mark_stale_by_definition() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  perform mark_stale(array[new.signal_id], new.valid);
  return null;
end
$$;

create function gilgamesh.mark_stale_by_run() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  perform mark_stale(array(select se.signal_id from series se where se.run_id = new.id),
                     (select tstzrange(sh.started_at, sh.started_at, '[]') from shot sh where sh.number = new.shot));
  return null;
end
$$;

create constraint trigger connection_marks_stale after insert or update on gilgamesh.connection
  deferrable initially deferred for each row execute function gilgamesh.mark_stale_by_connection();
create constraint trigger calibration_marks_stale after insert or update on gilgamesh.calibration
  deferrable initially deferred for each row execute function gilgamesh.mark_stale_by_calibration();
create constraint trigger timing_marks_stale after insert or update on gilgamesh.timing
  deferrable initially deferred for each row execute function gilgamesh.mark_stale_by_timing();
create constraint trigger definition_marks_stale after insert or update on gilgamesh.definition
  deferrable initially deferred for each row execute function gilgamesh.mark_stale_by_definition();
create constraint trigger run_marks_stale after update of edit_id on gilgamesh.run
  deferrable initially deferred for each row execute function gilgamesh.mark_stale_by_run();

-- Another rule or unit: what was computed by the old one is stale.
create function gilgamesh.mark_stale_by_rule() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  update attribute_value v set stale = true, stale_by_id = (select id from edit order by id desc limit 1)
   where v.attribute_id = new.id and upper_inf(v.recorded) and not v.stale;
  return null;
end
$$;

create trigger attribute_marks_stale after update of rule, unit on gilgamesh.attribute
  for each row when ((new.rule, new.unit) is distinct from (old.rule, old.unit) and new.rule is not null)
  execute function gilgamesh.mark_stale_by_rule();
