-- Shots and what is said of them.

-- Make an attribute of shots known.
create function gilgamesh.add_attribute(name text, kind text, unit text default null, description text default '',
                                        rule text default null, reason text default null)
  returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  written bigint;
begin
  perform current_edit(add_attribute.reason);
  perform known_unit(add_attribute.unit) where add_attribute.unit is not null;
  if add_attribute.name in ('Shot', 'Date', 'Duration', 'Program', 'Status') then
    raise exception using errcode = 'GG008', message = format('%L is what every shot has; it cannot be an attribute', add_attribute.name);
  end if;
  insert into attribute (name, kind, unit, description, rule)
       values (identifier('attribute', add_attribute.name), add_attribute.kind, add_attribute.unit,
               add_attribute.description, add_attribute.rule)
  on conflict on constraint attribute_name_key do update
      set kind = excluded.kind, unit = excluded.unit, rule = excluded.rule, description = excluded.description,
          withdrawn_by_id = null
    where attribute.withdrawn_by_id is not null
  returning id into written;
  if written is null then
    perform refuse_existing('attribute', add_attribute.name);
  end if;
  return written;
end
$$;

-- State the value of an attribute of a shot. JSON null takes the value back. The same value again changes nothing.
create function gilgamesh.set_attribute(shot bigint, name text, value jsonb, reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit(set_attribute.reason);
  a attribute;
  old attribute_value;
  given text := case jsonb_typeof(set_attribute.value) when 'string' then 'text' else jsonb_typeof(set_attribute.value) end;
begin
  perform shot_time(set_attribute.shot);
  select * into a from attribute t where t.name = set_attribute.name;
  if a.id is null then
    raise exception using errcode = 'GG010', message = format('no attribute %L', set_attribute.name),
      hint = 'List them with: select name, kind, unit from gilgamesh.attribute';
  end if;
  if a.rule is not null then
    raise exception using errcode = 'GG008', message = format('%L is computed: %s; its value cannot be stated', a.name, a.rule),
      hint = 'Compute it again with: gilgamesh refresh';
  end if;
  if given not in (a.kind, 'null') then
    raise exception using errcode = 'GG008',
      message = format('%s is a %s, but attribute %L is a %s', set_attribute.value, given, a.name, a.kind);
  end if;
  select * into old from attribute_value v
   where v.attribute_id = a.id and v.shot = set_attribute.shot and upper_inf(v.recorded);
  if old.id is not null and not old.stale
     and coalesce(to_jsonb(old.number), to_jsonb(old.text), to_jsonb(old.boolean)) = set_attribute.value then
    return;
  end if;
  if lower(old.recorded) = e.recorded_at then
    delete from attribute_value v where v.id = old.id;
  else
    update attribute_value v set recorded = tstzrange(lower(v.recorded), e.recorded_at), closed_by_id = e.id where v.id = old.id;
  end if;
  if given <> 'null' then
    insert into attribute_value (attribute_id, shot, number, text, boolean, recorded, edit_id)
         values (a.id, set_attribute.shot,
                 case when a.kind = 'number' then (set_attribute.value #>> '{}')::float8 end,
                 case when a.kind = 'text' then set_attribute.value #>> '{}' end,
                 case when a.kind = 'boolean' then (set_attribute.value #>> '{}')::boolean end,
                 tstzrange(e.recorded_at, null), e.id);
  end if;
end
$$;

-- State the same value for many shots.
create function gilgamesh.set_attributes(shots bigint[], name text, value jsonb, reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  perform current_edit(set_attributes.reason);
  perform set_attribute(n, set_attributes.name, set_attributes.value) from unnest(set_attributes.shots) n;
end
$$;

-- Say to which program shots belong; null: to none. A program nobody named before is made known.
create function gilgamesh.set_program(shots bigint[], program text, reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  meant bigint;
begin
  perform current_edit(set_program.reason);
  perform shot_time(n) from unnest(set_program.shots) n;
  if nullif(btrim(set_program.program), '') is not null then
    insert into program (name) values (btrim(set_program.program)) on conflict do nothing;
    select p.id into meant from program p where p.name = btrim(set_program.program);
  end if;
  update shot s set program_id = meant where s.number = any(set_program.shots) and s.program_id is distinct from meant;
end
$$;

-- What is the partition of segment or pyramid called that holds this shot? Each holds 500 shots.
create function gilgamesh.partition_name(parent text, shot bigint) returns text
  language sql immutable strict parallel safe
return pg_catalog.format('%s_%s%s', parent, pg_catalog.repeat('0', 6 - pg_catalog.length((shot / 500 * 500)::text)), shot / 500 * 500);

-- Make room for the samples of this shot when it is the first of its partition.
create function gilgamesh.ensure_partition(shot bigint) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  first bigint := ensure_partition.shot / 500 * 500;
  parent text;
  child text;
begin
  foreach parent in array array['segment', 'pyramid'] loop
    child := partition_name(parent, first);
    if to_regclass(format('gilgamesh.%I', child)) is null then
      -- Two loaders may meet the same new range of shots.
      -- (Looked up as a row: the cache behind to_regclass does not hear of what happened while we waited.)
      perform pg_advisory_xact_lock(hashtextextended('gilgamesh.partition', 0));
      if not exists (select from pg_class where relname = child and relnamespace = 'gilgamesh'::regnamespace) then
        execute format('create table gilgamesh.%I partition of gilgamesh.%I for values from (%s) to (%s)',
                       child, parent, first, first + 500);
      end if;
    end if;
  end loop;
end
$$;
