-- The testbed as a tree, at any instant or shot.

-- Which components were there at this instant, under what, with which properties?
create function gilgamesh.components_at(instant timestamptz)
  returns table (component text, class text, parent text, path text, depth integer, serial text, description text,
                 properties jsonb, units jsonb, component_id bigint)
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
begin atomic
  with recursive placed as (
    select p.component_id, p.parent_id
      from gilgamesh.placement p
     where p.valid @> instant and (p.recorded @> (select gilgamesh.known_at()))
  ), tree as (
    select p.component_id, p.parent_id, c.name as path, 0 as depth
      from placed p join gilgamesh.component c on c.id = p.component_id
     where p.parent_id is null
    union all
    select p.component_id, p.parent_id, tree.path || ' > ' || c.name, tree.depth + 1
      from tree join placed p on p.parent_id = tree.component_id join gilgamesh.component c on c.id = p.component_id
  ), described as (
    select y.component_id, jsonb_object_agg(y.name, y.value) as properties,
           jsonb_object_agg(y.name, y.unit) filter (where y.unit is not null) as units
      from gilgamesh.property y
     where y.valid @> instant and (y.recorded @> (select gilgamesh.known_at()))
     group by y.component_id
  )
  select c.name, c.class, whole.name, tree.path, tree.depth, c.serial, c.description,
         coalesce(d.properties, '{}'), coalesce(d.units, '{}'), c.id
    from tree
    join gilgamesh.component c on c.id = tree.component_id
    left join gilgamesh.component whole on whole.id = tree.parent_id
    left join described d on d.component_id = tree.component_id
   order by tree.path;
end;

comment on function gilgamesh.components_at(timestamptz) is 'The component tree at an instant, with properties, as known at gilgamesh.known_at.';

-- The same at the trigger of a shot.
create function gilgamesh.components_at(shot bigint)
  returns table (component text, class text, parent text, path text, depth integer, serial text, description text,
                 properties jsonb, units jsonb, component_id bigint)
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
begin atomic
  select * from gilgamesh.components_at(gilgamesh.shot_time(shot));
end;

comment on function gilgamesh.components_at(bigint) is 'The component tree at the trigger of a shot, with properties, as known at gilgamesh.known_at.';

-- The same at a time written as text, so that a plain literal works.
create function gilgamesh.components_at(moment text)
  returns table (component text, class text, parent text, path text, depth integer, serial text, description text,
                 properties jsonb, units jsonb, component_id bigint)
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
begin atomic
  select * from gilgamesh.components_at(moment::timestamptz);
end;

comment on function gilgamesh.components_at(text) is 'The component tree at a time such as ''2026-02-02'', with properties, as known at gilgamesh.known_at.';
